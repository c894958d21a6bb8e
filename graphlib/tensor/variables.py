"""What variables can do by stages that come after operations: be evaluated, and be shown in a notebook.

Both stages are loaded when they are used: a program that only builds graphs needs neither.
"""

from __future__ import annotations

import numpy as np

from ..graph import Variable


def _eval(self: Variable, inputs_to_values: dict | None = None) -> np.ndarray:
    """The value, given those of the inputs as ``{variable: value}``; compiled once for each set of inputs."""
    from ..compile.function import evaluate

    return evaluate(self, inputs_to_values or {})


def _notebook(self: Variable) -> str:
    """What a notebook shows: the formula, and a drawing of a small graph."""
    from ..printing.notebook import variable_html

    return variable_html(self)


def _public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def _missing(self: Variable, name: str) -> object:
    """Of a name that variables do not have: what to write for it."""
    if name.startswith("_"):
        raise AttributeError(name)
    if hasattr(type(self), name):
        # a property that has no value, which says why
        return object.__getattribute__(self, name)
    from .elsewhere import METHODS, MissingNameError

    raise MissingNameError("a symbolic variable", name, lambda: _public(type(self)), METHODS)


def install() -> None:
    """Give Variable these methods."""
    Variable.eval = _eval
    Variable._repr_html_ = _notebook
    Variable.__getattr__ = _missing
