"""A loop whose gradient keeps only every so manieth of its states and makes the steps between again.

It is a loop over blocks of steps, and after it one of those that are left: what the gradient needs of a
block's steps is there only while it goes through that block.
"""

from __future__ import annotations

from typing import NamedTuple

from ..graph import Apply, Constant, Variable
from ..ops.elementwise import floor_div
from ..ops.index import basic_index
from ..ops.join import concatenate
from ..ops.loop_results import FirstRows, Steps
from ..ops.scan import Parts, Scan, State, row_lengths
from ..ops.shape import dimshuffle, reshape, shape_i
from ..ops.shape_rules import constant_int


class Made(NamedTuple):
    """What comes of a loop: the states' values without the initial ones, the mapped outputs, and the states'
    last values."""

    values: list[Variable]
    mapped: list[Variable]
    last: list[Variable]


def at_once(op: Scan, node: Apply) -> Made:
    """Of a loop that is one node."""
    found = op.results(node)
    values = [basic_index(h, [slice(s.depth, None)]) for h, s in zip(found.histories, op.states, strict=True)]
    return Made(values, list(found.mapped), list(found.last))


def in_blocks(op: Scan, parts: Parts, size: Variable) -> Made:
    """Of a loop in blocks of ``size`` steps, at least 1."""
    n = parts.n
    number, whole, left = _cut(n, size)
    blocks = _blocks(op, parts, number, size)
    rest = [basic_index(x, [slice(whole, n)]) for x in parts.sequences]
    initial = [
        dimshuffle(v, "x", *range(v.ndim)) if state.depth == 1 else v
        for v, state in zip(blocks.last, op.states, strict=True)
    ]
    tail = at_once(op, op.make_node(left, *rest, *initial, *parts.lengths, *parts.invariants))

    def joined(block: Variable, after: Variable) -> Variable:
        lengths = [shape_i(after, axis) for axis in range(1, after.ndim)]
        return concatenate([reshape(block, (whole, *lengths), ndim=after.ndim), after], axis=0)

    values = [
        Steps().make(joined(a, b), last, n)
        for a, b, last in zip(blocks.values, tail.values, tail.last, strict=True)
    ]
    return Made(values, [joined(a, b) for a, b in zip(blocks.mapped, tail.mapped, strict=True)], tail.last)


def _cut(n: Variable, size: Variable) -> tuple[Variable, Variable, Variable]:
    """How many whole blocks there are, their steps, and those that are left."""
    steps, each = constant_int(n), constant_int(size)
    if steps is None or each is None:
        number = floor_div(n, size)
        return number, number * size, n - number * size
    found = (steps // each, steps - steps % each, steps % each)
    return tuple(Constant(k, dtype="int64") for k in found)


def _blocks(op: Scan, parts: Parts, number: Variable, size: Variable) -> Made:
    """The loop over whole blocks, each a loop: rows have a further axis, and a state that looks far back has
    as many values as it takes to go on."""
    known = constant_int(size)
    sequences, inner = [], []
    for x in parts.sequences:
        rows = [shape_i(x, axis) for axis in range(1, x.ndim)]
        cut = reshape(FirstRows().make(x, number * size), (number, size, *rows), ndim=x.ndim + 1)
        sequences.append(cut)
        inner.append(cut.type.row()(x.name))
    states, before, begun = [], [], []
    for initial, state in zip(parts.initial, op.states, strict=True):
        one = state.depth == 1
        states.append(initial if one else dimshuffle(initial, "x", *range(initial.ndim)))
        before.append(states[-1].type.row()())
        begun.append(dimshuffle(before[-1], "x", *range(before[-1].ndim)) if one else before[-1])
    invariants = [v.type(v.name) for v in parts.invariants]
    count = Constant(known, dtype="int64") if known is not None else size.type()
    block = Parts(count, tuple(inner), tuple(begun), (), tuple(invariants))
    outer = dict(zip(op.rows, inner, strict=True))
    for taps, v in zip(op.taps, begun, strict=True):
        outer.update(dict.fromkeys(taps, v))
    per_step = set(outer)
    outer.update(zip(op.invariants, invariants, strict=True))
    lengths = row_lengths(list(op.mapped_rows), outer, per_step)
    made = at_once(op, op.make_node(block.n, *block.sequences, *block.initial, *lengths, *block.invariants))
    histories = op.results(made.last[0].owner).histories if made.last else ()
    after = [
        last if state.depth == 1 else basic_index(history, [slice(count, None)])
        for last, history, state in zip(made.last, histories, op.states, strict=True)
    ]
    rows = [*made.values, *made.mapped]
    given = [*invariants, *([] if known is not None else [count])]
    loop = Scan(
        [*inner, *before, *given],
        [*after, *rows],
        len(inner),
        [State((-1,)) for _ in op.states],
        len(rows),
        carries=op.carries,
        name=op.name,
        lazy=True,
        checkpointed=True,
    )
    all_given = [*parts.invariants, *([] if known is not None else [size])]
    outside = {**dict(zip(inner, sequences, strict=True)), **dict(zip(before, states, strict=True))}
    outside.update(zip(given, all_given, strict=True))
    lengths = row_lengths(rows, outside, {*inner, *before})
    node = loop.make_node(number, *sequences, *states, *lengths, *all_given)
    found = loop.results(node)
    cut = len(made.values)
    return Made(list(found.mapped[:cut]), list(found.mapped[cut:]), list(found.last))
