"""Sources of columns with names: a table in a text file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets import DataError
from ...datasets.files import read_text
from ..registry import nearest, register
from ..schema import Positive
from .base import Divided
from .dataset import DataSet, Examples, as_float, finite


@dataclass(kw_only=True)
class Columns(Divided):
    """A source of columns with names.

    Args:
        target: the name of the target's column, or its number from 0 (-1: the last); of several targets, by
            the names that the model has for them.
        features: the columns to learn from; None for all others.
        classes: whether a target's values are classes, to be numbered from 0 in their order; None: where they
            are text.
        target_unit: what numbers of a target that are no classes are divided by.
    """

    target: str | int | dict[str, str | int] = -1
    features: list[str | int] | None = None
    classes: bool | None = None
    target_unit: Positive = 1.0

    def _chosen(self, columns: Mapping[str, np.ndarray], seed: int, origin: str, **more: Any) -> DataSet:
        names = list(columns)
        several = isinstance(self.target, Mapping)
        targets = {
            key: self._name(each, names, f"target.{key}" if several else "target")
            for key, each in (self.target.items() if several else [("y", self.target)])
        }
        chosen = [self._name(each, names, "features") for each in self.features or ()]
        chosen = chosen or [name for name in names if name not in targets.values()]
        if not chosen:
            raise DataError(f"features: {origin} has no columns but the target's")
        for name in chosen:
            if columns[name].dtype.kind == "U":
                raise DataError(
                    f"features: the column {name!r} of {origin} holds text, such as "
                    f"{_first_text(columns[name])!r}: give the columns of numbers in features, or "
                    "write numbers for it"
                )
        x = np.stack([columns[name] for name in chosen], axis=1).astype("float64")
        finite(x, f"{origin}: x", chosen)
        y, classes = {}, {}
        for key, name in targets.items():
            y[key], known = self._labels(columns[name])
            if known:
                classes[key] = known
        examples = Examples(as_float(x), y if several else y["y"])
        return self._divide(examples, seed, origin=origin, classes=classes, features=chosen, **more)

    def _name(self, wanted: str | int, names: Sequence[str], key: str) -> str:
        if isinstance(wanted, int):
            if not -len(names) <= wanted < len(names):
                raise DataError(f"{key}: there are {len(names)} columns, and none of the number {wanted}")
            return names[wanted]
        if wanted not in names:
            raise DataError(f"{key}: there is no column {wanted!r}{nearest(wanted, names)}")
        return wanted

    def _labels(self, column: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """A target's values as numbers, and the classes they stand for, if any."""
        if self.classes or (self.classes is None and column.dtype.kind == "U"):
            known, labels = np.unique(column, return_inverse=True)
            return labels.astype("int32"), [str(int(v)) if _is_whole(v) else str(v) for v in known]
        if column.dtype.kind == "U":
            raise DataError(
                f"target: holds text, such as {_first_text(column)!r}, which classes: false does not take"
            )
        if self.target_unit != 1:
            return as_float(column / self.target_unit), []
        if np.isfinite(column).all() and (column == np.floor(column)).all() and (abs(column) < 2**31).all():
            return column.astype("int32"), []
        return as_float(column), []


def _is_whole(value: Any) -> bool:
    return isinstance(value, np.floating | float) and float(value).is_integer()


@register("data")
@dataclass
class Csv(Columns):
    """A table in a text file, gzipped or not, a row an example.

    A column of which every cell is a number, or empty, is one of numbers; an empty cell, NA and nan are NaN.

    Args:
        path: the file.
        header: whether the first row has the columns' names; None: where none of its cells is a number.
        delimiter: what stands between cells.
    """

    path: str
    header: bool | None = None
    delimiter: str = ","

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1:
            raise ValueError(f"delimiter must be one character, not {self.delimiter!r}")

    def load(self, seed: int) -> DataSet:
        path = self._existing()
        return self._chosen(read_table(path, self.header, self.delimiter), seed, str(path))


def read_table(path: Path, header: bool | None = None, delimiter: str = ",") -> dict[str, np.ndarray]:
    """The columns of a table by name, or number where there is no header: float64, or text.

    DataError, with the line, where it is no table.
    """
    reader = csv.reader(io.StringIO(read_text(path)), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if row:
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    first = rows[0]
    if header is None:
        header = all(_number(cell) is None for cell in first)
    names = first if header else [str(n) for n in range(len(first))]
    if len(set(names)) != len(names):
        raise DataError(f"{path}, line {lines[0]}: two columns have the same name")
    rows, lines = (rows[1:], lines[1:]) if header else (rows, lines)
    if not rows:
        raise DataError(f"{path} has no rows of data")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(names):
            raise DataError(f"{path}, line {line}: {len(row)} cells, where {len(names)} are expected")
    return {name: _column(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}


_ABSENT = {"", "na", "n/a", "nan", "null"}


def _number(cell: str) -> float | None:
    if cell.lower() in _ABSENT:
        return np.nan
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _column(cells: Sequence[str]) -> np.ndarray:
    numbers = [_number(cell) for cell in cells]
    if any(number is None for number in numbers):
        return np.array(cells, dtype=np.str_)
    return np.array(numbers, "float64")


def _first_text(column: np.ndarray) -> str:
    """The first cell of a column of text that is no number."""
    return next((str(cell) for cell in column if _number(str(cell)) is None), str(column[0]))
