"""A plan as portable C: what ``c.py`` writes, for a library that has no run time beside it.

All decisions and nearly all text are those of ``c.py``.  What differs: kernels are called directly, not
through a table; memory is a part of an arena whose size is known, not asked for; and what is called from
outside takes pointers and lengths, not NumPy's arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..records import record
from ..scalar.integer import Poly
from ..schedule.arrays import Array
from ..schedule.extents import Extents
from ..schedule.plan import Call, Kernel, Plan, Scan
from .c import Uses, Writer
from .c_scalar import C_TYPES
from .units import Unit

#: GL_MAX_CHUNKS of graphlib_runtime.h
_MOST_CHUNKS = 16
#: ways to convolve that take much memory and text to be fast; a library multiplies patches instead
_LARGE = frozenset(("_of_1", "_of_3", "_of_5", "_direct"))


def with_prefix(plan: Plan, prefix: str) -> Plan:
    """The plan with another prefix before its names, and those of its loops."""

    def action(a: Any) -> Any:
        return replace(a, plan=with_prefix(a.plan, prefix)) if isinstance(a, Scan) else a

    steps = tuple(
        replace(step, actions=tuple(map(action, step.actions))) if plan.inner() else step
        for step in plan.steps
    )
    return replace(plan, prefix=prefix + plan.prefix, steps=steps)


@record
class Region:
    """A part of the arena: ``size`` bytes, which the statements ``given`` hand over, in which {at} is its
    address and {size} what it has."""

    size: int
    given: tuple[str, ...]


class Units:
    """The units of a library, each under one name, whichever functions call it."""

    def __init__(self) -> None:
        self.called: dict[Unit, Uses] = {}

    def name(self, unit: Unit, wanted: str, about: str) -> str:
        """The name of a unit, which is the wanted one if it has none yet."""
        if not unit.text:
            self.called.setdefault(unit, Uses(about, [unit.symbol]))
            return unit.symbol
        return self.called.setdefault(unit, Uses(about, [wanted])).names[0]

    def text(self) -> list[str]:
        """The definitions of those that are kernels, after what they need."""
        kernels = {unit: uses for unit, uses in self.called.items() if unit.text}
        declared = dict.fromkeys(
            line for unit in kernels for line in unit.declarations if not line.startswith("#include")
        )
        return [
            *declared,
            *(f"{uses.comment}\n{_kernel(unit, uses.names[0])}".lstrip() for unit, uses in kernels.items()),
        ]


def _kernel(unit: Unit, name: str) -> str:
    """The text of a kernel; it is called as all are, whether it is cut into chunks or not."""
    head = "(void *context, int64_t chunk) {\n"
    text = unit.text.replace(unit.symbol, name)
    return text.replace(head, f"{head}    (void)context, (void)chunk;\n", 1)


class PortableWriter(Writer):
    """Writes the part of a library that is of one plan.

    extents: how large the plan's lengths can be.  prefix: in front of the names of kernels.
    """

    def __init__(self, plan: Plan, units: Units, extents: Extents, prefix: str, first_check: int = 0) -> None:
        super().__init__(plan, units.called, first_check)
        self.units, self.extents, self.kernel_prefix = units, extents, prefix
        self.ready = {}  # a library's products are small ones, for which nothing is laid out
        # its kernels are called directly, so that compilers have them together anyway
        self.together, self.at_once = {}, None
        self.inside: dict[str, Extents] = {}
        number = first_check + len(plan.checks)
        for scan in self.scans():
            inner = scan.plan
            self.inside[inner.prefix] = extents.inside(scan)
            self.nested[inner.prefix] = PortableWriter(
                inner, units, self.inside[inner.prefix], prefix, number
            )
            number += len(inner.all_checks)

    def calls(self, unit: Unit, name: str, about: str = "") -> str:
        return self.units.name(unit, f"{self.kernel_prefix}{name}", about)

    def function(self, what: str, name: str, lines: list[str], more: str = "") -> str:
        return super().function(what, name, ["(void)s, (void)args;", *lines], more)

    def call(self, a: Call) -> list[str]:
        return super().call(_small(a))

    # memory

    def regions(self, state: str = "s.") -> list[Region]:
        """The parts of the arena that the plan and its loops need; ``state`` is how their struct is
        written."""
        found = [*self._arena(state), *self._own(state)]
        # in the order in which they are taken
        sizes = [self._data_dependent_size(a) for a in self.plan.first.arrays]
        for step, after in zip(self.plan.steps, self.plan.after, strict=True):
            for action in step.actions:
                if isinstance(action, Scan):
                    sizes += self._grown_sizes(action)
            sizes += [self._data_dependent_size(a) for a in after.arrays]
        for k, size in enumerate(sizes):
            place = f"{state}allocated[{k}]"
            found.append(Region(size, (f"{place}.at = {{at}};", f"{place}.room = {{size}};")))
        for prefix, inner in self.nested.items():
            found += inner.regions(f"{state}{prefix}state.")
        return found

    def _arena(self, state: str) -> list[Region]:
        size = 0
        for slot in self.plan.slots:
            size += _aligned(max(map(self.extents.upper, slot.sizes)))
        if not size:
            return []
        return [Region(size, (f"{state}arena = {{at}};", f"{state}capacity = {{size}};"))]

    def _own(self, state: str) -> list[Region]:
        """The memory that chunks of kernels have for themselves."""
        if not self.has_own:
            return []
        size = max(map(self._own_size, self.kernels()))
        return [Region(size, (f"{state}own = {{at}};", f"{state}own_size = {{size}};"))]

    def _own_size(self, kernel: Kernel) -> int:
        turns = 1 if kernel.turns is None else self.extents.upper(kernel.turns) // kernel.least
        return max(1, min(_MOST_CHUNKS, turns)) * sum(_aligned(self.extents.upper(n)) for n in kernel.own)

    def _data_dependent_size(self, array: Array) -> int:
        elements = 1
        for n in array.shape:
            elements *= self.extents.upper(n)
        return _aligned(elements * np.dtype(array.dtype).itemsize)

    def _grown_sizes(self, scan: Scan) -> list[int]:
        n = int(self.extents.steps(scan)) if scan.grown else 0
        return [
            _aligned((n + depth) * self.extents.upper(row) * np.dtype(array.dtype).itemsize)
            for array, row, depth in scan.grown
        ]

    def growing(self, scan: Scan) -> tuple[list[str], list[str]]:
        begun = []
        for array, row, depth in scan.grown:
            name, c_type = self.address(array), C_TYPES[array.dtype]
            size = f"sizeof({c_type}) * (size_t)((n + {depth}) * ({self.poly(row)}))"
            begun += [
                f"{name} = gl_allocate(s->allocated, &s->allocated_count, {size});",
                f"if (!{name}) return -1;",
            ]
        return begun, []

    def library_calls(self) -> Iterator[tuple[Call, Callable[[Poly], int]]]:
        """The calls of functions of the library, with what says how large an integer is that they are
        given."""
        for step in self.plan.steps:
            registers = self.extents.registers(step)
            for action in step.actions:
                if isinstance(action, Call):
                    yield _small(action), partial(self.extents.upper, registers=registers)
        for inner in self.nested.values():
            yield from inner.library_calls()

    def unbounded(self) -> Iterator[tuple[Plan, Any]]:
        """The lengths that depend on data and for which there is no bound."""
        yield from ((self.plan, length) for length in self.extents.without)
        for inner in self.nested.values():
            yield from inner.unbounded()

    def found_length(self, length: Any) -> list[str]:
        lines = super().found_length(length)
        if length in self.extents.limited:
            name = f"s->{self.length(length.symbol)}"
            lines.append(f"if ({name} > {self.extents.most}) return GL_TOO_LONG;")
        return lines


def is_other_way(a: Call) -> bool:
    """Whether a library has another function instead, which adds up otherwise: last digits differ."""
    return a.form in _LARGE


def _small(a: Call) -> Call:
    return replace(a, form="_by_products", header="graphlib_patches.h") if is_other_way(a) else a


def _aligned(size: int) -> int:
    """As ``gl_aligned`` of the run time."""
    return (size + 63) // 64 * 64 + 64
