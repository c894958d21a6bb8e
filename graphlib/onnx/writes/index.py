"""Parts of tensors, read and written; sorting and the places of what is not zero."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph import Apply, Constant, Variable
from ...ops import elementwise as ew
from ...ops.along_axis import Cumulative, Nonzero, Recurrence, Sort, Unravel
from ...ops.create import alloc, arange
from ...ops.index import AdvancedIndex, BasicIndex, basic_index
from ...ops.join import concatenate
from ...ops.scan import Scan, State
from ...ops.shape import broadcast_to, dimshuffle, shape_i
from ...ops.shape_rules import Known
from ...ops.write import AdvancedWrite, BasicWrite
from ..writer import Writer, writes
from .shape import BEFORE_ALL, BEHIND_ALL


@writes(BasicIndex)
def _basic(w: Writer, node: Apply) -> str:
    x, *bounds = node.inputs
    rest = iter(bounds)
    made = w.of(x)
    slices, numbers = [], []
    for axis, entry in enumerate(node.op.entries):
        if entry == "index":
            numbers.append((axis, next(rest)))
        elif entry is not None:
            has_start, has_stop, step = entry
            start: Any = w.length(next(rest)) if has_start else 0 if step > 0 else BEHIND_ALL
            stop: Any = w.length(next(rest)) if has_stop else BEHIND_ALL if step > 0 else BEFORE_ALL
            slices.append((axis, start, stop, step))
    if slices:
        axes, starts, stops, steps = zip(*slices, strict=True)
        made = w.slice(made, w.vector(starts), w.vector(stops), axes, steps)
    for axis, number in reversed(numbers):
        made = w.add("Gather", made, w.of(number), axis=axis)
    return made


def _places(w: Writer, arrays: Sequence[Variable]) -> str:
    """Index arrays, broadcast together, as a last axis behind their own."""
    shape = Known("indexing").broadcast(arrays)
    lengths: list[Any] = list(shape)
    for axis, n in enumerate(shape):
        if n is None:
            source = next(
                v for v in arrays if v.ndim >= len(shape) - axis and v.type.shape[axis - len(shape)] != 1
            )
            lengths[axis] = shape_i(source, axis - len(shape))
    columns = [w.unsqueeze(w.cast(w.of(broadcast_to(v, lengths)), "int64"), len(shape)) for v in arrays]
    return columns[0] if len(columns) == 1 else w.add("Concat", *columns, axis=len(shape))


def _indexed_first(entries: Sequence[bool]) -> list[int]:
    return [a for a, e in enumerate(entries) if e] + [a for a, e in enumerate(entries) if not e]


@writes(AdvancedIndex)
def _advanced(w: Writer, node: Apply) -> str:
    x, *arrays = node.inputs
    entries, front = node.op.entries, node.op.front
    if len(arrays) == 1:
        index = arrays[0] if arrays[0].dtype in ("int32", "int64") else ew.cast(arrays[0], "int64")
        return w.add("Gather", w.of(x), w.of(index), axis=entries.index(True))
    first = w.transpose(w.of(x), _indexed_first(entries))
    found = w.add("GatherND", first, _places(w, arrays))
    rank, total = max(v.ndim for v in arrays), node.outputs[0].ndim
    order = [*range(rank, rank + front), *range(rank), *range(rank + front, total)]
    return w.transpose(found, order)


@writes(AdvancedWrite)
def _advanced_write(w: Writer, node: Apply) -> str:
    x, y, *arrays = node.inputs
    reading = AdvancedIndex(node.op.entries)
    part = reading.make(x, *arrays)
    value = broadcast_to(y, [shape_i(part, a) for a in range(part.ndim)])
    rank, front = max(v.ndim for v in arrays), reading.front
    kept = [*range(front), *range(front + rank, part.ndim)]
    order = _indexed_first(node.op.entries)
    made = w.add(
        "ScatterND",
        w.transpose(w.of(x), order),
        _places(w, arrays),
        w.transpose(w.of(value), [*range(front, front + rank), *kept]),
        **({"reduction": "add"} if node.op.mode == "add" else {}),
    )
    return w.transpose(made, [order.index(a) for a in range(x.ndim)])


@writes(BasicWrite)
def _basic_write(w: Writer, node: Apply) -> str:
    """As writing to the places that the slices name."""
    x, y, *bounds = node.inputs
    entries = list(node.op.entries)
    while entries and entries[-1] is None:
        entries.pop()
    if not entries:
        return w.of(
            ew.add(x, y) if node.op.mode == "add" else broadcast_to(y, [shape_i(x, a) for a in range(x.ndim)])
        )
    count = sum(e != "index" for e in entries)
    rest, arrays, place = iter(bounds), [], 0
    for axis, entry in enumerate(entries):
        if entry == "index":
            arrays.append(next(rest))
            continue
        whole = arange(shape_i(x, axis))
        limits = [next(rest) for given in (entry or ())[:2] if given]
        some = whole if entry is None else BasicIndex((entry,)).make(whole, *limits)
        arrays.append(dimshuffle(some, ["x"] * place + [0] + ["x"] * (count - place - 1)))
        place += 1
    indexed = [True] * len(entries) + [False] * (x.ndim - len(entries))
    return w.of(AdvancedWrite(tuple(indexed), node.op.mode).make(x, y, *arrays))


@writes(Sort)
def _sort(w: Writer, node: Apply) -> str:
    (x,), axis = node.inputs, node.op.axis
    name, narrow = w.of(x), x.dtype in ("bool", "int8", "int16", "uint8", "uint16", "uint32")
    made = w.cast(name, "int64") if narrow else name
    values, places = w.add("TopK", made, w.axis_length(name, axis), outputs=2, axis=axis, largest=0, sorted=1)
    result = places if node.op.kind == "argsort" else w.cast(values, x.dtype) if narrow else values
    if node.op.count is None:
        return result
    first, last = (node.op.count, 2**62) if node.op.count < 0 else (0, node.op.count)
    return w.add("Slice", result, *(w.names.constant(np.array([k])) for k in (first, last, axis)))


@writes(Cumulative)
def _cumulative(w: Writer, node: Apply) -> str:
    (x,), axis = node.inputs, node.op.axis
    if node.op.kind == "cumsum":
        return w.typed_first("CumSum", x.dtype, w.of(x), w.number(axis, "int64"))
    return w.of(_running(lambda last, x: x * last, 1, axis, [x]))


@writes(Recurrence)
def _recurrence(w: Writer, node: Apply) -> str:
    (x, a), axis = node.inputs, node.op.axis
    lead = [slice(None)] * axis
    if not node.op.backwards:
        return w.of(_running(lambda last, x, a: x + a * last, 0, axis, [x, a]))
    back = [*lead, slice(None, None, -1)]
    first = ew.mul(basic_index(a, [*lead, slice(0, 1)]), 0)
    factors = concatenate([basic_index(a, [*lead, slice(1, None)]), first], axis)
    sequences = [basic_index(v, back) for v in (x, factors)]
    made = _running(lambda last, x, a: x + a * last, 0, axis, sequences)
    return w.of(basic_index(made, back))


def _running(step: Callable[..., Variable], first: int, axis: int, sequences: list[Variable]) -> Variable:
    """What a loop along an axis makes of a number, value after value."""
    order = [axis, *(a for a in range(sequences[0].ndim) if a != axis)]
    moved = [dimshuffle(v, order) for v in sequences]
    rows = [v.type.row()() for v in moved]
    last = rows[0].type()
    begin = alloc(Constant(first, dtype=last.dtype), 1, *(shape_i(moved[0], a) for a in range(1, len(order))))
    op = Scan([*rows, last], [step(last, *rows)], len(rows), [State((-1,))], 0)
    history = op.make_node(shape_i(moved[0], 0), *moved, begin).outputs[0]
    after = basic_index(history, [slice(1, None)])
    return dimshuffle(after, [order.index(a) for a in range(len(order))])


@writes(Nonzero)
def _nonzero(w: Writer, node: Apply) -> str:
    mask = node.inputs[0]
    flat = w.add("Reshape", w.of(mask), w.integers([-1]))
    return w.squeeze(w.add("NonZero", flat), 0)


@writes(Unravel)
def _unravel(w: Writer, node: Apply) -> str:
    flat, *lengths = node.inputs
    inner: Any = 1
    for n in lengths[node.op.axis + 1 :]:
        inner = n * inner
    # an axis without elements has no places, but a divisor all the same
    whole = ew.floor_div(flat, ew.maximum(inner, 1)) if node.op.axis + 1 < len(lengths) else flat
    axis = node.op.axis
    return w.of(whole if axis == 0 else ew.mod(whole, ew.maximum(lengths[axis], 1)))
