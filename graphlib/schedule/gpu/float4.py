"""Vectorised memory access: a thread computes four neighbours along a nest's last axis, and loads and stores
their elements at once where memory is walked so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...lower.lowering import LOOP
from ...scalar.expression import Expr, load
from ...scalar.integer import Poly, Symbol, product
from ..arrays import Array
from ..builder import Scope
from .grids import FOUR, THREADS
from .kernel import KernelPlanner
from .teams import UNROLLED, Float4, Run4


@dataclass
class _Runs:
    """What is loaded and stored four at once along ``index``."""

    planner: KernelPlanner
    index: Symbol
    found: dict[tuple[Any, Poly, bool], Run4] = field(default_factory=dict)

    def staged(self, array: Array, offset: Poly, written: bool) -> Expr | None:
        """An element that is one of four."""
        linear = offset.linear_in([self.index])
        if linear is None or linear[0][0] != 1:
            return None
        rest = linear[1]
        if any(c % FOUR or any(isinstance(a, Expr) for a in m) for m, c in rest.terms.items()):
            return None
        key = array.memory, rest, written
        if key not in self.found:
            place = self.planner.builder.poly(rest)
            self.found[key] = Run4(f"four{len(self.found)}", array, place, written)
        return load(f"{self.found[key].name}.x", array.dtype, Poly.of(UNROLLED))


def by_float4(
    planner: KernelPlanner, axes: tuple[Poly, ...], body: Callable[[Scope], None], scope: Scope, count: Poly
) -> Float4 | None:
    """The statement that computes the first elements of a nest of ``axes``, ``count`` in number, by fours;
    ``body`` puts the statements of one element into a scope.

    None where no memory is walked so, or little of it.
    """
    if not axes or (product(axes).constant or THREADS) < THREADS:
        return None
    last = len(axes) - 1
    length = planner.turns(axes, last)
    if length != product(axes) and (length.constant is None or length.constant % FOUR):
        return None
    runs = _Runs(planner, LOOP[last])
    row = Scope(scope, len(axes))
    planner.staged = runs.staged
    body(row)
    planner.staged = None
    if not runs.found:
        return None
    indices = planner.indices(axes, range(len(axes)), f"four * {FOUR}", scope)
    return Float4(count, LOOP[last], indices, tuple(runs.found.values()), tuple(row.body))
