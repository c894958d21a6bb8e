"""Elementwise functions that are composed of operations, as NumPy and Theano name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError
from ..graph import Variable
from ..ops import elementwise as ew
from ..ops.barriers import zero_grad
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


radians, degrees = deg2rad, rad2deg


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """The quotient of integers, rounded up."""
    return -ew.floor_div(-as_variable(a), b)


def divmod(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Quotient rounded down and remainder."""
    return ew.floor_div(x, y), ew.mod(x, y)


def rint(x: Any) -> Variable:
    """The nearest whole number, ties to even: ``T.round``."""
    return ew.round_half_to_even(x)


def fix(x: Any) -> Variable:
    """The whole number next to it toward 0: ``T.trunc``."""
    return ew.trunc(x)


def fabs(x: Any) -> Variable:
    """The absolute value, a float."""
    return abs(_real(x))


def float_power(x1: Any, x2: Any) -> Variable:
    """``x1`` to the power ``x2``, of floats: integers become floatX, so that negative powers are none of
    integers."""
    return ew.pow_(_real(x1), x2)


def _real(x: Any) -> Variable:
    x = as_variable(x)
    return x if x.type.is_inexact else x.astype(config.floatX)


def fmod(x1: Any, x2: Any) -> Variable:
    """The remainder with the sign of ``x1``."""
    x1, x2 = as_variable(x1), as_variable(x2)
    rest = ew.mod(x1, x2)
    apart = ew.and_(ew.neq(rest, 0), ew.neq(ew.lt(rest, 0), ew.lt(x1, 0)))
    return ew.switch(apart, rest - x2, rest)


def fmax(x1: Any, x2: Any) -> Variable:
    """The greater one, or the one that is no NaN."""
    return _but_nan(ew.maximum, x1, x2)


def fmin(x1: Any, x2: Any) -> Variable:
    """The smaller one, or the one that is no NaN."""
    return _but_nan(ew.minimum, x1, x2)


def _but_nan(extreme: Any, x1: Any, x2: Any) -> Variable:
    x1, x2 = as_variable(x1), as_variable(x2)
    if not x1.type.is_float and not x2.type.is_float:
        return extreme(x1, x2)
    return extreme(ew.switch(ew.isnan(x1), x2, x1), ew.switch(ew.isnan(x2), x1, x2))


def signbit(x: Any) -> Variable:
    """Whether the sign is a minus, that of -0.0 included; a NaN has none here."""
    x = as_variable(x)
    below = ew.lt(x, 0)
    return ew.or_(below, ew.and_(ew.eq(x, 0), ew.lt(ew.inv(x), 0))) if x.type.is_float else below


def copysign(x1: Any, x2: Any) -> Variable:
    """``x1`` with the sign of ``x2``."""
    size = fabs(x1)
    return ew.switch(signbit(x2), -size, size)


def heaviside(x1: Any, x2: Any) -> Variable:
    """0 below 0, 1 above, and ``x2`` at 0."""
    x1 = _real(x1)
    return ew.switch(ew.eq(x1, 0), x2, ew.sgn(x1) * 0.5 + 0.5)


def cbrt(x: Any) -> Variable:
    """The cube root, of negative numbers too; its gradient at 0 is infinite."""
    x = _real(x)
    root = ew.pow_(abs(x), 1 / 3)
    # infinity has no step, and 0 none to take
    steady = ew.or_(ew.eq(x, 0), ew.isinf(x))
    step = (root - abs(x) / ew.sqr(ew.switch(steady, 1, root))) / 3
    return ew.sgn(x) * ew.switch(steady, root, root - zero_grad(step))


def sinc(x: Any) -> Variable:
    """sin(πx) / (πx), and 1 at 0."""
    x = _real(x)
    away = ew.neq(x, 0)
    angle = np.pi * ew.switch(away, x, 1)
    # the first terms of the series are what the gradients at 0 are made of
    return ew.switch(away, ew.sin(angle) / angle, 1 - ew.sqr(np.pi * x) / 6)


def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Variable:
    """Numbers instead of NaN and infinities: of these the greatest and least there are, where nothing else is
    said."""
    x = as_variable(x)
    if not x.type.is_float:
        return x
    most = float(np.finfo(x.dtype).max)
    found = ew.switch(ew.isnan(x), nan, x)
    found = ew.switch(isposinf(x), most if posinf is None else posinf, found)
    return ew.switch(isneginf(x), -most if neginf is None else neginf, found)


def isposinf(x: Any) -> Variable:
    """Whether ``x`` is infinity."""
    return ew.eq(x, np.inf)


def isneginf(x: Any) -> Variable:
    """Whether ``x`` is minus infinity."""
    return ew.eq(x, -np.inf)


def logaddexp2(x1: Any, x2: Any) -> Variable:
    """log2(2**x1 + 2**x2), stable."""
    return ew.logaddexp(as_variable(x1) * np.log(2), as_variable(x2) * np.log(2)) / np.log(2)


def ldexp(x1: Any, x2: Any) -> Variable:
    """``x1`` times 2 to the power ``x2``."""
    x1 = _real(x1)
    return x1 * ew.exp2(ew.cast(x2, x1.dtype))


def modf(x: Any) -> tuple[Variable, Variable]:
    """What is behind the point and what is before it, both with the sign of ``x``."""
    x = _real(x)
    whole = ew.trunc(x)
    return x - whole, whole


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Variable:
    """Of each place the element of the first choice whose condition holds there, else ``default``."""
    if len(condlist) != len(choicelist):
        raise InputError(f"T.select: there are {len(condlist)} conditions and {len(choicelist)} choices")
    found = as_variable(default) if isinstance(default, Variable) else default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = ew.switch(condition, choice, found)
    return as_variable(found)


def piecewise(x: Any, condlist: Sequence[Any], funclist: Sequence[Any]) -> Variable:
    """Of each element the function (or number) of the last condition that holds for it; one function more is
    for where none does, else that is 0."""
    x = as_variable(x)
    parts = [f(x) if callable(f) else f for f in funclist]
    if len(parts) not in (len(condlist), len(condlist) + 1):
        raise InputError(f"T.piecewise: there are {len(condlist)} conditions and {len(parts)} functions")
    rest = parts[len(condlist)] if len(parts) > len(condlist) else 0
    return select(list(condlist)[::-1], parts[: len(condlist)][::-1], rest) + x * 0


__all__ = [
    "allclose",
    "cbrt",
    "ceil_intdiv",
    "copysign",
    "deg2rad",
    "degrees",
    "divmod",
    "fabs",
    "fix",
    "float_power",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "isclose",
    "isfinite",
    "isneginf",
    "isposinf",
    "largest",
    "ldexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "modf",
    "nan_to_num",
    "piecewise",
    "rad2deg",
    "radians",
    "rint",
    "select",
    "signbit",
    "sinc",
    "smallest",
]
