"""Two tasks on one hidden layer, as Hebel's multitask nets: an iris' kind and the width of its petals."""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import Adam, Dense, Model, Parallel, Sequential, program
from graphlib.nn.sources import DataSet, Iris

SOURCE = Iris(target={"kind": "target", "width": "petal width"}, standardize=True, validation=0.2, test=0.2)


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """A hidden layer, and an output and a loss for each task; that of the width counts half."""
    tasks = Parallel({"kind": Dense(3, "softmax"), "width": Dense(1)}, merge=None)
    return Model(
        Sequential([Dense(20, "tanh"), tasks], seed=options.seed),
        {"kind": "crossentropy", "width": "squared_error"},
        Adam(0.01),
        {"kind": ["error"]},
        loss_weights={"kind": 1, "width": 0.5},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/multitask",
        model=make_model,
        source=SOURCE,
        epochs=100,
        batch_size=10,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
