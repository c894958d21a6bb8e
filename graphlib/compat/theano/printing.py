"""``theano.printing``, where its functions took more than graphlib's."""

from __future__ import annotations

from typing import Any

from ... import printing
from ...graph import Variable
from ...graph.variable import warn_user


def debugprint(
    obj: Any, depth: int = -1, print_type: bool = False, file: Any = None, ids: str = "CHAR", **layout: Any
) -> str | None:
    """``graphlib.debugprint``; how Theano would lay out the text (``ids``, ``print_storage``, ...) has no
    effect."""
    return printing.debugprint(obj, depth, print_type, file)


class Print:
    """``Print(message)(x)`` is ``x``, and warns that nothing will be printed."""

    def __init__(self, message: str = "", attrs: Any = (), global_fn: Any = None) -> None:
        self.message = message

    def __call__(self, x: Variable) -> Variable:
        warn_user(
            f"Print({self.message!r}) prints nothing: a compiled function is native code that does not call "
            f"Python. Make {x} an output of the function to see it."
        )
        return x
