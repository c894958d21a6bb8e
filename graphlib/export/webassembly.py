"""Functions as WebAssembly: the library of C, compiled by the ``ziglang`` wheel's clang, and an ES module of
some lines that takes and gives typed arrays."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..compile.function import Function
from ..errors import CompileError, ExportError
from . import entries
from .library import Library, Made, source
from .portable import library_of
from .signature import Parameter, Size

#: a library without an entry: of wasi's libc only mathematics is linked, and nothing is imported
FLAGS = (
    "-target",
    "wasm32-wasi",
    "-std=c99",
    "-O3",
    "-msimd128",
    "-mbulk-memory",
    "-fopenmp-simd",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fwrapv",
    "-mexec-model=reactor",
    "-Wl,--no-entry",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=262144",
)
#: what ``glue`` calls so
_OF_MODULES = frozenset(("at_block", "block", "initialise", "load", "save", "words"))
_MODULE = Path(__file__).parent / "web" / "module.mjs"


@dataclass(frozen=True)
class Compiled:
    """What was written."""

    wasm: Path
    module: Path
    library: Library

    def __repr__(self) -> str:
        return f"<{self.wasm}, {self.module}>"


def wasm(
    function: Function | Mapping[str, Function],
    folder: str | Path,
    name: str | None = None,
    bounds: Mapping[Any, Any] | None = None,
    most_elements: int | None = None,
    state: str = "updated",
    compiler: Sequence[str] | None = None,
) -> Compiled:
    """Write ``NAME.wasm`` and ``NAME.mjs``, a module with ``load()``; arguments are those of
    :func:`graphlib.export.c`.

    compiler: the command of zig; that of the wheel ``ziglang`` if None.

    Errors: ExportError as ``c``; CompileError where there is no compiler (``pip install ziglang``).
    """
    lib = library_of(function, name, bounds, most_elements, state, "static")
    if isinstance(function, Function) and lib.name in _OF_MODULES:
        raise ExportError(f"no function of a module can be called {lib.name!r}: a module has its own")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{lib.name}.wasm", folder / f"{lib.name}.mjs"
    paths[0].write_bytes(binary(lib, compiler))
    paths[1].write_text(module(lib), encoding="utf-8")
    return Compiled(*paths, lib)


def find_zig() -> list[str] | None:
    """The command of the ``ziglang`` wheel, if it is installed."""
    found = importlib.util.find_spec("ziglang") is not None
    return [sys.executable, "-m", "ziglang"] if found else None


def binary(lib: Library, compiler: Sequence[str] | None = None) -> bytes:
    """The compiled library.  Errors: CompileError with the compiler's words, or of what is missing."""
    command = list(compiler) if compiler else find_zig()
    if command is None:
        raise CompileError("WebAssembly is compiled by zig, which is not there: pip install ziglang")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / f"{lib.name}.h").write_text(entries.header(lib), encoding="ascii", errors="backslashreplace")
        (root / "library.c").write_text(source(lib), encoding="ascii", errors="backslashreplace")
        (root / "glue.c").write_text(glue(lib))
        exports = [f"-Wl,--export={name}" for name in exported(lib)]
        parts = [str(root / "library.c"), str(root / "glue.c"), "-lm", "-o", str(root / "out.wasm")]
        try:
            done = subprocess.run(
                [*command, "cc", *FLAGS, *exports, *parts], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise CompileError(f"{command[0]} does not start: {error}") from None
        if done.returncode:
            raise CompileError(f"zig refused the library {lib.name}:\n{done.stderr}")
        return (root / "out.wasm").read_bytes()


# what the module calls: functions of numbers only, and arrays at places of their own


def _buffer(made: Made, p: Parameter) -> str:
    return f"at_{made.signature.prefix.removeprefix('gl_')}{p.name}"


def exported(lib: Library) -> list[str]:
    """The names that the module needs."""
    found = [f"call_{f.signature.name}" for f in lib.functions]
    for f in lib.functions:
        s = f.signature
        found += [_buffer(f, p) for p in s.inputs if p.ndim]
        found += [_buffer(f, p) for p in s.outputs]
        found += [f"{_buffer(f, p)}_shape" for p in s.outputs if p.has_shape]
    found.append("words")
    if lib.state:
        found += [f"state_{f.name}" for f in lib.state]
        found += ["initialise", "save", "load", "at_block"]
    return found


def glue(lib: Library) -> str:
    """C that gives a module's arrays their places."""
    lines = [f'#include "{lib.name}.h"', ""]
    if lib.state:
        lines += [
            f"static {lib.name}_state state;",
            f"static uint8_t block[{lib.layout.size}];",
            "void *at_block(void) { return block; }",
            f"void initialise(void) {{ {lib.name}_initialise(&state); }}",
            f"void save(void) {{ {lib.name}_save(&state, block); }}",
            f"int32_t load(int32_t bytes) {{ return {lib.name}_load(&state, block, bytes); }}",
        ]
        # the address of an array by a function: linkers export no addresses inside of a struct
        for f in lib.state:
            place = f"state.{f.name}" if f.array.ndim else f"&state.{f.name}"
            lines.append(f"void *state_{f.name}(void) {{ return {place}; }}")
    lines.append(f"const char *words(int32_t code) {{ return {lib.name}_message(code); }}")
    for f in lib.functions:
        s = f.signature
        for p in (*s.inputs, *s.outputs):
            if p.ndim or p in s.outputs:
                lines.append(
                    f"static {p.c_type} b_{_buffer(f, p)}[{max(p.most, 1)}] __attribute__((aligned(16)));\n"
                    f"void *{_buffer(f, p)}(void) {{ return b_{_buffer(f, p)}; }}"
                )
            if p in s.outputs and p.has_shape:
                lines.append(
                    f"static int64_t b_{_buffer(f, p)}_shape[{p.ndim}];\n"
                    f"void *{_buffer(f, p)}_shape(void) {{ return b_{_buffer(f, p)}_shape; }}"
                )
        numbers = [f"int32_t {n.name}" for n in s.sizes] + [
            f"{p.c_type if p.dtype in ('int64', 'uint64') else 'double'} {p.name}"
            for p in s.inputs
            if not p.ndim
        ]
        buffer = partial(_buffer, f)
        given = entries.given(
            lib,
            f,
            state=lambda f: "&state",
            array=lambda p, buffer=buffer: f"b_{buffer(p)}",
            number=lambda p: f"({p.c_type}){p.name}",
            size=lambda n: n.name,
            output=lambda p, buffer=buffer: f"b_{buffer(p)}",
            shape=lambda p, buffer=buffer: f"b_{buffer(p)}_shape",
        )
        head = f"int32_t call_{s.name}({', '.join(numbers) or 'void'})"
        lines.append(f"{head} {{ return {s.name}({', '.join(given)}); }}")
    return "\n".join([*lines, ""])


def described(lib: Library) -> dict[str, Any]:
    """What the module must know of the library."""

    def parameter(f: Made, p: Parameter) -> dict[str, Any]:
        return {
            "name": p.name,
            "dtype": p.dtype,
            "lengths": [n.name if isinstance(n, Size) else n for n in p.lengths],
            "most": p.most,
            "at": _buffer(f, p),
        }

    functions = {}
    for f in lib.functions:
        s = f.signature
        short = s.name.removeprefix(f"{lib.name}_")
        functions[short] = {
            "call": f"call_{s.name}",
            "sizes": {n.name: n.most for n in s.sizes},
            "inputs": [parameter(f, p) for p in s.inputs],
            "outputs": [parameter(f, p) for p in s.outputs],
        }
    state = [{"name": f.name, "dtype": f.array.dtype.name, "shape": list(f.array.shape)} for f in lib.state]
    return {"name": lib.name, "functions": functions, "state": state, "block": lib.layout.size}


def module(lib: Library) -> str:
    """The ES module that loads the library."""
    about = json.dumps(described(lib), indent=1)
    return _MODULE.read_text(encoding="utf-8").replace("/* ABOUT */ {}", about).replace("NAME", lib.name)
