"""Rows of arithmetic: sums, products, quotients, extremes and roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Constant, Variable
from ...scalar.functions import CHEAP, COSTLY, MODERATE, Text
from .comparison import eq, ge, gt, le, switch
from .row import ALL, ARITHMETIC, FLOATING, Failure, elementwise


def _by_zero(message: str) -> Failure:
    return Failure("checked_divisor", lambda d: d == 0, ZeroDivisionError, message)


def _is_number_0(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and v.data.item() == 0


def _round_half_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


identity = elementwise(
    "identity",
    lambda x: x.copy(),
    lambda x, o, g: g,
    ARITHMETIC,
    dtypes=ALL,
    doc="The value itself.",
    text="{0}",
    cost=CHEAP,
    aliases=("positive",),
)
neg = elementwise(
    "neg",
    np.negative,
    lambda x, o, g: -g,
    ARITHMETIC,
    c=Text("-{0}", "({t})(-{0})"),
    cuda=Text("-{0}", "({t})(0 - ({u}){0})"),
    cost=CHEAP,
    aliases=("negative",),
)
abs_ = elementwise(
    "abs",
    np.abs,
    lambda x, o, g: g * sgn(x),
    ARITHMETIC,
    domain=(0.3, 2),
    aliases=("abs_", "absolute"),
    doc="Absolute value.",
    c=Text("fabs{f}({0})", "({t})({0} < 0 ? -{0} : {0})"),
    cuda=Text("fabs{f}({0})", "({t})({0} < 0 ? 0 - ({u}){0} : ({u}){0})"),
    cost=CHEAP,
)
sgn = elementwise(
    "sgn",
    np.sign,
    None,
    ARITHMETIC,
    doc="-1, 0 or 1 by the sign; NaN stays NaN.",
    aliases=("sign",),
    c=Text("gl_sgn_{s}({0})", "({t})(({0} > 0) - ({0} < 0))"),
    cuda=Text("gl_sgn({0})", "({t})(({0} > 0) - ({0} < 0))"),
    cost=MODERATE,
)
sqr = elementwise(
    "sqr",
    np.square,
    lambda x, o, g: g * x * 2,
    ARITHMETIC,
    doc="x squared.",
    aliases=("square",),
    c=Text("{0} * {0}", "({t})({0} * {0})"),
    cuda=Text("{0} * {0}", "({t})(({u}){0} * ({u}){0})"),
    cost=CHEAP,
)
inv = elementwise(
    "inv",
    np.reciprocal,
    lambda x, o, g: -g * sqr(o),
    domain=(0.5, 2),
    doc="1/x.",
    aliases=("reciprocal",),
    text="1 / {0}",
    cost=MODERATE,
)
sqrt = elementwise(
    "sqrt", np.sqrt, lambda x, o, g: g * 0.5 / o, domain=(0.2, 3), text="sqrt{f}({0})", cost=MODERATE
)
add = elementwise(
    "add",
    np.add,
    lambda x, y, o, g: (g, g),
    ARITHMETIC,
    2,
    c=Text("{0} + {1}", "({t})({0} + {1})"),
    cuda=Text("{0} + {1}", "({t})(({u}){0} + ({u}){1})"),
    cost=CHEAP,
    commutative=True,
)
sub = elementwise(
    "sub",
    np.subtract,
    lambda x, y, o, g: (g, -g),
    ARITHMETIC,
    2,
    c=Text("{0} - {1}", "({t})({0} - {1})"),
    cuda=Text("{0} - {1}", "({t})(({u}){0} - ({u}){1})"),
    cost=CHEAP,
    aliases=("subtract",),
)
mul = elementwise(
    "mul",
    np.multiply,
    lambda x, y, o, g: (None if _is_number_0(y) else g * y, None if _is_number_0(x) else g * x),
    ARITHMETIC,
    2,
    doc="x times y.  What is multiplied by the number 0 has no gradient, also where it is infinite.",
    c=Text("{0} * {1}", "({t})({0} * {1})"),
    cuda=Text("{0} * {1}", "({t})(({u}){0} * ({u}){1})"),
    cost=CHEAP,
    commutative=True,
    aliases=("multiply",),
)
true_div = elementwise(
    "true_div",
    np.true_divide,
    lambda x, y, o, g: (g / y, -g * o / y),
    FLOATING,
    2,
    (0.5, 2),
    aliases=("divide", "true_divide"),
    text="{0} / {1}",
    cost=MODERATE,
)
floor_div = elementwise(
    "floor_div",
    np.floor_divide,
    None,
    ARITHMETIC,
    2,
    (1, 9),
    (1, 4),
    doc="Quotient rounded down; its gradient is zero.  ZeroDivisionError if an integer is divided by 0.",
    fails=_by_zero("integer division by zero"),
    c="gl_floordiv_{s}({0}, {1})",
    cuda=Text("gl_floordiv_{s}({0}, {1})", "gl_floordiv(({o}){0}, ({o}){1})"),
    cost=COSTLY,
    aliases=("floor_divide",),
)
mod = elementwise(
    "mod",
    np.mod,
    lambda x, y, o, g: (g, -g * floor_div(x, y)),
    ARITHMETIC,
    2,
    (2.1, 2.9),
    (1.1, 1.9),
    doc="Remainder with the divisor's sign.  ZeroDivisionError for an integer modulo 0.",
    fails=_by_zero("integer modulo by zero"),
    c="gl_mod_{s}({0}, {1})",
    cuda=Text("gl_mod_{s}({0}, {1})", "gl_mod(({o}){0}, ({o}){1})"),
    cost=COSTLY,
    aliases=("remainder",),
)
maximum = elementwise(
    "maximum",
    np.maximum,
    lambda x, y, o, g: (switch(ge(x, y), g, 0), switch(ge(x, y), 0, g)),
    ARITHMETIC,
    2,
    dtypes=ALL,
    doc="The greater one; NaN if either is.  At a tie the gradient goes to the first operand.",
    c=Text("gl_max_{s}({0}, {1})", "({0} > {1} ? {0} : {1})"),
    cuda="gl_max<{o}>({0}, {1})",
    cost=CHEAP,
    commutative=True,
)
minimum = elementwise(
    "minimum",
    np.minimum,
    lambda x, y, o, g: (switch(le(x, y), g, 0), switch(le(x, y), 0, g)),
    ARITHMETIC,
    2,
    dtypes=ALL,
    doc="The smaller one; NaN if either is.  At a tie the gradient goes to the first operand.",
    c=Text("gl_min_{s}({0}, {1})", "({0} < {1} ? {0} : {1})"),
    cuda="gl_min<{o}>({0}, {1})",
    cost=CHEAP,
    commutative=True,
)


def clip(x: Any, low: Any, high: Any) -> Variable:
    """``x`` brought into [low, high].  At a bound the gradient goes to ``x``."""
    return minimum(maximum(x, low), high)


rectify = elementwise(
    "rectify",
    lambda x: np.maximum(x, x.dtype.type(0)),
    lambda x, o, g: switch(gt(x, 0), g, switch(eq(x, 0), g * 0.5, 0)),
    ARITHMETIC,
    doc="max(x, 0); NaN stays NaN.  The gradient at 0 is a half, as Theano's is.",
    c=Text("gl_max_{s}(0, {0})", "({0} > 0 ? {0} : 0)"),
    cuda="gl_max<{o}>(0, {0})",
    cost=MODERATE,
)
leaky_rectify = elementwise(
    "leaky_rectify",
    lambda x, a: np.where(x > 0, x, x * a),
    lambda x, a, o, g: (
        g * switch(gt(x, 0), 1, switch(eq(x, 0), a * 0.5 + 0.5, a)),
        switch(gt(x, 0), 0, g * x),
    ),
    ARITHMETIC,
    2,
    doc="x where positive, else x times the second operand.  The gradient at 0 is the mean of both sides'.",
    c=Text("{0} > 0 ? {0} : {0} * {1}", "({t})({0} > 0 ? {0} : {0} * {1})"),
    cuda=Text("{0} > 0 ? {0} : {0} * {1}", "({t})({0} > 0 ? ({u}){0} : ({u}){0} * ({u}){1})"),
    cost=MODERATE,
)
ceil = elementwise(
    "ceil", np.ceil, None, doc="Smallest integer not below.", text="ceil{f}({0})", cost=MODERATE
)
floor = elementwise(
    "floor", np.floor, None, doc="Largest integer not above.", text="floor{f}({0})", cost=MODERATE
)
trunc = elementwise("trunc", np.trunc, None, doc="Toward zero.", text="trunc{f}({0})", cost=MODERATE)
round_half_to_even = elementwise(
    "round_half_to_even",
    np.rint,
    None,
    doc="Nearest integer, ties to even: T.round and numpy's.",
    c="gl_round_half_even_{s}({0})",
    cuda="rint{f}({0})",
    cost=MODERATE,
)
round_half_away_from_zero = elementwise(
    "round_half_away_from_zero",
    _round_half_away,
    None,
    doc="Nearest integer, ties away from 0.",
    c="gl_round_half_away_{s}({0})",
    cuda="round{f}({0})",
    cost=MODERATE,
)
