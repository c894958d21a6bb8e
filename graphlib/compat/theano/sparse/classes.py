"""``theano.sparse``'s operations by the names of their classes, and those that are made of the others."""

from __future__ import annotations

from typing import Any

from ....graph import Variable
from ....ops.complex_numbers import conj as _conj
from ....ops.linalg import dot as _dense_dot
from ....ops.op import as_variable
from ..operations import operation, operation_of
from ..tensor_functions import complex_dtypes, int_dtypes, uint_dtypes
from . import operations as ops
from .variable import (
    SparseVariable,
    as_sparse_or_tensor_variable,
    as_sparse_variable,
    csm_properties,
    is_sparse,
    is_sparse_variable,
)


def __getattr__(name: str) -> Any:
    if name == "_mtypes":
        import scipy.sparse

        return [scipy.sparse.csc_matrix, scipy.sparse.csr_matrix]
    raise AttributeError(name)


imported_scipy = True
#: those that SciPy's sparse matrices may have and Theano's had
float_dtypes = continuous_dtypes = ("float32", "float64")
integer_dtypes = discrete_dtypes = int_dtypes + uint_dtypes
all_dtypes = (*discrete_dtypes, *float_dtypes, *complex_dtypes)
_is_sparse, _is_sparse_variable = is_sparse, is_sparse_variable


def _is_dense(x: Any) -> bool:
    """Whether it is one of NumPy's arrays."""
    import numpy as np

    if not isinstance(x, np.ndarray) and not is_sparse(x):
        raise NotImplementedError(f"neither sparse nor an array: {type(x)}")
    return isinstance(x, np.ndarray)


def _is_dense_variable(x: Any) -> bool:
    """Whether it is a tensor."""
    if not isinstance(x, (Variable, SparseVariable)):
        raise NotImplementedError(f"neither a sparse variable nor a tensor: {type(x)}")
    return isinstance(x, Variable)


# functions


def mul_s_v(x: Any, y: Any) -> SparseVariable:
    """Each column times an element of a vector."""
    return ops.col_scale(x, y)


def structured_add_s_v(x: Any, y: Any) -> SparseVariable:
    """To the kept elements of each column an element of a vector is added."""
    x = as_sparse_variable(x)
    return x.with_data(x.data + as_variable(y)[x.places()[1]])


def add_s_s_data(x: Any, y: Any) -> SparseVariable:
    """The sum of two matrices that keep the same elements."""
    x, y = as_sparse_variable(x), as_sparse_variable(y)
    return x.with_data(x.data + y.data)


def usmm(alpha: Any, x: Any, y: Any, z: Any) -> Variable:
    """``alpha * x · y + z``, dense; x or y is sparse."""
    return as_variable(alpha) * as_variable(ops.dot(x, y)) + as_variable(z)


def sampling_dot(x: Any, y: Any, p: Any) -> SparseVariable:
    """``p * (x · y.T)``, of which only what ``p`` keeps is computed; x and y are dense."""
    x, y, p = as_variable(x), as_variable(y), as_sparse_variable(p)
    rows, columns = p.places()
    return p.with_data(p.data * (x[rows] * y[columns]).sum(axis=1))


def conj(x: Any) -> SparseVariable:
    """The complex conjugates of the kept elements."""
    x = as_sparse_variable(x)
    return x.with_data(_conj(x.data))


def construct_sparse_from_list(x: Any, y: Any, ilist: Any) -> SparseVariable:
    """A CSC matrix with the shape of ``x`` whose rows ``ilist`` are those of ``y``, added up where one occurs
    twice."""
    from ....ops.create import zeros_like
    from ....ops.write import inc_subtensor

    return ops.from_dense(inc_subtensor(zeros_like(as_variable(x))[as_variable(ilist)], y), "csc")


def _cast_to(dtype: str) -> Any:
    def cast(x: Any) -> SparseVariable:
        return ops.cast(x, dtype)

    cast.__doc__ = f"A sparse matrix in {dtype}."
    return cast


bcast, wcast, icast, lcast = (_cast_to(d) for d in ("int8", "int16", "int32", "int64"))
fcast, dcast, ccast, zcast = (_cast_to(d) for d in ("float32", "float64", "complex64", "complex128"))
add_s_s = add_s_d = ops.add
mul_s_s = mul_s_d = ops.mul


# classes


for _name, _function in {
    "Transpose": ops.transpose,
    "Neg": ops.neg,
    "AddSS": ops.add,
    "AddSD": ops.add,
    "AddSSData": add_s_s_data,
    "StructuredAddSV": structured_add_s_v,
    "MulSS": ops.mul,
    "MulSD": ops.mul,
    "MulSV": mul_s_v,
    "ColScaleCSC": ops.col_scale,
    "RowScaleCSC": ops.row_scale,
    "StructuredDot": ops.structured_dot,
    "Usmm": usmm,
    "SamplingDot": sampling_dot,
    "Diag": ops.diag,
    "SquareDiagonal": ops.square_diagonal,
    "ConstructSparseFromList": construct_sparse_from_list,
}.items():
    globals()[_name] = operation_of(_name, _function, module=__name__)
TrueDot = operation_of("TrueDot", ops.true_dot, "grad_preserves_dense", module=__name__)


@operation()
def DenseFromSparse(x: Any, *, structured: bool = True) -> Variable:
    """``dense_from_sparse``; unless ``structured`` gradients go to all elements of what ``x`` was made of."""
    x = as_sparse_variable(x)
    return x.toarray() if structured else x.elements()


@operation()
def SparseFromDense(x: Any, *, format: str) -> SparseVariable:
    """``csr_from_dense`` or ``csc_from_dense``."""
    return ops.from_dense(x, format)


@operation()
def Cast(x: Any, *, out_type: str) -> SparseVariable:
    """``cast``."""
    return ops.cast(x, out_type)


@operation()
def Dot(x: Any, y: Any) -> Variable:
    """``dot``."""
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    sparse = any(isinstance(v, SparseVariable) for v in (x, y))
    return ops.dot(x, y) if sparse else _dense_dot(x, y)


@operation()
def SpSum(x: Any, *, axis: int | None = None, sparse_grad: bool = True) -> Variable:
    """``sp_sum``."""
    return ops.sp_sum(x, axis, sparse_grad)


@operation()
def GetItem2d(x: Any, *key: Any) -> SparseVariable:
    """``x[rows, columns]``, both slices: a sparse matrix."""
    return as_sparse_variable(x)[key]


@operation()
def GetItemScalar(x: Any, row: Any, column: Any) -> Variable:
    """``x[row, column]``: an element."""
    return as_sparse_variable(x)[row, column]


@operation()
def GetItemList(x: Any, index: Any) -> SparseVariable:
    """``x[rows]``: the rows of these numbers."""
    x = as_sparse_variable(x)
    return ops.from_dense(x.elements()[as_variable(index)], x.format)


@operation()
def GetItem2Lists(x: Any, ind1: Any, ind2: Any) -> Variable:
    """``x[rows, columns]``: the elements at these places, a vector."""
    return as_sparse_variable(x).elements()[as_variable(ind1), as_variable(ind2)]


@operation()
def EnsureSortedIndices(x: Any, *, inplace: bool = False) -> SparseVariable:
    """``ensure_sorted_indices``."""
    return ops.ensure_sorted_indices(x)


@operation()
def Remove0(x: Any, *, inplace: bool = False) -> SparseVariable:
    """``remove0``."""
    return ops.remove0(x)


@operation()
def HStack(*blocks: Any, format: str | None = None, dtype: Any = None) -> SparseVariable:
    """``hstack``."""
    return ops.hstack(blocks, format, dtype)


@operation()
def VStack(*blocks: Any, format: str | None = None, dtype: Any = None) -> SparseVariable:
    """``vstack``."""
    return ops.vstack(blocks, format, dtype)


@operation()
def CSMProperties(x: Any, *, kmap: Any = None) -> list[Variable]:
    """``csm_properties``."""
    return csm_properties(x)


get_item_2d, get_item_scalar = GetItem2d(), GetItemScalar()
get_item_list, get_item_2lists = GetItemList(), GetItem2Lists()
