"""An operation of a loop's step applied to all steps at once: to operands with a leading axis of steps.

A rule for each operation that has such a form; what has none stays in its loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..graph import Apply, Variable
from ..graph.variable import fixed_origin
from ..ops.barriers import GradientBarrier
from ..ops.create import arange
from ..ops.elementwise import Cast, Elementwise
from ..ops.index import AdvancedIndex, BasicIndex
from ..ops.join import Join
from ..ops.linalg import MatrixProduct
from ..ops.reduce import ArgReduce, Reduce
from ..ops.shape import BroadcastTo, DimShuffle, Reshape, ShapeI, broadcast_to, dimshuffle, reshape, shape_i
from .softmax import COMPOSITES


class Batch:
    """A node of a step whose operands ``inputs`` have been found for all of ``n`` steps.

    ``moving[k]``: whether operand k differs from step to step, and so has the axis of steps.
    """

    def __init__(self, node: Apply, inputs: Sequence[Variable], moving: Sequence[bool], n: Variable) -> None:
        self.node, self.op, self.n = node, node.op, n
        self.inputs, self.moving = list(inputs), list(moving)

    def padded(self, k: int, rank: int) -> Variable:
        """Operand k with axes of length 1 before its own, so that a row of it has ``rank`` axes."""
        v, own = self.inputs[k], self.node.inputs[k].ndim
        if not self.moving[k] or own == rank:
            return v
        return dimshuffle(v, 0, *["x"] * (rank - own), *range(1, own + 1))

    def repeated(self, k: int) -> Variable:
        """Operand k with the axis of steps, whether it moves or not."""
        v = self.inputs[k]
        if self.moving[k]:
            return v
        return broadcast_to(
            dimshuffle(v, "x", *range(v.ndim)), [self.n, *(shape_i(v, a) for a in range(v.ndim))]
        )


def _elementwise(b: Batch) -> Variable:
    rank = b.node.outputs[0].ndim
    return b.op.make(*(b.padded(k, rank) for k in range(len(b.inputs))))


def _same(b: Batch) -> Variable:
    return b.op.make(b.inputs[0])


def _dimshuffle(b: Batch) -> Variable:
    return dimshuffle(b.inputs[0], 0, *(a if a == "x" else a + 1 for a in b.op.order))


def _reduce(b: Batch) -> Variable:
    return Reduce(b.op.kind, tuple(a + 1 for a in b.op.axes)).make(b.inputs[0])


def _along_axes(b: Batch) -> Variable:
    return type(b.op)(tuple(a + 1 for a in b.op.axes)).make(*(b.repeated(k) for k in range(len(b.inputs))))


def _arg_reduce(b: Batch) -> Variable:
    return ArgReduce(b.op.kind, b.op.axis + 1).make(b.inputs[0])


def _basic_index(b: Batch) -> Variable | None:
    if any(b.moving[1:]):
        return None
    return BasicIndex((None, *b.op.entries)).make(*b.inputs)


def _advanced_index(b: Batch) -> Variable | None:
    x, *arrays = b.inputs
    rank = max(v.ndim for v in b.node.inputs[1:])
    if not b.moving[0]:
        if b.op.front:
            return None
        return b.op.make(x, *(b.padded(k, rank) for k in range(1, len(b.inputs))))
    if not any(b.moving[1:]):
        return AdvancedIndex((False, *b.op.entries)).make(x, *arrays) if sum(b.op.entries) == 1 else None
    if b.op.front:
        return None
    steps = dimshuffle(arange(b.n), 0, *["x"] * rank)
    return AdvancedIndex((True, *b.op.entries)).make(
        x, steps, *(b.padded(k, rank) for k in range(1, len(b.inputs)))
    )


def _product(b: Batch) -> Variable | None:
    """One product for all steps where only one operand moves; a batch of products where both do."""
    a, c = b.inputs
    if b.op.batched:
        return None
    if all(b.moving):
        return MatrixProduct(batched=True).make(a, c)
    if b.moving[0]:
        flat = MatrixProduct().make(joined_rows(a), c)
        return reshape(flat, (shape_i(a, 0), shape_i(a, 1), shape_i(c, 1)), ndim=3)
    across = dimshuffle(c, 0, 2, 1)
    flat = MatrixProduct().make(joined_rows(across), dimshuffle(a, 1, 0))
    return dimshuffle(reshape(flat, (shape_i(c, 0), shape_i(c, 2), shape_i(a, 0)), ndim=3), 0, 2, 1)


def joined_rows(x: Variable) -> Variable:
    """(n, m, k) as (n * m, k)."""
    if x.type.shape[1] == 1:
        return dimshuffle(x, 0, 2)
    return reshape(x, (shape_i(x, 0) * shape_i(x, 1), shape_i(x, 2)), ndim=2)


def _reshape(b: Batch) -> Variable | None:
    if b.op.infer_axis is not None or any(b.moving[1:]):
        return None
    return reshape(b.inputs[0], (b.n, *b.inputs[1:]), ndim=len(b.inputs))


def _broadcast_to(b: Batch) -> Variable | None:
    if any(b.moving[1:]):
        return None
    rank = len(b.inputs) - 1
    return broadcast_to(b.padded(0, rank), [b.n, *b.inputs[1:]])


def _join(b: Batch) -> Variable:
    return Join(b.op.axis + 1).make(*(b.repeated(k) for k in range(len(b.inputs))))


_RULES: dict[type, Callable[[Batch], Variable | None]] = {
    Elementwise: _elementwise,
    Cast: _same,
    GradientBarrier: _same,
    DimShuffle: _dimshuffle,
    Reduce: _reduce,
    ArgReduce: _arg_reduce,
    BasicIndex: _basic_index,
    AdvancedIndex: _advanced_index,
    MatrixProduct: _product,
    Reshape: _reshape,
    BroadcastTo: _broadcast_to,
    Join: _join,
    **dict.fromkeys(COMPOSITES, _along_axes),
}


def batched(node: Apply, inputs: Sequence[Variable], moving: Sequence[bool], n: Variable) -> tuple[Any, bool]:
    """(all the node's outputs for all of n steps, whether they move), or (None, False) where there is no
    such form."""
    if not any(moving):
        if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
            return node.outputs, False
        made = Apply(node.op, inputs, node.op.infer(*inputs), origin=node.outputs[0].origin)
        return made.outputs, False
    if type(node.op) is ShapeI:
        return (shape_i(inputs[0], node.op.axis + 1),), False
    rule = _RULES.get(type(node.op))
    with fixed_origin(node.outputs[0].origin):
        found = rule(Batch(node, inputs, moving, n)) if rule is not None else None
    return (None, False) if found is None else ((found,), True)


__all__ = ["batched", "joined_rows"]
