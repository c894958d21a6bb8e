"""Convolution along one to three axes, in groups or not, with gradients of every order.

The convolution is linear in the images and in the filters, so three operations are closed under
differentiation: the convolution itself and its gradients by either.  Each is one call of the backend's
library, which never holds more than a cache-sized tile of the images' patches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand
from .op import Op
from .shape import shape_i
from .shape_rules import Length, Shapes, elements_of, known_shape, lowered_shape
from .windows import Axis, Share, Times, in_three

#: filters of a group up to which there is no product, and the terms of their sums
_FEW_FILTERS, _FEW_TERMS = 2, 128
#: channels and filters of a group from which on tiles are multiplied point by point, by the filters' side
_LEAST_CHANNELS = {3: 8, 5: 24}
#: channels of a group below which the images' gradient is added up pixel by pixel, and how many times as many
#: products as with the places there may be with the pixels, else it is, too: by graphlib_convolution.h
_FEW_CHANNELS, _TIMES = 8, {"_by_products": 1.5, "_direct": 2.0}
#: what the filters, or the channels, of a group have to fill of whole vectors of so many, where vectors of
#: them meet single pixels, and the terms that pay for the way there
_VECTOR, _FILLED, _TERMS = 16, 0.85, 48
#: pixels of a row, of those that are computed together, below which the images' gradient is computed in
#: another way, and places of an image below which the filters' is
_SHORT, _FEW_PLACES = 8, 200
_HEADERS = {
    "": "graphlib_convolution.h",
    "_sliding": "graphlib_sliding.h",
    "_by_products": "graphlib_patches.h",
    "_spread": "graphlib_patches.h",
    "_direct": "graphlib_direct.h",
    "_of_1": "graphlib_pointwise.h",
    "_of_3": "graphlib_winograd.h",
    "_of_5": "graphlib_winograd.h",
}


class Convolutional:
    """What the convolution and its gradients have in common: the axes along which windows lie, whether
    filters are flipped, and the groups that channels and filters are in, each for itself."""

    takes_complex = "product"

    def __init__(self, axes: tuple[Axis, ...], flip: bool = True, groups: int = 1) -> None:
        self.axes = axes
        self.flip = flip
        self.groups = groups

    @property
    def what(self) -> str:
        """Its name in errors."""
        return f"conv{len(self.axes)}d"

    def like(self, kind: type[Op]) -> Op:
        """The operation of another class with the same parameters."""
        return kind(self.axes, self.flip, self.groups)

    def channels(self, of: Shapes, filters: Length) -> Length:
        """The images' channels, given those that a filter sees."""
        return filters if self.groups == 1 else of.derived(Times(self.groups), filters)

    def call(self, function: str, shape: Sequence[Poly], x: Sequence, w: Sequence, g: Sequence) -> Call:
        """The call of the library for shapes of the images, the filters and the output."""
        before = [axis.pads(k)[0] for axis, k in zip(self.axes, w[2:], strict=True)]
        strides, dilations = zip(*((axis.stride, axis.dilation) for axis in self.axes), strict=True)
        lengths = (in_three(shape[2:], 1) for shape in (x, w, g))
        integers = [
            *x[:2],
            *next(lengths),
            w[0],
            *next(lengths),
            *next(lengths),
            *in_three(before, 0),
            *in_three(strides, 1),
            *in_three(dilations, 1),
        ]
        form = self._form(w)
        if form == "_by_products" and self._fills_vectors(function, x, w, g):
            form = "_direct"
        if function == "gl_convolve_by_images" and form in _TIMES and self._is_spread(x, w, g, _TIMES[form]):
            form = "_spread"
        return Call(
            function,
            (tuple(shape),),
            tuple(map(Poly.of, [*integers, int(self.flip), self.groups])),
            (0, 1),
            header=_HEADERS[form],
            team=True,
            form=form,
        )

    def _form(self, w: Sequence[Poly]) -> str:
        """How it is computed, where it is known: filters slide over images or are factors of products, by the
        numbers of graphlib_sliding.h, or squares of 3 or 5 are multiplied point by point, or filters of
        one pixel by the images as they lie; the products may still become sums without patches."""
        f, *terms = (n.constant for n in map(Poly.of, w))
        if f is None or None in terms:
            return ""
        channels, *kernel = terms
        side, few = kernel[0], min(channels, f // self.groups)
        closely = all(axis.stride == axis.dilation == 1 for axis in self.axes)
        if closely and kernel == [side, side] and few >= _LEAST_CHANNELS.get(side, few + 1):
            return f"_of_{side}"
        if f // self.groups <= _FEW_FILTERS and math.prod(terms) <= _FEW_TERMS:
            return "_sliding"
        bare = all(end == 0 for axis in self.axes for end in axis.pads(1))
        return "_of_1" if bare and math.prod(kernel) == 1 else "_by_products"

    def _fills_vectors(self, function: str, x: Sequence, w: Sequence, g: Sequence) -> bool:
        """Whether vectors of filters, or of channels for the gradient by the images, meet single pixels:
        where they are full, and their sums long enough."""
        f, channels, *kernel = (n.constant or 1 for n in map(Poly.of, w))
        lanes, others = f // self.groups, channels
        long = others * math.prod(kernel) >= _TERMS
        if function == "gl_convolve_by_images":
            lanes, others = others, lanes
            # a column counts as a row
            last = -2 if len(kernel) > 1 and Poly.of(x[-1]).constant == kernel[-1] == 1 else -1
            row = Poly.of(x[last]).constant
            long = others * math.prod(kernel) >= _TERMS
            long = long and (row is None or row >= _SHORT * self.axes[last].stride)
        elif function == "gl_convolve_by_filters":
            places = [n.constant for n in map(Poly.of, g[2:])]
            long = others >= _FEW_CHANNELS and (None in places or math.prod(places) >= _FEW_PLACES)
        return long and lanes >= _FILLED * _VECTOR * -(-lanes // _VECTOR)

    def _is_spread(self, x: Sequence[Poly], w: Sequence[Poly], g: Sequence[Poly], most: float) -> bool:
        """Whether the gradient by the images is added to the pixels that a place sees: where it would take
        many more products to compute one pixel after the other.  Of lengths that are not known yet: where
        there is no padding."""
        channels, *kernel = (n.constant or 1 for n in map(Poly.of, w[1:]))
        pixels, places = ([n.constant for n in map(Poly.of, shape[2:])] for shape in (x, g))
        if channels < _FEW_CHANNELS:
            return True
        if None in pixels or None in places:
            return most < 2 and all(end == 0 for axis in self.axes for end in axis.pads(1))
        each = zip(self.axes, pixels, kernel, places, strict=True)
        ratio = math.prod(_products(*one) / max(1, one[2] * one[3]) for one in each)
        return ratio > most

    def require_channels(self, require: Callable, images: tuple, filters: tuple) -> None:
        """As many channels as the filters see, and as many filters in each group; each a variable, a
        length."""
        (x, c), (w, shape) = images, filters
        many = "" if self.groups == 1 else f" in each of {self.groups} groups"
        seen = shape[1] * self.groups
        require(c, seen, f"{self.what}: {{0}} has {{a}} channels, the filters {{1}} {{b}}", (x, w))
        even = ex.floor_div(shape[0], self.groups) * self.groups
        require(
            shape[0], even, f"{self.what}: there are {{a}} filters {{0}}, which is not as many{many}", (w,)
        )

    def require_places(self, require: Callable, lengths: tuple, g: tuple, variables: tuple) -> None:
        """Of a gradient's axes, as many places as the filters have; ``g`` is the variable and its shape."""
        x, w = lengths
        for number, (axis, place) in enumerate(zip(self.axes, g[1][2:], strict=True), 2):
            message = f"{self.what}: axis {number} of the gradient {{0}} has length {{a}} instead of {{b}}"
            require(place, axis(x[number], w[number]), message, (g[0], *variables))

    def padded(self, x: np.ndarray, kernel: Sequence[int]) -> np.ndarray:
        sides = [axis.pads(k) for axis, k in zip(self.axes, kernel, strict=True)]
        return np.pad(x, [(0, 0), (0, 0), *sides])

    def patches(self, node: Apply, x: np.ndarray, kernel: Sequence[int]) -> np.ndarray:
        """What a filter sees at each place: n, c, places, pixels (a view of the padded images)."""
        reach = tuple(axis.reach(k) for axis, k in zip(self.axes, kernel, strict=True))
        padded = self.padded(x, kernel)
        if any(n < r for n, r in zip(padded.shape[2:], reach, strict=True)):
            images, filters = (v.describe() for v in node.inputs[:2])
            raise ShapeError(
                f"{self.what}: the images {images}, {padded.shape[2:]} with their padding, are smaller than "
                f"the {reach} that the filters {filters} cover"
            )
        every = sliding_window_view(padded, reach, axis=tuple(range(2, x.ndim)))
        steps = (
            slice(None, None, n) for n in [a.stride for a in self.axes] + [a.dilation for a in self.axes]
        )
        return every[(slice(None), slice(None), *steps)]

    def turned(self, w: np.ndarray) -> np.ndarray:
        """The filters as they meet the images."""
        return np.flip(w, tuple(range(2, w.ndim))) if self.flip else w

    def in_groups(self, x: np.ndarray, axis: int) -> list[np.ndarray]:
        if x.shape[axis] % self.groups:
            raise ShapeError(f"{self.what}: {x.shape[axis]} are not in {self.groups} groups of as many each")
        return np.split(x, self.groups, axis)

    def letters(self) -> tuple[str, str]:
        """Names for the places' and the pixels' axes in numpy's einsum."""
        count = len(self.axes)
        return "xyz"[:count], "pqr"[:count]


def _products(axis: Axis, length: int, kernel: int, places: int) -> int:
    """Along an axis, how many products of a pixel of the images with one of the filters there are, were there
    places enough for all pixels."""
    before = axis.pads(kernel)[0]
    met = [0] * axis.stride
    for pixel in range(kernel):
        met[pixel * axis.dilation % axis.stride] += 1
    return sum(met[(pixel + before) % axis.stride] for pixel in range(length))


def _same(what: str, one: Variable, axis: int, other: Variable, other_axis: int, times: int = 1) -> None:
    n, m = one.type.shape[axis], other.type.shape[other_axis]
    if None not in (n, m) and n != m * times:
        grouped = "" if times == 1 else f" in each of {times} groups"
        raise ShapeError(
            f"T.nnet.{what}: axis {axis} of {one.describe()} has length {n}, axis {other_axis} of "
            f"{other.describe()} {m}{grouped}"
        )


def _tensors(arrays: str) -> Callable[..., list[Poly]]:
    """The elements of arrays of images ("x"), filters ("w") and what a convolution gives ("g")."""

    def extents(n: Poly, c: Poly, *rest: Poly) -> list[Poly]:
        image, f, kernel, out, groups = rest[:3], rest[3], rest[4:7], rest[7:10], rest[-1]
        each = {
            "x": n * c * product(image),
            "w": f * ex.floor_div(c, groups) * product(kernel),
            "g": n * f * product(out),
        }
        return [each[letter] for letter in arrays]

    return extents


def _steps_go_on(*integers: Poly) -> list[Poly]:
    """Strides, dilations and groups are at least 1, and pixels before the first ones none below 0."""
    return [*integers[12:15], *(n - 1 for n in (*integers[15:21], integers[-1]))]


contract("gl_convolve", _tensors("xwg"), _steps_go_on)
contract("gl_convolve_by_images", _tensors("gwx"), _steps_go_on)
contract("gl_convolve_by_filters", _tensors("xgw"), _steps_go_on)


class Convolution(Convolutional, Op):
    """Images (n, c, lengths…) with filters (f, c / groups, lengths…): (n, f, places…), the sum over channels
    and pixels."""

    def shape_rule(self, of: Shapes, x: Variable, w: Variable) -> Sequence[Length]:
        (n, _, *lengths), (f, _, *kernel) = of.shape(x), of.shape(w)
        return [n, f, *map(of.derived, self.axes, lengths, kernel)]

    def infer(self, x: Variable, w: Variable) -> list[TensorType]:
        _same(f"{self.what}: channels of the images and of the filters", x, 1, w, 1, self.groups)
        if (w.type.shape[0] or 0) % self.groups:
            raise ShapeError(
                f"T.nnet.{self.what}: there are {w.type.shape[0]} filters {w.describe()}, not as many in "
                f"each of {self.groups} groups"
            )
        shape = known_shape(self, x, w)
        if any(length is not None and length < 1 for length in shape[2:]):
            raise ShapeError(
                f"T.nnet.{self.what}: the images {x.describe()} are, with their padding, smaller than the "
                f"filters {w.describe()}; border_mode='full' or a number pads them"
            )
        return [TensorType(x.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, w), (g,) = node.inputs, grads
        return [
            self.like(ConvolutionByImages).make(g, w, *_lengths(x)),
            self.like(ConvolutionByFilters).make(x, g, *_lengths(w)),
        ]

    def multiply_adds(self, node: Apply) -> int:
        return elements_of(node.outputs[0].type.shape) * elements_of(node.inputs[1].type.shape[1:])

    def reference(self, node: Apply, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        if x.shape[1] != w.shape[1] * self.groups:
            images, filters = node.inputs
            raise ShapeError(
                f"{self.what}: {images.describe()} has {x.shape[1]} channels, the filters "
                f"{filters.describe()} {w.shape[1]}" + f" in each of {self.groups} groups" * (self.groups > 1)
            )
        places, pixels = self.letters()
        patches = self.in_groups(self.patches(node, x, w.shape[2:]), 1)
        terms = f"nc{places}{pixels},fc{pixels}->nf{places}"
        pairs = zip(patches, self.in_groups(self.turned(w), 0), strict=True)
        return np.concatenate([np.einsum(terms, p, v, optimize=True) for p, v in pairs], 1)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, w = operands
        both = (x.variable, w.variable)
        self.require_channels(require, (x.variable, x.shape[1]), (w.variable, w.shape))
        for number, axis in enumerate(self.axes, 2):
            reach, padded = axis.reach(w.shape[number]), axis.padded(x.shape[number], w.shape[number])
            require(
                ex.minimum(padded, reach),
                reach,
                f"{self.what}: axis {number} of {{0}} has length {{a}} with its padding, less than the {{b}} "
                f"that the filters {{1}} cover",
                both,
            )
        shape = lowered_shape(node, operands, require)
        return self.call("gl_convolve", shape, x.shape, w.shape, shape)


class ConvolutionByImages(Convolutional, Op):
    """The gradient of a convolution by its images, of g (n, f, places…), filters and the images' lengths: a
    transposed convolution."""

    def shape_rule(self, of: Shapes, g: Variable, w: Variable, *lengths: Variable) -> Sequence[Length]:
        return [of.shape(g)[0], self.channels(of, of.shape(w)[1]), *map(of.scalar, lengths)]

    def infer(self, g: Variable, w: Variable, *lengths: Variable) -> list[TensorType]:
        _same(f"{self.what}: filters and the channels of the gradient", g, 1, w, 0)
        return [TensorType(g.dtype, known_shape(self, g, w, *lengths))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (g, w, *lengths), (t,) = node.inputs, grads
        return [
            self.like(Convolution).make(t, w),
            self.like(ConvolutionByFilters).make(t, g, *_lengths(w)),
            *[None] * len(lengths),
        ]

    def multiply_adds(self, node: Apply) -> int:
        g, w = (v.type.shape for v in node.inputs[:2])
        return elements_of(g) * elements_of(w[1:])

    def reference(self, node: Apply, g: np.ndarray, w: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        kernel, count = w.shape[2:], len(self.axes)
        shape = (g.shape[0], w.shape[1] * self.groups, *map(int, lengths))
        _check_places(self, node, g.shape, shape, w.shape)
        padded = self.padded(np.zeros(shape, g.dtype), kernel)
        terms = f"nf{self.letters()[0]},fc->nc{self.letters()[0]}"
        parts, filters = self.in_groups(g, 1), self.in_groups(self.turned(w), 0)
        for pixel in np.ndindex(*kernel):
            place = tuple(
                slice(i * a.dilation, i * a.dilation + a.stride * (n - 1) + 1, a.stride)
                for i, a, n in zip(pixel, self.axes, g.shape[2:], strict=True)
            )
            sums = [
                np.einsum(terms, part, v[(slice(None), slice(None), *pixel)], optimize=True)
                for part, v in zip(parts, filters, strict=True)
            ]
            padded[(slice(None), slice(None), *place)] += np.concatenate(sums, 1)
        before = [self.axes[i].pads(kernel[i])[0] for i in range(count)]
        inside = (slice(b, b + n) for b, n in zip(before, shape[2:], strict=True))
        return padded[(slice(None), slice(None), *inside)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        g, w, *_ = operands
        message = f"{self.what}: the gradient {{0}} has {{a}} channels, there are {{b}} filters {{1}}"
        require(g.shape[1], w.shape[0], message, (g.variable, w.variable))
        self.require_channels(require, (w.variable, w.shape[1] * self.groups), (w.variable, w.shape))
        shape = lowered_shape(node, operands, require)
        self.require_places(require, (shape, w.shape), (g.variable, g.shape), (w.variable,))
        return self.call("gl_convolve_by_images", shape, shape, w.shape, g.shape)


class ConvolutionByFilters(Convolutional, Op):
    """The gradient of a convolution by its filters, of images, g (n, f, places…) and the filters' lengths."""

    def shape_rule(self, of: Shapes, x: Variable, g: Variable, *lengths: Variable) -> Sequence[Length]:
        channels = of.shape(x)[1]
        if self.groups > 1:
            channels = of.derived(Share(self.groups), channels)
        return [of.shape(g)[1], channels, *map(of.scalar, lengths)]

    def infer(self, x: Variable, g: Variable, *lengths: Variable) -> list[TensorType]:
        _same(f"{self.what}: images and their gradient", x, 0, g, 0)
        for v in (x, g):
            if (v.type.shape[1] or 0) % self.groups:
                raise ShapeError(
                    f"T.nnet.{self.what}: axis 1 of {v.describe()} is not in {self.groups} groups of as many"
                )
        return [TensorType(x.dtype, known_shape(self, x, g, *lengths))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x, g, *lengths), (t,) = node.inputs, grads
        return [
            self.like(ConvolutionByImages).make(g, t, *_lengths(x)),
            self.like(Convolution).make(x, t),
            *[None] * len(lengths),
        ]

    def multiply_adds(self, node: Apply) -> int:
        return elements_of(node.inputs[1].type.shape) * elements_of(node.outputs[0].type.shape[1:])

    def reference(self, node: Apply, x: np.ndarray, g: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        kernel = tuple(map(int, lengths))
        _check_places(self, node, g.shape, x.shape, (g.shape[1], x.shape[1] // self.groups, *kernel))
        places, pixels = self.letters()
        terms = f"nc{places}{pixels},nf{places}->fc{pixels}"
        patches = self.in_groups(self.patches(node, x, kernel), 1)
        pairs = zip(patches, self.in_groups(g, 1), strict=True)
        return self.turned(np.concatenate([np.einsum(terms, p, v, optimize=True) for p, v in pairs]))

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, g, *_ = operands
        message = f"{self.what}: {{0}} holds {{a}} images, the gradient {{1}} {{b}}"
        require(x.shape[0], g.shape[0], message, (x.variable, g.variable))
        shape = lowered_shape(node, operands, require)
        filters = (g.shape[1], *shape[1:])
        self.require_channels(require, (x.variable, x.shape[1]), (g.variable, filters))
        self.require_places(require, (x.shape, shape), (g.variable, g.shape), (x.variable,))
        return self.call("gl_convolve_by_filters", shape, x.shape, filters, g.shape)


def _lengths(v: Variable) -> list[Variable]:
    return [shape_i(v, axis) for axis in range(2, v.ndim)]


def _check_places(
    op: Convolutional, node: Apply, g: Sequence[int], x: Sequence[int], w: Sequence[int]
) -> None:
    for number, axis in enumerate(op.axes, 2):
        if g[number] != axis(x[number], w[number]):
            which = node.inputs[0 if isinstance(op, ConvolutionByImages) else 1]
            raise ShapeError(
                f"{op.what}: axis {number} of the gradient {which.describe()} has length {g[number]} instead "
                f"of {axis(x[number], w[number])}"
            )
