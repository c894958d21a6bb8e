"""``T.nlinalg``: linear algebra that NumPy has, under Theano's names."""

from ..ops.decompositions import eig, eig_complex, eigh, lstsq, pinv, qr, svd
from ..ops.index import diag
from ..ops.matrices import matrix_norm as norm
from ..ops.matrices import tensorinv, tensorsolve, trace
from ..ops.systems import det, matrix_dot, matrix_inverse, matrix_power, slogdet

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
