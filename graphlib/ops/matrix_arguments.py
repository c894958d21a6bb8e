"""What functions of matrices take and are made of: stacks of matrices in one dtype, triangles, rows."""

from __future__ import annotations

from typing import Any

from ..configuration import config
from ..errors import ShapeError
from ..graph import Variable
from ..graph.types import promote
from .create import arange, eye
from .elementwise import cast, ge, switch
from .index import index
from .op import as_variable
from .shape import broadcast_to, dimshuffle, shape_i, swapaxes

SINGULAR = "the matrix is singular"


def as_matrices(a: Any, what: str, least: int = 2) -> Variable:
    """``a`` in a floating dtype. Errors: ShapeError unless it has at least ``least`` dimensions."""
    a = as_variable(a)
    if a.ndim < least:
        raise ShapeError(f"{what} takes matrices, not {a.describe()}")
    return a if a.type.is_inexact else cast(a, config.floatX)


def of_one_dtype(a: Any, b: Any, what: str) -> tuple[Variable, Variable]:
    a, b = as_variable(a), as_variable(b)
    dtype = promote([a.dtype, b.dtype])
    dtype = dtype if dtype.startswith("float") else config.floatX
    return as_matrices(cast(a, dtype), what), as_matrices(cast(b, dtype), what, 1)


def transposed(a: Variable) -> Variable:
    """Each matrix transposed."""
    return swapaxes(a, -1, -2)


def as_row(v: Variable) -> Variable:
    """Vectors as rows, to multiply the columns of matrices with."""
    return dimshuffle(v, *range(v.ndim - 1), "x", v.ndim - 1)


def lower_triangle(a: Variable, k: int = 0) -> Variable:
    """Each matrix with zeros above diagonal ``k``."""
    below = ge(dimshuffle(arange(shape_i(a, -2)), 0, "x") + k, dimshuffle(arange(shape_i(a, -1)), "x", 0))
    return switch(below, a, 0)


def upper_triangle(a: Variable) -> Variable:
    return transposed(lower_triangle(transposed(a)))


def identity_like(a: Variable) -> Variable:
    """The identity of as many rows as matrices have, of their dtype."""
    n = a.type.shape[-1]
    return eye(shape_i(a, -1) if n is None else n, dtype=a.dtype)


def triangle_of(g: Variable, lower: bool) -> Variable:
    """The gradient by the one triangle of a symmetric matrix that is read."""
    both = g + transposed(g)
    both = both - both * identity_like(g) / 2
    return lower_triangle(both) if lower else upper_triangle(both)


def of_one_stack(a: Variable, b: Variable, axes_of_a: int = 2) -> tuple[Variable, Variable]:
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


def diagonal_of(a: Variable) -> Variable:
    """The diagonals of square matrices."""
    i = arange(shape_i(a, -1))
    return index(a, (..., i, i))
