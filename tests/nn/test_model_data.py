"""Minibatches, parts of data sets, labels as rows of zeros and a one; nothing here is compiled."""

import numpy as np
import pytest

from graphlib.datasets import DataError
from graphlib.nn.data import Batches, check_finite, from_one_hot, one_hot, split


def test_minibatches_hold_each_example_once_and_are_shuffled_by_seed_and_epoch():
    x, y = np.arange(23) * 10.0, np.arange(23)
    batches, again = Batches(x, y, batch_size=5, seed=4), Batches(x, y, batch_size=5, seed=4)
    assert len(batches) == 5
    orders = []
    for _ in range(2):
        epoch = [batches[index] for index in range(len(batches))]
        assert [len(part) for part, _ in epoch] == [5, 5, 5, 5, 3]
        for part, targets in epoch:
            np.testing.assert_array_equal(part, targets * 10.0)
        orders.append(np.concatenate([targets for _, targets in epoch]))
        np.testing.assert_array_equal(np.sort(orders[-1]), y)
        np.testing.assert_array_equal(
            np.concatenate([again[index][1] for index in range(len(again))]), orders[-1]
        )
    assert (orders[0] != orders[1]).any() and (orders[0] != y).any()
    with pytest.raises(IndexError, match="minibatch 5 of 5"):
        batches[5]


def test_minibatches_in_order_of_everything_and_of_several_arrays():
    x = {"a": np.arange(6), "b": np.arange(12).reshape(6, 2)}
    whole = Batches(x, shuffle=False)
    assert len(whole) == 1
    np.testing.assert_array_equal(whole[0]["b"], x["b"])
    part, y = Batches((x["a"], x["b"]), x["a"], batch_size=4, shuffle=False)[1]
    np.testing.assert_array_equal(part[1], x["b"][4:])
    np.testing.assert_array_equal(y, [4, 5])
    with pytest.raises(DataError, match=r"x\[0\] has 6, x\[1\] has 5"):
        Batches((x["a"], x["a"][:5]))


def test_splits():
    x, y = np.arange(50), np.repeat([0, 1], [40, 10])
    (a, b), (c, d) = split(x, y, share=0.2, seed=1)
    assert len(c) == 10 and (b == y[a]).all() and (d == y[c]).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([a, c])), x)
    np.testing.assert_array_equal(split(x, share=0.2, seed=1)[1][0], c)
    assert (split(x, share=0.2, seed=2)[1][0] != c).any()
    np.testing.assert_array_equal(split(x, share=0.1, shuffle=False)[1][0], x[45:])
    ((_, first), (_, second)) = split(x, y, share=0.3, stratify=y)
    assert (np.bincount(first).tolist(), np.bincount(second).tolist()) == ([28, 7], [12, 3])
    for share in (0.0, 1.0, 0.001):
        with pytest.raises(DataError, match="share"):
            split(x, share=share)
    with pytest.raises(DataError, match="as many targets as examples"):
        split(x, y[:-1])


def test_one_hot_and_back():
    """A class that does not occur has its column all the same."""
    np.testing.assert_array_equal(one_hot([0, 2], 3), [[1, 0, 0], [0, 0, 1]])
    assert one_hot([0, 2]).shape == (2, 3) and one_hot([[1.0], [0.0]], 2).shape == (2, 1, 2)
    labels = np.random.RandomState(0).randint(5, size=(4, 3))
    np.testing.assert_array_equal(from_one_hot(one_hot(labels, 5)), labels)
    with pytest.raises(DataError, match="label 3 is not among the 3 classes, 0 to 2"):
        one_hot([0, 3], 3)
    with pytest.raises(DataError, match="label -1 is not among"):
        one_hot([0, -1])
    with pytest.raises(DataError, match="labels are whole numbers"):
        one_hot([0.5])


def test_where_a_large_array_is_not_finite():
    x = np.zeros((3000, 2000), "float32")
    check_finite(x, "x")
    x[2999, 7] = -np.inf
    with pytest.raises(DataError, match="x has infinity in example 2999, position 7"):
        check_finite(x, "x")
