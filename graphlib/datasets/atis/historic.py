"""Reads the historic pickles of ATIS, those of the Deep Learning Tutorials, without executing anything.

They are Python 2 pickles of (training, test, dictionaries), or of (training, validation, test,
dictionaries); a set has three lists of integer arrays, an array a sentence: words, entities of the
database's tables, and labels.
"""

from pathlib import Path

import numpy as np

from .. import DataError
from ..files import read
from ..pickles import unpickle
from .indexed import LABEL

Sequences = list[np.ndarray]


def read_pickle(path: Path) -> tuple[list[tuple[Sequences, Sequences]], dict[int, str], dict[int, str]]:
    """The two or three sets, each (words, labels) as int32 index arrays, and what the indices stand for.

    Raises:
        DataError: the file cannot be read, is no such pickle, names anything but numpy's arrays, or has
            sentences that do not fit their labels or the dictionaries.
    """
    content = read(path)
    try:
        *sets, dictionaries = unpickle(content)
        words, labels = (
            {int(index): str(entry) for entry, index in dictionaries[name].items()}
            for name in ("words2idx", "labels2idx")
        )
        sets = [(_as_arrays(query), _as_arrays(row)) for query, _tables, row in sets]
        if len(sets) not in (2, 3) or not all(query for query, _ in sets):
            raise ValueError(f"{len(sets)} sets, or an empty one")
    # Unpickling a damaged file can raise anything (the documentation of pickle.UnpicklingError says so).
    except Exception as error:
        raise DataError(
            f"{path}: not a historic pickle of ATIS ({type(error).__name__}: {error}); nothing in it was "
            "run. Give atis.pkl, one of atis.fold0.pkl to atis.fold4.pkl, or a folder of ATIS files"
        ) from error
    for name, dictionary in (("words2idx", words), ("labels2idx", labels)):
        if sorted(dictionary) != list(range(len(dictionary))):
            raise DataError(f"{path}: the indices of {name} have gaps; get the original file")
    wrong = [label for label in labels.values() if not LABEL.fullmatch(label)]
    if wrong:
        raise DataError(f"{path}: label {wrong[0]!r}, expected O, B-name or I-name; get the original file")
    for number, (queries, rows) in enumerate(sets):
        _check(f"{path}, set {number}", queries, rows, len(words), len(labels))
    return sets, words, labels


def _as_arrays(sequences: list) -> Sequences:
    arrays = [np.asarray(each) for each in sequences]
    if any(each.dtype.kind not in "iu" or each.ndim != 1 for each in arrays):
        raise TypeError("a sentence that is no array of integers")
    return [each.astype(np.int32) for each in arrays]


def _check(where: str, queries: Sequences, rows: Sequences, words: int, labels: int) -> None:
    if len(queries) != len(rows):
        raise DataError(f"{where}: {len(queries)} sentences, labels of {len(rows)}; get the original file")
    for number, (query, row) in enumerate(zip(queries, rows, strict=True)):
        if len(query) != len(row) or not len(query):
            raise DataError(
                f"{where}: sentence {number} has {len(query)} words and {len(row)} labels; "
                "get the original file"
            )
        for indices, limit in ((query, words), (row, labels)):
            if indices.min() < 0 or indices.max() >= limit:
                raise DataError(
                    f"{where}: sentence {number} has indices from {indices.min()} to {indices.max()}, but "
                    f"its dictionary has {limit} entries; get the original file"
                )
