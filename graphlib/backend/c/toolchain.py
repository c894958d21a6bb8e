"""The system's C compiler.

What it makes is kept in the cache under the hash of the source, the compiler, its flags and the processor,
beside the source itself.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from ...configuration import config
from ...errors import CompileError
from ..cache import kept, key_of, sealed

HERE = Path(__file__).parent
#: the folders of headers: those of C alone, and those that the CUDA backend reads, too
INCLUDES = (HERE / "include", HERE.parent / "include")
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-fPIC",
    "-shared",
    "-fopenmp-simd",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fno-semantic-interposition",
    "-fwrapv",
    "-w",
)


@functools.lru_cache(maxsize=8)
def _find(name: str) -> tuple[str, ...] | None:
    for candidate in [name] if name else ["cc", "gcc", "clang"]:
        path = shutil.which(candidate)
        if path:
            return (path,)
    if not name and importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc")
    return None


def find_compiler() -> tuple[str, ...] | None:
    """The command of the C compiler, or None: ``config.cc``, else cc, gcc, clang, or the ziglang wheel's
    clang."""
    return _find(config.cc)


@functools.lru_cache(maxsize=1)
def warn_no_compiler() -> None:
    """Say once that there is no compiler."""
    named = f" ({config.cc!r} is not there)" if config.cc else ""
    warnings.warn(
        f"graphlib found no C compiler{named}: functions run node by node with numpy, many times slower. "
        f"Install gcc or clang, "
        f"or `pip install ziglang`.",
        stacklevel=5,
    )


@functools.lru_cache(maxsize=8)
def _identity(compiler: tuple[str, ...]) -> str:
    """What tells compilers and processors apart, without starting the compiler: its file's path, size and
    time."""
    real = Path(shutil.which(compiler[0]) or compiler[0]).resolve()
    stat = real.stat()
    return "\n".join(
        [*compiler, str(real), str(stat.st_size), str(stat.st_mtime_ns), platform.machine(), _processor()]
    )


@functools.lru_cache(maxsize=1)
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "CPU part", "Features")
    found: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in wanted:
            found.setdefault(key.strip(), value)
    return "\n".join(found.values())


@functools.lru_cache(maxsize=1)
def _headers() -> bytes:
    return b"".join(path.read_bytes() for folder in INCLUDES for path in sorted(folder.iterdir()))


def shared_object(source: str, extra_flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The loaded shared object of a C source, from the cache or compiled now.

    Errors: CompileError with the compiler's words.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CompileError("no C compiler was found")
    flags = (*FLAGS, f"-DGL_OBJECT_HEAD={object.__basicsize__}", *extra_flags)
    key = key_of(source, _headers(), "\n".join(flags), _identity(compiler))
    return kept(
        f"{key}.so",
        lambda path: ctypes.CDLL(str(path)),
        lambda path: _compile(compiler, flags, source, path),
    )


def _compile(compiler: tuple[str, ...], flags: tuple[str, ...], source: str, path: Path) -> ctypes.CDLL:
    handle, name = tempfile.mkstemp(prefix=".", suffix=".c", dir=path.parent)
    temporary = Path(name)
    made = temporary.with_suffix(".so")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        command = [
            *compiler,
            *flags,
            *(f"-I{folder}" for folder in INCLUDES),
            str(temporary),
            "-o",
            str(made),
            "-lm",
            "-lpthread",
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise CompileError(f"{' '.join(command)} failed:\n{result.stderr.strip()[:4000]}")
        if not made.exists():
            raise CompileError(f"{' '.join(command)} reported success and wrote nothing")
        made.write_bytes(sealed(made.read_bytes()))
        # loaded under its temporary name: dlopen goes by file, and a broken file of the final name may be
        # loaded already
        library = ctypes.CDLL(str(made))
        os.replace(temporary, path.with_suffix(".c"))
        os.replace(made, path)
        return library
    finally:
        for leftover in (temporary, made):
            leftover.unlink(missing_ok=True)
