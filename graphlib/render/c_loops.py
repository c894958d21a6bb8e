"""A loop as a C function: it calls the step's ``prepare`` once and then its ``run``, moving the addresses of
rows.

The step's code is like that of a function of its own; to it, inputs and outputs are arrays, whose headers lie
on the stack of the function written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..scalar.integer import Poly
from ..schedule.arrays import Array
from ..schedule.plan import Row, Scan
from .c_scalar import C_TYPES
from .text import indented

if TYPE_CHECKING:
    from .c import Writer


class _Move(NamedTuple):
    """What lies elsewhere at each step: the number of its array, its address at step ``done``, by how many
    elements of which type that moves, and the inner argument that it is, if it is one."""

    array: int
    address: str
    by: str
    c_type: str
    argument: int | None = None


def moving(scan: Scan) -> list[int]:
    """The numbers of the arrays that lie elsewhere at each step: of a step's arguments, then its results."""
    count = len(scan.plan.arguments)
    kept = [state for state in scan.states if state.kept]
    arguments = [row.argument for row in scan.sequences] + [k for state in kept for k, _ in state.taps]
    return [*arguments, *(count + one.result for one in (*kept, *scan.mapped))]


def growing(outer: Writer, scan: Scan) -> tuple[list[str], list[str]]:
    """Statements that begin the arrays that have a row for each step that is made, and that make them longer
    before a step."""
    if not scan.grown:
        return [], []
    begun = ["int64_t room = n < GL_FIRST_ROWS ? n : GL_FIRST_ROWS;"]
    more = ["if (done == room) {", "    room = room < n - room ? 2*room : n;"]
    for k, (array, row, depth) in enumerate(scan.grown):
        name, c_type = outer.address(array), C_TYPES[array.dtype]
        size = f"(room + {depth}) * bytes{k}"
        begun += [
            f"const int64_t bytes{k} = (int64_t)sizeof({c_type}) * ({outer.poly(row)});",
            f"char **const grown{k} = &s->allocated[s->allocated_count++];",
            f"*grown{k} = NULL;",
            f"if (!gl_lengthen(grown{k}, 0, {size})) return -1;",
            f"{name} = ({c_type} *)*grown{k};",
        ]
        more += [
            f"    if (!gl_lengthen(grown{k}, (done + {depth}) * bytes{k}, {size})) return -1;",
            f"    {name} = ({c_type} *)*grown{k};",
        ]
    return begun, [*more, "}"]


def steps_function(outer: Writer, inner: Writer, scan: Scan) -> str:
    """``int64_t <prefix>steps(State *s)``: 0, or the code of what failed."""
    return _Steps(outer, inner, scan).function()


class _Steps:
    def __init__(self, outer: Writer, inner: Writer, scan: Scan) -> None:
        self.outer, self.inner, self.scan = outer, inner, scan
        self.prefix, self.arguments = inner.plan.prefix, len(inner.plan.arguments)
        self.lines: list[str] = outer.host.lines(scan.lets)

    def function(self) -> str:
        scan, inner, prefix, lines = self.scan, self.inner, self.prefix, self.lines
        lines.append(f"const int64_t n = {self.outer.poly(scan.n)};")
        lines.append(f"{inner.struct} *const inner = &s->{prefix}state;")
        count = self.arguments + inner.plan.outputs
        lines.append(f"gl_array arrays[{max(count, 1)}] = {{0}};")
        lines.append(f"void *args[{max(count, 1)}];")
        lines.append(f"for (int k = 0; k < {count}; k++) args[k] = &arrays[k];")
        begun, more = self.outer.growing(scan)
        lines += begun
        moves = [*self.sequences(), *self.states()]
        self.invariants()
        moves += self.mapped()
        fails = "if (code > 0) gl_hand_on(s->wrong, inner->wrong);"
        if inner.at_once is not None:
            each = [f"by[{m.array}] = (int64_t)sizeof({m.c_type}) * {m.by};" for m in moves]
            each = [f"int64_t by[{max(count, 1)}];", *each, f"code = {prefix}run(inner, args, n, by);"]
            each += ["if (code) return code;", "done = n;"]
        else:
            each = [
                "for (;;) {",
                f"    if ((code = {prefix}run(inner, args))) {{",
                f"        {fails}",
                "        return code;",
                "    }",
                f"    if (++done == n{' || stop' if scan.until is not None else ''}) break;",
                *indented([*more, *self.moved(moves), *self.told(moves)]),
                "}",
            ]
        lines += [
            "int64_t done = 0;",
            *self.moved(moves),
            "if (n > 0) {",
            "    inner->rt = s->rt;",
            f"    int64_t code = {prefix}prepare(inner, args);",
            f"    {fails}",
            "    if (code) return code;",
            *([f"    {prefix}ready(inner, n);"] if self.inner.ready else []),
            *indented(each),
            "}",
            *self.ends(),
            "return 0;",
        ]
        body = "\n".join(indented(lines))
        return f"static int64_t {prefix}steps({self.outer.struct} *s) {{\n{body}\n}}\n"

    def address(self, array: Array, offset: Poly) -> str:
        """The address of something in memory."""
        return self.outer.address(array) + (f" + ({self.outer.poly(offset)})" if offset != 0 else "")

    # where the step's inputs and outputs are

    def dimensions(self, k: int, shape: tuple[Poly, ...]) -> None:
        lengths = ", ".join(map(self.outer.poly, shape))
        self.lines.append(f"int64_t lengths{k}[{max(len(shape), 1)}] = {{{lengths or '0'}}};")
        self.lines.append(f"arrays[{k}].dimensions = lengths{k};")

    def sequences(self) -> list[_Move]:
        moves = []
        for row in self.scan.sequences:
            self.dimensions(row.argument, row.shape)
            by, c_type = f"({self.outer.poly(row.by)})", C_TYPES[row.array.dtype]
            address = f"{self.address(row.array, row.offset)} + done * {by}"
            moves.append(_Move(row.argument, address, by, c_type, row.argument))
        return moves

    def states(self) -> list[_Move]:
        moves = []
        for k, state in enumerate(self.scan.states):
            target, c_type = self.outer.address(state.target), C_TYPES[state.target.dtype]
            initial = self.address(state.initial.array, state.initial.offset)
            if target != initial or state.kept or state.last is not None:
                self.lines.append(f"const int64_t row{k} = {self.outer.poly(state.row)};")
            size = f"sizeof({c_type}) * (size_t)({state.depth} * row{k})"
            if target != initial:
                self.lines.append(
                    f"if ((void *){target} != (void *)({initial})) memcpy({target}, {initial}, {size});"
                )
            for argument, tap in state.taps:
                self.dimensions(argument, state.shape)
                if state.kept:
                    place = f"{target} + (done + {state.depth + tap}) * row{k}"
                    moves.append(_Move(argument, place, f"row{k}", c_type, argument))
                else:
                    self.lines.append(f"arrays[{argument}].data = (char *){target};")
            if state.kept:
                place = f"{target} + (done + {state.depth}) * row{k}"
                moves.append(_Move(self.arguments + state.result, place, f"row{k}", c_type))
        return moves

    def invariants(self) -> None:
        for row in self.scan.invariants:
            self._still(row)

    def _still(self, row: Row) -> None:
        self.dimensions(row.argument, row.shape)
        self.lines.append(f"arrays[{row.argument}].data = (char *)({self.address(row.array, row.offset)});")

    def mapped(self) -> list[_Move]:
        moves = []
        for k, row in enumerate(self.scan.mapped):
            self.lines.append(f"const int64_t step{k} = {self.outer.poly(row.by)};")
            address = f"{self.outer.address(row.array)} + done * step{k}"
            moves.append(_Move(self.arguments + row.result, address, f"step{k}", C_TYPES[row.array.dtype]))
        if self.scan.until is not None:
            self.lines.append("uint8_t stop = 0;")
            self.lines.append(f"arrays[{self.arguments + self.scan.until}].data = (char *)&stop;")
        return moves

    def moved(self, moves: list[_Move]) -> list[str]:
        return [f"arrays[{m.array}].data = (char *)({m.address});" for m in moves]

    def told(self, moves: list[_Move]) -> list[str]:
        """``prepare`` has read the addresses of the first step's inputs; those of the next ones."""
        arguments = self.inner.plan.arguments
        return [
            f"inner->{self.inner.pointer(arguments[m.argument].memory)} = (void *)arrays[{m.array}].data;"
            for m in moves
            if m.argument is not None
        ]

    def ends(self) -> list[str]:
        lines = []
        for k, state in enumerate(self.scan.states):
            if state.last is not None:
                source = f"{self.outer.address(state.target)} + (done + {state.depth - 1}) * row{k}"
                size = f"sizeof({C_TYPES[state.last.dtype]}) * (size_t)row{k}"
                lines.append(f"memcpy({self.outer.address(state.last)}, {source}, {size});")
        if self.scan.done is not None:
            lines.append(f"{self.outer.address(self.scan.done)}[0] = done;")
        return lines
