"""What `Model.fit` does around the training loop: what is measured after an epoch, which model is kept, and
the history that comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .monitors import Fit, Monitor
from .run_folder import BEST_MODEL, LATEST_MODEL, read_checkpoint
from .storage import UserError
from .training import Outcome


class Diverged(ArithmeticError):
    """The loss is not finite any more; the model has the parameters of the best epoch before, if there is
    one."""


class History(Mapping):
    """What a training measured, by name, a value for each epoch: ``history["validation_loss"][-1]``.

    Attributes:
        epochs: of each value, epochs done; with fractions where there were measurements within epochs.
        reason: why the training ended: "finished" or "interrupted".
        seconds: that it took, the parts before an interruption included.
        watched: the name of the value by which models were compared.
        best: its best value; None where none was kept for being the best.
        best_epoch: when that was.
    """

    def __init__(self, outcome: Outcome, watched: str, best: float | None, best_epoch: float | None):
        curve = outcome.curve
        table = curve.as_array()
        columns = dict(zip(curve.columns, table.T, strict=True))
        self.epochs: list[float] = columns.pop("epoch").tolist()
        del columns["minibatches"]
        self._values = {name: v.tolist() for name, v in columns.items() if not np.isnan(v).all()}
        self.reason, self.seconds = outcome.reason, outcome.seconds
        self.watched, self.best, self.best_epoch = watched, best, best_epoch

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._values:
            raise KeyError(
                f"nothing was measured under the name {name!r}; there are {', '.join(self._values)}"
            )
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.6g}" for name, values in self._values.items())
        return f"History(of {self.epochs[-1] if self.epochs else 0:g} epochs; {last})"


class Totals:
    """Sums of what minibatches return, in float64; goes into checkpoints as shared variables do."""

    def __init__(self, n: int):
        self.sums = np.zeros(n)

    def take_means(self) -> np.ndarray:
        """The means of the pairs (sum, count) since this was last called."""
        sums, counts = self.sums[::2], self.sums[1::2]
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        self.sums[:] = 0
        return means

    def get_value(self, borrow: bool = False) -> np.ndarray:
        return self.sums if borrow else self.sums.copy()

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None:
        self.sums[:] = new_value


class Watch:
    """Measures a fit after every epoch, decides which model to keep, and asks its monitors.

    It is the `StageMonitor` of the one stage that a fit has.

    Args:
        fit: what monitors see.
        monitors: them.
        names: of the means that training gives.
        totals: the sums that they are made of.
        validate: measures the model on the validation examples; None where there are none.
        validate_every: how many epochs there are from one validation to the next.
        last_epoch: after which there is a validation in any case.
        keep_best: keep the best model rather than the last.
        panels: of the learning curve.
        learning_rate: the present one, where it changes.
    """

    def __init__(
        self,
        fit: Fit,
        monitors: Sequence[Monitor],
        names: Sequence[str],
        totals: Totals,
        validate: Callable[[], dict[str, float]] | None,
        validate_every: int,
        last_epoch: int,
        keep_best: bool,
        panels: Mapping[str, Sequence[str]],
        learning_rate: Callable[[], float] | None,
    ):
        self.fit, self.monitors, self.names, self.totals = fit, monitors, names, totals
        self.validate, self.validate_every, self.last_epoch = validate, validate_every, last_epoch
        self.keep_best, self.panels, self.learning_rate = keep_best, panels, learning_rate
        self.keeps = BEST_MODEL if keep_best else LATEST_MODEL
        self.best, self.best_iteration = math.inf, 0

    @property
    def last_iteration(self) -> float:
        return min([monitor.last_iteration for monitor in self.monitors], default=math.inf)

    def interval(self, n_minibatches: int) -> int:
        return min([monitor.interval(n_minibatches) for monitor in self.monitors], default=n_minibatches)

    def measure(self, iteration: int, cost: float, where: str) -> tuple[dict[str, float], bool]:
        fit = self.fit
        fit.iteration = iteration
        fit.values = dict(zip(self.names, self.totals.take_means().tolist(), strict=True))
        whole, part = divmod(iteration, fit.n_minibatches)
        due = bool(part) or whole % self.validate_every == 0 or whole >= self.last_epoch
        if self.validate is not None and due:
            fit.values |= self.validate()
        if self.learning_rate is not None:
            fit.values["learning_rate"] = self.learning_rate()
        watched = fit.cost_of()
        fit.is_best = watched is not None and watched < self.best
        if fit.is_best:
            self.best, self.best_iteration = watched, iteration
        place = where if part else f"epoch {whole}/{self.last_epoch}"
        said = ", ".join(f"{name} {value:.6g}" for name, value in fit.values.items())
        fit.say(f"{place}: {said}{' *' if fit.is_best and self.keep_best else ''}")
        for monitor in self.monitors:
            monitor.measured(fit)
        return fit.values, fit.is_best if self.keep_best else True

    def remember(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_iteration": self.best_iteration,
            "monitors": [monitor.remember() for monitor in self.monitors],
        }

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.best, self.best_iteration = remembered["best"], remembered["best_iteration"]
        for monitor, its in zip(self.monitors, remembered["monitors"], strict=True):
            monitor.restore(its)

    def best_value(self) -> tuple[float | None, float | None]:
        """(the best value of what is watched, the epoch it is of); None where there is none."""
        if not self.best_iteration:
            return None, None
        value = -self.best if self.fit.watched in self.fit.maximized else self.best
        return value, self.best_iteration / self.fit.n_minibatches

    def summary(self) -> str:
        value, epoch = self.best_value()
        if value is None:
            return "Nothing was validated"
        return f"The best {self.fit.watched} is {value:.6g}, after {epoch:g} epochs."


def check_resumed(folder: Path, settings: Mapping[str, Any]) -> None:
    """UserError where the run in a folder was started with other settings than these."""
    path = folder / "checkpoint.npz"
    earlier = read_checkpoint(path)[0]["settings"]
    for name, value in settings.items():
        if earlier.get(name) != value:
            if name == "data":
                raise UserError(f"the data are not those that the run in {folder} was started with")
            raise UserError(
                f"the run in {folder} was started with {name} {earlier.get(name)!r}, and not {value!r}: "
                "resume it with what it was started with"
            )
