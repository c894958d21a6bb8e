"""``T.slinalg``: linear algebra that SciPy has, under Theano's names."""

from __future__ import annotations

from typing import Any

from ..graph import Variable
from ..ops.decompositions import cholesky, eigvalsh, expm
from ..ops.matrices import kron
from ..ops.systems import solve, solve_triangular

solve_symmetric = solve


def solve_lower_triangular(a: Any, b: Any) -> Variable:
    """x of ``a``·x = ``b`` by the lower triangle of ``a``."""
    return solve_triangular(a, b, lower=True)


def solve_upper_triangular(a: Any, b: Any) -> Variable:
    """x of ``a``·x = ``b`` by the upper triangle of ``a``."""
    return solve_triangular(a, b)


__all__ = [
    "cholesky",
    "eigvalsh",
    "expm",
    "kron",
    "solve",
    "solve_lower_triangular",
    "solve_symmetric",
    "solve_triangular",
    "solve_upper_triangular",
]
