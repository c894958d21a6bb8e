"""Rewriting: from the graph as the user and T.grad wrote it to an equivalent one that is stable and fast.

``rewrite`` applies named rules (all of them in ``RULES``) phase by phase: what is written naively is
recognised and made stable, algebra brings equal formulas to one form, and that is specialised to what the
backends do best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import partial

from ..graph import Apply, Constant, Variable, clone, toposort
from ..ops.elementwise import Elementwise
from . import scan
from .canonical import BEFORE_SUMS, CANONICAL, USELESS
from .engine import rewrite_with
from .logarithms import LOGARITHMS
from .means import MEANS
from .rules import Phase, Rule
from .softmax import COMPOSITES, EXPAND, SOFTMAX
from .sparse_updates import NOTHING_ADDED, computed_for_rows_used
from .specialize import SPECIALIZE
from .stabilize import STABILIZE
from .views import AFTER_GRADIENTS, VIEWS

RULES: list[Rule] = [
    *VIEWS,
    *AFTER_GRADIENTS,
    *USELESS,
    *SOFTMAX,
    *STABILIZE,
    *LOGARITHMS,
    *CANONICAL,
    *BEFORE_SUMS,
    *MEANS,
    *EXPAND,
    *SPECIALIZE,
]

#: what rounds to 0, 1 or infinity: its logarithm, if one is taken, is to be recognised first
_ROUNDS_AWAY = frozenset(("exp", "exp2", "sigmoid", "softplus", "tanh", "erf", "erfc"))


#: without any of these there is nothing to stabilise
_TRIGGERS = frozenset(("exp", "log", "log1p", "log2", "log10", "xlogy0"))


def _folded_early(node: Apply) -> bool:
    return not (type(node.op) is Elementwise and node.op.name in _ROUNDS_AWAY)


_STABLE = (SOFTMAX, STABILIZE, LOGARITHMS)

#: what changes nothing but stability
_STABILIZING = (Phase(VIEWS, *_STABLE, folds=lambda node: False),)

#: before loops are looked at: equal nodes are one, views are simple, logarithms of outputs have moved inside
_PLAIN = (
    Phase(once=True, folds=_folded_early),
    Phase(VIEWS, AFTER_GRADIENTS, USELESS, *_STABLE, once=True, folds=_folded_early),
)

_PHASES = (
    # equal nodes become one, so that it can be counted what is used once
    Phase(once=True, folds=_folded_early),
    Phase(VIEWS, AFTER_GRADIENTS, USELESS, *_STABLE, once=True, folds=_folded_early),
    Phase(VIEWS, AFTER_GRADIENTS, USELESS, *_STABLE, CANONICAL, BEFORE_SUMS, MEANS),
    Phase(VIEWS, AFTER_GRADIENTS, USELESS, EXPAND, once=True, only_for=COMPOSITES),
    Phase(VIEWS, AFTER_GRADIENTS, USELESS, CANONICAL, SPECIALIZE),
)
#: for what is left of an expression where no row was added to a gradient; its rules are for that alone
_WITHOUT_ROWS = (Phase(VIEWS, AFTER_GRADIENTS, USELESS, *_STABLE, CANONICAL, BEFORE_SUMS, NOTHING_ADDED),)


def stabilized(results: list[Variable], stop_at: Collection[Variable] = ()) -> list[Variable]:
    """Variables equal to ``results`` but for rounding, computed in a form that neither overflows nor cancels.

    ``T.grad`` differentiates this form, so that gradients are stable too; steps of loops have it, and mode
    ``reference`` computes it.  Looks at nothing above ``stop_at``, whose variables stay what they are.
    """
    if not any(_may_round_away(node) for node in toposort(results, stop_at)):
        return results
    # a constant to differentiate by is not the same as another one of its value
    constants = {v: v.type(v.name) for v in stop_at if isinstance(v, Constant)}
    inner = rewrite_with(_STABILIZING, clone(results, constants), stop_at)
    return clone(inner, {leaf: v for v, leaf in constants.items()})


def _may_round_away(node: Apply) -> bool:
    return type(node.op) is Elementwise and node.op.name in _TRIGGERS


def rewrite(
    results: list[Variable], stop_at: Collection[Variable] = (), fired: Counter[str] | None = None
) -> list[Variable]:
    """Variables equivalent to ``results``, of the same dtypes and dimensions, cheaper and stabler to compute.

    stop_at: the inputs of the function that is being compiled; nothing above them is looked at.
    fired: a Counter to be told how often each rule was applied.
    Errors: RewriteError if a rule fails, naming it and the node, or if rewriting does not come to an end.
    """
    if not scan.has_loops(results, stop_at):
        return _flat(results, stop_at, fired)
    results = _flat(loops_made_cheap(results, stop_at, fired), stop_at, fired)
    results = scan.each_loop(results, stop_at, scan.shrunk)
    return scan.each_loop(results, stop_at, partial(scan.finished, rewrite=partial(rewrite, fired=fired)))


def _flat(
    results: list[Variable], stop_at: Collection[Variable], fired: Counter[str] | None
) -> list[Variable]:
    """``results`` with all rules applied; loops are operations like others."""
    results = rewrite_with(_PHASES, results, stop_at, fired)
    rows = computed_for_rows_used(results, stop_at, partial(rewrite_with, _WITHOUT_ROWS))
    return results if rows is results else rewrite_with(_PHASES[-1:], rows, stop_at, fired)


def loops_made_cheap(
    results: list[Variable], stop_at: Collection[Variable] = (), fired: Counter[str] | None = None
) -> list[Variable]:
    """The graph with its loops, and those inside them, reduced to what must be done step by step."""

    def inside(node: Apply, uses: scan.Uses) -> dict[Variable, Variable]:
        return scan.finished(node, uses, rewrite=lambda ends: loops_made_cheap(ends, (), fired))

    results = rewrite_with(_PLAIN, results, stop_at, fired)
    if not scan.has_loops(results, stop_at):
        return results
    results = scan.merged(results, stop_at)
    for change in (scan.shrunk, inside, scan.hoisted, scan.shrunk):
        results = scan.each_loop(results, stop_at, change)
    return results


__all__ = ["RULES", "Rule", "loops_made_cheap", "rewrite", "stabilized"]
