"""What writing a kernel takes, of whatever kind: its arguments, the elements it loads and stores, indices
made of a thread's number, and the text around its statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

from ....compile.lowering import LOOP, Value
from ....graph import Variable
from ....scalar.expression import integer
from ....scalar.integer import Poly, Symbol, flat_index, product
from ...expressions import Scope, describe
from ..grids import BLOCKS, THREADS
from ..scalar import C_TYPES, Printer
from .kernel import Argument, Kernel, KernelMemory

#: the number of a team (a thread, a warp or a block, as the launch says), and how many there are
TEAM = "blockIdx.x * (long long)blockDim.y + threadIdx.y"
TEAMS = "gridDim.x * (long long)blockDim.y"


def leaving(flags: int, leave: str = "return;") -> str:
    """The statement that looks at so many flags of wrong indices and leaves the kernel if one is up."""
    return f"for (int k = 0; k < {flags}; k++) if (failed[k]) {leave}"


class KernelWriter:
    """Writes one kernel: whoever has it prints expressions by ``printer``, and ends with ``kernel``."""

    def __init__(self, name: str, memory: KernelMemory) -> None:
        self.name = name
        self.memory = memory
        self.low = memory.low
        self.printer = Printer(self._load, self._symbol, {})
        self.arguments: dict[Argument, tuple[str, str]] = {}
        self.written: set[Argument] = set()
        #: of what it computes, what it also writes to memory
        self.stored: Set[Variable] = frozenset()
        #: axes that are merged into the next one
        self.collapsed: set[int] = set()
        #: ``staged(variable, offset, written)``: the text of an element that is at hand, or gathered,
        #: elsewhere than in its place in memory
        self.staged: Callable[[Variable, Poly, bool], str | None] | None = None

    def after(self, suffix: str) -> KernelWriter:
        """The writer of another kernel of the same step."""
        return KernelWriter(self.name + suffix, self.memory)

    # arguments

    def argument(self, kind: str, of: Any, c_type: str, written: bool = False) -> str:
        key = Argument(kind, of)
        if key not in self.arguments:
            self.arguments[key] = (f"{kind[0]}{len(self.arguments)}", c_type)
        if written:
            self.written.add(key)
        return self.arguments[key][0]

    def pointer(self, v: Variable, written: bool = False) -> str:
        return self.argument("pointer", self.memory.storage(v), C_TYPES[v.dtype], written)

    def _in_table(self, what: Any) -> str:
        """The address of a value of the call."""
        place = self.memory.table.setdefault(what, len(self.memory.table))
        return f"{self.argument('numbers', None, 'long long')} + {place}"

    # what the printer asks for

    def _load(self, variable: Variable, index: tuple[Poly, ...], text: Callable[[Poly], str]) -> str:
        if variable in self.memory.scalars:
            if self.memory.changing is not None:
                return f"*(const {C_TYPES[variable.dtype]} *)({self._in_table(variable)})"
            return self.argument("value", variable, C_TYPES[variable.dtype])
        offset = flat_index(index, self.low.shape(variable))
        return self._staged(variable, offset, False) or f"{self.pointer(variable)}[{text(offset)}]"

    def _staged(self, variable: Variable, offset: Poly, written: bool) -> str | None:
        return self.staged(variable, offset, written) if self.staged is not None else None

    def _symbol(self, symbol: Symbol) -> str:
        if symbol.is_index:
            return "0" if LOOP.index(symbol) in self.collapsed else symbol.name
        if symbol in (self.memory.changing or ()):
            return f"(*({self._in_table(symbol)}))"
        return self.argument("length", symbol, "long long")

    def poly(self, p: Poly, scope: Scope) -> str:
        """A length or an offset, whose opaque parts may need statements in ``scope``."""
        return self.printer.emit(integer(p), scope)

    # values

    def named(self, value: Value, text: str, scope: Scope) -> str:
        name = self.printer.name("t")
        scope.lines.append(f"const {C_TYPES[value.variable.dtype]} {name} = {text};")
        return name

    def offset(self, value: Value) -> Poly:
        return flat_index(value.index, self.low.shape(value.variable))

    def target(self, value: Value, scope: Scope) -> str:
        """Where a value is written to."""
        offset = self.offset(value)
        staged = self._staged(value.variable, offset, True)
        return staged or f"{self.pointer(value.variable, written=True)}[{self.poly(offset, scope)}]"

    def map_value(self, value: Value, scope: Scope, stores: list[str]) -> None:
        """Compute a value that is no reduction; the statement that writes it to memory goes to ``stores``."""
        text = self.printer.emit(value.element, scope)
        if not text.isidentifier():
            text = self.named(value, text, scope)
        self.printer.locals[value.variable] = (text, scope)
        if value.variable in self.stored:
            stores.append(f"{self.target(value, scope)} = {text};")

    # indices

    def turns(self, axes: tuple[Poly, ...], axis: int) -> Poly:
        """The length of the loop that ``axis`` is the last of, the axes merged into it counted in."""
        first = axis
        while first - 1 in self.collapsed:
            first -= 1
        return product(axes[first : axis + 1])

    def decode(self, axes: tuple[Poly, ...], which: Iterable[int], flat: str, scope: Scope) -> list[str]:
        """Statements that turn one number into the indices of the axes ``which``."""
        real = [k for k in which if k not in self.collapsed]
        if not real:
            return []
        first = LOOP[real[0]].name
        if len(real) == 1:
            return [f"const long long {first} = {flat};"]
        lines = [f"long long rest_{first} = {flat};"]
        for k in reversed(real[1:]):
            turns = self.poly(self.turns(axes, k), scope)
            lines.append(f"const long long {LOOP[k].name} = gl_split(&rest_{first}, {turns});")
        return [*lines, f"const long long {first} = rest_{first};"]

    # the text

    def kernel(
        self,
        lines: list[str],
        variables: Iterable[Variable],
        shape: str,
        rows: Poly,
        threads: int = THREADS,
        otherwise: str = "",
        **more: Any,
    ) -> Kernel:
        """The kernel of these statements, which computes ``variables``; ``otherwise``: the statement that it
        does instead after a wrong index.  ``shape``, ``rows`` and the rest are those of a ``Kernel``."""
        parameters = []
        for key, (name, c_type) in self.arguments.items():
            if key.kind in ("pointer", "partial", "numbers", "from", "to"):
                # no restrict: an update is written over what it is computed from
                constant = "" if key in self.written else "const "
                parameters.append(f"{constant}{c_type} *{name}")
            else:
                parameters.append(f"{c_type} {name}")
        arguments = list(self.arguments)
        flags, checks = self.memory.flags, self.printer.checks
        head, tail = [], []
        if checks or flags.earlier:
            arguments.append(Argument("failed", None))
            parameters.append("int *failed")
        if flags.earlier:
            # what comes after a wrong index does nothing: what it would compute is wrong, too
            head.append(leaving(flags.earlier, f"{{ {otherwise} return; }}" if otherwise else "return;"))
        if checks:
            head.append("int bad = 0;")
            tail.append(f"if (bad) atomicExch(failed + {flags.count}, 1);")
            flags.count += 1
        body = "\n".join("    " + line for line in [*head, *lines, *tail])
        text = (
            f'{describe(list(variables))}\nextern "C" __global__ void __launch_bounds__({threads}, {BLOCKS}) '
            f"{self.name}({', '.join(parameters)}) {{\n{body}\n}}\n"
        )
        return Kernel(self.name, text, arguments, shape, rows, **more)


__all__ = ["TEAM", "TEAMS", "KernelWriter", "leaving"]
