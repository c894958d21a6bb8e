"""``theano.sandbox.rng_mrg``: graphlib's random streams, with the parameters that only MRG31k3p had."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...tensor.random import RandomStreams


def _without_nstreams(draw: Callable) -> Callable:
    @functools.wraps(draw)
    def drawn(self: RandomStreams, *arguments: Any, nstreams: int | None = None, **keywords: Any) -> Any:
        return draw(self, *arguments, **keywords)

    return drawn


class MRG_RandomStreams(RandomStreams):
    """``RandomStreams``; ``use_cuda`` and ``nstreams`` have no effect, as draws are the same on all devices.

    seed: a number, or Theano's six, of which one is made.
    """

    def __init__(self, seed: Any = 12345, use_cuda: bool | None = None) -> None:
        super().__init__(seed)

    def seed(self, seed: Any = None) -> None:
        """Start again from ``seed``."""
        several = isinstance(seed, (list, tuple, np.ndarray))
        super().seed(
            int(np.random.SeedSequence([int(s) for s in seed]).generate_state(1)[0]) if several else seed
        )

    binomial = _without_nstreams(RandomStreams.binomial)
    choice = _without_nstreams(RandomStreams.choice)
    multinomial = _without_nstreams(RandomStreams.multinomial)
    normal = _without_nstreams(RandomStreams.normal)
    uniform = _without_nstreams(RandomStreams.uniform)


__all__ = ["MRG_RandomStreams"]
