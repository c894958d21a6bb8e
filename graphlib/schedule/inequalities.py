"""Proof that an integer expression of lengths, indices and numbers of the user's is at least 0.

A minimum, a maximum and a choice are one of two things: both cases are looked at, each with what then holds.
What is left is a polynomial, and so is all that is known to be at least 0: that an index is less than the
length of its loop, that a quotient times its divisor is at most what was divided.  A term with a negative
factor is taken away by adding such a fact, times what is none below 0, until no such term is left, or none
helps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..scalar.expression import FOLDED, Expr, apply, floor_div, integer, node, poly, replaced, walk
from ..scalar.integer import ZERO, Poly, Symbol, product

#: cases that are looked at for one inequality, facts that are added one after the other, and tries in all
_MOST_CASES, _DEPTH, _TRIES = 60, 12, 60
_CASES = frozenset(("minimum", "maximum", "switch"))


class Facts:
    """What holds: ``known`` are at least 0; ``values`` of lengths that are computed of others.

    bounds: of an opaque integer the length that it is an index into, if that is known.
    """

    def __init__(
        self,
        known: Iterable[Poly],
        values: Mapping[Symbol, Poly],
        bounds: Callable[[Expr], Poly | None] = lambda e: None,
    ) -> None:
        self.values, self.bounds = values, bounds
        self.known = [self.written_out(p) for p in known]

    def written_out(self, p: Poly) -> Poly:
        """A polynomial without lengths that are computed of others."""
        for _ in range(len(self.values) + 1):
            if not any(a in self.values for a in _symbols(p)):
                break
            p = _exchanged(p, self.values)
        return p

    def hold(self, p: Poly) -> bool:
        """Whether a polynomial is found to be at least 0."""
        return _Proof(self.bounds).cases(self.written_out(p), self.known)


class _Proof:
    def __init__(self, bounds: Callable[[Expr], Poly | None]) -> None:
        self.bounds = bounds
        self.cases_left, self.tries_left = _MOST_CASES, _TRIES

    def cases(self, goal: Poly, known: Sequence[Poly]) -> bool:
        """Whether it holds in each case."""
        self.cases_left -= 1
        if self.cases_left < 0:
            return False
        if not self._wrong(goal) or any((p.constant or 0) < 0 for p in known):
            return True  # or there is no such case
        choice = self._choice(goal)
        if choice is None:
            plain = [p for p in known if self._choice(p) is None]
            facts = dict.fromkeys([*plain, *self._of_atoms([goal, *plain])])
            self.tries_left = _TRIES
            if self.linear(goal, [p for p in facts if self._wrong(p)], _DEPTH):
                return True
            # cases of what is known may help, where that is about something in it, best of all an index
            about = _symbols(goal)
            others = [p for p in known if not about.isdisjoint(_symbols(p))]
            others.sort(key=lambda p: not any(s.is_index and s in about for s in _symbols(p)))
            choice = next(filter(None, map(self._choice, others)), None)
            if choice is None:
                return False
        return all(
            self.cases(_chosen(goal, choice, value), [*(_chosen(p, choice, value) for p in known), *facts])
            for value, facts in _alternatives(choice)
        )

    def _choice(self, p: Poly) -> Expr | None:
        """A minimum, a maximum or a choice in a polynomial, in which there is no other one."""
        for e in _expressions(p):
            if e.op in _CASES and self.bounds(e) is None:
                inside = (a for a in walk(e)[1:] if a.op in _CASES and self.bounds(a) is None)
                return next((a for a in inside if not any(b.op in _CASES for b in walk(a)[1:])), e)
        return None

    def _of_atoms(self, polys: Iterable[Poly]) -> list[Poly]:
        """What holds of quotients, remainders and indices whatever they are of."""
        found: list[Poly] = []
        for e in dict.fromkeys(e for p in polys for e in _expressions(p)):
            atom, length = Poly.of(e), self.bounds(e)
            if length is not None:
                found += [atom, length - 1 - atom]
            elif e.op in ("floor_div", "mod"):
                a, b = map(poly, e.args)
                if b.constant is None or b.constant <= 0:
                    continue
                quotient = atom if e.op == "floor_div" else floor_div(a, b)
                rest = a - quotient * b
                found += [rest, b - 1 - rest]
                found += [atom, b - 1 - atom, atom - rest, rest - atom] if e.op == "mod" else []
        return found

    def linear(self, goal: Poly, known: Sequence[Poly], depth: int) -> bool:
        """Whether a polynomial without cases holds."""
        wrong = self._wrong(goal)
        if not wrong:
            return True
        self.tries_left -= 1
        if not depth or self.tries_left < 0:
            return False
        # each of them must go: one with an index first, for that has a bound, else what can in fewest ways
        indices = [m for m in wrong if any(isinstance(a, Symbol) and a.is_index for a in m)]
        ways = {m: list(self._ways(m, goal.terms[m], known)) for m in indices or wrong}
        term = min(ways, key=lambda m: len(ways[m]))
        factor = abs(goal.terms[term])
        left = [goal * abs(c) - fact * product(rest) * factor for fact, c, rest in ways[term]]
        left.sort(key=lambda one: (len(self._wrong(one)), len(one.terms)))
        return any(self.linear(one, known, depth - 1) for one in left)

    def _wrong(self, goal: Poly) -> list[tuple]:
        """The terms that may be below 0."""
        return [m for m, c in goal.terms.items() if c < 0 or not all(map(self._is_natural, m))]

    def _ways(
        self, monomial: tuple, factor: int, known: Sequence[Poly]
    ) -> Iterator[tuple[Poly, int, list[Symbol | Expr]]]:
        """The facts by which a term is taken away, each with its own factor of the term and by what it is to
        be multiplied."""
        for fact in known:
            for term, c in fact.terms.items():
                rest = _without(monomial, term) if c * factor > 0 else None
                if rest is not None and all(map(self._is_natural, rest)):
                    yield fact, c, rest

    def _is_natural(self, atom: Symbol | Expr) -> bool:
        """Whether it is none below 0: a length, an index, one into an array, a quotient of such."""
        if isinstance(atom, Symbol) or self.bounds(atom) is not None:
            return True
        if atom.op in ("maximum", "minimum"):
            found = (not self._wrong(poly(a)) for a in atom.args)
            return any(found) if atom.op == "maximum" else all(found)
        if atom.op not in ("floor_div", "mod"):
            return False
        a, b = map(poly, atom.args)
        return (b.constant or 0) > 0 and (atom.op == "mod" or not self._wrong(a))


def _alternatives(e: Expr) -> list[tuple[Poly, list[Poly]]]:
    """What a minimum, a maximum or a choice may be, each with what holds then."""
    if e.op == "switch":
        condition, yes, no = e.args
        true, false = _conditions(condition)
        return [(poly(yes), true), (poly(no), false)]
    a, b = map(poly, e.args)
    below = [(a, [b - a]), (b, [a - b])]
    return below if e.op == "minimum" else [(a, [a - b]), (b, [b - a])]


def _conditions(e: Expr) -> tuple[list[Poly], list[Poly]]:
    """What is at least 0 where a condition is true, and where it is false."""
    if e.op not in ("lt", "le", "gt", "ge", "eq") or any(a.dtype.startswith("float") for a in e.args):
        return [], []
    a, b = map(poly, e.args)
    if e.op == "eq":
        return [a - b, b - a], []
    if e.op in ("gt", "ge"):
        a, b = b, a
    return ([b - a - 1], [a - b]) if e.op in ("lt", "gt") else ([b - a], [a - b - 1])


def _chosen(p: Poly, choice: Expr, value: Poly) -> Poly:
    """A polynomial with one thing in the place of another, wherever that is."""
    if not any(choice is part for e in _expressions(p) for part in walk(e)):
        return p
    total = ZERO
    for monomial, coefficient in p.terms.items():
        term = Poly.of(coefficient)
        for a in monomial:
            if isinstance(a, Expr):
                a = value if a is choice else _simple(replaced(a, {choice: integer(value)}))
            term = term * a
        total = total + term
    return total


def _exchanged(p: Poly, values: Mapping[Symbol, Poly]) -> Poly:
    """A polynomial with the values of symbols in their place, wherever they are."""
    total = ZERO
    for monomial, coefficient in p.terms.items():
        term = Poly.of(coefficient)
        for a in monomial:
            term = term * (values.get(a, a) if isinstance(a, Symbol) else poly(_written(a, values)))
        total = total + term
    return total


def _written(e: Expr, values: Mapping[Symbol, Poly]) -> Expr:
    """An expression with the values of symbols in their place."""
    if e.op == "int":
        return integer(_exchanged(e.value, values))
    return _rebuilt(e, [_written(a, values) for a in e.args]) if e.args else e


def _simple(e: Expr) -> Poly:
    """An expression in which something was exchanged, computed where it is of numbers now."""
    args = [integer(_simple(a)) if a.dtype == "int64" else a for a in e.args]
    return poly(_rebuilt(e, args) if args else e)


def _rebuilt(e: Expr, args: Sequence[Expr]) -> Expr:
    """An operation of other operands, in normal form."""
    if e.op in FOLDED or e.op == "switch":
        return apply(e.op, e.dtype, *args)
    return node(e.op, e.dtype, *args, value=e.value)


def _symbols(p: Poly) -> set[Symbol]:
    """The symbols in a polynomial, also those inside its expressions."""
    found: set[Symbol] = set()
    for a in (a for monomial in p.terms for a in monomial):
        if isinstance(a, Symbol):
            found.add(a)
        else:
            found.update(s for e in walk(a) if e.op == "int" for s in _symbols(e.value))
    return found


def _expressions(p: Poly) -> list[Expr]:
    """Its opaque parts."""
    return [a for monomial in p.terms for a in monomial if isinstance(a, Expr)]


def _without(monomial: tuple, part: tuple) -> list | None:
    """The atoms of a monomial without those of another; None where it does not have them."""
    rest = list(monomial)
    for atom in part:
        if atom not in rest:
            return None
        rest.remove(atom)
    return rest
