"""That every length is one: what a call must find of lengths before anything is allocated or written.

Two conditions, for every length and shape that a lowered graph has, whichever operation it is of:

- no length is negative, or more than an int64 can say (``Length``);
- no array has so many elements that an int64 could not say how many bytes that are; lengths of 0 count as
  1, as in NumPy (``Size``).

What follows from others, or from how a length is computed, is not looked at: the lengths of arrays are none
that could be negative, and what is no longer than another array is not too large if that is not.  Most
functions are left with one multiplication and one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

from ..errors import ShapeError
from ..graph import Variable
from ..records import record
from ..scalar.expression import Expr
from ..scalar.integer import Poly, Symbol, product
from ..scalar.lowered import Check

#: a length must be less
LENGTH_LIMIT = 2**63
#: the elements of an array must be less: of 8 bytes each they fill half of what an int64 can say
SIZE_LIMIT = 2**59

#: a length as it enters sizes: its symbol, or the whole polynomial if it is a sum
Factor = Symbol | Poly


@record
class Length:
    """A length that must not be negative: ``axis`` of ``variable``, or of the loops that compute it."""

    length: Poly
    variable: Variable
    axis: int

    @property
    def polys(self) -> tuple[Poly, ...]:
        return (self.length,)

    def fails(self, value: Callable[[Poly], int]) -> bool:
        """Whether it fails for the values of polynomials."""
        return not 0 <= value(self.length) < LENGTH_LIMIT

    def failure(self, values: Sequence[int], where: str = "") -> ShapeError:
        """The error for the values of ``polys``; that of a sum or product may have wrapped around."""
        (n,) = values
        wrapped = self.length.atom is None and not -(2**62) < n < 0
        what = "a length that no int64 can say" if wrapped else f"length {n}, and no length is negative"
        return ShapeError(f"{where}axis {self.axis} of {self.variable.describe()} would have {what}")


@record
class Size:
    """An array of ``lengths`` for ``variable`` that must not be too large: it has ``number`` times all
    ``factors``, each counted as at least 1, elements."""

    number: int
    factors: tuple[Factor, ...]
    lengths: tuple[Poly, ...]
    variable: Variable

    @property
    def polys(self) -> tuple[Poly, ...]:
        return self.lengths

    def fails(self, value: Callable[[Poly], int]) -> bool:
        """Whether it fails for the values of polynomials."""
        return self.number * prod(max(1, value(Poly.of(f))) for f in self.factors) >= SIZE_LIMIT

    def failure(self, values: Sequence[int], where: str = "") -> ShapeError:
        """The error for the values of ``polys``."""
        shape = ", ".join(map(str, values))
        return ShapeError(
            f"{where}{self.variable.describe()} would have the shape ({shape}), more than any memory can hold"
        )


@record
class Claim:
    """Lengths, int64 scalars, of an array ``variable`` that the user asked for: they must be some, also where
    no result needs it."""

    variable: Variable
    lengths: tuple[Variable, ...]


#: what may be found wrong of lengths; each has ``polys``, and a ``failure`` for the values of those
AnyCheck = Check | Length | Size


class Limits:
    """What is known of the lengths of a graph while it is lowered: those that cannot be negative, by how they
    are computed or because it is checked.

    ``dims``: what the symbols are computed from that are no lengths of arrays.
    """

    def __init__(self, dims: Mapping[Symbol, Poly]) -> None:
        self.dims = dims
        self.known: set[Poly] = set()

    def missing(self, lengths: Iterable[Poly], variable: Variable) -> list[Length]:
        """The checks that show lengths not to be negative; from now on they count as made.

        Errors: ShapeError for a number that is negative.
        """
        checks = []
        for axis, n in enumerate(lengths):
            if n in self.known or self._is_product(n):
                continue
            check = Length(n, variable, axis)
            if n.constant is not None:
                raise check.failure([n.constant])
            checks.append(check)
            self.known.add(n)
        return checks

    def size(self, lengths: Iterable[Poly], variable: Variable) -> Size:
        """The size of an array: of a product of lengths each counts, as it is no less than any part of it."""
        number, factors = 1, []
        lengths = tuple(lengths)
        for n in lengths:
            if not self._is_product(n):
                factors.append(n)
                continue
            for monomial, coefficient in n.terms.items():
                number *= coefficient
                factors += monomial
        return Size(number, tuple(sorted(factors, key=_order)), lengths, variable)

    def _is_product(self, n: Poly) -> bool:
        """Whether it is a product of lengths; too large ones are found by the sizes that they are part of."""
        return len(n.terms) <= 1 and all(
            coefficient > 0 and all(map(self._symbol, monomial)) for monomial, coefficient in n.terms.items()
        )

    def _symbol(self, symbol: Symbol) -> bool:
        return symbol not in self.dims or Poly.of(symbol) in self.known or self._alone(self.dims[symbol])

    def _alone(self, p: Poly) -> bool:
        """Whether it is a single length or number, which cannot wrap around as it is computed."""
        if p.constant is not None:
            return p.constant >= 0
        atom = p.atom
        return self._symbol(atom) if isinstance(atom, Symbol) else atom is not None and self._expression(atom)

    def _expression(self, e: Expr) -> bool:
        if e.op == "int":
            return self._alone(e.value)
        if e.op == "cast":
            return e.args[0].dtype in ("bool", "uint8", "uint16", "uint32")
        if e.op == "maximum":
            return any(map(self._expression, e.args))
        if e.op in ("minimum", "floor_div"):
            return all(map(self._expression, e.args))
        if e.op == "mod":
            return self._expression(e.args[1])
        return e.op == "switch" and all(map(self._expression, e.args[1:]))


def _order(factor: Factor) -> tuple:
    return (0, factor.serial) if isinstance(factor, Symbol) else (1, repr(factor))


class Sizes:
    """The sizes of arrays, without those that cannot be too large where others are not.

    ``depends_on_data``: whether a length is found in the middle of a call.  A size that is found later than
    another says nothing of that.
    """

    def __init__(self, depends_on_data: Callable[[Poly], bool]) -> None:
        self.depends_on_data = depends_on_data
        self.checks: list[Size] = []
        #: those of ``checks`` that have a factor: only among them is what is as large, or no larger
        self._with: dict[Factor, list[Size]] = {}

    def add(self, size: Size) -> None:
        """Take in a size, unless one that is here is at least as large.

        Errors: ShapeError for one that is too large whatever the call.
        """
        if not size.factors:
            if size.number >= SIZE_LIMIT:
                raise size.failure([n.constant or 0 for n in size.lengths])
            return
        if self.has(size):
            return
        factors = set(size.factors)
        covered = {id(o) for f in factors for o in self._with.get(f, ()) if self._covers(size, o)}
        if covered:
            self.checks = [other for other in self.checks if id(other) not in covered]
            for f in factors:
                self._with[f] = [other for other in self._with.get(f, ()) if id(other) not in covered]
        self.checks.append(size)
        for f in factors:
            self._with.setdefault(f, []).append(size)

    def has(self, size: Size) -> bool:
        """Whether one that is here is at least as large."""
        near = min((self._with.get(f, ()) for f in size.factors), key=len, default=self.checks)
        return any(self._covers(other, size) for other in near)

    def _covers(self, large: Size, small: Size) -> bool:
        if large.number < small.number or len(large.factors) < len(small.factors):
            return False
        if any(large.factors.count(f) < small.factors.count(f) for f in small.factors):
            return False
        more = set(large.factors) - set(small.factors)
        return not any(self.depends_on_data(Poly.of(f)) for f in more)


def moved(size: Size, outside: Mapping[Symbol, Poly], limits: Limits) -> Size | None:
    """A size in a loop's step as ``outside`` the loop; None where a length is the step's own."""
    if any(a not in outside for n in size.lengths for monomial in n.terms for a in monomial):
        return None
    shape = (
        sum((coefficient * product(outside[a] for a in m) for m, coefficient in n.terms.items()), Poly.of(0))
        for n in size.lengths
    )
    return limits.size(shape, size.variable)
