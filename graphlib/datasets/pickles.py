"""Reads pickles of numpy arrays and plain containers, and lets them run nothing.

A pickle is a program that calls whatever it names: the names that arrays need are answered by the stand-ins
below, every other is refused, and numpy's own unpickling, which trusts its input, is not reached either.
"""

import io
import pickle

import numpy as np


class _Dtype:
    """Stands for numpy.dtype: ``dtype('f4', 0, 1)``, then a state whose second item is the byte order."""

    _NUMBERS = frozenset(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)) | {"f4", "f8"}
    _OBJECTS = frozenset({"O", "O4", "O8"})

    def __init__(self, code: str, align: int = 0, copy: int = 0):
        if code not in self._NUMBERS | self._OBJECTS:
            raise pickle.UnpicklingError(f"an array of dtype {code!r}, not of numbers")
        self.code = code
        self.dtype = np.dtype("O") if code in self._OBJECTS else np.dtype(code)

    def __setstate__(self, state: tuple):
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray, whose content arrives as the state."""

    def __setstate__(self, state: tuple):
        _version, shape, dtype, column_major, content = state
        if dtype.dtype == object:
            if shape != (len(content),):
                raise pickle.UnpicklingError(f"an array of dtype {dtype.code!r} and shape {shape}")
            self.value = list(content)
            return
        # Python 2 had one type for text and bytes: as Latin-1, each byte is the character of its number.
        content = content.encode("latin-1") if isinstance(content, str) else content
        flat = np.frombuffer(content, dtype.dtype)
        self.value = flat.reshape(shape, order="F" if column_major else "C")


def _frombuffer(content: bytes | bytearray, dtype: _Dtype, shape: tuple, order: str) -> np.ndarray:
    """Stands for numpy's function of this name, by which protocol 5 has arrays."""
    if dtype.dtype == object or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array of dtype {dtype.code!r} and order {order!r}")
    return np.frombuffer(content, dtype.dtype).reshape(shape, order=order)


def _scalar(dtype: _Dtype, content: bytes | str) -> int | float:
    """Stands for numpy.core.multiarray.scalar, a number by its bytes."""
    content = content.encode("latin-1") if isinstance(content, str) else content
    if dtype.dtype == object or len(content) != dtype.dtype.itemsize:
        raise pickle.UnpicklingError(f"a number of dtype {dtype.code!r} in {len(content)} bytes")
    return np.frombuffer(content, dtype.dtype)[0].item()


def _reconstruct(array_class: type, _shape: tuple, _typecode: str) -> _Array:
    """Stands for numpy's function of this name: an array yet to be filled."""
    return array_class()


def _encode(text: str, encoding: str) -> bytes:
    """Stands for _codecs.encode, by which Python 3 writes bytes in the protocols of Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes encoded as {encoding}")
    return text.encode(encoding)


class _Unpickler(pickle.Unpickler):
    _STAND_INS = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy.core.numeric", "_frombuffer"): _frombuffer,
        ("numpy._core.numeric", "_frombuffer"): _frombuffer,
        ("numpy.core.multiarray", "scalar"): _scalar,
        ("numpy._core.multiarray", "scalar"): _scalar,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self._STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which an array does not need")
        return self._STAND_INS[module, name]


def _plain(value: object) -> object:
    """`value` with numpy's arrays, or for arrays of objects lists, in place of the stand-ins."""
    if isinstance(value, _Array):
        return _plain(value.value) if isinstance(value.value, list) else value.value
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value


def unpickle(content: bytes) -> object:
    """What a pickle of arrays, numbers and text in lists, tuples and dictionaries holds.

    Pickles of Python 2 are read too. A one-dimensional array of objects becomes a list.

    Raises:
        Exception: of any class, as with all unpickling, if the content is damaged or names anything but
            numpy's arrays; nothing in it has then been run.
    """
    return _plain(_Unpickler(io.BytesIO(content), encoding="latin-1").load())
