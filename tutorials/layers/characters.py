"""NumpyDL's models of characters: two layers of 200 simple recurrent units, or 300 of an LSTM or a GRU.

They learn each next character of windows of 30, of Moby-Dick where NumpyDL had Shakespeare; and by Adam.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import GRU, LSTM, Adam, Dense, Embedding, Model, Sequential, SimpleRNN, command_line, program
from graphlib.nn.sources import DataSet, Text

CELLS = {"rnn": (SimpleRNN, [200, 200]), "lstm": (LSTM, [300]), "gru": (GRU, [300])}


def add_options(parser: command_line.Parser) -> None:
    """Adds the option that says which recurrent layers there are."""
    parser.manner.add_argument("--cell", choices=CELLS, default="lstm", help="kind of the recurrent layers")


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Vectors of characters, recurrent layers, and the probabilities of the next character."""
    n = len(data.symbols)
    layer, sizes = CELLS[options.cell]
    layers = [
        Embedding(n, 32),
        *(layer(units, return_sequences=True) for units in sizes),
        Dense(n, "softmax"),
    ]
    return Model(Sequential(layers, seed=options.seed), "crossentropy", Adam(clip_norm=5), ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/characters",
        model=make_model,
        source=Text(length=30, characters=100_000),
        epochs=20,
        batch_size=50,
        options=add_options,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
