"""``theano.sparse``: matrices of which only some elements are kept, in rows (CSR) or columns (CSC).

A sparse variable is three ordinary vectors, ``data``, ``indices`` and ``indptr``, and two lengths, so what is
computed with it is computed by graphlib's own operations, with their gradients and on their devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calls import shared
from .operations import ELEMENTWISE as _ELEMENTWISE
from .operations import (
    add,
    cast,
    clean,
    col_scale,
    csc_from_dense,
    csr_from_dense,
    dense_from_sparse,
    diag,
    dot,
    ensure_sorted_indices,
    eq,
    ge,
    gt,
    hstack,
    le,
    lt,
    mul,
    neg,
    neq,
    remove0,
    row_scale,
    sp_ones_like,
    sp_sum,
    sp_zeros_like,
    square_diagonal,
    structured_add,
    structured_dot,
    structured_exp,
    structured_log,
    structured_maximum,
    structured_minimum,
    structured_pow,
    structured_sigmoid,
    sub,
    transpose,
    true_dot,
    vstack,
)
from .variable import (
    CSC,
    CSM,
    CSR,
    SparseType,
    SparseVariable,
    as_sparse,
    as_sparse_or_tensor_variable,
    as_sparse_variable,
    constant,
    csc_dmatrix,
    csc_fmatrix,
    csc_matrix,
    csm_data,
    csm_indices,
    csm_indptr,
    csm_properties,
    csm_shape,
    csr_dmatrix,
    csr_fmatrix,
    csr_matrix,
    matrix,
)
from .variable import is_sparse as _is_sparse  # noqa: F401
from .variable import is_sparse_variable as _is_sparse_variable  # noqa: F401

enable_sparse = True
sparse_formats = ["csc", "csr"]
float_dtypes = ["float32", "float64"]
all_dtypes = SparseType.dtype_set
globals().update(_ELEMENTWISE)

#: what Theano had beside these, with what to do instead
_REFUSED = {
    "bsr_matrix": "blocks of elements (BSR) are no format of graphlib's: use csr_matrix",
    "get_item_2lists": "index dense_from_sparse(x), or x.data where only kept elements are meant",
}


def _refusal(name: str, advice: str) -> Callable:
    def refused(*_: Any, **__: Any) -> Any:
        raise NotImplementedError(f"theano.sparse.{name} is not in graphlib: {advice}")

    return refused


globals().update({name: _refusal(name, advice) for name, advice in _REFUSED.items()})

__all__ = [
    "CSC",
    "CSM",
    "CSR",
    "SparseType",
    "SparseVariable",
    "add",
    "all_dtypes",
    "as_sparse",
    "as_sparse_or_tensor_variable",
    "as_sparse_variable",
    "cast",
    "clean",
    "col_scale",
    "constant",
    "csc_dmatrix",
    "csc_fmatrix",
    "csc_from_dense",
    "csc_matrix",
    "csm_data",
    "csm_indices",
    "csm_indptr",
    "csm_properties",
    "csm_shape",
    "csr_dmatrix",
    "csr_fmatrix",
    "csr_from_dense",
    "csr_matrix",
    "dense_from_sparse",
    "diag",
    "dot",
    "enable_sparse",
    "ensure_sorted_indices",
    "eq",
    "float_dtypes",
    "ge",
    "gt",
    "hstack",
    "le",
    "lt",
    "matrix",
    "mul",
    "neg",
    "neq",
    "remove0",
    "row_scale",
    "shared",
    "sp_ones_like",
    "sp_sum",
    "sp_zeros_like",
    "sparse_formats",
    "square_diagonal",
    "structured_add",
    "structured_dot",
    "structured_exp",
    "structured_log",
    "structured_maximum",
    "structured_minimum",
    "structured_pow",
    "structured_sigmoid",
    "sub",
    "transpose",
    "true_dot",
    "vstack",
    *_ELEMENTWISE,
]
