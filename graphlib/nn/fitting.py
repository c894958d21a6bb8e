"""`Model.fit`: what it does around the training loop, and the history that comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphlib.errors import DTypeError, ShapeError

from . import data, provenance, saved_models, training
from .examples import AT_ONCE, Examples
from .feeds import Dealing, Feed, feed_of
from .monitors import Fit, Monitor
from .parallel import ALONE, DataParallel, data_parallel
from .progress import say
from .registry import resolve
from .run_folder import CHECKPOINT, read_checkpoint
from .storage import UserError
from .training import Outcome
from .variables import SharedVariable, set_values
from .watching import Watch

if TYPE_CHECKING:
    from .model import Model


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

    def _repr_html_(self) -> str:
        """What a notebook shows: a chart of each value."""
        from .notebook import curves_html

        return curves_html(self.epochs, self._values)


def fit(
    model: Model,
    x: Any,
    y: Any,
    *,
    out: str | Path | None,
    resume: bool,
    keep: Literal["best", "last"],
    watch: str | None,
    validation: Any,
    epochs: int,
    verbose: bool,
    distributed: bool,
    sync_every: int,
    **arguments: Any,
) -> History:
    """Trains a model; see ``Model.fit``, whose other arguments go to `_prepared`."""
    parallel = _ranks(distributed, sync_every)
    verbose = verbose and parallel.leads
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise UserError("resume needs the folder of the run that is to go on: give it as out")
    arguments |= {"keep": keep, "watch": watch, "validation": validation, "epochs": epochs}
    say_line = say if verbose else _nothing
    steps, watching = _prepared(model, x, y, folder=folder, say=say_line, parallel=parallel, **arguments)
    feed, held_out, watched = steps.feed, steps.held_out, steps.fit.watched
    settle = None if parallel.alone else steps.totals.gather
    stage = training.Stage(
        lambda: steps.begin(stage.iteration),
        feed.n_minibatches,
        epochs,
        watching,
        settle=settle,
        dealt=[*model._graphs.of().carried],  # each rank has the states of its own rows
    )
    settings: dict[str, Any] = {}
    if folder is not None:
        settings = {"model": model.fingerprint(), "keep": keep, "watch": watch}
        settings |= {"validation": _written(validation, held_out), **feed.settings()}
        if resume and parallel.leads:
            check_resumed(folder, settings)
    for monitor in steps.monitors:
        monitor.reset()
        monitor.check(steps.fit)
    steps.compile()
    variables = model.variables()
    try:
        outcome = training.train_stages(
            [stage],
            model=variables,
            state=steps.state(),
            folder=folder,
            settings=settings,
            about=saved_models.about(model._written()) if folder else None,
            resume=resume,
            verbose=verbose,
            parallel=parallel,
        )
        if outcome.kept and (watching.keep_best or outcome.reason == "diverged"):
            set_values(variables, outcome.kept, Path("the model that was kept"))
    finally:
        for monitor in steps.monitors:
            monitor.finish(steps.fit)
        model._functions.release()
        feed.close()
    if outcome.reason == "diverged":
        kept = "the model of the epoch before is kept" if outcome.kept else "no model was kept"
        if not outcome.kept and any(task.loss.of_probabilities for task in model.tasks):
            kept += "; the loss takes probabilities, as a last layer with softmax or sigmoid gives them"
        raise Diverged(
            f"the loss is not finite any more at {stage.where}: lower the learning rate (now "
            f"{model.optimizer.rate:g}), or clip the gradients with clip_norm; {kept}"
        )
    return History(outcome, watched, *(watching.best_value() if watching.keep_best else (None, None)))


def measured_names(model: Model, x: Any, y: Any, folder: Path, **arguments: Any) -> list[str]:
    """The names of what `Model.fit` would measure; what it would refuse before the first step is an error
    here, too, and nothing is compiled.

    Args:
        x, y: as in `Model.fit`.
        folder: in which monitors make theirs.
        **arguments: those of `_prepared` that are not given here.
    """
    steps, _ = _prepared(model, x, y, folder=folder, say=_nothing, parallel=ALONE, **arguments)
    try:
        for monitor in steps.monitors:
            monitor.check(steps.fit)
    finally:
        steps.feed.close()
    return steps.fit.names


def _prepared(
    model: Model,
    x: Any,
    y: Any,
    *,
    epochs: int,
    dealing: Dealing,
    validation: Any,
    monitors: Sequence[Any],
    class_weight: Any,
    sample_weight: Any,
    folder: Path | None,
    keep: str,
    watch: str | None,
    validate_every: int,
    say: Callable[[str], None],
    parallel: DataParallel,
) -> tuple[_Steps, Watch]:
    """The steps of a training, not compiled yet, and what watches them; errors are those of `Model.fit`."""
    _check_arguments(epochs, validate_every, dealing.seed, keep)
    model._require_loss()
    feed, held_out = feed_of(model, x, y, validation, sample_weight, class_weight, dealing, parallel)
    if held_out is not None and model.stateful:
        data.check_whole(held_out.count, min(feed.size, held_out.count), "validation ")
    steps = _Steps(model, feed, held_out, _asked(monitors, model, parallel), parallel)
    validates = held_out is not None
    watched, maximized = watch or model.watched(validates), frozenset(model.maximized(validates))
    steps.fit = Fit(model, folder, watched, feed.n_minibatches, maximized, say)
    watching = Watch(
        steps.fit,
        steps.monitors,
        model._reported(),
        steps.totals,
        steps.validate if validates else None,
        validate_every,
        epochs,
        keep == "best",
    )
    return steps, watching


class _Steps:
    """The steps of a training, as the loop takes them.

    Args:
        model: is trained.
        feed: its minibatches.
        held_out: the examples that validate; None for none.
        monitors: what watches.
        parallel: the ranks that train together.

    Attributes:
        fit: what the monitors see.
        totals: what steps have returned since the last measurement.
    """

    fit: Fit

    def __init__(
        self,
        model: Model,
        feed: Feed,
        held_out: Examples | None,
        monitors: Sequence[Monitor],
        parallel: DataParallel,
    ):
        self.model, self.feed, self.held_out = model, feed, held_out
        self.monitors, self.parallel = monitors, parallel
        self.stateful = model.stateful
        model._graphs.streams = feed.size
        self.totals = model._totals(parallel)
        self._step: Any = None
        self._iteration = 0

    def compile(self) -> None:
        """Makes the training function, and with it what the optimizer remembers."""
        self._step = self.model._functions.training(self.feed.examples, self.feed.resident, self.parallel)
        if self.stateful:
            self.model.layer.reset_states(self.feed.size)  # of the rows that a checkpoint has

    def begin(self, iteration: int) -> Callable[[int], Any]:
        """The training function of a minibatch's index, where so many were seen before."""
        self._iteration = iteration
        self._set_time()
        if not self.parallel.leads:
            self.totals.sums[:] = 0  # what a checkpoint has, rank 0 has
        for monitor in self.monitors:
            monitor.start(self.fit)
        return self

    def _set_time(self) -> None:
        self.model.optimizer.set_time(self._iteration // self.feed.n_minibatches, self._iteration)

    def _prepare(self, index: int) -> None:
        """What is to be done before the minibatch of an index."""
        if index == 0 or self.model.optimizer.stepwise:
            self._set_time()
            if index == 0 and self.stateful:
                self.model.layer.reset_states(self.feed.size)

    def __call__(self, index: int) -> float:
        """Trains on the minibatch of an index."""
        self._prepare(index)
        arguments = self.feed.arguments(index)
        try:
            found = self._step(*arguments)
        except (ShapeError, DTypeError) as error:
            raise self.feed.misfit(error, index) from None
        self.totals.add(found[None, 1:])
        self._iteration += 1
        return float(found[0])

    @property
    def several(self) -> Callable[[int, int], list[float]] | None:
        """Trains on minibatches that follow each other in one call, where nothing is to be done in between
        and none has to be fetched."""
        alone = self.feed.stays and self.parallel.alone
        return self._train_on if alone and not self.model.optimizer.stepwise else None

    def _train_on(self, first: int, stop: int) -> list[float]:
        self._prepare(first)
        found = self._step.map([self.feed.arguments(index)[0] for index in range(first, stop)])
        self.totals.add(found[:, 1:])
        self._iteration += stop - first
        return found[:, 0].tolist()

    def validate(self) -> dict[str, float]:
        """The values of the examples that are held out."""
        size = None if self.stateful else max(self.feed.size, AT_ONCE)
        found = self.model._functions.measure(self.held_out, size, self.parallel)
        return {f"validation_{name}": value for name, value in found.items()}

    def state(self) -> dict[str, SharedVariable]:
        """What training changes besides the model, by name."""
        random = enumerate(self.model._graphs.of().random_states)
        return {
            "totals": self.totals,
            **({} if self.feed.order is None else {"order": self.feed.order}),
            **{f"random.draw_{number}": each for number, each in random},
            **{f"optimizer.{name}": each for name, each in self.model.optimizer.state.items()},
        }


def _check_arguments(epochs: Any, validate_every: Any, seed: Any, keep: Any) -> None:
    """UserError for arguments of `Model.fit` that are of no use."""
    for name, value in (("epochs", epochs), ("validate_every", validate_every)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise UserError(f"{name} is {value!r}: give a whole number, 1 or more")
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise UserError(f"seed is {seed!r}: give a whole number from 0 to 2**32 - 1")
    if keep not in ("best", "last"):
        raise UserError(f'keep is {keep!r}: give "best" or "last"')


def _ranks(distributed: bool, sync_every: int) -> DataParallel:
    """The processes that train together."""
    if not distributed:
        if sync_every != 1:
            raise UserError("sync_every is about several processes: give it with distributed=True")
        return ALONE
    return data_parallel(sync_every)


def _asked(monitors: Sequence[Any], model: Model, parallel: DataParallel) -> list[Monitor]:
    """The monitors, of which those that write and draw do so on rank 0 only; their places in a checkpoint
    stay."""
    if isinstance(monitors, str | Mapping | Monitor):
        raise UserError(f"monitors is {monitors!r}: give a list of monitors, or of their names")
    found = [resolve("monitor", each) for each in monitors]
    for each in found:
        if not isinstance(each, Monitor):
            raise UserError(f"monitors has {each!r}: give monitors, or their names")
    if any(each.adjusts_learning_rate for each in found):
        model.optimizer.make_adjustable()
    return [Monitor() if each.only_writes and not parallel.leads else each for each in found]


def _written(validation: Any, held_out: Examples | None) -> Any:
    """What validates, as a checkpoint holds it: nothing, a share, or examples' fingerprint."""
    if held_out is None or isinstance(validation, Real):
        return None if held_out is None else float(validation)
    return provenance.fingerprint(held_out.arrays())


def check_resumed(folder: Path, settings: Mapping[str, Any]) -> None:
    """UserError where the run in a folder was started with other settings than these; what it does not tell,
    as one of an older version, is not held against them."""
    earlier = read_checkpoint(folder / CHECKPOINT)[0]["settings"]
    for name, value in settings.items():
        before = earlier.get(name, value)
        if before == value:
            continue
        if name == "data":
            raise UserError(f"the data are not those that the run in {folder} was started with")
        if name == "validation":
            before, value = map(_validating, (before, value))
        else:
            before, value = repr(before), repr(value)
        raise UserError(
            f"the run in {folder} was started with {name} {before}, and not {value}: resume it with what it "
            "was started with"
        )


def _validating(written: Any) -> str:
    if isinstance(written, str):
        return f"by examples of their own ({written[:8]})"
    return "by none" if written is None else f"by a share of {written:g}"


def _nothing(line: str) -> None:
    """Says nothing."""
