"""NumpyDL's classifier of sentences by LSTM units and the mean of their values over the words.

Its questions (TREC) and word vectors are not distributed; these are the sentences of movie reviews in
data/reviews, positive or negative, and the vectors are learnt.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import LSTM, Dense, Dropout, Embedding, GlobalAveragePool, Model, Sequential, program
from graphlib.nn.sources import DataSet, Reviews

WORDS = 5000


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Vectors of words, LSTM units, their mean over the words that there are, and the classes."""
    layers = [
        Embedding(WORDS, 50, padding=0),
        LSTM(50, return_sequences=True),
        GlobalAveragePool(),
        Dropout(0.5),
        Dense(2, "softmax"),
    ]
    return Model(Sequential(layers, seed=options.seed), "crossentropy", "rmsprop", ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/sentence_lstm",
        model=make_model,
        source=Reviews(words=WORDS, length=40),
        epochs=8,
        batch_size=32,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
