"""Axes and lengths, parts and joins, tensors that are made of lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import tensor as T
from ...control import scan
from ...graph import Constant, Variable
from ...graph.types import normalize_axis
from ...ops import elementwise as ew
from ...ops.create import full
from ...ops.index import basic_index
from ...ops.join import stack_scalars
from ...ops.lengths import Lengths
from ...ops.pool_functions import padded
from ...ops.shape import broadcast_to, dimshuffle, expand_dims, reshape, shape_i, specify_shape, squeeze
from ...ops.shape_rules import constant_int
from ...ops.write import AdvancedWrite
from ..reader import Node, lengths_of, reads


def axis_of(n: Node, x: Variable, default: int = 0) -> int:
    return normalize_axis(int(n.get("axis", default)), x.ndim, n.describe())


@reads("Constant")
def _constant(n: Node) -> Variable:
    for name, dtype in (("value_float", "float32"), ("value_floats", "float32"), ("value_int", "int64"),
                        ("value_ints", "int64")):  # fmt: skip
        if name in n.attributes:
            return Constant(np.array(n.get(name), dtype))
    if "value" not in n.attributes:
        raise n.error("is of strings or sparse, which graphlib has not")
    return n.get("value")


@reads("Shape")
def _shape(n: Node) -> Variable:
    x = n[0]
    lengths = [shape_i(x, a) for a in range(x.ndim)][n.get("start", 0) : n.get("end")]
    return stack_scalars(lengths)


@reads("Size")
def _size(n: Node) -> Variable:
    total: Any = Constant(1, dtype="int64")
    for axis in range(n[0].ndim):
        total = total * shape_i(n[0], axis)
    return total


@reads("Reshape")
def _reshape(n: Node) -> Variable:
    x = n[0]
    lengths = list(n.get("shape")) if "shape" in n.attributes else list(lengths_of(n.reader, n[1]))
    if not n.get("allowzero", 0):
        lengths = [length_of(x, a) if m == 0 else m for a, m in enumerate(lengths)]
    if -1 in [m for m in lengths if isinstance(m, int)]:
        rest = _rest(x, [m for m in lengths if not isinstance(m, int) or m != -1])
        lengths = [rest if isinstance(m, int) and m == -1 and rest is not None else m for m in lengths]
    return reshape(x, lengths, ndim=len(lengths))


def _rest(x: Variable, others: list[Any]) -> Any:
    """What is left of the lengths of ``x`` where ``others`` are products of some of them; None if not."""
    names = Lengths()
    left, number = list(names.shape(x)), 1
    pending = list(others)
    while pending:
        v = pending.pop()
        if isinstance(v, Variable) and v.owner is not None and v.owner.op == ew.mul:
            pending.extend(v.owner.inputs)
            continue
        name = names.of_scalar(v) if isinstance(v, Variable) else int(v)
        if isinstance(name, int):
            number *= name
        elif name in left:
            left.remove(name)
        else:
            return None
    known = math.prod(n for n in left if isinstance(n, int))
    if not number or known % number:
        return None
    rest: Any = known // number
    for n in left:
        rest = rest if isinstance(n, int) else names.length(n) * rest
    return rest


def length_of(x: Variable, axis: int) -> Any:
    """A length, a number where it is known."""
    known = x.type.shape[axis]
    return shape_i(x, axis) if known is None else known


@reads("Flatten")
def _flatten(n: Node) -> Variable:
    x, axis = n[0], n.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    known = [length_of(x, a) for a in range(x.ndim)]
    front: Any = 1
    for length in known[:axis]:
        front = front * length
    behind: Any = 1
    for length in known[axis:]:
        behind = behind * length
    return reshape(x, [front, behind], ndim=2)


@reads("Squeeze")
def _squeeze(n: Node) -> Variable:
    axes = n.numbers(1, "axes")
    if axes is None:
        return squeeze(n[0])
    return squeeze(n[0], [int(a) for a in axes])


@reads("Unsqueeze")
def _unsqueeze(n: Node) -> Variable:
    x, axes = n[0], n.numbers(1, "axes")
    total = x.ndim + len(axes)
    for axis in sorted(normalize_axis(int(a), total, n.describe()) for a in axes):
        x = expand_dims(x, axis)
    return x


@reads("Transpose")
def _transpose(n: Node) -> Variable:
    return dimshuffle(n[0], n.get("perm") or list(range(n[0].ndim - 1, -1, -1)))


@reads("Concat")
def _concat(n: Node) -> Variable:
    parts = [n[k] for k in range(len(n.inputs))]
    return T.concatenate(parts, axis_of(n, parts[0], 1 if n.opset < 4 else 0))


@reads("Split")
def _split(n: Node) -> list[Variable]:
    x = n[0]
    axis = axis_of(n, x)
    sizes, total = n.numbers(1, "split"), x.type.shape[axis]
    if sizes is None:
        parts = n.get("num_outputs", len(n.outputs))
        if total is None:
            raise n.error(f"splits axis {axis} of {x.describe()}, whose length is not known")
        if total % parts and "num_outputs" not in n.attributes:
            raise n.error(f"splits axis {axis} of {x.describe()} into {parts} equal parts, which do not fit")
        each = -(-total // parts)
        sizes = [max(min(each, total - each * k), 0) for k in range(parts)]
    if len(sizes) != len(n.outputs):
        raise n.error(f"has {len(n.outputs)} outputs, and {len(sizes)} sizes {sizes}")
    if min(sizes) < 0 or (total is not None and total != sum(sizes)):
        raise n.error(f"splits axis {axis} of {x.describe()} into {sizes}, of which the sum is {sum(sizes)}")
    x = specify_shape(x, [sum(sizes) if a == axis else m for a, m in enumerate(x.type.shape)])
    results, at = [], 0
    for size in sizes:
        results.append(basic_index(x, [slice(None)] * axis + [slice(at, at + int(size))]))
        at += int(size)
    return results


@reads("Slice")
def _slice(n: Node) -> Variable:
    x = n[0]
    old = "starts" in n.attributes
    starts, ends = ((n.get(k) if old else _bounds(n, i)) for i, k in ((1, "starts"), (2, "ends")))
    axes = n.numbers(3, "axes", list(range(len(starts))))
    steps = n.numbers(4, "steps", [1] * len(starts))
    items: list[Any] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        items[normalize_axis(int(axis), x.ndim, n.describe())] = _walk(start, end, int(step))
    return basic_index(x, items)


def _bounds(n: Node, k: int) -> Sequence[Any]:
    return lengths_of(n.reader, n[k])


def _walk(start: Any, end: Any, step: int) -> slice:
    """A slice of ONNX's as one of Python's: bounds beyond every axis that it goes towards are none."""
    limit = np.iinfo("int32").max
    # the greatest end is none backwards, too, as onnxruntime has it
    if isinstance(end, int) and (end >= limit or (step < 0 and end <= -limit)):
        end = None
    if isinstance(start, int) and (start <= -limit if step > 0 else start >= limit):
        start = None
    # backwards from before the first it begins at the first
    start = 0 if step < 0 and isinstance(start, int) and start <= -limit else start
    start = None if step > 0 and isinstance(start, int) and start == 0 else start
    return slice(start, end, step)


@reads("Gather")
def _gather(n: Node) -> Variable:
    x, index = n[0], n[1]
    axis = axis_of(n, x)
    number = n.reader.known(index)
    if x.ndim == 1 and number is not None and number.size <= 64 and not x.type.is_float:
        # of lengths these are lengths again
        elements = n.reader.elements(x)
        if number.ndim == 0:
            return elements[int(number)]
        if number.ndim == 1:
            return stack_scalars([elements[int(i)] for i in number])
    if index.ndim == 0:
        return basic_index(x, [slice(None)] * axis + [T.cast(index, "int64")])
    return T.take(x, index, axis)


@reads("GatherElements")
def _gather_elements(n: Node) -> Variable:
    x, index = n[0], n[1]
    axis = axis_of(n, x)
    return x[tuple(_grid(index, axis))]


def _grid(index: Variable, axis: int) -> list[Variable]:
    """Index arrays that broadcast together: the indices on one axis, each place's own on the others."""
    rank = index.ndim
    return [index if a == axis else _own_places(shape_i(index, a), a, rank) for a in range(rank)]


def _own_places(length: Variable, axis: int, rank: int) -> Variable:
    """The places along an axis, which broadcast along the others."""
    return dimshuffle(T.arange(length), *("x" if a != axis else 0 for a in range(rank)))


@reads("GatherND")
def _gather_nd(n: Node) -> Variable:
    x, index = n[0], n[1]
    batch, depth = n.get("batch_dims", 0), index.type.shape[-1]
    if depth is None:
        raise n.error(f"needs the last length of {index.describe()}")
    columns = [basic_index(index, [slice(None)] * (index.ndim - 1) + [k]) for k in range(depth)]
    rank = index.ndim - 1
    places = [_own_places(shape_i(x, a), a, rank) for a in range(batch)]
    return x[tuple(places + columns)]


@reads("Scatter", "ScatterElements")
def _scatter_elements(n: Node) -> Variable:
    x, index, updates = n[0], n[1], n[2]
    return _scattered(n, x, _grid(_counted(index, shape_i(x, axis_of(n, x))), axis_of(n, x)), updates)


def _counted(index: Variable, length: Variable) -> Variable:
    """Indices that count from the end, from the start."""
    index = T.cast(index, "int64")
    return ew.switch(ew.lt(index, 0), index + length, index)


@reads("ScatterND")
def _scatter_nd(n: Node) -> Variable:
    x, index, updates = n[0], n[1], n[2]
    depth = index.type.shape[-1]
    if depth is None:
        raise n.error(f"needs the last length of {index.describe()}")
    columns = [basic_index(index, [slice(None)] * (index.ndim - 1) + [k]) for k in range(depth)]
    return _scattered(n, x, columns, updates)


def _scattered(n: Node, x: Variable, places: list[Variable], updates: Variable) -> Variable:
    how = n.get("reduction", "none")
    mode = {"none": "set", "add": "add"}.get(how)
    if mode is not None:
        entries = tuple([True] * len(places) + [False] * (x.ndim - len(places)))
        return AdvancedWrite(entries, mode).make(x, updates, *places)
    combine = {"mul": ew.mul, "max": T.maximum, "min": T.minimum}.get(how)
    if combine is None:
        raise n.error(f"combines what meets by {how}; graphlib adds, multiplies, or takes the extreme")
    # where several meet, one after the other
    flat = [T.flatten(broadcast_to(p, _together(places))) for p in places]
    rest = [length_of(x, a) for a in range(len(places), x.ndim)]
    each = reshape(updates, [-1, *rest], ndim=1 + len(rest))

    def step(value: Variable, *at_and_whole: Variable) -> Variable:
        *at, whole = at_and_whole
        here = whole[tuple(at)]
        return T.set_subtensor(here, combine(here, value))

    results, _ = scan(step, [each, *flat], x)
    return T.concatenate([dimshuffle(x, "x", *range(x.ndim)), results])[-1]


def _together(places: list[Variable]) -> list[Any]:
    """The lengths of indices that broadcast together."""
    axes = range(max(p.ndim for p in places))
    known = [[p for p in places if p.type.shape[a] != 1] for a in axes]
    return [length_of(those[0], a) if those else 1 for a, those in zip(axes, known, strict=True)]


@reads("TensorScatter")
def _tensor_scatter(n: Node) -> Variable:
    """An update of a cache: a run of elements along an axis, that begins where each row says."""
    x, update, begins = n[0], n[1], n.optional(2)
    axis = axis_of(n, x, -2)
    order = [0, axis, *(a for a in range(1, x.ndim) if a != axis)]
    cache, new = dimshuffle(x, order), dimshuffle(update, order)
    places = dimshuffle(T.arange(shape_i(new, 1)), "x", 0)
    if begins is not None:
        places = places + dimshuffle(T.cast(begins, "int64"), 0, "x")
    if n.get("mode", "linear") == "circular":
        places = places % shape_i(cache, 1)
    rows = dimshuffle(T.arange(shape_i(cache, 0)), 0, "x")
    made = T.set_subtensor(cache[rows, places], new)
    return dimshuffle(made, *(order.index(a) for a in range(x.ndim)))


@reads("Expand")
def _expand(n: Node) -> Variable:
    x, lengths = n[0], list(lengths_of(n.reader, n[1]))
    lengths = [1] * (x.ndim - len(lengths)) + lengths
    own = [1] * (len(lengths) - x.ndim) + [length_of(x, a) for a in range(x.ndim)]
    lengths = [m if isinstance(n, int) and n == 1 else n for n, m in zip(lengths, own, strict=True)]
    return broadcast_to(x, lengths)


@reads("Tile")
def _tile(n: Node) -> Variable:
    return T.tile(n[0], list(lengths_of(n.reader, n[1])))


@reads("Pad")
def _pad(n: Node) -> Variable:
    x = n[0]
    pads = n.get("pads") or n.get("paddings") or lengths_of(n.reader, n[1])
    axes = n.numbers(3, "axes", list(range(x.ndim)))
    before: list[Any] = [0] * x.ndim
    after: list[Any] = [0] * x.ndim
    for k, axis in enumerate(axes):
        axis = normalize_axis(int(axis), x.ndim, n.describe())
        before[axis], after[axis] = pads[k], pads[k + len(axes)]
    mode = n.get("mode", "constant")
    if mode != "constant":
        return _mirrored(n, x, before, after, mode)
    value: Any = n.get("value", 0.0) if n.opset < 11 else n.optional(2)
    value = 0 if value is None else value
    if isinstance(value, Variable):
        value = value.reshape(()) if value.ndim else value
    for axis in range(x.ndim):
        # what is negative is cut off
        cut = slice(_cut(before[axis]), after[axis] if _is_negative(after[axis]) else None)
        if cut != slice(None, None):
            x = basic_index(x, [slice(None)] * axis + [cut])
    return padded(x, *([0 if _is_negative(m) else m for m in side] for side in (before, after)), value)


def _is_negative(m: Any) -> bool:
    return isinstance(m, int) and m < 0


def _cut(m: Any) -> Any:
    return -m if _is_negative(m) else None


def _mirrored(n: Node, x: Variable, before: list[Any], after: list[Any], mode: str) -> Variable:
    """Elements that are there already, around the ends of each axis."""
    for axis in range(x.ndim):
        b, a, length = before[axis], after[axis], shape_i(x, axis)
        if isinstance(b, int) and isinstance(a, int) and b == 0 and a == 0:
            continue
        places = T.arange(-b if isinstance(b, int) else -1 * b, length + a)
        if mode == "edge":
            places = T.clip(places, 0, length - 1)
        elif mode == "wrap":
            places = places % length
        elif mode == "reflect":
            period = T.maximum(2 * (length - 1), 1)
            places = (length - 1) - abs((places % period) - (length - 1))
        else:
            raise n.error(f"pads by {mode}, which graphlib has not")
        x = T.take(x, places, axis)
    return x


@reads("ConstantOfShape")
def _constant_of_shape(n: Node) -> Variable:
    value = n.get("value")
    number = Constant(np.float32(0)) if value is None else Constant(value.data.reshape(-1)[0])
    return full(list(lengths_of(n.reader, n[0])), number)


@reads("Range")
def _range(n: Node) -> Variable:
    start, stop, step = (v.reshape(()) if v.ndim else v for v in (n[0], n[1], n[2]))
    return T.arange(start, stop, step, dtype=start.dtype)


@reads("EyeLike")
def _eye_like(n: Node) -> Variable:
    from ..protobuf import package

    x, to = n[0], n.get("dtype")
    dtype = x.dtype if to is None else package().helper.tensor_dtype_to_np_dtype(to).name
    return T.eye(length_of(x, 0), length_of(x, 1), n.get("k", 0), dtype=dtype)


@reads("Trilu")
def _trilu(n: Node) -> Variable:
    x, offset = n[0], n.numbers(1, "k", [0])
    k = int(offset[0])
    rows = dimshuffle(T.arange(shape_i(x, -2)), 0, "x")
    columns = dimshuffle(T.arange(shape_i(x, -1)), "x", 0)
    kept = ew.ge(columns - rows, k) if n.get("upper", 1) else ew.le(columns - rows, k)
    return ew.switch(kept, x, T.zeros_like(x))


@reads("DepthToSpace")
def _depth_to_space(n: Node) -> Variable:
    x, b = n[0], n.get("blocksize")
    batch, c, h, w = (length_of(x, a) for a in range(4))
    if n.get("mode", "DCR") == "DCR":
        parts = reshape(x, [batch, b, b, c // (b * b), h, w], ndim=6).dimshuffle(0, 3, 4, 1, 5, 2)
    else:
        parts = reshape(x, [batch, c // (b * b), b, b, h, w], ndim=6).dimshuffle(0, 1, 4, 2, 5, 3)
    return reshape(parts, [batch, c // (b * b), h * b, w * b], ndim=4)


@reads("SpaceToDepth")
def _space_to_depth(n: Node) -> Variable:
    x, b = n[0], n.get("blocksize")
    batch, c, h, w = (length_of(x, a) for a in range(4))
    parts = reshape(x, [batch, c, h // b, b, w // b, b], ndim=6)
    parts = parts.dimshuffle(0, *((3, 5, 1) if n.get("mode", "DCR") == "DCR" else (1, 3, 5)), 2, 4)
    return reshape(parts, [batch, c * b * b, h // b, w // b], ndim=4)


@reads("OneHot")
def _one_hot(n: Node) -> Variable:
    index, values = n[0], n[2]
    depth = constant_int(n.reader.elements(n[1])[0])
    if depth is None:
        raise n.error("needs the number of classes as a number")
    axis = n.get("axis", -1)
    axis = axis + index.ndim + 1 if axis < 0 else axis
    whole = T.cast(index, "int64")
    whole = ew.switch(ew.lt(whole, 0), whole + depth, whole)
    order = [*range(axis), "x", *range(axis, index.ndim)]
    classes = T.arange(depth).dimshuffle(*(0 if a == axis else "x" for a in range(index.ndim + 1)))
    return ew.switch(ew.eq(whole.dimshuffle(*order), classes), values[1], values[0])


@reads("NonZero")
def _nonzero(n: Node) -> Variable:
    return T.stack(list(T.nonzero(n[0])))


@reads("Compress")
def _compress(n: Node) -> Variable:
    x = n[0] if "axis" in n.attributes else T.flatten(n[0])
    axis = axis_of(n, x) if "axis" in n.attributes else 0
    (places,) = T.nonzero(n[1])
    return T.take(x, places, axis)


@reads("ReverseSequence")
def _reverse_sequence(n: Node) -> Variable:
    x, lengths = n[0], n[1]
    time, batch = n.get("time_axis", 0), n.get("batch_axis", 1)
    order = [time, batch, *(a for a in range(x.ndim) if a not in (time, batch))]
    moved = x.dimshuffle(*order)
    steps = T.arange(shape_i(moved, 0)).dimshuffle(0, "x")
    many = T.cast(lengths, "int64").dimshuffle("x", 0)
    places = ew.switch(ew.lt(steps, many), many - 1 - steps, steps)
    turned = moved[places, T.arange(shape_i(moved, 1)).dimshuffle("x", 0)]
    return turned.dimshuffle(*(order.index(a) for a in range(x.ndim)))
