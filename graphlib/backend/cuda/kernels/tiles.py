"""Transposition: what a loop nest reads across the way it lies in memory goes through tiles in shared memory,
so that both reads and writes are of neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ....compile.lowering import LOOP, Value
from ....compile.steps import accesses
from ....graph import Variable
from ....scalar.expression import Expr
from ....scalar.integer import Poly, flat_index, product
from ...expressions import Scope
from ..grids import TRANSPOSED, TRANSPOSED_ROWS
from ..scalar import C_TYPES
from .kernel import Kernel
from .writer import KernelWriter

#: tiles that a kernel has at most: four of float64 take 33 of the 48 KiB of shared memory
_MOST = 4
#: the least length of the two axes of a tile
_LEAST = 8


@dataclass
class Tiles:
    """What is read across, with the name of its tile; memory is walked along ``axis`` there."""

    axis: int | None = None
    names: dict[tuple[Variable, Poly], str] = field(default_factory=dict)

    def staged(self, v: Variable, offset: Poly, written: bool) -> str | None:
        name = self.names.get((v, offset)) if not written else None
        return f"{name}[threadIdx.x][k]" if name is not None else None


def find(writer: KernelWriter, axes: tuple[Poly, ...], values: Sequence[Value]) -> Tiles:
    """What is read across by a nest of ``axes`` that computes ``values``, all by the same axis."""
    tiles, last = Tiles(), len(axes) - 1
    if last < 1 or (product(axes).constant or TRANSPOSED**2) < TRANSPOSED**2:
        return tiles
    own = {v.variable for v in values}
    for v, index in (access for value in values for access in accesses(value.element)):
        offset = flat_index(index, writer.low.shape(v))
        linear = offset.linear_in(LOOP[: last + 1])
        opaque = any(isinstance(a, Expr) for m in offset.terms for a in m)
        if v in own or linear is None or opaque or linear[0][last] in (0, 1):
            continue
        axis = next((k for k in range(last) if linear[0][k] == 1 and k not in writer.collapsed), None)
        if axis is None or tiles.axis not in (None, axis) or len(tiles.names) == _MOST:
            continue
        if any((writer.turns(axes, k).constant or _LEAST) < _LEAST for k in (axis, last)):
            continue
        tiles.axis = axis
        tiles.names.setdefault((v, offset), f"tile{len(tiles.names)}")
    return tiles


def through(
    tiles: Tiles,
    writer: KernelWriter,
    axes: tuple[Poly, ...],
    body: Callable[[Scope], None],
    scope: Scope,
    variables: Sequence[Variable],
) -> Kernel:
    """The kernel of a nest of ``axes``, what it reads across going through ``tiles``; ``body`` writes the
    statements of one element into a scope."""
    axis, last, side, by = tiles.axis, len(axes) - 1, TRANSPOSED, TRANSPOSED_ROWS
    others = [k for k in range(last) if k != axis and k not in writer.collapsed]
    inside = Scope(scope, len(axes))
    loads = [
        f"{name}[k][threadIdx.x] = {writer.pointer(v)}[{writer.printer.poly(offset)}];"
        for (v, offset), name in tiles.names.items()
    ]
    writer.staged = tiles.staged
    body(inside)
    writer.staged = None
    turns = {k: writer.turns(axes, k) for k in (axis, last)}
    lengths = {k: writer.poly(n, scope) for k, n in turns.items()}
    rest = product(writer.turns(axes, k) for k in others)
    count = writer.poly(rest, scope)
    a, b = LOOP[axis].name, LOOP[last].name

    def over_tile(first: str, second: str, lines: list[str]) -> list[str]:
        return [
            f"for (int k = threadIdx.y; k < {side}; k += {by}) {{",
            f"    const long long {a} = {a}_first + {first}, {b} = {b}_first + {second};",
            f"    if ({a} < {lengths[axis]} && {b} < {lengths[last]}) {{",
            *("        " + line for line in lines),
            "    }",
            "}",
        ]

    one_tile = [
        "long long rest = tile;",
        f"const long long {b}_first = gl_split(&rest, columns) * {side};",
        f"const long long {a}_first = gl_split(&rest, rows) * {side};",
        *writer.decode(axes, others, "rest", scope),
        *over_tile("threadIdx.x", "k", loads),
        "__syncthreads();",
        *over_tile("k", "threadIdx.x", inside.lines),
        "__syncthreads();",
    ]
    lines = [
        *(
            f"__shared__ {C_TYPES[v.dtype]} {name}[{side}][{side} + 1];"
            for (v, _), name in tiles.names.items()
        ),
        *scope.lines,
        f"const long long columns = ({lengths[last]} + {side - 1}) / {side};",
        f"const long long rows = ({lengths[axis]} + {side - 1}) / {side};",
        f"for (long long tile = blockIdx.x; tile < ({count}) * rows * columns; tile += gridDim.x) {{",
        *("    " + line for line in one_tile),
        "}",
    ]
    return writer.kernel(lines, variables, "transpose", rest, inner=[turns[axis], turns[last]])


__all__ = ["Tiles", "find", "through"]
