"""Rewriting: from the graph as the user and T.grad wrote it to an equivalent one that is stable and fast.

``rewrite`` applies named rules (all of them in ``RULES``) phase by phase: what is written naively is
recognised and made stable, algebra brings equal formulas to one form, and that is specialised to what the
backends do best.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from ..graph import Variable
from .canonical import CANONICAL, USELESS
from .engine import rewrite_with
from .rules import Phase, Rule
from .softmax import COMPOSITES, EXPAND, SOFTMAX
from .specialize import SPECIALIZE
from .stabilize import STABILIZE
from .structure import STRUCTURE

RULES: list[Rule] = [*STRUCTURE, *USELESS, *SOFTMAX, *STABILIZE, *CANONICAL, *EXPAND, *SPECIALIZE]

_PHASES = (
    # equal nodes become one, so that it can be counted what is used once
    Phase([], once=True),
    Phase([*STRUCTURE, *USELESS, *SOFTMAX, *STABILIZE], once=True),
    Phase([*STRUCTURE, *USELESS, *SOFTMAX, *STABILIZE, *CANONICAL]),
    Phase([*STRUCTURE, *USELESS, *EXPAND], once=True, only_for=COMPOSITES),
    Phase([*STRUCTURE, *USELESS, *CANONICAL, *SPECIALIZE]),
)


def rewrite(
    results: list[Variable], stop_at: Collection[Variable] = (), fired: Counter[str] | None = None
) -> list[Variable]:
    """Variables equivalent to ``results``, of the same dtypes and dimensions, cheaper and stabler to compute.

    stop_at: the inputs of the function that is being compiled; nothing above them is looked at.
    fired: a Counter to be told how often each rule was applied.
    Errors: RewriteError if a rule fails, naming it and the node, or if rewriting does not come to an end.
    """
    return rewrite_with(_PHASES, results, stop_at, fired)


__all__ = ["RULES", "Rule", "rewrite"]
