"""cuBLAS by ctypes, where its library is there: products run on it, on the function's stream."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from ...compile.steps import MatMul
from ...errors import GraphError
from .compile import first_library, wheel_libraries
from .recording import Patch

_TYPES = {"float32": ("S", ctypes.c_float), "float64": ("D", ctypes.c_double)}


@functools.lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The loaded cuBLAS, from NVIDIA's wheel or the toolkit, or None."""
    return first_library([*wheel_libraries("libcublas.so.*"), "libcublas.so.13", "libcublas.so.12"])


@functools.lru_cache(maxsize=1)
def _handle() -> ctypes.c_void_p:
    handle = ctypes.c_void_p()
    _check(library().cublasCreate_v2(ctypes.byref(handle)))
    return handle


def _check(status: int) -> None:
    if status:
        raise GraphError(f"cuBLAS failed with status {status}")


def product(run: Any, step: MatMul, scalars: int | None) -> tuple[Callable[[], None], list[Patch]]:
    """What does a product with cuBLAS, and the pointers that it uses.

    ``scalars``: the address of alpha and beta on the device, where they are.
    """
    letter, real = _TYPES[step.variable.dtype]
    value = run.evaluator.poly
    (m, k), n = map(value, step.shape_a[-2:]), value(step.shape_b[-1])
    batch = value(step.shape_a[0]) if step.batched else 1
    pointers: list[Patch] = []

    def pointer(key: Any, offset: int = 0) -> ctypes.c_void_p:
        made = ctypes.c_void_p(run.address[key] + offset)
        pointers.append(Patch.of_pointer(made, key, offset))
        return made

    if not m or not n or not batch:
        return lambda: None, []
    if scalars is not None:
        alpha, beta = ctypes.c_void_p(scalars), ctypes.c_void_p(scalars + ctypes.sizeof(real))
    else:
        alpha = ctypes.byref(real(float(run.evaluator.scalar(step.alpha)) if step.alpha is not None else 1.0))
        has_beta = step.beta is not None and step.c is not None
        beta = ctypes.byref(real(float(run.evaluator.scalar(step.beta)) if has_beta else 0.0))
    factors = []
    for side, shape, rows, columns in ((step.a, step.shape_a, m, k), (step.b, step.shape_b, k, n)):
        steps = side.strides[-2:]
        plain = steps[1] == 1 or shape[-1] == 1
        leading = max(value(steps[0] if plain else steps[1]), columns if plain else rows, 1)
        address = pointer(run.storage(side.base), value(side.offset) * ctypes.sizeof(real))
        factors.append((int(not plain), address, leading, value(side.strides[0]) if step.batched else 0))
    # cuBLAS stores by columns: what it takes for the transposed product b'a' is our product by rows
    (ta, a, lda, stride_a), (tb, b, ldb, stride_b) = factors
    head = (_handle(), tb, ta, n, m, k, alpha)
    tail = (beta, pointer(run.storage(step.variable)), n)
    cublas, stream = run.cublas, ctypes.c_void_p(run.stream.handle)
    big = ctypes.c_longlong
    if step.batched:
        function = getattr(cublas, f"cublas{letter}gemmStridedBatched")
        arguments = (*head, b, ldb, big(stride_b), a, lda, big(stride_a), *tail, big(m * n), batch)
    else:
        function = getattr(cublas, f"cublas{letter}gemm_v2")
        arguments = (*head, b, ldb, a, lda, *tail)

    def run_it() -> None:
        _check(cublas.cublasSetStream_v2(_handle(), stream))
        _check(cublas.cublasSetPointerMode_v2(_handle(), int(scalars is not None)))
        _check(function(*arguments))

    return run_it, pointers


__all__ = ["library", "product"]
