"""How each scalar operation is written in C.  One that is not in the table is a call of ``gl_<name>_<type>``
of the header."""

from __future__ import annotations

import math

from ...scalar.expression import Expr
from .. import operators

C_TYPES = {
    "bool": "uint8_t",
    "uint8": "uint8_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
    "float64": "double",
}
#: the types of scalars in registers: a bool as wide as a float, so that loops with comparisons vectorise
LOCAL_TYPES = {**C_TYPES, "bool": "int32_t"}
SUFFIXES = {
    "bool": "u8",
    "uint8": "u8",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "float32": "f32",
    "float64": "f64",
}

# {t} is the C type of the result, {0}, {1}, … the operands; integers wrap as in NumPy because the result is
# cast back
_FLOAT = {
    **operators.ANY,
    **operators.FLOAT,
    "abs": "{fabs}({0})",
    "sqrt": "{sqrt}({0})",
    "floor": "{floor}({0})",
    "ceil": "{ceil}({0})",
    "trunc": "{trunc}({0})",
    "isinf": "{fabs}({0}) == INFINITY",
    "sgn": "gl_sgn_{s}({0})",
    "rectify": "gl_max_{s}(0, {0})",
    "leaky_rectify": "{0} > 0 ? {0} : {0} * {1}",
    "maximum": "gl_max_{s}({0}, {1})",
    "minimum": "gl_min_{s}({0}, {1})",
    "round_half_to_even": "gl_round_half_even_{s}({0})",
    "round_half_away_from_zero": "gl_round_half_away_{s}({0})",
    "floor_div": "gl_floordiv_{s}({0}, {1})",
    "mod": "gl_mod_{s}({0}, {1})",
    "log1mexp": "{0} > -0.6875f ? gl_log_{s}(-gl_expm1_{s}({0})) : gl_log1p_{s}(-gl_exp_{s}({0}))",
    "xlogx": "{0} == 0 ? 0 : {0} * gl_log_{s}({0})",
    "xlogy0": "{0} == 0 ? 0 : {0} * gl_log_{s}({1})",
    "gammaln": "gl_lgamma_{s}({0})",
    "psi": "gl_digamma_{s}({0})",
    "tri_gamma": "gl_trigamma_{s}({0})",
}
_INTEGER = {
    **operators.ANY,
    **{name: f"({{t}})({text})" for name, text in operators.ARITHMETIC.items()},
    **operators.INTEGER,
    "abs": "({t})({0} < 0 ? -{0} : {0})",
    "rectify": "({0} > 0 ? {0} : 0)",
    "leaky_rectify": "({t})({0} > 0 ? {0} : {0} * {1})",
    "maximum": "({0} > {1} ? {0} : {1})",
    "minimum": "({0} < {1} ? {0} : {1})",
    "floor_div": "gl_floordiv_{s}({0}, {1})",
    "mod": "gl_mod_{s}({0}, {1})",
    "pow": "({t})gl_ipow_i64({0}, {1})",
    "random_uniform": "gl_random_uniform_{r}({0}, {1}, {2}, {3})",
    "random_normal": "gl_random_normal_{r}({0}, {1}, {2}, {3})",
}
_BOOL = {**_INTEGER, "invert": "!{0}"}
_LIBM = {f: {"float32": f + "f", "float64": f} for f in ("fabs", "sqrt", "floor", "ceil", "trunc")}


def literal(value: object, dtype: str) -> str:
    """A number as C."""
    if dtype in ("float32", "float64"):
        x = float(value)
        if math.isnan(x):
            return "NAN"
        if math.isinf(x):
            return "INFINITY" if x > 0 else "(-INFINITY)"
        return operators.decimal(x, dtype)
    number = int(value)
    if dtype == "int64" and abs(number) > 2**31 - 1:
        return "INT64_MIN" if number == -(2**63) else f"INT64_C({number})"
    return str(number) if number >= 0 else f"({number})"


def print_op(expr: Expr, args: list[str]) -> str:
    """One operation on operands that are C atoms."""
    dtype = expr.args[-1].dtype
    if expr.op == "cast":
        return _cast(expr.args[0].dtype, expr.dtype, args[0])
    table = _FLOAT if dtype in ("float32", "float64") else _BOOL if dtype == "bool" else _INTEGER
    suffix = SUFFIXES[dtype]
    template = (
        table.get(expr.op) or f"gl_{expr.op}_{suffix}({', '.join(f'{{{k}}}' for k in range(len(args)))})"
    )
    return template.format(
        *args,
        t=C_TYPES[expr.dtype],
        s=suffix,
        r=SUFFIXES[expr.dtype],
        **{f: names.get(dtype, f) for f, names in _LIBM.items()},
    )


def _cast(source: str, target: str, x: str) -> str:
    if target == "bool":
        return f"({x} != 0)"
    if source.startswith("float") and target == "uint8":
        return f"(uint8_t)(int64_t){x}"
    return f"({C_TYPES[target]}){x}"
