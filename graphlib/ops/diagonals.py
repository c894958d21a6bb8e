"""Diagonals of matrices, and what is below and above one."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..graph import Variable
from ..graph.types import dtype_name
from .create import arange, zeros
from .elementwise import cast, ge, minimum, switch
from .index import index
from .op import NUMBERS, as_variable, ramp, register_cases
from .shape import dimshuffle, shape_i
from .write import set_subtensor


def diag(x: Any, k: int = 0) -> Variable:
    """Diagonal ``k`` of a matrix; of a vector the matrix that has it there."""
    x = as_variable(x)
    if x.ndim == 2:
        rows, columns = shape_i(x, 0), shape_i(x, 1)
        n = minimum(rows, columns - k) if k >= 0 else minimum(rows + k, columns)
        i = arange(n)
        return index(x, (i + max(-k, 0), i + max(k, 0)))
    if x.ndim != 1:
        raise ShapeError(f"T.diag takes a vector or a matrix, not {x.describe()}")
    i, n = arange(shape_i(x, 0)), shape_i(x, 0) + abs(k)
    return set_subtensor(index(zeros((n, n), x.dtype), (i + max(-k, 0), i + max(k, 0))), x)


def tri(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Variable:
    """Ones on and below diagonal ``k``, zeros above."""
    return cast(_on_or_below(n, n if m is None else m, k), dtype_name(dtype or "floatX"))


def _on_or_below(n: Any, m: Any, k: int) -> Variable:
    """Whether a place of an (n, m) matrix is on or below diagonal ``k``."""
    return ge(dimshuffle(arange(n), 0, "x") + k, dimshuffle(arange(m), "x", 0))


def tril(x: Any, k: int = 0) -> Variable:
    """Matrices with zeros above diagonal ``k``. Errors: ShapeError for what has no two axes."""
    x = as_variable(x)
    return switch(_below(x, k, "T.tril"), x, 0)


def triu(x: Any, k: int = 0) -> Variable:
    """Matrices with zeros below diagonal ``k``. Errors: ShapeError for what has no two axes."""
    x = as_variable(x)
    return switch(_below(x, k - 1, "T.triu"), 0, x)


def _below(x: Variable, k: int, what: str) -> Variable:
    """Whether a place of each matrix of a stack is on or below diagonal ``k``."""
    if x.ndim < 2:
        raise ShapeError(f"{what} takes a matrix, not {x.describe()}")
    below = _on_or_below(shape_i(x, -2), shape_i(x, -1), k)
    return dimshuffle(below, *["x"] * (x.ndim - 2), 0, 1) if x.ndim > 2 else below


register_cases(
    "diag",
    diag,
    [
        (lambda x: diag(x), (ramp(3, 4),)),
        (lambda x: diag(x, -1), (ramp(3),)),
        (lambda x: diag(x, 1), (ramp(3, 4),)),
    ],
    NUMBERS,
)
register_cases(
    "tril",
    tril,
    [(lambda x: tril(x, 1), (ramp(3, 4),)), (lambda x: triu(x), (ramp(3, 4),))],
    ("float32", "float64"),
)
