"""MNIST, 70,000 handwritten digits (LeCun and Cortes), in the split of the Deep Learning Tutorials.

The four original files are in this folder (README.md says where they come from); `load` also reads other
copies, the tutorials' own mnist.pkl.gz, and whatever has MNIST's format, such as Fashion-MNIST.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data import DataError
from data.files import read
from data.mnist.idx import read_idx
from data.pickles import unpickle

IMAGE_SHAPE = (28, 28)
PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
CLASSES = 10
TRAIN_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


class Split(NamedTuple):
    """Images x, float32 (n, 784) in [0, 1], a row an image, and their labels y, int32 (n,), from 0 to 9."""

    x: np.ndarray
    y: np.ndarray


class Dataset(NamedTuple):
    """The images to learn from, those to choose a model by, and those to judge it by."""

    train: Split
    valid: Split
    test: Split


def load(source: str | os.PathLike | None = None) -> Dataset:
    """The training, validation and test set: 50,000, 10,000 and 10,000 digits.

    A pixel is its byte divided by 256, as in the tutorials' mnist.pkl.gz (so the largest is 255/256): either
    source gives the same numbers, and the division is exact. The validation set is the end of the training
    files, as long as the test set: the tutorials' split.

    Args:
        source: None for the copy shipped here; else a folder that holds the four IDX files, gzipped or not
            (Debian's /usr/share/datasets/fashion-mnist is one), any one of these files, or mnist.pkl.gz.

    Raises:
        DataError: a file is missing, damaged, or not of 28 x 28 images with labels from 0 to 9.
    """
    path = Path(__file__).parent if source is None else Path(source).expanduser()
    if path.is_dir():
        return _from_idx(path)
    if any(path.name in _spellings(name) for name in TRAIN_FILES + TEST_FILES):
        return _from_idx(path.parent)
    return _from_pickle(path)


def _spellings(name: str) -> list[str]:
    """The names an IDX file goes by: as published, or with a dot as some archives have it; and gzipped."""
    dotted = name.replace("-idx", ".idx")
    return [name, f"{name}.gz", dotted, f"{dotted}.gz"]


def _find(folder: Path, name: str) -> Path:
    for spelling in _spellings(name):
        if (folder / spelling).is_file():
            return folder / spelling
    raise DataError(
        f"{folder / name}: missing, with and without .gz; the folder must hold the four files "
        f"{', '.join(TRAIN_FILES + TEST_FILES)}"
    )


def _from_idx(folder: Path) -> Dataset:
    train, test = (_read_pair(folder, *names) for names in (TRAIN_FILES, TEST_FILES))
    held_out = len(test.y)
    if not 0 < held_out < len(train.y):
        raise DataError(
            f"{folder}: {len(train.y)} training and {held_out} test images; the validation set is taken from "
            "the training images, as many as there are test images: get whole files (MNIST: 60000 and 10000)"
        )
    return Dataset(
        train=Split(train.x[:-held_out], train.y[:-held_out]),
        valid=Split(train.x[-held_out:], train.y[-held_out:]),
        test=test,
    )


def _read_pair(folder: Path, images_name: str, labels_name: str) -> Split:
    images_path, labels_path = _find(folder, images_name), _find(folder, labels_name)
    images, labels = read_idx(images_path, IMAGE_SHAPE), read_idx(labels_path, ())
    _check_labels(labels_path, labels, len(images))
    x = np.multiply(images.reshape(-1, PIXELS), 1 / 256, dtype=np.float32)
    return Split(x, labels.astype(np.int32))


def _read_pairs(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (x, y) pairs of arrays in a pickle, in its order: training, validation and test set."""
    content = read(path)
    try:
        pairs = unpickle(content)
        if not all(isinstance(pair, (tuple, list)) for pair in pairs):
            raise TypeError("it holds something else than pairs")
        pairs = [(x, y) for x, y in pairs]
        if not all(isinstance(array, np.ndarray) for pair in pairs for array in pair):
            raise TypeError("it holds something else than arrays of numbers")
        return pairs
    # Unpickling a damaged file can raise anything (the documentation of pickle.UnpicklingError says so).
    except Exception as error:
        raise DataError(
            f"{path}: not the historic pickle of MNIST ({error}); nothing in it was run. Give the Deep "
            "Learning Tutorials' mnist.pkl.gz, or a folder with the four IDX files"
        ) from error


def _from_pickle(path: Path) -> Dataset:
    pairs = _read_pairs(path)
    if len(pairs) != len(Dataset._fields):
        raise DataError(f"{path}: holds {len(pairs)} sets, expected training, validation and test set")
    for name, (x, y) in zip(Dataset._fields, pairs, strict=True):
        if x.ndim != 2 or x.shape[1] != PIXELS or x.dtype.kind != "f":
            raise DataError(
                f"{path}: the {name} images are {x.dtype} of shape {x.shape}, expected floats (n, {PIXELS})"
            )
        if not np.all((x >= 0) & (x <= 1)):
            raise DataError(f"{path}: the {name} images have values outside [0, 1]; get the original file")
        _check_labels(path, y, len(x))
    return Dataset(*(Split(x.astype(np.float32), y.astype(np.int32)) for x, y in pairs))


def _check_labels(path: Path, labels: np.ndarray, images: int) -> None:
    if labels.dtype.kind not in "iu" or labels.shape != (images,):
        raise DataError(
            f"{path}: labels of dtype {labels.dtype} and shape {labels.shape} for {images} images, expected "
            "an integer for each; take images and labels from the same source"
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if len(wrong):
        raise DataError(
            f"{path}: label {labels[wrong[0]]} at position {wrong[0]} ({len(wrong)} such in all), expected 0 "
            f"to {CLASSES - 1}; this is another dataset or a damaged file, get the right one"
        )
