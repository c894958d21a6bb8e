"""The schedule's steps as CUDA kernels.

A loop nest becomes one kernel whose teams (a thread, a warp or a block) each take one row, and one more for
each
sum that keeps axes which are not the leading ones; pieces of pushed outputs, matrix products and operations
along
an axis one each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...compile.loops import Block, build, collapsible
from ...compile.lowering import LOOP, Lowering, Placed, Value
from ...compile.steps import LibraryCall, Loops, MatMul, accesses
from ...graph import Variable
from ...scalar.expression import Expr, integer
from ...scalar.integer import ONE, Poly, Symbol, flat_index, product
from ..expressions import Scope, describe
from .grids import (
    BLOCKS,
    FOUR,
    GEMM_REGISTERS,
    REDUCE_PARTS,
    REDUCE_WIDTH,
    SORT,
    THREADS,
    TILE,
    TRANSPOSED,
    TRANSPOSED_ROWS,
)
from .scalar import C_TYPES, Printer, literal

_REDUCTIONS = {
    "sum": "gl_sum",
    "prod": "gl_prod",
    "all": "gl_all",
    "any": "gl_any",
    "max": "gl_maximum",
    "min": "gl_minimum",
    "argmax": "gl_argmax",
    "argmin": "gl_argmin",
}
_NEUTRAL = {"sum": 0, "prod": 1, "all": 1, "any": 0}
_RANGES = {
    "bool": (0, 1),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float32": (float("-inf"), float("inf")),
    "float64": (float("-inf"), float("inf")),
}


@dataclass(frozen=True)
class Argument:
    """What a kernel is given: the address of a variable, its value, a length, or scratch memory."""

    #: pointer, value, length, numbers (a table of those two), partial, failed; of sorting: from, to, run
    kind: str
    of: Any


@dataclass
class Kernel:
    """A kernel's text, its arguments, and what its launch is computed from.

    shape: 'rows' (a team a row), 'reduce' (``rows`` results), 'tiles' (rows by inner by batch), 'one' (one
    block), 'single' (one thread), 'transpose' (``rows`` times tiles of two inner axes), 'threads' (a thread
    a row), 'sort' (``rows`` elements in lines of ``inner``) and 'merge' (the same, as often as needed).
    """

    name: str
    text: str
    arguments: list[Argument]
    shape: str
    rows: Poly
    inner: list[Poly] = field(default_factory=list)
    batch: Poly = ONE
    #: full reductions: a result and its kind each, summed up by the kernel ``name``_end over the blocks
    partial: list[Value] = field(default_factory=list)
    team: bool = False
    #: of the rows, how many a thread takes at once
    each: int = 1
    #: bytes of the scratch memory of its 'partial' argument, if that is not for a full reduction
    scratch: Poly | None = None
    #: lengths that must be so large for it to be launched; with ``otherwise`` one of them must not be
    least: list[tuple[Poly, int]] = field(default_factory=list)
    otherwise: bool = False


@dataclass
class Flags:
    """The flags of wrong indices: each kernel that checks has one.

    count: of the kernels written so far.  all_in_loop: of all kernels up to the end of the loop that is being
    written, as those at its beginning come after those at its end, too.
    """

    count: int = 0
    all_in_loop: int = 0


class Memory:
    """What kernels must know of storage: a name for each address, 0-d inputs by value, and lengths."""

    def __init__(
        self,
        low: Lowering,
        storage: Callable[[Variable], Any],
        scalars: set[Variable],
        changing: set[Symbol] | None = None,
        flags: Flags | None = None,
    ) -> None:
        self.low = low
        self.storage = storage
        self.scalars = scalars
        #: lengths that change from call to call; they and the scalars are in a table, at these places, if a
        #: call's launches are to be always the same
        self.changing = changing
        self.table: dict[Any, int] = {}
        self.flags = flags if flags is not None else Flags()

    @property
    def earlier(self) -> int:
        """How many flags kernels look at before they do anything."""
        return max(self.flags.count, self.flags.all_in_loop)


class KernelWriter:
    """Writes one kernel."""

    def __init__(self, name: str, memory: Memory) -> None:
        self.name = name
        self.memory = memory
        self.low = memory.low
        self.arguments: dict[Argument, tuple[str, str]] = {}
        self.written: set[Argument] = set()
        self.locals: dict[Variable, tuple[str, Scope]] = {}
        self.collapsed: set[int] = set()
        self.checks_index = self.guarded = False
        #: the index whose neighbours are loaded and stored by four at once, while that is written; what is,
        #: with its name; the type behind each pointer
        self.fours_of: Symbol | None = None
        self.in_fours: dict[tuple[str, Poly, bool], str] = {}
        self.pointer_types: dict[str, str] = {}
        #: what is read through a tile in shared memory, and the tile's name
        self.tiles: dict[tuple[Variable, Poly], str] = {}

    def after(self, suffix: str) -> KernelWriter:
        """The writer of a further kernel."""
        return KernelWriter(self.name + suffix, self.memory)

    # what the printer asks for

    def printer_for(self, levels: dict[Symbol, int]) -> Printer:
        return Printer(self.load, self.local, self.symbol, levels)

    def argument(self, kind: str, of: Any, c_type: str, written: bool = False) -> str:
        key = Argument(kind, of)
        if key not in self.arguments:
            self.arguments[key] = (f"{kind[0]}{len(self.arguments)}", c_type)
        if written:
            self.written.add(key)
        return self.arguments[key][0]

    def pointer(self, v: Variable, written: bool = False) -> str:
        return self.argument("pointer", self.memory.storage(v), C_TYPES[v.dtype], written)

    def load(self, variable: Variable, index: tuple[Poly, ...], text: Callable[[Poly], str]) -> str:
        if variable in self.memory.scalars:
            if self.memory.changing is not None:
                return f"*(const {C_TYPES[variable.dtype]} *)({self.in_table(variable)})"
            return self.argument("value", variable, C_TYPES[variable.dtype])
        offset = flat_index(index, self.low.shape(variable))
        if (variable, offset) in self.tiles:
            return f"{self.tiles[variable, offset]}[threadIdx.x][k]"
        return self.in_four(variable, offset, False) or f"{self.pointer(variable)}[{text(offset)}]"

    def local(self, variable: Variable, scope: Scope) -> tuple[str, int] | None:
        found = self.locals.get(variable)
        if found is None:
            return None
        name, home = found
        at: Scope | None = scope
        while at is not None and at is not home:
            at = at.parent
        return (name, home.level) if at is home else None

    def symbol(self, symbol: Symbol) -> str:
        if symbol.is_index:
            return "0" if LOOP.index(symbol) in self.collapsed else symbol.name
        if symbol in (self.memory.changing or ()):
            return f"(*({self.in_table(symbol)}))"
        return self.argument("length", symbol, "long long")

    def in_table(self, what: Any) -> str:
        """The address of a value of the call."""
        place = self.memory.table.setdefault(what, len(self.memory.table))
        return f"{self.argument('numbers', None, 'long long')} + {place}"

    def poly(self, p: Poly, scope: Scope) -> str:
        """A length or an offset, whose opaque parts may need statements in ``scope``."""
        return self.printer.emit(integer(p), scope)

    def text(
        self, lines: list[str], variables: Iterable[Variable], threads: int = THREADS, otherwise: str = ""
    ) -> str:
        """The kernel; ``otherwise``: the statement that it does instead after a wrong index."""
        parameters = []
        for key, (name, c_type) in self.arguments.items():
            if key.kind in ("pointer", "partial", "numbers", "from", "to"):
                # no restrict: an update is written over what it is computed from
                constant = "" if key in self.written else "const "
                parameters.append(f"{constant}{c_type} *{name}")
            else:
                parameters.append(f"{c_type} {name}")
        self.checks_index = self.printer.checks_index
        earlier = self.memory.earlier
        self.guarded = self.checks_index or earlier > 0
        head, tail = [], []
        if self.guarded:
            parameters.append("int *failed")
        if earlier:
            # what comes after a wrong index does nothing: what it would compute is wrong, too
            leave = f"{{ {otherwise} return; }}" if otherwise else "return;"
            head.append(self.leaving(earlier, leave))
        if self.checks_index:
            head.append("int bad = 0;")
            tail.append(f"if (bad) atomicExch(failed + {self.memory.flags.count}, 1);")
            self.memory.flags.count += 1
        body = "\n".join("    " + line for line in [*head, *lines, *tail])
        return (
            f'{describe(list(variables))}\nextern "C" __global__ void __launch_bounds__({threads}, {BLOCKS}) '
            f"{self.name}({', '.join(parameters)}) {{\n{body}\n}}\n"
        )

    def leaving(self, flags: int, leave: str) -> str:
        """The statement that looks at so many flags and leaves the kernel if one is up."""
        return f"for (int k = 0; k < {flags}; k++) if (failed[k]) {leave}"

    def kernel(self, text: str, shape: str, rows: Poly, **more: Any) -> Kernel:
        arguments = [*self.arguments, *([Argument("failed", None)] if self.guarded else [])]
        return Kernel(self.name, text, arguments, shape, rows, **more)

    # loops

    def merged(
        self, axes: tuple[Poly, ...], elements: list[Expr], offsets: list[Poly], boundaries: set[int]
    ) -> set[int]:
        """The axes that can be merged into the next one, because all memory is walked along both as one
        run."""
        return collapsible(axes, elements, offsets, boundaries, self.low.shape)

    def turns(self, axes: tuple[Poly, ...], axis: int) -> Poly:
        """The length of the loop that ``axis`` is the last of, the axes merged into it counted in."""
        first = axis
        while first - 1 in self.collapsed:
            first -= 1
        return product(axes[first : axis + 1])

    def decode(self, axes: tuple[Poly, ...], which: list[int], flat: str, scope: Scope) -> list[str]:
        """Statements that turn one number into the indices of the axes ``which``."""
        real = [k for k in which if k not in self.collapsed]
        if not real:
            return []
        if len(real) == 1:
            return [f"const long long {LOOP[real[0]].name} = {flat};"]
        lines = [f"long long rest_{LOOP[real[0]].name} = {flat};"]
        rest = f"rest_{LOOP[real[0]].name}"
        for k in reversed(real[1:]):
            lines.append(
                f"const long long {LOOP[k].name} = "
                f"gl_split(&{rest}, {self.poly(self.turns(axes, k), scope)});"
            )
        return [*lines, f"const long long {LOOP[real[0]].name} = {rest};"]

    def group(self, step: Loops) -> list[Kernel]:
        """The kernels of a fused group: one for what is computed row by row, one for each reduction into
        memory."""
        main, in_memory = self.split(step)
        kernels = [self.main(step, main)] if main else []
        return kernels + self.sums(in_memory)

    def split(self, step: Loops) -> tuple[list[Value], list[Value]]:
        """What is computed row by row, and the reductions into memory, which read the former there."""
        in_memory = [v for v in step.values if into_memory(v)]
        own = {v.variable for v in step.values}
        for value in in_memory:
            step.stored |= {u for u, _ in accesses(value.element) if u in own}
        return [v for v in step.values if v not in in_memory], in_memory

    def sums(self, in_memory: list[Value]) -> list[Kernel]:
        return [
            KernelWriter(f"{self.name}_{k}", self.memory).into_memory(value)
            for k, value in enumerate(in_memory)
        ]

    def main(self, step: Loops, values: list[Value]) -> Kernel:
        axes = max((v.axes for v in values), key=len)
        nest = build(values)
        step.stored |= set(nest.crossing)
        self.stored = step.stored
        self.crossing = nest.crossing
        self.nest = nest
        self.axes = axes
        self.top = min(len(v.axes) if v.kind is None or not v.kept else v.kept for v in values)
        boundaries = {self.top}
        offsets: list[Poly] = []
        for value in values:
            boundaries.add(len(value.axes))
            if value.kind is None:
                if value.variable in self.stored:
                    offsets.append(self.offset(value))
            else:
                boundaries.add(value.kept or 0)
                if value.kind.startswith("arg"):
                    boundaries |= {*value.reduced, *(k + 1 for k in value.reduced)}
        self.collapsed = self.merged(axes, [v.element for v in values], offsets, boundaries)
        self.printer = self.printer_for({i: max(k + 1, self.top) for k, i in enumerate(LOOP)})
        self.printer.count_uses([v.element for v in values])
        self.partial = [v for v in values if v.kind is not None and v.kept == 0 and v.reduced]
        self.uses_scratch = False
        scope = Scope(None, -1)
        row = Scope(scope, self.top)
        for value in self.partial:
            self.declare(value, scope)
        block = nest.root
        for _ in range(self.top):
            block = next(e for e in block.entries if isinstance(e, Block))
        self.team = any(isinstance(e, Block) for e in block.entries)
        rows = product(axes[: self.top])
        across = self.transposed(values)
        if across is not None:
            return self.through_tiles(across, block, scope, values)
        decode = self.decode(axes, list(range(self.top)), "row", scope)
        if rows == 1:
            decode = []
        count = self.poly(rows, scope)
        self.leaves: list[Poly] = []
        self.block(block, row)
        step_row = "gridDim.x * (long long)blockDim.y"
        start = "blockIdx.x * (long long)blockDim.y + threadIdx.y"
        fours = self.fours(block, scope, count) if not self.team else []
        if fours:
            fours = [
                f"for (long long four = {start}; four < first / {FOUR}; four += {step_row}) {{",
                *("    " + line for line in fours),
                "}",
            ]
            aligned = " | ".join(f"(unsigned long long){name}" for name in self.whole)
            # what is left over, or all of it where memory does not lie as four elements at once need it
            fours.insert(
                0, f"const long long first = (({aligned}) & 15) == 0 ? ({count}) / {FOUR} * {FOUR} : 0;"
            )
            start = f"first + {start}"
        lines = [*scope.lines, *fours, f"for (long long row = {start}; row < {count}; row += {step_row}) {{"]
        lines += ["    " + line for line in [*decode, *row.lines]] + ["}"]
        for value in self.partial:
            name = self.locals[value.variable][0]
            part = self.argument("partial", value.variable, self.held_type(value), written=True)
            lines.append(f"{name} = gl_block_reduce<{_REDUCTIONS[value.kind or '']}>({name}, scratch);")
            lines.append(f"if (threadIdx.x == 0 && threadIdx.y == 0) {part}[blockIdx.x] = {name};")
            self.uses_scratch = True
        if self.uses_scratch:
            lines.insert(0, "__shared__ double2 scratch[32];")
        text = self.text(lines, [v.variable for v in values])
        kernel = self.kernel(
            text,
            "rows",
            rows,
            inner=self.leaves,
            partial=self.partial,
            team=self.team,
            each=FOUR if fours else 1,
        )
        if self.partial:
            kernel.text += self.second_pass()
        return kernel

    def transposed(self, values: list[Value]) -> int | None:
        """The axis along which memory is walked that is read across, if there is one; ``tiles`` gets what is
        read so."""
        last = self.top - 1
        small = product(self.axes[: self.top]).constant
        if self.team or self.partial or last < 1 or (small or TRANSPOSED**2) < TRANSPOSED**2:
            return None
        own = {v.variable for v in values}
        chosen: int | None = None
        for v, index in (access for value in values for access in accesses(value.element)):
            offset = flat_index(index, self.low.shape(v))
            linear = offset.linear_in(LOOP[: self.top])
            opaque = any(isinstance(a, Expr) for m in offset.terms for a in m)
            if v in own or linear is None or opaque or linear[0][last] in (0, 1):
                continue
            axis = next((k for k in range(last) if linear[0][k] == 1 and k not in self.collapsed), None)
            short = any((self.turns(self.axes, k).constant or TRANSPOSED) < 8 for k in (axis or 0, last))
            if axis is None or short or chosen not in (None, axis) or len(self.tiles) == 4:
                continue
            chosen = axis
            self.tiles.setdefault((v, offset), f"tile{len(self.tiles)}")
        return chosen

    def through_tiles(self, axis: int, block: Block, scope: Scope, values: list[Value]) -> Kernel:
        """What is read across the way it lies in memory goes through tiles in shared memory, so that both
        reads and writes are of neighbours."""
        last, side, by = self.top - 1, TRANSPOSED, TRANSPOSED_ROWS
        others = [k for k in range(self.top) if k not in (axis, last) and k not in self.collapsed]
        inside = Scope(scope, self.top)
        loads = [
            f"{name}[k][threadIdx.x] = {self.pointer(v)}[{self.printer.poly(offset)}];"
            for (v, offset), name in self.tiles.items()
        ]
        self.block(block, inside)
        lengths = {k: self.poly(self.turns(self.axes, k), scope) for k in (axis, last)}
        rest = product(self.turns(self.axes, k) for k in others)
        count = self.poly(rest, scope)
        a, b = LOOP[axis].name, LOOP[last].name
        in_range = f"{a} < {lengths[axis]} && {b} < {lengths[last]}"

        def over_tile(first: str, second: str, body: list[str]) -> list[str]:
            return [
                f"for (int k = threadIdx.y; k < {side}; k += {by}) {{",
                f"    const long long {a} = {a}_first + {first}, {b} = {b}_first + {second};",
                f"    if ({in_range}) {{",
                *("        " + line for line in body),
                "    }",
                "}",
            ]

        body = [
            "long long rest = tile;",
            f"const long long {b}_first = gl_split(&rest, columns) * {side};",
            f"const long long {a}_first = gl_split(&rest, rows) * {side};",
            *self.decode(self.axes, others, "rest", scope),
            *over_tile("threadIdx.x", "k", loads),
            "__syncthreads();",
            *over_tile("k", "threadIdx.x", inside.lines),
            "__syncthreads();",
        ]
        lines = [
            *(
                f"__shared__ {C_TYPES[v.dtype]} {name}[{side}][{side} + 1];"
                for (v, _), name in self.tiles.items()
            ),
            *scope.lines,
            f"const long long columns = ({lengths[last]} + {side - 1}) / {side};",
            f"const long long rows = ({lengths[axis]} + {side - 1}) / {side};",
            f"for (long long tile = blockIdx.x; tile < ({count}) * rows * columns; tile += gridDim.x) {{",
            *("    " + line for line in body),
            "}",
        ]
        text = self.text(lines, [v.variable for v in values])
        return self.kernel(
            text, "transpose", rest, inner=[self.turns(self.axes, axis), self.turns(self.axes, last)]
        )

    def fours(self, block: Block, scope: Scope, count: str) -> list[str]:
        """What a thread does for four neighbours along the last axis, which it loads and stores at once.

        Nothing where no memory is walked so, or little of it.
        """
        last = self.top - 1
        rows = product(self.axes[: self.top])
        length = self.turns(self.axes, last)
        alone = length == rows
        if not self.top or (not alone and length.constant is None) or (rows.constant or THREADS) < THREADS:
            return []
        if not alone and length.constant % FOUR:
            return []
        self.whole: dict[str, None] = {}
        self.in_fours = {}
        row = Scope(scope, self.top)
        self.fours_of = LOOP[last]
        self.block(block, row)
        self.fours_of = None
        if not self.in_fours:
            return []
        index = LOOP[last].name
        decode = [
            line.replace(f"const long long {index} =", f"const long long {index}_first =")
            for line in self.decode(self.axes, list(range(self.top)), f"four * {FOUR}", scope)
        ]
        loads, stores = [], []
        for (pointer, rest, is_store), name in self.in_fours.items():
            c_type = f"gl_four<{self.pointer_types[pointer]}>"
            place = f"{pointer} + {self.printer.poly(rest)} + {index}_first"
            if is_store:
                loads.append(f"{c_type} {name};")
                stores.append(f"*({c_type} *)({place}) = {name};")
            else:
                loads.append(f"const {c_type} {name} = *(const {c_type} *)({place});")
        decode = [
            line.replace(f"const long long {index} =", f"const long long {index}_first =") for line in decode
        ]
        return [
            *decode,
            *loads,
            "#pragma unroll",
            f"for (int u = 0; u < {FOUR}; u++) {{",
            f"    const long long {index} = {index}_first + u;",
            *("    " + line for line in row.lines),
            "}",
            *stores,
        ]

    def in_four(self, v: Variable, offset: Poly, is_store: bool) -> str | None:
        """The text of an element of four that are loaded or stored at once, if ``offset`` is one of such."""
        linear = offset.linear_in([self.fours_of]) if self.fours_of is not None else None
        if linear is None or linear[0][0] != 1:
            return None
        rest = linear[1]
        if any(c % FOUR or any(isinstance(a, Expr) for a in m) for m, c in rest.terms.items()):
            return None
        pointer = self.pointer(v, is_store)
        self.whole[pointer] = None
        self.pointer_types[pointer] = C_TYPES[v.dtype]
        name = self.in_fours.setdefault((pointer, rest, is_store), f"v{len(self.in_fours)}")
        return f"{name}.x[u]"

    def second_pass(self) -> str:
        """The kernel that sums up what the blocks of a full reduction have found."""
        parameters, lines = [], ["__shared__ double2 scratch[32];"]
        for k, value in enumerate(self.partial):
            held, op = self.held_type(value), _REDUCTIONS[value.kind or ""]
            parameters += [f"const {held} *part{k}", f"{C_TYPES[value.variable.dtype]} *out{k}"]
            lines += [
                f"{held} r{k} = {self.neutral(value)};",
                "for (int b = threadIdx.x; b < blocks; b += blockDim.x)",
                f"    r{k} = {op}::combine(r{k}, part{k}[b]);",
                f"r{k} = gl_block_reduce<{op}>(r{k}, scratch);",
                f"if (threadIdx.x == 0) out{k}[0] = r{k}{'.index' if op.startswith('gl_arg') else ''};",
            ]
        if self.guarded:
            parameters.append("const int *failed")
            lines.insert(0, self.leaving(self.memory.earlier, "return;"))
        body = "\n".join("    " + line for line in lines)
        listed = ", ".join([*parameters, "int blocks"])
        head = f'extern "C" __global__ void __launch_bounds__({THREADS}) {self.name}_end({listed})'
        return f"\n{head} {{\n{body}\n}}\n"

    def block(self, block: Block, scope: Scope) -> None:
        """The body of a loop.  Below a row's level only innermost loops are shared out over a team's
        threads."""
        stores: list[str] = []
        leaf = not any(isinstance(e, Block) for e in block.entries)
        alone = self.team and (block.level == self.top or not leaf)
        for entry in block.entries:
            if isinstance(entry, Block):
                self.inner_loop(entry, scope)
            elif entry.kind is None:
                self.map_value(entry, scope, stores)
            else:
                self.take_in(entry, scope, stores, alone)
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

    def inner_loop(self, entry: Block, scope: Scope) -> None:
        finished = [
            v
            for v in entry_values(entry)
            if v.kind is not None and v.kept and v.kept == entry.level - 1 and v.reduced
        ]
        for value in finished:
            self.declare(value, scope)
        inner = Scope(scope, entry.level)
        self.block(entry, inner)
        axis = entry.level - 1
        leaf = not any(isinstance(e, Block) for e in entry.entries)
        if axis in self.collapsed:
            scope.lines.extend(inner.lines)
        else:
            turns = self.turns(self.axes, axis)
            index = LOOP[axis].name
            first, by = ("threadIdx.x", "blockDim.x") if leaf else ("0", "1")
            if leaf:
                self.leaves.append(turns)
            scope.lines.append(
                f"for (long long {index} = {first}; {index} < {self.poly(turns, scope)}; {index} += {by}) {{"
            )
            scope.lines.extend("    " + line for line in inner.lines)
            scope.lines.append("}")
        if any(v.variable in self.crossing for v in entry_values(entry)):
            scope.lines.append("gl_team_barrier();")
        for value in finished:
            self.finish(value, scope)

    def offset(self, value: Value) -> Poly:
        return flat_index(value.index, self.low.shape(value.variable))

    def target(self, value: Value, scope: Scope) -> str:
        four = self.in_four(value.variable, self.offset(value), True)
        return four or f"{self.pointer(value.variable, written=True)}[{self.poly(self.offset(value), scope)}]"

    def map_value(self, value: Value, scope: Scope, stores: list[str]) -> None:
        text = self.printer.emit(value.element, scope)
        if not text.isidentifier():
            text = self.named(value, text, scope)
        self.locals[value.variable] = (text, scope)
        if value.variable in self.stored:
            stores.append(f"{self.target(value, scope)} = {text};")

    def named(self, value: Value, text: str, scope: Scope) -> str:
        name = f"t{self.printer.count}"
        self.printer.count += 1
        scope.lines.append(f"const {C_TYPES[value.variable.dtype]} {name} = {text};")
        return name

    # reductions

    def held_type(self, value: Value) -> str:
        """What a reduction holds on its way: its dtype, or the extremum and its index."""
        if (value.kind or "").startswith("arg"):
            return f"gl_found<{C_TYPES[value.element.dtype]}>"
        return C_TYPES[value.variable.dtype]

    def neutral(self, value: Value) -> str:
        if (value.kind or "").startswith("arg"):
            return "{0, -1}"
        dtype = value.variable.dtype
        if value.kind in _NEUTRAL:
            return literal(_NEUTRAL[value.kind], dtype)
        return literal(_RANGES[dtype][0 if value.kind == "max" else 1], dtype)

    def declare(self, value: Value, scope: Scope) -> None:
        name = f"r{self.printer.count}"
        self.printer.count += 1
        self.locals[value.variable] = (name, scope)
        scope.lines.append(f"{self.held_type(value)} {name} = {self.neutral(value)};")

    def taken(self, value: Value, name: str, x: str) -> str:
        """The statement that takes one more value into a reduction."""
        op, held = _REDUCTIONS[value.kind or ""], self.held_type(value)
        if op.startswith("gl_arg"):
            x = f"{held}{{{x}, {LOOP[value.reduced[0]].name}}}"
        elif value.kind in ("all", "any"):
            x = f"({held})({x} != 0)"
        else:
            x = f"({held})({x})"
        return f"{name} = {op}::combine({name}, {x});"

    def take_in(self, value: Value, scope: Scope, stores: list[str], alone: bool) -> None:
        x = self.printer.emit(value.element, scope)
        if not value.reduced:
            single = (
                "0"
                if (value.kind or "").startswith("arg")
                else f"({x} != 0)"
                if value.kind in ("all", "any")
                else x
            )
            text = self.named(value, single, scope)
            self.locals[value.variable] = (text, scope)
            if value.variable in self.stored:
                stores.append(f"{self.target(value, scope)} = {text};")
            return
        line = self.taken(value, self.locals[value.variable][0], x)
        # a full reduction's accumulators are summed over all threads: one of a team takes in what all of
        # them have
        scope.lines.append(f"if (threadIdx.x == 0) {line}" if alone and value in self.partial else line)

    def finish(self, value: Value, scope: Scope) -> None:
        name = self.locals[value.variable][0]
        home = self.nest.home[value.variable]
        if not any(isinstance(e, Block) for e in home.entries):
            scope.lines.append(f"{name} = gl_team_reduce<{_REDUCTIONS[value.kind or '']}>({name}, scratch);")
            self.uses_scratch = True
        if (value.kind or "").startswith("arg"):
            name = self.named(value, f"{name}.index", scope)
            self.locals[value.variable] = (name, scope)
        if value.variable in self.stored:
            scope.lines.append(f"if (threadIdx.x == 0) {self.target(value, scope)} = {name};")

    def into_memory(self, value: Value) -> Kernel:
        """A reduction that keeps axes other than the leading ones: 32 results side by side, each by 16
        threads."""
        kept = [k for k in range(len(value.axes)) if k not in value.reduced]
        reduced = list(value.reduced)
        boundaries = {k + 1 for k in range(len(value.axes) - 1) if (k in reduced) != (k + 1 in reduced)}
        self.collapsed = self.merged(value.axes, [value.element], [self.offset(value)], boundaries)
        levels = {LOOP[k]: 2 if k in reduced else 1 for k in range(len(value.axes))}
        self.printer = self.printer_for(levels)
        self.printer.count_uses([value.element])
        scope = Scope(None, 0)
        outer = Scope(scope, 1)
        inner = Scope(outer, 2)
        count = self.poly(product(value.axes[k] for k in kept), scope)
        terms = self.poly(product(value.axes[k] for k in reduced), scope)
        decode_kept = self.decode(value.axes, kept, "place", scope)
        decode_reduced = self.decode(value.axes, reduced, "term", scope)
        inner.lines.append(self.taken(value, "r", self.printer.emit(value.element, inner)))
        target = self.target(value, outer)
        held = self.held_type(value)
        op = _REDUCTIONS[value.kind or ""]
        lines = [
            f"__shared__ {held} parts[{REDUCE_PARTS}][{REDUCE_WIDTH}];",
            *scope.lines,
            f"const long long stride = gridDim.x * {REDUCE_WIDTH}LL;",
            f"for (long long tile = blockIdx.x * {REDUCE_WIDTH}LL; tile < {count}; tile += stride) {{",
            "    const long long place = tile + threadIdx.x;",
            f"    {held} r = {self.neutral(value)};",
            f"    if (place < {count}) {{",
            *("        " + line for line in [*decode_kept, *outer.lines]),
            f"        for (long long term = threadIdx.y; term < {terms}; term += {REDUCE_PARTS}) {{",
            *("            " + line for line in [*decode_reduced, *inner.lines]),
            "        }",
            "    }",
            "    parts[threadIdx.y][threadIdx.x] = r;",
            "    __syncthreads();",
            f"    if (threadIdx.y == 0 && place < {count}) {{",
            f"        for (int k = 1; k < {REDUCE_PARTS}; k++) r = {op}::combine(r, parts[k][threadIdx.x]);",
            *("        " + line for line in [*decode_kept, *outer.lines]),
            f"        {target} = r;",
            "    }",
            "    __syncthreads();",
            "}",
        ]
        text = self.text(lines, [value.variable], REDUCE_WIDTH * REDUCE_PARTS)
        return self.kernel(text, "reduce", product(value.axes[k] for k in kept))

    # pushes

    def fill(self, variable: Variable, element: Expr) -> Kernel:
        """Every element of a variable set to the same scalar."""
        self.printer = self.printer_for({})
        self.printer.count_uses([element])
        scope = Scope(None, 0)
        text = self.printer.emit(element, scope)
        size = product(self.low.shape(variable))
        count = self.poly(size, scope)
        lines = [
            *scope.lines,
            f"GL_EACH_THREAD(k, {count}) {self.pointer(variable, written=True)}[k] = {text};",
        ]
        return self.kernel(self.text(lines, [variable]), "threads", size)

    def piece(self, variable: Variable, piece: Placed, only_checks: bool = False) -> Kernel:
        """One piece of a pushed output, a thread an element; or a kernel that only looks for wrong indices.

        Where elements may go to the same place, they go in the order of the indices, so that a sum does not
        depend
        on timing: a thread takes all elements that differ in the leading axes only, if the others are apart
        for
        certain; else one thread takes all.
        """
        axes = piece.axes
        serial = list(range(len(axes))) if piece.collides else []
        if piece.collides:
            free = apart(piece)
            serial = [k for k in range(len(axes)) if k not in free]
        spread = [k for k in range(len(axes)) if k not in serial]
        boundaries = {k + 1 for k in range(len(axes) - 1) if (k in serial) != (k + 1 in serial)}
        self.collapsed = self.merged(axes, [piece.element], [piece.offset], boundaries)
        where = integer(piece.offset)
        last = max((k for k in serial if k not in self.collapsed), default=None)
        levels = {LOOP[k]: 2 if k in serial else 1 for k in range(len(axes))}
        self.printer = self.printer_for(levels)
        self.printer.count_uses([piece.element, where])
        scope = Scope(None, 0)
        outer = Scope(scope, 1)
        inner = Scope(outer, 2) if serial else outer
        rows = product(axes[k] for k in spread)
        count = self.poly(rows, scope)
        decode = self.decode(axes, spread, "row", scope)
        total = self.poly(product(axes[k] for k in serial), scope)
        decode_serial = self.decode(axes, serial, "term", scope)
        element = self.printer.emit(piece.element, inner)
        place = self.printer.emit(where, inner)
        if only_checks:
            inner.lines += [f"(void)({element});", f"(void)({place});"]
        else:
            target, assign = self.pointer(variable, written=True), "=" if piece.mode == "set" else "+="
            store = f"{target}[{place}] {assign} {element};"
            inner.lines.append(f"if (!bad) {store}" if self.printer.checks_index else store)
        body = [*decode, *outer.lines]
        if last is not None:
            body += [f"for (long long term = 0; term < {total}; term++) {{"]
            body += ["    " + line for line in [*decode_serial, *inner.lines]] + ["}"]
        elif serial:
            body += inner.lines
        lines = [*scope.lines, f"GL_EACH_THREAD(row, {count}) {{", *("    " + line for line in body), "}"]
        return self.kernel(self.text(lines, [variable]), "threads", rows)

    def copy(self, source: Variable, target: Any) -> Kernel:
        """A copy that does nothing after a wrong index, for what must then keep its value."""
        self.printer = self.printer_for({})
        scope = Scope(None, 0)
        size = product(self.low.shape(source))
        to = self.argument("pointer", target, C_TYPES[source.dtype], written=True)
        line = f"GL_EACH_THREAD(k, {self.poly(size, scope)}) {to}[k] = {self.pointer(source)}[k];"
        return self.kernel(self.text([*scope.lines, line], [source]), "threads", size)

    # products

    def scalars(self, step: MatMul) -> Kernel:
        """alpha and beta of a product by cuBLAS, in memory; 0 and 1 after a wrong index, which changes
        nothing."""
        c_type = C_TYPES[step.variable.dtype]
        self.printer = self.printer_for({})
        self.printer.count_uses([e for e in (step.alpha, step.beta) if e is not None])
        scope = Scope(None, 0)
        alpha = self.printer.emit(step.alpha, scope) if step.alpha is not None else "1"
        beta = self.printer.emit(step.beta, scope) if step.beta is not None and step.c is not None else "0"
        out = self.argument("partial", step.variable, c_type, written=True)
        lines = [f"{out}[0] = {alpha};", f"{out}[1] = {beta};"]
        text = self.text([*scope.lines, *lines], [step.variable], 1, otherwise=f"{out}[0] = 0, {out}[1] = 1;")
        return self.kernel(text, "single", ONE)

    def gemm_and_loops(self, product: MatMul, loops: Loops) -> list[Kernel]:
        """A product whose kernel also computes what a loop nest does with each element."""
        values, in_memory = self.split(loops)
        self.stored = loops.stored
        return [self.gemm(product, values), *self.sums(in_memory)]

    def gemm(self, step: MatMul, values: Sequence[Value] = ()) -> Kernel:
        """out = alpha * a·b + beta * c by tiles in shared memory; with ``values``, those of each element
        instead."""
        out = step.variable
        c_type, registers = C_TYPES[out.dtype], GEMM_REGISTERS[out.dtype]
        scalars = [e for e in (step.alpha, step.beta, step.c) if isinstance(e, Expr)]
        (m, k), n = step.shape_a[-2:], step.shape_b[-1]
        indices = LOOP[: len(step.shape_a)]
        self.printer = self.printer_for(dict.fromkeys(indices, 1))
        self.printer.count_uses([*scalars, *(v.element for v in values)])
        scope = Scope(None, 0)
        element = Scope(scope, 1)
        alpha = self.printer.emit(step.alpha, scope) if step.alpha is not None else "1"
        beta = self.printer.emit(step.beta, scope) if step.beta is not None else "0"
        batch = step.shape_a[0] if step.batched else ONE
        m_text, n_text, k_text, many = (self.poly(p, scope) for p in (m, n, k, batch))
        factors = []
        for side, shape in ((step.a, step.shape_a), (step.b, step.shape_b)):
            rows, columns = side.strides[-2:]
            plain = columns == 1 or shape[-1] == 1
            address = f"{self.pointer(side.base)} + {self.poly(side.offset, scope)}"
            if step.batched:
                address += f" + {indices[0].name} * ({self.poly(side.strides[0], scope)})"
            factors.append((plain, address, self.poly(rows if plain else columns, scope)))
        (a_plain, a, lda), (b_plain, b, ldb) = factors
        runs = f"{str(a_plain).lower()}, {str(not b_plain).lower()}"
        side = TILE * registers
        here = tuple(Poly.of(i) for i in indices)
        place = self.poly(flat_index(here, self.low.shape(out)), element)
        result = f"{alpha} * sum[y][x]" if alpha != "1" else "sum[y][x]"
        if step.c is not None and step.beta is not None:
            c = (
                self.printer.emit(step.c, scope)
                if isinstance(step.c, Expr)
                else f"{self.pointer(step.c)}[{place}]"
            )
            # as in BLAS: with beta 0 c is not looked at, NaN or not
            result += f" + ({beta} == 0 ? 0 : {beta} * {c})"
        if not values:
            element.lines.append(f"{self.pointer(out, written=True)}[{place}] = {result};")
        else:
            element.lines.append(f"const {c_type} product = {result};")
            self.locals[out] = ("product", element)
            stores: list[str] = []
            for value in values:
                self.map_value(value, element, stores)
            element.lines += stores
        row, column = (index.name for index in indices[-2:])
        lines = [
            f"__shared__ {c_type} a_tile[{TILE}][{side} + 1], b_tile[{TILE}][{side} + 1];",
            f"{c_type} sum[{registers}][{registers}];",
            *scope.lines,
            f"const long long column = blockIdx.x * {side}LL;",
        ]
        one_tile = [
            f"for (long long row = blockIdx.y * {side}LL; row < {m_text}; row += gridDim.y * {side}LL) {{",
            f"    gl_gemm_tile<{registers}, {runs}>({a}, {lda}, {b}, {ldb}, {m_text}, {n_text}, {k_text},",
            "        row, column, a_tile, b_tile, sum);",
            "    #pragma unroll",
            f"    for (int y = 0; y < {registers}; y++)",
            "    #pragma unroll",
            f"        for (int x = 0; x < {registers}; x++) {{",
            f"            const long long {row} = row + threadIdx.y + {TILE} * y;",
            f"            const long long {column} = column + threadIdx.x + {TILE} * x;",
            f"            if ({row} >= {m_text} || {column} >= {n_text}) continue;",
            *("            " + line for line in element.lines),
            "        }",
            "}",
        ]
        if step.batched:
            one = indices[0].name
            lines.append(f"for (long long {one} = blockIdx.z; {one} < {many}; {one} += gridDim.z)")
            one_tile = ["    " + line for line in one_tile]
        lines += one_tile
        return self.kernel(
            self.text(lines, [out, *(v.variable for v in values)]),
            "tiles",
            m,
            inner=[n, Poly.of(side)],
            batch=batch,
        )

    # along an axis

    def library(self, step: LibraryCall) -> Kernel:
        """Running sums and products (a thread a line), what is not zero (one block)."""
        self.printer = self.printer_for({})
        scope = Scope(None, 0)
        (operand,), (out,) = step.operands, step.outputs
        x, y = self.pointer(operand), self.pointer(out, written=True)
        lengths = [self.poly(p, scope) for p in step.call.integers]
        function = step.call.function
        if function == "gl_nonzero":
            lines = [
                f"__shared__ long long counts[{THREADS}];",
                f"gl_nonzero_block({x}, {y}, {lengths[0]}, counts);",
            ]
            return self.kernel(self.text(lines, [out]), "one", ONE)
        before, n, after = lengths
        op = _REDUCTIONS[{"gl_cumsum": "sum", "gl_cumprod": "prod"}[function]]
        lines = [f"gl_cumulate<{op}>({x}, {y}, {before}, {n}, {after});"]
        return self.kernel(
            self.text([*scope.lines, *lines], [out]), "threads", step.call.integers[0] * step.call.integers[2]
        )

    def sort(self, step: LibraryCall) -> list[Kernel]:
        """Sorting along an axis, or the indices that would sort: sorted runs, then passes that merge them."""
        (operand,), (out,) = step.operands, step.outputs
        size, n = product(step.call.integers), step.call.integers[1]
        item, key = C_TYPES[out.dtype], C_TYPES[operand.dtype]
        indices = str(step.call.function == "gl_argsort").lower()

        def kernel(writer: KernelWriter, shape: str, lines: list[str], call: str) -> Kernel:
            writer.printer = writer.printer_for({})
            scope = Scope(None, 0)
            x, to = writer.pointer(operand), writer.argument("to", out, item, written=True)
            source = writer.argument("from", out, item) if shape == "merge" else ""
            lengths = ", ".join(writer.poly(p, scope) for p in step.call.integers)
            run = writer.argument("run", None, "long long") if shape == "merge" else ""
            line = call.format(x=x, source=source, to=to, lengths=lengths, run=run)
            return writer.kernel(writer.text([*scope.lines, *lines, line], [out]), shape, size, inner=[n])

        shared = [f"__shared__ {key} keys[{SORT}];", f"__shared__ int places[{SORT}];"]
        sort = f"gl_sort_runs<{indices}>({{x}}, {{to}}, {{lengths}}, keys, places);"
        merge = f"gl_merge_runs<{indices}>({{x}}, {{source}}, {{to}}, {{lengths}}, {{run}});"
        if n.constant is not None and n.constant <= SORT:
            return [kernel(self, "sort", shared, sort)]
        again = self.after("_merge")
        return [kernel(self, "sort", shared, sort), kernel(again, "merge", [], merge)]


def into_memory(value: Value) -> bool:
    """Whether a value is a reduction that keeps axes other than the leading ones: a kernel of its own."""
    return value.kind is not None and value.kept is None


def group_text(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def entry_values(block: Block) -> list[Value]:
    """The values computed in a block and in the loops inside."""
    found: list[Value] = []
    for entry in block.entries:
        found += entry_values(entry) if isinstance(entry, Block) else [entry]
    return found


def apart(piece: Placed) -> set[int]:
    """Trailing axes whose elements go to different places for certain, whatever the leading indices are.

    Those are the axes that walk the output like an array of its own: strides row-major among them, and
    everything
    else in the offset a multiple of that array's size.
    """
    free: set[int] = set()
    size = ONE
    for axis in reversed(range(len(piece.axes))):
        linear = piece.offset.linear_in([LOOP[axis]])
        if linear is None or linear[0][0] != size:
            break
        step = size * piece.axes[axis]
        rest = piece.offset - sum(
            (LOOP[k] * linear_step for k, linear_step in _strides(piece, free | {axis})), Poly.of(0)
        )
        if not _multiple(rest, step):
            break
        free.add(axis)
        size = step
    return free


def _strides(piece: Placed, axes: set[int]) -> list[tuple[int, Poly]]:
    result, size = [], ONE
    for axis in sorted(axes, reverse=True):
        result.append((axis, size))
        size = size * piece.axes[axis]
    return [(k, Poly.of(s)) for k, s in result]


def _multiple(p: Poly, of: Poly) -> bool:
    """Whether every term of ``p`` has the one term of ``of`` as a factor."""
    if not p.terms:
        return True
    if len(of.terms) != 1:
        return False
    ((monomial, coefficient),) = of.terms.items()
    for term, c in p.terms.items():
        rest = list(term)
        for atom in monomial:
            if atom not in rest:
                return False
            rest.remove(atom)
        if c % coefficient:
            return False
    return True


__all__ = ["Argument", "Kernel", "KernelWriter", "Memory", "into_memory"]
