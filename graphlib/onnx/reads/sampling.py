"""Images read at places between their elements: grids, regions, deformed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Variable
from ...ops import elementwise as ew
from ...ops.shape import dimshuffle, reshape, shape_i
from ..reader import Node, reads
from .reduce import channelwise
from .shape import length_of
from .windows import Windows

#: along one axis, the elements that a place is made of, each with its weight
Parts = list[tuple[Variable, Variable]]


def _parts(where: Variable, kind: str) -> Parts:
    """The neighbours of a place (whole numbers, as floats) with their weights."""
    if kind == "nearest":
        return [(ew.round_half_to_even(where), T.ones_like(where))]
    first = T.floor(where)
    t = where - first
    if kind == "linear":
        return [(first, 1 - t), (first + 1, t)]
    distances = [(-1, t + 1), (0, t), (1, 1 - t), (2, 2 - t)]
    return [(first + k, _keys(d, far=k in (-1, 2))) for k, d in distances]


def _keys(d: Variable, far: bool) -> Variable:
    """Keys' kernel (1981) with a = -3/4, for distances from 1 to 2 or from 0 to 1."""
    a = -0.75
    if far:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return ((a + 2) * d - (a + 3)) * d * d + 1


def _mirrored(where: Variable, low: Any, high: Any) -> Variable:
    """Places beyond the ends of an axis as in mirrors that stand there."""
    reach = high - low
    way = T.abs(where - low) % T.maximum(2 * reach, 1e-30)
    return low + ew.switch(ew.gt(way, reach), 2 * reach - way, way)


def _within(parts: Parts, length: Any, padding: str, low: Any, high: Any) -> Parts:
    """The same with elements that there are: what is beyond weighs nothing, or is another."""
    found = []
    for place, weight in parts:
        if padding == "zeros":
            weight = weight * ew.and_(ew.ge(place, 0), ew.lt(place, length))
        elif padding == "reflection":
            place = _mirrored(place, low, high)
        found.append((T.cast(T.clip(place, 0, length - 1), "int64"), weight))
    return found


def _gathered(
    x: Variable, heads: Sequence[Any], axes: Sequence[Parts], take: Any = None
) -> Variable | list[Variable]:
    """Of ``x`` (…, lengths, channels) at the indices ``heads`` the weighted elements: (places, channels)."""
    terms = []
    for chosen in product(*axes):
        weight: Any = 1
        for _, one in chosen:
            weight = weight * one
        values = x[(*heads, *(place for place, _ in chosen))]
        terms.append(values * T.cast(dimshuffle(weight, *range(weight.ndim), "x"), values.dtype))
    return take(terms) if take else _sum(terms)


def _sum(terms: Sequence[Variable]) -> Variable:
    total = terms[0]
    for one in terms[1:]:
        total = total + one
    return total


def _channels_last(x: Variable, leading: int = 1) -> Variable:
    """(heads, channels, lengths) as (heads, lengths, channels)."""
    return dimshuffle(x, *range(leading), *range(leading + 1, x.ndim), leading)


@reads("GridSample")
def _grid_sample(n: Node) -> Variable:
    x, grid = n[0], n[1]
    count, kind = x.ndim - 2, n.get("mode", "linear" if n.opset >= 20 else "bilinear")
    kind = {"bilinear": "linear", "bicubic": "cubic"}.get(kind, kind)
    padding, corners = n.get("padding_mode", "zeros"), n.get("align_corners", 0)
    if kind not in ("linear", "nearest", "cubic") or padding not in ("zeros", "border", "reflection"):
        raise n.error(f"interpolates by {kind} and pads by {padding}, which graphlib has not")
    axes = []
    for a in range(count):
        length = length_of(x, a + 2)
        # the last of a grid's numbers is about the last axis
        at = grid[..., count - 1 - a]
        at = (at + 1) / 2 * (length - 1) if corners else ((at + 1) * length - 1) / 2
        low, high = (0, length - 1) if corners else (-0.5, length - 0.5)
        if kind == "nearest":
            at = ew.round_half_to_even(at)
        # of cubic neighbours each is clipped for itself, as in PyTorch and onnxruntime
        if padding == "border" and kind != "cubic":
            at = T.clip(at, 0, length - 1)
        elif padding == "reflection":
            at = _mirrored(at, low, high)
        axes.append(_within(_parts(at, kind), length, padding, low, high))
    batch = dimshuffle(T.arange(shape_i(x, 0)), 0, *["x"] * (grid.ndim - 2))
    made = _gathered(_channels_last(x), [batch], axes)
    return T.cast(dimshuffle(made, 0, made.ndim - 1, *range(1, made.ndim - 1)), x.dtype)


@reads("RoiAlign")
def _roi_align(n: Node) -> Variable:
    x, regions, images = n[0], n[1], n[2]
    half = n.get("coordinate_transformation_mode", "half_pixel" if n.opset >= 16 else "") == "half_pixel"
    kind, sizes = n.get("mode", "avg"), (n.get("output_height", 1), n.get("output_width", 1))
    axes, counts = [], []
    for a, size in enumerate(sizes):
        start, end = (regions[:, k] * n.get("spatial_scale", 1.0) - 0.5 * half for k in (1 - a, 3 - a))
        extent = end - start if half else T.maximum(end - start, 1)
        step = extent / size
        given = n.get("sampling_ratio", 0)
        count = T.full_like(images, given) if given else T.cast(T.ceil(step), "int64")
        sample = T.arange(given) if given else T.arange(T.max(count))
        each = dimshuffle(T.maximum(count, 1), 0, "x", "x")
        at = (dimshuffle(sample, "x", "x", 0) + 0.5) / each + dimshuffle(T.arange(size), "x", 0, "x")
        at = T.cast(at, x.dtype) * dimshuffle(step, 0, "x", "x") + dimshuffle(start, 0, "x", "x")
        length = length_of(x, a + 2)
        seen = ew.and_(ew.ge(at, -1), ew.le(at, length)) & ew.lt(dimshuffle(sample, "x", "x", 0), each)
        parts = _parts(T.clip(at, 0, length - 1), "linear")
        # to (regions, rows, samples, columns, samples)
        order = (0, 1, 2, "x", "x") if a == 0 else (0, "x", "x", 1, 2)
        axes.append([(dimshuffle(p, *order), dimshuffle(w * seen, *order)) for p, w in parts])
        counts.append(count)
    axes = [_within(parts, length_of(x, a + 2), "border", 0, 0) for a, parts in enumerate(axes)]
    heads = [dimshuffle(T.cast(images, "int64"), 0, *["x"] * 4)]
    if kind == "max":
        made = T.max(_gathered(_channels_last(x), heads, axes, _greatest), axis=(2, 4))
    else:
        made = T.sum(_gathered(_channels_last(x), heads, axes), axis=(2, 4))
        number = T.cast(T.maximum(counts[0] * counts[1], 1), x.dtype)
        made = made / dimshuffle(number, 0, "x", "x", "x")
    return T.cast(dimshuffle(made, 0, 3, 1, 2), x.dtype)


def _greatest(terms: Sequence[Variable]) -> Variable:
    """ONNX takes the greatest of the weighted neighbours, not of the interpolated values."""
    best = terms[0]
    for one in terms[1:]:
        best = T.maximum(best, one)
    return best


@reads("DeformConv")
def _deform_conv(n: Node) -> Variable:
    """Filters whose every element looks at a place of its own, ``offset`` away from the usual."""
    x, w, offset, bias, mask = n[0], n[1], n[2], n.optional(3), n.optional(4)
    count, groups, parts = x.ndim - 2, n.get("group", 1), n.get("offset_group", 1)
    kernel = [m for m in w.type.shape[2:] if m is not None]
    if len(kernel) != count or w.type.shape[1] is None:
        raise n.error(f"needs filters of known lengths, not {w.describe()}")
    windows = Windows(n, x, kernel)
    batch, out = shape_i(x, 0), [shape_i(offset, a + 2) for a in range(count)]
    rank = 2 + 2 * count
    offset = reshape(offset, [batch, parts, *kernel, count, *out], ndim=rank + 1)
    axes = []
    for a in range(count):
        length = length_of(x, a + 2)
        inside, outside = 2 + a, 2 + count + a
        at = _own(T.arange(kernel[a]) * windows.dilations[a], inside, rank)
        at = at + _own(T.arange(out[a]) * windows.strides[a] - windows.before[a], outside, rank)
        at = T.cast(at, x.dtype) + offset[(slice(None),) * (2 + count) + (a,)]
        axes.append(_within(_parts(at, "linear"), length, "zeros", 0, 0))
    channels = w.type.shape[1] * groups
    split = reshape(x, [batch, parts, channels // parts, *(shape_i(x, a + 2) for a in range(count))])
    heads = [_own(T.arange(batch), 0, rank), _own(T.arange(parts), 1, rank)]
    seen = _gathered(_channels_last(split, 2), heads, axes)
    if mask is not None:
        seen = seen * dimshuffle(reshape(mask, [batch, parts, *kernel, *out], ndim=rank), *range(rank), "x")
    # (parts, channels of a part, kernel, batch, out), then as many columns as places
    order = [1, rank, *range(2, 2 + count), 0, *range(2 + count, rank)]
    depth = channels // groups * int(np.prod(kernel))
    seen = reshape(dimshuffle(seen, *order), [groups, depth, -1], ndim=3)
    filters = reshape(w, [groups, shape_i(w, 0) // groups, depth], ndim=3)
    made = reshape(T.batched_dot(filters, seen), [shape_i(w, 0), batch, *out], ndim=2 + count)
    made = dimshuffle(made, 1, 0, *range(2, 2 + count))
    return made if bias is None else made + channelwise(bias, made.ndim)


def _own(v: Variable, axis: int, rank: int) -> Variable:
    """A vector along one axis of several."""
    return dimshuffle(v, *(0 if a == axis else "x" for a in range(rank)))
