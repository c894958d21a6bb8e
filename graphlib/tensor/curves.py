"""Curves by their values at points: lines between these, integrals, convolutions, polynomials."""

from __future__ import annotations

from typing import Any

from ..configuration import config
from ..errors import InputError
from ..graph import Variable
from ..graph.types import normalize_axis, promote
from ..ops import elementwise as ew
from ..ops import reduce
from ..ops.conv_functions import conv2d
from ..ops.create import full
from ..ops.index import index
from ..ops.join import concatenate
from ..ops.op import as_variable
from ..ops.shape import flatten, shape_i
from .places import get_vector_length, searchsorted


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Variable:
    """The integral along ``axis`` of straight lines between the values ``y``, at ``x`` (a vector, or of the
    shape of ``y``) or ``dx`` apart."""
    y = as_variable(y)
    axis = normalize_axis(axis, y.ndim, "T.trapezoid")
    before, behind = (_along(y, axis, part) for part in (slice(None, -1), slice(1, None)))
    if x is None:
        return reduce.sum((before + behind) * 0.5, axis) * dx
    x = as_variable(x)
    if x.ndim == 1:
        x = x.dimshuffle(*(0 if k == axis else "x" for k in range(y.ndim)))
    step = _along(x, axis, slice(1, None)) - _along(x, axis, slice(None, -1))
    return reduce.sum((before + behind) * 0.5 * step, axis)


def _along(x: Variable, axis: int, part: slice) -> Variable:
    return index(x, (*(slice(None),) * axis, part))


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Variable:
    """The values at ``x`` of straight lines between points ``fp`` at the rising ``xp``; before and behind all
    of them ``left`` and ``right``, by default the first and last value.

    Gradients go to all three.
    """
    x, xp, fp = as_variable(x), as_variable(xp), as_variable(fp)
    x = x if x.type.is_float else x.astype(config.floatX)
    n = shape_i(xp, 0)
    behind = ew.clip(searchsorted(xp, x, "right"), 1, n - 1)
    x0, x1, f0, f1 = (index(v, at) for v in (xp, fp) for at in (behind - 1, behind))
    found = f0 + (f1 - f0) / (x1 - x0) * (x - x0)
    first, last = index(xp, 0), index(xp, -1)
    found = ew.switch(ew.lt(x, first), index(fp, 0) if left is None else left, found)
    found = ew.switch(ew.gt(x, last), index(fp, -1) if right is None else right, found)
    return ew.switch(ew.eq(x, last), index(fp, -1), found)


def convolve(a: Any, v: Any, mode: str = "full") -> Variable:
    """The sums over i of a[i]·v[k − i], of two vectors; ``mode``: 'full', 'same' or 'valid', as
    numpy.convolve."""
    if mode not in ("full", "same", "valid"):
        raise InputError(f"T.convolve has the modes full, same and valid, not {mode!r}")
    a, v = as_variable(a), as_variable(v)
    if a.ndim != 1 or v.ndim != 1:
        raise InputError(f"T.convolve takes vectors, not {a.describe()} and {v.describe()}")
    dtype = promote([a.dtype, v.dtype])
    dtype = dtype if dtype.startswith("float") else config.floatX
    longer = ew.ge(shape_i(a, 0), shape_i(v, 0))
    whole = conv2d(
        a.astype(dtype).dimshuffle("x", "x", "x", 0),
        v.astype(dtype).dimshuffle("x", "x", "x", 0),
        border_mode="full",
    )[0, 0, 0]
    if mode == "full":
        return whole
    n, m = (ew.switch(longer, shape_i(p, 0), shape_i(q, 0)) for p, q in ((a, v), (v, a)))
    if mode == "valid":
        return index(whole, slice(m - 1, n))
    first = ew.floor_div(m - 1, 2)
    return index(whole, slice(first, first + n))


def correlate(a: Any, v: Any, mode: str = "valid") -> Variable:
    """The sums over i of a[i + k]·v[i], of two vectors; ``mode``: as of ``convolve``."""
    return convolve(a, as_variable(v)[::-1], mode)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Variable:
    """Differences of neighbours of the flattened tensor, with others before and behind."""
    x = flatten(as_variable(ary))
    between = x[1:] - x[:-1]
    ends = [None if e is None else flatten(as_variable(e).astype(x.dtype)) for e in (to_begin, to_end)]
    parts = [part for part in (ends[0], between, ends[1]) if part is not None]
    return concatenate(parts) if len(parts) > 1 else between


def polyval(p: Any, x: Any) -> Variable:
    """The polynomial of coefficients ``p``, the highest power first, at ``x``; their number is known."""
    p, x = as_variable(p), as_variable(x)
    found: Any = x * 0
    for k in range(get_vector_length(p)):
        found = found * x + index(p, k)
    return found


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Variable:
    """The powers of a vector as columns, ``N`` of them (None: as many as it is long, which is known)."""
    x = as_variable(x)
    n = get_vector_length(x) if N is None else N
    powers = [as_variable(full((shape_i(x, 0),), 1, x.dtype))]
    while len(powers) < n:
        powers.append(powers[-1] * x)
    powers = powers[:n] if increasing else powers[:n][::-1]
    return concatenate([v.dimshuffle(0, "x") for v in powers], axis=1)


__all__ = [
    "convolve",
    "correlate",
    "ediff1d",
    "interp",
    "polyval",
    "trapezoid",
    "vander",
]
