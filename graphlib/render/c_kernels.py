"""Kernels as C functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from ..records import record
from ..scalar.integer import Poly, Symbol
from ..scalar.reductions import REDUCERS
from ..schedule.abreast import ABREAST, TOGETHER
from ..schedule.arrays import Memory
from ..schedule.cpu import BLOCK
from ..schedule.parts import expressions
from ..schedule.plan import Kernel
from ..schedule.small import MANY_FUNCTIONS, costly_functions
from ..schedule.statements import (
    Accumulator,
    Add,
    AddRows,
    Begin,
    Draw,
    Evaluate,
    Join,
    Lanes,
    Leave,
    Let,
    Loop,
    OwnArray,
    OwnMemory,
    Part,
    Parts,
    Store,
    Take,
    TakeInto,
    TakeTotals,
    Target,
    Totals,
    Watch,
    statements,
)
from .c_headers import of_kernel
from .c_scalar import (
    C_TYPES,
    LOCAL_TYPES,
    SUFFIXES,
    begun_at,
    function_called,
    literal,
    print_function,
    print_op,
)
from .text import Text, indented
from .units import Unit

#: where the memory of a chunk begins
_OWN = "char *own = loop->own + chunk * loop->each;"


class Body:
    """Statements as lines of C.

    pointer: the name by which a piece of memory is known here; length: that of a length.
    """

    def __init__(self, pointer: Callable[[Memory], str], length: Callable[[Symbol], str]) -> None:
        self.pointer, self.length = pointer, length
        self.kernel = ""
        #: extrema that the present loop has one of for each lane, and the comparisons that say what is ahead
        self.extrema: dict[str, str] = {}
        #: and extrema of blocks, whose indices are looked for
        self.looked_for: set[str] = set()
        self.text = Text(print_op, literal, self._load, self._symbol)
        self.writers = {
            Let: self._let,
            Accumulator: self._accumulator,
            Take: self._take,
            Add: lambda s: [f"{s.name} += {s.value};"],
            Store: self._store,
            TakeInto: self._take_into,
            Evaluate: lambda s: [f"(void)({self.text.operand(s.value)});"],
            Watch: lambda s: ["int64_t bad = 0;"],
            Leave: lambda s: ["if (bad) return -2;"],
            Begin: lambda s: [f"{self._each(s.target, s)} = {begun_at(s.kind, s.dtype)};"],
            OwnArray: lambda s: [f"{C_TYPES[s.dtype]} {s.name}[{s.size}];"],
            OwnMemory: lambda s: self._own(s, "own"),
            Parts: self._parts,
            Join: self._join,
            Draw: self._draw,
            Totals: self._totals,
            AddRows: self._add_rows,
            TakeTotals: self._take_totals,
            Part: lambda s: [f"{self.part(s)}[chunk] = {s.name};"],
            Loop: self._loop,
        }

    def lines(self, body: Iterable[Any]) -> list[str]:
        return [line for one in body for line in self.writers[type(one)](one)]

    def _load(self, target: Target, dtype: str, offset: str) -> str:
        return f"{self.target(target)}[{offset}]"

    def _symbol(self, symbol: Symbol) -> str:
        return symbol.name if symbol.is_index else self.length(symbol)

    def target(self, target: Target, written: bool = False) -> str:
        return target if isinstance(target, str) else self.pointer(target.memory)

    def _let(self, s: Let) -> list[str]:
        return [f"const {LOCAL_TYPES[s.dtype]} {s.name} = {self.text.whole(s.value)};"]

    def _accumulator(self, s: Accumulator) -> list[str]:
        if REDUCERS[s.kind].finds_index:
            return [f"{C_TYPES[s.dtype]} {s.name}_best = 0;", f"int64_t {s.name} = -1;"]
        return [f"{C_TYPES[s.dtype]} {s.name} = {begun_at(s.kind, s.dtype)};"]

    def _take(self, s: Take) -> list[str]:
        name, x = s.name, self.text.operand(s.value)
        if name in self.extrema:
            return [f"{name} = {x} {self.extrema[name]} {name} ? {x} : {name};", f"{name}_odd |= {x} != {x};"]
        if s.index is None:
            return [combine(s.kind, s.dtype, name, x)]
        if f"{name}_first" in self.looked_for:
            first = Take(f"{name}_first", s.kind.removeprefix("arg"), s.dtype, s.value)
            return [f"{name}_seen[{s.index.name} - block] = {x};", *self._take(first)]
        ahead = print_function(REDUCERS[s.kind].combine, s.dtype, "bool", [x, f"{name}_best"])
        nan = f" || ({x} != {x} && {name}_best == {name}_best)" if s.dtype.startswith("float") else ""
        return [
            f"if ({name} < 0 || {ahead}{nan}) {{",
            f"    {name}_best = {x};",
            f"    {name} = {s.index.name};",
            "}",
        ]

    def _store(self, s: Store) -> list[str]:
        place = f"{self.target(s.target, True)}[{self.text.poly(s.offset)}]"
        assign = f"{place} {'+=' if s.add else '='} {self.text.operand(s.value)};"
        return [f"if (!bad) {assign}" if s.guarded else assign]

    def _take_into(self, s: TakeInto) -> list[str]:
        place = f"{self.target(s.target, True)}[{self.text.poly(s.offset)}]"
        return [combine(s.kind, s.dtype, place, self.text.operand(s.value))]

    def _each(self, target: Target, s: Begin | Totals) -> str:
        """The beginning of a statement for each element of an array that it is about."""
        place = "k" if s.offset == 0 or isinstance(target, str) else f"{self.text.poly(s.offset)} + k"
        return f"for (int64_t k = 0; k < {self.text.poly(s.size)}; k++) {self.target(target, True)}[{place}]"

    def _draw(self, s: Draw) -> list[str]:
        given = ", ".join(map(self.text.operand, (*s.state, s.position)))
        function = f"gl_fill_{s.op.removeprefix('random_')}_{SUFFIXES[s.dtype]}"
        return [
            f"{C_TYPES[s.dtype]} {s.name}[{s.length}];",
            f"{function}({s.name}, {given} + run, turns - run);",
        ]

    # arrays of a chunk's own

    def _own(self, s: OwnMemory | Parts, first: str) -> list[str]:
        """The next piece of the chunk's memory; ``first``: what that is."""
        c_type = C_TYPES[s.dtype]
        return [
            f"{c_type} *const restrict {s.name} = ({c_type} *){first};",
            f"own += gl_aligned(sizeof({c_type}) * ({self.text.poly(s.size)}));",
        ]

    def _parts(self, s: Parts) -> list[str]:
        lines = self._own(s, f"(chunk ? own : (char *){self.target(s.target, True)})")
        self.in_parts[s.target.memory] = s.name
        return lines

    def _join(self, s: Join) -> list[str]:
        lines = ["char *own = loop->own + one * loop->each;"]
        for part in s.parts:
            each = combine(part.kind, part.dtype, f"{self.target(part.target, True)}[k]", f"{part.name}[k]")
            lines += [
                *self._own(part, "own"),
                "#pragma omp simd",
                f"for (int64_t k = 0; k < {self.text.poly(part.size)}; k++) {each}",
            ]
        each_chunk = ["for (int64_t one = 1; one < loop->chunks; one++) {", *indented(lines), "}"]
        return ["if (chunk < 0) {", *indented([*each_chunk, "return;"]), "}", _OWN]

    # long sums into memory

    def _totals(self, s: Totals) -> list[str]:
        if s.by_rows:
            return [f"int64_t {s.name}_rows = 0, {s.name}_runs = 0;"]
        return [f"{self._each(s.name, s)} = 0;"]

    def _add_rows(self, s: AddRows) -> list[str]:
        t = s.totals
        name, size = t.name, self.text.poly(t.size)
        return [
            f"{name}_rows += turns - run;",
            f"if ({name}_rows >= {s.least}) {{",
            f"    gl_add_rows({name}, {self.target(t.target, True)}, {size}, {name}_runs++);",
            f"    {name}_rows = 0;",
            "}",
        ]

    def _take_totals(self, s: TakeTotals) -> list[str]:
        t = s.totals
        if not t.by_rows:
            return [f"{self._each(t.target, t)} = (float){t.name}[k];"]
        place = self.target(t.target, True)
        return [f"if ({t.name}_runs) {self._each(t.target, t)} = (float)({t.name}[k] + {place}[k]);"]

    # loops

    def _loop(self, s: Loop) -> list[str]:
        start, stop = ("begin", "end") if s.split else ("0", self.text.poly(s.length))
        if s.abreast:
            abreast = self._abreast(s, start, stop)
            if s.length.constant is not None:
                return abreast
            few = indented(self._range(s, start, stop))
            return [f"if ({stop} - {start} < {TOGETHER}) {{", *few, "} else {", *indented(abreast), "}"]
        if s.run is None:
            return self._range(s, start, stop)
        one_run = [
            f"const int64_t turns = run + {s.run} < {stop} ? run + {s.run} : {stop};",
            *self.lines(s.before),
            *self._range(s, "run", "turns"),
            *self.lines(s.after),
        ]
        return [f"for (int64_t run = {start}; run < {stop}; run += {s.run}) {{", *indented(one_run), "}"]

    def _abreast(self, s: Loop, start: str, stop: str) -> list[str]:
        """Turns of a loop that go abreast, a block of them at a time; registers are arrays in between."""
        kept: dict[str, str] = {}
        for one in s.body:
            if isinstance(one, Let):
                kept[one.name] = LOCAL_TYPES[one.dtype]
            elif isinstance(one, Accumulator):
                kept |= {f"{one.name}_best": C_TYPES[one.dtype], one.name: "int64_t"}
        lines = [f"const int64_t beyond = block + {ABREAST} < {stop} ? block + {ABREAST} : {stop};"]
        lines += [f"{c_type} {name}_of[{ABREAST}];" for name, c_type in kept.items()]
        for inside, group in groupby(s.body, lambda one: isinstance(one, Loop)):
            for body, loop in [(one.body, one) for one in group] if inside else [(tuple(group), None)]:
                made = self._in_step(s, body, kept)
                if loop is not None:
                    i = loop.index.name
                    head = f"for (int64_t {i} = 0; {i} < {self.text.poly(loop.length)}; {i}++) {{"
                    made = [head, *indented(made), "}"]
                lines += made
        return [
            f"for (int64_t block = {start}; block < {stop}; block += {ABREAST}) {{",
            *indented(lines),
            "}",
        ]

    def _in_step(self, s: Loop, body: tuple[Any, ...], kept: dict[str, str]) -> list[str]:
        """Statements for each turn of the block."""
        made: list[str] = []
        changed: dict[str, None] = {}
        begun: set[str] = set()
        read = {e.value for e in expressions(body) if e.op == "local"}
        for one in body:
            if isinstance(one, Accumulator):
                begun |= {one.name, f"{one.name}_best"}
                first = begun_at(one.kind.removeprefix("arg"), one.dtype)
                made += [f"{C_TYPES[one.dtype]} {one.name}_best = {first};", f"int64_t {one.name} = 0;"]
                changed |= {f"{one.name}_best": None, one.name: None}
            elif isinstance(one, Take):
                made += self._take_in_step(one)
                read |= {f"{one.name}_best", one.name}
                changed |= {f"{one.name}_best": None, one.name: None}
            else:
                made += self.lines([one])
                if isinstance(one, Let) and one.name in kept:
                    begun.add(one.name)
                    changed[one.name] = None
        i = s.index.name
        lines = [f"{kept[n]} {n} = {n}_of[{i} - block];" for n in kept if n in read - begun]
        lines += [*made, *(f"{n}_of[{i} - block] = {n};" for n in changed)]
        pragma = f"#pragma omp simd simdlen({TOGETHER})"
        return [pragma, f"for (int64_t {i} = block; {i} < beyond; {i}++) {{", *indented(lines), "}"]

    def _take_in_step(self, s: Take) -> list[str]:
        """A choice without a branch; what is there at first is what nothing is behind."""
        name, x = s.name, self.text.operand(s.value)
        ahead = print_function(REDUCERS[s.kind].combine, s.dtype, "bool", [x, f"{name}_best"])
        if s.dtype.startswith("float"):
            behind = {"gt": "<=", "lt": ">="}[REDUCERS[s.kind].combine]
            ahead = f"!({x} {behind} {name}_best) & ({name}_best == {name}_best)"
        return [
            f"const int {name}_ahead = {ahead};",
            f"{name}_best = {name}_ahead ? {x} : {name}_best;",
            f"{name} = {name}_ahead ? {s.index.name} : {name};",
        ]

    def _range(self, s: Loop, start: str, stop: str) -> list[str]:
        """Turns of a loop; where indices of extrema are looked for, block by block: an index only where the
        block's extremum is ahead of what there is."""
        found = [one for one in s.lanes.reductions if REDUCERS[one[0]].finds_index] if s.lanes else []
        if not found:
            return self._side_by_side(s, start, stop)
        before, after = [], []
        for kind, dtype, name in found:
            one, nan = kind.removeprefix("arg"), dtype.startswith("float")
            before.append(f"{C_TYPES[dtype]} {name}_seen[{BLOCK}], {name}_first = {begun_at(one, dtype)};")
            ahead = f"{name}_first {_AHEAD[one]} {name}_best"
            odd = f" || ({name}_first_odd && {name}_best == {name}_best)" if nan else ""
            other = f"{name}_seen[k] != {name}_first"
            other = f"{name}_first_odd ? {name}_seen[k] == {name}_seen[k] : {other}" if nan else other
            after += [
                f"if ({name} < 0 || {ahead}{odd}) {{",
                "    int64_t k = 0;",
                f"    while ({other}) k++;",
                f"    {name}_best = {name}_seen[k];",
                f"    {name} = block + k;",
                "}",
            ]
        block = [
            f"const int64_t beyond = block + {BLOCK} < {stop} ? block + {BLOCK} : {stop};",
            *before,
            *self._side_by_side(s, "block", "beyond"),
            *after,
        ]
        return [
            f"for (int64_t block = {start}; block < {stop}; block += {BLOCK}) {{",
            *indented(block),
            "}",
        ]

    def _side_by_side(self, s: Loop, start: str, stop: str) -> list[str]:
        """Turns of a loop, in lanes where it has them."""
        i = s.index.name
        lanes = _of_lanes(s.lanes) if s.lanes is not None else []
        self.extrema = {name: _AHEAD[kind] for kind, dtype, name in lanes if _is_extremum(kind, dtype)}
        self.looked_for = {name for _, _, name in lanes if name.endswith("_first")}
        before = [f"int32_t {name}_odd = {name} != {name};" for name in self.extrema]
        before += [self._pragma(lanes, s.lanes.checks)] if s.lanes is not None else []
        ended = [f"if ({name}_odd) {name} = NAN;" for name in self.extrema if not name.endswith("_first")]
        body = indented(self.lines(s.body))
        self.extrema, self.looked_for = {}, set()
        return [*before, f"for (int64_t {i} = {start}; {i} < {stop}; {i}++) {{", *body, "}", *ended]

    def _pragma(self, lanes: list[tuple[str, str, str]], checks: bool) -> str:
        clauses: dict[str, list[str]] = {}
        for kind, dtype, name in lanes:
            operator = REDUCERS[kind].operator_of(dtype) or f"gl_{kind}_{SUFFIXES[dtype]}"
            if _is_extremum(kind, dtype):
                operator = kind
                clauses.setdefault("|", []).append(f"{name}_odd")
            clauses.setdefault(operator, []).append(name)
        if checks:
            clauses["|"] = [*clauses.get("|", []), "bad"]
        text = "".join(f" reduction({op}:{', '.join(names)})" for op, names in clauses.items())
        return f"#pragma omp simd{text}"


class KernelBody(Body):
    """The inside of a kernel, which names what it is handed: arrays p0, p1, … and lengths n0, n1, …

    Those are ``arrays``, each with its C type and whether anything is written to it, and ``lengths``, by what
    they are to the caller.
    """

    def __init__(self, kernel: Kernel, pointer: Callable[[Memory], str], length: Callable[[Symbol], str]):
        super().__init__(pointer, length)
        self.kernel = kernel.name
        self.arrays: dict[str, tuple[int, str, bool]] = {}
        #: memory that the chunk has parts of its own of, and their names
        self.in_parts: dict[Memory, str] = {}
        self.lengths: dict[str, int] = {}

    def given(self, array: str, c_type: str, written: bool) -> str:
        """The kernel's own name of an array that it is handed."""
        number, _, before = self.arrays.get(array, (len(self.arrays), c_type, False))
        self.arrays[array] = number, c_type, before or written
        return f"p{number}"

    def target(self, target: Target, written: bool = False) -> str:
        if isinstance(target, str):
            return target
        if target.memory in self.in_parts:
            return self.in_parts[target.memory]
        return self.given(self.pointer(target.memory), C_TYPES[target.dtype], written)

    def part(self, s: Part) -> str:
        """The array of the chunks' parts of a result."""
        return self.given(f"s->{self.kernel}_part{s.number}", C_TYPES[s.dtype], True)

    def turns(self, p: Poly) -> str:
        """How many turns there are of a loop that is cut into chunks.  A number is handed over as lengths
        are: the compiler could make nothing of it, and nests that differ in nothing else are one."""
        if p.constant is None:
            return self.text.factor(p)
        return self._given_length(str(p.constant))

    def _given_length(self, name: str) -> str:
        return f"n{self.lengths.setdefault(name, len(self.lengths))}"

    def _symbol(self, symbol: Symbol) -> str:
        return symbol.name if symbol.is_index else self._given_length(self.length(symbol))


@record
class Nest:
    """A kernel as a C function, and what whoever calls it hands over."""

    unit: Unit
    arrays: tuple[str, ...]
    lengths: tuple[str, ...]

    def given(self, bad: str, own: str = "0, 0") -> str:
        """That, as C; ``bad``: where it notes that it fails; ``own``: the memory of its chunks, and how much
        one has."""
        arrays, lengths = ", ".join(self.arrays) or "0", ", ".join(self.lengths) or "0"
        return f"(gl_loop){{(void *[]){{{arrays}}}, (int64_t[]){{{lengths}}}, {bad}, 1, {own}}}"


def nest(kernel: Kernel, pointer: Callable[[Memory], str], length: Callable[[Symbol], str]) -> Nest:
    """The C function of a kernel; ``pointer`` and ``length`` say what the caller has them as."""
    body = KernelBody(kernel, pointer, length)
    lines = body.lines(kernel.body)
    turns = None if kernel.turns is None else body.turns(kernel.turns)
    head = ["const gl_loop *const loop = context;"]
    head += [f"const int64_t n{k} = loop->lengths[{k}];" for k in body.lengths.values()]
    for number, c_type, written in body.arrays.values():
        constant = "" if written else "const "
        head.append(f"{constant}{c_type} *const restrict p{number} = loop->arrays[{number}];")
    if kernel.checks:
        head.append("int64_t bad = 0;")
        lines.append("if (bad) *loop->bad = 1;")
    if turns is not None:
        chunk = f"{turns} * chunk / loop->chunks, end = {turns} * (chunk + 1) / loop->chunks"
        head.append(f"const int64_t begin = {chunk};")
    if kernel.own and not kernel.joins:
        head.append(_OWN)
    text = "\n".join(
        ["static void KERNEL(void *context, int64_t chunk) {", *indented([*head, *lines]), "}\n"]
    )
    return Nest(_unit(kernel, text), tuple(body.arrays), tuple(body.lengths))


#: The extrema of floats that are taken lane by lane: operators of C and of OpenMP, which processors have
#: instructions for, do not know NaN, so whether there is one is noted beside them.  Functions that know it,
#: declared to OpenMP, would be called for lane after lane at the end, with a jump that nobody foresees in
#: each.
_AHEAD = {"max": ">", "min": "<"}


def _of_lanes(lanes: Lanes) -> list[tuple[str, str, str]]:
    """The reductions of a loop; for an index the extremum of a block."""
    return [
        (kind.removeprefix("arg"), dtype, f"{name}_first")
        if REDUCERS[kind].finds_index
        else (kind, dtype, name)
        for kind, dtype, name in lanes.reductions
    ]


def _is_extremum(kind: str, dtype: str) -> bool:
    return kind in _AHEAD and dtype.startswith("float")


#: for kernels with calls, before all else: where only one branch of a choice needs a call, gcc would move it
#: there, and a loop with a call in a branch is not vectorised
_UNSUNK = '#ifndef __clang__\n#pragma GCC optimize("no-tree-sink")\n#endif'


def _unit(kernel: Kernel, text: str) -> Unit:
    """A kernel's text with what it needs to be compiled by itself; many functions are compiled once, and
    called, as vector functions."""
    declarations = [f'#include "{header}"' for header in of_kernel(kernel.body)]
    body = list(statements(kernel.body))
    reduced = {(s.kind, s.dtype) for s in body if isinstance(s, (Take, TakeInto))}
    reduced |= {found[:2] for s in body if isinstance(s, Loop) and s.lanes for found in s.lanes.reductions}
    declarations += [
        _declare_reduction(kind, dtype)
        for kind, dtype in sorted(reduced)
        if not (REDUCERS[kind].finds_index or _is_extremum(kind, dtype))
        and REDUCERS[kind].operator_of(dtype) is None
    ]
    costly = costly_functions(kernel)
    calls = costly.total()
    if calls < MANY_FUNCTIONS:
        return Unit(tuple(declarations), text, calls=calls)
    found = {(function_called(name, dtype), C_TYPES[dtype]) for name, dtype in costly}
    named = sorted((*function, c_type) for function, c_type in found if function)
    declarations += [_called(*one) for one in named]
    before = "".join(f"#define {name} {name}_called\n" for name, _, _ in named)
    after = "".join(f"#undef {name}\n" for name, _, _ in named)
    return Unit((_UNSUNK, *declarations), f"{before}{text}{after}", calls=len(named))


def _called(name: str, arity: int, c_type: str) -> str:
    """A function that is called rather than inlined; clang, which does not vectorise loops with calls, goes
    on inlining."""
    names = ["x", "y"][:arity]
    parameters = ", ".join(f"{c_type} {x}" for x in names)
    return (
        "#ifndef __clang__\n#pragma omp declare simd notinbranch\n"
        f"static __attribute__((noinline)) {c_type} {name}_called({parameters}) "
        f"{{ return {name}({', '.join(names)}); }}\n"
        f"#else\n#define {name}_called {name}\n#endif"
    )


def _declare_reduction(kind: str, dtype: str) -> str:
    s, t = SUFFIXES[dtype], C_TYPES[dtype]
    combined = print_function(REDUCERS[kind].combine, dtype, dtype, ["omp_out", "omp_in"])
    return (
        f"#pragma omp declare reduction(gl_{kind}_{s} : {t} : omp_out = {combined}) "
        f"initializer(omp_priv = {begun_at(kind, dtype)})"
    )


def combine(kind: str, dtype: str, target: str, x: str) -> str:
    """The statement that takes ``x`` into a reduction."""
    reducer = REDUCERS[kind]
    operator = reducer.operator_of(dtype)
    if reducer.truth:
        x = f"({x} != 0)"
    if operator is not None and not operator.isalpha():
        return f"{target} {operator}= {x};"
    return f"{target} = {print_function(reducer.combine, dtype, dtype, [target, x])};"
