"""What kernels are made of: a small loop language, whose expressions are those of ``graphlib.scalar``.

Statements are data and say all there is to know; renderers only write them down.  In expressions 'local' is a
register of the kernel and 'load' what lies at an offset in memory; ``Target`` is such memory: an array of the
plan, or by its name one that the kernel has for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from ..records import record
from ..scalar.expression import Expr
from ..scalar.integer import ZERO, Poly, Symbol
from .arrays import Array

Target = Array | str


@record
class Let:
    """A register ``name`` for a value."""

    name: str
    dtype: str
    value: Expr


@record
class Accumulator:
    """A register that a reduction of ``kind`` is taken into, and what it begins with: that of nothing.

    ``dtype`` may be wider than the result's.  Of an argmax or argmin ``dtype`` is the extremum's.
    """

    name: str
    kind: str
    dtype: str


@record
class Take:
    """A term taken into an accumulator, ``index`` being its place for an argmax or argmin."""

    name: str
    kind: str
    dtype: str
    value: Expr
    index: Symbol | None = None


@record
class Add:
    """What one accumulator has found added to another."""

    name: str
    value: str


@record
class Store:
    """A value written to memory; with ``add`` to what is there; with ``guarded`` only if no check failed."""

    target: Target
    dtype: str
    offset: Poly
    value: Expr
    add: bool = False
    guarded: bool = False


@record
class TakeInto:
    """A term taken into a reduction that lies in memory."""

    target: Target
    kind: str
    dtype: str
    offset: Poly
    value: Expr


@record
class Evaluate:
    """A value looked at for its checks only."""

    value: Expr


@record
class Watch:
    """From here on checks note whether they fail."""


@record
class Leave:
    """The call fails here if a check has failed."""


@record
class Begin:
    """The ``size`` elements of an array from ``offset`` set to what a reduction of ``kind`` of nothing is."""

    target: Array
    kind: str
    dtype: str
    size: Poly
    offset: Poly = ZERO


@record
class OwnArray:
    """A small array of the kernel's own."""

    name: str
    dtype: str
    size: int


@record
class OwnMemory:
    """An array of the chunk's own that is too large for the stack: the next piece of its memory."""

    name: str
    dtype: str
    size: Poly


@record
class Parts:
    """Where a chunk takes the terms of a reduction into memory, ``size`` elements: the first chunk into
    ``target`` itself, the others into the next piece of their memory."""

    name: str
    target: Array
    kind: str
    dtype: str
    size: Poly


@record
class Join:
    """What is done when all chunks are there: what the others have is taken into what the first one has."""

    parts: tuple[Parts, ...]


@record
class Draw:
    """A run of random numbers, drawn at once: those at ``position`` and behind, as many as the run has
    turns."""

    name: str
    op: str
    dtype: str
    state: tuple[Expr, ...]
    position: Expr
    length: int


@record
class Totals:
    """A long sum of float32 into the ``size`` elements of ``target`` from ``offset`` is from here on added up
    in double, in the array ``name``.

    ``by_rows``: the target takes the sums of runs of rows, which are added to the totals; else each term
    is.
    """

    name: str
    target: Array
    size: Poly
    by_rows: bool
    offset: Poly = ZERO


@record
class AddRows:
    """After a run of rows: when there have been ``least``, their sums go to the totals."""

    totals: Totals
    least: int


@record
class TakeTotals:
    """The result of a sum that has totals."""

    totals: Totals


@record
class Part:
    """The accumulator ``name`` is this chunk's part of a result: number ``number`` of the kernel's."""

    number: int
    name: str
    dtype: str


@record
class Lanes:
    """That a loop's turns are computed side by side: the reductions that are made in it, each (kind, dtype,
    register), and whether a check in it may fail."""

    reductions: tuple[tuple[str, str, str], ...]
    checks: bool


@record
class Loop:
    """``body`` for every ``index`` below ``length``.

    split: the kernel is called for a chunk of the turns only.  run: turns are taken in runs of so many, with
    ``before`` and ``after`` around each.  abreast: turns are taken some at a time, in step: each turn of a
    loop in it is done by all of them before the next, so that they are the lanes.
    """

    index: Symbol
    length: Poly
    body: tuple[Statement, ...]
    lanes: Lanes | None = None
    split: bool = False
    run: int | None = None
    before: tuple[Statement, ...] = ()
    after: tuple[Statement, ...] = ()
    abreast: bool = False


Statement = (
    Let
    | Accumulator
    | Take
    | Add
    | Store
    | TakeInto
    | Evaluate
    | Watch
    | Leave
    | Begin
    | OwnArray
    | OwnMemory
    | Parts
    | Join
    | Draw
    | Totals
    | AddRows
    | TakeTotals
    | Part
    | Loop
)


def statements(body: Iterable[Any]) -> Iterator[Any]:
    """Every statement in order, those inside loops after the loop itself."""
    for one in body:
        yield one
        kind = type(one)
        names = _TUPLES.get(kind)
        if names is None:
            names = _TUPLES[kind] = tuple(f.name for f in fields(one) if f.type.startswith("tuple"))
        for name in names:
            inside = getattr(one, name)
            if inside and is_statement(inside[0]):
                yield from statements(inside)


#: for each class of statements the fields in which others may be; and whether a class is one of statements
_TUPLES: dict[type, tuple[str, ...]] = {}
_ARE: dict[type, bool] = {}


def is_statement(thing: Any) -> bool:
    """Whether it is a statement of this language, or of that of teams of threads."""
    kind = type(thing)
    found = _ARE.get(kind)
    if found is None:
        found = _ARE[kind] = kind.__module__.endswith((".statements", ".teams"))
    return found
