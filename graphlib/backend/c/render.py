"""A schedule as one C file: a struct that holds all state, ``gl_prepare`` for lengths, checks and memory, one
function per loop nest, and ``gl_run``, which takes the steps in order."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from ...compile.indices import checks_values, from_nothing
from ...compile.limits import AnyCheck, Length
from ...compile.lowering import Strided
from ...compile.memory import Slot, plan
from ...compile.program import Program
from ...compile.schedule import Schedule
from ...compile.steps import Copy, LibraryCall, Loops, MatMul, Pushes, ScanStep, Step
from ...compile.verify import verify
from ...errors import ShapeError
from ...graph import Constant, Variable
from ...scalar.expression import CHECKS, Expr, integer, walk
from ...scalar.functions import is_costly
from ...scalar.integer import Poly, Symbol, product
from ...scalar.lowered import Check
from ...scalar.reductions import REDUCERS
from ..expressions import comment, describe
from .expressions import Printer, Scope, print_poly
from .kernels import Kernel, KernelWriter, Memory, combine, finds_index
from .loops import LoopWriter
from .scalar import C_TYPES, SUFFIXES, begun_at, print_function

#: in front of every name that a user gave: nothing else in the file, in C's headers or among their macros
#: begins like that
_USERS = "v_"
#: of a longer name only the beginning is of use to a reader
_LONGEST = 40


@dataclass
class Rendered:
    """The C file and what the executor must know of it."""

    source: str
    constants: list[Constant]
    checks: list[AnyCheck]
    #: results returned as arrays of the caller's: static shape, or None where prepare finds it, or "late"
    output_shapes: list[tuple | str | None]
    steps: list[Step]
    dynamic: bool
    profiled: bool
    #: per update its shape is found at the call and the array is replaced
    slots: list[Slot] = field(default_factory=list)


class Renderer:
    """Writes the file of one schedule, or the part of it that is the step of a loop (see ``loop``).

    A loop's step has a struct, ``prepare`` and ``run`` of its own, with ``prefix`` before their names;
    ``checks`` are those of the whole file so far.
    """

    def __init__(
        self, schedule: Schedule, profiled: bool, prefix: str = "", checks: list[AnyCheck] | None = None
    ) -> None:
        self.schedule = schedule
        self.prefix = prefix
        self.struct = f"{prefix}State"
        self.checks = checks if checks is not None else []
        self.first_check = len(self.checks)
        self.own_checks = schedule.checks
        self.checks += self.own_checks
        self.late_checks = {
            k for k, check in enumerate(self.own_checks) if any(map(schedule.low.late, check.polys))
        }
        self.nested: list[Renderer] = []
        self.functions: list[str] = []
        self.low = schedule.low
        self.program: Program = schedule.program
        self.profiled = profiled
        self.names: dict[object, str] = {}
        self.used: set[str] = set()
        self.fields: list[str] = []
        self.leaves: dict[Variable, int] = {}
        self.memory = Memory(self.pointer, self.length, self.low, self.struct)
        self.kernels: list[Kernel] = []
        #: the storage that the text of a step has named
        self.touched: set[Variable | int] = set()
        #: how many arrays loops of this schedule lengthen as they go
        self.grown = 0
        #: whether long sums need memory for their totals
        self.totals = False
        self.late_dims = [s for s, p in self.low.dims.items() if self.low.late(p)]

    # names and places

    def unique(self, key: object, users: str | None, own: str) -> str:
        """The name in the file of something that has the user's name ``users``, or else of ours, ``own``."""
        if key not in self.names:
            base = _USERS + re.sub(r"[^0-9A-Za-z_]", "_", users)[:_LONGEST] if users else own
            name, k = base, 1
            while name in self.used:
                k += 1
                name = f"{base}_{k}"
            self.used.add(name)
            self.names[key] = name
        return self.names[key]

    def leaf(self, v: Variable) -> int:
        """The position of a leaf among the arguments."""
        return self.leaves[v]

    def storage(self, v: Variable) -> Variable | int:
        """In whose memory a variable lies: a leaf's, a result's (its number), or its own in the arena."""
        v = self.schedule.home(v)
        k = self.schedule.place.get(v)
        return v if k is None else self.target(k)

    def target(self, k: int) -> Variable | int:
        """In whose memory result ``k`` is returned."""
        n = len(self.program.outputs)
        return k if k < n else list(self.program.updates)[k - n]

    def pointer(self, v: Variable) -> str:
        """The name of the state's field that points to a variable."""
        where = self.storage(v)
        self.touched.add(where)
        key = ("result", where) if isinstance(where, int) else where
        if isinstance(where, int):
            name = self.unique(key, f"out_{v.name}" if v.name else None, f"out{where}")
        elif self.low.is_leaf(where):
            name = self.unique(key, where.name, "constant" if isinstance(where, Constant) else "leaf")
        else:
            name = self.unique(key, None, f"b{len(self.names)}")
        return name

    def length(self, symbol: Symbol) -> str:
        ours = symbol in self.low.dims
        return self.unique(symbol, None if ours else symbol.name, f"n_{symbol.name[1:]}")

    # the file

    def render(self) -> Rendered:
        """The whole file."""
        body = self.body()
        every = self.everything()
        kernels = [kernel.text for r in every for kernel in r.kernels]
        leaves = [f"  {self.pointer(v)}: {v.type}, {v.origin or 'no line'}" for v in self.leaves]
        title = f"{self.program.title}: generated by graphlib."
        head = [comment([title, "", "Inputs, shared variables and constants:", *leaves])]
        head += ['#include "graphlib_runtime.h"', '#include "graphlib_math.h"']
        steps = [s for r in every for s in r.schedule.steps]
        headers = {s.call.header for s in steps if isinstance(s, LibraryCall)}
        if any("gl_random_" in text or "gl_fill_" in text for text in kernels):
            headers.add("graphlib_random.h")
        head += [f'#include "{header}"' for header in sorted(headers)]
        reduced = {
            (v.kind, v.variable.dtype)
            for s in steps
            if isinstance(s, Loops)
            for v in s.values
            if v.kind is not None and not finds_index(v)
        }
        head += [
            _declare_reduction(kind, dtype)
            for kind, dtype in sorted(reduced)
            if REDUCERS[kind].operator_of(dtype) is None
        ]
        head += _called(kernels)
        source = "\n".join([*head, "", body, "", self.entry(self.shapes)]) + "\n"
        return Rendered(
            source,
            self.constants,
            self.checks,
            self.shapes,
            self.schedule.steps,
            any(shape is None for shape in self.shapes),
            self.profiled,
            self.slots,
        )

    def body(self) -> str:
        """The struct, the kernels, ``prepare`` and ``run``, after those of the loops in it."""
        program = self.program
        self.constants = self.schedule.constants()
        leaves = [*program.inputs, *program.shareds, *self.constants]
        self.leaves = {v: k for k, v in enumerate(leaves)}
        for v in leaves:
            self.pointer(v)
        bodies, touched = [], []
        for k, step in enumerate(self.schedule.steps):
            self.touched = set()
            bodies.append(self.step(k, step))
            touched.append(self.touched)
        self.slots = plan(self.schedule, self.in_arena)
        verify(self.schedule, self.schedule.steps, self.storage, self.target, self.slots, touched)
        self.shapes = [self.output_shape(v) for v in program.outputs]
        prepare, run = self.prepare(self.slots, self.shapes), self.run(bodies)
        state = self.state(run.count("gl_late(") + self.grown)
        kernels = [kernel.text for kernel in self.kernels]
        inside = [text for r in self.nested for text in (r.text, "")]
        return "\n".join([*inside, state, "", *kernels, *self.functions, prepare, "", run])

    def everything(self) -> list[Renderer]:
        """This one and those of the loops in it."""
        return [self, *(r for inner in self.nested for r in inner.everything())]

    def in_arena(self, v: Variable) -> bool:
        return self.storage(v) is v and not self.low.is_leaf(v) and not self.is_late(v)

    def is_late(self, v: Variable) -> bool:
        return any(self.low.late(n) for n in self.low.shape(v))

    def output_shape(self, v: Variable) -> tuple | str | None:
        lengths = [n.constant for n in self.low.shape(v)]
        if None not in lengths:
            return tuple(lengths)
        return "late" if self.is_late(v) else None

    # steps

    def step(self, number: int, step: Step) -> list[str]:
        """The statements of ``gl_run`` for one step."""
        makers = {
            Loops: self.loops,
            Pushes: self.pushes,
            MatMul: self.matmul,
            LibraryCall: self.library,
            ScanStep: self.loop,
            Copy: self.copy,
        }
        empty = [
            f"if (!({self.host_poly(n)}) && {self.host_poly(turns)} > 0) return -2;"
            for n, turns in from_nothing(step)
        ]
        return [*empty, *makers[type(step)](number, step)]

    def call_kernel(self, kernel: Kernel) -> list[str]:
        self.kernels.append(kernel)
        lines = []
        if kernel.totals != 0:
            self.totals = True
            size = self.host_poly(kernel.totals)
            lines.append(f"if (!gl_grow(&s->totals, &s->totals_size, 8 * ({size}) + 8)) return -1;")
        if kernel.length is None:
            lines.append(f"{kernel.name}(&(gl_loop){{s, 1}}, 0);")
        else:
            length, work = self.host_poly(kernel.length), self.host_poly(kernel.work)
            lines.append(f"gl_run_loop(s->rt, {kernel.name}, s, {length}, {work});")
        for k, value in enumerate(kernel.partial):
            name, c_type = self.pointer(value.variable), C_TYPES[value.variable.dtype]
            part = f"s->{kernel.name}_part{k}"
            self.fields.append(f"{c_type} {kernel.name}_part{k}[GL_MAX_CHUNKS];")
            if kernel.length is None:
                lines.append(f"s->{name}[0] = {part}[0];")
                continue
            text = combine(value, f"s->{name}[0]", f"{part}[k]")
            lines += [
                f"s->{name}[0] = {part}[0];",
                f"for (int64_t k = 1; k < gl_chunks({length}, {work}); k++) {text}",
            ]
        if kernel.checks:
            lines.append("if (s->bad_index) return -2;")
        return lines

    def loops(self, number: int, step: Loops) -> list[str]:
        return self.call_kernel(KernelWriter(f"{self.prefix}loops_{number}", self.memory).group(step))

    def pushes(self, number: int, step: Pushes) -> list[str]:
        out, c_type = self.pointer(step.variable), C_TYPES[step.variable.dtype]
        size = self.host_poly(product(self.low.shape(step.variable)))
        lines = []
        name = f"{self.prefix}push_{number}"
        in_place = self.storage(step.variable) in self.program.updates
        for k, piece in enumerate(step.pieces if in_place and checks_values(step) else ()):
            # before anything of the shared variable is overwritten
            writer = KernelWriter(f"{name}_{k}_check", self.memory)
            lines += self.call_kernel(writer.piece(step.variable, piece, only_checks=True))
        if isinstance(step.base, Variable):
            source = self.pointer(step.base)
            if source != out:
                lines.append(f"memcpy(s->{out}, s->{source}, sizeof({c_type}) * (size_t)({size}));")
        elif step.base is not None:
            text = self.host(step.base, lines)
            lines.append(f"for (int64_t k = 0; k < {size}; k++) s->{out}[k] = {text};")
        for k, piece in enumerate(step.pieces):
            lines += self.call_kernel(KernelWriter(f"{name}_{k}", self.memory).piece(step.variable, piece))
        return [comment([f"{step.nodes[0].outputs[0].origin}: {step.nodes[0].op}"]), *lines]

    def matmul(self, number: int, step: MatMul) -> list[str]:
        out, c_type = self.pointer(step.variable), C_TYPES[step.variable.dtype]
        lines: list[str] = []
        alpha = self.host(step.alpha, lines) if step.alpha is not None else "1"
        beta = self.host(step.beta, lines) if step.beta is not None else "0"
        if isinstance(step.c, Variable):
            source = self.pointer(step.c)
            if source != out:
                size = self.host_poly(product(self.low.shape(step.variable)))
                lines.append(f"memcpy(s->{out}, s->{source}, sizeof({c_type}) * (size_t)({size}));")
        elif step.c is not None:
            size = self.host_poly(product(self.low.shape(step.variable)))
            lines.append(f"for (int64_t k = 0; k < {size}; k++) s->{out}[k] = {self.host(step.c, lines)};")

        def p(poly: Poly) -> str:
            return self.host_poly(poly, lines)

        (m, k), n = step.shape_a[-2:], step.shape_b[-1]
        factors = []
        for side, shape in ((step.a, step.shape_a), (step.b, step.shape_b)):
            rows, columns = side.strides[-2:]
            plain = columns == 1 or shape[-1] == 1
            step_text = p(rows if plain else columns)
            batch = f" + batch * ({p(side.strides[0])})" if step.batched else ""
            offset = p(side.offset)
            address = f"s->{self.pointer(side.base)}" + (f" + {offset}" if offset != "0" else "") + batch
            factors.append((0 if plain else 1, address, step_text))
        (ta, a, lda), (tb, b, ldb) = factors
        name = "sgemm" if step.variable.dtype == "float32" else "dgemm"
        to = f"s->{out}" + (f" + batch * ({p(m)}) * ({p(n)})" if step.batched else "")
        call = (
            f"s->rt->{name}({ta}, {tb}, {p(m)}, {p(n)}, {p(k)}, {alpha}, {a}, {lda}, {b}, {ldb}, {beta}, "
            f"{to}, {p(n)});"
        )
        if step.batched:
            call = f"for (int64_t batch = 0; batch < {p(step.shape_a[0])}; batch++)\n        {call}"
        return [describe([step.variable]), *lines, call]

    def library(self, number: int, step: LibraryCall) -> list[str]:
        suffix = SUFFIXES[step.operands[0].dtype]
        arguments = [f"s->{self.pointer(v)}" for v in (*step.operands, *step.outputs)]
        if step.call.team:
            arguments.insert(0, "s->rt")
        lines: list[str] = []
        arguments += [self.host_poly(p, lines) for p in step.call.integers]
        return [
            describe(list(step.outputs)),
            *lines,
            f"if ({step.call.function}_{suffix}({', '.join(arguments)})) return -1;",
        ]

    def loop(self, number: int, step: ScanStep) -> list[str]:
        """A loop as a function of its own, which calls the step's ``prepare`` once and then its ``run``.

        The step is told where its inputs and outputs are as if they were arrays: parts of this function's
        own.
        """
        inner = Renderer(step.inner, False, f"{self.prefix}loop{number}_", self.checks)
        inner.text = inner.body()
        for v, shape in zip(step.inner.program.outputs, inner.shapes, strict=True):
            if shape == "late":
                raise ShapeError(
                    f"the shape of {v.describe()}, computed in a step of a loop, depends on values "
                    f"that are computed there"
                )
        self.nested.append(inner)
        self.fields.append(f"{inner.struct} {inner.prefix}state;")
        self.functions.append(LoopWriter(self, inner, step).function())
        call = f"if ((code = {inner.prefix}steps(s))) return code;"
        return [
            describe(list(step.results.last) or step.outputs),
            "{",
            "    int64_t code;",
            f"    {call}",
            "}",
        ]

    def place_of(self, place: Strided, lines: list[str]) -> str:
        """The C address of something in memory."""
        offset = self.host_poly(place.offset, lines)
        return f"s->{self.pointer(place.base)}" + (f" + ({offset})" if offset != "0" else "")

    def copy(self, number: int, step: Copy) -> list[str]:
        n = len(self.program.outputs)
        v = step.source
        if step.result < n:
            name = self.unique(("result", step.result), None, f"out{step.result}")
        else:
            name = self.pointer(list(self.program.updates)[step.result - n])
        source, c_type = self.pointer(v), C_TYPES[v.dtype]
        self.touched.add(self.target(step.result))
        size = self.host_poly(product(self.low.shape(v)))
        return (
            [f"memcpy(s->{name}, s->{source}, sizeof({c_type}) * (size_t)({size}));"]
            if name != source
            else []
        )

    # scalars computed outside loops

    def host(self, expr: Expr, lines: list[str]) -> str:
        """An expression computed in gl_run itself, from the state; statements it needs go to ``lines``."""
        printer = Printer(
            lambda v, index, text: f"s->{self.pointer(v)}[{text(_flat(index, self.low.shape(v)))}]",
            lambda symbol: f"s->{self.length(symbol)}",
            {},
        )
        printer.count = sum(line.startswith("const ") for line in lines)
        if any(e.op in CHECKS for e in walk(expr)) and not any("int64_t bad" in line for line in lines):
            lines.append("int64_t bad = 0;")
        printer.count_uses([expr])
        scope = Scope(None, 0)
        text = printer.emit(expr, scope)
        lines.extend(scope.lines)
        if printer.checks:
            # looked at before anything is done with it
            name = printer.name("t")
            lines += [f"const {C_TYPES[expr.dtype]} {name} = {text};", "if (bad) return -2;"]
            text = name
        return text

    def host_poly(self, p: Poly, lines: list[str] | None = None) -> str:
        """A length or offset from the state; statements that opaque parts need go to ``lines``."""
        if all(isinstance(a, Symbol) for m in p.terms for a in m):
            return print_poly(p, lambda symbol: f"s->{self.length(symbol)}")
        return self.host(integer(p), lines if lines is not None else [])

    # prepare, run, entry

    def late_lines(self, done: set[Step], finished: set[Symbol], allocated: set[Variable]) -> list[str]:
        """Lengths that can be computed now that the steps ``done`` have run, and the arrays that wait for
        them."""
        lines: list[str] = []
        for symbol in self.late_dims:
            if symbol in finished:
                continue
            poly = self.low.dims[symbol]
            makers = self.schedule.reads_for(symbol)
            if all(self.schedule.maker.get(v) in done or self.low.is_leaf(v) for v in makers):
                own: list[str] = []
                text = self.host(integer(poly), own)
                lines += [
                    "{",
                    *("    " + line for line in own),
                    f"    s->{self.length(symbol)} = {text};",
                    "}",
                ]
                finished.add(symbol)

        def ready(p: Poly) -> bool:
            atoms = {a for monomial in p.terms for a in monomial}
            return not any(a in self.late_dims and a not in finished for a in atoms)

        for k in sorted(self.late_checks):
            key = ("check", k)
            if key not in allocated and all(map(ready, self.own_checks[k].polys)):
                allocated.add(key)
                lines.append(self.check_line(k))
        for v in self.late_variables():
            if v not in allocated and all(ready(n) for n in self.low.shape(v)):
                allocated.add(v)
                name, c_type = self.pointer(v), C_TYPES[v.dtype]
                size = self.host_poly(product(self.low.shape(v)))
                lines += [
                    f"s->{name} = gl_late(s->late, &s->late_count, sizeof({c_type}) * (size_t)({size}));",
                    f"if (!s->{name}) return -1;",
                ]
        for k, v in enumerate(self.program.outputs):
            key = ("shape", k)
            if self.is_late(v) and key not in allocated and all(ready(n) for n in self.low.shape(v)):
                allocated.add(key)
                if k != self.schedule.place.get(v):
                    name = self.unique(("result", k), None, f"out{k}")
                    size = self.host_poly(product(self.low.shape(v)))
                    lines += [
                        f"s->{name} = gl_late(s->late, &s->late_count, "
                        f"sizeof({C_TYPES[v.dtype]}) * (size_t)({size}));",
                        f"if (!s->{name}) return -1;",
                    ]
                lines += self.shape_lines(k, v)
        return lines

    def late_variables(self) -> list[Variable]:
        """Those that memory is taken for when their lengths are known; a loop does it itself for its rows."""
        return [
            v
            for step in self.schedule.steps
            for v in step.writes()
            if self.is_late(v)
            and not self.low.is_leaf(v)
            and not (isinstance(step, ScanStep) and v in step.grown)
        ]

    def shape_lines(self, k: int, v: Variable) -> list[str]:
        lengths = [self.host_poly(n) for n in self.low.shape(v)]
        return [f"s->shape{k}[{axis}] = {text};" for axis, text in enumerate(lengths)]

    def check_line(self, k: int) -> str:
        """The statement that returns with the number of a check, and the lengths it names, if it fails."""
        check = self.own_checks[k]
        values = [self.host_poly(p) for p in check.polys]
        if isinstance(check, Check):
            condition = f"{values[0]} != {values[1]}"
        elif isinstance(check, Length):
            # in double a sum or product is out of range where that of integers has wrapped around
            condition = f"{values[0]} < 0"
            if check.length.atom is None:
                condition += f" || !gl_is_length({self.in_double(check.length)})"
        else:
            factors = [self.host_poly(Poly.of(f)) for f in check.factors]
            elements = " * ".join([f"{check.number}.0", *(f"gl_at_least_1({f})" for f in factors)])
            condition = f"!gl_is_size({elements})"
        noted = " ".join(f"s->wrong[{k}] = {text};" for k, text in enumerate(values))
        return f"if ({condition}) {{ {noted} return {self.first_check + k + 1}; }}"

    def in_double(self, p: Poly) -> str:
        """A length as a number that knows no overflow."""
        return print_poly(p, lambda symbol: f"(double)s->{self.length(symbol)}")

    def state(self, late: int) -> str:
        """The struct, with room for ``late`` arrays whose lengths are found in the middle of a call."""
        lines = ["const gl_runtime *rt;", "char *arena;", "int64_t capacity, bad_index, wrong[GL_MAX_AXES];"]
        if self.profiled:
            lines += [f"double seconds[{len(self.schedule.steps)}];", "int64_t calls;"]
        else:
            lines += ["double seconds[1];", "int64_t calls;"]
        lines += [f"char *late[{max(late, 1)}];", "int64_t late_count;"]
        lines += ["char *totals;", "int64_t totals_size;"] if self.totals else []
        for k, v in enumerate(self.program.outputs):
            lines.append(f"int64_t shape{k}[{max(v.ndim, 1)}];")
        for key, name in self.names.items():
            if isinstance(key, Symbol):
                lines.append(f"int64_t {name};")
        for key, name in self.names.items():
            if isinstance(key, Variable):
                lines.append(f"{C_TYPES[key.dtype]} *{name};")
            elif isinstance(key, tuple) and key[0] == "result":
                lines.append(f"{C_TYPES[self.program.outputs[key[1]].dtype]} *{name};")
        return (
            "typedef struct {\n"
            + "\n".join("    " + line for line in [*lines, *self.fields])
            + f"\n}} {self.struct};\n"
        )

    def prepare(self, slots: list[Slot], shapes: list) -> str:
        lines: list[str] = []
        for v, k in self.leaves.items():
            name, c_type = self.pointer(v), C_TYPES[v.dtype]
            lines.append(f"s->{name} = GL_DATA(args, {k}, {c_type});")
        for (v, axis), symbol in self.low.leaf_dims.items():
            if v in self.leaves:
                lines.append(f"s->{self.length(symbol)} = GL_LENGTH(args, {self.leaves[v]}, {axis});")
        for symbol, poly in self.low.dims.items():
            if symbol in self.late_dims:
                continue
            own: list[str] = []
            text = self.host(integer(poly), own)
            lines += ["{", *("    " + line for line in own), f"    s->{self.length(symbol)} = {text};", "}"]
        lines += [self.check_line(k) for k in range(len(self.own_checks)) if k not in self.late_checks]
        for k, (v, shape) in enumerate(zip(self.program.outputs, shapes, strict=True)):
            if shape is None:
                lines += self.shape_lines(k, v)
        sizes = []
        for k, slot in enumerate(slots):
            texts = [self.host_poly(size) for size in slot.sizes]
            lines.append(f"int64_t size{k} = {texts[0]};")
            lines += [f"if ({text} > size{k}) size{k} = {text};" for text in texts[1:]]
            sizes.append(f"size{k}")
        if slots:
            lines.append(f"const int64_t sizes[] = {{{', '.join(sizes)}}};")
            lines.append(f"char *place = gl_grow(&s->arena, &s->capacity, gl_total(sizes, {len(sizes)}));")
            lines.append("if (!place) return -1;")
            for k, slot in enumerate(slots):
                for v in slot.variables:
                    name, c_type = self.pointer(v), C_TYPES[v.dtype]
                    lines.append(f"s->{name} = ({c_type} *)place;")
                if k + 1 < len(slots):
                    lines.append(f"place += gl_aligned(size{k});")
        body = "\n".join("    " + line for line in [*lines, "return 0;"])
        return (
            f"/* Lengths, checks of lengths, and memory. */\n"
            f"{self.head_of('prepare')}({self.struct} *s, void **args) {{\n{body}\n}}"
        )

    def run(self, bodies: list[list[str]]) -> str:
        lines: list[str] = ["s->bad_index = 0;"]
        first = len(self.leaves)
        for k, v in enumerate(self.program.outputs):
            key = ("result", k)
            if not self.is_late(v):
                name = self.unique(key, None, f"out{k}")
                lines.append(f"s->{name} = GL_DATA(args, {first + k}, {C_TYPES[v.dtype]});")
        done: set[Step] = set()
        finished: set[Symbol] = set()
        allocated: set[Variable] = set()
        if self.late_dims:
            lines += ["gl_release(s->late, &s->late_count);", *self.late_lines(done, finished, allocated)]
        if self.profiled:
            lines.append("double clock = gl_seconds(), now;")
        for k, (step, body) in enumerate(zip(self.schedule.steps, bodies, strict=True)):
            if any(line.startswith(("const ", "int64_t ", "for ")) for line in body):
                body = ["{", *("    " + line for line in body), "}"]
            lines += body
            if self.profiled:
                lines.append(f"now = gl_seconds(); s->seconds[{k}] += now - clock; clock = now;")
            done.add(step)
            if self.late_dims:
                lines += self.late_lines(done, finished, allocated)
        lines += ["s->calls++;", "return 0;"]
        body = "\n".join("    " + line for line in lines)
        return (
            f"/* The steps in order. */\n{self.head_of('run')}({self.struct} *s, void **args) {{\n{body}\n}}"
        )

    def head_of(self, name: str) -> str:
        """The declaration of ``prepare`` or ``run``: the file's own functions, or a loop's."""
        return f"static int64_t {self.prefix}{name}" if self.prefix else f"int64_t gl_{name}"

    def freed(self, state: str) -> str:
        """Statements that free what a struct and those inside it hold."""
        lines = [
            f"    gl_release({state}late, &{state}late_count);",
            f"    free({state}arena);",
            *([f"    free({state}totals);"] if self.totals else []),
            *(inner.freed(f"{state}{inner.prefix}state.") for inner in self.nested),
        ]
        return "\n".join(lines)

    def entry(self, shapes: list) -> str:
        address = [f"    out[{k}] = (int64_t)s->shape{k};" for k in range(len(shapes))]
        late = [
            f"    out[{len(shapes) + k}] = (int64_t)s->{self.unique(('result', k), None, f'out{k}')};"
            for k, shape in enumerate(shapes)
            if shape == "late"
        ]
        addresses = "\n".join([*address, *late])
        return f"""int64_t gl_call(State *s, void **args) {{
    int64_t code = gl_prepare(s, args);
    return code ? code : gl_run(s, args);
}}

State *gl_new(const gl_runtime *rt) {{
    State *s = calloc(1, sizeof(State));
    if (s) s->rt = rt;
    return s;
}}

void gl_free(State *s) {{
{self.freed("s->")}
    free(s);
}}

/* Where the lengths of each output are, then where the outputs are whose lengths a call finds on its way. */
void gl_outputs(State *s, int64_t *out) {{
{addresses}
}}

const int64_t *gl_failure(State *s) {{ return s->wrong; }}
double *gl_profile(State *s, int64_t *calls) {{ *calls = s->calls; return s->seconds; }}"""


#: calls of a function from which on it is compiled once, as a vector function, and called; inlined, each
#: costs the compiler some hundredths of a second
_CALLS = 48
_NOT_CALLED = frozenset(["mod", "floor_div", "random_uniform", "random_normal"])
_BINARY = frozenset(["pow", "arctan2", "logaddexp"])


def _called(kernels: list[str]) -> list[str]:
    """Lines that make calls of functions that would be inlined very often.

    Clang, which does not vectorise loops with calls, goes on inlining.
    """
    calls = Counter(call for text in kernels for call in re.findall(r"\bgl_([a-z0-9]+)_(f32|f64)\(", text))
    lines = []
    for (name, suffix), count in sorted(calls.items()):
        if not is_costly(name) or name in _NOT_CALLED or count < _CALLS:
            continue
        c_type = "float" if suffix == "f32" else "double"
        names = ["x", "y"] if name in _BINARY else ["x"]
        given = ", ".join(names)
        lines += [
            "#pragma omp declare simd notinbranch",
            f"static __attribute__((noinline)) {c_type} gl_called_{name}_{suffix}"
            f"({', '.join(f'{c_type} {x}' for x in names)}) {{ return gl_{name}_{suffix}({given}); }}",
            f"#define gl_{name}_{suffix}({given}) gl_called_{name}_{suffix}({given})",
        ]
    return ["#ifndef __clang__", *lines, "#endif"] if lines else []


def _declare_reduction(kind: str, dtype: str) -> str:
    s, t = SUFFIXES[dtype], C_TYPES[dtype]
    combined = print_function(REDUCERS[kind].combine, dtype, dtype, ["omp_out", "omp_in"])
    return (
        f"#pragma omp declare reduction(gl_{kind}_{s} : {t} : omp_out = {combined}) "
        f"initializer(omp_priv = {begun_at(kind, dtype)})"
    )


def _flat(index: tuple[Poly, ...], shape: tuple[Poly, ...]) -> Poly:
    from ...scalar.integer import flat_index

    return flat_index(index, shape)


__all__ = ["Rendered", "Renderer"]
