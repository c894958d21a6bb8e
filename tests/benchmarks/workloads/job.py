"""What a workload is to the benchmarks: one training step in every form in which it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from tests.benchmarks import bare
from tests.benchmarks.figures import TOLERANCE, agree

Runner = Callable[[int, int], "list | None"]


@dataclass(frozen=True)
class Job:
    """One training step in every form in which it is measured.

    steps: how many make one timed block. losses: of the first step and of the first block's last, on which
    all contestants must agree. build: compiles the step with graphlib and returns run(first, steps) -> the
    steps' losses. bare: makes the step's matrix products, or copies. resident: bytes of the data, of the
    parameters and of the optimiser's state. peers: the module of tests/benchmarks/peers that other libraries
    run; None for the programs of --peer-code. by_layers: as `build`, with the layers of graphlib.nn in place
    of formulas; None where they are not compared.
    """

    steps: int
    losses: tuple[float, float]
    build: Callable[[], Runner]
    bare: Callable[[], Sequence[bare.Product] | Sequence[bare.Copy]]
    resident: int
    tolerance: float = TOLERANCE
    peers: str | None = None
    by_layers: Callable[[], Runner] | None = None

    def agrees(self, losses: Sequence[float | None]) -> bool | None:
        """Whether a contestant's losses are the right ones; None where it computes none."""
        return agree(losses, self.losses, self.tolerance)


Make = Callable[[], Job]


def jobs(*makes: Make) -> dict[str, Make]:
    """Workloads under their functions' names; each is made once."""
    return {make.__name__: cache(make) for make in makes}
