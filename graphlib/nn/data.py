"""Examples as models take them: minibatches, parts of a data set, labels as rows of zeros and a one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphlib.datasets import DataError

from .epochs import Epochs
from .places import place_of
from .stored.base import Stored, as_stored, is_stored
from .stored.order import Blocks, check_batch_size
from .stored.reader import Reader


class Batches:
    """The minibatches of examples, in another order in every epoch: ``batches[i]`` for i in
    ``range(len(batches))``.

    What `Model.fit` takes in place of arrays is such an object, or any other that has ``len`` and ``[i]``;
    index 0 begins an epoch.

    Args:
        x: an array whose first axis is that of the examples, or a mapping or tuple of such.
        y: targets, likewise; None for a minibatch of x alone.
        batch_size: examples of a minibatch, of which the last may have fewer; None for all.
        shuffle: whether each epoch has another order, which depends on nothing but seed and epoch.
        seed: of the orders.
        buffer: of arrays that are read piece by piece (see `graphlib.nn.stored`), the megabytes of memory
            for the examples that are shuffled among each other, and for the next that are read meanwhile.
        block: of such arrays, how many rows that follow each other in the file stay together in shuffling;
            None for what the file is best read in. See `graphlib.nn.stored.order`.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        buffer: float = 256,
        block: int | None = None,
    ):
        self.x, self.y = x, y
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.buffer, self.block = buffer, block
        both = x if y is None else (x, y)
        n = count(both)
        self._reader: Reader | None = None
        self.blocks: Blocks | None = None
        if any_stored(both):
            flat: list[Any] = []
            each(both, flat.append)
            arrays = [as_stored(array) for array in flat]
            self.blocks = Blocks.of(arrays, batch_size, shuffle, buffer, block)
            self.order = Epochs(self.blocks.minibatches, seed)
            self._reader = Reader(arrays, self.order)
        else:
            self.order = Epochs(rows_of_minibatches(np.arange(n), batch_size, shuffle), seed)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"minibatch {index} of {len(self)}")
        if self._reader is not None:
            found = iter(self._reader[index])
            return each(self.x if self.y is None else (self.x, self.y), lambda array: next(found))
        rows = self.order[index]
        x = each(self.x, lambda array: np.asarray(array)[rows])
        return x if self.y is None else (x, each(self.y, lambda array: np.asarray(array)[rows]))


def rows_of_minibatches(
    rows: np.ndarray, batch_size: int | None, shuffle: bool, whole: bool = False
) -> Callable[[np.random.RandomState], list[np.ndarray]]:
    """What `Epochs` deals: the rows of each minibatch, of all these `rows`, int64.

    whole: leave out a last minibatch with fewer examples.
    """
    n = len(rows)
    check_batch_size(batch_size)
    size = n if batch_size is None else min(batch_size, n)
    stop = n - n % size if whole else n

    def minibatches(rng: np.random.RandomState) -> list[np.ndarray]:
        order = rng.permutation(rows) if shuffle else rows
        return [order[first : first + size] for first in range(0, stop, size)]

    return minibatches


def split(
    *arrays: Any, share: float = 0.1, shuffle: bool = True, stratify: Any = None, seed: int = 0
) -> tuple[tuple, tuple]:
    """Two parts of arrays with the same first axis: ``(x, y), (x_valid, y_valid) = split(x, y, share=0.1)``.

    Args:
        arrays: arrays, or mappings or tuples of them.
        share: of the examples in the second part, between 0 and 1; rounded to the nearest whole number.
        shuffle: whether the second part is drawn at random; else it is the end.
        stratify: labels (n,) of which both parts are to have the same shares, as nearly as can be.
        seed: of the draw.

    Raises:
        DataError: lengths differ, or a part would be empty.
    """
    n = count(arrays)
    first, second = split_rows(n, share, shuffle, stratify, seed)

    def part(rows: np.ndarray) -> tuple:
        return tuple(each(a, lambda array: np.asarray(array)[rows]) for a in arrays)

    return part(first), part(second)


def split_rows(
    n: int, share: float, shuffle: bool = True, stratify: Any = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both parts of `split`, each in ascending order."""
    check_share(n, share)
    rng = np.random.RandomState(seed)
    if stratify is None:
        taken = round(n * share)
        order = rng.permutation(n) if shuffle else np.arange(n)
        second = order[n - taken :]
    else:
        labels = np.asarray(stratify)
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        second = np.concatenate([rng.permutation(group)[: round(len(group) * share)] for group in groups])
    check_share(n, share, len(second))
    chosen = np.zeros(n, bool)
    chosen[second] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def check_share(n: int, share: float, taken: int | None = None) -> None:
    """DataError unless a share of n examples, which are so many, leaves none of both parts empty."""
    if not 0 < share < 1:
        raise DataError(f"a share of {share} of the examples is asked for: give one between 0 and 1")
    taken = round(n * share) if taken is None else taken
    if not 0 < taken < n:
        raise DataError(f"{share} of {n} examples are {taken}, which leaves a part empty: give another share")


def one_hot(labels: Any, classes: int | None = None, dtype: Any = "float32") -> np.ndarray:
    """Labels (…) as rows of zeros with a one in the label's column, (…, classes).

    Args:
        classes: None for the largest label and 1.

    Raises:
        DataError: a label is no whole number in [0, classes).
    """
    labels = np.asarray(labels)
    whole = labels.astype("int64") if labels.dtype.kind in "iubf" else None
    if whole is None or not np.array_equal(whole, labels):
        raise DataError(f"labels are whole numbers, from 0; these are {labels.dtype}")
    n = int(whole.max(initial=-1)) + 1 if classes is None else classes
    wrong = whole[(whole < 0) | (whole >= n)]
    if wrong.size:
        raise DataError(f"label {wrong[0]} is not among the {n} classes, 0 to {n - 1}")
    hot = np.zeros((*whole.shape, n), dtype)
    np.put_along_axis(hot, whole[..., None], 1, axis=-1)
    return hot


def from_one_hot(rows: Any) -> np.ndarray:
    """The labels of rows as `one_hot` gives them, or of probabilities: the column of the largest, int64."""
    return np.asarray(rows).argmax(axis=-1).astype("int64")


def each(arrays: Any, function: Callable[[Any], Any]) -> Any:
    """A function of each array of a mapping or tuple of arrays, or of the one array."""
    if isinstance(arrays, Mapping):
        return {name: each(a, function) for name, a in arrays.items()}
    if isinstance(arrays, tuple):
        return tuple(each(a, function) for a in arrays)
    return function(arrays)


def any_stored(arrays: Any) -> bool:
    """Whether one of arrays is read piece by piece."""
    found: list[bool] = []
    each(arrays, lambda array: found.append(is_stored(array)))
    return any(found)


def by_name(arrays: Any, name: str) -> dict[str, Any]:
    """Arrays by names for messages: ``{"x": …}``, or ``{"x['words']": …}``, ``{"x[0]": …}`` of several."""
    if isinstance(arrays, Mapping):
        return {f"{name}[{key!r}]": a for key, a in arrays.items()}
    if isinstance(arrays, tuple):
        return {f"{name}[{number}]": a for number, a in enumerate(arrays)}
    return {name: arrays}


def count(arrays: Any, name: str = "x") -> int:
    """How many examples there are; DataError where arrays have different lengths, or none."""
    lengths: dict[str, int] = {}

    def note(array: Any, called: str) -> None:
        if isinstance(array, (Mapping, tuple)):
            for inner, a in by_name(array, called).items():
                note(a, inner)
        else:
            lengths[called] = len(array)

    note(arrays, name)
    check_lengths(lengths)
    return next(iter(lengths.values()))


def check_lengths(lengths: Mapping[str, int]) -> None:
    """DataError unless all arrays have the same number of examples, and at least one."""
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise DataError(f"there must be as many targets as examples: {found}")
    if not next(iter(lengths.values()), 0):
        raise DataError(f"{' and '.join(lengths)} have no examples")


def check_whole(n: int, size: int, called: str = "") -> None:
    """DataError unless n examples, which messages call so, are a whole number of minibatches of this size."""
    if n % size:
        raise DataError(
            f"{n} {called}examples are no whole number of minibatches of {size}, in which stateful layers go "
            "on from one to the next: leave examples out, or give another batch_size"
        )


def check_finite(array: np.ndarray, name: str) -> None:
    """DataError, with the places, if an array has NaN or infinity in it."""
    if array.dtype.kind != "f":
        return
    rows = max(1, 2**22 // max(1, array[:1].size))  # so that no second array as large as the data is made
    for first in range(0, len(array), rows):
        finite = np.isfinite(array[first : first + rows])
        if finite.all():
            continue
        place = np.argwhere(~finite)[0]
        place[0] += first
        value = array[tuple(place)]
        where = place_of(place[0])
        if len(place) > 1:
            where += f", position {', '.join(map(str, place[1:]))}"
        raise DataError(
            f"{name} has {'NaN' if np.isnan(value) else 'infinity'} in {where} (counted from 0): fill such "
            "values or leave the examples out"
        )


def as_array(values: Any, name: str) -> np.ndarray | Stored:
    """Numbers as an array; DataError for anything else, and for lists of unequal lengths."""
    if is_stored(values):
        return as_stored(values, name)
    try:
        array = np.asarray(values)
    except ValueError:
        array = None
    if array is None or array.dtype.kind not in "iubf":
        if array is None and isinstance(values, list) and isinstance(values[0], np.ndarray):
            raise DataError(
                f"{name} is a list of arrays of several shapes: several inputs are given in a tuple, or by "
                "name, and sequences of several lengths in one array, filled up"
            )
        raise DataError(f"{name} must be numbers in an array, and is {_unlike_numbers(values, array)}")
    if not array.ndim:
        raise DataError(f"{name} is the single number {array}: give an array, an example a row")
    return array


def _unlike_numbers(values: Any, array: np.ndarray | None) -> str:
    """What values are that are no numbers in an array, and what to do about it."""
    if hasattr(values, "toarray"):
        return (
            "a sparse matrix: its method toarray makes an array of it; graphlib.nn.Classifier and Regressor "
            "take it as it is"
        )
    if array is None:
        return "lists of unequal lengths: turn it into numbers first"
    first = array.flat[0] if array.size else None
    if isinstance(first, str):
        return (
            f"texts, such as {str(first)!r}: np.unique(texts, return_inverse=True) numbers classes; "
            "graphlib.nn.Classifier takes them as they are"
        )
    return f"of dtype {array.dtype}: turn it into numbers first"
