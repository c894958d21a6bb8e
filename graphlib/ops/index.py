"""Indexing as in NumPy: integers and slices with symbolic bounds, integer arrays, boolean masks.

Reading only remaps indices; ``write`` holds the opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import AxisError, DTypeError, InputError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import INTEGERS
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull
from .create import ARange, arange, zeros_like
from .elementwise import broadcast_at, cast, gt, lt, maximum, minimum, switch
from .op import NUMBERS, Op, as_variable, check_broadcast, ramp, register_cases
from .shape import (
    BroadcastTo,
    as_length,
    broadcast_to,
    dimshuffle,
    shape_i,
)
from .shape_rules import Known, Length, Lowered, Shapes, constant_int, known_shape

if TYPE_CHECKING:
    from .batch import Batch


# One entry an axis of a basic index: None keeps the whole axis, "index" takes one element (one input), and a
# slice is (start given, stop given, step) with one input for each bound that is given.


class BasicIndex(Op):
    """Integers and slices, an entry an axis; the inputs are the tensor and the int64 scalars that the entries
    need."""

    takes_complex = "parts"
    view = True

    def __init__(self, entries: tuple) -> None:
        self.entries = entries

    def parameters(self) -> tuple:
        return self.entries

    def __repr__(self) -> str:
        return f"index{{{entries_text(self.entries)}}}"

    def shape_rule(self, of: Shapes, x: Variable, *bounds: Variable) -> Sequence[Length]:
        rest = iter(bounds)
        result: list[Length] = []
        for entry, n in zip(self.entries, of.shape(x), strict=True):
            if entry is None:
                result.append(n)
            elif entry == "index":
                next(rest)
            else:
                result.append(of.part(n, entry, [next(rest) for given in entry[:2] if given]))
        return result

    def infer(self, x: Variable, *bounds: Variable) -> list[TensorType]:
        rest = iter(bounds)
        for axis, (entry, n) in enumerate(zip(self.entries, x.type.shape, strict=True)):
            i = constant_int(next(rest)) if entry == "index" else None
            if i is not None and n is not None and not -n <= i < n:
                raise AxisError(f"index {i} is out of range for axis {axis} of {x.describe()}")
            if isinstance(entry, tuple):
                for _ in range(entry[0] + entry[1]):
                    next(rest)
        return [TensorType(x.dtype, known_shape(self, x, *bounds))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        from .write import BasicWrite

        x, *bounds = node.inputs
        into = BasicWrite(self.entries, "add").make(zeros_like(x, grads[0].dtype), grads[0], *bounds)
        return [into, *[None] * len(bounds)]

    def at_all_steps(self, b: Batch) -> Variable | None:
        if any(b.per_step[1:]):
            return None
        return BasicIndex((None, *self.entries)).make(*b.inputs)

    def reference(self, node: Apply, x: np.ndarray, *bounds: np.ndarray) -> np.ndarray:
        return np.asarray(x[numpy_index(self.entries, bounds)])

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *bounds = operands
        starts, shape, static = (
            lower_entries(self.entries, x.shape, bounds),
            [],
            iter(node.outputs[0].type.shape),
        )
        for start in starts:
            if len(start) == 3:
                n = next(static)
                shape.append(start[2] if n is None else Poly.of(n))
        chosen = [(s[0], x.shape[axis]) for axis, s in enumerate(starts) if len(s) == 1 and repeats(x, axis)]
        return Pull(tuple(shape), lambda *i: all_in_range(chosen, x.at(*positions(starts, i))))


def repeats(x: Operand, axis: int) -> bool:
    """Whether elements of ``x`` may be computed without their index on ``axis``, and so without its check."""
    owner = x.variable.owner
    return x.variable.type.shape[axis] == 1 or (owner is not None and isinstance(owner.op, BroadcastTo))


def all_in_range(indices: Sequence[tuple[Poly, Poly]], element: ex.Expr) -> ex.Expr:
    """``element``; an index that is out of its length's range fails the call though nothing is read there."""
    for index, n in indices:
        if not (isinstance(index.atom, ex.Expr) and index.atom.op == "checked_index"):
            continue
        fine = ex.checked("checked_truth", ex.less(index, n))
        zero, one = ex.const(0, element.dtype), ex.const(1, element.dtype)
        element = ex.apply("switch", element.dtype, fine, element, one if element is zero else zero)
    return element


def entries_text(entries: tuple) -> str:
    """The entries as they are written in brackets: ``i, a:b, ::2``; of an advanced index ``array, :``."""

    def one(entry: Any) -> str:
        if isinstance(entry, tuple):
            start, stop, step = entry
            return f"{'a' if start else ''}:{'b' if stop else ''}{f':{step}' if step != 1 else ''}"
        return {"index": "i", None: ":", True: "array", False: ":"}[entry]

    return ", ".join(map(one, entries))


def numpy_index(entries: tuple, bounds: Sequence[np.ndarray]) -> tuple:
    rest = iter(bounds)
    result: list = []
    for entry in entries:
        if entry is None:
            result.append(slice(None))
        elif entry == "index":
            result.append(int(next(rest)))
        else:
            start, stop = (int(next(rest)) if given else None for given in entry[:2])
            result.append(slice(start, stop, entry[2]))
    return tuple(result)


def lower_entries(entries: tuple, shape: Sequence[Poly], bounds: Sequence[Operand]) -> list[tuple]:
    """For each axis (index,), or (start, step, length) of a slice."""
    rest = iter(bounds)
    result: list[tuple] = []
    for entry, n in zip(entries, shape, strict=True):
        if entry is None:
            result.append((Poly.of(0), 1, n))
        elif entry == "index":
            result.append((ex.checked_index(ex.poly(next(rest).scalar), n),))
        else:
            start, stop = (ex.poly(next(rest).scalar) if given else None for given in entry[:2])
            result.append(lower_slice(start, stop, entry[2], n))
    return result


def lower_slice(start: Poly | None, stop: Poly | None, step: int, n: Poly) -> tuple:
    """Start, step and length of a slice of an axis of length n, as Python's slice.indices has them."""
    low, high = (Poly.of(0), n) if step > 0 else (Poly.of(-1), n - 1)

    def bound(value: Poly | None, default: Poly) -> Poly:
        if value is None:
            return default
        inside = value if value == low else ex.minimum(value, high)
        if value.constant is None:
            return ex.select(ex.less(value, 0), ex.maximum(value + n, low), inside)
        return ex.maximum(value + n, low) if value.constant < 0 else inside

    first, last = (
        (bound(start, low), bound(stop, high)) if step > 0 else (bound(start, high), bound(stop, low))
    )
    if step > 0:
        span = last - first
        whole = start is None and stop is None
        steps = span if step == 1 else ex.floor_div(span + (step - 1), step)
        length = steps if whole else ex.maximum(0, steps)
    else:
        length = ex.maximum(0, ex.floor_div(first - last + (-step - 1), -step))
        if step == -1 and start is None and stop is None:
            length = n
    return first, step, length


def positions(starts: list[tuple], index: Sequence[Poly]) -> list[Poly]:
    rest = iter(index)
    return [s[0] if len(s) == 1 else s[0] + next(rest) * s[1] for s in starts]


# Advanced indexing: one entry an axis, True where an integer array indexes it (one input each), False where
# it is kept.


class AdvancedIndex(Op):
    """Integer arrays on some axes, broadcast together; the result's axes stand where NumPy puts them.

    ``sliced``: the user's index had slices too, and what is indexed is the part that those select.
    """

    takes_complex = "parts"

    def __init__(self, entries: tuple[bool, ...], sliced: bool = False) -> None:
        self.entries = entries
        self.sliced = sliced

    view = True

    def parameters(self) -> tuple:
        return self.entries

    def __repr__(self) -> str:
        return f"index{{{entries_text(self.entries)}}}"

    @property
    def front(self) -> int:
        """How many kept axes come before the indexed ones: none if arrays are apart from one another."""
        where = [i for i, e in enumerate(self.entries) if e]
        return where[0] if where == list(range(where[0], where[-1] + 1)) else 0

    def shape_rule(self, of: Shapes, x: Variable, *arrays: Variable) -> Sequence[Length]:
        kept = [n for n, e in zip(of.shape(x), self.entries, strict=True) if not e]
        return [*kept[: self.front], *of.broadcast(arrays), *kept[self.front :]]

    def infer(self, x: Variable, *arrays: Variable) -> list[TensorType]:
        for v in arrays:
            if v.dtype not in INTEGERS:
                raise DTypeError(f"an index must be of integers or bools, not {v.describe()}")
        for axis, v in zip((a for a, e in enumerate(self.entries) if e), arrays, strict=True):
            n = x.type.shape[axis]
            if (
                isinstance(v, Constant)
                and n is not None
                and v.data.size
                and not (-n <= v.data.min() and v.data.max() < n)
            ):
                raise ShapeError(f"an index is out of range for axis {axis} (length {n}) of {x.describe()}")
        return [TensorType(x.dtype, list(self.shape_rule(Known("indexing"), x, *arrays)))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        from .write import AdvancedWrite

        x, *arrays = node.inputs
        into = AdvancedWrite(self.entries, "add").make(zeros_like(x, grads[0].dtype), grads[0], *arrays)
        return [into, *[None] * len(arrays)]

    def numpy_index(self, arrays: Sequence[np.ndarray]) -> tuple:
        rest = iter(arrays)
        return tuple(next(rest) if e else slice(None) for e in self.entries)

    def at_all_steps(self, b: Batch) -> Variable | None:
        x, *arrays = b.inputs
        rank = max(v.ndim for v in b.node.inputs[1:])
        if not b.per_step[0]:
            if self.front:
                return None
            return self.make(x, *(b.padded(k, rank) for k in range(1, len(b.inputs))))
        if not any(b.per_step[1:]):
            whole = sum(self.entries) == 1
            return AdvancedIndex((False, *self.entries)).make(x, *arrays) if whole else None
        if self.front:
            return None
        steps = dimshuffle(arange(b.n), 0, *["x"] * rank)
        indices = [b.padded(k, rank) for k in range(1, len(b.inputs))]
        return AdvancedIndex((True, *self.entries)).make(x, steps, *indices)

    def reference(self, node: Apply, x: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        check_broadcast("indexing", node.inputs[1:], arrays)
        return np.asarray(x[self.numpy_index(arrays)])

    def place(
        self, x: Operand, arrays: list[Operand], require: Callable
    ) -> tuple[tuple[Poly, ...], Callable]:
        """The shape of the part, and for an index into it the position in the tensor."""
        given = [x, *arrays]
        shape = tuple(self.shape_rule(Lowered(given, require), *(o.variable for o in given)))
        front, rank = self.front, max(a.ndim for a in arrays)

        def position(*index: Poly) -> list[Poly]:
            here = index[front : front + rank]
            others = iter((*index[:front], *index[front + rank :]))
            chosen = iter(arrays)
            return [
                one_index(next(chosen), here, n) if e else next(others)
                for e, n in zip(self.entries, x.shape, strict=True)
            ]

        return shape, position

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *arrays = operands
        shape, position = self.place(x, arrays, require)
        axes = [axis for axis, e in enumerate(self.entries) if e and repeats(x, axis)]

        def at(*index: Poly) -> ex.Expr:
            here = position(*index)
            return all_in_range([(here[axis], x.shape[axis]) for axis in axes], x.at(*here))

        return Pull(shape, at)


def one_index(array: Operand, here: tuple[Poly, ...], n: Poly) -> Poly:
    """The checked index that an index array has at ``here``; ``arange(n)`` into a length n needs no check."""
    owner = array.variable.owner
    index = ex.poly(broadcast_at(array, here))
    counts = (
        owner is not None
        and isinstance(owner.op, ARange)
        and [constant_int(owner.inputs[k]) for k in (0, 2)] == [0, 1]
    )
    return index if counts and array.shape[0] == n else ex.checked_index(index, n)


# x[...] of the user


#: an attribute of elements at steps that only a call tells, of which a part is taken further
BY_STEPS = "elements at steps"


def slice_ends(item: slice, n: Variable) -> tuple[Variable, Variable, Variable]:
    """The start, end and step of a slice of ``n`` elements, as Python's ``slice.indices`` has them, of which
    each may be a variable.  Errors: DomainError at the call where the step is 0."""
    step = as_length(1 if item.step is None else item.step, "the step of a slice")
    forwards = gt(step, 0)
    least, most = switch(forwards, 0, -1), switch(forwards, n, n - 1)

    def place(bound: Any, missing: Variable) -> Variable:
        if bound is None:
            return missing
        b = as_length(bound, "a bound of a slice")
        return minimum(maximum(switch(lt(b, 0), b + n, b), least), most)

    first, last = switch(forwards, 0, n - 1), switch(forwards, n, -1)
    return place(item.start, first), place(item.stop, last), step


def basic_index(x: Variable, items: Sequence[Any]) -> Variable:
    """``x[items]`` for integers (also scalar variables) and slices."""
    entries: list = []
    bounds: list[Variable] = []
    items = list(items)
    for axis, item in enumerate(items):
        if isinstance(item, slice) and item.step is not None and constant_int(item.step) is None:
            # of a step that only a call tells the places are numbers
            x, items[axis] = take(x, arange(*slice_ends(item, shape_i(x, axis))), axis), slice(None)
            # what is written to a part of it is written to the whole
            x.__dict__[BY_STEPS] = True
    for axis, item in enumerate(items):
        if not isinstance(item, slice):
            entries.append("index")
            bounds.append(as_length(item, "an index"))
            continue
        step = 1 if item.step is None else constant_int(item.step)
        if step is None or step == 0:
            raise InputError(f"the step of a slice must be a number other than 0, not {item.step}")
        start, stop = item.start, item.stop
        if step == 1:
            n = x.type.shape[axis]
            start = None if start is not None and constant_int(start) == 0 else start
            stop = None if stop is not None and n is not None and (constant_int(stop) or 0) >= n else stop
        if start is None and stop is None and step == 1:
            entries.append(None)
            continue
        entries.append((start is not None, stop is not None, step))
        bounds.extend(as_length(v, "the bound of a slice") for v in (start, stop) if v is not None)
    entries += [None] * (x.ndim - len(entries))
    if all(e is None for e in entries):
        return x
    return BasicIndex(tuple(entries)).make(x, *bounds)


def index(x: Any, key: Any) -> Variable:
    """``x[key]`` with everything NumPy's indexing has: integers, slices, None, Ellipsis, integer arrays,
    boolean masks."""
    x = as_variable(x)
    key = list(key) if isinstance(key, tuple) else [key]
    items: list[Any] = []
    for item in key:
        if isinstance(item, (list, tuple, range, np.ndarray)):
            item = _as_index_array(item)
        if isinstance(item, (bool, np.bool_)):
            raise InputError("a Python bool is no index; index with 0 or 1, or with a mask variable")
        if isinstance(item, Variable) and item.dtype == "bool" and item.ndim == 0:
            raise InputError(
                f"a single bool is no index: {item.describe()}; cast it to an integer, or use T.switch"
            )
        items.append(item)
    used = sum(_consumes(i) for i in items)
    if used > x.ndim:
        raise AxisError(f"{used} indices for {x.describe()}, which has {x.ndim} dimensions")
    where = next((i for i, item in enumerate(items) if item is Ellipsis), len(items))
    if sum(item is Ellipsis for item in items) > 1:
        raise InputError("an index can have only one '...'")
    # dots that stand for no axis stay: between two arrays they separate them all the same
    items[where : where + 1] = [slice(None)] * (x.ndim - used) or items[where : where + 1]

    expanded: list[Any] = []
    for item in items:
        expanded.extend(
            nonzero_of_mask(item, x, sum(_has_axis(i) for i in expanded)) if _is_mask(item) else [item]
        )
    items = expanded

    advanced = any(isinstance(i, Variable) and i.ndim > 0 for i in items)
    plain = [i for i in items if _has_axis(i)]
    if not advanced:
        result = basic_index(x, plain)
        if result is x and plain and None not in items:
            # x[:] is a part too, to which set_subtensor may write
            return BasicIndex((None,) * x.ndim).make(x)
        return _new_axes(result, items, 0, 0)
    sliced = basic_index(x, [i if isinstance(i, slice) else slice(None) for i in plain])
    entries = tuple(not isinstance(i, slice) for i in plain)
    arrays = [
        cast(as_variable(i), "int64") if not isinstance(i, Variable) else i
        for i in plain
        if not isinstance(i, slice)
    ]
    op = AdvancedIndex(entries, sliced is not x)
    return _new_axes(op.make(sliced, *arrays), items, op.front, max(a.ndim for a in arrays))


def _as_index_array(item: Any) -> Variable:
    """What is one index array: an array, or a sequence, also a tuple inside an index."""
    if isinstance(item, np.ndarray):
        return as_variable(item)
    if any(i is None or i is Ellipsis or isinstance(i, slice) for i in item):
        raise InputError(
            f"an index that is a list is one array, as in NumPy, and holds integers or bools, not {item!r}; "
            f"several indices are a tuple: x[tuple(...)]"
        )
    # NumPy has no dtype for what is empty; as an index it is of integers
    flat = list(item)
    while len(flat) == 1 and isinstance(flat[0], (list, tuple)):
        flat = list(flat[0])
    return as_variable(np.zeros(np.shape(item), "int64")) if not flat else as_variable(item)


def _has_axis(item: Any) -> bool:
    """Whether an item of an index stands for an axis of what is indexed; None and '...' of no axis do not."""
    return item is not None and item is not Ellipsis


def _consumes(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if _is_mask(item) else 1


def _is_mask(item: Any) -> bool:
    return isinstance(item, Variable) and item.dtype == "bool" and item.ndim > 0


def nonzero_of_mask(mask: Variable, x: Variable, axis: int) -> tuple[Variable, ...]:
    from .along_axis import nonzero

    for k, n in enumerate(mask.type.shape):
        m = x.type.shape[axis + k] if axis + k < x.ndim else 0
        if n is not None and m is not None and n != m:
            raise ShapeError(f"the mask {mask.describe()} does not fit axis {axis + k} of {x.describe()}")
    # the broadcast changes nothing and checks at the call the lengths that are not known yet
    return nonzero(broadcast_to(mask, [shape_i(x, axis + k) for k in range(mask.ndim)]))


def _new_axes(result: Variable, items: list, front: int, rank: int) -> Variable:
    """Axes for the None entries of an index, at the places where NumPy puts them.

    ``rank`` axes of the result, from ``front`` on, come from index arrays.  They stand where the first array
    stands, or before all others if anything, also a None or '...', is between two arrays.
    """
    if all(_has_axis(item) for item in items):
        return result
    block = list(range(front, front + rank))
    kept = (axis for axis in range(result.ndim) if axis not in block)
    where = (
        [i for i, item in enumerate(items) if _has_axis(item) and not isinstance(item, slice)] if rank else []
    )
    adjacent = where == list(range(where[0], where[-1] + 1)) if where else True
    order: list = [] if adjacent else list(block)
    for i, item in enumerate(items):
        if item is None:
            order.append("x")
        elif isinstance(item, slice):
            order.append(next(kept))
        elif adjacent and where and i == where[0]:
            order.extend(block)
    return dimshuffle(result, order)


def take(x: Any, indices: Any, axis: int | None = None) -> Variable:
    """Elements, or slices along ``axis``, by their indices."""
    x, indices = as_variable(x), as_variable(indices)
    if axis is None:
        return index(x.flatten(), indices)
    return index(x, (slice(None),) * (axis % x.ndim) + (indices,))


ROWS = Constant(np.array([2, 0, 2, -1]))
COLUMNS = Constant(np.array([0, 3, 1, 1]))
register_cases(
    "index",
    index,
    [
        (lambda x: x[1], (ramp(3, 4),)),
        (lambda x: x[-1, 1:], (ramp(3, 4),)),
        (lambda x: x[::-1, ::2], (ramp(3, 5),)),
        (lambda x: x[-2::-2], (ramp(5),)),
        (lambda x: x[: x.shape[1] - 2, None], (ramp(3, 4),)),
        (lambda x: x[5:2], (ramp(4),)),
        (lambda x: x[..., 0], (ramp(2, 3, 4),)),
        (lambda x: x[ROWS], (ramp(3, 4),)),
        (lambda x: x[ROWS, COLUMNS], (ramp(3, 4),)),
        (lambda x: x[:, ROWS], (ramp(2, 3),)),
        (lambda x: x[ROWS, 1:, COLUMNS], (ramp(3, 3, 4),)),
        (lambda x: x[ROWS.reshape((2, 2))], (ramp(3, 4),)),
        (lambda x: x[(x > 0)], (ramp(3, 4) - 0.1,)),
        (lambda x: (x * 2)[(x[:, 0] > -1)], (ramp(3, 4) - 0.1,)),
        (lambda x: x[np.zeros(0, "int64")], (ramp(3, 4),)),
    ],
    NUMBERS,
)
register_cases(
    "take", take, [(lambda x: take(x, ROWS, 1), (ramp(2, 3),)), (lambda x: take(x, ROWS), (ramp(2, 3),))]
)
