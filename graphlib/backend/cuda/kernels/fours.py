"""Vectorised memory access: a thread computes four neighbours along a nest's last axis, and loads and stores
their elements at once where memory is walked so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ....compile.lowering import LOOP
from ....graph import Variable
from ....scalar.expression import Expr
from ....scalar.integer import Poly, Symbol, product
from ...expressions import Scope
from ..grids import FOUR, THREADS
from ..scalar import C_TYPES
from .writer import TEAM, TEAMS, KernelWriter


class Run(NamedTuple):
    """Four elements side by side: ``offset`` behind the pointer, plus the index of the first of them."""

    pointer: str
    offset: Poly
    written: bool


@dataclass
class Fours:
    """What is loaded and stored four at once along ``index``: a name for each such run, and the type of its
    elements."""

    writer: KernelWriter
    index: Symbol
    names: dict[Run, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def staged(self, v: Variable, offset: Poly, written: bool) -> str | None:
        """The text of an element that is one of four."""
        linear = offset.linear_in([self.index])
        if linear is None or linear[0][0] != 1:
            return None
        rest = linear[1]
        if any(c % FOUR or any(isinstance(a, Expr) for a in m) for m, c in rest.terms.items()):
            return None
        pointer = self.writer.pointer(v, written)
        self.types[pointer] = C_TYPES[v.dtype]
        name = self.names.setdefault(Run(pointer, rest, written), f"v{len(self.names)}")
        return f"{name}.x[u]"


def by_fours(
    writer: KernelWriter, axes: tuple[Poly, ...], body: Callable[[Scope], None], scope: Scope, count: str
) -> list[str]:
    """Statements that compute the first elements of a nest of ``axes``, ``count`` in number, by fours, and
    leave the number of those in ``first``; ``body`` writes the statements of one element into a scope.

    Nothing where no memory is walked so, or little of it.
    """
    if not axes or (product(axes).constant or THREADS) < THREADS:
        return []
    last = len(axes) - 1
    length = writer.turns(axes, last)
    if length != product(axes) and (length.constant is None or length.constant % FOUR):
        return []
    fours = Fours(writer, LOOP[last])
    row = Scope(scope, len(axes))
    writer.staged = fours.staged
    body(row)
    writer.staged = None
    if not fours.names:
        return []
    index = LOOP[last].name
    decode = [
        line.replace(f"const long long {index} =", f"const long long {index}_first =")
        for line in writer.decode(axes, range(len(axes)), f"four * {FOUR}", scope)
    ]
    loads, stores = [], []
    for run, name in fours.names.items():
        c_type = f"gl_four<{fours.types[run.pointer]}>"
        place = f"{run.pointer} + {writer.printer.poly(run.offset)} + {index}_first"
        if run.written:
            loads.append(f"{c_type} {name};")
            stores.append(f"*({c_type} *)({place}) = {name};")
        else:
            loads.append(f"const {c_type} {name} = *(const {c_type} *)({place});")
    one_run = [
        *decode,
        *loads,
        "#pragma unroll",
        f"for (int u = 0; u < {FOUR}; u++) {{",
        f"    const long long {index} = {index}_first + u;",
        *("    " + line for line in row.lines),
        "}",
        *stores,
    ]
    aligned = " | ".join(f"(unsigned long long){pointer}" for pointer in fours.types)
    return [
        # what is left over, or all of it where memory does not lie as four elements at once need it
        f"const long long first = (({aligned}) & 15) == 0 ? ({count}) / {FOUR} * {FOUR} : 0;",
        f"for (long long four = {TEAM}; four < first / {FOUR}; four += {TEAMS}) {{",
        *("    " + line for line in one_run),
        "}",
    ]


__all__ = ["Fours", "by_fours"]
