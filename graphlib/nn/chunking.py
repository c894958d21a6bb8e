"""Precision, recall and F1 of labelled chunks, as computed by conlleval, the program of the CoNLL-2000 shared
task (Tjong Kim Sang and Buchholz, 2000): a chunk counts as found if its first and last word and its type are
right.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class ChunkScores(NamedTuple):
    """Precision, recall and their harmonic mean F1, from 0 to 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def chunks(labels: Sequence[str]) -> set[tuple[int, int, str]]:
    """The chunks of a sentence, each as (its first word, the word behind its last, its type).

    A chunk begins at a label B-type, and also at an I-type that does not continue a chunk of that type; it
    ends before the next label that is no I- of its type. Other labels are O.

    Raises:
        ValueError: a label is neither O nor B- or I- and a type.
    """
    found = set()
    start, current = 0, None
    for position, label in enumerate([*labels, "O"]):
        prefix, dash, kind = label.partition("-")
        if label != "O" and not (prefix in ("B", "I") and dash and kind):
            raise ValueError(f"label {label!r} at word {position}; labels are O, B-type and I-type")
        if current is not None and (prefix != "I" or kind != current):
            found.add((start, position, current))
            current = None
        if current is None and prefix != "O":
            start, current = position, kind
    return found


def conlleval(truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> ChunkScores:
    """The scores of predicted labels against the true ones, over all sentences together.

    Args:
        truth: the labels of each sentence.
        predicted: as many sentences of as many labels each.

    Raises:
        ValueError: the two have different lengths, or a label is no IOB label.
    """
    right = n_true = n_predicted = 0
    for number, (ours, theirs) in enumerate(zip(truth, predicted, strict=True)):
        if len(ours) != len(theirs):
            raise ValueError(f"sentence {number}: {len(ours)} true labels, but {len(theirs)} predicted")
        true_chunks, predicted_chunks = chunks(ours), chunks(theirs)
        right += len(true_chunks & predicted_chunks)
        n_true += len(true_chunks)
        n_predicted += len(predicted_chunks)
    precision = right / n_predicted if n_predicted else 0.0
    recall = right / n_true if n_true else 0.0
    # Equal to 2 P R / (P + R), without its rounding.
    f1 = 2 * right / (n_true + n_predicted) if right else 0.0
    return ChunkScores(precision, recall, f1)
