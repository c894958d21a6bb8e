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


def install() -> None:
    """Give Variable these methods."""
    Variable.eval = _eval
    Variable._repr_html_ = _notebook
