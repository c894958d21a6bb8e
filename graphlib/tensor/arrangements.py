"""The same elements in another arrangement, diagonals, and what is made of neighbours and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError, RankError
from ..graph import Variable
from ..graph.types import normalize_axis
from ..ops import elementwise as ew
from ..ops.create import arange, full, zeros
from ..ops.index import index
from ..ops.join import concatenate
from ..ops.linalg import dot
from ..ops.op import as_variable
from ..ops.shape import expand_dims, shape_i, specify_shape
from ..ops.write import set_subtensor


def roll(x: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Variable:
    """``x`` shifted along an axis, what leaves at the end coming in at the front; None: ``x`` flattened.

    Of several axes each has its ``shift``, or all the same one. Errors: InputError for fewer or more shifts.
    """
    x = as_variable(x)
    if axis is None:
        return roll(x.flatten(), shift, 0).reshape(x.shape)
    if not isinstance(axis, int):
        shifts = shift if isinstance(shift, (list, tuple, np.ndarray)) else [shift] * len(axis)
        if len(shifts) != len(axis):
            raise InputError(f"T.roll: there are {len(axis)} axes and {len(shifts)} shifts")
        for by, along in zip(shifts, axis, strict=True):
            x = roll(x, by, along)
        return x
    axis = normalize_axis(axis, x.ndim, "T.roll")
    length = x.shape[axis]
    cut = (length - shift) % ew.maximum(length, 1)
    ahead = (slice(None),) * axis
    return concatenate([x[(*ahead, slice(cut, None))], x[(*ahead, slice(None, cut))]], axis=axis)


def flip(x: Any, axis: int | Sequence[int] | None = None) -> Variable:
    """``x`` with its elements in the opposite order along an axis, several, or all of them (None)."""
    x = as_variable(x)
    axes = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    turned = {normalize_axis(a, x.ndim, "T.flip") for a in axes}
    return index(x, tuple(slice(None, None, -1 if k in turned else None) for k in range(x.ndim)))


#: numpy.pad's modes: of a place beyond the ends of an axis of length n, the one whose element is there
_BEYOND = {
    "edge": lambda i, n: ew.minimum(ew.maximum(i, 0), n - 1),
    "wrap": lambda i, n: ew.mod(i, n),
    "reflect": lambda i, n: (n - 1) - abs(ew.mod(i, ew.maximum(2 * n - 2, 1)) - (n - 1)),
    "symmetric": lambda i, n: ew.minimum(ew.mod(i, 2 * n), 2 * n - 1 - ew.mod(i, 2 * n)),
}


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Variable:
    """``x`` with more elements before and after each axis, as numpy.pad.

    ``pad_width``: a number, a pair (before, after), or such a pair for each axis; they may be symbolic.
    ``mode``: 'constant' (``constant_values``), 'edge', 'reflect' (the end is not repeated), 'symmetric' (it
    is), 'wrap'.
    Errors: InputError for another mode or other widths, ShapeError at the call for a negative one.
    """
    x = as_variable(x)
    if isinstance(pad_width, np.ndarray):
        pad_width = pad_width.tolist()
    if not isinstance(pad_width, (list, tuple)):
        pad_width = (pad_width, pad_width)
    if not any(isinstance(v, (list, tuple)) for v in pad_width):
        pad_width = [pad_width] * x.ndim
    widths = [tuple(v) * 2 if len(v) == 1 else tuple(v) for v in pad_width]
    widths = widths * x.ndim if len(widths) == 1 else widths
    if len(widths) != x.ndim or any(len(pair) != 2 for pair in widths):
        raise InputError(f"T.pad: pad_width is a number, a pair, or a pair for each of the {x.ndim} axes")
    if mode == "constant":
        lengths = [before + shape_i(x, k) + after for k, (before, after) in enumerate(widths)]
        inside = tuple(slice(a, as_variable(a) + shape_i(x, k)) for k, (a, _) in enumerate(widths))
        return set_subtensor(index(full(lengths, constant_values, x.dtype), inside), x)
    if mode not in _BEYOND:
        raise InputError(f"T.pad has the modes constant, {', '.join(_BEYOND)}, not {mode!r}")
    for k, (before, after) in enumerate(widths):
        if isinstance(before, int) and isinstance(after, int) and not before and not after:
            continue
        n = shape_i(x, k)
        places = _BEYOND[mode](arange(before + n + after) - before, n)
        x = index(x, (slice(None),) * k + (places,))
    return x


def diff(x: Any, n: int = 1, axis: int = -1) -> Variable:
    """Differences of neighbours along an axis, ``n`` times over."""
    x = as_variable(x)
    ahead = (slice(None),) * normalize_axis(axis, x.ndim, "T.diff")
    for _ in range(n):
        x = x[(*ahead, slice(1, None))] - x[(*ahead, slice(None, -1))]
    return x


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The diagonals of ``a`` along two of its axes, as its last axis, as numpy.diagonal."""
    a = as_variable(a)
    first, second = (normalize_axis(x, a.ndim, "T.diagonal") for x in (axis1, axis2))
    rest = [k for k in range(a.ndim) if k not in (first, second)]
    a = a.dimshuffle(first, second, *rest)
    rows, columns = shape_i(a, 0), shape_i(a, 1)
    if offset >= 0:
        length = ew.maximum(ew.minimum(rows, columns - offset), 0)
        picked = index(a, (arange(length), arange(length) + offset))
    else:
        length = ew.maximum(ew.minimum(rows + offset, columns), 0)
        picked = index(a, (arange(length) - offset, arange(length)))
    return picked.dimshuffle(*range(1, picked.ndim), 0)


def alloc_diag(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """An array whose diagonals along two axes the last axis of ``x`` is, and 0 elsewhere."""
    x = as_variable(x)
    n = shape_i(x, x.ndim - 1)
    size = n + abs(offset)
    places = arange(n)
    rows, columns = places + (-offset if offset < 0 else 0), places + (offset if offset > 0 else 0)
    ahead = [shape_i(x, k) for k in range(x.ndim - 1)]
    blank = zeros((*ahead, size, size), x.dtype)
    grid = [arange(m).dimshuffle(*["x"] * k, 0, *["x"] * (len(ahead) - k)) for k, m in enumerate(ahead)]
    filled = set_subtensor(index(blank, (*grid, rows, columns)), x)
    first, second = (normalize_axis(a, x.ndim + 1, "alloc_diag") for a in (axis1, axis2))
    order = [k for k in range(x.ndim + 1) if k not in (first, second)]
    whole = [*order, first, second]
    return filled.dimshuffle(*(whole.index(k) for k in range(x.ndim + 1)))


def fill_diagonal(a: Any, val: Any) -> Variable:
    """``a`` with its main diagonal, of all axes alike in more than two, set to the scalar ``val``."""
    a = as_variable(a)
    if a.ndim < 2:
        raise RankError(f"T.fill_diagonal takes two dimensions or more, not {a.describe()}")
    if a.ndim == 2:
        return fill_diagonal_offset(a, val, 0)
    places = arange(shape_i(a, 0))
    return set_subtensor(index(a, (places,) * a.ndim), val)


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> Variable:
    """A matrix with the diagonal ``offset`` above the main one (below for a negative one) set to ``val``."""
    a = as_variable(a)
    rows = arange(shape_i(a, 0)).dimshuffle(0, "x")
    columns = arange(shape_i(a, 1)).dimshuffle("x", 0)
    return ew.switch(ew.eq(columns - rows, offset), as_variable(val).astype(a.dtype), a)


def shape_padaxis(t: Any, axis: int) -> Variable:
    """``t`` with an axis of length 1 more, at place ``axis`` of the result."""
    return expand_dims(as_variable(t), axis)


def addbroadcast(x: Any, *axes: int) -> Variable:
    """``x``, its lengths along ``axes`` known to be 1, so that they broadcast; checked at every call."""
    x = as_variable(x)
    lengths = list(x.type.shape)
    for axis in axes:
        lengths[normalize_axis(axis, x.ndim, "addbroadcast", x)] = 1
    return specify_shape(x, lengths)


def patternbroadcast(x: Any, broadcastable: Sequence[bool]) -> Variable:
    """``addbroadcast`` for the axes that are True."""
    return addbroadcast(x, *(axis for axis, one in enumerate(broadcastable) if one))


def horizontal_stack(*matrices: Any) -> Variable:
    """Matrices side by side."""
    return concatenate(matrices, axis=1)


def vertical_stack(*matrices: Any) -> Variable:
    """Matrices one below the other."""
    return concatenate(matrices, axis=0)


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Variable:
    """The covariances of the rows of ``m`` (its columns unless ``rowvar``), as numpy.cov; no weights."""
    if fweights is not None or aweights is not None:
        raise NotImplementedError("T.cov has no weights; weight the rows yourself")
    tables = [as_variable(t) for t in ([m] if y is None else [m, y])]
    tables = [t.dimshuffle("x", 0) if t.ndim < 2 else t if rowvar else t.T for t in tables]
    x = concatenate(tables, axis=0)
    x = x - x.mean(axis=1, keepdims=True)
    less = ddof if ddof is not None else 0 if bias else 1
    return dot(x, x.T) / (shape_i(x, 1) - less).astype(x.dtype)


__all__ = [
    "addbroadcast",
    "alloc_diag",
    "cov",
    "diagonal",
    "diff",
    "fill_diagonal",
    "fill_diagonal_offset",
    "flip",
    "horizontal_stack",
    "pad",
    "patternbroadcast",
    "roll",
    "shape_padaxis",
    "vertical_stack",
]
