"""Lengths and other scalars that the host must know before it launches kernels, computed in Python."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import DomainError
from ...ops.elementwise import ROWS
from ...scalar.expression import CHECKS, Expr
from ...scalar.integer import Poly, Symbol


class Evaluator:
    """Values of polynomials and scalar expressions.

    ``lengths`` has the symbols' values; ``read(array, index)`` gives an element of an array, wherever
    that is.
    """

    def __init__(self, read: Callable[[Any, tuple[int, ...]], Any]) -> None:
        self.lengths: dict[Symbol, int] = {}
        self.read = read
        #: for each expression that was asked for, its parts in order: a function and which parts it takes
        self._programs: dict[Expr, list[tuple[Callable[..., Any], tuple[int, ...]]]] = {}

    def poly(self, p: Poly) -> int:
        """The value of a length or an offset."""
        lengths, total = self.lengths, 0
        for monomial, coefficient in p.terms.items():
            for atom in monomial:
                coefficient *= lengths[atom] if type(atom) is Symbol else int(self.scalar(atom))
            total += coefficient
        return total

    def scalar(self, root: Expr) -> Any:
        """The value of an expression, as NumPy computes it in the expression's dtypes.

        Errors: IndexError for an index out of range.
        """
        program = self._programs.get(root)
        if program is None:
            program = self._programs[root] = self._program(root)
        values: list[Any] = []
        for function, parts in program:
            values.append(function(*[values[k] for k in parts]))
        return values[-1]

    def _program(self, root: Expr) -> list[tuple[Callable[..., Any], tuple[int, ...]]]:
        place: dict[Expr, int] = {}
        program = []
        stack = [root]
        while stack:
            e = stack[-1]
            missing = [a for a in e.args if a not in place]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            if e not in place:
                place[e] = len(program)
                program.append((self._function(e), tuple(place[a] for a in e.args)))
        return program

    def _function(self, e: Expr) -> Callable[..., Any]:
        """What computes an expression from the values of its arguments."""
        if e.op == "const":
            value = int(e.value) if e.dtype == "int64" else np.dtype(e.dtype).type(e.value)
            return lambda: value
        if e.op == "int":
            return lambda: self.poly(e.value)
        if e.op == "access":
            array, index = e.value
            return lambda: self.read(array, tuple(map(self.poly, index)))
        if e.op in CHECKS:
            return _CHECKS[e.op]
        plain = _PLAIN.get(e.op)
        if plain is not None and e.args[-1].dtype == "int64":
            return plain
        operation = None if e.op == "cast" else ROWS[e.op].numpy

        def by_numpy(*args: Any) -> Any:
            with np.errstate(all="ignore"):
                result = args[0] if operation is None else operation(*args)
                return np.asarray(result).astype(e.dtype)[()]

        return by_numpy


def _checked_index(i: Any, n: Any) -> int:
    i, n = int(i), int(n)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis with size {n}")
    return i + n if i < 0 else i


def _checked_divisor(d: Any) -> Any:
    if d == 0:
        raise ZeroDivisionError("integer division by zero")
    return d


def _checked_exponent(n: Any) -> Any:
    if n < 0:
        raise DomainError("an integer to the power of a negative one")
    return n


def _checked_truth(fine: Any) -> Any:
    if not fine:
        raise DomainError("a value that is impossible here")
    return fine


_CHECKS: dict[str, Callable[..., Any]] = {
    "checked_index": _checked_index,
    "checked_divisor": _checked_divisor,
    "checked_exponent": _checked_exponent,
    "checked_truth": _checked_truth,
}

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
