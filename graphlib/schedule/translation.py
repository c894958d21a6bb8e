"""From a graph's variables to a plan's arrays: the same steps and expressions, without a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..graph import Constant, Variable
from ..lower.lowering import Lowering
from ..scalar import expression as ex
from ..scalar.expression import Expr, children
from ..scalar.integer import Poly, Symbol, symbol
from .arrays import Array, Memory


class Translation:
    """Exchanges variables for arrays, and the lengths of one lowered graph for symbols that are numbered in
    their order.

    memory: where a variable lies; predecessor: what it is written over.
    """

    def __init__(
        self,
        low: Lowering,
        memory: Callable[[Variable], Memory | None],
        predecessor: Callable[[Variable], Variable | None],
    ) -> None:
        self.low, self.memory, self.predecessor = low, memory, predecessor
        known = sorted({*low.leaf_dims.values(), *low.dims}, key=lambda s: s.serial)
        self.symbols = {s: symbol(s.name, False, k) for k, s in enumerate(known)}
        self.arrays: dict[Variable, Array] = {}
        self._polys: dict[Poly, Poly] = {}
        self._exprs: dict[Expr, Expr] = {}

    def array(self, v: Variable) -> Array:
        found = self.arrays.get(v)
        if found is None:
            before = self.predecessor(v)
            base = None if before is None else self.array(before)
            found = Array(
                len(self.arrays),
                v.dtype,
                self.polys(self.low.shape(v)),
                str(v.owner.op) if v.owner is not None else str(v),
                v.name,
                str(v.origin or ""),
                self.memory(v),
                None if base is None else base.number,
                isinstance(v, Constant),
            )
            self.arrays[v] = found
        return found

    def poly(self, p: Poly) -> Poly:
        found = self._polys.get(p)
        if found is None:
            found = self._polys[p] = Poly(
                {tuple(self._atom(a) for a in monomial): c for monomial, c in p.terms.items()}
            )
        return found

    def polys(self, lengths: Iterable[Poly]) -> tuple[Poly, ...]:
        return tuple(map(self.poly, lengths))

    def _atom(self, a: Symbol | Expr) -> Symbol | Expr:
        return self.expr(a) if isinstance(a, Expr) else self.symbols.get(a, a)

    def expr(self, root: Expr) -> Expr:
        stack = [root]
        while stack:
            e = stack[-1]
            missing = [part for part in children(e) if part not in self._exprs]
            if e in self._exprs or not missing:
                stack.pop()
            if e in self._exprs:
                continue
            if missing:
                stack += missing
            elif e.op == "const":
                self._exprs[e] = e
            elif e.op == "int":
                self._exprs[e] = ex.node("int", "int64", value=self.poly(e.value))
            elif e.op == "access":
                v, index = e.value
                self._exprs[e] = ex.access(self.array(v), e.dtype, self.polys(index))
            else:
                self._exprs[e] = ex.node(e.op, e.dtype, *(self._exprs[a] for a in e.args), value=e.value)
        return self._exprs[root]

    def of(self, thing: Any) -> Any:
        """Anything that steps are made of."""
        if isinstance(thing, Variable):
            return self.array(thing)
        if isinstance(thing, Expr):
            return self.expr(thing)
        if isinstance(thing, Poly):
            return self.poly(thing)
        if isinstance(thing, Symbol):
            return self.symbols.get(thing, thing)
        if isinstance(thing, tuple):
            return tuple(map(self.of, thing))
        if isinstance(thing, list):
            return list(map(self.of, thing))
        if is_dataclass(thing):
            return replace(thing, **{f.name: self.of(getattr(thing, f.name)) for f in fields(thing)})
        return thing
