"""Arrays side by side, one behind the other, turned, and taken apart again, as NumPy names it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import InputError, RankError
from ..graph import Constant, Variable
from ..graph.types import normalize_axis
from ..ops import elementwise as ew
from ..ops.along_axis import nonzero
from ..ops.create import arange, ones_like, zeros_like
from ..ops.index import index
from ..ops.join import concatenate, stack
from ..ops.op import as_variable
from ..ops.shape import expand_dims, flatten, shape_i, swapaxes
from ..ops.write import set_subtensor
from .arrangements import alloc_diag, flip


def _at_least(rank: int, arys: Sequence[Any]) -> list[Variable]:
    found = []
    for given in arys:
        x = as_variable(given)
        if x.ndim == 0:
            x = x.dimshuffle(*["x"] * rank)
        elif x.ndim < rank:
            before = 1 if rank > 1 and x.ndim == 1 else 0
            x = x.dimshuffle(*["x"] * before, *range(x.ndim), *["x"] * (rank - before - x.ndim))
        found.append(x)
    return found


def atleast_1d(*arys: Any) -> Any:
    """A scalar as a vector of one; others as they are. Of several a list."""
    found = _at_least(1, arys)
    return found[0] if len(found) == 1 else found


def atleast_2d(*arys: Any) -> Any:
    """A vector as a row, a scalar as (1, 1); others as they are. Of several a list."""
    found = _at_least(2, arys)
    return found[0] if len(found) == 1 else found


def atleast_3d(*arys: Any) -> Any:
    """A vector as (1, n, 1), a matrix as (m, n, 1), a scalar as (1, 1, 1). Of several a list."""
    found = _at_least(3, arys)
    return found[0] if len(found) == 1 else found


def vstack(tup: Sequence[Any]) -> Variable:
    """Arrays one below the other, vectors as rows."""
    return concatenate(_at_least(2, tup), axis=0)


def hstack(tup: Sequence[Any]) -> Variable:
    """Arrays side by side: vectors one behind the other."""
    parts = _at_least(1, tup)
    return concatenate(parts, axis=0 if parts[0].ndim == 1 else 1)


def dstack(tup: Sequence[Any]) -> Variable:
    """Arrays one behind the other along a third axis."""
    return concatenate(_at_least(3, tup), axis=2)


def column_stack(tup: Sequence[Any]) -> Variable:
    """Matrices side by side, vectors as columns."""
    given = [as_variable(v) for v in tup]
    return concatenate([v.dimshuffle(0, "x") if v.ndim == 1 else v for v in given], axis=1)


def append(arr: Any, values: Any, axis: int | None = None) -> Variable:
    """``values`` behind ``arr`` along ``axis``; None: both flattened."""
    x, more = as_variable(arr), as_variable(values)
    return concatenate([flatten(x), flatten(more)]) if axis is None else concatenate([x, more], axis)


def delete(arr: Any, obj: Any, axis: int | None = None) -> Variable:
    """``arr`` without the places ``obj`` along ``axis`` (None: flattened): a number, a slice, or numbers."""
    x = as_variable(arr)
    if axis is None:
        x, axis = flatten(x), 0
    axis = normalize_axis(axis, x.ndim, "T.delete")
    places = arange(shape_i(x, axis))
    gone = index(places, obj if isinstance(obj, slice) else _vector(obj))
    (kept,) = nonzero(set_subtensor(index(ones_like(places), gone), 0))
    return index(x, (*(slice(None),) * axis, kept))


def _vector(obj: Any) -> Variable:
    v = as_variable(obj)
    return v.dimshuffle("x") if v.ndim == 0 else v


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Variable:
    """``arr`` with ``values`` before the place ``obj``, a number, along ``axis`` (None: flattened)."""
    x = as_variable(arr)
    if axis is None:
        x, axis = flatten(x), 0
    axis = normalize_axis(axis, x.ndim, "T.insert")
    at, more = as_variable(obj), as_variable(values).astype(x.dtype)
    if at.ndim:
        raise InputError("T.insert takes one place; insert at several one after the other")
    ahead = (slice(None),) * axis
    if more.ndim < x.ndim:
        like = index(x, (*ahead, slice(0, 1)))
        more = (more if more.ndim == 0 else expand_dims(more, axis)) + zeros_like(like)
    return concatenate([index(x, (*ahead, slice(None, at))), more, index(x, (*ahead, slice(at, None)))], axis)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Variable]:
    """Parts along ``axis``: so many that are as equal as can be, or those before, between and behind the
    places of a list."""
    x = as_variable(ary)
    axis = normalize_axis(axis, x.ndim, "T.array_split")
    n: Any = x.type.shape[axis]
    n = shape_i(x, axis) if n is None else n
    if isinstance(indices_or_sections, (list, tuple, np.ndarray)):
        ends = [*indices_or_sections, None]
    else:
        k = int(indices_or_sections)
        if k < 1:
            raise InputError(f"T.array_split: there are at least one part, not {k}")
        each, more = n // k, n % k
        least = min if isinstance(n, int) else ew.minimum
        ends = [(i + 1) * each + least(i + 1, more) for i in range(k - 1)] + [None]
    ahead = (slice(None),) * axis
    return [index(x, (*ahead, slice(a, b))) for a, b in zip([None, *ends], ends, strict=False)]


def hsplit(ary: Any, indices_or_sections: Any) -> list[Variable]:
    """``array_split`` along the second axis, or that of a vector."""
    return array_split(ary, indices_or_sections, 1 if as_variable(ary).ndim > 1 else 0)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Variable]:
    """``array_split`` along the first axis."""
    return array_split(ary, indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Variable]:
    """``array_split`` along the third axis."""
    return array_split(ary, indices_or_sections, 2)


def unstack(x: Any, *, axis: int = 0) -> tuple[Variable, ...]:
    """The parts along ``axis``, whose length is known, each without it."""
    x = as_variable(x)
    axis = normalize_axis(axis, x.ndim, "T.unstack")
    n = x.type.shape[axis]
    if n is None:
        raise RankError(f"T.unstack: the length of axis {axis} of {x.describe()} is not known before a call")
    return tuple(index(x, (*(slice(None),) * axis, k)) for k in range(n))


def block(arrays: Any) -> Variable:
    """An array of arrays in nested lists: those of the innermost are side by side."""

    def depth(part: Any) -> int:
        return 1 + max(map(depth, part)) if isinstance(part, list) else 0

    def rank(part: Any) -> int:
        return max(map(rank, part)) if isinstance(part, list) else as_variable(part).ndim

    levels = depth(arrays)
    whole = max(levels, rank(arrays))

    def joined(part: Any, level: int) -> Variable:
        if not isinstance(part, list):
            x = as_variable(part)
            return x.dimshuffle(*["x"] * (whole - x.ndim), *range(x.ndim))
        return concatenate([joined(p, level - 1) for p in part], axis=whole - level)

    return joined(arrays, levels)


def fliplr(m: Any) -> Variable:
    """The order of the second axis turned round."""
    return flip(m, 1)


def flipud(m: Any) -> Variable:
    """The order of the first axis turned round."""
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Variable:
    """Turned ``k`` times by a right angle, from the first of two axes toward the second."""
    x = as_variable(m)
    first, second = (normalize_axis(a, x.ndim, "T.rot90") for a in axes)
    turns = k % 4
    if turns == 2:
        return flip(x, (first, second))
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if turns else x


def rollaxis(a: Any, axis: int, start: int = 0) -> Variable:
    """``a`` with an axis moved before the one that is at ``start``."""
    x = as_variable(a)
    axis = normalize_axis(axis, x.ndim, "T.rollaxis")
    start = start + x.ndim if start < 0 else start
    order = [k for k in range(x.ndim) if k != axis]
    order.insert(start - (axis < start), axis)
    return x.dimshuffle(*order)


def matrix_transpose(x: Any) -> Variable:
    """The last two axes exchanged."""
    return swapaxes(as_variable(x), -1, -2)


def argwhere(a: Any) -> Variable:
    """The coordinates of the elements that are not 0, a row each."""
    return stack(list(nonzero(as_variable(a))), axis=1)


def diagflat(v: Any, k: int = 0) -> Variable:
    """A matrix with the elements of ``v``, flattened, on a diagonal, and 0 elsewhere."""
    return alloc_diag(flatten(as_variable(v)), k)


def diag_indices(n: Any, ndim: int = 2) -> tuple[Variable, ...]:
    """The indices of the main diagonal of ``ndim`` axes of length ``n``."""
    return (arange(n),) * ndim


def _triangle(n: Any, k: Any, m: Any, lower: bool) -> tuple[Variable, ...]:
    rows, columns = arange(n).dimshuffle(0, "x"), arange(n if m is None else m).dimshuffle("x", 0)
    return nonzero(ew.le(columns - rows, k) if lower else ew.ge(columns - rows, k))


def tril_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Variable, Variable]:
    """The indices of the lower triangle of an n × m matrix, up to the diagonal ``k``."""
    return _triangle(n, k, m, True)


def triu_indices(n: Any, k: Any = 0, m: Any = None) -> tuple[Variable, Variable]:
    """The indices of the upper triangle of an n × m matrix, from the diagonal ``k`` on."""
    return _triangle(n, k, m, False)


def _window(name: str) -> Any:
    def window(M: int) -> Constant:
        return Constant(getattr(np, name)(M).astype(config.floatX))

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"NumPy's window {name}, of ``M`` numbers."
    return window


bartlett, blackman, hamming, hanning = map(_window, ("bartlett", "blackman", "hamming", "hanning"))


def kaiser(M: int, beta: float) -> Constant:
    """NumPy's window kaiser, of ``M`` numbers."""
    return Constant(np.kaiser(M, beta).astype(config.floatX))


__all__ = [
    "append",
    "argwhere",
    "array_split",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "bartlett",
    "blackman",
    "block",
    "column_stack",
    "delete",
    "diag_indices",
    "diagflat",
    "dsplit",
    "dstack",
    "fliplr",
    "flipud",
    "hamming",
    "hanning",
    "hsplit",
    "hstack",
    "insert",
    "kaiser",
    "matrix_transpose",
    "rollaxis",
    "rot90",
    "tril_indices",
    "triu_indices",
    "unstack",
    "vsplit",
    "vstack",
]
