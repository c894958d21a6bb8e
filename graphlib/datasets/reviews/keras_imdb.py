"""Reads imdb.npz, the Large Movie Review Dataset as Keras has it: a review is a list of its words' ranks.

The lists lie in arrays of objects, which numpy stores as pickles; they are read without executing anything.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from .. import DataError
from ..files import check_size, read, read_text
from ..pickles import unpickle

WORD_INDEX = "imdb_word_index.json"

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")

Labelled = tuple[list[np.ndarray], np.ndarray]


def read_npz(path: Path) -> list[Labelled]:
    """The training and test reviews, each (ranks of their words, labels 0 and 1 as int32).

    Raises:
        DataError: the file cannot be read, is no such file, or names anything but numpy's arrays.
    """
    content = read(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_size(sum(archive.getinfo(f"{name}.npy").file_size for name in _ARRAYS), str(path))
            arrays = {name: _read_npy(archive.read(f"{name}.npy")) for name in _ARRAYS}
        reviews = {name: [np.array(review) for review in arrays[name]] for name in ("x_train", "x_test")}
    except DataError:
        raise
    # A damaged file can lead zipfile, numpy and pickle to nearly any exception.
    except Exception as error:
        raise DataError(
            f"{path}: not Keras's imdb.npz ({type(error).__name__}: {error}); nothing in it was "
            "run. Get it again"
        ) from error
    return [_checked(path, name, reviews[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test")]


def _read_npy(content: bytes) -> np.ndarray | list:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    _shape, _column_major, dtype = header[version](file)
    if dtype.hasobject:
        return unpickle(file.read())
    return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)


def _checked(path: Path, name: str, reviews: list[np.ndarray], labels: np.ndarray | list) -> Labelled:
    labels = np.asarray(labels)
    if len(reviews) < 2 or labels.shape != (len(reviews),):
        raise DataError(
            f"{path}: {len(reviews)} {name} reviews, labels of shape {labels.shape}; get it again"
        )
    if not np.isin(labels, (0, 1)).all():
        raise DataError(f"{path}: {name} labels other than 0 and 1; get it again")
    for number, review in enumerate(reviews):
        if review.ndim != 1 or not len(review) or review.dtype.kind not in "iu" or review.min() < 1:
            raise DataError(f"{path}: {name} review {number} is no list of ranks from 1 on; get it again")
    return reviews, labels.astype(np.int32)


def read_word_index(folder: Path) -> dict[int, str]:
    """The words by rank from imdb_word_index.json beside imdb.npz; none where the file is not there.

    Raises:
        DataError: the file is damaged, or no dictionary of ranks.
    """
    path = folder / WORD_INDEX
    if not path.exists():
        return {}
    try:
        return {int(rank): str(word) for word, rank in json.loads(read_text(path)).items()}
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not Keras's dictionary of words ({error}); get it again") from error
