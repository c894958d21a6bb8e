"""The system's C compiler.

What it makes is kept in the cache under the hash of the source, the compiler, its flags and the processor,
beside the source itself.  What it takes to run it is imported when that is done: where all is in the cache,
it would take longer than everything else.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import importlib.util
import os
import platform
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...configuration import config
from ...errors import CompileError
from ..cache import found, kept, key_of, note, noted, sealed

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

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
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-fno-gcse-after-reload",  # next to nothing in most kernels, half of the time of the largest
    # gcc drops what it has done with when it has taken 4 MiB and a third more, not 128 and twice as much
    "--param=ggc-min-heapsize=4096",
    "--param=ggc-min-expand=30",
)
#: What has to do with threads is linked with C's library, and so with the versions of its functions.  All
#: else finds the few functions that it takes of it in the process: to read the library takes the linker
#: longer than all that it does.
THREADS = "-pthread"
_ALONE = ("-nostdlib", "-lm", "-lgcc")


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


def shared_object(
    source: str, extra_flags: tuple[str, ...] = (), functions: tuple[str, ...] = ()
) -> ctypes.CDLL:
    """The loaded shared object of a C source, which has ``functions``, from the cache or compiled now.

    Errors: CompileError with the compiler's words, or of what is missing.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CompileError("no C compiler was found")
    flags = (*FLAGS, f"-DGL_OBJECT_HEAD={object.__basicsize__}", *extra_flags)
    return kept(
        f"{key_of_object(source, extra_flags)}.so",
        lambda path: _loaded(path, functions),
        lambda path: _compile(compiler, flags, source, path, functions),
    )


def key_of_object(source: str = "", extra_flags: tuple[str, ...] = ()) -> str:
    """The name in the cache of the object of a source; of none, of all that such objects have in common."""
    head = f"-DGL_OBJECT_HEAD={object.__basicsize__}"
    return key_of(
        source, _headers(), "\n".join((*FLAGS, head, *extra_flags)), _identity(find_compiler() or ())
    )


def load_object(key: str) -> ctypes.CDLL | None:
    """The object of that name in the cache, loaded, if there is one."""
    path = found(f"{key}.so")
    try:
        return None if path is None else ctypes.CDLL(str(path))
    except OSError:
        return None


def cores() -> int:
    """As many compilers may run side by side."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def side_by_side(function: Callable[..., Any], *arguments: Any) -> Future:
    """A call that waits for a compiler, of which as many run as there are processors, with the settings of
    the caller."""
    return _pool(os.getpid()).submit(copy_context().run, function, *arguments)


def afterwards(function: Callable[..., Any], *arguments: Any) -> Future:
    """A call that waits for a compiler that nobody else waits for: what it makes is better than what there
    is.  A process does not end before it."""

    def call() -> None:
        try:
            function(*arguments)
        except CompileError as error:
            warnings.warn(f"graphlib goes on with slower products: {error}", stacklevel=1)

    return _last(os.getpid()).submit(copy_context().run, call)


@functools.lru_cache(maxsize=1)
def _last(process: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(1, "graphlib-compiler")


@functools.lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    # a fork has none of the threads
    return ThreadPoolExecutor(cores(), "graphlib-compiler")


def _loaded(path: Path, functions: tuple[str, ...]) -> ctypes.CDLL:
    """The shared object of a file.  Errors: OSError where it cannot be loaded or lacks a function."""
    library = ctypes.CDLL(str(path))
    for name in functions:
        if not hasattr(library, name):
            raise OSError(f"{path} has no function {name}")
    return library


def _compile(
    compiler: tuple[str, ...], flags: tuple[str, ...], source: str, path: Path, functions: tuple[str, ...]
) -> ctypes.CDLL:
    """Errors: CompileError, or OSError where another folder may help."""
    import subprocess
    import tempfile

    handle, name = tempfile.mkstemp(prefix=".", suffix=".c", dir=path.parent)
    temporary = Path(name)
    made = temporary.with_suffix(".so")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(source)
        command = [
            *compiler,
            *_suited(compiler, flags),
            *(f"-I{folder}" for folder in INCLUDES),
            str(temporary),
            "-o",
            str(made),
            *_libraries(compiler, flags),
        ]
        begun = _begun(compiler)
        if not begun:
            _say_what_zig_does()
        # what it writes on the way goes to the same disk, its words are in English
        environment = {**os.environ, "TMPDIR": str(path.parent), "LC_ALL": "C"}
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
        if result.returncode:
            raise _failure(command, result.returncode, result.stderr.strip(), path.parent)
        if not made.exists():
            raise CompileError(f"{' '.join(command)} reported success and wrote nothing")
        if not begun:
            note(_first_of(compiler), b"done")
        made.write_bytes(sealed(made.read_bytes()))
        made.chmod(0o700)  # whatever the umask: what others can write to is not loaded again
        # loaded under its temporary name: dlopen goes by file, and a broken file of the final name may be
        # loaded already
        library = _made(made, functions, command)
        os.replace(temporary, path.with_suffix(".c"))
        os.replace(made, path)
        return library
    finally:
        for leftover in (temporary, made):
            leftover.unlink(missing_ok=True)


def _is_zig(compiler: tuple[str, ...]) -> bool:
    return compiler[-2:] == ("ziglang", "cc")


def _suited(compiler: tuple[str, ...], flags: tuple[str, ...]) -> tuple[str, ...]:
    """The flags for this compiler.  By -O0 zig understands a program that is looked for bugs: it would first
    compile a library that watches over it, for minutes."""
    return tuple("-O1" if flag == "-O0" else flag for flag in flags) if _is_zig(compiler) else flags


def _first_of(compiler: tuple[str, ...]) -> str:
    """The name of the note that a compiler has made something."""
    return f"{key_of('first', _identity(compiler))}.first"


def _begun(compiler: tuple[str, ...]) -> bool:
    """Whether a compiler needs nothing more before its first file."""
    return not _is_zig(compiler) or noted(_first_of(compiler)) is not None


@functools.lru_cache(maxsize=1)
def _say_what_zig_does() -> None:
    warnings.warn(
        "graphlib compiles by zig, as there is no cc, gcc or clang: before its first file zig makes a C "
        "library for this machine, once, which takes ten seconds, or a minute where the machine is busy; "
        "gcc is ready at once",
        stacklevel=1,
    )


def _libraries(compiler: tuple[str, ...], flags: tuple[str, ...]) -> tuple[str, ...]:
    """What is linked: zig's linker and those of other systems want to see all that there is."""
    alone = sys.platform == "linux" and len(compiler) == 1 and THREADS not in flags
    return _ALONE if alone else ("-lm",)


def _failure(command: list[str], status: int, words: str, folder: Path) -> Exception:
    """The error of a compiler that failed: an OSError where it had no room in ``folder``."""
    if any(text in words for text in ("No space left on device", "Disk quota exceeded")):
        return OSError(errno.ENOSPC, f"the C compiler found no space left ({words[-300:]})", str(folder))
    killed = f"signal {-status}" if status < 0 else next(iter(re.findall("Killed signal|Killed", words)), "")
    if killed:
        return CompileError(
            f"the C compiler was killed ({killed}), as happens where there is not enough memory: "
            f"{' '.join(command)}\n{words[:4000]}"
        )
    return CompileError(f"{' '.join(command)} failed:\n{words[:4000]}")


def _made(path: Path, functions: tuple[str, ...], command: list[str]) -> ctypes.CDLL:
    """What has just been compiled, loaded.

    Errors: CompileError where it needs or lacks a function, which it would in any folder; OSError.
    """
    try:
        return _loaded(path, functions)
    except OSError as error:
        if "undefined symbol" in str(error) or "has no function" in str(error):
            raise CompileError(f"what {' '.join(command)} made cannot be used: {error}") from error
        raise
