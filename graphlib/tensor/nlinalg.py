"""``T.nlinalg``: linear algebra that NumPy has, under Theano's names."""

from ..ops.decompositions import eig, eig_complex, eigh, lstsq, pinv, qr, svd
from ..ops.diagonals import diag
from ..ops.matrices import cond, matrix_rank, svdvals, tensorinv, tensorsolve, trace, vector_norm
from ..ops.matrices import matrix_norm as norm
from ..ops.systems import det, matrix_dot, matrix_inverse, matrix_power, slogdet

__all__ = [
    "cond",
    "det",
    "diag",
    "eig",
    "eig_complex",
    "eigh",
    "lstsq",
    "matrix_dot",
    "matrix_inverse",
    "matrix_power",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vector_norm",
]
