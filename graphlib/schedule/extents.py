"""How large the lengths of a plan can become, given how large those of its arguments may be.

Intervals are calculated with: every length, offset and size is a polynomial in lengths and in a few integer
expressions.  What depends on data is at most what its expression says (a minimum, a remainder, a truth), or
has no bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..scalar.expression import Expr
from ..scalar.integer import Poly, Symbol
from .plan import Compute, Length, Plan, Scan, Step
from .statements import Let


class Interval(NamedTuple):
    """All numbers from ``low`` to ``high``, which are integers or infinite."""

    low: float
    high: float

    @staticmethod
    def of(n: float) -> Interval:
        return Interval(n, n)

    def __add__(self, other: Interval) -> Interval:  # type: ignore[override]
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __mul__(self, other: Interval) -> Interval:  # type: ignore[override]
        corners = [0 if 0 in (a, b) else a * b for a in self for b in other]
        return Interval(min(corners), max(corners))

    def hull(self, other: Interval) -> Interval:
        """The least interval with both in it."""
        return Interval(min(self.low, other.low), max(self.high, other.high))


ANY = Interval(-math.inf, math.inf)
TRUTH = Interval(0, 1)
_RANGES = {
    "bool": TRUTH,
    **{f"int{b}": Interval(-(2 ** (b - 1)), 2 ** (b - 1) - 1) for b in (8, 16)},
    **{f"uint{b}": Interval(0, 2**b - 1) for b in (8, 16)},
}


class Extents:
    """Intervals of a plan's lengths.

    lengths: of arguments, by their symbols.  values: of what arguments of no axes hold, by their numbers.
    most: what lengths that depend on data are said to be at most, if anything is said.

    ``limited`` are the lengths that are as short as ``most`` only because it is said: a call has to look.
    ``without``: those for which nothing is said either.
    """

    def __init__(
        self,
        plan: Plan,
        lengths: Mapping[Symbol, Interval],
        values: Mapping[int, Interval],
        most: int | None = None,
    ) -> None:
        self.plan, self.values, self.most = plan, values, most
        self.of = dict(lengths)
        self.limited: list[Length] = []
        self.without: list[Length] = []
        self._constants = {
            a.memory.index: Interval(int(data.array.min()), int(data.array.max()))
            for a, data in zip(plan.arguments[plan.inputs + plan.shared :], plan.constants, strict=True)
            if data.array.size and data.array.dtype.kind in "iub"
        }
        scans = (a for step in plan.steps for a in step.actions if isinstance(a, Scan))
        #: where loops write how many steps they have made
        self._loops = {scan.done: scan for scan in scans if scan.done is not None}
        for length in plan.lengths:
            if length.value is not None:
                self.of[length.symbol] = self._computed(length)

    def _computed(self, length: Length) -> Interval:
        found = self.expression(length.value, self.locals(length.lets))
        # no array has a negative length: such calls fail
        found = Interval(max(0, found.low), max(0, found.high))
        if found.high < math.inf:
            return found
        if self.most is None:
            self.without.append(length)
        else:
            self.limited.append(length)
        return Interval(found.low, self.most or 0)

    def locals(self, lets: tuple[Any, ...]) -> dict[str, Interval]:
        """Intervals of registers."""
        known: dict[str, Interval] = {}
        for one in lets:
            if isinstance(one, Let):
                known[one.name] = self.expression(one.value, known)
        return known

    def poly(self, p: Poly, registers: Mapping[str, Interval] | None = None) -> Interval:
        """The interval of a length, an offset or a size."""
        total = Interval.of(0)
        for monomial, coefficient in p.terms.items():
            term = Interval.of(coefficient)
            for atom in monomial:
                term = term * (
                    self.of.get(atom, ANY)
                    if isinstance(atom, Symbol)
                    else self.expression(atom, registers or {})
                )
            total = total + term
        return total

    def registers(self, step: Step) -> dict[str, Interval]:
        """Intervals of the registers that the actions of a step have."""
        return self.locals(tuple(s for a in step.actions if isinstance(a, Compute) for s in a.body))

    def upper(self, p: Poly, registers: Mapping[str, Interval] | None = None) -> int:
        """The most that a length can be: 0 where all it can be is less."""
        high = self.poly(p, registers).high
        if high == math.inf:
            raise ValueError(f"the length {p} has no bound")
        return max(0, int(high))

    def expression(self, e: Expr, registers: Mapping[str, Interval]) -> Interval:
        """The interval of an integer."""
        if e.op == "const":
            return Interval.of(e.value) if e.dtype != "float32" and e.dtype != "float64" else ANY
        if e.op == "int":
            return self.poly(e.value, registers)
        if e.op == "local":
            return registers.get(e.value, _range(e))
        if e.op == "load":
            return self._loaded(e)
        args = [self.expression(a, registers) for a in e.args]
        return _OPERATIONS.get(e.op, lambda *_: ANY)(*args) if e.op != "cast" else _cast(e, args[0])

    def _loaded(self, e: Expr) -> Interval:
        array = e.value[0]
        if array in self._loops:
            return Interval(0, self.steps(self._loops[array]))
        memory = getattr(array, "memory", None)
        if memory is not None and memory.kind == "argument":
            known = self.values.get(memory.index, self._constants.get(memory.index))
            if known is not None:
                return known
        return _range(e)

    def steps(self, scan: Scan) -> float:
        """How many steps a loop makes at most."""
        return max(0, self.poly(scan.n, self.locals(scan.lets)).high)

    def inside(self, scan: Scan) -> Extents:
        """The intervals of the plan of a loop's step."""
        inner, lengths, values = scan.plan, {}, {}
        shapes = {row.argument: row.shape for row in (*scan.sequences, *scan.invariants)}
        for state in scan.states:
            shapes.update({argument: state.shape for argument, _ in state.taps})
        for length in inner.lengths:
            if length.argument is not None:
                high = self.poly(shapes[length.argument][length.axis]).high
                lengths[length.symbol] = Interval(0, max(0, high))
        for row in scan.invariants:
            memory = row.array.memory
            if memory is not None and memory.kind == "argument" and memory.index in self.values:
                values[row.argument] = self.values[memory.index]
        return Extents(inner, lengths, values, self.most)


def _range(e: Expr) -> Interval:
    """All that a dtype can be, if that is little enough to be a length."""
    return _RANGES.get(e.dtype, ANY)


def _cast(e: Expr, x: Interval) -> Interval:
    if e.args[0].dtype.startswith("float"):
        return _range(e)
    own = _RANGES.get(e.dtype)
    return x if own is None or (own.low <= x.low and x.high <= own.high) else own


def _floor_div(a: Interval, b: Interval) -> Interval:
    if b.low < 1 or math.inf in (abs(a.low), abs(a.high)):
        # by at least 1, or by what is an error where it is less
        return Interval(min(0, a.low), max(0, a.high)) if b.low >= 0 else ANY
    ends = [x // y if y < math.inf else (-1 if x < 0 else 0) for x in a for y in b]
    return Interval(min(ends), max(ends))


def _mod(a: Interval, b: Interval) -> Interval:
    return Interval(0, max(0, b.high - 1)) if b.low >= 0 else ANY


_OPERATIONS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a + -b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "minimum": lambda a, b: Interval(min(a.low, b.low), min(a.high, b.high)),
    "maximum": lambda a, b: Interval(max(a.low, b.low), max(a.high, b.high)),
    "abs": lambda a: Interval(0, max(abs(a.low), abs(a.high))),
    "floor_div": _floor_div,
    "mod": _mod,
    "switch": lambda c, a, b: a.hull(b),
    "checked_index": lambda i, n: Interval(0, max(0, n.high - 1)),
    "checked_divisor": lambda a: a,
    "checked_exponent": lambda a: Interval(max(0, a.low), max(0, a.high)),
    "checked_truth": lambda a: a,
    **dict.fromkeys(("lt", "le", "gt", "ge", "eq", "neq", "and_", "or_", "not_"), lambda *_: TRUTH),
}
