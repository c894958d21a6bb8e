"""Fourier transforms, of a whole signal or of windows of it, and what weighs their frequencies."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Constant, Variable
from ...ops.fourier import Fourier, RealInverse
from ...ops.shape import dimshuffle, shape_i
from ...ops.shape_rules import constant_int
from ..protobuf import package
from ..reader import Node, reads
from .shape import length_of


@reads("DFT")
def _dft(n: Node) -> Variable:
    x, length = n[0], n.optional(1)
    axis = n.numbers(2, "axis", [-2])[0] if n.opset >= 20 or "axis" in n.attributes else 1
    axis = int(axis) % x.ndim
    inverse, half = bool(n.get("inverse", 0)), bool(n.get("onesided", 0))
    order = [*(a for a in range(x.ndim) if a not in (axis, x.ndim - 1)), axis, x.ndim - 1]
    moved = dimshuffle(_in_pairs(x), order)
    count: Any = None
    if length is not None:
        count = constant_int(n.reader.elements(length)[0])
        have = moved.type.shape[-2]
        if count is None or have is None:
            raise n.error("needs the number of elements to transform as a number")
        moved = _long(moved, have, count // 2 + 1 if half and inverse else count)
    if half and inverse:
        made = _of_half(moved, 2 * (length_of(moved, moved.ndim - 2) - 1) if count is None else count)
    else:
        made = Fourier(inverse).make(moved)
    if inverse:
        made = made / T.cast(shape_i(made, -2), made.dtype)
    elif half:
        made = made[..., : shape_i(moved, -2) // 2 + 1, :]
    return dimshuffle(made, *(order.index(a) for a in range(x.ndim)))


def _in_pairs(x: Variable) -> Variable:
    """Numbers whose last axis has one element as complex ones, whose last axis has two."""
    return T.concatenate([x, T.zeros_like(x)], -1) if x.type.shape[-1] == 1 else x


def _long(x: Variable, have: int, count: int) -> Variable:
    """``count`` elements along the last axis but one, zeros where there are no more."""
    beyond = T.zeros([*(shape_i(x, a) for a in range(x.ndim - 2)), max(count - have, 0), 2], x.dtype)
    return T.concatenate([x[..., : min(count, have), :], beyond], x.ndim - 2)


def _of_half(x: Variable, count: Any) -> Variable:
    """``count`` times the real numbers of whose transform ``x`` is the half that says all."""
    return T.shape_padright(RealInverse().make(x, T.cast(T.as_tensor_variable(count), "int64")))


@reads("STFT")
def _stft(n: Node) -> Variable:
    x, step, window, length = n[0], n.reader.elements(n[1])[0], n.optional(2), n.optional(3)
    if length is not None:
        size: Any = n.reader.elements(length)[0]
    else:
        size = length_of(x, 1) if window is None else length_of(window, 0)
    known = size if isinstance(size, int) else constant_int(size)
    size = T.cast(T.as_tensor_variable(size if known is None else known), "int64")
    step = T.cast(step, "int64")
    frames = (shape_i(x, 1) - size) // step + 1
    places = dimshuffle(T.arange(frames) * step, 0, "x") + dimshuffle(T.arange(size), "x", 0)
    seen = x[:, places]
    if window is not None:
        seen = seen * dimshuffle(window, "x", "x", 0, "x")
    made = Fourier(False).make(_in_pairs(seen))
    return made[:, :, : size // 2 + 1] if n.get("onesided", 1) else made


@reads("MelWeightMatrix")
def _mel_weight_matrix(n: Node) -> Variable:
    """A triangle of frequencies for each band of the mel scale."""
    names = ("num_mel_bins", "dft_length", "sample_rate", "lower_edge_hertz", "upper_edge_hertz")
    given = [n.reader.known(n[k]) for k in range(5)]
    for name, value in zip(names, given, strict=True):
        if value is None:
            raise n.error(f"needs {name} as a number")
    bands, length, rate, low, high = (value.reshape(()).item() for value in given if value is not None)
    mels = [2595 * np.log10(1 + edge / 700) for edge in (low, high)]
    # as ONNX's definition has it, the last triangle ends one step below the upper edge
    edges = mels[0] + np.arange(bands + 2) * (mels[1] - mels[0]) / (bands + 2)
    bins = np.floor((length + 1) * 700 * (10 ** (edges / 2595) - 1) / rate).astype("int64")
    place, weights = np.arange(length // 2 + 1), np.zeros((length // 2 + 1, bands))
    for k, (left, centre, right) in enumerate(zip(bins, bins[1:], bins[2:], strict=False)):
        rising = (place - left) / max(centre - left, 1)
        falling = (right - place) / max(right - centre, 1)
        weights[:, k] = np.where(place < centre, rising, falling) * ((place >= left) & (place < right))
        weights[centre, k] = 1
    to = package().helper.tensor_dtype_to_np_dtype(n.get("output_datatype", 1))
    return Constant(weights.astype(to))
