"""Linear algebra as users call it, composed of what LAPACK does (``factorizations``), with gradients.

Everything takes stacks of matrices, as NumPy's linear algebra: the last two axes are rows and columns.  The
gradients are those of Giles, An extended collection of matrix derivative results (2008), unless said.
Integers become floatX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import ShapeError
from ..graph import Variable
from ..graph.types import promote
from . import factorizations as lapack
from .barriers import OwnGradient, gradient_rule
from .create import arange, eye
from .elementwise import abs_, cast, eq, ge, log, lt, neq, switch
from .factorizations import answered
from .index import index
from .join import concatenate
from .linalg import matmul, outer
from .op import Sample, as_variable, register
from .reduce import all as all_
from .reduce import max as max_
from .reduce import min as min_
from .reduce import prod
from .reduce import sum as sum_
from .shape import broadcast_to, dimshuffle, reshape, shape_i, swapaxes

SINGULAR = "the matrix is singular"


def as_matrices(a: Any, what: str, least: int = 2) -> Variable:
    """``a`` in a floating dtype. Errors: ShapeError unless it has at least ``least`` dimensions."""
    a = as_variable(a)
    if a.ndim < least:
        raise ShapeError(f"{what} takes matrices, not {a.describe()}")
    return a if a.type.is_float else cast(a, config.floatX)


def _together(a: Any, b: Any, what: str) -> tuple[Variable, Variable]:
    a, b = as_variable(a), as_variable(b)
    dtype = promote([a.dtype, b.dtype])
    dtype = dtype if dtype.startswith("float") else config.floatX
    return as_matrices(cast(a, dtype), what), as_matrices(cast(b, dtype), what, 1)


def transposed(a: Variable) -> Variable:
    """Each matrix transposed."""
    return swapaxes(a, -1, -2)


def _row(v: Variable) -> Variable:
    """Vectors as rows, to multiply the columns of matrices with."""
    return dimshuffle(v, *range(v.ndim - 1), "x", v.ndim - 1)


def _lower_triangle(a: Variable, k: int = 0) -> Variable:
    """Each matrix with zeros above diagonal ``k``."""
    below = ge(dimshuffle(arange(shape_i(a, -2)), 0, "x") + k, dimshuffle(arange(shape_i(a, -1)), "x", 0))
    return switch(below, a, 0)


def _upper_triangle(a: Variable) -> Variable:
    return transposed(_lower_triangle(transposed(a)))


def _identity(a: Variable) -> Variable:
    """The identity of as many rows as matrices have, of their dtype."""
    n = a.type.shape[-1]
    return eye(shape_i(a, -1) if n is None else n, dtype=a.dtype)


def _triangle(g: Variable, lower: bool) -> Variable:
    """The gradient by the one triangle of a symmetric matrix that is read."""
    both = g + transposed(g)
    both = both - both * _identity(g) / 2
    return _lower_triangle(both) if lower else _upper_triangle(both)


def _same_stack(a: Variable, b: Variable, axes_of_a: int = 2) -> tuple[Variable, Variable]:
    """Two stacks with the same leading axes: lengths that are known to be 1 broadcast."""
    lead_a, lead_b = a.ndim - axes_of_a, b.ndim - 2
    if not lead_a and not lead_b:
        return a, b
    rank = max(lead_a, lead_b)
    lengths = []
    for k in range(-rank, 0):
        n = a.type.shape[k - axes_of_a] if -k <= lead_a else 1
        m = b.type.shape[k - 2] if -k <= lead_b else 1
        from_a = m == 1 or (m is None and n not in (None, 1))
        lengths.append(shape_i(a, k - axes_of_a) if from_a and -k <= lead_a else shape_i(b, k - 2))
    both = []
    for v, own in ((a, axes_of_a), (b, 2)):
        lead = v.type.shape[: v.ndim - own]
        if len(lead) < rank or 1 in lead:
            v = broadcast_to(v, [*lengths, *(shape_i(v, k) for k in range(v.ndim - own, v.ndim))])
        both.append(v)
    return both[0], both[1]


def _summed_to(g: Variable, like: Variable) -> Variable:
    """A gradient summed over the leading axes along which ``like`` was repeated."""
    from .elementwise import sum_to_shape_of

    return sum_to_shape_of(g, like)


# systems


def _solved(a: Variable, b: Variable, is_transposed: bool) -> Variable:
    lu, pivots, failed = lapack.LU().make(a)
    lu = answered(lu, failed, SINGULAR)
    lu_, b_ = _same_stack(lu, b)
    pivots_ = pivots
    if lu_ is not lu:
        pivots_ = broadcast_to(pivots, [shape_i(lu_, k) for k in range(lu_.ndim - 1)])
    x = lapack.LUSolve(is_transposed).make(lu_, pivots_, b_)
    return OwnGradient("solved", is_transposed).make(x, a, b)


@gradient_rule
def solved(x: Variable, g: Variable, a: Variable, b: Variable, is_transposed: bool) -> list[Variable]:
    by_b = _solved(a, g, not is_transposed)
    by_a = -matmul(x, transposed(by_b)) if is_transposed else -matmul(by_b, transposed(x))
    return [_summed_to(by_a, a), _summed_to(by_b, b)]


def _of_columns(function: Callable, a: Variable, b: Variable) -> Variable:
    """A function of matrices b, also where b is one vector."""
    if b.ndim > 1:
        return function(a, b)
    x = function(a, dimshuffle(b, 0, "x"))
    return dimshuffle(x, *range(x.ndim - 1)) if x.type.shape[-1] == 1 else index(x, (..., 0))


def solve(a: Any, b: Any) -> Variable:
    """x of ``a``·x = ``b``, for a vector or a matrix b (or stacks of matrices), by LU factors with pivoting.

    Errors: ShapeError for what does not fit, LinAlgError at the call for a singular matrix.
    """
    a, b = _together(a, b, "T.solve")
    return _of_columns(lambda a, b: _solved(a, b, False), a, b)


def _triangular(a: Variable, b: Variable, lower: bool, trans: bool, unit: bool) -> Variable:
    a_, b_ = _same_stack(a, b)
    x, failed = lapack.TriangularSolve(lower, trans, unit).make(a_, b_)
    x = answered(x, failed, f"{SINGULAR}: a number on the diagonal is 0")
    return OwnGradient("triangular", lower, trans, unit).make(x, a, b)


@gradient_rule
def triangular(
    x: Variable, g: Variable, a: Variable, b: Variable, lower: bool, trans: bool, unit: bool
) -> list[Variable]:
    by_b = _triangular(a, g, lower, not trans, unit)
    by_a = -matmul(x, transposed(by_b)) if trans else -matmul(by_b, transposed(x))
    by_a = _lower_triangle(by_a, -1 if unit else 0) if lower else _upper_triangle(by_a)
    if unit and not lower:
        by_a = by_a * (1 - _identity(by_a))
    return [_summed_to(by_a, a), _summed_to(by_b, b)]


def solve_triangular(
    a: Any, b: Any, lower: bool = False, trans: bool = False, unit_diagonal: bool = False
) -> Variable:
    """x of ``a``·x = ``b`` (``trans``: aᵀ·x = b) for triangular ``a``, whose other triangle is not read.

    ``unit_diagonal``: the diagonal is 1 and not read, either. Errors: as ``solve``.
    """
    a, b = _together(a, b, "T.solve_triangular")
    return _of_columns(lambda a, b: _triangular(a, b, bool(lower), bool(trans), bool(unit_diagonal)), a, b)


def matrix_inverse(a: Any) -> Variable:
    """The inverses of square matrices. Errors: LinAlgError at the call for a singular one."""
    a = as_matrices(a, "T.matrix_inverse")
    return _solved(a, _identity(a), False)


def _signs(lu: Variable, pivots: Variable) -> Variable:
    """Of the determinant 1, -1 or 0, from the factors."""
    n = arange(shape_i(pivots, -1)) + 1
    diagonal = diagonal_of(lu)
    negative = sum_(neq(pivots, n), axis=-1) + sum_(lt(diagonal, 0), axis=-1)
    sign = cast(1 - 2 * (negative % 2), lu.dtype)
    return sign * cast(all_(neq(diagonal, 0), axis=-1), lu.dtype)


def det(a: Any) -> Variable:
    """The determinants of square matrices."""
    a = as_matrices(a, "T.det")
    lu, pivots, _ = lapack.LU().make(a)
    value = _signs(lu, pivots) * prod(abs_(diagonal_of(lu)), axis=-1)
    return OwnGradient("determinant").make(value, a)


@gradient_rule
def determinant(o: Variable, g: Variable, a: Variable) -> list[Variable]:
    return [_scalars(g * o) * transposed(matrix_inverse(a))]


def _scalars(v: Variable) -> Variable:
    """Numbers, one a matrix, to multiply matrices with."""
    return dimshuffle(v, *range(v.ndim), "x", "x")


def slogdet(a: Any) -> tuple[Variable, Variable]:
    """The signs of the determinants, and the logarithms of their absolute values: (0, -inf) of a singular
    matrix."""
    a = as_matrices(a, "T.slogdet")
    lu, pivots, _ = lapack.LU().make(a)
    value = sum_(log(abs_(diagonal_of(lu))), axis=-1)
    sign = OwnGradient("constant_sign").make(_signs(lu, pivots), a)
    return sign, OwnGradient("log_determinant").make(value, a)


@gradient_rule
def constant_sign(_o: Variable, _g: Variable, _a: Variable) -> list[Variable | None]:
    return [None]


@gradient_rule
def log_determinant(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    return [_scalars(g) * transposed(matrix_inverse(a))]


def matrix_power(a: Any, n: int) -> Variable:
    """Square matrices to the power of a whole number: by squaring; of a negative one by the inverse."""
    a, n = as_variable(a), int(n)
    if a.ndim < 2:
        raise ShapeError(f"T.matrix_power takes matrices, not {a.describe()}")
    rows, columns = a.type.shape[-2:]
    if None not in (rows, columns) and rows != columns:
        raise ShapeError(f"T.matrix_power: {a.describe()} must hold square matrices")
    if n == 0:
        return broadcast_to(_identity(a), [shape_i(a, k) for k in range(a.ndim)])
    if n < 0:
        a, n = matrix_inverse(a), -n
    result = None
    while n:
        if n % 2:
            result = a if result is None else matmul(result, a)
        n //= 2
        a = matmul(a, a) if n else a
    return result


def matrix_dot(*matrices: Any) -> Variable:
    """The product of several matrices, from the left to the right."""
    result, *others = map(as_variable, matrices)
    for m in others:
        result = matmul(result, m)
    return result


# factors


def cholesky(a: Any, lower: bool = True, on_error: str = "raise") -> Variable:
    """L of ``a`` = L·Lᵀ (or, without ``lower``, U of Uᵀ·U) for positive definite ``a``, of which only that
    triangle is read, so that only it has a gradient (Murray, Differentiation of the Cholesky decomposition,
    2016).

    Errors: LinAlgError at the call for a matrix that is not positive definite; ``on_error='nan'``: the factor
    is NaN then.
    """
    if on_error not in ("raise", "nan"):
        raise ValueError(f"T.cholesky: on_error must be 'raise' or 'nan', not {on_error!r}")
    a = as_matrices(a, "T.cholesky")
    factor, failed = lapack.CholeskyFactor(bool(lower)).make(a)
    if on_error == "raise":
        factor = answered(factor, failed, "the matrix is not positive definite")
    return OwnGradient("cholesky_factor", bool(lower), on_error).make(factor, a)


@gradient_rule
def cholesky_factor(o: Variable, g: Variable, _a: Variable, lower: bool, on_error: str) -> list[Variable]:
    fine = None
    if on_error == "nan":
        fine = _scalars(eq(o, o).all(axis=(-2, -1)))
        o = switch(fine, o, _identity(o))
    factor, g = (o, g) if lower else (transposed(o), transposed(g))
    p = _lower_triangle(matmul(transposed(factor), g))
    p = p - p * _identity(p) / 2

    def under(x: Variable) -> Variable:
        return solve_triangular(factor, x, lower=True, trans=True)

    s = under(transposed(under(transposed(p))))
    result = _triangle(s, lower)
    return [result if fine is None else switch(fine, result, np.nan)]


def qr(a: Any, mode: str = "reduced") -> Any:
    """q with orthonormal columns and upper triangular r, whose product is ``a``, by reflections.

    ``mode`` as numpy.linalg.qr's: 'reduced' (q, r); 'complete', a square q; 'r', r alone; 'raw', LAPACK's own
    (h, tau). Gradients go through q and r of 'reduced' and 'r' (Walter and Lehmann, Algorithmic
    differentiation of linear algebra functions, 2010), for matrices of full rank.
    """
    a = as_matrices(a, "T.qr")
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"T.qr: mode must be 'reduced', 'complete', 'r' or 'raw', not {mode!r}")
    h, tau = lapack.Reflections().make(a)
    if mode == "raw":
        return h, tau
    whole = transposed(h)
    r = _upper_triangle(whole)
    if mode == "complete":
        return lapack.Reflected(True).make(h, tau), r
    r = index(r, (..., slice(None, shape_i(tau, -1)), slice(None)))
    r = OwnGradient("qr_r").make(r, a)
    if mode == "r":
        return r
    return OwnGradient("qr_q").make(lapack.Reflected(False).make(h, tau), a), r


def _qr_gradient(a: Variable, by_q: Variable | None, by_r: Variable | None) -> Variable:
    q, r = qr(a)
    k = shape_i(q, -1)
    left = index(r, (..., slice(None), slice(None, k)))
    inner = 0
    if by_r is not None:
        # the columns beyond the first k are qᵀ·a there
        beyond = index(by_r, (..., slice(None), slice(k, None)))
        columns = index(a, (..., slice(None), slice(k, None)))
        on_q = matmul(columns, transposed(beyond))
        by_q = on_q if by_q is None else by_q + on_q
        inner = matmul(left, transposed(index(by_r, (..., slice(None), slice(None, k)))))
    m = inner - matmul(transposed(by_q), q)
    m = _lower_triangle(m) + transposed(_lower_triangle(m, -1))
    by_left = transposed(solve_triangular(left, transposed(by_q + matmul(q, m))))
    if by_r is None:
        zeros = index(a, (..., slice(None), slice(k, None))) * 0
        return concatenate([by_left, zeros], axis=a.ndim - 1)
    return concatenate([by_left, matmul(q, beyond)], axis=a.ndim - 1)


@gradient_rule
def qr_q(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    return [_qr_gradient(a, g, None)]


@gradient_rule
def qr_r(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    return [_qr_gradient(a, None, g)]


def _differences(w: Variable) -> Variable:
    """1 / (w[j] - w[i]) at (i, j), 0 where i is j."""
    apart = _row(w) - dimshuffle(w, *range(w.ndim), "x")
    same = eq(_identity_of(w), 1)
    return switch(same, 0, 1 / switch(same, 1, apart))


def _identity_of(w: Variable) -> Variable:
    n = w.type.shape[-1]
    return eye(shape_i(w, -1) if n is None else n, dtype=w.dtype)


def eigh(a: Any, UPLO: str = "L") -> tuple[Variable, Variable]:
    """Eigenvalues in ascending order, and the eigenvectors as columns, of symmetric matrices.

    Only the lower triangle is read, or the upper with ``UPLO='U'``, and only it has a gradient; that of the
    eigenvectors needs different eigenvalues. Errors: LinAlgError at the call if they are not found.
    """
    a = as_matrices(a, "T.eigh")
    if UPLO not in ("L", "U"):
        raise ValueError(f"T.eigh: UPLO must be 'L' or 'U', not {UPLO!r}")
    w, v, failed = lapack.SymmetricEigen(UPLO == "L").make(a)
    w, v = (answered(x, failed, "the eigenvalues were not found") for x in (w, v))
    return OwnGradient("eigh_values", UPLO).make(w, a), OwnGradient("eigh_vectors", UPLO).make(v, a)


@gradient_rule
def eigh_values(_o: Variable, g: Variable, a: Variable, uplo: str) -> list[Variable]:
    v = eigh(a, uplo)[1]
    return [_triangle(matmul(v * _row(g), transposed(v)), uplo == "L")]


@gradient_rule
def eigh_vectors(_o: Variable, g: Variable, a: Variable, uplo: str) -> list[Variable]:
    w, v = eigh(a, uplo)
    inner = _differences(w) * matmul(transposed(v), g)
    return [_triangle(matmul(matmul(v, inner), transposed(v)), uplo == "L")]


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Variable:
    """Eigenvalues of symmetric matrices in ascending order; with ``b``, which is positive definite, those w
    for which a·v = w b·v has a solution."""
    a = as_matrices(a, "T.eigvalsh")
    uplo = "L" if lower else "U"
    if b is None:
        return eigh(a, uplo)[0]
    a, b = _together(a, b, "T.eigvalsh")
    whole = _symmetric(a, bool(lower))
    factor = cholesky(b, lower)
    if not lower:
        factor = transposed(factor)
    half = solve_triangular(factor, whole, lower=True)
    return eigh(solve_triangular(factor, transposed(half), lower=True), "L")[0]


def _symmetric(a: Variable, lower: bool) -> Variable:
    """The symmetric matrix of which one triangle is given."""
    part = _lower_triangle(a) if lower else _upper_triangle(a)
    return part + transposed(part) - part * _identity(a)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(u, s, vt) with ``a`` = u·diag(s)·vt, singular values s in descending order; s alone without
    ``compute_uv``.

    ``full_matrices``: u and vt are square. Gradients go through s, and through u and vt where those are not
    square by ``full_matrices`` and the singular values differ (Townsend, Differentiating the singular value
    decomposition, 2016). Errors: LinAlgError at the call for a matrix with NaN.
    """
    a = as_matrices(a, "T.svd")
    message = "the singular value decomposition did not converge"
    if not compute_uv:
        s, failed = lapack.SingularValues().make(a)
        return OwnGradient("svd_values").make(answered(s, failed, message), a)
    *parts, failed = lapack.SVD(bool(full_matrices)).make(a)
    u, s, vt = (answered(x, failed, message) for x in parts)
    s = OwnGradient("svd_values").make(s, a)
    if full_matrices:
        return u, s, vt
    return OwnGradient("svd_left").make(u, a), s, OwnGradient("svd_right").make(vt, a)


@gradient_rule
def svd_values(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    u, _, vt = svd(a, full_matrices=False)
    return [matmul(u * _row(g), vt)]


@gradient_rule
def svd_left(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    u, s, vt = svd(a, full_matrices=False)
    return [_side(u, s, transposed(vt), g)]


@gradient_rule
def svd_right(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    u, s, vt = svd(a, full_matrices=False)
    return [transposed(_side(transposed(vt), s, u, transposed(g)))]


def _side(u: Variable, s: Variable, v: Variable, g: Variable) -> Variable:
    """The gradient by u·diag(s)·vᵀ where that by u is g."""
    inner = _differences(s * s) * matmul(transposed(u), g)
    turned = matmul(u, (inner + transposed(inner)) * _row(s))
    outside = (g - matmul(u, matmul(transposed(u), g))) / _row(s)
    return matmul(turned + outside, transposed(v))


def eig(a: Any) -> tuple[Variable, Variable]:
    """Eigenvalues and right eigenvectors, as columns, of square matrices, in no order: their real parts, as
    Theano's; those of symmetric matrices are ``eigh``'s.

    ``eig_complex`` has the imaginary parts. There is no gradient.
    """
    real, _, vectors, _ = eig_complex(a)
    return real, vectors


def eig_complex(a: Any) -> tuple[Variable, Variable, Variable, Variable]:
    """Eigenvalues and right eigenvectors, as columns, of square matrices: (the real parts of the eigenvalues,
    their imaginary parts, and both of the vectors). There is no gradient."""
    a = as_matrices(a, "T.eig")
    *parts, failed = lapack.Eigen().make(a)
    found = (answered(x, failed, "the eigenvalues were not found") for x in parts)
    return tuple(found)


def pinv(a: Any, rcond: float | None = None) -> Variable:
    """The pseudo-inverses of Moore and Penrose; singular values of at most ``rcond`` (None: 1e-15) times the
    greatest count as 0. The gradient is that of Golub and Pereyra (1973), where the rank does not change."""
    a = as_matrices(a, "T.pinv")
    u, s, vt = svd(a, full_matrices=False)
    cutoff = (1e-15 if rcond is None else rcond) * max_(s, axis=-1, keepdims=True)
    large = s > cutoff
    inverse = switch(large, 1 / switch(large, s, 1), 0)
    return OwnGradient("pseudo_inverse").make(matmul(transposed(vt) * _row(inverse), transposed(u)), a)


@gradient_rule
def pseudo_inverse(z: Variable, g: Variable, a: Variable) -> list[Variable]:
    gt, zt = transposed(g), transposed(z)
    result = -matmul(matmul(z, gt), z)
    side = matmul(matmul(z, zt), g)
    result = result + side - matmul(matmul(side, a), z)
    side = matmul(matmul(g, zt), z)
    result = result + side - matmul(z, matmul(a, side))
    return [transposed(result)]


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Variable, Variable, Variable, Variable]:
    """(x, residuals, rank, s): x of least length among those with the least |``a``·x - ``b``|².

    Singular values s of at most ``rcond`` times the greatest count as 0; an ``rcond`` of None, or one that is
    not between 0 and 1, is the dtype's precision times the longer side. ``residuals`` are the sums of squares
    that are left, one a column of b, or empty where the rank is less than the number of columns or rows are
    not more than those.
    """
    a, b = _together(a, b, "T.lstsq")
    if a.ndim != 2 or b.ndim > 2:
        raise ShapeError(f"T.lstsq takes a matrix and a vector or matrix, not {a.describe()}, {b.describe()}")
    least = float(np.finfo(a.dtype).eps) * cast(max_(_stacked(shape_i(a, 0), shape_i(a, 1))), a.dtype)
    if rcond is None:
        rcond = least
    else:
        rcond = cast(as_variable(rcond), a.dtype)
        # as LAPACK: what is no share counts as not given
        rcond = switch((rcond > 0) & (rcond < 1), rcond, least)
    s = svd(a, compute_uv=False)
    large = s > rcond * max_(s)
    rank = sum_(cast(large, "int64"))
    x = _of_columns(lambda a, b: matmul(pinv(a, rcond), b), a, b)
    left = matmul(a, x) - b
    left = sum_(left * left, axis=0)
    left = left if b.ndim == 2 else dimshuffle(left, "x")
    exact = eq(rank, shape_i(a, 1)) & (shape_i(a, 0) > shape_i(a, 1))
    residuals = index(left, slice(None, switch(exact, shape_i(left, 0), 0)))
    return x, residuals, rank, s


def _stacked(*scalars: Variable) -> Variable:
    return as_variable(list(scalars))


def expm(a: Any) -> Variable:
    """The exponential of square matrices; its gradient is that of Higham, Functions of Matrices (2008), 3.2:
    a block of the exponential of a matrix twice as long."""
    a = as_matrices(a, "T.expm")
    return OwnGradient("exponential").make(lapack.Exponential().make(a), a)


@gradient_rule
def exponential(_o: Variable, g: Variable, a: Variable) -> list[Variable]:
    t, last = transposed(a), a.ndim - 1
    above = concatenate([t, g], axis=last)
    below = concatenate([t * 0, t], axis=last)
    n = shape_i(a, -1)
    both = expm(concatenate([above, below], axis=last - 1))
    return [index(both, (..., slice(None, n), slice(n, None)))]


# diagonals, products and norms


def diagonal_of(a: Variable) -> Variable:
    """The diagonals of square matrices."""
    i = arange(shape_i(a, -1))
    return index(a, (..., i, i))


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


def trace(a: Any) -> Variable:
    """The sums of the diagonals of matrices."""
    a = as_variable(a)
    if a.ndim < 2:
        raise ShapeError(f"T.trace takes a matrix, not {a.describe()}")
    from .elementwise import minimum

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
    a, b = _together(a, b, "T.tensorsolve")
    if axes is not None:
        moved = [k % a.ndim for k in axes]
        a = dimshuffle(a, *(k for k in range(a.ndim) if k not in moved), *moved)
    lengths = [shape_i(a, k) for k in range(b.ndim, a.ndim)]
    n = prod(_stacked(*lengths)) if len(lengths) > 1 else lengths[0]
    x = solve(reshape(a, (shape_i(b.flatten(), 0), n), ndim=2), b.flatten())
    return reshape(x, lengths, ndim=len(lengths))


def tensorinv(a: Any, ind: int = 2) -> Variable:
    """The inverse of ``a`` for ``tensordot(a, b, ind)``, whose first ``ind`` axes and others have the same
    product of lengths."""
    a = as_matrices(a, "T.tensorinv")
    if ind <= 0:
        raise ValueError("T.tensorinv: ind must be positive")
    lengths = [shape_i(a, k) for k in range(a.ndim)]
    n = prod(_stacked(*lengths[:ind])) if ind > 1 else lengths[0]
    flat = reshape(a, (n, -1), ndim=2)
    return reshape(matrix_inverse(flat), [*lengths[ind:], *lengths[:ind]], ndim=a.ndim)


def _regular(*shape: int) -> np.ndarray:
    """Matrices that are far from singular, and whose singular values are apart."""
    random = np.random.RandomState(sum(shape))
    n = max(shape[-2:])
    return (
        random.uniform(-0.5, 0.5, shape)
        + (np.diag(np.arange(1.0, n + 1)) + np.eye(n))[: shape[-2], : shape[-1]]
    )


def _row_of(*shape: int) -> np.ndarray:
    return np.random.RandomState(7 + sum(shape)).uniform(-1, 1, shape)


def _positive(x: Variable) -> Variable:
    return matmul(x, transposed(x)) + _identity(x)


def _same_sign(v: Variable) -> Variable:
    """Columns, which are known but for their sign, with a positive sum of their elements' cubes."""
    total = sum_(v**3, axis=-2, keepdims=True)
    return v * switch(total < 0, -1, 1)


def _register(function: Callable, *cases: tuple) -> None:
    """Of the gradients of the cases behind None only the first order is tried, and not on all backends."""
    until = cases.index(None) if None in cases else len(cases)
    register(
        function.__name__,
        function,
        lambda: [
            Sample(case[0], case[1:], differentiable=k < until and function is not eig)
            for k, case in enumerate(case for case in cases if case is not None)
        ],
        function.__doc__ or "",
    )


for _function, _cases in {
    solve: [
        (solve, _regular(3, 3), _row_of(3)),
        (lambda a, b: solve(a, b), _regular(2, 3, 3), _row_of(3, 2)),
        (lambda a, b: solve(a.T, b) * 2, _regular(3, 3), _row_of(2, 3, 2)),
        (solve, np.zeros((0, 0)), np.zeros((0, 2))),
    ],
    solve_triangular: [
        (lambda a, b: solve_triangular(a, b, lower=True), _regular(3, 3), _row_of(3, 2)),
        (lambda a, b: solve_triangular(a, b, trans=True), _regular(2, 3, 3), _row_of(2, 3, 2)),
        (lambda a, b: solve_triangular(a, b, True, True, True), _regular(3, 3), _row_of(3)),
        (lambda a, b: solve_triangular(a, b, unit_diagonal=True), _regular(3, 3), _row_of(3, 1)),
    ],
    matrix_inverse: [(matrix_inverse, _regular(3, 3)), (matrix_inverse, _regular(2, 2, 2))],
    det: [(det, _regular(3, 3)), (det, -_regular(2, 3, 3)[..., ::-1]), (det, np.zeros((0, 0)))],
    slogdet: [(slogdet, _regular(3, 3)), (slogdet, -_regular(2, 3, 3))],
    matrix_power: [
        (lambda a: matrix_power(a, 3), _regular(3, 3)),
        (lambda a: matrix_power(a, -2), _regular(2, 2)),
    ],
    matrix_dot: [(matrix_dot, _row_of(2, 3), _row_of(3, 2), _row_of(2, 2))],
    cholesky: [
        (lambda x: cholesky(_positive(x)), _regular(3, 3)),
        (lambda x: cholesky(_positive(x), lower=False, on_error="nan"), _regular(2, 2, 2)),
    ],
    qr: [
        (qr, _regular(3, 2)),
        None,
        (lambda a: qr(a, "r"), _regular(2, 3, 4)),
    ],
    eigh: [
        (lambda a: eigh(a)[0], _regular(3, 3)),
        (lambda a: _same_sign(eigh(a, "U")[1]), _regular(2, 3, 3)),
    ],
    eigvalsh: [
        (lambda a, b: eigvalsh(a, _positive(b)), _regular(3, 3), _regular(3, 3)),
        (lambda a: eigvalsh(a, lower=False), _regular(2, 2)),
    ],
    svd: [
        (lambda a: svd(a, compute_uv=False), _regular(3, 2)),
        (lambda a: [_same_sign(svd(a, False)[0]), svd(a, False)[1]], _regular(2, 4, 3)),
        (lambda a: _same_sign(transposed(svd(a, False)[2])), _regular(3, 4)),
    ],
    eig: [
        (eig, _regular(3, 3)),
        (lambda a: eig_complex(a), np.array([[[1.0, 2.0], [-3.0, 0.5]], [[1.0, 0.0], [2.0, 3.0]]])),
    ],
    pinv: [(pinv, _regular(4, 3)), (pinv, _regular(2, 2, 3))],
    lstsq: [
        (lambda a, b: lstsq(a, b)[:2], _regular(4, 2), _row_of(4, 3)),
        None,
        (lambda a, b: lstsq(a, b)[0], _regular(4, 2), _row_of(4)),
    ],
    expm: [(expm, _row_of(3, 3)), (lambda a: expm(a), 4 * _row_of(2, 2, 2))],
    kron: [(kron, _row_of(2, 3), _row_of(3, 2)), (kron, _row_of(2), _row_of(3, 2))],
    matrix_norm: [
        (lambda x: [matrix_norm(x, o) for o in (None, "inf", -np.inf, 1, -1, 2, -2, "nuc")], _regular(3, 3)),
        (lambda x: [matrix_norm(x, o) for o in (None, np.inf, "-inf", 1, 3)], _row_of(4)),
    ],
    trace: [(trace, _row_of(3, 2)), (trace, _row_of(2, 3, 3))],
    tensorsolve: [
        (tensorsolve, _regular(6, 6).reshape(2, 3, 3, 2), _row_of(2, 3)),
        (lambda a, b: tensorsolve(a, b, (0,)), _regular(4, 4).reshape(4, 2, 2), _row_of(2, 2)),
    ],
    tensorinv: [
        (tensorinv, _regular(6, 6).reshape(2, 3, 6)),
        (lambda a: tensorinv(a, 1), _regular(4, 4).reshape(4, 2, 2)),
    ],
}.items():
    _register(_function, *_cases)
