"""A nest whose last axis is short and known: its turns are written out, so that the axis before it, which is
long, is the one of the vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from ..lower.lowering import LOOP, Value
from ..records import record
from ..scalar import expression as ex
from ..scalar.expression import CHECKS, Expr, integer
from ..scalar.integer import Poly
from ..scalar.reductions import REDUCERS
from .arrays import Array

#: turns that are written out, of a loop that has at least so many
LONGEST, LEAST = 4, 16
#: values that may be made of a nest's
MOST = 96
#: reductions of which a few terms are taken together as they stand
_PLAIN = frozenset(["sum", "prod", "max", "min"])
#: random numbers are drawn one after the other
_ALONE = CHECKS | {"random_uniform", "random_normal"}

Landings = Mapping[Array, Sequence[tuple[Array, Poly]]]


@record
class WrittenOut:
    """What remains of a nest: ``home`` says of arrays, which are parts of others, which those are; they have
    the others' shapes, and their elements the others' indices."""

    axes: tuple[Poly, ...]
    values: tuple[Value, ...]
    stored: frozenset[Array]
    landings: dict[Array, list[tuple[Array, Poly]]]
    home: dict[Array, Array]


def written_out(
    axes: tuple[Poly, ...], values: Sequence[Value], stored: set[Array], landings: Landings
) -> WrittenOut | None:
    """A nest of those values with the turns of its last axis written out; None where that cannot be, or is
    too much."""
    turns = axes[-1].constant
    around = axes[-2].constant
    deep = [v for v in values if len(v.axes) == len(axes)]
    if turns is None or not 1 < turns <= LONGEST or (around is not None and around < LEAST):
        return None
    if turns * len(deep) > MOST or not all(_fits(v, deep, axes) for v in values):
        return None
    return _Writer(axes, turns, deep).written(values, stored, landings)


def _fits(value: Value, deep: Sequence[Value], axes: tuple[Poly, ...]) -> bool:
    """Whether nothing about a value needs its loops as they are."""
    indices = {v.variable: v.index for v in deep}
    elements = ex.walk(value.element)
    reads = (e.value for e in elements if e.op == "access")
    if any(e.op in _ALONE for e in elements) or any(indices.get(v, index) != index for v, index in reads):
        return False
    if value.kind is None:
        return True
    plain = len(axes) - 1 not in value.reduced or value.kind in _PLAIN
    return bool(value.reduced) and plain and not REDUCERS[value.kind].finds_index


class _Writer:
    def __init__(self, axes: tuple[Poly, ...], turns: int, deep: Sequence[Value]) -> None:
        self.axes, self.turns, self.last = axes[:-1], turns, len(axes) - 1
        #: of arrays that have an element for each turn, those elements' arrays
        self.parts = {
            v.variable: [
                replace(v.variable, number=-1 - (v.variable.number * LONGEST + k)) for k in range(turns)
            ]
            for v in deep
            if self.last not in v.reduced
        }

    def written(self, values: Sequence[Value], stored: set[Array], landings: Landings) -> WrittenOut:
        home: dict[Array, Array] = {}
        at: dict[Array, list[tuple[Array, Poly]]] = {}
        made: list[Value] = []
        for v in values:
            parts = self.parts.get(v.variable)
            if parts is None:
                made.append(self._reduced(v) if self.last in v.reduced else v)
                at.update({v.variable: list(landings[v.variable])} if v.variable in landings else {})
                continue
            for k, part in enumerate(parts):
                made.append(self._part(v, part, k))
                if v.variable in stored or v.kind is not None:
                    home[part] = v.variable
                if v.variable in landings:
                    at[part] = [(to, self._poly(place, k)) for to, place in landings[v.variable]]
        return WrittenOut(self.axes, tuple(made), frozenset({*stored, *home}), at, home)

    def _part(self, v: Value, part: Array, k: int) -> Value:
        """The value of one turn."""
        index = tuple(self._poly(p, k) for p in v.index)
        kept = [axis for axis in range(self.last) if axis not in v.reduced]
        leading = len(kept) if kept and kept == list(range(len(kept))) else None
        number = leading if v.kind is not None else None
        return Value(part, self.axes, index, self._expr(v.element, k), v.kind, number, v.reduced)

    def _reduced(self, v: Value) -> Value:
        """A reduction of which each turn gave a term."""
        dtype, combine = v.variable.dtype, REDUCERS[v.kind].combine
        terms = [ex.cast(self._expr(v.element, k), dtype) for k in range(self.turns)]
        element = reduce(lambda a, b: ex.node(combine, dtype, a, b), terms)
        reduced = tuple(axis for axis in v.reduced if axis != self.last)
        if not reduced:
            return Value(v.variable, self.axes, v.index, element)
        return replace(v, axes=self.axes, element=element, reduced=reduced)

    def _poly(self, p: Poly, k: int) -> Poly:
        return ex.poly(self._expr(integer(p), k))

    def _expr(self, root: Expr, k: int) -> Expr:
        """An expression in turn ``k``."""
        return ex.replaced(
            root, {}, {LOOP[self.last]: k}, {whole: parts[k] for whole, parts in self.parts.items()}
        )
