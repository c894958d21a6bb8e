"""CUDA C's types, its literals, and how the functions of the scalar language are written in it."""

from __future__ import annotations

import math

from ..scalar.expression import Expr
from ..scalar.functions import FUNCTIONS
from .literals import cast_of_half, decimal, half_literal

C_TYPES = {
    "bool": "unsigned char",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned",
    "uint64": "unsigned long long",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "float16": "gl_half",
    "float32": "float",
    "float64": "double",
}
#: the letter of each dtype in the format of a kernel's arguments
FORMATS = {
    "bool": "B",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}
_UNSIGNED = {
    "bool": "unsigned",
    "uint8": "unsigned",
    "uint16": "unsigned",
    "uint32": "unsigned",
    "uint64": "unsigned long long",
    "int8": "unsigned",
    "int16": "unsigned",
    "int32": "unsigned",
    "int64": "unsigned long long",
}

#: of functions that ``device.cuh`` has for floats of both widths
_SUFFIXES = {"float32": "f32", "float64": "f64"}
_INFINITY = {"float32": "GL_INF_F32", "float64": "GL_INF_F64"}


def literal(value: object, dtype: str) -> str:
    """A number as CUDA C."""
    if dtype in _INFINITY:
        x = float(value)
        if math.isnan(x):
            return _INFINITY[dtype].replace("INF", "NAN")
        if math.isinf(x):
            return _INFINITY[dtype] if x > 0 else f"(-{_INFINITY[dtype]})"
        return decimal(x, dtype)
    if dtype == "float16":
        return half_literal(value)
    number = int(value)
    if number == -(2**63):
        return "(-9223372036854775807LL - 1)"
    if dtype in ("uint32", "uint64") and number > 2**31 - 1:
        return f"{number}{'ULL' if dtype == 'uint64' else 'U'}"
    text = f"{number}LL" if abs(number) > 2**31 - 1 else str(number)
    return text if number >= 0 else f"({text})"


def print_op(expr: Expr, args: list[str]) -> str:
    """One operation on operands that are atoms."""
    dtype = expr.args[-1].dtype
    if expr.op == "cast":
        return _cast(dtype, expr.dtype, args[0])
    return print_function(expr.op, dtype, expr.dtype, args)


def print_function(name: str, dtype: str, result: str, args: list[str]) -> str:
    """A function of the scalar language, of atoms of a dtype, with a result of another."""
    template = FUNCTIONS[name].cuda.of(dtype)
    return template.format(
        *args,
        t=C_TYPES[result],
        o=C_TYPES[dtype],
        u=_UNSIGNED.get(dtype),
        s=_SUFFIXES.get(dtype),
        r=_SUFFIXES.get(result),
        f="f" if dtype == "float32" else "",
        inf=_INFINITY.get(dtype),
    )


def _cast(source: str, target: str, x: str) -> str:
    if "float16" in (source, target):
        return cast_of_half(source, target, x, _cast)
    if target == "bool":
        return f"({x} != 0)"
    if source.startswith("float") and target == "uint64":
        return f"({x} < 0 ? (unsigned long long)(long long){x} : (unsigned long long){x})"
    if source.startswith("float") and (target.startswith("uint") or target in ("int8", "int16")):
        return f"({C_TYPES[target]})(long long){x}"
    return f"({C_TYPES[target]}){x}"
