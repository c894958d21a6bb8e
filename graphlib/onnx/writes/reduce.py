"""Reductions, matrix products, softmax and its relatives, transforms."""

from __future__ import annotations

from ...graph import Apply
from ...ops import elementwise as ew
from ...ops.fourier import Fourier, RealFourier, RealInverse
from ...ops.linalg import Gemm, MatrixProduct
from ...ops.reduce import ArgReduce, Reduce, sum_keeping
from ...ops.reduce import max as max_
from ...rewrite import softmax as composites
from ..writer import Writer, refused, writes

_KINDS = {
    "sum": "ReduceSum",
    "prod": "ReduceProd",
    "max": "ReduceMax",
    "min": "ReduceMin",
    "all": "ReduceMin",
    "any": "ReduceMax",
}


@writes(Reduce)
def _reduce(w: Writer, node: Apply) -> str:
    (x,) = node.inputs
    if node.op.kind not in _KINDS:
        raise refused(node, "ONNX has no such reduction")
    operator, axes = _KINDS[node.op.kind], w.integers(node.op.axes)
    if x.dtype == "bool":
        number = w.add(operator, w.cast(w.of(x), "int32"), axes, keepdims=0)
        # of no elements the greatest is the smallest number that there is
        return w.add("Greater", number, w.number(0, "int32"))
    return w.typed_first(operator, x.dtype, w.of(x), axes, keepdims=0)


@writes(ArgReduce)
def _arg(w: Writer, node: Apply) -> str:
    (x,) = node.inputs
    operator = {"argmax": "ArgMax", "argmin": "ArgMin"}[node.op.kind]
    return w.typed(operator, x.dtype, w.of(x), result="int64", axis=node.op.axis, keepdims=0)


@writes(MatrixProduct)
def _product(w: Writer, node: Apply) -> str:
    return w.typed("MatMul", node.inputs[0].dtype, *w.all_of(node.inputs))


@writes(Gemm)
def _gemm(w: Writer, node: Apply) -> str:
    c, alpha, a, b, beta = node.inputs
    return w.of(beta * c + alpha * MatrixProduct().make(a, b))


@writes(composites.Softmax)
def _softmax(w: Writer, node: Apply) -> str:
    (x,), axes = node.inputs, node.op.axes
    if len(axes) == 1:
        return w.add("Softmax", w.of(x), axis=axes[0])
    e = ew.exp(x - max_(x, axis=axes, keepdims=True))
    return w.of(e / sum_keeping(e, axes))


@writes(composites.LogSoftmax)
def _log_softmax(w: Writer, node: Apply) -> str:
    (x,), axes = node.inputs, node.op.axes
    if len(axes) == 1:
        return w.add("LogSoftmax", w.of(x), axis=axes[0])
    centred = x - max_(x, axis=axes, keepdims=True)
    return w.of(centred - ew.log(sum_keeping(ew.exp(centred), axes)))


@writes(composites.LogSumExp)
def _log_sum_exp(w: Writer, node: Apply) -> str:
    return w.add("ReduceLogSumExp", w.of(node.inputs[0]), w.integers(node.op.axes), keepdims=0)


@writes(composites.SoftmaxGradient)
def _softmax_gradient(w: Writer, node: Apply) -> str:
    g, p = node.inputs
    return w.of(p * (g - sum_keeping(g * p, node.op.axes)))


@writes(composites.LogSoftmaxGradient)
def _log_softmax_gradient(w: Writer, node: Apply) -> str:
    g, p = node.inputs
    return w.of(g - p * sum_keeping(g, node.op.axes))


@writes(Fourier)
def _fourier(w: Writer, node: Apply) -> str:
    (x,) = node.inputs
    name = w.of(x)
    flat = x.ndim == 2
    name = w.unsqueeze(name, 0) if flat else name
    axis = w.number(-2, "int64")
    made = w.add("DFT", name, "", axis, inverse=int(node.op.inverse))
    if node.op.inverse:
        # ONNX's inverse is divided by the number of elements
        n = w.cast(w.axis_length(w.of(x), x.ndim - 2), x.dtype)
        made = w.add("Mul", made, n)
    return w.squeeze(made, 0) if flat else made


@writes(RealFourier, RealInverse)
def _of_real_lines(w: Writer, node: Apply) -> str:
    return w.of(node.op.whole(*node.inputs))
