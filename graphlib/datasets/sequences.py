"""Minibatches of sequences of different lengths: which to put together, and padding them to one array."""

from collections.abc import Sequence

import numpy as np


def bucketed_minibatches(
    lengths: Sequence[int], batch_size: int, rng: np.random.RandomState, buckets: int = 50
) -> list[np.ndarray]:
    """The positions of all sequences in minibatches of about equal lengths, in random order.

    The sequences are shuffled, sorted by length within groups of `buckets` minibatches, and cut into
    minibatches, which are shuffled again: little of a minibatch is padding, and every epoch has others.

    Args:
        lengths: the length of each sequence.
        batch_size: how many sequences a minibatch has; the last one of the last group may have fewer.
        rng: makes the choice.
        buckets: how many minibatches are sorted together; 1 is plain shuffling.
    """
    if batch_size < 1 or buckets < 1:
        raise ValueError(f"batch_size {batch_size} and buckets {buckets}: both must be at least 1")
    lengths = np.asarray(lengths)
    order = rng.permutation(len(lengths))
    group = batch_size * buckets
    minibatches = []
    for start in range(0, len(order), group):
        part = order[start : start + group]
        part = part[np.argsort(lengths[part], kind="stable")]
        minibatches += [part[each : each + batch_size] for each in range(0, len(part), batch_size)]
    return [minibatches[position] for position in rng.permutation(len(minibatches))]


def pad(sequences: Sequence[np.ndarray], dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    """Sequences of indices as one array of the length of the longest, and a mask of what is no padding.

    Args:
        sequences: at least one, each of shape (its length,).
        dtype: of the mask: graphlib.config.floatX.

    Returns:
        The indices, int64, 0 for padding, and the mask, 1 and 0, both of shape (time, sequences).
    """
    if not sequences:
        raise ValueError("a minibatch needs at least one sequence")
    lengths = np.array([len(each) for each in sequences])
    mask = np.arange(lengths.max())[:, None] < lengths
    indices = np.zeros(mask.shape, np.int64)
    indices.T[mask.T] = np.concatenate(sequences)
    return indices, mask.astype(dtype)
