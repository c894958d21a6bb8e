"""Hebel's shallow example on MNIST: 2000 sigmoid units with dropout.

As there, the rate of a layer is divided by the square root of its inputs, and weights begin uniform in
±2 √(6 / (n_in + n_out)).
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import SGD, Dense, Dropout, Exponential, Model, PiecewiseLinear, Sequential, program
from graphlib.nn.initializers import GlorotUniform
from graphlib.nn.sources import DataSet, Mnist


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """A hidden layer with dropout, and the classes."""

    def dense(n_in: int, units: int, activation: str) -> Dense:
        return Dense(
            units, activation, initializer=GlorotUniform(gain=2), learning_rate_multiplier=n_in**-0.5
        )

    layers = [dense(data.train.x.shape[1], 2000, "sigmoid"), Dropout(0.5), dense(2000, 10, "softmax")]
    descent = SGD(Exponential(30, 0.995), momentum=PiecewiseLinear([(0, 0.5), (10, 0.9)]))
    return Model(Sequential(layers, seed=options.seed), "crossentropy", descent, ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/mnist_shallow",
        model=make_model,
        source=Mnist(),
        epochs=50,
        batch_size=100,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
