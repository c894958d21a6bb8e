"""``theano.printing``, where its functions took more than graphlib's."""

from __future__ import annotations

from typing import Any

from ... import printing
from ...graph import Apply
from ...ops.observing import Print


def debugprint(
    obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, ids: str = "CHAR", **layout: Any
) -> str | None:
    """``graphlib.debugprint``; how Theano would lay out the text (``ids``, ``print_storage``, ...) has no
    effect."""
    several = obj if isinstance(obj, (list, tuple)) else [obj]
    shown = [v for o in several for v in (o.outputs if isinstance(o, Apply) else [o])]
    return printing.debugprint(shown if len(shown) > 1 else shown[0], depth, print_type, file)


def pprint(variable: Any, **more: Any) -> str:
    """``pp``: an expression as text."""
    return printing.pp(variable)


def min_informative_str(obj: Any, **more: Any) -> str:
    """An expression as a tree of lines."""
    return str(debugprint(obj, file="str"))


__all__ = ["Print", "debugprint"]
