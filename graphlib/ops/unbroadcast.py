"""``unbroadcast``: a length of 1 that is not known to be one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Apply, TensorType, Variable
from ..graph.types import normalize_axis
from ..scalar.lowered import Operand, Pull
from .op import Op, Sample, as_variable, register
from .shape import specify_shape
from .shape_rules import same_shape

if TYPE_CHECKING:
    from .batch import Batch


class Unbroadcast(Op):
    """The same tensor, whose lengths along ``axes`` are not known while the graph is built."""

    takes_complex = "parts"
    view = True

    def __init__(self, *axes: int) -> None:
        self.axes = axes

    def parameters(self) -> tuple:
        return self.axes

    def __repr__(self) -> str:
        return f"unbroadcast{{{', '.join(map(str, self.axes))}}}"

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, [None if a in self.axes else n for a, n in enumerate(x.type.shape)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [specify_shape(grads[0], node.inputs[0].type.shape)]

    def at_all_steps(self, b: Batch) -> Variable:
        return Unbroadcast(*(a + 1 for a in self.axes)).make(b.inputs[0])

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull(operands[0].shape, operands[0].at)


def unbroadcast(x: Any, *axes: int) -> Variable:
    """``x``, of which lengths of 1 along ``axes`` are not known while the graph is built: they do not
    broadcast, and ``squeeze`` keeps them.

    Errors: ShapeError for an axis that x has not.
    """
    x = as_variable(x)
    numbers = {normalize_axis(a, x.ndim, "unbroadcast", x) for a in axes}
    known = sorted(a for a in numbers if x.type.shape[a] == 1)
    return Unbroadcast(*known).make(x) if known else x


register(
    "unbroadcast",
    unbroadcast,
    lambda: [
        Sample(lambda x: unbroadcast(x[None], 0) * 2, (np.array([1.0, -2.0]),)),
        Sample(lambda x: unbroadcast(x[:, None], 0, 1).sum(axis=1), (np.array([1.0, -2.0]),)),
    ],
)
