"""Logarithms of probabilities, taken where the probability is made.

A probability that was rounded to 0 or 1 has lost its logarithm.  So the logarithm goes down to the sigmoid,
softmax or exponential: through products and quotients of positive numbers, and through what only carries
elements from one place to another (views, joins, choices, parts that are set, the outputs of loops), after
whatever stands between, as the 1 - of 1 - p.  Nothing moves where no such source is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.barriers import GradientBarrier
from ..ops.index import BasicIndex
from ..ops.join import Join
from ..ops.reduce import Reduce
from ..ops.scan import Scan, extended
from ..ops.shape import BroadcastTo, ShapeI
from ..ops.shape_rules import constant_int
from ..ops.write import AdvancedWrite, BasicWrite
from .engine import Sweep, rewrite_with
from .patterns import Capture, P, node, number_of
from .rules import RuleSet
from .softmax import LogSumExp, Softmax

LOGARITHMS = RuleSet("logarithms")
rule = LOGARITHMS.rule

x, y = Capture("x"), Capture("y")

#: how far below a logarithm its source may be
_DEPTH = 12

_WRITES = (BasicWrite, AdvancedWrite)

#: elementwise functions whose logarithm, or that of 1 + or 1 - them, is known
_SOURCES = frozenset(("exp", "sigmoid", "softplus", "tanh", "erf", "erfc"))


def name_of(v: Variable) -> str | None:
    """The name of the elementwise operation that made ``v``."""
    node = v.owner
    return node.op.name if node is not None and type(node.op) is ew.Elementwise else None


def is_view(node: Apply) -> bool:
    """Whether a node only reads its first operand at another index; barriers have gradients of their own."""
    return (node.op.view and not isinstance(node.op, GradientBarrier)) or isinstance(node.op, BroadcastTo)


def carried(v: Variable) -> range:
    """The numbers of the operands whose elements those of ``v`` are, if that is all that its node does."""
    node = v.owner
    if node is None:
        return range(0)
    kind = type(node.op)
    if is_view(node):
        return range(1)
    if kind is Join:
        return range(len(node.inputs))
    if kind in _WRITES and node.op.mode == "set":
        return range(2)
    if name_of(v) == "switch":
        return range(1, 3)
    if kind is ew.Cast and v.type.is_float and node.inputs[0].type.is_float:
        return range(1)
    return range(0)


def parts(v: Variable) -> list[Variable]:
    """The variables whose elements those of ``v`` are; the row of each step, if a loop made it."""
    from_loop = _loop_output(v)
    return [from_loop[1]] if from_loop is not None else [v.owner.inputs[k] for k in carried(v)]


def affine(v: Variable) -> Variable | None:
    """u, if ``v`` is -u, c + u, u - c or c - u."""
    name = name_of(v)
    if name == "neg":
        return v.owner.inputs[0]
    if name in ("add", "sub"):
        a, b = v.owner.inputs
        if number_of(a) is not None:
            return b
        if number_of(b) is not None:
            return a
    return None


def is_positive(v: Variable, depth: int = _DEPTH) -> bool:
    """Whether ``v`` is positive but for rounding: exponentials, probabilities, products and sums of those."""
    if depth == 0 or not v.type.is_float:
        return False
    number = number_of(v)
    if number is not None:
        return number > 0
    node, name = v.owner, name_of(v)
    if node is None:
        return False
    if name in ("exp", "sigmoid", "softplus", "erfc") or is_softmax(v):
        return True
    if name in ("add", "sub") and _one_and(v, depth):
        return True
    if name in ("mul", "true_div", "add", "inv", "sqrt"):
        return all(is_positive(u, depth - 1) for u in node.inputs)
    if type(node.op) is Reduce:
        return node.op.kind in ("sum", "prod", "max", "min") and is_positive(node.inputs[0], depth - 1)
    if type(node.op) is ew.Cast and not node.inputs[0].type.is_float:
        return is_count(node.inputs[0])
    found = parts(v)
    return bool(found) and all(is_positive(u, depth - 1) for u in found)


def is_count(v: Variable) -> bool:
    """Whether ``v`` is the length of an axis, or a product of such lengths."""
    node = v.owner
    if name_of(v) == "mul":
        return all(is_count(u) for u in node.inputs)
    return (number_of(v) or 0) > 0 or (node is not None and type(node.op) is ShapeI)


def _one_and(v: Variable, depth: int) -> bool:
    """Whether ``v`` is 1 + u, u + 1 or 1 - u with a u that is not beyond -1 or 1 but for rounding."""
    a, b = v.owner.inputs
    if name_of(v) == "add" and number_of(b) == 1:
        a, b = b, a
    return number_of(a) == 1 and is_bounded(b, depth - 1)


def is_bounded(v: Variable, depth: int = _DEPTH) -> bool:
    """Whether ``v`` is between -1 and 1 but for rounding: probabilities, tanh, erf, and products of those."""
    if depth == 0 or not v.type.is_float:
        return False
    number, name = number_of(v), name_of(v)
    if number is not None:
        return abs(number) <= 1
    if name in ("sigmoid", "tanh", "erf") or is_softmax(v):
        return True
    found = v.owner.inputs if name in ("mul", "neg") else parts(v)
    return bool(found) and all(is_bounded(u, depth - 1) for u in found)


def is_softmax(v: Variable) -> bool:
    return v.owner is not None and type(v.owner.op) is Softmax


def source(v: Variable) -> Variable:
    """What a chain of views was taken of."""
    while v.owner is not None and is_view(v.owner):
        v = v.owner.inputs[0]
    return v


def leads(v: Variable, depth: int = _DEPTH) -> bool:
    """Whether ``v``, behind what carries it and additions of numbers, is made by one of the sources."""
    if depth == 0 or v.owner is None:
        return False
    node, name = v.owner, name_of(v)
    if name in _SOURCES or is_softmax(v):
        return True
    u = affine(v)
    if u is not None:
        return leads(u, depth - 1)
    if name in ("mul", "true_div", "inv", "sqrt"):
        return is_positive(v) and any(leads(i, depth - 1) for i in node.inputs)
    if type(node.op) is Reduce:
        return node.op.kind in ("sum", "prod") and is_positive(v) and leads(node.inputs[0], depth - 1)
    return any(leads(u, depth - 1) for u in parts(v))


# Through products and powers


@rule("the logarithm of a product of positive numbers is a sum", P.log(x * y))
def _(x: Variable, y: Variable, node: Apply) -> Variable | None:
    return ew.add(ew.log(x), ew.log(y)) if _splits(node.inputs[0]) else None


@rule("the logarithm of a quotient of positive numbers is a difference", P.log(P.true_div(x, y)))
def _(x: Variable, y: Variable, node: Apply) -> Variable | None:
    return ew.sub(ew.log(x), ew.log(y)) if _splits(node.inputs[0]) else None


@rule("the logarithm of an inverse is minus the logarithm", P.log(P.inv(x)))
def _(x: Variable, node: Apply) -> Variable | None:
    return ew.neg(ew.log(x)) if _splits(node.inputs[0]) else None


@rule("the logarithm of a root is half the logarithm", P.log(P.sqrt(x)))
def _(x: Variable, node: Apply) -> Variable | None:
    return ew.mul(0.5, ew.log(x)) if _splits(node.inputs[0]) else None


@rule("the logarithm of a product over axes is a sum over them", P.log(node(Reduce, x, kind="prod", as_="v")))
def _(x: Variable, v: Variable) -> Variable | None:
    return Reduce("sum", v.owner.op.axes).make(ew.log(x)) if _splits(v) else None


@rule(
    "the logarithm of a sum of positive numbers is relative to the greatest",
    P.log(node(Reduce, x, kind="sum", as_="v")),
)
def _(x: Variable, v: Variable) -> Variable | None:
    return LogSumExp(v.owner.op.axes).make(ew.log(x)) if _splits(v) else None


@rule("log2 and log10 of what has a natural logarithm are multiples of it", P.log2(x), P.log10(x))
def _(x: Variable, node: Apply) -> Variable | None:
    base = 2 if node.op.name == "log2" else 10
    return ew.mul(1 / math.log(base), ew.log(x)) if is_positive(x) and leads(x) else None


@rule("x log(y), 0 where x is 0, with a logarithm that is known", P.xlogy0(x, y))
def _(x: Variable, y: Variable) -> Variable | None:
    """The logarithm of an exponential may be -inf: 0 times that is 0 as well."""
    if not is_positive(y) or not leads(y):
        return None
    logarithm = ew.log(y)
    if name_of(source(y)) == "sigmoid":
        return ew.mul(x, logarithm)
    return ew.switch(ew.and_(ew.eq(x, 0), ew.isinf(logarithm)), 0, ew.mul(x, logarithm))


def _splits(v: Variable) -> bool:
    return is_positive(v) and leads(v)


# Through what carries elements


@rule("a logarithm is taken before its operand is carried elsewhere", P.log(), P.log1p())
def _(node: Apply, graph: Sweep) -> Variable | None:
    """log(1 - p[places]) is log(1 - p)[places], if p is a sigmoid."""
    (v,) = node.inputs
    steps: list[Apply] = []
    while (u := affine(v)) is not None and len(steps) < _DEPTH:
        steps.append(v.owner)
        v = u
    from_loop = _loop_output(v)
    if (from_loop is None and not carried(v)) or not leads(v):
        return None

    def before(part: Variable) -> Variable:
        """The logarithm of a part of ``v``, with what is done to ``v`` first."""
        for step in reversed(steps):
            own = affine(step.outputs[0])
            part = step.op.make(
                *(part if i is own else Constant(number_of(i), dtype=part.dtype) for i in step.inputs)
            )
        return node.op.make(part)

    if from_loop is not None:
        loop, row = from_loop
        form = (node.op.name, *((step.op.name, *map(number_of, step.inputs)) for step in steps))
        return _in_the_loop(loop, row, form, before, graph)
    op, inputs = v.owner.op, list(v.owner.inputs)
    for k in carried(v):
        inputs[k] = before(inputs[k])
    made = op.make(*inputs)
    return made[v.index] if isinstance(made, list) else made


# Across the border of a loop


def _loop_output(v: Variable) -> tuple[Apply, Variable] | None:
    """(loop, inner variable) if ``v`` holds that variable's value of each step: a mapped output, or the
    history of a state after its initial values."""
    node = v.owner
    if node is None:
        return None
    if isinstance(node.op, Scan):
        mapped = node.op.results(node).mapped
        return (node, node.op.mapped_rows[mapped.index(v)]) if v in mapped else None
    if type(node.op) is not BasicIndex or node.op.entries[0] != (True, False, 1) or any(node.op.entries[1:]):
        return None
    history, start = node.inputs
    loop = history.owner
    if loop is None or not isinstance(loop.op, Scan):
        return None
    histories = loop.op.results(loop).histories
    k = histories.index(history) if history in histories else None
    if k is None or constant_int(start) != loop.op.states[k].depth:
        return None
    return loop, loop.op.new[k]


def _in_the_loop(
    loop: Apply, row: Variable, form: tuple, before: Callable[[Variable], Variable], graph: Sweep
) -> Variable:
    """The logarithm of a row as another output of the loop, with those of other logarithms that are likely to
    be asked for: gradients go back through one loop, not through one for each logarithm."""
    known = graph.graph.extended.setdefault(loop, {})
    if (row, form) not in known:
        wanted = {(row, form): before(row)}
        for other in dict.fromkeys((*loop.op.mapped_rows, *loop.op.new)):
            if other.type.is_float and leads(other) and name_of(source(other)) == "sigmoid":
                wanted.setdefault((other, ("log",)), ew.log(other))
                wanted.setdefault((other, ("log1p", ("neg", None))), ew.log1p(ew.neg(other)))
        rows = rewrite_with((graph.phase,), list(wanted.values()))
        more = extended(loop.op, loop, rows)
        known.update(zip(wanted, more.op.results(more).mapped[loop.op.mapped :], strict=True))
    return known[row, form]
