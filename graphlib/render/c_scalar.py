"""C's types, its literals, and how the functions of the scalar language are written in it."""

from __future__ import annotations

import math
import re

from ..scalar.expression import Expr
from ..scalar.functions import FUNCTIONS
from ..scalar.reductions import HIGHEST, REDUCERS
from .literals import cast_of_half, decimal, half_literal

C_TYPES = {
    "bool": "uint8_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float16": "gl_half",
    "float32": "float",
    "float64": "double",
}
#: the types of scalars in registers: a bool as wide as a float, so that loops with comparisons vectorise
LOCAL_TYPES = {**C_TYPES, "bool": "int32_t"}
SUFFIXES = {
    "bool": "u8",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
}
_UNSIGNED = {
    "bool": "uint8_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "int8": "uint8_t",
    "int16": "uint16_t",
    "int32": "uint32_t",
    "int64": "uint64_t",
}

_LIMITS = {
    "uint8": ("0", "255"),
    "uint16": ("0", "UINT16_MAX"),
    "uint32": ("0", "UINT32_MAX"),
    "uint64": ("0", "UINT64_MAX"),
    "bool": ("0", "1"),
    "int8": ("INT8_MIN", "INT8_MAX"),
    "int16": ("INT16_MIN", "INT16_MAX"),
    "int32": ("INT32_MIN", "INT32_MAX"),
    "int64": ("INT64_MIN", "INT64_MAX"),
    "float32": ("-INFINITY", "INFINITY"),
    "float64": ("-INFINITY", "INFINITY"),
}


def literal(value: object, dtype: str) -> str:
    """A number as C."""
    if dtype in ("float32", "float64"):
        x = float(value)
        if math.isnan(x):
            return "NAN"
        if math.isinf(x):
            return "INFINITY" if x > 0 else "(-INFINITY)"
        return decimal(x, dtype)
    if dtype == "float16":
        return half_literal(value)
    number = int(value)
    if dtype == "int64" and abs(number) > 2**31 - 1:
        return "INT64_MIN" if number == -(2**63) else f"INT64_C({number})"
    if dtype in ("uint32", "uint64") and number > 2**31 - 1:
        return f"UINT{dtype[4:]}_C({number})"
    return str(number) if number >= 0 else f"({number})"


def print_op(expr: Expr, args: list[str]) -> str:
    """One operation on operands that are C atoms."""
    dtype = expr.args[-1].dtype
    if expr.op == "cast":
        return _cast(expr.args[0].dtype, expr.dtype, args[0])
    return print_function(expr.op, dtype, expr.dtype, args)


def print_function(name: str, dtype: str, result: str, args: list[str]) -> str:
    """A function of the scalar language, of atoms of a dtype, with a result of another."""
    template = FUNCTIONS[name].c.of(dtype)
    return template.format(
        *args,
        t=C_TYPES[result],
        o=C_TYPES[dtype],
        u=_UNSIGNED.get(dtype),
        s=SUFFIXES[dtype],
        r=SUFFIXES[result],
        f="f" if dtype == "float32" else "",
        inf="INFINITY",
    )


_CALL = re.compile(r"(gl_\w+_)\{s\}\(\{0\}(, \{1\})?\)")


def function_called(name: str, dtype: str) -> tuple[str, int] | None:
    """The C function, and how many operands it has, of which an operation is just a call; None where it is
    more, or less."""
    found = _CALL.fullmatch(FUNCTIONS[name].c.of(dtype))
    return found and (f"{found[1]}{SUFFIXES[dtype]}", 1 if found[2] is None else 2)


def begun_at(kind: str, dtype: str) -> str:
    """The neutral element of a reduction."""
    number = REDUCERS[kind].neutral
    if isinstance(number, str):
        return _LIMITS[dtype][number == HIGHEST]
    return literal(number, dtype)


def _cast(source: str, target: str, x: str) -> str:
    if "float16" in (source, target):
        return cast_of_half(source, target, x, _cast)
    if target == "bool":
        return f"({x} != 0)"
    if source.startswith("float") and target == "uint64":
        # what is negative wraps around, as with the narrower ones
        return f"({x} < 0 ? (uint64_t)(int64_t){x} : (uint64_t){x})"
    if source.startswith("float") and target.startswith("uint"):
        return f"({C_TYPES[target]})(int64_t){x}"
    return f"({C_TYPES[target]}){x}"
