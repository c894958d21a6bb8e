"""The NeuralNetLibrary's modified perceptron (S. Jia, 2015) on MNIST: in front of each layer a learnt mixing
of the rows and columns of what it is given, read as a picture.

The matrices that mix have no L2. That of the others adds reg · W to the gradient; `L2` here is weight · Σ W²,
so that the weight is half of reg, which is .00015 as of the perceptron without mixing.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import L2, SGD, Dense, Model, RowColumnMixing, Sequential, program
from graphlib.nn.sources import DataSet, Mnist


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Layers of 784 and 400 ReLU and the classes, of normal weights with variance 2 / (in + out)."""
    layers = []
    for units, activation in ((784, "relu"), (400, "relu"), (10, "softmax")):
        dense = Dense(units, activation, initializer="glorot_normal", regularizer=L2(0.00015 / 2))
        layers += [RowColumnMixing(window=5, gain=1.5), dense]
    descent = SGD(0.005, momentum=0.99, nesterov=True)
    return Model(Sequential(layers, seed=options.seed), "crossentropy", descent, ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/mnist_mixing",
        model=make_model,
        source=Mnist(),
        epochs=100,
        batch_size=500,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
