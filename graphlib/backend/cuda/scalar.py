"""How each scalar operation is written in CUDA C: CUDA's own mathematics, else a function of
``device.cuh``."""

from __future__ import annotations

import math

from ...scalar.expression import Expr
from .. import expressions, operators

C_TYPES = {
    "bool": "unsigned char",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "float32": "float",
    "float64": "double",
}
#: the letter of each dtype in the format of a kernel's arguments
FORMATS = {
    "bool": "B",
    "uint8": "B",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "float32": "f",
    "float64": "d",
}
_UNSIGNED = {
    "bool": "unsigned",
    "uint8": "unsigned",
    "int8": "unsigned",
    "int16": "unsigned",
    "int32": "unsigned",
    "int64": "unsigned long long",
}

# {t}: the type of the result, {o}: that of the operands, {u}: an unsigned type as wide, {0}, {1}, …: the
# operands
_ANY = {
    **operators.ANY,
    "rectify": "gl_max<{o}>(0, {0})",
    "maximum": "gl_max<{o}>({0}, {1})",
    "minimum": "gl_min<{o}>({0}, {1})",
}
_FLOAT = {
    **_ANY,
    "leaky_rectify": "{0} > 0 ? {0} : {0} * {1}",
    **operators.FLOAT,
    "isinf": "fabs{f}({0}) == {inf}",
    "sgn": "gl_sgn({0})",
    "sigmoid": "gl_sigmoid({0})",
    "softplus": "gl_softplus({0})",
    "logaddexp": "gl_logaddexp({0}, {1})",
    "log1mexp": "{0} > -0.6875f ? log{f}(-expm1{f}({0})) : log1p{f}(-exp{f}({0}))",
    "xlogx": "{0} == 0 ? 0 : {0} * log{f}({0})",
    "xlogy0": "{0} == 0 ? 0 : {0} * log{f}({1})",
    "floor_div": "gl_floordiv_{s}({0}, {1})",
    "mod": "gl_mod_{s}({0}, {1})",
    "psi": "gl_digamma_{s}({0})",
    "tri_gamma": "gl_trigamma_{s}({0})",
}
#: CUDA's name of an operation; the float32 one has an f at its end
_LIBRARY = {
    "abs": "fabs",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "trunc": "trunc",
    "round_half_to_even": "rint",
    "round_half_away_from_zero": "round",
    "exp": "exp",
    "exp2": "exp2",
    "expm1": "expm1",
    "log": "log",
    "log2": "log2",
    "log10": "log10",
    "log1p": "log1p",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "erf": "erf",
    "erfc": "erfc",
    "gammaln": "lgamma",
    "pow": "pow",
}
# overflow wraps around, as in NumPy: it is defined for unsigned numbers only
_INTEGER = {
    **_ANY,
    **operators.INTEGER,
    "neg": "({t})(0 - ({u}){0})",
    "add": "({t})(({u}){0} + ({u}){1})",
    "sub": "({t})(({u}){0} - ({u}){1})",
    "mul": "({t})(({u}){0} * ({u}){1})",
    "sqr": "({t})(({u}){0} * ({u}){0})",
    "leaky_rectify": "({t})({0} > 0 ? ({u}){0} : ({u}){0} * ({u}){1})",
    "abs": "({t})({0} < 0 ? 0 - ({u}){0} : ({u}){0})",
    "floor_div": "gl_floordiv(({o}){0}, ({o}){1})",
    "mod": "gl_mod(({o}){0}, ({o}){1})",
    "pow": "({t})gl_ipow_i64({0}, {1})",
    "random_uniform": "gl_random_uniform_{s}({0}, {1}, {2}, {3})",
    "random_normal": "gl_random_normal_{s}({0}, {1}, {2}, {3})",
}
_BOOL = {**_INTEGER, "invert": "!{0}"}
_INFINITY = {"float32": "GL_INF_F32", "float64": "GL_INF_F64"}


def literal(value: object, dtype: str) -> str:
    """A number as CUDA C."""
    if dtype in _INFINITY:
        x = float(value)
        if math.isnan(x):
            return _INFINITY[dtype].replace("INF", "NAN")
        if math.isinf(x):
            return _INFINITY[dtype] if x > 0 else f"(-{_INFINITY[dtype]})"
        return operators.decimal(x, dtype)
    number = int(value)
    if number == -(2**63):
        return "(-9223372036854775807LL - 1)"
    text = f"{number}LL" if abs(number) > 2**31 - 1 else str(number)
    return text if number >= 0 else f"({text})"


def print_op(expr: Expr, args: list[str]) -> str:
    """One operation on operands that are atoms."""
    dtype = expr.args[-1].dtype
    if expr.op == "cast":
        return _cast(dtype, expr.dtype, args[0])
    short = "f" if dtype == "float32" else ""
    table = _FLOAT if dtype in _INFINITY else _BOOL if dtype == "bool" else _INTEGER
    template = table.get(expr.op)
    if template is None:
        return f"{_LIBRARY[expr.op]}{short}({', '.join(args)})"
    return template.format(
        *args,
        t=C_TYPES[expr.dtype],
        o=C_TYPES[dtype],
        u=_UNSIGNED.get(dtype),
        f=short,
        s={"float32": "f32", "float64": "f64"}.get(expr.dtype),
        inf=_INFINITY.get(dtype),
    )


def _cast(source: str, target: str, x: str) -> str:
    if target == "bool":
        return f"({x} != 0)"
    if source.startswith("float") and target in ("uint8", "int8", "int16"):
        return f"({C_TYPES[target]})(long long){x}"
    return f"({C_TYPES[target]}){x}"


class Printer(expressions.Printer):
    """Prints expressions of one kernel in CUDA C."""

    types = C_TYPES
    literal = staticmethod(literal)
    print_op = staticmethod(print_op)


__all__ = ["C_TYPES", "FORMATS", "Printer", "literal", "print_op"]
