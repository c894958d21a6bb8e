"""What is left of something when its mean is taken away adds up to nothing, and is not added up.

The gradient of a variance by the mean in it is such a sum, for which the gradient of a normalisation would go
once more over all that is normalised.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.reduce import Reduce
from ..ops.shape import BroadcastTo, DimShuffle, dimshuffle
from .algebra import Product, factors
from .engine import Sweep
from .patterns import node
from .rules import RuleSet

MEANS = RuleSet("means")


@MEANS.rule("what is left of x without its mean adds up to nothing", node(Reduce, kind="sum"))
def _(node: Apply, graph: Sweep) -> Variable | None:
    (total,) = node.inputs
    name = total.owner.op.name if total.owner is not None and type(total.owner.op) is ew.Elementwise else ""
    if not total.type.is_float or name not in ("add", "sub", "mul", "true_div", "neg"):
        return None
    if name not in ("add", "sub"):
        return _nothing(total, total, node.op.axes, graph)
    x, y = total.owner.inputs
    for one, other in ((y, x), (x, y)):
        nothing = _nothing(one, total, node.op.axes, graph) if _is_whole(other, total) else None
        if nothing is not None:
            rest = node.op.make(other)
            if name == "add":
                return ew.add(rest, nothing)
            return ew.sub(rest, nothing) if other is x else ew.sub(nothing, rest)
    return _nothing(total, total, node.op.axes, graph) if name == "sub" else None


def _nothing(v: Variable, total: Variable, axes: tuple[int, ...], graph: Sweep) -> Variable | None:
    """The sum over axes of what is left of something without its mean over these, times what is the same
    along them: 0, or NaN where the mean is not finite.  None of anything else."""
    product = factors(v, graph)
    for left in product.over if _is_whole(v, total) else ():
        mean = _mean_taken_away(left, axes, graph) if _is_whole(left, total) else None
        if mean is not None:
            others = product.without(left)
            if all(_is_same_along(o, axes, v.ndim) for o in (*others.over, *others.under)):
                return _without((others * ew.mul(mean, 0)).variable(v.dtype), axes, v.ndim)
    return None


def _is_whole(v: Variable, total: Variable) -> bool:
    """Whether a term or a factor of ``total`` has all of its axes and is repeated along none."""
    pairs = zip(v.type.shape, total.type.shape, strict=True) if v.ndim == total.ndim else ()
    return v.ndim == total.ndim and all(n != 1 or m == 1 for n, m in pairs)


def _mean_taken_away(v: Variable, axes: tuple[int, ...], graph: Sweep) -> Variable | None:
    """The mean over axes, if ``v`` is something less its mean."""
    difference = v.owner
    if difference is None or type(difference.op) is not ew.Elementwise or difference.op.name != "sub":
        return None
    whole, mean = difference.inputs
    if not _is_whole(whole, v):
        return None
    quotient = factors(mean, graph)
    sums = [o for o in quotient.over if _is_sum_of(o, whole, axes)]
    if len(sums) != 1 or not _is_one_over(
        quotient.without(*sums), (graph.shape(whole)[a] for a in axes), graph
    ):
        return None
    return mean


def _is_sum_of(v: Variable, whole: Variable, axes: tuple[int, ...]) -> bool:
    """Whether ``v`` is the sum of ``whole`` over axes, each element in line with what it is the sum of."""
    kept = [a for a in range(whole.ndim) if a not in axes]
    while v.owner is not None and type(v.owner.op) is BroadcastTo:
        v = v.owner.inputs[0]
    order: tuple = tuple(range(v.ndim))
    if v.owner is not None and type(v.owner.op) is DimShuffle:
        order, v = v.owner.op.order, v.owner.inputs[0]
    is_sum = v.owner is not None and type(v.owner.op) is Reduce and v.owner.op.kind == "sum"
    if not is_sum or v.owner.op.axes != axes or v.owner.inputs[0] is not whole:
        return False
    first = whole.ndim - len(order)
    return all(a == "x" or kept[a] == first + k for k, a in enumerate(order))


def _is_one_over(quotient: Product, lengths: Iterable, graph: Sweep) -> bool:
    """Whether a product is 1 over the product of some lengths."""
    number, named = 1, Counter()
    for n in lengths:
        if isinstance(n, int):
            number *= n
        else:
            named[_formula(n, graph)] += 1
    found = 1.0 / quotient.coefficient if quotient.coefficient else 0.0
    under = list(quotient.under)
    for v in quotient.over:
        if v.owner is None or type(v.owner.op) is not ew.Elementwise or v.owner.op.name != "inv":
            return False
        under += v.owner.inputs
    while under:
        v = under.pop()
        op = v.owner.op if v.owner is not None else None
        if isinstance(v, Constant) and v.data.size == 1:
            found *= float(v.data.reshape(()))
        elif type(op) is ew.Cast or (type(op) is ew.Elementwise and op.name == "mul"):
            under += v.owner.inputs
        elif v.dtype == "int64" and not v.type.shape:
            named[_formula(v, graph)] -= 1
        else:
            return False
    return not any(named.values()) and math.isclose(found, number, rel_tol=1e-7)


def _formula(length: Any, graph: Sweep) -> Any:
    """A length, or how it is computed of others, so that those compare equal that are computed alike."""
    name = graph.graph.lengths.of_scalar(length) if isinstance(length, Variable) else length
    if not isinstance(name, Variable) or name.owner is None:
        return name
    operands = [_formula(v, graph) for v in name.owner.inputs]
    if type(name.owner.op) is ew.Elementwise and name.owner.op.name in ("add", "sub") and operands[1] == 0:
        # a length and no padding
        return operands[0]
    return (name.owner.op, *operands)


def _is_same_along(v: Variable, axes: tuple[int, ...], ndim: int) -> bool:
    """Whether a factor of what has ``ndim`` axes does not change along some of them."""
    return all(a < ndim - v.ndim or v.type.shape[a - ndim] == 1 for a in axes)


def _without(v: Variable, axes: tuple[int, ...], ndim: int) -> Variable:
    """A factor of what has ``ndim`` axes without those along which it does not change."""
    return dimshuffle(v, [a for a in range(v.ndim) if a + ndim - v.ndim not in axes])


__all__ = ["MEANS"]
