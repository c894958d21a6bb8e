"""``theano.tensor``'s functions that are made of graphlib's operations, as Theano names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import scan
from ...errors import DTypeError, InputError, RankError, ShapeError
from ...graph import Constant, Variable
from ...graph.types import COMPLEX, DTYPES, FLOATS, HALF, INTEGERS, normalize_axis, promote
from ...ops import elementwise as ew
from ...ops import reduce
from ...ops.along_axis import argsort as _argsort
from ...ops.along_axis import cumsum
from ...ops.along_axis import flatnonzero as _flatnonzero
from ...ops.along_axis import nonzero as _nonzero
from ...ops.along_axis import sort as _sort
from ...ops.create import arange, ones_like, zeros, zeros_like
from ...ops.index import index, slice_ends
from ...ops.index import take as _take
from ...ops.index import tile as _tile
from ...ops.join import concatenate, stack
from ...ops.linalg import dot
from ...ops.matrices import trace  # noqa: F401
from ...ops.observing import Assert
from ...ops.op import as_variable
from ...ops.operators import tensor_round
from ...ops.reduce import max, min, norm
from ...ops.reduce import sum as sum_of
from ...ops.reduce import var as _variance
from ...ops.shape import expand_dims, shape_i, shape_of, swapaxes
from ...ops.shape import transpose as _transpose
from ...ops.write import inc_subtensor as _inc_subtensor
from ...ops.write import set_subtensor as _set_subtensor
from .tensor import NoneConstant, get_scalar_constant_value, pow

int_dtypes = tuple(d for d in INTEGERS if d.startswith("int"))
uint_dtypes = tuple(d for d in INTEGERS if d.startswith("uint"))
integer_dtypes = int_dtypes + uint_dtypes
float_dtypes = (HALF, *FLOATS)
complex_dtypes = COMPLEX
continuous_dtypes = (*float_dtypes, *complex_dtypes)
discrete_dtypes = ("bool", *integer_dtypes)
all_dtypes = DTYPES
power = pow


class AsTensorError(InputError):
    """A value of which no variable can be made."""


class AdvancedIndexingError(InputError):
    """An index that Theano took for an advanced one."""


def shape_padaxis(t: Any, axis: int) -> Variable:
    """``t`` with an axis of length 1 more, at place ``axis`` of the result."""
    return expand_dims(as_variable(t), axis)


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


def choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Variable:
    """Element by element that of ``choices`` whose number ``a`` has; ``mode``: 'raise', 'wrap' or 'clip'."""
    a = as_variable(a)
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
    else:
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


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """Where the elements are that are not 0: a vector for each axis, or the rows of one matrix.

    Errors: ValueError of a scalar.
    """
    a = as_variable(a)
    if not a.ndim:
        raise ValueError("T.nonzero takes one dimension or more")
    places = _nonzero(a)
    return stack(list(places)) if return_matrix else places


def flatnonzero(a: Any) -> Variable:
    """Where the elements of the flattened tensor are that are not 0. Errors: ValueError of a scalar."""
    a = as_variable(a)
    if not a.ndim:
        raise ValueError("T.flatnonzero takes one dimension or more")
    return _flatnonzero(a)


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Variable:
    """Elements, or slices along ``axis``, by their numbers; ``mode``: 'raise', 'clip' to the first and last,
    or 'wrap' around."""
    a, indices = as_variable(a), as_variable(indices)
    n = a.size if axis is None else shape_i(a, normalize_axis(axis, a.ndim, "T.take"))
    if mode == "clip":
        indices = ew.maximum(ew.minimum(indices, n - 1), 0)
    elif mode == "wrap":
        indices = ew.mod(indices, n)
    elif mode != "raise":
        raise ValueError(f"T.take has the modes raise, clip and wrap, not {mode!r}")
    return _take(a, indices, axis)


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> list[Variable]:
    """Both, as a list; ``axis`` may be ``NoneConst``, a constant, or a list that names one twice."""
    if isinstance(axis, NoneConstant):
        axis = None
    elif isinstance(axis, Constant):
        axis = axis.data.tolist()
    if isinstance(axis, (list, tuple)):
        axis = list(dict.fromkeys(axis))
    return reduce.max_and_argmax(a, axis, keepdims)


def set_subtensor(
    x: Variable, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False
) -> Variable:
    """``graphlib.tensor.set_subtensor``; operands stay as they are, whatever ``inplace`` says."""
    return _set_subtensor(x, y)


def inc_subtensor(
    x: Variable,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
) -> Variable:
    """``graphlib.tensor.inc_subtensor``; operands stay as they are, whatever ``inplace`` says."""
    return _set_subtensor(x, y) if set_instead_of_inc else _inc_subtensor(x, y)


def transpose(x: Any, axes: Any = None) -> Variable:
    """Axes permuted; reversed, and named so, where none are given."""
    x = as_variable(x)
    made = _transpose(x, axes)
    made = ew.identity(x) if made is x else made
    if x.name and (axes is None or list(axes) == list(range(x.ndim))[::-1]):
        made.name = f"{x.name}.T"
    return made


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """``graphlib.tensor.tile``. Errors: ValueError for repeats that are no integers, and where ``ndim`` is
    less than there are repeats or dimensions."""
    count = len(reps) if isinstance(reps, (list, tuple)) else 1
    if ndim is not None and ndim < sorted((count, as_variable(x).ndim))[-1]:
        raise ValueError(f"T.tile: ndim={ndim} is less than the dimensions of x or the number of repeats")
    try:
        return _tile(x, reps, ndim)
    except DTypeError as error:
        raise InputError(str(error)) from None


def get_canonical_form_slice(theslice: Any, length: Any) -> tuple[Any, Any]:
    """A slice as one that goes forwards, within ``length`` elements, and the direction, 1 or -1, in which
    what it takes is to be read; of an index that from 0 on, and 1."""
    n = as_variable(length)
    if not isinstance(theslice, slice):
        place = as_variable(theslice)
        return ew.switch(ew.lt(place, 0), place + n, place), 1
    start, stop, step = slice_ends(theslice, n)
    size = abs(step)
    span = ew.switch(ew.gt(step, 0), stop - start, start - stop)
    count = ew.floor_div(ew.maximum(span, 0) + size - 1, size)
    last = start + (count - 1) * step
    forwards = ew.gt(step, 0)
    some = ew.gt(count, 0)
    first = ew.switch(some, ew.switch(forwards, start, last), 0)
    end = ew.switch(some, ew.switch(forwards, last, start) + 1, 0)
    return slice(first, end, size), ew.sgn(step)


def nonzero_values(a: Any) -> Variable:
    """The elements that are not 0, in order, as a vector."""
    a = as_variable(a)
    return a.flatten()[flatnonzero(a)]


def bincount(x: Any, weights: Any = None, minlength: Any = None, assert_nonneg: bool = False) -> Variable:
    """How often each number from 0 on occurs in a vector of integers, or the sums of its weights.

    Errors: ShapeError at the call where a number is negative.
    """
    x = as_variable(x)
    if x.ndim != 1:
        raise RankError(f"T.bincount takes a vector, not {x.describe()}")
    if assert_nonneg:
        x = Assert("T.bincount: a number is negative")(x, ew.ge(min(x), 0))
    length = max(x).astype("int64") + 1
    if minlength is not None:
        length = ew.maximum(length, minlength)
    # a number below 0 makes the length negative, which is an error
    length = ew.switch(ew.lt(min(x), 0), -1, length)
    kind = "int64" if weights is None else as_variable(weights).dtype
    add = 1 if weights is None else weights
    return inc_subtensor(zeros((length,), kind)[x], add)


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


class Unique:
    """``Unique()(x)``: the different elements of ``x``, flattened, in rising order; a list with, where asked
    for, the place where each is first, of each element of ``x`` the place among them, and how often it is.

    axis: the different parts along it instead, in the order of their elements.
    """

    def __init__(
        self,
        return_index: bool = False,
        return_inverse: bool = False,
        return_counts: bool = False,
        axis: int | None = None,
    ) -> None:
        self._asked = (return_index, return_inverse, return_counts)
        self._axis = axis

    def __call__(self, x: Any, return_list: bool = False) -> Any:
        x = as_variable(x)
        if self._axis is not None:
            axis = self._axis
            if not -x.ndim <= axis < x.ndim:
                raise ValueError(f"Unique: {x.describe()} has no axis {axis}")
            rows = swapaxes(x, axis, 0)
            # by the last element first: sorts that keep equals in order
            flat = rows.reshape((shape_i(rows, 0), -1))
            orders, _ = scan(
                lambda column, order: order[argsort(column[order])],
                sequences=flat.T[::-1],
                outputs_info=arange(shape_i(flat, 0)),
            )
            order = orders[-1]
            rising = flat[order]
            changes = ew.neq(rising[1:], rising[:-1]).any(axis=1)
            found = self._places(order, changes)
            values = swapaxes(rows[order[found[0]]], axis, 0)
            return self._given(values, order[found[0]], found, return_list)
        x = x.flatten()
        order = argsort(x)
        rising = x[order]
        found = self._places(order, ew.neq(rising[1:], rising[:-1]))
        return self._given(rising[found[0]], order[found[0]], found, return_list)

    def _places(self, order: Variable, changes: Variable) -> tuple[Variable, ...]:
        """Where in rising order something else begins, of each element the number of its like, and how many
        there are of each."""
        n = shape_i(order, 0)
        first = concatenate([ones_like(order[:1], "bool"), changes])
        starts = flatnonzero(first)
        ends = concatenate([starts[1:], ew.minimum(n, 1) * n + zeros_like(starts[:1])])
        place = set_subtensor(zeros((n,), "int64")[order], cumsum(first) - 1)
        return starts, place, ends - starts

    def _given(self, values: Variable, first: Variable, found: tuple, return_list: bool) -> Any:
        parts = (first, *found[1:])
        more = [v for v, asked in zip(parts, self._asked, strict=True) if asked]
        return [values, *more] if more or return_list else values


def iround(a: Any, mode: str | None = None) -> Variable:
    """The nearest whole number, int64; ``mode`` as in ``round``."""
    return (tensor_round(a) if mode is None else tensor_round(a, mode)).astype("int64")


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


def deg2rad(a: Any) -> Variable:
    """Degrees as radians."""
    return as_variable(a) * (np.pi / 180)


def rad2deg(a: Any) -> Variable:
    """Radians as degrees."""
    return as_variable(a) * (180 / np.pi)


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


def diff(x: Any, n: int = 1, axis: int = -1) -> Variable:
    """Differences of neighbours along an axis, ``n`` times over."""
    x = as_variable(x)
    ahead = (slice(None),) * normalize_axis(axis, x.ndim, "T.diff")
    for _ in range(n):
        x = x[(*ahead, slice(1, None))] - x[(*ahead, slice(None, -1))]
    return x


def searchsorted(x: Any, v: Any, side: str = "left", sorter: Any = None) -> Variable:
    """Where each of ``v`` has its place in the sorted vector ``x``, before its equals or ('right') behind."""
    x, v = as_variable(x), as_variable(v)
    if x.ndim != 1 or (sorter is not None and as_variable(sorter).ndim != 1):
        raise RankError(f"T.searchsorted looks into a vector, not {x.describe()}")
    if side not in ("left", "right"):
        raise ValueError(f"T.searchsorted has the sides left and right, not {side!r}")
    if sorter is not None:
        x = x[as_variable(sorter)]
    before = ew.lt if side == "left" else ew.le
    return sum_of(before(x, v.dimshuffle(*range(v.ndim), "x")), axis=-1)


def compress(condition: Any, x: Any, axis: int | None = None) -> Variable:
    """What lies where the vector ``condition`` is not 0, along ``axis`` or in the flattened tensor."""
    (places,) = nonzero(ew.neq(as_variable(condition), 0))
    return take(as_variable(x), places, axis)


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


def bartlett(m: Any) -> Variable:
    """The triangular window of ``m`` points, 0 at both ends."""
    m = as_variable(m)
    if m.ndim:
        raise RankError(f"T.bartlett takes a scalar, not {m.describe()}")
    n = arange(m).astype("float64")
    half = (m.astype("float64") - 1) / 2
    return ew.switch(ew.le(m, 1), 1.0, 1 - abs(n - half) / ew.maximum(half, 0.5))


def sort(x: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """``x`` sorted along an axis, or with None flattened; ``kind`` has no effect."""
    return _sort(x, _sorting(axis, kind, order))


def argsort(x: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """The places of the elements in rising order; those of equals rise."""
    return _argsort(x, _sorting(axis, kind, order))


def _sorting(axis: Any, kind: str, order: Any) -> int | None:
    if order is not None:
        raise ValueError("T.sort: there are no fields to be sorted by, order must be None")
    if kind not in ("quicksort", "mergesort", "heapsort", "stable"):
        raise ValueError(f"T.sort knows no kind {kind!r}")
    if isinstance(axis, Variable):
        axis = get_scalar_constant_value(axis)
    return None if axis is None else int(axis)


def make_vector(*scalars: Any) -> Variable:
    """A vector of scalars, in the dtype that holds all."""
    return stack([as_variable(v) for v in scalars])


def as_vector(scalars: Sequence[Any], dtype: Any) -> Variable:
    """A vector of scalars, in a dtype."""
    return stack([as_variable(v).astype(dtype) for v in scalars]) if scalars else zeros((0,), dtype)


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
    n = shape_i(x, axis)
    k = as_variable(kth)
    start, stop = ew.switch(ew.gt(k, 0), n - k, 0), ew.switch(ew.gt(k, 0), n, -k)
    part = (*(slice(None),) * axis, slice(start, stop))
    return [sort(x, axis)[part], argsort(x, axis)[part].astype(idx_dtype)]


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """The quotient of integers, rounded up."""
    return -ew.floor_div(-as_variable(a), b)


def div_proxy(x: Any, y: Any) -> Variable:
    """``x / y`` as Python 3 has it."""
    return ew.true_div(x, y)


def divmod(x: Any, y: Any) -> tuple[Variable, Variable]:
    """Quotient rounded down and remainder."""
    return ew.floor_div(x, y), ew.mod(x, y)


mod_check = ew.mod


def default(x: Any, default: Any) -> Variable:
    """``x``, or where it is None ``default``."""
    return as_variable(default if x is None else x)


def setdefault(x: Any, default: Any) -> Variable:
    """``x``, or where it is None ``default``."""
    return as_variable(default if x is None else x)


def tensor_copy(x: Any) -> Variable:
    """A copy of ``x``, of its own memory where a function returns it."""
    return ew.identity(x)


deep_copy_op = view_op = tensor_copy


def transfer(var: Any, target: Any) -> Variable:
    """``var`` itself: where values lie is decided when a function is compiled."""
    return as_variable(var)


def extract_constant(x: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The number that ``x`` is, or ``x`` itself."""
    variable = as_variable(x)
    return variable.data.copy() if isinstance(variable, Constant) and variable.data.size == 1 else variable


def vector_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Variable:
    """The norm of any order along ``axis``: infinite ones are the greatest and smallest magnitude."""
    x = abs(as_variable(x))
    if ord in (None, 1, 2):
        return norm(x, ord, axis, keepdims)
    if ord in (np.inf, "inf"):
        return max(x, axis, keepdims)
    if ord in (-np.inf, "-inf"):
        return min(x, axis, keepdims)
    if ord == 0:
        return sum_of(ew.neq(x, 0), axis, keepdims=keepdims)
    return pow(sum_of(pow(x, ord), axis, keepdims=keepdims), 1.0 / ord)


def var(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """The variance; ``corrected`` takes out what rounding of the mean leaves, by the two-pass formula."""
    x = as_variable(input)
    result = _variance(x, axis, ddof, keepdims)
    if not corrected:
        return result
    centred = x - x.mean(axis=axis, keepdims=True)
    return result - ew.sqr(centred.mean(axis=axis, keepdims=keepdims))


def std(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """The root of ``var``."""
    return ew.sqrt(var(input, axis, ddof, keepdims, corrected))


def shape_of_variables(fgraph: Any, input_shapes: dict) -> dict:
    """The shape of each variable of a compiled graph for given shapes of its inputs."""
    from ...compile.function import function

    inputs = list(fgraph.inputs)
    wanted = [v for v in fgraph.variables if v.ndim]
    f = function(inputs, [n for v in wanted for n in shape_of(v)], on_unused_input="ignore")
    flat = iter(f(*(np.zeros(input_shapes[v], v.dtype) for v in inputs)))
    shapes = {v: tuple(int(next(flat)) for _ in range(v.ndim)) for v in wanted}
    return {**{v: () for v in fgraph.variables if not v.ndim}, **shapes}


def is_flat(var: Variable, ndim: int = 1) -> bool:
    """Whether ``var`` has ``ndim`` dimensions."""
    return var.ndim == ndim


def check_and_normalize_axes(x: Variable, axis: Any) -> list[int]:
    """The axes as a list of numbers; TypeError and ValueError where they are none."""
    given: Sequence = (
        [] if axis is None else [axis] if isinstance(axis, (int, np.integer, Constant)) else list(axis)
    )
    return [
        normalize_axis(
            int(a.data if isinstance(a, Constant) else a), x.ndim, "Computation needs a valid axis"
        )
        for a in given
    ]


# operations that Theano had as instances beside its functions
bartlett_, fill_diagonal_, fill_diagonal_offset_ = bartlett, fill_diagonal, fill_diagonal_offset


def join_(axis: Any, *tensors: Any) -> Variable:
    """``T.join``."""
    return concatenate(tensors, axis)
