"""Complex numbers, which are pairs of real ones.

Two operations know them: one takes a part, one makes numbers of their parts.  What computes is made of those
and of operations on real numbers while the graph is built, as ``z * w`` of four products; what moves numbers,
as an index, is made as it stands.  So gradients and rewrites need to know no more, and backends nothing.
The gradient of a real cost C by z = x + iy is dC/dx + i dC/dy, as in Theano's documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ComplexError, DTypeError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import complex_dtype, is_complex, is_float, part_dtype, promote
from . import elementwise as ew
from .barriers import disconnected_grad
from .create import zeros_like
from .elementwise.row import Elementwise
from .op import Op, Sample, as_variable, ramp, register
from .shape_rules import Length, Shapes, known_shape, same_shape


class Part(Op):
    """The real or the imaginary part of complex numbers."""

    takes_complex = "whole"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return self.kind

    shape_rule = same_shape

    def infer(self, z: Variable) -> list[TensorType]:
        if not z.type.is_complex:
            raise DTypeError(f"T.{self.kind}: {z.describe()} is not of complex numbers")
        return [z.type.with_dtype(part_dtype(z.dtype))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (g,) = grads
        nothing = zeros_like(g)
        return [Pair().make(g, nothing) if self.kind == "real" else Pair().make(nothing, g)]

    def reference(self, node: Apply, z: np.ndarray) -> np.ndarray:
        return np.array(getattr(z, self.kind))

    def lower(self, node: Apply, operands: list, require: Callable) -> Any:
        raise NotImplementedError("complex numbers are represented by their parts before (see represent)")


class Pair(Op):
    """Complex numbers of their real and imaginary parts, of one shape."""

    takes_complex = "whole"

    def __repr__(self) -> str:
        return "complex"

    def shape_rule(self, of: Shapes, x: Variable, y: Variable) -> Sequence[Length]:
        return of.broadcast((x, y))

    def infer(self, x: Variable, y: Variable) -> list[TensorType]:
        if x.dtype != y.dtype or not is_float(x.dtype) or x.ndim != y.ndim:
            raise DTypeError(f"complex numbers have parts of one type, not {x.describe()} and {y.describe()}")
        return [TensorType(complex_dtype(x.dtype), known_shape(self, x, y))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (g,) = grads
        return [ew.sum_to_shape_of(part(g), v) for part, v in zip((real, imag), node.inputs, strict=True)]

    def reference(self, node: Apply, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if x.shape != y.shape:
            raise ShapeError(f"complex: parts of shapes {x.shape} and {y.shape}")
        z = np.empty(x.shape, node.outputs[0].dtype)
        z.real, z.imag = x, y
        return z

    lower = Part.lower


class Z(NamedTuple):
    """The parts of an operand: real numbers have no imaginary one."""

    re: Any
    im: Any = None


def _part(z: Any, kind: str) -> Variable:
    if isinstance(z, Constant):
        return Constant(getattr(z.data, kind), z.name, origin=z.origin)
    return Part(kind).make(z)


def real(z: Any) -> Variable:
    """The real part; real numbers as they are."""
    z = as_variable(z)
    return _part(z, "real") if z.type.is_complex else ew.identity(z)


def imag(z: Any) -> Variable:
    """The imaginary part; zeros of real numbers."""
    z = as_variable(z)
    return _part(z, "imag") if z.type.is_complex else zeros_like(z)


def complex_(x: Any, y: Any) -> Variable:
    """The complex numbers x + iy, of float64 parts complex128, else complex64."""
    x, y = as_variable(x), as_variable(y)
    if x.type.is_complex or y.type.is_complex:
        raise DTypeError(f"T.complex makes numbers of real parts, not of {x.describe()} and {y.describe()}")
    dtype = part_dtype(complex_dtype(promote([x.dtype, y.dtype])))
    return _number(Z(ew.cast(x, dtype), ew.cast(y, dtype)))


def complex_from_polar(absolute: Any, angle: Any) -> Variable:
    """The complex numbers of absolute values and angles."""
    absolute, angle = as_variable(absolute), as_variable(angle)
    return complex_(absolute * ew.cos(angle), absolute * ew.sin(angle))


def conj(z: Any) -> Variable:
    """The conjugate: the imaginary part with the other sign; real numbers as they are."""
    z = as_variable(z)
    return _number(Z(real(z), -imag(z))) if z.type.is_complex else ew.identity(z)


def angle(z: Any) -> Variable:
    """The angle of complex numbers, from -π to π; 0 of real ones, π of those that are negative."""
    z = as_variable(z)
    return ew.arctan2(imag(z), real(z))


def _number(z: Z) -> Variable:
    """The variable of two parts, which are brought to one shape."""
    x, y = z
    if y is None:
        y = zeros_like(x)
    if x.type.broadcastable != y.type.broadcastable:
        x, y = x + zeros_like(y), y + zeros_like(x)
    return Pair().make(x, y)


# Elementwise functions, of the parts of their operands.


def _add(z: Z, w: Z) -> Z:
    if z.im is None:
        z, w = w, z
    return Z(z.re + w.re, z.im if w.im is None else z.im + w.im)


def _neg(z: Z) -> Z:
    return Z(-z.re, None if z.im is None else -z.im)


def _mul(z: Z, w: Z) -> Z:
    if z.im is None:
        z, w = w, z
    if w.im is None:
        return Z(z.re * w.re, z.im * w.re)
    return Z(z.re * w.re - z.im * w.im, z.re * w.im + z.im * w.re)


def _div(z: Z, w: Z) -> Z:
    if w.im is None:
        return Z(z.re / w.re, z.im / w.re)
    # nothing is squared that may overflow; whatever the scale is, the quotient is the same
    scale = disconnected_grad(ew.maximum(abs(w.re), abs(w.im)))
    down = Z(w.re / scale, -w.im / scale)
    above = _mul(z, down) if z.im is not None else Z(z.re * down.re, z.re * down.im)
    below = scale * (ew.sqr(down.re) + ew.sqr(down.im))
    return Z(above.re / below, above.im / below)


def _sqrt(z: Z) -> Z:
    right = ew.ge(z.re, 0)
    far = ew.sqrt((ew.hypot(z.re, z.im) + ew.switch(right, z.re, -z.re)) / 2)
    near = ew.switch(ew.eq(far, 0), 0, z.im / (far * 2))
    # below the cut, also where the imaginary part is -0
    upper = ew.switch(ew.lt(ew.arctan2(z.im, z.re), 0), -far, far)
    return Z(ew.switch(right, far, abs(near)), ew.switch(right, near, upper))


def _exp(z: Z) -> Z:
    size = ew.exp(z.re)
    return Z(size * ew.cos(z.im), size * ew.sin(z.im))


def _log(z: Z) -> Z:
    return Z(ew.log(ew.hypot(z.re, z.im)), ew.arctan2(z.im, z.re))


def _log1p(z: Z) -> Z:
    half = ew.log1p(z.re * (z.re + 2) + ew.sqr(z.im)) / 2
    return Z(half, ew.arctan2(z.im, z.re + 1))


def _scaled(function: Callable[[Z], Z], factor: float) -> Callable[[Z], Z]:
    def scaled(z: Z) -> Z:
        w = function(z)
        return Z(w.re * factor, w.im * factor)

    return scaled


def _tanh(z: Z) -> Z:
    t, u = ew.tanh(z.re), ew.tan(z.im)
    below = ew.sqr(t * u) + 1
    return Z(t * (ew.sqr(u) + 1) / below, u * (1 - ew.sqr(t)) / below)


def _turned(function: Callable[[Z], Z]) -> Callable[[Z], Z]:
    """-i f(iz): sin of sinh, tan of tanh."""

    def turned(z: Z) -> Z:
        w = function(Z(-z.im, z.re))
        return Z(w.im, -w.re)

    return turned


def _sinh(z: Z) -> Z:
    return Z(ew.sinh(z.re) * ew.cos(z.im), ew.cosh(z.re) * ew.sin(z.im))


def _cosh(z: Z) -> Z:
    return Z(ew.cosh(z.re) * ew.cos(z.im), ew.sinh(z.re) * ew.sin(z.im))


def _pow(z: Z, w: Z) -> Z:
    number = w.re.data.item() if w.im is None and isinstance(w.re, Constant) and w.re.data.size == 1 else None
    if number is not None and number == int(number) and 0 < abs(number) <= 8:
        result = z
        for _ in range(int(abs(number)) - 1):
            result = _mul(result, z)
        return result if number > 0 else _div(Z(ew.cast(1, z.re.dtype)), result)
    if number == 0.5:
        return _sqrt(z)
    base = z if z.im is not None else Z(z.re, zeros_like(z.re))
    power = _exp(_mul(_log(base), w))
    # log(0) is infinite: 0 to the power of 0 is 1, of anything else 0
    zero, none = _eq(base, Z(0, 0)), _eq(w, Z(0, 0))
    return Z(
        ew.switch(none, 1, ew.switch(zero, 0, power.re)),
        ew.switch(none, 0, ew.switch(zero, 0, power.im)),
    )


def _eq(z: Z, w: Z) -> Variable:
    parts = [0 if y is None else y for y in (z.im, w.im)]
    same = ew.eq(z.re, w.re)
    return same if parts == [0, 0] else ew.and_(same, ew.eq(*parts))


def _switch(condition: Variable, z: Z, w: Z) -> Z:
    parts = [zeros_like(v.re) if v.im is None else v.im for v in (z, w)]
    return Z(ew.switch(condition, z.re, w.re), ew.switch(condition, *parts))


#: what elementwise functions are of complex operands: new parts, or a real variable
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "identity": lambda z: z,
    "add": _add,
    "sub": lambda z, w: _add(z, _neg(w)),
    "mul": _mul,
    "true_div": _div,
    "neg": _neg,
    "abs": lambda z: ew.hypot(z.re, z.im),
    "sqr": lambda z: _mul(z, z),
    "inv": lambda z: _div(Z(ew.cast(1, z.re.dtype)), z),
    "sqrt": _sqrt,
    "exp": _exp,
    "exp2": lambda z: _exp(Z(z.re * float(np.log(2)), z.im * float(np.log(2)))),
    "log": _log,
    "log2": _scaled(_log, float(1 / np.log(2))),
    "log10": _scaled(_log, float(1 / np.log(10))),
    "log1p": _log1p,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "sin": _turned(_sinh),
    "cos": lambda z: _cosh(Z(-z.im, z.re)),
    "tan": _turned(_tanh),
    "pow": _pow,
    "eq": _eq,
    "neq": lambda z, w: ew.invert(_eq(z, w)),
    "isnan": lambda z: ew.or_(ew.isnan(z.re), ew.isnan(z.im)),
    "isinf": lambda z: ew.or_(ew.isinf(z.re), ew.isinf(z.im)),
    "switch": _switch,
}


def _elementwise(op: Elementwise, operands: Sequence[Variable]) -> Variable:
    """An elementwise function of operands of which some are complex."""
    condition, operands = (operands[:1], operands[1:]) if op.name == "switch" else ((), operands)
    dtype = part_dtype(promote([v.dtype for v in operands]))
    parts = [
        Z(ew.cast(real(v), dtype), ew.cast(imag(v), dtype)) if v.type.is_complex else Z(ew.cast(v, dtype))
        for v in operands
    ]
    made = FUNCTIONS[op.name](*condition, *parts)
    return _number(made) if isinstance(made, Z) else made


def _product(op: Op, operands: Sequence[Variable]) -> Variable:
    """A product that is linear in its first two operands; others are lengths."""
    factors, lengths = operands[:2], operands[2:]
    dtype = part_dtype(promote([v.dtype for v in factors]))
    (a, b), (c, d) = ([ew.cast(part(v), dtype) for part in (real, imag)] for v in factors)

    def of(x: Variable, y: Variable) -> Variable:
        return op.make(x, y, *lengths)

    if not factors[0].type.is_complex:
        return Pair().make(of(a, c), of(a, d))
    if not factors[1].type.is_complex:
        return Pair().make(of(a, c), of(b, c))
    return Pair().make(of(a, c) - of(b, d), of(a, d) + of(b, c))


def cast_to_complex(x: Variable, dtype: str) -> Variable:
    """Numbers in a complex dtype."""
    return _number(Z(*(ew.cast(part(x), part_dtype(dtype)) for part in (real, imag))))


def made_of_complex(op: Op, operands: Sequence[Variable]) -> Any:
    """The output, or outputs, of an operation on operands of which some are complex.

    Errors: ComplexError where it takes no complex numbers.
    """
    if isinstance(op, ew.Cast) and is_complex(op.dtype):
        return cast_to_complex(operands[0], op.dtype)
    if isinstance(op, Elementwise) and op.name in FUNCTIONS:
        return _elementwise(op, operands)
    if op.takes_complex == "product":
        return _product(op, operands)
    (z, *_) = [v for v in operands if v.type.is_complex]
    what = f"a cast to {op.dtype}" if isinstance(op, ew.Cast) else f"{op}"
    raise ComplexError(
        f"{what} takes no complex numbers, as those of {z.describe()} are: make real ones of them by T.real, "
        f"T.imag, T.angle or abs(z)"
    )


_X, _Y = ramp(3, 4) + 0.1, ramp(3, 4)[::-1] + 1.3
#: name and function, and real expressions of complex numbers to try it on
_SAMPLES: list[tuple[str, Callable, Callable]] = [
    ("real", real, lambda x, y: real(complex_(x, y) * complex_(y, x))),
    ("imag", imag, lambda x, y: imag(complex_(x, y) / complex_(y, x + 2))),
    ("conj", conj, lambda x, y: real(ew.exp(conj(complex_(x, y))))),
    ("angle", angle, lambda x, y: angle(complex_(x, y) * 2j)),
    ("complex", complex_, lambda x, y: abs(complex_(x, y[0]))),
    ("complex_from_polar", complex_from_polar, lambda x, y: imag(complex_from_polar(x, y[0]))),
]
for _name, _build, _expression in _SAMPLES:
    register(
        _name,
        _build,
        lambda f=_expression: [Sample(f, (_X, _Y))],
        ("conjugate",) if _name == "conj" else (),
    )
