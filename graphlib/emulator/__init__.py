"""An emulated CUDA driver, by which the real PyCUDA runs on a machine without a GPU.

``load()`` builds what is needed, puts the stand-in for ``libcuda.so.1`` in place and makes PyCUDA importable;
``compile``, or the ``nvcc`` beside this file, makes the "cubins" that it can run. README.md says what it
finds and what it cannot find.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path

from .build import library_folder
from .compiler import CompileError, compile

__all__ = [
    "NVCC",
    "CompileError",
    "compile",
    "load",
    "poison",
    "reset_statistics",
    "set_thread_order",
    "statistics",
]

NVCC = Path(__file__).resolve().parent / "nvcc"
STATISTICS = (
    *("launches", "graph_launches", "kernels", "library_calls"),
    *("host_to_device_copies", "host_to_device_bytes", "device_to_host_copies", "device_to_host_bytes"),
    *("device_to_device_copies", "device_to_device_bytes"),
    *("memsets", "synchronizations", "allocations", "live_bytes", "peak_bytes"),
)
_driver: ctypes.CDLL | None = None


def load(*, checked: bool | None = None, cublas: bool = True, nccl: bool = True) -> None:
    """Puts the emulated driver in place of CUDA's; must come before the first import of PyCUDA.

    What is missing is built first: the driver (ten seconds), PyCUDA where it is not installed (a minute or
    two). The emulator's other settings are environment variables, see README.md.

    Parameters
    ----------
    checked: judge every access of the kernels to memory; by default where ``CUDA_EMULATOR_CHECK`` is set.
    cublas, nccl: also put the stand-in in the place of ``libcublas.so.13``, of ``libnccl.so.2``.

    Raises ``RuntimeError`` where the process has loaded a CUDA driver already, or a build fails.
    """
    global _driver
    if _driver is None:
        if "/libcuda.so" in Path("/proc/self/maps").read_text():
            raise RuntimeError("a CUDA driver is loaded already: load the emulator before importing pycuda")
        if checked is not None:  # in the environment, for the compiler and for processes that this one starts
            os.environ["CUDA_EMULATOR_CHECK"] = str(int(checked))
        _driver = ctypes.CDLL(str(library_folder() / "libcuda.so.1"), ctypes.RTLD_GLOBAL)
        if importlib.util.find_spec("pycuda") is None:
            from .build_pycuda import private_folder

            sys.path.append(str(private_folder()))
    for wanted, name in ((cublas, "libcublas.so.13"), (nccl, "libnccl.so.2")):
        if wanted:
            ctypes.CDLL(str(library_folder() / name), ctypes.RTLD_GLOBAL)


def _loaded() -> ctypes.CDLL:
    if _driver is None:
        raise RuntimeError("the CUDA emulator is not loaded: call load() first")
    return _driver


def set_thread_order(order: str, seed: int = 0) -> None:
    """Sets in which order threads and blocks run: "forward", "reversed", or "shuffled" from ``seed``."""
    if _loaded().cuda_emulator_set_order(order.encode(), ctypes.c_uint64(seed)):
        raise ValueError(f"no thread order {order!r}: it must be 'forward', 'reversed' or 'shuffled'")


def poison(address: int, size: int) -> None:
    """Makes ``size`` bytes of device memory unwritten again, as fresh from the driver: NaN as floats.

    For memory that a pool or an arena hands out again, of which the driver does not know. ``ValueError``
    where the bytes are not all of one allocation.
    """
    if _loaded().cuda_emulator_poison(ctypes.c_uint64(address), ctypes.c_size_t(size)):
        raise ValueError(f"{size} bytes at {address:#x} are no device memory, or not all of one allocation")


def statistics() -> dict[str, int]:
    """What the driver did since it was loaded or ``reset_statistics()``: launches, copies, bytes and so on.

    ``launches`` and ``graph_launches`` count calls, ``kernels`` counts kernels run, by either;
    ``library_calls`` counts cuBLAS's, and NCCL's groups. ``live_bytes`` and ``peak_bytes`` are of device
    memory.
    """
    values = (ctypes.c_uint64 * len(STATISTICS))()
    _loaded().cuda_emulator_get_statistics(values)
    return dict(zip(STATISTICS, values, strict=True))


def reset_statistics() -> None:
    """Sets all counters to 0, but for the memory that is allocated."""
    _loaded().cuda_emulator_reset_statistics()
