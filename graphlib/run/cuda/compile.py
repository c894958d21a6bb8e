"""CUDA C to cubins: by NVRTC where its wheel or toolkit is there, else by nvcc.

A cubin is kept in the cache under the hash of its source, the architecture, the options and the compiler's
version.  The emulator's compiler keeps a cache of its own.
"""

from __future__ import annotations

import ctypes
import functools
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ... import emulator
from ...errors import CompileError
from ..cache import kept, key_of, unsealed, write

_HERE = Path(__file__).parent
_SHARED = _HERE.parent / "include"
#: what stands in front of every function's kernels, in this order
_DEVICE_CODE = (
    _HERE / "device.cuh",
    _SHARED / "graphlib_half_turns.h",
    _SHARED / "graphlib_functions.h",
    _SHARED / "graphlib_half.h",
    _SHARED / "graphlib_bessel.h",
    _SHARED / "graphlib_philox.h",
    _SHARED / "graphlib_streams.h",
    _HERE / "generators.cuh",
    _HERE / "convolution.cuh",
)
#: of linear algebra, long enough to be left out where it is not called
_MATRICES = _HERE / "matrices.cuh"
OPTIONS = ("--std=c++17", "-lineinfo")


@functools.lru_cache(maxsize=1)
def _device_code() -> tuple[str, str, re.Pattern]:
    """The text in front of every function's kernels, that in front of some, and what calls that."""
    always = "".join(path.read_text(encoding="utf-8") for path in _DEVICE_CODE)
    matrices = _MATRICES.read_text(encoding="utf-8")
    names = re.findall(r"GL_INLINE \w+ (gl_\w+)\(", matrices)
    return always, matrices, re.compile(rf"\b({'|'.join(names)})\(")


def device_code(source: str) -> str:
    """The text in front of a function's kernels."""
    always, matrices, called = _device_code()
    return always + matrices if called.search(source) else always


def wheel_libraries(pattern: str) -> list[str]:
    """Shared objects of NVIDIA's wheels (nvidia/*/lib), the newest first."""
    spec = importlib.util.find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return sorted((p for f in folders for p in glob.glob(os.path.join(f, "*", "lib", pattern))), reverse=True)


def first_library(names: Iterable[str]) -> ctypes.CDLL | None:
    """The first of these that the loader finds, or None."""
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


@functools.lru_cache(maxsize=1)
def nvrtc() -> ctypes.CDLL | None:
    """NVIDIA's runtime compiler, from its wheel or the toolkit, or None."""
    names = [p for p in wheel_libraries("libnvrtc.so.*") if ".alt." not in p]
    # NVRTC looks for this one by name, and would not find it in a wheel
    for name in [p for p in wheel_libraries("libnvrtc-builtins.so.*") if ".alt." not in p]:
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
    return first_library([*names, "libnvrtc.so.13", "libnvrtc.so.12"])


@functools.lru_cache(maxsize=1)
def compiler_name() -> str | None:
    """The compiler and its version, or None where there is none."""
    library = nvrtc()
    if library is not None:
        major, minor = ctypes.c_int(), ctypes.c_int()
        library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return f"NVRTC {major.value}.{minor.value}"
    path = shutil.which("nvcc")
    if path is None:
        return None
    result = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return f"nvcc {path}\n{result.stdout}"


def load_module(driver: Any, source: str, arch: str, emulated: bool) -> Any:
    """The driver's module of the kernels of ``source`` (device.cuh in front), compiled now or before.

    Errors: CompileError with the compiler's words.
    """
    header = device_code(source)
    if emulated:
        try:
            return driver.module_from_file(str(emulator.compile(source, header=header, name="graphlib.cu")))
        except emulator.CompileError as error:
            raise CompileError(f"the CUDA emulator's compiler:\n{str(error)[:4000]}") from None
    return driver.module_from_buffer(kept_cubin(header + source, arch))


def kept_cubin(source: str, arch: str) -> bytes:
    """The machine code of CUDA C, from the cache or compiled now.

    Errors: CompileError with the compiler's words.
    """
    name = compiler_name()
    if name is None:
        raise CompileError("there is no compiler of CUDA C, neither NVRTC nor nvcc")

    @functools.lru_cache(maxsize=1)
    def made() -> bytes:
        return cubin(source, arch)[0]

    def make(path: Path) -> bytes:
        code = made()
        write(path, code)
        return code

    return kept(f"{key_of(source, arch, *OPTIONS, name)}.cubin", unsealed, make)


def cubin(source: str, arch: str, options: tuple[str, ...] = ()) -> tuple[bytes, str]:
    """The machine code of CUDA C for one architecture, such as 'sm_80', and what the compiler said."""
    library = nvrtc()
    return _by_nvcc(source, arch, options) if library is None else _by_nvrtc(library, source, arch, options)


def _by_nvrtc(library: ctypes.CDLL, source: str, arch: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    program = ctypes.c_void_p()

    def check(code: int) -> None:
        if code:
            library.nvrtcGetErrorString.restype = ctypes.c_char_p
            raise CompileError(f"NVRTC: {library.nvrtcGetErrorString(code).decode()}\n{log()[:4000]}")

    def log() -> str:
        size = ctypes.c_size_t()
        if library.nvrtcGetProgramLogSize(program, ctypes.byref(size)):
            return ""
        text = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, text)
        return text.value.decode(errors="replace")

    check(library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"graphlib.cu", 0, None, None))
    try:
        flags = [f"--gpu-architecture={arch}".encode(), *(o.encode() for o in (*OPTIONS, *options))]
        check(library.nvrtcCompileProgram(program, len(flags), (ctypes.c_char_p * len(flags))(*flags)))
        size = ctypes.c_size_t()
        check(library.nvrtcGetCUBINSize(program, ctypes.byref(size)))
        code = ctypes.create_string_buffer(size.value)
        check(library.nvrtcGetCUBIN(program, code))
        return code.raw, log()
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _by_nvcc(source: str, arch: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    with tempfile.TemporaryDirectory(prefix="graphlib-") as folder:
        file, made = Path(folder) / "graphlib.cu", Path(folder) / "graphlib.cubin"
        file.write_text(source, encoding="utf-8")
        command = ["nvcc", "--cubin", f"-arch={arch}", *OPTIONS, *options, str(file), "-o", str(made)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CompileError(f"{' '.join(command)} failed:\n{result.stderr.strip()[:4000]}")
        return made.read_bytes(), result.stderr
