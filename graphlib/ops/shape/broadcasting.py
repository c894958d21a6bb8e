"""Tensors repeated along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError
from ...graph import Apply, TensorType, Variable
from ...graph.types import shape_text
from ...scalar import expression as ex
from ...scalar.integer import Poly
from ...scalar.lowered import Operand, Pull
from ..op import Op, as_variable, ramp, register_cases
from ..shape_rules import Length, Shapes, constant_int, known_shape, lowered_shape
from .axes import dimshuffle
from .values import as_length, lengths_at_call

if TYPE_CHECKING:
    from ..batch import Batch


class BroadcastTo(Op):
    """A tensor repeated along axes of length 1 and new leading axes: an array, then the lengths."""

    takes_complex = "parts"
    view = True

    def __repr__(self) -> str:
        return "broadcast_to"

    def shape_rule(self, of: Shapes, x: Variable, *lengths: Variable) -> Sequence[Length]:
        return [of.scalar(n) for n in lengths]

    def infer(self, x: Variable, *lengths: Variable) -> list[TensorType]:
        shape = known_shape(self, x, *lengths)
        if x.ndim > len(shape):
            raise ShapeError(f"{x.describe()} cannot be broadcast to {len(shape)} dimensions")
        for axis in range(1, x.ndim + 1):
            have, want = x.type.shape[-axis], shape[-axis]
            if have not in (1, None):
                if want not in (None, have):
                    raise ShapeError(
                        f"{x.describe()} cannot be broadcast to {shape_text(shape)}: axis {-axis} has "
                        f"length {have}"
                    )
                shape[-axis] = have
        return [TensorType(x.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        from ..reduce import sum_keeping

        x, *lengths = node.inputs
        g = grads[0]
        extra = g.ndim - x.ndim
        axes = (
            *range(extra),
            *(extra + i for i, n in enumerate(x.type.shape) if n == 1 and g.type.shape[extra + i] != 1),
        )
        return [dimshuffle(sum_keeping(g, axes), tuple(range(extra, g.ndim))), *[None] * len(lengths)]

    def at_all_steps(self, b: Batch) -> Variable | None:
        if any(b.per_step[1:]):
            return None
        rank = len(b.inputs) - 1
        return broadcast_to(b.padded(0, rank), [b.n, *b.inputs[1:]])

    def reference(self, node: Apply, x: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        shape = lengths_at_call(node, lengths)
        for axis in range(1, x.ndim + 1):
            if node.inputs[0].type.shape[-axis] != 1 and x.shape[-axis] != shape[-axis]:
                raise ShapeError(
                    f"axis {-axis} of {node.inputs[0].describe()} has length {x.shape[-axis]} and cannot be "
                    f"broadcast to {shape[-axis]}"
                )
        return np.broadcast_to(x, shape)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *_ = operands
        shape = lowered_shape(node, operands, require)
        own_static = x.variable.type.shape
        for axis in range(1, x.ndim + 1):
            if own_static[-axis] != 1:
                require(
                    shape[-axis],
                    x.shape[-axis],
                    f"axis {-axis} of {{1}} has length {{b}} and cannot be broadcast to {{a}}",
                    (node.outputs[0], x.variable),
                )

        def at(*index: Poly) -> ex.Expr:
            own = index[len(index) - x.ndim :]
            return x.at(*(0 if n == 1 else i for i, n in zip(own, own_static, strict=True)))

        return Pull(shape, at)


def broadcast_to(x: Any, shape: Sequence[Any]) -> Variable:
    """``x`` repeated to ``shape``, as numpy.broadcast_to."""
    x = as_variable(x)
    lengths = [as_length(n, "a length of the shape") for n in shape]
    if len(lengths) == x.ndim and all(
        n is not None and constant_int(m) == n for n, m in zip(x.type.shape, lengths, strict=True)
    ):
        return x
    return BroadcastTo().make(x, *lengths)


def shape_argument(shape: Any) -> list:
    if isinstance(shape, Variable) and shape.ndim == 1:
        n = shape.type.shape[0]
        if n is None:
            raise ShapeError(f"a shape must have a known number of lengths, {shape.describe()} has not")
        return [shape[i] for i in range(n)]
    return list(shape) if isinstance(shape, (tuple, list)) else [shape]


register_cases(
    "broadcast_to",
    broadcast_to,
    [
        (lambda x: broadcast_to(x, (2, 3, 4)), (ramp(3, 4),)),
        (lambda x: broadcast_to(dimshuffle(x, 0, "x"), (x.shape[0], 5)), (ramp(3),)),
    ],
)
