"""Loops that are recurrent layers, as ONNX's RNN, GRU and LSTM."""

from __future__ import annotations

from ...graph import Apply
from ..writer import Writer


def recurrent(w: Writer, node: Apply) -> list[str] | None:
    """The outputs of a loop that is one of ONNX's recurrent layers; None if it is none."""
    return None
