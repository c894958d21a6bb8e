"""Axes, lengths, and what changes no number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...graph import Apply, Constant, Variable
from ...ops.barriers import GradientBarrier, OwnGradient
from ...ops.create import ARange
from ...ops.factorizations import Answered
from ...ops.join import Join, Parts
from ...ops.labels import Labels
from ...ops.loop_results import FirstRows, LastValue, OfLengths
from ...ops.observing import Assert, Print
from ...ops.shape import BroadcastTo, Count, DimShuffle, Reshape, SameLengths, ShapeI, SpecifyShape
from ...ops.unbroadcast import Unbroadcast
from ...ops.valid import Valid
from ..writer import Writer, writes


@writes(
    Answered,
    Assert,
    Count,
    GradientBarrier,
    LastValue,
    OfLengths,
    Parts,
    Print,
    SameLengths,
    SpecifyShape,
    Unbroadcast,
    Valid,
    needs=lambda node: node.inputs[:1],
)
def _itself(w: Writer, node: Apply) -> str:
    """What only looks at its operand, or steers gradients: in ONNX there are no such checks."""
    return w.of(node.inputs[0])


def _computed_of(node: Apply) -> Sequence[Variable]:
    return node.inputs[1:] if node.op.rule == "determinant" else node.inputs[:1]


@writes(OwnGradient, needs=_computed_of)
def _own_gradient(w: Writer, node: Apply) -> str:
    """What it is computed by, unless ONNX has an operator for the whole."""
    (x,) = map(w.of, _computed_of(node))
    return w.add("Det", x) if node.op.rule == "determinant" else x


@writes(ShapeI)
def _length(w: Writer, node: Apply) -> str:
    return w.squeeze(w.axis_length(w.of(node.inputs[0]), node.op.axis), 0)


@writes(DimShuffle)
def _dimshuffle(w: Writer, node: Apply) -> str:
    (x,), order = node.inputs, node.op.order
    kept = [a for a in order if a != "x"]
    dropped = [a for a in range(x.ndim) if a not in kept]
    left = [a for a in range(x.ndim) if a in kept]
    made = w.transpose(w.squeeze(w.of(x), *dropped), [left.index(a) for a in kept])
    return w.unsqueeze(made, *(i for i, a in enumerate(order) if a == "x"))


@writes(Reshape)
def _reshape(w: Writer, node: Apply) -> str:
    x, *lengths = node.inputs
    known = node.outputs[0].type.shape
    parts: list = [w.length(v) if n is None else n for n, v in zip(known, lengths, strict=True)]
    follows = node.op.infer_axis
    if follows is not None and known[follows] is None:
        parts[follows] = -1
        return w.add("Reshape", w.of(x), w.vector(parts))
    return w.reshape(w.of(x), parts)


@writes(BroadcastTo)
def _broadcast(w: Writer, node: Apply) -> str:
    x, *lengths = node.inputs
    return w.add("Expand", w.of(x), w.lengths(lengths))


@writes(ARange)
def _arange(w: Writer, node: Apply) -> str:
    dtype = node.outputs[0].dtype
    if all(isinstance(v, Constant) for v in node.inputs) and (node.outputs[0].type.shape[0] or 0) <= 1000:
        return w.names.constant(node.op.reference(node, *(v.data for v in node.inputs)))
    return w.typed("Range", dtype, *w.all_of(node.inputs))


@writes(Join)
def _join(w: Writer, node: Apply) -> str:
    return w.add("Concat", *w.all_of(node.inputs), axis=node.op.axis)


@writes(Labels, needs=lambda node: node.inputs[:1])
def _labels(w: Writer, node: Apply) -> str:
    return w.cast(w.of(node.inputs[0]), "int64")


@writes(FirstRows)
def _first_rows(w: Writer, node: Apply) -> str:
    x, n = node.inputs
    return w.slice(w.of(x), w.integers([0]), w.lengths([n]), [0])


#: the end of an axis that is walked backwards
BEFORE_ALL = int(np.iinfo("int64").min)
#: and forwards
BEHIND_ALL = int(np.iinfo("int64").max)
