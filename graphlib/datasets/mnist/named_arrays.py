"""Images and labels in a .npz file, named as in Keras's mnist.npz or in MedMNIST's (Yang et al., 2023)."""

import io
import zipfile
from pathlib import Path

import numpy as np

from .. import DataError
from ..npz import read_npz
from .dataset import Dataset, Part, make_dataset

_NAMES = (
    ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
    ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
)


def is_npz(content: bytes) -> bool:
    """Whether these bytes are those of a .npz file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def read_named_arrays(path: Path) -> Dataset:
    """The data set of a .npz file; its validation arrays may be missing.

    Raises:
        DataError: the file is damaged, or has no such arrays.
    """
    arrays = read_npz(path)
    for names in _NAMES:
        pairs = [pair for pair in zip(names[::2], names[1::2], strict=True) if arrays.keys() >= {*pair}]
        if len(pairs) >= 2 and pairs[0][0] == names[0] and pairs[-1][0] == names[-2]:
            return make_dataset(
                str(path),
                [
                    Part(_one_channel(arrays[x]), _flat(arrays[y]), f"{path}, {x}", f"{path}, {y}")
                    for x, y in pairs
                ],
            )
    raise DataError(
        f"{path}: holds the arrays {', '.join(sorted(arrays)) or 'none'}; expected x_train, y_train, x_test "
        "and y_test, as Keras's mnist.npz has them"
    )


def _one_channel(images: np.ndarray) -> np.ndarray:
    return images[..., 0] if images.ndim == 4 and images.shape[3] == 1 else images


def _flat(labels: np.ndarray) -> np.ndarray:
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
