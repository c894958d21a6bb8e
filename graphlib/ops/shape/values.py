"""Lengths of axes as values of the graph.  One that is statically known is a constant from the start, so
shape arithmetic folds while the graph is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DTypeError, ShapeError
from ...graph import Apply, Constant, TensorType, Variable
from ...graph.types import normalize_axis
from ...scalar import expression as ex
from ...scalar.lowered import Operand, Pull
from ..elementwise import cast
from ..op import Op, as_variable, ramp, register_cases
from ..shape_rules import constant_int
from .axes import dimshuffle

if TYPE_CHECKING:
    pass


def as_length(v: Any, what: str) -> Variable:
    """A length or an index as an int64 scalar variable."""
    v = as_variable(v)
    if v.ndim != 0 and v.type.shape != (1,) * v.ndim:
        raise ShapeError(f"{what} must be a scalar, not {v.describe()}")
    if v.type.is_inexact:
        if isinstance(v, Constant) and float(v.data) == int(v.data):
            return Constant(int(v.data), dtype="int64")
        raise DTypeError(f"{what} must be an integer, not {v.describe()}; cast it: T.cast(v, 'int64')")
    if v.ndim:
        v = dimshuffle(v, ())
    return cast(v, "int64")


def lengths_at_call(node: Apply, lengths: Sequence[np.ndarray], but: int | None = None) -> list[int]:
    """The lengths of a node's output that a call gives, ``but`` one that follows from the others.

    Errors: ShapeError for one that is negative.
    """
    shape = [int(n) for n in lengths]
    for axis, n in enumerate(shape):
        if n < 0 and axis != but:
            what = node.outputs[0].describe()
            raise ShapeError(f"axis {axis} of {what} would have length {n}, and no length is negative")
    return shape


class Count(Op):
    """An int64 scalar that must not be negative, as it says how many of something there are: ``what``."""

    view = True

    def __init__(self, what: str) -> None:
        self.what = what

    def __repr__(self) -> str:
        return "count"

    def infer(self, n: Variable) -> list[TensorType]:
        return [n.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None]

    def reference(self, node: Apply, n: np.ndarray) -> np.ndarray:
        if n < 0:
            raise ShapeError(self._sentence(node).format(a=n))
        return n

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        n = ex.poly(operands[0].scalar)
        count = ex.maximum(0, n)
        require(n, count, self._sentence(node), ())
        return Pull((), lambda: ex.integer(count))

    def _sentence(self, node: Apply) -> str:
        made = f", made at {node.outputs[0].origin.full}" if node.outputs[0].origin else ""
        shown = f"{self.what}, {node.inputs[0]}{made}".replace("{", "{{").replace("}", "}}")
        return f"{shown}, is {{a}}, and must not be negative"


def count_of(n: Any, what: str) -> Variable:
    """A number of something as an int64 scalar that is not negative.

    Errors: ShapeError, for a number at once, for a variable at the call.
    """
    n = as_length(n, what)
    known = constant_int(n)
    if known is not None and known < 0:
        raise ShapeError(f"{what} is {known}, and must not be negative")
    if known is not None or (n.owner is not None and isinstance(n.owner.op, ShapeI)):
        return n
    return Count(what).make(n)


class ShapeI(Op):
    """The length of one axis, int64."""

    takes_complex = "shape"

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __repr__(self) -> str:
        return f"shape[{self.axis}]"

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType("int64")]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return np.asarray(x.shape[self.axis], dtype="int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull((), lambda: ex.integer(operands[0].shape[self.axis]))


def shape_i(x: Any, axis: int) -> Variable:
    """The length of ``axis``: a constant where it is statically known."""
    x = as_variable(x)
    axis = normalize_axis(axis, x.ndim, "shape", x)
    n = x.type.shape[axis]
    return Constant(n, dtype="int64") if n is not None else ShapeI(axis).make(x)


class Shape(tuple):
    """``x.shape``: a tuple of int64 scalars that is also a vector wherever a variable is wanted
    (``T.prod(x.shape)``).

    ``of``: the tensor whose lengths they are, where they are one's."""

    of: Variable | None = None

    def __graphlib_variable__(self) -> Variable:
        from ..join import stack_scalars

        return stack_scalars(list(self))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__graphlib_variable__(), name)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, Variable):
            return self.__graphlib_variable__()[item]
        result = tuple.__getitem__(self, item)
        return Shape(result) if isinstance(item, slice) else result

    def __add__(self, other: Any) -> Any:
        """With a tuple or list of lengths the longer shape; with a number or a variable the sum of each."""
        if isinstance(other, (tuple, list)):
            return Shape((*self, *other))
        return self.__graphlib_variable__() + other

    def __radd__(self, other: Any) -> Any:
        return Shape((*other, *self)) if isinstance(other, (tuple, list)) else self + other


def _vector_operator(name: str) -> Callable:
    return lambda self, *args: getattr(self.__graphlib_variable__(), name)(*args)


for _name in (
    "__mul__",
    "__rmul__",
    "__sub__",
    "__rsub__",
    "__truediv__",
    "__rtruediv__",
    "__floordiv__",
    "__mod__",
    "__pow__",
    "__neg__",
):
    setattr(Shape, _name, _vector_operator(_name))


def shape_of(x: Any) -> Shape:
    """The lengths of all axes, int64."""
    x = as_variable(x)
    made = Shape(shape_i(x, axis) for axis in range(x.ndim))
    made.of = x
    return made


register_cases(
    "shape",
    shape_of,
    [
        (lambda x: cast(as_variable(shape_of(x)), x.dtype) * x[0, 0], (ramp(3, 4),)),
        (lambda x: x * cast(shape_i(x, 0), x.dtype), (ramp(3, 4),)),
    ],
    ("float32", "float64"),
)
