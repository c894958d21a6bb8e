"""What stored arrays have in common: rows that are read by ranges, parts of them, functions of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphlib.datasets import DataError

from ..places import places

Ranges = Sequence[tuple[int, int]]

#: bytes of rows that a function is applied to at a time: such as a processor's cache holds
PIECE_BYTES = 2**20


class Stored:
    """An array (examples, …) whose rows are read when they are needed.

    Attributes:
        shape, dtype: as of a NumPy array.
        block: so many rows that follow each other can only be read together, such as those of a chunk.
        scattered: whether rows here and there are read as quickly as rows that follow each other.
        on_threads: whether other threads of this process than the one that reads compute what rows are.
        name: what messages call it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    block: int = 1
    scattered: bool = False
    on_threads: bool = False
    name: str

    def fill(self, out: np.ndarray, start: int) -> None:
        """Reads the rows from `start` on into `out`, as many as it has; DataError where they cannot be."""
        raise NotImplementedError

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        """The rows of ranges (start, stop), one range after the other, (rows, …).

        Args:
            out: an array for them, in place of a new one.

        Raises:
            DataError: the file cannot be read, or is another one by now; the message has its name and row.
        """
        out = self._room(ranges, out)
        done = 0
        for start, stop in ranges:
            self.fill(out[done : done + stop - start], start)
            done += stop - start
        return out

    def _room(self, ranges: Ranges, out: np.ndarray | None) -> np.ndarray:
        total = sum(stop - start for start, stop in ranges)
        if out is None:
            return np.empty((total, *self.shape[1:]), self.dtype)
        return out[:total]

    def place(self, row: int) -> str:
        """Where a row stands, as messages say it: ``row 12 of x.npy``."""
        return f"row {row} of {self.name}"

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, once it is read."""
        return max(1, math.prod(self.shape[1:]) * self.dtype.itemsize)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The rows of a slice or of an array of row numbers, or one row."""
        n = len(self)
        if isinstance(rows, slice):
            start, stop, step = rows.indices(n)
            if step != 1:
                return self[np.arange(start, stop, step)]
            return self.read([(start, max(start, stop))])
        numbers = np.asarray(rows)
        if not numbers.size:
            numbers = numbers.astype("int64")
        if numbers.dtype.kind not in "iu":
            raise IndexError("a stored array is indexed by row numbers or a slice of them")
        wrong = numbers[(numbers < -n) | (numbers >= n)]
        if wrong.size:
            raise IndexError(f"there is no row {wrong.flat[0]} in {self.name}, which has {n}")
        ordered, back = np.unique(numbers % n, return_inverse=True)
        found = self.read(ranges_of(ordered))[back.reshape(-1)]
        return found.reshape((*numbers.shape, *self.shape[1:]))

    def load(self) -> np.ndarray:
        """All rows, in memory."""
        return self.read([(0, len(self))])

    def part(self, ranges: Ranges) -> Part:
        """Some of the rows: those of ranges, one after the other."""
        return Part(self, ranges)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Mapped:
        """The rows that a function makes of the rows of a piece, as many of them."""
        return Mapped(function, self)

    def sample(self, rows: int = 64) -> np.ndarray:
        """Rows evenly spaced over all, which stand for the array in fingerprints."""
        return self[np.unique(np.linspace(0, len(self) - 1, min(rows, len(self))).astype("int64"))]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, {self.dtype} {self.shape})"


class Part(Stored):
    """Ranges of rows of another array, one after the other."""

    def __init__(self, whole: Stored, ranges: Ranges):
        self.whole = whole
        kept = np.array([r for r in ranges if r[1] > r[0]], "int64").reshape(-1, 2)
        self._starts = kept[:, 0]
        self._ends = np.cumsum(kept[:, 1] - kept[:, 0])
        n = int(self._ends[-1]) if len(kept) else 0
        self.shape, self.dtype = (n, *whole.shape[1:]), whole.dtype
        self.block, self.scattered, self.name = whole.block, whole.scattered, whole.name
        self.on_threads = whole.on_threads

    def _of_whole(self, start: int, stop: int) -> list[tuple[int, int]]:
        found = []
        at = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            before = int(self._ends[at - 1]) if at else 0
            end = min(stop, int(self._ends[at]))
            shift = int(self._starts[at]) - before
            found.append((start + shift, end + shift))
            start, at = end, at + 1
        return found

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        return self.whole.read([each for r in ranges for each in self._of_whole(*r)], self._room(ranges, out))

    def place(self, row: int) -> str:
        return self.whole.place(self._of_whole(row, row + 1)[0][0])


class Joined(Stored):
    """Arrays of one dtype and row shape, one after the other, such as the files that a large one is cut into.

    Raises:
        DataError: there are none, or one is of another dtype or shape than the first.
    """

    def __init__(self, arrays: Sequence[Stored]):
        if not arrays:
            raise DataError("there are no files to be joined")
        first = arrays[0]
        for each in arrays[1:]:
            if each.dtype != first.dtype or each.shape[1:] != first.shape[1:]:
                raise DataError(
                    f"{each.name} has rows of {each.dtype} {each.shape[1:]}, and {first.name}, which is "
                    f"before it, of {first.dtype} {first.shape[1:]}: files that are read as one must be alike"
                )
        self.arrays = list(arrays)
        self._ends = np.cumsum([len(each) for each in arrays])
        self.shape, self.dtype = (int(self._ends[-1]), *first.shape[1:]), first.dtype
        self.block = max(each.block for each in arrays)
        self.scattered = all(each.scattered for each in arrays)
        self.on_threads = any(each.on_threads for each in arrays)
        self.name = first.name if len(arrays) == 1 else f"{first.name} and {len(arrays) - 1} more"

    def _of_each(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """(number of the array, start and stop in it) of a range."""
        found = []
        at = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            before = int(self._ends[at - 1]) if at else 0
            end = min(stop, int(self._ends[at]))
            if end > start:
                found.append((at, start - before, end - before))
            start, at = end, at + 1
        return found

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        out = self._room(ranges, out)
        if len(self.arrays) == 1:
            return self.arrays[0].read(ranges, out)
        done = 0
        found = [each for piece in ranges for each in self._of_each(*piece)]
        for at, group in itertools.groupby(found, key=lambda each: each[0]):
            own = [(start, stop) for _, start, stop in group]
            rows = sum(stop - start for start, stop in own)
            self.arrays[at].read(own, out[done : done + rows])
            done += rows
        return out

    def place(self, row: int) -> str:
        at, start, _ = self._of_each(row, row + 1)[0]
        return self.arrays[at].place(start)


class Mapped(Stored):
    """The rows that a function makes of the same rows of one or several arrays, piece by piece.

    Args:
        function: takes arrays (rows, …) and returns one of as many rows; what it returns depends on the
            values of each row alone. Of a DataError that it raises by `graphlib.nn.places`, the message has
            the file's row.
        arrays: of as many rows each.
    """

    def __init__(self, function: Callable[..., np.ndarray], *arrays: Stored):
        self.function, self.arrays = function, arrays
        first = arrays[0]
        self.name = first.name
        self.block = max(each.block for each in arrays)
        self.scattered = all(each.scattered for each in arrays)
        self.on_threads = any(each.on_threads for each in arrays)
        self.shape, self.dtype = first.shape, first.dtype
        probe = self._made([(0, min(1, len(first)))])
        self.shape, self.dtype = (len(first), *probe.shape[1:]), probe.dtype

    def _made(self, ranges: Ranges) -> np.ndarray:
        return self._of(ranges, [each.read(ranges) for each in self.arrays])

    def _of(self, ranges: Ranges, blocks: Sequence[np.ndarray]) -> np.ndarray:
        with places(lambda number: self.place(row_of(ranges, number))):
            return np.asarray(self.function(*blocks))

    def read(self, ranges: Ranges, out: np.ndarray | None = None) -> np.ndarray:
        out = self._room(ranges, out)
        most = max(1, PIECE_BYTES // max(each.row_bytes for each in (self, *self.arrays)))
        alone = self.arrays[0]
        # Most functions check rows and return them as they are: then nothing is copied.
        in_place = len(self.arrays) == 1 and alone.dtype == self.dtype and alone.shape == self.shape
        done = 0
        for piece in pieces(ranges, most):
            if in_place:
                room = out[done : done + sum(stop - start for start, stop in piece)]
                made = self._of(piece, [alone.read(piece, room)])
                done += len(room)
                if made is not room:
                    room[...] = made
                continue
            made = self._made(piece)
            if made.shape[1:] != out.shape[1:]:
                raise DataError(
                    f"{self.place(piece[0][0])} has shape {made.shape[1:]}, and the rows before it "
                    f"{self.shape[1:]}"
                )
            out[done : done + len(made)] = made
            done += len(made)
        return out

    def place(self, row: int) -> str:
        return self.arrays[0].place(row)


class Sliced(Stored):
    """Anything that has shape and dtype and gives rows by ``[start:stop]``: arrays, memory maps, those of
    h5py.

    Args:
        array: it.
        name: what messages call it.
        block: see `Stored`; None for the rows of the array's own chunks, if it has such.
    """

    def __init__(self, array: Any, name: str = "the array", block: int | None = None):
        self.array, self.name = array, name
        self.shape, self.dtype = tuple(map(int, array.shape)), np.dtype(array.dtype)
        check_form(self.shape, self.dtype, name)
        chunks = getattr(array, "chunks", None)
        own = chunks[0] if isinstance(chunks, tuple) and chunks and isinstance(chunks[0], int) else None
        self.block = block or own or 1
        self.scattered = isinstance(array, np.ndarray) and not isinstance(array, np.memmap)

    def fill(self, out: np.ndarray, start: int) -> None:
        found = self.array[start : start + len(out)]
        if len(found) != len(out):
            raise DataError(
                f"{self.name} has become shorter: {self.place(start + len(found))} is not there any more"
            )
        out[...] = found


def check_form(shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
    """DataError unless an array has numbers and rows."""
    if dtype.kind not in "iufb":
        raise DataError(f"{name} has values of {dtype}, and numbers are needed")
    if not shape:
        raise DataError(f"{name} is a single number: an array with an example a row is needed")
    if not shape[0]:
        raise DataError(f"{name} has no rows")


def is_stored(value: Any) -> bool:
    """Whether a value is an array that is read piece by piece: a `Stored`, a memory map, or an array in
    chunks, such as zarr's and h5py's."""
    if isinstance(value, Stored | np.memmap):
        return True
    return not isinstance(value, np.ndarray) and all(hasattr(value, a) for a in ("shape", "dtype", "chunks"))


def as_stored(value: Any, name: str = "the array") -> Stored:
    """A value as an array that is read piece by piece; those in memory stay there."""
    if isinstance(value, Stored):
        return value
    if isinstance(value, np.memmap):
        from .arrays import of_memmap

        return of_memmap(value)
    return Sliced(value if is_stored(value) else np.asarray(value), name)


def each_block(function: Callable[..., np.ndarray], *arrays: Any) -> Any:
    """A function of the same rows of arrays: at once if all are in memory, else when the rows are read."""
    if any(isinstance(array, Stored) for array in arrays):
        return Mapped(function, *map(as_stored, arrays))
    return function(*arrays)


def ranges_of(rows: np.ndarray) -> list[tuple[int, int]]:
    """The ranges (start, stop) that ascending row numbers make."""
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    starts, ends = rows[np.r_[0, breaks]], rows[np.r_[breaks - 1, len(rows) - 1]] + 1
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def row_of(ranges: Ranges, number: int) -> int:
    """The row that is the one of this number among those of ranges."""
    for start, stop in ranges:
        if number < stop - start:
            return start + number
        number -= stop - start
    raise IndexError(number)


def pieces(ranges: Ranges, most: int) -> list[list[tuple[int, int]]]:
    """Ranges cut into groups of at most so many rows."""
    found: list[list[tuple[int, int]]] = []
    room = 0
    for start, stop in ranges:
        while start < stop:
            if not room:
                found.append([])
                room = most
            end = min(stop, start + room)
            found[-1].append((start, end))
            room -= end - start
            start = end
    return found
