"""The training loop: stages of minibatches one after the other, progress, and a run that can be
interrupted or killed at any moment and resumed with the same results as one left alone.

What is measured meanwhile, and when a stage ends, is a `StageMonitor`'s to say. The loop knows no model:
what it trains is given as plain functions, and as shared variables that have ``get_value`` and ``set_value``.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from . import provenance, snapshots, storage
from .curves import LearningCurve
from .interruption import NEVER, Interruption
from .parallel import ALONE, DataParallel, Rounds, Stepping
from .progress import progress_bar, say
from .provenance import Provenance
from .run_folder import (
    CHECKPOINT,
    CURVE_IMAGE,
    CURVE_TABLE,
    check_like,
    read_checkpoint,
    set_earlier_run_aside,
)
from .stage_monitors import StageMonitor
from .storage import UserError
from .variables import SharedVariable, set_values

#: how long minibatches that are trained on in one call may take, before somebody looks whether to stop
_TOGETHER_SECONDS = 0.05


@dataclass
class Stage:
    """A part of a run, with a training function of its own, such as one layer's pre-training.

    Attributes:
        start: called when the stage begins or is resumed; returns the function that trains on the minibatch
            of an index in ``range(n_minibatches)`` and returns its cost. Where it has an attribute
            ``several`` that is not None, that is called instead, with the first index of some that follow
            each other, and the one behind the last; it returns their costs.
        epochs: at most so many passes over the `n_minibatches`.
        monitor: what is measured meanwhile; no other stage's.
        name: begins each line that is printed; may be empty where it is the only stage.
        illustrate: draws pictures from the parameters that were kept, by name, into a folder.
        illustrate_epoch: draws the pictures of one epoch, which others do not replace, from how many epochs
            are done and the parameters that were kept, into a folder.
        begin_epoch: called with how many epochs are done, before anything of the next is trained, also where
            a run goes on in the middle of it; sets what changes from epoch to epoch, as the learning rate.
        unit: what the printed lines call a minibatch.
        settle: called, on all ranks of an MPI run, before something is measured or written.
        dealt: those of the run's state that have a row for each example of a minibatch, and go on from one to
            the next: of several ranks each has its own rows, see `graphlib.distributed.own_rows`.
        iteration: minibatches seen so far.
        cost_sum, cost_count: of the costs since the last measurement.
    """

    start: Callable[[], Callable[[int], Any]]
    n_minibatches: int
    epochs: int
    monitor: StageMonitor
    name: str = ""
    illustrate: Callable[[Mapping[str, np.ndarray], Path], None] | None = None
    illustrate_epoch: Callable[[int, Mapping[str, np.ndarray], Path], None] | None = None
    begin_epoch: Callable[[int], None] | None = None
    unit: str = "minibatch"
    settle: Callable[[], None] | None = None
    dealt: Sequence[SharedVariable] = ()
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

    def advance(self, step: Callable[[int], Any], stop: int, bar: tqdm, interruption: Any) -> None:
        """Trains until `stop` minibatches have been seen, all of this epoch and one at least, or until
        interrupted.
        """
        first = self.iteration % self.n_minibatches
        update, total, done = bar.update, self.cost_sum, 0
        # What runs once a minibatch: a step can take as little as a hundredth of a millisecond.
        for costs in _costs(step, first, first + stop - self.iteration):
            for cost in costs:
                total += float(cost)
            done += len(costs)
            update(len(costs))
            if interruption.requested:
                break
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
        check_like(self.remember(), remembered)
        if remembered["n_minibatches"] != self.n_minibatches:
            raise UserError(
                f"{source} was made with {remembered['n_minibatches']} minibatches an epoch, and now there "
                f"are {self.n_minibatches}: resume with the data the run was started with"
            )
        self.iteration = remembered["iteration"]
        self.cost_sum, self.cost_count = remembered["cost_sum"], remembered["cost_count"]
        self.monitor.restore(remembered["monitor"])


def _costs(step: Callable[[int], Any], first: int, last: int) -> Iterator[Sequence[Any]]:
    """Trains on minibatches, and gives their costs: of one after the other, or of as many at a time as take
    `_TOGETHER_SECONDS`."""
    several = getattr(step, "several", None)
    if several is None:
        for index in range(first, last):
            yield [step(index)]
        return
    size = 1
    while first < last:
        began = time.perf_counter()
        costs = several(first, min(last, first + size))
        took = time.perf_counter() - began
        yield costs
        first += len(costs)
        if took < _TOGETHER_SECONDS / 2:
            size *= 2
        elif took > _TOGETHER_SECONDS:
            size = max(1, size // 2)


class Run:
    """A training run: its stages, what it measured, and the folder that lets another process continue it.

    Args:
        stages: what is trained, one after the other.
        model: the model's parameters by name; `kept` holds a copy of those that the stage's monitor keeps.
        state: whatever else training changes (momenta, random states), by name.
        folder: where the files go; None for no files.
        settings: what the run was started with, as JSON can hold it; kept in the checkpoint.
        about: other arrays by name that the file of the model that is kept holds, such as its architecture.
        verbose: whether lines and a progress bar are shown.
        parallel: the ranks that train together, of which one writes.
        save_seconds, draw_seconds: the least time between two checkpoints, and between two sets of pictures.
        keep_every: epochs from one snapshot of the model to the next; None for no snapshots.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        model: Mapping[str, SharedVariable],
        state: Mapping[str, SharedVariable],
        folder: Path | None,
        settings: Mapping[str, Any],
        about: Mapping[str, np.ndarray],
        verbose: bool,
        parallel: DataParallel,
        save_seconds: float,
        draw_seconds: float,
        keep_every: int | None = None,
    ):
        self.stages, self.stage = stages, stages[0]
        self.model, self.state = model, state
        self.folder, self.settings, self.about = folder, settings, about
        self.verbose, self.parallel = verbose, parallel
        self.writes = folder is not None and parallel.leads
        self.save_seconds, self.draw_seconds = save_seconds, draw_seconds
        self.keep_every = keep_every
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
        parallel, rounds = self.parallel, Rounds(self.parallel)
        learnt = {**self.model, **self.state}
        step = None
        if not stage.finished:
            step = parallel.stepping(stage.start(), learnt, stage.iteration, stage.dealt)
        with progress_bar(stage.last_iteration, stage.iteration, stage.unit, self.verbose) as bar:
            while not stage.finished:
                if rounds.stop(interruption.requested, stage.iteration):
                    reason = "interrupted"
                    break
                epoch = stage.iteration // stage.n_minibatches + 1
                if stage.begin_epoch:
                    stage.begin_epoch(epoch - 1)
                bar.total = stage.last_iteration
                bar.set_description(f"{stage.name} epoch {epoch}/{stage.epochs}".lstrip(), refresh=False)
                measurement = (stage.iteration // interval + 1) * interval
                stop = min(stage.last_iteration, epoch * stage.n_minibatches, measurement)
                stop = int(min(stop, rounds.end(stage.iteration)))
                stage.advance(step.step, stop, bar, interruption if parallel.alone else NEVER)
                done, within = divmod(stage.iteration, stage.n_minibatches)
                if self.keep_every and within == 0 and done % self.keep_every == 0:
                    step.settle()
                    self.keep_snapshot(done)
                if stage.iteration < measurement:
                    continue

                self.settle(step)
                cost = stage.take_mean_cost()
                if not math.isfinite(cost):
                    reason = "diverged"
                    break
                measured, keep = stage.monitor.measure(stage.iteration, cost, stage.where)
                if keep:
                    self.kept = {name: np.array(value.get_value()) for name, value in self.model.items()}
                self.curve.append(stage.epochs_done, stage.iteration, **measured)
                if parallel.leads and stage.illustrate_epoch and within == 0:
                    stage.illustrate_epoch(done, self.kept, self.folder)
                if time.monotonic() - last_save >= self.save_seconds:
                    self.save_results()
                    self.save_checkpoint()
                    last_save = time.monotonic()
                if time.monotonic() - last_draw >= self.draw_seconds:
                    self.draw()
                    last_draw = time.monotonic()
        self.settle(step)
        self.save_results()
        if reason != "diverged":
            # Where the parameters are worthless, the checkpoint before this one stays.
            self.save_checkpoint()
        self.draw()
        return reason

    def settle(self, step: Stepping | None) -> None:
        """Brings the ranks together before something is measured or written."""
        if self.parallel.alone:
            return
        if step is not None:
            step.settle()
        self.stage.cost_sum = self.parallel.mean(self.stage.cost_sum)
        self.parallel.collect(self.stage.dealt)
        if self.stage.settle:
            self.stage.settle()

    def keep_snapshot(self, done: int) -> None:
        """Keeps the model as it is after so many epochs of the stage."""
        if not self.writes:
            return
        model = {name: variable.get_value(borrow=True) for name, variable in self.model.items()}
        number = self.stages.index(self.stage) + 1 if len(self.stages) > 1 else None
        snapshots.save(self.folder, {**self.about, **model}, done, number)

    def draw_snapshots(self) -> None:
        """Draws what each stage has to show of its snapshots."""
        for number, stage in enumerate(self.stages, start=1):
            for path, epoch, arrays in snapshots.of_stage(
                self.folder, number if len(self.stages) > 1 else None
            ):
                pictures = path.with_suffix("")
                storage.make_folder(pictures)
                if stage.illustrate:
                    stage.illustrate(arrays, pictures)
                if stage.illustrate_epoch:
                    stage.illustrate_epoch(epoch, arrays, pictures)
        for line in snapshots.animate(self.folder):
            say(line)

    def save_results(self) -> None:
        """Writes the model that is kept and the curve's table."""
        if not self.writes:
            return
        if self.kept:
            storage.save_arrays(self.folder / self.stage.monitor.keeps, {**self.about, **self.kept})
        self.curve.write_csv(self.folder / CURVE_TABLE)

    def draw(self) -> None:
        """Draws the curve, and what the stage has to show of the model that is kept."""
        if not self.writes:
            return
        if self.curve.rows:
            self.curve.draw(self.folder / CURVE_IMAGE)
        if self.kept and self.stage.illustrate:
            self.stage.illustrate(self.kept, self.folder)

    def save_checkpoint(self) -> None:
        """Writes all that `restore` needs."""
        if not self.writes:
            return
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
        with self.parallel.copied(path) as copy:
            progress, arrays = read_checkpoint(copy)
        try:
            check_like({"stage": 0, "seconds": 0.0}, progress)
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


@dataclass
class Outcome:
    """How a run ended: the reason is "finished", "interrupted" or "diverged", or "drawn" where no more was
    asked for than pictures of an earlier run's snapshots.

    `kept` are the parameters that the last stage's monitor said are worth keeping, `curve` what was measured.
    """

    reason: str
    epochs: float
    seconds: float
    kept: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    curve: LearningCurve | None = field(default=None, repr=False, compare=False)


def train_stages(
    stages: Sequence[Stage],
    *,
    model: Mapping[str, SharedVariable],
    folder: Path | None,
    data: Provenance | None = None,
    state: Mapping[str, SharedVariable] | None = None,
    settings: Mapping[str, Any] | None = None,
    about: Mapping[str, np.ndarray] | None = None,
    resume: bool = False,
    verbose: bool = True,
    parallel: DataParallel = ALONE,
    save_seconds: float = 2.0,
    draw_seconds: float = 60.0,
    keep_every: int | None = None,
    draw_snapshots: bool = False,
) -> Outcome:
    """Trains one stage after the other, each until its monitor or its epochs end it, or until Ctrl+C.

    Writes the model that is kept, learning_curve.csv and checkpoint.npz at measurements (not more than once
    in `save_seconds`) and at a stage's end; learning_curve.png and whatever the stage draws of the kept
    parameters now and then (`draw_seconds`) and at its end.

    Args:
        model, state, folder, settings, about, verbose: see `Run`.
        data: what is learnt from, kept in the folder as data.json; None where nothing is loaded.
        resume: continue from the folder's checkpoint, which must have come from the same functions and data.
        keep_every: see `Run`; the snapshots go into the folder's part ``snapshots``.
        draw_snapshots: train nothing, but draw what the stages have to show of the folder's snapshots.
        parallel: the ranks of an MPI run that train together: all have the values of rank 0 at the start, and
            rank 0 alone writes and prints.

    Raises:
        UserError: a checkpoint cannot be read or does not fit, or a file cannot be written.
    """
    writes, verbose = folder is not None and parallel.leads, verbose and parallel.leads
    if verbose and parallel is not ALONE and parallel.alone:
        say("... distributed: this process is the only one; mpirun -n N python ... starts N of them")
    if writes:
        storage.make_folder(folder)
    run = Run(
        stages,
        model=model,
        state=state or {},
        folder=folder,
        settings=settings or {},
        about=about or {},
        verbose=verbose,
        parallel=parallel,
        save_seconds=save_seconds,
        draw_seconds=draw_seconds,
        keep_every=keep_every,
    )
    if resume or draw_snapshots:
        earlier = provenance.find(folder) if parallel.leads else None
        if data and earlier:
            earlier.check(data, "--resume" if resume else "--draw-snapshots")
    if draw_snapshots:
        if parallel.leads:
            run.draw_snapshots()
        return Outcome("drawn", 0, 0.0)
    if resume:
        run.restore()
        if verbose:
            say(f"... resuming after {run.stage.where}")
    elif writes:
        set_earlier_run_aside(folder)
    if data and parallel.leads:
        data.write(folder)
    parallel.share({**run.model, **run.state})
    reason = "finished"
    with Interruption() as interruption:
        for stage in stages:
            if stage.finished and stage is not stages[-1]:
                continue
            reason = run.train(stage, interruption)
            if reason != "finished":
                break
    outcome = Outcome(reason, run.epochs, run.seconds, run.kept, run.curve)
    if verbose:
        _report(outcome, run)
    return outcome


def train(
    step: Callable[[int], Any],
    n_minibatches: int,
    *,
    epochs: int,
    monitor: StageMonitor,
    illustrate: Callable[[Mapping[str, np.ndarray], Path], None] | None = None,
    illustrate_epoch: Callable[[int, Mapping[str, np.ndarray], Path], None] | None = None,
    begin_epoch: Callable[[int], None] | None = None,
    dealt: Sequence[SharedVariable] = (),
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
        begin_epoch=begin_epoch,
        dealt=dealt,
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
    if run.folder is not None:
        say(f"The results are in {run.folder}")
