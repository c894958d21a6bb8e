"""Loop nests as C functions: each group of the schedule, and each piece of a pushed output, becomes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...compile.loops import Block, Nest, build, collapsible
from ...compile.lowering import LOOP, Lowering, Placed, Value
from ...compile.steps import Loops
from ...graph import Variable
from ...scalar.expression import integer, walk
from ...scalar.functions import COSTLY, is_costly
from ...scalar.integer import ZERO, Poly, Symbol, flat_index, product
from ...scalar.reductions import REDUCERS
from ..expressions import describe
from .expressions import Printer, Scope
from .scalar import C_TYPES, LOCAL_TYPES, SUFFIXES, begun_at, print_function

#: draws that are computed a run at a time, before the loop that uses them, and the turns of a run
_DRAWS = frozenset(["random_uniform", "random_normal"])
_RUN = 512
#: rows whose elements are added up in float32 before they are added to totals in double
_ROWS = 64
#: what the load or store of an element costs, in additions
_MEMORY_COST = 2
#: elements that a row's own array may have on the stack
_ROW_LIMIT = 4096


@dataclass
class Kernel:
    """A C function of one loop nest: its text, its outermost length (None: nothing to split), and its
    work."""

    name: str
    text: str
    length: Poly | None
    work: Poly
    checks: bool
    partial: list[Value] = field(default_factory=list)
    #: elements of the totals in double that it needs beside its results
    totals: Poly = ZERO


@dataclass(frozen=True)
class Total:
    """Where a long sum of float32 into memory is added up in double: the array's ``name``, and the axis along
    which it takes the sums of runs of rows from the result (None: each term)."""

    name: str
    axis: int | None


@dataclass(frozen=True)
class Row:
    """A small array for a value that several loops of a block at ``level`` share; its element is at
    ``offset``."""

    name: str
    level: int
    size: int
    offset: Poly


class Memory(NamedTuple):
    """What kernels must know of storage: the C names of a variable's pointer and of a length, and the C type
    ``struct`` of the state that has them as fields."""

    pointer: Callable[[Variable], str]
    length: Callable[[Symbol], str]
    low: Lowering
    struct: str


class KernelWriter:
    """Writes one kernel."""

    def __init__(self, name: str, memory: Memory) -> None:
        self.name = name
        self.memory = memory
        self.pointers: dict[str, tuple[str, bool]] = {}
        self.lengths: dict[str, None] = {}
        self.scopes: dict[Block, Scope] = {}
        self.collapsed: set[int] = set()
        self.splits = False
        self.rows: dict[Variable, Row] = {}
        self.totals: dict[Variable, Total] = {}
        self.printer = Printer(self.load, self.symbol, {i: k + 1 for k, i in enumerate(LOOP)})

    # what the printer asks for

    def load(self, variable: Variable, index: tuple[Poly, ...], text: Callable[[Poly], str]) -> str:
        if variable in self.rows:
            return f"{self.rows[variable].name}[{text(self.rows[variable].offset)}]"
        offset = flat_index(index, self.memory.low.shape(variable))
        return f"{self.use(variable, False)}[{text(offset)}]"

    def use(self, variable: Variable, written: bool) -> str:
        name, c_type = self.memory.pointer(variable), C_TYPES[variable.dtype]
        before = self.pointers.get(name, (c_type, False))
        self.pointers[name] = (c_type, before[1] or written)
        return name

    def symbol(self, symbol: Symbol) -> str:
        if symbol.is_index:
            level = LOOP.index(symbol)
            return "0" if level in self.collapsed else symbol.name
        name = self.memory.length(symbol)
        self.lengths[name] = None
        return name

    # loops

    def group(self, step: Loops) -> Kernel:
        """The kernel of a fused group."""
        nest = build(step.values)
        self.axes = step.axes
        self.place_crossing(step, nest)
        self.stored = step.stored
        self.home = nest.home
        self.values = {value.variable: value for value in step.values}
        self.accumulators: dict[tuple[Block, Block], list[Value]] = {}
        boundaries: set[int] = set()
        offsets: list[Poly] = []
        for value in step.values:
            home = nest.home[value.variable]
            if value.kind is not None:
                at = self.register_level(value)
                boundaries.add(at)
                if at < len(value.axes):
                    chain = home.ancestors()
                    outer = next(b for b in chain if b.level == at)
                    self.accumulators.setdefault((outer, chain[chain.index(outer) - 1]), []).append(value)
                if finds_index(value) and value.reduced:
                    boundaries.add(value.reduced[0])
                    boundaries.add(value.reduced[0] + 1)
            else:
                boundaries.add(len(value.axes))
            if value.variable in self.stored:
                offsets.append(self.offset(value))
            if value.variable in self.rows:
                offsets.append(self.rows[value.variable].offset)
                boundaries.add(self.rows[value.variable].level)
        boundaries.discard(len(step.axes))
        elements = [v.element for v in step.values]
        self.collapsed = collapsible(step.axes, elements, offsets, boundaries, self.memory.low.shape)
        self.printer.count_uses([v.element for v in step.values])
        scope = Scope(None, 0)
        self.partial = [
            v for v in step.values if v.kind is not None and v.kept == 0 and step.axes and v.reduced
        ]
        in_memory = [v for v in step.values if v.kind is not None and v.kept is None]
        self.splits = bool(step.axes) and not in_memory and not any(finds_index(v) for v in self.partial)
        for value in in_memory:
            scope.lines.append(f"{self.each(value)} = {self.neutral(value)};")
        totals = self.place_totals(in_memory, scope)
        self.block(nest.root, scope)
        for value in in_memory:
            self.take_totals(value, scope)
        for value in self.partial:
            name, _ = self.printer.locals[value.variable]
            scope.lines.append(f"s->{self.partial_name(value)}[chunk] = {name};")
        slow = sum(is_costly(expr.op) for expr in self.printer.uses)
        text = self.function(scope.lines, [v.variable for v in step.values])
        touched = len(self.pointers)
        work = product(step.axes) * (len(step.values) + _MEMORY_COST * touched + COSTLY * slow)
        return Kernel(
            self.name,
            text,
            self.turns(0) if self.splits else None,
            work,
            self.printer.checks,
            self.partial,
            totals,
        )

    def each(self, value: Value, array: str | None = None) -> str:
        """The beginning of a statement for each element of a result, or of an ``array`` of its length."""
        size = self.printer.poly(product(self.memory.low.shape(value.variable)))
        return f"for (int64_t k = 0; k < {size}; k++) {array or self.use(value.variable, True)}[k]"

    def place_totals(self, in_memory: list[Value], scope: Scope) -> Poly:
        """Give long sums of float32 into memory their totals in double; how many elements those have.

        A row's terms are added to the result, as ever, and after each run of rows that to the totals.  That
        costs next to nothing; to add each term to a double would.
        """
        size = ZERO
        for value in in_memory:
            outer = [k for k in value.reduced if k < self.register_level(value)]
            terms, results = (
                product(value.axes[k] for k in outer),
                product(self.memory.low.shape(value.variable)),
            )
            few = terms.constant is not None and terms.constant < _ROWS
            if value.kind != "sum" or value.variable.dtype != "float32" or few or results == 0:
                continue
            last, level = outer[-1], self.register_level(value)
            vectorised = not any(isinstance(e, Block) for e in self.home[value.variable].entries)
            by_rows = level == len(value.axes) and vectorised and outer == list(range(last + 1))
            total = Total(f"total{len(self.totals)}", last if by_rows else None)
            self.totals[value.variable] = total
            scope.lines.append(
                f"double *const restrict {total.name} = (double *)s->totals + {self.printer.poly(size)};"
            )
            scope.lines.append(
                f"int64_t {total.name}_rows = 0, {total.name}_runs = 0;"
                if by_rows
                else f"{self.each(value, total.name)} = 0;"
            )
            size = size + results
        return size

    def take_totals(self, value: Value, scope: Scope) -> None:
        """The result of a sum that has totals."""
        total = self.totals.get(value.variable)
        if total is None:
            return
        place = self.use(value.variable, True)
        if total.axis is None:
            scope.lines.append(f"{self.each(value)} = (float){total.name}[k];")
        else:
            scope.lines.append(
                f"if ({total.name}_runs) {self.each(value)} = (float)({total.name}[k] + {place}[k]);"
            )

    def add_rows(self, value: Value) -> list[str]:
        """What is done after a run of rows: when there have been enough, their sums go to the totals."""
        name, place = self.totals[value.variable].name, self.use(value.variable, True)
        size = self.printer.poly(product(self.memory.low.shape(value.variable)))
        return [
            f"{name}_rows += turns - run;",
            f"if ({name}_rows >= {_ROWS}) {{",
            f"    gl_add_rows({name}, {place}, {size}, {name}_runs++);",
            f"    {name}_rows = 0;",
            "}",
        ]

    def place_crossing(self, step: Loops, nest: Nest) -> None:
        """Values that several loops of a row need: in a small array of the row's own, or in memory if that
        would be large."""
        values = {v.variable: v for v in step.values}
        for variable, level in nest.crossing.items():
            if variable in step.stored:
                continue
            value = values[variable]
            lengths = value.axes[level : value.depth]
            size = product(lengths).constant
            if level == 0 or size is None or size > _ROW_LIMIT:
                step.stored.add(variable)
            else:
                indices = [Poly.of(i) for i in LOOP[level : level + len(lengths)]]
                self.rows[variable] = Row(f"row{len(self.rows)}", level, size, flat_index(indices, lengths))

    def piece(self, variable: Variable, piece: Placed, only_checks: bool = False) -> Kernel:
        """The kernel of one piece of a pushed output, or one that only looks for wrong indices."""
        self.axes = piece.axes
        self.collapsed = collapsible(
            piece.axes, [piece.element], [piece.offset], set(), self.memory.low.shape
        )
        where = integer(piece.offset)
        self.printer.count_uses([piece.element, where])
        scope = Scope(None, 0)
        scopes = [scope]
        levels = [k for k in range(len(piece.axes)) if k not in self.collapsed]
        for k in range(len(piece.axes)):
            scopes.append(Scope(scopes[-1], k + 1))
        inner = scopes[-1]
        element = self.printer.emit(piece.element, inner)
        place = self.printer.emit(where, inner)
        if only_checks:
            inner.lines.append(f"(void)({element});")
            inner.lines.append(f"(void)({place});")
        else:
            pointer = self.use(variable, True)
            guard = "if (!bad) " if self.printer.checks else ""
            inner.lines.append(f"{guard}{pointer}[{place}] {'=' if piece.mode == 'set' else '+='} {element};")
        for k in reversed(range(len(piece.axes))):
            lines = scopes[k + 1].lines
            if k in self.collapsed:
                scopes[k].lines.extend(lines)
                continue
            simd = k == levels[-1] and not piece.collides and not self.printer.checks
            scopes[k].lines.extend(self.loop(k, lines, ["#pragma omp simd"] if simd else []))
        text = self.function(scope.lines, [variable])
        return Kernel(self.name, text, None, Poly.of(0), self.printer.checks)

    def function(self, lines: list[str], variables: list[Variable]) -> str:
        head = ["gl_loop *const loop = context;", f"{self.memory.struct} *const s = loop->state;"]
        head += [f"const int64_t {name} = s->{name};" for name in self.lengths]
        for name, (c_type, written) in self.pointers.items():
            head.append(f"{'' if written else 'const '}{c_type} *const restrict {name} = s->{name};")
        if self.printer.checks:
            head.append("int64_t bad = 0;")
            lines = [*lines, "if (bad) s->bad_index = 1;"]
        if self.splits:
            n = self.printer.poly(self.turns(0))
            n = n if n.isalnum() else f"({n})"
            head.append(
                f"const int64_t begin = {n} * chunk / loop->chunks, end = {n} * (chunk + 1) / loop->chunks;"
            )
            for name in self.lengths:
                declaration = f"const int64_t {name} = s->{name};"
                if declaration not in head:
                    head.insert(2, declaration)
        body = "\n".join("    " + line for line in [*head, *lines])
        return (
            f"{describe(variables)}\nstatic void {self.name}(void *context, int64_t chunk) {{\n{body}\n}}\n"
        )

    def turns(self, axis: int) -> Poly:
        """How often the loop runs that ``axis`` is in, the axes merged into it counted in."""
        first = last = axis
        while first - 1 in self.collapsed:
            first -= 1
        while last in self.collapsed:
            last += 1
        return product(self.axes[first : last + 1])

    def loop(
        self,
        axis: int,
        lines: list[str],
        pragmas: list[str],
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        length: int = _RUN,
    ) -> list[str]:
        """The loop over an axis; cut into runs where there are statements before or after each of them."""
        first = axis
        while first - 1 in self.collapsed:
            first -= 1
        index = LOOP[axis].name
        start, stop = (
            ("begin", "end") if self.splits and first == 0 else ("0", self.printer.poly(self.turns(axis)))
        )
        indented = ["    " + line for line in lines]
        if not before and not after:
            return [
                *pragmas,
                f"for (int64_t {index} = {start}; {index} < {stop}; {index}++) {{",
                *indented,
                "}",
            ]
        return [
            f"for (int64_t run = {start}; run < {stop}; run += {length}) {{",
            f"    const int64_t turns = run + {length} < {stop} ? run + {length} : {stop};",
            *("    " + line for line in before),
            *("    " + line for line in pragmas),
            f"    for (int64_t {index} = run; {index} < turns; {index}++) {{",
            *("    " + line for line in indented),
            "    }",
            *("    " + line for line in after),
            "}",
        ]

    def block(self, block: Block, scope: Scope) -> None:
        self.scopes[block] = scope
        stores: list[str] = []
        for variable, row in self.rows.items():
            if row.level == block.level and self.home[variable] in self.inside(block):
                scope.lines.append(f"{C_TYPES[variable.dtype]} {row.name}[{row.size}];")
        for entry in block.entries:
            if isinstance(entry, Block):
                self.inner_loop(block, entry, scope)
            elif entry.kind is None:
                self.map_value(entry, scope, stores)
            else:
                self.take_in(entry, scope)
        scope.lines.extend(stores)

    def inside(self, block: Block) -> list[Block]:
        """A block and those of the loops in it."""
        found, stack = [], [block]
        while stack:
            found.append(stack.pop())
            stack.extend(e for e in found[-1].entries if isinstance(e, Block))
        return found

    def inner_loop(self, block: Block, entry: Block, scope: Scope) -> None:
        finished = self.accumulators.get((block, entry), [])
        for value in finished:
            self.declare(value, scope)
        inner = Scope(scope, entry.level)
        axis = entry.level - 1
        deepest = not any(isinstance(e, Block) for e in entry.entries)
        before = self.fills(entry, scope, inner) if deepest and axis not in self.collapsed else []
        # a sum of many terms is one of sums of runs, which rounds as little as a vector of sums does
        whole = {
            v: self.printer.locals[v.variable]
            for v in entry.entries
            if isinstance(v, Value) and self.sums_by_runs(v) and v.variable in self.printer.locals
        }
        for value, (name, home) in whole.items():
            before.append(f"float {name}_run = 0;")
            self.printer.locals[value.variable] = (f"{name}_run", home)
        self.block(entry, inner)
        after = [f"{name} += {name}_run;" for name, _ in whole.values()]
        by_rows = [
            v for v, total in self.totals.items() if total.axis == axis and entry in self.home[v].ancestors()
        ]
        after += [line for v in by_rows for line in self.add_rows(self.values[v])]
        if axis in self.collapsed:
            scope.lines.extend(inner.lines)
        else:
            pragmas = self.pragmas(entry) if deepest else []
            length = _ROWS if by_rows else _RUN
            scope.lines.extend(self.loop(axis, inner.lines, pragmas, before, after, length))
        for value, local in whole.items():
            self.printer.locals[value.variable] = local
        for value in finished:
            self.finish(value, scope)

    def fills(self, entry: Block, scope: Scope, inner: Scope) -> list[str]:
        """Statements that compute the random draws of a run of turns of an innermost loop, where they are
        consecutive elements: all words of a block of random bits are used then."""
        index = LOOP[entry.level - 1]
        lines: list[str] = []
        for expr in dict.fromkeys(
            e for value in entry.entries if isinstance(value, Value) for e in walk(value.element)
        ):
            if expr.op not in _DRAWS or expr in inner.names:
                continue
            *state, position = expr.args
            linear = position.value.linear_in([index]) if position.op == "int" else None
            if linear is None or linear[0][0] != 1 or self.printer.level(linear[1], scope) > scope.level:
                continue
            texts = [self.printer.emit(e, scope) for e in (*state, integer(linear[1]))]
            name = f"u{len(lines) // 2}"
            lines.append(f"{C_TYPES[expr.dtype]} {name}[{_RUN}];")
            lines.append(
                f"gl_fill_{expr.op.removeprefix('random_')}_{SUFFIXES[expr.dtype]}({name}, "
                f"{', '.join(texts)} + run, turns - run);"
            )
            inner.names[expr] = f"{name}[{index.name} - run]"
        return lines

    def map_value(self, value: Value, scope: Scope, stores: list[str]) -> None:
        text = self.printer.emit(value.element, scope)
        if not text.isidentifier():
            name = self.printer.name("t")
            scope.lines.append(f"const {LOCAL_TYPES[value.variable.dtype]} {name} = {strip(text)};")
            text = name
        self.printer.locals[value.variable] = (text, scope)
        stores.extend(self.kept(value, text))

    def kept(self, value: Value, text: str) -> list[str]:
        """The statement that keeps a value for what cannot read its local name."""
        if value.variable in self.stored:
            place = self.printer.poly(self.offset(value))
            return [f"{self.use(value.variable, True)}[{place}] = {text};"]
        if value.variable in self.rows:
            row = self.rows[value.variable]
            return [f"{row.name}[{self.printer.poly(row.offset)}] = {text};"]
        return []

    def offset(self, value: Value) -> Poly:
        return flat_index(value.index, self.memory.low.shape(value.variable))

    # reductions

    def register_level(self, value: Value) -> int:
        """The level at which a reduction has a register: below the last axis that it keeps."""
        kept = [k for k in range(len(value.axes)) if k not in value.reduced]
        return kept[-1] + 1 if kept else 0

    def neutral(self, value: Value) -> str:
        return begun_at(value.kind or "", value.variable.dtype)

    def declare(self, value: Value, scope: Scope) -> None:
        name = self.printer.name("r")
        self.printer.locals[value.variable] = (name, scope)
        if finds_index(value):
            scope.lines.append(f"{C_TYPES[value.element.dtype]} {name}_best = 0;")
            scope.lines.append(f"int64_t {name} = -1;")
        else:
            wide = self.sums_one_by_one(value) or self.sums_by_runs(value)
            c_type = "double" if wide else C_TYPES[value.variable.dtype]
            start = f"{REDUCERS[value.kind].neutral}" if wide else self.neutral(value)
            scope.lines.append(f"{c_type} {name} = {start};")

    def sums_by_runs(self, value: Value) -> bool:
        """Whether a float32 sum in a vectorised loop has so many terms that those of runs are added up."""
        if value.kind != "sum" or value.variable.dtype != "float32" or self.sums_one_by_one(value):
            return False
        terms = product(value.axes[k] for k in value.reduced).constant
        return bool(value.reduced) and (terms is None or terms > _RUN)

    def sums_one_by_one(self, value: Value) -> bool:
        """Whether a float32 sum is taken outside the vectorised loops, where double costs nothing and many
        terms would round many times."""
        home = self.home[value.variable]
        vectorised = not any(isinstance(entry, Block) for entry in home.entries)
        return value.kind in ("sum", "prod") and value.variable.dtype == "float32" and not vectorised

    def take_in(self, value: Value, scope: Scope) -> None:
        x = self.printer.emit(value.element, scope)
        if value.variable not in self.printer.locals:
            if value.kept is None:
                scope.lines.append(combine(value, self.into(value), x))
                return
            # nothing is reduced: the value itself
            name = self.printer.name("t")
            single = "0" if finds_index(value) else f"({x} != 0)" if REDUCERS[value.kind].truth else strip(x)
            scope.lines.append(f"const {LOCAL_TYPES[value.variable.dtype]} {name} = {single};")
            self.printer.locals[value.variable] = (name, scope)
            scope.lines.extend(self.kept(value, name))
            return
        name = self.printer.locals[value.variable][0]
        if finds_index(value):
            reducer, dtype = REDUCERS[value.kind], value.element.dtype
            ahead = print_function(reducer.combine, dtype, "bool", [x, f"{name}_best"])
            index = LOOP[value.reduced[0]].name
            scope.lines.append(f"if ({name} < 0 || {ahead} || ({x} != {x} && {name}_best == {name}_best)) {{")
            scope.lines.append(f"    {name}_best = {x};")
            scope.lines.append(f"    {name} = {index};")
            scope.lines.append("}")
        else:
            scope.lines.append(combine(value, name, x))

    def into(self, value: Value) -> str:
        """The element in memory that a term of a reduction is taken into."""
        total = self.totals.get(value.variable)
        array = total.name if total is not None and total.axis is None else self.use(value.variable, True)
        return f"{array}[{self.printer.poly(self.offset(value))}]"

    def finish(self, value: Value, scope: Scope) -> None:
        name = self.printer.locals[value.variable][0]
        if value.variable in self.totals:
            scope.lines.append(combine(value, self.into(value), name))
            del self.printer.locals[value.variable]
            return
        if self.sums_one_by_one(value) or self.sums_by_runs(value):
            scope.lines.append(f"const float {name}_rounded = (float){name};")
            name += "_rounded"
            self.printer.locals[value.variable] = (name, scope)
        if value.kept is None:
            scope.lines.append(combine(value, self.into(value), name))
            del self.printer.locals[value.variable]
        elif value.kept:
            scope.lines.extend(self.kept(value, name))

    def pragmas(self, entry: Block) -> list[str]:
        """``omp simd`` with the reductions of the loop, unless an index of an extremum is looked for in
        it."""
        clauses: dict[str, list[str]] = {}
        for value in entry.entries:
            if isinstance(value, Block) or value.kind is None or value.variable not in self.printer.locals:
                continue
            if self.register_level(value) == len(value.axes):
                continue
            if finds_index(value):
                return []
            dtype = value.variable.dtype
            s = SUFFIXES[dtype]
            operator = REDUCERS[value.kind].operator_of(dtype) or f"gl_{value.kind}_{s}"
            clauses.setdefault(operator, []).append(self.printer.locals[value.variable][0])
        if self.printer.checks:
            clauses["|"] = [*clauses.get("|", []), "bad"]
        text = "".join(f" reduction({op}:{', '.join(names)})" for op, names in clauses.items())
        return [f"#pragma omp simd{text}"]

    def partial_name(self, value: Value) -> str:
        return f"{self.name}_part{self.partial.index(value)}"


def finds_index(value: Value) -> bool:
    """Whether a value is the index of an extremum."""
    return value.kind is not None and REDUCERS[value.kind].finds_index


def combine(value: Value, target: str, x: str) -> str:
    """The statement that takes ``x`` into a reduction."""
    dtype = value.variable.dtype
    reducer = REDUCERS[value.kind or ""]
    operator = reducer.operator_of(dtype)
    if reducer.truth:
        x = f"({x} != 0)"
    if operator is not None and not operator.isalpha():
        return f"{target} {operator}= {x};"
    return f"{target} = {print_function(reducer.combine, dtype, dtype, [target, x])};"


def strip(text: str) -> str:
    """A C expression without the parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and k < len(text) - 1:
            return text
    return text[1:-1]


__all__ = ["Kernel", "KernelWriter", "Memory", "combine"]
