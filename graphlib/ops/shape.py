"""Shapes: reading lengths, moving, adding and dropping axes, reshaping, broadcasting.

Most only remap the index of what they read and cost nothing once fused.  A length that is statically known is
a constant from the start, so shape arithmetic folds while the graph is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import normalize_axis, shape_text
from ..scalar import expression as ex
from ..scalar.integer import Poly, flat_index, product
from ..scalar.lowered import Operand, Pull
from .elementwise import Cast, Elementwise, cast
from .op import Op, as_variable, is_number, ramp, register_cases
from .shape_rules import Length, Shapes, constant_int, known_shape, lowered_shape, same_shape

if TYPE_CHECKING:
    from .batch import Batch


def as_length(v: Any, what: str) -> Variable:
    """A length or an index as an int64 scalar variable."""
    v = as_variable(v)
    if v.ndim != 0 and v.type.shape != (1,) * v.ndim:
        raise ShapeError(f"{what} must be a scalar, not {v.describe()}")
    if v.type.is_float:
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

    def parameters(self) -> tuple:
        return (self.what,)

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

    def __init__(self, axis: int) -> None:
        self.axis = axis

    def parameters(self) -> tuple:
        return (self.axis,)

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
    axis = normalize_axis(axis, x.ndim, f"shape of {x.describe()}")
    n = x.type.shape[axis]
    return Constant(n, dtype="int64") if n is not None else ShapeI(axis).make(x)


class Shape(tuple):
    """``x.shape``: a tuple of int64 scalars that is also a vector wherever a variable is wanted
    (``T.prod(x.shape)``)."""

    def __graphlib_variable__(self) -> Variable:
        from .join import stack_scalars

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
    return Shape(shape_i(x, axis) for axis in range(x.ndim))


class DimShuffle(Op):
    """Axes in another order: ``order`` has the input's axes, and 'x' for a new axis of length 1.

    Axes left out must have length 1.
    """

    view = True

    def __init__(self, order: tuple) -> None:
        self.order = order

    def parameters(self) -> tuple:
        return self.order

    def __repr__(self) -> str:
        return f"dimshuffle{{{', '.join(map(str, self.order))}}}"

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        own = of.shape(x)
        return [1 if a == "x" else own[a] for a in self.order]

    def infer(self, x: Variable) -> list[TensorType]:
        for axis in set(range(x.ndim)) - {a for a in self.order if a != "x"}:
            if x.type.shape[axis] not in (1, None):
                raise ShapeError(
                    f"dimshuffle{self.order}: axis {axis} of {x.describe()} cannot be dropped, its length "
                    f"is not 1"
                )
        return [TensorType(x.dtype, known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,) = node.inputs
        back: list = [self.order.index(a) if a in self.order else "x" for a in range(x.ndim)]
        return [dimshuffle(grads[0], back)]

    def at_all_steps(self, b: Batch) -> Variable:
        return dimshuffle(b.inputs[0], 0, *(a if a == "x" else a + 1 for a in self.order))

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        kept = [a for a in self.order if a != "x"]
        dropped = tuple(a for a in range(x.ndim) if a not in kept)
        moved = x.transpose(*kept, *dropped).reshape([x.shape[a] for a in kept])
        return moved[tuple(None if a == "x" else slice(None) for a in self.order)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        for axis in set(range(x.ndim)) - set(self.order):
            require(
                Poly.of(1),
                x.shape[axis],
                f"dimshuffle{self.order} drops axis {axis} of {{1}}, whose length is {{b}}, not 1",
                (node.outputs[0], x.variable),
            )

        def at(*index: Poly) -> ex.Expr:
            inner: list = [0] * x.ndim
            for i, a in zip(index, self.order, strict=True):
                if a != "x":
                    inner[a] = i
            return x.at(*inner)

        return Pull(lowered_shape(node, operands, require), at)


def dimshuffle(x: Any, *order: Any) -> Variable:
    """Reorder, add ('x') and drop (length 1) axes: ``dimshuffle(x, 0, 'x', 1)`` or ``dimshuffle(x, (0, 'x',
    1))``."""
    x = as_variable(x)
    if len(order) == 1 and isinstance(order[0], (tuple, list)):
        order = tuple(order[0])
    normal = tuple(
        "x" if a == "x" else normalize_axis(int(a), x.ndim, f"dimshuffle of {x.describe()}") for a in order
    )
    kept = [a for a in normal if a != "x"]
    if len(set(kept)) != len(kept):
        raise ShapeError(f"dimshuffle{normal}: an axis is named twice")
    if normal == tuple(range(x.ndim)):
        return x
    if x.owner is not None and isinstance(x.owner.op, DimShuffle):
        inner = x.owner.op.order
        return dimshuffle(x.owner.inputs[0], *("x" if a == "x" else inner[a] for a in normal))
    return DimShuffle(normal).make(x)


def transpose(x: Any, *axes: Any) -> Variable:
    """Axes permuted; reversed when none are named."""
    x = as_variable(x)
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = tuple(axes[0]) if axes[0] is not None else ()
    return dimshuffle(x, *(axes or range(x.ndim - 1, -1, -1)))


def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """Two axes exchanged."""
    x = as_variable(x)
    order = list(range(x.ndim))
    a, b = (normalize_axis(a, x.ndim, "swapaxes") for a in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return dimshuffle(x, order)


def moveaxis(x: Any, source: int, destination: int) -> Variable:
    """One axis moved to another place."""
    x = as_variable(x)
    source, destination = (normalize_axis(a, x.ndim, "moveaxis") for a in (source, destination))
    order = [a for a in range(x.ndim) if a != source]
    order.insert(destination, source)
    return dimshuffle(x, order)


def expand_dims(x: Any, axis: int) -> Variable:
    """A new axis of length 1 at ``axis``."""
    x = as_variable(x)
    order: list = list(range(x.ndim))
    order.insert(normalize_axis(axis, x.ndim + 1, "expand_dims"), "x")
    return dimshuffle(x, order)


def shape_padleft(x: Any, n_ones: int = 1) -> Variable:
    """``n_ones`` new axes of length 1 in front."""
    x = as_variable(x)
    return dimshuffle(x, ["x"] * n_ones + list(range(x.ndim)))


def shape_padright(x: Any, n_ones: int = 1) -> Variable:
    """``n_ones`` new axes of length 1 at the end."""
    x = as_variable(x)
    return dimshuffle(x, list(range(x.ndim)) + ["x"] * n_ones)


def squeeze(x: Any, axis: Any = None) -> Variable:
    """Axes that are statically 1 dropped (or those named)."""
    x = as_variable(x)
    drop = (
        [i for i, n in enumerate(x.type.shape) if n == 1]
        if axis is None
        else [
            normalize_axis(a, x.ndim, "squeeze")
            for a in (axis if isinstance(axis, (tuple, list)) else [axis])
        ]
    )
    return dimshuffle(x, [i for i in range(x.ndim) if i not in drop])


_ANY_LENGTH = "the product of the others is 0; give it as a number, or by lengths of the tensor"


class Reshape(Op):
    """The elements in row-major order under another shape: an array, then its lengths; ``infer_axis`` follows
    from the rest."""

    view = True

    def __init__(self, infer_axis: int | None = None) -> None:
        self.infer_axis = infer_axis

    def parameters(self) -> tuple:
        return (self.infer_axis,)

    def __repr__(self) -> str:
        return "reshape"

    def shape_rule(self, of: Shapes, x: Variable, *lengths: Variable) -> Sequence[Length]:
        return [of.own(a) if a == self.infer_axis else of.scalar(n) for a, n in enumerate(lengths)]

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
        if self.infer_axis is not None or any(b.moving[1:]):
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


class BroadcastTo(Op):
    """A tensor repeated along axes of length 1 and new leading axes: an array, then the lengths."""

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
        from .reduce import sum_keeping

        x, *lengths = node.inputs
        g = grads[0]
        extra = g.ndim - x.ndim
        axes = (
            *range(extra),
            *(extra + i for i, n in enumerate(x.type.shape) if n == 1 and g.type.shape[extra + i] != 1),
        )
        return [dimshuffle(sum_keeping(g, axes), tuple(range(extra, g.ndim))), *[None] * len(lengths)]

    def at_all_steps(self, b: Batch) -> Variable | None:
        if any(b.moving[1:]):
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


class SpecifyShape(Op):
    """The same tensor with lengths the user vouches for; a call where they are others fails."""

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
            raise ShapeError(
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

    view = True

    def __init__(self, pairs: tuple[tuple[int, int], ...], what: str) -> None:
        self.pairs = pairs
        self.what = what

    def parameters(self) -> tuple:
        return self.pairs, self.what

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


# what to try each on


register_cases(
    "dimshuffle",
    dimshuffle,
    [
        (lambda x: dimshuffle(x, 1, 0), (ramp(3, 4),)),
        (lambda x: dimshuffle(x, "x", 2, 0, "x", 1), (ramp(2, 3, 4),)),
        (lambda x: dimshuffle(x, "x"), (np.array(2.0),)),
        (lambda x: dimshuffle(x, 1, 0), (ramp(0, 4),)),
        (lambda x: dimshuffle(x, 1), (ramp(1, 4),)),
    ],
)
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
register_cases(
    "broadcast_to",
    broadcast_to,
    [
        (lambda x: broadcast_to(x, (2, 3, 4)), (ramp(3, 4),)),
        (lambda x: broadcast_to(dimshuffle(x, 0, "x"), (x.shape[0], 5)), (ramp(3),)),
    ],
)
register_cases(
    "shape",
    shape_of,
    [
        (lambda x: cast(as_variable(shape_of(x)), x.dtype) * x[0, 0], (ramp(3, 4),)),
        (lambda x: x * cast(shape_i(x, 0), x.dtype), (ramp(3, 4),)),
    ],
    ("float32", "float64"),
)
register_cases(
    "specify_shape",
    specify_shape,
    [(lambda x: specify_shape(x, (3, None)) * 2, (ramp(3, 4),))],
    ("float32", "float64"),
)
