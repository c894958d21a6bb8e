"""Lengths and other scalars that the host must know before it launches kernels, computed in Python."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph import Variable
from ...ops import elementwise
from ...scalar.expression import Expr
from ...scalar.integer import Poly, Symbol


class Evaluator:
    """Values of polynomials and scalar expressions.

    ``lengths`` has the symbols' values; ``read(variable, index)`` gives an element of an array, wherever
    that is.
    """

    def __init__(self, read: Callable[[Variable, tuple[int, ...]], Any]) -> None:
        self.lengths: dict[Symbol, int] = {}
        self.read = read

    def poly(self, p: Poly) -> int:
        """The value of a length or an offset."""
        total = 0
        for monomial, coefficient in p.terms.items():
            for atom in monomial:
                coefficient *= self.lengths[atom] if isinstance(atom, Symbol) else int(self.scalar(atom))
            total += coefficient
        return total

    def scalar(self, root: Expr) -> Any:
        """The value of an expression, as NumPy computes it in the expression's dtypes.

        Errors: IndexError for an index out of range.
        """
        values: dict[Expr, Any] = {}
        stack = [root]
        while stack:
            e = stack[-1]
            missing = [a for a in e.args if a not in values]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if e not in values:
                values[e] = self._one(e, [values[a] for a in e.args])
        return values[root]

    def _one(self, e: Expr, args: list[Any]) -> Any:
        if e.op == "const":
            return np.dtype(e.dtype).type(e.value)
        if e.op == "int":
            return self.poly(e.value)
        if e.op == "access":
            variable, index = e.value
            return self.read(variable, tuple(map(self.poly, index)))
        if e.op == "checked_index":
            i, n = map(int, args)
            if not -n <= i < n:
                raise IndexError(f"index {i} is out of bounds for axis with size {n}")
            return i + n if i < 0 else i
        plain = _PLAIN.get(e.op)
        if plain is not None and e.args[-1].dtype == "int64":
            return plain(*args)
        with np.errstate(all="ignore"):
            if e.op == "cast":
                return np.asarray(args[0]).astype(e.dtype)[()]
            result = getattr(elementwise, e.op).numpy(*args)
            return np.asarray(result).astype(e.dtype)[()]


#: what lengths are mostly made of, on Python's integers: NumPy's take twenty times as long
_PLAIN: dict[str, Callable[..., Any]] = {
    "minimum": min,
    "maximum": max,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
    "switch": lambda condition, a, b: a if condition else b,
    "floor_div": lambda a, b: a // b if b else 0,
    "mod": lambda a, b: a % b if b else 0,
}

__all__ = ["Evaluator"]
