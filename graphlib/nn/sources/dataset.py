"""What sources give: examples in three parts, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphlib

from ...datasets import DataError
from ..provenance import fingerprint
from ..stored.base import PIECE_BYTES, Joined, Ranges, Stored, as_stored, each_block
from ..stored.reader import in_order

Arrays = np.ndarray | Stored | dict[str, np.ndarray | Stored]


@dataclass
class Examples:
    """Inputs x and targets y, of which the first axis is that of the examples; dicts where there are several
    by name. `rows` are their numbers among all examples, int64, where they are some of these."""

    x: Arrays
    y: Arrays
    rows: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.arrays()[0])

    def arrays(self) -> list[np.ndarray]:
        """The arrays of x, then those of y."""
        both = [list(each.values()) if isinstance(each, Mapping) else [each] for each in (self.x, self.y)]
        return both[0] + both[1]

    @property
    def stored(self) -> bool:
        """Whether they are read piece by piece."""
        return any(isinstance(array, Stored) for array in self.arrays())

    def take_ranges(self, ranges: Ranges) -> Examples:
        """Ranges (start, stop) of the examples, which are read when they are needed."""
        return Examples(
            *(each_array(a, lambda array: as_stored(array).part(ranges)) for a in (self.x, self.y))
        )

    def take(self, rows: np.ndarray | slice) -> Examples:
        """Some of the examples."""
        x, y = (each_array(each, lambda array: array[rows]) for each in (self.x, self.y))
        return Examples(x, y, np.arange(len(self))[rows] if self.rows is None else self.rows[rows])

    def place(self, number: int) -> str:
        """What messages call the example of a number: by its number among all."""
        return f"example {number if self.rows is None else self.rows[number]}"


def together(*parts: Examples | None) -> Examples:
    """The examples of several parts, one after the other."""
    present = [part for part in parts if part is not None]

    def joined(arrays: Sequence[Arrays]) -> Arrays:
        if isinstance(arrays[0], Mapping):
            return {name: joined([each[name] for each in arrays]) for name in arrays[0]}
        if any(isinstance(array, Stored) for array in arrays):
            return Joined([as_stored(array) for array in arrays])
        return np.concatenate(arrays)

    return Examples(joined([part.x for part in present]), joined([part.y for part in present]))


@dataclass(frozen=True)
class Scaling:
    """Takes its mean from each feature, and divides it by its standard deviation."""

    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if x.shape[1:] != self.mean.shape:
            raise DataError(f"x has shape {x.shape}, and was standardized in shape (any, {self.mean.shape})")
        return each_block(lambda rows: as_float((rows - self.mean) / self.deviation), x)


def scaling(x: Arrays) -> Scaling:
    """The scaling that gives each feature of x mean 0 and deviation 1 (0 where it is constant).

    DataError where x is not one array of numbers with fractions.
    """
    if isinstance(x, Mapping) or x.dtype.kind != "f":
        raise DataError("standardize: x must be one array of numbers with fractions")
    if isinstance(x, Stored):
        mean, deviation = _moments(x)
    else:
        mean, deviation = x.mean(axis=0, dtype="float64"), x.std(axis=0, dtype="float64")
    return Scaling(mean, np.where(deviation == 0, 1.0, deviation))


def _moments(x: Stored) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature, in one pass over the rows (T. Chan, G. Golub and R.
    LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979)."""
    count, mean, squares = 0, np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    for (rows,) in in_order([x], max(1, 8 * PIECE_BYTES // x.row_bytes)):
        own = rows.mean(axis=0, dtype="float64")
        change, n = own - mean, len(rows)
        squares += rows.var(axis=0, dtype="float64") * n + change**2 * count * n / (count + n)
        mean += change * n / (count + n)
        count += n
    return mean, np.sqrt(squares / count)


def each_array(arrays: Arrays, function: Callable[[np.ndarray], np.ndarray]) -> Arrays:
    if isinstance(arrays, Mapping):
        return {name: function(array) for name, array in arrays.items()}
    return function(arrays)


@dataclass
class DataSet:
    """What a source has loaded.

    Attributes:
        train, validation, test: the examples to learn from, to choose a model by, and to judge it by; None
            for none.
        origin: in a few words, which data they are.
        classes: what the labels stand for, where they are not just numbers; by target where there are
            several.
        symbols: what whole numbers in x stand for, such as characters or words.
        image_shape: rows and columns of the images that x holds as rows.
        features: the names of the columns of x, where they have such.
        scaling: what was done to x.
        images: how image files become x: the arguments of `graphlib.nn.stored.Images`, if x is of such.
    """

    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    origin: str = ""
    classes: dict[str, list[str]] = field(default_factory=dict)
    symbols: list[str] | None = None
    image_shape: tuple[int, int] | None = None
    features: list[str] | None = None
    scaling: Scaling | None = None
    images: dict[str, Any] | None = None

    def fingerprint(self) -> str:
        """SHA-256 of all arrays, in hexadecimal; of those that are read piece by piece, of rows here and
        there."""
        parts = [part for part in (self.train, self.validation, self.test) if part]
        return fingerprint([array for part in parts for array in part.arrays()])

    def describe(self) -> str:
        """Lines on how much there is of what."""
        lines = [f"data: {self.origin}"]
        for name in ("train", "validation", "test"):
            part = getattr(self, name)
            if part:
                lines.append(f"  {name}: {len(part)} examples")
        for letter in ("x", "y"):
            arrays = getattr(self.train, letter)
            by_name = arrays if isinstance(arrays, Mapping) else {letter: arrays}
            for name, array in by_name.items():
                form = "read piece by piece" if isinstance(array, Stored) else _range(array)
                said = f"  {name}: {array.dtype}, {tuple(array.shape[1:])} an example, {form}"
                if letter == "y" and name in self.classes:
                    classes = self.classes[name]
                    said += f", {len(classes)} classes: {', '.join(classes[:10])}" + ", …" * (
                        len(classes) > 10
                    )
                lines.append(said)
        if self.symbols:
            lines.append(f"  {len(self.symbols)} symbols")
        return "\n".join(lines)


def _range(array: np.ndarray) -> str:
    if array.dtype.kind in "iub":
        return f"{array.min()} to {array.max()}"
    return f"{np.nanmin(array):.4g} to {np.nanmax(array):.4g}"


def as_float(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, graphlib.config.floatX)


def finite(array: np.ndarray, name: str, columns: Sequence[str] | None = None) -> None:
    """DataError, with the places, if an array of inputs has NaN or infinity in it."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    places = np.argwhere(~np.isfinite(array))
    kind = "NaN" if np.isnan(array).any() else "infinity"
    first = places[0]
    where = f"example {first[0]}"
    if len(first) > 1:
        column = columns[first[1]] if columns and len(first) == 2 else None
        where += f", column {column!r}" if column else f", position {', '.join(map(str, first[1:]))}"
    examples = len(np.unique(places[:, 0]))
    raise DataError(
        f"{name} has {kind} in {examples} of {len(array)} examples, first in {where} (counted from 0): "
        "fill these values or leave the examples out"
    )
