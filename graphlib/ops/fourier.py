"""Discrete Fourier transforms.

Complex numbers are pairs along a last axis of length 2, real part first, as Theano has them.  The transform
along one axis stands under all, which is linear, and so its own gradient but for the sign; that of real lines
and its inverse take half as long, and are each other's gradients but for weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import normalize_axis, part_dtype
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand
from .complex_numbers import complex_, imag, real
from .create import arange, zeros
from .elementwise import cast, eq, or_, switch
from .index import index
from .join import concatenate, stack
from .op import Op, Sample, as_variable, ramp, register
from .shape import dimshuffle, shape_i
from .shape_rules import Length, Shapes, known_shape, lowered_shape, same_shape
from .windows import quotient


class Fourier(Op):
    """The sums over j of x[j]·exp(∓2πi·j·k/n) along the last axis but one, for complex numbers in pairs;
    ``inverse`` has the plus, and no factor of 1/n."""

    costly = True

    def __init__(self, inverse: bool) -> None:
        self.inverse = inverse

    def __repr__(self) -> str:
        return "inverse_fourier" if self.inverse else "fourier"

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        if x.ndim < 2 or x.type.shape[-1] not in (2, None):
            raise ShapeError(f"{self}: {x.describe()} must end with real and imaginary parts")
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [Fourier(not self.inverse).make(grads[0])]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        if x.shape[-1] != 2:
            raise ShapeError(f"{self}: the last axis of {node.inputs[0].describe()} has length {x.shape[-1]}")
        z = x[..., 0] + 1j * x[..., 1].astype("float64")
        n = z.shape[-1]
        y = z if not n else np.fft.ifft(z) * n if self.inverse else np.fft.fft(z)
        return np.stack([y.real, y.imag], -1).astype(x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        (x,) = operands
        message = f"{self}: the last axis of {{0}} has length {{a}}, a real and an imaginary part {{b}}"
        require(x.shape[-1], Poly.of(2), message, (x.variable,))
        integers = (product(x.shape[:-2]), x.shape[-2], Poly.of(int(self.inverse)))
        return Call("gl_fourier", (x.shape,), integers, header="graphlib_fourier.h")


contract("gl_fourier", lambda lines, n, inverse: [2 * lines * n] * 2)


class RealFourier(Op):
    """The transforms of real lines, the last axis, of which it gives the frequencies up to the half, in
    pairs: the others are conjugate to those."""

    costly = True

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        *ahead, n = of.shape(x)
        return [*ahead, of.derived(_half, n), 2]

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,), (g,) = node.inputs, grads
        n = shape_i(x, x.ndim - 1)
        return [RealInverse().make(g * _weights(n, x.dtype, 0.5), n)]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        y = np.fft.rfft(x.astype("float64")) if x.shape[-1] else np.zeros((*x.shape[:-1], 1))
        return np.stack([y.real, y.imag], -1).astype(x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        (x,) = operands
        shape = lowered_shape(node, operands, require)
        integers = (product(x.shape[:-1]), x.shape[-1], shape[-2], Poly.of(0))
        return Call("gl_real_fourier", (shape,), integers, header="graphlib_fourier.h")

    def whole(self, x: Variable) -> Variable:
        """The same by the transform of complex numbers."""
        n = x.type.shape[-1]
        if not n:
            # of no numbers there is one frequency, the sum of none: that of a zero
            shape = [shape_i(x, k) for k in range(x.ndim)]
            none = cast(eq(shape[-1], 0), "int64")
            x = concatenate([x, zeros([*shape[:-1], none], x.dtype)], axis=x.ndim - 1)
        z = Fourier(False).make(stack([x, x * 0], axis=x.ndim))
        return index(z, (..., slice(None, _half(shape_i(x, x.ndim - 1))), slice(None)))


class RealInverse(Op):
    """n times the real lines of which the first input is the transform by ``RealFourier``; the second is
    n."""

    costly = True

    def shape_rule(self, of: Shapes, z: Variable, n: Variable) -> Sequence[Length]:
        return [*of.shape(z)[:-2], of.scalar(n)]

    def infer(self, z: Variable, n: Variable) -> list[TensorType]:
        if z.ndim < 2 or z.type.shape[-1] not in (2, None):
            raise ShapeError(f"{self}: {z.describe()} must end with real and imaginary parts")
        return [TensorType(z.dtype, known_shape(self, z, n))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (z, n), (g,) = node.inputs, grads
        return [RealFourier().make(g) * _weights(n, z.dtype, 2), None]

    def reference(self, node: Apply, z: np.ndarray, n: np.ndarray) -> np.ndarray:
        for axis, wanted in ((-2, _half(int(n))), (-1, 2)):
            if z.shape[axis] != wanted:
                raise ShapeError(
                    f"{self}: axis {axis} of {node.inputs[0].describe()} must have length {wanted}"
                )
        if not n:
            return np.zeros((*z.shape[:-2], 0), z.dtype)
        y = z[..., 0] + 1j * z[..., 1].astype("float64")
        return (np.fft.irfft(y, int(n)) * int(n)).astype(z.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        z, _ = operands
        shape = lowered_shape(node, operands, require)
        message = f"{self}: axis {{axis}} of {{{{0}}}} has length {{{{a}}}}, and not {{{{b}}}}"
        for axis, wanted in ((-2, ex.floor_div(shape[-1], 2) + 1), (-1, Poly.of(2))):
            require(z.shape[axis], wanted, message.format(axis=axis), (z.variable,))
        integers = (product(z.shape[:-2]), shape[-1], z.shape[-2], Poly.of(1))
        return Call("gl_real_fourier", (shape,), integers, header="graphlib_fourier.h")

    def whole(self, z: Variable, n: Variable) -> Variable:
        """The same by the transform of complex numbers."""
        rest = index(z, (..., slice(1, n - _half(n) + 1), slice(None)))
        rest = index(rest, (..., slice(None, None, -1), slice(None))) * np.array([1, -1], z.dtype)
        whole = Fourier(True).make(concatenate([z, rest], axis=z.ndim - 2))
        return index(whole, (..., slice(None, n), 0))  # of no numbers there is a frequency, too


def _of_real_lines(lines: Poly, n: Poly, half: Poly, inverse: Poly) -> list[Poly]:
    numbers, pairs = lines * n, 2 * lines * half
    return [pairs, numbers] if inverse == 1 else [numbers, pairs]


def _half_of_all(lines: Poly, n: Poly, half: Poly, inverse: Poly) -> list[Poly]:
    """``half`` is that of n: no frequency more, and none less."""
    return [half - _half(n), _half(n) - half]


contract("gl_real_fourier", _of_real_lines, _half_of_all)


def _half(n: Any) -> Any:
    """How many frequencies of n real numbers say all."""
    return quotient(n, 2) + 1


def _weights(n: Variable, dtype: str, inside: float) -> Variable:
    """1 for frequencies that are conjugate to themselves, ``inside`` for the others, as a column."""
    k = arange(_half(n))
    alone = or_(eq(k, 0), eq(k * 2, n))
    return dimshuffle(cast(switch(alone, 1.0, inside), dtype), 0, "x")


def _along(x: Variable, axis: int, inverse: bool) -> Variable:
    """The transform along ``axis``."""
    last = x.ndim - 2
    if axis == last:
        return Fourier(inverse).make(x)
    order = [*(k for k in range(x.ndim - 1) if k != axis), axis, x.ndim - 1]
    return dimshuffle(Fourier(inverse).make(dimshuffle(x, *order)), *map(order.index, range(x.ndim)))


def _factor(norm: str | None, inverse: bool, lengths: Sequence[Variable], dtype: str, what: str) -> Any:
    if norm not in (None, "ortho", "no_norm"):
        raise ValueError(f"{what}: norm must be None, 'ortho' or 'no_norm', not {norm!r}")
    n: Any = 1
    for length in lengths:
        n = cast(length, dtype) * n
    return n**0.5 if norm == "ortho" else n if inverse and norm is None else None


def rfft(inp: Any, norm: str | None = None) -> Variable:
    """The discrete Fourier transform of real arrays over all axes but the first, which counts them.

    Of (m, …, n) numbers it gives (m, …, n // 2 + 1, 2): the frequencies that are not conjugate to others
    along the last axis, real and imaginary part. ``norm``: None or 'no_norm' (sums as they are) or 'ortho'
    (divided by the root of the number of elements, so that it is unitary).

    Errors: ShapeError unless there are two axes; ValueError for another norm.
    """
    x = as_variable(inp)
    x = x if x.type.is_float else cast(x, config.floatX)
    if x.ndim < 2:
        raise ShapeError(f"T.fft.rfft transforms all axes but the first: {x.describe()} has no others")
    factor = _factor(norm, False, [shape_i(x, k) for k in range(1, x.ndim)], x.dtype, "T.fft.rfft")
    z, last = RealFourier().make(x), x.ndim - 1
    for axis in range(1, last):
        z = _along(z, axis, False)
    return z if factor is None else z / factor


def irfft(inp: Any, norm: str | None = None, is_odd: bool = False) -> Variable:
    """The real arrays (m, …, n) of which ``inp``, (m, …, n // 2 + 1, 2), is the transform by ``rfft``.

    ``is_odd``: n is odd, which the input does not say. ``norm``: None (divided by the number of elements),
    'ortho' (by its root) or 'no_norm'. Errors: as ``rfft``.
    """
    z = as_variable(inp)
    z = z if z.type.is_float else cast(z, config.floatX)
    if z.ndim < 3:
        raise ShapeError(f"T.fft.irfft takes (m, …, n // 2 + 1, 2) numbers, not {z.describe()}")
    if is_odd not in (True, False):
        raise ValueError(f"T.fft.irfft: is_odd must be True or False, not {is_odd!r}")
    last = z.ndim - 2
    half = shape_i(z, last)
    n = (half - 1) * 2 + int(is_odd)
    factor = _factor(norm, True, [*(shape_i(z, k) for k in range(1, last)), n], z.dtype, "T.fft.irfft")
    for axis in range(1, last):
        z = _along(z, axis, True)
    x = RealInverse().make(z, n)
    return x if factor is None else x / factor


def fft(a: Any, n: int | None = None, axis: int = -1) -> Variable:
    """The discrete Fourier transform along ``axis``, of complex or real numbers, complex.

    ``n``: how many numbers of the axis are transformed, and followed by zeros where there are fewer.
    Errors: ShapeError without axes.
    """
    return _complex_along(a, n, axis, False, "T.fft.fft")


def ifft(a: Any, n: int | None = None, axis: int = -1) -> Variable:
    """The complex numbers of which ``a`` is the transform by ``fft``; n and errors as there."""
    z = _complex_along(a, n, axis, True, "T.fft.ifft")
    return z / cast(shape_i(z, axis), part_dtype(z.dtype))


def fftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None) -> Variable:
    """The transform by ``fft`` along several axes (None: all), of lengths ``s``."""
    return _along_several(fft, a, s, axes)


def ifftn(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] | None = None) -> Variable:
    """The complex numbers of which ``a`` is the transform by ``fftn``."""
    return _along_several(ifft, a, s, axes)


def fft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1)) -> Variable:
    """The transform by ``fft`` along two axes, the last ones."""
    return fftn(a, s, axes)


def ifft2(a: Any, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1)) -> Variable:
    """The complex numbers of which ``a`` is the transform by ``fft2``."""
    return ifftn(a, s, axes)


def _along_several(
    transform: Callable, a: Any, s: Sequence[int] | None, axes: Sequence[int] | None
) -> Variable:
    z = as_variable(a)
    if axes is None:
        axes = range(z.ndim) if s is None else range(-len(s), 0)
    for axis, n in zip(axes, [None] * len(axes) if s is None else s, strict=True):
        z = transform(z, n, axis)
    return z


def fftfreq(n: int, d: float = 1.0) -> Variable:
    """The frequencies of what ``fft`` makes of n numbers that are ``d`` apart."""
    return as_variable(np.fft.fftfreq(n, d).astype(config.floatX))


def rfftfreq(n: int, d: float = 1.0) -> Variable:
    """The frequencies of what ``rfft`` makes of n numbers that are ``d`` apart."""
    return as_variable(np.fft.rfftfreq(n, d).astype(config.floatX))


def _complex_along(a: Any, n: int | None, axis: int, inverse: bool, what: str) -> Variable:
    z = as_variable(a)
    if z.ndim == 0:
        raise ShapeError(f"{what} transforms along an axis, and {z.describe()} has none")
    axis = normalize_axis(axis, z.ndim, what)
    parts = [real(z), imag(z)]
    parts = [x if x.type.is_float else cast(x, config.floatX) for x in parts]
    if n is not None:
        parts = [_of_length(x, n, axis) for x in parts]
    w = _along(stack(parts, axis=z.ndim), axis, inverse)
    return complex_(index(w, (..., 0)), index(w, (..., 1)))


def _of_length(x: Variable, n: int, axis: int) -> Variable:
    """The first n elements along an axis, and zeros where there are not so many."""
    first = index(x, ((slice(None),) * axis) + (slice(0, n),))
    have = x.type.shape[axis]
    if have is not None and have >= n:
        return first
    shape = [shape_i(first, k) for k in range(x.ndim)]
    shape[axis] = n - shape[axis]
    return concatenate([first, zeros(shape, x.dtype)], axis=axis)


register(
    "rfft",
    rfft,
    lambda: [
        Sample(rfft, (ramp(2, 7),)),
        Sample(lambda x: rfft(x, "ortho"), (ramp(1, 2, 4),)),
        Sample(rfft, (ramp(1, 120) / 8,), differentiable=False),
        Sample(rfft, (ramp(1, 59) / 8,), differentiable=False),
        Sample(rfft, (ramp(3, 6),)),
        Sample(rfft, (ramp(1, 268) / 64,), differentiable=False),
        Sample(rfft, (np.zeros((0, 3)),)),
        *(Sample(rfft, (np.zeros((2, 0)),), differentiable=False) for _ in range(2)),
    ],
)
register(
    "irfft",
    irfft,
    lambda: [
        Sample(irfft, (ramp(2, 4, 2),)),
        Sample(lambda z: irfft(z, "ortho", True), (ramp(1, 2, 3, 2),)),
        Sample(lambda z: irfft(z, "no_norm"), (ramp(1, 3, 2),), differentiable=False),
        *(Sample(irfft, (ramp(2, 1, 2),), differentiable=False) for _ in range(2)),
    ],
)
