"""Chunk scores: cases worked out by hand after conlleval's rules, and seqeval on random labels."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval import metrics

from graphlib.nn.chunking import chunks, conlleval

CHUNKS = {
    "nothing": ("", set()),
    "only outside": ("O O", set()),
    "one word": ("O B-a O", {(1, 2, "a")}),
    "two words": ("B-a I-a", {(0, 2, "a")}),
    "two chunks of a type": ("B-a B-a I-a", {(0, 1, "a"), (1, 3, "a")}),
    "inside without a beginning": ("O I-a I-a O", {(1, 3, "a")}),
    "inside first": ("I-a O", {(0, 1, "a")}),
    "inside of another type": ("B-a I-b I-b", {(0, 1, "a"), (1, 3, "b")}),
    "types with dashes and dots": ("B-to-loc.city I-to-loc.city", {(0, 2, "to-loc.city")}),
}


@pytest.mark.parametrize(("labels", "expected"), CHUNKS.values(), ids=CHUNKS)
def test_chunks(labels, expected):
    assert chunks(labels.split()) == expected


SCORES = {
    # truth, predicted, chunks right, found, true
    "all right": (["B-a I-a O B-b"], ["B-a I-a O B-b"], 2, 2, 2),
    "too short": (["B-a I-a O"], ["B-a O O"], 0, 1, 1),
    "wrong type": (["B-a I-a B-b"], ["B-b I-b B-b"], 1, 2, 2),
    "split in two": (["B-a I-a I-a"], ["B-a B-a I-a"], 0, 2, 1),
    "none found": (["B-a", "O"], ["O", "O"], 0, 0, 1),
    "none there": (["O"], ["B-a"], 0, 1, 0),
    "nothing at all": (["O"], ["O"], 0, 0, 0),
    "an inside for a beginning is as good": (["O B-a I-a"], ["O I-a I-a"], 1, 1, 1),
    "chunks do not go on into the next sentence": (["B-a", "I-a O"], ["B-a", "I-a O"], 2, 2, 2),
}


@pytest.mark.parametrize(("truth", "predicted", "right", "found", "true"), SCORES.values(), ids=SCORES)
def test_scores(truth, predicted, right, found, true):
    scores = conlleval([each.split() for each in truth], [each.split() for each in predicted])
    precision, recall = right / max(found, 1), right / max(true, 1)
    assert scores.precision == precision and scores.recall == recall
    assert scores.f1 == pytest.approx(2 * precision * recall / max(precision + recall, 1e-9))


LABELS = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "B-a.c", "I-a.c"])
PAIRS = st.lists(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=12), min_size=1, max_size=4)


@given(PAIRS)
def test_scores_are_those_of_seqeval(pairs):
    truth = [[true for true, _ in sentence] for sentence in pairs]
    predicted = [[guess for _, guess in sentence] for sentence in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where seqeval divides by no chunk it says so, and gives 0
        expected = [
            f(truth, predicted) for f in (metrics.precision_score, metrics.recall_score, metrics.f1_score)
        ]
    assert conlleval(truth, predicted) == pytest.approx(expected)


@pytest.mark.parametrize("label", ["a", "B", "B-", "X-a", "", "o", "-a"])
def test_what_is_no_label_is_refused(label):
    with pytest.raises(ValueError, match=f"label '{label}' at word 1"):
        chunks(["O", label])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="sentence 1: 1 true labels, but 2 predicted"):
        conlleval([["O"], ["O"]], [["O"], ["O", "O"]])
    with pytest.raises(ValueError, match="shorter"):
        conlleval([["O"], ["O"]], [["O"]])
