"""Arrays that are joined of others: where one loop nest computes all parts, it puts them where they are
joined, and no copy is made afterwards."""

from __future__ import annotations

from ..lower.lowering import LOOP, Placed
from ..scalar.integer import Poly, Symbol
from .nests import runs_on
from .schedule import Schedule
from .steps import Loops, Pushes

#: the shortest row that is worth a loop of its own, where a nest could else walk all rows as one
_ROW = 32


def absorbed(schedule: Schedule) -> None:
    """Have nests put what they compute where other steps would copy it to, and leave those steps out."""
    gone: set[Pushes] = set()
    for step in schedule.steps:
        nest = _nest(schedule, step) if isinstance(step, Pushes) else None
        if nest is None:
            continue
        for piece in step.pieces:
            part, _ = piece.element.value
            nest.landings.setdefault(part, []).append((step.variable, piece.offset))
        nest.nodes += step.nodes
        schedule.maker[step.variable] = nest
        gone.add(step)
    if gone:
        schedule.steps = [step for step in schedule.steps if step not in gone]
        schedule.find_stored()


def _nest(schedule: Schedule, step: Pushes) -> Loops | None:
    """The nest that computes all that is joined."""
    v, low = step.variable, schedule.low
    place = schedule.place.get(schedule.end_of_chain(v))
    in_place = place is not None and place >= len(schedule.program.outputs)
    later = any(low.depends_on_data(n) for n in low.shape(v))
    if step.base is not None or in_place or later or not step.pieces:
        return None
    makers = {_maker(schedule, piece) for piece in step.pieces}
    return makers.pop() if len(makers) == 1 else None


def _maker(schedule: Schedule, piece: Placed) -> Loops | None:
    """The nest that computes a piece, element by element as the piece reads it."""
    element = piece.element
    if element.op != "access" or piece.mode != "set" or piece.collides:
        return None
    part, index = element.value
    maker = schedule.maker.get(part)
    if not isinstance(maker, Loops):
        return None
    value = maker.made.get(part)
    if value is None:
        # joined of parts that the nest computes: it is in memory, as it is read from there here
        return None
    same = value.kind is None and value.index == index and value.axes == piece.axes
    known = all(isinstance(a, Symbol) for m in piece.offset.terms for a in m)
    return maker if same and known and _walks_well(value.axes, piece.offset) else None


def _walks_well(axes: tuple[Poly, ...], offset: Poly) -> bool:
    """Whether rows are long, or lie one behind the other where they are joined."""
    if len(axes) < 2 or (axes[-1].constant or 0) >= _ROW:
        return True
    pairs = zip(LOOP, LOOP[1:], axes[1:], strict=False)
    return all(runs_on(offset, outer, inner, extent) for outer, inner, extent in pairs)
