"""The steps of a schedule: what a native function does one after the other, and what each reads and
writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..graph import Apply, Variable
from ..lower.lowering import Placed, Strided, Value, polys_of
from ..ops.scan import Results, Scan
from ..scalar.expression import Expr, walk
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Call

if TYPE_CHECKING:
    from .schedule import Schedule

#: a loop nest with more values than this is closed, for compilers take more than linear time on larger ones:
#: one that goes through its rows in several loops, and one whose values are all computed in the same loop
GROUP_LIMIT, LOOP_LIMIT = 64, 192


@dataclass(eq=False)
class Step:
    """One thing the native function does.  ``after``: steps that must come before it.

    ``rank`` is greater than that of every step in ``after``, so a step never depends on one of its own rank
    or above.
    """

    position: int
    nodes: list[Apply] = field(default_factory=list)
    after: set[Step] = field(default_factory=set)
    followers: set[Step] = field(default_factory=set)
    rank: int = 0

    def come_after(self, others: Iterable[Step]) -> None:
        """Note steps that must come before, and lift the ranks of those that follow."""
        new = {other for other in others if other is not self} - self.after
        self.after |= new
        for other in new:
            other.followers.add(self)
        lifted = [self]
        while lifted:
            step = lifted.pop()
            rank = max((other.rank for other in step.after), default=-1) + 1
            if rank > step.rank:
                if step in new:
                    raise AssertionError("the schedule has a cycle")
                step.rank = rank
                lifted.extend(step.followers)

    def reads(self) -> set[Variable]:
        raise NotImplementedError

    def writes(self) -> list[Variable]:
        raise NotImplementedError

    def polys(self) -> list[Poly]:
        """The lengths and offsets that the step needs."""
        return []


@dataclass(eq=False)
class Loops(Step):
    """A fused loop nest over ``axes`` computing ``values``.

    While it grows: its values by their variables, what they read, and those of them that no other reads.
    """

    axes: tuple[Poly, ...] = ()
    values: list[Value] = field(default_factory=list)
    stored: set[Variable] = field(default_factory=set)
    made: dict[Variable, Value] = field(default_factory=dict)
    used: set[Variable] = field(default_factory=set)
    ends: set[Variable] = field(default_factory=set)
    #: of its values those that another nest computes, too
    again: set[Variable] = field(default_factory=set)
    #: where its values go besides: each with an array that it is a part of, and its element's place there
    landings: dict[Variable, list[tuple[Variable, Poly]]] = field(default_factory=dict)

    def take(self, value: Value) -> None:
        """Have a value computed as well."""
        if len(value.axes) > len(self.axes):
            self.axes = value.axes
        self.values.append(value)
        self.made[value.variable] = value
        self.used |= value.element.uses
        self.ends -= value.element.uses
        self.ends.add(value.variable)

    def has_room(self, more: Sequence[Value]) -> bool:
        """Whether some more values are not too many."""
        in_rows = any(value.kept for value in (*more, *self.values))
        return len(self.values) + len(more) <= (GROUP_LIMIT if in_rows else LOOP_LIMIT)

    def compute_again(self, again: Sequence[Value]) -> None:
        """Have values computed that another nest computes as well, before all of its own."""
        first = sum(value.variable in self.again for value in self.values)
        self.values[first:first] = again
        self.made.update((value.variable, value) for value in again)
        self.again.update(value.variable for value in again)

    def reads(self) -> set[Variable]:
        own = {value.variable for value in self.values}
        return {u for value in self.values for u in value.element.uses} - own

    def writes(self) -> list[Variable]:
        stored = [value.variable for value in self.values if value.variable in self.stored]
        return list(dict.fromkeys([*stored, *(v for found in self.landings.values() for v, _ in found)]))

    def polys(self) -> list[Poly]:
        return [*self.axes, *(p for v in self.values for p in (*v.axes, *polys_of(v.element)))]


@dataclass(eq=False)
class Pushes(Step):
    """A pushed output: its start (a variable to copy, a scalar to fill with, or nothing), then its pieces."""

    variable: Variable = None
    base: Variable | Expr | None = None
    pieces: list[Placed] = field(default_factory=list)

    def reads(self) -> set[Variable]:
        found = {u for p in self.pieces for u in (*p.element.uses, *p.offset.uses)}
        return found | (
            {self.base}
            if isinstance(self.base, Variable)
            else set(self.base.uses)
            if self.base is not None
            else set()
        )

    def writes(self) -> list[Variable]:
        return [self.variable]

    def polys(self) -> list[Poly]:
        base = polys_of(self.base) if isinstance(self.base, Expr) else []
        return [*base, *(q for p in self.pieces for q in (*p.axes, p.offset, *polys_of(p.element)))]


@dataclass(eq=False)
class MatMul(Step):
    """out = alpha * a·b + beta * c."""

    variable: Variable = None
    a: Strided = None
    b: Strided = None
    c: Variable | Expr | None = None
    alpha: Expr | None = None
    beta: Expr | None = None
    batched: bool = False
    shape_a: tuple[Poly, ...] = ()
    shape_b: tuple[Poly, ...] = ()

    def reads(self) -> set[Variable]:
        own = {self.c} if isinstance(self.c, Variable) else set()
        scalars = {u for e in self.scalars() for u in e.uses}
        return {self.a.base, self.b.base} | own | scalars | set(self.a.offset.uses) | set(self.b.offset.uses)

    def writes(self) -> list[Variable]:
        return [self.variable]

    def scalars(self) -> list[Expr]:
        """What is computed once for the whole product."""
        return [e for e in (self.alpha, self.beta, self.c) if isinstance(e, Expr)]

    def polys(self) -> list[Poly]:
        places = [self.a.offset, self.b.offset, *self.a.strides, *self.b.strides]
        return [*self.shape_a, *self.shape_b, *places, *(p for e in self.scalars() for p in polys_of(e))]


@dataclass(eq=False)
class LibraryCall(Step):
    """A function of the backend's library on whole arrays."""

    call: Call = None
    operands: tuple[Variable, ...] = ()
    outputs: tuple[Variable, ...] = ()

    def reads(self) -> set[Variable]:
        return set(self.operands)

    def writes(self) -> list[Variable]:
        return list(self.outputs)

    def polys(self) -> list[Poly]:
        return list(self.call.integers)


@dataclass(eq=False)
class ScanStep(Step):
    """A loop over the steps of an inner schedule, whose inputs and outputs are those of ``op``."""

    op: Scan = None
    n: Poly = None
    sequences: list[Strided] = field(default_factory=list)
    initial: list[Strided] = field(default_factory=list)
    invariants: list[Strided] = field(default_factory=list)
    shapes: dict[str, list[tuple[Poly, ...]]] = field(default_factory=dict)
    results: Results = None
    #: the outputs that somebody reads, and the last values of states that are kept nowhere else
    outputs: list[Variable] = field(default_factory=list)
    inner: Schedule = None

    def lengths_outside(self) -> dict[Symbol, Poly]:
        """For the lengths of the step's inputs those of what they are outside."""
        op, shapes = self.op, self.shapes
        states = [(v, shape) for taps, shape in zip(op.taps, shapes["states"], strict=True) for v in taps]
        inputs = dict(
            [
                *zip(op.rows, shapes["sequences"], strict=True),
                *states,
                *zip(op.invariants, shapes["invariants"], strict=True),
            ]
        )
        return {s: inputs[v][axis] for (v, axis), s in self.inner.low.leaf_dims.items() if v in inputs}

    def reads(self) -> set[Variable]:
        places = [*self.sequences, *self.initial, *self.invariants]
        return {p.base for p in places} | {u for p in places for u in p.offset.uses} | set(self.n.uses)

    def writes(self) -> list[Variable]:
        return self.outputs

    @property
    def grown(self) -> set[Variable]:
        """The outputs that have as many rows as steps were made, which only the loop itself finds out: it
        makes room for them as it goes."""
        if not self.op.until:
            return set()
        return {v for v in (*self.results.histories, *self.results.mapped) if v is not None}

    def polys(self) -> list[Poly]:
        places = [*self.sequences, *self.initial, *self.invariants]
        shapes = [n for group in self.shapes.values() for shape in group for n in shape]
        return [self.n, *shapes, *(q for p in places for q in (p.offset, *p.strides))]


@dataclass(eq=False)
class Copy(Step):
    """A result that is another variable's value as well: copied to its own place."""

    source: Variable = None
    result: int = 0

    def reads(self) -> set[Variable]:
        return {self.source}

    def writes(self) -> list[Variable]:
        return []


def base_of(step: Step) -> Variable | None:
    """What a step adds to, sets parts of, or changes as a whole."""
    if isinstance(step, LibraryCall):
        return step.operands[0] if step.call.in_place else None
    base = step.base if isinstance(step, Pushes) else step.c if isinstance(step, MatMul) else None
    return base if isinstance(base, Variable) else None


def accesses(expr: Expr) -> list[tuple[Variable, tuple[Poly, ...]]]:
    """Every element that an expression reads, those inside indices included."""
    return [e.value for e in walk(expr) if e.op == "access"]
