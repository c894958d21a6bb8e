"""What watches `Model.fit`: stops it early, changes the learning rate, keeps snapshots, draws and writes.

    model.fit(x, y, validation=0.1, monitors=[EarlyStopping(5), ReduceOnPlateau(0.5)])

A monitor of one's own is a subclass of `Monitor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from . import snapshots
from .registry import described, register, registered_name
from .schema import Count, NotNegative, Positive, Range
from .storage import UserError, make_folder, write_atomically


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
        names: of all that is measured.
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
    names: list[str] = field(default_factory=list)

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

    def require(self, quantity: str | None, asks: str) -> None:
        """UserError, which begins with who ``asks``, where nothing is measured under a name."""
        if quantity is not None and quantity not in self.names:
            known = ", ".join(self.names)
            raise UserError(f"{asks}: nothing called {quantity!r} is measured; there are {known}")


class Monitor:
    """Base of monitors: each method may be overridden.

    Attributes:
        last_iteration: the minibatch after which training stops, as things stand.
        adjusts_learning_rate: whether it sets `Optimizer.factor`.
        only_writes: whether it writes and says things, and changes nothing of the training: where several
            processes train together, only rank 0 has it do so.
        kept: the names of attributes that a checkpoint must hold: numbers, lists and mappings of them.
    """

    kept: tuple[str, ...] = ()
    last_iteration: float = math.inf
    adjusts_learning_rate = False
    only_writes = False

    def __repr__(self) -> str:
        return described(self)

    def reset(self) -> None:
        """Forgets what it saw: called when another training begins."""

    def check(self, fit: Fit) -> None:
        """UserError where it cannot do its work; called before anything is written."""

    def start(self, fit: Fit) -> None:
        """Called before the first minibatch, also of a training that is resumed, after `restore`."""

    def measured(self, fit: Fit) -> None:
        """Called whenever the model was measured, after every epoch; may add to ``fit.values``."""

    def finish(self, fit: Fit) -> None:
        """Called when training has ended, also by an error."""

    def interval(self, n_minibatches: int) -> int:
        """How many minibatches there may be between measurements, at most an epoch's `n_minibatches`."""
        return n_minibatches

    def panels(self, model: Any) -> dict[str, list[str]]:
        """The names of the values that it adds, under the titles of the learning curve's panels."""
        return {}

    def remember(self) -> dict[str, Any]:
        """What a checkpoint must hold: what is `kept`."""
        return {name: getattr(self, name) for name in self.kept}

    def restore(self, remembered: Mapping[str, Any]) -> None:
        """Goes on from what `remember` gave."""
        for name in self.kept:
            setattr(self, name, remembered[name])


class Stopping(Monitor):
    """A rule of when to stop; `best_error` is the lowest so far, at `best_iteration`, which is 0 before."""

    quantity: str | None = None

    def reset(self) -> None:
        self.best_error, self.best_iteration = math.inf, 0

    def check(self, fit: Fit) -> None:
        fit.require(self.quantity, registered_name(self))

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

    kept = ("best_error", "best_iteration", "failures", "last_iteration")

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

    kept = ("best_error", "best_iteration", "patience")

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


@register("monitor")
class ReduceOnPlateau(Monitor):
    """Multiplies the learning rate by `factor` once more than `rounds` validations in a row were no better
    than the best so far, and then again after so many more. It may come on top of a schedule.

    Args:
        factor: below 1.
        rounds, least, quantity: as for `EarlyStopping`.
        lowest: the product of all factors is not made lower than this.
    """

    adjusts_learning_rate = True
    kept = ("best_error", "failures", "product")

    def __init__(
        self,
        factor: Annotated[float, Range(0, 1, above=True, below=True)] = 0.5,
        rounds: Count = 5,
        least: NotNegative = 0.0,
        lowest: NotNegative = 0.0,
        quantity: str | None = None,
    ):
        self.factor, self.rounds, self.least = factor, rounds, least
        self.lowest, self.quantity = lowest, quantity
        self.reset()

    def reset(self) -> None:
        self.best_error, self.failures, self.product = math.inf, 0, 1.0

    def check(self, fit: Fit) -> None:
        fit.require(self.quantity, registered_name(self))

    def start(self, fit: Fit) -> None:
        fit.model.optimizer.factor = self.product

    def measured(self, fit: Fit) -> None:
        error = fit.cost_of(self.quantity)
        if error is None:
            return
        if error < self.best_error - self.least:
            self.best_error, self.failures = error, 0
            return
        self.failures += 1
        if self.failures > self.rounds and self.product > self.lowest:
            self.product, self.failures = max(self.product * self.factor, self.lowest), 0
            fit.model.optimizer.factor = self.product
            fit.say(f"     the learning rate is {fit.model.optimizer.rate:g} from here on")


class _EverySoOften(Monitor):
    """Does something after every `every` epochs."""

    every: int

    def measured(self, fit: Fit) -> None:
        whole, part = divmod(fit.iteration, fit.n_minibatches)
        if not part and whole % self.every == 0:
            self.act(fit, whole)

    def act(self, fit: Fit, epoch: int) -> None:
        """What is to be done after so many epochs."""


def _folder_of(fit: Fit, monitor: str, part: str = "") -> Path:
    """The folder for a monitor's files, or its part; UserError where the training has none."""
    if fit.folder is None:
        raise UserError(f"{monitor} writes files: give fit a folder, out=")
    folder = fit.folder / part
    make_folder(folder)
    return folder


@register("monitor")
class Snapshots(_EverySoOften):
    """Keeps the model of every `every` epochs as snapshots/epoch_0005.npz in the folder of the training.

    Args:
        keep: how many of them, the latest; None for all.
    """

    only_writes = True

    def __init__(self, every: Count = 1, keep: Count | None = None):
        self.every, self.keep = every, keep

    def check(self, fit: Fit) -> None:
        _folder_of(fit, "snapshots")

    def act(self, fit: Fit, epoch: int) -> None:
        snapshots.save(fit.folder, fit.model.as_arrays(optimizer=False), epoch, keep=self.keep)


@register("monitor")
class WeightStatistics(_EverySoOften):
    """Mean and standard deviation of the absolute values of each matrix of weights, in the learning curve."""

    def __init__(self, every: Count = 1):
        self.every = every

    def panels(self, model: Any) -> dict[str, list[str]]:
        paths = self._weights(model)
        return {f"{what} of |W|": [f"{path}_{what}" for path in paths] for what in ("mean", "deviation")}

    def act(self, fit: Fit, epoch: int) -> None:
        for path, parameter in self._weights(fit.model).items():
            size = np.abs(parameter.variable.get_value())
            fit.values[f"{path}_mean"] = float(size.mean())
            fit.values[f"{path}_deviation"] = float(size.std())

    @staticmethod
    def _weights(model: Any) -> dict[str, Any]:
        return {path: p for path, p in model.parameters.items() if p.variable.ndim > 1}


@register("monitor")
class TextSamples(_EverySoOften):
    """Prints a text that a model of characters writes, and keeps it as samples/epoch_0005.txt where the
    training has a folder.

    The model takes the numbers of characters, (batch, time), and gives the probabilities of the next one,
    (batch, characters), or of each next one, (batch, time, characters). Each character is drawn from p^(1/T),
    normalized, with the temperature T.

    Args:
        characters: what the numbers stand for; None for the model's `symbols`.
        begin: the text that is gone on from; None for the first character.
        length: characters that are drawn.
        temperature: 1 for the model's own probabilities, lower for more probable characters.
        window: the characters before that the model sees; None for as many as in its training.
        every: epochs from one text to the next.
        seed: of the draws.
    """

    only_writes = True

    def __init__(
        self,
        characters: list[str] | None = None,
        begin: str | None = None,
        length: Count = 200,
        temperature: Positive = 1.0,
        window: Count | None = None,
        every: Count = 1,
        seed: int = 0,
    ):
        self.characters, self.begin, self.length = characters, begin, length
        self.temperature, self.window, self.every, self.seed = temperature, window, every, seed

    def check(self, fit: Fit) -> None:
        symbols = self._symbols(fit.model)
        unknown = [c for c in self.begin or "" if c not in symbols]
        if unknown:
            raise UserError(
                f"text_samples: begin has {unknown[0]!r}, which is none of the model's characters"
            )

    def act(self, fit: Fit, epoch: int) -> None:
        text = self.write(fit.model, np.random.RandomState([self.seed, epoch]))
        fit.say(f"     {text!r}")
        if fit.folder is not None:
            path = _folder_of(fit, "text_samples", "samples") / f"epoch_{epoch:04}.txt"
            write_atomically(path, lambda file: file.write(f"{text}\n".encode()))

    def write(self, model: Any, rng: np.random.RandomState) -> str:
        """A text by the model, `begin` included."""
        symbols = self._symbols(model)
        numbers = [symbols.index(c) for c in self.begin] if self.begin else [0]
        window = self.window or model.input.type.shape[1] or self.length
        for _ in range(self.length):
            p = np.asarray(model.outputs(np.array([numbers[-window:]])), "float64")[0]
            p = p[-1] if p.ndim == 2 else p
            scaled = np.log(np.maximum(p, 1e-300)) / self.temperature
            p = np.exp(scaled - scaled.max())
            numbers.append(int(rng.choice(len(p), p=p / p.sum())))
        return "".join(symbols[number] for number in numbers)

    def _symbols(self, model: Any) -> Sequence[str]:
        symbols = self.characters or model.symbols
        if not symbols:
            raise UserError("text_samples: give characters, which the model's numbers stand for")
        return symbols


@register("monitor")
class Filters(_EverySoOften):
    """Draws a layer's weights as filters.png: each column of a dense layer's as an image, each filter of a
    convolution as one for each of its channels.

    Args:
        layer: the path of the weights, such as "dense_1.W"; None for the first ones of the model.
        shape: rows and columns of an image; None for a square, or what a filter is.
        every: epochs from one drawing to the next, which replaces it.
    """

    only_writes = True

    def __init__(self, layer: str | None = None, shape: tuple[Count, Count] | None = None, every: Count = 1):
        self.layer, self.shape, self.every = layer, shape, every

    def check(self, fit: Fit) -> None:
        _folder_of(fit, "filters")
        self._images(fit.model)

    def act(self, fit: Fit, epoch: int) -> None:
        from .images import save_filters  # with Pillow, which other monitors do not need

        images, shape = self._images(fit.model)
        save_filters(_folder_of(fit, "filters") / "filters.png", images, shape)

    def _images(self, model: Any) -> tuple[np.ndarray, tuple[int, int]]:
        """(a row an image, their shape)."""
        weights = {path: p for path, p in model.parameters.items() if p.variable.ndim in (2, 4)}
        path = self.layer or next(iter(weights), None)
        if path not in weights:
            raise UserError(f"filters: there are no weights {path}; there are {', '.join(weights) or 'none'}")
        values = weights[path].variable.get_value()
        if values.ndim == 4:
            return values.reshape(-1, values.shape[2] * values.shape[3]), values.shape[2:]
        side = math.isqrt(len(values))
        shape = tuple(self.shape or (side, side))
        if math.prod(shape) != len(values):
            raise UserError(f"filters: {path} has columns of {len(values)} values, and no images of {shape}")
        return np.ascontiguousarray(values.T), shape


@register("monitor")
class TensorBoard(Monitor):
    """Writes what is measured as event files, which ``tensorboard --logdir FOLDER`` shows; it needs the
    package tensorboardX.

    Args:
        folder: of the event files; None for "tensorboard" in the folder of the training.
        histograms: also of all parameters.
    """

    only_writes = True

    def __init__(self, folder: str | None = None, histograms: bool = False):
        self.folder, self.histograms = folder, histograms
        self._writer: Any = None

    def check(self, fit: Fit) -> None:
        self._class()
        if self.folder is None:
            _folder_of(fit, "tensor_board")

    def start(self, fit: Fit) -> None:
        folder = Path(self.folder) if self.folder else _folder_of(fit, "tensor_board", "tensorboard")
        self._writer = self._class()(str(folder))

    @staticmethod
    def _class() -> Any:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise UserError(
                "the monitor tensor_board needs the package tensorboardX: pip install tensorboardX"
            ) from None
        return SummaryWriter

    def measured(self, fit: Fit) -> None:
        for name, value in fit.values.items():
            self._writer.add_scalar(name, value, fit.iteration)
        if self.histograms:
            for path, parameter in fit.model.parameters.items():
                self._writer.add_histogram(path, parameter.variable.get_value(), fit.iteration)
        self._writer.flush()

    def finish(self, fit: Fit) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
