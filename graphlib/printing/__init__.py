"""Graphs made visible: as a tree (``debugprint``), a formula (``pp``), a picture (``draw``) and in notebooks.

Each takes a variable or a compiled function.  Only drawing loads matplotlib and networkx, when it is first
used (PEP 562).
"""

from importlib import import_module

from .formula import pp
from .tree import debugprint

_DRAWING = ("Drawing", "draw", "pydotprint")

__all__ = ["Drawing", "debugprint", "draw", "pp", "pydotprint"]


def __getattr__(name: str) -> object:
    if name not in _DRAWING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    drawing = import_module(".drawing", __name__)
    globals().update((each, getattr(drawing, each)) for each in _DRAWING)
    return globals()[name]
