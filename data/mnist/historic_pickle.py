"""Reads mnist.pkl.gz, the file of the Deep Learning Tutorials, and lets it run nothing.

It is a Python 2 pickle of three pairs of numpy arrays. A pickle is a program that calls whatever it names:
the three names that arrays need are answered by the stand-ins below, every other is refused, and numpy's
own unpickling, which trusts its input, is not reached either.
"""

import io
import pickle
from pathlib import Path

import numpy as np

from data import DataError
from data.files import read


class _Dtype:
    """Stands for numpy.dtype: ``dtype('f4', 0, 1)``, then a state whose second item is the byte order."""

    _NUMBERS = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f4", "f8"}

    def __init__(self, code: str, align: int = 0, copy: int = 0):
        if code not in self._NUMBERS:
            raise pickle.UnpicklingError(f"an array of dtype {code!r}, not of numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple):
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray, whose content arrives as the state."""

    def __setstate__(self, state: tuple):
        _version, shape, dtype, column_major, content = state
        # Python 2 had one type for text and bytes: as Latin-1, each byte is the character of its number.
        content = content.encode("latin-1") if isinstance(content, str) else content
        flat = np.frombuffer(content, dtype.dtype)
        self.value = flat.reshape(shape, order="F" if column_major else "C")


def _reconstruct(array_class: type, _shape: tuple, _typecode: str) -> _Array:
    """Stands for numpy's function of this name: an array yet to be filled."""
    return array_class()


class _Unpickler(pickle.Unpickler):
    _STAND_INS = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which an array does not need")
        return self._STAND_INS[module, name]


def read_pickle(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The (x, y) pairs of arrays in the file, in its order: training, validation and test set.

    Raises:
        DataError: the file cannot be read, is no such pickle, or names anything but numpy's arrays.
    """
    content = read(path)
    try:
        pairs = _Unpickler(io.BytesIO(content), encoding="latin-1").load()
        return [(x.value, y.value) for x, y in pairs]
    # Unpickling a damaged file can raise anything (the documentation of pickle.UnpicklingError says so).
    except Exception as error:
        raise DataError(
            f"{path}: not the historic pickle of MNIST ({error}); nothing in it was run. Give the Deep "
            "Learning Tutorials' mnist.pkl.gz, or a folder with the four IDX files"
        ) from error
