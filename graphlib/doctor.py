"""``python -m graphlib.doctor``: what graphlib found on this machine, and what to do about what is
missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import __version__
from .configuration import config


def _python() -> str:
    return f"{platform.python_version()} ({sys.executable}), NumPy {np.__version__}, {platform.platform()}"


def _graphlib() -> str:
    return f"{__version__} ({os.path.dirname(__file__)})"


def _compiler() -> str:
    from .run.c.toolchain import find_compiler

    command = find_compiler()
    return (
        " ".join(command)
        if command
        else "none: functions run by numpy; install gcc or clang, or `pip install ziglang`"
    )


def _blas() -> str:
    from .run.c.runtime import blas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = blas()
    return (
        found[0]._name
        if found
        else "none: products run in graphlib's own loops; `pip install scipy-openblas32`"
    )


def _threads() -> str:
    from .run.c.runtime import thread_count

    return f"{thread_count()} of {os.cpu_count()} processors"


def _cache() -> str:
    try:
        folder = config.cache_folder()
    except RuntimeError:
        return "none, for there is no home folder: functions are compiled anew in each process; set cache_dir"
    parent = folder if folder.exists() else next(p for p in folder.parents if p.exists())
    writable = (
        "" if os.access(parent, os.W_OK) else ", not writable: functions are compiled anew in each process"
    )
    files = [p for p in folder.glob("*/*") if p.suffix in (".so", ".cubin")] if folder.exists() else []
    size = sum(map(_size, files)) / 1e6
    return f"{folder}: {len(files)} compiled functions, {size:.0f} MB{writable}"


def _size(path: Path) -> int:
    """In bytes; 0 where another process has just taken the file away, or given it its final name."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _pycuda() -> str:
    if importlib.util.find_spec("pycuda") is None:
        return "none: pip install -e '.[cuda]'"
    return importlib.metadata.version("pycuda")


def _cuda_compiler() -> str:
    from .run.cuda.compile import compiler_name

    name = compiler_name()
    return (
        name.splitlines()[0]
        if name
        else "none: pip install -e '.[cuda]' brings NVRTC; or nvcc of CUDA's toolkit"
    )


def _cublas() -> str:
    from .run.cuda.blas import library

    found = library()
    return (
        found._name if found else "none: products run in graphlib's own kernel; `pip install nvidia-cublas`"
    )


def _nccl() -> str:
    from .run.cuda.nccl import INSTALL, library, version

    found = library(emulated=False)
    if found is None:
        return f"none: on GPUs, means over ranks go through the host; {INSTALL}"
    return f"{version(found)} ({found._name})"


def _gpu() -> str:
    from .run.cuda.driver import missing, open_device

    absent = missing()
    if absent:
        return "; ".join(absent)
    device = open_device("cuda")
    return f"{device.name} ({device.arch})"


#: what is looked for, and how
CHECKS: dict[str, Callable[[], str]] = {
    "graphlib": _graphlib,
    "Python": _python,
    "C compiler": _compiler,
    "BLAS": _blas,
    "threads": _threads,
    "cache": _cache,
    "PyCUDA": _pycuda,
    "CUDA C compiler": _cuda_compiler,
    "cuBLAS": _cublas,
    "NCCL": _nccl,
    "GPU": _gpu,
}


def report() -> str:
    """A line for each thing that was looked for, then the settings."""
    width = max(map(len, CHECKS))
    lines = []
    for name, check in CHECKS.items():
        try:
            found = check()
        except Exception as error:  # the doctor's work is to say what is broken
            found = f"broken: {type(error).__name__}: {error}"
        lines.append(f"{name:{width}}  {found}")
    return "\n".join([*lines, "", "Settings (GRAPHLIB_FLAGS, graphlib.config):", repr(config)])


if __name__ == "__main__":
    print(report())
