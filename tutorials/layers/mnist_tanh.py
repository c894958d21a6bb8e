"""The NeuralNetLibrary's perceptron from scratch (S. Jia, 2015) on MNIST, with LeCun's tanh.

It came with no sizes for MNIST; one hidden layer of 200 units is ours. Rate, momentum and minibatch are
those of its example.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import SGD, Dense, Model, Sequential, program
from graphlib.nn.sources import DataSet, Mnist


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """A hidden layer and the classes, of normal weights with variance 2 / (in + out)."""
    layers = [
        Dense(200, "lecun_tanh", initializer="glorot_normal"),
        Dense(10, "softmax", initializer="glorot_normal"),
    ]
    descent = SGD(0.01, momentum=0.9, nesterov=True)
    return Model(Sequential(layers, seed=options.seed), "crossentropy", descent, ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/mnist_tanh",
        model=make_model,
        source=Mnist(),
        epochs=200,
        batch_size=100,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
