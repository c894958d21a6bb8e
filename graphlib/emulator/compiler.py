"""The compiler stand-in: CUDA C to a host shared object that the emulated driver loads in place of a cubin.

The source goes to g++ behind ``device.h``, with two changes: a dynamic ``extern __shared__`` array becomes a
pointer, and a record of each kernel, by which the driver finds and calls it, is added at the end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .build import SOURCES, cxx, cxx_version, library_folder
from .cache import cached, fingerprint

FLAGS = (
    *("-std=c++17", "-O1", "-g1", "-w", "-fPIC"),  # kernels are compiled more than they are run
    "-fvisibility=hidden",
    "-fno-gnu-unique",  # or dlclose would keep the module
    "-fno-strict-aliasing",  # kernels read floats as float4
    "-fno-math-errno",
    "-fno-exceptions",  # which the instrumentation would pass on
    "-ffp-contract=off",  # the same sums on every host
    "-fsanitize=alignment,bounds",  # answered by checker.cpp
)
LINK_FLAGS = ("-shared", "-Wl,-z,defs")  # a function that device.h lacks fails here, not when it is called
# all that kernels call; C++'s own library takes the linker longer to read than what it links
LIBRARIES = ("-nodefaultlibs", "-lcuda", "-lm", "-lc", "-lgcc")
# Calls checker.cpp before each access to memory.
CHECKED_FLAGS = ("-fsanitize=thread", "-DCUDA_EMULATOR_CHECKED")

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\([^)]*\)\s*)?([\w:]+(?:\s+\w+)*?)\s+(\w+)\s*\[\s*\]\s*;"
)
_BOUNDS = r"(?:__launch_bounds__\s*\(([^()]*)\)\s*)?"
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(")


class CompileError(RuntimeError):
    """A kernel's source that the host compiler rejects; the message is the compiler's."""


def is_checked() -> bool:
    """Whether kernels are compiled for the checked mode by default (``CUDA_EMULATOR_CHECK=1``)."""
    return os.environ.get("CUDA_EMULATOR_CHECK", "0") not in ("", "0")


def version(checked: bool) -> str:
    """What the compiler stand-in is: changes whenever the same source may give another object."""
    own = fingerprint(library_folder().name, cxx_version(), Path(__file__))
    return f"CUDA emulator's compiler stand-in {own}{', checked' if checked else ''}"


def translate(source: str, name: str = "kernel.cu") -> str:
    """The C++ that g++ compiles for this CUDA C; line numbers stay those of the source."""
    code = _COMMENT.sub("", source)
    # of launch bounds the first counts: the second, how many blocks are to fit, is about speed only
    bounds_of = {m[3]: (m[1] or m[2] or "1024").split(",")[0] for m in _KERNEL.finditer(code)}

    def as_pointer(match: re.Match) -> str:
        pointer = f"{match[1]} *const {match[2]} = ({match[1]} *)cuda_emulator_state.dynamic_shared;"
        return pointer + "\n" * match[0].count("\n")

    records = "".join(f"CUDA_EMULATOR_KERNEL({kernel}, {bounds})\n" for kernel, bounds in bounds_of.items())
    return f'#line 1 "{name}"\n{_DYNAMIC_SHARED.sub(as_pointer, source)}\n{records}'


def _run(*command: str | Path) -> None:
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompileError(result.stderr)


def _device_header(header: str, flags: tuple[str, ...]) -> Path:
    """A file that includes ``device.h`` and then has the text ``header``, where it lies precompiled for these
    flags: to read them takes the compiler longer than most kernels do."""

    def build(folder: Path) -> None:
        for name in ("device.h", "abi.h"):
            shutil.copy(SOURCES / name, folder)
        file = folder / "kernels.h"
        file.write_text(f'#pragma once\n#include "device.h"\n{header}', encoding="utf-8")
        _run(cxx(), "-x", "c++-header", *flags, file, "-o", f"{file}.gch")

    name = f"device-{fingerprint(library_folder().name, cxx_version(), header, *flags)}"
    return cached(name, build) / "kernels.h"


def compile(
    source: str,
    options: Sequence[str] = (),
    *,
    header: str = "",
    checked: bool | None = None,
    name: str = "kernel.cu",
) -> Path:
    """Compiles CUDA C and returns the object's path, for ``pycuda.driver.module_from_file``.

    Parameters
    ----------
    source: CUDA C whose kernels are ``extern "C"``.
    options: ``-I`` and ``-D`` options for the preprocessor.
    header: CUDA C without kernels that stands in front of many sources: it is compiled once.
    checked: compile for the checked mode; by default where ``CUDA_EMULATOR_CHECK`` is set.
    name: the file's name in messages.

    Raises ``CompileError`` with the compiler's messages.
    """
    checked = is_checked() if checked is None else checked
    text, libraries = translate(source, name), library_folder()

    def build(folder: Path) -> None:
        # In two steps, as g++ would link the sanitizer's library into what it compiles and links at once.
        (folder / name).write_text(text)
        flags = (*FLAGS, *(CHECKED_FLAGS if checked else ()))
        included = ("-include", _device_header(header, flags), f"-ffile-prefix-map={folder}/=")
        _run(cxx(), "-x", "c++", *flags, *options, *included, "-c", folder / name, "-o", folder / "kernel.o")
        objects = (folder / "kernel.o", libraries / "shared_tail.o")
        _run(cxx(), *LINK_FLAGS, *objects, f"-L{libraries}", *LIBRARIES, "-o", folder / "kernel.so")
        (folder / "kernel.o").unlink()

    return cached(f"kernels/{fingerprint(header, text, *options, version(checked))}", build) / "kernel.so"
