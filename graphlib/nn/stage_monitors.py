"""What a stage of training measures, and when it ends: early stopping where there are labels to validate
with, the mean cost of every epoch where there are none.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .monitors import EarlyStopping, Patience
from .progress import say
from .run_folder import BEST_MODEL, LATEST_MODEL


class StageMonitor(Protocol):
    """What a stage measures while it trains, and when it ends.

    Attributes:
        panels: the learning curve's panels that it fills, as in `LearningCurve`.
        keeps: the file of the parameters that it says are worth keeping.
        last_iteration: the minibatch after which training stops, as things stand; infinity where only the
            epochs end it.
    """

    panels: Mapping[str, Sequence[str]]
    keeps: str

    @property
    def last_iteration(self) -> float: ...

    def interval(self, n_minibatches: int) -> int:
        """How many minibatches there are from one measurement to the next; an epoch has `n_minibatches`."""

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        """Measures the model as it is after minibatch `iteration`, `cost` being the mean since the last time.

        Returns what goes into the curve's columns, and whether this model is the one to keep; says it too.
        """

    def remember(self) -> dict[str, Any]:
        """What a checkpoint must hold, as JSON can hold it, for `restore` to go on from."""

    def restore(self, remembered: Mapping[str, Any]) -> None: ...

    def summary(self) -> str:
        """A sentence on what came out."""


class Validation:
    """Validates now and then, stops early, and tests whenever the model is the best so far.

    Args:
        stopping: when to stop.
        validation_error, test_error: the present model's errors, as fractions in [0, 1].
        every: how many minibatches there are between validations, at most an epoch; None for as many as
            `stopping` asks for.

    Attributes:
        best_test_error: the test error of the model that was best in validation; NaN until there is one.
    """

    panels: Mapping[str, Sequence[str]] = {
        "training cost": ["training_cost"],
        "error (%)": ["validation_error_percent", "test_error_percent"],
    }
    keeps = BEST_MODEL

    def __init__(
        self,
        stopping: EarlyStopping | Patience,
        validation_error: Callable[[], float],
        test_error: Callable[[], float],
        every: int | None = None,
    ):
        self.stopping, self.validation_error, self.test_error = stopping, validation_error, test_error
        self.best_test_error = math.nan
        self._every = every

    @property
    def last_iteration(self) -> float:
        return self.stopping.last_iteration

    def interval(self, n_minibatches: int) -> int:
        if self._every is None:
            return self.stopping.interval(n_minibatches)
        return max(1, min(n_minibatches, self._every))

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        error = float(self.validation_error())
        say(f"{where}, validation error {100 * error:f} %")
        measured = {"training_cost": cost, "validation_error_percent": 100 * error}
        is_best = self.stopping.observe(iteration, error)
        if is_best:
            self.best_test_error = float(self.test_error())
            say(f"     {where}, test error of best model {100 * self.best_test_error:f} %")
            measured["test_error_percent"] = 100 * self.best_test_error
        return measured, is_best

    def remember(self) -> dict[str, Any]:
        return {"stopping": self.stopping.remember(), "test_error": self.best_test_error}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.stopping.restore(remembered["stopping"])
        self.best_test_error = remembered["test_error"]

    def summary(self) -> str:
        if not self.stopping.best_iteration:
            return "There was no validation yet, and so there is no best model"
        return (
            f"Best validation score of {100 * self.stopping.best_error:f} % obtained at iteration "
            f"{self.stopping.best_iteration}, with test performance {100 * self.best_test_error:f} %"
        )


class EveryEpoch:
    """For learning without labels: the mean cost of every epoch, until the epochs run out or other examples
    say that it is enough.

    Args:
        column, panel: where the cost goes in the learning curve.
        measures: other quantities to measure after every epoch, by name; each has a panel of its own.
        called: what the printed lines call the cost.
        validate: the same cost of examples that are not trained on, measured after every epoch; it goes into
            the column "validation_<column>" of the same panel.
        stopping: when to stop by what is validated; the model that was best in it is kept. None: the epochs
            alone end it, and the latest model is kept.
        maximized: whether what is validated is the better the higher it is, as a likelihood.
    """

    keeps = LATEST_MODEL

    def __init__(
        self,
        column: str = "training_cost",
        panel: str = "training cost",
        measures: Mapping[str, Callable[[], float]] | None = None,
        called: str = "cost",
        validate: Callable[[], float] | None = None,
        stopping: EarlyStopping | None = None,
        maximized: bool = False,
    ):
        if stopping and not validate:
            raise ValueError("stopping goes by what is validated: give validate, too")
        self.stopping, self.maximized = stopping, maximized
        self.column, self.called = column, called
        self.panels = {panel: [column]}
        self._others = []
        if validate:
            self.panels[panel].append(f"validation_{column}")
            self._others.append((f"validation_{column}", f"validation {called}", validate))
        for name, evaluate in (measures or {}).items():
            title = name.replace("_", " ")
            self.panels[title] = [name]
            self._others.append((name, title, evaluate))
        self.cost = math.nan

    @property
    def last_iteration(self) -> float:
        return self.stopping.last_iteration if self.stopping else math.inf

    def interval(self, n_minibatches: int) -> int:
        return n_minibatches

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        self.cost = cost
        measured = {self.column: cost}
        report = f"{where}, {self.called} {cost:f}"
        for column, title, evaluate in self._others:
            measured[column] = float(evaluate())
            report += f", {title} {measured[column]:f}"
        say(report)
        if self.stopping is None:
            return measured, True
        return measured, self.stopping.observe(iteration, self._sign * measured[f"validation_{self.column}"])

    @property
    def _sign(self) -> int:
        return -1 if self.maximized else 1

    def remember(self) -> dict[str, Any]:
        stopping = {"stopping": self.stopping.remember()} if self.stopping else {}
        return {"cost": self.cost, **stopping}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.cost = remembered["cost"]
        if self.stopping:
            self.stopping.restore(remembered["stopping"])

    def summary(self) -> str:
        if math.isnan(self.cost):
            return "There was no whole epoch yet"
        if self.stopping and self.stopping.best_iteration:
            best = self._sign * self.stopping.best_error
            return f"Best validation {self.called} {best:f}, at iteration {self.stopping.best_iteration}"
        return f"The last epoch's mean {self.called} is {self.cost:f}"
