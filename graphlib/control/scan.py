"""Loops over steps: ``scan`` and what is made of it, ``map``, ``reduce``, ``foldl``, ``foldr``; and
``until``.

``scan`` calls the user's function once, on variables that stand for one step's values, and makes a node of
the graph that comes back (``graphlib.ops.scan``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError, MissingInputError, ShapeError
from ..graph import Constant, Shared, Variable, clone, graph_inputs, toposort
from ..graph.variable import newest
from ..ops.elementwise import cast, maximum, minimum
from ..ops.fitting import fitting
from ..ops.index import basic_index
from ..ops.loop_results import FirstRows, one_of_its_shapes, settled
from ..ops.op import as_variable
from ..ops.scan import Scan, State, carried_updates, may_fail, row_lengths
from ..ops.shape import as_length, dimshuffle, shape_i
from ..ops.shape_rules import constant_int
from ..rewrite import stabilized
from .checkpoints import Made, at_once, in_blocks
from .ifelse import Branch


class until:
    """Returned by a step, besides its outputs: the loop ends after the step in which ``condition`` is
    true."""

    def __init__(self, condition: Any) -> None:
        self.condition = cast(as_variable(condition), "bool")
        if self.condition.ndim:
            raise ShapeError(f"until needs a scalar condition, not {self.condition.describe()}")


@dataclass
class _Output:
    """What is known of one output of the step: its taps and initial values, or neither."""

    taps: tuple[int, ...] = ()
    initial: Variable | None = None
    inner: list[Variable] = field(default_factory=list)


def scan(
    fn: Callable,
    sequences: Any = None,
    outputs_info: Any = None,
    non_sequences: Any = None,
    n_steps: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
    profile: Any = False,
    allow_gc: Any = None,
    strict: bool = False,
    return_list: bool = False,
    checkpoint_every: Any = None,
) -> tuple[Any, dict[Shared, Variable]]:
    """Apply ``fn`` step after step; returns (outputs, updates).

    fn is called once with variables: for each sequence its row (for each of its taps), for each output with
    an initial value its last value (for each of its taps), then the non-sequences. It returns the step's
    outputs (one, a list, or none), and perhaps updates of shared variables (a dict or pairs) and
    ``until(condition)``.

    sequences: variables, or ``dict(input=x, taps=[0, 1])``: step t gets x[t], x[t + 1].
    outputs_info: for each output None, or its value before the first step, or ``dict(initial=x, taps=[-2,
    -1])``, where x has as many rows as the farthest tap goes back. n_steps: a number or an integer
    variable, not negative; by default as many as the shortest sequence allows. truncate_gradient: how many
    steps the gradient goes back; -1 for all.  go_backwards: the sequences' last rows first.
    non_sequences: computed before the loop, with shared variables as they are then. strict: fn uses no
    shared variables but those that are given; else it closes over whatever variables it likes.
    checkpoint_every: k, a number or an integer variable, at least 1: the gradient keeps the states after
    every k steps and makes those between again, in memory for n / k + k steps. 1: it keeps all states, and
    nothing else of a step, nor is anything computed for several steps at once. mode, profile, allow_gc are
    accepted for Theano's sake: the loop is always compiled with the function that uses it.

    Outputs have the steps as their first axis; one alone is returned bare. ``updates`` must be passed to
    ``function`` for shared variables that fn updates; draws of random streams go on by themselves.

    Errors: InputError, ShapeError, DTypeError, naming the variable and the user's line.
    """
    what = f"scan {name}" if name else "scan"
    rows, outer_rows, n = _sequences(_listed(sequences), n_steps, go_backwards, what)
    infos = [_info(item, what) for item in _listed(outputs_info)]
    closed = [as_variable(v) for v in _listed(non_sequences)]
    mark = newest()
    outputs, updates, stop = _taken_apart(_called(fn, rows, infos, closed, what), what)
    if not infos:
        infos = [_Output() for _ in outputs]
    if len(infos) != len(outputs):
        raise InputError(
            f"{what}: fn returns {len(outputs)} outputs, outputs_info has {len(infos)}: one "
            f"entry for each, None where no step reads the value again"
        )
    outputs = [
        _same_as_initial(v, info, k, what) for k, (v, info) in enumerate(zip(outputs, infos, strict=True))
    ]
    carried = _random_updates(
        [*outputs, *updates.values(), *([stop] if stop is not None else [])], updates, closed
    )
    if strict:
        _check_given(
            [*outputs, *updates.values(), *([stop] if stop is not None else [])], closed, carried, what
        )
    updated = {**updates, **carried}
    builder = _Builder(
        n, rows, outer_rows, infos, outputs, closed, updated, stop, truncate_gradient, name, mark
    )
    results, found = builder.build(_block_size(checkpoint_every, stop, truncate_gradient, what))
    if return_list:
        return results, found
    return (results[0] if len(results) == 1 else results or None), found


def _block_size(every: Any, stop: Variable | None, truncate_gradient: int, what: str) -> Variable | None:
    """The steps of a block, as a variable; None where the loop is not cut into blocks."""
    if every is None:
        return None
    if stop is not None or truncate_gradient >= 0:
        other = "until(condition)" if stop is not None else "truncate_gradient"
        raise InputError(f"{what}: checkpoint_every does not go together with {other}")
    size = as_length(every, f"{what}: checkpoint_every")
    known = constant_int(size)
    if known is None:
        return maximum(size, 1)
    if known < 1:
        raise InputError(f"{what}: checkpoint_every must be at least 1, not {known}")
    return Constant(known, dtype="int64")


def _called(
    fn: Callable, rows: list[Variable], infos: list[_Output], closed: list[Variable], what: str
) -> Any:
    """What fn returns; InputError where its parameters are not what a step is given."""
    last = [v for info in infos for v in info.inner]
    try:
        inspect.signature(fn).bind(*rows, *last, *closed)
    except TypeError as error:
        raise InputError(
            f"{what}: fn is given {len(rows)} rows of sequences, {len(last)} last values of outputs and "
            f"{len(closed)} non_sequences, in this order, and does not take them: {error}"
        ) from None
    except ValueError:
        # A function written in C may not tell its parameters.
        pass
    return fn(*rows, *last, *closed)


def _listed(value: Any) -> list:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _sequences(
    items: list, n_steps: Any, go_backwards: bool, what: str
) -> tuple[list[Variable], list[Variable], Variable]:
    """A variable for the row that a step gets of each sequence and tap, the outer sequences of them, and
    n."""
    outer: list[Variable] = []
    rows: list[Variable] = []
    for item in items:
        item = item if isinstance(item, dict) else {"input": item}
        if item.get("input") is None:
            raise InputError(
                f"{what}: a sequence is a variable or dict(input=variable, taps=[...]), not {item!r}"
            )
        _check_keys(item, {"input", "taps"}, f"{what}: sequences")
        x = as_variable(item["input"])
        if x.ndim == 0:
            raise ShapeError(f"{what}: a sequence needs an axis to go along, {x.describe()} is a scalar")
        taps = [int(t) for t in _listed(item.get("taps", 0))]
        low, high = min([0, *taps]), max([0, *taps])
        for tap in taps:
            start, stop = tap - low, tap - high
            part = basic_index(x, [slice(start or None, stop or None)]) if (start or stop) else x
            part = basic_index(part, [slice(None, None, -1)]) if go_backwards else part
            outer.append(part)
            label = f"{x.name}[t{tap:+d}]" if tap else f"{x.name}[t]"
            rows.append(part.type.row()(label if x.name else None))
    if n_steps is None and not outer:
        raise InputError(f"{what}: without sequences n_steps must be given")
    known = [v.type.shape[0] for v in outer if v.type.shape[0] is not None]
    unknown = [shape_i(v, 0) for v in outer if v.type.shape[0] is None]
    if n_steps is not None:
        limit = as_length(n_steps, f"{what}: n_steps")
        count = constant_int(limit)
        if count is None:
            unknown.insert(0, limit)
        elif count < 0:
            raise InputError(f"{what}: n_steps is {count}; to go backwards pass go_backwards=True")
        else:
            known.append(count)
    counts = [*unknown, *([Constant(min(known), dtype="int64")] if known else [])]
    n = counts[0]
    for other in counts[1:]:
        n = minimum(n, other)
    if n_steps is not None:
        count = constant_int(n)
        outer = [
            v if count is not None and v.type.shape[0] == count else FirstRows().make(v, n) for v in outer
        ]
    return rows, outer, n


def _check_keys(item: dict, known: set[str], where: str) -> None:
    unknown = sorted(set(item) - known)
    if unknown:
        raise InputError(f"{where} has no {', '.join(unknown)}; there are {' and '.join(sorted(known))}")


def _info(item: Any, what: str) -> _Output:
    """One entry of outputs_info."""
    item = item if isinstance(item, dict) else {"initial": item}
    _check_keys(item, {"initial", "taps"}, f"{what}: outputs_info")
    if item.get("initial") is None:
        if item.get("taps"):
            raise InputError(f"{what}: an output with taps needs an initial value")
        return _Output()
    initial = as_variable(item["initial"])
    taps = tuple(int(t) for t in _listed(item.get("taps", -1)))
    if not taps or max(taps) >= 0:
        raise InputError(f"{what}: the taps of an output are negative numbers, not {list(taps)}")
    if taps == (-1,):
        rows = dimshuffle(initial, "x", *range(initial.ndim))
    else:
        depth = -min(taps)
        if initial.ndim == 0 or (initial.type.shape[0] is not None and initial.type.shape[0] < depth):
            raise ShapeError(
                f"{what}: taps {list(taps)} need {depth} initial values, got {initial.describe()}"
            )
        rows = basic_index(initial, [slice(None, depth)])
    label = initial.name
    inner = [rows.type.row()(f"{label}[t{tap}]" if label else None) for tap in taps]
    return _Output(taps, rows, inner)


def _is_update(pair: Any) -> bool:
    return isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], Shared)


def _taken_apart(returned: Any, what: str) -> tuple[list[Variable], dict[Shared, Any], Variable | None]:
    """Outputs, updates and condition of what a step returned."""
    stop: Variable | None = None
    updates: dict[Shared, Any] = {}
    outputs: list = []

    def is_updates(part: Any) -> bool:
        pairs = isinstance(part, (list, tuple)) and bool(part) and all(_is_update(p) for p in part)
        return isinstance(part, Mapping) or pairs

    parts = [returned]
    if (
        isinstance(returned, (tuple, list))
        and not is_updates(returned)
        and any(
            isinstance(p, (until, Mapping)) or is_updates(p) or isinstance(p, (list, tuple)) for p in returned
        )
    ):
        parts = list(returned)
    for part in parts:
        if part is None:
            continue
        if isinstance(part, until):
            stop = part.condition
        elif is_updates(part):
            updates.update(part)
        else:
            outputs.extend(_listed(part))
    for v in outputs:
        if isinstance(v, until):
            raise InputError(f"{what}: until(...) comes last: return outputs, updates, until(condition)")
    for target in updates:
        if not isinstance(target, Shared):
            raise InputError(f"{what}: only shared variables can be updated in a step, not {target!r}")
    return [as_variable(v) for v in outputs], updates, stop


def _same_as_initial(v: Variable, info: _Output, k: int, what: str) -> Variable:
    if not info.inner:
        return one_of_its_shapes(v)
    last = info.inner[0]
    v = fitting(
        v,
        last,
        f"{what}: output {k}, whose last value is",
        f"or begin with a value of dtype {v.dtype}",
    )
    return settled(v, last)


def _random_updates(
    variables: Iterable[Variable], updates: Mapping, closed: Iterable[Variable]
) -> dict[Shared, Variable]:
    """Default updates of the shared variables that a step reads: states of its random draws.

    As in Theano, a draw that the step closes over is made at each step, like one that it makes itself;
    what is passed to it (``closed``) is computed once.
    """
    stop_at = {v for v in closed if not isinstance(v, Shared)}
    found: dict[Shared, Variable] = {}
    pending = list(variables)
    while pending:
        inside = carried_updates(pending, stop_at)
        new = {
            v: inside.get(v, v.default_update)
            for v in graph_inputs(pending, stop_at)
            if isinstance(v, Shared) and v.default_update is not None
        }
        new = {v: u for v, u in new.items() if v not in found and v not in updates}
        found.update(new)
        pending = list(new.values())
    return found


class _Builder:
    """Makes the node of a loop from the traced step."""

    def __init__(
        self,
        n: Variable,
        rows: list[Variable],
        outer_rows: list[Variable],
        infos: list[_Output],
        outputs: list[Variable],
        closed: list[Variable],
        updates: dict[Shared, Any],
        stop: Variable | None,
        truncate: int,
        name: str | None,
        mark: int,
    ) -> None:
        self.n, self.rows, self.outer_rows = n, rows, outer_rows
        self.infos, self.outputs, self.stop, self.truncate = infos, outputs, stop, truncate
        self.name, self.mark = name, mark
        #: what the step is given from outside has the value from before the loop, whatever the step updates
        self.fixed = {v: v for v in closed if not isinstance(v, Shared)}
        self.updated = {s: (_inside(s), fitting(u, s, "scan: the update of")) for s, u in updates.items()}

    def build(self, block: Variable | None) -> tuple[list[Variable], dict[Shared, Variable]]:
        """The outputs, and the updates; ``block``: the steps between the states that the gradient keeps."""
        recurrent = [k for k, info in enumerate(self.infos) if info.inner]
        mapped = [k for k, info in enumerate(self.infos) if not info.inner]
        new = [self.outputs[k] for k in recurrent] + [u for _, u in self.updated.values()]
        ends = [*new, *(self.outputs[k] for k in mapped), *([self.stop] if self.stop is not None else [])]
        ends = clone(ends, {**self.fixed, **{s: inner for s, (inner, _) in self.updated.items()}})
        taps = [v for k in recurrent for v in self.infos[k].inner] + [v for v, _ in self.updated.values()]
        invariants, ends = _lifted(ends, [*self.rows, *taps])
        invariants = _only_for_steps(invariants, self.n, self.mark)
        # what is stable outside of a loop is stable in its step
        ends = stabilized(ends)
        states = [State(self.infos[k].taps) for k in recurrent] + [State((-1,)) for _ in self.updated]
        initial = [self.infos[k].initial for k in recurrent]
        initial += [dimshuffle(s, "x", *range(s.ndim)) for s in self.updated]
        outer = dict(zip(self.rows, self.outer_rows, strict=True))
        for k in recurrent:
            outer.update(dict.fromkeys(self.infos[k].inner, self.infos[k].initial))
        outer.update(zip((v for v, _ in self.updated.values()), initial[len(recurrent) :], strict=True))
        per_step = set(outer)
        outer.update(invariants)
        first = len(states)
        rows = ends[first : first + len(mapped)]
        steps, every = constant_int(self.n), constant_int(block) if block is not None else None
        op = Scan(
            [*self.rows, *taps, *invariants],
            ends,
            len(self.rows),
            states,
            len(mapped),
            self.stop is not None,
            self.truncate,
            carries=[k for k, s in enumerate(self.updated, len(recurrent)) if s.default_update is not None],
            name=self.name,
            # with every state kept there are no steps between: each step itself is made again, by itself
            lazy=every == 1,
            checkpointed=every == 1,
        )
        node = op.make_node(
            self.n, *self.outer_rows, *initial, *row_lengths(rows, outer, per_step), *invariants.values()
        )
        parts = op.parts(node)
        cut = block is not None and every != 1 and not (steps is not None and steps <= (every or 0))
        return self.named(in_blocks(op, parts, block) if cut else at_once(op, node), recurrent, mapped)

    def named(
        self, found: Made, recurrent: list[int], mapped: list[int]
    ) -> tuple[list[Variable], dict[Shared, Variable]]:
        results: list[Any] = [None] * len(self.infos)
        for values, k in zip(found.values, recurrent, strict=False):
            results[k] = values
        for y, k in zip(found.mapped, mapped, strict=True):
            results[k] = y
        last = found.last[len(recurrent) :]
        updates = dict(zip(self.updated, last, strict=True))
        return results, updates


def _inside(v: Variable) -> Variable:
    """What stands for ``v`` within a step."""
    return Variable(v.type, name=v.name, origin=v.origin)


def _lifted(
    ends: list[Variable], per_step: list[Variable]
) -> tuple[dict[Variable, Variable], list[Variable]]:
    """What the step needs from outside, inner variable -> outer one, and the step's graph on those.

    Outside is whatever does not depend on this step's values.
    """
    depends = set(per_step)
    order = toposort(ends)
    for node in order:
        if any(v in depends for v in node.inputs):
            depends.update(node.outputs)
    outside: dict[Variable, Variable] = {}
    for v in [*(v for node in order if node.outputs[0] in depends for v in node.inputs), *ends]:
        if v not in depends and v not in outside and not isinstance(v, Constant):
            outside[v] = _inside(v)
    return {inner: v for v, inner in outside.items()}, clone(ends, outside)


def _check_given(
    results: Sequence[Variable], closed: Sequence[Variable], states: Collection[Variable], what: str
) -> None:
    """Errors: MissingInputError where a step uses shared variables that are not handed over; the states of
    random streams need not be."""
    missing = [
        v for v in graph_inputs(results, closed) if isinstance(v, Shared) and v not in {*closed, *states}
    ]
    if missing:
        names = ", ".join(v.describe() for v in missing)
        raise MissingInputError(f"{what} is strict, and fn uses {names}: add this to non_sequences")


def _only_for_steps(invariants: dict[Variable, Variable], n: Variable, mark: int) -> dict[Variable, Variable]:
    """``invariants``, inner variable -> outer one, with those that a step has computed, nodes later than
    ``mark``, and that may fail, computed only if there is a step."""
    if (constant_int(n) or 0) > 0:
        return invariants
    known = {v for node in toposort(invariants.values()) for v in node.outputs if node.serial < mark}
    risky = {
        inner: v
        for inner, v in invariants.items()
        if any(may_fail(node) for node in toposort([v], stop_at=known))
    }
    if not risky:
        return invariants
    branch = Branch(list(risky.values()), minimum(n, 1), None, known)
    return {**invariants, **dict(zip(risky, branch.values(), strict=True))}


def map(
    fn: Callable,
    sequences: Any,
    non_sequences: Any = None,
    truncate_gradient: int = -1,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, dict[Shared, Variable]]:
    """``fn`` of each row of the sequences; returns (outputs, updates) as ``scan`` does."""
    return scan(fn, sequences, None, non_sequences, None, truncate_gradient, go_backwards, mode, name)


def reduce(
    fn: Callable,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    go_backwards: bool = False,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, dict[Shared, Variable]]:
    """The last value of a scan: ``reduce(lambda x, total: x + total, xs, 0.0)``; returns (outputs,
    updates)."""
    outputs, updates = scan(
        fn, sequences, outputs_info, non_sequences, None, -1, go_backwards, mode, name, return_list=True
    )
    last = [basic_index(v, [-1]) for v in outputs]
    return (last[0] if len(last) == 1 else last), updates


def foldl(
    fn: Callable,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, dict[Shared, Variable]]:
    """``reduce`` from the first row to the last."""
    return reduce(fn, sequences, outputs_info, non_sequences, False, mode, name)


def foldr(
    fn: Callable,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any = None,
    mode: Any = None,
    name: str | None = None,
) -> tuple[Any, dict[Shared, Variable]]:
    """``reduce`` from the last row to the first."""
    return reduce(fn, sequences, outputs_info, non_sequences, True, mode, name)
