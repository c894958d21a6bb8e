"""Elementwise operations, a row each: numpy reference, dtype rule, gradient and the values to try it on.

Operands broadcast as in NumPy, but only along dimensions that are statically 1.  A row's name is also its
name in the scalar language, in which ``scalar.functions`` has its texts and cost; it is lowered by that
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..configuration import config
from ..errors import DomainError, DTypeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import dtype_name, is_float, promote, weak_dtype
from ..scalar import expression as ex
from ..scalar.functions import CHEAP, COSTLY, MODERATE, Text, define, kind_of
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull
from .op import (
    NUMBERS,
    Op,
    Sample,
    as_variable,
    check_broadcast,
    is_number,
    not_differentiable,
    register,
)
from .shape_rules import Length, Shapes, known_shape, lowered_shape, same_shape
from .special import special

ARITHMETIC, FLOATING, COMPARISON, LOGICAL = "arithmetic", "floating", "comparison", "logical"
if TYPE_CHECKING:
    from .batch import Batch

#: a condition, then operands of one dtype
CHOICE = "choice"
ALL = ("bool", *NUMBERS)
#: the dtypes that the rules leave operands in
_DTYPES = {
    ARITHMETIC: NUMBERS,
    COMPARISON: ALL,
    LOGICAL: ("bool", "int8", "int16", "int32", "int64", "uint8"),
    FLOATING: ("float32", "float64"),
    CHOICE: ALL,
}


class Failure(NamedTuple):
    """Which second operands of integers fail the call: the ``check`` of the scalar language that they are,
    what ``is_wrong`` in numpy, the ``error`` and its ``message``."""

    check: str
    is_wrong: Callable[[Any], Any]
    error: type[Exception]
    message: str


def _by_zero(message: str) -> Failure:
    return Failure("checked_divisor", lambda d: d == 0, ZeroDivisionError, message)


def broadcast_at(operand: Operand, index: tuple[Poly, ...]) -> ex.Expr:
    """The element of an operand that broadcasts to an output read at ``index``."""
    own = index[len(index) - operand.ndim :]
    return operand.at(*(0 if n == 1 else i for i, n in zip(own, operand.variable.type.shape, strict=True)))


class Elementwise(Op):
    """A scalar function applied to each element; ``rule`` says which dtypes it takes and gives, ``widens``
    that bools become int8, and ``fails`` which integers fail the call."""

    def __init__(
        self,
        name: str,
        numpy: Callable,
        gradient: Callable | None,
        rule: str,
        arity: int,
        widens: bool,
        fails: Failure | None,
        commutative: bool,
    ) -> None:
        self.name = name
        self.numpy = numpy
        self.derivative = gradient
        self.rule = rule
        self.arity = arity
        self.widens = widens
        self.fails = fails
        self.commutative = commutative

    def parameters(self) -> tuple:
        return (self.name,)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _by_name, (self.name,)

    def __call__(self, *args: Any, dtype: str | None = None) -> Variable:
        if self.commutative and len(args) > 2:
            # Theano's add and mul take any number of operands
            return self(self(*args[:-1], dtype=dtype), args[-1], dtype=dtype)
        if len(args) != self.arity:
            raise TypeError(
                f"T.{self.name} takes {self.arity} operand{'s' * (self.arity > 1)}, got {len(args)}"
            )
        operands = [a if is_number(a) else as_variable(a) for a in args]
        free = self.rule == CHOICE
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
        if self.widens and common == "bool":
            common = "int8"
        if self.rule == FLOATING and not is_float(common):
            common = config.floatX
        if self.rule == LOGICAL and is_float(common):
            names = ", ".join(v.describe() for v in operands if isinstance(v, Variable))
            raise DTypeError(f"T.{self.name} takes bools or integers, not {names}")
        return common

    def shape_rule(self, of: Shapes, *operands: Variable) -> Sequence[Length]:
        return of.broadcast(operands)

    def infer(self, *inputs: Variable) -> list[TensorType]:
        dtype = "bool" if self.rule == COMPARISON else inputs[-1].dtype
        return [TensorType(dtype, known_shape(self, *inputs))]

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

    def at_all_steps(self, b: Batch) -> Variable:
        rank = b.node.outputs[0].ndim
        return self.make(*(b.padded(k, rank) for k in range(len(b.inputs))))

    def reference(self, node: Apply, *arrays: np.ndarray) -> np.ndarray:
        check_broadcast(self, node.inputs, arrays)
        out = node.outputs[0]
        if self.fails is not None and may_fail(node) and (arrays[0].size or arrays[1].size == 1):
            _, is_wrong, error, message = self.fails
            if is_wrong(arrays[1]).any():
                raise error(f"{message}: {node.inputs[1].describe()} in {out.describe()}")
        return np.asarray(self.numpy(*arrays), dtype=out.type.numpy_dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        out = node.outputs[0]
        shape = lowered_shape(node, operands, require)
        fails = self.fails if may_fail(node) else None

        def at(*index: Poly) -> ex.Expr:
            elements = [broadcast_at(o, index) for o in operands]
            if fails is not None:
                number = ex.constant_value(elements[1])
                if number is None or fails.is_wrong(number):
                    elements[1] = ex.checked(fails.check, elements[1])
            return ex.apply(self.name, out.dtype, *elements)

        return Pull(shape, at)


def may_fail(node: Apply) -> bool:
    """Whether an elementwise node fails the call for some operands: nothing may bring it before a choice."""
    return node.op.fails is not None and not node.outputs[0].type.is_float


class Cast(Op):
    """The same values in another dtype (float to integer truncates toward zero, as in C)."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype_name(dtype)

    def parameters(self) -> tuple:
        return (self.dtype,)

    def __repr__(self) -> str:
        return f"cast{{{self.dtype}}}"

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(self.dtype, x.type.shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,) = node.inputs
        if x.type.is_float and not is_float(self.dtype):
            return [None]
        return [cast(grads[0], x.dtype) if x.type.is_float else grads[0]]

    def at_all_steps(self, b: Batch) -> Variable:
        return self.make(b.inputs[0])

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


def elementwise(
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
    fails: Failure | None = None,
    commutative: bool = False,
    *,
    cost: int,
    text: str | Text | None = None,
    c: str | Text | None = None,
    cuda: str | Text | None = None,
) -> Elementwise:
    """A new row: an operation of every stage, under ``name`` in graphs, in ``T`` and in the scalar language.

    ``numpy`` is the reference. ``gradient`` gets the inputs, the output and the gradient of the output, and
    gives that of the input, or one for each input; None for one that is zero everywhere, or in its own place
    if all are. ``rule``: ``FLOATING`` (integers become floatX), ``ARITHMETIC`` (integers stay),
    ``COMPARISON`` (gives bools), ``LOGICAL`` (takes bools and integers) or ``CHOICE`` (a bool, then operands
    of one dtype). ``domain`` and ``domain2``: from where the tests draw the operands; ``dtypes``: other ones
    than the rule's to try it with, of which ``ALL`` says that bools stay bools; ``smooth``: whether it is
    tried to second order. ``commutative``: whether operands may change places. ``fails``: which integers
    fail the call. ``cost``, ``text``, ``c`` and ``cuda``: see ``scalar.functions``.

    Errors: ValueError where a column is missing or the name is taken.
    """
    dtypes = dtypes or _DTYPES[rule]
    define(name, arity, tuple(dict.fromkeys(map(kind_of, dtypes))), cost=cost, text=text, c=c, cuda=cuda)
    widens = rule == ARITHMETIC and "bool" not in dtypes
    op = Elementwise(name, numpy, gradient, rule, arity, widens, fails, commutative)
    op.__doc__ = doc or f"Elementwise {name}."
    _ROWS[name] = op
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
identity = elementwise(
    "identity",
    lambda x: x.copy(),
    lambda x, o, g: g,
    A,
    dtypes=ALL,
    doc="The value itself.",
    text="{0}",
    cost=CHEAP,
)
neg = elementwise(
    "neg",
    np.negative,
    lambda x, o, g: -g,
    A,
    c=Text("-{0}", "({t})(-{0})"),
    cuda=Text("-{0}", "({t})(0 - ({u}){0})"),
    cost=CHEAP,
)
abs_ = elementwise(
    "abs",
    np.abs,
    lambda x, o, g: g * sgn(x),
    A,
    domain=(0.3, 2),
    aliases=("abs_",),
    doc="Absolute value.",
    c=Text("fabs{f}({0})", "({t})({0} < 0 ? -{0} : {0})"),
    cuda=Text("fabs{f}({0})", "({t})({0} < 0 ? 0 - ({u}){0} : ({u}){0})"),
    cost=CHEAP,
)
sgn = elementwise(
    "sgn",
    np.sign,
    None,
    A,
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
    A,
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
exp = elementwise("exp", np.exp, lambda x, o, g: g * o, c="gl_exp_{s}({0})", cuda="exp{f}({0})", cost=COSTLY)
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
rectify = elementwise(
    "rectify",
    lambda x: np.maximum(x, x.dtype.type(0)),
    lambda x, o, g: switch(gt(x, 0), g, switch(eq(x, 0), g * 0.5, 0)),
    A,
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
    A,
    2,
    doc="x where positive, else x times the second operand.  The gradient at 0 is the mean of both sides'.",
    c=Text("{0} > 0 ? {0} : {0} * {1}", "({t})({0} > 0 ? {0} : {0} * {1})"),
    cuda=Text("{0} > 0 ? {0} : {0} * {1}", "({t})({0} > 0 ? ({u}){0} : ({u}){0} * ({u}){1})"),
    cost=MODERATE,
)
tanh = elementwise(
    "tanh", np.tanh, lambda x, o, g: g * (1 - sqr(o)), c="gl_tanh_{s}({0})", cuda="tanh{f}({0})", cost=COSTLY
)
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
)
arccos = elementwise(
    "arccos",
    np.arccos,
    lambda x, o, g: -g / sqrt(1 - sqr(x)),
    domain=(-0.8, 0.8),
    c="gl_arccos_{s}({0})",
    cuda="acos{f}({0})",
    cost=COSTLY,
)
arctan = elementwise(
    "arctan",
    np.arctan,
    lambda x, o, g: g / (1 + sqr(x)),
    c="gl_arctan_{s}({0})",
    cuda="atan{f}({0})",
    cost=COSTLY,
)
arcsinh = elementwise(
    "arcsinh",
    np.arcsinh,
    lambda x, o, g: g / sqrt(sqr(x) + 1),
    c="gl_arcsinh_{s}({0})",
    cuda="asinh{f}({0})",
    cost=COSTLY,
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    lambda x, o, g: g / sqrt(sqr(x) - 1),
    domain=(1.3, 3),
    c="gl_arccosh_{s}({0})",
    cuda="acosh{f}({0})",
    cost=COSTLY,
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    lambda x, o, g: g / (1 - sqr(x)),
    domain=(-0.8, 0.8),
    c="gl_arctanh_{s}({0})",
    cuda="atanh{f}({0})",
    cost=COSTLY,
)
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

add = elementwise(
    "add",
    np.add,
    lambda x, y, o, g: (g, g),
    A,
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
    A,
    2,
    c=Text("{0} - {1}", "({t})({0} - {1})"),
    cuda=Text("{0} - {1}", "({t})(({u}){0} - ({u}){1})"),
    cost=CHEAP,
)
mul = elementwise(
    "mul",
    np.multiply,
    lambda x, y, o, g: (None if _is_number_0(y) else g * y, None if _is_number_0(x) else g * x),
    A,
    2,
    doc="x times y.  What is multiplied by the number 0 has no gradient, also where it is infinite.",
    c=Text("{0} * {1}", "({t})({0} * {1})"),
    cuda=Text("{0} * {1}", "({t})(({u}){0} * ({u}){1})"),
    cost=CHEAP,
    commutative=True,
)
true_div = elementwise(
    "true_div",
    np.true_divide,
    lambda x, y, o, g: (g / y, -g * o / y),
    FLOATING,
    2,
    (0.5, 2),
    aliases=("divide",),
    text="{0} / {1}",
    cost=MODERATE,
)
floor_div = elementwise(
    "floor_div",
    np.floor_divide,
    None,
    A,
    2,
    (1, 9),
    (1, 4),
    doc="Quotient rounded down; its gradient is zero.  ZeroDivisionError if an integer is divided by 0.",
    fails=_by_zero("integer division by zero"),
    c="gl_floordiv_{s}({0}, {1})",
    cuda=Text("gl_floordiv_{s}({0}, {1})", "gl_floordiv(({o}){0}, ({o}){1})"),
    cost=COSTLY,
)
mod = elementwise(
    "mod",
    np.mod,
    lambda x, y, o, g: (g, -g * floor_div(x, y)),
    A,
    2,
    (2.1, 2.9),
    (1.1, 1.9),
    doc="Remainder with the divisor's sign.  ZeroDivisionError for an integer modulo 0.",
    fails=_by_zero("integer modulo by zero"),
    c="gl_mod_{s}({0}, {1})",
    cuda=Text("gl_mod_{s}({0}, {1})", "gl_mod(({o}){0}, ({o}){1})"),
    cost=COSTLY,
)
pow_ = elementwise(
    "pow",
    np.power,
    _power_gradient,
    A,
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
)
maximum = elementwise(
    "maximum",
    np.maximum,
    lambda x, y, o, g: (switch(ge(x, y), g, 0), switch(ge(x, y), 0, g)),
    A,
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
    A,
    2,
    dtypes=ALL,
    doc="The smaller one; NaN if either is.  At a tie the gradient goes to the first operand.",
    c=Text("gl_min_{s}({0}, {1})", "({0} < {1} ? {0} : {1})"),
    cuda="gl_min<{o}>({0}, {1})",
    cost=CHEAP,
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
eq = elementwise("eq", np.equal, None, COMPARISON, 2, (0, 3), text="{0} == {1}", cost=CHEAP, commutative=True)
neq = elementwise(
    "neq", np.not_equal, None, COMPARISON, 2, (0, 3), text="{0} != {1}", cost=CHEAP, commutative=True
)
lt = elementwise("lt", np.less, None, COMPARISON, 2, text="{0} < {1}", cost=CHEAP)
le = elementwise("le", np.less_equal, None, COMPARISON, 2, text="{0} <= {1}", cost=CHEAP)
gt = elementwise("gt", np.greater, None, COMPARISON, 2, text="{0} > {1}", cost=CHEAP)
ge = elementwise("ge", np.greater_equal, None, COMPARISON, 2, text="{0} >= {1}", cost=CHEAP)
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
