"""``theano.tensor.slinalg``: classes of operations, which graphlib has as functions."""

from __future__ import annotations

from typing import Any

from ...graph import Variable
from ...ops import decompositions, matrices, systems
from .nlinalg import operation, refused_gradient
from .tensor import NoneConstant

MATRIX_STRUCTURES = (
    "general",
    "symmetric",
    "lower_triangular",
    "upper_triangular",
    "hermitian",
    "banded",
    "diagonal",
    "toeplitz",
)


def _solve(
    a: Any,
    b: Any,
    A_structure: str = "general",
    lower: bool = False,
    overwrite_A: bool = False,
    overwrite_b: bool = False,
) -> Variable:
    if A_structure in ("lower_triangular", "upper_triangular"):
        return systems.solve_triangular(a, b, lower=A_structure == "lower_triangular")
    return systems.solve(a, b)


class Solve(operation("Solve", _solve)):
    """``Solve(A_structure='general')(A, b)``. Errors: ValueError for a structure that is none."""

    def __init__(self, A_structure: str = "general", *settings: Any, **named: Any) -> None:
        if A_structure not in MATRIX_STRUCTURES:
            raise ValueError("Invalid matrix structure argument", A_structure)
        super().__init__(A_structure, *settings, **named)


class Cholesky(operation("Cholesky", decompositions.cholesky, 2)):
    """``Cholesky(lower=True, on_error='raise')(x)``. Errors: ValueError for another ``on_error``."""

    def __init__(self, lower: bool = True, on_error: str = "raise") -> None:
        if on_error not in ("raise", "nan"):
            raise ValueError('on_error must be one of "raise" or ""nan"')
        super().__init__(lower=lower, on_error=on_error)


Expm = operation("Expm", decompositions.expm, 2)


def _eigvalsh(a: Any, b: Any, lower: bool = True) -> Variable:
    return decompositions.eigvalsh(a, None if isinstance(b, NoneConstant) else b, lower)


def eigvalsh(a: Any, b: Any, lower: bool = True) -> Variable:
    """Eigenvalues of a·v = w b·v for symmetric matrices; ``b`` None or ``NoneConst``: of a alone."""
    return _eigvalsh(a, b, lower)


CholeskyGrad, EigvalshGrad, ExpmGrad = map(refused_gradient, ("CholeskyGrad", "EigvalshGrad", "ExpmGrad"))


Eigvalsh = operation("Eigvalsh", _eigvalsh)


def kron(a: Any, b: Any) -> Variable:
    """The Kronecker product. Errors: TypeError unless there are three dimensions together."""
    from ...ops.op import as_variable

    a, b = as_variable(a), as_variable(b)
    if a.ndim + b.ndim <= 2:
        raise TypeError(
            f"kron: inputs dimensions must sum to 3 or more. You passed {a.ndim:d} and {b.ndim:d}."
        )
    return matrices.kron(a, b)


__all__ = [
    "MATRIX_STRUCTURES",
    "Cholesky",
    "CholeskyGrad",
    "Eigvalsh",
    "EigvalshGrad",
    "Expm",
    "ExpmGrad",
    "Solve",
    "eigvalsh",
    "kron",
]
