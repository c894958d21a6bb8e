"""A plan as CUDA C: its kernels, and what each is to be given."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from ..records import record
from ..scalar.expression import Expr
from ..scalar.integer import Poly, Symbol
from ..schedule.arrays import Array, Memory
from ..schedule.gpu.grids import BLOCKS, FOUR, REDUCE_PARTS, REDUCE_WIDTH, THREADS, TILE, TRANSPOSED
from ..schedule.gpu.grids import TRANSPOSED_ROWS as ROWS
from ..schedule.gpu.teams import (
    Barrier,
    BlockPart,
    Columns,
    DeviceCall,
    EachThread,
    First,
    Float4,
    GuardedCopy,
    Indices,
    Own,
    ProductTiles,
    Result,
    Scratch,
    Serial,
    TeamLoop,
    TeamReduce,
    Teams,
    TileFactor,
    Transposed,
)
from ..schedule.plan import DeviceKernel, Launch, Plan, Scan
from ..schedule.statements import Accumulator, Evaluate, Let, Store, Take, Target
from .cuda_reductions import definitions, held_type, neutral, operation, result, taken
from .cuda_scalar import C_TYPES, literal, print_op
from .text import Text, comment, indented

#: the number of a team (a thread, a warp or a block, as the launch says), and how many there are
_TEAM = "blockIdx.x * (long long)blockDim.y + threadIdx.y"
_TEAMS = "gridDim.x * (long long)blockDim.y"


@record
class Argument:
    """What a kernel is given: the address of a piece of memory, a value, a length, or scratch memory."""

    #: pointer, value, length, numbers (a table of those two), partial, failed; of sorting: from, to, run
    kind: str
    of: Any


@record
class Rendered:
    """The kernels' text, and the arguments of each by its name; ``name_end`` is given what
    ``DeviceKernel.partial`` says."""

    source: str
    arguments: dict[str, tuple[Argument, ...]] = field(default_factory=dict)


def render(plan: Plan) -> Rendered:
    """The CUDA C of a plan."""
    texts, arguments = [], {}
    for one, kernel in kernels(plan):
        texts.append(_function(one, kernel, arguments))
    return Rendered(definitions() + "\n".join(texts), arguments)


def kernels(plan: Plan) -> list[tuple[Plan, DeviceKernel]]:
    """All kernels, each with the plan that it is of: those of loops come last."""
    own = [(plan, a.kernel) for step in plan.steps for a in step.actions if isinstance(a, Launch)]
    for scan in (a for step in plan.steps for a in step.actions if isinstance(a, Scan)):
        own += kernels(scan.plan)
        own += [(plan, scan.copying)] if scan.copying is not None else []
    return own


def _function(plan: Plan, kernel: DeviceKernel, arguments: dict[str, tuple[Argument, ...]]) -> str:
    if kernel.body == (GuardedCopy(),):
        arguments[kernel.name] = (Argument("failed", None),)
        return (
            f'\nextern "C" __global__ void __launch_bounds__({THREADS}) {kernel.name}(unsigned char *to, '
            "const unsigned char *from, long long size, const int *failed) {\n"
            f"    {_leaving(kernel.earlier)}\n    GL_EACH_THREAD(k, size) to[k] = from[k];\n}}\n"
        )
    body = _Body(plan)
    lines = body.lines(kernel.body)
    nothing = " ".join(body.lines(kernel.nothing))
    head, tail, parameters = [], [], body.parameters()
    given = list(body.arguments)
    if kernel.checks or kernel.earlier:
        given.append(Argument("failed", None))
        parameters.append("int *failed")
    if kernel.earlier:
        # what comes after a wrong index does nothing: what it would compute is wrong, too
        head.append(_leaving(kernel.earlier, f"{{ {nothing} return; }}" if nothing else "return;"))
    if kernel.checks:
        head.append("int bad = 0;")
        tail.append(f"if (bad) atomicExch(failed + {kernel.flag}, 1);")
    arguments[kernel.name] = tuple(given)
    text = "\n".join(indented([*head, *lines, *tail]))
    bounds = f"__launch_bounds__({kernel.threads or THREADS}, {BLOCKS})"
    return (
        f'{comment(kernel.comment)}\nextern "C" __global__ void {bounds} '
        f"{kernel.name}({', '.join(parameters)}) {{\n{text}\n}}\n" + _second_pass(kernel)
    )


def _leaving(flags: int, leave: str = "return;") -> str:
    """The statement that looks at so many flags of wrong indices and leaves the kernel if one is up."""
    return f"for (int k = 0; k < {flags}; k++) if (failed[k]) {leave}"


def _second_pass(kernel: DeviceKernel) -> str:
    """The kernel of one block that adds up what the blocks of a kernel have found."""
    if not kernel.partial:
        return ""
    parameters, lines = [], ["__shared__ double2 scratch[32];"]
    for k, part in enumerate(kernel.partial):
        held, op = held_type(part.kind, part.dtype), operation(part.kind)
        parameters += [f"const {held} *part{k}", f"{C_TYPES[part.array.dtype]} *out{k}"]
        lines += [
            f"{held} r{k} = {neutral(part.kind, part.dtype)};",
            "for (int b = threadIdx.x; b < blocks; b += blockDim.x)",
            f"    r{k} = {op}::combine(r{k}, part{k}[b]);",
            f"r{k} = gl_block_reduce<{op}>(r{k}, scratch);",
            f"if (threadIdx.x == 0) out{k}[0] = {result(part.kind, part.dtype, f'r{k}')};",
        ]
    # this kernel's own flag is one of those to be looked at
    flags = kernel.earlier if kernel.flag is None else max(kernel.earlier, kernel.flag + 1)
    if flags:
        parameters.append("const int *failed")
        lines.insert(0, _leaving(flags))
    body = "\n".join(indented(lines))
    head = f'extern "C" __global__ void __launch_bounds__({THREADS}) {kernel.name}_end'
    return f"\n{head}({', '.join([*parameters, 'int blocks'])}) {{\n{body}\n}}\n"


class _Body:
    """The statements of one kernel as lines, and the arguments that they need."""

    def __init__(self, plan: Plan) -> None:
        self.values = set(plan.values)
        self.table = {what: k for k, what in enumerate(plan.table)}
        self.arguments: dict[Argument, tuple[str, str]] = {}
        self.written: set[Argument] = set()
        self.text = Text(print_op, literal, self._load, self._symbol)
        self.writers = {
            Let: lambda s: [f"const {C_TYPES[s.dtype]} {s.name} = {self.text.whole(s.value)};"],
            Accumulator: lambda s: [f"{held_type(s.kind, s.dtype)} {s.name} = {neutral(s.kind, s.dtype)};"],
            Take: lambda s: [taken(s, self.text.operand(s.value))],
            Store: self._store,
            Evaluate: lambda s: [f"(void)({self.text.operand(s.value)});"],
            Scratch: lambda s: ["__shared__ double2 scratch[32];"],
            Indices: lambda s: self.decode(s),
            Teams: self._teams,
            Float4: self._float4,
            TeamLoop: self._team_loop,
            Barrier: lambda s: ["gl_team_barrier();"],
            First: self._first,
            TeamReduce: lambda s: [f"{s.name} = gl_team_reduce<{operation(s.kind)}>({s.name}, scratch);"],
            Result: lambda s: [f"const {C_TYPES[s.dtype]} {s.name} = {result(s.kind, s.held, s.of)};"],
            BlockPart: self._block_part,
            EachThread: self._each_thread,
            Serial: lambda s: [
                f"for (long long {s.name} = 0; {s.name} < {self.factor(s.count)}; {s.name}++) {{",
                *indented(self.lines(s.body)),
                "}",
            ],
            Columns: self._columns,
            Transposed: self._transposed,
            ProductTiles: self._product,
            DeviceCall: self._call,
        }

    def lines(self, body: Any) -> list[str]:
        return [line for one in body for line in self.writers[type(one)](one)]

    # arguments

    def argument(self, kind: str, of: Any, c_type: str, written: bool = False) -> str:
        key = Argument(kind, of)
        if key not in self.arguments:
            self.arguments[key] = (f"{kind[0]}{len(self.arguments)}", c_type)
        if written:
            self.written.add(key)
        return self.arguments[key][0]

    def parameters(self) -> list[str]:
        found = []
        for key, (name, c_type) in self.arguments.items():
            if key.kind in ("pointer", "partial", "numbers", "from", "to"):
                # no restrict: an update is written over what it is computed from
                found.append(f"{'' if key in self.written else 'const '}{c_type} *{name}")
            else:
                found.append(f"{c_type} {name}")
        return found

    def pointer(self, target: Target | Own, dtype: str, written: bool = False) -> str:
        """The name of memory."""
        if isinstance(target, str):
            return target
        if isinstance(target, Own):
            return self.argument(target.kind, target.array, C_TYPES[target.dtype], written)
        memory: Memory = target.memory
        return self.argument("pointer", memory, C_TYPES[target.dtype], written)

    def _in_table(self, what: Any) -> str:
        """The address of a value of the call."""
        return f"{self.argument('numbers', None, 'long long')} + {self.table[what]}"

    def _load(self, target: Target, dtype: str, offset: str) -> str:
        if isinstance(target, Array) and target in self.values:
            if target in self.table:
                return f"*(const {C_TYPES[dtype]} *)({self._in_table(target)})"
            return self.argument("value", target, C_TYPES[dtype])
        return f"{self.pointer(target, dtype)}[{offset}]"

    def _symbol(self, symbol: Symbol) -> str:
        if symbol.is_index:
            return symbol.name
        if symbol in self.table:
            return f"(*({self._in_table(symbol)}))"
        return self.argument("length", symbol, "long long")

    def poly(self, p: Poly) -> str:
        return self.text.poly(p)

    def factor(self, p: Poly) -> str:
        return self.text.factor(p)

    # single statements

    def _store(self, s: Store) -> list[str]:
        value = self.text.operand(s.value)
        place = f"{self.pointer(s.target, s.dtype, True)}[{self.poly(s.offset)}]"
        line = f"{place} {'+=' if s.add else '='} {value};"
        return [f"if (!bad) {line}" if s.guarded else line]

    def _first(self, s: First) -> list[str]:
        lines = self.lines(s.body)
        if not s.apart:
            return [f"if (threadIdx.x == 0) {line}" for line in lines]
        return [
            "gl_team_barrier();",
            "if (threadIdx.x == 0) {",
            *indented(lines),
            "}",
            "gl_team_barrier();",
        ]

    def _block_part(self, s: BlockPart) -> list[str]:
        part = self.argument("partial", s.array, held_type(s.kind, s.dtype), written=True)
        return [
            f"{s.name} = gl_block_reduce<{operation(s.kind)}>({s.name}, scratch);",
            f"if (threadIdx.x == 0 && threadIdx.y == 0) {part}[blockIdx.x] = {s.name};",
        ]

    # loops

    def decode(self, s: Indices, suffix: str = "", of: Symbol | None = None) -> list[str]:
        """Statements that turn one number into indices; that of the index ``of`` gets a ``suffix``."""

        def name(index: Symbol) -> str:
            return index.name + (suffix if index is of else "")

        if not s.indices:
            return []
        (first, _), *others = s.indices
        if not others:
            return [f"const long long {name(first)} = {s.flat};"]
        rest = f"rest_{first.name}"
        lines = [f"long long {rest} = {s.flat};"]
        for index, length in reversed(others):
            lines.append(f"const long long {name(index)} = gl_split(&{rest}, {self.factor(length)});")
        return [*lines, f"const long long {name(first)} = {rest};"]

    def _teams(self, s: Teams) -> list[str]:
        start = f"first + {_TEAM}" if s.rest else _TEAM
        return [
            f"for (long long row = {start}; row < {self.factor(s.count)}; row += {_TEAMS}) {{",
            *indented([*self.decode(s.indices), *self.lines(s.body)]),
            "}",
        ]

    def _team_loop(self, s: TeamLoop) -> list[str]:
        i, n = s.index.name, self.factor(s.length)
        first, by = ("threadIdx.x", "blockDim.x") if s.shared else ("0", "1")
        return [
            f"for (long long {i} = {first}; {i} < {n}; {i} += {by}) {{",
            *indented(self.lines(s.body)),
            "}",
        ]

    def _each_thread(self, s: EachThread) -> list[str]:
        lines = self.lines(s.body)
        head = f"GL_EACH_THREAD({s.name}, {self.factor(s.count)})"
        if len(s.body) == 1 and isinstance(s.body[0], Store) and s.name == "k":
            return [f"{head} {lines[0]}"]
        return [f"{head} {{", *indented(lines), "}"]

    def _float4(self, s: Float4) -> list[str]:
        index = s.index.name
        loads, stores = [], []
        types: dict[str, None] = {}
        for run in s.runs:
            pointer = self.pointer(run.array, run.array.dtype, run.written)
            types[pointer] = None
            c_type = f"gl_four<{C_TYPES[run.array.dtype]}>"
            place = f"{pointer} + {self.poly(run.offset)} + {index}_first"
            if run.written:
                loads.append(f"{c_type} {run.name};")
                stores.append(f"*({c_type} *)({place}) = {run.name};")
            else:
                loads.append(f"const {c_type} {run.name} = *(const {c_type} *)({place});")
        one_run = [
            *self.decode(s.indices, "_first", s.index),
            *loads,
            "#pragma unroll",
            f"for (int u = 0; u < {FOUR}; u++) {{",
            f"    const long long {index} = {index}_first + u;",
            *indented(self.lines(s.body)),
            "}",
            *stores,
        ]
        aligned = " | ".join(f"(unsigned long long){pointer}" for pointer in types)
        count = self.factor(s.count)
        return [
            # what is left over, or all of it where memory does not lie as four elements at once need it
            f"const long long first = (({aligned}) & 15) == 0 ? ({count}) / {FOUR} * {FOUR} : 0;",
            f"for (long long four = {_TEAM}; four < first / {FOUR}; four += {_TEAMS}) {{",
            *indented(one_run),
            "}",
        ]

    # whole kernels

    def _columns(self, s: Columns) -> list[str]:
        held, op = held_type(s.kind, s.dtype), operation(s.kind)
        count, terms = self.factor(s.count), self.factor(s.terms)
        kept, outer = self.decode(s.kept), self.lines(s.outer)
        inner = [*self.decode(s.reduced), *self.lines(s.inner)]
        place = f"{self.pointer(s.target, s.target.dtype, True)}[{self.poly(s.offset)}]"
        return [
            f"__shared__ {held} parts[{REDUCE_PARTS}][{REDUCE_WIDTH}];",
            f"const long long stride = gridDim.x * {REDUCE_WIDTH}LL;",
            f"for (long long tile = blockIdx.x * {REDUCE_WIDTH}LL; tile < {count}; tile += stride) {{",
            "    const long long place = tile + threadIdx.x;",
            f"    {held} r = {neutral(s.kind, s.dtype)};",
            f"    if (place < {count}) {{",
            *indented([*kept, *outer], 2),
            f"        for (long long term = threadIdx.y; term < {terms}; term += {REDUCE_PARTS}) {{",
            *indented(inner, 3),
            "        }",
            "    }",
            "    parts[threadIdx.y][threadIdx.x] = r;",
            "    __syncthreads();",
            f"    if (threadIdx.y == 0 && place < {count}) {{",
            f"        for (int k = 1; k < {REDUCE_PARTS}; k++) r = {op}::combine(r, parts[k][threadIdx.x]);",
            *indented([*kept, *outer], 2),
            f"        {place} = {result(s.kind, s.dtype, 'r')};",
            "    }",
            "    __syncthreads();",
            "}",
        ]

    def _transposed(self, s: Transposed) -> list[str]:
        side, a, b = TRANSPOSED, s.along.name, s.across.name
        rows, columns = map(self.factor, s.lengths)
        loads = [
            f"{t.name}[k][threadIdx.x] = {self.pointer(t.array, t.array.dtype)}[{self.poly(t.offset)}];"
            for t in s.tiles
        ]

        def over_tile(first: str, second: str, lines: list[str]) -> list[str]:
            return [
                f"for (int k = threadIdx.y; k < {side}; k += {ROWS}) {{",
                f"    const long long {a} = {a}_first + {first}, {b} = {b}_first + {second};",
                f"    if ({a} < {rows} && {b} < {columns}) {{",
                *indented(lines, 2),
                "    }",
                "}",
            ]

        one_tile = [
            "long long rest = tile;",
            f"const long long {b}_first = gl_split(&rest, columns) * {side};",
            f"const long long {a}_first = gl_split(&rest, rows) * {side};",
            *self.decode(s.indices),
            *over_tile("threadIdx.x", "k", loads),
            "__syncthreads();",
            *over_tile("k", "threadIdx.x", self.lines(s.body)),
            "__syncthreads();",
        ]
        count = self.factor(s.rest)
        return [
            *(f"__shared__ {C_TYPES[t.array.dtype]} {t.name}[{side}][{side} + 1];" for t in s.tiles),
            f"const long long columns = ({columns} + {side - 1}) / {side};",
            f"const long long rows = ({rows} + {side - 1}) / {side};",
            f"for (long long tile = blockIdx.x; tile < ({count}) * rows * columns; tile += gridDim.x) {{",
            *indented(one_tile),
            "}",
        ]

    def _tile_factor(self, f: TileFactor, batch: Symbol) -> tuple[str, str]:
        address = f"{self.pointer(f.array, f.array.dtype)} + {self.factor(f.offset)}"
        if f.batch is not None:
            address += f" + {batch.name} * ({self.factor(f.batch)})"
        return address, self.factor(f.leading)

    def _product(self, s: ProductTiles) -> list[str]:
        c_type, registers, side = C_TYPES[s.dtype], s.registers, TILE * s.registers
        m, n, k, many = map(self.factor, (s.m, s.n, s.k, s.many))
        (a, lda), (b, ldb) = (self._tile_factor(f, s.indices[0]) for f in (s.a, s.b))
        place = self.poly(s.place)
        alpha = self._scalar(s.alpha)
        result = "sum[y][x]" if s.alpha is None else f"{alpha} * sum[y][x]"
        if s.c is not None:
            c = self.text.operand(s.c) if isinstance(s.c, Expr) else f"{self.pointer(s.c, s.dtype)}[{place}]"
            # as in BLAS: with beta 0 c is not looked at, NaN or not
            beta = self._scalar(s.beta)
            result += f" + ({beta} == 0 ? 0 : {beta} * {c})"
        element = self.lines(s.before)
        if s.target is None:
            element.append(f"const {c_type} product = {result};")
        else:
            element.append(f"{self.pointer(s.target, s.dtype, True)}[{place}] = {result};")
        element += self.lines(s.element)
        row, column = (index.name for index in s.indices[-2:])
        runs = f"{str(s.a.by_rows).lower()}, {str(not s.b.by_rows).lower()}"
        one_tile = [
            f"for (long long row = blockIdx.y * {side}LL; row < {m}; row += gridDim.y * {side}LL) {{",
            f"    gl_gemm_tile<{registers}, {runs}>({a}, {lda}, {b}, {ldb}, {m}, {n}, {k},",
            "        row, column, a_tile, b_tile, sum);",
            "    #pragma unroll",
            f"    for (int y = 0; y < {registers}; y++)",
            "    #pragma unroll",
            f"        for (int x = 0; x < {registers}; x++) {{",
            f"            const long long {row} = row + threadIdx.y + {TILE} * y;",
            f"            const long long {column} = column + threadIdx.x + {TILE} * x;",
            f"            if ({row} >= {m} || {column} >= {n}) continue;",
            *indented(element, 3),
            "        }",
            "}",
        ]
        if s.batch is not None:
            one = s.indices[0].name
            all_of_batch = f"for (long long {one} = blockIdx.z; {one} < {many}; {one} += gridDim.z)"
            one_tile = [all_of_batch, *indented(one_tile)]
        return [
            f"__shared__ {c_type} a_tile[{TILE}][{side} + 1], b_tile[{TILE}][{side} + 1];",
            f"{c_type} sum[{registers}][{registers}];",
            f"const long long column = blockIdx.x * {side}LL;",
            *one_tile,
        ]

    def _scalar(self, e: Expr | None) -> str:
        return "1" if e is None else self.text.operand(e)

    def _call(self, s: DeviceCall) -> list[str]:
        given = []
        for a in s.arguments:
            if isinstance(a, Own) and a.kind == "run":
                given.append(self.argument("run", None, "long long"))
            elif isinstance(a, Own):
                written = a in s.written or (a.kind != "from" and a.array not in s.arguments)
                given.append(self.pointer(a, a.dtype, written))
            elif isinstance(a, Array):
                given.append(self.pointer(a, a.dtype, a in s.written))
            else:
                given.append(a if isinstance(a, str) else self.factor(a))
        names = [operation(p) if s.function == "gl_cumulate" else p for p in s.parameters]
        parameters = f"<{', '.join(names)}>" if names else ""
        shared = [f"__shared__ {C_TYPES[dtype]} {name}[{size}];" for name, dtype, size in s.shared]
        return [*shared, f"{s.function}{parameters}({', '.join(given)});"]
