"""Rules of algebra that bring equal formulas to one form, with constants and signs collected.

Values stay what they are: NaN and infinity go through, and nothing overflows or vanishes that did not before.
So no scalar moves through a product or a sum, which may be of another magnitude, and a quotient stays one:
only signs do, and numbers that are known and multiply numbers. The sign of a zero is that of x + 0, but that
of a difference, which is 0 in either order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.index import AdvancedIndex, BasicIndex
from ..ops.linalg import MatrixProduct
from ..ops.reduce import Reduce, count, sum_keeping
from ..ops.shape import BroadcastTo, DimShuffle, Reshape, dimshuffle
from ..ops.shape_rules import constant_int
from ..ops.write import AdvancedWrite, BasicWrite
from .engine import Sweep
from .patterns import Capture, Number, P, is_array, is_scalar, node, number_of
from .rules import RuleSet

USELESS = RuleSet("useless")
CANONICAL = RuleSet("canonical")
#: what would undo that sums accumulate
BEFORE_SUMS = RuleSet("before sums")

x, y, z = Capture("x"), Capture("y"), Capture("z")
array, other = Capture("x", is_array), Capture("y", is_array)
s, t = Capture("s", is_scalar), Capture("t", is_scalar)
c, d = Number(name="c"), Number(name="d")


def usable(number: float, dtype: str) -> bool:
    """Whether a number made by folding neither overflows nor vanishes in ``dtype``."""
    if dtype not in ("float32", "float64"):
        return True
    limits = np.finfo(dtype)
    return math.isfinite(number) and float(limits.tiny) <= abs(number) <= float(limits.max)


#: elementwise operations that never give -0
_NO_NEGATIVE_ZERO = frozenset(("abs", "cosh", "exp", "exp2", "sigmoid", "softplus", "sqr"))


def has_no_negative_zero(v: Variable) -> bool:
    """Whether no element of ``v`` is -0: sums are not, that start with 0, nor what was added to one."""
    while True:
        if not v.type.is_float:
            return True
        if isinstance(v, Constant):
            return not (np.signbit(v.data) & (v.data == 0)).any()
        node = v.owner
        if node is None:
            return False
        if type(node.op) in (BroadcastTo, DimShuffle, Reshape, BasicIndex, AdvancedIndex):
            v = node.inputs[0]
        elif type(node.op) is ew.Elementwise:
            return node.op.name in _NO_NEGATIVE_ZERO
        else:
            return type(node.op) is MatrixProduct or (type(node.op) is Reduce and node.op.kind == "sum")


# Operations that do nothing


@USELESS.rule("x - 0, x * 1, x / 1, x ** 1 are x", x - 0, x * 1, x / 1, P.pow(x, 1))
def _(x: Variable, node: Apply) -> Variable | None:
    return x if x.dtype == node.outputs[0].dtype else None


@USELESS.rule("x + 0 is x where x is no -0", x + 0)
def _(x: Variable, node: Apply) -> Variable | None:
    """-0 + 0 is 0."""
    return x if x.dtype == node.outputs[0].dtype and has_no_negative_zero(x) else None


@USELESS.rule("0 - x is -x for integers", 0 - x)
def _(x: Variable) -> Variable | None:
    return None if x.type.is_float else ew.neg(x)


@USELESS.rule("x * 0 is 0 for integers", x * 0)
def _(node: Apply) -> Variable | None:
    """Of floats, NaN and infinity are not."""
    out = node.outputs[0]
    return None if out.type.is_float else Constant(0, dtype=out.dtype)


@USELESS.rule("x ** 0 is 1", P.pow(x, 0))
def _(node: Apply) -> Variable:
    return Constant(1, dtype=node.outputs[0].dtype)


@USELESS.rule("-(-x) is x", P.neg(-x))
def _(x: Variable) -> Variable:
    return x


@USELESS.rule("1 / x is inv(x)", 1 / x)
def _(x: Variable) -> Variable:
    return ew.inv(x)


@USELESS.rule("inv(inv(x)) is x", P.inv(P.inv(x)))
def _(x: Variable) -> Variable:
    return x


_POWERS = {
    2: lambda x: ew.sqr(x),
    3: lambda x: ew.mul(ew.sqr(x), x),
    4: lambda x: ew.sqr(ew.sqr(x)),
    0.5: lambda x: ew.sqrt(x),
    -0.5: lambda x: ew.inv(ew.sqrt(x)),
    -1: lambda x: ew.inv(x),
    -2: lambda x: ew.inv(ew.sqr(x)),
}


@USELESS.rule("x ** 2, 3, 4, 0.5, -0.5, -1, -2 by multiplication, root and inverse", P.pow(x, c))
def _(x: Variable, c: Any) -> Variable | None:
    return _POWERS[c](x) if c in _POWERS and (x.type.is_float or (c > 0 and c == int(c))) else None


@USELESS.rule("x * x is sqr(x)", x * x)
def _(x: Variable) -> Variable:
    return ew.sqr(x)


@USELESS.rule("a square, or an absolute value, forgets the sign", P.sqr(-x), P.sqr(P.abs(x)))
def _(x: Variable) -> Variable:
    return ew.sqr(x)


@USELESS.rule("abs(-x), abs(abs(x)) are abs(x)", P.abs(-x), P.abs(P.abs(x)))
def _(x: Variable) -> Variable | None:
    # -x of unsigned integers wraps around
    return ew.abs_(x) if x.type.is_float or np.iinfo(x.dtype).min < 0 else None


@USELESS.rule("the greater, or smaller, of equals is either", P.maximum(x, x), P.minimum(x, x))
def _(x: Variable) -> Variable:
    return x


# Constants and scalars


@CANONICAL.rule("x / c is x * (1 / c) where c is a power of 2", x / c)
def _(x: Variable, c: Any) -> Variable | None:
    """1 / c is rounded for others, and the quotient twice."""
    return ew.mul(1 / c, x) if abs(math.frexp(c)[0]) == 0.5 and usable(1 / c, x.dtype) else None


@CANONICAL.rule("-1 * x is -x", x * -1)
def _(x: Variable) -> Variable:
    return ew.neg(x)


@CANONICAL.rule("-(c * x) is (-c) * x", -(c * x))
def _(c: Any, x: Variable) -> Variable | None:
    return ew.mul(-c, x) if x.type.is_float else None


@CANONICAL.rule("-(s * x) is (-s) * x", -(s * array))
def _(s: Variable, x: Variable) -> Variable:
    return ew.mul(ew.neg(s), x)


@CANONICAL.rule("c * (d * x) is (c * d) * x", c * (d * x))
def _(c: Any, d: Any, x: Variable) -> Variable | None:
    return ew.mul(c * d, x) if x.type.is_float and usable(c * d, x.dtype) else None


@CANONICAL.rule(
    "x * (1 / y) is x / y", array * P.inv(other), Capture("x", is_scalar) * P.inv(Capture("y", is_scalar))
)
def _(x: Variable, y: Variable) -> Variable:
    return ew.true_div(x, y)


# Signs: they move outward through products, quotients and linear operations


@CANONICAL.rule("(-x) * c is (-c) * x", (-x) * c)
def _(x: Variable, c: Any) -> Variable | None:
    return ew.mul(-c, x) if x.type.is_float else None


@CANONICAL.rule("(-x) * y is -(x * y)", (-x) * y)
def _(x: Variable, y: Variable) -> Variable | None:
    return ew.neg(ew.mul(x, y)) if x.type.shape or not y.type.shape else None


@CANONICAL.rule("(-x) / y, x / (-y) are -(x / y)", (-x) / y, x / (-y))
def _(x: Variable, y: Variable) -> Variable | None:
    return ew.neg(ew.true_div(x, y)) if y.type.shape or not x.type.shape else None


@CANONICAL.rule("inv(-x) is -inv(x)", P.inv(-x))
def _(x: Variable) -> Variable:
    return ew.neg(ew.inv(x))


@CANONICAL.rule("-(c / x) is (-c) / x", -(c / x))
def _(c: Any, x: Variable) -> Variable:
    return ew.true_div(-c, x)


@CANONICAL.rule("x + (-y) is x - y", x + (-y))
def _(x: Variable, y: Variable) -> Variable:
    return ew.sub(x, y)


@CANONICAL.rule("x - (-y) is x + y", x - (-y))
def _(x: Variable, y: Variable) -> Variable:
    return ew.add(x, y)


@CANONICAL.rule("(-x) - y is -(x + y)", (-x) - y)
def _(x: Variable, y: Variable) -> Variable:
    return ew.neg(ew.add(x, y))


@CANONICAL.rule("-(x - y) is y - x", -(P.sub(x, y, as_="inner")))
def _(x: Variable, y: Variable, inner: Variable, graph: Sweep) -> Variable | None:
    return ew.sub(y, x) if graph.used_once(inner) else None


# Signs leave linear operations, and scalars views


def scalar_factor(v: Variable) -> tuple[Any, Variable] | None:
    """A scalar (or -1) and the rest, if ``v`` is a product with one."""
    node = v.owner
    if node is None or type(node.op) is not ew.Elementwise:
        return None
    if node.op.name == "neg":
        return -1, node.inputs[0]
    if node.op.name == "mul":
        for factor, rest in (node.inputs, node.inputs[::-1]):
            if not factor.type.shape and rest.type.shape:
                return factor, rest
    return None


@CANONICAL.rule(
    "a scalar factor comes after a view",
    *(node(c) for c in (DimShuffle, Reshape, BasicIndex, AdvancedIndex)),
)
def _(node: Apply) -> Variable | None:
    x, *rest = node.inputs
    found = scalar_factor(x) if x.type.is_float else None
    if found is None:
        return None
    factor, inner = found
    view = node.op.make(inner, *rest)
    return ew.neg(view) if isinstance(factor, int) else ew.mul(factor, view)


@CANONICAL.rule("a sign leaves a linear operation", node(Reduce, kind="sum"), node(MatrixProduct))
def sign_leaves(node: Apply) -> Variable | None:
    if not node.outputs[0].type.is_float:
        return None
    linear = 2 if type(node.op) is MatrixProduct else 1
    for i, v in enumerate(node.inputs[:linear]):
        if v.owner is not None and type(v.owner.op) is ew.Elementwise and v.owner.op.name == "neg":
            return ew.neg(node.op.make(*node.inputs[:i], v.owner.inputs[0], *node.inputs[i + 1 :]))
    return None


@BEFORE_SUMS.rule(
    "the sign of what is added to zeros leaves",
    node(AdvancedWrite, mode="add"),
    node(BasicWrite, mode="add"),
)
def _(node: Apply) -> Variable | None:
    base, added, *indices = node.inputs
    found = scalar_factor(added)
    if number_of(base) != 0 or not base.type.is_float or found is None or not isinstance(found[0], int):
        return None
    return ew.neg(node.op.make(base, found[1], *indices))


@CANONICAL.rule(
    "the sum of repeated values is a multiple", node(Reduce, node(BroadcastTo, as_="repeated"), kind="sum")
)
def _(repeated: Variable, node: Apply) -> Variable | None:
    x, *lengths = repeated.owner.inputs
    gap = len(lengths) - x.ndim
    axes = [a for a in node.op.axes if a < gap or x.type.shape[a - gap] == 1]
    if not axes:
        return None
    times = count(repeated, tuple(axes), x.dtype)
    rest = BroadcastTo().make(
        dimshuffle(x, [a for a in range(x.ndim) if a + gap not in axes]),
        *(n for i, n in enumerate(lengths) if i not in axes),
    )
    left = tuple(a - sum(b < a for b in axes) for a in node.op.axes if a not in axes)
    total = (Reduce("sum", left).make(rest) if left else rest) * times
    number = number_of(x)
    if constant_int(times) or not x.type.is_float or (number is not None and math.isfinite(number)):
        return total
    # infinity repeated 0 times adds up to 0
    return ew.switch(ew.eq(times, 0), 0, total)


@CANONICAL.rule(
    "a product with a repeated number is a multiple of sums",
    node(MatrixProduct, x, node(BroadcastTo)),
    node(MatrixProduct, node(BroadcastTo), x),
)
def _(x: Variable, node: Apply) -> Variable | None:
    a, b = node.inputs
    number, axis = (number_of(b), x.ndim - 1) if x is a else (number_of(a), x.ndim - 2)
    if number is None:
        return None
    return sum_keeping(x if number == 1 else ew.mul(number, x), (axis,))


# Integers, whose arithmetic is exact in any order


@CANONICAL.rule("(i + c) + d is i + (c + d) for integers", (x + c) + d, (x - c) + d, (x + c) - d, (x - c) - d)
def _(x: Variable, c: Any, d: Any, node: Apply) -> Variable | None:
    if x.type.is_float or x.dtype == "bool":
        return None
    inner = node.inputs[0] if number_of(node.inputs[1]) is not None else node.inputs[1]
    total = (c if inner.owner.op.name == "add" else -c) + (d if node.op.name == "add" else -d)
    limits = np.iinfo(x.dtype)
    return ew.add(x, total) if limits.min <= total <= limits.max else None


@CANONICAL.rule("i - i is 0 for integers", x - x)
def _(x: Variable) -> Variable | None:
    return None if x.type.is_float else Constant(0, dtype=x.dtype)
