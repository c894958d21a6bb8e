"""Importing this has a Ctrl+C that nothing catches end a program with a word, where Python would print a
traceback; the exit status stays Python's, in a shell 130.

Programs import it before the rest of graphlib, so that it holds while they are still loading that.
"""

from __future__ import annotations

import sys
from types import TracebackType

_otherwise = sys.excepthook


def _quietly(kind: type[BaseException], problem: BaseException, where: TracebackType | None) -> None:
    by_hand = hasattr(sys, "ps1")
    if issubclass(kind, KeyboardInterrupt) and not by_hand:
        print("\ninterrupted", file=sys.stderr)
    else:
        _otherwise(kind, problem, where)


sys.excepthook = _quietly
