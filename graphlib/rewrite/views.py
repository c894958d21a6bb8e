"""Rules on what computes nothing: views, broadcasts, shapes, casts, choices that turn out to be simpler.

They keep the other rules' patterns free of what only changes how a tensor is laid out or repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import Apply, Constant, Variable
from ..graph.types import DTYPES
from ..ops import elementwise as ew
from ..ops.along_axis import SOME, Sort
from ..ops.barriers import GradientBarrier, OwnGradient
from ..ops.index import BasicIndex
from ..ops.join import Join
from ..ops.linalg import MatrixProduct
from ..ops.loop_results import OfLengths, Steps, is_row, last_value
from ..ops.reduce import Reduce
from ..ops.scan import Scan
from ..ops.shape import BroadcastTo, DimShuffle, Reshape, SameLengths, ShapeI, SpecifyShape, dimshuffle
from ..ops.shape_rules import constant_int
from ..ops.write import AdvancedWrite, BasicWrite
from .engine import Sweep
from .patterns import NUMBERS, Capture, Number, P, node, number_of
from .rules import RuleSet

VIEWS = RuleSet("views")
rule = VIEWS.rule
#: what holds only once gradients and givens have been taken: no gradient may ask for what is given away
AFTER_GRADIENTS = RuleSet("after gradients")

x, y = Capture("x"), Capture("y")

#: dtypes that hold every value of a dtype
_WIDER = {
    "bool": DTYPES,
    "uint16": ("uint32", "uint64", "int32", "int64", "float32", "float64"),
    "uint32": ("uint64", "int64", "float64"),
    "uint8": ("uint16", "uint32", "uint64", "int16", "int32", "int64", "float16", "float32", "float64"),
    "int8": ("int16", "int32", "int64", "float16", "float32", "float64"),
    "int16": ("int32", "int64", "float32", "float64"),
    "int32": ("int64", "float64"),
    "float16": ("float32", "float64"),
    "float32": ("float64",),
}


#: entries of an index: the elements before one, and those from one on
_FIRST, _LAST = (False, True, 1), (True, False, 1)
#: operations of a branch that are searched for the same choice
_SEEN_IN_A_BRANCH = 8


# The last row of a loop's history


@AFTER_GRADIENTS.rule("the last of a loop's values is kept by itself", node(BasicIndex))
def _(node: Apply) -> Variable | None:
    x = node.inputs[0]
    inner = x.owner
    if inner is None or not is_row(node.op, node.inputs[1:], -1):
        return None
    if isinstance(inner.op, Steps):
        return last_value(*inner.inputs[1:])
    if not isinstance(inner.op, BasicIndex):
        return None
    history, *bounds = inner.inputs
    loop = history.owner
    if loop is None or not isinstance(loop.op, Scan) or any(e is not None for e in inner.op.entries[1:]):
        return None
    results = loop.op.results(loop)
    k = results.histories.index(history) if history in results.histories else None
    entry = inner.op.entries[0]
    if k is None or not isinstance(entry, tuple) or not entry[0] or entry[2] != 1:
        return None
    start = constant_int(bounds[0])
    if start is None or start > loop.op.states[k].depth or entry[1]:
        return None
    return last_value(results.last[k], loop.inputs[0])


@rule("identity(x) is x", P.identity(x))
def _(x: Variable) -> Variable:
    return x


@AFTER_GRADIENTS.rule(
    "a gradient's barrier is its operand once gradients are taken", node(GradientBarrier, x)
)
def _(x: Variable) -> Variable:
    return x


@AFTER_GRADIENTS.rule(
    "what has a gradient of its own is its value once gradients are taken", node(OwnGradient)
)
def _(node: Apply) -> Variable:
    return node.inputs[0]


@rule("a cast to the dtype it has is x", node(ew.Cast, x))
def _(x: Variable, node: Apply) -> Variable | None:
    return x if x.dtype == node.op.dtype else None


@rule("a cast of a cast that lost nothing is one cast", node(ew.Cast, node(ew.Cast, x, as_="inner")))
def _(x: Variable, inner: Variable, node: Apply) -> Variable | None:
    return ew.cast(x, node.op.dtype) if inner.dtype in _WIDER.get(x.dtype, ()) else None


@rule("specify_shape of what has the shape is x", node(SpecifyShape, x))
def _(x: Variable, node: Apply) -> Variable | None:
    return x if x.type == node.outputs[0].type else None


@rule("switch with a constant condition is the branch", P.switch(Number(name="c"), x, y))
def _(c: Any, x: Variable, y: Variable) -> Variable:
    return x if c else y


@rule("switch between equals is either", P.switch(Capture("c"), x, x))
def _(x: Variable) -> Variable:
    return x


@rule("inside its branch, a choice is made", P.switch(Capture("c"), x, y))
def _(c: Variable, x: Variable, y: Variable, graph: Sweep) -> Variable | None:
    """switch(c, a, f(switch(c, b, y))) is switch(c, a, f(y)), so that rules see what log is taken of."""
    chosen = [_where(c, k, v, graph) for k, v in ((1, x), (2, y))]
    return None if chosen == [x, y] else ew.switch(c, *chosen)


def _where(c: Variable, branch: int, root: Variable, graph: Sweep) -> Variable:
    """``root`` with the branch of every switch on ``c`` that its elementwise operations meet.

    It stops at what others need too, which would be computed twice, and after a few operations.
    """
    made: dict[Variable, Variable] = {}
    order, entered = [root], []
    for v in order:
        node = v.owner
        if node is None or type(node.op) is not ew.Elementwise or ew.may_fail(node):
            continue
        if node.op.name == "switch" and node.inputs[0] is c:
            made[v] = node.inputs[branch]
        elif len(order) <= _SEEN_IN_A_BRANCH and (v is root or graph.used_once(v)):
            entered.append(v)
            order += node.inputs
    if not made:
        return root
    # a product of the choice as a whole needs the elements of the other branch, too: it was not entered
    for v in reversed(entered):
        if any(i in made for i in v.owner.inputs):
            made[v] = v.owner.op.make(*(made.get(i, i) for i in v.owner.inputs))
    return made.get(root, root)


@rule("what must have the lengths it has is x", node(SameLengths, x, y))
def _(x: Variable, y: Variable, node: Apply, graph: Sweep) -> Variable | None:
    same = all(graph.shape(x)[i] == graph.shape(y)[j] for i, j in node.op.pairs)
    return x if same and x.type == node.outputs[0].type else None


@rule("dimshuffle of dimshuffle is one, or none", node(DimShuffle, x))
def _(x: Variable, node: Apply) -> Variable | None:
    order = node.op.order
    if len(order) == x.ndim and all(
        a == i or (a == "x" and n == 1) for i, (a, n) in enumerate(zip(order, x.type.shape, strict=True))
    ):
        return x
    return dimshuffle(x, order) if is_moved(x) else None


@AFTER_GRADIENTS.rule(
    "the length of an axis needs only the lengths of what it is computed from", node(ShapeI, x)
)
def _(x: Variable, node: Apply, graph: Sweep) -> Variable | None:
    axis = node.op.axis
    return None if graph.graph.lengths.is_own(x, axis) else graph.length(graph.shape(x)[axis])


@AFTER_GRADIENTS.rule("of what is sorted a few are looked for alone", node(BasicIndex, reading=(Sort,)))
def _(node: Apply) -> Variable | None:
    whole, *bounds = node.inputs
    if whole.owner is None or type(whole.owner.op) is not Sort or whole.owner.op.count is not None:
        return None
    (x,), entries, axis = whole.owner.inputs, node.op.entries, whole.owner.op.axis
    before = sum(sum(e[:2]) if isinstance(e, tuple) else e is not None for e in entries[:axis])
    count = constant_int(bounds[before]) if entries[axis] in (_FIRST, _LAST) else None
    if count is None or not count or abs(count) > SOME or (count > 0) != (entries[axis] == _FIRST):
        return None
    n = x.type.shape[axis]
    if n is not None and n <= 2 * abs(count):
        return None
    some = Sort(whole.owner.op.kind, axis, count).make(x)
    rest = (*entries[:axis], None, *entries[axis + 1 :])
    others = bounds[:before] + bounds[before + 1 :]
    return some if not any(e is not None for e in rest) else BasicIndex(rest).make(some, *others)


@AFTER_GRADIENTS.rule("of sorted places those are used where something is added", node(AdvancedWrite))
def _(node: Apply) -> Variable | None:
    base, values, *places = node.inputs
    part = values.owner
    if node.op.mode != "add" or number_of(base) != 0 or part is None or type(part.op) is not BasicWrite:
        return None
    around, some, *bounds = part.inputs
    slices = all(e is None or isinstance(e, tuple) for e in part.op.entries)
    if number_of(around) != 0 or not slices or {v.ndim for v in (some, *places)} != {values.ndim}:
        return None
    taken = [_part_of(place, part.op.entries, bounds) for place in places]
    if any(v is None for v in taken) or all(v is w for v, w in zip(taken, places, strict=True)):
        return None
    return node.op.make(base, some, *taken)


def _part_of(place: Variable, entries: tuple, bounds: Sequence[Variable]) -> Variable | None:
    """A slice of an array of places, where it is not one for all; None if it is no order of what is sorted,
    of which each place is there."""
    own, given, first = [], [], 0
    for axis, entry in enumerate(entries):
        last = first + (sum(entry[:2]) if entry is not None else 0)
        cut = entry is not None and place.type.shape[axis] != 1
        own.append(entry if cut else None)
        given += bounds[first:last] if cut else ()
        first = last
    if not any(own):
        return place
    is_order = place.owner is not None and type(place.owner.op) is Sort and place.owner.op.kind == "argsort"
    return BasicIndex(tuple(own)).make(place, *given) if is_order else None


@rule("what has the lengths that it must have is it", node(OfLengths))
def _(node: Apply, graph: Sweep) -> Variable | None:
    x = node.inputs[0]
    return x if graph.shape(x) == graph.shape(node.outputs[0]) else None


# Reshape


@rule("reshape is nothing, one reshape, or only axes of length 1", node(Reshape))
def _(node: Apply, graph: Sweep) -> Variable | None:
    x, *lengths = node.inputs
    out = node.outputs[0]
    have, want = graph.shape(x), graph.shape(out)
    if have == want:
        return x
    order = _axes_of_length_1(have, want)
    if order is not None:
        return dimshuffle(x, order)
    if x.owner is not None and type(x.owner.op) is Reshape:
        return node.op.make(x.owner.inputs[0], *lengths)
    return None


def _axes_of_length_1(have: Sequence[Any], want: Sequence[Any]) -> list | None:
    """The dimshuffle that brings a shape to another one if they differ only in axes of length 1."""
    kept = iter([i for i, n in enumerate(have) if n != 1])
    order: list = []
    for n in want:
        if n == 1:
            order.append("x")
            continue
        i = next(kept, None)
        if i is None or have[i] != n:
            return None
        order.append(i)
    return order if next(kept, None) is None else None


# Broadcasting


@rule("broadcasting to the shape it has is x; of a broadcast, the last one", node(BroadcastTo))
def _(node: Apply, graph: Sweep) -> Variable | None:
    x, *lengths = node.inputs
    if graph.shape(x) == graph.shape(node.outputs[0]):
        return x
    leaner = _leaner(x)
    return BroadcastTo().make(leaner, *lengths) if leaner is not None else None


def _leaner(v: Variable) -> Variable | None:
    """``v`` without the repetition, or leading axes of length 1, that broadcasting does not need."""
    if v.owner is not None and type(v.owner.op) is BroadcastTo:
        return v.owner.inputs[0]
    return _without_leading_axes(v)


def _without_leading_axes(v: Variable) -> Variable | None:
    if isinstance(v, Constant):
        return Constant(v.data.reshape(()), v.name) if v.ndim and v.data.size == 1 else None
    owner = v.owner
    if owner is None or type(owner.op) is not DimShuffle or owner.op.order[:1] != ("x",):
        return None
    order = owner.op.order
    while order[:1] == ("x",):
        order = order[1:]
    return dimshuffle(owner.inputs[0], order)


def _may_be(leaner: Variable, v: Variable, others: Sequence[Variable], graph: Sweep) -> bool:
    """Whether an operand may be ``leaner`` in place of ``v``, which it is repeated to.

    Along what is repeated another operand must have the length. Where ``leaner`` has a length itself, which
    is checked to be that of ``v``, it must be seen to be, or another one have that, so that it is still
    compared.
    """
    for axis, n in zip(range(-v.ndim, 0), graph.shape(v), strict=True):
        having = [u for u in others if u.ndim >= -axis and u.type.shape[axis] != 1]
        if v.type.shape[axis] == 1:
            continue
        if leaner.ndim >= -axis and leaner.type.shape[axis] != 1:
            if not any(graph.shape(u)[axis] == n for u in (leaner, *having)):
                return False
        elif not having:
            return False
    return any(u.ndim >= v.ndim for u in (leaner, *others))


@rule(
    "an operand is not repeated to a length that another one has",
    node(ew.Elementwise, reading=(BroadcastTo, DimShuffle, NUMBERS)),
)
def _(node: Apply, graph: Sweep) -> Variable | None:
    inputs = list(node.inputs)
    changed = False
    for i, v in enumerate(inputs):
        leaner = _leaner(v) if v.type.shape and len(inputs) > 1 else None
        if leaner is not None:
            others = [*inputs[:i], *inputs[i + 1 :]]
            if _may_be(leaner, v, others, graph):
                inputs[i], changed = leaner, True
    return node.op.make(*inputs) if changed else None


@rule("what is computed of repeated values is computed once", node(ew.Elementwise, reading=(BroadcastTo,)))
def _(node: Apply, graph: Sweep) -> Variable | None:
    """The engine repeats the result. That values have the lengths that they are said to be repeated to is
    still to be checked, where it is not seen."""
    if ew.may_fail(node):
        # repeated 0 times it is not computed
        return None
    repeated = [v.owner is not None and type(v.owner.op) is BroadcastTo for v in node.inputs]
    once = node.op.make(*(v.owner.inputs[0] if b else v for v, b in zip(node.inputs, repeated, strict=True)))
    lengths, checked = list(graph.shape(node.outputs[0])), False
    for axis in range(-len(lengths), 0):
        wanted = {
            graph.shape(v)[axis]
            for v, b in zip(node.inputs, repeated, strict=True)
            if b and (source := v.owner.inputs[0]).ndim >= -axis and source.type.shape[axis] != 1
        }
        if len(wanted) > 1:
            return None
        if wanted and graph.shape(once)[axis] not in wanted:
            (lengths[axis],), checked = wanted, True
    return BroadcastTo().make(once, *(graph.length(n) for n in lengths)) if checked else once


@rule("a product with a row that is repeated is the row's", node(MatrixProduct, reading=(BroadcastTo,)))
def _(node: Apply, graph: Sweep) -> Variable | None:
    a, b = node.inputs
    row = a.owner.inputs[0] if a.owner is not None and type(a.owner.op) is BroadcastTo else None
    if node.op.batched or row is None or row.type.shape[:-1] not in ((), (1,)):
        return None
    if row.type.shape[-1:] in ((), (1,)):
        return None  # a number that is repeated
    rows, columns = graph.shape(node.outputs[0])
    product = node.op.make(dimshuffle(row, "x", 0) if row.ndim == 1 else row, b)
    return BroadcastTo().make(product, graph.length(rows), graph.length(columns))


@rule("new leading axes come after what is computed elementwise", node(ew.Elementwise))
def _(node: Apply) -> Variable | None:
    """Also where an operand has such an axis, of length 1, without its being new, if another one has not."""
    out = node.outputs[0]
    arrays = [v for v in node.inputs if v.type.shape]
    if out.type.shape[:1] != (1,) or is_scaling(node):
        return None
    leaner = {v: v if v.ndim < out.ndim else _without_leading_axes(v) for v in arrays}
    if all(v is None for v in leaner.values()):
        return None
    for v in arrays:
        if leaner[v] is None:
            leaner[v] = dimshuffle(v, list(range(1, v.ndim)))
    result = node.op.make(*(leaner.get(v, v) for v in node.inputs))
    return dimshuffle(result, ["x"] * (out.ndim - result.ndim) + list(range(result.ndim)))


@rule("moved axes come after what is computed elementwise", node(ew.Elementwise, reading=(DimShuffle,)))
def _(node: Apply) -> Variable | None:
    """Operands that are not moved themselves are moved back, if they are repeated along some axis."""
    rank = node.outputs[0].ndim
    moved = [v for v in node.inputs if v.ndim == rank and is_moved(v)]
    if not moved or is_scaling(node):
        return None
    order, inner_rank = moved[0].owner.op.order, moved[0].owner.inputs[0].ndim
    whole = "x" not in order and inner_rank == rank and 1 not in moved[0].type.shape
    back = [order.index(a) if a in order else "x" for a in range(inner_rank)]
    inner = []
    for v in node.inputs:
        if is_moved(v) and v.owner.op.order == order and v.owner.inputs[0].ndim == inner_rank:
            inner.append(v.owner.inputs[0])
        elif not v.type.shape:
            inner.append(v)
        elif whole and (v.ndim < rank or 1 in v.type.shape):
            gap = rank - v.ndim
            inner.append(dimshuffle(v, ["x" if i < gap else i - gap for i in back]))
        else:
            return None
    return dimshuffle(node.op.make(*inner), order)


@rule(
    "a cast is made before axes are moved or values repeated",
    node(ew.Cast, node(DimShuffle, x, as_="view")),
    node(ew.Cast, node(BroadcastTo, as_="view")),
)
def _(view: Variable, node: Apply) -> Variable:
    inner, *rest = view.owner.inputs
    return view.owner.op.make(node.op.make(inner), *rest)


def is_moved(v: Variable) -> bool:
    return v.owner is not None and type(v.owner.op) is DimShuffle


def is_scaling(node: Apply) -> bool:
    """Whether a node multiplies by a scalar (or -1), which comes after views."""
    return node.op.name == "neg" or (node.op.name == "mul" and any(not v.type.shape for v in node.inputs))


@rule(
    "moved axes of repeated values are repeated values", node(DimShuffle, node(BroadcastTo, as_="repeated"))
)
def _(repeated: Variable, node: Apply) -> Variable | None:
    x, *lengths = repeated.owner.inputs
    order = node.op.order
    gap = len(lengths) - x.ndim
    inner = [a - gap if a != "x" and a >= gap else "x" for a in order]
    one = Constant(1, dtype="int64")
    return BroadcastTo().make(dimshuffle(x, inner), *(one if a == "x" else lengths[a] for a in order))


@rule("a slice of a repeated number is the number repeated", node(BasicIndex))
def _(node: Apply) -> Variable | None:
    x = node.inputs[0]
    if x.owner is None or type(x.owner.op) is not BroadcastTo or "index" in node.op.entries:
        return None
    number = number_of(x)
    return None if number is None else Constant(number, dtype=x.dtype)


@rule("a join of one is it", node(Join, x))
def _(x: Variable) -> Variable:
    return x


# Reductions


@rule("a reduction over axes of length 1 drops them", node(Reduce, x))
def _(x: Variable, node: Apply, graph: Sweep) -> Variable | None:
    kind, axes = node.op.kind, node.op.axes
    shape = graph.shape(x)
    single = [a for a in axes if shape[a] == 1]
    if not single:
        return None
    inner = dimshuffle(x, [a for a in range(x.ndim) if a not in single])
    left = tuple(a - sum(s < a for s in single) for a in axes if a not in single)
    return Reduce(kind, left).make(inner) if left else inner


@rule("a leading axis of length 1 comes after a reduction", node(Reduce, x))
def _(x: Variable, node: Apply) -> Variable | None:
    kind, axes = node.op.kind, node.op.axes
    if x.type.shape[0] != 1 or 0 in axes:
        return None
    inner = dimshuffle(x, list(range(1, x.ndim)))
    result = Reduce(kind, tuple(a - 1 for a in axes)).make(inner)
    return dimshuffle(result, ["x", *range(result.ndim)])


@rule("a reduction of a reduction of its kind is one", node(Reduce, node(Reduce, x, as_="inner")))
def _(x: Variable, inner: Variable, node: Apply) -> Variable | None:
    kind, axes = inner.owner.op.kind, inner.owner.op.axes
    if kind != node.op.kind:
        return None
    kept = [a for a in range(x.ndim) if a not in axes]
    return Reduce(kind, tuple(sorted((*axes, *(kept[a] for a in node.op.axes))))).make(x)


@rule("a reduction sees through moved axes", node(Reduce, node(DimShuffle, x, as_="moved")))
def _(x: Variable, moved: Variable, node: Apply) -> Variable | None:
    order = moved.owner.op.order
    left = [a for i, a in enumerate(order) if i not in node.op.axes]
    axes = tuple(sorted(order[i] for i in node.op.axes if order[i] != "x"))
    drops = len([a for a in order if a != "x"]) < x.ndim
    if drops or len(axes) < len(node.op.axes):
        return None
    kept = [a for a in range(x.ndim) if a not in axes]
    return dimshuffle(Reduce(node.op.kind, axes).make(x), ["x" if a == "x" else kept.index(a) for a in left])
