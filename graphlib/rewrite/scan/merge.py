"""One loop in place of several that are the same but for what they keep."""

from __future__ import annotations

from collections.abc import Collection

from ...graph import Apply, Variable, clone, toposort
from ...ops.scan import Scan
from .body import Body


def merged(results: list[Variable], stop_at: Collection[Variable]) -> list[Variable]:
    """One loop in place of several that go through the same steps: one that a gradient extended, and the
    original."""
    while True:
        groups: dict[tuple, list[Apply]] = {}
        for node in toposort(results, stop_at):
            if isinstance(node.op, Scan):
                groups.setdefault(node.op.way(node), []).append(node)
        group = next((g for g in groups.values() if len(g) > 1), None)
        if group is None:
            return results
        results = clone(results, _united(group))


def _united(group: list[Apply]) -> dict[Variable, Variable]:
    bodies = [Body.of(node) for node in group]
    first = bodies[0]
    known = {o.row: o for o in first.mapped}
    same: list[tuple[Variable, Variable]] = []
    for body in bodies[1:]:
        for s, t in zip(first.states, body.states, strict=True):
            same += [(s.history, t.history), (s.last, t.last)]
        same.append((first.done, body.done))
        for o in body.mapped:
            if o.row not in known:
                known[o.row] = o
                first.mapped.append(o)
            elif known[o.row] is not o:
                same.append((known[o.row].outer, o.outer))
    first.node()
    replaced = first.replaced
    replaced.update((other, replaced[one]) for one, other in same if one is not None)
    return replaced
