"""Where the files of the data sets are looked for, and where fetched ones are kept.

A set's files are in a folder of the set's name: in the folder that the environment variable GRAPHLIB_DATA
names, in data/ of a checkout, or in the user's folder of data. Nothing is downloaded unless asked for, by
``python -m graphlib.datasets fetch NAME``.
"""

import os
from pathlib import Path

from . import DataError

VARIABLE = "GRAPHLIB_DATA"
CHECKOUT = Path(__file__).resolve().parents[2] / "data"


def named_folder() -> Path | None:
    """The folder that the environment variable names; None where it is not set."""
    value = os.environ.get(VARIABLE)
    return Path(value).expanduser() if value else None


def own_folder() -> Path:
    """Where fetched files are kept: the folder that GRAPHLIB_DATA names, else the user's folder of data."""
    if named := named_folder():
        return named
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_DATA_HOME")
    try:
        return (Path(base) if base else Path.home() / ".local" / "share") / "graphlib"
    except RuntimeError:
        raise DataError(
            f"there is no home folder to keep data in: name a folder in the environment variable {VARIABLE}"
        ) from None


def target(folder: str | os.PathLike | None, dataset: str) -> Path:
    """The folder that a data set is fetched into: `folder`, or where `find` looks."""
    return own_folder() / dataset if folder is None else Path(folder).expanduser()


def folders() -> list[Path]:
    """The folders that are searched, in their order."""
    named = named_folder()
    if named and not named.is_dir():
        raise DataError(f"{VARIABLE} is {named}, which is no folder: make it, or unset the variable")
    if named:
        return [named, CHECKOUT]
    try:
        return [CHECKOUT, own_folder()]
    except DataError:
        return [CHECKOUT]


def find(dataset: str, name: str) -> Path:
    """The file `name` of a data set, gzipped or not.

    Raises:
        DataError: it is in none of the folders; the message says which these are and how to get it.
    """
    searched, plain = folders(), name.removesuffix(".gz")
    for folder in searched:
        for path in (folder / dataset / plain, folder / dataset / f"{plain}.gz"):
            if path.is_file():
                return path
    looked = " nor ".join(str(folder / dataset) for folder in searched)
    raise DataError(
        f"{name} is neither in {looked}: `python -m graphlib.datasets fetch {dataset}` gets it, or name in "
        f"the environment variable {VARIABLE} a folder with {dataset}/{name}"
    )
