"""Systems of linear equations, inverses, determinants and powers of square matrices.

Everything takes stacks of matrices, as NumPy's linear algebra: the last two axes are rows and columns.  The
gradients are those of Giles, An extended collection of matrix derivative results (2008), unless said.
Integers become floatX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Variable
from . import factorizations as lapack
from .barriers import OwnGradient, gradient_rule
from .complex_factors import complex_det, complex_slogdet
from .complex_matrices import as_real, columns_as_real, columns_of_real, complex_matrices, of_real
from .create import arange
from .elementwise import abs_, cast, log, lt, neq, sum_to_shape_of
from .factorizations import answered
from .index import index
from .linalg import matmul
from .matrix_arguments import (
    SINGULAR,
    as_matrices,
    diagonal_of,
    identity_like,
    lower_triangle,
    of_one_dtype,
    of_one_stack,
    transposed,
    upper_triangle,
)
from .matrix_samples import register_cases, regular, uniform_of
from .op import as_variable
from .reduce import all as all_
from .reduce import prod
from .reduce import sum as sum_
from .shape import broadcast_to, dimshuffle, shape_i


def _solved(a: Variable, b: Variable, is_transposed: bool) -> Variable:
    lu, pivots, failed = lapack.LU().make(a)
    lu = answered(lu, failed, SINGULAR)
    lu_, b_ = of_one_stack(lu, b)
    pivots_ = pivots
    if lu_ is not lu:
        pivots_ = broadcast_to(pivots, [shape_i(lu_, k) for k in range(lu_.ndim - 1)])
    x = lapack.LUSolve(is_transposed).make(lu_, pivots_, b_)
    return OwnGradient("solved", is_transposed).make(x, a, b)


@gradient_rule
def solved(x: Variable, g: Variable, a: Variable, b: Variable, is_transposed: bool) -> list[Variable]:
    by_b = _solved(a, g, not is_transposed)
    by_a = -matmul(x, transposed(by_b)) if is_transposed else -matmul(by_b, transposed(x))
    return [sum_to_shape_of(by_a, a), sum_to_shape_of(by_b, b)]


def of_columns(function: Callable, a: Variable, b: Variable) -> Variable:
    """A function of matrices b, also where b is one vector."""
    if b.ndim > 1:
        return function(a, b)
    x = function(a, dimshuffle(b, 0, "x"))
    return dimshuffle(x, *range(x.ndim - 1)) if x.type.shape[-1] == 1 else index(x, (..., 0))


def solve(a: Any, b: Any) -> Variable:
    """x of ``a``·x = ``b``, for a vector or a matrix b (or stacks of matrices), by LU factors with pivoting.

    Errors: ShapeError for what does not fit, LinAlgError at the call for a singular matrix.
    """
    both = complex_matrices(a, b, what="T.solve")
    if both is not None:
        return columns_of_real(solve(as_real(both[0]), columns_as_real(both[1])))
    a, b = of_one_dtype(a, b, "T.solve")
    return of_columns(lambda a, b: _solved(a, b, False), a, b)


def _triangular(a: Variable, b: Variable, lower: bool, trans: bool, unit: bool) -> Variable:
    a_, b_ = of_one_stack(a, b)
    x, failed = lapack.TriangularSolve(lower, trans, unit).make(a_, b_)
    x = answered(x, failed, f"{SINGULAR}: a number on the diagonal is 0")
    return OwnGradient("triangular", lower, trans, unit).make(x, a, b)


@gradient_rule
def triangular(
    x: Variable, g: Variable, a: Variable, b: Variable, lower: bool, trans: bool, unit: bool
) -> list[Variable]:
    by_b = _triangular(a, g, lower, not trans, unit)
    by_a = -matmul(x, transposed(by_b)) if trans else -matmul(by_b, transposed(x))
    by_a = lower_triangle(by_a, -1 if unit else 0) if lower else upper_triangle(by_a)
    if unit and not lower:
        by_a = by_a * (1 - identity_like(by_a))
    return [sum_to_shape_of(by_a, a), sum_to_shape_of(by_b, b)]


def solve_triangular(
    a: Any, b: Any, lower: bool = False, trans: bool = False, unit_diagonal: bool = False
) -> Variable:
    """x of ``a``·x = ``b`` (``trans``: aᵀ·x = b) for triangular ``a``, whose other triangle is not read.

    ``unit_diagonal``: the diagonal is 1 and not read, either. Errors: as ``solve``.
    """
    a, b = of_one_dtype(a, b, "T.solve_triangular")
    return of_columns(lambda a, b: _triangular(a, b, bool(lower), bool(trans), bool(unit_diagonal)), a, b)


def matrix_inverse(a: Any) -> Variable:
    """The inverses of square matrices. Errors: LinAlgError at the call for a singular one."""
    given = complex_matrices(a, what="T.matrix_inverse")
    if given is not None:
        return of_real(matrix_inverse(as_real(given[0])))
    a = as_matrices(a, "T.matrix_inverse")
    return _solved(a, identity_like(a), False)


def _signs(lu: Variable, pivots: Variable) -> Variable:
    """Of the determinant 1, -1 or 0, from the factors."""
    n = arange(shape_i(pivots, -1)) + 1
    diagonal = diagonal_of(lu)
    negative = sum_(neq(pivots, n), axis=-1) + sum_(lt(diagonal, 0), axis=-1)
    sign = cast(1 - 2 * (negative % 2), lu.dtype)
    return sign * cast(all_(neq(diagonal, 0), axis=-1), lu.dtype)


def det(a: Any) -> Variable:
    """The determinants of square matrices."""
    given = complex_matrices(a, what="T.det")
    if given is not None:
        return complex_det(given[0])
    a = as_matrices(a, "T.det")
    lu, pivots, _ = lapack.LU().make(a)
    value = _signs(lu, pivots) * prod(abs_(diagonal_of(lu)), axis=-1)
    return OwnGradient("determinant").make(value, a)


@gradient_rule
def determinant(o: Variable, g: Variable, a: Variable) -> list[Variable]:
    return [as_scalars(g * o) * transposed(matrix_inverse(a))]


def as_scalars(v: Variable) -> Variable:
    """Numbers, one a matrix, to multiply matrices with."""
    return dimshuffle(v, *range(v.ndim), "x", "x")


def slogdet(a: Any) -> tuple[Variable, Variable]:
    """The signs of the determinants, and the logarithms of their absolute values: (0, -inf) of a singular
    matrix.  Of complex matrices the signs are numbers of absolute value 1, and there is no gradient."""
    given = complex_matrices(a, what="T.slogdet")
    if given is not None:
        return complex_slogdet(given[0])
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
    return [as_scalars(g) * transposed(matrix_inverse(a))]


def matrix_power(a: Any, n: int) -> Variable:
    """Square matrices to the power of a whole number: by squaring; of a negative one by the inverse."""
    a, n = as_variable(a), int(n)
    if a.ndim < 2:
        raise ShapeError(f"T.matrix_power takes matrices, not {a.describe()}")
    rows, columns = a.type.shape[-2:]
    if None not in (rows, columns) and rows != columns:
        raise ShapeError(f"T.matrix_power: {a.describe()} must hold square matrices")
    if n == 0:
        return broadcast_to(identity_like(a), [shape_i(a, k) for k in range(a.ndim)])
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


for _function, _cases in {
    solve: [
        (solve, regular(3, 3), uniform_of(3)),
        (lambda a, b: solve(a, b), regular(2, 3, 3), uniform_of(3, 2)),
        (lambda a, b: solve(a.T, b) * 2, regular(3, 3), uniform_of(2, 3, 2)),
        (solve, np.zeros((0, 0)), np.zeros((0, 2))),
    ],
    solve_triangular: [
        (lambda a, b: solve_triangular(a, b, lower=True), regular(3, 3), uniform_of(3, 2)),
        (lambda a, b: solve_triangular(a, b, trans=True), regular(2, 3, 3), uniform_of(2, 3, 2)),
        (lambda a, b: solve_triangular(a, b, True, True, True), regular(3, 3), uniform_of(3)),
        (lambda a, b: solve_triangular(a, b, unit_diagonal=True), regular(3, 3), uniform_of(3, 1)),
    ],
    matrix_inverse: [(matrix_inverse, regular(3, 3)), (matrix_inverse, regular(2, 2, 2))],
    det: [(det, regular(3, 3)), (det, -regular(2, 3, 3)[..., ::-1]), (det, np.zeros((0, 0)))],
    slogdet: [(slogdet, regular(3, 3)), (slogdet, -regular(2, 3, 3))],
    matrix_power: [
        (lambda a: matrix_power(a, 3), regular(3, 3)),
        (lambda a: matrix_power(a, -2), regular(2, 2)),
    ],
    matrix_dot: [(matrix_dot, uniform_of(2, 3), uniform_of(3, 2), uniform_of(2, 2))],
}.items():
    register_cases(_function, *_cases)
