"""Images and labels in a pickle of three pairs, as the Deep Learning Tutorials' mnist.pkl.gz has them."""

from pathlib import Path

import numpy as np

from .. import DataError
from ..pickles import unpickle
from .dataset import Dataset, Part, make_dataset, square

_PARTS = ("train", "valid", "test")


def read_pickle(path: Path, content: bytes) -> Dataset:
    """The data set of a pickle's content: pairs of images (n, pixels) and labels (n,), arrays or lists.

    Raises:
        DataError: it is no such pickle, or names anything but numpy's arrays; nothing in it was then run.
    """
    pairs = _pairs(path, content)
    if len(pairs) != len(_PARTS):
        raise DataError(f"{path}: holds {len(pairs)} sets, expected training, validation and test set")
    parts = []
    for part, (x, y) in zip(_PARTS, pairs, strict=True):
        name = f"{path}: {part} set"
        if x.ndim == 2:
            x = x.reshape(len(x), *square(x.shape[1], name))
        parts.append(Part(x, y, name, name))
    return make_dataset(str(path), parts)


def _pairs(path: Path, content: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    try:
        pairs = unpickle(content)
        if not isinstance(pairs, (tuple, list)) or not all(isinstance(each, (tuple, list)) for each in pairs):
            raise TypeError("it holds something else than pairs")
        pairs = [(np.asarray(x), np.asarray(y)) for x, y in pairs]
        if not all(array.ndim and array.dtype.kind in "uif" for pair in pairs for array in pair):
            raise TypeError("it holds something else than arrays of numbers")
        return pairs
    # Unpickling a damaged file can raise anything (the documentation of pickle.UnpicklingError says so).
    except Exception as error:
        raise DataError(
            f"{path}: not the historic pickle of MNIST, nor one like it ({' '.join(str(error).split())}); "
            "nothing in it was run. Give mnist.pkl.gz, mnist.npz, a table (.csv), or a folder or an archive "
            "of four IDX files"
        ) from error
