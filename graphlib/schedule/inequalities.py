"""Proof that an integer expression of lengths, indices and numbers of the user's is at least 0.

A minimum, a maximum and a choice are one of two things: both cases are looked at, each with what then holds.
What is left is a polynomial, and so is all that is known to be at least 0: that an index is less than the
length of its loop, that a quotient times its divisor is at most what was divided.  A term with a negative
factor is taken away by adding such a fact, times what is none below 0, until no such term is left, or none
helps.

That is tried with lengths written in three ways: by their names; by what they are computed from, each as the
least that a check found it to be and the rest; and with one length in the place of all that are equal to it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property

from ..scalar.expression import FOLDED, Expr, apply, floor_div, integer, node, poly, replaced, walk
from ..scalar.integer import ZERO, Poly, Symbol, product

#: cases that are looked at for one inequality, also where they are first taken as a whole, and polynomials
#: to which facts are added in one of them
_MOST_CASES, _MOST_WHOLE, _TRIES = 60, 12, 60
_CASES = frozenset(("minimum", "maximum", "switch"))


class Facts:
    """What holds: ``known`` are at least 0; ``values`` of lengths that are computed of others, and of what is
    ``signed``, numbers that may be below 0.

    bounds: of an opaque integer the length that it is an index into, if that is known.
    """

    def __init__(
        self,
        known: Iterable[Poly],
        values: Mapping[Symbol, Poly],
        bounds: Callable[[Expr], Poly | None] | None = None,
        more: Facts | None = None,
        signed: Collection[Symbol] = (),
    ) -> None:
        self.values, self.bounds, near = values, bounds or _unknown, list(known)
        #: what is known with lengths by their names
        self.known: list[Poly] = near + (more.known if more is not None else [])
        if more is None:
            #: of what is computed: numbers that may be below 0
            self.signed = frozenset(signed)
            #: those, and products and sums of others; and what is opaque, also by what it is
            self.plain = {s: p for s, p in values.items() if s in self.signed or _is_plain(p)}
            self.opaque = {s: p for s, p in values.items() if s not in self.plain}
            both = [(p, s) for s, q in self.opaque.items() for p in (self.written_out(q), q)]
            self.names = {p.atom: s for p, s in both if p.atom is not None}
            self.least = _least(part for p in near for part in _parts(self.written_out(p)))
        else:
            self.least = more.least
            self.signed, self.plain = more.signed, more.plain
            self.opaque, self.names = more.opaque, more.names
        self.near, self.more = near, more
        before = more._simple if more is not None else (None, None)
        self._simple = (
            Form(self.named, self._by_names, self.bounds, before[0]),
            Form(self.from_least, [self.from_least(p) for p in near], self.bounds, before[1]),
        )

    @property
    def _by_names(self) -> list[Poly]:
        return [self.named(q) for p in self.near for q in (p, exchanged(p, self.opaque))]

    @property
    def forms(self) -> Iterator[Form]:
        """The ways to write what is to be shown."""
        yield from self._simple
        if self.equal:
            yield self._solved

    @cached_property
    def equal(self) -> Equal:
        """The lengths that checks found equal."""
        if self.more is not None:
            return self.more.equal
        known = dict.fromkeys(self._by_names)
        return Equal([p for p in known if -p in known], self.values.keys())

    @cached_property
    def _solved(self) -> Form:
        """With one length in the place of all that are equal to it."""
        near = [self.solved(p) for p in self._by_names]
        if self.more is None:
            for lead, value in self.equal.items():
                apart = Poly({lead: 1}) - value
                near += [value] if len(lead) == 1 else [apart, -apart]
            return Form(self.solved, near, self.bounds)
        return Form(self.solved, near, self.bounds, self.more._solved)

    def solved(self, p: Poly) -> Poly:
        """A polynomial with one length in the place of all that are equal to it."""
        return _decided(self.equal.write(self.named(p)))

    def and_known(self, known: Iterable[Poly], bounds: Callable[[Expr], Poly | None] | None = None) -> Facts:
        """These, and more that are at least 0, and are tried first."""
        return Facts(known, self.values, bounds or self.bounds, self)

    def named(self, p: Poly) -> Poly:
        """A polynomial with lengths by their names, but for products and sums of others."""
        p = _exchanged_fully(p, self.plain)
        total = ZERO
        for monomial, coefficient in p.terms.items():
            total = total + product(self.names.get(a, a) for a in monomial) * coefficient
        return _decided(total)

    def written_out(self, p: Poly) -> Poly:
        """A polynomial without lengths that are computed of others."""
        return _decided(_exchanged_fully(p, self.values))

    def from_least(self, p: Poly) -> Poly:
        """The same, of each length that a check found to be at least some number that and the rest."""
        p = self.written_out(p)
        return _decided(exchanged(p, self.least)) if self.least else p

    def hold(self, p: Poly) -> bool:
        """Whether a polynomial is found to be at least 0."""
        return any(form.hold(form.write(p)) for form in self.forms)

    def hold_written_out(self, p: Poly) -> bool:
        """The same by what lengths are computed from alone."""
        return self._simple[1].hold(self.from_least(p))


class Equal(dict):
    """For lengths, and products of them, what they are equal to: of each equality the length that is given,
    if there is one, in terms of those that are computed, so that fewer are left.

    equal: polynomials that are 0.  computed: lengths that are computed of others.
    """

    def __init__(self, equal: Iterable[Poly] = (), computed: Set[Symbol] = frozenset()) -> None:
        for p in equal:
            p = self.write(p)
            leads = [m for m in p.terms if self._leads(m, p)]
            if not leads:
                continue
            costs = {m: (not computed.isdisjoint(m), _negative(p * -p.terms[m]), len(m)) for m in leads}
            lead = min(leads, key=costs.__getitem__)
            value = Poly({lead: 1}) - p * p.terms[lead]
            new = Equal()
            new[lead] = value
            for m in self:
                self[m] = new.write(self[m])
            self[lead] = value

    @staticmethod
    def _leads(monomial: tuple, p: Poly) -> bool:
        """Whether a polynomial that is 0 says what a product of lengths is in terms of others."""
        if not monomial or abs(p.terms[monomial]) != 1 or not all(isinstance(a, Symbol) for a in monomial):
            return False
        others = (m for m in p.terms if m != monomial)
        inside = {s for a in _expressions(p) for s in _symbols(Poly.of(a))}
        again = len(monomial) == 1 and monomial[0] in inside
        return not again and all(_without(m, monomial) is None for m in others)

    def write(self, p: Poly) -> Poly:
        """A polynomial with what lengths are equal to in their place, also inside its expressions."""
        if not self:
            return p
        p = exchanged(p, {m[0]: v for m, v in self.items() if len(m) == 1})
        for _ in range(_MOST_CASES):
            ways = ((m, lead, _without(m, lead)) for m in p.terms for lead in self)
            found = next((way for way in ways if way[2] is not None), None)
            if found is None:
                break
            m, lead, rest = found
            c = p.terms[m]
            p = p - Poly({m: c}) + self[lead] * product(rest) * c
        return p


def least_of(p: Poly) -> list[tuple[Symbol, int]]:
    """The least that a length can be where a polynomial of it alone is at least 0."""
    factors = {m: c for m, c in p.terms.items() if m}
    if len(factors) != 1:
        return []
    (((length, *others), factor),) = factors.items()
    if others or factor < 0 or not isinstance(length, Symbol):
        return []
    return [(length, -(p.terms.get((), 0) // factor))]


def _least(known: Iterable[Poly]) -> dict[Symbol, Poly]:
    """The lengths that are known to be at least some number, as that number and the rest."""
    least: dict[Symbol, int] = {}
    for p in known:
        for length, n in least_of(p):
            least[length] = max(n, least.get(length, 0))
    return {s: Poly.of(Symbol(f"{s.name} beyond {n}")) + n for s, n in least.items() if n > 0}


def _negative(p: Poly) -> int:
    return sum(c < 0 for c in p.terms.values())


class Form:
    """What is known in one way of writing lengths; ``near`` is tried first, then with it what else is about
    what is asked for."""

    def __init__(
        self,
        write: Callable[[Poly], Poly],
        near: Iterable[Poly],
        bounds: Callable[[Expr], Poly | None],
        more: Form | None = None,
    ) -> None:
        self.write, self.bounds = write, bounds
        parts = (part for p in near for part in _parts(p))
        # without what is never below 0
        self.near = list(dict.fromkeys(p for p in parts if _Proof(_unknown)._wrong(p)))
        self.known = self.near if more is None else list(dict.fromkeys([*self.near, *more.known]))

    def and_known(self, known: Sequence[Poly]) -> Form:
        """The same with more to try first."""
        return Form(self.write, [*known, *self.near], self.bounds, self)

    def hold(self, goal: Poly) -> bool:
        """Whether a polynomial that is written so is found to be at least 0."""
        goal = _without_factors(goal)
        if _Proof(self.bounds).cases(goal, self.near):
            return True
        about = _subjects(goal)
        others = [p for p in self.known[len(self.near) :] if not about.isdisjoint(_subjects(p))]
        known = [*self.near, *others]
        if others and _Proof(self.bounds).cases(goal, known):
            return True
        whole = _Proof(self.bounds, whole=True)
        return any(map(whole.choice, (goal, *known))) and whole.cases(goal, known)


def _exchanged_fully(p: Poly, values: Mapping[Symbol, Poly]) -> Poly:
    for _ in range(len(values) + 1):
        if not any(a in values for a in _symbols(p)):
            break
        p = exchanged(p, values)
    return p


class _Proof:
    """whole: what may be one of two things is first taken as it is, and then apart from the outside, as what
    is inside may not matter."""

    def __init__(self, bounds: Callable[[Expr], Poly | None], whole: bool = False) -> None:
        self.bounds, self.whole = bounds, whole
        self.cases_left = _MOST_WHOLE if whole else _MOST_CASES
        #: of the case that is looked at, opaque integers that are none below 0
        self.natural: set[Expr] = set()

    def cases(self, goal: Poly, known: Sequence[Poly]) -> bool:
        """Whether it holds in each case."""
        self.cases_left -= 1
        if self.cases_left < 0:
            return False
        self.natural = {a for p in known if (a := _no_less(p)) is not None}
        if not self._wrong(goal) or any(not self._wrong(-p - 1) for p in known):
            return True  # or there is no such case
        choice = self.choice(goal)
        if choice is None or self.whole:
            plain = known if self.whole else [p for p in known if self.choice(p) is None]
            facts = dict.fromkeys([*plain, *self._of_atoms([goal, *plain], plain)])
            if self.shown(goal, [p for p in facts if self._wrong(p)]):
                return True
        if choice is None:
            # cases of what is known may help, where that is about something in it, best of all an index
            about = _symbols(goal)
            others = [p for p in known if not about.isdisjoint(_symbols(p))]
            others.sort(key=lambda p: not any(s.is_index and s in about for s in _symbols(p)))
            choice = next(filter(None, map(self.choice, others)), None)
            if choice is None:
                return False
        return all(
            self.cases(_chosen(goal, choice, value), [*(_chosen(p, choice, value) for p in known), *facts])
            for value, facts in _alternatives(choice)
        )

    def choice(self, p: Poly) -> Expr | None:
        """A minimum, a maximum or a choice in a polynomial, in which there is no other one."""
        for e in _expressions(p):
            if e.op in _CASES and self.bounds(e) is None:
                if self.whole:
                    return e
                inside = (a for a in walk(e)[1:] if a.op in _CASES and self.bounds(a) is None)
                return next((a for a in inside if not any(b.op in _CASES for b in walk(a)[1:])), e)
        return None

    def _of_atoms(self, polys: Iterable[Poly], known: Sequence[Poly]) -> list[Poly]:
        """What holds of quotients, remainders and indices whatever they are of; ``known`` is of divisors."""
        found: list[Poly] = []
        for e in dict.fromkeys(e for p in polys for e in _expressions(p)):
            atom, length = Poly.of(e), self.bounds(e)
            if length is not None:
                found += [atom, length - 1 - atom]
            elif e.op in ("floor_div", "mod"):
                a, b = map(poly, e.args)
                if not self._is_positive(b, known):
                    continue
                if e.op == "mod" or not self._wrong(a) or self.shown(a, known):
                    self.natural.add(e)
                quotient = atom if e.op == "floor_div" else floor_div(a, b)
                rest = a - quotient * b
                found += [rest, b - 1 - rest]
                found += [atom, b - 1 - atom, atom - rest, rest - atom] if e.op == "mod" else []
                if e.op == "floor_div" and b.constant is None:
                    found += [p * b for p in known if (e,) in p.terms]
        return found

    def _is_positive(self, p: Poly, known: Sequence[Poly]) -> bool:
        if p.constant is not None:
            return p.constant > 0
        return self.shown(p - 1, known)

    def shown(self, goal: Poly, known: Sequence[Poly]) -> bool:
        """Whether a polynomial without cases holds: facts are added to what has fewest terms that may be
        below 0, of the lowest degree, and that was not looked at before."""
        degree, seen = max(map(len, goal.terms), default=0), {goal}
        wrong = self._wrong(goal)
        left = [(len(wrong), sum(map(len, wrong)), len(goal.terms), 0, goal, wrong)]
        for _ in range(_TRIES):
            if not left:
                return False
            *_, goal, wrong = heapq.heappop(left)
            if not wrong:
                return True
            # each must go: one with an index first, for that has a bound, else what can in fewest ways
            indices = [m for m in wrong if any(isinstance(a, Symbol) and a.is_index for a in m)]
            ways = {m: list(self._ways(m, goal.terms[m], known, degree)) for m in indices or wrong}
            term = min(ways, key=lambda m: len(ways[m]))
            factor = abs(goal.terms[term])
            for fact, c, rest in ways[term]:
                one = goal * abs(c) - fact * product(rest) * factor
                if one not in seen:
                    seen.add(one)
                    bad = self._wrong(one)
                    heapq.heappush(left, (len(bad), sum(map(len, bad)), len(one.terms), len(seen), one, bad))
        return False

    def _wrong(self, goal: Poly) -> list[tuple]:
        """The terms that may be below 0."""
        return [m for m, c in goal.terms.items() if c < 0 or not all(map(self._is_natural, m))]

    def _ways(
        self, monomial: tuple, factor: int, known: Sequence[Poly], degree: int
    ) -> Iterator[tuple[Poly, int, list[Symbol | Expr]]]:
        """The facts by which a term is taken away, each with its own factor of the term and by what it is to
        be multiplied; none is a product of a greater degree."""
        for fact in known:
            for term, c in fact.terms.items():
                rest = _without(monomial, term) if c * factor > 0 else None
                if rest is None or (rest and len(rest) + max(map(len, fact.terms)) > degree):
                    continue
                if all(map(self._is_natural, rest)):
                    yield fact, c, rest

    def _is_natural(self, atom: Symbol | Expr) -> bool:
        """Whether it is none below 0: a length, an index, one into an array, a quotient of such."""
        if isinstance(atom, Symbol) or atom in self.natural or self.bounds(atom) is not None:
            return True
        if atom.op in _CASES:
            found = (not self._wrong(poly(a)) for a in atom.args[-2:])
            return any(found) if atom.op == "maximum" else all(found)
        if atom.op not in ("floor_div", "mod"):
            return False
        a, b = map(poly, atom.args)
        return (b.constant or 0) > 0 and (atom.op == "mod" or not self._wrong(a))


def _decided(p: Poly) -> Poly:
    """A polynomial without the minima, maxima and choices of which it is plain what they are, as lengths and
    indices are none below 0."""
    total = ZERO
    for monomial, coefficient in p.terms.items():
        term = Poly.of(coefficient)
        for a in monomial:
            term = term * (_one_decided(a) if isinstance(a, Expr) else a)
        total = total + term
    return total


def _one_decided(e: Expr) -> Poly:
    args = [integer(_decided(poly(a))) if a.dtype == "int64" else a for a in e.args]
    if e.op == "switch":
        true, false = (any(map(_is_wrong, facts)) for facts in conditions(_with_decided(e.args[0])))
        if true or false:
            return poly(args[2 if true else 1])
    elif e.op in ("minimum", "maximum"):
        a, b = map(poly, args)
        for one, other in ((a, b), (b, a)):
            if not _Proof(_unknown)._wrong(one - other):
                return other if e.op == "minimum" else one
    return poly(_rebuilt(e, args) if args else e)


def _with_decided(e: Expr) -> Expr:
    """A condition of decided integers."""
    if e.dtype == "int64":
        return integer(_decided(poly(e)))
    return _rebuilt(e, [_with_decided(a) for a in e.args]) if e.args else e


def _is_wrong(p: Poly) -> bool:
    """Whether it is plain that a polynomial is below 0."""
    return not _Proof(_unknown)._wrong(-p - 1)


def _is_plain(p: Poly) -> bool:
    """Whether a length is a sum or a product of others, which say more of it than its name."""
    return not _expressions(p) or (len(p.terms) == 1 and p.atom is None)


def _unknown(e: Expr) -> Poly | None:
    return None


def _parts(p: Poly) -> list[Poly]:
    """What is at least 0 where a polynomial is: with either side of a minimum that is added, and of a maximum
    that is taken away."""
    for monomial, coefficient in p.terms.items():
        extremum = "minimum" if coefficient > 0 else "maximum"
        if len(monomial) == 1 and isinstance(e := monomial[0], Expr) and e.op == extremum:
            return [part for a in e.args for part in _parts(p + coefficient * (poly(a) - e))]
    return [p]


def _no_less(p: Poly) -> Expr | None:
    """The opaque integer of which a polynomial that is at least 0 says that it is none below 0, if any."""
    atoms = [m[0] for m, c in p.terms.items() if len(m) == 1 and c == 1]
    alone = len(p.terms) == 1 + (() in p.terms) and p.terms.get((), 0) <= 0
    return atoms[0] if alone and atoms and isinstance(atoms[0], Expr) else None


def _alternatives(e: Expr) -> list[tuple[Poly, list[Poly]]]:
    """What a minimum, a maximum or a choice may be, each with what holds then."""
    if e.op == "switch":
        condition, yes, no = e.args
        true, false = conditions(condition)
        return [(poly(yes), true), (poly(no), false)]
    a, b = map(poly, e.args)
    below = [(a, [b - a]), (b, [a - b])]
    return below if e.op == "minimum" else [(a, [a - b]), (b, [b - a])]


def conditions(e: Expr) -> tuple[list[Poly], list[Poly]]:
    """What is at least 0 where a condition is true, and where it is false."""
    if e.op in ("and_", "or_", "invert") and e.dtype == "bool":
        found = [conditions(a) for a in e.args]
        true, false = ([p for one in found for p in one[k]] for k in (0, 1))
        return {"and_": (true, []), "or_": ([], false), "invert": (false, true)}[e.op]
    whole = not any(a.dtype.startswith(("float", "uint64")) for a in e.args)
    if e.op not in ("lt", "le", "gt", "ge", "eq") or not whole:
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


def exchanged(p: Poly, values: Mapping[Symbol, Poly]) -> Poly:
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
        return integer(exchanged(e.value, values))
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


def _subjects(p: Poly) -> set[Symbol | Expr]:
    """What a polynomial is about: its symbols, and the numbers that it reads."""
    return _symbols(p) | {e for a in _expressions(p) for e in walk(a) if e.op in ("load", "local")}


def _expressions(p: Poly) -> list[Expr]:
    """Its opaque parts."""
    return [a for monomial in p.terms for a in monomial if isinstance(a, Expr)]


def _without_factors(p: Poly) -> Poly:
    """A polynomial without the lengths and indices that all its terms have as factors, which are none
    below 0."""
    first, *others = p.terms or ((),)
    for atom in first if others else ():
        rests = [_without(m, (atom,)) for m in p.terms] if isinstance(atom, Symbol) else [None]
        if None not in rests:
            return _without_factors(Poly(dict(zip(map(tuple, rests), p.terms.values(), strict=True))))
    return p


def _without(monomial: tuple, part: tuple) -> list | None:
    """The atoms of a monomial without those of another; None where it does not have them."""
    rest = list(monomial)
    for atom in part:
        if atom not in rest:
            return None
        rest.remove(atom)
    return rest
