"""What runs read and write: arrays in .npz files, and any file such that a kill never leaves half of one."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..datasets import DataError, files
from ..datasets.npz import read_npz


class UserError(Exception):
    """Something the user gave cannot be used; the message is one line that says what and what to do."""


def make_folder(path: Path) -> None:
    """Creates the folder `path`, with its parents; UserError where nothing can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(
            f"cannot make the folder {path}: {problem.strerror}; choose another with --out"
        ) from None
    if not os.access(path, os.W_OK):
        raise UserError(f"may not write into the folder {path}: choose another with --out")


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Gives `write` a binary file to fill, which then takes the place of `path` in one step.

    A reader, or a run resumed after a kill or a power cut, finds the old file or the new one, never a part.
    Raises UserError where the file cannot be written.
    """
    try:
        files.write_atomically(path, write)
    except OSError as problem:
        raise UserError(f"cannot write {path}: {problem.strerror or problem}") from None


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes named arrays as an uncompressed .npz file, atomically."""
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file (nothing in it is executed); UserError if missing or damaged."""
    if not path.exists():
        raise UserError(f"{path} does not exist")
    try:
        return read_npz(path)
    except DataError as problem:
        raise UserError(str(problem)) from None
