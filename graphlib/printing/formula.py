"""``pp``: an expression as a formula on one line, with operators and only the parentheses that it needs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from ..graph import Apply, Constant, Variable, toposort
from .notation import ANYTHING, NUMBER, PRIMARY, SIGN, Template, leaf_text, template_of

# A repeated expression longer than this is given a name, so that the length of a formula grows only with
# its graph.
_LONGEST_INLINE = 16


def pp(variable: Variable) -> str:
    """The formula of a variable: ``tanh(x·W + b)``; ``·`` is the matrix product.

    Different variables of the same name are told apart: W, W_2 … What has a name of its own, or occurs more
    than once and is not short, is written once, after ``where``: under its name, or as v1, v2 …
    """
    if not isinstance(variable, Variable):
        raise TypeError(f"pp takes a variable, not {type(variable).__name__} {variable!r}")
    return _Formula(variable).text()


class _Formula:
    """One formula: which expressions have names, then the text, built from a stack as graphs are deep."""

    def __init__(self, root: Variable) -> None:
        self.root = root
        self.nodes = toposort([root])
        self.templates: dict[Apply, Template] = {node: template_of(node) for node in self.nodes}
        # what is written in place of a leaf, and of an expression that is written out elsewhere
        self.leaves: dict[Variable, str] = {}
        self.names: dict[Variable, str] = {}
        self.choose_names()

    def choose_names(self) -> None:
        """Finds what is written once and named, from the length that each expression would have in full."""
        uses = Counter(v for node in self.nodes for v in _operands(node, self.templates[node]))
        taken: set[str] = set()
        for v in uses if self.nodes else [self.root]:
            if v.owner is None:
                value = isinstance(v, Constant) and v.name is None
                self.leaves[v] = leaf_text(v) if value else _free_name(leaf_text(v), taken)
        lengths = {v: len(text) for v, text in self.leaves.items()}
        named: list[Variable] = []
        for node in self.nodes:
            template = self.templates[node]
            length = sum(len(part) for part in template.parts if isinstance(part, str))
            length += sum(lengths[v] for v in _operands(node, template))
            for v in node.outputs:
                lengths[v] = length
                own = _is_word(v.name)
                if v is not self.root and v in uses and length > _LONGEST_INLINE and (own or uses[v] > 1):
                    named.append(v)
                    lengths[v] = len(v.name) if own else 2
        # a node comes before what uses it in the order of computation, and is better read after it
        for v in reversed(named):
            self.names[v] = _free_name(v.name if _is_word(v.name) else "v1", taken)

    def text(self) -> str:
        text = "".join(self.write(self.root))
        named = [f"{name} = {''.join(self.write(v))}" for v, name in self.names.items()]
        return f"{text} where {', '.join(named)}" if named else text

    def write(self, root: Variable) -> Iterable[str]:
        """The pieces of one expression's text."""
        stack: list[str | tuple[Variable, int]] = [(root, ANYTHING)]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                yield item
                continue
            variable, least = item
            if variable in self.names and variable is not root:
                yield self.names[variable]
                continue
            node = variable.owner
            parts: list[str | tuple[Variable, int]]
            if node is None:
                parts, tightness = [self.leaves[variable]], _leaf_tightness(variable)
            else:
                template = self.templates[node]
                parts = [p if isinstance(p, str) else (node.inputs[p[0]], p[1]) for p in template.parts]
                tightness = template.tightness
                if len(node.outputs) > 1:
                    parts, tightness = [*_closed(parts, tightness), f"[{variable.index}]"], PRIMARY
            stack += reversed(parts if tightness >= least else ["(", *parts, ")"])


def _closed(parts: list, tightness: int) -> list:
    return parts if tightness == PRIMARY else ["(", *parts, ")"]


def _operands(node: Apply, template: Template) -> list[Variable]:
    """The operands that are written; a template may leave some out."""
    return [node.inputs[part[0]] for part in template.parts if not isinstance(part, str)]


def _leaf_tightness(variable: Variable) -> int:
    if not isinstance(variable, Constant) or variable.name is not None or variable.ndim:
        return PRIMARY
    value = variable.data.item()
    return SIGN if not isinstance(value, bool) and math.copysign(1, value) < 0 else NUMBER


def _is_word(name: str | None) -> bool:
    return name is not None and re.fullmatch(r"\w+", name) is not None


def _free_name(wanted: str, taken: set[str]) -> str:
    """``wanted``, or the first of its numbered forms that is not taken: W, W_2, W_3 … or v1, v2, v3 …"""
    name = wanted
    if name in taken:
        stem = "v" if wanted == "v1" else f"{wanted}_"
        name = next(f"{stem}{i}" for i in range(2, len(taken) + 3) if f"{stem}{i}" not in taken)
    taken.add(name)
    return name
