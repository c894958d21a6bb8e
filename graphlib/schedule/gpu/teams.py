"""Statements of kernels that many threads carry out, beside those of ``schedule.statements``."""

from __future__ import annotations

from typing import Any

from ...records import record
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol, symbol
from ..arrays import Array

#: an element of four that a thread computes; an element of a whole array
UNROLLED, ELEMENT = symbol("u", True, -3), symbol("k", True, -2)


@record
class Indices:
    """The number ``flat`` as indices, outermost first, each with the length of its axis."""

    flat: str
    indices: tuple[tuple[Symbol, Poly], ...]


@record
class Scratch:
    """Shared memory in which a block reduces."""


@record
class Teams:
    """``body`` for every row below ``count``, each by one team; the first ones may have been done by
    ``Float4``."""

    count: Poly
    indices: Indices
    body: tuple[Any, ...]
    rest: bool = False


@record
class Run4:
    """Four elements side by side, in registers by ``name``: those at ``offset`` and behind, plus the index of
    the first."""

    name: str
    array: Array
    offset: Poly
    written: bool


@record
class Float4:
    """The first of ``count`` elements by fours: those that ``runs`` are about are loaded and stored at once,
    where memory lies as that needs."""

    count: Poly
    index: Symbol
    indices: Indices
    runs: tuple[Run4, ...]
    body: tuple[Any, ...]


@record
class TeamLoop:
    """``body`` for every ``index`` below ``length``: ``shared`` out over a team's threads, or by each."""

    index: Symbol
    length: Poly
    body: tuple[Any, ...]
    shared: bool


@record
class Barrier:
    """All threads of a team get here before one goes on."""


@record
class First:
    """``body`` by the first thread of a team; ``apart``: others may still read what is written over, or go on
    to read it."""

    body: tuple[Any, ...]
    apart: bool = False


@record
class TeamReduce:
    """What each thread of a team has found, taken together."""

    name: str
    kind: str
    dtype: str


@record
class Result:
    """The register ``name`` for the result of what an accumulator holds."""

    name: str
    dtype: str
    of: str
    kind: str
    held: str


@record
class BlockPart:
    """What the threads of a block have found is the block's part of a full reduction into ``array``."""

    name: str
    kind: str
    dtype: str
    array: Array


@record
class EachThread:
    """``body`` for every number ``name`` below ``count``, each by one thread."""

    name: str
    count: Poly
    body: tuple[Any, ...]


@record
class Serial:
    """``body`` for every number ``name`` below ``count``, one after the other."""

    name: str
    count: Poly
    body: tuple[Any, ...]


@record
class Columns:
    """Sums side by side, each by several threads: for each of ``count`` results at ``kept`` the ``terms`` at
    ``reduced`` are reduced; ``outer`` is computed for a result, ``inner`` for a term."""

    kind: str
    dtype: str
    count: Poly
    terms: Poly
    kept: Indices
    outer: tuple[Any, ...]
    reduced: Indices
    inner: tuple[Any, ...]
    target: Array
    offset: Poly


@record
class Tile:
    """A tile of shared memory, by ``name``, for what is read of ``array`` at ``offset``."""

    name: str
    array: Array
    offset: Poly


@record
class Transposed:
    """``body`` for every element of two axes, ``rest`` times, through tiles of shared memory: memory is read
    along ``across`` and written along ``along``."""

    tiles: tuple[Tile, ...]
    along: Symbol
    across: Symbol
    lengths: tuple[Poly, Poly]
    rest: Poly
    indices: Indices
    body: tuple[Any, ...]


@record
class TileFactor:
    """A factor of a product by tiles: where it lies, whether its rows lie in one run each, and how far apart
    those runs are (else its columns'); ``batch``: from one of a batch to the next."""

    array: Array
    offset: Poly
    by_rows: bool
    leading: Poly
    batch: Poly | None


@record
class ProductTiles:
    """alpha * a·b + beta * c by tiles in shared memory; each element of it is ``product`` in ``element``, or
    stored at ``place`` of ``target``.

    c: an array, read at the same place, or one scalar.
    """

    dtype: str
    registers: int
    a: TileFactor
    b: TileFactor
    m: Poly
    n: Poly
    k: Poly
    batch: Poly | None
    many: Poly
    indices: tuple[Symbol, ...]
    alpha: Expr | None
    beta: Expr | None
    c: Array | Expr | None
    place: Poly
    before: tuple[Any, ...]
    target: Array | None
    element: tuple[Any, ...]


@record
class Own:
    """Memory of a kernel that is no array: its 'partial' results, or the two between which a sort goes 'to'
    and 'from'."""

    kind: str
    array: Array
    dtype: str


@record
class DeviceCall:
    """A function of the device's library, with template ``parameters``; ``shared`` is memory that it needs:
    name, dtype and length of each."""

    function: str
    parameters: tuple[str, ...]
    arguments: tuple[Any, ...]
    written: tuple[Array, ...]
    shared: tuple[tuple[str, str, int], ...] = ()


@record
class GuardedCopy:
    """Bytes copied from one address to another, as a launch says."""
