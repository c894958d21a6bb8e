"""Columns of Parquet and Arrow files, by the package pyarrow."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphlib.datasets import DataError

from ..registry import nearest
from .base import Joined, Stored
from .files import Unchanged, paths_of


class Parquet(Joined):
    """Columns of a Parquet file, or of several one after the other.

    A row group is what is read at a time, so files for shuffled reading have many of them (pyarrow's
    ``write_table(..., row_group_size=10_000)``).

    Args:
        path: the file, a folder of such, one with ``*`` in it, or a list.
        columns: names: several make an array (rows, columns), as does one of lists that are equally long;
            a single name, not in a list, makes one (rows,). None for all.
        classes: texts that a single column holds, to be numbered from 0 in this order.

    Raises:
        DataError: a file is missing or damaged or has no such column, a column holds no numbers, or the
            package pyarrow is not there. A missing value is NaN in a column with fractions, else an error.
    """

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        columns: str | Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ):
        super().__init__([_ParquetFile(each, columns, classes) for each in _files(path, "*.parquet")])


class Arrow(Joined):
    """Columns of an Arrow file (Feather's second version, ``.arrow``), or of several one after the other; a
    record batch is what is read at a time. Arguments and errors as for `Parquet`."""

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        columns: str | Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
    ):
        super().__init__([_ArrowFile(each, columns, classes) for each in _files(path, "*.arrow")])


def _files(path: Any, pattern: str) -> list[Path]:
    found = paths_of(path)
    return [file for each in found for file in (paths_of(each / pattern) if each.is_dir() else [each])]


def column_names(path: str | Path | Sequence[str | Path], kind: type) -> list[str]:
    """The names of the columns of the first file of a table of a kind, `Parquet` or `Arrow`."""
    file = _ParquetFile if kind is Parquet else _ArrowFile
    return file.names_of(_files(path, "*.parquet" if kind is Parquet else "*.arrow")[0])


def texts_of(path: str | Path | Sequence[str | Path], column: str, kind: type) -> list[str] | None:
    """The texts that a column holds, sorted; None where it holds no text."""
    import pyarrow.compute as compute
    import pyarrow.types as kinds

    file = _ParquetFile if kind is Parquet else _ArrowFile
    found: set[str] = set()
    for each in _files(path, "*.parquet" if kind is Parquet else "*.arrow"):
        schema, sizes, reader = file._read_schema(each)
        if column not in schema.names:
            raise DataError(f"{each} has no column {column!r}{nearest(column, schema.names)}")
        kind_of = schema.field(column).type
        of = kind_of.value_type if kinds.is_dictionary(kind_of) else kind_of
        if not (kinds.is_string(of) or kinds.is_large_string(of)):
            return None
        for group in range(len(sizes)):
            values = compute.unique(file._columns(reader, group, [column]).column(column)).to_pylist()
            found.update(value for value in values if value is not None)
    return sorted(found)


class _Table(Stored):
    """Columns of one file, in groups of rows."""

    def __init__(self, path: Path, columns: str | Sequence[str] | None, classes: Sequence[str] | None):
        self.name, self._path = str(path), path
        self._unchanged = Unchanged(path)
        self._lock = threading.Lock()
        schema, sizes = self._opened()
        if columns is None:
            columns = list(schema.names)
        self._single = isinstance(columns, str)
        self.columns = [columns] if self._single else list(columns)
        if not self.columns:
            raise DataError(f"{path}: there are no columns to be read")
        for each in self.columns:
            if each not in schema.names:
                raise DataError(f"{path} has no column {each!r}{nearest(each, schema.names)}")
        if classes is not None and not self._single:
            raise DataError(f"{path}: classes are of a single column")
        self.classes = None if classes is None else list(classes)
        self._ends = np.cumsum(sizes)
        rows = int(self._ends[-1]) if len(sizes) else 0
        if not rows:
            raise DataError(f"{path} has no rows")
        self.block = int(max(sizes))
        dtype, width = self._form(schema)
        self.dtype, self.shape = dtype, (rows,) if width is None else (rows, width)
        self._held: tuple[int, np.ndarray] | None = None

    def _form(self, schema: Any) -> tuple[np.dtype, int | None]:
        """The dtype of a row, and its length."""
        import pyarrow.types as kinds

        dtypes, width = [], 0
        for each in self.columns:
            kind = schema.field(each).type
            if kinds.is_fixed_size_list(kind):
                width += kind.list_size
                kind = kind.value_type
            else:
                width += 1
            if self.classes is not None:
                dtypes.append(np.dtype("int32"))
            elif kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_boolean(kind):
                dtypes.append(np.dtype(kind.to_pandas_dtype()))
            else:
                raise DataError(
                    f"{self.name}: the column {each!r} holds {kind}, and numbers are needed: leave it "
                    "out, or give the classes that its texts are"
                )
        single = self._single and width == 1
        return np.result_type(*dtypes), None if single else width

    def fill(self, out: np.ndarray, start: int) -> None:
        self._unchanged.check(self.place(start))
        done = 0
        with self._lock:
            while done < len(out):
                group = int(np.searchsorted(self._ends, start, side="right"))
                first = int(self._ends[group - 1]) if group else 0
                if self._held is None or self._held[0] != group:
                    self._held = (group, self._read_group(group, first))
                found = self._held[1][start - first : start - first + len(out) - done]
                out[done : done + len(found)] = found
                done += len(found)
                start += len(found)

    def _read_group(self, group: int, first: int) -> np.ndarray:
        try:
            table = self._columns(self._reader, group, self.columns)
        except Exception as problem:  # pyarrow's errors are of many kinds
            raise DataError(f"{self.place(first)} and after cannot be read: {problem}") from None
        arrays = [self._numbers(table.column(each), each, first) for each in self.columns]
        if len(self.shape) == 1:
            return arrays[0]
        rows = [array.reshape(len(array), -1) for array in arrays]
        return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1, dtype=self.dtype)

    def _numbers(self, column: Any, name: str, first: int) -> np.ndarray:
        import pyarrow as pa
        import pyarrow.compute as compute
        import pyarrow.types as kinds

        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        if kinds.is_dictionary(column.type):
            column = column.dictionary_decode()
        if self.classes is not None:
            found = compute.index_in(column, value_set=pa.array(self.classes, column.type))
            if found.null_count:
                row = found.is_null().index(True).as_py()
                raise DataError(
                    f"{name!r} is {column[row].as_py()!r} in {self.place(first + row)}, which is none of the "
                    f"classes {', '.join(self.classes)}"
                )
            return found.to_numpy()
        width, values = 1, column
        if kinds.is_fixed_size_list(column.type) and not column.null_count:
            width, values = column.type.list_size, column.flatten()
        if values.null_count and not kinds.is_floating(values.type):
            row = values.is_null().index(True).as_py() // width
            raise DataError(
                f"{name!r} has no value in {self.place(first + row)}: fill it or leave the row out"
            )
        found = values.to_numpy(zero_copy_only=False)
        return found if values is column else found.reshape(len(column), width)

    @classmethod
    def names_of(cls, path: Path) -> list[str]:
        """The names of a file's columns."""
        return list(cls._read_schema(path)[0].names)

    def _opened(self) -> tuple[Any, Sequence[int]]:
        schema, sizes, self._reader = self._read_schema(self._path)
        return schema, sizes

    @classmethod
    def _read_schema(cls, path: Path) -> tuple[Any, Sequence[int], Any]:
        """(schema, rows of each group, a reader) of a file."""
        try:
            import pyarrow
        except ImportError:
            raise DataError(
                f"{path} needs the package pyarrow: pip install 'graphlib-autodiff[large]'"
            ) from None
        try:
            return cls._open(path)
        except (pyarrow.ArrowException, OSError) as problem:
            raise DataError(f"{path} cannot be read as {cls._what}: {problem}") from None

    _what = ""

    @staticmethod
    def _open(path: Path) -> tuple[Any, Sequence[int], Any]:
        raise NotImplementedError

    @staticmethod
    def _columns(reader: Any, group: int, names: list[str]) -> Any:
        """Columns of a group, by their names."""
        raise NotImplementedError


class _ParquetFile(_Table):
    _what = "Parquet"

    @staticmethod
    def _open(path: Path) -> tuple[Any, Sequence[int], Any]:
        import pyarrow.parquet as parquet

        file = parquet.ParquetFile(path)
        about = file.metadata
        sizes = [about.row_group(n).num_rows for n in range(about.num_row_groups)]
        return file.schema_arrow, [n for n in sizes if n] and sizes, file

    @staticmethod
    def _columns(reader: Any, group: int, names: list[str]) -> Any:
        return reader.read_row_group(group, columns=names, use_threads=False)


class _ArrowFile(_Table):
    _what = "an Arrow file"

    @staticmethod
    def _open(path: Path) -> tuple[Any, Sequence[int], Any]:
        import pyarrow as pa

        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        sizes = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
        return reader.schema, sizes, reader

    @staticmethod
    def _columns(reader: Any, group: int, names: list[str]) -> Any:
        return reader.get_batch(group)
