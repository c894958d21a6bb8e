"""Rows of special functions: the error function's, gamma's and Bessel's families."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Variable
from ...scalar.functions import COSTLY
from ..op import NoGradient, Sample, not_differentiable, register
from .arithmetic import sqr
from .exponential import exp, log
from .row import FLOATING, elementwise
from .special_reference import special


def _no_third_derivative(x: Variable, o: Variable, g: Variable) -> None:
    raise not_differentiable(o.owner, "graphlib has no polygamma function above the trigamma")


erf = elementwise(
    "erf",
    special("erf"),
    lambda x, o, g: g * exp(-sqr(x)) * float(2 / np.sqrt(np.pi)),
    doc="The error function.",
    c="gl_erf_{s}({0})",
    cuda="erf{f}({0})",
    cost=COSTLY,
)
erfc = elementwise(
    "erfc",
    special("erfc"),
    lambda x, o, g: -g * exp(-sqr(x)) * float(2 / np.sqrt(np.pi)),
    doc="1 - erf(x).",
    c="gl_erfc_{s}({0})",
    cuda="erfc{f}({0})",
    cost=COSTLY,
)
erfcx = elementwise(
    "erfcx",
    special("erfcx"),
    lambda x, o, g: g * (2 * x * o - float(2 / np.sqrt(np.pi))),
    doc="exp(x²) erfc(x), which goes to 0 as 1 / (x sqrt(pi)).",
    c="gl_erfcx_{s}({0})",
    cuda="erfcx{f}({0})",
    cost=COSTLY,
)
log_erfc = elementwise(
    "log_erfc",
    special("log_erfc"),
    lambda x, o, g: g * float(-2 / np.sqrt(np.pi)) / erfcx(x),
    doc="log(erfc(x)), finite where erfc(x) is 0.",
    c="gl_log_erfc_{s}({0})",
    cuda="{0} < 0.5f ? log1p{f}(-erf{f}({0})) : log{f}(erfcx{f}({0})) - {0} * {0}",
    cost=COSTLY,
)
gammaln = elementwise(
    "gammaln",
    special("gammaln"),
    lambda x, o, g: g * psi(x),
    domain=(0.4, 5),
    doc="log |gamma(x)|.",
    c="gl_lgamma_{s}({0})",
    cuda="lgamma{f}({0})",
    cost=COSTLY,
)
psi = elementwise(
    "psi",
    special("psi"),
    lambda x, o, g: g * tri_gamma(x),
    domain=(0.4, 5),
    doc="Digamma function.",
    text="gl_digamma_{s}({0})",
    cost=COSTLY,
)
tri_gamma = elementwise(
    "tri_gamma",
    special("tri_gamma"),
    _no_third_derivative,
    domain=(0.4, 5),
    smooth=False,
    doc="Derivative of psi; itself without gradient.",
    text="gl_trigamma_{s}({0})",
    cost=COSTLY,
)

_BY_ORDER = NoGradient(
    "it is a derivative by the order, for which there is no formula here; nor had Theano any"
)
jv = elementwise(
    "jv",
    special("jv"),
    lambda v, x, o, g: (_BY_ORDER, g * (jv(v - 1, x) - jv(v + 1, x)) * 0.5),
    FLOATING,
    2,
    (0.2, 3),
    (0.5, 6),
    doc="The Bessel function of the first kind, of real order v, at x; NaN below 0 unless v is whole.  "
    "Within some 1e-14 of the greatest value nearby for orders and arguments up to 20, 1e-12 up to 1000.",
    smooth=(False, True),
    text="gl_jv_{s}({0}, {1})",
    cost=COSTLY,
)
iv = elementwise(
    "iv",
    special("iv"),
    lambda v, x, o, g: (_BY_ORDER, g * (iv(v - 1, x) + iv(v + 1, x)) * 0.5),
    FLOATING,
    2,
    (0.2, 3),
    (0.5, 4),
    doc="The modified Bessel function of the first kind, of real order v, at x; NaN below 0 unless v is "
    "whole.  Within some 1e-14 for orders up to 20, 1e-12 up to 100.",
    smooth=(False, True),
    text="gl_iv_{s}({0}, {1})",
    cost=COSTLY,
)
gammainc = elementwise(
    "gammainc",
    special("gammainc"),
    lambda k, x, o, g: (_BY_ORDER, g * _gamma_density(k, x)),
    FLOATING,
    2,
    (0.5, 4),
    (0.3, 6),
    doc="The regularized lower incomplete gamma function of order k at x, within some 1e-14.",
    smooth=(False, True),
    text="gl_gammainc_{s}({0}, {1})",
    cost=COSTLY,
)
gammaincc = elementwise(
    "gammaincc",
    special("gammaincc"),
    lambda k, x, o, g: (_BY_ORDER, -g * _gamma_density(k, x)),
    FLOATING,
    2,
    (0.5, 4),
    (0.3, 6),
    doc="The regularized upper incomplete gamma function of order k at x, 1 - gammainc(k, x), within some "
    "1e-14; for orders below 1 and x below 2 within 1e-15 of 1.",
    smooth=(False, True),
    text="gl_gammaincc_{s}({0}, {1})",
    cost=COSTLY,
)


def _gamma_density(k: Variable, x: Variable) -> Variable:
    return exp((k - 1) * log(x) - x - gammaln(k))


def j0(x: Any) -> Variable:
    """The Bessel function of the first kind of order 0."""
    return jv(0, x)


def j1(x: Any) -> Variable:
    """The Bessel function of the first kind of order 1."""
    return jv(1, x)


def i0(x: Any) -> Variable:
    """The modified Bessel function of the first kind of order 0."""
    return iv(0, x)


def i1(x: Any) -> Variable:
    """The modified Bessel function of the first kind of order 1."""
    return iv(1, x)


for _name, _build in (("j0", j0), ("j1", j1), ("i0", i0), ("i1", i1)):
    register(
        _name,
        _build,
        lambda f=_build: [Sample(f, (np.array([-3.0, -0.5, 0, 1.25, 4]),))],
    )
