"""The part of a minibatch that a rank has, where a graph is built for it: random draws and statistics of the
batch then are those that one process has with the whole minibatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..graph import Variable
from ..ops import elementwise as ew
from ..ops.collectives import over_ranks
from ..ops.op import as_variable
from ..ops.reduce import sum as sum_
from ..ops.shape import dimshuffle
from ..ops.write import set_subtensor
from ..ranks import ranks
from ..tensor import grad


@dataclass(frozen=True)
class Part:
    """The examples ``start`` to ``stop`` of ``total`` in a minibatch, all of them symbolic, int64 scalars.

    at_every_step: whether ranks step along the mean of their gradients; else each along its own.
    """

    start: Variable
    stop: Variable
    total: Variable
    at_every_step: bool = True

    @property
    def inputs(self) -> list[Variable]:
        """Its variables, where they are inputs of a function."""
        return [self.start, self.stop, self.total]

    def of(self, array: Variable, axis: int = 0) -> Variable:
        """The rank's part of a minibatch's array, whose ``axis`` is that of the examples."""
        return array[(slice(None),) * axis + (slice(self.start, self.stop),)]

    def statistics(
        self, x: Variable, axes: Sequence[int], weights: Variable | None = None
    ) -> tuple[Variable, Variable, Variable]:
        """(mean, variance, count) of each feature over the whole minibatch, and over ``axes``, the first of
        which is that of the examples; with weights, which broadcast, the weighted ones and their sum."""
        size = ranks().size
        if weights is None:
            count = self.total
            for axis in axes[1:]:
                count = count * x.shape[axis]
            count = ew.cast(count, x.dtype)
        else:
            count = over_ranks(sum_(weights)) * size

        def mean(values: Variable) -> Variable:
            weighed = values if weights is None else values * weights
            return over_ranks(sum_(weighed, axis=tuple(axes))) * (size / count)

        found = mean(x)
        centred = x - dimshuffle(found, *("x" if axis in axes else 0 for axis in range(x.ndim)))
        return found, mean(ew.sqr(centred)), count

    def weigh(self, mean: Variable, count: Variable | None) -> Variable:
        """The cost of a rank, of which the mean over ranks is the cost of the whole minibatch: of the mean
        over its own examples, and of the sum of their weights; None where they have none, and as many numbers
        each."""
        if count is None:
            own = ew.cast(self.stop - self.start, mean.dtype)
            share = own * (ranks().size / ew.cast(self.total, mean.dtype))
        else:
            own = ew.cast(count, mean.dtype)
            whole = over_ranks(own)
            share = own / ew.switch(ew.gt(whole, 0), whole, 1)
        return ew.switch(ew.gt(own, 0), mean, 0) * share


_current: ContextVar[Part | None] = ContextVar("part of a minibatch", default=None)


def current() -> Part | None:
    """The part that the graph which is being built is for; None for that of a whole minibatch."""
    return _current.get()


@contextmanager
def in_parts(part: Part | None) -> Iterator[None]:
    """What is built in the block is for a rank's part of a minibatch."""
    token = _current.set(part)
    try:
        yield
    finally:
        _current.reset(token)


def draw(make: Callable[[list[Any]], Variable], size: Sequence[Any], axis: int = 0) -> Variable:
    """Random numbers for examples: those of this rank's part among those of the whole minibatch.

    Args:
        make: draws numbers of a size.
        size: of the part, whose ``axis`` goes over examples, or over as many numbers of each of them.
    """
    part, lengths = _current.get(), list(size)
    if part is None or (isinstance(lengths[axis], int) and lengths[axis] == 1):
        return make(lengths)
    own = as_variable(lengths[axis])
    each = own // ew.maximum(part.stop - part.start, 1)
    lengths[axis] = part.total * each
    first = part.start * each
    return make(lengths)[(slice(None),) * axis + (slice(first, first + own),)]


def bernoulli(streams: Any, p: Variable) -> Variable:
    """0 or 1 for each of the probabilities p of examples, (examples, …), in its dtype, drawn from
    ``RandomStreams``: of this rank's part those that are drawn for it among those of the whole minibatch."""
    if _current.get() is None:
        return streams.binomial(size=p.shape, n=1, p=p, dtype=p.dtype)
    size = [p.shape[axis] for axis in range(p.ndim)]
    return ew.cast(ew.lt(draw(lambda size: streams.uniform(size=size, dtype=p.dtype), size), p), p.dtype)


def gradients(cost: Variable, wrt: Sequence[Variable], **options: Any) -> list[Variable]:
    """``graphlib.grad(cost, wrt, **options)``; where what is built is for a rank's part of a minibatch, the
    means over ranks."""
    found = list(grad(cost, list(wrt), **options))
    part = _current.get()
    return [over_ranks(each) for each in found] if part is not None and part.at_every_step else found


def own_rows(values: Variable, axis: int = 0) -> Variable:
    """Of values of each example of a minibatch, such as chains and what stateful layers keep, those of this
    rank's part; all, where what is built is for a whole minibatch. ``axis`` goes over the examples."""
    part = _current.get()
    return values if part is None else part.of(values, axis)


def with_own_rows(state: Variable, rows: Variable) -> Variable:
    """Such a state with other `own_rows`; the others, which are other ranks', stay as they are."""
    part = _current.get()
    return rows if part is None else set_subtensor(part.of(state), rows)


__all__ = [
    "Part",
    "bernoulli",
    "current",
    "draw",
    "gradients",
    "in_parts",
    "own_rows",
    "with_own_rows",
]
