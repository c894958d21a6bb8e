"""Images and labels in tables (CSV): a row an image, its label and its pixels."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import DataError
from ..files import read_text
from .dataset import Dataset, Part, make_dataset, square

_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_LABEL_NAMES = ("label", "labels", "class", "target", "digit", "character", "y")
_SEED_OF_SPLIT = 1234


class _Table(NamedTuple):
    """The rows of a file: pixels (n, pixels) and labels (n,), as they stand there."""

    pixels: np.ndarray
    labels: np.ndarray


def is_table(path: Path) -> bool:
    """Whether a file of this name is a table."""
    return path.name.lower().endswith(_ENDINGS)


def read_table(path: Path) -> Dataset:
    """The data set of one table: of its rows, drawn at random but always the same, a tenth tests.

    Raises:
        DataError: the file cannot be read, or is no table of labels and pixels.
    """
    pixels, labels = _read(path)
    rng = np.random.RandomState(_SEED_OF_SPLIT)
    order = rng.permutation(len(labels))
    tenth = len(labels) // 10
    return _dataset(
        str(path),
        [(path, _Table(pixels[each], labels[each])) for each in (order[tenth:], order[:tenth])],
        rng,
    )


def read_tables(folder: Path, paths: list[Path]) -> Dataset:
    """The data set of a folder's tables, one of which is for training and one for testing by their names.

    Raises:
        DataError: as `read_table`, or there are no such two tables.
    """
    chosen = []
    for part in ("train", "test"):
        fitting = [path for path in paths if part in path.name.lower()]
        if len(fitting) != 1:
            raise DataError(
                f"{folder}: {len(fitting)} of its tables ({', '.join(path.name for path in paths)}) have "
                f"{part} in their name, expected one; or give the path of a single table"
            )
        chosen.append((fitting[0], _read(fitting[0])))
    return _dataset(str(folder), chosen, np.random.RandomState(_SEED_OF_SPLIT))


def _dataset(origin: str, tables: list[tuple[Path, _Table]], rng: np.random.RandomState) -> Dataset:
    parts = []
    for path, (pixels, labels) in tables:
        images = pixels.reshape(len(pixels), *square(pixels.shape[1], str(path)))
        if path.name.startswith("emnist"):
            # They lie on their side there, as in EMNIST's other files.
            images = images.transpose(0, 2, 1)
        parts.append(Part(images, labels, str(path), str(path)))
    return make_dataset(origin, parts, random_split=rng)


def _read(path: Path) -> _Table:
    text = read_text(path)
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    header = next(csv.reader([first_line], delimiter=delimiter))
    if all(_is_number(each) for each in header[1:]):
        column, start = 0, 0
    else:
        column, start = _label_column(path, header), 1
    columns = [each for each in range(len(header)) if each != column]
    rows = [row for row in text.split("\n")[start:] if row]
    if not rows:
        raise DataError(f"{path}: a header and no rows; get it again")
    settings = {"delimiter": delimiter, "quotechar": '"', "ndmin": 2, "comments": None}
    try:
        pixels = np.loadtxt(rows, np.float32, usecols=columns, **settings)
        labels = np.loadtxt(rows, str, usecols=[column], **settings)[:, 0]
    except ValueError as error:
        raise DataError(
            f"{path}: not a table of a label and pixels in every row ({' '.join(str(error).split())})"
        ) from None
    if all(_is_number(each) for each in np.unique(labels)):
        numbers = labels.astype(float)
        labels = numbers.astype(np.int64) if np.array_equal(numbers, np.rint(numbers)) else numbers
    return _Table(pixels, labels)


def _label_column(path: Path, header: list[str]) -> int:
    fitting = [number for number, name in enumerate(header) if name.strip().lower() in _LABEL_NAMES]
    if len(fitting) != 1:
        shown = ", ".join(header[:3]) + ", …" * (len(header) > 3)
        raise DataError(
            f"{path}: {len(fitting)} of its columns ({shown}) are called "
            f"{', '.join(_LABEL_NAMES[:-1])} or {_LABEL_NAMES[-1]}, expected one, the label's"
        )
    return fitting[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
