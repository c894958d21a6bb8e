"""The loop: an inner graph applied step after step, with states that go from each step to the next.

What the user's ``scan`` makes of a function (see ``graphlib.loops``) and what its gradient is, which is a
loop again: backwards over the rows that the forward loop kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, Constant, TensorType, Variable, clone, toposort
from ..scalar import expression as ex
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Loop, Operand, Pull
from .create import arange, zeros, zeros_like
from .elementwise import cast, eq, lt, maximum, minimum, neq, switch
from .index import BasicIndex, basic_index
from .join import concatenate
from .op import Op
from .shape import BroadcastTo, constant_int, dimshuffle, shape_i
from .write import BasicWrite


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Parts:
    """The inputs of a loop's node by their role."""

    n: Variable
    sequences: tuple[Variable, ...]
    initial: tuple[Variable, ...]
    lengths: tuple[Variable, ...]
    invariants: tuple[Variable, ...]


@dataclass(frozen=True)
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
    Outputs: each kept state's history (depth + n, *row), which begins with the initial values; the mapped
    outputs (n, *row); each state's last value; with ``until`` how many steps were made (rows beyond them
    are undefined).

    truncate: how many steps the gradient goes back; -1 is all.  extends: a loop that this one is, with more
    mapped outputs.  carries: the states that are shared variables with a default update, which becomes the
    last value.  name: what the user calls it.  lazy: nothing may be computed outside for the loop's sake, as
    it may well make no step.
    """

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
        n, *rest = node.inputs
        cuts = [0]
        for count in (self.sequences, len(self.states), len(self.unknown_lengths())):
            cuts.append(cuts[-1] + count)
        groups = [tuple(rest[a:b]) for a, b in zip(cuts, [*cuts[1:], len(rest)], strict=True)]
        return Parts(n, *groups)

    def way(self, node: Apply) -> tuple:
        """What decides the values that a loop goes through: the same for one and that which extends it."""
        root = self
        while root.extends is not None:
            root = root.extends
        parts = self.parts(node)
        return id(root), parts.n, parts.sequences, parts.initial, parts.invariants

    def results(self, node: Apply) -> Results:
        outputs = iter(node.outputs)
        histories = tuple(next(outputs) if state.kept else None for state in self.states)
        mapped = tuple(next(outputs) for _ in range(self.mapped))
        last = tuple(next(outputs) for _ in self.states)
        return Results(histories, mapped, last, next(outputs, None))

    def history_number(self, k: int) -> int | None:
        """The number of the node's output that is the history of state ``k``."""
        if not self.states[k].kept:
            return None
        return sum(state.kept for state in self.states[:k])

    @property
    def first_mapped(self) -> int:
        return sum(state.kept for state in self.states)

    @property
    def first_last(self) -> int:
        return self.first_mapped + self.mapped

    # the operation

    def infer(self, *inputs: Variable) -> list[TensorType]:
        n = constant_int(inputs[0])
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

    def reference(self, node: Apply, n: np.ndarray, *arrays: np.ndarray) -> Any:
        n = _steps(node.inputs[0], n)
        count = self.sequences + len(self.states)
        sequences, initial = arrays[: self.sequences], arrays[self.sequences : count]
        unknown = self.unknown_lengths()
        lengths = dict(zip(unknown, arrays[count : count + len(unknown)], strict=True))
        invariants = arrays[count + len(unknown) :]
        for v, a in zip(self.parts(node).sequences, sequences, strict=True):
            if len(a) < n:
                raise ShapeError(f"the loop makes {n} steps and {v.describe()} has only {len(a)} rows")
        for v, a, state in zip(self.parts(node).initial, initial, self.states, strict=True):
            if len(a) != state.depth:
                raise ShapeError(
                    f"a state of the loop needs {state.depth} initial values, {v.describe()} has {len(a)}"
                )
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
                outputs.append(_stacked(rows, n + state.depth, initial[k].shape[1:], self.new[k].dtype))
        for k, (row, rows) in enumerate(zip(self.mapped_rows, mapped, strict=True)):
            shape = [int(lengths[k, axis]) if m is None else m for axis, m in enumerate(row.type.shape)]
            outputs.append(_stacked(rows, n, shape, row.dtype))
        outputs += [np.asarray(rows[-1]) for rows in values]
        return tuple([*outputs, np.asarray(done, "int64")] if self.until else outputs)

    def _step(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The inner graph by numpy."""
        if self._order is None:
            self._order = toposort(self.outputs)
        values: dict[Variable, Any] = dict(zip(self.inputs, arrays, strict=True))
        for node in self._order:
            given = [v.data if isinstance(v, Constant) else values[v] for v in node.inputs]
            results = node.op.reference(node, *given)
            values.update(
                zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True)
            )
        return [np.asarray(v.data if isinstance(v, Constant) else values[v]) for v in self.outputs]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Loop:
        n = _count(operands[0], require)
        first = 1 + self.sequences
        sequences, initial = operands[1:first], operands[first : first + len(self.states)]
        for o in sequences:
            if o.shape[0] != n:
                require(n, ex.minimum(n, o.shape[0]), _TOO_SHORT, (o.variable,))
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
        shapes = [
            (n + state.depth, *o.shape[1:])
            for state, o in zip(self.states, initial, strict=True)
            if state.kept
        ]
        for k, row in enumerate(self.mapped_rows):
            shapes.append(
                (n, *(lengths[k, a] if m is None else Poly.of(m) for a, m in enumerate(row.type.shape)))
            )
        shapes += [o.shape[1:] for o in initial]
        shapes += [()] if self.until else []
        return Loop(n, tuple(shapes))

    # differentiation

    def gradient(self, node: Apply, grads: list[Variable], cuts: Sequence[Cut] = ()) -> list[Variable | None]:
        """``cuts``: rows of outputs that count as constants, also for the other outputs of the same step."""
        return _Backward(self, node, grads, cuts).results()

    def make_node(self, *inputs: Variable) -> Apply:
        """The node of this loop on its outer inputs."""
        return Apply(self, inputs, self.infer(*inputs))


class FirstRows(Op):
    """The first n rows of an array that must have so many; a slice would take fewer without a word."""

    view = True

    def infer(self, x: Variable, n: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, [constant_int(n), *x.type.shape[1:]])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        x, n = node.inputs
        entries = ((False, True, 1), *[None] * (x.ndim - 1))
        return [BasicWrite(entries, "set").make(zeros_like(x), grads[0], n), None]

    def reference(self, node: Apply, x: np.ndarray, n: np.ndarray) -> np.ndarray:
        n = _steps(node.inputs[1], n)
        if len(x) < n:
            raise ShapeError(
                f"the loop makes {n} steps and {node.inputs[0].describe()} has only {len(x)} rows"
            )
        return x[:n]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x = operands[0]
        n = _count(operands[1], require)
        require(n, ex.minimum(n, x.shape[0]), _TOO_SHORT, (x.variable,))
        return Pull((n, *x.shape[1:]), x.at)


class LastValue(Op):
    """The last value of a loop that must make a step: of n, or of as many as it made."""

    view = True

    def infer(self, x: Variable, n: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], None]

    def reference(self, node: Apply, x: np.ndarray, n: np.ndarray) -> np.ndarray:
        if n < 1:
            raise ShapeError(f"the loop of {node.inputs[0].describe()} makes no step: it has no last value")
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, n = operands
        message = "the loop of {0} makes {b} steps: it has no last value"
        require(Poly.of(1), ex.minimum(1, ex.poly(n.scalar)), message, (x.variable,))
        return Pull(x.shape, x.at)


def last_value(x: Variable, n: Variable) -> Variable:
    """The last value of a loop of n steps, an error where there are none."""
    steps = constant_int(n)
    return x if steps is not None and steps > 0 else LastValue().make(x, n)


_TOO_SHORT = "the loop makes {a} steps and {0} has only {b} rows"


_NEGATIVE = "the number of steps of a loop, {0}, is {a}; a loop goes backwards by go_backwards=True"


def _steps(v: Variable, n: np.ndarray) -> int:
    """A number of steps that must not be negative."""
    if n < 0:
        raise ShapeError(_NEGATIVE.format(v.describe(), a=int(n)))
    return int(n)


def _count(n: Operand, require: Callable) -> Poly:
    """A number of steps that must not be negative; the name of a length never is."""
    count = ex.poly(n.scalar)
    known = count.constant
    if isinstance(count.atom, Symbol) or (known is not None and known >= 0):
        return count
    require(count, ex.maximum(0, count), _NEGATIVE, (n.variable,))
    return ex.maximum(0, count)


def _check_rows(v: Variable, row: Variable, what: str) -> None:
    shape = v.type.shape[1:]
    fits = len(shape) == row.ndim and all(
        None in (a, b) or a == b for a, b in zip(shape, row.type.shape, strict=True)
    )
    if not fits or v.dtype != row.dtype:
        raise ShapeError(f"{what} of the loop, {v.describe()}, does not have rows of {row.type}")


def _stacked(rows: list, n: int, shape: Sequence[int], dtype: str) -> np.ndarray:
    """Rows as one array of n; those that were not computed are zero."""
    result = np.zeros((n, *shape), dtype)
    for k, row in enumerate(rows):
        result[k] = row
    return result


@dataclass(frozen=True)
class Cut:
    """The row of an output, or with None all of its rows, that a gradient does not go through."""

    of_state: bool
    number: int
    row: Variable | None

    def leaves(self, steps: Variable) -> Variable:
        """For each step whether its row is left as it is."""
        if self.row is None:
            return zeros((steps,), "bool")
        return neq(arange(steps), switch(lt(self.row, 0), self.row + steps, self.row))


def cuts_of(constants: Iterable[Variable]) -> dict[Apply, list[Cut]]:
    """The loops that some of ``constants`` are outputs of, or rows of them such as ``samples[-1]``."""
    found: dict[Apply, list[Cut]] = {}
    for v in constants:
        row: Variable | None = None
        if _is_index(v, "index"):
            v, row = v.owner.inputs
        history = v
        start = 0
        if _is_index(v, (True, False, 1)) or _is_index(v, (True, True, 1)):
            history, start = v.owner.inputs[0], constant_int(v.owner.inputs[1])
        elif _is_index(v, (False, True, 1)):
            history = v.owner.inputs[0]
        node = history.owner
        if node is None or not isinstance(node.op, Scan):
            continue
        results = node.op.results(node)
        if history in results.last and row is None:
            cut = Cut(True, results.last.index(history), Constant(-1, dtype="int64"))
        elif history in results.mapped and start == 0:
            cut = Cut(False, results.mapped.index(history), row)
        elif history in results.histories and start == node.op.states[results.histories.index(history)].depth:
            cut = Cut(True, results.histories.index(history), row)
        else:
            continue
        found.setdefault(node, []).append(cut)
    return found


def _is_index(v: Variable, first: Any) -> bool:
    """Whether a variable is an index of the first axis alone, with that entry."""
    op = v.owner.op if v.owner is not None else None
    return isinstance(op, BasicIndex) and op.entries[0] == first and not any(op.entries[1:])


def is_zero(v: Variable) -> bool:
    """Whether a variable is seen to be zero everywhere."""
    while v.owner is not None and isinstance(v.owner.op, BroadcastTo):
        v = v.owner.inputs[0]
    return isinstance(v, Constant) and v.data.size == 1 and not v.data.any()


def _fresh(v: Variable, name: str | None = None) -> Variable:
    return v.type(name or v.name)


class _Backward:
    """The gradient of a loop: a loop from the last step to the first.

    ``pending[i][j]`` is a state of it, the gradient by the value that state i had j steps before the
    present one's result; what a step finds out about its taps is added there.
    """

    def __init__(self, op: Scan, node: Apply, grads: list[Variable], cuts: Sequence[Cut] = ()) -> None:
        self.op, self.node = op, node
        done = op.results(node).done
        steps = op.parts(node).n if done is None else done
        #: inner variables -> stand-ins for what their gradients are multiplied by, and that for all steps
        self.factors: dict[Variable, Variable] = {}
        self.masks: dict[Variable, Variable] = {}
        for cut in cuts:
            inner = op.new[cut.number] if cut.of_state else op.mapped_rows[cut.number]
            mask = cast(cut.leaves(steps), inner.dtype)
            if inner not in self.factors:
                self.factors[inner] = _fresh(basic_index(mask, [0]))
                self.masks[self.factors[inner]] = mask
            else:
                self.masks[self.factors[inner]] *= mask
        self.parts = op.parts(node)
        outer = iter(grads)
        self.history_grads = [next(outer) if state.kept else None for state in op.states]
        self.mapped_grads = [next(outer) for _ in range(op.mapped)]
        self.last_grads = [next(outer) for _ in op.states]
        self.own = set()
        for n in toposort(op.outputs):
            self.own.update(n.outputs)

    def results(self) -> list[Variable | None]:
        from ..gradient import backward

        op = self.op
        wrt = [v for v in op.inputs if v.type.is_float]
        history_rows = [
            _fresh(new) if g is not None and new.type.is_float and not is_zero(g) else None
            for g, new in zip(self.history_grads, op.new, strict=True)
        ]
        mapped_rows = [
            _fresh(row) if row.type.is_float and not is_zero(g) else None
            for g, row in zip(self.mapped_grads, op.mapped_rows, strict=True)
        ]
        # states that a gradient can come back through
        active = {k for k, new in enumerate(op.new) if new.type.is_float and op.states[k].taps}
        while True:
            pending = {
                k: [_fresh(op.new[k]) for _ in range(op.states[k].depth)]
                for k, new in enumerate(op.new)
                if new.type.is_float and (k in active or not is_zero(self.last_grads[k]))
            }
            seeds: dict[Variable, Variable] = {}
            for k, new in enumerate(op.new):
                terms = [
                    v for v in (history_rows[k], pending[k][0] if k in pending else None) if v is not None
                ]
                _add_seed(seeds, new, terms)
            for row, g in zip(op.mapped_rows, mapped_rows, strict=True):
                _add_seed(seeds, row, [] if g is None else [g])
            total, _ = backward(seeds, wrt, factors=self.factors)
            through = {k for k in active if any(v in total for v in op.taps[k])}
            if through == active:
                break
            active = through
        return self.build(total, pending, history_rows, mapped_rows)

    def build(
        self,
        total: dict[Variable, Variable],
        pending: dict[int, list[Variable]],
        history_rows: list[Variable | None],
        mapped_rows: list[Variable | None],
    ) -> list[Variable | None]:
        op, parts = self.op, self.parts
        new_states: list[
            tuple[Variable, Variable, Variable]
        ] = []  # inner input, inner new value, initial value
        ends: dict[tuple[int, int], int] = {}
        for k, values in pending.items():
            by_tap = dict(zip(op.states[k].taps, op.taps[k], strict=True))
            row = basic_index(parts.initial[k], [0])
            for j, value in enumerate(values):
                following = values[j + 1] if j + 1 < len(values) else None
                tap = by_tap.get(-(j + 1))
                found = total.get(tap) if tap is not None else None
                terms = [v for v in (following, found) if v is not None]
                new = sum(terms[1:], terms[0]) if terms else zeros_like(value)
                start = self.last_grads[k] if j == 0 else zeros_like(row)
                ends[k, j] = len(new_states)
                new_states.append((value, new, start))
        by_row = [v if v.type.is_float and v in total else None for v in op.rows]
        sums = [v if v.type.is_float and v in total else None for v in op.invariants]
        first_sum = len(new_states)
        for v, outer in zip(op.invariants, parts.invariants, strict=True):
            if v in sums:
                accumulated = _fresh(v, f"gradient of {v.name}" if v.name else None)
                new_states.append((accumulated, accumulated + total[v], zeros_like(outer)))
        mapped = [total[v] for v in by_row if v is not None]
        outputs = [*(new for _, new, _ in new_states), *mapped]

        # forward values that the gradient needs: those in memory are read, costly ones are kept, others
        # computed again
        node, rows, stored = self.forward(outputs)
        results = node.op.results(node)
        done = results.done if results.done is not None else parts.n
        steps = done if op.truncate < 0 else minimum(done, op.truncate)
        sequences: dict[Variable, Variable] = {}
        sequences.update(self.masks)
        for v, outer in zip(op.rows, parts.sequences, strict=True):
            sequences[v] = _slice(outer, None, done)
        for k, state in enumerate(op.states):
            history = results.histories[k]
            for tap, v in zip(state.taps, op.taps[k], strict=True):
                sequences[v] = _slice(history, state.depth + tap, done + (state.depth + tap))
        for v, (kind, k) in stored.items():
            if kind == "new":
                depth = op.states[k].depth
                sequences[rows[v]] = _slice(results.histories[k], depth, done + depth)
            else:
                sequences[rows[v]] = _slice(results.mapped[k], None, done)
        for k, v in enumerate(history_rows):
            if v is not None:
                depth = op.states[k].depth
                sequences[v] = _slice(self.history_grads[k], depth, done + depth)
        for v, g in zip(mapped_rows, self.mapped_grads, strict=True):
            if v is not None:
                sequences[v] = _slice(g, None, done)
        outputs = clone(outputs, rows)
        needed = _leaves(outputs)
        used = {v: _reversed(x) for v, x in sequences.items() if v in needed}
        invariants = {v: x for v, x in zip(op.invariants, parts.invariants, strict=True) if v in needed}
        back = loop(
            steps,
            used,
            [
                (value, new, dimshuffle(start, "x", *range(start.ndim)))
                for (value, _, start), new in zip(new_states, outputs, strict=False)
            ],
            outputs[len(new_states) :],
            invariants,
            f"gradient of {op.name}" if op.name else None,
            op.lazy,
        )
        found = back.op.results(back)
        return self.distribute(found, by_row, sums, first_sum, ends, pending, steps, done)

    def forward(self, outputs: list[Variable]) -> tuple[Apply, dict[Variable, Variable], dict]:
        """The forward loop with all that its gradient reads, inner variables of their own for those values,
        and where they are: ('new', state) or ('mapped', number)."""
        op = self.op
        where: dict[Variable, tuple[str, int]] = {}
        for k, row in enumerate(op.mapped_rows):
            where.setdefault(row, ("mapped", k))
        for k, new in enumerate(op.new):
            if op.states[k].kept:
                where.setdefault(new, ("new", k))
        extra: list[Variable] = []
        stored: dict[Variable, tuple[str, int]] = {}
        stack, seen = list(outputs), set()
        while stack:
            v = stack.pop()
            if v in seen or v.owner is None:
                continue
            seen.add(v)
            if v in self.own and (v in where or (v.owner.op.costly and _has_steady_shape(v, op, self.node))):
                if v not in where:
                    where[v] = ("mapped", op.mapped + len(extra))
                    extra.append(v)
                stored[v] = where[v]
                continue
            stack.extend(v.owner.inputs)
        rows = {v: _fresh(v) for v in stored}
        if not extra:
            return self.node, rows, stored
        return extended(op, self.node, extra), rows, stored

    def distribute(
        self,
        found: Results,
        by_row: list[Variable | None],
        sums: list[Variable | None],
        first_sum: int,
        ends: dict[tuple[int, int], int],
        pending: dict[int, list[Variable]],
        steps: Variable,
        done: Variable,
    ) -> list[Variable | None]:
        """The gradients by the inputs of the node."""
        op, parts = self.op, self.parts
        result: list[Variable | None] = [None]
        rows = iter(found.mapped)
        for v, outer in zip(by_row, parts.sequences, strict=True):
            if v is None:
                result.append(None)
                continue
            g = _reversed(next(rows))
            whole = outer.type.shape[0] is not None and outer.type.shape[0] == constant_int(steps)
            if not (whole or (op.truncate < 0 and not op.until and _is_length_of(parts.n, outer))):
                entries = ((True, True, 1), *[None] * (outer.ndim - 1))
                g = BasicWrite(entries, "set").make(zeros_like(outer), g, done - steps, done)
            result.append(g)
        for k, (state, initial) in enumerate(zip(op.states, parts.initial, strict=True)):
            g = None
            if k in pending:
                values = [found.last[ends[k, j]] for j in reversed(range(state.depth))]
                g = concatenate([dimshuffle(v, "x", *range(v.ndim)) for v in values], axis=0)
                if op.truncate >= 0:
                    g = switch(eq(steps, done), g, zeros_like(g))
            history = self.history_grads[k]
            if history is not None and initial.type.is_float and not is_zero(history):
                own = _slice(history, None, state.depth)
                g = own if g is None else g + own
            result.append(g)
        result += [None] * len(parts.lengths)
        position = first_sum
        for v in sums:
            if v is None:
                result.append(None)
            else:
                result.append(found.last[position])
                position += 1
        return result


def _add_seed(seeds: dict[Variable, Variable], v: Variable, terms: list[Variable]) -> None:
    for term in terms:
        seeds[v] = seeds[v] + term if v in seeds else term


def _is_length_of(n: Variable, x: Variable) -> bool:
    length = shape_i(x, 0)
    return n is length or (
        n.owner is not None
        and length.owner is not None
        and n.owner.op == length.owner.op
        and n.owner.inputs == length.owner.inputs
    )


def _slice(x: Variable, start: Any, stop: Any) -> Variable:
    return basic_index(x, [slice(start, stop)])


def _reversed(x: Variable) -> Variable:
    return basic_index(x, [slice(None, None, -1)])


def _leaves(outputs: Iterable[Variable]) -> set[Variable]:
    outputs = list(outputs)
    found = {v for node in toposort(outputs) for v in node.inputs if v.owner is None}
    return found | {v for v in outputs if v.owner is None}


def carried_updates(outputs: Iterable[Variable]) -> dict[Variable, Variable]:
    """The new values of the shared variables that loops above ``outputs`` carry (states of random draws).

    Where several loops carry the same state, as one and its clone do, it is that of the loop which makes the
    most draws, so that no number comes again.
    """
    found: dict[Variable, Variable] = {}
    ways = set()
    for node in toposort(outputs):
        if not isinstance(node.op, Scan) or node.op.way(node) in ways:
            continue
        ways.add(node.op.way(node))
        initial, last = node.op.parts(node).initial, node.op.results(node).last
        for k in node.op.carries:
            state = initial[k].owner.inputs[0]
            found[state] = maximum(found[state], last[k]) if state in found else last[k]
    return found


def row_lengths(
    rows: Sequence[Variable], outer: dict[Variable, Variable], moving: set[Variable]
) -> list[Variable]:
    """The unknown lengths of inner rows from outer variables; ``moving`` are the inner inputs whose outer
    variable has a leading axis of steps.

    Errors: ShapeError if a length depends on what the loop computes.
    """
    from ..rewrite.lengths import Lengths

    lengths = Lengths()
    unknown = [
        lengths.length(n) if not isinstance(n, Variable) else n
        for row in rows
        for axis, (m, n) in enumerate(zip(row.type.shape, lengths.shape(row), strict=True))
        if m is None
    ]
    memo: dict[Variable, Variable] = {v: x for v, x in outer.items() if v not in moving}
    for node in toposort(unknown, stop_at=memo):
        (v,) = node.outputs[:1]
        if len(node.inputs) == 1 and node.inputs[0] in moving and type(node.op).__name__ == "ShapeI":
            memo[v] = shape_i(outer[node.inputs[0]], node.op.axis + 1)
    result = clone(unknown, memo)
    foreign = _leaves(result) & moving
    if foreign:
        names = ", ".join(v.describe() for v in foreign)
        raise ShapeError(
            f"scan: the shape of an output, {', '.join(v.describe() for v in rows)}, depends on values "
            f"that the loop computes or goes through ({names}); all steps must give the same shape"
        )
    return result


def loop(
    n: Variable,
    sequences: dict[Variable, Variable],
    states: Sequence[tuple[Variable, Variable, Variable]],
    mapped: Sequence[Variable],
    invariants: dict[Variable, Variable],
    name: str | None = None,
    lazy: bool = False,
) -> Apply:
    """The node of a loop of inner -> outer ``sequences`` and ``invariants``, ``states`` (inner value, inner
    new value, initial values (1, *row)) and ``mapped`` inner rows."""
    states = list(states)
    outer = {**sequences, **{value: initial for value, _, initial in states}, **invariants}
    moving = {*sequences, *(value for value, _, _ in states)}
    lengths = row_lengths(list(mapped), outer, moving)
    op = Scan(
        [*sequences, *(value for value, _, _ in states), *invariants],
        [*(new for _, new, _ in states), *mapped],
        len(sequences),
        [State((-1,)) for _ in states],
        len(mapped),
        name=name,
        lazy=lazy,
    )
    return op.make_node(
        n, *sequences.values(), *(initial for _, _, initial in states), *lengths, *invariants.values()
    )


def _outer_of(op: Scan, node: Apply) -> tuple[dict[Variable, Variable], set[Variable]]:
    """The outer variables of a loop's inner inputs, and which of these have a leading axis of steps there."""
    parts = op.parts(node)
    outer = dict(zip(op.rows, parts.sequences, strict=True))
    for taps, initial in zip(op.taps, parts.initial, strict=True):
        outer.update(dict.fromkeys(taps, initial))
    moving = set(outer)
    outer.update(zip(op.invariants, parts.invariants, strict=True))
    return outer, moving


def _has_steady_shape(v: Variable, op: Scan, node: Apply) -> bool:
    """Whether an inner variable has the same shape at each step, so that the loop can keep its values."""
    try:
        row_lengths([v], *_outer_of(op, node))
    except ShapeError:
        return False
    return True


def extended(op: Scan, node: Apply, extra: Sequence[Variable]) -> Apply:
    """The same loop with more inner variables as mapped outputs."""
    parts = op.parts(node)
    lengths = row_lengths(list(extra), *_outer_of(op, node))
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
    )
    return more.make_node(
        parts.n, *parts.sequences, *parts.initial, *parts.lengths, *lengths, *parts.invariants
    )


__all__ = [
    "Cut",
    "FirstRows",
    "LastValue",
    "Parts",
    "Results",
    "Scan",
    "State",
    "carried_updates",
    "cuts_of",
    "extended",
    "is_zero",
    "last_value",
    "loop",
    "row_lengths",
]
