"""Transposition: what a loop nest reads across the way it lies in memory goes through tiles in shared memory,
so that both reads and writes are of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...lower.lowering import LOOP, Value
from ...scalar.expression import Expr, load
from ...scalar.integer import Poly, flat_index, product
from ..arrays import Array
from ..builder import Scope
from ..plan import DeviceKernel
from ..steps import accesses
from .grids import TRANSPOSED
from .kernel import KernelPlanner
from .teams import ELEMENT, Tile, Transposed

#: tiles that a kernel has at most: four of float64 take 33 of the 48 KiB of shared memory
_MOST = 4
#: the least length of the two axes of a tile
_LEAST = 8


@dataclass
class Tiles:
    """What is read across, with the name of its tile; memory is walked along ``axis`` there."""

    axis: int | None = None
    names: dict[tuple[Array, Poly], str] = field(default_factory=dict)

    def staged(self, array: Array, offset: Poly, written: bool) -> Expr | None:
        name = self.names.get((array, offset)) if not written else None
        return None if name is None else load(f"{name}[threadIdx.x]", array.dtype, Poly.of(ELEMENT))


def find(planner: KernelPlanner, axes: tuple[Poly, ...], values: Sequence[Value]) -> Tiles:
    """What is read across by a nest of ``axes`` that computes ``values``, all by the same axis."""
    tiles, last = Tiles(), len(axes) - 1
    if last < 1 or (product(axes).constant or TRANSPOSED**2) < TRANSPOSED**2:
        return tiles
    own = {v.variable for v in values}
    for v, index in (access for value in values for access in accesses(value.element)):
        offset = flat_index(index, v.shape)
        linear = offset.linear_in(LOOP[: last + 1])
        opaque = any(isinstance(a, Expr) for m in offset.terms for a in m)
        if v in own or linear is None or opaque or linear[0][last] in (0, 1):
            continue
        axis = next((k for k in range(last) if linear[0][k] == 1 and k not in planner.merged), None)
        if axis is None or tiles.axis not in (None, axis) or len(tiles.names) == _MOST:
            continue
        if any((planner.turns(axes, k).constant or _LEAST) < _LEAST for k in (axis, last)):
            continue
        tiles.axis = axis
        tiles.names.setdefault((v, offset), f"tile{len(tiles.names)}")
    return tiles


def through(
    tiles: Tiles,
    planner: KernelPlanner,
    axes: tuple[Poly, ...],
    body: Callable[[Scope], None],
    scope: Scope,
) -> DeviceKernel:
    """The kernel of a nest of ``axes``, what it reads across going through ``tiles``; ``body`` puts the
    statements of one element into a scope."""
    axis, last = tiles.axis, len(axes) - 1
    others = [k for k in range(last) if k != axis and k not in planner.merged]
    inside = Scope(scope, len(axes))
    loaded = tuple(
        Tile(name, array, planner.builder.poly(offset)) for (array, offset), name in tiles.names.items()
    )
    planner.staged = tiles.staged
    body(inside)
    planner.staged = None
    turns = [planner.turns(axes, k) for k in (axis, last)]
    lengths = [planner.length(n, scope) for n in turns]
    rest = product(planner.turns(axes, k) for k in others)
    count = planner.length(rest, scope)
    indices = planner.indices(axes, others, "rest", scope)
    one = Transposed(loaded, LOOP[axis], LOOP[last], tuple(lengths), count, indices, tuple(inside.body))
    return planner.kernel([*scope.body, one], "transpose", rest, inner=tuple(turns))
