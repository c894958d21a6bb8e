"""Memory: which intermediate results share a place in the function's arena.

A result lives from the step that makes it to the last that reads it.  Two whose lives do not overlap may have
the same slot; lengths are symbols, so a slot's size is the greatest of its results' sizes, found at the call.
"""

from __future__ import annotations

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
    #: the steps between which each of them lives
    lives: list[range] = field(default_factory=list)


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
    for _, size, v, life in sorted(lives, key=lambda one: -one[0]):
        free = [s for s in slots if all(life.stop <= o.start or o.stop <= life.start for o in s.lives)]
        slot = _choose(free, size)
        if slot is None:
            slot = Slot()
            slots.append(slot)
        if size not in slot.sizes:
            slot.sizes.append(size)
        slot.variables.append(v)
        slot.lives.append(life)
    return sorted(slots, key=lambda slot: min(life.start for life in slot.lives))


def _choose(free: list[Slot], size: Poly) -> Slot | None:
    """The free slot that fits best: of the same size, else the smallest; all have had larger ones."""
    same = next((s for s in free if size in s.sizes), None)
    return same or min(free, key=lambda s: _about(s.sizes[0]), default=None)


def _about(size: Poly) -> int:
    """How large it may be, where lengths are not known."""
    return sum(factor * _TYPICAL ** len(lengths) for lengths, factor in size.terms.items())
