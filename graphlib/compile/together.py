"""Functions that all ranks of an MPI run call together: that they are the same is seen at the first call."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ..graph import Variable, toposort
from ..lower.program import Program
from ..ops.collectives import StartAverage
from ..ops.scan import Scan
from ..ranks import ranks
from .around import Around
from .identity import Identity, NoIdentity


class Together(Around):
    """An executor of a program in which ranks wait for each other."""

    def __init__(self, executor: Any, program: Program) -> None:
        self.executor, self.program = executor, program
        self._agreed = False

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        if not self._agreed:
            ranks().agree(
                "the function that they call",
                f"{self.program.title} [{_digest(self.program)}]",
                "all ranks run the same program with the same options, and call the same functions",
            )
            self._agreed = True
        return self.executor(inputs)


def waits_for_ranks(program: Program) -> bool:
    """Whether ranks wait for each other in a program."""
    return ranks.cache_info().currsize > 0 and _has_mean(program.results)


def _has_mean(results: list[Variable]) -> bool:
    nodes = toposort(results)
    if any(isinstance(node.op, StartAverage) for node in nodes):
        return True
    loops = (node.op for node in nodes if isinstance(node.op, Scan))
    return any(_has_mean([*op.new, *op.outputs]) for op in loops)


def _digest(program: Program) -> str:
    """What tells a program from others, the same on machines of other settings and processors."""
    try:
        text = Identity(program, None).rows
    except NoIdentity:
        # operations of the program's own: what they are called
        text = repr([str(node.op) for node in toposort(program.results)]).encode()
    return hashlib.sha256(text).hexdigest()[:12]
