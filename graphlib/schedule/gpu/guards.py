"""Proof that a kernel of a device stays inside its arrays: what its threads' numbers are taken for, the tiles
and vectors that it loads at once, and the functions of the device's library that it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import numpy as np

from ...scalar.contracts import contract_of
from ...scalar.integer import ONE, ZERO, Poly, divided, product, symbol
from ..arrays import Array
from ..inequalities import Facts
from ..plan import DeviceKernel
from ..ranges import Checked, Ranges
from .grids import FOUR, MAX_BLOCKS, TRANSPOSED
from .teams import (
    ELEMENT,
    UNROLLED,
    Barrier,
    BlockPart,
    Columns,
    DeviceCall,
    EachThread,
    First,
    Float4,
    GuardedCopy,
    Indices,
    Own,
    ProductTiles,
    Result,
    Scratch,
    Serial,
    TeamLoop,
    TeamReduce,
    Teams,
    TileFactor,
    Transposed,
)

#: what a product sums over; the length of the runs that are merged
_TERM, _RUN = symbol("term", True, -20), symbol("run", False, -21)


class DeviceRanges(Ranges):
    """Goes through a kernel of a device; ``flats`` are the numbers that indices are made of, by their names,
    and what they are less than."""

    def __init__(
        self, given: Facts, checked: set[Checked], guarded: Iterable[Poly], kernel: DeviceKernel
    ) -> None:
        super().__init__(given, checked, guarded)
        self.kernel = kernel
        self.flats: dict[str, Poly] = {}

    def body(self, body: Iterable[Any]) -> None:
        body = tuple(body)
        for k, one in enumerate(body):
            if isinstance(one, Indices):
                with self.decoded(one):
                    self.body(body[k + 1 :])
                return
            super().body((one,))

    @contextmanager
    def counting(self, flat: str, count: Poly) -> Iterator[None]:
        """A number goes through all that is less than a count."""
        self.flats[flat] = count
        with self.at_least(count):
            yield

    @contextmanager
    def decoded(self, one: Indices) -> Iterator[None]:
        """A number is taken apart into indices, the first of which is what is left."""
        total = self.poly_written_out(self.flats[one.flat])
        others = [(index, self.poly_written_out(n)) for index, n in one.indices[1:]]
        inner = product(n for _, n in others)
        outer, rest = divided(total, inner) if inner.terms else (total, ZERO)
        with ExitStack() as stack:
            for index, n in others:
                stack.enter_context(self.going(index, n))
            if one.indices:
                stack.enter_context(self.going(one.indices[0][0], total if rest.terms else outer))
            yield

    def size_of_own(self, target: Any) -> Poly | None:
        if not isinstance(target, Own):
            return self.own.get(target.split("[")[0].split(".")[0])
        if target.kind != "partial":
            return product(target.array.shape)
        held = Poly.of(16 * MAX_BLOCKS) if self.kernel.scratch is None else self.kernel.scratch
        return divided(held, Poly.of(np.dtype(target.dtype).itemsize))[0]

    def teams(self, one: Teams) -> None:
        with self.counting("row", one.count), self.decoded(one.indices):
            self.body(one.body)

    def float4(self, one: Float4) -> None:
        """Four elements from one of every fourth on: all that there are along their axis."""
        numbers = dict(one.indices.indices)
        alone = len(numbers) == 1 or (numbers[one.index].constant or 1) % FOUR == 0
        self.prove(ZERO if alone else -ONE, "four elements of a row")
        with self.counting(f"four * {FOUR}", one.count), self.decoded(one.indices):
            for run in one.runs:
                self.own[run.name] = Poly.of(FOUR)
                self.inside(run.array, run.offset + one.index)
            with self.going(UNROLLED, Poly.of(FOUR)):
                self.body(one.body)

    def team_loop(self, one: TeamLoop) -> None:
        with self.going(one.index, one.length):
            self.body(one.body)

    def counted_loop(self, one: EachThread | Serial) -> None:
        with self.counting(one.name, one.count), self.going(ELEMENT, one.count):
            self.body(one.body)

    def columns(self, one: Columns) -> None:
        with self.counting("place", one.count), self.decoded(one.kept):
            self.body(one.outer)
            self.inside(one.target, one.offset)
            with self.counting("term", one.terms), self.decoded(one.reduced):
                self.body(one.inner)

    def transposed(self, one: Transposed) -> None:
        rows, columns = one.lengths
        with (
            self.counting("rest", one.rest),
            self.decoded(one.indices),
            self.going(one.along, rows),
            self.going(one.across, columns),
            self.going(ELEMENT, Poly.of(TRANSPOSED)),
        ):
            for tile in one.tiles:
                self.own[tile.name] = Poly.of(TRANSPOSED)
                self.inside(tile.array, tile.offset)
            self.body(one.body)

    def product(self, one: ProductTiles) -> None:
        row, column = one.indices[-2:]
        first = one.m if one.batch is None else one.many
        with self.going(row, one.m), self.going(column, one.n), self.going(one.indices[0], first):
            for e in (one.alpha, one.beta, one.c):
                if e is not None and not isinstance(e, Array):
                    self.loads(e)
            self.body(one.before)
            for array in (one.c, one.target):
                if isinstance(array, Array):
                    self.inside(array, one.place)
            self.body(one.element)
            with self.going(_TERM, one.k):
                self.factor(one.a, one, row, True)
                self.factor(one.b, one, column, False)

    def factor(self, f: TileFactor, one: ProductTiles, other: Any, is_left: bool) -> None:
        """An element of a factor, at what is summed over and at the product's row or column."""
        apart, beside = (other, _TERM) if f.by_rows == is_left else (_TERM, other)
        offset = f.offset + f.leading * apart + beside
        self.inside(f.array, offset + (f.batch * one.indices[0] if f.batch is not None else ZERO))

    def call(self, one: DeviceCall) -> None:
        self.own |= {name: Poly.of(size) for name, _, size in one.shared}
        arrays = [a for a in one.arguments if isinstance(a, (Array, str)) or _is_memory(a)]
        integers = [a for a in one.arguments if isinstance(a, Poly)]
        integers += [Poly.of(_RUN) for a in one.arguments if isinstance(a, Own) and a.kind == "run"]
        found = contract_of(f"{one.function}_on_device", one.function)
        sizes = [product(a.shape) if isinstance(a, Array) else self.size_of_own(a) for a in arrays]
        for array, size, extent in zip(arrays, sizes, found.extents(*integers), strict=True):
            self.prove((ZERO if size is None else size) - extent, f"{array} in {one.function}")
        with self.at_least(*(size for size in sizes if size is not None)):
            for need in found.needs(*integers):
                self.prove(Poly.of(need), f"what {one.function} is given")

    def block_part(self, one: BlockPart) -> None:
        self.inside(one.array, ZERO)

    handlers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        **Ranges.handlers,
        Teams: teams,
        Float4: float4,
        TeamLoop: team_loop,
        EachThread: counted_loop,
        Serial: counted_loop,
        Columns: columns,
        Transposed: transposed,
        ProductTiles: product,
        DeviceCall: call,
        BlockPart: block_part,
        First: lambda self, one: self.body(one.body),
        **dict.fromkeys((Barrier, Scratch, TeamReduce, Result, GuardedCopy), Ranges.nothing),
    }


def _is_memory(argument: Any) -> bool:
    """Whether an argument is memory of the kernel's own, not the number that goes by that name."""
    return isinstance(argument, Own) and argument.kind != "run"
