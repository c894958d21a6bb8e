"""Operations that look along an axis: sorting, cumulative sums and products, and the places of what is not
zero.

They are calls of the backend's small library rather than expressions of one element.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import normalize_axis
from ..scalar import expression as ex
from ..scalar.contracts import contract
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand, Pull
from .elementwise import cast, neq
from .op import NUMBERS, Op, Sample, as_variable, not_differentiable, register
from .shape import dimshuffle, flatten, shape_i
from .shape_rules import Known, Length, Shapes, known_shape, lowered_shape, same_shape
from .windows import smallest


class Cumulative(Op):
    """Running sum ('cumsum') or product ('cumprod') along an axis."""

    costly = True

    def __init__(self, kind: str, axis: int) -> None:
        self.kind = kind
        self.axis = axis
        self.takes_complex = "parts" if kind == "cumsum" else None

    def parameters(self) -> tuple:
        return self.kind, self.axis

    def __repr__(self) -> str:
        return f"{self.kind}{{axis={self.axis}}}"

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,), (g,) = node.inputs, grads
        if self.kind == "cumsum":
            return [_reversed_cumsum(g, self.axis)]
        # y_i = x_i y_{i-1}: no quotient, so that it is exact where x is 0, and so are its derivatives
        later = Recurrence(self.axis, backwards=True).make(g, x)
        return [later * before(node.outputs[0], self.axis, 1)]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        # in double, so that long sums of float32 do not drift
        wide = "float64" if x.dtype == "float32" else x.dtype
        return getattr(np, self.kind)(x, axis=self.axis, dtype=wide).astype(x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        (x,) = operands
        return Call(f"gl_{self.kind}", (x.shape,), around(x.shape, self.axis))


def _of_lines(arrays: int) -> Callable[..., list[Poly]]:
    """All elements of so many arrays with an axis of n."""
    return lambda before, n, after: [before * n * after] * arrays


contract("gl_cumsum gl_cumprod gl_sort gl_argsort", _of_lines(2))
contract("gl_recurrence gl_recurrence_back", _of_lines(3))


class Recurrence(Op):
    """y_i = x_i + a_i y_{i-1} along an axis, or backwards y_i = x_i + a_{i+1} y_{i+1}: of products running
    along it, the gradients of any order."""

    costly = True

    def __init__(self, axis: int, backwards: bool = False) -> None:
        self.axis = axis
        self.backwards = backwards

    shape_rule = same_shape

    def infer(self, x: Variable, a: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, list(Known(self).broadcast((x, a))))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (_, a), (y,) = node.inputs, node.outputs
        gx = Recurrence(self.axis, not self.backwards).make(grads[0], a)
        first, second = (before(gx, self.axis, 0), y) if self.backwards else (gx, before(y, self.axis, 0))
        return [gx, first * second]

    def reference(self, node: Apply, x: np.ndarray, a: np.ndarray) -> np.ndarray:
        step = -1 if self.backwards else 1
        x, a = (np.moveaxis(v, self.axis, 0)[::step] for v in (x, a))
        y = x.copy()
        for i in range(1, len(y)):
            y[i] += a[i - 1 if self.backwards else i] * y[i - 1]
        return np.ascontiguousarray(np.moveaxis(y[::step], 0, self.axis))

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, a = operands
        for axis, (n, m) in enumerate(zip(x.shape, a.shape, strict=True)):
            require(n, m, f"axis {axis} of {{0}} has length {{a}}, of {{1}} {{b}}", (x.variable, a.variable))
        name = "gl_recurrence_back" if self.backwards else "gl_recurrence"
        return Call(name, (x.shape,), around(x.shape, self.axis), (0, 1))


def before(x: Variable, axis: int, first: float, backwards: bool = False) -> Variable:
    """The elements one place further along ``axis`` (or one place back), with ``first`` coming in."""
    from .create import full_like
    from .join import concatenate

    lead = (slice(None),) * axis
    whole = [full_like(x[(*lead, slice(0, 1))], first), x[(*lead, slice(0, -1))]]
    if backwards:
        whole = [x[(*lead, slice(1, None))], full_like(x[(*lead, slice(0, 1))], first)]
    return concatenate(whole, axis)


def products_of_others(x: Variable, axis: int) -> Variable:
    """For each element the product of all others along ``axis``.

    There is no quotient in it: it is exact at zeros, and so are its derivatives.
    """
    back = (slice(None),) * axis + (slice(None, None, -1),)
    running = Cumulative("cumprod", axis)
    behind = running.make(x[back])[back]
    return before(running.make(x), axis, 1) * before(behind, axis, 1, backwards=True)


def around(shape: tuple[Poly, ...], axis: int) -> tuple[Poly, Poly, Poly]:
    """Lengths before, along and after an axis: the three loops of an operation along it."""
    return product(shape[:axis]), shape[axis], product(shape[axis + 1 :])


def _reversed_cumsum(g: Variable, axis: int) -> Variable:
    back = (slice(None),) * axis + (slice(None, None, -1),)
    return Cumulative("cumsum", axis).make(g[back])[back]


def _cumulative(kind: str, x: Any, axis: int | None) -> Variable:
    x = as_variable(x)
    if axis is None:
        x, axis = flatten(x), 0
    if x.ndim == 0:
        x = dimshuffle(x, "x")
    if not x.type.is_inexact:
        x = cast(x, "int64")
    return Cumulative(kind, normalize_axis(axis, x.ndim, f"T.{kind}")).make(x)


def cumsum(x: Any, axis: int | None = None) -> Variable:
    """The running sum along ``axis``, or of the flattened tensor; integers in int64."""
    return _cumulative("cumsum", x, axis)


def cumprod(x: Any, axis: int | None = None) -> Variable:
    """The running product along ``axis``, or of the flattened tensor; integers in int64."""
    return _cumulative("cumprod", x, axis)


#: how many sorted elements are looked for alone, at most: GL_SOME in graphlib_library.h and device.cuh
SOME = 64


@dataclass(frozen=True)
class UpTo:
    """A length, or a number if that is less."""

    number: int

    def __call__(self, length: Any) -> Any:
        return smallest(length, self.number)


class Sort(Op):
    """Ascending along an axis, equal elements in their order, NaN last; 'sort' gives values, 'argsort' int64
    indices.

    count: only so many of them, at most ``SOME``, from the first on, or those up to the last for a negative
    number; as many as there are, if they are fewer.
    """

    costly = True

    def __init__(self, kind: str, axis: int, count: int | None = None) -> None:
        self.kind = kind
        self.axis = axis
        self.count = count

    def __repr__(self) -> str:
        part = "" if self.count is None else f", {self.slice.start or ''}:{self.slice.stop or ''}"
        return f"{self.kind}{{axis={self.axis}{part}}}"

    @property
    def slice(self) -> slice:
        """Which of the sorted elements are wanted."""
        return slice(self.count, None) if (self.count or 0) < 0 else slice(None, self.count)

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        lengths = list(of.shape(x))
        if self.count is not None:
            lengths[self.axis] = of.derived(UpTo(abs(self.count)), lengths[self.axis])
        return lengths

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(x.dtype if self.kind == "sort" else "int64", known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        if self.kind == "argsort":
            raise not_differentiable(node, "an order does not change continuously with the values")
        (x,) = node.inputs
        from .create import zeros_like
        from .write import AdvancedWrite

        places = self.places(x, Sort("argsort", self.axis, self.count).make(x))
        return [AdvancedWrite((True,) * x.ndim, "add").make(zeros_like(x, grads[0].dtype), grads[0], *places)]

    def places(self, x: Variable, order: Variable) -> list[Variable]:
        """Where the elements of ``x`` are that are at ``order`` along the axis: an index for each axis."""
        from .create import arange

        def along(axis: int) -> Variable:
            return dimshuffle(arange(shape_i(x, axis)), *("x" if a != axis else 0 for a in range(x.ndim)))

        return [order if axis == self.axis else along(axis) for axis in range(x.ndim)]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        whole = getattr(np, self.kind)(x, axis=self.axis, kind="stable")
        return whole[(slice(None),) * self.axis + (self.slice,)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        (x,) = operands
        if self.count is None:
            return Call(f"gl_{self.kind}", (x.shape,), around(x.shape, self.axis))
        shape = lowered_shape(node, operands, require)
        integers = (*around(x.shape, self.axis), Poly.of(self.count), shape[self.axis])
        return Call(f"gl_{self.kind}_some", (shape,), integers)


def _sort(kind: str, x: Any, axis: int | None) -> Variable:
    x = as_variable(x)
    if axis is None:
        x, axis = flatten(x), 0
    if x.ndim == 0:
        raise ShapeError(f"T.{kind}: a scalar has no axis to sort along")
    return Sort(kind, normalize_axis(axis, x.ndim, f"T.{kind}")).make(x)


def sort(x: Any, axis: int | None = -1) -> Variable:
    """Sorted along ``axis`` (None: flattened), NaN last."""
    return _sort("sort", x, axis)


def argsort(x: Any, axis: int | None = -1) -> Variable:
    """The indices (int64) that sort along ``axis``; the sort is stable, NaN last."""
    return _sort("argsort", x, axis)


contract(
    "gl_sort_some gl_argsort_some",
    lambda before, n, after, count, kept: [before * n * after, before * kept * after],
    lambda before, n, after, count, kept: [n - kept, SOME - kept],
)


class Nonzero(Op):
    """The flat indices of true elements, given the mask and their count, which is the output's length."""

    def shape_rule(self, of: Shapes, mask: Variable, count: Variable) -> Sequence[Length]:
        return [of.scalar(count)]

    def infer(self, mask: Variable, count: Variable) -> list[TensorType]:
        return [TensorType("int64", [None])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        raise not_differentiable(node, "a place does not change continuously with the values")

    def reference(self, node: Apply, mask: np.ndarray, count: np.ndarray) -> np.ndarray:
        return np.flatnonzero(mask).astype("int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        mask, count = operands
        found = ex.poly(count.scalar)
        return Call("gl_nonzero", ((found,),), (product(mask.shape), found))


contract("gl_nonzero", lambda n, most: [n, most])


class Unravel(Op):
    """The coordinate along ``axis`` of flat indices into a tensor of the shape given by the other inputs."""

    def __init__(self, axis: int) -> None:
        self.axis = axis

    shape_rule = same_shape

    def infer(self, flat: Variable, *lengths: Variable) -> list[TensorType]:
        return [flat.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None] * len(node.inputs)

    def reference(self, node: Apply, flat: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        return np.asarray(np.unravel_index(flat, [max(int(n), 1) for n in lengths])[self.axis], dtype="int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        flat, *lengths = operands
        shape = [ex.poly(n.scalar) for n in lengths]
        inner = product(shape[self.axis + 1 :])

        def at(*i: Poly) -> ex.Expr:
            whole = ex.floor_div(ex.poly(flat.at(*i)), inner)
            return ex.integer(whole if self.axis == 0 else ex.mod(whole, shape[self.axis]))

        return Pull(flat.shape, at)


def nonzero(x: Any) -> tuple[Variable, ...]:
    """For each axis the coordinates of the elements that are not 0, in row-major order.

    A tuple of int64 vectors, so that ``x[T.nonzero(mask)]`` is the elements there, as in NumPy.
    """
    from .reduce import sum

    x = as_variable(x)
    if x.ndim == 0:
        raise ShapeError("T.nonzero: a scalar has no places")
    mask = x if x.dtype == "bool" else neq(x, 0)
    flat = Nonzero().make(mask, sum(mask))
    if x.ndim == 1:
        return (flat,)
    lengths = [shape_i(x, a) for a in range(x.ndim)]
    return tuple(Unravel(axis).make(flat, *lengths) for axis in range(x.ndim))


def flatnonzero(x: Any) -> Variable:
    """The flat indices of the elements that are not 0."""
    return nonzero(flatten(as_variable(x)))[0]


def _values(*shape: int) -> np.ndarray:
    return np.random.RandomState(3).permutation(int(np.prod(shape))).reshape(shape) * 0.5 - 1.25


def _on_axes(build: Callable, differentiable: bool) -> Callable[[], list[Sample]]:
    return lambda: [
        *(
            Sample(lambda x, a=a: build(x, axis=a), (_values(3, 4, 2),), NUMBERS, differentiable)
            for a in (0, 1, -1, None)
        ),
        Sample(lambda x: build(x, axis=1), (np.zeros((2, 0)),), NUMBERS, False),
    ]


register("cumsum", cumsum, _on_axes(cumsum, True))
register("cumprod", cumprod, _on_axes(cumprod, True))


def _sorts(kind: str, build: Callable, differentiable: bool) -> Callable[[], list[Sample]]:
    """Samples of sorting, also where some elements are wanted alone, or more than there are."""
    parts = [(0, 2), (1, -2), (1, 9), (2, -1)]
    return lambda: [
        *_on_axes(build, differentiable)(),
        *(
            Sample(lambda x, a=a, n=n: Sort(kind, a, n).make(x), (_values(3, 4, 2),), NUMBERS, differentiable)
            for a, n in parts
        ),
        Sample(lambda x: Sort(kind, 1, 3).make(x), (np.zeros((2, 0)),), NUMBERS, False),
    ]


register("sort", sort, _sorts("sort", sort, True))
register("argsort", argsort, _sorts("argsort", argsort, False))
register(
    "nonzero",
    nonzero,
    lambda: [
        Sample(lambda x: nonzero(x > 0)[1] * 2, (_values(3, 4),), NUMBERS, False),
        Sample(lambda x: nonzero(x)[0], (np.array([0.0, 2.0, 0.0, 1.0]),), NUMBERS, False),
        Sample(lambda x: flatnonzero(x), (np.zeros((0, 2)),), NUMBERS, False),
    ],
)
