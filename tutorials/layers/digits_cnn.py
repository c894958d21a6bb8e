"""NumpyDL's small convolutional net, with more filters, on scikit-learn's 1,797 digits of 8 by 8 pixels."""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import AveragePool2D, Conv2D, Dense, Flatten, Model, Reshape, Sequential, program
from graphlib.nn.sources import DataSet, Digits


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Two layers of convolution and mean pooling, and the classes."""
    layers = [
        Reshape([1, 8, 8]),
        Conv2D(16, 3, activation="relu"),
        AveragePool2D(2),
        Conv2D(32, 2, activation="relu"),
        AveragePool2D(2),
        Flatten(),
        Dense(10, "softmax"),
    ]
    return Model(Sequential(layers, seed=options.seed), "crossentropy", "adam", ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/digits_cnn",
        model=make_model,
        source=Digits(),
        epochs=60,
        batch_size=64,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
