"""Averages and counts, also of what is no NaN, correlations, and histograms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError
from ..graph import Variable
from ..graph.types import normalize_axis
from ..ops import elementwise as ew
from ..ops import reduce
from ..ops.along_axis import cumprod, cumsum
from ..ops.create import arange
from ..ops.index import index
from ..ops.op import as_variable
from ..ops.shape import flatten, shape_i
from .arrangements import cov
from .grids import linspace
from .places import bincount, searchsorted


def average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Variable:
    """The mean over ``axis``, each element counted as often as ``weights`` says, of the shape of ``a`` or,
    of one axis, a vector along it."""
    x = as_variable(a)
    x = x if x.type.is_inexact else x.astype(config.floatX)
    if weights is None:
        return reduce.mean(x, axis, keepdims=keepdims)
    w = as_variable(weights)
    w = w if w.type.is_inexact else w.astype(x.dtype)
    if w.ndim != x.ndim:
        if w.ndim != 1 or not isinstance(axis, int):
            raise InputError(
                f"T.average: weights have the shape of {x.describe()}, or are a vector along axis"
            )
        at = normalize_axis(axis, x.ndim, "T.average")
        w = w.dimshuffle(*(0 if k == at else "x" for k in range(x.ndim)))
    total = reduce.sum(x * w, axis, keepdims=keepdims)
    return total / reduce.sum(w if w.ndim == 1 else w + x * 0, axis, keepdims=keepdims)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Variable:
    """How many elements over ``axis`` are not 0 (int64)."""
    return reduce.sum(ew.neq(as_variable(a), 0), axis, keepdims=keepdims)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Variable:
    """The correlations of the rows of ``x`` (its columns unless ``rowvar``), and of ``y``."""
    c = cov(x, y, rowvar)
    places = arange(shape_i(c, 0))
    deviation = ew.sqrt(index(c, (places, places)))
    found = c / deviation.dimshuffle(0, "x") / deviation.dimshuffle("x", 0)
    return ew.clip(found, -1, 1)


def _instead(a: Any, value: Any) -> tuple[Variable, Variable | None]:
    """``a`` with a number instead of NaN; and where there are none, None if there never are."""
    x = as_variable(a)
    if not x.type.is_float:
        return x, None
    none = ew.isnan(x)
    return ew.switch(none, value, x), ew.invert(none)


def nansum(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Variable:
    """``T.sum`` of what is no NaN; 0 of nothing."""
    return reduce.sum(_instead(a, 0)[0], axis, dtype, keepdims)


def nanprod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Variable:
    """``T.prod`` of what is no NaN; 1 of nothing."""
    return reduce.prod(_instead(a, 1)[0], axis, dtype, keepdims)


def nancumsum(a: Any, axis: int | None = None) -> Variable:
    """``T.cumsum`` with 0 for NaN."""
    return cumsum(_instead(a, 0)[0], axis)


def nancumprod(a: Any, axis: int | None = None) -> Variable:
    """``T.cumprod`` with 1 for NaN."""
    return cumprod(_instead(a, 1)[0], axis)


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The mean of what is no NaN; NaN of nothing."""
    x, there = _instead(a, 0)
    if there is None:
        return reduce.mean(x, axis, keepdims=keepdims)
    return reduce.sum(x, axis, keepdims=keepdims) / _count(there, axis, x.dtype, keepdims)


def _count(there: Variable, axis: Any, dtype: str, keepdims: bool) -> Variable:
    return ew.cast(reduce.sum(there, axis, keepdims=keepdims), dtype)


def nanvar(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable:
    """``T.var`` of what is no NaN; NaN where that is nothing, or no more than ``ddof``."""
    x, there = _instead(a, 0)
    if there is None:
        return reduce.var(x, axis, ddof, keepdims)
    away = ew.switch(there, x - nanmean(a, axis, True), 0)
    n = _count(there, axis, x.dtype, keepdims) - ddof
    return reduce.sum(ew.sqr(away), axis, keepdims=keepdims) / ew.switch(ew.gt(n, 0), n, np.nan)


def nanstd(a: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable:
    """``T.std`` of what is no NaN."""
    return ew.sqrt(nanvar(a, axis, ddof, keepdims))


def _extreme(reduction: Callable, worst: float, a: Any, axis: Any, keepdims: bool) -> Variable:
    x, there = _instead(a, worst)
    found = reduction(x, axis, keepdims=keepdims)
    if there is None:
        return found
    return ew.switch(reduce.any(there, axis, keepdims=keepdims), found, np.nan)


def nanmax(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The greatest element that is no NaN; NaN where all are."""
    return _extreme(reduce.max, -np.inf, a, axis, keepdims)


def nanmin(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The smallest element that is no NaN; NaN where all are."""
    return _extreme(reduce.min, np.inf, a, axis, keepdims)


def nanargmax(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Where the first greatest element is that is no NaN; 0 where all are."""
    return reduce.argmax(_instead(a, -np.inf)[0], axis, keepdims)


def nanargmin(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Where the first smallest element is that is no NaN; 0 where all are."""
    return reduce.argmin(_instead(a, np.inf)[0], axis, keepdims)


def histogram(
    a: Any,
    bins: Any = 10,
    range: Sequence[Any] | None = None,
    density: bool = False,
    weights: Any = None,
) -> tuple[Variable, Variable]:
    """How many elements are in each bin (or the sums of their ``weights``, or with ``density`` the share a
    unit of length), and the ends of the bins.

    ``bins``: how many of equal lengths there are within ``range`` (None: from the least to the greatest
    element), or a rising vector of their ends. A bin has its lower end, the last both.
    """
    x = flatten(as_variable(a))
    x = x if x.type.is_float else x.astype(config.floatX)
    if isinstance(bins, int) or as_variable(bins).ndim == 0:
        low, high = range if range is not None else (reduce.min(x), reduce.max(x))
        low, high = (as_variable(v).astype(x.dtype) for v in (low, high))
        wide = ew.eq(low, high)
        low, high = low - ew.switch(wide, 0.5, 0), high + ew.switch(wide, 0.5, 0)
        edges = linspace(low, high, bins + 1)
    else:
        edges = as_variable(bins).astype(x.dtype)
    n = shape_i(edges, 0) - 1
    last = index(edges, -1)
    place = ew.switch(ew.eq(x, last), n, searchsorted(edges, x, "right"))
    given = None if weights is None else flatten(as_variable(weights))
    # the first and last are of what is before and behind all bins
    counts = index(bincount(place, given, minlength=n + 2), slice(1, -1))
    if density:
        length = index(edges, slice(1, None)) - index(edges, slice(None, -1))
        counts = counts.astype(x.dtype)
        counts = counts / reduce.sum(counts) / length
    return counts, edges


__all__ = [
    "average",
    "corrcoef",
    "count_nonzero",
    "histogram",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]
