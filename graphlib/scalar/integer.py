"""Integer arithmetic on lengths and indices, kept as polynomials in normal form.

Two ways of writing the same offset compare equal, constants fold, and the stride of a loop index is read off
as a coefficient.  Atoms are symbols (a length, a loop index) or opaque integer expressions (a loaded value, a
quotient).
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

_serial = itertools.count()


class Symbol:
    """A named integer: a length known at the call, or a loop's index.

    Monomials are sorted by ``serial``: the order in which symbols were made, or the one given.
    """

    __slots__ = ("__weakref__", "free", "is_index", "name", "serial", "uses")

    def __init__(self, name: str, is_index: bool = False, serial: int | None = None) -> None:
        self.name = name
        self.is_index = is_index
        self.serial = next(_serial) if serial is None else serial
        self.free: frozenset[Symbol] = frozenset([self]) if is_index else frozenset()
        self.uses: frozenset[Any] = frozenset()

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple:
        return symbol, (self.name, self.is_index, self.serial)


_known: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def symbol(name: str, is_index: bool, serial: int) -> Symbol:
    """The symbol of that name and place in the order, which is the same wherever it is asked for."""
    key = name, is_index, serial
    found = _known.get(key)
    if found is None:
        found = _known[key] = Symbol(*key)
    return found


class Poly:
    """A polynomial: ``terms`` maps a monomial (atoms, sorted) to its coefficient."""

    __slots__ = ("_hash", "free", "terms", "uses")

    def __init__(self, terms: dict[tuple, int]) -> None:
        self.terms = terms
        self._hash: int | None = None
        free: frozenset = frozenset()
        uses: frozenset = frozenset()
        for monomial in terms:
            for atom in monomial:
                if atom.free:
                    free |= atom.free
                if atom.uses:
                    uses |= atom.uses
        self.free = free
        self.uses = uses

    @staticmethod
    def of(value: Any) -> Poly:
        """An int, a symbol, an opaque expression or a polynomial as a polynomial."""
        if isinstance(value, Poly):
            return value
        if isinstance(value, int):
            return _number(int(value)) if -2 <= value < 4096 else Poly({(): value})
        return Poly({(value,): 1})

    def __reduce__(self) -> tuple:
        return Poly, (self.terms,)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, int):
            return self.constant == other
        return isinstance(other, Poly) and self.terms == other.terms

    @property
    def constant(self) -> int | None:
        """The value, if it is a number."""
        if not self.terms:
            return 0
        return self.terms[()] if len(self.terms) == 1 and () in self.terms else None

    @property
    def atom(self) -> Any:
        """The atom, if the polynomial is just one; else None."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1:
                return monomial[0]
        return None

    def __add__(self, other: Any) -> Poly:
        other = Poly.of(other)
        if not self.terms:
            return other
        if not other.terms:
            return self
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total = terms.get(monomial, 0) + coefficient
            if total:
                terms[monomial] = total
            else:
                terms.pop(monomial, None)
        return Poly(terms)

    __radd__ = __add__

    def __neg__(self) -> Poly:
        return Poly({monomial: -coefficient for monomial, coefficient in self.terms.items()})

    def __sub__(self, other: Any) -> Poly:
        return self + -Poly.of(other)

    def __rsub__(self, other: Any) -> Poly:
        return Poly.of(other) - self

    def __mul__(self, other: Any) -> Poly:
        other = Poly.of(other)
        if self.constant is not None:
            self, other = other, self
        number = other.constant
        if number is not None:
            if number == 1:
                return self
            return Poly({m: c * number for m, c in self.terms.items()}) if number else ZERO
        terms: dict[tuple, int] = {}
        for (m1, c1), (m2, c2) in itertools.product(self.terms.items(), other.terms.items()):
            monomial = tuple(sorted(m1 + m2, key=lambda atom: atom.serial))
            total = terms.get(monomial, 0) + c1 * c2
            if total:
                terms[monomial] = total
            else:
                terms.pop(monomial, None)
        return Poly(terms)

    __rmul__ = __mul__

    def linear_in(self, indices: Iterable[Symbol]) -> tuple[list[Poly], Poly] | None:
        """Coefficients of each index and the rest, free of them; None if the polynomial is not linear in
        them."""
        indices = list(indices)
        position = {index: i for i, index in enumerate(indices)}
        coefficients: list[dict[tuple, int]] = [{} for _ in indices]
        rest: dict[tuple, int] = {}
        for monomial, coefficient in self.terms.items():
            hits = [atom for atom in monomial if atom in position]
            others = tuple(atom for atom in monomial if atom not in position)
            if any(atom.free & position.keys() for atom in others) or len(hits) > 1:
                return None
            target = coefficients[position[hits[0]]] if hits else rest
            target[others] = target.get(others, 0) + coefficient
        return [Poly(c) for c in coefficients], Poly(rest)

    def __repr__(self) -> str:
        parts = []
        for monomial, coefficient in self.terms.items():
            names = "*".join(map(repr, monomial))
            parts.append(
                str(coefficient) if not monomial else names if coefficient == 1 else f"{coefficient}*{names}"
            )
        return " + ".join(parts) or "0"


@functools.lru_cache(maxsize=4096)
def _number(value: int) -> Poly:
    return Poly({(): value} if value else {})


ZERO, ONE = Poly.of(0), Poly.of(1)


def product(values: Iterable[Any]) -> Poly:
    result = ONE
    for value in values:
        result = result * value
    return result


def row_major(shape: Iterable[Poly]) -> list[Poly]:
    """Strides, in elements, of a contiguous array."""
    strides: list[Poly] = []
    step = ONE
    for length in reversed(list(shape)):
        strides.append(step)
        step = step * length
    return strides[::-1]


def divided(p: Poly, by: Poly) -> tuple[Poly, Poly]:
    """Quotient and rest of polynomials: no term of the rest has the leading term of the divisor in it."""
    lead = max(by.terms, key=_degree)
    quotient = rest = ZERO
    while p.terms:
        term = max(p.terms, key=_degree)
        c, left = p.terms[term], _without(term, lead)
        if left is None or c % by.terms[lead]:
            rest, p = rest + Poly({term: c}), p - Poly({term: c})
        else:
            part = Poly({left: c // by.terms[lead]})
            quotient, p = quotient + part, p - part * by
    return quotient, rest


def _degree(monomial: tuple) -> tuple:
    """The order of terms: first those with most lengths in them."""
    lengths = [a for a in monomial if not (isinstance(a, Symbol) and a.is_index)]
    return len(lengths), [a.serial for a in lengths], [a.serial for a in monomial]


def _without(monomial: tuple, part: tuple) -> tuple | None:
    """A product without some of its factors, if it has them."""
    left = list(monomial)
    for atom in part:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def unraveled(offset: Poly, shape: Sequence[Poly]) -> list[Poly]:
    """An index along each axis of a contiguous array whose element is at an offset."""
    index = []
    for stride in row_major(shape)[:-1]:
        along, offset = divided(offset, stride) if stride.terms else (ZERO, offset)
        index.append(along)
    return [*index, offset] if shape else []


def flat_index(index: Iterable[Poly], shape: Iterable[Poly]) -> Poly:
    """The offset of an element in a contiguous array."""
    total = ZERO
    for i, stride in zip(index, row_major(shape), strict=True):
        total = total + i * stride
    return total
