"""What of a loop's step can be computed for all steps at once."""

from __future__ import annotations

from ...graph import Apply, Constant, Variable
from ...ops.index import basic_index
from ...ops.shape import ShapeI, shape_i
from ...ops.shape_rules import constant_int
from .batching import batched
from .body import Body, as_known


class Lift:
    """Finds inner variables for all steps at once, from what is known outside the loop: ``outer`` and
    whether it moves."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.outer: dict[Variable, tuple[Variable, bool]] = {
            **{v: (x, True) for v, x in body.sequences.items()},
            **{v: (x, False) for v, x in body.invariants.items()},
        }
        #: states, none of which changes its shape from step to step
        self.initial = {v: s.initial for s in body.states for v in s.taps.values()}
        steps = [(v, x) for v, x in body.sequences.items() if not self.spans(x)]
        for v, x in steps:
            self.outer[v] = (basic_index(x, [slice(None, body.n)]), True)

    def spans(self, x: Variable) -> bool:
        """Whether a sequence is known to have exactly as many rows as the loop has steps."""
        n, length = constant_int(self.body.n), x.type.shape[0]
        return n is not None and n == length

    def get(self, v: Variable) -> tuple[Variable, bool] | None:
        if isinstance(v, Constant):
            return v, False
        return self.outer.get(v)

    def add(self, node: Apply) -> bool:
        """Note what a node is outside, if all its operands are known and it has such a form."""
        if isinstance(node.op, ShapeI) and node.inputs[0] in self.initial:
            length = shape_i(self.initial[node.inputs[0]], node.op.axis + 1)
            self.outer[node.outputs[0]] = length, False
            return True
        known = [self.get(v) for v in node.inputs]
        if any(k is None for k in known):
            return False
        outputs, moves = batched(node, [v for v, _ in known], [m for _, m in known], self.body.n)
        if outputs is None:
            return False
        for v, x in zip(node.outputs, outputs, strict=True):
            self.outer[v] = as_known(x, [None, *v.type.shape] if moves else v.type.shape), moves
        return True
