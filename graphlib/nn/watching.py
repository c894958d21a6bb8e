"""What `Model.fit` measures: sums of what minibatches return, and after every epoch what the monitors see."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .monitors import Fit, Monitor
from .parallel import ALONE, DataParallel
from .run_folder import BEST_MODEL, LATEST_MODEL


class Totals:
    """Sums of what minibatches return, in float64; goes into checkpoints as shared variables do.

    Of several ranks each has its own, until they are gathered on rank 0.

    Args:
        weights: of each mean in the loss of all, 0 of what is no loss.
        joint: whether the loss of all is wanted, in front of the means.
    """

    def __init__(self, weights: Sequence[float], joint: bool, parallel: DataParallel = ALONE):
        self.weights, self.joint = np.array(weights), joint
        self.sums, self.parallel = np.zeros(2 * len(weights)), parallel

    def add(self, found: np.ndarray) -> None:
        """Adds what steps gave, a row each, one after the other: so sums are the same, whichever come
        together."""
        self.sums[:] = np.add.accumulate(np.vstack([self.sums, found]))[-1]

    def gather(self) -> None:
        """Has rank 0 have all, and the others nothing."""
        total = self.parallel.ranks.total(self.sums)
        self.sums[:] = total if self.parallel.leads else 0

    def take_means(self) -> np.ndarray:
        """The means of the pairs (sum, count), over all ranks, since this was last called; in front of them,
        if it is wanted, the loss of all, to which a mean of nothing adds nothing."""
        if not self.parallel.alone:
            self.sums[:] = self.parallel.ranks.total(self.sums)
        sums, counts = self.sums[::2], self.sums[1::2]
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        if self.joint:
            of_loss = (self.weights != 0) & (counts > 0)
            means = np.r_[self.weights[of_loss] @ means[of_loss], means]
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
        keep_best: keep the best model in validation, where there is one, rather than the last.

    Raises:
        UserError: nothing is measured under the name that the fit watches.
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
    ):
        self.fit, self.monitors, self.names, self.totals = fit, monitors, names, totals
        self.validate, self.validate_every, self.last_epoch = validate, validate_every, last_epoch
        self.keep_best = keep_best and validate is not None
        self.keeps = BEST_MODEL if self.keep_best else LATEST_MODEL
        self.best, self.best_iteration = math.inf, 0
        prefixes = [""] if validate is None else ["", "validation_"]
        self.panels = {name: [prefix + name for prefix in prefixes] for name in names}
        self.changes_rate = fit.model.optimizer.changes_rate
        if self.changes_rate:
            self.panels["learning rate"] = ["learning_rate"]
        for monitor in monitors:
            self.panels |= monitor.panels(fit.model)
        fit.names = [column for columns in self.panels.values() for column in columns]
        fit.require(fit.watched, "watch")

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
        if self.changes_rate:
            fit.values["learning_rate"] = fit.model.optimizer.rate
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
        """(the best value of what is watched, the epoch it is of); None where none was kept for being it."""
        if not self.best_iteration:
            return None, None
        value = -self.best if self.fit.watched in self.fit.maximized else self.best
        return value, self.best_iteration / self.fit.n_minibatches

    def summary(self) -> str:
        value, epoch = self.best_value()
        if value is None:
            return "Nothing was validated"
        return f"The best {self.fit.watched} is {value:.6g}, after {epoch:g} epochs."
