"""The training loop that the tutorials share: minibatches, early stopping by patience, progress, and a run
that can be interrupted or killed at any moment and resumed with the same results as one left alone.

It knows no model and no graphlib: what it trains is given as plain functions, and as shared variables that
have ``get_value`` and ``set_value``.
"""

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

import storage
from curves import LearningCurve
from storage import UserError

CHECKPOINT = "checkpoint.npz"
BEST_MODEL = "best_model.npz"
CURVE_TABLE = "learning_curve.csv"
CURVE_IMAGE = "learning_curve.png"


class SharedVariable(Protocol):
    """A value that outlives the call of a function, as graphlib's shared variables."""

    def get_value(self, borrow: bool = False) -> np.ndarray: ...

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None: ...


def named_parameters(**layers: Any) -> dict[str, SharedVariable]:
    """The parameters of named layers (objects with a list `params`): ``{"hidden.W": W, "hidden.b": b}``."""
    return {f"{layer}.{p.name}": p for layer, parts in layers.items() for p in parts.params}


def set_values(
    variables: Mapping[str, SharedVariable], arrays: Mapping[str, np.ndarray], source: Path
) -> None:
    """Gives each variable the array of its name; UserError, before any is set, where one does not fit."""
    for name, variable in variables.items():
        if name not in arrays:
            raise UserError(f"{source} holds no {name}: it belongs to another model")
        array, present = arrays[name], np.asarray(variable.get_value(borrow=True))
        if array.shape != present.shape or array.dtype != present.dtype:
            raise UserError(
                f"{source} does not fit this model: its {name} is {array.dtype} of shape {array.shape}, "
                f"the model's {present.dtype} of shape {present.shape}"
            )
    for name, variable in variables.items():
        variable.set_value(arrays[name])


def say(line: str) -> None:
    """Prints a line, above the progress bar where there is one."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


@dataclass
class EarlyStopping:
    """Early stopping by patience, after "Early-Stopping" in the Deep Learning Tutorials' "Getting Started".

    Training goes on for `patience` minibatches, and for `patience_increase` times as many as it had seen
    whenever the validation error falls below `improvement_threshold` times the best so far. Minibatches are
    counted from 1; `best_iteration` is 0 until there is a best.
    """

    patience: int
    patience_increase: int = 2
    improvement_threshold: float = 0.995
    best_error: float = math.inf
    best_iteration: int = 0

    @property
    def last_iteration(self) -> int:
        """The minibatch after which training stops, as things stand."""
        return self.patience + 1

    def observe(self, iteration: int, error: float) -> bool:
        """Takes in the validation error after minibatch `iteration`; True if it is the best so far."""
        if not error < self.best_error:
            return False
        if error < self.best_error * self.improvement_threshold:
            # The published programs count from 0 here, and so the results agree only if this does too.
            self.patience = max(self.patience, (iteration - 1) * self.patience_increase)
        self.best_error, self.best_iteration = error, iteration
        return True


class Interruption:
    """Turns Ctrl+C (and SIGTERM) into a request that the loop reads between two minibatches.

    Thus a minibatch is never counted without having been learnt, nor learnt without having been counted. A
    second Ctrl+C interrupts at once. Outside the main thread, which alone receives signals, it does
    nothing.
    """

    signals = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._request) for number in self.signals}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _request(self, _number: int, _frame: object) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


class Run:
    """A training run: how far it is, what it measured, and the folder that lets another process continue it.

    Args:
        step: trains on the minibatch of an index and returns its cost.
        n_minibatches: how many minibatches an epoch has.
        model: the model's parameters by name; `best` keeps a copy of their best values.
        state: whatever else training changes (momenta, random states), by name.
        curve: collects what is measured.
        folder: where the files go.
        settings: what the run was started with, as JSON can hold it; kept in the checkpoint.
    """

    def __init__(
        self,
        step: Callable[[int], Any],
        n_minibatches: int,
        *,
        model: Mapping[str, SharedVariable],
        state: Mapping[str, SharedVariable],
        curve: LearningCurve,
        folder: Path,
        settings: Mapping[str, Any],
    ):
        self.step, self.n_minibatches = step, n_minibatches
        self.model, self.state, self.curve = model, state, curve
        self.folder, self.settings = folder, settings
        self.iteration = 0
        self.best: dict[str, np.ndarray] = {}
        self._cost_sum, self._cost_count = 0.0, 0
        self._seconds_before, self._started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent so far, that of the interrupted parts included."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def epochs(self) -> float:
        """Epochs done, fractions included."""
        return self.iteration / self.n_minibatches

    @property
    def where(self) -> str:
        """The epoch and its minibatch that were trained on last, both counted from 1."""
        if self.iteration == 0:
            return "the start"
        epoch, minibatch = divmod(self.iteration - 1, self.n_minibatches)
        return f"epoch {epoch + 1}, minibatch {minibatch + 1}/{self.n_minibatches}"

    def advance(self, stop: int, bar: tqdm, interruption: Interruption) -> None:
        """Trains until `stop` minibatches have been seen, all of this epoch and one at least, or until
        interrupted.
        """
        step, update, total = self.step, bar.update, self._cost_sum
        first = self.iteration % self.n_minibatches
        # The only Python that runs once a minibatch: a step can take as little as a tenth of a millisecond.
        for index in range(first, first + stop - self.iteration):
            total += float(step(index))
            update()
            if interruption.requested:
                break
        done = index + 1 - first
        self.iteration += done
        self._cost_sum, self._cost_count = total, self._cost_count + done

    def take_mean_cost(self) -> float:
        """The mean training cost since this was last called."""
        mean = self._cost_sum / self._cost_count
        self._cost_sum, self._cost_count = 0.0, 0
        return mean

    def keep_best(self) -> None:
        """Remembers the model's values as they are now."""
        self.best = {name: np.array(variable.get_value()) for name, variable in self.model.items()}

    def save_results(self) -> None:
        """Writes the best model and the curve's table."""
        if self.best:
            storage.save_arrays(self.folder / BEST_MODEL, self.best)
        self.curve.write_csv(self.folder / CURVE_TABLE)

    def save_checkpoint(self, **policy: Any) -> None:
        """Writes all that `restore` needs, and what the stopping policy must remember (a JSON object)."""
        progress = {
            "settings": dict(self.settings),
            "n_minibatches": self.n_minibatches,
            "iteration": self.iteration,
            "cost_sum": self._cost_sum,
            "cost_count": self._cost_count,
            "seconds": self.seconds,
            "policy": policy,
        }
        arrays = {
            "progress": np.array(json.dumps(progress)),
            "curve": self.curve.as_array(),
            **{f"model/{name}": variable.get_value(borrow=True) for name, variable in self.model.items()},
            **{f"state/{name}": variable.get_value(borrow=True) for name, variable in self.state.items()},
            **{f"best/{name}": array for name, array in self.best.items()},
        }
        storage.save_arrays(self.folder / CHECKPOINT, arrays)

    def restore(self) -> dict[str, Any]:
        """Continues from the folder's checkpoint; returns what `save_checkpoint` was given."""
        path = self.folder / CHECKPOINT
        progress, arrays = read_checkpoint(path)
        try:
            if progress["n_minibatches"] != self.n_minibatches:
                raise UserError(
                    f"{path} was made with {progress['n_minibatches']} minibatches an epoch, and now there "
                    f"are {self.n_minibatches}: resume with the data the run was started with"
                )
            set_values(
                {
                    **{f"model/{name}": variable for name, variable in self.model.items()},
                    **{f"state/{name}": variable for name, variable in self.state.items()},
                },
                arrays,
                path,
            )
            self.curve.restore(arrays["curve"])
            self.best = {
                name.removeprefix("best/"): array
                for name, array in arrays.items()
                if name.startswith("best/")
            }
            self.iteration = progress["iteration"]
            self._cost_sum, self._cost_count = progress["cost_sum"], progress["cost_count"]
            self._seconds_before = progress["seconds"]
            return progress["policy"]
        except (KeyError, ValueError):
            raise UserError(f"{path} is no checkpoint of this program's") from None

    def set_earlier_run_aside(self) -> None:
        """Renames what an earlier run left in the folder: starting anew by mistake then loses nothing."""
        kept = []
        for name in (CHECKPOINT, BEST_MODEL):
            path = self.folder / name
            if path.exists():
                path.replace(path.with_name(f"previous_{name}"))
                kept.append(f"previous_{name}")
        if kept:
            say(f"... {self.folder} holds an earlier run; keeping its {' and '.join(kept)}")


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(progress, arrays) of a checkpoint; UserError where it is missing or damaged."""
    if not path.exists():
        raise UserError(f"there is nothing to resume: {path} does not exist; start the run without --resume")
    arrays = storage.load_arrays(path)
    try:
        progress = json.loads(str(arrays["progress"]))
        progress["settings"], progress["iteration"]
    except (KeyError, ValueError, TypeError):
        raise UserError(f"{path} is no checkpoint of this program's") from None
    return progress, arrays


@dataclass
class Outcome:
    """How a run ended. Errors are fractions; `best_iteration` is 0 where nothing was validated."""

    reason: str  # "finished", "interrupted" or "diverged"
    best_validation_error: float
    best_iteration: int
    test_error: float
    epochs: float
    seconds: float


def train(
    step: Callable[[int], Any],
    n_minibatches: int,
    *,
    epochs: int,
    stopping: EarlyStopping,
    validation_error: Callable[[], float],
    test_error: Callable[[], float],
    model: Mapping[str, SharedVariable],
    folder: Path,
    state: Mapping[str, SharedVariable] | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    illustrate: Callable[[Mapping[str, np.ndarray]], None] | None = None,
    save_seconds: float = 2.0,
    draw_seconds: float = 60.0,
) -> Outcome:
    """Trains by minibatches until patience or epochs run out, or Ctrl+C, and evaluates the best model.

    Validates every ``min(n_minibatches, patience / 2)`` minibatches. Writes best_model.npz,
    learning_curve.csv and checkpoint.npz at validations (not more than once in `save_seconds`) and at the
    end, learning_curve.png and whatever `illustrate` makes of the best parameters now and then
    (`draw_seconds`) and at the end.

    Args:
        step: trains on the minibatch of an index in ``range(n_minibatches)`` and returns its cost.
        validation_error, test_error: the present model's errors, as fractions in [0, 1].
        model, state, folder, settings: see `Run`.
        resume: continue from the folder's checkpoint, which must have come from the same functions and data.

    Raises:
        UserError: a checkpoint cannot be read or does not fit, or a file cannot be written.
    """
    storage.make_folder(folder)
    curve = LearningCurve(
        {"training cost": ["training_cost"], "error (%)": ["validation_error_percent", "test_error_percent"]}
    )
    run = Run(
        step,
        n_minibatches,
        model=model,
        state=state or {},
        curve=curve,
        folder=folder,
        settings=settings or {},
    )
    frequency = max(1, min(n_minibatches, stopping.patience // 2))
    best_test_error = math.nan
    if resume:
        remembered = run.restore()
        stopping = EarlyStopping(**remembered["stopping"])
        best_test_error = remembered["test_error"]
        say(f"... resuming after {run.where}")
    else:
        run.set_earlier_run_aside()

    def save() -> None:
        run.save_results()
        run.save_checkpoint(stopping=asdict(stopping), test_error=best_test_error)

    def draw() -> None:
        if curve.rows:
            curve.draw(folder / CURVE_IMAGE)
        if run.best and illustrate:
            illustrate(run.best)

    reason = "finished"
    last_save, last_draw = -math.inf, time.monotonic()
    bar = tqdm(
        total=epochs * n_minibatches,
        initial=run.iteration,
        unit=" minibatches",
        leave=False,
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
    )
    with Interruption() as interruption, bar:
        while (limit := min(epochs * n_minibatches, stopping.last_iteration)) > run.iteration:
            if interruption.requested:
                reason = "interrupted"
                break
            bar.total = limit
            bar.set_description(f"epoch {run.iteration // n_minibatches + 1}/{epochs}", refresh=False)
            end_of_epoch = (run.iteration // n_minibatches + 1) * n_minibatches
            next_validation = (run.iteration // frequency + 1) * frequency
            run.advance(min(limit, end_of_epoch, next_validation), bar, interruption)
            if run.iteration < next_validation:
                continue

            cost = run.take_mean_cost()
            if not math.isfinite(cost):
                reason = "diverged"
                break
            error = float(validation_error())
            say(f"{run.where}, validation error {100 * error:f} %")
            measured = {"training_cost": cost, "validation_error_percent": 100 * error}
            if stopping.observe(run.iteration, error):
                best_test_error = float(test_error())
                run.keep_best()
                say(f"     {run.where}, test error of best model {100 * best_test_error:f} %")
                measured["test_error_percent"] = 100 * best_test_error
            curve.append(run.epochs, run.iteration, **measured)
            if time.monotonic() - last_save >= save_seconds:
                save()
                last_save = time.monotonic()
            if time.monotonic() - last_draw >= draw_seconds:
                draw()
                last_draw = time.monotonic()

    outcome = Outcome(
        reason, stopping.best_error, stopping.best_iteration, best_test_error, run.epochs, run.seconds
    )
    if reason == "diverged":
        # The parameters are worthless now: the checkpoint before this one stays.
        run.save_results()
    else:
        save()
    draw()
    _report(outcome, run)
    return outcome


def _report(outcome: Outcome, run: Run) -> None:
    best = (
        f"Best validation score of {100 * outcome.best_validation_error:f} % obtained at iteration "
        f"{outcome.best_iteration}, with test performance {100 * outcome.test_error:f} %"
        if outcome.best_iteration
        else "There was no validation yet, and so there is no best model"
    )
    opening = {
        "finished": "Optimization complete.",
        "interrupted": f"Stopped at {run.where}.",
        "diverged": f"The training cost is not finite any more at {run.where}: lower the learning rate.",
    }
    say(f"{opening[outcome.reason]} {best}")
    rate = outcome.epochs / outcome.seconds
    say(f"The code ran for {outcome.epochs:.4g} epochs in {outcome.seconds:.1f} s, with {rate:f} epochs/sec")
    say(f"The results are in {run.folder}")
