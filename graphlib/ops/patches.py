"""Patches: what windows see of the last axes of a tensor, as axes of their own, and the sum of patches put
back where they were; each is the other's gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ShapeError, WindowError
from ..graph import Apply, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull, Reduction
from .elementwise import cast
from .op import FLOATS, NUMBERS, Op, Sample, as_variable, quarters, register
from .shape import shape_i
from .shape_rules import Length, Shapes, known_shape, lowered_shape
from .windows import Places, whole_numbers


class Windowed:
    """What patches and their sums have in common: the border and dilation of each of the last axes, and
    whether windows must end where the axis does."""

    def __init__(self, axes: tuple[Places, ...], exact: bool = False) -> None:
        self.axes = axes
        self.exact = exact

    def __str__(self) -> str:
        return type(self).__name__.lower()

    def scalars(self, given: Sequence) -> tuple[Sequence, Sequence]:
        """Windows and strides of all axes, of the inputs behind the tensor."""
        count = len(self.axes)
        return given[:count], given[count : 2 * count]


def _seen(axis: Places, place: Poly, pixel: Poly, stride: Poly) -> Poly:
    """The index that a window's pixel sees."""
    return place * stride + pixel * axis.dilation - axis.border[0]


def _all(conditions: Sequence[ex.Expr]) -> ex.Expr:
    result, *rest = conditions
    for condition in rest:
        result = ex.apply("and_", "bool", result, condition)
    return result


class Patches(Windowed, Op):
    """Of x (…, lengths), windows and strides: (…, places, pixels), with zeros beyond the ends of x."""

    view = True

    def shape_rule(self, of: Shapes, x: Variable, *given: Variable) -> Sequence[Length]:
        windows, strides = ([of.scalar(v) for v in part] for part in self.scalars(given))
        lengths = of.shape(x)
        head, last = lengths[: -len(self.axes)], lengths[-len(self.axes) :]
        return [*head, *map(of.derived, self.axes, last, windows, strides), *windows]

    def infer(self, x: Variable, *given: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, known_shape(self, x, *given))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, *given), (g,) = node.inputs, grads
        lengths = (shape_i(x, axis) for axis in range(-len(self.axes), 0))
        return [PatchesAdded(self.axes).make(g, *given, *lengths), *[None] * len(given)]

    def reference(self, node: Apply, x: np.ndarray, *given: np.ndarray) -> np.ndarray:
        windows, strides = ([int(n) for n in part] for part in self.scalars(given))
        count = len(self.axes)
        padded = np.pad(x, [(0, 0)] * (x.ndim - count) + [axis.border for axis in self.axes])
        last = padded.shape[-count:]
        places = [
            axis(n, w, s) for axis, n, w, s in zip(self.axes, x.shape[-count:], windows, strides, strict=True)
        ]
        reach = tuple((w - 1) * axis.dilation + 1 for axis, w in zip(self.axes, windows, strict=True))
        self._check(node, last, reach, strides)
        if 0 in places:
            return np.zeros((*x.shape[:-count], *places, *windows), x.dtype)
        every = sliding_window_view(padded, reach, axis=tuple(range(-count, 0)))
        steps = (slice(None, None, n) for n in [*strides, *(axis.dilation for axis in self.axes)])
        return np.ascontiguousarray(every[(..., *steps)])

    def _check(self, node: Apply, last: Sequence[int], reach: Sequence[int], strides: Sequence[int]) -> None:
        for number, (n, r, s) in enumerate(zip(last, reach, strides, strict=True), -len(last)):
            if s < 1 or r < 1:
                raise ShapeError(f"patches of {node.inputs[0].describe()}: windows and steps are at least 1")
            if self.exact and (n < r or (n - r) % s):
                raise WindowError(
                    f"patches: axis {number} of {node.inputs[0].describe()} has length {n} with its border; "
                    f"windows of {r} at steps of {s} do not end there"
                )

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *given = operands
        shape, count = lowered_shape(node, operands, require), len(self.axes)
        head = x.ndim - count
        windows, strides = ([ex.poly(o.scalar) for o in part] for part in self.scalars(given))
        for number, axis, window, stride in zip(
            range(head, x.ndim), self.axes, windows, strides, strict=True
        ):
            for n in (window, stride):
                message = "patches of {0}: windows and steps are at least 1"
                require(ex.maximum(n, 1), n, message, (x.variable,))
            if self.exact:
                reach = (window - 1) * axis.dilation + 1
                require(
                    (shape[number] - 1) * stride + reach,
                    x.shape[number] + sum(axis.border),
                    f"patches: axis {number - x.ndim} of {{0}} has length {{b}} with its border; the last "
                    "window ends at {a}",
                    (x.variable,),
                    WindowError,
                )

        def at(*index: Poly) -> ex.Expr:
            place, inside = [], []
            for k, (axis, stride) in enumerate(zip(self.axes, strides, strict=True)):
                n, i = x.shape[head + k], _seen(axis, index[head + k], index[head + count + k], stride)
                if axis.border != (0, 0):
                    inside += [ex.less(-1, i), ex.less(i, n)]
                    i = ex.maximum(ex.minimum(i, n - 1), 0)
                place.append(i)
            element = x.at(*index[:head], *place)
            return (
                ex.apply("switch", x.dtype, _all(inside), element, ex.const(0, x.dtype))
                if inside
                else element
            )

        return Pull(shape, at)


class PatchesAdded(Windowed, Op):
    """Of patches (…, places, pixels), windows, strides and lengths: (…, lengths), each element the sum of
    what windows that see it have there."""

    def shape_rule(self, of: Shapes, g: Variable, *given: Variable) -> Sequence[Length]:
        count = len(self.axes)
        return [*of.shape(g)[: -2 * count], *map(of.scalar, given[-count:])]

    def infer(self, g: Variable, *given: Variable) -> list[TensorType]:
        return [TensorType(g.dtype, known_shape(self, g, *given))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        given, (t,) = node.inputs[1:], grads
        scalars = given[: -len(self.axes)]
        return [Patches(self.axes).make(t, *scalars), *[None] * len(given)]

    def reference(self, node: Apply, g: np.ndarray, *given: np.ndarray) -> np.ndarray:
        count = len(self.axes)
        windows, strides = ([int(n) for n in part] for part in self.scalars(given))
        lengths = [int(n) for n in given[-count:]]
        borders = [axis.border for axis in self.axes]
        head, places = g.shape[: -2 * count], g.shape[-2 * count : -count]
        for n, m, w, s, axis in zip(lengths, places, windows, strides, self.axes, strict=True):
            ends = (m - 1) * s + (w - 1) * axis.dilation + 1 == n + sum(axis.border)
            if m != axis(n, w, s) or (self.exact and not ends):
                raise ShapeError(
                    f"sums of patches {node.inputs[0].describe()}: {m} windows of {w} at steps of {s} do not "
                    f"make an axis of length {n}"
                )
        padded = np.zeros((*head, *(n + sum(b) for n, b in zip(lengths, borders, strict=True))), g.dtype)
        if g.size:
            for pixel in np.ndindex(*windows):
                seen = tuple(
                    slice(i * axis.dilation, i * axis.dilation + s * (n - 1) + 1, s)
                    for i, axis, s, n in zip(pixel, self.axes, strides, places, strict=True)
                )
                padded[(..., *seen)] += g[(..., *pixel)]
        inside = (slice(b[0], b[0] + n) for b, n in zip(borders, lengths, strict=True))
        return np.ascontiguousarray(padded[(..., *inside)])

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Reduction:
        g, *given = operands
        shape, count = lowered_shape(node, operands, require), len(self.axes)
        head = len(shape) - count
        windows, strides = ([ex.poly(o.scalar) for o in part] for part in self.scalars(given))
        for k, (axis, window, stride) in enumerate(zip(self.axes, windows, strides, strict=True)):
            message = f"sums of patches: axis {head + k} of {{0}} has length {{a}}, there are {{b}} places"
            require(g.shape[head + k], axis(shape[head + k], window, stride), message, (g.variable,))
            if self.exact:
                message = (
                    f"sums of patches {{0}}: axis {head + k} has length {{a}}, the last window ends at {{b}}"
                )
                end = (g.shape[head + k] - 1) * stride + (window - 1) * axis.dilation + 1
                require(shape[head + k] + sum(axis.border), end, message, (g.variable,))

        def at(*index: Poly) -> ex.Expr:
            places, inside = [], []
            for k, (axis, stride) in enumerate(zip(self.axes, strides, strict=True)):
                n, pixel = g.shape[head + k], index[head + count + k]
                from_first = index[head + k] + axis.border[0] - pixel * axis.dilation
                place = ex.floor_div(from_first, stride)
                inside += [ex.less(-1, from_first), ex.less(place, n)]
                if stride != 1:
                    inside.append(ex.apply("eq", "bool", ex.integer(place * stride), ex.integer(from_first)))
                places.append(ex.maximum(ex.minimum(place, n - 1), 0))
            element = g.at(*index[:head], *places, *index[head + count :])
            return ex.apply("switch", g.dtype, _all(inside), element, ex.const(0, g.dtype))

        pixels = tuple(range(len(shape), len(shape) + count))
        return Reduction("sum", (*shape, *windows), pixels, at)


def patches(
    x: Any, window: Sequence[Any], stride: Any = 1, border: Sequence[tuple[int, int]] | None = None
) -> Variable:
    """What windows see of the last axes of ``x`` (…, lengths): (…, places, pixels).

    ``window`` has a length for each of these axes, ``stride`` the step between windows, ``border`` the zeros
    before and after each axis.  No element is copied where none has to be.

    Errors: ShapeError for what does not fit.
    """
    x = as_variable(x)
    count = len(window)
    steps = stride if isinstance(stride, (tuple, list)) else [stride] * count
    ends = (
        [(0, 0)] * count
        if border is None
        else [whole_numbers(b, 2, "T.nnet.patches: border", 0) for b in border]
    )
    if not 0 < count <= x.ndim or len(steps) != count or len(ends) != count:
        raise ShapeError(
            f"T.nnet.patches: {count} windows, {len(steps)} strides and {len(ends)} borders do not fit "
            f"{x.describe()}"
        )
    return patches_of(x, window, steps, [Places((b, e)) for b, e in ends])


def patches_of(
    x: Variable, window: Sequence[Any], stride: Sequence[Any], axes: Sequence[Places], exact: bool = False
) -> Variable:
    """The node of ``patches``, of windows and strides that are numbers or int64 scalars."""
    scalars = (cast(as_variable(n), "int64") for n in (*window, *stride))
    return Patches(tuple(axes), exact).make(x, *scalars)


register(
    "patches",
    patches,
    lambda: [
        Sample(lambda x: patches(x, (2, 2), (2, 1)), (quarters(2, 4, 5),), NUMBERS),
        Sample(lambda x: patches(x, (3,), 2, [(1, 2)]) * 2, (quarters(2, 5),), FLOATS),
        Sample(lambda x: patches(x, (2, 1, 3), 1, [(0, 1), (0, 0), (2, 0)]), (quarters(3, 2, 4),), FLOATS),
        Sample(lambda x: patches(x, (2, 3)), (quarters(2, 2),), FLOATS),
        Sample(lambda x: patches(x, (x.shape[0] - 1, 2), (x.shape[0] - 2, 1)), (quarters(4, 3),), FLOATS),
        Sample(
            lambda x: patches_of(x, (2,), (3,), [Places((1, 1), 2)], exact=True),
            (quarters(2, 4),),
            FLOATS,
        ),
    ],
)
