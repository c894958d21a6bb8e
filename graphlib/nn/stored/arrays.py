"""Arrays in .npy files and in zarr's folders."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphlib.datasets import DataError

from .base import Joined, Ranges, Sliced, Stored, check_form
from .files import Unchanged, paths_of


class Npy(Joined):
    """The array of an .npy file, or of several one after the other.

    Rows are read from the file, not by mapping it into memory: so a limit on a process's memory counts
    only what is in use, and a file that is cut off meanwhile is an error and no crash.

    Args:
        path: the file; with ``*`` in it, or a list, files of one dtype and row shape.
        block: see `Stored`.

    Raises:
        DataError: a file is missing, damaged, or no array of numbers that lies row by row.
    """

    def __init__(self, path: str | Path | Sequence[str | Path], block: int | None = None):
        super().__init__([npy_file(each, block) for each in paths_of(path)])


class InFile(Stored):
    """Rows that lie one after the other in a file, from an offset on."""

    def __init__(
        self, path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype, block: int | None = None
    ):
        self.name, self.shape = str(path), shape
        self.dtype, self._swapped = dtype.newbyteorder("="), not dtype.isnative
        check_form(shape, dtype, self.name)
        self._path, self._offset = path, offset
        self._unchanged = Unchanged(path)
        self.block = block or 1
        bytes_of_row = math.prod(shape[1:]) * dtype.itemsize
        rows = (self._unchanged.size - offset) // bytes_of_row if bytes_of_row else shape[0]
        if rows < shape[0]:
            raise DataError(f"{path} is cut off: it has {max(0, rows)} of its {shape[0]} rows")
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (open as long as the array)
        self._lock = threading.Lock()

    def fill(self, out: np.ndarray, start: int) -> None:
        self._unchanged.check(self.place(start))
        flat = out.reshape(-1).view("uint8")
        offset = self._offset + start * (len(flat) // max(1, len(out)))
        done = 0
        with self._lock:
            self._file.seek(offset)
            while done < len(flat):
                count = self._file.readinto(flat[done:])
                if not count:
                    row = start + done // self.row_bytes
                    self._unchanged.check(self.place(row))
                    raise DataError(
                        f"{self.name} has become shorter: {self.place(row)} is not there any more"
                    )
                done += count
        if self._swapped:
            out.byteswap(inplace=True)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def npy_file(path: Path, block: int | None = None) -> InFile:
    """The array of one .npy file; DataError where it is none."""
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in read:
                raise ValueError(f"version {version}")
            shape, fortran, dtype = read[version](file)
            offset = file.tell()
    except OSError as problem:
        raise DataError(f"cannot read {path}: {problem.strerror or problem}") from None
    except ValueError as problem:
        raise DataError(f"{path} is no .npy file of an array: {problem}") from None
    if dtype.hasobject:
        raise DataError(f"{path} holds Python objects, which are not read")
    if fortran and len(shape) > 1:
        raise DataError(
            f"{path} lies column by column (Fortran's order), so rows cannot be read on their own: write it "
            "with np.save(path, np.ascontiguousarray(array))"
        )
    return InFile(path, offset, tuple(shape), dtype, block)


def of_memmap(array: np.memmap) -> Stored:
    """A memory map, or a part of one, as rows that are read from its file; from memory where what was written
    to it is not in the file (copy-on-write)."""
    in_file = array.filename is not None and array.mode != "c"
    if array.ndim and array.flags.c_contiguous and in_file and array.size:
        start = np.frombuffer(array._mmap, "uint8").__array_interface__["data"][0]
        # The map begins at the page in which the array begins.
        first = array.offset - array.offset % _granularity()
        offset = array.__array_interface__["data"][0] - start + first
        return InFile(Path(array.filename), offset, array.shape, array.dtype)
    return Sliced(array, str(array.filename or "the memory map"))


def _granularity() -> int:
    import mmap

    return mmap.ALLOCATIONGRANULARITY


class Zarr(Joined):
    """An array that the package zarr has written, or several one after the other.

    Args:
        path: its folder or .zip file; with ``*`` in it, or a list, several of one dtype and row shape.
        name: of the array where there is a group of them, such as ``train/x``.
        block: see `Stored`; None for the rows of a chunk.

    Raises:
        DataError: it is missing or damaged, there is no such array, or the package zarr is not there.
    """

    def __init__(
        self, path: str | Path | Sequence[str | Path], name: str | None = None, block: int | None = None
    ):
        super().__init__([_ZarrArray(each, name, block) for each in paths_of(path)])


def zarr_names(path: Path) -> list[str]:
    """The names of the arrays of a group, those of groups in it included; DataError where it is none."""
    group = _open_zarr(path, None)
    if not hasattr(group, "array_keys"):
        raise DataError(f"path: {path} is one array, and a group of them is needed, such as x and y")
    return _names_below(group)


def _names_below(group: Any, prefix: str = "") -> list[str]:
    inner = [name for key, each in group.groups() for name in _names_below(each, f"{prefix}{key}/")]
    return sorted([f"{prefix}{key}" for key in group.array_keys()] + inner)


def _open_zarr(path: Path, name: str | None) -> Any:
    """An array or a group of zarr's."""
    try:
        import zarr
    except ImportError:
        raise DataError(
            "arrays of zarr need the package zarr: pip install 'graphlib-autodiff[large]'"
        ) from None
    try:
        return zarr.open(str(path), mode="r", path=name)
    except Exception as problem:  # zarr's stores and formats raise many kinds
        raise DataError(f"{path} cannot be opened by zarr: {problem}") from None


class _ZarrArray(Sliced):
    on_threads = True

    def __init__(self, path: Path, name: str | None, block: int | None):
        self._path, self._key = path, name
        self.name = str(path) + (f", {name}" if name else "")
        array = self._open()
        super().__init__(array, self.name, block)
        self._chunks, self._all = array.nchunks_initialized, array.nchunks
        self._look_again = 0.0
        self._lock = threading.Lock()
        #: the number and the rows of the chunks that were read last: they are decompressed as a whole
        self._held: tuple[int, np.ndarray] | None = None

    def _open(self) -> Any:
        try:
            found = _open_zarr(self._path, self._key)
        except DataError:
            known = zarr_names(self._path) if self._key is not None else []
            if not known or self._key in known:
                raise
            raise DataError(
                f"{self._path} has no array {self._key!r}; there are {', '.join(known)}"
            ) from None
        if hasattr(found, "array_keys"):
            raise DataError(
                f"{self.name} is a group of arrays: say which one by its name; there are "
                f"{', '.join(_names_below(found))}"
            )
        return found

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        if time.monotonic() >= self._look_again:
            self._check_unchanged(ranges[0][0] if ranges else 0)
        return super().read(ranges, out)

    def _check_unchanged(self, row: int) -> None:
        """Looks at all chunks, and so not for more than a twentieth of the time."""
        began = time.monotonic()
        now = self._open()
        if now.shape != self.shape or now.dtype != self.dtype:
            raise DataError(
                f"{self.name} has changed since it was opened: it was {self.dtype} {self.shape}, and is "
                f"{now.dtype} {now.shape}, found at {self.place(row)}"
            )
        gone = self._chunks - now.nchunks_initialized
        if gone > 0:
            raise DataError(
                f"{self.name} has changed since it was opened: {gone} of its {self._chunks} chunks are gone, "
                f"found at {self.place(row)}"
            )
        self._look_again = time.monotonic() + 20 * (time.monotonic() - began)

    def fill(self, out: np.ndarray, start: int) -> None:
        done = 0
        with self._lock:
            while done < len(out):
                chunk, before = divmod(start + done, self.block)
                if self._held is None or self._held[0] != chunk:
                    rows = slice(chunk * self.block, (chunk + 1) * self.block)
                    try:
                        self._held = chunk, np.asarray(self.array[rows])
                    except Exception as problem:
                        raise DataError(f"{self.place(start + done)} cannot be read: {problem}") from None
                    # Of a chunk that is not there zarr gives the fill value, without a word.
                    if self._chunks == self._all and (self._held[1] == self.array.fill_value).all():
                        self._check_unchanged(start + done)
                found = self._held[1][before : before + len(out) - done]
                out[done : done + len(found)] = found
                done += len(found)
