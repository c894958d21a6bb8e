"""Which elements of a gradient can be other than 0, as far as choices between branches decide it.

Through the branch that ``switch`` did not take comes a gradient of 0.  The derivatives of what the branch is
computed by may be infinite there, as that of log at 0, and 0 times infinity is NaN: so the factor is moved
into the choice, as Theano does.  ``switch(c, g, 0) / x`` becomes ``switch(c, g / x, 0)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..graph import Apply, Constant, Variable
from ..ops.barriers import GradientBarrier
from ..ops.elementwise import Cast, Elementwise, switch
from ..ops.reduce import Reduce, broadcast_like
from ..ops.shape import BroadcastTo, DimShuffle, Reshape, SpecifyShape
from .cuts import is_zero

#: elementwise functions that some number, or their derivative, is infinite or NaN for
_UNBOUNDED = frozenset(
    """log log2 log10 log1p sqrt inv true_div pow exp exp2 expm1 sinh cosh tan arcsin arccos arccosh arctanh
    arctan2 erfcx log_erfc gammaln psi logaddexp log1mexp xlogx xlogy0""".split()
)

#: whose gradient is that of their output, or 0: nothing is multiplied
_PASSING = frozenset("identity neg add sub switch maximum minimum".split())

#: a branch is searched for functions that may be infinite as far as this many operations
_SEARCHED = 100


class Choice(NamedTuple):
    """A gradient is 0 where ``condition`` is not ``taken``.

    ``by_switch``: the user's choice, not that of a maximum: all of its branch may be NaN.
    """

    condition: Variable
    taken: bool
    by_switch: bool

    def of(self, g: Variable) -> Variable:
        """``g``, and 0 where the branch was not taken."""
        return switch(self.condition, g, 0) if self.taken else switch(self.condition, 0, g)


class Choices:
    """For variables the choices that all terms of their gradients depend on."""

    def __init__(self) -> None:
        self._known: dict[Variable, list[Choice]] = {}

    def note(self, variable: Variable, choices: Iterable[Choice] = ()) -> None:
        """Another term of a variable's gradient depends on these."""
        before = self._known.get(variable)
        self._known[variable] = [c for c in choices if before is None or c in before]

    def gradient(
        self, node: Apply, grads: list[Variable], *cut: object
    ) -> list[tuple[Variable | None, list[Choice]]]:
        """For each input of a node its gradient, 0 where its branch was not taken, and what it depends on."""
        op, known = node.op, self._known.get(node.outputs[0], [])
        if type(op) is not Elementwise:
            found = [(g, []) for g in op.gradient(node, grads, *cut)]
            return [(found[0][0], _seen_through(node, known)), *found[1:]] if known else found
        passing = _passes(node)
        limits = [c for c in known if not passing and (c.by_switch or op.name in _UNBOUNDED)]

        def limited(g: Variable) -> Variable:
            for choice in limits:
                g = choice.of(g)
            return g

        result: list[tuple[Variable | None, list[Choice]]] = []
        for v, g in zip(node.inputs, op.gradient(node, grads, limited), strict=True):
            made = _made(g, v, op.name == "switch") if isinstance(g, Variable) else []
            result.append((g, [c for c in (*known, *made) if _fits(c.condition, v)]))
        return result


def _fits(condition: Variable, v: Variable) -> bool:
    """Whether a condition broadcasts to the shape of ``v`` and not beyond."""
    shape = v.type.shape[v.ndim - condition.ndim :]
    return condition.ndim <= v.ndim and all(
        n == 1 or m != 1 for n, m in zip(condition.type.shape, shape, strict=True)
    )


def _seen_through(node: Apply, known: list[Choice]) -> list[Choice]:
    """Choices by the output of an operation that moves elements, or repeats them, as ones by its input."""
    op, out = node.op, node.outputs[0]
    if isinstance(op, (Cast, GradientBarrier)):
        return known
    if type(op) not in (DimShuffle, Reshape, SpecifyShape) and not (type(op) is Reduce and op.kind == "sum"):
        return []

    def moved(condition: Variable) -> Variable:
        if not condition.ndim:
            return condition
        whole = condition if condition.type.shape == out.type.shape else broadcast_like(condition, out)
        return op.gradient(node, [whole])[0]

    return [c._replace(condition=moved(c.condition)) for c in known]


def _may_fail(branch: Variable, by_switch: bool) -> bool:
    """Whether something elementwise in a branch may be infinite or NaN, or multiplies by what may be.

    Behind a choice by the user that is anything that multiplies: what was chosen in place of NaN, as in
    ``switch(missing, 0, x * switch(missing, 0, t))``, is seen through before the cost is differentiated.
    """
    pending, seen = [branch], {branch}
    while pending and len(seen) < _SEARCHED:
        node = pending.pop().owner
        if node is None or not (type(node.op) in (Elementwise, Cast, Reduce) or node.op.view):
            continue
        name = getattr(node.op, "name", None)
        constant = name in ("true_div", "pow") and _is_constant(node.inputs[1])
        if name in _UNBOUNDED and not (constant and name == "true_div"):
            return True
        if by_switch and type(node.op) is Elementwise and not constant and not _passes(node):
            return True
        new = [v for v in node.inputs if v not in seen]
        pending += new
        seen.update(new)
    return bool(pending)


def _passes(node: Apply) -> bool:
    """Whether an elementwise operation's gradient is that of its output, or 0, times a constant at most."""
    return node.op.name in _PASSING or (node.op.name == "mul" and any(map(_is_constant, node.inputs)))


def _is_constant(v: Variable) -> bool:
    """Whether a factor is a constant and finite, so that it makes 0 of 0."""
    while v.owner is not None and isinstance(v.owner.op, BroadcastTo):
        v = v.owner.inputs[0]
    return isinstance(v, Constant) and bool(np.isfinite(v.data).all())


def _made(g: Variable, v: Variable, by_switch: bool) -> list[Choice]:
    """The choice that the gradient by ``v`` is, if it is one between something and 0."""
    node = g.owner
    if (
        node is None
        or type(node.op) is not Elementwise
        or node.op.name != "switch"
        or not _may_fail(v, by_switch)
    ):
        return []
    condition, a, b = node.inputs
    return [] if is_zero(a) == is_zero(b) else [Choice(condition, is_zero(b), by_switch)]
