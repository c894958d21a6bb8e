"""Factors, determinants and eigenvalues of complex matrices.

Cholesky's and the orthogonal factors are those of real matrices twice as long in which each number z is a
block ((re, -im), (im, re)): they are unique, and so are made of such blocks, too.  Determinants, eigenvalues
and singular values are NumPy's, by a call back into Python, as they were in Theano; of those the determinants
have gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import TensorType, Variable
from ..graph.types import part_dtype
from .complex_numbers import complex_, conj, imag, real
from .elementwise import minimum
from .host import HostOp
from .index import index
from .join import stack
from .matrix_arguments import identity_like, transposed
from .op import NoGradient
from .shape import reshape, shape_of


def as_blocks(a: Variable) -> Variable:
    """The real matrices twice as long."""
    re, im = real(a), imag(a)
    rows = stack([stack([re, -im], axis=a.ndim), stack([im, re], axis=a.ndim)], axis=a.ndim - 1)
    *lead, m, n = shape_of(a)
    return reshape(rows, (*lead, m * 2, n * 2))


def of_blocks(x: Variable) -> Variable:
    """The complex matrices whose blocks these are made of; each block by its first column."""
    return of_columns_of_blocks(index(x, (..., slice(None, None, 2))))


def of_columns_of_blocks(x: Variable) -> Variable:
    """The same of matrices with the first column of each block alone."""
    ahead = (..., slice(0, None, 2), slice(None)), (..., slice(1, None, 2), slice(None))
    return complex_(*(index(x, part) for part in ahead))


def of_hermitian(a: Variable) -> Variable:
    """``as_blocks`` of matrices whose diagonals are real, whatever their imaginary parts are."""
    return as_blocks(complex_(real(a), imag(a) * (1 - identity_like(real(a)))))


def of_rows_of_blocks(x: Variable) -> Variable:
    """The complex matrices of those with the first row (re, -im) of each block alone."""
    parts = (index(x, (..., slice(start, None, 2))) for start in (0, 1))
    re, im = parts
    return complex_(re, -im)


class ByNumPy(HostOp):
    """A function of numpy.linalg on complex matrices; each of its outputs is complex or not, and has these
    axes: "m" and "n", the rows and columns, "k", the fewer of both."""

    def __init__(
        self, name: str, settings: tuple, compute: Callable, outputs: Sequence[tuple[bool, str]]
    ) -> None:
        self.name, self.settings = name, settings
        self._compute, self._outputs = compute, tuple(outputs)

    def parameters(self) -> tuple:
        return self.name, self.settings

    def __repr__(self) -> str:
        return self.name

    def _known(self, a: Variable) -> dict[str, int | None]:
        m, n = a.type.shape[-2:]
        return {"m": m, "n": n, "k": None if m is None or n is None else min(m, n)}

    def types(self, a: Variable) -> list[TensorType]:
        known, lead = self._known(a), a.type.shape[:-2]
        return [
            TensorType(a.dtype if whole else part_dtype(a.dtype), (*lead, *(known[x] for x in axes)))
            for whole, axes in self._outputs
        ]

    def lengths(self, a: Variable) -> list[list[Any]]:
        *lead, m, n = shape_of(a)
        at = {"m": m, "n": n, "k": minimum(m, n)}
        return [[*lead, *(at[x] for x in axes)] for _, axes in self._outputs]

    def compute(self, a: np.ndarray) -> Any:
        from ..errors import LinAlgError

        try:
            return self._compute(a)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(f"{self.name}: {error}") from None

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | NoGradient | None]:
        from .systems import as_scalars, matrix_inverse

        if self.name == "det":
            return [as_scalars(grads[0] * conj(outputs[0])) * conj(transposed(matrix_inverse(inputs[0])))]
        return [NoGradient(f"T.{self.name} of complex matrices has none")]


def complex_det(a: Variable) -> Variable:
    """The determinants."""
    return ByNumPy("det", (), np.linalg.det, [(True, "")])(a)


def complex_slogdet(a: Variable) -> tuple[Variable, Variable]:
    """The determinants over their absolute values, and the logarithms of these."""
    return tuple(ByNumPy("slogdet", (), np.linalg.slogdet, [(True, ""), (False, "")])(a))


def complex_eigh(a: Variable, uplo: str) -> tuple[Variable, Variable]:
    """Eigenvalues, real and ascending, and eigenvectors of hermitian matrices; one triangle is read."""

    def compute(x: np.ndarray) -> Any:
        return np.linalg.eigh(x, uplo)

    return tuple(ByNumPy("eigh", (uplo,), compute, [(False, "m"), (True, "mm")])(a))


def complex_eig(a: Variable) -> tuple[Variable, Variable]:
    """Eigenvalues and right eigenvectors."""
    return tuple(ByNumPy("eig", (), np.linalg.eig, [(True, "m"), (True, "mm")])(a))


def complex_svd(a: Variable, full_matrices: bool, compute_uv: bool) -> Any:
    """u, the singular values, and the conjugate transpose of v; or the singular values alone."""

    def compute(x: np.ndarray) -> Any:
        return np.linalg.svd(x, full_matrices, compute_uv)

    sides = ("mm", "nn") if full_matrices else ("mk", "kn")
    outputs = [(True, sides[0]), (False, "k"), (True, sides[1])] if compute_uv else [(False, "k")]
    found = ByNumPy("svd", (full_matrices, compute_uv), compute, outputs)(a)
    return tuple(found) if compute_uv else found
