"""Fused loop nests: one kernel whose teams (a thread, a warp or a block) each take one row, and one more for
each reduction into memory.

A row is what the outermost loops go over that all values share; the loops inside one are a team's, the
innermost ones shared out over its threads.
"""

from __future__ import annotations

from ....compile.loops import Block, build, collapsible
from ....compile.lowering import LOOP, Value
from ....compile.steps import Loops
from ....scalar.integer import Poly, product
from ...expressions import Scope
from ..grids import FOUR
from . import tiles
from .fours import by_fours
from .kernel import Kernel
from .reductions import (
    columns,
    finds_index,
    found,
    held_type,
    neutral,
    of_one,
    operation,
    second_pass,
    split,
    taken,
)
from .writer import TEAM, TEAMS, KernelWriter


def group(writer: KernelWriter, step: Loops) -> list[Kernel]:
    """The kernels of a fused group: one for what is computed row by row, one for each reduction into
    memory."""
    by_rows, in_memory = split(step)
    kernels = [RowWriter(writer, step, by_rows).kernel()] if by_rows else []
    return kernels + columns(writer, in_memory)


class RowWriter:
    """Writes the kernel of what a nest computes row by row."""

    def __init__(self, writer: KernelWriter, step: Loops, values: list[Value]) -> None:
        self.writer, self.values = writer, values
        self.nest = build(values)
        step.stored |= set(self.nest.crossing)
        writer.stored = step.stored
        self.axes = max((v.axes for v in values), key=len)
        #: the level of a row, and its block
        self.top = min(len(v.axes) if v.kind is None or not v.kept else v.kept for v in values)
        self.body = self.nest.root
        for _ in range(self.top):
            self.body = next(e for e in self.body.entries if isinstance(e, Block))
        #: whether a row has loops, which a team takes
        self.team = any(isinstance(e, Block) for e in self.body.entries)
        #: reductions of everything, of which each block has a part
        self.partial = [v for v in values if v.kind is not None and v.kept == 0 and v.reduced]
        #: the lengths of the loops that are shared out over a team
        self.leaves: list[Poly] = []
        self.uses_scratch = False

    def kernel(self) -> Kernel:
        writer, axes, variables = self.writer, self.axes[: self.top], [v.variable for v in self.values]
        writer.collapsed = self._merged()
        writer.printer.levels = {i: max(k + 1, self.top) for k, i in enumerate(LOOP)}
        writer.printer.count_uses([v.element for v in self.values])
        scope = Scope(None, -1)
        for value in self.partial:
            self._declare(value, scope)
        if not self.team and not self.partial:
            across = tiles.find(writer, axes, self.values)
            if across.names:
                return tiles.through(across, writer, axes, self._row, scope, variables)
        rows = product(axes)
        decode = writer.decode(axes, range(self.top), "row", scope)
        if rows == 1:
            decode = []
        count = writer.poly(rows, scope)
        row = Scope(scope, self.top)
        self._row(row)
        fours = by_fours(writer, axes, self._row, scope, count) if not self.team else []
        start = f"first + {TEAM}" if fours else TEAM
        lines = [
            *scope.lines,
            *fours,
            f"for (long long row = {start}; row < {count}; row += {TEAMS}) {{",
            *("    " + line for line in [*decode, *row.lines]),
            "}",
        ]
        for value in self.partial:
            name = writer.printer.locals[value.variable][0]
            part = writer.argument("partial", value.variable, held_type(value), written=True)
            lines.append(f"{name} = gl_block_reduce<{operation(value.kind)}>({name}, scratch);")
            lines.append(f"if (threadIdx.x == 0 && threadIdx.y == 0) {part}[blockIdx.x] = {name};")
        if self.uses_scratch or self.partial:
            lines.insert(0, "__shared__ double2 scratch[32];")
        kernel = writer.kernel(
            lines,
            variables,
            "rows",
            rows,
            inner=self.leaves,
            partial=self.partial,
            team=self.team,
            each=FOUR if fours else 1,
        )
        if self.partial:
            kernel.text += second_pass(kernel.name, self.partial, writer.memory.flags.earlier)
        return kernel

    def _merged(self) -> set[int]:
        """The axes that can be merged into the next one, because all memory is walked along both as one
        run."""
        boundaries = {self.top}
        offsets: list[Poly] = []
        for value in self.values:
            boundaries.add(len(value.axes))
            if value.kind is None:
                if value.variable in self.writer.stored:
                    offsets.append(self.writer.offset(value))
            else:
                boundaries.add(value.kept or 0)
                if finds_index(value):
                    boundaries |= {*value.reduced, *(k + 1 for k in value.reduced)}
        elements = [v.element for v in self.values]
        return collapsible(self.axes, elements, offsets, boundaries, self.writer.low.shape)

    # blocks

    def _row(self, scope: Scope) -> None:
        self._block(self.body, scope)

    def _block(self, block: Block, scope: Scope) -> None:
        """The body of a loop.  Below a row's level only innermost loops are shared out over a team's
        threads."""
        stores: list[str] = []
        leaf = not any(isinstance(e, Block) for e in block.entries)
        alone = self.team and (block.level == self.top or not leaf)
        for entry in block.entries:
            if isinstance(entry, Block):
                self._inner_loop(entry, scope)
            elif entry.kind is None:
                self.writer.map_value(entry, scope, stores)
            else:
                self._take_in(entry, scope, stores, alone)
        if stores and alone:
            # the other threads may still be reading what is written over here, or go on to read it
            stores = [
                "gl_team_barrier();",
                "if (threadIdx.x == 0) {",
                *("    " + s for s in stores),
                "}",
                "gl_team_barrier();",
            ]
        scope.lines.extend(stores)

    def _inner_loop(self, entry: Block, scope: Scope) -> None:
        writer, axis, inside = self.writer, entry.level - 1, _values_in(entry)
        finished = [v for v in inside if v.kind is not None and v.kept and v.kept == axis and v.reduced]
        for value in finished:
            self._declare(value, scope)
        inner = Scope(scope, entry.level)
        self._block(entry, inner)
        leaf = not any(isinstance(e, Block) for e in entry.entries)
        if axis in writer.collapsed:
            scope.lines.extend(inner.lines)
        else:
            turns = writer.turns(self.axes, axis)
            i, n = LOOP[axis].name, writer.poly(turns, scope)
            first, by = ("threadIdx.x", "blockDim.x") if leaf else ("0", "1")
            if leaf:
                self.leaves.append(turns)
            scope.lines.append(f"for (long long {i} = {first}; {i} < {n}; {i} += {by}) {{")
            scope.lines.extend("    " + line for line in inner.lines)
            scope.lines.append("}")
        if any(v.variable in self.nest.crossing for v in inside):
            scope.lines.append("gl_team_barrier();")
        for value in finished:
            self._finish(value, scope)

    # reductions

    def _declare(self, value: Value, scope: Scope) -> None:
        name = self.writer.printer.name("r")
        self.writer.printer.locals[value.variable] = (name, scope)
        scope.lines.append(f"{held_type(value)} {name} = {neutral(value)};")

    def _take_in(self, value: Value, scope: Scope, stores: list[str], alone: bool) -> None:
        writer = self.writer
        x = writer.printer.emit(value.element, scope)
        if not value.reduced:
            text = writer.named(value, of_one(value, x), scope)
            writer.printer.locals[value.variable] = (text, scope)
            if value.variable in writer.stored:
                stores.append(f"{writer.target(value, scope)} = {text};")
            return
        line = taken(value, writer.printer.locals[value.variable][0], x)
        # a full reduction's accumulators are summed over all threads: one of a team takes in what all of
        # them have
        scope.lines.append(f"if (threadIdx.x == 0) {line}" if alone and value in self.partial else line)

    def _finish(self, value: Value, scope: Scope) -> None:
        writer = self.writer
        name = writer.printer.locals[value.variable][0]
        home = self.nest.home[value.variable]
        if not any(isinstance(e, Block) for e in home.entries):
            scope.lines.append(f"{name} = gl_team_reduce<{operation(value.kind)}>({name}, scratch);")
            self.uses_scratch = True
        if found(value, name) != name:
            name = writer.named(value, found(value, name), scope)
            writer.printer.locals[value.variable] = (name, scope)
        if value.variable in writer.stored:
            scope.lines.append(f"if (threadIdx.x == 0) {writer.target(value, scope)} = {name};")


def _values_in(block: Block) -> list[Value]:
    """The values computed in a block and in the loops inside."""
    inside: list[Value] = []
    for entry in block.entries:
        inside += _values_in(entry) if isinstance(entry, Block) else [entry]
    return inside


__all__ = ["group"]
