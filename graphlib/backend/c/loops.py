"""A loop as a C function: it calls the step's ``prepare`` once and then its ``run``, moving the addresses
of rows.

The step's code is rendered like a function of its own; to it, inputs and outputs are arrays, whose headers
lie on the stack of the function written here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...compile.lowering import Strided
from ...compile.steps import ScanStep
from ...graph import Variable
from ...scalar.integer import Poly, product
from .scalar import C_TYPES

if TYPE_CHECKING:
    from .render import Renderer


class Move(NamedTuple):
    """What lies elsewhere at each step: the number of its array, its address at step ``done``, and the leaf
    of the step's graph that it is, if it is one."""

    array: int
    address: str
    leaf: Variable | None = None


class LoopWriter:
    """Writes the function that goes through the steps of one loop."""

    def __init__(self, outer: Renderer, inner: Renderer, step: ScanStep) -> None:
        self.outer, self.inner, self.step = outer, inner, step
        self.lines: list[str] = []

    def text(self, p: Poly) -> str:
        return self.outer.host_poly(p, self.lines)

    def address(self, place: Strided) -> str:
        return self.outer.place_of(place, self.lines)

    def function(self) -> str:
        """``int64_t <prefix>steps(State *s)``: 0, or the code of what failed."""
        step, inner, op = self.step, self.inner, self.step.op
        lines = self.lines
        lines.append(f"const int64_t n = {self.text(step.n)};")
        lines.append(f"{inner.struct} *const inner = &s->{inner.prefix}state;")
        count = len(inner.leaves) + len(inner.program.outputs)
        lines.append(f"gl_array arrays[{max(count, 1)}] = {{0}};")
        lines.append(f"void *args[{max(count, 1)}];")
        lines.append(f"for (int k = 0; k < {count}; k++) args[k] = &arrays[k];")
        room = self.room()
        moves = [*self.sequences(), *self.states()]
        self.invariants()
        moves += self.mapped()
        lines += [
            "int64_t done = 0;",
            *self.moved(moves),
            "if (n > 0) {",
            "    inner->rt = s->rt;",
            f"    int64_t code = {inner.prefix}prepare(inner, args);",
            "    if (code > 0) gl_hand_on(s->wrong, inner->wrong);",
            "    if (code) return code;",
            "    for (;;) {",
            f"        if ((code = {inner.prefix}run(inner, args))) {{",
            "            if (code > 0) gl_hand_on(s->wrong, inner->wrong);",
            "            return code;",
            "        }",
            f"        if (++done == n{' || stop' if op.until else ''}) break;",
            *("        " + line for line in room),
            *("        " + line for line in self.moved(moves)),
            *("        " + line for line in self.told(moves)),
            "    }",
            "}",
            *self.ends(),
            "return 0;",
        ]
        body = "\n".join("    " + line for line in lines)
        return f"static int64_t {inner.prefix}steps({self.outer.struct} *s) {{\n{body}\n}}\n"

    # memory for as many steps as are made

    def room(self) -> list[str]:
        """Begins the arrays that have a row for each step that is made; what makes them longer."""
        step, outer, lines = self.step, self.outer, self.lines
        if not step.grown:
            return []
        lines.append("int64_t room = n < GL_FIRST_ROWS ? n : GL_FIRST_ROWS;")
        states, mapped = step.shapes["states"], step.shapes["mapped"]
        arrays = [
            (v, shape, state.depth)
            for v, shape, state in zip(step.results.histories, states, step.op.states, strict=True)
            if v is not None
        ]
        arrays += [(v, shape, 0) for v, shape in zip(step.results.mapped, mapped, strict=True)]
        more = ["if (done == room) {", "    room = room < n - room ? 2*room : n;"]
        for k, (v, shape, depth) in enumerate(arrays):
            name, c_type = f"s->{outer.pointer(v)}", C_TYPES[v.dtype]
            lines += [
                f"const int64_t bytes{k} = (int64_t)sizeof({c_type}) * ({self.text(product(shape))});",
                f"char **const late{k} = &s->late[s->late_count++];",
                f"*late{k} = NULL;",
                f"if (!gl_lengthen(late{k}, 0, (room + {depth}) * bytes{k})) return -1;",
                f"{name} = ({c_type} *)*late{k};",
            ]
            more += [
                f"    if (!gl_lengthen(late{k}, (done + {depth}) * bytes{k}, (room + {depth}) * bytes{k})) "
                "return -1;",
                f"    {name} = ({c_type} *)*late{k};",
            ]
        outer.grown += len(arrays)
        return [*more, "}"]

    # where the step's inputs and outputs are

    def dimensions(self, k: int, shape: tuple[Poly, ...]) -> None:
        lengths = [self.text(n) for n in shape]
        self.lines.append(f"int64_t lengths{k}[{max(len(shape), 1)}] = {{{', '.join(lengths) or '0'}}};")
        self.lines.append(f"arrays[{k}].dimensions = lengths{k};")

    def sequences(self) -> list[Move]:
        step = self.step
        moves = []
        for v, place, shape in zip(step.op.rows, step.sequences, step.shapes["sequences"], strict=True):
            k = self.inner.leaves[v]
            self.dimensions(k, shape)
            stride = self.text(place.strides[0])
            moves.append(Move(k, f"{self.address(place)} + done * ({stride})", v))
        return moves

    def states(self) -> list[Move]:
        step, op, outer = self.step, self.step.op, self.outer
        moves = []
        number = len(self.inner.leaves)
        for k, (state, place, shape) in enumerate(
            zip(op.states, step.initial, step.shapes["states"], strict=True)
        ):
            history, last = step.results.histories[k], step.results.last[k]
            target = last if history is None else history
            c_type = C_TYPES[target.dtype]
            name = outer.pointer(target)
            self.lines.append(f"const int64_t row{k} = {self.text(product(shape))};")
            self.lines.append(
                f"if ((void *)s->{name} != (void *)({self.address(place)})) "
                f"memcpy(s->{name}, {self.address(place)}, "
                f"sizeof({c_type}) * (size_t)({state.depth} * row{k}));"
            )
            for tap, v in zip(state.taps, op.taps[k], strict=True):
                leaf = self.inner.leaves[v]
                self.dimensions(leaf, shape)
                if history is None:
                    self.lines.append(f"arrays[{leaf}].data = (char *)s->{name};")
                else:
                    moves.append(Move(leaf, f"s->{name} + (done + {state.depth + tap}) * row{k}", v))
            if history is not None:
                moves.append(Move(number, f"s->{name} + (done + {state.depth}) * row{k}"))
                number += 1
        return moves

    def invariants(self) -> None:
        step, inner = self.step, self.inner
        for v, place, shape in zip(
            step.op.invariants, step.invariants, step.shapes["invariants"], strict=True
        ):
            k = inner.leaves[v]
            self.dimensions(k, shape)
            self.lines.append(f"arrays[{k}].data = (char *)({self.address(place)});")
        for v in inner.constants:
            k = inner.leaves[v]
            self.dimensions(k, tuple(Poly.of(n) for n in v.data.shape))
            self.lines.append(f"arrays[{k}].data = (char *)s->{self.outer.pointer(v)};")

    def mapped(self) -> list[Move]:
        step, op = self.step, self.step.op
        number = len(self.inner.leaves) + sum(state.kept for state in op.states)
        moves = []
        for k, (y, shape) in enumerate(zip(step.results.mapped, step.shapes["mapped"], strict=True)):
            self.lines.append(f"const int64_t step{k} = {self.text(product(shape))};")
            moves.append(Move(number + k, f"s->{self.outer.pointer(y)} + done * step{k}"))
        if op.until:
            self.lines.append("uint8_t stop = 0;")
            self.lines.append(f"arrays[{number + op.mapped}].data = (char *)&stop;")
        return moves

    def moved(self, moves: list[Move]) -> list[str]:
        return [f"arrays[{m.array}].data = (char *)({m.address});" for m in moves]

    def told(self, moves: list[Move]) -> list[str]:
        """``prepare`` has read the addresses of the first step's inputs; those of the next ones."""
        return [
            f"inner->{self.inner.pointer(m.leaf)} = (void *)arrays[{m.array}].data;"
            for m in moves
            if m.leaf is not None
        ]

    def ends(self) -> list[str]:
        step, op = self.step, self.step.op
        lines = []
        for k, (history, last) in enumerate(zip(step.results.histories, step.results.last, strict=True)):
            if history is not None and last in step.outputs:
                depth = op.states[k].depth
                lines.append(
                    f"memcpy(s->{self.outer.pointer(last)}, s->{self.outer.pointer(history)} + "
                    f"(done + {depth - 1}) * row{k}, sizeof({C_TYPES[last.dtype]}) * (size_t)row{k});"
                )
        if step.results.done in step.outputs:
            lines.append(f"s->{self.outer.pointer(step.results.done)}[0] = done;")
        return lines


__all__ = ["LoopWriter"]
