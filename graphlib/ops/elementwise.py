"""Elementwise operations, a row each: numpy reference, dtype rule, gradient and the values to try it on.

Operands broadcast as in NumPy, but only along dimensions that are statically 1.  A row's name is also its
name in the scalar language, which the backends' printers know; an operation is lowered by that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import DomainError, DTypeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import INTEGERS, dtype_name, is_float, promote, weak_dtype
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull
from .op import (
    NUMBERS,
    Op,
    Sample,
    as_variable,
    broadcast_static,
    check_broadcast,
    is_number,
    not_differentiable,
    register,
)

ARITHMETIC, FLOATING, COMPARISON, LOGICAL = "arithmetic", "floating", "comparison", "logical"
ALL = ("bool", *NUMBERS)


def broadcast_shape(operands: list[Operand], static: tuple, require: Callable) -> tuple[Poly, ...]:
    """The lengths of operands broadcast together; requires at the call that unknown ones agree."""
    shape = []
    for axis in range(len(static), 0, -1):
        if static[-axis] == 1:
            shape.append(Poly.of(1))
            continue
        lengths = [
            (o.variable, o.shape[-axis])
            for o in operands
            if o.ndim >= axis and o.variable.type.shape[-axis] != 1
        ]
        first, length = next(((v, n) for v, n in lengths if n.constant is not None), lengths[0])
        for variable, n in lengths:
            if n != length:
                require(
                    length, n, f"axis {-axis} of {{0}} has length {{a}}, of {{1}} {{b}}", (first, variable)
                )
        shape.append(length)
    return tuple(shape)


def broadcast_at(operand: Operand, index: tuple[Poly, ...]) -> ex.Expr:
    """The element of an operand that broadcasts to an output read at ``index``."""
    own = index[len(index) - operand.ndim :]
    return operand.at(*(0 if n == 1 else i for i, n in zip(own, operand.variable.type.shape, strict=True)))


class Elementwise(Op):
    """A scalar function applied to each element; ``rule`` says which dtypes it takes and gives."""

    def __init__(
        self,
        name: str,
        numpy: Callable,
        gradient: Callable | None,
        rule: str = FLOATING,
        arity: int = 1,
    ) -> None:
        self.name = name
        self.numpy = numpy
        self.derivative = gradient
        self.rule = rule
        self.arity = arity
        self.__doc__ = f"Elementwise {name}."

    def parameters(self) -> tuple:
        return (self.name,)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _by_name, (self.name,)

    def __call__(self, *args: Any, dtype: str | None = None) -> Variable:
        if len(args) != self.arity:
            raise TypeError(
                f"T.{self.name} takes {self.arity} operand{'s' * (self.arity > 1)}, got {len(args)}"
            )
        operands = [a if is_number(a) else as_variable(a) for a in args]
        free = self.name == "switch"
        chosen = operands[1:] if free else operands
        common = self.operand_dtype(chosen) if dtype is None else dtype
        converted = [as_dtype(a, common) for a in chosen]
        if free:
            converted.insert(0, as_dtype(operands[0], "bool"))
        return self.make(*converted)

    def operand_dtype(self, operands: list) -> str:
        """The dtype all operands are brought to before the operation."""
        strong = [v.dtype for v in operands if isinstance(v, Variable)]
        common = promote(strong) if strong else None
        for number in (v for v in operands if not isinstance(v, Variable)):
            try:
                common = weak_dtype(number, common)
            except DTypeError:
                if self.rule != COMPARISON:
                    raise
                common = "int64"
        if (
            self.rule == ARITHMETIC
            and common == "bool"
            and self.name not in ("switch", "maximum", "minimum", "identity")
        ):
            common = "int8"
        if self.rule == FLOATING and not is_float(common):
            common = config.floatX
        if self.rule == LOGICAL and is_float(common):
            names = ", ".join(v.describe() for v in operands if isinstance(v, Variable))
            raise DTypeError(f"T.{self.name} takes bools or integers, not {names}")
        return common

    def infer(self, *inputs: Variable) -> list[TensorType]:
        dtype = "bool" if self.rule == COMPARISON else inputs[-1].dtype
        return [TensorType(dtype, broadcast_static(inputs, self))]

    def gradient(
        self,
        node: Apply,
        grads: list[Variable],
        limited: Callable[[Variable], Variable] = lambda g: g,
    ) -> list[Variable | None]:
        """``limited`` is applied to each result before it is summed over axes that were broadcast."""
        if self.derivative is None:
            return [None] * len(node.inputs)
        (g,) = grads
        results = self.derivative(*node.inputs, node.outputs[0], g)
        results = results if isinstance(results, (list, tuple)) else [results]
        return [
            None if r is None else sum_to_shape_of(limited(r), v)
            for r, v in zip(results, node.inputs, strict=True)
        ]

    def reference(self, node: Apply, *arrays: np.ndarray) -> np.ndarray:
        check_broadcast(self, node.inputs, arrays)
        out = node.outputs[0]
        if self.name in _CHECKED and not out.type.is_float and (arrays[0].size or arrays[1].size == 1):
            _, is_wrong, error, message = _CHECKED[self.name]
            if is_wrong(arrays[1]).any():
                raise error(f"{message}: {node.inputs[1].describe()} in {out.describe()}")
        return np.asarray(self.numpy(*arrays), dtype=out.type.numpy_dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        out = node.outputs[0]
        shape = broadcast_shape(operands, out.type.shape, require)
        check = _CHECKED[self.name][:2] if self.name in _CHECKED and not out.type.is_float else None

        def at(*index: Poly) -> ex.Expr:
            elements = [broadcast_at(o, index) for o in operands]
            if check is not None:
                number = ex.constant_value(elements[1])
                if number is None or check[1](number):
                    elements[1] = ex.checked(check[0], elements[1])
            return ex.apply(self.name, out.dtype, *elements)

        return Pull(shape, at)


def may_fail(node: Apply) -> bool:
    """Whether an elementwise node fails the call for some operands: nothing may bring it before a choice."""
    return node.op.name in _CHECKED and not node.outputs[0].type.is_float


#: operations of integers that fail the call for some second operands: the check of the scalar language, which
#: they are, the error and its message
_CHECKED: dict[str, tuple[str, Callable, type, str]] = {
    "floor_div": ("checked_divisor", lambda d: d == 0, ZeroDivisionError, "integer division by zero"),
    "mod": ("checked_divisor", lambda d: d == 0, ZeroDivisionError, "integer modulo by zero"),
    "pow": (
        "checked_exponent",
        lambda n: n < 0,
        DomainError,
        "an integer to the power of a negative one is no integer; cast it to a float first",
    ),
}


class Cast(Op):
    """The same values in another dtype (float to integer truncates toward zero, as in C)."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype_name(dtype)

    def parameters(self) -> tuple:
        return (self.dtype,)

    def __repr__(self) -> str:
        return f"cast{{{self.dtype}}}"

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(self.dtype, x.type.shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,) = node.inputs
        if x.type.is_float and not is_float(self.dtype):
            return [None]
        return [cast(grads[0], x.dtype) if x.type.is_float else grads[0]]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return x.astype(self.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        return Pull(x.shape, lambda *i: ex.cast(x.at(*i), self.dtype))


def cast(x: Any, dtype: Any) -> Variable:
    """``x`` in another dtype; x itself if it has it already."""
    dtype = dtype_name(dtype)
    if is_number(x):
        return Constant(x, dtype=dtype)
    x = as_variable(x)
    if x.dtype == dtype:
        return x
    if isinstance(x, Constant):
        return Constant(x.data.astype(dtype), x.name, origin=x.origin)
    return Cast(dtype).make(x)


def as_dtype(x: Any, dtype: str) -> Variable:
    """An operand, or a weak number, in the dtype of the operation."""
    return cast(x, dtype)


def sum_to_shape_of(gradient: Variable, like: Variable) -> Variable:
    """A gradient of the broadcast shape, summed over the axes along which ``like`` was broadcast."""
    from .reduce import sum_keeping
    from .shape import dimshuffle

    extra = gradient.ndim - like.ndim
    if extra:
        gradient = sum_keeping(gradient, tuple(range(extra)))
        gradient = dimshuffle(gradient, tuple(range(extra, gradient.ndim)))
    axes = tuple(
        i
        for i, (n, m) in enumerate(zip(like.type.shape, gradient.type.shape, strict=True))
        if n == 1 and m != 1
    )
    return sum_keeping(gradient, axes) if axes else gradient


# The table.  A gradient gets the inputs, the output and the gradient of the output; None for one that is zero
# everywhere.

_ROWS: dict[str, Elementwise] = {}


def _by_name(name: str) -> Elementwise:
    return _ROWS[name]


def _values(low: float, high: float, shape: tuple, dtype: str, seed: int) -> np.ndarray:
    random = np.random.RandomState(seed)
    return random.uniform(low, high, shape).astype(dtype)


def _row(
    name: str,
    numpy: Callable,
    gradient: Callable | None,
    rule: str = FLOATING,
    arity: int = 1,
    domain: tuple = (-2.0, 2.0),
    domain2: tuple | None = None,
    doc: str = "",
    aliases: tuple = (),
    dtypes: tuple | None = None,
    smooth: bool = True,
) -> Elementwise:
    op = Elementwise(name, numpy, gradient, rule, arity)
    op.__doc__ = doc or f"Elementwise {name}."
    _ROWS[name] = op
    dtypes = (
        dtypes
        or {
            ARITHMETIC: NUMBERS,
            COMPARISON: ALL,
            LOGICAL: ("bool", *INTEGERS),
            FLOATING: ("float32", "float64"),
        }[rule]
    )
    smooth = smooth and gradient is not None

    def samples() -> list[Sample]:
        ranges = [domain, domain2 or domain, domain][:arity]
        shapes = [[(3, 4)] * arity, [(0, 3)] * arity, [()] * arity]
        if arity == 2:
            shapes += [[(3, 4), (4,)], [(3, 1), (1, 4)], [(2, 3, 4), ()]]
        result = []
        for k, group in enumerate(shapes):
            arrays = [
                _values(*r, s, "float64", 10 * k + j)
                for j, (r, s) in enumerate(zip(ranges, group, strict=True))
            ]
            result.append(Sample(op, tuple(arrays), dtypes, smooth))
        return result

    register(name, op, samples, op.__doc__, aliases)
    return op


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def _special(name: str) -> Callable:
    """A function of the error and gamma families, of the standard library's ``math`` or our own series,
    elementwise."""
    import math

    scalar = {
        "erf": math.erf,
        "erfc": math.erfc,
        "gammaln": _lgamma,
        "psi": _digamma,
        "tri_gamma": _trigamma,
    }[name]
    vectorized = np.vectorize(scalar, otypes=["float64"])
    return lambda x: vectorized(x).astype(x.dtype) if x.size else x.copy()


def _lgamma(x: float) -> float:
    import math

    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


def _digamma(x: float) -> float:
    """Abramowitz and Stegun 6.3.5 (recurrence), 6.3.7 (reflection) and 6.3.18 (asymptotic series)."""
    import math

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
    import math

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


def _xlogy0(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x == 0, x.dtype.type(0), x * np.log(y))


def _round_half_away(x: np.ndarray) -> np.ndarray:
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.sign(x), whole)


def _power_gradient(x: Variable, y: Variable, o: Variable, g: Variable) -> tuple[Variable, Variable | None]:
    if isinstance(y, Constant):
        # an exponent of 0 stays 0, which has no infinity at x = 0 for the factor y = 0 to make a NaN of
        lower = Constant(np.where(y.data == 0, 0, y.data - 1).astype(y.dtype))
        return g * y * pow_(x, lower), None
    # neither has 0 ** 0, whose factor is 0, the exponent -1
    lower = switch(eq(x, 0) & eq(y, 0), 0, y - 1)
    return g * y * pow_(x, lower), g * o * log(switch(gt(x, 0), x, 1))


def _is_number_0(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and v.data.item() == 0


def _no_third_derivative(x: Variable, o: Variable, g: Variable) -> None:
    raise not_differentiable(o.owner, "graphlib has no polygamma function above the trigamma")


A = ARITHMETIC
identity = _row("identity", lambda x: x.copy(), lambda x, o, g: g, A, dtypes=ALL, doc="The value itself.")
neg = _row("neg", np.negative, lambda x, o, g: -g, A)
abs_ = _row(
    "abs", np.abs, lambda x, o, g: g * sgn(x), A, domain=(0.3, 2), aliases=("abs_",), doc="Absolute value."
)
sgn = _row("sgn", np.sign, None, A, doc="-1, 0 or 1 by the sign; NaN stays NaN.", aliases=("sign",))
sqr = _row("sqr", np.square, lambda x, o, g: g * x * 2, A, doc="x squared.", aliases=("square",))
inv = _row(
    "inv", np.reciprocal, lambda x, o, g: -g * sqr(o), domain=(0.5, 2), doc="1/x.", aliases=("reciprocal",)
)
sqrt = _row("sqrt", np.sqrt, lambda x, o, g: g * 0.5 / o, domain=(0.2, 3))
exp = _row("exp", np.exp, lambda x, o, g: g * o)
exp2 = _row("exp2", np.exp2, lambda x, o, g: g * o * float(np.log(2)))
expm1 = _row("expm1", np.expm1, lambda x, o, g: g * (o + 1), doc="exp(x) - 1, exact near 0.")
log = _row("log", np.log, lambda x, o, g: g / x, domain=(0.2, 3), doc="Natural logarithm.")
log2 = _row("log2", np.log2, lambda x, o, g: g / (x * float(np.log(2))), domain=(0.2, 3))
log10 = _row("log10", np.log10, lambda x, o, g: g / (x * float(np.log(10))), domain=(0.2, 3))
log1p = _row(
    "log1p", np.log1p, lambda x, o, g: g / (x + 1), domain=(-0.7, 2), doc="log(1 + x), exact near 0."
)
sigmoid = _row("sigmoid", _sigmoid, lambda x, o, g: g * o * (1 - o), doc="1 / (1 + exp(-x)).")
softplus = _row(
    "softplus",
    lambda x: np.logaddexp(x, x.dtype.type(0)),
    lambda x, o, g: g * sigmoid(x),
    doc="log(1 + exp(x)).",
)
rectify = _row(
    "rectify",
    lambda x: np.maximum(x, x.dtype.type(0)),
    lambda x, o, g: switch(gt(x, 0), g, switch(eq(x, 0), g * 0.5, 0)),
    A,
    doc="max(x, 0); NaN stays NaN.  The gradient at 0 is a half, as Theano's is.",
)
leaky_rectify = _row(
    "leaky_rectify",
    lambda x, a: np.where(x > 0, x, x * a),
    lambda x, a, o, g: (
        g * switch(gt(x, 0), 1, switch(eq(x, 0), a * 0.5 + 0.5, a)),
        switch(gt(x, 0), 0, g * x),
    ),
    A,
    2,
    doc="x where positive, else x times the second operand.  The gradient at 0 is the mean of both sides'.",
)
tanh = _row("tanh", np.tanh, lambda x, o, g: g * (1 - sqr(o)))
sin = _row("sin", np.sin, lambda x, o, g: g * cos(x))
cos = _row("cos", np.cos, lambda x, o, g: -g * sin(x))
tan = _row("tan", np.tan, lambda x, o, g: g * (1 + sqr(o)), domain=(-1, 1))
sinh = _row("sinh", np.sinh, lambda x, o, g: g * cosh(x))
cosh = _row("cosh", np.cosh, lambda x, o, g: g * sinh(x))
arcsin = _row("arcsin", np.arcsin, lambda x, o, g: g / sqrt(1 - sqr(x)), domain=(-0.8, 0.8))
arccos = _row("arccos", np.arccos, lambda x, o, g: -g / sqrt(1 - sqr(x)), domain=(-0.8, 0.8))
arctan = _row("arctan", np.arctan, lambda x, o, g: g / (1 + sqr(x)))
arcsinh = _row("arcsinh", np.arcsinh, lambda x, o, g: g / sqrt(sqr(x) + 1))
arccosh = _row("arccosh", np.arccosh, lambda x, o, g: g / sqrt(sqr(x) - 1), domain=(1.3, 3))
arctanh = _row("arctanh", np.arctanh, lambda x, o, g: g / (1 - sqr(x)), domain=(-0.8, 0.8))
erf = _row(
    "erf",
    _special("erf"),
    lambda x, o, g: g * exp(-sqr(x)) * float(2 / np.sqrt(np.pi)),
    doc="The error function.",
)
erfc = _row(
    "erfc", _special("erfc"), lambda x, o, g: -g * exp(-sqr(x)) * float(2 / np.sqrt(np.pi)), doc="1 - erf(x)."
)
gammaln = _row(
    "gammaln", _special("gammaln"), lambda x, o, g: g * psi(x), domain=(0.4, 5), doc="log |gamma(x)|."
)
psi = _row("psi", _special("psi"), lambda x, o, g: g * tri_gamma(x), domain=(0.4, 5), doc="Digamma function.")
tri_gamma = _row(
    "tri_gamma",
    _special("tri_gamma"),
    _no_third_derivative,
    domain=(0.4, 5),
    smooth=False,
    doc="Derivative of psi; itself without gradient.",
)
ceil = _row("ceil", np.ceil, None, doc="Smallest integer not below.")
floor = _row("floor", np.floor, None, doc="Largest integer not above.")
trunc = _row("trunc", np.trunc, None, doc="Toward zero.")
round_half_to_even = _row(
    "round_half_to_even", np.rint, None, doc="Nearest integer, ties to even: T.round and numpy's."
)
round_half_away_from_zero = _row(
    "round_half_away_from_zero", _round_half_away, None, doc="Nearest integer, ties away from 0."
)
isnan = _row("isnan", np.isnan, None, COMPARISON, dtypes=("float32", "float64"), doc="Whether NaN.")
isinf = _row("isinf", np.isinf, None, COMPARISON, dtypes=("float32", "float64"), doc="Whether infinite.")
invert = _row(
    "invert",
    np.invert,
    None,
    LOGICAL,
    aliases=("bitwise_not",),
    doc="Logical not of bools, bitwise not of integers.",
)

add = _row("add", np.add, lambda x, y, o, g: (g, g), A, 2)
sub = _row("sub", np.subtract, lambda x, y, o, g: (g, -g), A, 2)
mul = _row(
    "mul",
    np.multiply,
    lambda x, y, o, g: (None if _is_number_0(y) else g * y, None if _is_number_0(x) else g * x),
    A,
    2,
    doc="x times y.  What is multiplied by the number 0 has no gradient, also where it is infinite.",
)
true_div = _row(
    "true_div",
    np.true_divide,
    lambda x, y, o, g: (g / y, -g * o / y),
    FLOATING,
    2,
    (0.5, 2),
    aliases=("divide",),
)
floor_div = _row(
    "floor_div",
    np.floor_divide,
    None,
    A,
    2,
    (1, 9),
    (1, 4),
    doc="Quotient rounded down; its gradient is zero.  ZeroDivisionError if an integer is divided by 0.",
)
mod = _row(
    "mod",
    np.mod,
    lambda x, y, o, g: (g, -g * floor_div(x, y)),
    A,
    2,
    (2.1, 2.9),
    (1.1, 1.9),
    doc="Remainder with the divisor's sign.  ZeroDivisionError for an integer modulo 0.",
)
pow_ = _row(
    "pow",
    np.power,
    _power_gradient,
    A,
    2,
    (0.5, 2),
    (0, 3),
    doc="x to the power y.  DomainError (a ValueError) for an integer to the power of a negative one.",
)
maximum = _row(
    "maximum",
    np.maximum,
    lambda x, y, o, g: (switch(ge(x, y), g, 0), switch(ge(x, y), 0, g)),
    A,
    2,
    dtypes=ALL,
    doc="The greater one; NaN if either is.  At a tie the gradient goes to the first operand.",
)
minimum = _row(
    "minimum",
    np.minimum,
    lambda x, y, o, g: (switch(le(x, y), g, 0), switch(le(x, y), 0, g)),
    A,
    2,
    dtypes=ALL,
    doc="The smaller one; NaN if either is.  At a tie the gradient goes to the first operand.",
)
arctan2 = _row(
    "arctan2",
    np.arctan2,
    lambda y, x, o, g: (g * x / (sqr(x) + sqr(y)), -g * y / (sqr(x) + sqr(y))),
    FLOATING,
    2,
    (0.5, 2),
)
logaddexp = _row(
    "logaddexp",
    np.logaddexp,
    lambda x, y, o, g: (g * exp(x - o), g * exp(y - o)),
    FLOATING,
    2,
    doc="log(exp(x) + exp(y)).",
)
log1mexp = _row(
    "log1mexp",
    lambda x: np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x))),
    lambda x, o, g: -g / expm1(-x),
    domain=(-3, -0.2),
    doc="log(1 - exp(x)) for x below 0 (Maechler, 2012).",
)
xlogx = _row(
    "xlogx",
    lambda x: _xlogy0(x, x),
    lambda x, o, g: g * (log(x) + 1),
    domain=(0.2, 3),
    doc="x log(x), 0 at 0; its derivative is log(x) + 1, -inf there.",
)
xlogy0 = _row(
    "xlogy0",
    lambda x, y: _xlogy0(x, y),
    lambda x, y, o, g: (g * log(y), g * switch(eq(x, 0), 0, x / y)),
    FLOATING,
    2,
    (0.5, 2),
    doc="x log(y), 0 where x is 0; its derivatives are log(y) and x / y, which is 0 there.",
)
eq = _row("eq", np.equal, None, COMPARISON, 2, (0, 3))
neq = _row("neq", np.not_equal, None, COMPARISON, 2, (0, 3))
lt = _row("lt", np.less, None, COMPARISON, 2)
le = _row("le", np.less_equal, None, COMPARISON, 2)
gt = _row("gt", np.greater, None, COMPARISON, 2)
ge = _row("ge", np.greater_equal, None, COMPARISON, 2)
and_ = _row(
    "and_", np.bitwise_and, None, LOGICAL, 2, (0, 9), aliases=("bitwise_and",), doc="Logical or bitwise and."
)
or_ = _row(
    "or_", np.bitwise_or, None, LOGICAL, 2, (0, 9), aliases=("bitwise_or",), doc="Logical or bitwise or."
)
xor = _row(
    "xor",
    np.bitwise_xor,
    None,
    LOGICAL,
    2,
    (0, 9),
    aliases=("bitwise_xor",),
    doc="Logical or bitwise exclusive or.",
)

switch = _row(
    "switch",
    np.where,
    lambda c, x, y, o, g: (None, switch(c, g, 0), switch(c, 0, g)),
    A,
    3,
    dtypes=ALL,
    aliases=("where",),
    doc="x where the condition holds, else y.",
)
register(
    "cast",
    cast,
    lambda: [
        Sample(lambda x, d=d: cast(x, d), (np.array([[1.5, -2.7, 3.0]]),), ALL, d == "float64")
        for d in ("bool", "int8", "int16", "int32", "int64", "float32", "float64")
    ],
    "The same values in another dtype.",
)


def clip(x: Any, low: Any, high: Any) -> Variable:
    """``x`` brought into [low, high].  At a bound the gradient goes to ``x``."""
    return minimum(maximum(x, low), high)
