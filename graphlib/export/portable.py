"""Functions as a library of portable C: what users call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compile.function import Function
from ..errors import ExportError
from . import entries
from .library import Library, library, source


@dataclass(frozen=True)
class Exported:
    """What was written: the files, and what is known of them."""

    header: Path
    source: Path
    library: Library

    @property
    def arena(self) -> int:
        """The bytes of the arena."""
        return self.library.arena

    def __repr__(self) -> str:
        return f"<{self.header}, {self.source}: an arena of {self.arena} bytes>"


def c(
    function: Function | Mapping[str, Function],
    folder: str | Path,
    name: str | None = None,
    bounds: Mapping[Any, Any] | None = None,
    most_elements: int | None = None,
    state: str = "updated",
    arena: str = "static",
    threads: int = 1,
) -> Exported:
    """Write ``NAME.h`` and ``NAME.c``, C99 that needs no Python: the function, or several that share a state.

    function: compiled functions, by the names that they get behind ``NAME_``; a single one is called NAME.
    name: of the library; that of the function if None.
    bounds: how long inputs may be, by variable or name: ``{x: (64, 784)}``.  Of an integer scalar that
    decides about lengths, the most it may be.  Lengths that the graph knows need no bound.
    most_elements: the most that lengths which depend on data may be.
    state: 'updated': shared variables that some function updates are a struct of the caller's, the others
    constants; 'all': all of them are in the struct.
    arena: 'static': in NAME.c; 'caller': calls are given one, of as many bytes as the header says.
    threads: that a call runs on; with more than one the library is C11, and needs ``threads.h``.

    Errors: ExportError for an operation that C alone cannot do (LAPACK, calls of Python), a length without a
    bound, a shared variable that changes its shape.
    """
    lib = library_of(function, name, bounds, most_elements, state, arena, threads)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{lib.name}.h", folder / f"{lib.name}.c"
    paths[0].write_text(entries.header(lib), encoding="ascii", errors="backslashreplace")
    paths[1].write_text(source(lib), encoding="ascii", errors="backslashreplace")
    return Exported(*paths, lib)


def library_of(
    function: Function | Mapping[str, Function],
    name: str | None,
    bounds: Mapping[Any, Any] | None,
    most_elements: int | None,
    state: str,
    arena: str,
    threads: int = 1,
) -> Library:
    """The library that is written."""
    if state not in ("updated", "all"):
        raise ExportError(f"state is 'updated' or 'all', not {state!r}")
    if arena not in ("static", "caller"):
        raise ExportError(f"arena is 'static' or 'caller', not {arena!r}")
    if isinstance(function, Mapping):
        if name is None:
            raise ExportError("a library of several functions needs a name")
        wrong = [key for key in function if key in entries.RESERVED]
        if wrong:
            raise ExportError(f"no function of a library can be called {wrong[0]!r}: it has its own")
        functions = {f"{name}_{key}": f for key, f in function.items()}
    else:
        name = name or getattr(function, "name", "library")
        if name is None:
            raise ExportError("the library needs a name: c(function, folder, name='digits')")
        functions = {name: function}
    if not functions:
        raise ExportError("a library needs a function")
    for f in functions.values():
        if not isinstance(f, Function):
            raise ExportError(f"a library is made of what graphlib.function has compiled, not of {f!r}")
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 64:
        raise ExportError(f"a call runs on 1 to 64 threads, not {threads!r}")
    return library(functions, name, bounds or {}, most_elements, state, arena == "static", threads)


def save_state(exported: Exported | Library, path: str | Path) -> None:
    """Write the present values of the state's shared variables as a block, which the library's load reads."""
    lib = exported if isinstance(exported, Library) else exported.library
    Path(path).write_bytes(lib.layout.written([f.array for f in lib.state]))


def load_state(exported: Exported | Library, path: str | Path) -> None:
    """Set the shared variables to the values of a block that the library or ``save_state`` has written.

    Errors: ExportError for a file that is no such block, truncated, damaged, or of another library or
    version; then no variable has changed.
    """
    lib = exported if isinstance(exported, Library) else exported.library
    for f, values in zip(lib.state, lib.layout.read(Path(path).read_bytes(), str(path)), strict=True):
        f.shared.set_value(values)
