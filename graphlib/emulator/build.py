"""Builds the emulated driver and the stand-ins for cuBLAS and NCCL with the host's C++ compiler.

``python -m graphlib.emulator`` builds everything; ``library_folder()`` builds what is not in the cache yet.
NVIDIA's ``cuda.h``, which declares the driver's interface, comes from NVIDIA's wheels on PyPI; no CUDA
toolkit is needed.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

from .cache import cached, fingerprint

SOURCES = Path(__file__).resolve().parent
DRIVER_SOURCES = ("driver", "memory", "streams", "modules", "executor", "checker", "unsupported")
# What PyCUDA 2026.1 is built against here: the oldest CUDA 13, as a newer one would need a newer driver.
HEADER_WHEELS = (
    "nvidia-cuda-runtime==13.0.*",
    "nvidia-cuda-profiler-api==13.0.*",
    "nvidia-cuda-crt==13.0.*",
)
FLAGS = ("-std=c++17", "-O2", "-g1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra")


def run(command: list[str | Path], **options) -> str:
    """Runs a command and returns its output; RuntimeError with that output where it fails."""
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, **options)
    if result.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def pip(*arguments: str | Path, **options) -> None:
    """Runs pip of the running Python; RuntimeError where it fails or is missing."""
    run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], **options)


def cxx() -> str:
    """The host's C++ compiler: ``CXX``, else g++."""
    return os.environ.get("CXX") or "g++"


@functools.cache
def cxx_version() -> str:
    """The compiler's own description; RuntimeError where there is no compiler."""
    try:
        return run([cxx(), "--version"])
    except FileNotFoundError:
        raise RuntimeError(
            f"the CUDA emulator needs a C++17 compiler and found no {cxx()}: install g++ or name one in CXX"
        ) from None


def cuda_headers() -> Path:
    """The folder of ``cuda.h``, fetched from PyPI once."""

    def fetch(folder: Path) -> None:
        pip("install", "--no-deps", "--target", folder, *HEADER_WHEELS)

    return cached(f"headers-{fingerprint(*HEADER_WHEELS)}", fetch) / "nvidia" / "cu13" / "include"


def library_folder() -> Path:
    """The folder of ``libcuda.so.1``, ``libcublas.so.13``, ``libnccl.so.2`` and ``shared_tail.o``, built
    where not cached."""
    sources = sorted([*SOURCES.glob("*.cpp"), *SOURCES.glob("*.h")])

    def build(folder: Path) -> None:
        compile_command = [cxx(), *FLAGS, f"-I{cuda_headers()}"]
        link_options = ["-shared", "-Wl,-z,defs"]
        for name in DRIVER_SOURCES:  # one by one, which takes less memory than all at once
            run([*compile_command, "-c", SOURCES / f"{name}.cpp", "-o", folder / f"{name}.o"])
        objects = [folder / f"{name}.o" for name in DRIVER_SOURCES]
        driver = folder / "libcuda.so.1"
        run([cxx(), *link_options, "-Wl,-soname,libcuda.so.1", *objects, "-ldl", "-o", driver])
        (folder / "libcuda.so").symlink_to(driver.name)  # the name that -lcuda looks for
        cublas = ["-O3", *link_options, "-Wl,-soname,libcublas.so.13", "-o", folder / "libcublas.so.13"]
        run([*compile_command, *cublas, SOURCES / "cublas.cpp", f"-L{folder}", "-lcuda"])
        nccl = [*link_options, "-Wl,-soname,libnccl.so.2", "-o", folder / "libnccl.so.2"]
        run([*compile_command, *nccl, SOURCES / "nccl.cpp", f"-L{folder}", "-lcuda", "-lrt"])
        run([cxx(), *FLAGS, "-c", SOURCES / "shared_tail.cpp", "-o", folder / "shared_tail.o"])
        for item in objects:
            item.unlink()

    return cached(f"driver-{fingerprint(cxx_version(), *FLAGS, *sources, *HEADER_WHEELS)}", build)
