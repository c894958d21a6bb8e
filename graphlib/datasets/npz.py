"""Reads .npz files, arrays by their names: nothing in them is executed, and no small one fills the memory."""

import io
import zipfile
from collections.abc import Container
from pathlib import Path

import numpy as np

from . import DataError
from .files import check_size, read


def read_npz(path: Path, only: Container[str] | None = None) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, all or those whose names are in `only`.

    Raises:
        DataError: the file cannot be read, is damaged or no .npz file, holds Python objects, or more than
            `files.MOST` bytes.
    """
    content = read(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            entries = {name: entry for name, entry in entries.items() if only is None or name in only}
            check_size(sum(entry.file_size for entry in entries.values()), str(path))
            return {name: _read_array(archive.read(entry)) for name, entry in entries.items()}
    except DataError:
        raise
    # A damaged file can lead zipfile and NumPy to nearly any exception.
    except Exception as error:
        raise DataError(f"{path} is damaged, or is no .npz file ({_line(error)})") from error


def _read_array(content: bytes) -> np.ndarray:
    """The array of a .npy file; ValueError unless it is as long as its own header says."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array in version {version} of the format")
    shape, column_major, dtype = readers[version](file)
    if dtype.hasobject:
        raise ValueError("an array of Python objects, which are not read")
    values = np.frombuffer(content, dtype, offset=file.tell())
    return values.reshape(shape, order="F" if column_major else "C").copy()


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
