"""The IDX files of a folder or an archive: which belong together, and the forms that MNIST's relatives have.

QMNIST (Yadav and Bottou, 2019) has labels of eight numbers, of which the first is the class; EMNIST (Cohen,
Afshar, Tapson and van Schaik, 2017) has images that lie on their side, and a table of what its classes are.
"""

import re
from pathlib import Path, PurePosixPath

from .. import DataError
from ..archives import members
from ..files import decompress
from .dataset import Dataset, Part, make_dataset
from .idx import parse_idx

TRAIN_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|t10k|test)-(?P<what>images|labels)[-.](?P<form>idx3-ubyte|idx1-ubyte|idx2-int)"
    r"(?:\.gz)?"
)
_MAPPING = re.compile(r"(?P<set>.*-)mapping\.txt")


def is_idx_name(name: str) -> bool:
    """Whether a file of this name is one of the four of a set."""
    return _NAME.fullmatch(name) is not None


def read_idx_files(source: Path, name: str | None = None, origin: str | None = None) -> Dataset:
    """The data set of the four files in a folder or an archive; of several sets that to which `name` belongs.

    `origin` says in a few words what they are, in place of the set's name and the source.

    Raises:
        DataError: a file is missing, damaged or not what it should be, or there are several sets.
    """
    found = members(source, lambda each: any(form.fullmatch(_base(each)) for form in (_NAME, _MAPPING)))
    files = {_base(each): (f"{source / each}", content) for each, content in found}
    sets = sorted({match["set"] for each in files if (match := _NAME.fullmatch(each))})
    chosen = _NAME.fullmatch(name)["set"] if name else sets[0] if sets else ""
    if len(sets) > 1 and not name:
        raise DataError(
            f"{source}: holds the data sets {', '.join(each.rstrip('-') or 'MNIST' for each in sets)}; say "
            "which, by the path of one of its files"
        )
    parts = [
        _read_part(source, files, chosen, test, names)
        for test, names in ((False, TRAIN_FILES), (True, TEST_FILES))
    ]
    origin = origin or f"{chosen.rstrip('-') or 'images'}, {source}"
    return make_dataset(origin, parts, _read_mapping(files, chosen))


def _base(name: str) -> str:
    return PurePosixPath(name).name


def _read_part(
    source: Path, files: dict[str, tuple[str, bytes]], chosen: str, test: bool, names: tuple[str, str]
) -> Part:
    arrays, paths = [], []
    for what, usual in zip(("images", "labels"), names, strict=True):
        fitting = [
            match
            for each in sorted(files)
            if (match := _NAME.fullmatch(each))
            and (match["set"], match["what"]) == (chosen, what)
            and (match["part"] != "train") == test
        ]
        if not fitting:
            raise DataError(
                f"{source / (chosen + usual)}: missing, with and without .gz; the source must hold the four "
                "files "
                f"{', '.join(chosen + each for each in TRAIN_FILES + TEST_FILES)}"
            )
        path, content = files[fitting[0].string]
        # QMNIST's labels have eight numbers, the class first.
        dimensions = {"idx3-ubyte": 3, "idx1-ubyte": 1, "idx2-int": 2}[fitting[0]["form"]]
        arrays.append(parse_idx(decompress(content, path), path, dimensions))
        paths.append(path)
    images, labels = arrays
    if labels.ndim == 2:
        labels = labels[:, 0]
    if chosen.startswith("emnist"):
        images = images.transpose(0, 2, 1)
    return Part(images, labels, *paths)


def _read_mapping(files: dict[str, tuple[str, bytes]], chosen: str) -> dict[int, str]:
    """EMNIST's table: a line a class, its label and the codes of the characters that it stands for."""
    path, content = files.get(f"{chosen}mapping.txt", ("", b""))
    try:
        rows = [[int(each) for each in line.split()] for line in content.decode("ascii").splitlines()]
        return {row[0]: "".join(map(chr, row[1:])) for row in rows if row}
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}: no table of labels and character codes ({error}); get it again") from None
