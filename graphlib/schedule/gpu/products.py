"""Matrix products by tiles in shared memory, with what a loop nest computes of each element; and the scalars
of products by cuBLAS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...lower.lowering import LOOP, Strided, Value
from ...scalar.expression import Expr, integer, local
from ...scalar.integer import ONE, Poly, flat_index
from ..arrays import Array
from ..builder import Scope
from ..plan import DeviceKernel
from ..statements import Statement, Store
from ..steps import MatMul
from .grids import GEMM_REGISTERS, TILE
from .kernel import KernelPlanner, own
from .reductions import columns, split
from .teams import ProductTiles, TileFactor


def scalars(planner: KernelPlanner, out: Array, alpha: Expr | None, beta: Expr | None) -> DeviceKernel:
    """alpha and beta of a product by cuBLAS, in memory; 0 and 1 after a wrong index: that changes nothing."""
    builder = planner.builder
    builder.count_uses([e for e in (alpha, beta) if e is not None])
    scope = Scope(None, 0)
    given = [
        builder.emit(e, scope) if e is not None else integer(default)
        for e, default in ((alpha, 1), (beta, 0))
    ]
    to = own("partial", out)
    stores = [Store(to, out.dtype, Poly.of(k), e) for k, e in enumerate(given)]
    nothing = tuple(Store(to, out.dtype, Poly.of(k), integer(k)) for k in (0, 1))
    return planner.kernel([*scope.body, *stores], "single", ONE, threads=1, nothing=nothing, scratch=None)


def gemm_and_loops(
    planner: KernelPlanner,
    step: MatMul,
    values: Sequence[Value],
    stored: set[Array],
    comments: Any,
) -> list[DeviceKernel]:
    """A product whose kernel also computes what a loop nest does with each element; all in terms of
    arrays."""
    by_rows, in_memory = split(values)
    planner.stored = stored
    first = gemm(planner, step, by_rows)
    return [first, *columns(planner, [(v, comments([v])) for v in in_memory])]


def gemm(planner: KernelPlanner, step: MatMul, values: Sequence[Value] = ()) -> DeviceKernel:
    """out = alpha * a·b + beta * c by tiles in shared memory; with ``values``, those of each element
    instead.  ``step`` is in terms of arrays."""
    out, builder = step.variable, planner.builder
    (m, k), n = step.shape_a[-2:], step.shape_b[-1]
    indices = LOOP[: len(step.shape_a)]
    builder.levels = dict.fromkeys(indices, 1)
    given = [e for e in (step.alpha, step.beta, step.c) if isinstance(e, Expr)]
    builder.count_uses([*given, *(v.element for v in values)])
    scope = Scope(None, 0)
    element = Scope(scope, 1)
    alpha, beta = (builder.emit(e, scope) if e is not None else None for e in (step.alpha, step.beta))
    batch = step.shape_a[0] if step.batched else ONE
    lengths = [planner.length(p, scope) for p in (m, n, k, batch)]
    a = _factor(planner, step.a, step.shape_a, scope)
    b = _factor(planner, step.b, step.shape_b, scope)
    place = planner.length(flat_index(tuple(map(Poly.of, indices)), out.shape), element)
    c = None
    if step.c is not None and step.beta is not None:
        c = builder.emit(step.c, scope) if isinstance(step.c, Expr) else step.c
    before = tuple(element.body)
    element.body = []
    stores: list[Statement] = []
    if values:
        builder.locals[out] = local("product", out.dtype), element
        for value in values:
            planner.map_value(value, element, stores)
    one = ProductTiles(
        out.dtype,
        GEMM_REGISTERS[out.dtype],
        a,
        b,
        *lengths[:3],
        batch if step.batched else None,
        lengths[3],
        indices,
        alpha,
        beta,
        c,
        place,
        before,
        None if values else out,
        (*element.body, *stores),
    )
    side = TILE * GEMM_REGISTERS[out.dtype]
    return planner.kernel([*scope.body, one], "tiles", m, inner=(n, Poly.of(side)), batch=batch)


def _factor(planner: KernelPlanner, side: Strided, shape: tuple[Poly, ...], scope: Scope) -> TileFactor:
    rows, columns = side.strides[-2:]
    by_rows = columns == 1 or shape[-1] == 1
    offset = planner.length(side.offset, scope)
    batch = planner.length(side.strides[0], scope) if len(shape) == 3 else None
    return TileFactor(side.base, offset, by_rows, planner.length(rows if by_rows else columns, scope), batch)
