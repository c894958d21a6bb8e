"""The gradient of a loop, which is a loop again: from the last step to the first.

It goes over the rows that the forward loop kept, and over values that it is made to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ShapeError
from ..graph import Apply, Variable, clone, toposort
from ..ops.create import zeros_like
from ..ops.elementwise import Elementwise, add, cast, eq, minimum, switch
from ..ops.index import basic_index
from ..ops.join import concatenate
from ..ops.lengths import Lengths
from ..ops.loop_results import has_computed_lengths, is_row, settled
from ..ops.op import GRADIENT_RULES
from ..ops.scan import Results, Scan, State, extended, leaves_of, outer_of, row_lengths
from ..ops.shape import dimshuffle
from ..ops.shape_rules import constant_int
from ..ops.write import BasicWrite
from .backward import backward
from .cuts import Cut, is_zero


def _fresh(v: Variable, name: str | None = None) -> Variable:
    return v.type(name or v.name)


class Backward:
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
        for k, g in enumerate(self.history_grads):
            if g is not None:
                self.history_grads[k], terms = _last_apart(g, op.states[k].depth)
                for term in terms:
                    before = self.last_grads[k]
                    self.last_grads[k] = term if is_zero(before) else before + term
        self.own = set()
        for n in toposort(op.outputs):
            self.own.update(n.outputs)

    def results(self) -> list[Variable | None]:
        op = self.op
        wrt = [v for v in op.inputs if v.type.is_inexact]
        history_rows = [
            _fresh(new) if g is not None and new.type.is_inexact and not is_zero(g) else None
            for g, new in zip(self.history_grads, op.new, strict=True)
        ]
        mapped_rows = [
            _fresh(row) if row.type.is_inexact and not is_zero(g) else None
            for g, row in zip(self.mapped_grads, op.mapped_rows, strict=True)
        ]
        # states that a gradient can come back through
        active = {k for k, new in enumerate(op.new) if new.type.is_inexact and op.states[k].taps}
        while True:
            pending = {
                k: [_fresh(op.new[k]) for _ in range(op.states[k].depth)]
                for k, new in enumerate(op.new)
                if new.type.is_inexact and (k in active or not is_zero(self.last_grads[k]))
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
        op, parts, lengths = self.op, self.parts, Lengths()
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
                new = settled(sum(terms[1:], terms[0]), value, lengths) if terms else zeros_like(value)
                start = self.last_grads[k] if j == 0 else zeros_like(row)
                ends[k, j] = len(new_states)
                new_states.append((value, new, start))
        by_row = [v if v.type.is_inexact and v in total else None for v in op.rows]
        sums = [v if v.type.is_inexact and v in total else None for v in op.invariants]
        first_sum = len(new_states)
        for v, outer in zip(op.invariants, parts.invariants, strict=True):
            if v in sums:
                accumulated = _fresh(v, f"gradient of {v.name}" if v.name else None)
                new_states.append(
                    (accumulated, accumulated + settled(total[v], v, lengths), zeros_like(outer))
                )
        mapped = [settled(total[v], v, lengths) for v in by_row if v is not None]
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
        needed = leaves_of(outputs)
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
        op, moving = self.op, self.moving()
        where: dict[Variable, tuple[str, int]] = {}
        for k, row in enumerate(() if op.checkpointed else op.mapped_rows):
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
            kept = (
                v in moving
                and not op.checkpointed
                and _is_kept(v.owner)
                and _has_steady_shape(v, op, self.node)
            )
            if v in self.own and (v in where or kept):
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

    def moving(self) -> set[Variable]:
        """The values of a step that differ from step to step: others are not worth a row for each."""
        found = {*self.op.rows, *(v for taps in self.op.taps for v in taps)}
        for node in toposort(self.op.outputs):
            if not found.isdisjoint(node.inputs) or not node.inputs:
                found.update(node.outputs)
        return found

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
            if history is not None and initial.type.is_inexact and not is_zero(history):
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


def _last_apart(g: Variable, depth: int, within: int = 64) -> tuple[Variable | None, list[Variable]]:
    """The gradient of a history without what is written into its last row alone, None where nothing else is
    in it, and what that is: it goes to the last value, and no array as long as the history is needed.

    ``depth``: how many rows are before those of the steps, which a program reads from there on.  ``within``:
    how many sums and writes are looked through, one inside the other.
    """
    node = g.owner
    if node is None or not within:
        return g, []
    if node.op == add and all(v.type.broadcastable == g.type.broadcastable for v in node.inputs):
        found = [_last_apart(v, depth, within - 1) for v in node.inputs]
        terms = [term for _, own in found for term in own]
        rest = [v for v, _ in found if v is not None]
        return (g if not terms else sum(rest[1:], rest[0]) if rest else None), terms
    if type(node.op) is not BasicWrite:
        return g, []
    write, (base, part, *bounds) = node.op, node.inputs
    if write.mode == "set" and not is_zero(base):
        return g, []
    if is_row(write, bounds, -1) and part.type.broadcastable == g.type.broadcastable[1:]:
        rest_of, terms = _last_apart(base, depth, within - 1)
        return None if rest_of is None or is_zero(rest_of) else rest_of, [part, *terms]
    of_steps = write.entries[0] == (True, False, 1) and not any(write.entries[1:]) and part.ndim == g.ndim
    if not of_steps or constant_int(bounds[0]) != depth:
        return g, []
    rest_of, terms = _last_apart(part, 0, within - 1)
    if not terms:
        return g, []
    left = base if rest_of is None else write.make(base, rest_of, *bounds)
    return None if is_zero(left) else left, terms


def _add_seed(seeds: dict[Variable, Variable], v: Variable, terms: list[Variable]) -> None:
    for term in terms:
        seeds[v] = seeds[v] + term if v in seeds else term


def _is_length_of(n: Variable, x: Variable) -> bool:
    lengths = Lengths()
    return lengths.of_scalar(n) == lengths.shape(x)[0]


def _slice(x: Variable, start: Any, stop: Any) -> Variable:
    return basic_index(x, [slice(start, stop)])


def _reversed(x: Variable) -> Variable:
    return basic_index(x, [slice(None, None, -1)])


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
    per_step = {*sequences, *(value for value, _, _ in states)}
    lengths = row_lengths(list(mapped), outer, per_step)
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


#: elementwise functions by whose values their derivatives are told: of gates no more than those is needed,
#: and what they are of is forgotten.  Exponentials and logarithms are not among them: they are parts of
#: softmax and the like, which are found as a whole
_KEPT = frozenset(["sigmoid", "tanh"])


def _is_kept(node: Apply) -> bool:
    """Whether values are kept for the gradient, not computed again."""
    return node.op.costly or (type(node.op) is Elementwise and node.op.name in _KEPT)


def _has_steady_shape(v: Variable, op: Scan, node: Apply) -> bool:
    """Whether an inner variable has the same shape at each step, known before the first one, so that the
    loop can keep its values."""
    if has_computed_lengths(v):
        return False
    try:
        row_lengths([v], *outer_of(op, node))
    except ShapeError:
        return False
    return True


def _gradient(
    op: Scan, node: Apply, grads: list[Variable], cuts: Sequence[Cut] = ()
) -> list[Variable | None]:
    """For each input of a loop its gradient, given those of the outputs."""
    return Backward(op, node, grads, cuts).results()


GRADIENT_RULES[Scan] = _gradient
