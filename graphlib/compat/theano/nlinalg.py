"""``theano.tensor.nlinalg``: classes of operations, which graphlib has as functions, and what Theano takes
otherwise."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph import Variable
from ...graph.substitution import note_written
from ...graph.types import promote
from ...ops import decompositions, matrices, systems
from ...ops.diagonals import diag as _diag
from ...ops.elementwise import cast
from ...ops.linalg import dot
from ...ops.op import as_variable
from .own_ops import Raise


def operation(name: str, function: Callable, dimensions: int | None = None) -> type:
    """A class of which an instance is the function with the instance's settings; one of another number of
    dimensions is an AssertionError, as in Theano."""

    class Operation:
        """An operation of Theano's: calling it applies it."""

        def __init__(self, *settings: Any, **named: Any) -> None:
            self.settings, self.named = settings, named

        def __call__(self, *operands: Any) -> Any:
            for v in map(as_variable, operands):
                assert dimensions in (None, v.ndim), f"{name} takes {dimensions} dimensions: {v.describe()}"
            return function(*operands, *self.settings, **self.named)

        def __eq__(self, other: object) -> bool:
            return type(self) is type(other) and (self.settings, self.named) == (other.settings, other.named)

        def __hash__(self) -> int:
            return hash((name, self.settings, *sorted(self.named.items())))

    Operation.__name__ = Operation.__qualname__ = name
    return Operation


def alloc_diag(x: Any) -> Variable:
    """The matrix with a vector on its diagonal. Errors: TypeError for what is no vector."""
    x = as_variable(x)
    if x.ndim != 1:
        raise TypeError(f"AllocDiag only works on vectors, not {x.describe()}")
    return _diag(x)


def extract_diag(x: Any) -> Variable:
    """A matrix's diagonal. Errors: TypeError for what is no matrix."""
    x = as_variable(x)
    if x.ndim != 2:
        raise TypeError(f"ExtractDiag takes a matrix, not {x.describe()}")
    return _diag(x)


def diag(x: Any) -> Variable:
    """``alloc_diag`` of a vector, ``extract_diag`` of a matrix. Errors: TypeError for anything else."""
    return alloc_diag(x) if as_variable(x).ndim == 1 else extract_diag(x)


def trace(X: Any) -> Variable:
    """The sum of a matrix's diagonal."""
    return extract_diag(X).sum()


def norm(x: Any, ord: Any) -> Variable:
    """As graphlib's; more than two axes are a NotImplementedError."""
    x = as_variable(x)
    if x.ndim > 2:
        raise NotImplementedError("We don't support norm with ndim > 2")
    return matrices.matrix_norm(x, ord)


class lstsq(operation("lstsq", decompositions.lstsq)):
    """``lstsq()(x, y, rcond)`` is (solution, residuals, rank, singular values)."""

    def __call__(self, x: Any, y: Any, rcond: Any) -> Any:
        x, y, rcond = builtins.map(as_variable, (x, y, rcond))
        if rcond.ndim or x.ndim != 2:
            from ...errors import LinAlgError

            # at the call, as in Theano
            wrong = f"lstsq takes a matrix and a number rcond: {x.describe()}, {rcond.describe()}"
            made = [Raise(wrong, LinAlgError)(v) for v in (x, x, rcond, x)]
            note_written(made, [x, y, rcond])
            return made
        return super().__call__(x, y, rcond)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Variable:
    """As graphlib's, in Theano's dtype: float64 for integers."""
    return matrices.tensorsolve(*_upcast(a, b), axes)


def _upcast(a: Any, b: Any) -> tuple[Variable, Variable]:
    a, b = as_variable(a), as_variable(b)
    dtype = promote([a.dtype, b.dtype])
    if dtype != "float32" or not (a.type.is_float and b.type.is_float):
        dtype = "float64"
    return cast(a, dtype), cast(b, dtype)


def refused_gradient(name: str) -> type:
    """Theano's operation of a gradient, which graphlib has as an expression: calling it says so."""

    def refused(*_: Any) -> Any:
        raise NotImplementedError(f"graphlib has no {name}: T.grad makes gradients of other operations")

    return operation(name, refused)


def _zero_disconnected(outputs: Any, grads: Any) -> list:
    """Zeros for gradients that are None."""
    return [o.zeros_like() if g is None else g for o, g in zip(outputs, grads, strict=True)]


EighGrad = refused_gradient("EighGrad")
MatrixInverse = operation("MatrixInverse", systems.matrix_inverse, 2)
MatrixPinv = operation("MatrixPinv", decompositions.pinv, 2)
Det = operation("Det", systems.det, 2)
Eig = operation("Eig", decompositions.eig, 2)
Eigh = operation("Eigh", decompositions.eigh, 2)
SVD = operation("SVD", decompositions.svd, 2)
QRFull = QRIncomplete = operation("QRFull", decompositions.qr, 2)
AllocDiag = operation("AllocDiag", alloc_diag)
ExtractDiag = operation("ExtractDiag", extract_diag)
TensorInv = operation("TensorInv", matrices.tensorinv)
TensorSolve = operation("TensorSolve", tensorsolve)

# Theano's are instances of these, so that a class may have them as attributes
matrix_inverse, pinv, det, eig = MatrixInverse(), MatrixPinv(), Det(), Eig()


def spectral_radius_bound(X: Any, log2_exponent: int) -> Variable:
    """An upper bound of the largest eigenvalue of a symmetric positive definite matrix: the trace of X to the
    power n, to the power 1 / n, where n is 2 ** ``log2_exponent``. Errors: TypeError, ValueError."""
    x = as_variable(X)
    if x.ndim != 2:
        raise TypeError(f"spectral_radius_bound takes a matrix, not {x.describe()}")
    if not isinstance(log2_exponent, (int, np.integer)):
        raise TypeError(f"spectral_radius_bound: log2_exponent is an integer, not {log2_exponent!r}")
    if log2_exponent <= 0:
        raise ValueError(f"spectral_radius_bound: log2_exponent is above 0, not {log2_exponent}")
    for _ in range(log2_exponent):
        x = dot(x, x)
    return matrices.trace(x) ** (2.0**-log2_exponent)


__all__ = [
    "SVD",
    "AllocDiag",
    "Det",
    "Eig",
    "Eigh",
    "EighGrad",
    "ExtractDiag",
    "MatrixInverse",
    "MatrixPinv",
    "QRFull",
    "QRIncomplete",
    "TensorInv",
    "TensorSolve",
    "alloc_diag",
    "det",
    "diag",
    "eig",
    "extract_diag",
    "lstsq",
    "matrix_inverse",
    "norm",
    "pinv",
    "spectral_radius_bound",
    "tensorsolve",
    "trace",
]
