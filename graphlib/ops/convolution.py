"""Two-dimensional convolution of stacks of images, with gradients of every order.

The convolution is linear in the images and in the filters, so three operations are closed under
differentiation: the convolution itself and its gradients by either.  Each is one call of the backend's
library, which never holds more than a cache-sized tile of the images' patches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..configuration import config
from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import promote
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Call, Operand
from .elementwise import cast
from .op import Op, Sample, as_variable, register
from .shape import constant_int, shape_i, specify_shape
from .shape_rules import Length, Shapes, elements_of

Pair = tuple[int, int]


def extent(length: Any, filter_length: Any, pad: Any, stride: int, dilation: int) -> Any:
    """How many places a filter has along an axis; a number, or a polynomial of the lengths."""
    reach = (filter_length - 1) * dilation + 1
    room = length + 2 * pad - reach
    if isinstance(room, Poly):
        return ex.floor_div(room, stride) + 1
    return room // stride + 1


class Convolutional:
    """What the convolution and its gradients have in common: padding, strides, dilation, and whether filters
    are flipped.

    ``border`` is 'full', 'half' (where the filters' lengths are not known yet) or rows and columns of zeros
    on each side.
    """

    def __init__(self, border: str | Pair, stride: Pair, dilation: Pair, flip: bool) -> None:
        self.border = border
        self.stride = stride
        self.dilation = dilation
        self.flip = flip

    def parameters(self) -> tuple:
        return self.border, self.stride, self.dilation, self.flip

    def like(self, kind: type[Op]) -> Op:
        """The operation of another class with the same parameters."""
        return kind(self.border, self.stride, self.dilation, self.flip)

    def pad(self, axis: int, filter_length: Any) -> Any:
        """Rows (axis 0) or columns (1) of zeros on each side."""
        if not isinstance(self.border, str):
            return self.border[axis]
        reach = (filter_length - 1) * self.dilation[axis]
        if self.border == "full":
            return reach
        return ex.floor_div(reach + 1, 2) if isinstance(reach, Poly) else (reach + 1) // 2

    def out(self, axis: int, length: Any, filter_length: Any) -> Any:
        """The length of the output's rows (axis 0) or columns (1)."""
        pad = self.pad(axis, filter_length)
        return extent(length, filter_length, pad, self.stride[axis], self.dilation[axis])

    def static_out(self, axis: int, length: int | None, filter_length: int | None) -> int | None:
        known = length is not None and filter_length is not None
        return self.out(axis, length, filter_length) if known else None

    def call(
        self, function: str, shape: Sequence[Poly], lengths: dict[str, Poly], operands: tuple[int, ...]
    ) -> Call:
        """The call of the library; ``lengths`` are n, c, h, w of the images, f, kh, kw of the filters, oh,
        ow."""
        kernel = lengths["kh"], lengths["kw"]
        integers = [
            *(lengths[k] for k in ("n", "c", "h", "w", "f", "kh", "kw", "oh", "ow")),
            *(Poly.of(self.pad(axis, kernel[axis])) for axis in (0, 1)),
            *map(Poly.of, (*self.stride, *self.dilation, int(self.flip))),
        ]
        return Call(
            function, (tuple(shape),), tuple(integers), operands, header="graphlib_convolution.h", team=True
        )

    def require_fit(self, require: Callable, x: Any, w: Any, lengths: dict[str, Poly]) -> None:
        """Images at least as large as the filters; ``x`` and ``w`` are the variables to name."""
        for axis, (length, kernel) in enumerate((("h", "kh"), ("w", "kw"))):
            reach = (lengths[kernel] - 1) * self.dilation[axis] + 1
            padded = lengths[length] + 2 * Poly.of(self.pad(axis, lengths[kernel]))
            require(
                ex.minimum(padded, reach),
                reach,
                f"conv2d: axis {axis + 2} of {{0}} has length {{a}} with its padding, less than the {{b}} "
                f"that the filters {{1}} cover",
                (x, w),
            )

    def padded(self, x: np.ndarray, kernel: Sequence[int]) -> np.ndarray:
        sides = [(self.pad(axis, kernel[axis]),) * 2 for axis in (0, 1)]
        return np.pad(x, [(0, 0), (0, 0), *sides])

    def patches(self, node: Apply, x: np.ndarray, kernel: Sequence[int]) -> np.ndarray:
        """What a filter sees at each place: n, c, oh, ow, kh, kw (a view of the padded images)."""
        (sh, sw), (dh, dw) = self.stride, self.dilation
        reach = tuple((k - 1) * d + 1 for k, d in zip(kernel, self.dilation, strict=True))
        padded = self.padded(x, kernel)
        if padded.shape[2] < reach[0] or padded.shape[3] < reach[1]:
            images, filters = (v.describe() for v in node.inputs[:2])
            raise ShapeError(
                f"conv2d: the images {images}, {padded.shape[2:]} with their padding, are smaller than the "
                f"{reach} that the filters {filters} cover"
            )
        return sliding_window_view(padded, reach, axis=(2, 3))[:, :, ::sh, ::sw, ::dh, ::dw]

    def turned(self, w: np.ndarray) -> np.ndarray:
        return w[:, :, ::-1, ::-1] if self.flip else w


def _same(what: str, one: Variable, axis: int, other: Variable, other_axis: int) -> None:
    n, m = one.type.shape[axis], other.type.shape[other_axis]
    if None not in (n, m) and n != m:
        raise ShapeError(
            f"T.nnet.conv2d: {what}: axis {axis} of {one.describe()} has length {n}, axis {other_axis} of "
            f"{other.describe()} {m}"
        )


class Convolution(Convolutional, Op):
    """Images (n, c, h, w) with filters (f, c, kh, kw): (n, f, oh, ow), the sum over channels and places."""

    def shape_rule(self, of: Shapes, x: Variable, w: Variable) -> Sequence[Length]:
        return [of.shape(x)[0], of.shape(w)[0], of.own(2), of.own(3)]

    def infer(self, x: Variable, w: Variable) -> list[TensorType]:
        _same("channels of the images and of the filters", x, 1, w, 1)
        n, _, *lengths = x.type.shape
        f, _, *kernel = w.type.shape
        out = [self.static_out(axis, lengths[axis], kernel[axis]) for axis in (0, 1)]
        if any(length is not None and length < 1 for length in out):
            raise ShapeError(
                f"T.nnet.conv2d: the images {x.describe()} are, with their padding, smaller than the filters "
                f"{w.describe()}; border_mode='full' or a number pads them"
            )
        return [TensorType(x.dtype, [n, f, *out])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, w), (g,) = node.inputs, grads
        return [
            self.like(ConvolutionByImages).make(g, w, shape_i(x, 2), shape_i(x, 3)),
            self.like(ConvolutionByFilters).make(x, g, shape_i(w, 2), shape_i(w, 3)),
        ]

    def multiply_adds(self, node: Apply) -> int:
        return elements_of(node.outputs[0].type.shape) * elements_of(node.inputs[1].type.shape[1:])

    def reference(self, node: Apply, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        if x.shape[1] != w.shape[1]:
            images, filters = node.inputs
            raise ShapeError(
                f"conv2d: {images.describe()} has {x.shape[1]} channels, the filters {filters.describe()} "
                f"{w.shape[1]}"
            )
        patches = self.patches(node, x, w.shape[2:])
        return np.einsum("nchwij,fcij->nfhw", patches, self.turned(w), optimize=True)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, w = operands
        (n, c, h, width), (f, _, kh, kw) = x.shape, w.shape
        both = (x.variable, w.variable)
        require(c, w.shape[1], "conv2d: {0} has {a} channels, the filters {1} {b}", both)
        lengths = {"n": n, "c": c, "h": h, "w": width, "f": f, "kh": kh, "kw": kw}
        self.require_fit(require, *both, lengths)
        lengths |= {"oh": self.out(0, h, kh), "ow": self.out(1, width, kw)}
        return self.call("gl_convolve", (n, f, lengths["oh"], lengths["ow"]), lengths, (0, 1))


class ConvolutionByImages(Convolutional, Op):
    """The gradient of a convolution by its images, of g (n, f, oh, ow), filters and the images' lengths."""

    def infer(self, g: Variable, w: Variable, h: Variable, width: Variable) -> list[TensorType]:
        _same("filters and the channels of the gradient", g, 1, w, 0)
        n, c = g.type.shape[0], w.type.shape[1]
        return [TensorType(g.dtype, [n, c, constant_int(h), constant_int(width)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (g, w, _, _), (t,) = node.inputs, grads
        return [
            self.like(Convolution).make(t, w),
            self.like(ConvolutionByFilters).make(t, g, shape_i(w, 2), shape_i(w, 3)),
            None,
            None,
        ]

    def reference(
        self, node: Apply, g: np.ndarray, w: np.ndarray, h: np.ndarray, width: np.ndarray
    ) -> np.ndarray:
        kernel = w.shape[2:]
        (sh, sw), (dh, dw) = self.stride, self.dilation
        padded = self.padded(np.zeros((g.shape[0], w.shape[1], int(h), int(width)), g.dtype), kernel)
        turned = self.turned(w)
        for i, j in np.ndindex(*kernel):
            rows = slice(i * dh, i * dh + sh * (g.shape[2] - 1) + 1, sh)
            columns = slice(j * dw, j * dw + sw * (g.shape[3] - 1) + 1, sw)
            padded[:, :, rows, columns] += np.einsum("nfhw,fc->nchw", g, turned[:, :, i, j], optimize=True)
        ph, pw = (self.pad(axis, kernel[axis]) for axis in (0, 1))
        return padded[:, :, ph : ph + int(h), pw : pw + int(width)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        g, w, h, width = operands
        (n, _, oh, ow), (f, c, kh, kw) = g.shape, w.shape
        lengths = {"n": n, "c": c, "h": ex.poly(h.scalar), "w": ex.poly(width.scalar)}
        lengths |= {"f": f, "kh": kh, "kw": kw, "oh": oh, "ow": ow}
        both = (g.variable, w.variable)
        require(g.shape[1], f, "conv2d: the gradient {0} has {a} channels, there are {b} filters {1}", both)
        for axis, length, kernel, out in ((0, "h", kh, oh), (1, "w", kw, ow)):
            message = f"conv2d: axis {axis + 2} of the gradient {{0}} has length {{a}} instead of {{b}}"
            require(out, self.out(axis, lengths[length], kernel), message, both)
        return self.call("gl_convolve_by_images", (n, c, lengths["h"], lengths["w"]), lengths, (0, 1))


class ConvolutionByFilters(Convolutional, Op):
    """The gradient of a convolution by its filters, of images, g (n, f, oh, ow) and the filters' lengths."""

    def infer(self, x: Variable, g: Variable, kh: Variable, kw: Variable) -> list[TensorType]:
        _same("images and their gradient", x, 0, g, 0)
        f, c = g.type.shape[1], x.type.shape[1]
        return [TensorType(x.dtype, [f, c, constant_int(kh), constant_int(kw)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, g, _, _), (t,) = node.inputs, grads
        return [
            self.like(ConvolutionByImages).make(g, t, shape_i(x, 2), shape_i(x, 3)),
            self.like(Convolution).make(x, t),
            None,
            None,
        ]

    def reference(
        self, node: Apply, x: np.ndarray, g: np.ndarray, kh: np.ndarray, kw: np.ndarray
    ) -> np.ndarray:
        patches = self.patches(node, x, (int(kh), int(kw)))
        return self.turned(np.einsum("nchwij,nfhw->fcij", patches, g, optimize=True))

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, g, kh, kw = operands
        (n, c, h, width), (_, f, oh, ow) = x.shape, g.shape
        lengths = {"n": n, "c": c, "h": h, "w": width, "f": f, "oh": oh, "ow": ow}
        lengths |= {"kh": ex.poly(kh.scalar), "kw": ex.poly(kw.scalar)}
        both = (x.variable, g.variable)
        require(n, g.shape[0], "conv2d: {0} holds {a} images, the gradient {1} {b}", both)
        for axis, length, kernel, out in ((0, "h", "kh", oh), (1, "w", "kw", ow)):
            message = f"conv2d: axis {axis + 2} of the gradient {{0}} has length {{a}} instead of {{b}}"
            require(out, self.out(axis, lengths[length], lengths[kernel]), message, both[::-1])
        shape = (f, c, lengths["kh"], lengths["kw"])
        return self.call("gl_convolve_by_filters", shape, lengths, (0, 1))


def pair(value: Any, what: str, least: int) -> Pair:
    """A number for rows and columns, or one for each.  Errors: ShapeError, where one is less than
    ``least``."""
    numbers = (value, value) if isinstance(value, (int, np.integer)) else value
    fits = isinstance(numbers, (tuple, list)) and len(numbers) == 2
    if not fits or any(not isinstance(v, (int, np.integer)) or v < least for v in numbers):
        raise ShapeError(f"{what} must be a whole number or a pair of them, at least {least}, not {value!r}")
    return int(numbers[0]), int(numbers[1])


def _border(mode: Any) -> str | Pair:
    if mode == "valid":
        return 0, 0
    if isinstance(mode, str):
        if mode not in ("full", "half"):
            raise ShapeError(
                f"T.nnet.conv2d: border_mode must be 'valid', 'full', 'half', a number or a pair, not "
                f"{mode!r}"
            )
        return mode
    return pair(mode, "T.nnet.conv2d: border_mode", 0)


def _with_shape(x: Variable, shape: Any, what: str) -> Variable:
    """The variable with the lengths the user gave; those that are variables say nothing new."""
    if shape is None:
        return x
    lengths = [None if n is None else constant_int(n) for n in shape]
    if len(lengths) != 4:
        raise ShapeError(f"T.nnet.conv2d: {what} needs four lengths, not {shape!r}")
    new = any(n is not None and m is None for n, m in zip(lengths, x.type.shape, strict=True))
    wrong = any(None not in (n, m) and n != m for n, m in zip(lengths, x.type.shape, strict=True))
    return specify_shape(x, lengths) if new or wrong else x


def conv2d(
    input: Any,
    filters: Any,
    input_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: str | int | Sequence[int] = "valid",
    subsample: Sequence[int] = (1, 1),
    filter_flip: bool = True,
    image_shape: Sequence[Any] | None = None,
    filter_dilation: Sequence[int] = (1, 1),
) -> Variable:
    """Images (n, channels, rows, columns) convolved with filters (f, channels, rows, columns): n, f, rows,
    columns.

    It is the convolution of mathematics, whose filters are flipped in rows and columns, or, with
    ``filter_flip=False``, the correlation.  ``border_mode``: 'valid' (only where the filter lies within the
    image), 'full' (wherever they overlap), 'half' (for odd filters as many places as pixels), or the rows and
    columns of zeros around the image.  ``subsample`` is the step between places, ``filter_dilation`` that
    between the pixels a filter sees.  ``input_shape`` (once ``image_shape``) and ``filter_shape`` are
    checked and make for shapes that are known earlier; every entry may be None.

    Errors: ShapeError where channels differ or the filters are larger than the images.
    """
    x, w = as_variable(input), as_variable(filters)
    for v, what in ((x, "images"), (w, "filters")):
        if v.ndim != 4:
            raise ShapeError(f"T.nnet.conv2d: the {what} must have four dimensions, unlike {v.describe()}")
    if input_shape is not None and image_shape is not None:
        raise ShapeError("T.nnet.conv2d: image_shape is the old name of input_shape; give one of them")
    dtype = promote([x.dtype, w.dtype])
    dtype = dtype if dtype.startswith("float") else config.floatX
    x = _with_shape(cast(x, dtype), input_shape if input_shape is not None else image_shape, "input_shape")
    w = _with_shape(cast(w, dtype), filter_shape, "filter_shape")
    dilation = pair(filter_dilation, "T.nnet.conv2d: filter_dilation", 1)
    stride = pair(subsample, "T.nnet.conv2d: subsample", 1)
    op = Convolution(_border(border_mode), stride, dilation, bool(filter_flip))
    kernel = w.type.shape[2:]
    if isinstance(op.border, str) and None not in kernel:
        padding = op.pad(0, kernel[0]), op.pad(1, kernel[1])
        op = Convolution(padding, op.stride, op.dilation, op.flip)
    return op.make(x, w)


def _m(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).randint(-4, 5, shape) * 0.25


register(
    "conv2d",
    conv2d,
    lambda: [
        Sample(conv2d, (_m(2, 2, 5, 4), _m(3, 2, 3, 2))),
        Sample(
            lambda x, w: conv2d(x, w, filter_flip=False, border_mode="full"), (_m(1, 1, 3, 4), _m(2, 1, 2, 3))
        ),
        Sample(lambda x, w: conv2d(x, w, border_mode="half"), (_m(1, 2, 4, 3), _m(2, 2, 3, 3))),
        Sample(
            lambda x, w: conv2d(x, w, border_mode=(1, 2), subsample=(2, 3), filter_dilation=(1, 2)),
            (_m(2, 1, 6, 7), _m(2, 1, 3, 2)),
        ),
        Sample(
            lambda x, w: conv2d(x, w, subsample=(3, 2), filter_flip=False), (_m(1, 1, 5, 6), _m(1, 1, 1, 2))
        ),
        Sample(conv2d, (_m(0, 2, 3, 3), _m(2, 2, 2, 2))),
        Sample(conv2d, (_m(2, 0, 3, 3), _m(2, 0, 2, 2))),
    ],
    conv2d.__doc__ or "",
)
