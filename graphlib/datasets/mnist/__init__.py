"""Labelled images, one channel each: MNIST, 70,000 handwritten digits (LeCun and Cortes), in the split of the
Deep Learning Tutorials, or others.

MNIST's original four files are in this folder (README.md says where they come from); `load` also reads
other copies and other data of the same form: IDX files as of Fashion-MNIST, EMNIST and QMNIST, Keras's
mnist.npz, the Deep Learning Tutorials' mnist.pkl.gz, and tables, of images of any size and of any classes.
"""

import os
from pathlib import Path

from ..files import read
from ..location import CHECKOUT
from .dataset import Dataset, Split
from .idx_files import TEST_FILES, TRAIN_FILES, is_idx_name, read_idx_files
from .named_arrays import is_npz, read_named_arrays
from .pickled import read_pickle
from .tables import is_table, read_table, read_tables

__all__ = [
    "CLASSES",
    "IMAGE_SHAPE",
    "PIXELS",
    "SHIPPED",
    "TEST_FILES",
    "TRAIN_FILES",
    "Dataset",
    "Split",
    "load",
]

SHIPPED = CHECKOUT / "mnist"

IMAGE_SHAPE = (28, 28)
PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
CLASSES = 10


def load(source: str | os.PathLike | None = None) -> Dataset:
    """The training, validation and test set: of MNIST, 50,000, 10,000 and 10,000 digits.

    A pixel of a byte is divided by 256, as in the tutorials' mnist.pkl.gz (so the largest is 255/256): either
    source gives the same numbers, and the division is exact. Where the source has no validation set of its
    own, it is the end of the training set, as long as the test set (the tutorials' split) or, where that is
    more than half, a sixth of it; of tables it is drawn at random, always the same.

    Args:
        source: None for the copy shipped here; else

            - a folder or an archive (zip, tar, tar.gz) of four IDX files, gzipped or not, or any one of the
              files (of a folder of several sets this chooses one): MNIST, Fashion-MNIST, QMNIST, EMNIST,
              whose images are turned upright, with the names of its classes where its mapping.txt is there;
            - a .npz file with x_train, y_train, x_test, y_test (Keras's mnist.npz) or train_images,
              train_labels, val_images and so on (MedMNIST's);
            - a pickle of three pairs (images, labels), gzipped or not: mnist.pkl.gz;
            - a table (.csv, .tsv, gzipped or not), a row an image: its label, then its pixels; with a header
              the label's column may be anywhere. Or a folder with two of them, for training and for testing.

    Raises:
        DataError: a file is missing, damaged, or has no images of one channel with a class each.
    """
    path = SHIPPED if source is None else Path(source).expanduser()
    if path.is_dir():
        tables = [each for each in sorted(path.iterdir()) if is_table(each)]
        return (
            read_tables(path, tables) if tables else read_idx_files(path, origin=None if source else "MNIST")
        )
    if is_idx_name(path.name):
        return read_idx_files(path.parent, path.name)
    if is_table(path):
        return read_table(path)
    content = read(path)
    if is_npz(content):
        return read_named_arrays(path)
    if content.startswith(b"PK") or content[257:262] == b"ustar":
        return read_idx_files(path)
    return read_pickle(path, content)
