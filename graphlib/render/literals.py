"""What C and CUDA C write alike: decimal numbers, and float16, of which the bits are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def decimal(x: float, dtype: str) -> str:
    """A finite number as a literal of its type, in parentheses where it has a sign."""
    text = repr(x) if dtype == "float64" else f"{x:.9g}"
    text += "" if any(c in text for c in ".en") else ".0"
    text += "f" if dtype == "float32" else ""
    return f"({text})" if text.startswith("-") else text


def half_literal(value: object) -> str:
    """A number of float16 by its bits."""
    return f"((gl_half){np.float16(value).view('uint16')})"


def cast_of_half(source: str, target: str, x: str, cast: Callable[[str, str, str], str]) -> str:
    """``x``, an atom, cast from or to float16: by way of float32, as ``cast`` writes it, or from float64."""
    if source == target:
        return x
    if source == "float16":
        wide = f"gl_f32_of_half({x})"
        return wide if target == "float32" else cast("float32", target, wide)
    if source == "float64":
        return f"gl_half_of_f64({x})"
    return f"gl_half_of_f32({x if source == 'float32' else cast(source, 'float32', x)})"
