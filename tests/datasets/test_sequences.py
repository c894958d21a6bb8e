"""Minibatches of sequences: padding and the mask, and putting those of about equal lengths together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlib.datasets.sequences import bucketed_minibatches, pad

SEQUENCES = st.lists(st.lists(st.integers(1, 99), max_size=7), min_size=1, max_size=6)


@given(SEQUENCES, st.sampled_from(["float32", "float64"]))
def test_padding_and_mask(sequences, dtype):
    indices, mask = pad([np.array(each, np.int32) for each in sequences], dtype)
    assert indices.dtype == np.int64 and mask.dtype == dtype
    assert indices.shape == mask.shape == (max(map(len, sequences)), len(sequences))
    for column, sequence in enumerate(sequences):
        assert indices[: len(sequence), column].tolist() == sequence
        assert not indices[len(sequence) :, column].any()
        assert mask[:, column].tolist() == [1] * len(sequence) + [0] * (len(mask) - len(sequence))


def test_padding_nothing():
    with pytest.raises(ValueError, match="at least one sequence"):
        pad([])


@given(st.lists(st.integers(1, 50), max_size=200), st.integers(1, 9), st.integers(1, 5), st.integers(0, 9))
def test_every_sequence_is_in_one_minibatch(lengths, batch_size, buckets, seed):
    minibatches = bucketed_minibatches(lengths, batch_size, np.random.RandomState(seed), buckets)
    assert sorted(i for each in minibatches for i in each) == list(range(len(lengths)))
    sizes = sorted(len(each) for each in minibatches)
    assert sizes[1:] == [batch_size] * len(sizes[1:])
    again = bucketed_minibatches(lengths, batch_size, np.random.RandomState(seed), buckets)
    assert [each.tolist() for each in again] == [each.tolist() for each in minibatches]


def test_minibatches_have_little_padding_and_change_from_epoch_to_epoch():
    rng = np.random.RandomState(0)
    lengths = rng.randint(1, 101, size=2000)
    first, second = (bucketed_minibatches(lengths, 16, rng) for _ in range(2))
    assert [each.tolist() for each in first] != [each.tolist() for each in second]

    def padded(minibatches):
        return sum(len(each) * lengths[each].max() for each in minibatches) / lengths.sum()

    # Of 16 uniform lengths up to 100 the longest is 16/17 · 100 on average, about 1.9 times the mean.
    assert padded(bucketed_minibatches(lengths, 16, rng, buckets=1)) > 1.7
    assert padded(first) < 1.1
    # Long and short minibatches alternate: sorted order would have next to no change of direction.
    means = np.array([lengths[each].mean() for each in first])
    turns = np.count_nonzero(np.diff(np.sign(np.diff(means))))
    assert turns > len(means) / 3


@pytest.mark.parametrize(("batch_size", "buckets"), [(0, 1), (1, 0), (-1, 5)])
def test_sizes_must_be_positive(batch_size, buckets):
    with pytest.raises(ValueError, match="both must be at least 1"):
        bucketed_minibatches([1, 2], batch_size, np.random.RandomState(0), buckets)
