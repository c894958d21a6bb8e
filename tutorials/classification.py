"""What the tutorials on MNIST's digits share: the data in shared variables, and for those that classify them
the error of a model on a set, and showing what a trained model predicts.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphlib
import storage
import training
from data.mnist import load
from images import read_digit
from storage import UserError


class SharedSet(NamedTuple):
    """Examples in shared variables, so that a compiled function is given a minibatch's index, not its data.

    `x` has shape (size, 784) and dtype floatX, `y` shape (size,) and dtype int32.
    """

    x: Any
    y: Any
    size: int


def load_shared(source: str | None) -> tuple[SharedSet, SharedSet, SharedSet]:
    """The training, validation and test set of ``data.mnist.load(source)`` in shared variables."""
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
    return tuple(sets)


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
) -> training.Validation:
    """Early stopping by the published programs' rule, after `patience` minibatches at the earliest."""
    return training.Validation(
        training.EarlyStopping(patience, patience_increase=2, improvement_threshold=0.995),
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


def show_predictions(
    predict: Callable[[Path, np.ndarray], tuple[np.ndarray, np.ndarray]], options: argparse.Namespace
) -> None:
    """Prints what the model in `options.out` says of the pictures `options.predict`, or of the test set.

    `predict` takes the path of best_model.npz and images (n, 784); it returns the classes (n,) and the
    probabilities (n, 10).
    """
    model = options.out / training.BEST_MODEL
    if options.predict:
        predicted, probabilities = predict(model, np.stack([read_digit(path) for path in options.predict]))
        for path, label, probability in zip(options.predict, predicted, probabilities, strict=True):
            print(f"{path}: {label} (probability {100 * probability[label]:.1f} %)")
        return
    test = load(options.dataset).test
    predicted, _ = predict(model, test.x)
    print(f"Predicted values for the first 10 examples in test set: {predicted[:10]}")
    print(f"Their labels:                                           {test.y[:10]}")
    wrong = np.flatnonzero(predicted != test.y)
    print(
        f"Wrong: {len(wrong)} of {len(test.y)} ({100 * len(wrong) / len(test.y):.2f} %); the first of them:"
    )
    for example in wrong[:10]:
        print(f"    example {example}: predicted {predicted[example]}, label {test.y[example]}")
