"""Rows of comparisons, of logic and bits, and of the choice between two values."""

from __future__ import annotations

import numpy as np

from ...scalar.functions import CHEAP, MODERATE, Text
from .row import CHOICE, COMPARISON, INTEGERS, LOGICAL, elementwise

eq = elementwise(
    "eq",
    np.equal,
    None,
    COMPARISON,
    2,
    (0, 3),
    text="{0} == {1}",
    cost=CHEAP,
    commutative=True,
    aliases=("equal",),
)
neq = elementwise(
    "neq",
    np.not_equal,
    None,
    COMPARISON,
    2,
    (0, 3),
    text="{0} != {1}",
    cost=CHEAP,
    commutative=True,
    aliases=("not_equal",),
)
lt = elementwise("lt", np.less, None, COMPARISON, 2, text="{0} < {1}", cost=CHEAP, aliases=("less",))
le = elementwise(
    "le", np.less_equal, None, COMPARISON, 2, text="{0} <= {1}", cost=CHEAP, aliases=("less_equal",)
)
gt = elementwise("gt", np.greater, None, COMPARISON, 2, text="{0} > {1}", cost=CHEAP, aliases=("greater",))
ge = elementwise(
    "ge", np.greater_equal, None, COMPARISON, 2, text="{0} >= {1}", cost=CHEAP, aliases=("greater_equal",)
)
invert = elementwise(
    "invert",
    np.invert,
    None,
    LOGICAL,
    aliases=("bitwise_not", "bitwise_invert"),
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
left_shift = elementwise(
    "left_shift",
    np.left_shift,
    None,
    LOGICAL,
    2,
    (0, 9),
    dtypes=INTEGERS,
    aliases=("bitwise_left_shift",),
    doc="The bits of an integer so many places up; 0 for as many as it has, or more, or less than none.",
    text="({t})(({u}){1} < ({u})(8 * sizeof({t})) ? ({u}){0} << {1} : 0)",
    cost=CHEAP,
)
right_shift = elementwise(
    "right_shift",
    np.right_shift,
    None,
    LOGICAL,
    2,
    (0, 9),
    dtypes=INTEGERS,
    aliases=("bitwise_right_shift",),
    doc="The bits of an integer so many places down, those of its sign coming in; nothing but these for as "
    "many as it has, or more, or less than none.",
    text="({t})(({u}){1} < ({u})(8 * sizeof({t})) ? {0} >> {1} : -({0} < 0))",
    cost=CHEAP,
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
