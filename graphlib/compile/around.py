"""An executor around another one: what it says of itself is what the other says."""

from __future__ import annotations

from typing import Any

from ..graph import Variable


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
