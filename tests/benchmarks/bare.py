"""The bare work of a training step, as the yardstick for graphlib: the step's matrix products called from a
loop in C through the BLAS that graphlib uses, or, for a step without products, the copying of as many bytes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

NO_TRANSPOSE, TRANSPOSE = 111, 112  # CBLAS_TRANSPOSE
ITEM = np.dtype(np.float32).itemsize


@dataclass(frozen=True)
class Product:
    """out <- alpha left right + beta out, in float32.

    `left` and `right` are matrices (m, k) and (k, n) or transposed views of such; an operand of three dims
    (minibatches, rows, columns) holds one matrix a minibatch, and step i uses number i modulo minibatches.
    """

    out: np.ndarray
    left: np.ndarray
    right: np.ndarray
    alpha: float = 1.0
    beta: float = 0.0


@dataclass(frozen=True)
class Copy:
    """out <- source, arrays of the same shape and dtype."""

    out: np.ndarray
    source: np.ndarray


class _Product(ctypes.Structure):
    """`struct product` of bare.c."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("transpose_left", "transpose_right", "m", "n", "k")),
        *((name, ctypes.c_int) for name in ("left_stride", "right_stride", "out_stride")),
        *((name, ctypes.c_float) for name in ("alpha", "beta")),
        *((name, ctypes.c_void_p) for name in ("left", "right", "out")),
        *((name, ctypes.c_long) for name in ("left_step", "right_step")),
    )


def _compiler() -> list[str]:
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name.split()[0]):
            return name.split()
    try:
        import ziglang  # noqa: F401
    except ImportError:
        raise RuntimeError(
            "the bare products need a C compiler: install gcc or clang, `pip install ziglang`, or set $CC"
        ) from None
    return [sys.executable, "-m", "ziglang", "cc"]


@cache
def library() -> ctypes.CDLL:
    """bare.c, compiled. Raises RuntimeError without a C compiler, CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "bare.so"
        source = Path(__file__).with_name("bare.c")
        subprocess.run([*_compiler(), "-O2", "-fPIC", "-shared", str(source), "-o", str(target)], check=True)
        return ctypes.CDLL(str(target))


@cache
def blas() -> ctypes.CDLL:
    """The OpenBLAS of the scipy-openblas32 wheel, through which graphlib multiplies matrices."""
    import scipy_openblas32

    found = sorted(Path(scipy_openblas32.get_lib_dir()).glob(f"*{scipy_openblas32.get_library()}.*"))
    return ctypes.CDLL(str(found[0]))


def kernels() -> str:
    """The processor whose kernels OpenBLAS uses: what it takes this one for, or $OPENBLAS_CORETYPE."""
    name = blas().scipy_openblas_get_corename
    name.restype = ctypes.c_char_p
    return name().decode()


def _operand(matrix: np.ndarray) -> tuple[int, int, int, int]:
    """(transposed?, leading stride, address, floats between minibatches) of a matrix or a stack of them."""
    if matrix.dtype != np.float32 or matrix.ndim not in (2, 3):
        raise ValueError(
            f"a product needs float32 and 2 or 3 dims, not {matrix.dtype} with shape {matrix.shape}"
        )
    step = matrix.strides[0] // ITEM if matrix.ndim == 3 else 0
    rows, columns = matrix.strides[-2:]
    if columns == ITEM:
        return NO_TRANSPOSE, rows // ITEM, matrix.ctypes.data, step
    if rows == ITEM:
        return TRANSPOSE, columns // ITEM, matrix.ctypes.data, step
    raise ValueError(f"BLAS needs rows or columns without gaps, not strides of {matrix.strides} bytes")


def _structure(product: Product) -> _Product:
    transpose_left, left_stride, left, left_step = _operand(product.left)
    transpose_right, right_stride, right, right_step = _operand(product.right)
    transpose_out, out_stride, out, out_step = _operand(product.out)
    (m, k), (rows, n) = product.left.shape[-2:], product.right.shape[-2:]
    if rows != k or product.out.shape != (m, n) or transpose_out != NO_TRANSPOSE or out_step:
        shapes = f"{product.out.shape} <- {product.left.shape} x {product.right.shape}"
        raise ValueError(f"not a product into a row-major matrix: {shapes}")
    return _Product(
        *(transpose_left, transpose_right, m, n, k, left_stride, right_stride, out_stride),
        *(product.alpha, product.beta, left, right, out, left_step, right_step),
    )


def multiplier(products: Sequence[Product], threads: int) -> Callable[[int, int], None]:
    """run(first, steps): the products of steps first .. first + steps - 1, with OpenBLAS's own `threads`."""
    blas().scipy_openblas_set_num_threads(threads)
    gemm = ctypes.cast(blas().scipy_cblas_sgemm, ctypes.c_void_p)
    structures = (_Product * len(products))(*map(_structure, products))
    stacks = [p.shape[0] for product in products for p in (product.left, product.right) if p.ndim == 3]
    minibatches = min(stacks, default=1)
    multiply = library().multiply
    multiply.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, *[ctypes.c_long] * 3]
    multiply.restype = None

    def run(first: int, steps: int) -> None:
        # len(products), not len(structures): the structures hold addresses only, this keeps the arrays alive
        multiply(gemm, structures, len(products), first, steps, minibatches)

    return run


def copier(copies: Sequence[Copy], threads: int) -> Callable[[int, int], None]:
    """run(first, steps): the copies, `steps` times, each thread taking its share of them."""
    shares = [copies[i::threads] for i in range(min(threads, len(copies)))]
    pool = ThreadPoolExecutor(len(shares)) if len(shares) > 1 else None

    def work(share: Sequence[Copy]) -> None:
        for copy in share:
            np.copyto(copy.out, copy.source)

    def run(first: int, steps: int) -> None:
        for _ in range(steps):
            list(pool.map(work, shares)) if pool else work(copies)

    return run


def runner(work: Sequence[Product] | Sequence[Copy], threads: int) -> Callable[[int, int], None]:
    """run(first, steps) for a step's products or copies."""
    make = multiplier if isinstance(work[0], Product) else copier
    return make(work, threads)
