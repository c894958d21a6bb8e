"""The reductions: each a function of the scalar language that takes two parts together, and what it begins
at.

A row of ``ops/reduce.py`` defines one with ``define``; printers look it up by the ``kind`` of a
``lowered.Reduction``, and write it by what ``scalar.functions`` has of the function.
"""

from __future__ import annotations

from typing import Literal

from ..records import record
from .functions import FUNCTIONS, Text

#: neutral elements that depend on the dtype: its least number (-inf), its greatest
LOWEST: Literal["lowest"] = "lowest"
HIGHEST: Literal["highest"] = "highest"


@record
class Reducer:
    """A reduction: ``combine`` names the function that takes what was reduced so far and one more element
    together, ``neutral`` is the number that it begins at.

    ``operator``: how OpenMP's reduction clause calls it for each kind of dtype; where that is an operator of
    C, C writes ``acc += x``. Where there is none, it is declared to OpenMP. ``truth``: elements count as
    whether they are not 0. ``finds_index``: the result is the index of the first element that is ahead of
    all others by ``combine``, a comparison; NaN is ahead of every number.
    """

    name: str
    combine: str
    neutral: float | Literal["lowest", "highest"]
    operator: Text | None = None
    truth: bool = False
    finds_index: bool = False

    def operator_of(self, dtype: str) -> str | None:
        """The operator for elements of a dtype; None where it has to be declared."""
        return None if self.operator is None else self.operator.of(dtype)


REDUCERS: dict[str, Reducer] = {}

_RANGES = {
    "bool": (0, 1),
    "uint8": (0, 255),
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "int8": (-128, 127),
    "int16": (-(2**15), 2**15 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "float32": (float("-inf"), float("inf")),
    "float64": (float("-inf"), float("inf")),
}


def define(reducer: Reducer) -> Reducer:
    """A new reduction.

    Errors: ValueError where its name is taken, or ``combine`` is no function of two scalars.
    """
    if reducer.name in REDUCERS:
        raise ValueError(f"two reductions are called {reducer.name}")
    function = FUNCTIONS.get(reducer.combine)
    if function is None or function.arity != 2:
        raise ValueError(
            f"{reducer.name} combines by {reducer.combine!r}, which is no function of two scalars"
        )
    REDUCERS[reducer.name] = reducer
    return reducer


def neutral(kind: str, dtype: str) -> float:
    """What a reduction of nothing is, in a dtype."""
    number = REDUCERS[kind].neutral
    return _RANGES[dtype][number == HIGHEST] if isinstance(number, str) else number
