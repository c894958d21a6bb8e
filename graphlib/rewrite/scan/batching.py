"""A node of a loop's step applied to all steps at once, where its operation has such a form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph import Apply, Variable
from ...graph.variable import fixed_origin
from ...ops.batch import Batch
from ...ops.shape import ShapeI, shape_i


def batched(
    node: Apply, inputs: Sequence[Variable], per_step: Sequence[bool], n: Variable
) -> tuple[Any, bool]:
    """(all the node's outputs for all of n steps, whether they differ from step to step), or (None, False)
    where there is no such form."""
    if not any(per_step):
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            return node.outputs, False
        made = Apply(node.op, inputs, node.op.infer_again(node, inputs), origin=node.outputs[0].origin)
        return made.outputs, False
    if type(node.op) is ShapeI:
        return (shape_i(inputs[0], node.op.axis + 1),), False
    with fixed_origin(node.outputs[0].origin):
        found = node.op.at_all_steps(Batch(node, inputs, per_step, n))
    return (None, False) if found is None else ((found,), True)
