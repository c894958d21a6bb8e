"""The loop: an inner graph applied step after step, with states that go from each step to the next.

What the user's ``scan`` makes of a function (see ``control.scan``), and what its gradient is
(``gradient.scan``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, Constant, TensorType, Variable, clone, toposort
from ..records import record
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Loop, Operand
from .elementwise import Elementwise, maximum
from .index import AdvancedIndex, BasicIndex
from .lengths import Lengths
from .loop_results import TOO_SHORT, LastValue, checked_steps, count_of_steps
from .op import GRADIENT_RULES, Op, by_reference
from .shape import shape_i
from .shape_rules import Length, Shapes, constant_int
from .write import AdvancedWrite, BasicWrite


@record
class State:
    """A value that goes from step to step: ``taps`` (-1 the last value, -2 the one before, …) are what a
    step reads.

    ``kept``: all its values are an output, not only the last one.
    """

    taps: tuple[int, ...]
    kept: bool = True

    @property
    def depth(self) -> int:
        """How many values before the first step there must be."""
        return max((-tap for tap in self.taps), default=1)


@record
class Parts:
    """The inputs of a loop's node by their role."""

    n: Variable
    sequences: tuple[Variable, ...]
    initial: tuple[Variable, ...]
    lengths: tuple[Variable, ...]
    invariants: tuple[Variable, ...]


@record
class Results:
    """The outputs of a loop's node by their role; a state that is not kept has no history."""

    histories: tuple[Variable | None, ...]
    mapped: tuple[Variable, ...]
    last: tuple[Variable, ...]
    done: Variable | None


class Scan(Op):
    """A loop over ``inputs`` -> ``outputs``, the inner graph, which has no other leaves but constants.

    Inner inputs: a row of each sequence, the taps of each state, the invariants. Inner outputs: each
    state's new value, the rows of the mapped outputs, and with ``until`` whether to stop after this step
    (bool). Of the node, inputs: the number of steps n (int64), the sequences (at least n rows each), each
    state's initial values (depth, *row), the unknown lengths of the mapped outputs' rows, the invariants.
    Outputs: each kept state's history (depth + steps, *row), which begins with the initial values; the
    mapped outputs (steps, *row); each state's last value; with ``until`` how many steps were made: so many
    are the steps then, and n otherwise.

    truncate: how many steps the gradient goes back; -1 is all.  extends: a loop that this one is, with more
    mapped outputs.  carries: the states that are shared variables with a default update, which becomes the
    last value.  name: what the user calls it.  lazy: nothing may be computed outside for the loop's sake, as
    it may well make no step.  checkpointed: its gradient makes its steps again, and keeps nothing of them.
    """

    takes_complex = "whole"
    costly = True

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        sequences: int,
        states: Sequence[State],
        mapped: int,
        until: bool = False,
        truncate: int = -1,
        extends: Scan | None = None,
        carries: Iterable[int] = (),
        name: str | None = None,
        lazy: bool = False,
        checkpointed: bool = False,
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.sequences = sequences
        self.states = tuple(states)
        self.mapped = mapped
        self.until = until
        self.truncate = truncate
        self.extends = extends
        self.carries = tuple(carries)
        self.name = name
        self.lazy = lazy
        self.checkpointed = checkpointed
        self._order: list[Apply] | None = None

    def parameters(self) -> tuple:
        return (
            self.inputs,
            self.outputs,
            self.sequences,
            self.states,
            self.mapped,
            self.until,
            self.truncate,
        )

    def __repr__(self) -> str:
        return f"scan {self.name}" if self.name else "scan"

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_order": None}

    # roles of the inner graph's variables

    @property
    def rows(self) -> tuple[Variable, ...]:
        """The inner inputs that are rows of sequences."""
        return self.inputs[: self.sequences]

    @property
    def taps(self) -> list[tuple[Variable, ...]]:
        """The inner inputs that are values of states, state by state in the order of its taps."""
        result, at = [], self.sequences
        for state in self.states:
            result.append(self.inputs[at : at + len(state.taps)])
            at += len(state.taps)
        return result

    @property
    def invariants(self) -> tuple[Variable, ...]:
        """The inner inputs that are the same at each step."""
        return self.inputs[self.sequences + sum(len(s.taps) for s in self.states) :]

    @property
    def new(self) -> tuple[Variable, ...]:
        """The inner outputs that are the states' new values."""
        return self.outputs[: len(self.states)]

    @property
    def mapped_rows(self) -> tuple[Variable, ...]:
        """The inner outputs that are rows of mapped outputs."""
        return self.outputs[len(self.states) : len(self.states) + self.mapped]

    @property
    def condition(self) -> Variable | None:
        return self.outputs[-1] if self.until else None

    def unknown_lengths(self) -> list[tuple[int, int]]:
        """(mapped output, axis of its row) of each length that is an input of the node."""
        return [
            (k, axis)
            for k, row in enumerate(self.mapped_rows)
            for axis, n in enumerate(row.type.shape)
            if n is None
        ]

    # roles of the node's variables

    def parts(self, node: Apply) -> Parts:
        return self.parts_of(node.inputs)

    def parts_of(self, inputs: Sequence[Variable]) -> Parts:
        n, *rest = inputs
        cuts = [0]
        for count in (self.sequences, len(self.states), len(self.unknown_lengths())):
            cuts.append(cuts[-1] + count)
        groups = [tuple(rest[a:b]) for a, b in zip(cuts, [*cuts[1:], len(rest)], strict=True)]
        return Parts(n, *groups)

    @property
    def root(self) -> Scan:
        """The loop that this one extends in the end, or itself."""
        return self if self.extends is None else self.extends.root

    def way(self, node: Apply) -> tuple:
        """What decides the values that a loop goes through: the same for one and that which extends it."""
        parts = self.parts(node)
        return id(self.root), parts.n, parts.sequences, parts.initial, parts.invariants

    def results(self, node: Apply) -> Results:
        outputs = iter(node.outputs)
        histories = tuple(next(outputs) if state.kept else None for state in self.states)
        mapped = tuple(next(outputs) for _ in range(self.mapped))
        last = tuple(next(outputs) for _ in self.states)
        return Results(histories, mapped, last, next(outputs, None))

    # the operation

    def shape_rule(self, of: Shapes, *inputs: Variable) -> Any:
        parts = self.parts_of(inputs)
        n = of.own_scalar(-1) if self.until else of.scalar(parts.n)
        unknown = iter(parts.lengths)
        shapes: list[list[Length]] = []
        for state, initial in zip(self.states, parts.initial, strict=True):
            if state.kept:
                shapes.append([of.total([n, state.depth]), *of.shape(initial)[1:]])
        for row in self.mapped_rows:
            shapes.append([n, *(of.scalar(next(unknown)) if m is None else m for m in row.type.shape)])
        shapes += [list(of.shape(initial)[1:]) for initial in parts.initial]
        shapes += [[]] if self.until else []
        return shapes if len(shapes) > 1 else shapes[0]

    def infer(self, *inputs: Variable) -> list[TensorType]:
        n = None if self.until else constant_int(inputs[0])
        first = 1 + self.sequences
        for v, row in zip(inputs[1:first], self.rows, strict=True):
            _check_rows(v, row, "a sequence")
        result, last = [], []
        for initial, new, taps, state in zip(
            inputs[first : first + len(self.states)], self.new, self.taps, self.states, strict=True
        ):
            row = taps[0].type if taps else new.type
            _check_rows(initial, taps[0] if taps else new, "the initial value of a state")
            if state.kept:
                result.append(TensorType(row.dtype, [None if n is None else n + state.depth, *row.shape]))
            last.append(TensorType(row.dtype, row.shape))
        result += [TensorType(row.dtype, [n, *row.type.shape]) for row in self.mapped_rows]
        return [*result, *last, *([TensorType("int64")] if self.until else [])]

    def multiply_adds(self, node: Apply) -> int:
        parts = self.parts(node)
        lengths = [constant_int(parts.n), *(v.type.shape[0] for v in parts.sequences)]
        steps = min((n for n in lengths if n is not None), default=1)
        return steps * sum(n.op.multiply_adds(n) for n in toposort(self.outputs))

    def reference(self, node: Apply, n: np.ndarray, *arrays: np.ndarray) -> Any:
        n = checked_steps(node.inputs[0], n)
        count = self.sequences + len(self.states)
        sequences, initial = arrays[: self.sequences], arrays[self.sequences : count]
        unknown = self.unknown_lengths()
        lengths = dict(zip(unknown, arrays[count : count + len(unknown)], strict=True))
        invariants = arrays[count + len(unknown) :]
        self._check_lengths(node, n, sequences, initial)
        shapes = [
            tuple(int(lengths[k, axis]) if m is None else m for axis, m in enumerate(row.type.shape))
            for k, row in enumerate(self.mapped_rows)
        ]
        if not self.until:
            # fails at once where no memory has room for all the steps
            for k, state in enumerate(self.states):
                np.empty((n + state.depth if state.kept else 1, *initial[k].shape[1:]), initial[k].dtype)
            for row, shape in zip(self.mapped_rows, shapes, strict=True):
                np.empty((n, *shape), row.dtype)
        values = [list(rows) for rows in initial]
        mapped: list[list] = [[] for _ in range(self.mapped)]
        done = 0
        while done < n:
            taps = [
                values[k][done + state.depth + tap]
                for k, state in enumerate(self.states)
                for tap in state.taps
            ]
            results = self._step([*(s[done] for s in sequences), *taps, *invariants])
            for k, value in enumerate(results[: len(self.states)]):
                row = initial[k].shape[1:]
                if value.shape != row:
                    raise ShapeError(
                        f"a state of the loop has shape {row}, its next value "
                        f"{self.new[k].describe()} {value.shape}"
                    )
                values[k].append(value)
            for rows, value in zip(mapped, results[len(self.states) :], strict=False):
                rows.append(value)
            done += 1
            if self.until and bool(results[-1]):
                break
        outputs = []
        for k, (state, rows) in enumerate(zip(self.states, values, strict=True)):
            if state.kept:
                outputs.append(_stacked(rows, done + state.depth, initial[k].shape[1:], self.new[k].dtype))
        for row, rows, shape in zip(self.mapped_rows, mapped, shapes, strict=True):
            outputs.append(_stacked(rows, done, shape, row.dtype))
        outputs += [np.asarray(rows[-1]) for rows in values]
        return tuple([*outputs, np.asarray(done, "int64")] if self.until else outputs)

    def _check_lengths(
        self, node: Apply, n: int, sequences: Sequence[np.ndarray], initial: Sequence[np.ndarray]
    ) -> None:
        for v, a in zip(self.parts(node).sequences, sequences, strict=True):
            if len(a) < n:
                raise ShapeError(f"the loop makes {n} steps and {v.describe()} has only {len(a)} rows")
        for v, a, state in zip(self.parts(node).initial, initial, self.states, strict=True):
            if len(a) != state.depth:
                raise ShapeError(
                    f"a state of the loop needs {state.depth} initial values, {v.describe()} has {len(a)}"
                )

    def _step(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The inner graph by numpy."""
        if self._order is None:
            self._order = toposort(self.outputs)
        values: dict[Variable, Any] = dict(zip(self.inputs, arrays, strict=True))
        for node in self._order:
            given = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
            values.update(zip(node.outputs, by_reference(node, given), strict=True))
        return [np.asarray(v.data if isinstance(v, Constant) else values[v]) for v in self.outputs]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Loop:
        n = count_of_steps(operands[0], require)
        first = 1 + self.sequences
        sequences, initial = operands[1:first], operands[first : first + len(self.states)]
        for o in sequences:
            if o.shape[0] != n:
                require(n, ex.minimum(n, o.shape[0]), TOO_SHORT, (o.variable,))
        for o, state in zip(initial, self.states, strict=True):
            if o.shape[0] != state.depth:
                require(
                    Poly.of(state.depth),
                    o.shape[0],
                    "a state of the loop needs {a} initial values, {0} has {b}",
                    (o.variable,),
                )
        unknown = self.unknown_lengths()
        lengths = dict(
            zip(unknown, (ex.poly(o.scalar) for o in operands[first + len(self.states) :]), strict=False)
        )
        steps = ex.poly(ex.access(node.outputs[-1], "int64", ())) if self.until else n
        shapes = [
            (steps + state.depth, *o.shape[1:])
            for state, o in zip(self.states, initial, strict=True)
            if state.kept
        ]
        for k, row in enumerate(self.mapped_rows):
            shapes.append(
                (steps, *(lengths[k, a] if m is None else Poly.of(m) for a, m in enumerate(row.type.shape)))
            )
        shapes += [o.shape[1:] for o in initial]
        shapes += [()] if self.until else []
        return Loop(n, tuple(shapes))

    # differentiation

    def gradient(self, node: Apply, grads: list[Variable], cuts: Sequence[Any] = ()) -> list[Variable | None]:
        """``cuts``: rows of outputs that count as constants, also for the other outputs of the same step."""
        return GRADIENT_RULES[Scan](self, node, grads, cuts)

    def make_node(self, *inputs: Variable) -> Apply:
        """The node of this loop on its outer inputs."""
        return Apply(self, inputs, self.infer(*inputs))


def _check_rows(v: Variable, row: Variable, what: str) -> None:
    shape = v.type.shape[1:]
    fits = len(shape) == row.ndim and all(
        None in (a, b) or a == b for a, b in zip(shape, row.type.shape, strict=True)
    )
    if not fits or v.dtype != row.dtype:
        raise ShapeError(f"{what} of the loop, {v.describe()}, does not have rows of {row.type}")


def _stacked(rows: list, n: int, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Rows as one array of n."""
    result = np.empty((n, *shape), dtype)
    for k, row in enumerate(rows):
        result[k] = row
    return result


def leaves_of(outputs: Iterable[Variable]) -> set[Variable]:
    outputs = list(outputs)
    found = {v for node in toposort(outputs) for v in node.inputs if v.owner is None}
    return found | {v for v in outputs if v.owner is None}


def may_fail(node: Apply) -> bool:
    """Whether a node may fail for the values that it meets: an index out of range, a division of integers by
    zero, a loop that has no last value, or any of it in a loop."""
    op = node.op
    if isinstance(op, Scan):
        return any(map(may_fail, toposort(op.outputs)))
    if isinstance(op, (BasicIndex, BasicWrite)):
        bounds = iter(node.inputs[1 if isinstance(op, BasicIndex) else 2 :])
        for entry, n in zip(op.entries, node.inputs[0].type.shape, strict=True):
            given = [
                next(bounds) for wanted in ((True,) if entry == "index" else (entry or ())[:2]) if wanted
            ]
            # constants were compared with a known length when the node was made
            if entry == "index" and (n is None or constant_int(given[0]) is None):
                return True
        return False
    if isinstance(op, Elementwise):
        return op.name in ("floor_div", "mod", "pow") and not node.outputs[0].type.is_float
    return isinstance(op, (AdvancedIndex, AdvancedWrite, LastValue))


def carried_updates(
    outputs: Iterable[Variable], stop_at: Collection[Variable] = ()
) -> dict[Variable, Variable]:
    """The new values of the shared variables that loops above ``outputs`` carry (states of random draws).

    Where several loops carry the same state, as one and its clone do, it is that of the loop which makes the
    most draws, so that no number comes again.
    """
    found: dict[Variable, Variable] = {}
    ways = set()
    for node in toposort(outputs, stop_at):
        if not isinstance(node.op, Scan) or node.op.way(node) in ways:
            continue
        ways.add(node.op.way(node))
        last = node.op.results(node).last
        for k in node.op.carries:
            state = _carried(node, k)
            found[state] = maximum(found[state], last[k]) if state in found else last[k]
    return found


def _carried(node: Apply, k: int) -> Variable:
    """The shared variable that a state of a loop begins with, or the loop before it that it goes on from."""
    state = node.op.parts(node).initial[k].owner.inputs[0]
    if state.owner is None or not isinstance(state.owner.op, Scan):
        return state
    return _carried(state.owner, state.owner.op.results(state.owner).last.index(state))


def row_lengths(
    rows: Sequence[Variable], outer: dict[Variable, Variable], per_step: set[Variable]
) -> list[Variable]:
    """The unknown lengths of inner rows from outer variables; ``per_step`` are the inner inputs whose outer
    variable has a leading axis of steps.

    Errors: ShapeError if a length depends on what the loop computes.
    """
    lengths = Lengths()
    unknown = [
        lengths.length(n) if not isinstance(n, Variable) else n
        for row in rows
        for axis, (m, n) in enumerate(zip(row.type.shape, lengths.shape(row), strict=True))
        if m is None
    ]
    memo: dict[Variable, Variable] = {v: x for v, x in outer.items() if v not in per_step}
    if leaves_of(clone(unknown, memo)) & per_step:
        # what a length is computed of may be the length of something computed of an inner input
        known = {
            node.outputs[0]: lengths.length(lengths.shape(node.inputs[0])[node.op.axis])
            for node in toposort(unknown, stop_at=memo)
            if type(node.op).__name__ == "ShapeI" and node.inputs[0] not in per_step
        }
        unknown = clone(unknown, {v: n for v, n in known.items() if n is not v})
    for node in toposort(unknown, stop_at=memo):
        (v,) = node.outputs[:1]
        if len(node.inputs) == 1 and node.inputs[0] in per_step and type(node.op).__name__ == "ShapeI":
            memo[v] = shape_i(outer[node.inputs[0]], node.op.axis + 1)
    result = clone(unknown, memo)
    foreign = leaves_of(result) & per_step
    if foreign:
        names = ", ".join(v.describe() for v in foreign)
        raise ShapeError(
            f"scan: the shape of an output, {', '.join(v.describe() for v in rows)}, depends on values "
            f"that the loop computes or goes through ({names}); all steps must give the same shape"
        )
    return result


def outer_of(op: Scan, node: Apply) -> tuple[dict[Variable, Variable], set[Variable]]:
    """The outer variables of a loop's inner inputs, and which of these have a leading axis of steps there."""
    parts = op.parts(node)
    outer = dict(zip(op.rows, parts.sequences, strict=True))
    for taps, initial in zip(op.taps, parts.initial, strict=True):
        outer.update(dict.fromkeys(taps, initial))
    per_step = set(outer)
    outer.update(zip(op.invariants, parts.invariants, strict=True))
    return outer, per_step


def extended(op: Scan, node: Apply, extra: Sequence[Variable]) -> Apply:
    """The same loop with more inner variables as mapped outputs."""
    parts = op.parts(node)
    lengths = row_lengths(list(extra), *outer_of(op, node))
    cut = len(op.states) + op.mapped
    more = Scan(
        op.inputs,
        [*op.outputs[:cut], *extra, *op.outputs[cut:]],
        op.sequences,
        op.states,
        op.mapped + len(extra),
        op.until,
        op.truncate,
        op,
        op.carries,
        op.name,
        op.lazy,
        op.checkpointed,
    )
    return more.make_node(
        parts.n, *parts.sequences, *parts.initial, *parts.lengths, *lengths, *parts.invariants
    )
