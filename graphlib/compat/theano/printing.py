"""``theano.printing``, where its functions took more than graphlib's."""

from __future__ import annotations

from typing import Any

from ... import printing
from ...ops.observing import Print


def debugprint(
    obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, ids: str = "CHAR", **layout: Any
) -> str | None:
    """``graphlib.debugprint``; how Theano would lay out the text (``ids``, ``print_storage``, ...) has no
    effect."""
    return printing.debugprint(obj, depth, print_type, file)


__all__ = ["Print", "debugprint"]
