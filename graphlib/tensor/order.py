"""What the order of elements says: medians, quantiles, and these of what is no NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError
from ..graph import Variable
from ..graph.types import normalize_axes
from ..ops import elementwise as ew
from ..ops.along_axis import sort
from ..ops.index import index
from ..ops.observing import Assert
from ..ops.op import as_variable
from ..ops.reduce import restore_axes
from ..ops.reduce import sum as sum_of
from ..ops.shape import flatten, shape_i
from .places import take_along_axis

Rule = Callable[[Any, Any], Any]


def _between(alpha: float, beta: float) -> Rule:
    """The place of the continuous estimates of R. Hyndman and Y. Fan, "Sample quantiles in statistical
    packages" (1996)."""
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _stepping(shift: float, stays: Rule) -> Rule:
    """That of their estimates that are elements: the place before, where ``stays`` of how far it is past that
    place and of the place, else the next."""

    def place(n: Any, q: Any) -> Any:
        at = n * q - 1 - shift
        before = ew.floor(at)
        return ew.switch(stays(at - before, before), before, before + 1)

    return place


def _middle(n: Any, q: Any) -> Any:
    at = (n - 1) * q
    return (ew.floor(at) + ew.ceil(at)) * 0.5


#: numpy.quantile's methods: the place among n sorted elements, counted from 0, of those that are elements ...
_ELEMENTS: dict[str, Rule] = {
    "inverted_cdf": _stepping(0, lambda past, before: ew.eq(past, 0)),
    "closest_observation": _stepping(
        0.5, lambda past, before: ew.and_(ew.eq(past, 0), ew.eq(ew.mod(before, 2), 1))
    ),
    "lower": lambda n, q: ew.floor((n - 1) * q),
    "higher": lambda n, q: ew.ceil((n - 1) * q),
    "nearest": lambda n, q: ew.round_half_to_even((n - 1) * q),
}
#: ... and of those that lie between two
_PLACES: dict[str, Rule] = {
    "linear": lambda n, q: (n - 1) * q,
    "averaged_inverted_cdf": lambda n, q: n * q - 1,
    "interpolated_inverted_cdf": _between(0, 1),
    "hazen": _between(0.5, 0.5),
    "weibull": _between(0, 0),
    "median_unbiased": _between(1 / 3, 1 / 3),
    "normal_unbiased": _between(3 / 8, 3 / 8),
    "midpoint": _middle,
}


def _rows(a: Any, axis: Any, what: str) -> tuple[Variable, tuple[int, ...]]:
    """The elements of ``axis`` behind the others, as one last axis; and which axes these were."""
    x = as_variable(a)
    axes = normalize_axes(axis, x.ndim, f"{what} of {x.describe()}")
    kept = [k for k in range(x.ndim) if k not in axes]
    return flatten(x.dimshuffle(*kept, *axes), len(kept) + 1), axes


def _finished(found: Variable, q: Variable, axes: tuple[int, ...], rank: int, keepdims: bool) -> Variable:
    """The axes of ``q``, which are the last of ``found``, before all others."""
    kept = rank - len(axes)
    found = found.dimshuffle(*range(kept, kept + q.ndim), *range(kept))
    if not keepdims:
        return found
    return restore_axes(found, tuple(q.ndim + a for a in axes), q.ndim + rank)


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: bool, skips: bool, what: str) -> Variable:
    if method not in _ELEMENTS and method not in _PLACES:
        raise InputError(f"{what} has the methods {', '.join([*_PLACES, *_ELEMENTS])}, not {method!r}")
    x, axes = _rows(a, axis, what)
    if not x.type.is_float and method not in _ELEMENTS:
        x = x.astype(config.floatX)
    dtype = x.dtype if x.type.is_float else config.floatX
    q = _shares(q, dtype, what)
    kept = x.ndim - 1
    s, n = sort(x), shape_i(x, kept)
    if skips:
        real = x if not x.type.is_float else ew.invert(ew.isnan(x))
        n = sum_of(real, axis=-1).dimshuffle(*range(kept), *["x"] * q.ndim) if x.type.is_float else n
    rule = _ELEMENTS.get(method) or _PLACES[method]
    at = rule(ew.cast(n, dtype), q)
    low, last = ew.cast(ew.floor(at), "int64"), ew.maximum(ew.cast(n, "int64") - 1, 0)

    def element(place: Variable) -> Variable:
        place = ew.minimum(ew.maximum(place, 0), last)
        if place.ndim == q.ndim:
            return index(s, (..., place))
        lines = flatten(place, kept + 1) if q.ndim else place.dimshuffle(*range(kept), "x")
        return take_along_axis(s, lines, kept).reshape(place.shape, ndim=place.ndim)

    found = element(low)
    if method in _PLACES:
        found = _weighed(found, element(low + 1), _weight(method, at - ew.floor(at)))
    if x.type.is_float and not skips:
        # NaN comes last of all
        end = index(s, (..., -1)).dimshuffle(*range(kept), *["x"] * q.ndim)
        found = ew.switch(ew.isnan(end), np.nan, found)
    return _finished(found, q, axes, as_variable(a).ndim, keepdims)


def _shares(q: Any, dtype: str, what: str) -> Variable:
    """What is asked for, between 0 and 1."""
    if not isinstance(q, Variable):
        values = np.asarray(q, "float64")
        if not ((values >= 0) & (values <= 1)).all():
            raise InputError(f"{what}: a share lies between 0 and 1 (or 0 and 100 percent), not {q}")
        return as_variable(values.astype(dtype))
    inside = ew.and_(ew.ge(q, 0), ew.le(q, 1)).all()
    return Assert(f"{what}: a share is not between 0 and 1")(ew.cast(q, dtype), inside)


def _weight(method: str, past: Variable) -> Variable:
    """How much the element behind counts, given how far the place is past the one before."""
    if method == "averaged_inverted_cdf":
        return ew.switch(ew.eq(past, 0), 0.5, 1)
    if method == "midpoint":
        return ew.switch(ew.eq(past, 0), 0, 0.5)
    return past


def _weighed(a: Variable, b: Variable, weight: Variable) -> Variable:
    """Between two elements, from the nearer one, so that rounding keeps the order; equals as they are."""
    step = b - a
    found = ew.switch(ew.lt(weight, 0.5), a + step * weight, b - step * (1 - weight))
    # elements that are infinite have no difference
    return ew.switch(ew.or_(ew.eq(weight, 0), ew.eq(a, b)), a, found)


def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Variable:
    """The values that shares ``q`` of the elements along ``axis`` (None: all) lie below; NaN where there is
    one.

    ``q``: from 0 to 1, a number or an array, whose axes come first in the result; may be symbolic.
    ``method``: as numpy.quantile's. The gradient goes to the two elements that the value lies between.
    Places are counted in the dtype of ``a``; integers become floatX, unless the method gives elements.
    Errors: InputError for another method or share, AssertionError at the call for a symbolic share beyond,
    IndexError at the call where there are no elements.
    """
    return _quantile(a, q, axis, method, keepdims, False, "T.quantile")


def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Variable:
    """``quantile`` of percents: ``q`` is from 0 to 100."""
    return _quantile(a, _percents(q), axis, method, keepdims, False, "T.percentile")


def nanquantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Variable:
    """``quantile`` of the elements that are no NaN; NaN where all are."""
    return _quantile(a, q, axis, method, keepdims, True, "T.nanquantile")


def nanpercentile(
    a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Variable:
    """``percentile`` of the elements that are no NaN; NaN where all are."""
    return _quantile(a, _percents(q), axis, method, keepdims, True, "T.nanpercentile")


def _percents(q: Any) -> Any:
    if isinstance(q, Variable):
        return (q if q.type.is_float else ew.cast(q, config.floatX)) / 100
    return np.true_divide(q, 100)


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The element in the middle along ``axis`` (None: all), or the mean of the two there; NaN where there is
    one.

    The gradient goes to the one, or half to each of the two. Errors: IndexError at the call where there are
    no elements.
    """
    x, axes = _rows(a, axis, "T.median")
    x = x if x.type.is_float else ew.cast(x, config.floatX)
    s, n = sort(x), shape_i(x, x.ndim - 1)
    low, high = (index(s, (..., ew.floor_div(k, 2))) for k in (n - 1, n))
    # half of each: the sum might overflow
    found = ew.switch(ew.isnan(index(s, (..., -1))), np.nan, low * 0.5 + high * 0.5)
    return restore_axes(found, axes, as_variable(a).ndim) if keepdims else found


def nanmedian(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """``median`` of the elements that are no NaN; NaN where all are."""
    return _quantile(a, 0.5, axis, "linear", keepdims, True, "T.nanmedian")


__all__ = [
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]
