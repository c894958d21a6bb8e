"""Loops whose turns go abreast: the columns in which indices of extrema are looked for, in vectors."""

from __future__ import annotations

from ..scalar.integer import Poly, Symbol
from .parts import expressions
from .statements import Accumulator, Let, Loop, Store, Take, statements

#: turns that go abreast, and how many of them one instruction is to take: fewer than that do not
ABREAST = 64
TOGETHER = 8


def go_abreast(loop: Loop) -> bool:
    """Whether the turns of a loop go abreast: where each looks for indices of extrema in loops that step over
    rows of memory, of which neighbouring turns read neighbouring elements."""
    inner = [s for s in loop.body if isinstance(s, Loop)]
    turns = loop.length.constant
    if (
        not inner
        or (turns is not None and turns < TOGETHER)
        or any(s.run is not None for s in (loop, *inner))
    ):
        return False
    around = (s for s in loop.body if not isinstance(s, Loop))
    inside = (s for one in inner for s in one.body)
    if not all(isinstance(s, (Accumulator, Let, Store)) for s in around) or not all(
        isinstance(s, (Let, Store)) or (isinstance(s, Take) and s.index is not None) for s in inside
    ):
        return False
    stores = [s for s in statements(loop.body) if isinstance(s, Store)]
    if any(s.add or s.guarded or loop.index not in s.offset.free for s in stores):
        return False
    reads = [(one, e.value[1][0]) for one in inner for e in expressions(one.body) if e.op == "load"]
    return all(_is_near(p, loop.index) for _, p in reads) and any(
        not _is_near(p, one.index) for one, p in reads
    )


def _is_near(offset: Poly, index: Symbol) -> bool:
    """Whether a turn of a loop reads what the one before does, or the element behind it."""
    linear = offset.linear_in([index])
    return linear is not None and linear[0][0] in (0, 1)
