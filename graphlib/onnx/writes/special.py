"""Special functions that ONNX has not, by series and recurrences of functions that it has.

Gamma's: the recurrence to arguments of 8 and more, and Stirling's series there; below 0 the reflection
formula (Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 6.1.17, 6.1.41, 6.3.18, 6.4.12).
The error function's: exp(x²) erfc(x) over t = 2 / (2 + x) is the exponential of a series of Chebyshev
polynomials in t, after Press et al., "Numerical Recipes" (2007), section 6.2.2; the coefficients are fitted
here to mpmath's values.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ...graph import Variable
from ...ops import elementwise as ew

#: Bernoulli's numbers B2, B4, …
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
_SHIFT = 8


def _sum(terms: list[Variable]) -> Variable:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _series(inverse_square: Variable, coefficients: list[float]) -> Variable:
    """The polynomial c0 + c1 z + c2 z² + … by Horner's rule."""
    total = inverse_square * coefficients[-1]
    for c in coefficients[-2:0:-1]:
        total = (total + c) * inverse_square
    return total + coefficients[0]


def _above_zero(x: Variable) -> tuple[Variable, Variable]:
    """Whether an argument is to be reflected, and x or 1 - x."""
    below = ew.lt(x, 0.5)
    return below, ew.switch(below, 1 - x, x)


def _gammaln(x: Variable) -> Variable:
    below, z = _above_zero(x)
    y = z + _SHIFT
    inverse = 1 / y
    terms = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)]
    stirling = (y - 0.5) * ew.log(y) - y + 0.5 * math.log(2 * math.pi)
    stirling = stirling + inverse * _series(inverse * inverse, terms)
    product = z
    for k in range(1, _SHIFT):
        product = product * (z + k)
    above = stirling - ew.log(product)
    turned = math.log(math.pi) - ew.log(abs(ew.sin(x * math.pi))) - above
    return ew.switch(below, turned, above)


def _psi(x: Variable) -> Variable:
    below, z = _above_zero(x)
    y = z + _SHIFT
    inverse = 1 / y
    square = inverse * inverse
    terms = [b / (2 * k) for k, b in enumerate(_BERNOULLI, 1)]
    above = ew.log(y) - 0.5 * inverse - square * _series(square, terms)
    above = above - _sum([1 / (z + k) for k in range(_SHIFT)])
    return ew.switch(below, above - math.pi / ew.tan(x * math.pi), above)


def _tri_gamma(x: Variable) -> Variable:
    below, z = _above_zero(x)
    y = z + _SHIFT
    inverse = 1 / y
    square = inverse * inverse
    above = inverse + 0.5 * square + inverse * square * _series(square, list(_BERNOULLI))
    above = above + _sum([1 / ((z + k) * (z + k)) for k in range(_SHIFT)])
    sine = ew.sin(x * math.pi) * (1 / math.pi)
    return ew.switch(below, 1 / (sine * sine) - above, above)


#: of log(erfcx(x) / t) in Chebyshev polynomials of 2 t - 1, for x >= 0
_CHEBYSHEV = (
    -0.6513268598908547,
    0.6419697923564902,
    0.019476473204185836,
    -0.009561514786808632,
    -0.0009465953444820369,
    0.00036683949785276145,
    4.252332480690777e-05,
    -2.0278578112534242e-05,
    -1.6242900046470256e-06,
    1.3036558355805232e-06,
    1.5626441722066142e-08,
    -8.523809591492654e-08,
    6.5290544390988515e-09,
    5.059343495551469e-09,
    -9.91364156493033e-10,
    -2.273651222931836e-10,
    9.646791102015527e-11,
    2.3940380830391146e-12,
    -6.886027526497553e-12,
    8.944879273090725e-13,
    3.130921399342958e-13,
    -1.1270822361367254e-13,
    3.810905255189244e-16,
    7.10609761360924e-15,
    -1.5230282014571128e-15,
    -9.457494571290016e-17,
    1.210237189224128e-16,
    -2.8166630877452943e-17,
)


def _log_erfcx_over_t(x: Variable, t: Variable) -> Variable:
    """Clenshaw's rule."""
    double = 4 * t - 2
    later, last = t * 0, t * 0
    for c in _CHEBYSHEV[:0:-1]:
        later, last = double * later - last + c, later
    return (2 * t - 1) * later - last + _CHEBYSHEV[0]


def _parts(x: Variable) -> tuple[Variable, Variable, Variable]:
    """|x|, t and log(erfcx(|x|) / t)."""
    size = abs(x)
    t = 2 / (size + 2)
    return size, t, _log_erfcx_over_t(size, t)


def _erfc(x: Variable) -> Variable:
    size, t, rest = _parts(x)
    tail = t * ew.exp(rest - size * size)
    return ew.switch(ew.lt(x, 0), 2 - tail, tail)


def _erfcx(x: Variable) -> Variable:
    size, t, rest = _parts(x)
    tail = t * ew.exp(rest)
    return ew.switch(ew.lt(x, 0), 2 * ew.exp(size * size) - tail, tail)


def _log_erfc(x: Variable) -> Variable:
    size, t, rest = _parts(x)
    tail = rest - size * size
    return ew.switch(ew.lt(x, 0), ew.log(2 - t * ew.exp(tail)), ew.log(t) + tail)


EXPRESSIONS: dict[str, Callable[..., Variable]] = {
    "gammaln": _gammaln,
    "psi": _psi,
    "tri_gamma": _tri_gamma,
    "erfc": _erfc,
    "erfcx": _erfcx,
    "log_erfc": _log_erfc,
}
