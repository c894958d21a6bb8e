"""What the tutorials on images share: the data in shared variables, and for those that classify them the
error of a model on a set, and showing what a trained model predicts.
"""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphlib
from graphlib.datasets.mnist import CLASSES, IMAGE_SHAPE, Dataset, load
from graphlib.nn import command_line, provenance, storage
from graphlib.nn.images import read_digit
from graphlib.nn.monitors import Patience
from graphlib.nn.provenance import Provenance
from graphlib.nn.run_folder import BEST_MODEL, CHECKPOINT
from graphlib.nn.stage_monitors import Validation
from graphlib.nn.storage import UserError


class SharedSet(NamedTuple):
    """Examples in shared variables, so that a compiled function is given a minibatch's index, not its data.

    `x` has shape (size, pixels) and dtype floatX, `y` shape (size,) and dtype int32.
    """

    x: Any
    y: Any
    size: int


class SharedData(NamedTuple):
    """A data set of images in shared variables, and what it is."""

    train: SharedSet
    valid: SharedSet
    test: SharedSet
    provenance: Provenance

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return self.provenance.image_shape

    @property
    def n_in(self) -> int:
        """Pixels of an image."""
        return math.prod(self.image_shape)

    @property
    def n_out(self) -> int:
        """How many classes there are."""
        return len(self.provenance.dictionaries["classes"])


def load_shared(source: str | None) -> SharedData:
    """The data set of ``graphlib.datasets.mnist.load(source)`` in shared variables."""
    dataset = load(source)
    sets = []
    for name in ("train", "valid", "test"):
        x, y = getattr(dataset, name)
        sets.append(
            SharedSet(
                graphlib.shared(np.asarray(x, dtype=graphlib.config.floatX), name=f"{name}_x", borrow=True),
                graphlib.shared(np.asarray(y, dtype="int32"), name=f"{name}_y", borrow=True),
                len(x),
            )
        )
    return SharedData(*sets, provenance_of(dataset))


def provenance_of(dataset: Dataset) -> Provenance:
    """Which images these are."""
    return Provenance(
        dataset.origin,
        provenance.fingerprint(*(array for split in dataset for array in split)),
        {"classes": list(dataset.classes)},
        dataset.image_shape,
    )


def data_of_run(options: argparse.Namespace, pixels: int, doing: str) -> Dataset:
    """The data set that the run in `options.out` learnt from, unless --dataset names another one, of images
    of so many `pixels`.

    UserError where the data are not what they were, or are of other images; it says what was `doing`.
    """
    learnt = provenance.find(options.out)
    if "dataset" in options.given:
        dataset = load(options.dataset)
    else:
        if (options.out / CHECKPOINT).exists():
            options = command_line.options_of_run(options, *vars(options).keys() - {"dataset"})
        dataset = load(options.dataset)
        if learnt:
            learnt.check(provenance_of(dataset), doing)
    if math.prod(dataset.image_shape) != pixels:
        raise UserError(
            f"{dataset.origin} has images of shape {dataset.image_shape}, and the model in {options.out} "
            f"learnt from others, of {pixels} pixels: give the data that it learnt from with --dataset"
        )
    return dataset


def image_shape_of(model: Path) -> tuple[int, int]:
    """The rows and columns of the images that the run of a model file learnt from; MNIST's if untold."""
    learnt = provenance.find(model.parent)
    return tuple(learnt.image_shape) if learnt and learnt.image_shape else IMAGE_SHAPE


def count_minibatches(examples: SharedSet, batch_size: int) -> int:
    """How many whole minibatches there are; as in the published programs, the rest is left out."""
    if examples.size < batch_size:
        raise UserError(
            f"--batch-size {batch_size} is more than the {examples.size} examples of {examples.x.name}"
        )
    return examples.size // batch_size


def mean_error(model: Any, y: Any, examples: SharedSet, batch_size: int, name: str) -> Callable[[], float]:
    """A compiled function of no arguments: the fraction of `examples` that `model` gets wrong, now.

    As in the published programs it is that of the whole minibatches, but several are evaluated at a time,
    which is faster, and the wrong ones are counted, so that equal errors compare as equal.
    """
    n_batches = count_minibatches(examples, batch_size)
    at_once = max(
        k for k in range(1, n_batches + 1) if n_batches % k == 0 and (k == 1 or k * batch_size <= 1000)
    )
    n_slices, size = n_batches // at_once, at_once * batch_size
    index = graphlib.tensor.lscalar("index")
    errors = graphlib.function(
        [index],
        model.errors(y),
        givens={
            model.input: examples.x[index * size : (index + 1) * size],
            y: examples.y[index * size : (index + 1) * size],
        },
        name=name,
    )

    def evaluate() -> float:
        wrong = sum(round(float(errors(number)) * size) for number in range(n_slices))
        return wrong / (n_slices * size)

    return evaluate


def descent(
    model: Any, cost: Any, y: Any, examples: SharedSet, batch_size: int, learning_rate: float, name: str
) -> Callable[[int], Any]:
    """A compiled function of a minibatch's index: a step of `model`'s parameters down the gradient of `cost`.

    It returns the cost before the step; `cost` is symbolic, of ``model.input`` and the classes `y`.
    """
    index = graphlib.tensor.lscalar("index")
    rows = slice(index * batch_size, (index + 1) * batch_size)
    gradients = graphlib.tensor.grad(cost, model.params)
    return graphlib.function(
        inputs=[index],
        outputs=cost,
        updates=[
            (param, param - learning_rate * gradient)
            for param, gradient in zip(model.params, gradients, strict=True)
        ],
        givens={model.input: examples.x[rows], y: examples.y[rows]},
        name=name,
    )


def validation(
    model: Any, y: Any, valid_set: SharedSet, test_set: SharedSet, batch_size: int, patience: int
) -> Validation:
    """Early stopping by the published programs' rule, after `patience` minibatches at the earliest."""
    return Validation(
        Patience(patience),
        mean_error(model, y, valid_set, batch_size, name="validate_model"),
        mean_error(model, y, test_set, batch_size, name="test_model"),
    )


def load_parameters(path: Path, *needed: str) -> dict[str, np.ndarray]:
    """The parameters of a trained model by name; UserError if the file or a `needed` one is missing."""
    if not path.exists():
        raise UserError(f"{path} does not exist: train a model first, or say with --out where one is")
    arrays = storage.load_arrays(path)
    for name in needed:
        if name not in arrays:
            raise UserError(f"{path} holds no {name}: it belongs to another model")
    return arrays


def matrix_shape(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> tuple[int, int]:
    """The shape of a matrix among the parameters in the file `path`; UserError if it is none."""
    if arrays[name].ndim != 2:
        raise UserError(f"{path} does not fit this model: its {name} has shape {arrays[name].shape}")
    return arrays[name].shape


def show_predictions(
    predict: Callable[[Path, np.ndarray], tuple[np.ndarray, np.ndarray]], options: argparse.Namespace
) -> None:
    """Prints what the model in `options.out` says of the pictures `options.predict`, or of the test images:
    those of the data that the run learnt from, unless --dataset names others.

    `predict` takes the path of best_model.npz and images (n, pixels); it returns the classes (n,) and the
    probabilities (n, classes).
    """
    model = options.out / BEST_MODEL
    load_parameters(model)
    learnt = provenance.find(options.out)
    classes = learnt.dictionary("classes") if learnt else dict(enumerate(map(str, range(CLASSES))))
    if options.predict:
        shape = image_shape_of(model)
        digits = np.stack([read_digit(path, shape) for path in options.predict])
        for path, label, probabilities in zip(options.predict, *predict(model, digits), strict=True):
            print(f"{path}: {classes[int(label)]} (probability {100 * probabilities[label]:.1f} %)")
        return
    dataset = data_of_run(options, math.prod(image_shape_of(model)), "--predict without a picture")
    if list(dataset.classes) != [*classes.values()]:
        raise UserError(
            f"{dataset.origin} has {len(dataset.classes)} classes, and the model in {options.out} learnt "
            "others: give data with the same ones"
        )
    test = dataset.test
    predicted, _ = predict(model, test.x)
    shown, labels = (_named(each[:10], classes) for each in (predicted, test.y))
    print(f"Predicted values for the first 10 examples in test set: {shown}")
    print(f"Their labels:                                           {labels}")
    wrong = np.flatnonzero(predicted != test.y)
    print(
        f"Wrong: {len(wrong)} of {len(test.y)} ({100 * len(wrong) / len(test.y):.2f} %) of the test set of "
        f"{dataset.origin}; the first of them:"
    )
    for example in wrong[:10]:
        guess, label = (classes[int(each[example])] for each in (predicted, test.y))
        print(f"    example {example}: predicted {guess}, label {label}")


def _named(labels: np.ndarray, classes: Mapping[int, str]) -> str:
    return f"[{' '.join(classes[int(label)] for label in labels)}]"
