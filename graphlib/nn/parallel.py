"""Training on the ranks of an MPI run: which examples each takes, where they come together, who writes.

All ranks go through the same minibatches in the same order, each through its part of them, and step along the
mean of their gradients; or, with `sync_every`, step by themselves and take the mean of their parameters now
and then (local SGD; S. Stich, "Local SGD converges fast and communicates little", 2019).  Whatever decides
something, such as a validation error, is the same number on all of them, so that they decide the same.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
from graphlib import distributed
from graphlib.distributed import Ranks

from .storage import UserError
from .variables import SharedVariable

#: how often ranks look whether one of them is asked to stop
_ROUND_SECONDS = 0.5


class DataParallel:
    """How a training goes over ranks.

    Args:
        ranks: this process among them.
        sync_every: after how many minibatches they come together.

    Attributes:
        leads: whether this rank prints and writes files.
        alone: whether it is the only one.
    """

    def __init__(self, ranks: Ranks, sync_every: int = 1):
        self.ranks, self.sync_every = ranks, sync_every
        self.leads, self.alone = ranks.leads, ranks.size == 1

    # examples

    def check(self, batch_size: int, what: str) -> None:
        """UserError where minibatches of so many examples cannot be dealt out evenly."""
        size = self.ranks.size
        if batch_size % size:
            lower, upper = batch_size // size * size, -(-batch_size // size) * size
            better = f"{lower} or {upper}" if lower else f"{upper}"
            raise UserError(
                f"{what} {batch_size} is that of all {size} ranks together, and cannot be dealt out to them "
                f"evenly: give one such as {better}, or another number of ranks to mpirun -n"
            )

    def part(self, n: int, rank: int | None = None) -> slice:
        """This rank's part of n examples, or another's: as many as the others have, or one more or less."""
        rank, size = self.ranks.rank if rank is None else rank, self.ranks.size
        return slice(n * rank // size, n * (rank + 1) // size)

    def by_minibatch(self, function: Callable[[int], Any]) -> Callable[[int], Any]:
        """A function of a minibatch's index, of one that numbers the parts of all minibatches."""
        rank, size = self.ranks.rank, self.ranks.size
        return function if self.alone else lambda index: function(size * index + rank)

    def by_part(self, function: Callable) -> Callable:
        """A function of a minibatch's arrays, of one that also takes where this rank's part lies."""
        if self.alone:
            return function

        return lambda *arrays: function(*arrays, *self.bounds(len(arrays[0])))

    def symbolic_part(self) -> distributed.Part | None:
        """The part of a minibatch that a graph is built for, whose variables are inputs of a function; None
        of a process that is alone."""
        if self.alone:
            return None
        bounds = (graphlib.tensor.lscalar(name) for name in ("start", "stop", "total"))
        return distributed.Part(*bounds, at_every_step=self.sync_every == 1)

    def part_of_each(self, batch_size: int) -> distributed.Part | None:
        """The part of minibatches that all have so many examples, that a graph is built for; None of a
        process that is alone."""
        if self.alone:
            return None
        own = self.part(batch_size)
        # shared variables, so that the graph is the same on all ranks
        start, stop = (
            graphlib.shared(np.int64(n), name=name) for n, name in ((own.start, "start"), (own.stop, "stop"))
        )
        total = graphlib.tensor.constant(np.int64(batch_size))
        return distributed.Part(start, stop, total, self.sync_every == 1)

    def bounds(self, n: int) -> tuple[int, ...]:
        """The values of ``symbolic_part`` for a minibatch of n examples; none of a process that is alone."""
        own = self.part(n)
        return () if self.alone else (own.start, own.stop, n)

    # what is learnt

    def stepping(
        self,
        step: Callable[[int], Any],
        variables: Mapping[str, SharedVariable],
        iteration: int,
        dealt: Sequence[SharedVariable] = (),
    ) -> Stepping:
        """A training function that goes on after `iteration` minibatches, and brings ranks together."""
        learnt = {name: v for name, v in variables.items() if not any(v is each for each in dealt)}
        return Stepping(self, step, learnt, iteration)

    def collect(self, dealt: Sequence[SharedVariable]) -> None:
        """Give all ranks the rows of states that each has of its own, see `distributed.own_rows`."""
        for state in dealt:
            rows = np.array(state.get_value())
            everywhere = self.ranks.gathered(rows)
            for rank in range(self.ranks.size):
                own = self.part(len(rows), rank)
                rows[own] = everywhere[rank][own]
            state.set_value(rows)

    # what is decided

    def average(self, value: Any) -> Any:
        """A symbolic value of a step, the same on all ranks: its mean, where they step together."""
        return value if self.alone or self.sync_every > 1 else distributed.average(value)

    def mean(self, value: float) -> float:
        """The mean over ranks of a number."""
        return float(value) if self.alone else float(self.ranks.average(np.float64(value)))

    def fraction(self, wrong: int, n: int) -> float:
        """The fraction of n examples, of whose parts each rank has counted `wrong` ones."""
        return int(self.ranks.total(np.int64(wrong))) / n

    @contextmanager
    def copied(self, path: Path) -> Iterator[Path]:
        """A file of rank 0's, as a file that each rank can read: only rank 0 needs to see the folder."""
        if self.leads:
            self.ranks.message(path.read_bytes() if path.exists() else b"")
            yield path
            return
        data = self.ranks.message(None)
        with tempfile.TemporaryDirectory(prefix="graphlib-rank-") as folder:
            copy = Path(folder) / path.name
            if data:
                copy.write_bytes(data)
            yield copy

    def share(self, variables: Mapping[str, SharedVariable]) -> None:
        """Give variables, and what else has ``get_value`` and ``set_value``, the values of rank 0."""
        if self.alone:
            return
        values = {name: np.asarray(v.get_value()) for name, v in variables.items()}
        shapes = [(name, str(a.dtype), a.shape) for name, a in values.items()]
        self.ranks.agree("the shapes of what is learnt", str(shapes), "start all with the same options")
        for name, variable in variables.items():
            variable.set_value(self.ranks.from_first(values[name]))


#: a process without others
ALONE = DataParallel(Ranks())


def data_parallel(sync_every: int = 1) -> DataParallel:
    """The ranks of this run.

    Errors: DistributedError as `graphlib.distributed.ranks`; UserError where `sync_every` is below 1.
    """
    if not isinstance(sync_every, int) or sync_every < 1:
        raise UserError(f"sync_every is {sync_every}: give a number of minibatches, 1 or more")
    return DataParallel(distributed.ranks(), sync_every)


class Stepping:
    """A training function of a minibatch's index, of a rank among others.

    With `sync_every` it averages what was learnt after so many minibatches of the stage; ``settle`` does so
    before something is measured or written.
    """

    def __init__(
        self,
        parallel: DataParallel,
        step: Callable[[int], Any],
        variables: Mapping[str, SharedVariable],
        iteration: int,
    ):
        self.parallel, self.iteration, self.pending = parallel, iteration, False
        self._average: Callable | None = None
        self.step = step
        if parallel.alone or parallel.sync_every == 1:
            return
        floats = [v for v in variables.values() if isinstance(v, graphlib.Shared) and v.type.is_float]
        self._average = graphlib.function(
            [], [], updates=[(v, distributed.average(v)) for v in floats], name="average_parameters"
        )
        self.step = self._local(step)

    def _local(self, step: Callable[[int], Any]) -> Callable[[int], Any]:
        def local(index: int) -> Any:
            cost = step(index)
            self.iteration += 1
            self.pending = True
            if self.iteration % self.parallel.sync_every == 0:
                self.settle()
            return cost

        return local

    def settle(self) -> None:
        """Bring the ranks together where they are apart."""
        if self.pending:
            self._average()
            self.pending = False


class Rounds:
    """The minibatches after which ranks look whether one of them was asked to stop, about twice a second."""

    def __init__(self, parallel: DataParallel):
        self.parallel = parallel
        self.minibatches = parallel.sync_every
        self._last, self._seen = time.monotonic(), 0

    def stop(self, requested: bool, iteration: int) -> bool:
        """Whether one of the ranks was asked to."""
        if self.parallel.alone:
            return requested
        now, k = time.monotonic(), self.parallel.sync_every
        seconds = (now - self._last) / max(1, iteration - self._seen)
        wanted = max(k, int(_ROUND_SECONDS / max(seconds, 1e-6)) // k * k)
        self._last, self._seen = now, iteration
        rows = self.parallel.ranks.gathered(np.array([int(requested), wanted], "int64"))
        self.minibatches = min(int(rows[0, 1]), 4 * self.minibatches)
        return bool(rows[:, 0].any())

    def end(self, iteration: int) -> float:
        """The iteration at which they look again."""
        if self.parallel.alone:
            return math.inf
        return iteration // self.parallel.sync_every * self.parallel.sync_every + self.minibatches
