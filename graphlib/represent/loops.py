"""Loops whose steps are built again with other dtypes: what all representations have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..graph import Apply, TensorType, Variable
from ..ops.scan import Scan
from ..rewrite.scan.body import Body

#: ``of(results, memo)``: graphs built again, where ``memo`` says what variables become and is added to
Rebuild = Callable[[Sequence[Variable], dict[Variable, Variable]], list[Variable]]


class Loops:
    """Loops rebuilt: those with the same steps have the same steps afterwards, so that they are still found
    to be one.

    replaced: the type that a variable of another type has instead, or None.
    """

    def __init__(self, replaced: Callable[[TensorType], TensorType | None], of: Rebuild) -> None:
        self.replaced, self.of = replaced, of
        #: what became of inner variables; a loop and its gradient may have the same
        self._inner: dict[Variable, Variable] = {}
        self._known: dict[Scan, tuple[dict[Variable, Variable], Scan]] = {}

    def rebuilt(self, node: Apply, inputs: Sequence[Variable]) -> Sequence[Variable]:
        """The outputs of a loop on other inputs."""
        outer = dict(zip(node.inputs, inputs, strict=True))
        body = Body.of(node)
        memo, root = self._known.get(node.op.root, ({}, None))
        if root is None:
            for v in node.op.inputs:
                type = self.replaced(v.type)
                if type is not None and v not in self._inner:
                    self._inner[v] = Variable(type, name=v.name, origin=v.origin)
                if type is not None:
                    memo[v] = self._inner[v]
        body.set_ends(self.of(body.ends(), memo))
        body.n = outer[body.n]
        body.sequences = {memo.get(v, v): outer[o] for v, o in body.sequences.items()}
        body.invariants = {memo.get(v, v): outer[o] for v, o in body.invariants.items()}
        for s in body.states:
            s.taps = {tap: memo.get(v, v) for tap, v in s.taps.items()}
            s.initial = outer[s.initial]
        for o in body.mapped:
            o.lengths = [outer.get(n, n) for n in o.lengths]
        made = body.node()
        if root is None:
            self._known[node.op.root] = memo, made.op
        else:
            made.op.extends = root
        return made.outputs
