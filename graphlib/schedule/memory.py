"""Memory: which intermediate results share a place in the function's arena.

A result lives from the step that makes it to the last that reads it.  Two whose lives do not overlap may have
the same slot; lengths are symbols, so a slot's size is the greatest of its results' sizes, found at the call.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..graph import Variable
from ..scalar.integer import Poly, product
from .schedule import Schedule

#: a length of which nothing is known
_TYPICAL = 64


@dataclass
class Slot:
    """A part of the arena, as large as the largest of ``sizes`` (bytes)."""

    sizes: list[Poly] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    #: when each of them begins to live, and when it has lived, as numbers of steps, the first to live first
    starts: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)

    def is_free(self, life: range) -> bool:
        """Whether nothing else lives there then."""
        k = bisect(self.starts, life.start)
        return (k == 0 or self.stops[k - 1] <= life.start) and (
            k == len(self.starts) or life.stop <= self.starts[k]
        )

    def take(self, v: Variable, size: Poly, life: range) -> None:
        """Have a result live there."""
        if size not in self.sizes:
            self.sizes.append(size)
        self.variables.append(v)
        k = bisect(self.starts, life.start)
        self.starts.insert(k, life.start)
        self.stops.insert(k, life.stop)


def plan(schedule: Schedule, in_arena: Callable[[Variable], bool]) -> list[Slot]:
    """Slots for every intermediate result that lives in the arena."""
    #: the last step that reads what lies in a variable's place: the variable whose place it is may never be
    #: written, if a product's kernel goes on to compute what was to be made of it
    last: dict[Variable, int] = {}
    for k, step in enumerate(schedule.steps):
        for v in step.reads():
            last[schedule.end_of_chain(v)] = k
    for symbol in schedule.low.dims:
        for v in schedule.low.dims[symbol].uses:
            last[schedule.end_of_chain(v)] = len(schedule.steps)
    lives: list[tuple[int, Poly, Variable, range]] = []
    placed: set[Variable] = set()
    for k, step in enumerate(schedule.steps):
        for v in dict.fromkeys(schedule.end_of_chain(v) for v in step.writes()):
            if v in placed or not in_arena(v):
                continue
            placed.add(v)
            size = product(schedule.low.shape(v)) * v.type.numpy_dtype.itemsize
            lives.append((_about(size), size, v, range(k, max(last.get(v, k), k) + 1)))
    # the large ones first: a small one then lies where a large one leaves its slot for a while, and no large
    # one finds its slot taken
    slots: list[Slot] = []
    #: those that have had a result of a size, and those whose first one was about so large
    same: dict[Poly, list[Slot]] = {}
    alike: dict[int, list[Slot]] = {}
    for about, size, v, life in sorted(lives, key=lambda one: -one[0]):
        slot = _free(same.get(size, ()), life)
        if slot is None:
            # else the smallest; all have had larger ones
            found = (_free(alike[k], life) for k in reversed(alike))
            slot = next((s for s in found if s is not None), None)
            if slot is None:
                slot = Slot()
                slots.append(slot)
                alike.setdefault(about, []).append(slot)
            same.setdefault(size, []).append(slot)
        slot.take(v, size, life)
    return sorted(slots, key=lambda slot: slot.starts[0])


def _free(slots: Iterable[Slot], life: range) -> Slot | None:
    """The first slot in which nothing else lives then."""
    return next((s for s in slots if s.is_free(life)), None)


def _about(size: Poly) -> int:
    """How large it may be, where lengths are not known."""
    return sum(factor * _TYPICAL ** len(lengths) for lengths, factor in size.terms.items())
