"""Numbers of arrays as C writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..render.c_scalar import C_TYPES, literal

if TYPE_CHECKING:
    from .library import Library

_A_LINE = 100


def numbers(array: np.ndarray) -> str:
    """The elements in their order, as an initialiser."""
    dtype = array.dtype.name
    flat = np.ascontiguousarray(array).reshape(-1)
    if dtype == "float32":
        written = [_short(x) for x in flat.tolist()]
    else:
        written = [literal(x, dtype) for x in flat.tolist()]
    lines, line = [], ""
    for one in written:
        if len(line) + len(one) > _A_LINE:
            lines.append(line)
            line = ""
        line += f"{one}, "
    lines.append(line or "0")
    return "{\n    " + "\n    ".join(text.rstrip() for text in lines).rstrip(",") + "}"


def _short(x: float) -> str:
    """A float32 in as few digits as tell it from others."""
    if x != x or x in (float("inf"), float("-inf")):
        return literal(x, "float32")
    text = f"{x:.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def array(name: str, values: np.ndarray) -> str:
    """A constant array."""
    return f"static const {C_TYPES[values.dtype.name]} {name}[{max(values.size, 1)}] = {numbers(values)};"


def constants(lib: Library) -> str:
    """The arrays that do not change: parameters that are no part of the state, and constants of functions."""
    found = [array(f"gl_value_{f.name}", f.array) for f in lib.fields if not f.in_state]
    for made in lib.functions:
        plan = made.signature.plan
        found += [
            array(f"{made.signature.prefix}constant{k}", np.asarray(data.array))
            for k, data in enumerate(plan.constants)
        ]
    found += [array(f"gl_initial_{f.name}", f.array) for f in lib.state if f.array.any()]
    return "\n".join(found)
