"""Labelled images, one channel each: MNIST, 70,000 handwritten digits (LeCun and Cortes), in the split of the
Deep Learning Tutorials, or others.

MNIST's original four files are in data/mnist (README.md there says where they come from), and `fetch` gets
them from where they are published. `load` also reads other copies and other data of the same form: IDX files
as of Fashion-MNIST, EMNIST and QMNIST, Keras's mnist.npz, the Deep Learning Tutorials' mnist.pkl.gz, and
tables, of images of any size and of any classes.
"""

import os
from pathlib import Path

from ..fetching import Source
from ..fetching import fetch as fetch_file
from ..files import read
from ..location import find, target
from .dataset import Dataset, Split
from .idx_files import TEST_FILES, TRAIN_FILES, is_idx_name, read_idx_files
from .named_arrays import is_npz, read_named_arrays
from .pickled import read_pickle
from .tables import is_table, read_table, read_tables

__all__ = [
    "CLASSES",
    "IMAGE_SHAPE",
    "PIXELS",
    "SOURCES",
    "TEST_FILES",
    "TRAIN_FILES",
    "Dataset",
    "Split",
    "fetch",
    "load",
]

IMAGE_SHAPE = (28, 28)
PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
CLASSES = 10

_PUBLISHED_AT = "https://storage.googleapis.com/cvdf-datasets/mnist"
SOURCES = [
    Source(f"{_PUBLISHED_AT}/{name}.gz", "sha256", checksum)
    for name, checksum in zip(
        (*TRAIN_FILES, *TEST_FILES),
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        strict=True,
    )
]
"""The four files as they are published, gzipped otherwise than those of the checkout."""


def load(source: str | os.PathLike | None = None) -> Dataset:
    """The training, validation and test set: of MNIST, 50,000, 10,000 and 10,000 digits.

    A pixel of a byte is divided by 256, as in the Deep Learning Tutorials' mnist.pkl.gz (so the largest is
    255/256): either source gives the same numbers, and the division is exact. Where the source has no
    validation set of its own, it is the end of the training set, as long as the test set (those tutorials'
    split) or, where that is more than half, a sixth of it; of tables it is drawn at random, always the same.

    Args:
        source: None for MNIST, see `graphlib.datasets.location`; else

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
    if source is None:
        return read_idx_files(find("mnist", TRAIN_FILES[0]).parent, origin="MNIST")
    path = Path(source).expanduser()
    if path.is_dir():
        tables = [each for each in sorted(path.iterdir()) if is_table(each)]
        return read_tables(path, tables) if tables else read_idx_files(path)
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


def fetch(folder: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """Downloads MNIST's four files, each verified by its SHA-256; returns their folder.

    Args:
        folder: where to; None for where `load` finds them.
        mirror: the address of a folder with the same files on another server.

    Raises:
        DataError: there is no connection, or a file's checksum is another.
    """
    folder = target(folder, "mnist")
    for source in SOURCES:
        fetch_file(source.at(mirror), folder / source.name)
    return folder
