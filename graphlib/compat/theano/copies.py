"""``theano.gof.graph``: graphs copied from their inputs on, and written as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any

from ... import graph
from ...graph import Constant, Shared, Variable, toposort
from .aliases import Alias
from .own_types import is_own

__all__ = [
    "as_string",
    "clone",
    "clone_get_equiv",
    "default_leaf_formatter",
    "default_node_formatter",
]


def like(v: Variable) -> Variable:
    """Another variable of the same type and name, with the same attributes: of a shared one another of the
    same value, of a constant another constant."""
    if isinstance(v, Shared):
        made: Variable = Alias(v)
    elif isinstance(v, Constant):
        made = Constant(v.data, v.name)
    else:
        made = v.type(v.name) if not is_own(v) else copy(v)
    made.__dict__.update(v.__dict__)
    return made


def clone(
    i: Sequence[Variable], o: Sequence[Variable], copy_inputs: bool = True, copy_orphans: bool | None = None
) -> tuple[list[Variable], list[Variable]]:
    """The inputs and the outputs of a copy of the graph from ``i`` to ``o``.

    copy_inputs: whether the inputs are new ones. copy_orphans: whether other variables that nothing computes
    are; None: as the inputs.
    """
    made = clone_get_equiv(i, o, copy_inputs, copy_inputs if copy_orphans is None else copy_orphans)
    return [made[v] for v in i], [made[v] for v in o]


def clone_get_equiv(
    inputs: Sequence[Variable],
    outputs: Sequence[Variable],
    copy_inputs: bool = True,
    copy_orphans: bool = True,
    memo: dict | None = None,
) -> dict:
    """What became of each variable and node in a copy of the graph from ``inputs`` to ``outputs``; ``memo``:
    what became of some before, which is added to."""
    made = {} if memo is None else memo
    for v in inputs:
        made.setdefault(v, like(v) if copy_inputs else v)
    for node in toposort(outputs, stop_at=tuple(inputs)):
        for v in node.inputs:
            if v not in made:
                made[v] = like(v) if copy_orphans else v
        other = graph.Apply(
            node.op, [made[v] for v in node.inputs], [v.type for v in node.outputs], node.outputs[0].origin
        )
        made[node] = other
        for old, new in zip(node.outputs, other.outputs, strict=True):
            new.name = old.name
            new.__dict__.update(old.__dict__)
            made[old] = new
    for v in outputs:
        if v not in made:
            made[v] = like(v) if copy_orphans else v
    return made


def default_leaf_formatter(leaf: Variable) -> str:
    """A variable that nothing computes, as text."""
    return str(leaf)


def default_node_formatter(node: Any, argstrings: Sequence[str]) -> str:
    """A node, as text, of its operands'."""
    return f"{node.op}({', '.join(argstrings)})"


def as_string(
    i: Iterable[Variable],
    o: Sequence[Variable],
    leaf_formatter: Callable[[Variable], str] = default_leaf_formatter,
    node_formatter: Callable[[Any, list[str]], str] = default_node_formatter,
) -> list[str]:
    """Each of ``o`` as text, computed from ``i``; a node that is needed more than once is written out the
    first time, as ``*n -> text``, and then called ``*n``."""
    stop = set(i)
    nodes = toposort(o, stop_at=stop)
    uses = Counter(
        v.owner
        for v in [*(v for node in nodes for v in node.inputs), *o]
        if v.owner is not None and v not in stop
    )
    shared = [node for node in nodes if uses[node] > 1]
    written: set = set()

    def text(v: Variable) -> str:
        node = v.owner
        if node is None or v in stop:
            return leaf_formatter(v)
        place = "" if len(node.outputs) == 1 else f"::{node.outputs.index(v)}"
        number = f"*{shared.index(node) + 1}" if node in shared else ""
        if node in written:
            return number + place
        written.add(node)
        found = node_formatter(node, [text(u) for u in node.inputs])
        return f"{number} -> {found}" if number else found

    return [text(v) for v in o]
