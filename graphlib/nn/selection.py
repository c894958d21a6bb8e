"""Choosing models: cross-validation, and learning rates for each parameter."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.datasets import DataError

from . import data, storage
from .model import Model
from .parallel import ALONE, DataParallel, data_parallel
from .progress import say
from .stored.base import as_stored, ranges_of
from .stored.order import block_of

FOLDS, PREDICTIONS = "folds.csv", "predictions.npz"


@dataclass
class CrossValidation:
    """What a cross-validation has measured.

    Attributes:
        scores: of each fold its test examples' loss and metrics, by name.
        fold: the fold, from 0, in which each example was tested, (examples,).
        predictions: what the model of this fold gave for it, (examples, …); of several outputs by name.
    """

    scores: list[dict[str, float]]
    fold: np.ndarray
    predictions: Any

    @property
    def mean(self) -> dict[str, float]:
        """The means over the folds, by name."""
        return {name: float(np.mean([each[name] for each in self.scores])) for name in self.scores[0]}

    @property
    def deviation(self) -> dict[str, float]:
        """The standard deviations over the folds (of n − 1), by name."""
        return {name: float(np.std([each[name] for each in self.scores], ddof=1)) for name in self.scores[0]}

    def __str__(self) -> str:
        deviation = self.deviation
        each = ", ".join(f"{name} {value:.6g} ± {deviation[name]:.2g}" for name, value in self.mean.items())
        return f"{len(self.scores)} folds: {each}"

    def write(self, folder: Path) -> None:
        """Writes folds.csv, a line a fold and then the mean and the deviation, and predictions.npz."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["fold", "examples", *self.scores[0]])
        for number, scores in enumerate(self.scores):
            table.writerow([number + 1, int((self.fold == number).sum()), *map(written, scores.values())])
        table.writerow(["mean", len(self.fold), *map(written, self.mean.values())])
        table.writerow(["deviation", "", *map(written, self.deviation.values())])
        storage.write_atomically(folder / FOLDS, lambda file: file.write(text.getvalue().encode()))
        several = isinstance(self.predictions, Mapping)
        named = self.predictions if several else {"": self.predictions}
        arrays = {f"prediction_{name}".rstrip("_"): array for name, array in named.items()}
        storage.save_arrays(folder / PREDICTIONS, {"fold": self.fold + 1, **arrays})


def written(value: float) -> str:
    return f"{value:.9g}"


def folds_of(n: int, folds: int, shuffle: bool = True, stratify: Any = None, seed: int = 0) -> np.ndarray:
    """The fold, from 0, of each of n examples, (n,): as many in each, or one more.

    Args:
        shuffle: draw at random; else they are consecutive parts.
        stratify: labels (n,) of which each fold is to have as many, or one more.
        seed: of the draw.

    Raises:
        DataError: there are fewer examples than folds, or fewer than two folds.
    """
    if folds < 2:
        raise DataError(f"there must be 2 folds at least, not {folds}")
    if n < folds:
        raise DataError(f"{n} examples cannot be divided into {folds} folds")
    order = np.random.RandomState(seed).permutation(n) if shuffle else np.arange(n)
    found = np.empty(n, "int64")
    if stratify is None:
        for number, rows in enumerate(np.array_split(order, folds)):
            found[rows] = number
        return found
    labels = np.asarray(stratify)
    if labels.shape != (n,):
        raise DataError(f"stratify must be a label for each of the {n} examples, not of shape {labels.shape}")
    by_label = order[np.argsort(labels[order], kind="stable")]
    found[by_label] = np.arange(n) % folds
    return found


def cross_validate(
    make_model: Callable[[], Model],
    x: Any,
    y: Any,
    folds: int = 5,
    *,
    validation: float | None = None,
    shuffle: bool = True,
    stratify: Any = None,
    prepare: Callable[[Any], Callable[[Any], Any]] | None = None,
    calibrate: int = 0,
    seed: int = 0,
    out: str | Path | None = None,
    verbose: bool = True,
    **fit: Any,
) -> CrossValidation:
    """Trains a model for each of several folds on the examples of the others, and tests it on the fold.

    Args:
        make_model: makes a new, untrained model.
        x, y: as in `Model.fit`.
        folds: how many.
        validation: the share of a fold's training examples by which its model is chosen; None for none.
        shuffle: draw the folds at random; else they are consecutive parts.
        stratify: labels (examples,) of which each fold is to have as many.
        prepare: of the training inputs of a fold it makes a function that is applied to all inputs of it,
            such as one that subtracts their mean.
        calibrate: minibatches for `calibrate_rates`, before each training; 0 for none.
        seed: of the folds.
        out: a folder for folds.csv, predictions.npz, and a folder fold_1, fold_2, … of each training.
        verbose: whether lines are printed.
        **fit: more arguments of `Model.fit`; where several processes train together (``distributed=True``),
            all have the results, and rank 0 writes and prints.

    Raises:
        DataError: as in `Model.fit`, or there are too few examples.
        KeyboardInterrupt: Ctrl+C has ended a training.
    """
    n = data.count((x, y))
    run = 1 if stratify is not None else _runs((x, y), n)
    fold = np.repeat(folds_of(-(-n // run), folds, shuffle, stratify, seed), run)[:n]
    scores: list[dict[str, float]] = []
    predictions: Any = None
    folder = None if out is None else Path(out)
    parallel = data_parallel() if fit.get("distributed") else ALONE
    verbose = verbose and parallel.leads
    for number in range(folds):
        tested, rows = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        x_train, y_train = _rows(x, rows), _rows(y, rows)
        x_test, y_test = _rows(x, tested), _rows(y, tested)
        if prepare is not None:
            change = prepare(x_train)
            x_train, x_test = change(x_train), change(x_test)
        if verbose:
            say(f"fold {number + 1} of {folds}: {len(rows)} examples learnt from, {len(tested)} tested")
        model = make_model()
        if calibrate:
            size = fit.get("batch_size", 32)
            calibrate_rates(model, x_train, y_train, size, calibrate, seed, parallel)
        own = None if folder is None else folder / f"fold_{number + 1}"
        history = model.fit(
            x_train, y_train, validation=validation or None, out=own, verbose=verbose, **{"seed": seed, **fit}
        )
        if history.reason == "interrupted":
            raise KeyboardInterrupt
        scores.append(model.evaluate(x_test, y_test))
        predictions = _placed(predictions, model.outputs(x_test), tested, n)
        if verbose:
            say(f"fold {number + 1}: " + ", ".join(f"{name} {v:.6g}" for name, v in scores[-1].items()))
    result = CrossValidation(scores, fold, predictions)
    if folder is not None and parallel.leads:
        storage.make_folder(folder)
        result.write(folder)
    return result


def _rows(arrays: Any, rows: np.ndarray) -> Any:
    """Some rows, ascending, of arrays; they stay where they are if one is read piece by piece."""
    if data.any_stored(arrays):
        ranges = ranges_of(rows)
        return data.each(arrays, lambda array: as_stored(array).part(ranges))
    return data.each(arrays, lambda array: np.asarray(array)[rows])


def _runs(arrays: Any, n: int) -> int:
    """Rows that are best kept together in folds: 1, unless arrays are read piece by piece."""
    if not data.any_stored(arrays):
        return 1
    flat: list[Any] = []
    data.each(arrays, lambda array: flat.append(as_stored(array)))
    return max(1, min(block_of(flat), n // 1000))


def _placed(whole: Any, part: Any, rows: np.ndarray, n: int) -> Any:
    """Predictions with those of some examples in their places."""
    if isinstance(part, Mapping):
        return {name: _placed(whole and whole[name], each, rows, n) for name, each in part.items()}
    if isinstance(part, list):
        return _placed(whole, {str(number): each for number, each in enumerate(part)}, rows, n)
    if whole is None:
        whole = np.zeros((n, *part.shape[1:]), part.dtype)
    whole[rows] = part
    return whole


def calibrate_rates(
    model: Model,
    x: Any,
    y: Any,
    batch_size: int | None = 32,
    batches: int | None = None,
    seed: int = 0,
    parallel: DataParallel = ALONE,
) -> dict[str, float]:
    """Sets each parameter's learning rate apart by the size of its gradients, without training: parameters
    with large ones get small rates (after Hebel's `calibrate_learning_rate`).

    A parameter's multiplier is 1 / mean |g|, averaged over minibatches, over the largest such; it comes on
    top of what the layers have, as ``model.layer.learning_rate_multiplier``.

    Args:
        model: is built for the data if it is not yet; its parameters stay as they are.
        x, y, batch_size: as in `Model.fit`.
        batches: how many minibatches; None for all.
        seed: of their order.
        parallel: the ranks that train together: each takes over what rank 0 has found.

    Returns:
        the multipliers, by the parameters' paths.
    """
    examples = model.check(x, y)
    paths = [path for path, each in model.parameters.items() if each.trainable]
    parameters = [model.parameters[path].variable for path in paths]
    inputs, cost = model.training_cost(examples)
    gradients = T.grad(cost, parameters)
    sizes = graphlib.function(
        inputs,
        T.stack([T.cast(T.mean(abs(g)), graphlib.config.floatX) for g in gradients]),
        name="sizes_of_gradients",
    )
    order = np.random.RandomState(seed).permutation(examples.count)
    size = batch_size or examples.count
    starts = range(0, examples.count, size)[:batches]
    found = [sizes(*(array[order[first : first + size]] for array in examples.arrays())) for first in starts]
    mean = np.mean(np.asarray(found, "float64"), axis=0)
    if not np.isfinite(mean).all():
        path = paths[int(np.argmin(np.isfinite(mean)))]
        raise DataError(f"the gradient of {path} is not finite: rates cannot be calibrated")
    if not mean.any():
        raise DataError("all gradients are 0: rates cannot be calibrated")
    # A parameter that nothing depends on as yet has no size to be compared; it keeps its rate.
    multipliers = np.where(mean > 0, mean[mean > 0].min() / np.where(mean > 0, mean, 1), 1.0)
    multipliers = parallel.ranks.from_first(multipliers)
    result = dict(zip(paths, map(float, multipliers), strict=True))
    model.layer.scale_learning_rates(result)
    model.compile(model.loss, model.optimizer, model.metrics, model.loss_weights)
    return result
