"""What depends on a gradient of few rows is computed for those rows.

The gradient of an embedding is zeros with rows added.  AdaGrad's update leaves all other rows as they are, in
AdaDelta's the running means decay there: such an elementwise expression is its value for a gradient of 0,
with the rows that were added to set to what they become.  A sum of squares of the gradient is one over
those rows.  Rows that nothing was added to are untouched also where a rate is infinite or NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from ..graph import Apply, Constant, Variable, clone, toposort
from ..graph.variable import fixed_origin
from ..ops.create import zeros
from ..ops.elementwise import Elementwise, cast, neg
from ..ops.index import AdvancedIndex
from ..ops.join import Join
from ..ops.reduce import Reduce
from ..ops.shape import dimshuffle, reshape, shape_i, shape_of
from ..ops.write import AdvancedWrite, BasicWrite, LastPlaces
from ..records import record
from .patterns import Capture, number_of
from .rules import RuleSet

#: a gradient with fewer elements stays in the cache and costs little as a whole, and of a short table a
#: minibatch may use each row many times
_SMALL = 1 << 18

#: what is left of an expression where its gradient is 0 because nothing was added
NOTHING_ADDED = RuleSet("nothing added")

x = Capture("x")


@NOTHING_ADDED.rule("nothing times x, or divided by x, is nothing", x * 0, 0 / x)
def _(node: Apply) -> Variable:
    return Constant(0, dtype=node.outputs[0].dtype)


@NOTHING_ADDED.rule("x + nothing is x", x + 0)
def _(x: Variable) -> Variable:
    return x


@NOTHING_ADDED.rule("nothing - x is -x", 0 - x)
def _(x: Variable) -> Variable:
    return neg(x)


Simplify = Callable[[list[Variable], Collection[Variable]], list[Variable]]


def computed_for_rows_used(
    results: list[Variable], stop_at: Collection[Variable], simplify: Simplify
) -> list[Variable]:
    """``results`` with what gradients of few rows change computed for those rows alone; the very list where
    there is no such gradient, or where each is needed as a whole anyway.

    simplify: rewrites variables without looking at anything above others.
    """
    gradients = _gradients(results, stop_at)
    while gradients:
        rows = _RowsUsed(gradients, simplify)
        changed = rows.results(results, stop_at)
        left = _gradients(changed, stop_at).keys() - rows.tables
        if not left:
            return changed
        if not left <= gradients.keys():
            break
        gradients = {v: nodes for v, nodes in gradients.items() if v not in left}
    return results


@record
class _Gradient:
    """``zeros`` with rows added, which are numbered along ``axis``: pairs of numbers and what is added."""

    zeros: Variable
    axis: int
    added: tuple[tuple[Variable, Variable], ...]


def _gradients(results: list[Variable], stop_at: Collection[Variable]) -> dict[Variable, _Gradient]:
    """What is zeros with rows added, once or more often."""
    found: dict[Variable, _Gradient] = {}
    for node in toposort(results, stop_at):
        rows = _rows_added(node)
        if rows is None:
            continue
        base, out = node.inputs[0], node.outputs[0]
        axis, *added = rows
        small = None not in out.type.shape and np.prod(out.type.shape) < _SMALL
        before = found.get(base)
        if small or not out.type.is_float:
            continue
        if number_of(base) == 0:
            found[out] = _Gradient(base, axis, (tuple(added),))
        elif before is not None and before.axis == axis:
            found[out] = _Gradient(before.zeros, axis, (*before.added, tuple(added)))
    return found


def _rows_added(node: Apply) -> tuple[int, Variable, Variable] | None:
    """The axis, the numbers and the rows where a node adds rows, or one, to a tensor."""
    op = node.op
    if type(op) is AdvancedWrite and op.mode == "add" and sum(op.entries) == 1:
        _, rows, numbers = node.inputs
        return op.entries.index(True), numbers, rows
    if type(op) is BasicWrite and op.mode == "add" and op.entries.count("index") == 1:
        axis = op.entries.index("index")
        if any(e is not None for k, e in enumerate(op.entries) if k != axis):
            return None
        base, row, number = node.inputs
        place = axis - (base.ndim - 1 - row.ndim)
        if place >= 0:
            row = dimshuffle(row, [*range(place), "x", *range(place, row.ndim)])
        return axis, dimshuffle(number, ["x"]), row
    return None


@dataclass(eq=False)
class _Expression:
    """Elementwise operations, ``nodes``, down to ``leaves``, some of which are gradients of few rows.

    axis: the one that these rows are numbered along.
    """

    root: Variable
    nodes: list[Apply]
    leaves: list[Variable]
    gradients: dict[Variable, _Gradient]
    axis: int

    def on(self, replace: dict[Variable, Variable]) -> Variable:
        """The same of other leaves."""
        with fixed_origin(self.root.origin):
            return clone(self.root, replace)

    def without_rows(self) -> Variable:
        """The expression where no row was added."""
        return self.on({v: g.zeros for v, g in self.gradients.items()})

    def along_rows(self, v: Variable) -> int | None:
        """The axis of an operand that is as long as there are rows; None if it is repeated for them."""
        axis = self.axis - self.root.ndim + v.ndim
        return None if axis < 0 or v.type.shape[axis] == 1 else axis


class _RowsUsed:
    """Replaces what depends on ``gradients``.  ``tables``: their rows, each row of the gradient once."""

    def __init__(self, gradients: dict[Variable, _Gradient], simplify: Simplify) -> None:
        self.gradients = gradients
        self.simplify = simplify
        self.tables: set[Variable] = set()
        self._of: dict[tuple[Variable, ...], _Rows] = {}

    def results(self, results: list[Variable], stop_at: Collection[Variable]) -> list[Variable]:
        """The results, where they or sums that they need depend on the gradients elementwise."""
        reduced = {}
        for node in toposort(results, stop_at):
            if type(node.op) is Reduce and node.op.kind == "sum":
                e = self._expression(node.inputs[0], stop_at)
                if e is not None and e.axis in node.op.axes:
                    reduced[node] = e
        elsewhere = self._without_rows(reduced.values())
        sums = {
            node.outputs[0]: node.op.make(self._rows(e).of_each_row(e))
            for (node, e), v in zip(reduced.items(), elsewhere, strict=True)
            if number_of(v) == 0
        }
        changed = clone(results, sums) if sums else list(results)
        found = {k: e for k, v in enumerate(changed) if (e := self._expression(v, stop_at)) is not None}
        for (k, e), v in zip(found.items(), self._without_rows(found.values()), strict=True):
            # otherwise most of the work is for all rows
            if e.nodes and 2 * len(_elementwise(v, e.leaves)) <= len(e.nodes):
                changed[k] = self._rows(e).set_in(v, e)
        return changed

    def _without_rows(self, found: Iterable[_Expression]) -> list[Variable]:
        found = list(found)
        leaves = {v for e in found for v in e.leaves}
        return self.simplify([e.without_rows() for e in found], leaves) if found else []

    def _expression(self, root: Variable, stop_at: Collection[Variable]) -> _Expression | None:
        nodes = _elementwise(root, stop_at)
        inner = {n.outputs[0] for n in nodes}
        leaves = list(
            dict.fromkeys(v for v in [root, *(i for n in nodes for i in n.inputs)] if v not in inner)
        )
        mine = {v: self.gradients[v] for v in leaves if v in self.gradients}
        axes = {g.axis for g in mine.values()}
        if len(axes) != 1 or any(v.ndim != root.ndim for v in mine):
            return None
        return _Expression(root, nodes, leaves, mine, axes.pop())

    def _rows(self, e: _Expression) -> _Rows:
        numbers = tuple(dict.fromkeys(one for g in e.gradients.values() for one, _ in g.added))
        if numbers not in self._of:
            self._of[numbers] = _Rows(numbers, shape_i(e.root, e.axis), self.tables)
        return self._of[numbers]


def _elementwise(root: Variable, stop_at: Collection[Variable]) -> list[Apply]:
    """The elementwise operations that end in ``root``, without those behind others, operands first."""
    inside: set[Apply] = set()
    pending = [root]
    while pending:
        v = pending.pop()
        if (
            v.owner is not None
            and v not in stop_at
            and type(v.owner.op) is Elementwise
            and v.owner not in inside
        ):
            inside.add(v.owner)
            pending += v.owner.inputs
    return [node for node in toposort([root], stop_at) if node in inside]


class _Rows:
    """The rows that arrays of ``numbers`` name, of ``n`` in all; a row that is named several times stands at
    the place of its last name.
    """

    def __init__(self, numbers: tuple[Variable, ...], n: Variable, tables: set[Variable]) -> None:
        flat = [v if v.ndim == 1 else reshape(v, (-1,)) for v in numbers]
        self.numbers = flat[0] if len(flat) == 1 else Join(0).make(*(cast(v, "int64") for v in flat))
        self.count = shape_i(self.numbers, 0)
        self._places = LastPlaces().make(self.numbers, n)
        self._tables = tables
        self._table_of: dict[Variable, Variable] = {}

    def place(self, numbers: Variable) -> Variable:
        """Where the rows of some numbers stand."""
        return AdvancedIndex((True,)).make(self._places, numbers)

    def table(self, gradient: Variable, e: _Expression) -> Variable:
        """The rows of a gradient, each at its place, and zeros at the places of names that come again."""
        if gradient not in self._table_of:
            lengths = list(shape_of(gradient))
            lengths[e.axis] = self.count
            table = zeros(lengths, gradient.dtype)
            write = AdvancedWrite(_entries(gradient, e.axis), "add")
            for numbers, added in e.gradients[gradient].added:
                table = write.make(table, added, self.place(numbers))
                self._tables.add(table)
            self._table_of[gradient] = table
        return self._table_of[gradient]

    def of_each_row(self, e: _Expression) -> Variable:
        """The expression for the rows used, once for each, in any case where a gradient of 0 makes it 0."""
        return e.on({v: self.table(v, e) if v in e.gradients else self._named(v, e) for v in e.leaves})

    def set_in(self, v: Variable, e: _Expression) -> Variable:
        """``v`` with the rows used set to what the expression is there."""
        entries = _entries(e.root, e.axis)
        own, place = AdvancedIndex(entries), self.place(self.numbers)
        new = e.on(
            {
                v: own.make(self.table(v, e), place) if v in e.gradients else self._named(v, e)
                for v in e.leaves
            }
        )
        return AdvancedWrite(entries, "set").make(v, new, self.numbers)

    def _named(self, v: Variable, e: _Expression) -> Variable:
        axis = e.along_rows(v)
        if axis is None:
            return v
        return AdvancedIndex(_entries(v, axis)).make(v, self.numbers)


def _entries(v: Variable, axis: int) -> tuple[bool, ...]:
    """Those of an index by one array along an axis."""
    return tuple(k == axis for k in range(v.ndim))
