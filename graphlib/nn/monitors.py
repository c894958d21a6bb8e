"""What watches `Model.fit`: stops it early, changes the learning rate, keeps snapshots, draws and writes.

    model.fit(x, y, validation=0.1, monitors=[EarlyStopping(5), ReduceOnPlateau(0.5)])

A monitor of one's own is a subclass of `Monitor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .registry import register
from .schema import Count, NotNegative, Positive


@dataclass
class Fit:
    """A training that goes on, as monitors see it.

    Attributes:
        model: what is trained.
        folder: where its files go; None where it writes none.
        watched: the name of the value by which models are compared, such as "validation_error".
        n_minibatches: of an epoch.
        maximized: the names of values that are the better the higher they are.
        say: prints a line.
        iteration: minibatches seen so far.
        values: what was measured last, by name ("loss", "validation_loss", …), in the order of the report.
        is_best: whether the model is the best so far by what is watched.
    """

    model: Any
    folder: Path | None
    watched: str
    n_minibatches: int
    maximized: frozenset[str]
    say: Callable[[str], None]
    iteration: int = 0
    values: dict[str, float] = field(default_factory=dict)
    is_best: bool = False

    @property
    def epoch(self) -> float:
        """Epochs done, fractions included."""
        return self.iteration / self.n_minibatches

    def cost_of(self, quantity: str | None = None) -> float | None:
        """A measured value as a cost, the lower the better; None where it was not measured this time.

        Args:
            quantity: its name; None for the one that is `watched`.
        """
        name = quantity or self.watched
        value = self.values.get(name)
        if value is None:
            return None
        return -value if name in self.maximized else value


class Monitor:
    """Base of monitors: each method may be overridden.

    Attributes:
        last_iteration: the minibatch after which training stops, as things stand.
        adjusts_learning_rate: whether it sets `Optimizer.factor`.
    """

    last_iteration: float = math.inf
    adjusts_learning_rate = False

    def reset(self) -> None:
        """Forgets what it saw: called when another training begins."""

    def start(self, fit: Fit) -> None:
        """Called before the first minibatch, also of a training that is resumed."""

    def measured(self, fit: Fit) -> None:
        """Called whenever the model was measured, after every epoch; may add to ``fit.values``."""

    def finish(self, fit: Fit) -> None:
        """Called when training has ended."""

    def interval(self, n_minibatches: int) -> int:
        """How many minibatches there may be between measurements, at most an epoch's `n_minibatches`."""
        return n_minibatches

    def columns(self, model: Any) -> list[str]:
        """The names of the values that it adds."""
        return []

    def remember(self) -> dict[str, Any]:
        """What a checkpoint must hold: numbers, and lists and mappings of them."""
        return {}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        """Goes on from what `remember` gave."""


class Stopping(Monitor):
    """A rule of when to stop; `best_error` is the lowest so far, at `best_iteration`, which is 0 before."""

    quantity: str | None = None

    def reset(self) -> None:
        self.best_error, self.best_iteration = math.inf, 0

    def observe(self, iteration: int, error: float) -> bool:
        """Takes in the validation error after minibatch `iteration`; True if it is the best so far."""
        raise NotImplementedError

    def measured(self, fit: Fit) -> None:
        error = fit.cost_of(self.quantity)
        if error is not None:
            self.observe(fit.iteration, error)


@register("monitor")
class EarlyStopping(Stopping):
    """Stops training once more than `rounds` validations in a row were no better than the best so far.

    Args:
        rounds: see above.
        least: how much lower an error must be to count as better.
        quantity: the name of what is validated; None for what models are compared by.
    """

    def __init__(self, rounds: Count = 10, least: NotNegative = 0.0, quantity: str | None = None):
        self.rounds, self.least, self.quantity = rounds, least, quantity
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.failures, self.last_iteration = 0, math.inf

    def observe(self, iteration: int, error: float) -> bool:
        if error < self.best_error - self.least:
            self.best_error, self.best_iteration, self.failures = error, iteration, 0
            return True
        self.failures += 1
        if self.failures > self.rounds:
            self.last_iteration = iteration
        return False

    def remember(self) -> dict[str, Any]:
        return {
            "best_error": self.best_error,
            "best_iteration": self.best_iteration,
            "failures": self.failures,
            "last_iteration": self.last_iteration,
        }

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.best_error, self.best_iteration = remembered["best_error"], remembered["best_iteration"]
        self.failures, self.last_iteration = remembered["failures"], remembered["last_iteration"]


@register("monitor")
class Patience(Stopping):
    """Early stopping by patience, after "Early-Stopping" in the Deep Learning Tutorials' "Getting Started".

    Training goes on for so many minibatches, and for `increase` times as many as it had seen whenever the
    validation error falls below `threshold` times the best so far. Minibatches are counted from 1.

    Args:
        minibatches: the patience at first.
        increase, threshold: see above.
        quantity: the name of what is validated; None for what models are compared by.

    Attributes:
        patience: the minibatches that training goes on for at least, as things stand.
    """

    def __init__(
        self,
        minibatches: Count = 10_000,
        increase: Positive = 2,
        threshold: NotNegative = 0.995,
        quantity: str | None = None,
    ):
        self.minibatches, self.increase, self.threshold = minibatches, increase, threshold
        self.quantity = quantity
        self.reset()

    def reset(self) -> None:
        super().reset()
        self.patience: float = self.minibatches

    @property
    def last_iteration(self) -> float:
        return self.patience + 1

    def interval(self, n_minibatches: int) -> int:
        return max(1, min(n_minibatches, self.minibatches // 2))

    def observe(self, iteration: int, error: float) -> bool:
        if not error < self.best_error:
            return False
        if error < self.best_error * self.threshold:
            # The published programs count from 0 here, and so the results agree only if this does too.
            self.patience = max(self.patience, (iteration - 1) * self.increase)
        self.best_error, self.best_iteration = error, iteration
        return True

    def remember(self) -> dict[str, Any]:
        return {
            "best_error": self.best_error,
            "best_iteration": self.best_iteration,
            "patience": self.patience,
        }

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.best_error, self.best_iteration = remembered["best_error"], remembered["best_iteration"]
        self.patience = remembered["patience"]
