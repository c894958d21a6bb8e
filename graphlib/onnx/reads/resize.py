"""Images made larger or smaller: each axis by itself, as weights of its own elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Variable
from ..reader import Node, reads


@reads("Upsample")
def _upsample(n: Node) -> Variable:
    scales = n.numbers(1, "scales")
    return _resized(
        n, n[0], {a: (None, s) for a, s in enumerate(scales)}, "asymmetric", n.get("mode", "nearest")
    )


@reads("Resize")
def _resize(n: Node) -> Variable:
    x = n[0]
    if n.opset < 11:
        scales = n.numbers(1, "scales")
        axes = {a: (None, s) for a, s in enumerate(scales)}
        return _resized(n, x, axes, "asymmetric", n.get("mode", "nearest"))
    order = n.get("axes") or list(range(x.ndim))
    order = [a % x.ndim for a in order]
    scales = n.numbers(2, "scales") if n.optional(2) is not None else None
    sizes = n.numbers(3, "sizes") if n.optional(3) is not None else None
    transform = n.get("coordinate_transformation_mode", "half_pixel")
    if sizes:
        axes = {a: (int(m), None) for a, m in zip(order, sizes, strict=True)}
        policy = n.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            choose = min if policy == "not_larger" else max
            lengths = {a: _length(n, x, a) for a in order}
            scale = choose(axes[a][0] / lengths[a] for a in order)
            axes = {a: (int(np.floor(scale * lengths[a] + 0.5)), scale) for a in order}
    elif scales:
        axes = {a: (None, s) for a, s in zip(order, scales, strict=True)}
    else:
        raise n.error("has neither scales nor sizes")
    return _resized(n, x, axes, transform, n.get("mode", "nearest"))


def _length(n: Node, x: Variable, axis: int) -> int:
    known = x.type.shape[axis]
    if known is None:
        raise n.error(f"needs the length of axis {axis} of {x.describe()}")
    return known


def _resized(n: Node, x: Variable, axes: dict[int, tuple[Any, Any]], transform: str, mode: str) -> Variable:
    crop = _regions(n, list(axes)) if transform == "tf_crop_and_resize" else {}
    beyond: dict[int, np.ndarray] = {}
    for axis, (size, scale) in axes.items():
        same = scale == 1 or (size is not None and size == x.type.shape[axis] and scale is None)
        if same and crop.get(axis, (0, 1)) == (0, 1):
            continue
        length = _length(n, x, axis)
        out = int(np.floor(length * scale)) if size is None else size
        ratio = out / length if scale is None else scale
        if axis in crop:
            start, end = (edge * (length - 1) for edge in crop[axis])
            where = np.linspace(start, end, out) if out > 1 else np.array([(start + end) / 2])
            beyond[axis] = (where < 0) | (where > length - 1)
        else:
            where = _places(n, length, out, ratio, transform)
        weights = _weights(n, length, where, ratio, mode)
        moved = x.dimshuffle(*(a for a in range(x.ndim) if a != axis), axis)
        if (weights == 1).sum() == (weights != 0).sum() == out:
            made = T.take(moved, weights.argmax(1), x.ndim - 1)
        else:
            made = T.dot(moved, weights.T.astype(x.dtype))
        x = made.dimshuffle(*range(axis), x.ndim - 1, *range(axis, x.ndim - 1))
    for axis, outside in beyond.items():
        if outside.any():
            order = (0 if a == axis else "x" for a in range(x.ndim))
            value = np.array(n.get("extrapolation_value", 0.0), x.dtype)
            x = T.switch(T.constant(outside).dimshuffle(*order), value, x)
    return x


def _regions(n: Node, axes: list[int]) -> dict[int, tuple[float, float]]:
    """Where the part of each axis that is wanted begins and ends, if 1 is the last element."""
    ends = n.numbers(1, "roi", [])
    if len(ends) != 2 * len(axes):
        raise n.error(f"crops {len(axes)} axes, and has {len(ends)} numbers that say where")
    return dict(zip(axes, zip(ends[: len(axes)], ends[len(axes) :], strict=True), strict=True))


def _places(n: Node, length: int, out: int, ratio: float, transform: str) -> np.ndarray:
    """Where between the elements each place lies."""
    place = np.arange(out, dtype="float64")
    if transform == "half_pixel":
        return (place + 0.5) / ratio - 0.5
    if transform == "pytorch_half_pixel":
        return (place + 0.5) / ratio - 0.5 if out > 1 else np.zeros(out)
    if transform == "align_corners":
        # the last element that there would be if the length were no whole number
        return place * (length - 1) / (length * ratio - 1) if out > 1 else np.zeros(out)
    if transform == "asymmetric":
        return place / ratio
    if transform == "half_pixel_symmetric":
        shift = length / 2 * (1 - out / (ratio * length))
        return shift + (place + 0.5) / ratio - 0.5
    raise n.error(f"finds its places by {transform}, which graphlib has not")


def _weights(n: Node, length: int, where: np.ndarray, ratio: float, mode: str) -> np.ndarray:
    """How much each element gives to each place: (places, length)."""
    out = len(where)
    weights = np.zeros((out, length))
    if mode == "nearest":
        rounding = n.get("nearest_mode", "round_prefer_floor" if n.opset >= 11 else "floor")
        nearest = {
            "round_prefer_floor": np.ceil(where - 0.5),
            "round_prefer_ceil": np.floor(where + 0.5),
            "floor": np.floor(where),
            "ceil": np.ceil(where),
        }[rounding]
        weights[np.arange(out), np.clip(nearest, 0, length - 1).astype(int)] = 1
        return weights
    # with antialias each place sees as many elements as it stands for
    wide = max(1.0, 1 / ratio) if n.get("antialias", 0) else 1.0
    a = n.get("cubic_coeff_a", -0.75)
    reach = {"linear": 1, "cubic": 2}.get(mode)
    if reach is None:
        raise n.error(f"interpolates by {mode}, which graphlib has not")
    for k, centre in enumerate(where):
        first = int(np.floor(centre - reach * wide)) + 1 if wide > 1 else int(np.floor(centre)) - reach + 1
        count = 2 * reach if wide == 1 else int(np.ceil(2 * reach * wide)) + 1
        for i in range(first, first + count):
            d = abs(centre - i) / wide
            value = max(0.0, 1 - d) if mode == "linear" else _cubic(d, a)
            inside = 0 <= i < length
            if n.get("exclude_outside", 0) and not inside:
                continue
            weights[k, min(max(i, 0), length - 1)] += value
        if n.get("exclude_outside", 0) or wide > 1:
            weights[k] /= weights[k].sum()
    return weights


def _cubic(d: float, a: float) -> float:
    """Keys' kernel (1981)."""
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0
