"""Tensors put one after the other, stacked, and cut into parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, RankError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import normalize_axis, promote
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Piece, Pull, Push
from .elementwise import cast, eq, gt, switch
from .op import Op, Sample, as_variable, ramp, register, register_cases
from .shape import broadcast_to, count_of, expand_dims, reshape, shape_argument, shape_i, shape_padleft
from .shape_rules import Length, Shapes, constant_int, known_shape, lowered_shape, same_shape

if TYPE_CHECKING:
    from .batch import Batch


class Join(Op):
    """Tensors one after the other along ``axis``."""

    takes_complex = "parts"

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __repr__(self) -> str:
        return f"concatenate{{axis={self.axis}}}"

    def shape_rule(self, of: Shapes, *parts: Variable) -> Sequence[Length]:
        shapes = [of.shape(v) for v in parts]
        result = list(shapes[0])
        result[self.axis] = of.total([s[self.axis] for s in shapes])
        return result

    def infer(self, *inputs: Variable) -> list[TensorType]:
        first = inputs[0]
        shape = list(first.type.shape)
        source = [first] * first.ndim
        for v in inputs[1:]:
            if v.ndim != first.ndim:
                raise RankError(
                    f"concatenate: {first.describe()} and {v.describe()} have different numbers of dimensions"
                )
            for axis, n in enumerate(v.type.shape):
                if axis != self.axis and n is not None:
                    if shape[axis] not in (None, n):
                        raise ShapeError(
                            f"concatenate: axis {axis} has length {shape[axis]} in "
                            f"{source[axis].describe()} and {n} in {v.describe()}"
                        )
                    shape[axis], source[axis] = n, v
        shape[self.axis] = known_shape(self, *inputs)[self.axis]
        return [TensorType(first.dtype, shape)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        from .index import basic_index

        results: list[Variable | None] = []
        start: Any = 0
        for v in node.inputs:
            n = v.type.shape[self.axis]
            stop = start + (shape_i(v, self.axis) if n is None else n)
            results.append(basic_index(grads[0], [slice(None)] * self.axis + [slice(start, stop)]))
            start = stop
        return results

    def at_all_steps(self, b: Batch) -> Variable:
        return Join(self.axis + 1).make(*(b.repeated(k) for k in range(len(b.inputs))))

    def reference(self, node: Apply, *arrays: np.ndarray) -> np.ndarray:
        return np.concatenate(arrays, axis=self.axis)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Push:
        shape = lowered_shape(node, operands, require)
        pieces = []
        start = Poly.of(0)
        for o in operands:
            for axis, n in enumerate(o.shape):
                if axis != self.axis and n != shape[axis]:
                    require(
                        shape[axis],
                        n,
                        f"concatenate: axis {axis} has length {{a}}, but {{b}} in {{1}}",
                        (node.outputs[0], o.variable),
                    )

            def position(*i: Poly, start: Poly = start) -> list[Poly]:
                return [p + start if a == self.axis else p for a, p in enumerate(i)]

            pieces.append(Piece(o.shape, o.at, position))
            start = start + o.shape[self.axis]
        return Push(shape, "nothing", tuple(pieces))


def concatenate(tensors: Sequence[Any], axis: Any = 0) -> Variable:
    """Tensors joined along ``axis``, a number or an integer variable; their dtypes are promoted to a common
    one."""
    if isinstance(tensors, Variable) and (tensors.ndim == 0 or tensors.type.shape[0] is None):
        raise InputError(
            f"concatenate takes a list of tensors, T.concatenate([a, b], axis=0), not {tensors.describe()}"
        )
    inputs = [as_variable(v) for v in tensors]
    if not inputs:
        raise ShapeError("concatenate: there is nothing to join")
    if inputs[0].ndim == 0:
        raise RankError("concatenate: scalars have no axis to be joined along; use T.stack")
    if isinstance(axis, Variable) and constant_int(axis) is None:
        if len({v.ndim for v in inputs}) > 1:
            raise RankError("concatenate: the tensors have different numbers of dimensions")
        return _along_any_axis(inputs, axis)
    axis = normalize_axis(constant_int(axis), inputs[0].ndim, "concatenate")
    common = promote([v.dtype for v in inputs])
    if len(inputs) == 1:
        return inputs[0]
    return Join(axis).make(*(cast(v, common) for v in inputs))


def join(axis: Any, *tensors: Any) -> Variable:
    """Theano's order of arguments for :func:`concatenate`; the axis may be an integer variable."""
    return concatenate(tensors, axis)


def _along_any_axis(inputs: list[Variable], axis: Variable) -> Variable:
    """What ``concatenate`` gives along an axis that is known at the call: the axes before it are one, and so
    are it and those behind it, along which the tensors' parts follow each other."""
    from .index import basic_index
    from .unbroadcast import unbroadcast

    rank = inputs[0].ndim
    # counted from the front; what is out of range is an IndexError
    axis = basic_index(Constant(np.arange(rank), "axes of concatenate"), [cast(axis, "int64")])
    # along the other axes each must be as long as the first one, which broadcasting to its lengths checks
    inputs = [unbroadcast(v, *(k for k in range(rank) if v.type.shape[k] == 1)) for v in inputs]
    first = inputs[0]
    for i, v in enumerate(inputs[1:], 1):
        wanted = [switch(eq(axis, k), shape_i(v, k), shape_i(first, k)) for k in range(rank)]
        inputs[i] = broadcast_to(v, wanted)
    ahead: Any = 1
    for k in range(rank):
        ahead = ahead * switch(gt(axis, k), shape_i(inputs[0], k), 1)
    rows = concatenate([reshape(v, (ahead, -1)) for v in inputs], 1)
    lengths = []
    for k in range(rank):
        total: Any = 0
        for v in inputs:
            total = total + shape_i(v, k)
        lengths.append(switch(eq(axis, k), total, shape_i(inputs[0], k)))
    return reshape(rows, lengths)


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """Tensors of equal shape along a new axis: ``stack([a, b])``, ``stack([a, b], axis=1)`` or ``stack(a,
    b)``."""
    if len(tensors) == 2 and isinstance(tensors[0], (list, tuple)) and isinstance(tensors[1], int):
        tensors, axis = (tensors[0],), tensors[1]
    items = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    return concatenate([expand_dims(as_variable(v), axis) for v in items], axis)


def stack_scalars(value: Sequence[Any]) -> Variable:
    """Nested lists of numbers and variables as one tensor; an empty one is an int64 vector."""
    items = [as_variable(v) for v in value]
    if not items:
        return Constant(np.zeros(0, "int64"))
    if all(isinstance(v, Constant) for v in items):
        return Constant(np.stack([v.data for v in items]))
    rank = max(v.ndim for v in items)
    return stack([v if v.ndim == rank else shape_padleft(v, rank - v.ndim) for v in items])


class Parts(Op):
    """A tensor whose length along ``axis`` must be the sum of the other inputs, the lengths of its parts."""

    takes_complex = "parts"
    view = True

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def __repr__(self) -> str:
        return f"parts{{axis={self.axis}}}"

    shape_rule = same_shape

    def infer(self, x: Variable, *sizes: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], *[None] * (len(node.inputs) - 1)]

    def reference(self, node: Apply, x: np.ndarray, *sizes: np.ndarray) -> np.ndarray:
        total = sum(map(int, sizes))
        if total != x.shape[self.axis]:
            raise ShapeError(
                self._sentence(node).format(node.inputs[0].describe(), a=total, b=x.shape[self.axis])
            )
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *sizes = operands
        total = sum((ex.poly(n.scalar) for n in sizes), Poly.of(0))
        require(total, x.shape[self.axis], self._sentence(node), (x.variable,))
        return Pull(x.shape, x.at)

    def _sentence(self, node: Apply) -> str:
        made = f", made at {node.outputs[0].origin.full}" if node.outputs[0].origin else ""
        shown = made.replace("{", "{{").replace("}", "}}")
        return f"the sizes of T.split{shown}, sum to {{a}}, axis {self.axis} of {{0}} has length {{b}}"


def split(x: Any, splits_size: Any, n_splits: int | None = None, axis: int = 0) -> list[Variable]:
    """``x`` cut along ``axis`` into pieces of the given lengths; ``n_splits`` says how many a vector variable
    holds.

    Errors: ShapeError, while the graph is built or at the call, where a length is negative or their sum is
    not that of ``x``.
    """
    from .index import basic_index

    x = as_variable(x)
    axis = normalize_axis(axis, x.ndim, "split")
    if n_splits is not None and isinstance(splits_size, Variable):
        splits_size = [splits_size[i] for i in range(n_splits)]
    sizes = [count_of(n, "T.split: a size") for n in shape_argument(splits_size)]
    known, n = [constant_int(size) for size in sizes], x.type.shape[axis]
    if None in known or n is None:
        x = Parts(axis).make(x, *sizes)
    elif sum(known) != n:
        raise ShapeError(
            f"T.split: the sizes {known} sum to {sum(known)}, axis {axis} of {x.describe()} has length {n}"
        )
    start: Any = 0
    pieces = []
    for size in sizes:
        stop = start + size
        pieces.append(basic_index(x, [slice(None)] * axis + [slice(start, stop)]))
        start = stop
    return pieces


register_cases(
    "concatenate",
    concatenate,
    [
        (lambda x, y: concatenate([x, y], 0), (ramp(2, 3), ramp(4, 3))),
        (lambda x, y: concatenate([x, y, x * 2], 1), (ramp(2, 3), ramp(2, 1))),
        (lambda x, y: concatenate([x, y * 2], shape_i(x, 0) - 1), (ramp(2, 3), ramp(2, 1))),
        (lambda x, y: concatenate([x, y], 0), (ramp(0, 3), ramp(4, 3))),
        (lambda x, y: stack([x, y], 1), (ramp(2, 3), ramp(2, 3))),
        (lambda x, y: stack([x, y]), (np.array(1.0), np.array(2.0))),
    ],
    aliases=("concat",),
)


register(
    "split",
    split,
    lambda: [
        Sample(lambda x: split(x, [1, 2], axis=1)[1], (ramp(2, 3),)),
        Sample(lambda x: split(x[: x.shape[1]], [1, 2])[1] * x[0, 0], (ramp(4, 3),)),
        Sample(lambda x, n: split(x, n, 3)[1] * 2, (np.arange(5), np.array([1, 3, 1])), ("int64",), False),
    ],
)
