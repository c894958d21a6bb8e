"""NumpyDL's perceptron on scikit-learn's 1,797 digits of 8 by 8 pixels: 64-500-10, ReLU."""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import SGD, Dense, Model, Sequential, program
from graphlib.nn.sources import DataSet, Digits


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """A hidden layer and the classes."""
    layers = [Dense(500, "relu"), Dense(10, "softmax")]
    return Model(Sequential(layers, seed=options.seed), "crossentropy", SGD(0.005), ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/digits_perceptron",
        model=make_model,
        source=Digits(),
        epochs=150,
        batch_size=64,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
