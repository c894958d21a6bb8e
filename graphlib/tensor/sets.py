"""Vectors as sets: their different elements, and which of them others have too."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..control.scan import scan
from ..errors import InputError
from ..graph import Variable
from ..graph.types import normalize_axis, promote
from ..ops import elementwise as ew
from ..ops.along_axis import argsort, cumsum, flatnonzero, sort
from ..ops.create import arange, full, ones, zeros_like
from ..ops.index import index
from ..ops.join import concatenate
from ..ops.op import as_variable
from ..ops.reduce import any as any_of
from ..ops.shape import flatten, shape_i
from ..ops.write import set_subtensor
from .places import searchsorted


class Unique(NamedTuple):
    """What ``unique_all`` gives."""

    values: Variable
    indices: Variable
    inverse_indices: Variable
    counts: Variable


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    """The different elements of ``ar``, in rising order, as many as a call finds; as numpy.unique.

    ``axis``: the different parts along it, in the order of their elements, instead of elements.
    ``return_index``: also where each is first; ``return_inverse``: of each element or part the number of its
    value; ``return_counts``: how often each is there. A tuple then, in this order. ``equal_nan``: all NaN
    are one. Gradients go through the values, to the first of their equals.
    """
    x = as_variable(ar)
    if axis is None:
        rows, shape = flatten(x), x.shape
        order, new = _ordered(rows, equal_nan)
    else:
        axis = normalize_axis(axis, x.ndim, "T.unique")
        x = x.dimshuffle(axis, *(k for k in range(x.ndim) if k != axis))
        rows, shape = x, None
        order, new = _ordered_parts(x)
    first = flatnonzero(new)
    n = shape_i(rows, 0)
    places = index(order, first)
    values = index(rows, places)
    if axis is not None:
        values = values.dimshuffle(*range(1, axis + 1), 0, *range(axis + 1, x.ndim))
    found = [values]
    if return_index:
        found.append(places)
    if return_inverse:
        inverse = set_subtensor(index(zeros_like(order), order), cumsum(new) - 1)
        found.append(inverse if shape is None else inverse.reshape(shape, ndim=as_variable(ar).ndim))
    if return_counts:
        ends = concatenate([index(first, slice(1, None)), full((ew.minimum(n, 1),), n, "int64")])
        found.append(ends - first)
    return tuple(found) if len(found) > 1 else values


def _ordered(x: Variable, equal_nan: bool) -> tuple[Variable, Variable]:
    """The order of a vector, and of it in that order which elements are no repetition of the one before."""
    order = argsort(x)
    s = index(x, order)
    before, behind = index(s, slice(None, -1)), index(s, slice(1, None))
    differs = ew.neq(before, behind)
    if equal_nan and x.type.is_float:
        differs = ew.and_(differs, ew.invert(ew.and_(ew.isnan(before), ew.isnan(behind))))
    return order, concatenate([ones((ew.minimum(shape_i(x, 0), 1),), "bool"), differs])


def _ordered_parts(x: Variable) -> tuple[Variable, Variable]:
    """The order of the parts along the first axis, by their elements, and which are no repetition."""
    flat = flatten(x, 2) if x.ndim > 1 else x.dimshuffle(0, "x")
    order = lexsort(flat.T[::-1])
    s = index(flat, order)
    differs = any_of(ew.neq(index(s, slice(None, -1)), index(s, slice(1, None))), axis=1)
    return order, concatenate([ones((ew.minimum(shape_i(x, 0), 1),), "bool"), differs])


def lexsort(keys: Any) -> Variable:
    """The indices that sort by the last of the rows ``keys``, equals by the one before it, and so on, as
    numpy.lexsort of a matrix or of several vectors."""
    rows = as_variable(keys)
    if rows.ndim != 2:
        raise InputError(f"T.lexsort takes a matrix, whose rows are the keys, not {rows.describe()}")

    def step(row: Variable, order: Variable) -> Variable:
        return index(order, argsort(index(row, order)))

    begin = arange(shape_i(rows, 1))
    orders, _ = scan(step, rows, begin)
    return index(concatenate([begin.dimshuffle("x", 0), orders]), -1)


def unique_values(x: Any) -> Variable:
    """The different elements, in rising order; each NaN is one of its own."""
    return unique(x, equal_nan=False)


def unique_counts(x: Any) -> tuple[Variable, Variable]:
    """The different elements, and how often each is there; each NaN is one of its own."""
    return unique(x, return_counts=True, equal_nan=False)


def unique_inverse(x: Any) -> tuple[Variable, Variable]:
    """The different elements, and of each element the number of its value; each NaN is one of its own."""
    return unique(x, return_inverse=True, equal_nan=False)


def unique_all(x: Any) -> Unique:
    """The different elements, where each is first, of each element the number of its value, and how often
    each is there; each NaN is one of its own."""
    return Unique(*unique(x, True, True, True, equal_nan=False))


def union1d(ar1: Any, ar2: Any) -> Variable:
    """The different elements of both, in rising order."""
    a, b = as_variable(ar1), as_variable(ar2)
    dtype = promote([a.dtype, b.dtype])
    return unique(concatenate([flatten(v).astype(dtype) for v in (a, b)]))


def isin(element: Any, test_elements: Any, *, invert: bool = False) -> Variable:
    """Whether each of ``element`` is one of ``test_elements`` (with ``invert``, is none); no NaN is."""
    a, b = as_variable(element), as_variable(test_elements)
    dtype = promote([a.dtype, b.dtype])
    a, b = a.astype(dtype), sort(flatten(b).astype(dtype))
    n = shape_i(b, 0)
    # one more, which is never looked at where there are others
    behind = concatenate([b, full((1,), 0, dtype)])
    place = ew.minimum(searchsorted(b, a), n)
    found = ew.and_(ew.lt(place, n), ew.eq(index(behind, place), a))
    return ew.invert(found) if invert else found


def intersect1d(ar1: Any, ar2: Any) -> Variable:
    """The different elements that both have, in rising order."""
    a = unique(ar1)
    return index(a, flatnonzero(isin(a, ar2)))


def setdiff1d(ar1: Any, ar2: Any) -> Variable:
    """The different elements of ``ar1`` that ``ar2`` has not, in rising order."""
    a = unique(ar1)
    return index(a, flatnonzero(isin(a, ar2, invert=True)))


def setxor1d(ar1: Any, ar2: Any) -> Variable:
    """The different elements that only one of the two has, in rising order."""
    a, b = setdiff1d(ar1, ar2), setdiff1d(ar2, ar1)
    return union1d(a, b)


def digitize(x: Any, bins: Any, right: bool = False) -> Variable:
    """In which of the bins each of ``x`` is, between two of the rising (or falling) vector ``bins``: 0 before
    the first; ``right``: a bin has its upper end, and not its lower one. Of a symbolic vector they rise."""
    side = "left" if right else "right"
    if not isinstance(bins, Variable):
        edges = np.asarray(bins)
        if edges.size and edges[0] > edges[-1]:
            return edges.size - searchsorted(edges[::-1].copy(), x, "right" if right else "left")
    return searchsorted(bins, x, side)


__all__ = [
    "digitize",
    "intersect1d",
    "isin",
    "lexsort",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]
