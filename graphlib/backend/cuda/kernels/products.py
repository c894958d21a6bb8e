"""Matrix products by tiles in shared memory, with what a loop nest computes of each element; and the scalars
of products by cuBLAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ....compile.lowering import LOOP, Strided, Value
from ....compile.steps import Loops, MatMul
from ....scalar.expression import Expr
from ....scalar.integer import ONE, Poly, flat_index
from ...expressions import Scope
from ..grids import GEMM_REGISTERS, TILE
from ..scalar import C_TYPES
from .kernel import Kernel
from .reductions import columns, split
from .writer import KernelWriter


def scalars(writer: KernelWriter, step: MatMul) -> Kernel:
    """alpha and beta of a product by cuBLAS, in memory; 0 and 1 after a wrong index: that changes nothing."""
    out = step.variable
    writer.printer.count_uses([e for e in (step.alpha, step.beta) if e is not None])
    scope = Scope(None, 0)
    alpha = _scalar(writer, step.alpha, "1", scope)
    beta = _scalar(writer, step.beta if step.c is not None else None, "0", scope)
    to = writer.argument("partial", out, C_TYPES[out.dtype], written=True)
    lines = [*scope.lines, f"{to}[0] = {alpha};", f"{to}[1] = {beta};"]
    nothing = f"{to}[0] = 0, {to}[1] = 1;"
    return writer.kernel(lines, [out], "single", ONE, threads=1, otherwise=nothing)


def gemm_and_loops(writer: KernelWriter, product: MatMul, loops: Loops) -> list[Kernel]:
    """A product whose kernel also computes what a loop nest does with each element."""
    values, in_memory = split(loops)
    writer.stored = loops.stored
    return [gemm(writer, product, values), *columns(writer, in_memory)]


def gemm(writer: KernelWriter, step: MatMul, values: Sequence[Value] = ()) -> Kernel:
    """out = alpha * a·b + beta * c by tiles in shared memory; with ``values``, those of each element
    instead."""
    out = step.variable
    c_type, registers = C_TYPES[out.dtype], GEMM_REGISTERS[out.dtype]
    (m, k), n = step.shape_a[-2:], step.shape_b[-1]
    indices = LOOP[: len(step.shape_a)]
    writer.printer.levels = dict.fromkeys(indices, 1)
    given = [e for e in (step.alpha, step.beta, step.c) if isinstance(e, Expr)]
    writer.printer.count_uses([*given, *(v.element for v in values)])
    scope = Scope(None, 0)
    element = Scope(scope, 1)
    alpha = _scalar(writer, step.alpha, "1", scope)
    beta = _scalar(writer, step.beta, "0", scope)
    batch = step.shape_a[0] if step.batched else ONE
    m_text, n_text, k_text, many = (writer.poly(p, scope) for p in (m, n, k, batch))
    lengths = f"{m_text}, {n_text}, {k_text}"
    a = _factor(writer, step.a, step.shape_a, scope)
    b = _factor(writer, step.b, step.shape_b, scope)
    place = writer.poly(flat_index(tuple(map(Poly.of, indices)), writer.low.shape(out)), element)
    result = f"{alpha} * sum[y][x]" if alpha != "1" else "sum[y][x]"
    if step.c is not None and step.beta is not None:
        by_scalar = isinstance(step.c, Expr)
        c = writer.printer.emit(step.c, scope) if by_scalar else f"{writer.pointer(step.c)}[{place}]"
        # as in BLAS: with beta 0 c is not looked at, NaN or not
        result += f" + ({beta} == 0 ? 0 : {beta} * {c})"
    if not values:
        element.lines.append(f"{writer.pointer(out, written=True)}[{place}] = {result};")
    else:
        element.lines.append(f"const {c_type} product = {result};")
        writer.printer.locals[out] = ("product", element)
        stores: list[str] = []
        for value in values:
            writer.map_value(value, element, stores)
        element.lines += stores
    side = TILE * registers
    row, column = (index.name for index in indices[-2:])
    runs = f"{str(a.by_rows).lower()}, {str(not b.by_rows).lower()}"
    factors = f"{a.address}, {a.leading}, {b.address}, {b.leading}"
    one_tile = [
        f"for (long long row = blockIdx.y * {side}LL; row < {m_text}; row += gridDim.y * {side}LL) {{",
        f"    gl_gemm_tile<{registers}, {runs}>({factors}, {lengths},",
        "        row, column, a_tile, b_tile, sum);",
        "    #pragma unroll",
        f"    for (int y = 0; y < {registers}; y++)",
        "    #pragma unroll",
        f"        for (int x = 0; x < {registers}; x++) {{",
        f"            const long long {row} = row + threadIdx.y + {TILE} * y;",
        f"            const long long {column} = column + threadIdx.x + {TILE} * x;",
        f"            if ({row} >= {m_text} || {column} >= {n_text}) continue;",
        *("            " + line for line in element.lines),
        "        }",
        "}",
    ]
    if step.batched:
        one = indices[0].name
        all_of_batch = f"for (long long {one} = blockIdx.z; {one} < {many}; {one} += gridDim.z)"
        one_tile = [all_of_batch, *("    " + line for line in one_tile)]
    lines = [
        f"__shared__ {c_type} a_tile[{TILE}][{side} + 1], b_tile[{TILE}][{side} + 1];",
        f"{c_type} sum[{registers}][{registers}];",
        *scope.lines,
        f"const long long column = blockIdx.x * {side}LL;",
        *one_tile,
    ]
    variables = [out, *(v.variable for v in values)]
    return writer.kernel(lines, variables, "tiles", m, inner=[n, Poly.of(side)], batch=batch)


class _Factor(NamedTuple):
    """The text of a factor's address, whether its rows lie in one run each, and how far apart those runs are
    (else its columns')."""

    address: str
    by_rows: bool
    leading: str


def _factor(writer: KernelWriter, side: Strided, shape: tuple[Poly, ...], scope: Scope) -> _Factor:
    rows, columns = side.strides[-2:]
    by_rows = columns == 1 or shape[-1] == 1
    address = f"{writer.pointer(side.base)} + {writer.poly(side.offset, scope)}"
    if len(shape) == 3:
        address += f" + {LOOP[0].name} * ({writer.poly(side.strides[0], scope)})"
    return _Factor(address, by_rows, writer.poly(rows if by_rows else columns, scope))


def _scalar(writer: KernelWriter, e: Expr | None, default: str, scope: Scope) -> str:
    return writer.printer.emit(e, scope) if e is not None else default


__all__ = ["gemm", "gemm_and_loops", "scalars"]
