"""Walking and copying graphs: topological order, ancestors, and cloning with replacements.  All of it
iterative."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .variable import Apply, Constant, Variable


def toposort(outputs: Iterable[Variable], stop_at: Collection[Variable] = ()) -> list[Apply]:
    """The nodes that ``outputs`` need, each after the nodes it needs; does not go beyond ``stop_at``."""
    order: list[Apply] = []
    seen: set[Apply] = set()
    stop = set(stop_at)
    for output in outputs:
        node = output.owner
        if node is None or node in seen or output in stop:
            continue
        seen.add(node)
        stack, rests = [node], [iter(node.inputs)]
        while stack:
            for variable in rests[-1]:
                owner = variable.owner
                if owner is not None and owner not in seen and variable not in stop:
                    seen.add(owner)
                    stack.append(owner)
                    rests.append(iter(owner.inputs))
                    break
            else:
                order.append(stack.pop())
                rests.pop()
    return order


def ancestors(outputs: Iterable[Variable], stop_at: Collection[Variable] = ()) -> list[Variable]:
    """Every variable that ``outputs`` need, themselves included, inputs before what is made of them."""
    outputs = list(outputs)
    stop = set(stop_at)
    seen: dict[Variable, None] = {}
    for node in toposort(outputs, stop):
        for variable in node.inputs:
            seen.setdefault(variable)
        for variable in node.outputs:
            seen.setdefault(variable)
    for variable in outputs:
        seen.setdefault(variable)
    return list(seen)


def graph_inputs(outputs: Iterable[Variable], stop_at: Collection[Variable] = ()) -> list[Variable]:
    """The variables without owner (and those of ``stop_at``) that ``outputs`` need, constants left out."""
    stop = set(stop_at)
    return [
        v for v in ancestors(outputs, stop) if (v.owner is None or v in stop) and not isinstance(v, Constant)
    ]


def clone(outputs: Any, replace: Mapping[Variable, Variable] | None = None) -> Any:
    """Copies of ``outputs`` (a list, or one variable) with the keys of ``replace`` exchanged for its values.

    All are exchanged at once.  Parts of the graph that no replacement reaches are shared, not copied.  Copies
    have the names, origins and attributes of what they are copies of.
    """
    if isinstance(outputs, Variable):
        return clone([outputs], replace)[0]
    outputs = list(outputs)
    memo: dict[Variable, Variable] = dict(replace or {})
    for node in toposort(outputs, stop_at=memo.keys()):
        if any(v in memo for v in node.inputs):
            copy = rebuild(node, [memo.get(v, v) for v in node.inputs], memo)
            for old, new in zip(node.outputs, copy.outputs, strict=True):
                new.__dict__.update(old.__dict__)
    return [memo.get(v, v) for v in outputs]


def rebuild(node: Apply, inputs: list[Variable], memo: dict[Variable, Variable]) -> Apply:
    """``node`` applied to other inputs, names and origins kept; notes old -> new outputs in ``memo``."""
    copy = Apply(node.op, inputs, node.op.infer_again(node, inputs), origin=node.outputs[0].origin)
    for old, new in zip(node.outputs, copy.outputs, strict=True):
        new.name, new.origin = old.name, old.origin
        if old not in memo:
            memo[old] = new
    return copy
