"""Special functions in NumPy: the error function's and gamma's families, from ``math`` or by their series."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def special(name: str) -> Callable:
    """A function of the error and gamma families, of the standard library's ``math`` or our own series,
    elementwise."""
    scalar = {
        "erf": math.erf,
        "erfc": math.erfc,
        "erfcx": _erfcx,
        "log_erfc": _log_erfc,
        "gammaln": _lgamma,
        "psi": _digamma,
        "tri_gamma": _trigamma,
    }[name]
    vectorized = np.vectorize(scalar, otypes=["float64"])
    return lambda x: vectorized(x).astype(x.dtype) if x.size else x.copy()


def _erfcx(x: float) -> float:
    """By its definition, and from 25 on Abramowitz and Stegun 7.1.23."""
    if x < -27:
        return math.inf
    if x < 25:
        near = round(x * 16) / 16  # whose square is exact
        return math.exp(near * near) * math.exp((x - near) * (x + near)) * math.erfc(x)
    series = term = 1.0
    for k in range(1, 8):
        term *= (1 - 2 * k) / (2 * x * x)
        series += term
    return series / (x * math.sqrt(math.pi))


def _log_erfc(x: float) -> float:
    if x == math.inf:
        return -math.inf
    return math.log1p(-math.erf(x)) if x < 0.5 else math.log(_erfcx(x)) - x * x


def _lgamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _digamma(x: float) -> float:
    """Abramowitz and Stegun 6.3.5 (recurrence), 6.3.7 (reflection) and 6.3.18 (asymptotic series)."""
    if math.isnan(x) or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return _digamma(1 - x) - math.pi / math.tan(math.pi * x)
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    y = 1 / (x * x)
    series = y * (
        1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * (691 / 32760 - y / 12)))))
    )
    return shift + math.log(x) - 0.5 / x - series


def _trigamma(x: float) -> float:
    """Abramowitz and Stegun 6.4.6, 6.4.7 and 6.4.12."""
    if math.isnan(x) or (x <= 0 and x == math.floor(x)):
        return math.nan
    if x < 0:
        return (math.pi / math.sin(math.pi * x)) ** 2 - _trigamma(1 - x)
    shift = 0.0
    while x < 10:
        shift += 1 / (x * x)
        x += 1
    y = 1 / (x * x)
    series = (y / x) * (
        1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66 - y * (691 / 2730 - y * 7 / 6)))))
    )
    return shift + 1 / x + y / 2 + series
