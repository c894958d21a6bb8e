"""``theano.tensor.nnet.conv3d2d``: movies, whose time comes before their channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ...graph import Variable
from ...ops.op import as_variable
from ...ops.write import inc_subtensor
from ...tensor import arange, nnet


def _stripe(x: Any, i0: Any, i1: Any) -> tuple[Variable, list[int]]:
    """That part of ``x`` with axes ``i0`` and ``i1`` in front, as an indexed part, and the order of axes."""
    x = as_variable(x)
    first, second = int(i0) % x.ndim, int(i1) % x.ndim
    order = [first, second, *(k for k in range(x.ndim) if k not in (first, second))]
    front = x.dimshuffle(*order)
    rows, columns = front.shape[0], front.shape[1]
    j = arange(columns)
    i = arange(rows - columns + 1).dimshuffle(0, "x") + (columns - 1 - j).dimshuffle("x", 0)
    return front[i, j.dimshuffle("x", 0) + i * 0], order


def _back(v: Variable, order: list[int]) -> Variable:
    return v.dimshuffle(*(order.index(k) for k in range(v.ndim)))


def get_diagonal_subtensor_view(x: np.ndarray, i0: Any, i1: Any) -> np.ndarray:
    """``diagonal_subtensor`` of an array, a view of it. Errors: NotImplementedError where axis ``i0`` is the
    shorter."""
    first, second = int(i0) % x.ndim, int(i1) % x.ndim
    rows, columns = x.shape[first], x.shape[second]
    if rows < columns:
        raise NotImplementedError(f"axis {first} of shape {x.shape} is shorter than axis {second}")
    view = x[(slice(None),) * first + (slice(columns - 1, None),)]
    strides = list(view.strides)
    if columns > 1:
        strides[second] -= strides[first]
    return as_strided(view, view.shape, strides)


def diagonal_subtensor(x: Any, i0: Any, i1: Any) -> Variable:
    """The stripe along the diagonal of axes ``i0`` and ``i1``: its element (i, j) is (i + n1 - 1 - j, j)."""
    return _back(*_stripe(x, i0, i1))


def inc_diagonal_subtensor(x: Any, i0: Any, i1: Any, amt: Any) -> Variable:
    """``x`` with ``amt`` added to that stripe."""
    part, order = _stripe(x, i0, i1)
    return _back(inc_subtensor(part, as_variable(amt).dimshuffle(*order)), order)


class DiagonalSubtensor:
    """``DiagonalSubtensor()(x, i0, i1)``: ``diagonal_subtensor``."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def __call__(self, x: Any, i0: Any, i1: Any) -> Variable:
        return diagonal_subtensor(x, i0, i1)


class IncDiagonalSubtensor(DiagonalSubtensor):
    """``IncDiagonalSubtensor()(x, i0, i1, amt)``: ``inc_diagonal_subtensor``."""

    def __call__(self, x: Any, i0: Any, i1: Any, amt: Any) -> Variable:
        return inc_diagonal_subtensor(x, i0, i1, amt)


def conv3d(
    signals: Any,
    filters: Any,
    signals_shape: Sequence[Any] | None = None,
    filters_shape: Sequence[Any] | None = None,
    border_mode: Any = "valid",
) -> Variable:
    """``conv3d2d.conv3d``: (n, time, channels, rows, columns) with (f, time, channels, rows, columns): (n,
    time, f, rows, columns). ``border_mode`` is one of 'valid', 'full' and 'half', or one for each axis."""
    order = (0, 2, 1, 3, 4)
    shapes = [None if s is None else [s[k] for k in order] for s in (signals_shape, filters_shape)]
    modes = tuple(border_mode) if isinstance(border_mode, (tuple, list)) else border_mode
    x, w = as_variable(signals).dimshuffle(*order), as_variable(filters).dimshuffle(*order)
    return nnet.conv3d(x, w, *shapes, modes).dimshuffle(*order)
