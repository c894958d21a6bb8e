"""Pooling: the maximum or sum of windows over the last one to three axes, with gradients of every order.

Windows and the steps between them are lengths, numbers or not.  Of equal maxima in a window each gets the
whole gradient, as with ``T.max`` and in Theano; a NaN is greater than every number and equal to none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand, Pull, Reduction
from .op import Op
from .shape import shape_i
from .shape_rules import Length, Shapes, known_shape, lowered_shape
from .windows import Places, in_three

#: windows of up to so many elements are written out, and fuse with what is around them
_WRITTEN_OUT = 27


class Windowed:
    """What pooling and its gradients have in common: windows along the last ``count`` axes, all of them
    inside.  Behind the tensors, and lengths, inputs are the windows' and then the steps'."""

    def __init__(self, count: int) -> None:
        self.count = count

    @property
    def what(self) -> str:
        """Its name in errors."""
        return f"pool_{self.count}d"

    def scalars(self, node: Apply) -> list[Variable]:
        """Windows and steps among a node's inputs."""
        return node.inputs[-2 * self.count :]

    def pooled(self, of: Shapes, x: Variable, scalars: Sequence[Variable]) -> list[Length]:
        """The shape of what pooling ``x`` gives."""
        lengths, given = of.shape(x), [of.scalar(v) for v in scalars]
        last = lengths[len(lengths) - self.count :]
        places = map(of.derived, [Places()] * self.count, last, given[: self.count], given[self.count :])
        return [*lengths[: len(lengths) - self.count], *places]

    def numbers(self, arrays: Sequence[np.ndarray]) -> tuple[list[int], list[int]]:
        """Windows and steps of the reference."""
        given = [int(n) for n in arrays]
        if min(given) < 1:
            raise ShapeError(f"{self.what}: windows and steps are at least 1, not {given}")
        return given[: self.count], given[self.count :]

    def windows(self, x: np.ndarray, scalars: Sequence[np.ndarray]) -> np.ndarray:
        """The windows, flattened in row-major order along a last axis: a copy."""
        window, stride = self.numbers(scalars)
        out = [Places()(n, k, s) for n, k, s in zip(x.shape[-self.count :], window, stride, strict=True)]
        flat = (*x.shape[: -self.count], *out, int(np.prod(window)))
        if 0 in out:
            return np.zeros(flat, x.dtype)
        every = sliding_window_view(x, tuple(window), axis=tuple(range(-self.count, 0)))
        steps = (slice(None, None, s) for s in stride)
        return every[(..., *steps, *[slice(None)] * self.count)].reshape(flat)

    def each_place(self, pooled: np.ndarray, scalars: Sequence[np.ndarray]) -> Iterator[tuple]:
        """For each place in a window, the index that takes that element of all windows from an image."""
        window, stride = self.numbers(scalars)
        for place in np.ndindex(*window):
            ends = (
                slice(p, p + (n - 1) * s + 1, s)
                for p, n, s in zip(place, pooled.shape[-self.count :], stride, strict=True)
            )
            yield (..., *ends)

    def call(
        self,
        function: str,
        images: Sequence[Poly],
        windows: Sequence[Poly],
        out: Any,
        node: Apply,
        given: Any,
    ) -> Call:
        """The call of the library; ``given`` are the operands, of which the first are the tensors."""
        scalars = [ex.poly(o.scalar) for o in given[-2 * self.count :]]
        last = [shape[len(shape) - self.count :] for shape in (images, windows)]
        each = [*last, scalars[: self.count], scalars[self.count :]]
        integers = [
            product(images[: len(images) - self.count]),
            *(n for part in each for n in in_three(part, 1)),
        ]
        tensors = tuple(i for i, v in enumerate(node.inputs) if v.ndim)
        numbers = tuple(map(Poly.of, integers))
        header = "graphlib_pool.h"
        form = _form(numbers) if function in _IN_PAIRS else ""
        return Call(function, (tuple(out),), numbers, tensors, header=header, team=True, form=form)

    def require_positive(self, require: Callable, node: Apply, given: Sequence[Operand]) -> None:
        for o in given[-2 * self.count :]:
            n = ex.poly(o.scalar)
            message = f"{self.what} of {{0}}: windows and steps are at least {{b}}, not {{a}}"
            require(ex.minimum(n, 1), Poly.of(1), message, (node.inputs[0],))

    def require_windows(
        self, require: Callable, node: Apply, g: Operand, images: Sequence[Poly], scalars: Sequence[Poly]
    ) -> None:
        """As many windows as images of these lengths have."""
        last = len(images) - self.count
        places = map(Places(), images[last:], scalars[: self.count], scalars[self.count :])
        shape = (*images[:last], *map(Poly.of, places))
        for axis, (n, m) in enumerate(zip(g.shape, shape, strict=True)):
            message = f"{self.what}: axis {axis} of {{0}} has length {{a}}, pooling {{1}} gives {{b}}"
            require(n, m, message, (g.variable, node.outputs[0]))


#: functions that take windows of two by two otherwise, these with their steps, and the longest rows that they
#: do that with
_IN_PAIRS, _PAIRS, _LONGEST = ("gl_pool_max", "gl_pool_scatter"), [1, 2, 2, 1, 2, 2], 1024


def _form(integers: tuple[Poly, ...]) -> str:
    """Whether windows are two by two, side by side, where that is known: as graphlib_pool.h has it."""
    known = [n.constant for n in integers]
    window, width = known[-6:], known[3]
    if None in window or (window == _PAIRS and width is None):
        return ""
    return "_in_pairs" if window == _PAIRS and 1 < width <= _LONGEST else "_windows"


def _volumes(arrays: str) -> Callable[..., list[Poly]]:
    """The elements of arrays of images ("i") and of what pooling gives ("o")."""

    def extents(planes: Poly, *lengths: Poly) -> list[Poly]:
        each = {"i": planes * product(lengths[:3]), "o": planes * product(lengths[3:6])}
        return [each[letter] for letter in arrays]

    return extents


def _windows_fit(planes: Poly, *lengths: Poly) -> list[Poly]:
    """The last window ends where the image does, or so soon before that there is no room for another."""
    axes = zip(*(lengths[k : k + 3] for k in range(0, 12, 3)), strict=True)
    return [rest for n, out, k, s in axes for rest in (n - k - (out - 1) * s, out * s - 1 - (n - k))]


for _name, _arrays in (("max", "io"), ("pick", "iio"), ("scatter", "ioi"), ("spread", "oi")):
    contract(f"gl_pool_{_name}", _volumes(_arrays), _windows_fit)


class Pool(Windowed, Op):
    """The maximum or sum of each window."""

    def __init__(self, kind: str, count: int) -> None:
        self.kind = kind
        super().__init__(count)

    def shape_rule(self, of: Shapes, x: Variable, *scalars: Variable) -> Sequence[Length]:
        return self.pooled(of, x, scalars)

    def infer(self, x: Variable, *scalars: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, known_shape(self, x, *scalars))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, *scalars), (g,) = node.inputs, grads
        if self.kind == "max":
            result = PoolScatter(self.count).make(x, g, *scalars)
        else:
            lengths = (shape_i(x, axis) for axis in range(-self.count, 0))
            result = PoolSpread(self.count).make(g, *lengths, *scalars)
        return [result, *[None] * len(scalars)]

    def reference(self, node: Apply, x: np.ndarray, *scalars: np.ndarray) -> np.ndarray:
        windows = self.windows(x, scalars)
        return windows.max(-1) if self.kind == "max" else windows.sum(-1, dtype=x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call | Pull | Reduction:
        x, *given = operands
        shape = lowered_shape(node, operands, require)
        self.require_positive(require, node, given)
        if self.kind == "max" and node.outputs[0].type.is_float:
            return self.call("gl_pool_max", x.shape, shape, shape, node, operands)
        scalars = [ex.poly(o.scalar) for o in given]
        window, stride = scalars[: self.count], scalars[self.count :]

        def element(*index: Poly) -> ex.Expr:
            head, place, pixel = (
                index[: x.ndim - self.count],
                index[x.ndim - self.count : x.ndim],
                index[x.ndim :],
            )
            return x.at(*head, *(i * s + p for i, s, p in zip(place, stride, pixel, strict=True)))

        elements = product(window).constant
        if elements is None or elements > _WRITTEN_OUT:
            axes = tuple(range(x.ndim, x.ndim + self.count))
            return Reduction(self.kind, (*shape, *window), axes, element)
        combine = "maximum" if self.kind == "max" else "add"
        pixels = [tuple(map(Poly.of, pixel)) for pixel in np.ndindex(*(n.constant or 0 for n in window))]

        def at(*index: Poly) -> ex.Expr:
            result, *rest = (element(*index, *pixel) for pixel in pixels)
            for other in rest:
                result = ex.apply(combine, x.dtype, result, other)
            return result

        return Pull(shape, at)


class PoolPick(Windowed, Op):
    """For each window of x, the sum of t over the places where x has its maximum."""

    def shape_rule(self, of: Shapes, x: Variable, t: Variable, *scalars: Variable) -> Sequence[Length]:
        return self.pooled(of, x, scalars)

    def infer(self, x: Variable, t: Variable, *scalars: Variable) -> list[TensorType]:
        return [TensorType(t.dtype, known_shape(self, x, t, *scalars))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        scalars = self.scalars(node)
        result = PoolScatter(self.count).make(node.inputs[0], grads[0], *scalars)
        return [None, result, *[None] * len(scalars)]

    def reference(self, node: Apply, x: np.ndarray, t: np.ndarray, *scalars: np.ndarray) -> np.ndarray:
        windows = self.windows(x, scalars)
        hit = windows == windows.max(-1, keepdims=True)
        return np.where(hit, self.windows(t, scalars), 0).sum(-1, dtype=t.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, t, *given = operands
        for axis in range(x.ndim):
            message = f"{self.what}: axis {axis} of {{0}} has length {{a}}, of {{1}} {{b}}"
            require(x.shape[axis], t.shape[axis], message, (x.variable, t.variable))
        shape = lowered_shape(node, operands, require)
        self.require_positive(require, node, given)
        return self.call("gl_pool_pick", x.shape, shape, shape, node, operands)


class PoolScatter(Windowed, Op):
    """An image like x with each window's g added at all places of its maximum: the maximum's gradient."""

    def shape_rule(self, of: Shapes, x: Variable, g: Variable, *scalars: Variable) -> Sequence[Length]:
        return of.shape(x)

    def infer(self, x: Variable, g: Variable, *scalars: Variable) -> list[TensorType]:
        return [x.type.with_dtype(g.dtype)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        scalars = self.scalars(node)
        result = PoolPick(self.count).make(node.inputs[0], grads[0], *scalars)
        return [None, result, *[None] * len(scalars)]

    def reference(self, node: Apply, x: np.ndarray, g: np.ndarray, *scalars: np.ndarray) -> np.ndarray:
        result = np.zeros(x.shape, g.dtype)
        if g.size:
            top = self.windows(x, scalars).max(-1)
            for window in self.each_place(g, scalars):
                result[window] += np.where(x[window] == top, g, 0)
        return result

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, g, *given = operands
        self.require_positive(require, node, given)
        self.require_windows(require, node, g, x.shape, [ex.poly(o.scalar) for o in given])
        return self.call("gl_pool_scatter", x.shape, g.shape, x.shape, node, operands)


class PoolSpread(Windowed, Op):
    """Each window's g added to all of its elements, of an image whose last lengths are given: the gradient of
    the sum."""

    def shape_rule(self, of: Shapes, g: Variable, *given: Variable) -> Sequence[Length]:
        return [*of.shape(g)[: g.ndim - self.count], *map(of.scalar, given[: self.count])]

    def infer(self, g: Variable, *given: Variable) -> list[TensorType]:
        return [TensorType(g.dtype, known_shape(self, g, *given))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        result = Pool("sum", self.count).make(grads[0], *self.scalars(node))
        return [result, *[None] * (len(node.inputs) - 1)]

    def reference(self, node: Apply, g: np.ndarray, *given: np.ndarray) -> np.ndarray:
        lengths, scalars = given[: self.count], given[self.count :]
        result = np.zeros((*g.shape[: -self.count], *map(int, lengths)), g.dtype)
        if g.size:
            for window in self.each_place(g, scalars):
                result[window] += g
        return result

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        self.require_positive(require, node, operands)
        shape = lowered_shape(node, operands, require)
        scalars = [ex.poly(o.scalar) for o in operands[1 + self.count :]]
        self.require_windows(require, node, operands[0], shape, scalars)
        return self.call("gl_pool_spread", shape, operands[0].shape, shape, node, operands)
