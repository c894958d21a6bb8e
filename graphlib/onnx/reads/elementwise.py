"""Functions of single elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tensor as T
from ...graph import Constant, Variable
from ...ops import elementwise as ew
from ...ops.shape import ShapeI
from ..protobuf import package, title_of
from ..reader import Node, reads

_UNARY = {
    "Abs": ew.abs_,
    "Acos": ew.arccos,
    "Acosh": ew.arccosh,
    "Asin": ew.arcsin,
    "Asinh": ew.arcsinh,
    "Atan": ew.arctan,
    "Atanh": ew.arctanh,
    "BitwiseNot": ew.invert,
    "Ceil": ew.ceil,
    "Cos": ew.cos,
    "Cosh": ew.cosh,
    "Erf": ew.erf,
    "Exp": ew.exp,
    "Floor": ew.floor,
    "IsNaN": ew.isnan,
    "Log": ew.log,
    "Neg": ew.neg,
    "Not": ew.invert,
    "Reciprocal": ew.inv,
    "Relu": ew.rectify,
    "Round": ew.round_half_to_even,
    "Sigmoid": ew.sigmoid,
    "Sign": ew.sgn,
    "Sin": ew.sin,
    "Sinh": ew.sinh,
    "Softplus": ew.softplus,
    "Softsign": T.nnet.softsign,
    "Sqrt": ew.sqrt,
    "Tan": ew.tan,
    "Tanh": ew.tanh,
}
_BINARY = {
    "Add": ew.add,
    "And": ew.and_,
    "BitwiseAnd": ew.and_,
    "BitwiseOr": ew.or_,
    "BitwiseXor": ew.xor,
    "Equal": ew.eq,
    "Greater": ew.gt,
    "GreaterOrEqual": ew.ge,
    "Less": ew.lt,
    "LessOrEqual": ew.le,
    "Mul": ew.mul,
    "Or": ew.or_,
    "Sub": ew.sub,
    "Xor": ew.xor,
}


@reads(*_UNARY)
def _unary(n: Node) -> Variable:
    return _UNARY[n.operator](n[0])


@reads(*_BINARY)
def _binary(n: Node) -> Variable:
    return _BINARY[n.operator](*_aligned(n))


def _aligned(n: Node) -> tuple[Variable, Variable]:
    """Two operands, of which, before version 7, the second may be aligned at an axis of the first."""
    a, b = n[0], n[1]
    axis = n.get("axis")
    if n.opset < 7 and axis is not None and n.get("broadcast", 0):
        behind = a.ndim - axis % a.ndim - b.ndim
        b = b.dimshuffle(*range(b.ndim), *["x"] * behind)
    return a, b


@reads("Identity")
def _identity(n: Node) -> Variable:
    return n[0]


@reads("Dropout")
def _dropout(n: Node) -> list[Variable]:
    """The identity, as in inference, and where nothing is dropped."""
    if _drops(n):
        raise n.error(
            "is in training mode, whose random numbers ONNX does not say; write the model for inference"
        )
    return [n[0], T.ones_like(n[0], "bool" if n.opset >= 10 else n[0].dtype)]


def _drops(n: Node) -> bool:
    """Whether a dropout is in training mode, or may be; before version 7 it is if nothing else is said."""
    if n.opset < 7:
        return not n.get("is_test", 0) and n.get("ratio", 0.5) != 0
    training, ratio = n.optional(2), n.optional(1)
    if training is None:
        return False
    on = n.reader.known(training)
    share = None if ratio is None else n.reader.known(ratio)
    return (on is None or bool(on.any())) and not (share is not None and (share == 0).all())


@reads("Div")
def _div(n: Node) -> Variable:
    a, b = _aligned(n)
    if a.type.is_float:
        return ew.true_div(a, b)
    if a.dtype.startswith("uint") or (_counts(a) and _counts(b)):
        return ew.floor_div(a, b)
    return ew.floor_div(abs(a), abs(b)) * ew.sgn(a) * ew.sgn(b)


def _counts(v: Variable) -> bool:
    """Whether an integer is not negative for sure, being made of lengths."""
    if isinstance(v, Constant):
        return bool((v.data >= 0).all())
    if v.owner is None:
        return False
    made = isinstance(v.owner.op, ew.Elementwise) and v.owner.op.name in ("add", "mul", "floor_div", "mod")
    return isinstance(v.owner.op, ShapeI) or (made and all(map(_counts, v.owner.inputs)))


@reads("Mod")
def _mod(n: Node) -> Variable:
    a, b = n[0], n[1]
    if not n.get("fmod", 0):
        return ew.mod(a, b)
    left = ew.mod(abs(a), abs(b))
    return ew.switch(ew.lt(a, 0), -left, left)


@reads("Pow")
def _pow(n: Node) -> Variable:
    a, b = _aligned(n)
    if a.type.is_float:
        return ew.pow_(a, T.cast(b, a.dtype))
    wide = "float64" if b.type.is_float else "int64"
    return T.cast(ew.pow_(T.cast(a, wide), T.cast(b, wide)), a.dtype)


@reads("BitShift")
def _shift(n: Node) -> Variable:
    shift = ew.left_shift if n.get("direction") == "LEFT" else ew.right_shift
    return shift(n[0], n[1])


def _several(n: Node) -> list[Variable]:
    return [n[k] for k in range(len(n.inputs))]


@reads("Max", "Min", "Sum", "Mean")
def _of_several(n: Node) -> Variable:
    first, *rest = _several(n)
    combine = {"Max": ew.maximum, "Min": ew.minimum}.get(n.operator, ew.add)
    for v in rest:
        first = combine(first, v)
    return first / len(n.inputs) if n.operator == "Mean" else first


@reads("Where")
def _where(n: Node) -> Variable:
    return ew.switch(n[0], n[1], n[2])


@reads("Cast", "CastLike")
def _cast(n: Node) -> Variable:
    if n.operator == "CastLike":
        return _converted(n[0], n[1].dtype)
    onnx = package()
    to = n.get("to")
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(to).name
        return _converted(n[0], dtype)
    except (KeyError, TypeError):
        raise n.error(f"casts to {title_of(to)}, which graphlib has not") from None


def _converted(x: Variable, dtype: str) -> Variable:
    return T.cast(ew.neq(x, 0), "bool") if dtype == "bool" and x.dtype != "bool" else T.cast(x, dtype)


@reads("IsInf")
def _is_inf(n: Node) -> Variable:
    x, up, down = n[0], n.get("detect_positive", 1), n.get("detect_negative", 1)
    found = ew.isinf(x)
    if not up:
        found = found & ew.lt(x, 0)
    return found if down else found & ew.gt(x, 0)


@reads("Clip")
def _clip(n: Node) -> Variable:
    x = n[0]
    low = n.optional(1) if "min" not in n.attributes else n.get("min")
    high = n.optional(2) if "max" not in n.attributes else n.get("max")
    x = x if low is None else ew.maximum(x, low)
    return x if high is None else ew.minimum(x, high)


@reads("LeakyRelu")
def _leaky(n: Node) -> Variable:
    return ew.leaky_rectify(n[0], n.get("alpha", 0.01))


@reads("PRelu")
def _prelu(n: Node) -> Variable:
    x, slope = n[0], n[1]
    if n.opset < 7 and slope.ndim == 1 and x.ndim > 1:
        slope = slope.dimshuffle(0, *["x"] * (x.ndim - 2))
    return ew.leaky_rectify(x, slope)


@reads("Elu")
def _elu(n: Node) -> Variable:
    return T.nnet.elu(n[0], n.get("alpha", 1.0))


@reads("Selu")
def _selu(n: Node) -> Variable:
    alpha, gamma = n.get("alpha", 1.6732632423543772), n.get("gamma", 1.0507009873554805)
    return T.nnet.elu(n[0], alpha) * gamma


@reads("HardSigmoid")
def _hard_sigmoid(n: Node) -> Variable:
    return T.clip(n[0] * n.get("alpha", 0.2) + n.get("beta", 0.5), 0, 1)


@reads("ThresholdedRelu")
def _thresholded(n: Node) -> Variable:
    return ew.switch(ew.gt(n[0], n.get("alpha", 1.0)), n[0], 0)


@reads("Gelu")
def _gelu(n: Node) -> Variable:
    x: Any = n[0]
    if n.get("approximate", "none") == "tanh":
        return 0.5 * x * (1 + T.tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + T.erf(x * float(np.sqrt(0.5))))
