"""The training loop that the tutorials share: stages of minibatches one after the other, progress, and a run
that can be interrupted or killed at any moment and resumed with the same results as one left alone.

What is measured meanwhile, and when a stage ends, is a `Monitor`'s to say: early stopping by patience where
there are labels to validate with, the mean cost of every epoch where there are none. The loop knows no model
and no graphlib: what it trains is given as plain functions, and as shared variables that have ``get_value``
and ``set_value``.
"""

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from . import provenance, storage
from .curves import LearningCurve
from .provenance import Provenance
from .storage import UserError

CHECKPOINT = "checkpoint.npz"
BEST_MODEL = "best_model.npz"
LATEST_MODEL = "model.npz"
CURVE_TABLE = "learning_curve.csv"
CURVE_IMAGE = "learning_curve.png"


class SharedVariable(Protocol):
    """A value that outlives the call of a function, as graphlib's shared variables."""

    def get_value(self, borrow: bool = False) -> np.ndarray: ...

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None: ...


def named_parameters(**layers: Any) -> dict[str, SharedVariable]:
    """The parameters of named layers (objects with a list `params`): ``{"hidden.W": W, "hidden.b": b}``."""
    return {f"{layer}.{p.name}": p for layer, parts in layers.items() for p in parts.params}


def random_states(**streams: Any) -> dict[str, SharedVariable]:
    """The state of every draw of named RandomStreams, to go into checkpoints: ``{"noise.draw_0": state}``."""
    return {
        f"{name}.draw_{number}": state
        for name, source in streams.items()
        for number, state in enumerate(source.states)
    }


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


def set_model(
    parameters: Mapping[str, SharedVariable], arrays: Mapping[str, np.ndarray], source: Path
) -> None:
    """Gives a model's parameters the arrays of their names; UserError where one does not fit."""
    for name in arrays:
        if name not in parameters:
            raise UserError(f"{source} holds a {name}, which this model has not: it belongs to another one")
    set_values(parameters, arrays, source)


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


@dataclass
class Patience:
    """Stops training once more than `patience` validations in a row were no better than the best so far.

    `best_iteration` is 0 until there is a best.
    """

    patience: int
    best_error: float = math.inf
    best_iteration: int = 0
    failures: int = 0
    last_iteration: float = math.inf

    def observe(self, iteration: int, error: float) -> bool:
        """Takes in the validation error after minibatch `iteration`; True if it is the best so far."""
        if error < self.best_error:
            self.best_error, self.best_iteration, self.failures = error, iteration, 0
            return True
        self.failures += 1
        if self.failures > self.patience:
            self.last_iteration = iteration
        return False


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


class Monitor(Protocol):
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
            half the patience of `EarlyStopping`.

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
        self._longest_interval = stopping.patience // 2 if every is None else every

    @property
    def last_iteration(self) -> float:
        return self.stopping.last_iteration

    def interval(self, n_minibatches: int) -> int:
        return max(1, min(n_minibatches, self._longest_interval))

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
        return {"stopping": asdict(self.stopping), "test_error": self.best_test_error}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.stopping = type(self.stopping)(**remembered["stopping"])
        self.best_test_error = remembered["test_error"]

    def summary(self) -> str:
        if not self.stopping.best_iteration:
            return "There was no validation yet, and so there is no best model"
        return (
            f"Best validation score of {100 * self.stopping.best_error:f} % obtained at iteration "
            f"{self.stopping.best_iteration}, with test performance {100 * self.best_test_error:f} %"
        )


class EveryEpoch:
    """For learning without labels: the mean cost of every epoch, until the epochs run out.

    Args:
        column, panel: where the cost goes in the learning curve.
        measures: other quantities to measure after every epoch, by name; each has a panel of its own.
        called: what the printed lines call the cost.
        validate: the same cost of examples that are not trained on, measured after every epoch; it goes into
            the column "validation_<column>" of the same panel.
    """

    keeps = LATEST_MODEL
    last_iteration = math.inf

    def __init__(
        self,
        column: str = "training_cost",
        panel: str = "training cost",
        measures: Mapping[str, Callable[[], float]] | None = None,
        called: str = "cost",
        validate: Callable[[], float] | None = None,
    ):
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
        return measured, True

    def remember(self) -> dict[str, Any]:
        return {"cost": self.cost}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        self.cost = remembered["cost"]

    def summary(self) -> str:
        if math.isnan(self.cost):
            return "There was no whole epoch yet"
        return f"The last epoch's mean {self.called} is {self.cost:f}"


@dataclass
class Stage:
    """A part of a run, with a training function of its own, such as one layer's pre-training.

    Attributes:
        start: called when the stage begins or is resumed; returns the function that trains on the minibatch
            of an index in ``range(n_minibatches)`` and returns its cost.
        epochs: at most so many passes over the `n_minibatches`.
        monitor: what is measured meanwhile; no other stage's.
        name: begins each line that is printed; may be empty where it is the only stage.
        illustrate: draws pictures from the parameters that were kept, by name.
        illustrate_epoch: draws the pictures of one epoch, which others do not replace, from how many epochs
            are done and the parameters that were kept.
        unit: what the printed lines call a minibatch.
        iteration: minibatches seen so far.
        cost_sum, cost_count: of the costs since the last measurement.
    """

    start: Callable[[], Callable[[int], Any]]
    n_minibatches: int
    epochs: int
    monitor: Monitor
    name: str = ""
    illustrate: Callable[[Mapping[str, np.ndarray]], None] | None = None
    illustrate_epoch: Callable[[int, Mapping[str, np.ndarray]], None] | None = None
    unit: str = "minibatch"
    iteration: int = field(default=0, init=False)
    cost_sum: float = field(default=0.0, init=False)
    cost_count: int = field(default=0, init=False)

    @property
    def last_iteration(self) -> int:
        """The minibatch after which the stage ends, as things stand."""
        return min(self.epochs * self.n_minibatches, self.monitor.last_iteration)

    @property
    def finished(self) -> bool:
        return self.iteration >= self.last_iteration

    @property
    def epochs_done(self) -> float:
        """Epochs done, fractions included."""
        return self.iteration / self.n_minibatches

    @property
    def where(self) -> str:
        """The epoch and its minibatch that were trained on last, both counted from 1."""
        if self.iteration == 0:
            return f"the start of {self.name}" if self.name else "the start"
        epoch, minibatch = divmod(self.iteration - 1, self.n_minibatches)
        place = f"epoch {epoch + 1}, {self.unit} {minibatch + 1}/{self.n_minibatches}"
        return f"{self.name}, {place}" if self.name else place

    def advance(self, step: Callable[[int], Any], stop: int, bar: tqdm, interruption: Interruption) -> None:
        """Trains until `stop` minibatches have been seen, all of this epoch and one at least, or until
        interrupted.
        """
        update, total = bar.update, self.cost_sum
        first = self.iteration % self.n_minibatches
        # The only Python that runs once a minibatch: a step can take as little as a tenth of a millisecond.
        for index in range(first, first + stop - self.iteration):
            total += float(step(index))
            update()
            if interruption.requested:
                break
        done = index + 1 - first
        self.iteration += done
        self.cost_sum, self.cost_count = total, self.cost_count + done

    def take_mean_cost(self) -> float:
        """The mean training cost since this was last called."""
        mean = self.cost_sum / self.cost_count
        self.cost_sum, self.cost_count = 0.0, 0
        return mean

    def remember(self) -> dict[str, Any]:
        """How far the stage is, as JSON can hold it."""
        return {
            "n_minibatches": self.n_minibatches,
            "iteration": self.iteration,
            "cost_sum": self.cost_sum,
            "cost_count": self.cost_count,
            "monitor": self.monitor.remember(),
        }

    def restore(self, remembered: Mapping[str, Any], source: Path) -> None:
        """Continues from what `remember` gave; UserError where the data are others, ValueError where it never
        gave such a thing.
        """
        _check_like(self.remember(), remembered)
        if remembered["n_minibatches"] != self.n_minibatches:
            raise UserError(
                f"{source} was made with {remembered['n_minibatches']} minibatches an epoch, and now there "
                f"are {self.n_minibatches}: resume with the data the run was started with"
            )
        self.iteration = remembered["iteration"]
        self.cost_sum, self.cost_count = remembered["cost_sum"], remembered["cost_count"]
        self.monitor.restore(remembered["monitor"])


class Run:
    """A training run: its stages, what it measured, and the folder that lets another process continue it.

    Args:
        stages: what is trained, one after the other.
        model: the model's parameters by name; `kept` holds a copy of those that the stage's monitor keeps.
        state: whatever else training changes (momenta, random states), by name.
        folder: where the files go.
        settings: what the run was started with, as JSON can hold it; kept in the checkpoint.
        save_seconds, draw_seconds: the least time between two checkpoints, and between two sets of pictures.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        model: Mapping[str, SharedVariable],
        state: Mapping[str, SharedVariable],
        folder: Path,
        settings: Mapping[str, Any],
        save_seconds: float,
        draw_seconds: float,
    ):
        self.stages, self.stage = stages, stages[0]
        self.model, self.state = model, state
        self.folder, self.settings = folder, settings
        self.save_seconds, self.draw_seconds = save_seconds, draw_seconds
        panels: dict[str, list[str]] = {}
        for stage in stages:
            for title, columns in stage.monitor.panels.items():
                panels.setdefault(title, []).extend(columns)
        self.curve = LearningCurve(panels)
        self.kept: dict[str, np.ndarray] = {}
        self._seconds_before, self._started = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent so far, that of the interrupted parts included."""
        return self._seconds_before + time.monotonic() - self._started

    @property
    def epochs(self) -> float:
        """Epochs done in all stages, fractions included."""
        return sum(stage.epochs_done for stage in self.stages)

    def train(self, stage: Stage, interruption: Interruption) -> str:
        """Trains a stage to its end; returns the `Outcome.reason`."""
        if stage is not self.stage:
            self.stage, self.kept = stage, {}
        reason = "finished"
        interval = stage.monitor.interval(stage.n_minibatches)
        last_save, last_draw = -math.inf, time.monotonic()
        step = None if stage.finished else stage.start()
        bar = tqdm(
            total=stage.last_iteration,
            initial=stage.iteration,
            unit=f" {stage.unit}",
            leave=False,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )
        with bar:
            while not stage.finished:
                if interruption.requested:
                    reason = "interrupted"
                    break
                epoch = stage.iteration // stage.n_minibatches + 1
                bar.total = stage.last_iteration
                bar.set_description(f"{stage.name} epoch {epoch}/{stage.epochs}".lstrip(), refresh=False)
                measurement = (stage.iteration // interval + 1) * interval
                stop = min(stage.last_iteration, epoch * stage.n_minibatches, measurement)
                stage.advance(step, stop, bar, interruption)
                if stage.iteration < measurement:
                    continue

                cost = stage.take_mean_cost()
                if not math.isfinite(cost):
                    reason = "diverged"
                    break
                measured, keep = stage.monitor.measure(stage.iteration, cost, stage.where)
                if keep:
                    self.kept = {name: np.array(value.get_value()) for name, value in self.model.items()}
                self.curve.append(stage.epochs_done, stage.iteration, **measured)
                if stage.illustrate_epoch and stage.iteration % stage.n_minibatches == 0:
                    stage.illustrate_epoch(stage.iteration // stage.n_minibatches, self.kept)
                if time.monotonic() - last_save >= self.save_seconds:
                    self.save_results()
                    self.save_checkpoint()
                    last_save = time.monotonic()
                if time.monotonic() - last_draw >= self.draw_seconds:
                    self.draw()
                    last_draw = time.monotonic()
        self.save_results()
        if reason != "diverged":
            # Where the parameters are worthless, the checkpoint before this one stays.
            self.save_checkpoint()
        self.draw()
        return reason

    def save_results(self) -> None:
        """Writes the model that is kept and the curve's table."""
        if self.kept:
            storage.save_arrays(self.folder / self.stage.monitor.keeps, self.kept)
        self.curve.write_csv(self.folder / CURVE_TABLE)

    def draw(self) -> None:
        """Draws the curve, and what the stage has to show of the model that is kept."""
        if self.curve.rows:
            self.curve.draw(self.folder / CURVE_IMAGE)
        if self.kept and self.stage.illustrate:
            self.stage.illustrate(self.kept)

    def save_checkpoint(self) -> None:
        """Writes all that `restore` needs."""
        progress = {
            "settings": dict(self.settings),
            "seconds": self.seconds,
            "stage": self.stages.index(self.stage),
            "stages": [stage.remember() for stage in self.stages],
        }
        arrays = {
            "progress": np.array(json.dumps(progress)),
            "curve": self.curve.as_array(),
            **{f"model/{name}": variable.get_value(borrow=True) for name, variable in self.model.items()},
            **{f"state/{name}": variable.get_value(borrow=True) for name, variable in self.state.items()},
            **{f"kept/{name}": array for name, array in self.kept.items()},
        }
        storage.save_arrays(self.folder / CHECKPOINT, arrays)

    def restore(self) -> None:
        """Continues from the folder's checkpoint."""
        path = self.folder / CHECKPOINT
        progress, arrays = read_checkpoint(path)
        try:
            _check_like({"stage": 0, "seconds": 0.0}, progress)
            for stage, remembered in zip(self.stages, progress["stages"], strict=True):
                stage.restore(remembered, path)
            self.stage = self.stages[progress["stage"]]
            set_values(
                {
                    **{f"model/{name}": variable for name, variable in self.model.items()},
                    **{f"state/{name}": variable for name, variable in self.state.items()},
                },
                arrays,
                path,
            )
            self.curve.restore(arrays["curve"])
            self.kept = {
                name.removeprefix("kept/"): array
                for name, array in arrays.items()
                if name.startswith("kept/")
            }
            self._seconds_before = progress["seconds"]
        except (AttributeError, KeyError, ValueError, IndexError, OverflowError, TypeError):
            raise UserError(f"{path} is no checkpoint of this program's") from None

    def set_earlier_run_aside(self) -> None:
        """Renames what an earlier run left in the folder: starting anew by mistake then loses nothing."""
        kept = []
        for name in (CHECKPOINT, BEST_MODEL, LATEST_MODEL, provenance.DATA):
            path = self.folder / name
            if path.exists():
                path.replace(path.with_name(f"previous_{name}"))
                kept.append(f"previous_{name}")
        if kept:
            say(f"... {self.folder} holds an earlier run; keeping its {' and '.join(kept)}")


def _check_like(sample: Any, found: Any) -> None:
    """ValueError unless `found` has what `sample` has: numbers for its numbers, and for its whole ones whole
    ones not below 0; KeyError or TypeError where it is of another form.
    """
    if isinstance(sample, Mapping):
        for name, each in sample.items():
            _check_like(each, found[name])
    elif isinstance(sample, (tuple, list)):
        for each, one in zip(sample, found, strict=True):
            _check_like(each, one)
    elif isinstance(sample, int):
        if type(found) is not int or not 0 <= found < 2**63:
            raise ValueError(f"{found!r} is no count")
    elif type(found) not in (int, float) or (abs(found) >= 2**63 and not math.isinf(found)):
        raise ValueError(f"{found!r} is no number")


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(progress, arrays) of a checkpoint; UserError where it is missing or damaged."""
    if not path.exists():
        raise UserError(f"there is nothing to resume: {path} does not exist; start the run without --resume")
    arrays = storage.load_arrays(path)
    try:
        progress = json.loads(str(arrays["progress"]))
        if not isinstance(progress["settings"], dict) or not isinstance(progress["stages"], list):
            raise TypeError
    except (KeyError, ValueError, TypeError, RecursionError):
        raise UserError(f"{path} is no checkpoint of this program's") from None
    return progress, arrays


@dataclass
class Outcome:
    """How a run ended: the reason is "finished", "interrupted" or "diverged"."""

    reason: str
    epochs: float
    seconds: float


def train_stages(
    stages: Sequence[Stage],
    *,
    model: Mapping[str, SharedVariable],
    folder: Path,
    data: Provenance | None = None,
    state: Mapping[str, SharedVariable] | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    save_seconds: float = 2.0,
    draw_seconds: float = 60.0,
) -> Outcome:
    """Trains one stage after the other, each until its monitor or its epochs end it, or until Ctrl+C.

    Writes the model that is kept, learning_curve.csv and checkpoint.npz at measurements (not more than once
    in `save_seconds`) and at a stage's end; learning_curve.png and whatever the stage draws of the kept
    parameters now and then (`draw_seconds`) and at its end.

    Args:
        model, state, folder, settings: see `Run`.
        data: what is learnt from, kept in the folder as data.json; None where nothing is loaded.
        resume: continue from the folder's checkpoint, which must have come from the same functions and data.

    Raises:
        UserError: a checkpoint cannot be read or does not fit, or a file cannot be written.
    """
    storage.make_folder(folder)
    run = Run(
        stages,
        model=model,
        state=state or {},
        folder=folder,
        settings=settings or {},
        save_seconds=save_seconds,
        draw_seconds=draw_seconds,
    )
    if resume:
        earlier = provenance.find(folder)
        if data and earlier:
            earlier.check(data, "--resume")
        run.restore()
        say(f"... resuming after {run.stage.where}")
    else:
        run.set_earlier_run_aside()
    if data:
        data.write(folder)
    reason = "finished"
    with Interruption() as interruption:
        for stage in stages:
            if stage.finished and stage is not stages[-1]:
                continue
            reason = run.train(stage, interruption)
            if reason != "finished":
                break
    outcome = Outcome(reason, run.epochs, run.seconds)
    _report(outcome, run)
    return outcome


def train(
    step: Callable[[int], Any],
    n_minibatches: int,
    *,
    epochs: int,
    monitor: Monitor,
    illustrate: Callable[[Mapping[str, np.ndarray]], None] | None = None,
    illustrate_epoch: Callable[[int, Mapping[str, np.ndarray]], None] | None = None,
    **run: Any,
) -> Outcome:
    """Trains in one stage (see `Stage`) with the function `step`; the others are `train_stages`'s."""
    stage = Stage(
        lambda: step,
        n_minibatches,
        epochs,
        monitor,
        illustrate=illustrate,
        illustrate_epoch=illustrate_epoch,
    )
    return train_stages([stage], **run)


def _report(outcome: Outcome, run: Run) -> None:
    where = run.stage.where
    opening = {
        "finished": "Optimization complete.",
        "interrupted": f"Stopped at {where}.",
        "diverged": f"The training cost is not finite any more at {where}: lower the learning rate.",
    }
    say(f"{opening[outcome.reason]} {run.stage.monitor.summary()}")
    rate = outcome.epochs / outcome.seconds
    say(f"The code ran for {outcome.epochs:.4g} epochs in {outcome.seconds:.1f} s, with {rate:f} epochs/sec")
    say(f"The results are in {run.folder}")
