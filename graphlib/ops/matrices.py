"""Diagonals, products, traces and norms of matrices, and systems of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import ShapeError
from ..graph import Variable
from .create import arange
from .decompositions import stack_scalars, svd
from .elementwise import abs_, cast, gt, maximum, minimum, neq
from .index import index
from .linalg import outer
from .matrix_arguments import as_matrices, of_one_dtype
from .matrix_samples import register_cases, regular, uniform_of
from .op import as_variable
from .reduce import max as max_
from .reduce import min as min_
from .reduce import norm, prod
from .reduce import sum as sum_
from .shape import dimshuffle, reshape, shape_i
from .systems import matrix_inverse, solve


def kron(a: Any, b: Any) -> Variable:
    """The Kronecker product of two matrices, or of a vector and a matrix, as Theano's and scipy.linalg's:
    every element of ``a`` times all of ``b``."""
    a, b = as_variable(a), as_variable(b)
    if a.ndim + b.ndim <= 2:
        raise ShapeError(f"T.kron takes matrices, not {a.describe()} and {b.describe()}")
    lengths = [shape_i(v, k) for v in (a, b) for k in range(v.ndim)]
    o = reshape(outer(a, b), lengths, ndim=len(lengths))
    if o.ndim == 3:
        return dimshuffle(o, 1, 0, 2).flatten()
    o = dimshuffle(o, 0, 2, 1, *range(3, o.ndim))
    n = [shape_i(o, k) for k in range(o.ndim)]
    return reshape(o, [n[0] * n[1], n[2] * n[3], *n[4:]], ndim=o.ndim - 2)


def matrix_norm(x: Any, ord: Any = None) -> Variable:
    """The norm of a vector or matrix, numpy.linalg.norm's: of a vector with ``ord`` None (2), inf, -inf, 0 or
    another number; of a matrix None or 'fro', inf, -inf, 1, -1, 2, -2 or 'nuc'. 'inf' is inf, too.

    Errors: ValueError for another order, ShapeError unless x has one or two axes.
    """
    x = as_variable(x)
    if x.ndim not in (1, 2):
        raise ShapeError(f"T.norm takes a vector or a matrix, not {x.describe()}")
    ord = {"inf": np.inf, "-inf": -np.inf}.get(ord, ord) if isinstance(ord, str) else ord
    size = abs_(x)
    if ord is None or (x.ndim == 2 and ord == "fro"):
        return sum_(x * x) ** 0.5
    if x.ndim == 1 and not isinstance(ord, str):
        if np.isinf(ord):
            return max_(size) if ord > 0 else min_(size)
        if ord == 0:
            return sum_(cast(neq(x, 0), "int64"))
        return sum_(size**ord) ** (1.0 / ord)
    if x.ndim == 2 and ord in (np.inf, -np.inf, 1, -1):
        sums = sum_(size, axis=1 if np.isinf(ord) else 0)
        return max_(sums) if ord > 0 else min_(sums)
    if x.ndim == 2 and ord in (2, -2, "nuc"):
        s = svd(x, compute_uv=False)
        return sum_(s) if ord == "nuc" else max_(s) if ord == 2 else min_(s)
    raise ValueError(f"T.norm has no norm of order {ord!r} of {x.describe()}")


def vector_norm(x: Any, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Variable:
    """The norm of vectors along ``axis`` (None: of all elements): the root of the sum of powers ``ord`` of
    sizes; ``inf`` and ``-inf`` the greatest and least size, 0 how many are not 0."""
    size = abs_(as_variable(x))
    size = size if size.type.is_float else cast(size, config.floatX)
    if ord in (np.inf, -np.inf):
        return (max_ if ord > 0 else min_)(size, axis, keepdims)
    if ord == 0:
        return cast(sum_(neq(size, 0), axis, keepdims=keepdims), size.dtype)
    if ord in (1, 2):
        return norm(size, ord, axis, keepdims)
    return sum_(size**ord, axis, keepdims=keepdims) ** (1 / ord)


def svdvals(x: Any) -> Variable:
    """The singular values of matrices, the greatest first."""
    return svd(x, compute_uv=False)


def cond(x: Any) -> Variable:
    """The greatest singular value over the least, of matrices."""
    s = svdvals(x)
    return index(s, (..., 0)) / index(s, (..., -1))


def matrix_rank(A: Any, tol: Any = None) -> Variable:
    """How many singular values are greater than ``tol`` (None: the greatest of them times the dtype's
    precision times the longer side)."""
    s = svdvals(A)
    if tol is None:
        a = as_variable(A)
        longer = cast(maximum(shape_i(a, a.ndim - 2), shape_i(a, a.ndim - 1)), s.dtype)
        tol = max_(s, -1, keepdims=True) * longer * float(np.finfo(s.dtype).eps)
    return sum_(gt(s, tol), -1)


def trace(a: Any) -> Variable:
    """The sums of the diagonals of matrices."""
    a = as_variable(a)
    if a.ndim < 2:
        raise ShapeError(f"T.trace takes a matrix, not {a.describe()}")
    rows, columns = a.type.shape[-2:]
    n = shape_i(a, -1)
    if rows is None or columns is None or rows != columns:
        n = minimum(shape_i(a, -2), n)
    i = arange(n)
    return sum_(index(a, (..., i, i)), axis=-1)


def tensorsolve(a: Any, b: Any, axes: Sequence[int] | None = None) -> Variable:
    """x with ``tensordot(a, x, x.ndim)`` = b; ``axes`` of a are moved to its end before.

    ``a`` has the shape of b, then that of x. Errors: LinAlgError at the call for a singular one.
    """
    a, b = of_one_dtype(a, b, "T.tensorsolve")
    if axes is not None:
        moved = [k % a.ndim for k in axes]
        a = dimshuffle(a, *(k for k in range(a.ndim) if k not in moved), *moved)
    lengths = [shape_i(a, k) for k in range(b.ndim, a.ndim)]
    n = prod(stack_scalars(*lengths)) if len(lengths) > 1 else lengths[0]
    x = solve(reshape(a, (shape_i(b.flatten(), 0), n), ndim=2), b.flatten())
    return reshape(x, lengths, ndim=len(lengths))


def tensorinv(a: Any, ind: int = 2) -> Variable:
    """The inverse of ``a`` for ``tensordot(a, b, ind)``, whose first ``ind`` axes and others have the same
    product of lengths."""
    a = as_matrices(a, "T.tensorinv")
    if ind <= 0:
        raise ValueError("T.tensorinv: ind must be positive")
    lengths = [shape_i(a, k) for k in range(a.ndim)]
    n = prod(stack_scalars(*lengths[:ind])) if ind > 1 else lengths[0]
    flat = reshape(a, (n, -1), ndim=2)
    return reshape(matrix_inverse(flat), [*lengths[ind:], *lengths[:ind]], ndim=a.ndim)


for _function, _cases in {
    kron: [(kron, uniform_of(2, 3), uniform_of(3, 2)), (kron, uniform_of(2), uniform_of(3, 2))],
    matrix_norm: [
        (lambda x: [matrix_norm(x, o) for o in (None, "inf", -np.inf, 1, -1, 2, -2, "nuc")], regular(3, 3)),
        (lambda x: [matrix_norm(x, o) for o in (None, np.inf, "-inf", 1, 3)], uniform_of(4)),
    ],
    trace: [(trace, uniform_of(3, 2)), (trace, uniform_of(2, 3, 3))],
    tensorsolve: [
        (tensorsolve, regular(6, 6).reshape(2, 3, 3, 2), uniform_of(2, 3)),
        (lambda a, b: tensorsolve(a, b, (0,)), regular(4, 4).reshape(4, 2, 2), uniform_of(2, 2)),
    ],
    tensorinv: [
        (tensorinv, regular(6, 6).reshape(2, 3, 6)),
        (lambda a: tensorinv(a, 1), regular(4, 4).reshape(4, 2, 2)),
    ],
}.items():
    register_cases(_function, *_cases)
