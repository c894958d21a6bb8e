"""The order in which a training run goes through its examples: another one in every epoch, and the same one
again when the run is resumed.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np


class Epochs:
    """Deals the minibatches of every epoch, in an order that depends on nothing but the seed and the epoch.

    It has ``get_value`` and ``set_value``, as shared variables have, and goes into a run's `state` as they
    do: what it remembers is the number of the epoch, from 1; before the first it is 0.

    Args:
        minibatches: makes an epoch's minibatches with a numpy.random.RandomState, as many each time.
        seed: of all epochs.
    """

    def __init__(self, minibatches: Callable[[np.random.RandomState], Sequence], seed: int):
        self._minibatches, self._seed = minibatches, seed
        self._order: Sequence | None = None
        self._epoch = 0

    @cached_property
    def _length(self) -> int:
        return len(self.of(0))

    def __len__(self) -> int:
        """How many minibatches an epoch has."""
        return self._length

    def __getitem__(self, index: int) -> Any:
        """The minibatch of an index; index 0 begins the next epoch."""
        self.begin(index)
        if self._order is None:
            self._order = self.of(self._epoch)
        return self._order[index]

    def begin(self, index: int) -> int:
        """The epoch that the minibatch of an index is of, when it is asked for next: index 0 begins one."""
        if index == 0:
            self._epoch += 1
            self._order = None
        return self._epoch

    def of(self, epoch: int) -> Sequence:
        """The minibatches of an epoch, of whatever number; none is begun."""
        return self._minibatches(np.random.RandomState([self._seed, epoch]))

    def get_value(self, borrow: bool = False) -> np.ndarray:
        return np.array(self._epoch)

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None:
        self._epoch, self._order = int(new_value), None
