"""Grids: the coordinates of points at equal distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError, RankError
from ..graph import Constant, Variable
from ..ops import elementwise as ew
from ..ops.create import arange, zeros_like
from ..ops.op import as_variable


class _Grid:
    """What ``mgrid`` and ``ogrid`` are: indexed by slices they give coordinates."""

    def __init__(self, full: bool) -> None:
        self._full = full

    def __getitem__(self, slices: Any) -> Any:
        parts = slices if isinstance(slices, tuple) else (slices,)
        axes = [arange(s.start or 0, s.stop, s.step or 1) for s in parts]
        rank = len(axes)
        spread = [a.dimshuffle(*["x"] * k, 0, *["x"] * (rank - k - 1)) for k, a in enumerate(axes)]
        if not self._full:
            return spread if rank > 1 else spread[0]
        whole = [s + sum((zeros_like(o) for o in spread if o is not s), 0) for s in spread]
        return whole if rank > 1 else whole[0]


mgrid, ogrid = _Grid(True), _Grid(False)


def meshgrid(*vectors: Any, indexing: str = "xy") -> list[Variable]:
    """The coordinates of all points of a grid, a tensor of each axis, as numpy.meshgrid: the second axis of
    the results goes along the first vector, or with ``indexing='ij'`` the first does.

    Errors: RankError for what is no vector, InputError for another ``indexing``.
    """
    if indexing not in ("xy", "ij"):
        raise InputError(f"T.meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    given = [as_variable(v) for v in vectors]
    for v in given:
        if v.ndim != 1:
            raise RankError(f"T.meshgrid takes vectors, not {v.describe()}")
    order = list(range(len(given)))
    if indexing == "xy" and len(given) > 1:
        order[:2] = 1, 0
    spread = [v.dimshuffle(*("x" if k != at else 0 for k in order)) for at, v in enumerate(given)]
    return [v + sum((zeros_like(o, v.dtype) for o in spread if o is not v), zeros_like(v)) for v in spread]


def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: str | None = None
) -> Variable:
    """``num`` numbers at equal distances from ``start`` on, the last of which is ``stop`` (without
    ``endpoint`` it would be the next).

    ``dtype``: that of ``start`` and ``stop``, where these are floats, else config.floatX.
    """
    if not any(isinstance(v, Variable) for v in (start, stop, num)):
        return Constant(np.linspace(start, stop, num, endpoint, dtype=dtype or config.floatX))
    n = as_variable(num)
    both = as_variable(start) + as_variable(stop)
    dtype = dtype or (both.dtype if both.type.is_float else config.floatX)
    start, stop = as_variable(start).astype(dtype), as_variable(stop).astype(dtype)
    steps = ew.maximum(n - 1, 1) if endpoint else ew.maximum(n, 1)
    places = arange(n)
    between = start + places.astype(dtype) * ((stop - start) / steps.astype(dtype))
    # rounding must not move the end
    return ew.switch(ew.eq(places, n - 1) & ew.gt(places, 0), stop, between) if endpoint else between


__all__ = [
    "linspace",
    "meshgrid",
    "mgrid",
    "ogrid",
]
