"""Shapes that the user vouches for, or that an operation needs, checked at the call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError, VouchedError
from ...graph import Apply, TensorType, Variable
from ...graph.types import shape_text
from ...scalar.integer import Poly
from ...scalar.lowered import Operand, Pull
from ..op import Op, as_variable, ramp, register_cases
from ..shape_rules import constant_int, same_shape

if TYPE_CHECKING:
    pass


class SpecifyShape(Op):
    """The same tensor with lengths the user vouches for; a call where they are others fails."""

    takes_complex = "parts"
    view = True

    def __init__(self, shape: tuple) -> None:
        self.shape = shape

    def parameters(self) -> tuple:
        return self.shape

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        if len(self.shape) != x.ndim or not TensorType(x.dtype, self.shape).accepts(x.type):
            raise ShapeError(f"specify_shape: {x.describe()} cannot have the shape {shape_text(self.shape)}")
        return [
            TensorType(
                x.dtype, [m if n is None else n for n, m in zip(self.shape, x.type.shape, strict=True)]
            )
        ]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0]]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        if not node.outputs[0].type.accepts_shape(x.shape):
            raise VouchedError(
                f"specify_shape: {node.inputs[0].describe()} has shape {x.shape}, not "
                f"{shape_text(self.shape)}"
            )
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        shape = []
        for axis, (n, have) in enumerate(zip(self.shape, x.shape, strict=True)):
            if n is not None:
                require(
                    Poly.of(n),
                    have,
                    f"specify_shape: axis {axis} of {{1}} has length {{b}}, not {{a}}",
                    (node.outputs[0], x.variable),
                    VouchedError,
                )
            shape.append(have if n is None else Poly.of(n))
        return Pull(tuple(shape), x.at)


def specify_shape(x: Any, shape: Sequence[int | None]) -> Variable:
    """``x`` known to have ``shape`` (None for a length that is not known); checked at every call."""
    x = as_variable(x)
    shape = tuple(None if n is None else constant_int(n) for n in shape)
    return x if shape == x.type.shape else SpecifyShape(shape).make(x)


class SameLengths(Op):
    """The first operand, some of whose axes must be as long as axes of the second: ``pairs`` of such axes.

    ``what`` needs it, and says so where they are not.
    """

    takes_complex = "parts"
    view = True

    def __init__(self, pairs: tuple[tuple[int, int], ...], what: str) -> None:
        self.pairs = pairs
        self.what = what

    def message(self, i: int, j: int) -> str:
        return f"{self.what}: axis {i} of {{0}} has length {{a}}, axis {j} of {{1}} {{b}}"

    shape_rule = same_shape

    def infer(self, x: Variable, other: Variable) -> list[TensorType]:
        shape = list(x.type.shape)
        for i, j in self.pairs:
            n, m = shape[i], other.type.shape[j]
            if None not in (n, m) and n != m:
                raise ShapeError(self.message(i, j).format(x.describe(), other.describe(), a=n, b=m))
            shape[i] = m if n is None else n
        return [TensorType(x.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], None]

    def reference(self, node: Apply, x: np.ndarray, other: np.ndarray) -> np.ndarray:
        names = [v.describe() for v in node.inputs]
        for i, j in self.pairs:
            if x.shape[i] != other.shape[j]:
                raise ShapeError(self.message(i, j).format(*names, a=x.shape[i], b=other.shape[j]))
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, other = operands
        for i, j in self.pairs:
            require(x.shape[i], other.shape[j], self.message(i, j), tuple(node.inputs))
        known = node.outputs[0].type.shape
        return Pull(tuple(n if m is None else Poly.of(m) for n, m in zip(x.shape, known, strict=True)), x.at)


register_cases(
    "specify_shape",
    specify_shape,
    [(lambda x: specify_shape(x, (3, None)) * 2, (ramp(3, 4),))],
    ("float32", "float64"),
)
