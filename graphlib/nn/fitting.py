"""`Model.fit`: what it does around the training loop, what is measured after an epoch, which model is kept,
and the history that comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphlib.datasets import DataError
from graphlib.errors import DTypeError, ShapeError

from . import data, provenance, saved_models, training
from .epochs import Epochs
from .examples import AT_ONCE, Examples, checked, examples_of, parts_of, peek
from .monitors import Fit, Monitor
from .parallel import ALONE, DataParallel, data_parallel
from .progress import say
from .registry import resolve
from .run_folder import BEST_MODEL, LATEST_MODEL, read_checkpoint
from .storage import UserError
from .stored.base import is_stored
from .stored.order import Blocks, block_of, split_ranges
from .stored.reader import Reader
from .training import Outcome
from .variables import set_values

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


def fit(
    model: Model,
    x: Any,
    y: Any,
    *,
    epochs: int,
    batch_size: int | None,
    validation: Any,
    shuffle: bool,
    monitors: Sequence[Any],
    class_weight: Any,
    sample_weight: Any,
    out: str | Path | None,
    resume: bool,
    keep: Literal["best", "last"],
    watch: str | None,
    validate_every: int,
    seed: int,
    verbose: bool,
    buffer: float = 256,
    block: int | None = None,
    distributed: bool = False,
    sync_every: int = 1,
) -> History:
    """Trains a model; see ``Model.fit``."""
    parallel = data_parallel(sync_every) if distributed else ALONE
    if sync_every != 1 and not distributed:
        raise UserError("sync_every is about several processes: give it with distributed=True")
    if distributed and parallel.alone and verbose:
        say("... distributed: this process is the only one; mpirun -n N python ... starts N of them")
    verbose = verbose and parallel.leads
    graphs, functions = model._graphs, model._functions

    def given(parts: tuple, called: str = "") -> Examples:
        """Examples of the user's; those to validate with are not weighed by their class."""
        weights = parts[2] if len(parts) > 2 else None
        return examples_of(*parts[:2], graphs.types, weights, None if called else class_weight, called)

    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise UserError("resume needs the folder of the run that is to go on: give it as out")
    if isinstance(x, data.Batches) and x.blocks is not None and y is None:
        batches, x, y = x, x.x, x.y
        batch_size, shuffle, seed = batches.batch_size, batches.shuffle, batches.seed
        buffer, block = batches.buffer, batches.block
    provider = None
    several = (np.ndarray, Mapping, list, tuple)
    if y is None and hasattr(x, "__getitem__") and not isinstance(x, several) and not is_stored(x):
        if class_weight == "balanced":
            raise DataError(
                'class_weight "balanced" counts the classes of all examples, and x gives them by '
                "minibatches: give a mapping of the weights"
            )
        if sample_weight is not None:
            raise DataError("sample_weight is of arrays x and y: minibatches give their own, (x, y, weights)")
        provider = x
        if not len(provider):
            raise DataError("x has no minibatches")
        first = peek(provider)
        examples = given(parts_of(first))
    else:
        if y is None:
            raise DataError("there are no targets: give y, or an object with minibatches (x, y) as x")
        examples = given((x, y, sample_weight))
    model._require_loss()
    n = examples.count
    size = n if batch_size is None else min(batch_size, n)
    if batch_size is not None and provider is None:
        parallel.check(size, "the batch size")
    graphs.fitting(examples.inputs, examples.structure)
    graphs.streams = size
    if graphs.stateful and not parallel.alone:
        raise UserError(
            "stateful layers go on from one minibatch to the next, each row by itself, which several "
            "processes do not: train such a model on one, or without stateful"
        )
    examples = checked(examples, model.tasks)

    stored = examples.stored()
    held_out, rows = None, np.arange(n)
    if isinstance(validation, float):
        if provider is not None:
            raise DataError("a share for validation can be held out of arrays: give (x, y) as validation")
        if stored is not None:
            data.check_share(n, validation)
            kept, taken = split_ranges(n, validation, shuffle, block or block_of(stored), seed)
            held_out, examples = examples.take(taken), examples.take(kept)
            stored = examples.stored()
        else:
            rows, taken = data.split_rows(n, validation, shuffle, seed=seed)
            held_out = examples.take(taken)
    elif validation is not None:
        held_out = given(parts_of(validation), called="validation ")
        held_out = checked(held_out, model.tasks)

    reader: Reader | None = None
    minibatch: Callable[[int], list[np.ndarray]]
    watched = [resolve("monitor", monitor) for monitor in monitors]
    if not parallel.leads:
        # what writes and draws does so on rank 0; its place in a checkpoint stays
        watched = [Monitor() if monitor.only_writes else monitor for monitor in watched]
    if any(monitor.adjusts_learning_rate for monitor in watched):
        model.optimizer.make_adjustable()
    names = model._reported()
    totals = model._totals(parallel)
    if provider is not None:
        step = functions.training(examples, resident=False, parallel=parallel)
        order: Any = getattr(provider, "order", None)
        n_minibatches = len(provider)

        def minibatch(index: int) -> list[np.ndarray]:
            try:
                arrays = checked(given(parts_of(provider[index])), model.tasks).arrays()
            except DataError as error:
                raise DataError(f"minibatch {index}: {error}") from None
            if len(arrays) != len(examples.arrays()):
                raise DataError(f"minibatch {index} has weights and others have none, or it has none")
            return arrays
    elif stored is not None:
        step = functions.training(examples, resident=False, parallel=parallel)
        blocks = Blocks.of(stored, batch_size and size, shuffle, buffer, block, whole=graphs.stateful)
        order = Epochs(blocks.minibatches, seed)
        n_minibatches = len(order)
        reader = Reader(stored, order)
        minibatch = reader.__getitem__
    else:
        step = functions.training(examples, resident=True, parallel=parallel)
        order = Epochs(
            data.rows_of_minibatches(rows, batch_size and size, shuffle, whole=graphs.stateful), seed
        )
        n_minibatches = len(order)

        def minibatch(index: int) -> list[np.ndarray]:
            return [order[index]]

    optimizer, sums = model.optimizer, totals.sums
    stepwise = optimizer.stepwise

    def train(index: int) -> Any:
        nonlocal iteration
        if index == 0 or stepwise:
            optimizer.set_time(iteration // n_minibatches, iteration)
            if index == 0 and graphs.stateful:
                model.layer.reset_states(size)
        try:
            found = step(*minibatch(index))
        except (ShapeError, DTypeError) as error:
            if provider is None:
                raise
            raise type(error)(f"minibatch {index} is not like the first: {error}") from None
        sums[:] += found[1:]
        iteration += 1
        return found[0]

    iteration = 0

    def start() -> Callable[[int], Any]:
        nonlocal iteration
        iteration = stage.iteration
        optimizer.set_time(iteration // n_minibatches, iteration)
        if not parallel.leads:
            sums[:] = 0  # what a checkpoint has, rank 0 has
        for monitor in watched:
            monitor.start(fit)
        return train

    scheduled = optimizer.changes_rate
    prefixes = ["", "validation_"] if held_out is not None else [""]
    chosen = watch or model.watched(held_out is not None)
    maximized = frozenset(model.maximized(held_out is not None))
    fit = Fit(model, folder, chosen, n_minibatches, maximized, say if verbose else _nothing)
    panels = {name: [p + name for p in prefixes] for name in names}
    if scheduled:
        panels["learning rate"] = ["learning_rate"]
    for monitor in watched:
        panels |= monitor.panels(model)
    keep_best = keep == "best" and held_out is not None
    if watch is not None and watch not in [c for columns in panels.values() for c in columns]:
        known = ", ".join(c for columns in panels.values() for c in columns)
        raise UserError(f"watch: nothing called {watch!r} is measured; there are {known}")

    def validate() -> dict[str, float]:
        found = functions.measure(held_out, None if graphs.stateful else max(size, AT_ONCE), parallel)
        return {f"validation_{name}": value for name, value in found.items()}

    watching = Watch(
        fit,
        watched,
        names,
        totals,
        None if held_out is None else validate,
        validate_every,
        epochs,
        keep_best,
        panels,
        (lambda: optimizer.rate) if scheduled else None,
    )
    settle = None if parallel.alone else totals.gather
    stage = training.Stage(start, n_minibatches, epochs, watching, settle=settle)
    graph = graphs.of()
    variables = model.variables()
    state = {
        "totals": totals,
        **({} if order is None else {"order": order}),
        **{f"random.draw_{number}": each for number, each in enumerate(graph.random_states)},
        **{f"optimizer.{name}": each for name, each in optimizer.state.items()},
    }
    settings: dict[str, Any] = {}
    about: dict[str, np.ndarray] = {}
    if folder is not None:
        about = saved_models.about(model.to_json())
        settings = {
            "model": model.fingerprint(),
            "batch_size": batch_size,
            "shuffle": shuffle,
            "seed": seed,
            "keep": keep,
            "data": None if provider is not None else provenance.fingerprint(examples.arrays()),
        }
        if stored is not None:
            settings["buffer"], settings["block"] = buffer, block
        if resume and parallel.leads:
            check_resumed(folder, settings)
    for monitor in watched:
        monitor.reset()
        monitor.check(fit)
    try:
        outcome = training.train_stages(
            [stage],
            model=variables,
            state=state,
            folder=folder,
            settings=settings,
            about=about,
            resume=resume,
            verbose=verbose,
            parallel=parallel,
        )
        if outcome.kept and (keep_best or outcome.reason == "diverged"):
            set_values(variables, outcome.kept, Path("the model that was kept"))
    finally:
        for monitor in watched:
            monitor.finish(fit)
        functions.release()
        if reader is not None:
            reader.close()
    if outcome.reason == "diverged":
        kept = "the model of the epoch before is kept" if outcome.kept else "no model was kept"
        raise Diverged(
            f"the loss is not finite any more at {stage.where}: lower the learning rate (now "
            f"{optimizer.rate:g}), or clip the gradients with clip_norm; {kept}"
        )
    return History(outcome, chosen, *(watching.best_value() if keep_best else (None, None)))


def _nothing(line: str) -> None:
    """Says nothing."""
