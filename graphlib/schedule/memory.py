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


@dataclass
class Slot:
    """A part of the arena, as large as the largest of ``sizes`` (bytes)."""

    sizes: list[Poly] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)

    def greatest_known(self) -> int:
        return max((s.constant for s in self.sizes if s.constant is not None), default=0)


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
    slots: list[Slot] = []
    free: list[Slot] = []
    placed: set[Variable] = set()
    ending: dict[int, list[Slot]] = {}
    for k, step in enumerate(schedule.steps):
        for v in dict.fromkeys(schedule.end_of_chain(v) for v in step.writes()):
            if v in placed or not in_arena(v):
                continue
            placed.add(v)
            size = product(schedule.low.shape(v)) * v.type.numpy_dtype.itemsize
            slot = _choose(free, size)
            if slot is None:
                slot = Slot()
                slots.append(slot)
            else:
                free.remove(slot)
            if size not in slot.sizes:
                slot.sizes.append(size)
            slot.variables.append(v)
            ending.setdefault(max(last.get(v, k), k), []).append(slot)
        free.extend(ending.pop(k, ()))
    return slots


def _choose(free: list[Slot], size: Poly) -> Slot | None:
    """The free slot that fits best: of the same size, else the smallest that is large enough, else the
    largest."""
    same = next((s for s in free if size in s.sizes), None)
    if same is not None or not free:
        return same
    if size.constant is None:
        return next((s for s in free if any(n.constant is None for n in s.sizes)), None)
    known = sorted((s for s in free if all(n.constant is not None for n in s.sizes)), key=Slot.greatest_known)
    return next((s for s in known if s.greatest_known() >= size.constant), known[-1] if known else None)
