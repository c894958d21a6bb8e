"""Elementwise functions that are composed of operations, as NumPy and Theano name them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Variable
from ..ops import elementwise as ew
from ..ops.op import as_variable
from ..ops.reduce import max, min


def _truth(x: Any) -> Variable:
    x = as_variable(x)
    return x if x.dtype == "bool" else ew.neq(x, 0)


def logical_and(x: Any, y: Any) -> Variable:
    """Whether both are true; numbers are where they are not 0."""
    return ew.and_(_truth(x), _truth(y))


def logical_or(x: Any, y: Any) -> Variable:
    """Whether one of the two is true; numbers are where they are not 0."""
    return ew.or_(_truth(x), _truth(y))


def logical_xor(x: Any, y: Any) -> Variable:
    """Whether exactly one of the two is true; numbers are where they are not 0."""
    return ew.xor(_truth(x), _truth(y))


def logical_not(x: Any) -> Variable:
    """Whether ``x`` is false; numbers are where they are 0."""
    return ew.invert(_truth(x))


def isfinite(x: Any) -> Variable:
    """Whether ``x`` is neither infinite nor NaN."""
    return ew.invert(ew.or_(ew.isnan(x), ew.isinf(x)))


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Variable:
    """Elementwise ``|a - b| <= atol + rtol |b|``, as numpy has it."""
    a, b = as_variable(a), as_variable(b)
    near = ew.and_(ew.le(abs(a - b), atol + rtol * abs(b)), ew.invert(ew.isinf(b)))
    close = ew.or_(ew.eq(a, b), near)
    return ew.or_(close, ew.and_(ew.isnan(a), ew.isnan(b))) if equal_nan else close


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Variable:
    """Whether all elements are close: ``isclose``."""
    return isclose(a, b, rtol, atol, equal_nan).all()


def smallest(*values: Any) -> Variable:
    """The elementwise minimum of several."""
    return min(as_variable(list(values)), axis=0)


def largest(*values: Any) -> Variable:
    """The elementwise maximum of several."""
    return max(as_variable(list(values)), axis=0)


def deg2rad(a: Any) -> Variable:
    """Degrees as radians."""
    return as_variable(a) * (np.pi / 180)


def rad2deg(a: Any) -> Variable:
    """Radians as degrees."""
    return as_variable(a) * (180 / np.pi)


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """The quotient of integers, rounded up."""
    return -ew.floor_div(-as_variable(a), b)


def divmod(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Quotient rounded down and remainder."""
    return ew.floor_div(x, y), ew.mod(x, y)


__all__ = [
    "allclose",
    "ceil_intdiv",
    "deg2rad",
    "divmod",
    "isclose",
    "isfinite",
    "largest",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "rad2deg",
    "smallest",
]
