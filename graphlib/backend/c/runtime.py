"""Starting the runtime library: the BLAS, the number of threads, and a check that arrays look as the
generated code expects."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import os
import warnings

import numpy as np

from ...configuration import config
from ...errors import GraphError
from .toolchain import HERE, shared_object

_SYMBOLS = (
    ("scipy_cblas_sgemm", "scipy_cblas_dgemm", "scipy_openblas_set_num_threads"),
    ("cblas_sgemm", "cblas_dgemm", "openblas_set_num_threads"),
)


def thread_count() -> int:
    """``config.threads``, or as many as there are processors that this process may use."""
    if config.threads:
        return config.threads
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@functools.lru_cache(maxsize=1)
def blas() -> tuple[ctypes.CDLL, str, str] | None:
    """The BLAS library with its names of sgemm and dgemm: scipy-openblas32's, else the system's, else
    None."""
    for library in _blas_libraries():
        for sgemm, dgemm, set_threads in _SYMBOLS:
            if hasattr(library, sgemm):
                # each of our threads calls it for a part of its own
                if hasattr(library, set_threads):
                    getattr(library, set_threads)(1)
                return library, sgemm, dgemm
    warnings.warn(
        "graphlib found no BLAS: matrix products run in its own, slower loops. `pip install "
        "scipy-openblas32` brings one.",
        stacklevel=4,
    )
    return None


def _blas_libraries() -> list[ctypes.CDLL]:
    found = []
    try:
        import scipy_openblas32

        folder = scipy_openblas32.get_lib_dir()
        names = [os.path.join(folder, n) for n in os.listdir(folder) if n.startswith("libscipy_openblas")]
    except ImportError:
        names = []
    names += (
        [n for n in (ctypes.util.find_library(k) for k in ("openblas", "cblas", "blas")) if n]
        if not names
        else []
    )
    for name in names:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found


@functools.lru_cache(maxsize=1)
def start() -> int:
    """The address of the table of runtime functions; starts the team of threads on the first call."""
    _check_array_layout()
    library = shared_object((HERE / "runtime.c").read_text(encoding="utf-8"))
    library.gl_start.restype = ctypes.c_void_p
    library.gl_start.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    found = blas()
    addresses = (
        [ctypes.cast(getattr(found[0], name), ctypes.c_void_p) for name in found[1:]]
        if found
        else [None, None]
    )
    return library.gl_start(thread_count(), *addresses)


def _check_array_layout() -> None:
    """Generated code reads an array's address and lengths from its header (NumPy's stable ABI); see that they
    are there."""
    array = np.empty((3, 5), "float32")
    address = id(array) + object.__basicsize__
    data = ctypes.c_void_p.from_address(address).value
    ndim = ctypes.c_int.from_address(address + 8).value
    lengths = ctypes.cast(
        ctypes.c_void_p.from_address(address + 16).value or 0, ctypes.POINTER(ctypes.c_int64)
    )
    if data != array.ctypes.data or ndim != 2 or (lengths[0], lengths[1]) != (3, 5):
        raise GraphError(
            "this build of NumPy lays out its arrays differently; use GRAPHLIB_FLAGS=mode=reference"
        )
