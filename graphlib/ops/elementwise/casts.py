"""The same values in another dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...graph import Apply, Constant, TensorType, Variable
from ...graph.types import HALF, dtype_name, is_complex, is_float
from ...scalar import expression as ex
from ...scalar.lowered import Operand, Pull
from ..op import ALL, Op, Sample, as_variable, is_number, register
from ..shape_rules import same_shape

if TYPE_CHECKING:
    from ..batch import Batch


class Cast(Op):
    """The same values in another dtype (float to integer truncates toward zero, as in C)."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype_name(dtype)

    def __repr__(self) -> str:
        return f"cast{{{self.dtype}}}"

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(self.dtype, x.type.shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,) = node.inputs
        if x.type.is_float and not is_float(self.dtype):
            return [None]
        return [cast(grads[0], x.dtype) if x.type.is_float else grads[0]]

    def at_all_steps(self, b: Batch) -> Variable:
        return self.make(b.inputs[0])

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return x.astype(self.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        return Pull(x.shape, lambda *i: ex.cast(x.at(*i), self.dtype))


def cast(x: Any, dtype: Any) -> Variable:
    """``x`` in another dtype; x itself if it has it already."""
    dtype = dtype_name(dtype)
    if is_number(x):
        if isinstance(x, complex) and not is_complex(dtype):
            x = as_variable(x)
        else:
            return Constant(x, dtype=dtype)
    x = as_variable(x)
    if x.dtype == dtype:
        return x
    if isinstance(x, Constant) and (is_complex(dtype) or not x.type.is_complex):
        with np.errstate(over="ignore"):
            data = x.data.astype(dtype)
        # a whole number is computed with as it is: the size of an array need not fit into its dtype
        if dtype != HALF or x.type.is_float or np.array_equal(data, x.data):
            return Constant(data, x.name, origin=x.origin)
    if is_complex(dtype) and not x.type.is_complex:
        from ..complex_numbers import cast_to_complex

        return cast_to_complex(x, dtype)
    return Cast(dtype).make(x)


register(
    "cast",
    cast,
    lambda: [
        Sample(lambda x, d=d: cast(x, d), (np.array([[1.5, -2.7, 3.0]]),), ALL, d == "float64")
        for d in ("bool", "int8", "int16", "int32", "int64", "float32", "float64")
    ],
)
