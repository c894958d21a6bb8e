"""Hebel's deep example on MNIST: five layers of ReLU with dropout, also of the pixels, and Nesterov's
momentum.

As there, the rate of a layer is divided by the square root of its inputs. It ran for 3,000 epochs.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import SGD, Dense, Dropout, Exponential, Model, PiecewiseLinear, Sequential, program
from graphlib.nn.sources import DataSet, Mnist


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Layers of 2000, 2000, 2000, 500 and 500 units, and the classes."""
    layers, n_in = [Dropout(0.2)], data.train.x.shape[1]
    for units in (2000, 2000, 2000, 500, 500):
        layers += [Dense(units, "relu", learning_rate_multiplier=n_in**-0.5), Dropout(0.5)]
        n_in = units
    layers.append(Dense(10, "softmax", learning_rate_multiplier=n_in**-0.5))
    momentum = PiecewiseLinear([(0, 0.1), (200, 0.99)])
    descent = SGD(Exponential(2, 0.995), momentum, nesterov=True)
    return Model(Sequential(layers, seed=options.seed), "crossentropy", descent, ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/mnist_deep",
        model=make_model,
        source=Mnist(),
        epochs=100,
        batch_size=100,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
