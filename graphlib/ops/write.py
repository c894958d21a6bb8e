"""Writing to parts of tensors: ``set_subtensor``, ``inc_subtensor``, and the gradients of reading.

It is the one thing that is pushed instead of pulled: elements go to computed places of a copy, or, after a
rewrite, of the tensor itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, InputError, RankError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.lowered import Operand, Piece, Push
from .along_axis import Nonzero, Unravel
from .create import ARange, arange, zeros
from .elementwise import broadcast_at, cast, eq, sum_to_shape_of, switch
from .index import (
    BY_STEPS,
    COLUMNS,
    ROWS,
    AdvancedIndex,
    BasicIndex,
    entries_text,
    lower_entries,
    numpy_index,
    one_index,
    positions,
)
from .op import NUMBERS, Op, as_variable, check_broadcast, ramp, register_cases
from .shape import DimShuffle, broadcast_to, dimshuffle, reshape, shape_i, shape_of
from .shape_rules import Length, Shapes, constant_int, same_shape


class _Write:
    """What both ways of writing share: ``mode`` (set or add), and how the same part is read (``reading``)."""

    reading: type[Op]

    def __init__(self, entries: tuple, mode: str) -> None:
        self.entries = entries
        self.mode = mode

    def __repr__(self) -> str:
        return f"{'set' if self.mode == 'set' else 'inc'}_subtensor{{{entries_text(self.entries)}}}"

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        _, y, *places = node.inputs
        g = grads[0]
        gx = g
        if self.mode == "set":
            gx = type(self)(self.entries, "set").make(g, Constant(0, dtype=g.dtype), *places)
        gy = self.reading(self.entries).make(g, *places)
        return [gx, sum_to_shape_of(gy, y), *[None] * len(places)]


class BasicWrite(_Write, Op):
    """The tensor with the part that ``entries`` name set to, or increased by, the second input, which
    broadcasts to it."""

    takes_complex = "parts"

    reading = BasicIndex

    shape_rule = same_shape

    def infer(self, x: Variable, y: Variable, *bounds: Variable) -> list[TensorType]:
        part = BasicIndex(self.entries).infer(x, *bounds)[0]
        check_fits(part, y, self.mode, x)
        return [x.type]

    def reference(self, node: Apply, x: np.ndarray, y: np.ndarray, *bounds: np.ndarray) -> np.ndarray:
        out = x.copy()
        where = numpy_index(self.entries, bounds)
        check_fits_at_call(node, out[where].shape, y)
        if self.mode == "set":
            out[where] = y
        else:
            out[where] += y
        return out

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Push:
        x, y, *bounds = operands
        starts = lower_entries(self.entries, x.shape, bounds)
        domain = tuple(start[2] for start in starts if len(start) == 3)
        require_fits(y, domain, require, node)
        piece = Piece(domain, lambda *i: broadcast_at(y, i), lambda *i: positions(starts, i), self.mode)
        return Push(x.shape, 0, (piece,))


_WRITES = {"set": "set_subtensor", "add": "inc_subtensor"}


def check_fits(part: TensorType, y: Variable, mode: str, x: Variable) -> None:
    name = _WRITES[mode]
    if y.dtype != x.dtype:
        raise DTypeError(
            f"{name}: {y.describe()} cannot be written into {x.describe()}; cast it to {x.dtype}"
        )
    fits = y.ndim <= part.ndim and all(
        a in (1, None) or b is None or a == b
        for a, b in zip(y.type.shape[::-1], part.shape[::-1], strict=False)
    )
    if not fits:
        kind = RankError if y.ndim > part.ndim else ShapeError
        raise kind(f"{name}: {y.describe()} does not fit into a part of shape {part.shape} of {x.describe()}")


def check_fits_at_call(node: Apply, part: tuple[int, ...], y: np.ndarray) -> None:
    variable = node.inputs[1]
    for axis in range(1, y.ndim + 1):
        if variable.type.shape[-axis] != 1 and y.shape[-axis] != part[-axis]:
            raise ShapeError(
                f"{_WRITES[node.op.mode]}: axis {-axis} of {variable.describe()} has length "
                f"{y.shape[-axis]}, the part it goes to {part[-axis]}"
            )


def require_fits(y: Operand, domain: tuple, require: Callable, node: Apply) -> None:
    for axis in range(1, y.ndim + 1):
        if y.variable.type.shape[-axis] != 1:
            require(
                domain[-axis],
                y.shape[-axis],
                f"{_WRITES[node.op.mode]}: axis {-axis} of {{1}} has length {{b}}, the part it goes to {{a}}",
                (node.outputs[0], y.variable),
            )


class AdvancedWrite(_Write, Op):
    """The tensor with the places that integer arrays name set to, or increased by, the second input.

    A place that is named twice is increased twice, or keeps the last value set.
    """

    takes_complex = "parts"

    reading = AdvancedIndex

    shape_rule = same_shape

    def infer(self, x: Variable, y: Variable, *arrays: Variable) -> list[TensorType]:
        check_fits(AdvancedIndex(self.entries).infer(x, *arrays)[0], y, self.mode, x)
        return [x.type]

    def reference(self, node: Apply, x: np.ndarray, y: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        check_broadcast("indexing", node.inputs[2:], arrays)
        out = x.copy()
        where = AdvancedIndex(self.entries).numpy_index(arrays)
        check_fits_at_call(node, out[where].shape, y)
        if self.mode == "set":
            out[where] = y
        else:
            np.add.at(out, where, y)
        return out

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Push:
        x, y, *arrays = operands
        domain, position = AdvancedIndex(self.entries).place(x, arrays, require)
        require_fits(y, domain, require, node)
        piece = Piece(domain, lambda *i: broadcast_at(y, i), position, self.mode, collides=True)
        return Push(x.shape, 0, (piece,))

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        """Of the values set at one place only the last has a gradient: the others are overwritten."""
        gx, gy, *rest = super().gradient(node, grads)
        x, y, *arrays = node.inputs
        if self.mode == "set" and not _all_different(arrays):
            part = self.reading(self.entries).make(grads[0], *arrays)
            gy = sum_to_shape_of(switch(self._stays(x, arrays), part, 0), y)
        return [gx, gy, *rest]

    def _stays(self, x: Variable, arrays: list[Variable]) -> Variable:
        """Which values of the part are still there at the end: each writes its number, and looks for it."""
        rank = max(v.ndim for v in arrays)
        lengths: list[Variable] = [Constant(1, dtype="int64")] * rank
        for v in arrays:
            for axis in range(1, v.ndim + 1):
                if v.type.shape[-axis] != 1:
                    lengths[-axis] = shape_i(v, v.ndim - axis)
        total = lengths[0]
        for n in lengths[1:]:
            total = total * n
        numbers = reshape(arange(total), lengths)
        everywhere = (True,) * len(arrays)
        places = [shape_i(x, axis) for axis, indexed in enumerate(self.entries) if indexed]
        last = AdvancedWrite(everywhere, "set").make(zeros(places, "int64"), numbers, *arrays)
        stays = eq(AdvancedIndex(everywhere).make(last, *arrays), numbers)
        kept_behind = x.ndim - len(arrays) - self.reading(self.entries).front
        return dimshuffle(stays, [*range(rank), *["x"] * kept_behind])


def _all_different(arrays: list[Variable]) -> bool:
    """Whether index arrays are known to name no place twice: numbers, a range, or where a mask is true."""
    if all(isinstance(v, Constant) for v in arrays):
        places = np.stack([a.ravel() for a in np.broadcast_arrays(*(v.data for v in arrays))])
        return bool((places >= 0).all()) and np.unique(places, axis=1).shape == places.shape
    makers = [v.owner.op if v.owner is not None else None for v in arrays]
    if any(isinstance(op, ARange) for op in makers) and all(v.ndim <= 1 for v in arrays):
        ranges = [v.owner.inputs for v in arrays if v.owner is not None and isinstance(v.owner.op, ARange)]
        return any(_at_least(start, 0) and _at_least(step, 1) for start, _, step in ranges)
    if len(arrays) == 1:
        return isinstance(makers[0], Nonzero)
    axes = [
        (op.axis, v.owner.inputs) for op, v in zip(makers, arrays, strict=True) if isinstance(op, Unravel)
    ]
    mask = axes[0][1] if len(axes) == len(arrays) else []
    same = all(inputs[0] is mask[0] for _, inputs in axes) if mask else False
    return same and sorted(axis for axis, _ in axes) == list(range(len(mask) - 1))


def _at_least(v: Variable, least: int) -> bool:
    return isinstance(v, Constant) and v.data.size == 1 and v.data.item() >= least


class LastPlaces(Op):
    """Where each row of a table was last named: ``numbers``, and the length ``n`` of the table.

    The value of a row that no number names is of no meaning.  Made by rewrites.
    """

    def __repr__(self) -> str:
        return "last_places"

    def shape_rule(self, of: Shapes, numbers: Variable, n: Variable) -> Sequence[Length]:
        return [of.scalar(n)]

    def infer(self, numbers: Variable, n: Variable) -> list[TensorType]:
        return [TensorType("int32", [constant_int(n)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None, None]

    def reference(self, node: Apply, numbers: np.ndarray, n: np.ndarray) -> np.ndarray:
        out = np.zeros(n, "int32")
        out[numbers] = np.arange(len(numbers))
        return out

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Push:
        numbers, length = operands
        n = ex.poly(length.scalar)
        piece = Piece(
            numbers.shape,
            lambda i: ex.cast(ex.integer(i), "int32"),
            lambda i: [one_index(numbers, (i,), n)],
            collides=True,
        )
        return Push((n,), "nothing", (piece,))


def _write(part: Variable, y: Any, mode: str) -> Variable:
    name = _WRITES[mode]
    owner = part.owner
    if owner is None or not isinstance(owner.op, (BasicIndex, AdvancedIndex)):
        if owner is not None and isinstance(owner.op, DimShuffle):
            order = owner.op.order
            inner = owner.inputs[0]
            y = as_variable(y) if isinstance(y, Variable) or not np.isscalar(y) else cast(y, part.dtype)
            y = broadcast_to(y, shape_of(part)) if y.ndim else y
            if y.ndim:
                y = dimshuffle(y, [order.index(a) for a in range(inner.ndim)])
            if inner.owner is not None and isinstance(inner.owner.op, (BasicIndex, AdvancedIndex)):
                return _write(inner, y, mode)
        raise InputError(f"T.{name} takes a part of a tensor, such as x[1:], not {part.describe()}")
    x, *indices = owner.inputs
    y = cast(y, x.dtype) if np.isscalar(y) or (isinstance(y, Constant)) else as_variable(y)
    if y.dtype != x.dtype and not (y.type.is_inexact and not x.type.is_inexact):
        y = cast(y, x.dtype)
    op = (
        BasicWrite(owner.op.entries, mode)
        if isinstance(owner.op, BasicIndex)
        else AdvancedWrite(owner.op.entries, mode)
    )
    written = op.make(x, y, *indices)
    inside_part = (isinstance(owner.op, AdvancedIndex) and owner.op.sliced) or BY_STEPS in x.__dict__
    return _write(x, written, "set") if inside_part else written


def set_subtensor(part: Variable, y: Any) -> Variable:
    """The tensor of which ``part`` is an indexed part (``x[...]``), with that part replaced by ``y``."""
    return _write(part, y, "set")


def inc_subtensor(part: Variable, y: Any) -> Variable:
    """The tensor of which ``part`` is an indexed part (``x[...]``), with ``y`` added there (repeated indices
    add up)."""
    return _write(part, y, "add")


register_cases(
    "set_subtensor",
    set_subtensor,
    [
        (lambda x, y: set_subtensor(x[1:], y), (ramp(3, 4), ramp(2, 4))),
        (lambda x, y: set_subtensor(x[:, 1], y), (ramp(3, 4), ramp(3))),
        (lambda x, y: set_subtensor(x[::2, 1:3], y), (ramp(3, 4), np.array(7.0))),
        (lambda x, y: set_subtensor(x[Constant([2, 0]), 1:], y), (ramp(3, 4), ramp(2, 3))),
        (lambda x, y: set_subtensor(x[0:0], y), (ramp(3, 4), np.array(7.0))),
    ],
    NUMBERS,
)


register_cases(
    "inc_subtensor",
    inc_subtensor,
    [
        (lambda x, y: inc_subtensor(x[1:], y), (ramp(3, 4), ramp(2, 4))),
        (lambda x, y: inc_subtensor(x[ROWS], y), (ramp(3, 4), ramp(4, 4))),
        (lambda x, y: inc_subtensor(x[ROWS, COLUMNS], y), (ramp(3, 4), ramp(4))),
        (lambda x, y: inc_subtensor(x[ROWS], y), (ramp(3, 4), np.array(1.5))),
    ],
    NUMBERS,
)
