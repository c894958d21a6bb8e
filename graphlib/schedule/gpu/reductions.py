"""Reductions that are no rows of a loop nest: one that keeps axes other than the leading ones is a kernel of
its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...lower.lowering import LOOP, Value
from ...scalar.expression import Expr
from ...scalar.integer import product
from ..builder import Scope
from ..cpu import finds_index
from ..nests import collapsible
from ..plan import DeviceKernel
from ..statements import Take
from ..steps import accesses
from .grids import REDUCE_PARTS, REDUCE_WIDTH
from .kernel import KernelPlanner
from .teams import Columns


def held_dtype(value: Value) -> str:
    """The dtype of what a reduction holds on its way."""
    return value.element.dtype if finds_index(value.kind) else value.variable.dtype


def taken(value: Value, name: str, x: Expr) -> Take:
    """The statement that takes one more element into a reduction."""
    index = LOOP[value.reduced[0]] if finds_index(value.kind) else None
    return Take(name, value.kind, held_dtype(value), x, index)


def into_memory(value: Value) -> bool:
    """Whether a value is a reduction that keeps axes other than the leading ones: a kernel of its own."""
    return value.kind is not None and value.kept is None


def to_memory(values: Sequence[Value]) -> set[Any]:
    """What reductions into memory read of the other values of their nest: there."""
    own = {v.variable for v in values}
    return {u for v in values if into_memory(v) for u, _ in accesses(v.element) if u in own}


def split(values: Sequence[Value]) -> tuple[list[Value], list[Value]]:
    """What is computed row by row, and the reductions into memory."""
    return [v for v in values if not into_memory(v)], [v for v in values if into_memory(v)]


def columns(planner: KernelPlanner, values: Iterable[tuple[Value, Sequence[str]]]) -> list[DeviceKernel]:
    """The kernels of reductions into memory, each with its comment."""
    return [_columns(planner.after(f"_{k}", comment), v) for k, (v, comment) in enumerate(values)]


def _columns(planner: KernelPlanner, value: Value) -> DeviceKernel:
    """Results side by side, each by several threads."""
    axes, builder = value.axes, planner.builder
    kept = [k for k in range(len(axes)) if k not in value.reduced]
    reduced = list(value.reduced)
    boundaries = {k + 1 for k in range(len(axes) - 1) if (k in reduced) != (k + 1 in reduced)}
    planner.merge(
        collapsible(axes, [value.element], [planner.offset(value)], boundaries, lambda array: array.shape)
    )
    builder.levels = {LOOP[k]: 2 if k in reduced else 1 for k in range(len(axes))}
    builder.count_uses([value.element])
    scope = Scope(None, 0)
    outer = Scope(scope, 1)
    inner = Scope(outer, 2)
    results = product(axes[k] for k in kept)
    count = planner.length(results, scope)
    terms = planner.length(product(axes[k] for k in reduced), scope)
    of_kept = planner.indices(axes, kept, "place", scope)
    of_reduced = planner.indices(axes, reduced, "term", scope)
    inner.body.append(taken(value, "r", builder.emit(value.element, inner)))
    offset = planner.length(planner.offset(value), outer)
    one = Columns(
        value.kind,
        held_dtype(value),
        count,
        terms,
        of_kept,
        tuple(outer.body),
        of_reduced,
        tuple(inner.body),
        value.variable,
        offset,
    )
    return planner.kernel([*scope.body, one], "reduce", results, threads=REDUCE_WIDTH * REDUCE_PARTS)
