"""Factors of matrices, and what is made of them: Cholesky, QR, eigenvalues, singular values, least squares,
the exponential.

They are computed by LAPACK (``factorizations``) and have gradients: see ``systems``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Variable
from . import factorizations as lapack
from .barriers import OwnGradient, gradient_rule
from .complex_factors import (
    as_blocks,
    complex_eig,
    complex_eigh,
    complex_svd,
    of_blocks,
    of_hermitian,
    of_rows_of_blocks,
)
from .complex_matrices import as_real, complex_matrices, of_real
from .create import eye
from .elementwise import cast, eq, switch
from .factorizations import answered
from .index import index
from .join import concatenate
from .linalg import matmul
from .matrix_arguments import (
    as_matrices,
    as_row,
    identity_like,
    lower_triangle,
    of_one_dtype,
    transposed,
    triangle_of,
    upper_triangle,
)
from .matrix_samples import of_one_sign, positive_definite, register_cases, regular, uniform_of
from .op import as_variable
from .reduce import max as max_
from .reduce import sum as sum_
from .shape import dimshuffle, shape_i
from .systems import as_scalars, of_columns, solve_triangular


def cholesky(a: Any, lower: bool = True, on_error: str = "raise") -> Variable:
    """L of ``a`` = L·Lᵀ (or, without ``lower``, U of Uᵀ·U) for positive definite ``a``, of which only that
    triangle is read, so that only it has a gradient (Murray, Differentiation of the Cholesky decomposition,
    2016).

    Errors: LinAlgError at the call for a matrix that is not positive definite; ``on_error='nan'``: the factor
    is NaN then.
    """
    if on_error not in ("raise", "nan"):
        raise ValueError(f"T.cholesky: on_error must be 'raise' or 'nan', not {on_error!r}")
    given = complex_matrices(a, what="T.cholesky")
    if given is not None:
        return of_blocks(cholesky(of_hermitian(given[0]), lower, on_error))
    a = as_matrices(a, "T.cholesky")
    factor, failed = lapack.CholeskyFactor(bool(lower)).make(a)
    if on_error == "raise":
        factor = answered(factor, failed, "the matrix is not positive definite")
    return OwnGradient("cholesky_factor", bool(lower), on_error).make(factor, a)


@gradient_rule
def cholesky_factor(o: Variable, g: Variable, _a: Variable, lower: bool, on_error: str) -> list[Variable]:
    fine = None
    if on_error == "nan":
        fine = as_scalars(eq(o, o).all(axis=(-2, -1)))
        o = switch(fine, o, identity_like(o))
    factor, g = (o, g) if lower else (transposed(o), transposed(g))
    p = lower_triangle(matmul(transposed(factor), g))
    p = p - p * identity_like(p) / 2

    def under(x: Variable) -> Variable:
        return solve_triangular(factor, x, lower=True, trans=True)

    s = under(transposed(under(transposed(p))))
    result = triangle_of(s, lower)
    return [result if fine is None else switch(fine, result, np.nan)]


def qr(a: Any, mode: str = "reduced") -> Any:
    """q with orthonormal columns and upper triangular r, whose product is ``a``, by reflections.

    ``mode`` as numpy.linalg.qr's: 'reduced' (q, r); 'complete', a square q; 'r', r alone; 'raw', LAPACK's own
    (h, tau). Gradients go through q and r of 'reduced' and 'r' (Walter and Lehmann, Algorithmic
    differentiation of linear algebra functions, 2010), for matrices of full rank.
    """
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"T.qr: mode must be 'reduced', 'complete', 'r' or 'raw', not {mode!r}")
    given = complex_matrices(a, what="T.qr")
    if given is not None and mode == "raw":
        raise ValueError("T.qr: mode 'raw' is of real matrices, LAPACK's own form")
    if given is not None:
        *q, r = qr(as_blocks(given[0]), mode) if mode != "r" else [qr(as_blocks(given[0]), mode)]
        r = of_rows_of_blocks(index(r, (..., slice(None, None, 2), slice(None))))
        return (of_blocks(q[0]), r) if q else r
    a = as_matrices(a, "T.qr")
    h, tau = lapack.Reflections().make(a)
    if mode == "raw":
        return h, tau
    whole = transposed(h)
    r = upper_triangle(whole)
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
    m = lower_triangle(m) + transposed(lower_triangle(m, -1))
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
    apart = as_row(w) - dimshuffle(w, *range(w.ndim), "x")
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
    given = complex_matrices(a, what="T.eigh")
    if given is not None and UPLO in ("L", "U"):
        return complex_eigh(given[0], UPLO)
    a = as_matrices(a, "T.eigh")
    if UPLO not in ("L", "U"):
        raise ValueError(f"T.eigh: UPLO must be 'L' or 'U', not {UPLO!r}")
    w, v, failed = lapack.SymmetricEigen(UPLO == "L").make(a)
    w, v = (answered(x, failed, "the eigenvalues were not found") for x in (w, v))
    return OwnGradient("eigh_values", UPLO).make(w, a), OwnGradient("eigh_vectors", UPLO).make(v, a)


@gradient_rule
def eigh_values(_o: Variable, g: Variable, a: Variable, uplo: str) -> list[Variable]:
    v = eigh(a, uplo)[1]
    return [triangle_of(matmul(v * as_row(g), transposed(v)), uplo == "L")]


@gradient_rule
def eigh_vectors(_o: Variable, g: Variable, a: Variable, uplo: str) -> list[Variable]:
    w, v = eigh(a, uplo)
    inner = _differences(w) * matmul(transposed(v), g)
    return [triangle_of(matmul(matmul(v, inner), transposed(v)), uplo == "L")]


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Variable:
    """Eigenvalues of symmetric matrices in ascending order; with ``b``, which is positive definite, those w
    for which a·v = w b·v has a solution."""
    uplo = "L" if lower else "U"
    if b is None and complex_matrices(a, what="T.eigvalsh") is not None:
        return eigh(a, uplo)[0]
    a = as_matrices(a, "T.eigvalsh")
    if b is None:
        return eigh(a, uplo)[0]
    a, b = of_one_dtype(a, b, "T.eigvalsh")
    whole = _symmetric(a, bool(lower))
    factor = cholesky(b, lower)
    if not lower:
        factor = transposed(factor)
    half = solve_triangular(factor, whole, lower=True)
    return eigh(solve_triangular(factor, transposed(half), lower=True), "L")[0]


def _symmetric(a: Variable, lower: bool) -> Variable:
    """The symmetric matrix of which one triangle is given."""
    part = lower_triangle(a) if lower else upper_triangle(a)
    return part + transposed(part) - part * identity_like(a)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """(u, s, vt) with ``a`` = u·diag(s)·vt, singular values s in descending order; s alone without
    ``compute_uv``.

    ``full_matrices``: u and vt are square. Gradients go through s, and through u and vt where those are not
    square by ``full_matrices`` and the singular values differ (Townsend, Differentiating the singular value
    decomposition, 2016). Errors: LinAlgError at the call for a matrix with NaN.
    """
    given = complex_matrices(a, what="T.svd")
    if given is not None:
        return complex_svd(given[0], bool(full_matrices), bool(compute_uv))
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
    return [matmul(u * as_row(g), vt)]


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
    turned = matmul(u, (inner + transposed(inner)) * as_row(s))
    outside = (g - matmul(u, matmul(transposed(u), g))) / as_row(s)
    return matmul(turned + outside, transposed(v))


def eig(a: Any) -> tuple[Variable, Variable]:
    """Eigenvalues and right eigenvectors, as columns, of square matrices, in no order: of real matrices their
    real parts, as Theano's; those of symmetric matrices are ``eigh``'s.

    ``eig_complex`` has the imaginary parts. There is no gradient.
    """
    given = complex_matrices(a, what="T.eig")
    if given is not None:
        return complex_eig(given[0])
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
    given = complex_matrices(a, what="T.pinv")
    if given is not None:
        return of_real(pinv(as_real(given[0]), rcond))
    a = as_matrices(a, "T.pinv")
    u, s, vt = svd(a, full_matrices=False)
    cutoff = (1e-15 if rcond is None else rcond) * max_(s, axis=-1, keepdims=True)
    large = s > cutoff
    inverse = switch(large, 1 / switch(large, s, 1), 0)
    return OwnGradient("pseudo_inverse").make(matmul(transposed(vt) * as_row(inverse), transposed(u)), a)


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
    a, b = of_one_dtype(a, b, "T.lstsq")
    if a.ndim != 2 or b.ndim > 2:
        raise ShapeError(f"T.lstsq takes a matrix and a vector or matrix, not {a.describe()}, {b.describe()}")
    least = float(np.finfo(a.dtype).eps) * cast(max_(stack_scalars(shape_i(a, 0), shape_i(a, 1))), a.dtype)
    if rcond is None:
        rcond = least
    else:
        rcond = cast(as_variable(rcond), a.dtype)
        # as LAPACK: what is no share counts as not given
        rcond = switch((rcond > 0) & (rcond < 1), rcond, least)
    s = svd(a, compute_uv=False)
    large = s > rcond * max_(s)
    rank = sum_(cast(large, "int64"))
    x = of_columns(lambda a, b: matmul(pinv(a, rcond), b), a, b)
    left = matmul(a, x) - b
    left = sum_(left * left, axis=0)
    left = left if b.ndim == 2 else dimshuffle(left, "x")
    exact = eq(rank, shape_i(a, 1)) & (shape_i(a, 0) > shape_i(a, 1))
    residuals = index(left, slice(None, switch(exact, shape_i(left, 0), 0)))
    return x, residuals, rank, s


def stack_scalars(*scalars: Variable) -> Variable:
    return as_variable(list(scalars))


def expm(a: Any) -> Variable:
    """The exponential of square matrices; its gradient is that of Higham, Functions of Matrices (2008), 3.2:
    a block of the exponential of a matrix twice as long."""
    given = complex_matrices(a, what="T.expm")
    if given is not None:
        return of_real(expm(as_real(given[0])))
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


for _function, _cases in {
    cholesky: [
        (lambda x: cholesky(positive_definite(x)), regular(3, 3)),
        (lambda x: cholesky(positive_definite(x), lower=False, on_error="nan"), regular(2, 2, 2)),
    ],
    qr: [
        (qr, regular(3, 2)),
        None,
        (lambda a: qr(a, "r"), regular(2, 3, 4)),
    ],
    eigh: [
        (lambda a: eigh(a)[0], regular(3, 3)),
        (lambda a: of_one_sign(eigh(a, "U")[1]), regular(2, 3, 3)),
    ],
    eigvalsh: [
        (lambda a, b: eigvalsh(a, positive_definite(b)), regular(3, 3), regular(3, 3)),
        (lambda a: eigvalsh(a, lower=False), regular(2, 2)),
    ],
    svd: [
        (lambda a: svd(a, compute_uv=False), regular(3, 2)),
        (lambda a: [of_one_sign(svd(a, False)[0]), svd(a, False)[1]], regular(2, 4, 3)),
        (lambda a: of_one_sign(transposed(svd(a, False)[2])), regular(3, 4)),
    ],
    eig: [
        (eig, regular(3, 3)),
        (lambda a: eig_complex(a), np.array([[[1.0, 2.0], [-3.0, 0.5]], [[1.0, 0.0], [2.0, 3.0]]])),
    ],
    pinv: [(pinv, regular(4, 3)), (pinv, regular(2, 2, 3))],
    lstsq: [
        (lambda a, b: lstsq(a, b)[:2], regular(4, 2), uniform_of(4, 3)),
        None,
        (lambda a, b: lstsq(a, b)[0], regular(4, 2), uniform_of(4)),
    ],
    expm: [(expm, uniform_of(3, 3)), (lambda a: expm(a), 4 * uniform_of(2, 2, 2))],
}.items():
    register_cases(_function, *_cases, differentiable=_function is not eig)
