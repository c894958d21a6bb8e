"""Memory: which intermediate results share a place in the function's arena.

A result lives from the step that makes it to the last that reads it.  Two whose lives do not overlap may have
the same slot; lengths are symbols, so a slot's size is the greatest of its results' sizes, found at the call.
"""

from __future__ import annotations

import heapq
from bisect import bisect, insort
from collections.abc import Callable
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

    def free(self, start: int) -> tuple[int, float]:
        """From which step on, from ``start`` or later, nothing lives there, and until which."""
        k = bisect(self.starts, start)
        begin = max(start, self.stops[k - 1]) if k else start
        return begin, self.starts[k] if k < len(self.starts) else float("inf")

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
    #: about how large the first result of each slot is
    abouts: list[int] = []
    #: of results of a size, the slots that have had one, and all: of these the smallest first
    searches: dict[Poly, tuple[_Search, _Search]] = {}
    for about, size, v, life in sorted(lives, key=lambda one: -one[0]):
        same, others = searches.setdefault(size, (_Search(), _Search()))
        slot = same.find(life)
        if slot is None:
            for k in range(others.count, len(slots)):
                others.add((abouts[k], k), slots[k])
            slot = others.find(life)
            if slot is None:
                slot = Slot()
                slots.append(slot)
                abouts.append(about)
            same.add((same.count,), slot)
        slot.take(v, size, life)
    return sorted(slots, key=lambda slot: slot.starts[0])


class _Search:
    """Finds the first of some slots, in the order of their keys, that is free for a life, when lives come in
    the order in which they begin: a slot in which something lives then is not looked at until that ends."""

    def __init__(self) -> None:
        self.count = 0
        self._free: list[tuple[tuple, Slot]] = []
        self._taken: list[tuple[int, tuple, Slot]] = []

    def add(self, key: tuple, slot: Slot) -> None:
        self.count += 1
        insort(self._free, (key, slot))

    def find(self, life: range) -> Slot | None:
        while self._taken and self._taken[0][0] <= life.start:
            insort(self._free, heapq.heappop(self._taken)[1:])
        k = 0
        while k < len(self._free):
            slot = self._free[k][1]
            begin, end = slot.free(life.start)
            if begin > life.start:
                heapq.heappush(self._taken, (begin, *self._free.pop(k)))
            elif life.stop <= end:
                return slot
            else:
                k += 1
        return None


def _about(size: Poly) -> int:
    """How large it may be, where lengths are not known."""
    return sum(factor * _TYPICAL ** len(lengths) for lengths, factor in size.terms.items())
