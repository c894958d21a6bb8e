"""Convolution, pooling and patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import OnnxError
from ...graph import Apply, Variable
from ...ops import elementwise as ew
from ...ops.convolution import Convolution, ConvolutionByFilters, ConvolutionByImages
from ...ops.create import arange
from ...ops.index import basic_index
from ...ops.patches import Patches, PatchesAdded
from ...ops.pool import Pool, PoolPick, PoolScatter, PoolSpread
from ...ops.reduce import max as max_
from ...ops.reduce import sum as sum_
from ...ops.shape import as_length, broadcast_to, dimshuffle, shape_i
from ...ops.shape_rules import constant_int
from ...ops.windows import Axis, Places
from ..writer import Writer, refused, writes


def _numbers(node: Apply, variables: Sequence[Variable], what: str) -> list[int]:
    """Lengths that ONNX wants as numbers in the model."""
    known = [constant_int(v) for v in variables]
    if None in known:
        raise refused(node, f"{what} must be numbers there, not {variables[known.index(None)].describe()}")
    return [int(n) for n in known if n is not None]


def _pads(w: Writer, node: Apply, kernel: Sequence[Variable]) -> list[int] | str:
    """Elements before all axes and then behind them, as numbers or, where they depend on lengths of filters
    that are not known, as a vector."""
    sides = [axis.pads(_number_or(n)) for axis, n in zip(node.op.axes, kernel, strict=True)]
    flat = [before for before, _ in sides] + [after for _, after in sides]
    return (
        flat if all(isinstance(n, int) for n in flat) else w.lengths([as_length(n, "a border") for n in flat])
    )


def _number_or(n: Variable) -> Any:
    known = constant_int(n)
    return n if known is None else known


def _lengths(v: Variable) -> list[Variable]:
    return [shape_i(v, a) for a in range(2, v.ndim)]


def _bordered(w: Writer, node: Apply, x: Variable, kernel: Sequence[Variable]) -> tuple[str, list[int]]:
    """Images, and the border that is left to the convolution: none where it is no number."""
    pads, name = _pads(w, node, kernel), w.of(x)
    if isinstance(pads, list):
        return name, pads
    spatial = w.integers(range(2, x.ndim))
    return w.add("Pad", name, pads, w.number(0, x.dtype), spatial), [0] * 2 * len(kernel)


def _turned(w: Writer, node: Apply, filters: Variable) -> str:
    """Filters as they meet the images: graphlib's, as mathematics', are flipped unless told otherwise."""
    if not node.op.flip or all(n == 1 for n in filters.type.shape[2:]):
        return w.of(filters)
    turned = basic_index(filters, [slice(None)] * 2 + [slice(None, None, -1)] * (filters.ndim - 2))
    return w.weights(turned, filters.name or "filters")


@writes(Convolution)
def _convolution(w: Writer, node: Apply) -> str:
    x, filters = node.inputs
    images, pads = _bordered(w, node, x, _lengths(filters))
    given = _turned(w, node, filters)
    options = _windows(node.op.axes, filters.type.shape[2:])
    return w.add("Conv", images, given, **options, pads=pads, group=node.op.groups)


def _windows(axes: Sequence[Axis], kernel: Sequence[int | None] | None = None) -> dict[str, Any]:
    """Strides and dilations, and the filters' lengths if they are known, as ONNX's attributes."""
    found: dict[str, Any] = {"strides": [a.stride for a in axes], "dilations": [a.dilation for a in axes]}
    if kernel is not None and None not in kernel:
        found["kernel_shape"] = list(kernel)
    return found


@writes(ConvolutionByImages)
def _transposed(w: Writer, node: Apply) -> str:
    """A transposed convolution, with zeros behind it as far as no window has reached, and without the
    border."""
    g, filters, *lengths = node.inputs
    axes, count = node.op.axes, len(node.op.axes)
    pads = _pads(w, node, _lengths(filters))
    given = _turned(w, node, filters)
    options = {**_windows(axes, filters.type.shape[2:]), "group": node.op.groups}
    known = [v.type.shape[2:] for v in (g, filters, node.outputs[0])]
    if isinstance(pads, list) and not any(None in each for each in known):
        beyond = [
            n + before + after - (a.stride * (m - 1) + a.reach(k))
            for a, m, k, n, before, after in zip(axes, *known, pads[:count], pads[count:], strict=True)
        ]
        if all(0 <= extra < max(a.stride, a.dilation) for extra, a in zip(beyond, axes, strict=True)):
            more = {"output_padding": beyond} if any(beyond) else {}
            return w.add("ConvTranspose", w.of(g), given, **options, pads=pads, **more)
    whole = w.add("ConvTranspose", w.of(g), given, **options)
    spatial, front = list(range(2, g.ndim)), w.integers([0])
    sides = w.integers(pads) if isinstance(pads, list) else pads
    before = w.slice(sides, front, w.integers([count]), [0])
    end = w.add("Add", w.lengths(lengths), before)
    missing = w.add("Max", w.add("Sub", end, w.add("Shape", whole, start=2)), w.integers([0] * count))
    filled = w.add("Pad", whole, w.vector([0] * count + [missing]), "", w.integers(spatial))
    return w.slice(filled, before, end, spatial)


@writes(ConvolutionByFilters)
def _by_filters(w: Writer, node: Apply) -> str:
    """A convolution of the images with the gradient, images and channels exchanged, in which strides are
    dilations."""
    x, g, *lengths = node.inputs
    groups, axes, spatial = node.op.groups, node.op.axes, list(range(2, x.ndim))
    bordered, pads = _bordered(w, node, x, lengths)
    exchanged = [1, 0, *spatial]
    images, gradients = (w.transpose(name, exchanged) for name in (bordered, w.of(g)))
    parts = []
    for group in range(groups):
        one, other = (_share(w, v, group, groups) for v in (images, gradients))
        made = w.add(
            "Conv",
            one,
            other,
            strides=[a.dilation for a in axes],
            dilations=[a.stride for a in axes],
            pads=pads,
        )
        parts.append(w.transpose(made, exchanged))
    whole = parts[0] if groups == 1 else w.add("Concat", *parts, axis=0)
    some = w.slice(whole, w.integers([0] * len(axes)), w.lengths(lengths), spatial)
    if not node.op.flip:
        return some
    minus, last = w.integers([-1] * len(axes)), w.integers([int(np.iinfo("int64").min)] * len(axes))
    return w.slice(some, minus, last, spatial, [-1] * len(axes))


def _share(w: Writer, x: str, number: int, parts: int) -> str:
    """One of several equal parts of the first axis."""
    if parts == 1:
        return x
    return w.add("Split", x, outputs=parts, axis=0, num_outputs=parts)[number]


@writes(Pool)
def _pool(w: Writer, node: Apply) -> str:
    (x, *scalars), count = node.inputs, node.op.count
    kind = node.op.kind
    known = [constant_int(v) for v in scalars]
    spatial = x.type.shape[x.ndim - count :]
    nowhere = any(None not in (n, k) and n < k for n, k in zip(spatial, known, strict=False))
    if not x.type.is_float or None in known or nowhere:
        patches = Patches((Places(),) * count).make(x, *scalars)
        axes = tuple(range(x.ndim, x.ndim + count))
        made = max_(patches, axis=axes) if kind == "max" else sum_(patches, axis=axes, dtype=x.dtype)
        return w.of(made)
    window, stride = (_numbers(node, v, "windows") for v in (scalars[:count], scalars[count:]))
    name, back = _as_images(w, x, count)
    options = {"kernel_shape": window, "strides": stride}
    if kind == "max":
        made = w.add("MaxPool", name, **options)
    else:
        mean = w.add("AveragePool", name, **options)
        made = w.add("Mul", mean, w.number(int(np.prod(window)), x.dtype))
    return back(made)


def _as_images(w: Writer, x: Variable, count: int) -> tuple[str, Any]:
    """``x`` as images (n, channels, lengths…), and what gives a result of such the leading axes of x."""
    name, lead = w.of(x), x.ndim - count
    if lead == 2:
        return name, lambda made: made
    if lead < 2:
        extra = tuple(range(2 - lead))
        return w.unsqueeze(name, *extra), lambda made: w.squeeze(made, *extra)
    heads = [w.axis_length(name, a) if n is None else n for a, n in enumerate(x.type.shape[:lead])]
    ends = w.add("Shape", name, start=lead)
    flat = w.add("Reshape", name, w.vector([-1, 1, ends]))
    return flat, lambda made: w.add(
        "Reshape", made, w.vector([*heads, w.add("Shape", made, start=2)]), allowzero=1
    )


@writes(PoolPick)
def _pool_pick(w: Writer, node: Apply) -> str:
    patches, others, axes = _both_windows(node)
    hit = ew.eq(patches, max_(patches, axis=axes, keepdims=True))
    return w.of(sum_(ew.switch(hit, others, 0), axis=axes))


def _both_windows(node: Apply) -> tuple[Variable, Variable, tuple[int, ...]]:
    x, t, *scalars = node.inputs
    count = node.op.count
    see = Patches((Places(),) * count)
    return see.make(x, *scalars), see.make(t, *scalars), tuple(range(x.ndim, x.ndim + count))


@writes(PoolScatter)
def _pool_scatter(w: Writer, node: Apply) -> str:
    x, g, *scalars = node.inputs
    count = node.op.count
    axes = tuple(range(x.ndim, x.ndim + count))
    patches = Patches((Places(),) * count).make(x, *scalars)
    hit = ew.eq(patches, max_(patches, axis=axes, keepdims=True))
    spread = ew.switch(hit, dimshuffle(g, *range(g.ndim), *["x"] * count), 0)
    lengths = [shape_i(x, a) for a in range(x.ndim - count, x.ndim)]
    return w.of(PatchesAdded((Places(),) * count).make(spread, *scalars, *lengths))


@writes(PoolSpread)
def _pool_spread(w: Writer, node: Apply) -> str:
    g, *given = node.inputs
    count = node.op.count
    lengths, scalars = given[:count], given[count:]
    wide = dimshuffle(g, *range(g.ndim), *["x"] * count)
    spread = broadcast_to(wide, [*(shape_i(g, a) for a in range(g.ndim)), *scalars[:count]])
    return w.of(PatchesAdded((Places(),) * count).make(spread, *scalars, *lengths))


@writes(Patches)
def _patches(w: Writer, node: Apply) -> str:
    """Rows of the padded tensor by their places, axis after axis, each of which becomes two."""
    x, *scalars = node.inputs
    axes, count = node.op.axes, len(node.op.axes)
    windows, strides = node.op.scalars(scalars)
    name, lead = w.of(x), x.ndim - count
    pads = [axis.border for axis in axes]
    if any(sum(p) for p in pads):
        sides = [before for before, _ in pads] + [after for _, after in pads]
        zero = w.number(0, x.dtype)
        name = w.add("Pad", name, w.integers(sides), zero, w.integers(range(lead, x.ndim)))
    out = node.op.shape_rule(_Symbolic(), x, *scalars)
    for k in range(count - 1, -1, -1):
        places = dimshuffle(arange(out[lead + k]), 0, "x") * strides[k]
        pixels = dimshuffle(arange(windows[k]), "x", 0) * axes[k].dilation
        name = w.add("Gather", name, w.of(places + pixels), axis=lead + k)
    # each axis has its pixels behind its places
    order = [*range(lead), *(lead + 2 * k for k in range(count)), *(lead + 2 * k + 1 for k in range(count))]
    return w.transpose(name, order)


class _Symbolic:
    """Lengths as int64 scalars, for a shape rule."""

    def shape(self, v: Variable) -> list[Variable]:
        return [shape_i(v, a) for a in range(v.ndim)]

    def scalar(self, v: Variable) -> Variable:
        return v

    def derived(self, rule: Any, *lengths: Any) -> Any:
        return rule(*lengths)


@writes(PatchesAdded)
def _patches_added(w: Writer, node: Apply) -> str:
    g, *given = node.inputs
    axes, count = node.op.axes, len(node.op.axes)
    scalars, lengths = given[: 2 * count], given[2 * count :]
    windows, steps = node.op.scalars(scalars)
    strides = _numbers(node, steps, "steps")
    if not g.type.is_float:
        raise OnnxError(f"{node.op} has no form in ONNX of {g.dtype}: {node.outputs[0].describe()}")
    lead = g.ndim - 2 * count
    name = w.of(g)
    # (…, places, pixels) to (n, pixels, places)
    pixels, places = list(range(g.ndim - count, g.ndim)), list(range(lead, lead + count))
    moved = w.transpose(name, [*range(lead), *pixels, *places])
    seen, many = (_product(w, [w.axis_length(name, a) for a in part]) for part in (pixels, places))
    flat = w.add("Reshape", moved, w.vector([-1, seen, many]))
    sides = [a.border[0] for a in axes] + [a.border[1] for a in axes]
    made = w.add(
        "Col2Im",
        flat,
        w.lengths(lengths),
        w.lengths(windows),
        strides=strides,
        dilations=[a.dilation for a in axes],
        pads=sides,
    )
    heads = [w.axis_length(name, a) for a in range(lead)]
    return w.add("Reshape", made, w.vector([*heads, w.lengths(lengths)]), allowzero=1)


def _product(w: Writer, lengths: list[str]) -> str:
    total = lengths[0]
    for n in lengths[1:]:
        total = w.add("Mul", total, n)
    return total
