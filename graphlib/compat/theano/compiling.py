"""``theano.compile``: ``pfunc``, and the older names of what a function takes."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from ...compile.arguments import In, Out
from ...compile.function import Function
from .graphs import OpFromGraph, UnusedInputError
from .sparse.calls import function

__all__ = [
    "OpFromGraph",
    "SymbolicInput",
    "SymbolicOutput",
    "UnusedInputError",
    "function",
    "function_dump",
    "orig_function",
    "pfunc",
]

SymbolicInput, SymbolicOutput = In, Out


def pfunc(params: Sequence[Any], outputs: Any = None, *settings: Any, **more: Any) -> Function:
    """``theano.function`` under the name of the function that did its work."""
    return function(params, outputs, *settings, **more)


def function_dump(filename: str, inputs: Any, outputs: Any = None, *settings: Any, **more: Any) -> None:
    """Writes what ``theano.function`` would be called with into a file, by pickle."""
    names = ("mode", "updates", "givens", "no_default_updates", "accept_inplace", "name", "rebuild_strict")
    given = {"inputs": inputs, "outputs": outputs, **dict(zip(names, settings, strict=False)), **more}
    with open(filename, "wb") as file:
        pickle.dump(given, file)


def orig_function(inputs: Sequence[Any], outputs: Any, *settings: Any, **more: Any) -> Function:
    """``theano.function``, of which this was the last stage."""
    return function(inputs, outputs, *settings, **more)
