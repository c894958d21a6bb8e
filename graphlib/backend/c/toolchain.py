"""The system's C compiler and the cache of what it made.

A shared object is kept under the hash of its source, the compiler, its flags and the processor, beside the
source itself.  It is written under a temporary name and renamed, so processes that compile the same function
at once do not disturb one another, and no lock is needed; one that does not load is compiled anew.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
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

HERE = Path(__file__).parent
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
    return b"".join(path.read_bytes() for path in sorted((HERE / "include").iterdir()))


def shared_object(source: str, extra_flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """The loaded shared object of a C source, from the cache or compiled now.

    Errors: CompileError with the compiler's words.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CompileError("no C compiler was found")
    flags = (*FLAGS, f"-DGL_OBJECT_HEAD={object.__basicsize__}", *extra_flags)
    digest = hashlib.sha256()
    for part in (source.encode(), _headers(), "\n".join(flags).encode(), _identity(compiler).encode()):
        digest.update(hashlib.sha256(part).digest())
    key = digest.hexdigest()[:32]
    folder = _folder(key)
    path = folder / f"{key}.so" if folder else None
    if path and _is_whole(path):
        try:
            return ctypes.CDLL(str(path))
        except OSError:
            pass  # of another machine: made anew below, under the same name
    try:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _compile(compiler, flags, source, path)
    except OSError:
        pass  # nothing can be kept there: it is not ours to write to, full, or no folder
    with tempfile.TemporaryDirectory(prefix="graphlib-") as private:
        return _compile(compiler, flags, source, Path(private) / f"{key}.so")


def _folder(key: str) -> Path | None:
    """The folder in the cache for what has this key; None for somebody who has no home."""
    try:
        return config.cache_folder() / key[:2]
    except RuntimeError:
        return None


def _is_whole(path: Path) -> bool:
    """Whether the file is there and ends with the hash of what comes before (loading a truncated one would
    crash)."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-32]).digest() == data[-32:]


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
            f"-I{HERE / 'include'}",
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
        data = made.read_bytes()
        made.write_bytes(data + hashlib.sha256(data).digest())
        # loaded under its temporary name: dlopen goes by file, and a broken file of the final name may be
        # loaded already
        library = ctypes.CDLL(str(made))
        os.replace(temporary, path.with_suffix(".c"))
        os.replace(made, path)
        return library
    finally:
        for leftover in (temporary, made):
            leftover.unlink(missing_ok=True)
