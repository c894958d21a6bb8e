"""Proof that a load or a store is inside its array, whatever the lengths are.

An offset is a polynomial of loop indices and lengths.  An index is at most its loop's length less one, an
index that is data at most what its check lets pass, where it is read or in a step before, and inside a loop
its length is at least one.  So the
greatest offset is a polynomial of lengths, and where what an array has beyond it has no negative coefficient,
once each length is written as the least that it can be and the rest, no length can lead outside.

What is not found so, as the offset of a slice whose ends are a user's numbers, is looked at case by case
(``inequalities.py``).  What is not found then, as of some windows, is not wrong, for the lowering of such
operations clips or checks what it is given: ``bounds.py`` goes through it for some lengths.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..lower.limits import Length as Limit
from ..scalar.expression import Expr, integer, load, node, poly, replaced, walk
from ..scalar.integer import ONE, ZERO, Poly, Symbol, product
from ..scalar.lowered import Check
from .arrays import Array
from .inequalities import Facts
from .parts import of_statement
from .plan import Kernel, Launch, Plan
from .statements import Begin, Let, Loop, Store, TakeInto

#: an index, in terms of what is loaded, the length that it is an index into, and the loops around it
Checked = tuple[Poly, Poly, frozenset[tuple[Symbol, Poly]]]
#: of an integer the least and the greatest that it can be, None where that is not known
Range = tuple[Poly | None, Poly | None]


def unproven(plan: Plan) -> tuple[dict[str, list[str]], int]:
    """By kernels the loads and stores that are not proven to be inside their arrays, in words; and how many
    loads and stores there are."""
    found: dict[str, list[str]] = {}
    count = 0
    for one in plan.all():
        checked: set[Checked] = set()
        given = _given(one, one.arguments[: one.inputs] if one is plan else ())
        for step in one.steps:
            for action in step.actions:
                if isinstance(action, Launch):
                    kernel = _Kernel(action.kernel, checked, given)
                    kernel.body(action.kernel.body)
                    if kernel.unproven:
                        found[action.kernel.name] = kernel.unproven
                    count += kernel.count
    return found, count


class Given(NamedTuple):
    """What holds of lengths wherever they are used: what is checked to be at least 0 before the first step,
    and what those are that are computed."""

    known: list[Poly]
    values: dict[Symbol, Poly]


def _given(plan: Plan, stable: Iterable[Array]) -> Given:
    """Of a plan; ``stable``: arrays that stay what they are, so that what is read of them is the same."""
    stable = set(stable)
    values: dict[Symbol, Poly] = {}
    for length in plan.lengths:
        if length.value is not None:
            one = _Kernel(None, set(), Given([], {}))
            for let in length.lets:
                if isinstance(let, Let):
                    one.values[let.name] = one.written_out(let.value)
            value = one.written_out(length.value)
            loads = [e for e in walk(value) if e.op == "load"]
            changing = [e for e in loads if e.value[0] not in stable and not e.value[0].constant]
            then = {e: node("then", e.dtype, value=e) for e in changing}
            values[length.symbol] = poly(replaced(value, then) if then else value)
    later = {k for found in (plan.first, *plan.after) for k in found.checks}
    known: list[Poly] = []
    for k, check in enumerate(plan.checks):
        if k not in later and isinstance(check, Check):
            known += [check.left - check.right, check.right - check.left]
        elif k not in later and isinstance(check, Limit):
            known.append(check.length)
    return Given(known, values)


class _Kernel:
    """Goes through one kernel; ``checked``: what it and those before have found in range."""

    def __init__(self, kernel: Kernel | None, checked: set[Checked], given: Given) -> None:
        self.kernel, self.checked, self.given = kernel, checked, given
        self._facts: tuple[Any, Facts | None] = (None, None)
        self.values: dict[str, Expr] = {}
        self.indices: dict[Symbol, Poly] = {}
        self.registers: dict[str, Range] = {}
        #: lengths of loops that go on around what is looked at, which are at least 1
        self.positive: list[Poly] = []
        self.unproven: list[str] = []
        self.count = 0

    def body(self, body: Iterable[Any]) -> None:
        for one in body:
            if isinstance(one, Loop):
                self.loop(one)
                continue
            for e in of_statement(one):
                self.loads(e)
            if isinstance(one, Let) and not one.dtype.startswith("float"):
                self.registers[one.name] = self.of(one.value)
                self.values[one.name] = self.written_out(one.value)
            elif isinstance(one, (Store, TakeInto)):
                self.inside(one.target, one.offset)
            elif isinstance(one, Begin):
                self.positive.append(one.size)
                self.inside(one.target, one.offset + one.size - 1)
                self.positive.pop()

    def loop(self, loop: Loop) -> None:
        self.body(loop.before)
        self.indices[loop.index] = loop.length
        self.positive.append(loop.length)
        self.body(loop.body)
        self.positive.pop()
        self.body(loop.after)

    def loads(self, e: Expr) -> None:
        if e.op == "load":
            self.inside(e.value[0], e.value[1][0])
        polys = [e.value] if e.op == "int" else e.value[1] if e.op == "load" else ()
        for a in (*e.args, *(a for p in polys for m in p.terms for a in m if isinstance(a, Expr))):
            self.loads(a)

    def inside(self, target: Any, offset: Poly) -> None:
        if not isinstance(target, Array):
            return
        self.count += 1
        least, greatest = self.of_poly(offset)
        size = product(target.shape)
        known = least is not None and greatest is not None
        if known and self.holds(least) and self.holds(size - greatest - 1):
            return
        place, facts = self.poly_written_out(offset), self.facts()
        if not facts.hold(place) or not facts.hold(size - place - 1):
            self.unproven.append(f"element {offset} of {target.describe()}")

    def facts(self) -> Facts:
        """What holds where the kernel is gone through now."""
        around = (tuple(self.positive), tuple(self.indices.items()))
        if self._facts[0] != around:
            known = [*self.given.known, *(length - 1 for length in self.positive)]
            for length in self.positive:  # a product is only where each of its factors is
                if len(length.terms) == 1:
                    known += [Poly.of(a) - 1 for m in length.terms for a in m if isinstance(a, Symbol)]
            known += [length - 1 - index for index, length in self.indices.items()]
            self._facts = around, Facts(known, self.given.values, self.bound)
        return self._facts[1]

    def bound(self, e: Expr) -> Poly | None:
        """The length that an index is one into, where that was checked."""
        if e.op in ("checked_index", "switch"):
            greatest = self.of(e)[1]
            return None if greatest is None else greatest + 1
        return None

    # ranges

    def of_poly(self, p: Poly) -> Range:
        """The least and the greatest value of a polynomial whose atoms are none below 0."""
        ends: list[Poly | None] = [ZERO, ZERO]
        for monomial, coefficient in p.terms.items():
            low, high = ONE, ONE
            for atom in monomial:
                a, b = self.of_atom(atom)
                if a is None or b is None or not self.holds(a):
                    return None, None
                low, high = low * a, high * b
            first, last = (low, high) if coefficient > 0 else (high, low)
            ends = [ends[0] + coefficient * first, ends[1] + coefficient * last]
        return ends[0], ends[1]

    def of_atom(self, atom: Any) -> Range:
        if isinstance(atom, Expr):
            return self.of(atom)
        if atom.is_index:
            length = self.indices.get(atom)
            return (None, None) if length is None else (ZERO, length - 1)
        return Poly.of(atom), Poly.of(atom)

    def of(self, e: Expr) -> Range:
        """The range of an integer."""
        if e.op == "int":
            return self.of_poly(e.value)
        if e.op == "local":
            return self.registers.get(e.value, (None, None))
        if e.op == "const":
            whole = isinstance(e.value, (bool, int))
            return (Poly.of(int(e.value)),) * 2 if whole else (None, None)
        if e.op == "checked_index":
            # one that is not in range fails the call, and is element 0 until then
            length = self.of(e.args[1])[1]
            if length is None:
                return None, None
            self.checked.add(self.place(e.args[0], length))
            return ZERO, length - 1
        if e.op == "switch":
            return self.counted(e)
        if e.op == "cast" and not e.args[0].dtype.startswith("float"):
            return self.of(e.args[0])
        return None, None

    def counted(self, e: Expr) -> Range:
        """The range of an index that counts from the end where it is below 0, and that was checked before."""
        condition, below, index = map(self.written_out, e.args)
        if condition.op != "lt" or poly(condition.args[0]) != poly(index):
            return None, None
        length = poly(below) - poly(index)
        return (ZERO, length - 1) if self.place(index, length) in self.checked else (None, None)

    def place(self, index: Expr, length: Poly) -> Checked:
        p = poly(self.written_out(index))
        return p, length, frozenset((i, self.indices.get(i, ZERO)) for i in p.free)

    def written_out(self, e: Expr) -> Expr:
        """An integer without registers."""
        if e.op == "local":
            return self.values.get(e.value, e)
        if e.op == "int":
            return integer(self.poly_written_out(e.value))
        if e.op == "load":
            return load(e.value[0], e.dtype, self.poly_written_out(e.value[1][0]))
        return node(e.op, e.dtype, *map(self.written_out, e.args), value=e.value) if e.args else e

    def poly_written_out(self, p: Poly) -> Poly:
        total = ZERO
        for monomial, coefficient in p.terms.items():
            term = Poly.of(coefficient)
            for a in monomial:
                term = term * (poly(self.written_out(a)) if isinstance(a, Expr) else Poly.of(a))
            total = total + term
        return total

    def holds(self, p: Poly) -> bool:
        """Whether a polynomial of lengths is at least 0, as those of the loops around are positive."""
        for length in self.positive:
            p = _with_least(p, length)
        return all(
            c >= 0 and all(isinstance(a, Symbol) and not a.is_index for a in m) for m, c in p.terms.items()
        )


def _with_least(p: Poly, length: Poly) -> Poly:
    """A polynomial with the lengths of which ``length`` is made written as the least that they can be and the
    rest, which takes their names: where ``length``, which is at least 1, is a product, or a length and a
    number."""
    if len(length.terms) == 1:
        ((monomial, _),) = length.terms.items()
        least = dict.fromkeys((a for a in monomial if isinstance(a, Symbol)), 1)
    else:
        symbols = [m[0] for m in length.terms if len(m) == 1]
        if len(symbols) != 1 or set(length.terms) != {(), (symbols[0],)} or length.terms[symbols[0],] <= 0:
            return p
        # the least n for which factor * n + number >= 1
        least = {symbols[0]: max(0, -((length.terms[()] - 1) // length.terms[symbols[0],]))}
    total = ZERO
    for monomial, coefficient in p.terms.items():
        term = Poly.of(coefficient)
        for a in monomial:
            term = term * (Poly.of(a) + least.get(a, 0))
        total = total + term
    return total
