"""What is computed with sparse matrices.

Products with dense ones and what is done to the kept elements alone costs as much as there are of those; sums
and products of two sparse matrices, slices and stacks go through all elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ....errors import DTypeError, RankError, ShapeError
from ....graph import Variable
from ....graph.types import promote
from ....ops import elementwise as ew
from ....ops.along_axis import cumsum, nonzero
from ....ops.create import zeros
from ....ops.diagonals import diag as diagonal
from ....ops.index import index
from ....ops.join import concatenate
from ....ops.linalg import dot as product
from ....ops.op import as_variable
from ....ops.reduce import sum as sum_
from ....ops.shape import dimshuffle, shape_i, shape_padleft
from ....ops.write import inc_subtensor
from .variable import SparseVariable, as_dtype, as_sparse_or_tensor_variable, as_sparse_variable


def cast(variable: Any, dtype: Any) -> SparseVariable:
    """The same matrix in another dtype; of complex numbers in a real one their real parts."""
    return as_sparse_variable(variable).astype(dtype)


def dense_from_sparse(x: Any) -> Variable:
    """All elements of a sparse matrix."""
    return as_sparse_variable(x).toarray()


def from_dense(x: Any, format: str) -> SparseVariable:
    """The elements of a matrix that are not 0, as a sparse one; a vector or a number is its only row."""
    x = as_variable(x)
    if x.ndim < 2:
        x = shape_padleft(x, 2 - x.ndim)
    if x.ndim != 2:
        raise RankError(f"a sparse matrix cannot be made of {x.describe()}, which has {x.ndim} dimensions")
    if format == "csc":
        return from_dense(x.T, "csr").T
    places = nonzero(x)
    ends = cumsum(sum_(ew.cast(ew.neq(x, 0), "int64"), axis=1))
    indptr = ew.cast(concatenate([np.zeros(1, "int64"), ends]), "int32")
    columns = ew.cast(places[1], "int32")
    parts = index(x, places), columns, indptr, shape_i(x, 0), shape_i(x, 1)
    return SparseVariable("csr", *parts, whole=x)


def csr_from_dense(x: Any) -> SparseVariable:
    """What is not 0 of a matrix, by rows."""
    return from_dense(x, "csr")


def csc_from_dense(x: Any) -> SparseVariable:
    """What is not 0 of a matrix, by columns."""
    return from_dense(x, "csc")


def transpose(x: Any) -> SparseVariable:
    """The transpose, in the other format."""
    return as_sparse_variable(x).T


def neg(x: Any) -> SparseVariable:
    """-x."""
    return -as_sparse_variable(x)


def clean(x: Any) -> SparseVariable:
    """``x`` without kept elements that are 0."""
    x = as_sparse_variable(x)
    return from_dense(x.elements(), x.format)


remove0 = clean


def ensure_sorted_indices(x: Any) -> SparseVariable:
    """``x`` with its elements in order."""
    return clean(x)


def sp_ones_like(x: Any) -> SparseVariable:
    """Ones where elements are kept."""
    x = as_sparse_variable(x)
    return x.with_data(x.data * 0 + 1)


def sp_zeros_like(x: Any) -> SparseVariable:
    """A matrix as large that keeps nothing."""
    x = as_sparse_variable(x)
    return SparseVariable(x.format, x.data[:0], x.indices[:0], x.indptr * 0, x.rows, x.columns)


# products


def structured_dot(x: Any, y: Any) -> Any:
    """The product of a sparse matrix with a dense one (or of a dense one with a sparse one), dense; of two
    sparse ones, sparse.

    The gradient by a sparse matrix is one by its kept elements.
    """
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if not isinstance(x, SparseVariable):
        if not isinstance(y, SparseVariable):
            raise DTypeError("theano.sparse.dot takes at least one sparse matrix; use theano.tensor.dot")
        return structured_dot(y.T, x.T).T
    if isinstance(y, SparseVariable):
        return from_dense(structured_dot(x, y.toarray()), x.format)
    if y.ndim not in (1, 2):
        raise ShapeError(f"theano.sparse.dot takes matrices and vectors, not {y.describe()}")
    dtype = promote([x.dtype, y.dtype])
    data, y = ew.cast(x.data, dtype), ew.cast(y, dtype)
    rows, columns = x.places()
    terms = y[columns] * (data if y.ndim == 1 else dimshuffle(data, 0, "x"))
    shape = (x.rows,) if y.ndim == 1 else (x.rows, shape_i(y, 1))
    return inc_subtensor(zeros(shape, dtype)[rows], terms)


def dot(x: Any, y: Any) -> Any:
    """As ``structured_dot``; but the gradient by what was made of a matrix is by all of its elements."""
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    both = [v for v in (x, y) if isinstance(v, SparseVariable)]
    if all(v.whole is None for v in both) or not both:
        return structured_dot(x, y)
    found = product(_all(x), _all(y))
    return from_dense(found, both[0].format) if len(both) == 2 else found


def true_dot(x: Any, y: Any, grad_preserves_dense: bool = True) -> SparseVariable:
    """The product of two matrices, one of them sparse, as a sparse one."""
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    found = dot(x, y)
    format = next(v.format for v in (x, y) if isinstance(v, SparseVariable))
    return found if isinstance(found, SparseVariable) else from_dense(found, format)


# sums


def sp_sum(x: Any, axis: int | None = None, sparse_grad: bool = False) -> Variable:
    """The sum of all elements, or over rows (axis 0) or columns (1). With ``sparse_grad`` the gradient is by
    kept elements alone. Errors: ValueError for another axis."""
    x = as_sparse_variable(x)
    if axis not in (None, 0, 1):
        raise ValueError(f"sp_sum: axis must be None, 0 or 1, not {axis}")
    if x.whole is not None and not sparse_grad:
        return sum_(x.whole, axis=axis, dtype=x.dtype)
    if axis is None:
        return sum_(x.data, dtype=x.dtype)
    rows, columns = x.places()
    shape, to = ((x.columns,), columns) if axis == 0 else ((x.rows,), rows)
    return inc_subtensor(zeros(shape, x.dtype)[to], x.data)


def _all(x: Any) -> Variable:
    return x.elements() if isinstance(x, SparseVariable) else x


def _added(x: Any, y: Any, function: Callable) -> Any:
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    both = [v for v in (x, y) if isinstance(v, SparseVariable)]
    if not both:
        raise DTypeError("theano.sparse.add and sub take at least one sparse matrix")
    result = function(_all(x), _all(y))
    return from_dense(result, both[0].format) if len(both) == 2 else result


def add(x: Any, y: Any) -> Any:
    """x + y: sparse if both are, else a tensor."""
    return _added(x, y, ew.add)


def sub(x: Any, y: Any) -> Any:
    """x - y: sparse if both are, else a tensor."""
    return _added(x, y, ew.sub)


def mul(x: Any, y: Any) -> SparseVariable:
    """x * y by elements, sparse: those of the other operand count where the sparse one has elements."""
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if not isinstance(x, SparseVariable):
        if not isinstance(y, SparseVariable):
            raise DTypeError("theano.sparse.mul takes at least one sparse matrix")
        x, y = y, x
    if isinstance(y, SparseVariable):
        return from_dense(x.elements() * y.elements(), x.format)
    if y.ndim == 0:
        return x.changed(lambda v: v * y)
    rows, columns = x.places()
    there = y[columns] if y.ndim == 1 else index(y, (rows, columns))
    return x.with_data(x.data * there, None if x.whole is None else x.whole * y)


def _compared(function: Callable, about: str) -> Callable:
    def compare(x: Any, y: Any) -> Any:
        x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
        both = [v for v in (x, y) if isinstance(v, SparseVariable)]
        if not both:
            raise DTypeError(
                "theano.sparse compares at least one sparse matrix; use theano.tensor's functions"
            )
        result = ew.cast(function(_all(x), _all(y)), "uint8")
        return from_dense(result, both[0].format) if len(both) == 2 else result

    compare.__doc__ = f"{about} by elements, 1 or 0 (uint8): sparse if both are, else a tensor."
    return compare


eq, neq = _compared(ew.eq, "x == y"), _compared(ew.neq, "x != y")
lt, le = _compared(ew.lt, "x < y"), _compared(ew.le, "x <= y")
gt, ge = _compared(ew.gt, "x > y"), _compared(ew.ge, "x >= y")


def col_scale(x: Any, s: Any) -> SparseVariable:
    """Each column times an element of a vector."""
    x = as_sparse_variable(x)
    return x.with_data(x.data * as_variable(s)[x.places()[1]])


def row_scale(x: Any, s: Any) -> SparseVariable:
    """Each row times an element of a vector."""
    x = as_sparse_variable(x)
    return x.with_data(x.data * as_variable(s)[x.places()[0]])


def diag(x: Any) -> Variable:
    """The diagonal."""
    return diagonal(as_sparse_variable(x).elements())


def square_diagonal(x: Any) -> SparseVariable:
    """The square matrix with a vector on its diagonal."""
    return from_dense(diagonal(as_variable(x)), "csc")


def _stacked(blocks: Sequence[Any], axis: int, format: str | None, dtype: Any) -> SparseVariable:
    found = concatenate([as_sparse_variable(b).elements() for b in blocks], axis=axis)
    return from_dense(found if dtype is None else as_dtype(found, dtype), format or "csc")


def hstack(blocks: Sequence[Any], format: str | None = None, dtype: Any = None) -> SparseVariable:
    """Sparse matrices side by side, in columns (CSC) unless ``format`` says otherwise."""
    return _stacked(blocks, 1, format, dtype)


def vstack(blocks: Sequence[Any], format: str | None = None, dtype: Any = None) -> SparseVariable:
    """Sparse matrices one below the other, as ``hstack``."""
    return _stacked(blocks, 0, format, dtype)


# functions of the kept elements


def _structured(function: Callable, about: str) -> Callable:
    def apply(x: Any, *others: Any) -> SparseVariable:
        x = as_sparse_variable(x)
        return x.with_data(function(x.data, *others))

    apply.__doc__ = f"{about} of the kept elements; the others stay 0."
    return apply


structured_sigmoid = _structured(ew.sigmoid, "The sigmoid")
structured_exp = _structured(ew.exp, "The exponential")
structured_log = _structured(ew.log, "The logarithm")
structured_pow = _structured(ew.pow_, "A power")
structured_minimum = _structured(ew.minimum, "The minimum with a number")
structured_maximum = _structured(ew.maximum, "The maximum with a number")
structured_add = _structured(ew.add, "The sum with a number")


def _named(function: Callable, name: str) -> Callable:
    function.__name__ = name
    return function


#: functions that are 0 at 0
ELEMENTWISE = {
    theanos: _named(_structured(function, theanos), theanos)
    for theanos, function in {
        "sin": ew.sin,
        "tan": ew.tan,
        "arcsin": ew.arcsin,
        "arctan": ew.arctan,
        "sinh": ew.sinh,
        "arcsinh": ew.arcsinh,
        "tanh": ew.tanh,
        "arctanh": ew.arctanh,
        "rint": ew.round_half_to_even,
        "sgn": ew.sgn,
        "ceil": ew.ceil,
        "floor": ew.floor,
        "trunc": ew.trunc,
        "log1p": ew.log1p,
        "expm1": ew.expm1,
        "deg2rad": lambda x: x * (np.pi / 180),
        "rad2deg": lambda x: x * (180 / np.pi),
        "sqr": ew.sqr,
        "sqrt": ew.sqrt,
    }.items()
}
