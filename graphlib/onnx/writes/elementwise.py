"""Functions of single elements: a name of ONNX's, or an expression of functions that have one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph import Apply, Constant, Variable
from ...ops import elementwise as ew
from ...ops.elementwise import Cast, Elementwise
from ..writer import Writer, refused, writes
from . import special

#: what ONNX has under a name of its own
OPERATORS = {
    "identity": "Identity",
    "neg": "Neg",
    "abs": "Abs",
    "sgn": "Sign",
    "inv": "Reciprocal",
    "sqrt": "Sqrt",
    "exp": "Exp",
    "log": "Log",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "rectify": "Relu",
    "tanh": "Tanh",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "arcsin": "Asin",
    "arccos": "Acos",
    "arctan": "Atan",
    "arcsinh": "Asinh",
    "arccosh": "Acosh",
    "arctanh": "Atanh",
    "erf": "Erf",
    "ceil": "Ceil",
    "floor": "Floor",
    "round_half_to_even": "Round",
    "isnan": "IsNaN",
    "isinf": "IsInf",
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "true_div": "Div",
    "pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "eq": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
}

#: of bools
LOGICAL = {"and_": "And", "or_": "Or", "xor": "Xor", "invert": "Not", "maximum": "Or", "minimum": "And"}
#: of the bits of integers
BITWISE = {"and_": "BitwiseAnd", "or_": "BitwiseOr", "xor": "BitwiseXor", "invert": "BitwiseNot"}
#: and where these go
SHIFTS = {"left_shift": "LEFT", "right_shift": "RIGHT"}


def _log1p(x: Variable) -> Variable:
    # near 0 the sum 1 + x loses digits that the inverse hyperbolic tangent keeps
    near = abs(x) < 0.5
    return ew.switch(near, 2 * ew.arctanh(ew.switch(near, x, 0) / (x + 2)), ew.log(x + 1))


def _expm1(x: Variable) -> Variable:
    return ew.tanh(x * 0.5) * (ew.exp(x) + 1)


def _trunc(x: Variable) -> Variable:
    return ew.switch(ew.lt(x, 0), ew.ceil(x), ew.floor(x))


def _round_half_away(x: Variable) -> Variable:
    whole = _trunc(x)
    return ew.switch(ew.ge(abs(x - whole), 0.5), whole + ew.sgn(x), whole)


def _logaddexp(x: Variable, y: Variable) -> Variable:
    distance = ew.switch(ew.eq(x, y), 0, abs(x - y))
    return ew.maximum(x, y) + _log1p(ew.exp(-distance))


def _arctan2(y: Variable, x: Variable) -> Variable:
    pi = float(np.pi)
    half = ew.cast(ew.switch(ew.lt(y, 0), -1, 1), y.dtype)
    turned = ew.switch(ew.lt(x, 0), half * pi, 0)
    beside = ew.switch(ew.eq(y, 0), turned, half * (pi / 2))
    return ew.switch(ew.eq(x, 0), beside, ew.arctan(y / ew.switch(ew.eq(x, 0), 1, x)) + turned)


def _hypot(x: Variable, y: Variable) -> Variable:
    great, small = ew.maximum(abs(x), abs(y)), ew.minimum(abs(x), abs(y))
    ratio = small / ew.switch(ew.eq(great, 0), 1, great)
    return great * ew.sqrt(ratio * ratio + 1)


def _mod(x: Variable, y: Variable) -> Variable:
    return x - y * ew.floor_div(x, y)


def _log1mexp(x: Variable) -> Variable:
    return ew.switch(ew.gt(x, -0.6875), ew.log(-_expm1(x)), _log1p(-ew.exp(x)))


def _leaky(x: Variable, slope: Variable) -> Variable:
    return ew.switch(ew.gt(x, 0), x, x * slope)


#: what is computed by others
EXPRESSIONS: dict[str, Callable[..., Variable]] = {
    "sqr": lambda x: x * x,
    "exp2": lambda x: ew.pow_(2, x),
    "expm1": _expm1,
    "log1p": _log1p,
    "log2": lambda x: ew.log(x) * float(1 / np.log(2)),
    "log10": lambda x: ew.log(x) * float(1 / np.log(10)),
    "log1mexp": _log1mexp,
    "logaddexp": _logaddexp,
    "trunc": _trunc,
    "round_half_away_from_zero": _round_half_away,
    "arctan2": _arctan2,
    "hypot": _hypot,
    "leaky_rectify": _leaky,
    "xlogx": lambda x: ew.switch(ew.eq(x, 0), 0, x * ew.log(x)),
    "xlogy0": lambda x, y: ew.switch(ew.eq(x, 0), 0, x * ew.log(y)),
    "neq": lambda x, y: ew.invert(ew.eq(x, y)),
    **special.EXPRESSIONS,
}

#: those that ONNX computes of signed numbers only
_SIGNED = {"neg": lambda x: ew.sub(0, x), "abs": lambda x: x, "sgn": lambda x: ew.cast(ew.gt(x, 0), x.dtype)}


@writes(Elementwise)
def _elementwise(w: Writer, node: Apply) -> str:
    name, first, dtype = node.op.name, node.inputs[0], node.inputs[-1].dtype
    names = w.all_of(node.inputs)
    if dtype == "bool" and name in LOGICAL:
        return w.add(LOGICAL[name], *names)
    if name in BITWISE:
        return w.add(BITWISE[name], *names)
    if name in SHIFTS:
        return _shift(w, SHIFTS[name], dtype, *names)
    if name == "switch":
        return w.add("Where", *names)
    if name == "rectify" and dtype.startswith("uint"):
        return names[0]
    if dtype.startswith("uint") and name in _SIGNED:
        return w.of(_SIGNED[name](first))
    if name == "floor_div":
        return _floor_div(w, dtype, *names)
    if name == "mod":
        return _remainder(w, dtype, *names)
    if name == "leaky_rectify" and first.type.is_float and _is_number(node.inputs[1]):
        return w.add("LeakyRelu", names[0], alpha=float(node.inputs[1].data.item()))
    if name in EXPRESSIONS:
        return w.of(EXPRESSIONS[name](*node.inputs))
    if name not in OPERATORS:
        raise refused(node, "ONNX has no such function")
    result = node.outputs[0].dtype
    return w.typed(OPERATORS[name], dtype, *names, result=result if result != dtype else None)


def _is_number(v: Variable) -> bool:
    return isinstance(v, Constant) and v.data.size == 1


def _remainder(w: Writer, dtype: str, x: str, y: str) -> str:
    """The remainder with the divisor's sign: ONNX's of integers, but not of floats."""
    if not dtype.startswith("float"):
        return w.typed("Mod", dtype, x, y)
    left = w.add("Mod", x, y, fmod=1)
    zero = w.number(0, dtype)
    apart = w.add("Less", w.add("Mul", left, y), zero)
    return w.add("Where", apart, w.add("Add", left, y), left)


def _floor_div(w: Writer, dtype: str, x: str, y: str) -> str:
    """The quotient rounded down, of which ONNX has only that of floats, and one rounded toward 0."""
    left = _remainder(w, dtype, x, y)
    if dtype.startswith("float"):
        return w.add("Round", w.add("Div", w.add("Sub", x, left), y))
    quotient = w.typed("Div", dtype, x, y)
    zero = w.number(0, dtype)
    signs = [w.typed("Less", dtype, v, zero, result="bool") for v in (x, y)]
    uneven = w.add("Not", w.add("Equal", left, zero))
    too_much = w.add("And", uneven, w.add("Xor", *signs))
    return w.typed("Sub", dtype, quotient, w.cast(too_much, dtype))


def _shift(w: Writer, direction: str, dtype: str, x: str, y: str) -> str:
    """Bits moved up or down: ONNX moves those of unsigned numbers only, and says nothing of places beyond."""
    signed = direction == "RIGHT" and not dtype.startswith("uint")
    if signed:
        below = w.typed("Less", dtype, x, w.number(0, dtype), result="bool")
        x = w.add("Where", below, w.add("BitwiseNot", x), x)
    count, none = w.cast(y, "uint64"), w.number(0, "uint64")
    inside = w.add("Less", count, w.number(np.iinfo(dtype).bits, "uint64"))
    moved = w.add("BitShift", w.cast(x, "uint64"), w.add("Where", inside, count, none), direction=direction)
    moved = w.cast(w.add("Where", inside, moved, none), dtype)
    return w.add("Where", below, w.add("BitwiseNot", moved), moved) if signed else moved


@writes(Cast)
def _cast(w: Writer, node: Apply) -> Any:
    return w.cast(w.of(node.inputs[0]), node.op.dtype)
