"""Rows of exponentials, logarithms and powers."""

from __future__ import annotations

import numpy as np

from ...errors import DomainError
from ...graph import Constant, Variable
from ...scalar.functions import COSTLY, Text, define
from .comparison import eq, gt, switch
from .row import ARITHMETIC, FLOATING, ROWS, Elementwise, Failure, elementwise


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _xlogy0(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x == 0, x.dtype.type(0), x * np.log(y))


def _power_gradient(x: Variable, y: Variable, o: Variable, g: Variable) -> tuple[Variable, Variable | None]:
    if isinstance(y, Constant):
        # an exponent of 0 stays 0, which has no infinity at x = 0 for the factor y = 0 to make a NaN of
        lower = Constant(np.where(y.data == 0, 0, y.data - 1).astype(y.dtype))
        return g * y * pow_(x, lower), None
    # neither has 0 ** 0, whose factor is 0, the exponent -1
    lower = switch(eq(x, 0) & eq(y, 0), 0, y - 1)
    return g * y * pow_(x, lower), g * o * log(switch(gt(x, 0), x, 1))


exp = elementwise("exp", np.exp, lambda x, o, g: g * o, c="gl_exp_{s}({0})", cuda="exp{f}({0})", cost=COSTLY)
#: where exp is the least normal number
_LEAST = {"float32": -87.33654, "float64": -708.39641}


def _exp_up_to_0(x: np.ndarray) -> np.ndarray:
    return np.where(x < _LEAST.get(str(x.dtype), -np.inf), x.dtype.type(0), np.exp(x))


define(
    "exp_up_to_0",
    1,
    (FLOATING,),
    c="gl_exp_up_to_0_{s}({0})",
    cuda=f"({{0}} < (sizeof({{0}}) == 4 ? {_LEAST['float32']} : {_LEAST['float64']}) ? 0 : exp{{f}}({{0}}))",
    cost=COSTLY,
)
#: exp of numbers up to 0, one of which is 0: beside its 1, what would be too small to be a normal number is
#: 0, for processors take many times as long for everything that meets such numbers. It stands in softmaxes
#: that are written out, and nowhere in what users write.
exp_up_to_0 = ROWS["exp_up_to_0"] = Elementwise(
    "exp_up_to_0", _exp_up_to_0, None, FLOATING, 1, False, None, False
)
exp2 = elementwise(
    "exp2",
    np.exp2,
    lambda x, o, g: g * o * float(np.log(2)),
    c="gl_exp2_{s}({0})",
    cuda="exp2{f}({0})",
    cost=COSTLY,
)
expm1 = elementwise(
    "expm1",
    np.expm1,
    lambda x, o, g: g * (o + 1),
    doc="exp(x) - 1, exact near 0.",
    c="gl_expm1_{s}({0})",
    cuda="expm1{f}({0})",
    cost=COSTLY,
)
log = elementwise(
    "log",
    np.log,
    lambda x, o, g: g / x,
    domain=(0.2, 3),
    doc="Natural logarithm.",
    c="gl_log_{s}({0})",
    cuda="log{f}({0})",
    cost=COSTLY,
)
log2 = elementwise(
    "log2",
    np.log2,
    lambda x, o, g: g / (x * float(np.log(2))),
    domain=(0.2, 3),
    c="gl_log2_{s}({0})",
    cuda="log2{f}({0})",
    cost=COSTLY,
)
log10 = elementwise(
    "log10",
    np.log10,
    lambda x, o, g: g / (x * float(np.log(10))),
    domain=(0.2, 3),
    c="gl_log10_{s}({0})",
    cuda="log10{f}({0})",
    cost=COSTLY,
)
log1p = elementwise(
    "log1p",
    np.log1p,
    lambda x, o, g: g / (x + 1),
    domain=(-0.7, 2),
    doc="log(1 + x), exact near 0.",
    c="gl_log1p_{s}({0})",
    cuda="log1p{f}({0})",
    cost=COSTLY,
)
pow_ = elementwise(
    "pow",
    np.power,
    _power_gradient,
    ARITHMETIC,
    2,
    (0.5, 2),
    (0, 3),
    doc="x to the power y.  DomainError (a ValueError) for an integer to the power of a negative one.",
    fails=Failure(
        "checked_exponent",
        lambda n: n < 0,
        DomainError,
        "an integer to the power of a negative one is no integer; cast it to a float first",
    ),
    c=Text("gl_pow_{s}({0}, {1})", "({t})gl_ipow_i64({0}, {1})"),
    cuda=Text("pow{f}({0}, {1})", "({t})gl_ipow_i64({0}, {1})"),
    cost=COSTLY,
    aliases=("power",),
)
sigmoid = elementwise(
    "sigmoid",
    _sigmoid,
    lambda x, o, g: g * o * (1 - o),
    doc="1 / (1 + exp(-x)).",
    c="gl_sigmoid_{s}({0})",
    cuda="gl_sigmoid({0})",
    cost=COSTLY,
)
softplus = elementwise(
    "softplus",
    lambda x: np.logaddexp(x, x.dtype.type(0)),
    lambda x, o, g: g * sigmoid(x),
    doc="log(1 + exp(x)).",
    c="gl_softplus_{s}({0})",
    cuda="gl_softplus({0})",
    cost=COSTLY,
)
logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    lambda x, y, o, g: (g * exp(x - o), g * exp(y - o)),
    FLOATING,
    2,
    doc="log(exp(x) + exp(y)).",
    c="gl_logaddexp_{s}({0}, {1})",
    cuda="gl_logaddexp({0}, {1})",
    cost=COSTLY,
    commutative=True,
)
log1mexp = elementwise(
    "log1mexp",
    lambda x: np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x))),
    lambda x, o, g: -g / expm1(-x),
    domain=(-3, -0.2),
    doc="log(1 - exp(x)) for x below 0 (Maechler, 2012).",
    c="{0} > -0.6875f ? gl_log_{s}(-gl_expm1_{s}({0})) : gl_log1p_{s}(-gl_exp_{s}({0}))",
    cuda="{0} > -0.6875f ? log{f}(-expm1{f}({0})) : log1p{f}(-exp{f}({0}))",
    cost=COSTLY,
)
xlogx = elementwise(
    "xlogx",
    lambda x: _xlogy0(x, x),
    lambda x, o, g: g * (log(x) + 1),
    domain=(0.2, 3),
    doc="x log(x), 0 at 0; its derivative is log(x) + 1, -inf there.",
    c="{0} == 0 ? 0 : {0} * gl_log_{s}({0})",
    cuda="{0} == 0 ? 0 : {0} * log{f}({0})",
    cost=COSTLY,
)
xlogy0 = elementwise(
    "xlogy0",
    lambda x, y: _xlogy0(x, y),
    lambda x, y, o, g: (g * log(y), g * switch(eq(x, 0), 0, x / y)),
    FLOATING,
    2,
    (0.5, 2),
    doc="x log(y), 0 where x is 0; its derivatives are log(y) and x / y, which is 0 there.",
    c="{0} == 0 ? 0 : {0} * gl_log_{s}({1})",
    cuda="{0} == 0 ? 0 : {0} * log{f}({1})",
    cost=COSTLY,
)
