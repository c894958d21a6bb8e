"""The learning rate of a program: a number, or one that decays with the epochs."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphlib

from .schedules import InverseTime


class LearningRate:
    """A learning rate that is initial / (1 + decay · t) in the epoch after t done ones.

    Args:
        initial: of the first epoch, above 0.
        decay: 0 or more; with 0 the rate is a constant of the compiled functions, and they are what they
            would be without this class.

    Attributes:
        value: what goes into the updates: a number, or a shared scalar of dtype floatX where the rate decays.
    """

    def __init__(self, initial: float, decay: float = 0.0):
        self._schedule = InverseTime(initial, decay)
        self.value: Any = initial
        if decay:
            self.value = graphlib.shared(np.asarray(initial, graphlib.config.floatX), name="learning_rate")

    def begin_epoch(self, epochs_done: int) -> None:
        """Sets the rate to that of the epoch after so many."""
        if not isinstance(self.value, float | int):
            self.value.set_value(np.asarray(self._schedule(epochs_done), self.value.dtype))
