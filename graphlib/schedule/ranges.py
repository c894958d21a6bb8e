"""Proof that a load or a store is inside its array, whatever the lengths are.

An offset is a polynomial of loop indices and lengths.  An index is at most its loop's length less one, an
index that is data at most what its check lets pass, where it is read or in a step before, and inside a loop
its length is at least one.  So the
greatest offset is a polynomial of lengths, and where what an array has beyond it has no negative coefficient,
once each length is written as the least that it can be and the rest, no length can lead outside.

What is not found so, as the offset of a slice whose ends are a user's numbers, or of a window, which is read
where a condition holds, is looked at case by case (``inequalities.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from ..scalar.expression import Expr, integer, load, node, poly
from ..scalar.integer import ONE, ZERO, Poly, Symbol, divided, flat_index, product, unraveled
from .arrays import Array
from .cpu import RUN
from .inequalities import Facts, Form, conditions, least_of
from .parts import of_statement
from .plan import Compute
from .statements import (
    Accumulator,
    Add,
    AddRows,
    Begin,
    Draw,
    Evaluate,
    Join,
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
    Totals,
    Watch,
)

#: an index, in terms of what is loaded, the length that it is an index into, and the loops around it
Checked = tuple[Poly, Poly, frozenset[tuple[Symbol, Poly]]]
#: of an integer the least and the greatest that it can be, None where that is not known
Range = tuple[Poly | None, Poly | None]


class Ranges:
    """Goes through the statements of a kernel, or of what is computed outside of them, and counts what it
    looks at and what is not proven.

    given: what holds of lengths there.  checked: the indices that were found in range so far.  guarded:
    lengths that are not 0 where an index into such an axis is looked at.
    """

    def __init__(self, given: Facts, checked: set[Checked], guarded: Iterable[Poly] = ()) -> None:
        self.given, self.checked, self.guarded = given, checked, set(guarded)
        self._facts: tuple[Any, Facts] = (None, given)
        self.values: dict[str, Expr] = {}
        self.indices: dict[Symbol, Poly] = {}
        self.registers: dict[str, Range] = {}
        #: arrays of the kernel's own, and how many elements they have
        self.own: dict[str, Poly] = {}
        #: lengths of loops that go on around what is looked at, which are at least 1
        self.positive: list[Poly] = []
        #: what else is at least 0 there
        self.assumed: list[Poly] = []
        self.unproven: list[str] = []
        self.count = 0

    # statements

    def body(self, body: Iterable[Any]) -> None:
        for one in body:
            for e in of_statement(one):
                self.loads(e)
            self.handlers[type(one)](self, one)

    def let(self, one: Let) -> None:
        if not one.dtype.startswith("float"):
            self.registers[one.name] = self.of(one.value)
            self.values[one.name] = self.written_out(one.value)

    def stored(self, one: Store | TakeInto) -> None:
        self.inside(one.target, one.offset)

    def run_of(self, target: Any, offset: Poly, size: Poly) -> None:
        """All of so many elements from an offset on."""
        with self.at_least(size):
            self.inside(target, offset)
            self.inside(target, offset + size - 1)

    def begun(self, one: Begin) -> None:
        self.run_of(one.target, one.offset, one.size)

    def owned(self, one: OwnArray | OwnMemory) -> None:
        self.own[one.name] = Poly.of(one.size)

    def parts(self, one: Parts) -> None:
        """Other chunks have as many elements as the first one takes of the array itself."""
        self.prove(one.size - product(one.target.shape), f"a part of {one.target.describe()}")

    def totals(self, one: Totals) -> None:
        self.run_of(one.target, one.offset, one.size)
        self.prove(self.own.get(one.name, ZERO) - one.size, f"totals of {one.target.describe()}")

    def draw(self, one: Draw) -> None:
        self.own[one.name] = Poly.of(one.length)

    def loop(self, loop: Loop) -> None:
        self.body(loop.before)
        here = Poly.of(loop.index) - RUN
        turns = [] if loop.run is None else [here, (loop.run - 1) - here]
        with self.going(loop.index, loop.length), self.assuming(turns):
            self.body(loop.body)
        self.body(loop.after)

    def nothing(self, one: Any) -> None:
        """What goes to no memory."""

    handlers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Let: let,
        Store: stored,
        TakeInto: stored,
        Begin: begun,
        OwnArray: owned,
        OwnMemory: owned,
        Parts: parts,
        Totals: totals,
        AddRows: lambda self, one: self.body((one.totals,)),
        TakeTotals: lambda self, one: self.body((one.totals,)),
        Draw: draw,
        Loop: loop,
        Compute: lambda self, one: self.body(one.body),
        **dict.fromkeys((Accumulator, Take, Add, Evaluate, Watch, Leave, Join, Part), nothing),
    }

    # what holds

    @contextmanager
    def at_least(self, *lengths: Poly) -> Iterator[None]:
        """Lengths are at least 1."""
        self.positive += lengths
        yield
        del self.positive[len(self.positive) - len(lengths) :]

    @contextmanager
    def going(self, index: Symbol, length: Poly) -> Iterator[None]:
        """An index goes through all that is less than a length."""
        before = self.indices.get(index)
        self.indices[index] = length
        with self.at_least(length):
            yield
        if before is None:
            del self.indices[index]
        else:
            self.indices[index] = before

    @contextmanager
    def assuming(self, polys: Sequence[Poly]) -> Iterator[None]:
        """Polynomials are at least 0."""
        self.assumed += polys
        yield
        del self.assumed[len(self.assumed) - len(polys) :]

    def facts(self) -> Facts:
        """What holds where the statements are gone through now."""
        around = (tuple(self.positive), tuple(self.indices.items()), tuple(self.assumed))
        if self._facts[0] != around:
            known = [*self.assumed, *(length - 1 for length in self.positive)]
            for length in self.positive:  # a product is only where each of its factors is
                if len(length.terms) == 1:
                    known += [Poly.of(a) - 1 for m in length.terms for a in m if isinstance(a, Symbol)]
            known += [length - 1 - index for index, length in self.indices.items()]
            self._facts = around, self.given.and_known(map(self.poly_written_out, known), self.bound)
        return self._facts[1]

    def bound(self, e: Expr) -> Poly | None:
        """The length that an index is one into, where that was checked."""
        if e.op == "checked_index":
            return self.of(e.args[1])[1]
        greatest = self.counted(e)[1] if e.op == "switch" else None
        return None if greatest is None else greatest + 1

    # proofs

    def loads(self, e: Expr) -> None:
        """The loads of an expression: what a branch loads is only loaded where its condition says so."""
        if e.op == "switch":
            condition, yes, no = e.args
            true, false = conditions(self.written_out(condition))
            self.loads(condition)
            for branch, holds in ((yes, true), (no, false)):
                with self.assuming(holds):
                    self.loads(branch)
            return
        if e.op == "load":
            self.inside(e.value[0], e.value[1][0])
        elif e.op == "access":
            self.inside(e.value[0], flat_index(e.value[1], e.value[0].shape))
        elif e.op == "checked_index":
            self.guard(poly(self.written_out(e.args[1])))
        polys = [e.value] if e.op == "int" else e.value[1] if e.op in ("load", "access") else ()
        for a in (*e.args, *(a for p in polys for m in p.terms for a in m if isinstance(a, Expr))):
            self.loads(a)

    def guard(self, length: Poly) -> None:
        """An index that is out of range is element 0 until the call fails, which there must be."""
        if length not in self.guarded:
            self.prove(length - 1, f"an index into an axis of length {length}")

    def inside(self, target: Any, offset: Poly) -> None:
        """An element is one that an array has."""
        self.count += 1
        if isinstance(target, Array):
            size = product(target.shape)
            name = target.describe()
        else:
            size, name = self.size_of_own(target), str(target)
        if size is not None:
            least, greatest = self.of_poly(offset)
            known = least is not None and greatest is not None
            if known and self.holds(least) and self.holds(size - greatest - 1):
                return
            shape = target.shape if isinstance(target, Array) else (size,)
            if self.inside_axes(self.poly_written_out(offset), shape):
                return
        self.unproven.append(f"element {offset} of {name}")

    def inside_axes(self, offset: Poly, shape: Sequence[Poly]) -> bool:
        """Whether an offset is that of an index that is in range along each axis, or along some that are
        walked as one."""
        for form in self.facts().forms:
            lengths = [form.write(n) for n in shape]
            index = unraveled(form.write(offset), lengths)
            apart, more = self.taken_apart(index, lengths, form.write)
            if more and _along_axes(apart, lengths, form.and_known(more)):
                return True
            if _along_axes(index, lengths, form):
                return True
        return False

    def taken_apart(
        self, index: list[Poly], shape: Sequence[Poly], write: Callable[[Poly], Poly]
    ) -> tuple[list[Poly], list[Poly]]:
        """An index with one for each axis in the place of what a loop walks as one, and what is at least 0 of
        those."""
        index, known = list(index), []
        for axis in range(len(shape) - 1, 0, -1):
            for i, length in self.indices.items():
                if index[axis].terms.get((i,)) != 1 or not shape[axis].terms:
                    continue
                outer, rest = divided(write(self.poly_written_out(length)), shape[axis])
                if rest.terms or outer == 1:
                    continue
                first, last = (Symbol(f"{i.name}_{k}", is_index=True) for k in (axis - 1, axis))
                index[axis] += Poly.of(last) - i
                index[axis - 1] += first
                known += [n - 1 - one for n, one in ((outer, first), (shape[axis], last))]
                known += [outer - 1, shape[axis] - 1]
                # what is left of it may be several axes
                with self.going(first, outer):
                    more, others = self.taken_apart(index[:axis], shape[:axis], write)
                return [*more, *index[axis:]], known + others
        return index, known

    def size_of_own(self, target: Any) -> Poly | None:
        """How many elements an array of the kernel's own has; None where there is no such."""
        return self.own.get(target)

    def prove(self, goal: Poly, what: str) -> None:
        """A polynomial is at least 0."""
        self.count += 1
        if not self.holds(goal) and not self.facts().hold(self.poly_written_out(goal)):
            self.unproven.append(what)

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
        if e.op == "access":
            array, index = e.value
            return load(array, e.dtype, self.poly_written_out(flat_index(index, array.shape)))
        return node(e.op, e.dtype, *map(self.written_out, e.args), value=e.value) if e.args else e

    def poly_written_out(self, p: Poly) -> Poly:
        if not any(isinstance(a, Expr) for monomial in p.terms for a in monomial):
            return p
        total = ZERO
        for monomial, coefficient in p.terms.items():
            term = Poly.of(coefficient)
            for a in monomial:
                term = term * (poly(self.written_out(a)) if isinstance(a, Expr) else Poly.of(a))
            total = total + term
        return total

    def holds(self, p: Poly) -> bool:
        """Whether a polynomial of lengths is at least 0, as those of the loops around are positive."""
        signed = self.given.signed
        least: dict[Symbol, int] = {}
        for length in self.positive:
            for symbol, n in _least(length):
                least[symbol] = max(n, least.get(symbol, 0))
        # each length as the least that it can be and the rest, which takes its name
        total = ZERO if least else p
        for monomial, coefficient in p.terms.items() if least else ():
            term = Poly.of(coefficient)
            for a in monomial:
                term = term * (Poly.of(a) + least.get(a, 0))
            total = total + term
        return all(
            c >= 0 and all(isinstance(a, Symbol) and not a.is_index and a not in signed for a in m)
            for m, c in total.terms.items()
        )


def _along_axes(index: Sequence[Poly], shape: Sequence[Poly], form: Form) -> bool:
    """Whether an index is in range along each axis, or along some axes that are taken as one."""
    before, length, apart, borrowed = ZERO, ONE, ONE, 0
    for i, n in reversed(list(zip(index, shape, strict=True))):
        before, length = (i - borrowed) * apart + before, n * apart
        borrowed = int(bool(before.terms) and max(before.terms.values()) < 0)
        if apart is not ONE:
            length = form.write(length)
        here = before + length * borrowed
        if form.hold(here) and form.hold(length - 1 - here):
            before, length, apart = ZERO, ONE, ONE
        else:
            apart, borrowed = length, 0
    return not borrowed and before == ZERO and length == ONE


def _least(length: Poly) -> list[tuple[Symbol, int]]:
    """The least that the lengths can be of which one is made that is at least 1: where that is a product, or
    a length and a number."""
    if len(length.terms) == 1:
        ((monomial, _),) = length.terms.items()
        return [(a, 1) for a in monomial if isinstance(a, Symbol)]
    return [(symbol, max(0, n)) for symbol, n in least_of(length - 1)]
