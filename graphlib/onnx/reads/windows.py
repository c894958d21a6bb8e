"""Convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Variable
from ...ops.convolution import Convolution, ConvolutionByImages
from ...ops.patches import Patches, PatchesAdded
from ...ops.pool import Pool
from ...ops.pool_functions import padded
from ...ops.shape import dimshuffle, reshape, shape_i
from ...ops.shape_rules import constant_int
from ...ops.windows import Axis, Places
from ..reader import Node, lengths_of, reads
from .reduce import channelwise
from .shape import length_of


class Windows:
    """Strides, dilations and borders of a node's windows along the axes of images behind the second."""

    def __init__(self, n: Node, x: Variable, kernel: Sequence[int]) -> None:
        self.count = count = x.ndim - 2
        self.kernel = list(kernel)
        self.strides = list(n.get("strides") or [1] * count)
        self.dilations = list(n.get("dilations") or [1] * count)
        self.reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        pads = list(n.get("pads") or [0] * 2 * count)
        self.before: list[Any] = pads[:count]
        self.after: list[Any] = pads[count:]
        self.automatic = n.get("auto_pad", "NOTSET")
        if self.automatic in ("SAME_UPPER", "SAME_LOWER"):
            for a in range(count):
                self._same(a, length_of(x, a + 2))

    def _same(self, a: int, length: Any) -> None:
        """As many places as the stride leaves of the elements."""
        places = (length + self.strides[a] - 1) // self.strides[a]
        total = (places - 1) * self.strides[a] + self.reach[a] - length
        total = max(total, 0) if isinstance(total, int) else T.maximum(total, 0)
        less = total // 2
        more = total - less
        upper = self.automatic == "SAME_UPPER"
        self.before[a], self.after[a] = (less, more) if upper else (more, less)

    @property
    def borders(self) -> list[tuple[Any, Any]]:
        return list(zip(self.before, self.after, strict=True))

    def is_known(self) -> bool:
        return all(isinstance(m, int) for pair in self.borders for m in pair)


@reads("Conv")
def _conv(n: Node) -> Variable:
    made, bias = correlated(n, n[0], n[1]), n.optional(2)
    return made if bias is None else made + channelwise(bias, made.ndim)


def correlated(n: Node, x: Variable, w: Variable) -> Variable:
    """Images with filters, as the node's attributes say."""
    windows = Windows(n, x, [_known(n, m) for m in w.type.shape[2:]])
    borders: list[Any] = windows.borders
    if not windows.is_known():
        x, borders = padded(x, windows.before, windows.after, 0), [(0, 0)] * windows.count
    axes = tuple(Axis(b, s, d) for b, s, d in zip(borders, windows.strides, windows.dilations, strict=True))
    if windows.count > 3:
        raise n.error(f"goes along {windows.count} axes; graphlib's convolutions go along one to three")
    return Convolution(axes, False, n.get("group", 1)).make(x, w)


def _known(n: Node, length: int | None) -> int:
    if length is None:
        raise n.error("needs filters of known lengths")
    return length


@reads("ConvTranspose")
def _conv_transpose(n: Node) -> Variable:
    """The gradient of a convolution by its images, without border; then what is asked for is cut from it, or
    zeros added behind what the last window reaches."""
    x, w, bias = n[0], n[1], n.optional(2)
    windows = Windows(n, x, [_known(n, m) for m in w.type.shape[2:]])
    count = windows.count
    if count > 3:
        raise n.error(f"goes along {count} axes; graphlib's convolutions go along one to three")
    extra = list(n.get("output_padding") or [0] * count)
    wanted = n.get("output_shape")
    same = windows.automatic.startswith("SAME")
    pads = list(n.get("pads") or [0] * 2 * count)
    whole, firsts, lengths = [], [], []
    for a in range(count):
        length = length_of(x, a + 2)
        reached = (length - 1) * windows.strides[a] + windows.reach[a]
        whole.append(reached)
        if wanted is None and not same:
            firsts.append(pads[a])
            lengths.append(reached + extra[a] - pads[a] - pads[a + count])
            continue
        lengths.append(list(wanted)[-count:][a] if wanted is not None else length * windows.strides[a])
        total = reached + extra[a] - lengths[a]
        if not isinstance(total, int):
            raise n.error(f"needs images {x.describe()} of known lengths")
        total = max(total, 0)
        firsts.append(total - total // 2 if windows.automatic == "SAME_LOWER" else total // 2)
    axes = tuple(Axis((0, 0), s, d) for s, d in zip(windows.strides, windows.dilations, strict=True))
    reached = [T.cast(T.as_tensor_variable(m), "int64") for m in whole]
    made = ConvolutionByImages(axes, False, n.get("group", 1)).make(x, w, *reached)
    beyond = [
        max(f + m - r, 0) if isinstance(m, int) and isinstance(r, int) else extra[a]
        for a, (f, m, r) in enumerate(zip(firsts, lengths, whole, strict=True))
    ]
    made = padded(made, [0] * count, beyond, 0)
    made = made[(slice(None), slice(None), *(slice(f, f + m) for f, m in zip(firsts, lengths, strict=True)))]
    return made if bias is None else made + channelwise(bias, made.ndim)


def _places(n: Node, windows: Windows, x: Variable) -> list[int]:
    """With ceil_mode, the elements that are missing behind the axes for a last window that begins within."""
    if not n.get("ceil_mode", 0):
        return [0] * windows.count
    missing = []
    for a in range(windows.count):
        length, (before, after), stride = x.type.shape[a + 2], windows.borders[a], windows.strides[a]
        if length is None:
            raise n.error(f"rounds up (ceil_mode) and needs images {x.describe()} of known lengths")
        room = length + before + after - windows.reach[a]
        places = -(-room // stride) + 1
        if (places - 1) * stride >= length + before:
            places -= 1
        missing.append(max((places - 1) * stride + windows.reach[a] - length - before - after, 0))
    return missing


def _pooled(n: Node, x: Variable, kind: str, windows: Windows, outside: Any, beyond: list[int]) -> Variable:
    """The maximum or sum of windows, with ``outside`` around the images."""
    after = [m + extra for m, extra in zip(windows.after, beyond, strict=True)]
    whole = padded(x, windows.before, after, outside)
    count = windows.count
    scalars = [T.constant(m, dtype="int64") for m in (*windows.kernel, *windows.strides)]
    if all(d == 1 for d in windows.dilations) and count <= 3:
        return Pool(kind, count).make(whole, *scalars)
    patches = Patches(tuple(Places((0, 0), d) for d in windows.dilations)).make(whole, *scalars)
    axes = tuple(range(x.ndim, x.ndim + count))
    return T.max(patches, axis=axes) if kind == "max" else T.cast(T.sum(patches, axis=axes), x.dtype)


def _lowest(x: Variable) -> Any:
    return -np.inf if x.type.is_float else int(np.iinfo(x.dtype).min)


@reads("MaxPool")
def _max_pool(n: Node) -> Any:
    x = n[0]
    windows = Windows(n, x, n.get("kernel_shape"))
    beyond = _places(n, windows, x)
    made = _pooled(n, x, "max", windows, _lowest(x), beyond)
    if not n.needs(1):
        return made
    return [made, _max_places(n, x, windows, beyond)]


def _max_places(n: Node, x: Variable, windows: Windows, beyond: list[int]) -> Variable:
    """Where in the whole tensor the greatest element of each window is."""
    lengths = [length_of(x, a) for a in range(x.ndim)]
    total: Any = 1
    for m in lengths:
        total = total * m
    numbers = reshape(T.arange(total), lengths, ndim=x.ndim)
    if n.get("storage_order", 0):
        heads, last = list(range(x.ndim - windows.count)), list(range(x.ndim - windows.count, x.ndim))
        turned = [lengths[a] for a in (*heads, *last[::-1])]
        numbers = reshape(T.arange(total), turned, ndim=x.ndim).dimshuffle(*heads, *last[::-1])
    after = [m + extra for m, extra in zip(windows.after, beyond, strict=True)]
    scalars = [T.constant(m, dtype="int64") for m in (*windows.kernel, *windows.strides)]
    see = Patches(tuple(Places((0, 0), d) for d in windows.dilations))
    values, places = (
        T.flatten(see.make(padded(v, windows.before, after, outside), *scalars), x.ndim + 1)
        for v, outside in ((x, _lowest(x)), (numbers, 0))
    )
    found = T.argmax(values, axis=x.ndim, keepdims=True)
    every = T.arange(shape_i(values, x.ndim)).dimshuffle(*["x"] * x.ndim, 0)
    return T.sum(T.switch(T.eq(found, every), places, 0), axis=x.ndim)


@reads("AveragePool")
def _average_pool(n: Node) -> Variable:
    x = n[0]
    windows = Windows(n, x, n.get("kernel_shape"))
    beyond = _places(n, windows, x)
    total = _pooled(n, x, "sum", windows, 0, beyond)
    ones = T.ones([1, 1, *(length_of(x, a) for a in range(2, x.ndim))], x.dtype)
    if n.get("count_include_pad", 0):
        ones = padded(ones, windows.before, windows.after, 1)
        plain = Windows(n, x, windows.kernel)
        plain.before, plain.after = [0] * windows.count, [0] * windows.count
        return total / _pooled(n, ones, "sum", plain, 0, beyond)
    return total / _pooled(n, ones, "sum", windows, 0, beyond)


@reads("LpPool")
def _lp_pool(n: Node) -> Variable:
    x, p = n[0], n.get("p", 2)
    windows = Windows(n, x, n.get("kernel_shape"))
    total = _pooled(n, T.pow(abs(x), p), "sum", windows, 0, _places(n, windows, x))
    return T.pow(total, 1.0 / p)


@reads("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def _global(n: Node) -> Variable:
    x = n[0]
    axes, p = tuple(range(2, x.ndim)), n.get("p", 2)
    if n.operator == "GlobalMaxPool":
        return T.max(x, axis=axes, keepdims=True)
    if n.operator == "GlobalAveragePool":
        return T.mean(x, axis=axes, keepdims=True)
    return T.pow(T.sum(T.pow(abs(x), p), axis=axes, keepdims=True), 1.0 / p)


@reads("MaxUnpool")
def _max_unpool(n: Node) -> Variable:
    x, places = n[0], n[1]
    windows = Windows(n, x, n.get("kernel_shape"))
    lengths = [length_of(x, 0), length_of(x, 1)]
    for a, (before, after) in enumerate(windows.borders):
        length = length_of(x, a + 2)
        lengths.append((length - 1) * windows.strides[a] - before - after + windows.kernel[a])
    total: Any = 1
    for m in lengths:
        total = total * m
    flat = T.zeros([total], x.dtype)
    made = reshape(T.set_subtensor(flat[T.flatten(places)], T.flatten(x)), lengths, ndim=len(lengths))
    given = n.optional(2)
    if given is None:
        return made
    # places are numbered without what is added behind
    beyond = [m - own for m, own in zip(lengths_of(n.reader, given), lengths, strict=True)]
    return padded(made, [0] * len(beyond), beyond, 0)


@reads("Col2Im")
def _col2im(n: Node) -> Variable:
    x = n[0]
    lengths, block = (lengths_of(n.reader, n[k]) for k in (1, 2))
    if any(not isinstance(m, int) for m in (*lengths, *block)):
        raise n.error("needs the lengths of images and blocks as numbers")
    count = len(block)
    strides = n.get("strides") or [1] * count
    dilations = n.get("dilations") or [1] * count
    pads = n.get("pads") or [0] * 2 * count
    axes = tuple(Places((pads[a], pads[a + count]), dilations[a]) for a in range(count))
    places = [
        constant_int(axis(m, k, s)) or 0 for axis, m, k, s in zip(axes, lengths, block, strides, strict=True)
    ]
    channels = x.type.shape[1]
    if channels is None:
        raise n.error(f"needs the number of channels of {x.describe()}")
    parts = reshape(
        x, [length_of(x, 0), channels // int(np.prod(block)), *block, *places], ndim=2 + 2 * count
    )
    order = [0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count)]
    scalars = [T.constant(int(m), dtype="int64") for m in (*block, *strides, *lengths)]
    return PatchesAdded(axes).make(dimshuffle(parts, order), *scalars)
