"""Rules with names, sets of them by purpose, and the index that finds the few that may fit a node.

What may fit is decided by the operation of a node and those of its operands; the answer is kept for the next
node of the kind.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from ..graph import Apply, Variable
from ..ops import elementwise as ew
from ..ops.op import Op
from .patterns import Alternative, Call

if TYPE_CHECKING:
    from .engine import Sweep


class Composite(Op):
    """The base of operations that only the rewriter has: its last rules write them out for the backends."""


class Rule:
    """A named rule: where one of its patterns matches, the function returns an equivalent variable.

    The function may still say no by None.  Its parameters are the pattern's captures; ``node`` is the node
    that matched and ``graph`` the engine's Sweep.
    """

    def __init__(self, name: str, group: str, patterns: Iterable[Call], function: Callable) -> None:
        self.name = name
        self.group = group
        self.function = function
        self.doc = inspect.cleandoc(function.__doc__ or name)
        self.alternatives = [a for pattern in patterns for a in pattern.alternatives()]
        self._parameters = tuple(inspect.signature(function).parameters)

    def apply(self, graph: Sweep, node: Apply, alternative: Alternative) -> Variable | None:
        """What becomes of the node's output; None where the pattern or the function says no."""
        found: dict[str, Any] = {}
        if not alternative.match(node.outputs[0], found):
            return None
        found["node"], found["graph"] = node, graph
        return self.function(*[found[name] for name in self._parameters])

    def __repr__(self) -> str:
        return f"<rule {self.name!r} of {self.group}>"


class RuleSet(list):
    """Rules with one purpose, in the order in which they are tried; ``rule`` decorates their functions."""

    #: every set that there is
    all: ClassVar[list[RuleSet]] = []

    def __init__(self, group: str) -> None:
        super().__init__()
        RuleSet.all.append(self)
        self.group = group
        self.phases: list[Phase] = []

    def rule(self, name: str, *patterns: Call) -> Callable[[Callable], Callable]:
        """Make the function a rule called ``name`` that starts at any of the patterns."""

        def decorate(function: Callable) -> Callable:
            self.append(Rule(name, self.group, patterns, function))
            for phase in self.phases:
                phase.forget()
            return function

        return decorate


class Phase:
    """Rules that are applied together: in sweeps until nothing changes, or ``once``.

    only_for: classes of operations; a graph without any of them is left as it is.
    folds: which nodes of constants are replaced by their values.
    """

    def __init__(
        self,
        *sets: RuleSet,
        once: bool = False,
        only_for: Iterable[type] = (),
        folds: Callable[[Apply], bool] = lambda node: True,
    ) -> None:
        self.once = once
        self.folds = folds
        self.only_for = frozenset(only_for)
        self._sets = sets
        self._candidates: dict[tuple, tuple[tuple[Rule, Alternative], ...]] = {}
        for rules in sets:
            rules.phases.append(self)
        self.forget()

    def forget(self) -> None:
        """Look at the sets again, to which a rule was added."""
        self._candidates.clear()
        self._alternatives = [(rule, a) for rules in self._sets for rule in rules for a in rule.alternatives]

    def candidates(self, signature: tuple) -> tuple[tuple[Rule, Alternative], ...]:
        """The rules that may fit a node of that signature, each with the form of its pattern that does."""
        found = self._candidates.get(signature)
        if found is None:
            kind, *operands = signature
            kinds = (kind, ew.Elementwise) if isinstance(kind, str) else (kind,)
            found = tuple((r, a) for r, a in self._alternatives if a.kind in kinds and a.may_match(operands))
            self._candidates[signature] = found
        return found
