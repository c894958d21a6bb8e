"""Rows of comparisons, of logic and of the choice between two values."""

from __future__ import annotations

import numpy as np

from ...scalar.functions import CHEAP, MODERATE, Text
from .row import CHOICE, COMPARISON, LOGICAL, elementwise

eq = elementwise("eq", np.equal, None, COMPARISON, 2, (0, 3), text="{0} == {1}", cost=CHEAP, commutative=True)
neq = elementwise(
    "neq", np.not_equal, None, COMPARISON, 2, (0, 3), text="{0} != {1}", cost=CHEAP, commutative=True
)
lt = elementwise("lt", np.less, None, COMPARISON, 2, text="{0} < {1}", cost=CHEAP)
le = elementwise("le", np.less_equal, None, COMPARISON, 2, text="{0} <= {1}", cost=CHEAP)
gt = elementwise("gt", np.greater, None, COMPARISON, 2, text="{0} > {1}", cost=CHEAP)
ge = elementwise("ge", np.greater_equal, None, COMPARISON, 2, text="{0} >= {1}", cost=CHEAP)
invert = elementwise(
    "invert",
    np.invert,
    None,
    LOGICAL,
    aliases=("bitwise_not",),
    doc="Logical not of bools, bitwise not of integers.",
    text=Text(integer="({t})~{0}", boolean="!{0}"),
    cost=CHEAP,
)
and_ = elementwise(
    "and_",
    np.bitwise_and,
    None,
    LOGICAL,
    2,
    (0, 9),
    aliases=("bitwise_and",),
    doc="Logical or bitwise and.",
    text="({t})({0} & {1})",
    cost=CHEAP,
    commutative=True,
)
or_ = elementwise(
    "or_",
    np.bitwise_or,
    None,
    LOGICAL,
    2,
    (0, 9),
    aliases=("bitwise_or",),
    doc="Logical or bitwise or.",
    text="({t})({0} | {1})",
    cost=CHEAP,
    commutative=True,
)
xor = elementwise(
    "xor",
    np.bitwise_xor,
    None,
    LOGICAL,
    2,
    (0, 9),
    aliases=("bitwise_xor",),
    doc="Logical or bitwise exclusive or.",
    text="({t})({0} ^ {1})",
    cost=CHEAP,
    commutative=True,
)
isnan = elementwise(
    "isnan",
    np.isnan,
    None,
    COMPARISON,
    dtypes=("float32", "float64"),
    doc="Whether NaN.",
    text="{0} != {0}",
    cost=MODERATE,
)
isinf = elementwise(
    "isinf",
    np.isinf,
    None,
    COMPARISON,
    dtypes=("float32", "float64"),
    doc="Whether infinite.",
    text="fabs{f}({0}) == {inf}",
    cost=MODERATE,
)
switch = elementwise(
    "switch",
    np.where,
    lambda c, x, y, o, g: (None, switch(c, g, 0), switch(c, 0, g)),
    CHOICE,
    3,
    aliases=("where",),
    doc="x where the condition holds, else y.",
    text="{0} ? {1} : {2}",
    cost=CHEAP,
)
