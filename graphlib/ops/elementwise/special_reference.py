"""Special functions in NumPy: the error function's, gamma's and Bessel's families, from ``math`` or by their
series."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np


def special(name: str) -> Callable:
    """A function of these families, of the standard library's ``math`` or our own series, elementwise."""
    scalar = {
        "erf": math.erf,
        "erfc": math.erfc,
        "erfcx": _erfcx,
        "log_erfc": _log_erfc,
        "gammaln": _lgamma,
        "psi": _digamma,
        "tri_gamma": _trigamma,
        "jv": _jv,
        "iv": _iv,
        "gammainc": lambda a, x: _incomplete_gamma(a, x)[0],
        "gammaincc": lambda a, x: _incomplete_gamma(a, x)[1],
    }[name]
    vectorized = np.vectorize(scalar, otypes=["float64"])

    def function(*arrays: np.ndarray) -> np.ndarray:
        if 0 in np.broadcast_shapes(*(a.shape for a in arrays)):
            return np.empty(np.broadcast_shapes(*(a.shape for a in arrays)), arrays[-1].dtype)
        return vectorized(*arrays).astype(arrays[-1].dtype)

    return function


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


def _bessel(v: float, x: float, sign: int) -> float:
    """The power series of J (sign -1) and of I (Abramowitz and Stegun 9.1.10, 9.6.10), in as many decimals as
    its terms cancel; far out Hankel's asymptotic series (9.2.5, 9.7.1)."""
    if math.isnan(v) or math.isnan(x):
        return math.nan
    parity = 1
    if v == math.floor(v):
        odd = v % 2 == 1
        parity = -1 if odd and ((v < 0) != (x < 0) if sign < 0 else x < 0) else 1
        v, x = abs(v), abs(x)
    if x < 0:
        return math.nan
    if math.isinf(x):
        return 0.0 if sign < 0 else parity * math.inf
    if x == 0 and v >= 0:
        return float(v == 0)
    if x > 60 and x > v * v:
        return parity * _bessel_far(v, x, sign)
    if x == 0:
        return math.copysign(math.inf, math.gamma(v + 1))
    with localcontext() as context:
        context.prec = 40 + int(x)
        square, order = Decimal(x) ** 2 * sign / 4, Decimal(v)
        term = total = Decimal(1)
        k = 0
        while k < x + abs(v) or abs(term) > abs(total) * Decimal("1e-25"):
            k += 1
            term *= square / (k * (order + k))
            total += term
        if abs(v) < 150:
            factor = Decimal(x / 2) ** order / Decimal(math.gamma(v + 1))
        else:
            negative = v < -1 and math.floor(v) % 2 == 0
            factor = (order * Decimal(x / 2).ln() - Decimal(math.lgamma(v + 1))).exp() * (-1) ** negative
        return float(parity * factor * total)


def _bessel_far(v: float, x: float, sign: int) -> float:
    sums, term = [0.0, 0.0, 0.0, 0.0], 1.0
    for k in range(40):
        sums[k % 4] += term
        term *= (4 * v * v - (2 * k + 1) ** 2) / (8 * (k + 1) * x)
    if sign > 0:
        whole = sums[0] - sums[1] + sums[2] - sums[3]
        return (
            math.inf if x > 720 else math.exp(x / 2) * (math.exp(x / 2) / math.sqrt(2 * math.pi * x)) * whole
        )
    phase = x - (v % 4 / 2 + 0.25) * math.pi
    p, q = sums[0] - sums[2], sums[1] - sums[3]
    return math.sqrt(2 / (math.pi * x)) * (p * math.cos(phase) - q * math.sin(phase))


def _jv(v: float, x: float) -> float:
    return _bessel(v, x, -1)


def _iv(v: float, x: float) -> float:
    return _bessel(v, x, 1)


def _incomplete_gamma(a: float, x: float) -> tuple[float, float]:
    """The regularized incomplete gamma functions below and above x, by the series of the lower one
    (Abramowitz and Stegun 6.5.29) in decimals."""
    if math.isnan(a) or math.isnan(x) or a < 0 or x < 0 or a == x == 0 or (math.isinf(a) and math.isinf(x)):
        return math.nan, math.nan
    if a == 0 or math.isinf(x):
        return 1.0, 0.0
    if x == 0 or math.isinf(a):
        return 0.0, 1.0
    with localcontext() as context:
        context.prec = 60
        order, point = Decimal(a), Decimal(x)
        term = total = Decimal(1)
        k = 0
        while k < 4 * (x - a) or term > total * Decimal("1e-40"):
            k += 1
            term *= point / (order + k)
            total += term
        lower = total * (order * point.ln() - point - _log_gamma(order + 1)).exp()
        return float(lower), float(1 - lower)


def _log_gamma(a: Decimal) -> Decimal:
    """log gamma of a positive number to some forty digits, by Stirling's series (6.1.41) from 60 on."""
    down = Decimal(1)
    while a < 60:
        down *= a
        a += 1
    series = sum((Decimal(n) / d / a ** (2 * k - 1) for k, (n, d) in enumerate(_STIRLING, 1)), Decimal(0))
    return (a - Decimal("0.5")) * a.ln() - a + (2 * _PI).ln() / 2 + series - down.ln()


_PI = Decimal("3.14159265358979323846264338327950288419716939937511")
#: B_2k / (2k (2k - 1)) for k from 1
_STIRLING = (
    (1, 12),
    (-1, 360),
    (1, 1260),
    (-1, 1680),
    (1, 1188),
    (-691, 360360),
    (1, 156),
    (-3617, 122400),
    (43867, 244188),
    (-174611, 125400),
    (77683, 5796),
    (-236364091, 1506960),
)
