"""An executor around another one: what it says of itself is what the other says."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import Shared, Variable
from ..lower.program import Program


class Around:
    """The base of executors that call another, ``executor``."""

    executor: Any

    @property
    def source(self) -> str:
        return self.executor.source

    @property
    def plan(self) -> Any:
        return self.executor.plan

    def profile(self) -> Any:
        return self.executor.profile()

    def rewritten(self) -> list[Variable]:
        return self.executor.rewritten()


class Checking(Around):
    """The base of executors that look at what another one makes of a program; where that is wrong, shared
    variables are to be what they were before the call."""

    def __init__(self, program: Program, executor: Any) -> None:
        self.program, self.executor = program, executor

    def before(self) -> dict[Shared, np.ndarray]:
        """Copies of the values that the program changes."""
        return {s: s.data.copy() for s in self.program.updates}

    @staticmethod
    def restore(values: dict[Shared, np.ndarray]) -> None:
        for s, value in values.items():
            s.set_value(value)
