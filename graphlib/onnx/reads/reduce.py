"""Reductions, matrix products, softmax and losses, what goes along an axis."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Constant, Variable
from ...ops import elementwise as ew
from ...ops.along_axis import Cumulative
from ...ops.index import basic_index
from ...ops.linalg import tensordot
from ...ops.reduce import restore_axes
from ...ops.shape import dimshuffle, expand_dims, shape_i, squeeze
from ...ops.shape_rules import constant_int
from ..reader import Node, reads
from .shape import axis_of

_REDUCE = {
    "ReduceL1": lambda x, a: T.sum(abs(x), axis=a),
    "ReduceL2": lambda x, a: T.sqrt(T.sum(x * x, axis=a)),
    "ReduceLogSum": lambda x, a: T.log(T.sum(x, axis=a)),
    "ReduceLogSumExp": lambda x, a: T.logsumexp(x, axis=a),
    "ReduceMax": lambda x, a: T.max(x, axis=a),
    "ReduceMean": lambda x, a: T.mean(x, axis=a),
    "ReduceMin": lambda x, a: T.min(x, axis=a),
    "ReduceProd": lambda x, a: T.prod(x, axis=a),
    "ReduceSum": lambda x, a: T.sum(x, axis=a),
    "ReduceSumSquare": lambda x, a: T.sum(x * x, axis=a),
}


@reads(*_REDUCE)
def _reduce(n: Node) -> Variable:
    x, axes = n[0], n.numbers(1, "axes")
    if not axes:
        if n.get("noop_with_empty_axes", 0):
            return _REDUCE[n.operator](expand_dims(x, 0), 0)
        axes = range(x.ndim)
    axes = tuple(sorted(int(a) % x.ndim for a in axes)) if x.ndim else ()
    if n.operator in ("ReduceMax", "ReduceMin") and any(x.type.shape[a] == 0 for a in axes):
        # of nothing, what any number is greater, or smaller, than
        ends = (-np.inf, np.inf) if x.type.is_float else limits(x.dtype)
        end = Constant(np.array(ends[n.operator == "ReduceMin"], x.dtype))
        made = T.full([shape_i(x, a) for a in range(x.ndim) if a not in axes], end)
    else:
        made = T.cast(_REDUCE[n.operator](x, axes), x.dtype)
    return restore_axes(made, axes, x.ndim) if n.get("keepdims", 1) else made


def limits(dtype: str) -> tuple[int, int]:
    """The least and the greatest number of a dtype of integers."""
    return (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


@reads("ArgMax", "ArgMin")
def _arg(n: Node) -> Variable:
    x = n[0]
    axis, find = axis_of(n, x), T.argmax if n.operator == "ArgMax" else T.argmin
    if n.get("select_last_index", 0):
        back = basic_index(x, [slice(None)] * axis + [slice(None, None, -1)])
        return shape_i(x, axis) - 1 - find(back, axis=axis, keepdims=bool(n.get("keepdims", 1)))
    return find(x, axis=axis, keepdims=bool(n.get("keepdims", 1)))


@reads("CumSum", "CumProd")
def _cumulative(n: Node) -> Variable:
    x = n[0]
    axis = constant_int(n.reader.elements(n[1])[0])
    if axis is None:
        raise n.error("needs its axis as a number")
    axis %= x.ndim
    lead: list[Any] = [slice(None)] * axis
    back = [*lead, slice(None, None, -1)]
    kind, first = ("cumsum", 0) if n.operator == "CumSum" else ("cumprod", 1)
    x = basic_index(x, back) if n.get("reverse", 0) else x
    if n.get("exclusive", 0):
        begin = T.full_like(basic_index(x, [*lead, slice(0, 1)]), first)
        x = T.concatenate([begin, basic_index(x, [*lead, slice(0, -1)])], axis)
    made = Cumulative(kind, axis).make(x)
    return basic_index(made, back) if n.get("reverse", 0) else made


@reads("TopK")
def _top(n: Node) -> list[Variable]:
    x, axis = n[0], axis_of(n, n[0], -1)
    count: Any = n.get("k") if "k" in n.attributes else n.reader.elements(n[1])[0]
    count = constant_int(count) if constant_int(count) is not None else count
    descending = -x if x.type.is_float else ew.invert(x)
    order = T.argsort(descending if n.get("largest", 1) else x, axis=axis)
    places = basic_index(order, [slice(None)] * axis + [slice(0, count)])
    grid = [
        places
        if a == axis
        else dimshuffle(T.arange(shape_i(places, a)), *("x" if b != a else 0 for b in range(x.ndim)))
        for a in range(x.ndim)
    ]
    return [x[tuple(grid)], places]


@reads("MatMul")
def _matmul(n: Node) -> Variable:
    return T.matmul(n[0], n[1])


@reads("Gemm")
def _gemm(n: Node) -> Variable:
    a, b = (v.T if n.get(name, 0) else v for v, name in ((n[0], "transA"), (n[1], "transB")))
    made = _times(T.dot(a, b), n.get("alpha", 1.0))
    c = n.optional(2)
    return made if c is None else made + _times(c, n.get("beta", 1.0))


def _times(x: Variable, factor: float) -> Variable:
    return x if factor == 1 else x * (factor if x.type.is_float else int(factor))


@reads("Det")
def _det(n: Node) -> Variable:
    return T.nlinalg.det(n[0])


@reads("Einsum")
def _einsum(n: Node) -> Variable:
    terms = n.get("equation").replace(" ", "")
    operands = [n[k] for k in range(len(n.inputs))]
    given, _, wanted = terms.partition("->")
    labels = given.split(",")
    if "." in terms:
        free = iter(c for c in string.ascii_letters if c not in terms)
        count = max(v.ndim - len(t.replace("...", "")) for v, t in zip(operands, labels, strict=True))
        every = "".join(next(free) for _ in range(count))
        spread = []
        for v, t in zip(operands, labels, strict=True):
            spread.append(t.replace("...", every[count - (v.ndim - len(t.replace("...", ""))) :]))
        labels = spread
        wanted = wanted.replace("...", every)
        terms += "." if "->" not in terms else ""
    if "->" not in terms:
        joined = "".join(labels)
        wanted = "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    letters = wanted + "".join(sorted(set("".join(labels)) - set(wanted)))
    product: Any = None
    for v, t in zip(operands, labels, strict=True):
        for c in sorted(set(t)):
            while t.count(c) > 1:
                v, t = _diagonal(v, t, c)
        spread_out = v.dimshuffle(*(t.index(c) if c in t else "x" for c in letters))
        product = spread_out if product is None else product * spread_out
    if len(operands) == 2 and all(len(set(t)) == len(t) for t in labels):
        paired = _paired(operands, labels, wanted)
        if paired is not None:
            return paired
    rest = tuple(range(len(wanted), len(letters)))
    return T.cast(T.sum(product, axis=rest), product.dtype) if rest else product


def _diagonal(v: Variable, t: str, letter: str) -> tuple[Variable, str]:
    """The elements at equal places of two axes of one letter, whose axis comes last."""
    first = t.index(letter)
    second = t.index(letter, first + 1)
    others = [a for a in range(v.ndim) if a not in (first, second)]
    moved = v.dimshuffle(*others, first, second)
    places = T.arange(shape_i(moved, -1))
    index = (slice(None),) * len(others) + (places, places)
    return moved[index], "".join(t[a] for a in others) + letter


def _paired(operands: list[Variable], labels: list[str], wanted: str) -> Variable | None:
    """A sum over letters that both operands have and the result has not: one matrix product."""
    a, b = labels
    over = [c for c in a if c in b and c not in wanted]
    kept = [c for c in a + b if c not in over]
    if not over or len(set(kept)) != len(kept) or sorted(kept) != sorted(wanted):
        return None
    made = tensordot(*operands, ([a.index(c) for c in over], [b.index(c) for c in over]))
    return made.dimshuffle(*(kept.index(c) for c in wanted))


@reads("Softmax", "LogSoftmax", "Hardmax")
def _softmax(n: Node) -> Variable:
    x = n[0]
    if n.opset < 13:
        # the axes from this one on are one
        axis = axis_of(n, x, 1)
        axes = tuple(range(axis, x.ndim))
    else:
        axis = axis_of(n, x, -1)
        axes = (axis,)
    if n.operator == "Hardmax":
        if len(axes) > 1:
            raise n.error("goes over several axes at once; save it with version 13 or newer")
        places = T.argmax(x, axis=axis, keepdims=True)
        every = T.arange(shape_i(x, axis)).dimshuffle(*(0 if a == axis else "x" for a in range(x.ndim)))
        return T.cast(ew.eq(places, every), x.dtype)
    centred = x - T.max(x, axis=axes, keepdims=True)
    if n.operator == "LogSoftmax":
        return centred - T.log(T.sum(T.exp(centred), axis=axes, keepdims=True))
    e = T.exp(centred)
    return e / T.sum(e, axis=axes, keepdims=True)


@reads("NegativeLogLikelihoodLoss")
def _likelihood(n: Node) -> Variable:
    return _loss(n, n[0])


@reads("SoftmaxCrossEntropyLoss")
def _crossentropy(n: Node) -> list[Variable]:
    x = n[0]
    centred = x - T.max(x, axis=1, keepdims=True)
    logarithms = centred - T.log(T.sum(T.exp(centred), axis=1, keepdims=True))
    return [_loss(n, logarithms), logarithms]


def _loss(n: Node, logarithms: Variable) -> Variable:
    labels, weights, ignored = n[1], n.optional(2), n.get("ignore_index")
    classes = T.arange(shape_i(logarithms, 1)).dimshuffle("x", 0, *["x"] * (labels.ndim - 1))
    chosen = ew.eq(labels.dimshuffle(0, "x", *range(1, labels.ndim)), classes)
    losses = -T.sum(ew.switch(chosen, logarithms, 0), axis=1)
    scale: Any = None
    if weights is not None:
        columns = weights.dimshuffle("x", 0, *["x"] * (labels.ndim - 1))
        scale = T.sum(ew.switch(chosen, columns, 0), axis=1)
    if ignored is not None:
        counted = T.cast(ew.neq(labels, ignored), losses.dtype)
        scale = counted if scale is None else scale * counted
    losses = losses if scale is None else losses * scale
    reduction = n.get("reduction", "mean")
    if reduction == "none":
        return losses
    total = T.sum(losses)
    if reduction == "sum":
        return total
    return T.mean(losses) if scale is None else total / T.sum(scale)


@reads("LpNormalization")
def _lp(n: Node) -> Variable:
    x, axis = n[0], axis_of(n, n[0], -1)
    if n.get("p", 2) == 1:
        return _over(x, T.sum(abs(x), axis=axis, keepdims=True))
    return _over(x, T.sqrt(T.sum(x * x, axis=axis, keepdims=True)))


def _over(x: Variable, size: Variable) -> Variable:
    """The quotient, 0 where the size is."""
    nothing = ew.eq(size, 0)
    return ew.switch(nothing, 0, x / ew.switch(nothing, 1, size))


@reads("MeanVarianceNormalization")
def _standardized(n: Node) -> Variable:
    x, axes = n[0], tuple(n.get("axes", [0, 2, 3]))
    mean = T.mean(x, axis=axes, keepdims=True)
    return (x - mean) / (T.sqrt(T.mean(x * x, axis=axes, keepdims=True) - mean * mean) + 1e-9)


def channelwise(v: Variable, rank: int) -> Variable:
    """A vector of one value a channel, for images."""
    return v.dimshuffle("x", 0, *["x"] * (rank - 2))


@reads("BatchNormalization")
def _batch_normalization(n: Node) -> list[Variable]:
    x, epsilon = n[0], n.get("epsilon", 1e-5)
    # of old versions: statistics of each element of an image
    elementwise = n.opset < 9 and not n.get("spatial", 1)
    spread_out = (lambda v: expand_dims(v, 0)) if elementwise else (lambda v: channelwise(v, x.ndim))
    scale, shift, mean, variance = (spread_out(n[k]) for k in range(1, 5))
    if not _learns(n):
        return [(x - mean) * (scale / T.sqrt(variance + epsilon)) + shift]
    axes, momentum = (0,) if elementwise else (0, *range(2, x.ndim)), n.get("momentum", 0.9)
    own = T.mean(x, axis=axes, keepdims=True)
    spread = T.mean(T.sqr(x - own), axis=axes, keepdims=True)
    y = (x - own) * (scale / T.sqrt(spread + epsilon)) + shift
    running = [old * momentum + new * (1 - momentum) for old, new in ((mean, own), (variance, spread))]
    drop = (0,) if elementwise else axes
    return [y, *(squeeze(v, drop) for v in (*running, own, spread))]


def _learns(n: Node) -> bool:
    """Whether a normalization takes the statistics of what it gets: by an attribute, or by its outputs."""
    if n.opset >= 14:
        return bool(n.get("training_mode", 0))
    return not n.get("is_test", 0) if n.opset < 7 else any(n.needs(k) for k in range(1, 5))


@reads("InstanceNormalization")
def _instance_normalization(n: Node) -> Variable:
    x = n[0]
    scale, shift = (channelwise(n[k], x.ndim) for k in (1, 2))
    return _normalized(x, tuple(range(2, x.ndim)), n.get("epsilon", 1e-5)) * scale + shift


def _normalized(x: Variable, axes: tuple[int, ...], epsilon: float) -> Variable:
    centred = x - T.mean(x, axis=axes, keepdims=True)
    return centred / T.sqrt(T.mean(centred * centred, axis=axes, keepdims=True) + epsilon)


@reads("LayerNormalization")
def _layer_normalization(n: Node) -> list[Variable]:
    x, axis = n[0], axis_of(n, n[0], -1)
    axes = tuple(range(axis, x.ndim))
    mean = T.mean(x, axis=axes, keepdims=True)
    inverse = 1 / T.sqrt(T.mean(T.sqr(x - mean), axis=axes, keepdims=True) + n.get("epsilon", 1e-5))
    y = (x - mean) * inverse * n[1]
    shift = n.optional(2)
    return [y if shift is None else y + shift, mean, inverse]


@reads("LRN")
def _lrn(n: Node) -> Variable:
    x, size = n[0], n.get("size")
    below, above = (size - 1) // 2, size - 1 - (size - 1) // 2
    squares = x * x
    spatial = [shape_i(x, a) for a in range(2, x.ndim)]
    ends = [T.zeros([shape_i(x, 0), k, *spatial], x.dtype) for k in (below, above)]
    whole = T.concatenate([ends[0], squares, ends[1]], 1)
    total: Any = 0
    for k in range(size):
        total = total + whole[:, k : k + shape_i(x, 1)]
    alpha, beta, bias = n.get("alpha", 1e-4), n.get("beta", 0.75), n.get("bias", 1.0)
    return x / T.pow(bias + float(np.float32(alpha / size)) * total, beta)
