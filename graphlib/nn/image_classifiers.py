"""Programs that classify images: training as a command line says, and what a trained model predicts."""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import graphlib

from ..datasets.mnist import CLASSES
from . import command_line, provenance, training
from .image_data import SharedData, data_of_run, image_shape_of, load_shared
from .images import read_digit
from .minibatches import count_minibatches, descent, validation
from .progress import say
from .run_folder import ABOUT, BEST_MODEL, load_about, load_parameters
from .storage import UserError
from .training import Outcome
from .whitening import Kind, Whitening


def train(
    options: argparse.Namespace,
    build: Callable[[Any, SharedData, np.random.RandomState], Any],
    *,
    cost: Callable[[Any, Any], Any],
    parameters_of: Callable[[Any], Mapping[str, Any]],
    illustrate: Callable[[Any, SharedData], Callable[[Mapping[str, np.ndarray], Path], None]],
    patience: int,
    about: Mapping[str, np.ndarray] | None = None,
) -> Outcome:
    """Trains a classifier by descent as the options say, and writes the results to the folder `options.out`.

    Args:
        build: makes the model of symbolic images (n, pixels), for these data, from random numbers. It has
            `input`, `params`, and `errors(y)`, the fraction of the classes `y` that it gets wrong.
        cost: what is descended, of the model and the symbolic classes (n,).
        parameters_of: the model's parameters by name.
        illustrate: what draws pictures of the best parameters, by name, into a folder, of the model and the
            data.
        patience: minibatches before training may stop early.
        about: what else is to be known to use the parameters, by name; see `run_folder.load_about`.
    """
    parallel = command_line.parallel_of(options)
    say("... loading the data")
    data = load_shared(options.dataset, options.whiten)
    n_minibatches = count_minibatches(data.train, options.batch_size)

    say("... building the model")
    x, y = graphlib.tensor.matrix("x"), graphlib.tensor.ivector("y")
    model = build(x, data, np.random.RandomState(options.seed))
    rate = command_line.learning_rate_of(options)
    step = descent(
        model,
        cost(model, y),
        y,
        data.train,
        options.batch_size,
        rate.value,
        "train_model",
        parallel,
    )
    draw = illustrate(model, data)

    say("... training")
    return training.train(
        step,
        n_minibatches,
        epochs=options.epochs,
        monitor=validation(model, y, data.valid, data.test, options.batch_size, patience, parallel),
        model=parameters_of(model),
        data=data.provenance,
        illustrate=draw,
        begin_epoch=rate.begin_epoch,
        about={
            **{f"{ABOUT}{name}": array for name, array in (about or {}).items()},
            **(data.whitening.about() if data.whitening else {}),
        },
        **command_line.run_of(options),
    )


def add_whitening(parser: command_line.Parser, *kinds: Kind) -> None:
    """Adds the option --whiten, with these choices, which `train` and `show_predictions` follow."""
    parser.where.add_argument(
        "--whiten",
        choices=kinds,
        help="whiten the images by the covariance of the training images' pixels"
        + (": pca gives coordinates along its axes, zca images" if "pca" in kinds else ", to images again"),
    )


def show_predictions(
    predict: Callable[[Path, np.ndarray], tuple[np.ndarray, np.ndarray]], options: argparse.Namespace
) -> None:
    """Prints what the model in `options.out` says of the pictures `options.predict`, or of the test images:
    those of the data that the run learnt from, unless --dataset names others.

    `predict` takes the path of best_model.npz and images (n, pixels), whitened as those learnt from were; it
    returns the classes (n,) and the probabilities (n, classes).
    """
    model = options.out / BEST_MODEL
    load_parameters(model)
    whitening = Whitening.of_about(load_about(model)) or (lambda x: x)
    learnt = provenance.find(options.out)
    classes = learnt.dictionary("classes") if learnt else dict(enumerate(map(str, range(CLASSES))))
    if options.predict:
        shape = image_shape_of(model)
        digits = np.stack([read_digit(path, shape) for path in options.predict])
        for path, label, probabilities in zip(
            options.predict, *predict(model, whitening(digits)), strict=True
        ):
            print(f"{path}: {classes[int(label)]} (probability {100 * probabilities[label]:.1f} %)")
        return
    dataset = data_of_run(options, math.prod(image_shape_of(model)), "--predict without a picture")
    if list(dataset.classes) != [*classes.values()]:
        raise UserError(
            f"{dataset.origin} has {len(dataset.classes)} classes, and the model in {options.out} learnt "
            "others: give data with the same ones"
        )
    test = dataset.test
    predicted, _ = predict(model, whitening(test.x))
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
