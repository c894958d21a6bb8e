"""Decimal numbers, which C and CUDA C write alike."""

from __future__ import annotations


def decimal(x: float, dtype: str) -> str:
    """A finite number as a literal of its type, in parentheses where it has a sign."""
    text = repr(x) if dtype == "float64" else f"{x:.9g}"
    text += "" if any(c in text for c in ".en") else ".0"
    text += "f" if dtype == "float32" else ""
    return f"({text})" if text.startswith("-") else text


__all__ = ["decimal"]
