"""NumpyDL's classifier of sentences by filters of two words and their mean over the sentence.

Its questions (TREC) and word vectors are not distributed; these are the sentences of movie reviews in
data/reviews, positive or negative, and the vectors are learnt.
"""

import _checkout  # noqa: F401

import argparse
import sys
from collections.abc import Sequence

from graphlib.nn import Dense, Dropout, Embedding, GlobalAveragePool, Model, Sequential, program
from graphlib.nn.layers import Conv1D
from graphlib.nn.sources import DataSet, Reviews

WORDS = 5000


def make_model(data: DataSet, options: argparse.Namespace) -> Model:
    """Vectors of words, 100 filters of two words, their mean, and the classes."""
    layers = [
        Embedding(WORDS, 50, padding=0),
        Dropout(0.5),
        Conv1D(100, 2, activation="relu"),
        GlobalAveragePool(),
        Dropout(0.5),
        Dense(2, "softmax"),
    ]
    return Model(Sequential(layers, seed=options.seed), "crossentropy", "adam", ["error"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    return program.main(
        __doc__,
        name="layers/sentence_cnn",
        model=make_model,
        source=Reviews(words=WORDS, length=40),
        epochs=10,
        batch_size=32,
        arguments=arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
