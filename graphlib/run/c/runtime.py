"""Starting the runtime library: the BLAS, the number of threads, and a check that arrays look as the
generated code expects."""

from __future__ import annotations

import ctypes
import functools
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...configuration import config
from ...errors import CompileError, GraphError
from ...graph import Variable, toposort
from ...ops.convolution import Convolutional
from ...ops.linalg import Gemm, MatrixProduct
from ...ops.scan import Scan
from ...ranks import started_here
from ..cache import found
from .host import call_back
from .toolchain import HERE, THREADS, afterwards, key_of_object, shared_object, side_by_side

if TYPE_CHECKING:
    from concurrent.futures import Future

#: as they are for the driver of a function: quick, with contraction
_QUICK = ("-O1", "-fexpensive-optimizations")
#: operations that need products
_WITH_PRODUCTS = (MatrixProduct, Gemm, Convolutional)
#: LAPACK's functions (and two of BLAS), in the order of graphlib_lapack.h
LAPACK = ("trsm", "getrf", "potrf", "geqrf", "orgqr", "syevd", "gesdd", "geev", "gesv", "gemm")
_SYMBOLS = ("cblas_sgemm", "cblas_dgemm", "openblas_set_num_threads", "openblas_get_corename")

# OpenBLAS's names of the processors for which it has kernels of 64-byte vectors; on others its vectors
# have at most 32, also where the processor could do more.
_WIDE_CORES = (b"SkylakeX", b"Cooperlake", b"SapphireRapids")


def thread_count() -> int:
    """``config.threads``, or as many as there are processors that this process may use: of an MPI run a fair
    share of the machine's."""
    return config.threads or _processors()


def _processors() -> int:
    processors = os.cpu_count() or 1
    share = max(1, processors // started_here())
    try:
        return min(len(os.sched_getaffinity(0)), share)
    except AttributeError:
        return share


def take_part(others: int) -> None:
    """Have so few threads of the team take part that so many others of the program have a processor, too;
    where nothing has been started yet, nothing is done."""
    if _started.cache_info().currsize:
        threads = thread_count()
        spare = max(0, _processors() - threads)
        library("team").gl_take_part(threads - max(0, others - spare))


class Blas(NamedTuple):
    """A BLAS library: the addresses of its sgemm and dgemm, and how many bytes its vectors have."""

    library: ctypes.CDLL
    sgemm: int
    dgemm: int
    vector: int


@functools.lru_cache(maxsize=1)
def blas() -> Blas | None:
    """scipy-openblas32's library, else the system's, else None."""
    for library in _blas_libraries():
        for prefix in ("scipy_", ""):
            sgemm, dgemm, set_threads, core = (getattr(library, prefix + name, None) for name in _SYMBOLS)
            if sgemm is None:
                continue
            if set_threads is not None:
                set_threads(1)  # each of our threads calls it for a part of its own
            vector = 64
            if core is not None:
                core.restype = ctypes.c_char_p
                vector = 64 if core() in _WIDE_CORES else 32
            addresses = [ctypes.cast(f, ctypes.c_void_p).value or 0 for f in (sgemm, dgemm)]
            return Blas(library, *addresses, vector)
    warnings.warn(
        "graphlib found no BLAS: large matrix products run in its own loops, which may be slower. "
        "`pip install scipy-openblas32` brings one.",
        stacklevel=4,
    )
    return None


def _blas_libraries() -> list[ctypes.CDLL]:
    # the package has the library in a folder of this name; to import it takes longer than all else
    try:
        spec = find_spec("scipy_openblas32")
    except ValueError:
        spec = None  # somebody keeps it from being imported
    folders = [Path(folder) / "lib" for folder in (spec and spec.submodule_search_locations) or ()]
    names = [str(path) for folder in folders for path in folder.glob("libscipy_openblas*")]
    if not names:
        from ctypes.util import find_library

        names = [n for n in map(find_library, ("openblas", "cblas", "blas")) if n]
    found = []
    for name in names:
        try:
            found.append(ctypes.CDLL(name))
        except OSError:
            continue
    return found


#: Of each library its source, flags and function.  The products of a precision are compiled if it is used: at
#: first with few kernels, of which the compiler makes short work.  The loops that matter are written out, so
#: -O3 would only take longer to compile them; what is contracted is so in both: in every loop, also where gcc
#: would rather not for some processors of AMD's, as one tile's sums would be contracted and another's not.
_FEW = "with few kernels"
_OF_PRODUCTS = ("--param=avoid-fma-max-bits=0",)
_PARTS = {
    "team": ("runtime.c", ("-O2", THREADS), "gl_start"),
    "float32": ("products.c", ("-O2", *_OF_PRODUCTS, "-DGL_DOUBLE=0", "-DGL_FEW=0"), "gl_products"),
    "float64": ("products.c", ("-O2", *_OF_PRODUCTS, "-DGL_DOUBLE=1", "-DGL_FEW=0"), "gl_products"),
    f"float32 {_FEW}": ("products.c", (*_QUICK, *_OF_PRODUCTS, "-DGL_DOUBLE=0", "-DGL_FEW=1"), "gl_products"),
    f"float64 {_FEW}": ("products.c", (*_QUICK, *_OF_PRODUCTS, "-DGL_DOUBLE=1", "-DGL_FEW=1"), "gl_products"),
}


@contextmanager
def ahead(results: Sequence[Variable]) -> Iterator[None]:
    """Have what a function of ``results`` will need, as far as is seen before anything is rewritten, compiled
    while other things are done in a ``with`` block: the team of threads, the products of some dtypes."""
    parts = ["team", *map(_first, sorted(_foreseen(results)))]
    begun = [_begun(part) for part in parts]
    try:
        yield
    except CompileError:
        from concurrent.futures import wait

        wait(begun)  # nothing is left that still writes
        raise


def _foreseen(results: Sequence[Variable]) -> set[str]:
    """The dtypes of products."""
    found: set[str] = set()
    for node in toposort(results):
        if isinstance(node.op, Scan):
            found |= _foreseen([*node.op.new, *node.op.outputs])
        elif isinstance(node.op, _WITH_PRODUCTS) and node.outputs[0].dtype in _PARTS:
            found.add(node.outputs[0].dtype)
    return found


#: the libraries that are being compiled, by part and process: a fork has none of the threads that wait for
#: compilers
_futures: dict[tuple[str, int], Future] = {}


def _begun(part: str) -> Future:
    key = part, os.getpid()
    if key not in _futures:
        _futures[key] = side_by_side(_compiled, part)
    return _futures[key]


def _source(part: str) -> tuple[str, tuple[str, ...]]:
    source, flags, _ = _PARTS[part]
    return (HERE / source).read_text("utf-8"), flags


def _compiled(part: str) -> ctypes.CDLL:
    return shared_object(*_source(part), (_PARTS[part][2],))


@functools.lru_cache(maxsize=len(_PARTS))
def library(part: str) -> ctypes.CDLL:
    """The library of the team of threads, which is not started, or of the products of a dtype."""
    begun = _futures.get((part, os.getpid()))
    # what failed may have been begun with other settings, such as another compiler
    loaded = _compiled(part) if begun is None or begun.exception() is not None else begun.result()
    if part == "team":
        loaded.gl_start.restype = ctypes.c_void_p
        loaded.gl_start.argtypes = [ctypes.c_int]
        loaded.gl_take_part.restype, loaded.gl_take_part.argtypes = None, [ctypes.c_int]
        loaded.gl_lapack.restype, loaded.gl_lapack.argtypes = None, [ctypes.c_void_p]
        of_repeat = [*[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2, *[ctypes.c_void_p] * 3, ctypes.c_int]
        loaded.gl_repeat.restype, loaded.gl_repeat.argtypes = ctypes.c_int64, of_repeat
    else:
        loaded.gl_products.restype = None
        loaded.gl_products.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    return loaded


def start(*needs: str) -> int:
    """The address of the table of runtime functions, with what ``needs`` says: the products of a dtype,
    "lapack" or "mpi"; starts the team of threads on the first call."""
    table = _started()
    for need in needs:
        if need == "lapack":
            _with_lapack()
        elif need == "mpi":
            from .collectives import start_collectives

            start_collectives(table)
        else:
            _with_products(need, table, os.getpid())
    return table


@functools.lru_cache(maxsize=1)
def _started() -> int:
    _check_array_layout()
    library("team").gl_host(call_back)
    return library("team").gl_start(thread_count())


@functools.lru_cache(maxsize=1)
def _with_lapack() -> ctypes.Array:
    """Hand LAPACK's functions to the runtime; the table, which must live as long as that.

    Errors: GraphError where the BLAS library has no LAPACK.
    """
    found = blas()
    addresses = []
    for name in (letter + name + "_" for name in LAPACK for letter in "sd"):
        function = found and (
            getattr(found.library, "scipy_" + name, None) or getattr(found.library, name, None)
        )
        if not function:
            raise GraphError(
                "linear algebra needs LAPACK, and none was found: `pip install scipy-openblas32` brings it. "
                "Without it mode='reference' computes the same by NumPy."
            )
        addresses.append(ctypes.cast(function, ctypes.c_void_p).value)
    table = (ctypes.c_void_p * len(addresses))(*addresses)
    library("team").gl_lapack(table)
    return table


@functools.lru_cache(maxsize=2)
def _first(dtype: str) -> str:
    """The library of products to begin with: that with few kernels, where the one with all is not in the
    cache."""
    return dtype if found(f"{key_of_object(*_source(dtype))}.so") else f"{dtype} {_FEW}"


#: the dtypes of which the table has all kernels, and those that are on the way
_whole: set[str] = set()
_later: list[Future] = []


def settle() -> None:
    """Wait until what was begun with few kernels has all, as it has in the end: for measurements."""
    for future in _later:
        future.result()


@functools.lru_cache(maxsize=8)
def _with_products(dtype: str, table: int, process: int) -> None:
    """Put the products of a dtype into the table; a fork goes on with what was not finished before it."""
    if dtype in _whole:
        return
    part = _first(dtype)
    _put(part, table)
    if part != dtype:
        _later.append(afterwards(_put, dtype, table))


def _put(part: str, table: int) -> None:
    dtype = part.split()[0]
    known = blas()
    address = known and (known.sgemm if dtype == "float32" else known.dgemm)
    library(part).gl_products(table, thread_count(), address, known.vector if known else 0)
    if part == dtype:
        _whole.add(dtype)


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
