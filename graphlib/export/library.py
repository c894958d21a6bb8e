"""A library of C: the text of its header and its source, from functions and what is said of their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compile.pipeline import C, Stages
from ..errors import ExportError, Resized
from ..graph import Shared
from ..graph.shared import itself
from ..render.portable_c import PortableWriter, Units, with_prefix
from ..represent import represented
from ..run.c.toolchain import INCLUDES
from ..schedule.plan import Plan
from . import entries, products, values
from .block import Layout
from .excerpt import Definition, definitions, header, names, used
from .scratch import is_known, taken
from .signature import Signature, c_name, check_name, signature, sized_outputs

if TYPE_CHECKING:
    from ..compile.function import Function

_PARTS = Path(__file__).parent / "c"
#: what there is, where a library has something else first
_HEADERS = (
    "portable.h",
    "block.h",
    "graphlib_runtime.h",
    "graphlib_math.h",
    "graphlib_random.h",
    "graphlib_generators.h",
    "graphlib_library.h",
    "graphlib_pool.h",
    "graphlib_convolution.h",
    "graphlib_fourier.h",
)
#: macros of ``graphlib_vectors.h``, which is taken as a whole where one is used
_VECTORS = {"GL_UNROLL", "GL_SHUFFLE", "GL_SLIDE_BYTES"}
#: constants of more bytes are data, and no part of a program
_MOST_CONSTANTS = 64 * 2**20


@dataclass
class Field:
    """A shared variable in a library: its name, and whether it is a part of the state or a constant."""

    shared: Shared
    name: str
    in_state: bool

    @property
    def array(self) -> np.ndarray:
        return self.shared.get_value(borrow=True)


@dataclass
class Made:
    """A function of a library: its signature, the writer of its plan, whether it changes the state, the parts
    of the arena it uses."""

    signature: Signature
    writer: PortableWriter
    changes: bool
    arena: int = 0
    scratch: int = 0
    regions: list = field(default_factory=list)


@dataclass
class Library:
    """A library before it is written: its functions, the shared variables they use, how it has memory."""

    name: str
    functions: list[Made]
    fields: list[Field]
    own_arena: bool
    units: Units
    threads: int = 1

    @property
    def state(self) -> list[Field]:
        return [f for f in self.fields if f.in_state]

    @property
    def layout(self) -> Layout:
        """How the state is written as a block."""
        return Layout([(f.name, f.array.dtype.name, f.array.shape) for f in self.state])

    @property
    def arena(self) -> int:
        """The bytes of the arena, for the function that needs most of it."""
        return max(f.arena + f.scratch * self.threads for f in self.functions) + 64

    def field_of(self, shared: Shared) -> Field:
        return next(f for f in self.fields if f.shared is itself(shared))


def library(
    functions: Mapping[str, Function],
    name: str,
    bounds: Mapping[Any, Any],
    most: int | None,
    state: str,
    own_arena: bool,
    threads: int = 1,
) -> Library:
    """A library of functions by the names that they have in it.

    Errors: ExportError for what no library can do or whose size is not known.
    """
    check_name(name)
    units = Units()
    plans = {key: _planned(function) for key, function in functions.items()}
    updated = {itself(s) for function in functions.values() for s in function._program.updates}
    names: set[str] = set()
    fields: dict[Shared, Field] = {}
    for function in functions.values():
        for s in function._program.shareds:
            if itself(s) not in fields:
                c = c_name(s.name, f"shared{len(fields)}", names)
                fields[itself(s)] = Field(itself(s), c, state == "all" or itself(s) in updated)
    made = []
    for number, (key, function) in enumerate(functions.items()):
        # a number, so that what is inside one function is called like nothing of another
        prefix = f"gl_{number}_{check_name(key)}_"
        plan = with_prefix(plans[key], prefix)
        items = [(item.variable, item.name) for item in function._items]
        outputs = _named_outputs(function)
        found = signature(key, prefix, plan, items, outputs, function._program.shareds, bounds, most)
        writer = PortableWriter(plan, units, found.extents, prefix)
        _all_bounded(function, writer)
        sized_outputs(found)
        made.append(_laid_out(Made(found, writer, bool(function._program.updates))))
    unknown = [k for k in bounds if not any(_is_input(k, function) for function in functions.values())]
    if unknown:
        known = ", ".join(str(item.name) for function in functions.values() for item in function._items)
        raise ExportError(f"there is no input {unknown[0]} to bound; the inputs are: {known or 'none'}")
    result = Library(name, made, list(fields.values()), own_arena, units, threads)
    _check_constants(result)
    return result


def _is_input(key: Any, function: Function) -> bool:
    return any(key is item.variable or key in (item.name, item.variable.name) for item in function._items)


def _planned(function: Function) -> Plan:
    """The plan of a function for the lengths that its shared variables have.  Errors: ExportError."""
    form = represented(function._program)
    program = form.program
    if not form.is_same or any(s.dtype.startswith("complex") for s in function._program.shareds):
        raise ExportError(
            f"{program.title}: complex numbers do not go in or out of a library; give and take their real "
            f"and imaginary parts"
        )
    stages = Stages(program, C(False), [s.present_shape() for s in program.shareds])
    why = "a library has all its memory beforehand; update a variable of a fixed shape"
    try:
        resized = stages.resized
    except Resized as error:
        raise ExportError(f"{program.title}: {error}; {why}") from None
    if resized:
        raise ExportError(
            f"{program.title}: its update gives {resized[0].describe()} another shape, and {why}"
        )
    plan = stages.plan
    for one in plan.all():
        for step in one.steps:
            for action in step.actions:
                needs, host = getattr(action, "needs", ""), getattr(action, "host", None)
                if needs or host is not None:
                    what = ", ".join(f"{s.op} ({s.line})" for s in step.sources) or step.what
                    why = _NOT_IN_A_LIBRARY[needs]
                    raise ExportError(
                        f"{program.title}: {what} {why}, which a library of C alone cannot do; export a "
                        f"function without it"
                    )
    return plan


#: why a call cannot be part of a library, by what it needs
_NOT_IN_A_LIBRARY = {
    "": "calls back into Python",
    "lapack": "needs LAPACK",
    "mpi": "waits for the ranks of an MPI run",
}


def _named_outputs(function: Function) -> list[tuple[Any, str | None]]:
    """The outputs and what users call them; behind them the next defaults of inputs."""
    form = function._form
    own = function.outputs
    keys = form if isinstance(form, (list, tuple)) else [None] * len(own)
    outputs = [(v, k if isinstance(k, str) else None) for v, k in zip(own, keys, strict=True)]
    carried = ((v, f"next_{function._items[place].name}") for place, v in function.carried.items())
    return [*outputs, *carried]


def _all_bounded(function: Function, writer: PortableWriter) -> None:
    """Errors: ExportError for a length that depends on data and has no bound."""
    for plan, length in writer.unbounded():
        arrays = [a for a in plan.arrays if any(length.symbol in m for n in a.shape for m in n.terms)]
        what = arrays[0].describe() if arrays else "a loop or an array"
        integers = [
            item.name
            for item in function._items
            if item.variable.ndim == 0 and not item.variable.type.is_float
        ]
        hint = (
            f"if it is that of an input, bounds={{{integers[0]!r}: 100}}; else most_elements=100"
            if integers
            else "most_elements=100"
        )
        raise ExportError(
            f"{function._program.title}: how long {what} is depends on data, and a library has all its "
            f"memory beforehand: say how long it may be, {hint}"
        )


def _laid_out(made: Made) -> Made:
    """Gives the parts of the arena their places."""
    made.regions = made.writer.regions()
    made.arena = sum(_rounded(r.size) for r in made.regions)
    for call, upper in made.writer.library_calls():
        if is_known(call.name):
            item = np.dtype(call.operands[0].dtype).itemsize
            size = taken(call.name, [upper(n) for n in call.integers], item)
            made.scratch = max(made.scratch, _rounded(size))
        elif _takes_memory(call.name):
            raise ExportError(f"how much memory {call.name} takes is not said in export/scratch.py")
    return made


@lru_cache(maxsize=64)
def _takes_memory(function: str) -> bool:
    """Whether a function of the headers takes memory for itself."""
    own = (one.name for one in _available() if one.name.rpartition("_")[0] == function)
    return any(one.name == "gl_take" for one in used(_available(), next(own, "")))


def _rounded(size: int) -> int:
    return (size + 63) // 64 * 64


def _check_constants(lib: Library) -> None:
    for f in lib.fields:
        if f.array.nbytes > _MOST_CONSTANTS:
            raise ExportError(
                f"{f.shared.describe()} has {f.array.nbytes / 2**20:.0f} MiB, too much for a source file: "
                f"make what is data an input of the function"
            )


@lru_cache(maxsize=2)
def _available(together: bool = False) -> tuple[Definition, ...]:
    """What there is in the headers; where a library has something else, that; ``together``: of one whose
    threads work together."""
    done: set[str] = set()
    files = ("team.h", *_HEADERS) if together else _HEADERS
    texts = [header(name, (_PARTS, *INCLUDES), done) for name in files]
    return tuple(
        replace(one, text=one.text.replace("malloc(", "gl_take(").replace(" free(", " gl_give("))
        for one in definitions(texts, ["GL_STREAMS_IN_C", "GL_INLINE"])
    )


def source(lib: Library) -> str:
    """The text of the library."""
    bodies = [part for f in lib.functions for part in f.writer.parts()]
    body = "\n".join([*lib.units.text(), *bodies])
    public = entries.source(lib)
    called = [uses.names[0] for unit, uses in lib.units.called.items() if not unit.text]
    roots = "\n".join([body, public, *called])
    available = _available(lib.threads > 1)
    drawn = used(available, roots)
    calls = "\n".join([body, *(d.text for d in drawn)])
    gemms = {n: f"->{n}_batch(" in calls for n in ("sgemm", "dgemm") if f"->{n}" in calls}
    table = entries.runtime([*gemms, *(f"{n}_batch" for n, batch in gemms.items() if batch)])
    matrices = [products.text(n, lib.threads, batch) for n, batch in gemms.items()]
    found = [
        one
        for one in used(available, "\n".join([roots, table, *matrices]))
        if one.name not in ("GL_INLINE", "lgamma_r")
    ]
    found = _ordered(found)
    text = "\n\n".join(f"{one.comment}\n{one.text}" if one.comment else one.text for one in found)
    head = (_PARTS / "compiler.h").read_text().strip()
    if _VECTORS & names(text):
        head += "\n" + header("graphlib_vectors.h", INCLUDES, set()).strip()
    parts = [
        entries.about(lib),
        f'#include "{lib.name}.h"\n\n#include <math.h>\n#include <stddef.h>\n#include <string.h>'
        + ("\n#include <threads.h>" if lib.threads > 1 else ""),
        head,
        entries.codes(lib),
        text,
        *matrices,
        table,
        values.constants(lib),
        body,
        public,
    ]
    return "\n\n".join(p.strip("\n") for p in parts if p.strip()) + "\n"


def _ordered(found: Sequence[Definition]) -> list[Definition]:
    """Definitions so that each comes after those that it uses."""
    by_name = {one.name: one for one in found}
    done: dict[str, Definition] = {}
    begun: set[str] = set()

    def visit(one: Definition) -> None:
        if one.name in begun:
            return
        begun.add(one.name)
        mentioned = one.uses
        for other in found:
            if other.name in mentioned:
                visit(by_name[other.name])
        done[one.name] = one

    for one in found:
        visit(one)
    return list(done.values())
