"""The NeuralNetLibrary's model of characters (S. Jia, 2015): LSTM units whose state goes on from piece to
piece of the text, AdaGrad, and gradients held between −30 and 30.

It learns Moby-Dick in twenty places at once; validation and test read it likewise, from zeroed states.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import LSTM, AdaGrad, Dense, Embedding, Model, Sequential, program
from graphlib.nn.initializers import Identity
from graphlib.nn.sources import DataSet, Text

STREAMS = 20  # places of the text that are read at once


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Characters as rows of zeros and a one, LSTM units with LeCun's tanh, and the next character."""
    n = len(data.symbols)
    layers = [
        Embedding(n, n, initializer=Identity(), trainable=False),
        LSTM(100, activation="lecun_tanh", return_sequences=True, stateful=True),
        Dense(n, "softmax"),
    ]
    descent = AdaGrad(0.1, clip_value=30)
    return Model(Sequential(layers, seed=options.seed), "crossentropy", descent, ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/characters_stateful",
        model=make_model,
        source=Text(length=50, streams=STREAMS, characters=300_000),
        epochs=20,
        batch_size=STREAMS,
        shuffle=False,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
