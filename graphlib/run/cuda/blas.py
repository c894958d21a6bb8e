"""cuBLAS by ctypes, where its library is there: products run on it, on the function's stream."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from ...errors import GraphError
from ...scalar.integer import Poly
from ...schedule.plan import Product
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


def lengths_of(step: Product) -> list[Poly]:
    """The lengths and offsets that a product needs."""
    factors = [p for f in (step.a, step.b) for p in (f.offset, f.leading, f.batch)]
    return [step.m, step.n, step.k, *factors, *([step.batch] if step.batch is not None else [])]


def product(run: Any, step: Product, scalars: int | None) -> tuple[Callable[[], None], list[Patch]]:
    """What does a product with cuBLAS, and the pointers that it uses.

    ``scalars``: the address of alpha and beta on the device, where they are.
    """
    letter, real = _TYPES[step.target.dtype]
    value = run.evaluator.poly
    m, k, n = value(step.m), value(step.k), value(step.n)
    batch = value(step.batch) if step.batch is not None else 1
    pointers: list[Patch] = []

    def pointer(place: Any, offset: int = 0) -> ctypes.c_void_p:
        made = ctypes.c_void_p(run.address[place] + offset)
        pointers.append(Patch.of_pointer(made, place, offset))
        return made

    if not m or not n or not batch:
        return lambda: None, []
    if scalars is not None:
        alpha, beta = ctypes.c_void_p(scalars), ctypes.c_void_p(scalars + ctypes.sizeof(real))
    else:
        given = (run.evaluator.scalar(e) if e is not None else None for e in (step.alpha, step.beta))
        alpha, beta = (
            ctypes.byref(real(float(default if e is None else e)))
            for e, default in zip(given, (1.0, 0.0), strict=True)
        )
    factors = []
    for side, rows, columns in ((step.a, m, k), (step.b, k, n)):
        leading = max(value(side.leading), rows if side.transposed else columns, 1)
        address = pointer(side.array.memory, value(side.offset) * ctypes.sizeof(real))
        factors.append((int(side.transposed), address, leading, value(side.batch)))
    # cuBLAS stores by columns: what it takes for the transposed product b'a' is our product by rows
    (ta, a, lda, stride_a), (tb, b, ldb, stride_b) = factors
    head = (_handle(), tb, ta, n, m, k, alpha)
    tail = (beta, pointer(step.target.memory), n)
    cublas, stream = run.cublas, ctypes.c_void_p(run.stream.handle)
    big = ctypes.c_longlong
    if step.batch is not None:
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
