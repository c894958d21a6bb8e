"""Proof, before anything runs, that what each step reads is there.

The steps are gone through in order with a note of which value each place in memory holds: an intermediate
result's part of the arena, a result's array, a shared variable, an input.  A step may read only what its
places hold at that time.  Whatever has gone wrong before, a missing edge between two steps, a value written
over its own readers, two values alive in one part of the arena, shows here as a place that holds something
else.

What a step reads is not taken from its own ``reads``, which might forget something, but found by walking
through all that it is made of; and what the written text touches must be among that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import ScheduleError
from ..graph import Constant, Shared, Variable
from ..scalar.expression import CHECKS, Expr
from ..scalar.integer import Poly, Symbol
from .memory import Slot
from .schedule import Schedule, reads_in_place
from .steps import Copy, Loops, MatMul, Pushes, ScanStep, Step, accesses

#: parts of a step that are not read when it runs: its place in the order, and what is verified for itself
_NOT_READ = frozenset(["position", "nodes", "after", "followers", "rank", "stored", "op", "inner"])


def verify(
    schedule: Schedule,
    steps: Sequence[Step],
    storage: Callable[[Variable], Any],
    target: Callable[[int], Any],
    slots: Iterable[Slot],
    touched: Sequence[set[Any]],
) -> None:
    """Raise ScheduleError unless the steps, in this order and with this memory, compute the results.

    ``storage``: the key of the memory that a variable lies in; ``target``: that of a result, by its number;
    ``slots``: which of them share a part of the arena; ``touched``: for each step the keys of the memory
    that its text reads or writes.
    """
    _Verifier(schedule, storage, target, slots).verify(steps, touched)


class _Verifier:
    def __init__(
        self,
        schedule: Schedule,
        storage: Callable[[Variable], Any],
        target: Callable[[int], Any],
        slots: Iterable[Slot],
    ) -> None:
        self.schedule, self.low, self.program = schedule, schedule.low, schedule.program
        self.storage, self.target = storage, target
        self.part = {v: k for k, slot in enumerate(slots) for v in slot.variables}
        #: place -> the value that it holds; one that is not here yet holds its own, if it is a leaf's
        self.holds: dict[Any, Variable] = {}
        self.computed: set[Variable] = set()
        self.known = {s for s, p in self.low.dims.items() if not self.low.late(p)}
        #: whether the new value of a shared variable has been written
        self.changed: Variable | None = None

    def verify(self, steps: Sequence[Step], touched: Sequence[set[Any]]) -> None:
        self._find_lengths()
        for step, keys in zip(steps, touched, strict=True):
            self._step(step, keys)
            self._find_lengths()
        for k, v in enumerate(self.program.results):
            if self._held(self._place_of(self.target(k))) is not v:
                self._fail(f"result {k}, {v.describe()}, is not in its place at the end")

    # places

    def _place_of(self, key: Any) -> Any:
        return ("part", self.part[key]) if key in self.part else key

    def _place(self, v: Variable) -> Any:
        return self._place_of(self.storage(v))

    def _held(self, place: Any) -> Variable | None:
        own = place if isinstance(place, Variable) and self.low.is_leaf(place) else None
        return self.holds.get(place, own)

    def _demand(self, v: Variable, what: str) -> None:
        held = self._held(self._place(v))
        if held is v:
            return
        if held is not None and (v in self.computed or self.low.is_leaf(v)):
            self._fail(f"{what} reads {v.describe()} after {held.describe()} was written over it")
        written = "before it is written" if v in self.schedule.maker else "which no step writes"
        self._fail(f"{what} reads {v.describe()} {written}")

    # steps

    def _step(self, step: Step, touched: set[Any]) -> None:
        what = _name(step)
        own, writes = _computed(step), _written(step)
        reads, symbols = _mentioned(step)
        reads -= own
        for v in reads:
            self._demand(v, what)
        # how many rows there will be is found by the loop that makes them, which has room for them as it goes
        for v in own - (step.grown if isinstance(step, ScanStep) else set()):
            symbols |= _symbols(self.low.shape(v))
        unknown = [s for s in symbols if s in self.low.dims and s not in self.known]
        if unknown:
            self._fail(f"{what} needs the length {unknown[0]!r} before it is computed")
        self._inside(step, own, what)
        places = {self._place(v): v for v in writes}
        if isinstance(step, Copy):
            places = {self._place_of(self.target(step.result)): step.source}
        for place, v in places.items():
            over = self._held(place)
            if over in reads and over is not v and not reads_in_place(step, over, v, self.low):
                self._fail(f"{what} writes {v.describe()} over {over.describe()} while it still reads that")
        self._atomic(step, places, what)
        self._text(step, reads, writes, touched, what)
        self.holds |= places
        self.computed |= set(writes)

    def _inside(self, step: Step, own: set[Variable], what: str) -> None:
        """What a step computes of its own values comes in order, and what is accumulated begins somewhere."""
        if isinstance(step, Loops):
            done: set[Variable] = set()
            for value in step.values:
                for v in {v for v, _ in accesses(value.element)} & own - done:
                    self._fail(f"{what} reads {v.describe()} before it is computed there")
                done.add(value.variable)
        elif isinstance(step, Pushes) and step.base is None:
            if any(p.mode != "set" for p in step.pieces):
                self._fail(f"{what} adds to {step.variable.describe()}, which begins as nothing")
        elif isinstance(step, MatMul) and step.c is None and step.beta is not None:
            self._fail(f"{what} adds to {step.variable.describe()}, which begins as nothing")

    def _atomic(self, step: Step, places: dict[Any, Variable], what: str) -> None:
        """A call that fails leaves shared variables as they were: what may fail comes before they change."""
        if self.changed is not None and _may_fail(step):
            self._fail(f"{what} may fail after {self.changed.describe()} has been changed")
        self.changed = next((p for p in places if isinstance(p, Shared)), self.changed)

    def _text(
        self, step: Step, reads: set[Variable], writes: list[Variable], touched: set[Any], what: str
    ) -> None:
        """The text reads and writes what the step does."""
        to = {self.storage(v) for v in writes}
        if isinstance(step, Copy):
            to.add(self.target(step.result))
        for key in touched - to - {self.storage(v) for v in reads}:
            if isinstance(key, Constant):
                continue  # a step of a loop reads it, and nothing ever writes it
            self._fail(f"the text of {what} uses {_describe(key)}, which the step neither reads nor writes")
        for key in to - touched:
            self._fail(f"the text of {what} does not write {_describe(key)}")

    # lengths

    def _find_lengths(self) -> None:
        """Lengths that are computed as soon as what they are computed from is there."""
        for symbol in self.low.dims:
            if symbol in self.known:
                continue
            needed = [v for v in self.schedule.reads_for(symbol) if not self.low.is_leaf(v)]
            if all(v in self.computed for v in needed):
                for v in needed:
                    self._demand(v, f"the length {symbol!r}")
                self.known.add(symbol)

    def _fail(self, what: str) -> None:
        raise ScheduleError(
            f"{self.program.title}: {what}. This is a bug of graphlib's, found before anything was computed; "
            f"mode='reference' runs the function without a schedule"
        )


def _name(step: Step) -> str:
    kind = type(step).__name__
    if isinstance(step, Copy):
        return f"the copy of {step.source.describe()}"
    return f"{kind} of {', '.join(str(node.op) for node in step.nodes)} ({step.nodes[0].outputs[0].origin})"


def _describe(key: Any) -> str:
    return key.describe() if isinstance(key, Variable) else f"the memory of result {key}"


def _computed(step: Step) -> set[Variable]:
    """Everything that a step computes, in memory or not."""
    if isinstance(step, Loops):
        return {value.variable for value in step.values}
    if isinstance(step, ScanStep):
        results = step.results
        found = {*results.histories, *results.mapped, *results.last, results.done}
        return {v for v in found if v is not None}
    parts = [step.product, step.loops] if hasattr(step, "product") else []
    return {v for part in parts for v in _computed(part)} if parts else set(step.writes())


def _written(step: Step) -> list[Variable]:
    return list(step.writes())


def _mentioned(step: Step) -> tuple[set[Variable], set[Symbol]]:
    """The variables and the lengths that a step is made of."""
    variables: set[Variable] = set()
    symbols: set[Symbol] = set()
    for thing in _walk([getattr(step, f.name) for f in fields(step) if f.name not in _NOT_READ]):
        if isinstance(thing, Variable):
            variables.add(thing)
        elif isinstance(thing, Symbol):
            symbols.add(thing)
    return variables, symbols


def _symbols(lengths: Iterable[Poly]) -> set[Symbol]:
    return {thing for thing in _walk(lengths) if isinstance(thing, Symbol)}


def _may_fail(step: Step) -> bool:
    """Whether a step looks at a value that may fail the call, as an index that is out of range."""
    if isinstance(step, ScanStep):
        return any(_may_fail(inner) for inner in step.inner.steps)
    parts = [getattr(step, f.name) for f in fields(step) if f.name not in _NOT_READ]
    return any(isinstance(thing, Expr) and thing.op in CHECKS for thing in _walk(parts))


def _walk(things: Iterable[Any]) -> Iterable[Any]:
    """The variables, symbols and expressions in anything that steps are made of."""
    stack, seen = list(things), set()
    while stack:
        thing = stack.pop()
        if isinstance(thing, (Variable, Symbol)):
            yield thing
        elif isinstance(thing, Poly):
            stack.extend(atom for monomial in thing.terms for atom in monomial)
        elif isinstance(thing, Expr):
            if thing not in seen:
                seen.add(thing)
                yield thing
                stack.extend(thing.args)
                stack.append(thing.value)
        elif isinstance(thing, (tuple, list, set, frozenset)):
            stack.extend(thing)
        elif isinstance(thing, dict):
            stack.extend(thing.values())
        elif is_dataclass(thing):
            stack.extend(getattr(thing, f.name) for f in fields(thing) if f.name not in _NOT_READ)


__all__ = ["verify"]
