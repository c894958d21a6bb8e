"""Complex matrices as real ones twice as long, ((re, -im), (im, re)): products, inverses and exponentials of
these are those of the complex ones."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..graph import Variable
from ..graph.types import promote
from .complex_numbers import complex_, imag, real
from .elementwise import cast
from .index import index
from .join import concatenate
from .op import as_variable
from .shape import shape_i


def complex_matrices(*operands: Any, what: str) -> list[Variable] | None:
    """The operands in a common complex dtype; None where none is complex.

    Errors: ShapeError where the first is no matrix.
    """
    made = [as_variable(v) for v in operands]
    if not any(v.type.is_complex for v in made):
        return None
    if made[0].ndim < 2:
        raise ShapeError(f"{what} takes matrices, not {made[0].describe()}")
    dtype = promote([v.dtype for v in made])
    return [v if v.dtype == dtype else cast(v, dtype) for v in made]


def as_real(a: Variable) -> Variable:
    """The matrices twice as long."""
    re, im, last = real(a), imag(a), a.ndim - 1
    return concatenate([concatenate([re, -im], last), concatenate([im, re], last)], last - 1)


def columns_as_real(b: Variable) -> Variable:
    """What such a matrix multiplies: the real parts above the imaginary ones."""
    return concatenate([real(b), imag(b)], 0 if b.ndim == 1 else b.ndim - 2)


def columns_of_real(x: Variable) -> Variable:
    """Complex columns (or a vector) of their real parts above their imaginary ones."""
    if x.ndim == 1:
        n = shape_i(x, 0) // 2
        return complex_(x[:n], x[n:])
    n = shape_i(x, -2) // 2
    return complex_(*(index(x, (..., part, slice(None))) for part in (slice(None, n), slice(n, None))))


def of_real(x: Variable) -> Variable:
    """The complex matrices of those that are twice as long."""
    return columns_of_real(index(x, (..., slice(None, shape_i(x, -1) // 2))))
