"""Special functions that are made of operations: the gamma function, those that go with it, and the
inverses of the error functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Variable
from ..ops import elementwise as ew
from ..ops.op import as_variable

_HALF_ROOT = math.sqrt(math.pi) / 2
#: from the formula's error of 2e-3 Newton's steps square it
_STEPS = 3


def gamma(x: Any) -> Variable:
    """The gamma function: below 0 its sign changes at each whole number."""
    x = as_variable(x)
    odd = ew.mod(ew.floor(x), 2)
    return ew.exp(ew.gammaln(x)) * ew.switch(ew.lt(x, 0), 1 - 2 * odd, 1)


def erfinv(y: Any) -> Variable:
    """The x whose ``erf`` is ``y``: infinite at 1 and -1, NaN beyond."""
    y = as_variable(y)
    size = abs(y)
    return ew.switch(ew.lt(size, 0.5), _middle(y, size), ew.sgn(y) * _tail(1 - size))


def erfcinv(a: Any) -> Variable:
    """The x whose ``erfc`` is ``a``: infinite at 0 and 2, NaN beyond; precise to the smallest numbers."""
    a = as_variable(a)
    left = ew.gt(a, 1)
    tail = _tail(ew.switch(left, 2 - a, a))
    return ew.switch(ew.lt(abs(1 - a), 0.5), _middle(1 - a, abs(1 - a)), ew.switch(left, -tail, tail))


def _middle(y: Variable, size: Variable) -> Variable:
    """Newton's method for erf(x) = y from the first terms of the series; for ``size``, |y|, below a half."""
    y = ew.switch(ew.lt(size, 0.5), y, 0)
    x = _HALF_ROOT * y * (1 + math.pi / 12 * ew.sqr(y))
    for _ in range(_STEPS):
        x = x - (ew.erf(x) - y) * ew.exp(ew.sqr(x)) * _HALF_ROOT
    return x


def _tail(a: Variable) -> Variable:
    """Newton's method for log erfc(x) = log a, a up to a half, nearly a parabola, from S. Winitzki's
    formula (2008, "A handy approximation for the error function and its inverse")."""
    # what is not taken from here is to have a finite gradient
    inside = ew.switch(ew.or_(ew.eq(a, 0), ew.gt(a, 0.5)), 0.5, a)
    whole = ew.log(inside) + ew.log(2 - inside)
    part = 2 / (math.pi * 0.147) + whole / 2
    x = ew.sqrt(ew.sqrt(ew.sqr(part) - whole / 0.147) - part)
    for _ in range(_STEPS):
        x = x + (ew.log_erfc(x) - ew.log(inside)) * ew.erfcx(x) * _HALF_ROOT
    return ew.switch(ew.eq(a, 0), np.inf, x)


def gammau(k: Any, x: Any) -> Variable:
    """The upper incomplete gamma function, from x on, not divided by gamma(k)."""
    return ew.gammaincc(k, x) * gamma(k)


def gammal(k: Any, x: Any) -> Variable:
    """The lower incomplete gamma function, up to x, not divided by gamma(k)."""
    return ew.gammainc(k, x) * gamma(k)


def chi2sf(x: Any, k: Any) -> Variable:
    """What a chi-square variable of k degrees of freedom is greater than x with: its survival function."""
    return ew.gammaincc(as_variable(k) / 2.0, as_variable(x) / 2.0)
