"""Elements by the places where they lie: NumPy's functions of indices, counts and orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..control.ifelse import ifelse
from ..control.scan import scan
from ..errors import InputError, RankError, ShapeError
from ..graph import Constant, Variable
from ..graph.types import normalize_axis, promote
from ..ops import elementwise as ew
from ..ops.along_axis import SOME, Sort, argsort, flatnonzero, nonzero, sort
from ..ops.create import arange, zeros, zeros_like
from ..ops.index import index, take
from ..ops.join import stack
from ..ops.observing import Assert
from ..ops.op import as_variable
from ..ops.reduce import max, min
from ..ops.reduce import sum as sum_of
from ..ops.shape import expand_dims, shape_i
from ..ops.write import inc_subtensor


def get_vector_length(v: Any) -> int:
    """The length of a vector, known while the graph is built.

    Errors: ValueError where it is not known, or ``v`` is no vector.
    """
    if isinstance(v, (tuple, list)):
        return len(v)
    v = as_variable(v)
    if v.ndim != 1:
        raise RankError(f"get_vector_length takes a vector, not {v.describe()}")
    if v.type.shape[0] is None:
        raise ShapeError(f"the length of {v.describe()} is not known before a call")
    return v.type.shape[0]


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Variable:
    """Element by element that of ``choices`` whose number ``a`` has; ``mode``: 'raise', 'wrap' or 'clip'."""
    if out is not None:
        raise InputError("T.choose makes a variable of its own and writes into no other: out must be None")
    a = as_variable(a)
    if a.dtype == "bool":
        a = a.astype("int8")
    given = list(choices) if isinstance(choices, (list, tuple)) else None
    n: Any = len(given) if given is not None else shape_i(as_variable(choices), 0)
    if mode == "wrap":
        a = ew.mod(a, n)
    elif mode == "clip":
        a = ew.minimum(ew.maximum(a, 0), n - 1)
    elif mode != "raise":
        raise ValueError(f"T.choose has the modes raise, wrap and clip, not {mode!r}")
    variables = [as_variable(c) for c in (given if given is not None else [choices])]
    ranks = [v.ndim - (given is None) for v in variables]
    rank = sorted([*ranks, a.ndim])[-1]
    if given is not None:
        return _chosen(a, variables, rank)
    table = variables[0]
    for _ in range(rank + 1 - table.ndim):
        table = expand_dims(table, 1)
    table = table + zeros_like(a, table.dtype)
    places = a + zeros_like(table[0], a.dtype)
    grid = [
        arange(shape_i(table, k + 1)).dimshuffle(*["x"] * k, 0, *["x"] * (rank - k - 1)) for k in range(rank)
    ]
    return index(table, (places, *grid))


def _chosen(a: Variable, choices: list[Variable], rank: int) -> Variable:
    """``choose`` among several, whose lengths of 1 broadcast, also where only a call tells them."""
    padded = [v.dimshuffle(*["x"] * (rank - v.ndim), *range(v.ndim)) for v in (a, *choices)]
    lengths: list[Any] = []
    for k in range(rank):
        longest: Any = 1
        for v in padded:
            n = shape_i(v, k)
            longest = ew.switch(ew.eq(longest, 1), n, longest)
        lengths.append(longest)

    def spread(v: Variable) -> Variable:
        # along a length of 1 every place is the first; one that fits nowhere is an error of the index
        grid = [
            ew.switch(ew.eq(shape_i(v, k), 1), 0, arange(n)).dimshuffle(
                *["x"] * k, 0, *["x"] * (rank - k - 1)
            )
            for k, n in enumerate(lengths)
        ]
        return index(v, tuple(grid))

    places = spread(padded[0]) if rank else padded[0]
    dtype = promote([v.dtype for v in choices])
    table = stack([spread(v).astype(dtype) if rank else v.astype(dtype) for v in padded[1:]])
    grid = [arange(n).dimshuffle(*["x"] * k, 0, *["x"] * (rank - k - 1)) for k, n in enumerate(lengths)]
    return index(table, (places, *grid))


def nonzero_values(a: Any) -> Variable:
    """The elements that are not 0, in order, as a vector."""
    a = as_variable(a)
    return a.flatten()[flatnonzero(a)]


def compress(condition: Any, x: Any, axis: int | None = None) -> Variable:
    """What lies where the vector ``condition`` is not 0, along ``axis`` or in the flattened tensor."""
    (places,) = nonzero(as_variable(condition))
    return take(as_variable(x), places, axis)


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Variable:
    """How often each number from 0 on occurs in a vector of integers, or the sums of its weights.

    Errors: ShapeError at the call where a number is negative.
    """
    x = as_variable(x)
    if x.ndim != 1:
        raise RankError(f"T.bincount takes a vector, not {x.describe()}")
    if assert_nonneg:
        x = Assert("T.bincount: a number is negative")(x, ew.ge(min(x), 0))
    none = ew.eq(shape_i(x, 0), 0)
    length = ifelse(none, -1, max(x).astype("int64")) + 1
    if minlength is not None:
        length = ew.maximum(length, minlength)
    # a number below 0 makes the length negative, which is an error
    length = ew.switch(ew.lt(ifelse(none, 0, min(x).astype("int64")), 0), -1, length)
    kind = "int64" if weights is None else as_variable(weights).dtype
    add = 1 if weights is None else weights
    return inc_subtensor(zeros((length,), kind)[x], add)


#: into a vector of how many elements at most ``searchsorted`` looks by comparing with all of them
_FEW = 64
_POWERS = Constant(2 ** np.arange(62))


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Variable:
    """Where each of ``v`` has its place in the sorted vector ``x``, before its equals or ('right') behind."""
    x, v = as_variable(x), as_variable(v)
    if x.ndim != 1 or (sorter is not None and as_variable(sorter).ndim != 1):
        raise RankError(f"T.searchsorted looks into a vector, not {x.describe()}")
    if side not in ("left", "right"):
        raise ValueError(f"T.searchsorted has the sides left and right, not {side!r}")
    if sorter is not None:
        x = x[as_variable(sorter)]

    def behind(one: Variable, v: Variable) -> Variable:
        """Whether the place of ``v`` is behind ``one``; NaN comes after all numbers, as in sorting."""
        found = ew.lt(one, v) if side == "left" else ew.le(one, v)
        if "float" not in v.dtype:
            return found
        return ew.or_(found, ew.and_(ew.isnan(v), ew.eq(one, one)) if side == "left" else ew.isnan(v))

    known = x.type.shape[0]
    if known is not None and known <= _FEW:
        return sum_of(behind(x, v.dimshuffle(*range(v.ndim), "x")), axis=-1)
    n = shape_i(x, 0)

    def step(width: Variable, place: Variable) -> Variable:
        further = place + width
        last = index(x, ew.minimum(further, n) - 1)
        return ew.switch(ew.and_(ew.le(further, n), behind(last, v)), further, place)

    widths = index(_POWERS, slice(None, sum_of(ew.le(_POWERS, n))))
    places, _ = scan(step, widths, zeros_like(v, "int64"), go_backwards=True)
    return ifelse(ew.eq(n, 0), zeros_like(v, "int64"), places[-1])


def inverse_permutation(perm: Any) -> Variable:
    """The permutation that undoes ``perm``, or each row of it."""
    return argsort(as_variable(perm), axis=-1).astype(as_variable(perm).dtype)


def permute_row_elements(x: Any, y: Any, inverse: int = 0) -> Variable:
    """The elements of each row of ``x`` in the order of the same row of ``y``, or of its only one."""
    x, y = as_variable(x), as_variable(y)
    order = inverse_permutation(y) if inverse else y
    rank = sorted((x.ndim, order.ndim))[-1]
    while order.ndim < rank:
        order = expand_dims(order, 0)
    while x.ndim < rank:
        x = expand_dims(x, 0)
    if rank == 1:
        return x[order]
    order = order + zeros_like(x, order.dtype)
    x = x + zeros_like(order, x.dtype)
    grid = [
        arange(shape_i(order, k)).dimshuffle(*["x"] * k, 0, *["x"] * (rank - k - 1)) for k in range(rank - 1)
    ]
    return index(x, (*grid, order))


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Variable:
    """Of each line of ``arr`` along ``axis`` (None: flattened) the elements at the places that the same line
    of ``indices`` has; a length of 1, where it is known, goes with any other."""
    x, places = as_variable(arr), as_variable(indices)
    if axis is None:
        x, axis = x.flatten(), 0
    axis = normalize_axis(axis, x.ndim, "T.take_along_axis")
    if places.ndim != x.ndim:
        raise RankError(f"T.take_along_axis: {x.describe()} and {places.describe()} differ in rank")

    def along(k: int) -> Variable:
        own, theirs = x.type.shape[k], places.type.shape[k]
        n = shape_i(x, k) if theirs == 1 else shape_i(places, k)
        if own == 1:
            return zeros_like(arange(n))
        return arange(n)

    grid = [
        places if k == axis else along(k).dimshuffle(*["x"] * k, 0, *["x"] * (x.ndim - k - 1))
        for k in range(x.ndim)
    ]
    return index(x, tuple(grid))


def unravel_index(indices: Any, dims: Any, order: str = "C", ndim: int | None = None) -> tuple[Variable, ...]:
    """The coordinates, one variable each, of elements with these numbers in a tensor of shape ``dims``, of
    which ``ndim`` says how many lengths there are where that is not known."""
    _check_order(order, "T.unravel_index")
    rest, lengths = as_variable(indices), _lengths(dims, ndim)
    if rest.type.is_float:
        raise TypeError(f"T.unravel_index takes integers, not {rest.describe()}")
    found: list[Variable] = []
    for n in reversed(lengths) if order == "C" else lengths:
        found.append(ew.mod(rest, n))
        rest = ew.floor_div(rest, n)
    return tuple(reversed(found) if order == "C" else found)


def ravel_multi_index(multi_index: Any, dims: Any, mode: str = "raise", order: str = "C") -> Variable:
    """The number of the element with these coordinates; ``mode``: 'raise', 'wrap' or 'clip'."""
    _check_order(order, "T.ravel_multi_index")
    parts = list(multi_index)
    lengths = _lengths(dims, len(parts))
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"T.ravel_multi_index has the modes raise, wrap and clip, not {mode!r}")
    total: Any = 0
    pairs = list(zip(parts, lengths, strict=True))
    for part, n in pairs if order == "C" else reversed(pairs):
        place = as_variable(part)
        if place.type.is_float:
            raise TypeError(f"T.ravel_multi_index takes integers, not {place.describe()}")
        if mode == "wrap":
            place = ew.mod(place, n)
        elif mode == "clip":
            place = ew.minimum(ew.maximum(place, 0), n - 1)
        else:
            place = take(arange(n), place)
        total = total * n + place
    return total


def _lengths(dims: Any, ndim: int | None) -> list:
    if not isinstance(dims, (list, tuple)):
        dims = as_variable(dims)
    if isinstance(dims, Variable) and dims.type.is_float:
        raise TypeError(f"lengths are integers, not {dims.describe()}")
    return [dims[k] for k in range(get_vector_length(dims) if ndim is None else ndim)]


def _check_order(order: str, what: str) -> None:
    if order not in ("C", "F"):
        raise ValueError(f"{what}: the order is 'C' or 'F', not {order!r}")


def topk(x: Any, kth: Any, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64") -> Variable:
    """The ``kth`` greatest elements along ``axis``, in rising order; the smallest for a negative number."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[0]


def argtopk(x: Any, kth: Any, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64") -> Variable:
    """The places of what ``topk`` gives."""
    return topk_and_argtopk(x, kth, axis, sorted, idx_dtype)[1]


def topk_and_argtopk(
    x: Any, kth: Any, axis: int = -1, sorted: bool = True, idx_dtype: str = "int64"
) -> list[Variable]:
    """Both, as a list.  They come sorted, which ``sorted=False`` only says to be no matter."""
    x = as_variable(x)
    if axis is None:
        x, axis = x.flatten(), 0
    axis = normalize_axis(axis, x.ndim, "T.topk")
    if isinstance(kth, int) and 0 < abs(kth) <= SOME:
        return [Sort("sort", axis, -kth).make(x), Sort("argsort", axis, -kth).make(x).astype(idx_dtype)]
    if isinstance(kth, int) and kth:
        ends = slice(-kth, None) if kth > 0 else slice(None, -kth)
    else:
        n, k = shape_i(x, axis), as_variable(kth)
        ends = slice(ew.switch(ew.gt(k, 0), n - k, 0), ew.switch(ew.gt(k, 0), n, -k))
    part = (*(slice(None),) * axis, ends)
    return [sort(x, axis)[part], argsort(x, axis)[part].astype(idx_dtype)]


__all__ = [
    "argtopk",
    "bincount",
    "choose",
    "compress",
    "get_vector_length",
    "inverse_permutation",
    "nonzero_values",
    "permute_row_elements",
    "ravel_multi_index",
    "searchsorted",
    "take_along_axis",
    "topk",
    "topk_and_argtopk",
    "unravel_index",
]
