"""Hebel's regression: a layer of 100 ReLU, plain descent on the whole set at once.

Its Boston housing is no longer distributed; these are the progress of diabetes in 442 patients, in hundreds,
by ten measurements (B. Efron et al., 2004), as they come with scikit-learn.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import SGD, Dense, Exponential, Model, Sequential, program
from graphlib.nn.sources import DataSet, Diabetes


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """A hidden layer and one number."""
    layers = [Dense(100, "relu"), Dense(1)]
    descent = SGD(Exponential(0.02, 0.9999))
    return Model(Sequential(layers, seed=options.seed), "squared_error", descent)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/regression",
        model=make_model,
        source=Diabetes(standardize=True, target_unit=100),
        epochs=3000,
        batch_size=None,
        validate_every=50,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
