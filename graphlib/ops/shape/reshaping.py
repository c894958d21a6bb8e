"""The same elements under another shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError
from ...graph import Apply, Constant, TensorType, Variable
from ...graph.types import shape_text
from ...scalar import expression as ex
from ...scalar.integer import Poly, flat_index, product
from ...scalar.lowered import Operand, Pull
from ..elementwise import Cast, Elementwise, maximum
from ..op import Op, as_variable, is_number, ramp, register_cases
from ..shape_rules import Length, Shapes, constant_int, known_shape
from .axes import DimShuffle
from .values import ShapeI, as_length, lengths_at_call, shape_i, shape_of

if TYPE_CHECKING:
    from ..batch import Batch


_ANY_LENGTH = "the product of the others is 0; give it as a number, or by lengths of the tensor"


@dataclass(frozen=True)
class Remaining:
    """The length that is left of so many when the others, which follow them, are given."""

    count: int

    def __call__(self, *lengths: Any) -> Any:
        whole, others = math.prod(lengths[: self.count]), math.prod(lengths[self.count :])
        if isinstance(others, int):
            return whole // max(others, 1)
        return whole // maximum(others, 1)


class Reshape(Op):
    """The elements in row-major order under another shape: an array, then its lengths; ``infer_axis`` follows
    from the rest."""

    takes_complex = "parts"
    view = True

    def __init__(self, infer_axis: int | None = None) -> None:
        self.infer_axis = infer_axis

    def __repr__(self) -> str:
        return "reshape"

    def shape_rule(self, of: Shapes, x: Variable, *lengths: Variable) -> Sequence[Length]:
        shape = [None if a == self.infer_axis else of.scalar(n) for a, n in enumerate(lengths)]
        if self.infer_axis is not None:
            others = shape[: self.infer_axis] + shape[self.infer_axis + 1 :]
            shape[self.infer_axis] = of.derived(Remaining(x.ndim), *of.shape(x), *others)
        return shape

    def infer(self, x: Variable, *lengths: Variable) -> list[TensorType]:
        shape = known_shape(self, x, *lengths)
        total = int(np.prod(x.type.shape)) if None not in x.type.shape else None
        if self.infer_axis is None:
            if total is not None and None not in shape and int(np.prod(shape)) != total:
                raise ShapeError(
                    f"reshape: {x.describe()} has {total} elements, the shape {shape_text(shape)} "
                    f"{int(np.prod(shape))}"
                )
        elif total is not None and all(n is not None for i, n in enumerate(shape) if i != self.infer_axis):
            rest = int(np.prod([n for i, n in enumerate(shape) if i != self.infer_axis]))
            shape[self.infer_axis] = self._inferred(x.describe(), total, rest)
        return [TensorType(x.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        x, *lengths = node.inputs
        return [reshape(grads[0], shape_of(x)), *[None] * len(lengths)]

    def at_all_steps(self, b: Batch) -> Variable | None:
        if self.infer_axis is not None or any(b.per_step[1:]):
            return None
        return reshape(b.inputs[0], (b.n, *b.inputs[1:]), ndim=len(b.inputs))

    def reference(self, node: Apply, x: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        shape = lengths_at_call(node, lengths, self.infer_axis)
        if self.infer_axis is not None:
            rest = int(np.prod([n for i, n in enumerate(shape) if i != self.infer_axis]))
            what = f"{node.inputs[0].describe()} to {node.outputs[0].describe()}"
            shape[self.infer_axis] = self._inferred(what, x.size, rest)
        return x.reshape(shape)

    def _inferred(self, what: str, total: int, rest: int) -> int:
        """The length that is given as -1, from the number of elements and the product of the others."""
        if not rest:
            raise ShapeError(f"reshape of {what}: -1 may be any length where {_ANY_LENGTH}")
        if total % rest:
            raise ShapeError(f"reshape of {what}: its {total} elements cannot be divided by {rest}")
        return total // rest

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *lengths = operands
        total = product(x.shape)
        static = node.outputs[0].type.shape
        shape = [
            Poly.of(n) if n is not None else ex.poly(o.scalar) for n, o in zip(static, lengths, strict=True)
        ]
        if self.infer_axis is not None and static[self.infer_axis] is None:
            rest = product(n for i, n in enumerate(shape) if i != self.infer_axis)
            if rest.constant is None:
                require(
                    Poly.of(1),
                    ex.minimum(rest, 1),
                    f"reshape of {{1}} to {{0}}: -1 may be any length where {_ANY_LENGTH}",
                    (node.outputs[0], x.variable),
                )
            shape[self.infer_axis] = ex.floor_div(
                total, ex.maximum(rest, 1) if rest.constant is None else rest
            )
        require(
            total,
            product(shape),
            "reshape of {1} to {0}: its {a} elements do not fill the new shape of {b}",
            (node.outputs[0], x.variable),
        )
        return Pull(tuple(shape), lambda *i: x.flat(flat_index(i, shape)))


def reshape(x: Any, shape: Any, ndim: int | None = None) -> Variable:
    """``x`` with another shape: a sequence of lengths (one may be -1), or a vector variable with ``ndim``
    given.

    A length of -1 follows from the others.  Where those are lengths of ``x`` it is the product of the rest of
    them, also in an empty batch; else ShapeError where the others multiply to 0, as in NumPy.
    """
    x = as_variable(x)
    if (isinstance(shape, Variable) and shape.ndim == 0) or is_number(shape) or isinstance(shape, np.integer):
        shape = [shape]
    if isinstance(shape, Variable):
        count = ndim if ndim is not None else shape.type.shape[0]
        if count is None:
            raise ShapeError(f"reshape: the length of {shape.describe()} is not known; pass ndim=")
        shape = [shape[i] for i in range(count)]
    lengths = [as_length(n, "reshape: a length") for n in shape]
    unknown = [i for i, n in enumerate(lengths) if constant_int(n) == -1]
    if len(unknown) > 1:
        raise ShapeError("reshape: at most one length may be -1")
    if any((constant_int(n) or 0) < -1 for n in lengths):
        raise ShapeError(f"reshape: a length cannot be negative in {[str(n) for n in lengths]}")
    if unknown:
        rest = _rest_of_lengths(x, [n for i, n in enumerate(lengths) if i != unknown[0]])
        if rest is not None:
            lengths[unknown[0]], unknown = rest, []
    if not unknown and len(lengths) == x.ndim:
        known = [constant_int(n) for n in lengths]
        if None not in known and tuple(known) == x.type.shape:
            return x
    return Reshape(unknown[0] if unknown else None).make(x, *lengths)


def _rest_of_lengths(x: Variable, others: list[Variable]) -> Variable | None:
    """The product of the lengths of ``x`` that are not among ``others``; None if some of those are no length
    of ``x``."""
    left = [(_origin_of_length(x, axis), axis) for axis in range(x.ndim)]
    for n in others:
        known = constant_int(n)
        if known is not None:
            name: Any = known
        elif n.owner is not None and isinstance(n.owner.op, ShapeI):
            name = _origin_of_length(n.owner.inputs[0], n.owner.op.axis)
        else:
            return None
        match = next((entry for entry in left if entry[0] == name), None)
        if match is None:
            if known == 1:
                continue
            return None
        left.remove(match)
    number = math.prod(name for name, _ in left if isinstance(name, int))
    total = Constant(number, dtype="int64")
    for name, axis in left:
        if not isinstance(name, int):
            total = total * shape_i(x, axis) if constant_int(total) != 1 else shape_i(x, axis)
    return total


def _origin_of_length(x: Variable, axis: int) -> Any:
    """A name for the length of an axis: the number, or the variable that has brought it in, with its axis."""
    while (n := x.type.shape[axis]) is None and x.owner is not None:
        if isinstance(x.owner.op, DimShuffle):
            x, axis = x.owner.inputs[0], x.owner.op.order[axis]
        elif isinstance(x.owner.op, (Elementwise, Cast)):
            gap = x.ndim - axis
            x = next(v for v in x.owner.inputs if v.ndim >= gap and v.type.shape[-gap] != 1)
            axis = x.ndim - gap
        else:
            break
    return (x, axis) if n is None else n


def flatten(x: Any, ndim: int = 1, outdim: int | None = None) -> Variable:
    """``x`` with its last axes merged so that ``ndim`` are left (all of them by default)."""
    x = as_variable(x)
    ndim = ndim if outdim is None else outdim
    if not 1 <= ndim <= max(x.ndim, 1):
        raise ShapeError(f"flatten: cannot keep {ndim} axes of {x.describe()}")
    if x.ndim == ndim:
        return x
    return reshape(x, [*shape_of(x)[: ndim - 1], -1 if ndim > 1 or x.ndim else 1])


register_cases(
    "reshape",
    reshape,
    [
        (lambda x: reshape(x, (4, 3)), (ramp(3, 4),)),
        (lambda x: reshape(x, (2, -1)), (ramp(3, 4),)),
        (lambda x: reshape(x.T, (2, 6)), (ramp(3, 4),)),
        (lambda x: reshape(x * 2, (x.shape[1], x.shape[0])), (ramp(3, 4),)),
        (lambda x: reshape(x, ()), (ramp(1, 1),)),
        (lambda x: reshape(x, (0, 5)), (ramp(0, 4),)),
        (lambda x: flatten(x, 2), (ramp(2, 3, 4),)),
        (lambda x: flatten(x), (ramp(2, 3, 4),)),
    ],
)
