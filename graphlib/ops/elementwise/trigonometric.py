"""Rows of trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from ...graph import Variable
from ...scalar.functions import COSTLY
from .arithmetic import sqr, sqrt
from .comparison import eq, switch
from .row import FLOATING, elementwise


def _share(g: Variable, x: Variable, o: Variable) -> Variable:
    """The gradient of sqrt(x² + …) by x."""
    return g * switch(eq(o, 0), 0, x / o)


sin = elementwise(
    "sin", np.sin, lambda x, o, g: g * cos(x), c="gl_sin_{s}({0})", cuda="sin{f}({0})", cost=COSTLY
)
cos = elementwise(
    "cos", np.cos, lambda x, o, g: -g * sin(x), c="gl_cos_{s}({0})", cuda="cos{f}({0})", cost=COSTLY
)
tan = elementwise(
    "tan",
    np.tan,
    lambda x, o, g: g * (1 + sqr(o)),
    domain=(-1, 1),
    c="gl_tan_{s}({0})",
    cuda="tan{f}({0})",
    cost=COSTLY,
)
sinh = elementwise(
    "sinh", np.sinh, lambda x, o, g: g * cosh(x), c="gl_sinh_{s}({0})", cuda="sinh{f}({0})", cost=COSTLY
)
cosh = elementwise(
    "cosh", np.cosh, lambda x, o, g: g * sinh(x), c="gl_cosh_{s}({0})", cuda="cosh{f}({0})", cost=COSTLY
)
arcsin = elementwise(
    "arcsin",
    np.arcsin,
    lambda x, o, g: g / sqrt(1 - sqr(x)),
    domain=(-0.8, 0.8),
    c="gl_arcsin_{s}({0})",
    cuda="asin{f}({0})",
    cost=COSTLY,
    aliases=("asin",),
)
arccos = elementwise(
    "arccos",
    np.arccos,
    lambda x, o, g: -g / sqrt(1 - sqr(x)),
    domain=(-0.8, 0.8),
    c="gl_arccos_{s}({0})",
    cuda="acos{f}({0})",
    cost=COSTLY,
    aliases=("acos",),
)
arctan = elementwise(
    "arctan",
    np.arctan,
    lambda x, o, g: g / (1 + sqr(x)),
    c="gl_arctan_{s}({0})",
    cuda="atan{f}({0})",
    cost=COSTLY,
    aliases=("atan",),
)
hypot = elementwise(
    "hypot",
    np.hypot,
    lambda x, y, o, g: (_share(g, x, o), _share(g, y, o)),
    FLOATING,
    2,
    (0.5, 2),
    doc="sqrt(x² + y²), which does not overflow on the way.  The gradient at 0 is 0, as that of abs.",
    c="gl_hypot_{s}({0}, {1})",
    cuda="hypot{f}({0}, {1})",
    cost=COSTLY,
    commutative=True,
)
arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    lambda y, x, o, g: (g * x / (sqr(x) + sqr(y)), -g * y / (sqr(x) + sqr(y))),
    FLOATING,
    2,
    (0.5, 2),
    c="gl_arctan2_{s}({0}, {1})",
    cuda="atan2{f}({0}, {1})",
    cost=COSTLY,
    aliases=("atan2",),
)
tanh = elementwise(
    "tanh", np.tanh, lambda x, o, g: g * (1 - sqr(o)), c="gl_tanh_{s}({0})", cuda="tanh{f}({0})", cost=COSTLY
)
arcsinh = elementwise(
    "arcsinh",
    np.arcsinh,
    lambda x, o, g: g / sqrt(sqr(x) + 1),
    c="gl_arcsinh_{s}({0})",
    cuda="asinh{f}({0})",
    cost=COSTLY,
    aliases=("asinh",),
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    lambda x, o, g: g / sqrt(sqr(x) - 1),
    domain=(1.3, 3),
    c="gl_arccosh_{s}({0})",
    cuda="acosh{f}({0})",
    cost=COSTLY,
    aliases=("acosh",),
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    lambda x, o, g: g / (1 - sqr(x)),
    domain=(-0.8, 0.8),
    c="gl_arctanh_{s}({0})",
    cuda="atanh{f}({0})",
    cost=COSTLY,
    aliases=("atanh",),
)
