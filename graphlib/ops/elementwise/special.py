"""Rows of special functions: the error function's and gamma's families."""

from __future__ import annotations

import numpy as np

from ...graph import Variable
from ...scalar.functions import COSTLY
from ..op import not_differentiable
from .arithmetic import sqr
from .exponential import exp
from .row import elementwise
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
