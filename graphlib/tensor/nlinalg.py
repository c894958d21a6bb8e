"""``T.nlinalg``: linear algebra that NumPy has, under Theano's names."""

from ..ops.index import diag
from ..ops.matrices import (
    det,
    eig,
    eig_complex,
    eigh,
    lstsq,
    matrix_dot,
    matrix_inverse,
    matrix_power,
    pinv,
    qr,
    slogdet,
    svd,
    tensorinv,
    tensorsolve,
    trace,
)
from ..ops.matrices import matrix_norm as norm

__all__ = [
    "det",
    "diag",
    "eig",
    "eig_complex",
    "eigh",
    "lstsq",
    "matrix_dot",
    "matrix_inverse",
    "matrix_power",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "svd",
    "tensorinv",
    "tensorsolve",
    "trace",
]
