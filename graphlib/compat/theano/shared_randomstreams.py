"""``theano.tensor.shared_randomstreams``: Theano's numbers, seed for seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Shared
from ...tensor.sequential import MersenneStreams
from .attributes import DrawState
from .own_types import GenericShared


class RandomStreams(MersenneStreams):
    """``MersenneStreams``, whose draws' states are named by ``draw.rng``, too."""

    def __getitem__(self, state: Any) -> np.random.RandomState:
        return super().__getitem__(_shared(state))

    def __setitem__(self, state: Any, generator: np.random.RandomState) -> None:
        super().__setitem__(_shared(state), generator)


def _shared(state: Any) -> Shared:
    return state.shared if isinstance(state, DrawState) else state


class RandomStateSharedVariable(GenericShared):
    """A generator that is kept, by itself."""

    def __init__(self, name: str | None, type: Any, value: Any, strict: bool = False, **more: Any) -> None:
        super().__init__(value, name)


__all__ = ["RandomStateSharedVariable", "RandomStreams"]
