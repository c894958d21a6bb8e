"""What C and CUDA C write alike: operators, and decimal numbers.

Of a template, ``{0}``, ``{1}``, … are the operands and ``{t}`` is the type of the result.
"""

from __future__ import annotations

#: for operands of all dtypes
ANY = {
    "identity": "{0}",
    "eq": "{0} == {1}",
    "neq": "{0} != {1}",
    "lt": "{0} < {1}",
    "le": "{0} <= {1}",
    "gt": "{0} > {1}",
    "ge": "{0} >= {1}",
    "switch": "{0} ? {1} : {2}",
}
ARITHMETIC = {
    "neg": "-{0}",
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "sqr": "{0} * {0}",
}
FLOAT = {**ARITHMETIC, "true_div": "{0} / {1}", "inv": "1 / {0}", "isnan": "{0} != {0}"}
#: for integers and bools
INTEGER = {
    "sgn": "({t})(({0} > 0) - ({0} < 0))",
    "and_": "({t})({0} & {1})",
    "or_": "({t})({0} | {1})",
    "xor": "({t})({0} ^ {1})",
    "invert": "({t})~{0}",
}


def decimal(x: float, dtype: str) -> str:
    """A finite number as a literal of its type, in parentheses where it has a sign."""
    text = repr(x) if dtype == "float64" else f"{x:.9g}"
    text += "" if any(c in text for c in ".en") else ".0"
    text += "f" if dtype == "float32" else ""
    return f"({text})" if text.startswith("-") else text


__all__ = ["ANY", "ARITHMETIC", "FLOAT", "INTEGER", "decimal"]
