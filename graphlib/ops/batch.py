"""An operation of a loop's step applied to all steps at once, by the operation's own ``Op.batched``."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Apply, Variable
from .shape import broadcast_to, dimshuffle, shape_i


class Batch:
    """A node of a step whose operands ``inputs`` have been found for all of ``n`` steps.

    ``per_step[k]``: whether operand k differs from step to step, and so has the axis of steps.
    """

    def __init__(
        self, node: Apply, inputs: Sequence[Variable], per_step: Sequence[bool], n: Variable
    ) -> None:
        self.node, self.n = node, n
        self.inputs, self.per_step = list(inputs), list(per_step)

    def padded(self, k: int, rank: int) -> Variable:
        """Operand k with axes of length 1 before its own, so that a row of it has ``rank`` axes."""
        v, own = self.inputs[k], self.node.inputs[k].ndim
        if not self.per_step[k] or own == rank:
            return v
        return dimshuffle(v, 0, *["x"] * (rank - own), *range(1, own + 1))

    def repeated(self, k: int) -> Variable:
        """Operand k with the axis of steps, whether it differs from step to step or not."""
        v = self.inputs[k]
        if self.per_step[k]:
            return v
        return broadcast_to(
            dimshuffle(v, "x", *range(v.ndim)), [self.n, *(shape_i(v, a) for a in range(v.ndim))]
        )
