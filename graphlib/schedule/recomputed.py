"""Values that are cheap to compute from what lies in memory anyway: the nests that read them compute them
once more, and they are not kept in memory from one nest to the next.

A normalised activation is a difference and a product behind the activation itself, the mask of a rectifier
a comparison behind that: written by one nest and read by two others they cost many times as much as to
compute them there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..graph import Variable
from ..lower.lowering import LOOP, Value
from ..scalar.expression import CHECKS, Expr, walk
from ..scalar.functions import CHEAP, COSTLY, FUNCTIONS
from ..scalar.integer import Poly, flat_index, product
from .nests import build
from .steps import Loops, Step, accesses, base_of

if TYPE_CHECKING:
    from .schedule import Schedule

#: what a byte is worth that need not go to memory or come from there, in additions
_BYTE = 3
#: the least length of axes along which an array does not change, for it to count as nothing beside one that
#: does
_SHORT = 8


def recompute(schedule: Schedule) -> None:
    """Have the nests of a schedule compute again what is cheap, and not keep it."""
    _Recomputation(schedule).recompute()


@dataclass
class _Way:
    """What a nest has to compute to have a value, in order, and what it then reads that it did not, with the
    bytes of an element of each."""

    values: list[Value] = field(default_factory=list)
    sources: dict[Variable, int] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        return sum(_cost(value.element) for value in self.values)

    @property
    def bytes(self) -> int:
        return sum(self.sources.values())


class _Recomputation:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.low = schedule, schedule.low
        #: what must be in memory at the end of the call, or where lengths are computed
        self.needed = {*schedule.program.results, *(u for p in self.low.dims.values() for u in p.uses)}
        #: what is written over, which may not be there any more
        self.overwritten = {*schedule.program.updates, *map(base_of, schedule.steps)}
        self.readers: dict[Variable, set[Step]] = {}
        for step in schedule.steps:
            for v in step.reads():
                self.readers.setdefault(v, set()).add(step)

    def recompute(self) -> None:
        nests = [step for step in self.schedule.steps if isinstance(step, Loops)]
        nests.sort(key=lambda step: step.rank)
        for nest in nests:
            for value in list(nest.values):
                if value.kind is None and value.axes and self.readers.get(value.variable):
                    self._decide(value)
        for nest in reversed(nests):
            self._leave_out(nest)

    def _decide(self, value: Value) -> None:
        """Have a value computed again by all that read it, if that is worth it; if it has to be in memory, by
        those that have all at hand that it is computed from."""
        v, size = value.variable, value.variable.type.numpy_dtype.itemsize
        readers = sorted(self.readers[v], key=lambda step: step.position)
        ways = {step: self._way(value, step) for step in readers if isinstance(step, Loops)}
        ways = {step: way for step, way in ways.items() if way is not None and way.bytes <= size}
        # what is written is fetched before
        saved = 2 * size + sum(size - way.bytes for way in ways.values())
        everywhere = v not in self.needed and len(ways) == len(readers)
        if not everywhere or sum(way.cost for way in ways.values()) > _BYTE * saved:
            ways = {s: way for s, way in ways.items() if way.bytes == 0 and way.cost <= _BYTE * size}
        for step, way in ways.items():
            self._take(step, way.values)

    def _way(self, value: Value, nest: Loops) -> _Way | None:
        """How a nest computes a value of another; None if it cannot."""
        v = value.variable
        read = {index for one in nest.values for u, index in accesses(one.element) if u is v}
        later = any(self.low.depends_on_data(n) for n in self.low.shape(v))
        way = _Way()
        if read != {value.index} or later or not self._collect(value, nest, way):
            return None
        return way if nest.has_room(way.values) and self._is_local(way.values, nest) else None

    def _collect(self, value: Value, nest: Loops, way: _Way) -> bool:
        """Add a value, before it those in no memory that it is computed from; whether all can be computed."""
        if value.axes != nest.axes or _cost(value.element) >= COSTLY:
            return False
        for u, index in accesses(value.element):
            if u in nest.made or any(u is one.variable for one in way.values):
                continue
            local = None if self._is_kept(u) else self.schedule.maker[u].made[u]
            if local is not None and local.kind is None and local.axes == nest.axes:
                if local.index != index or not self._collect(local, nest, way):
                    return False
                continue
            size = self._size(u, index, value, nest)
            # what is in no memory would be written as well
            if size is None or (size and local is not None):
                return False
            way.sources[u] = size
        way.values.append(value)
        return True

    def _is_kept(self, v: Variable) -> bool:
        """Whether a variable lies in memory in any case."""
        is_local = isinstance(self.schedule.maker.get(v), Loops) and not self.readers.get(v)
        return v in self.needed or not is_local

    def _size(self, u: Variable, index: tuple[Poly, ...], value: Value, nest: Loops) -> int | None:
        """For each element of a value, the bytes of what it is computed from that a nest does not read
        already; None if it had better not read that."""
        if nest in self.readers.get(u, ()):
            return 0
        free = {i for p in index for i in p.free}
        same = [n for i, n in zip(LOOP, value.axes, strict=False) if i not in free]
        if same and (product(same).constant or _SHORT) >= _SHORT:
            return 0
        shape = self.low.shape(u)
        alike = flat_index(index, shape) == flat_index(value.index, self.low.shape(value.variable))
        return u.type.numpy_dtype.itemsize if alike and u not in self.overwritten else None

    def _is_local(self, new: list[Value], nest: Loops) -> bool:
        """Whether a nest that computes some values as well needs no memory for all rows of them."""
        crossing = build([*new, *nest.values]).crossing
        return all(crossing.get(value.variable, 1) for value in new)

    def _take(self, nest: Loops, values: list[Value]) -> None:
        """Have a nest compute values as well."""
        before = nest.reads()
        nest.compute_again(values)
        self._note(nest, before)

    def _note(self, nest: Loops, before: set[Variable]) -> None:
        """Note what a nest reads that it did not read before, and what it reads no longer."""
        after, maker = nest.reads(), self.schedule.maker
        for v in before - after:
            self.readers[v].remove(nest)
        for v in after - before:
            self.readers.setdefault(v, set()).add(nest)
        nest.come_after(maker[v] for v in after - before if v in maker)

    def _leave_out(self, nest: Loops) -> None:
        """Have a nest compute nothing that only others read, which compute it themselves now."""
        before = nest.reads()
        for value in nest.values[::-1]:
            v = value.variable
            used = v in self.needed or any(v in one.element.uses for one in nest.values)
            checks = any(e.op in CHECKS for e in walk(value.element))
            if value.kind is None and not used and not checks and not self.readers.get(v):
                nest.values.remove(value)
                del nest.made[v]
        self._note(nest, before)
        if not nest.values:
            self.schedule.leave_out(nest)


def _cost(expr: Expr) -> int:
    """What an expression takes, in additions, beside reading."""
    return sum(_cost_of(e.op) for e in walk(expr))


def _cost_of(op: str) -> int:
    if op in ("const", "int", "access"):
        return 0
    return CHEAP if op == "cast" else FUNCTIONS[op].cost if op in FUNCTIONS else COSTLY


__all__ = ["recompute"]
