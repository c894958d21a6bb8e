"""What a run file can learn from: data sets of its own, arrays in files, and tables.

A source says where the data are and how they are divided; `load` reads them. Every source gives a `DataSet`:
the examples to learn from, those to choose a model by and those to judge it by.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

import graphlib

from ..datasets import DataError, mnist, reviews, text
from ..datasets.files import read_text
from ..datasets.npz import read_npz
from .provenance import fingerprint
from .registry import nearest, register, snake_case
from .schema import Count, Positive, Range

Arrays = np.ndarray | dict[str, np.ndarray]
Share = Annotated[float, Range(0, 1, below=True)]


@dataclass
class Examples:
    """Inputs x and targets y, of which the first axis is that of the examples; dicts where there are several
    by name."""

    x: Arrays
    y: Arrays

    def __len__(self) -> int:
        return len(self.arrays()[0])

    def arrays(self) -> list[np.ndarray]:
        """The arrays of x, then those of y."""
        both = [list(each.values()) if isinstance(each, Mapping) else [each] for each in (self.x, self.y)]
        return both[0] + both[1]

    def take(self, rows: np.ndarray | slice) -> Examples:
        """Some of the examples."""
        return Examples(_each(self.x, lambda array: array[rows]), _each(self.y, lambda array: array[rows]))


def together(*parts: Examples | None) -> Examples:
    """The examples of several parts, one after the other."""
    present = [part for part in parts if part is not None]

    def joined(arrays: Sequence[Arrays]) -> Arrays:
        if isinstance(arrays[0], Mapping):
            return {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
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
        return _float((x - self.mean) / self.deviation)


def scaling(x: Arrays) -> Scaling:
    """The scaling that gives each feature of x mean 0 and deviation 1 (0 where it is constant).

    DataError where x is not one array of numbers with fractions.
    """
    if isinstance(x, Mapping) or x.dtype.kind != "f":
        raise DataError("standardize: x must be one array of numbers with fractions")
    mean, deviation = x.mean(axis=0, dtype="float64"), x.std(axis=0, dtype="float64")
    return Scaling(mean, np.where(deviation == 0, 1.0, deviation))


def _each(arrays: Arrays, function: Callable[[np.ndarray], np.ndarray]) -> Arrays:
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

    def fingerprint(self) -> str:
        """SHA-256 of all arrays, in hexadecimal."""
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
                said = f"  {name}: {array.dtype}, {tuple(array.shape[1:])} an example, {_range(array)}"
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


class Source:
    """Base of sources: where data are, and how they are divided."""

    def load(self, seed: int) -> DataSet:
        """Reads the data; what is random in dividing them depends on the seed alone.

        Raises:
            DataError: a file is missing, damaged, or holds what cannot be learnt from.
        """
        raise NotImplementedError

    def located(self, folder: Path) -> Source:
        """The same source, with its path, if relative, from this folder."""
        if getattr(self, "path", None) is None:
            return self
        return replace(self, path=str((folder / Path(self.path).expanduser()).absolute()))

    def _existing(self) -> Path:
        path = Path(self.path).expanduser()
        if not path.exists():
            raise DataError(f"path: there is no {path}")
        return path


def _float(array: np.ndarray) -> np.ndarray:
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


@dataclass(kw_only=True)
class Divided(Source):
    """A source that is divided here.

    Args:
        test, validation: the shares of all examples that judge and that choose.
        split: at "random", or from the "end" of the data: first the test's, before them validation's.
        standardize: take from each feature of x its mean over the training examples, and divide it by its
            standard deviation.
    """

    validation: Share = 0.1
    test: Share = 0.1
    split: Literal["random", "end"] = "random"
    standardize: bool = False

    def _divide(self, examples: Examples, seed: int, **more: Any) -> DataSet:
        n = len(examples)
        counts = [round(share * n) for share in (self.test, self.validation)]
        if n - sum(counts) < 1:
            raise DataError(
                f"{n} examples, of which test and validation take {sum(counts)}: none is left to learn from"
            )
        order = np.random.RandomState(seed).permutation(n) if self.split == "random" else np.arange(n)[::-1]
        test, validation, train = np.split(order, np.cumsum(counts))
        parts = {
            "train": examples.take(np.sort(train)),
            "validation": examples.take(np.sort(validation)) if len(validation) else None,
            "test": examples.take(np.sort(test)) if len(test) else None,
        }
        return self._standardized(DataSet(**parts, **more))

    def _standardized(self, data: DataSet) -> DataSet:
        if not self.standardize:
            return data
        change = scaling(data.train.x)
        parts = {
            name: part and Examples(change(part.x), part.y)
            for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test))
        }
        return replace(data, **parts, scaling=change)


@register("data")
@dataclass
class Mnist(Source):
    """MNIST's digits as rows of pixels in [0, 1), or images of the same forms.

    Args:
        path: None for MNIST, where `graphlib.datasets` finds it; else what its `mnist.load` takes.
        limit: at most so many examples of each part.
    """

    path: str | None = None
    limit: Count | None = None

    def load(self, seed: int) -> DataSet:
        if self.path is not None:
            self._existing()
        found = mnist.load(self.path)
        parts = [Examples(_float(each.x), each.y).take(slice(self.limit)) for each in found]
        numbers = [str(n) for n in range(len(found.classes))]
        classes = {} if list(found.classes) == numbers else {"y": list(found.classes)}
        return DataSet(*parts, origin=found.origin, classes=classes, image_shape=found.image_shape)


@register("data")
@dataclass
class Reviews(Source):
    """Movie reviews as rows of word numbers, 0 for padding and 1 for unknown words; y is 1 for a good one.

    Args:
        path: None for its own sentences, where `graphlib.datasets` finds them; else what its
            `reviews.load` takes.
        words: size of the dictionary.
        length: words of a row; of a longer review these are the first.
        padding: where the zeros of a shorter one are.
        limit: at most so many examples of each part.
    """

    path: str | None = None
    words: Annotated[int, Range(3)] = 10_000
    length: Count = 40
    padding: Literal["before", "after"] = "after"
    limit: Count | None = None

    def load(self, seed: int) -> DataSet:
        if self.path is not None:
            self._existing()
        found = reviews.load(self.path, self.words)
        parts = [self._padded(part) for part in (found.train, found.valid, found.test)]
        return DataSet(
            *parts,
            origin=found.origin,
            classes={"y": ["negative", "positive"]},
            symbols=[found.words[n] for n in range(len(found.words))],
        )

    def _padded(self, part: Any) -> Examples:
        x = np.zeros((len(part.x), self.length), "int32")
        for row, words in zip(x, part.x, strict=True):
            words = words[: self.length]
            if self.padding == "after":
                row[: len(words)] = words
            else:
                row[self.length - len(words) :] = words
        return Examples(x, part.y).take(slice(self.limit))


@register("data")
@dataclass
class Text(Source):
    """A text, cut into windows of characters: x are a window's, y the one that follows each.

    The end of the text is for the test, and what is before that for validation. With `streams` the text is
    read in so many places at once: the windows of a minibatch of this size follow, one by one, those of the
    minibatch before, as stateful recurrent layers need (do not shuffle then).

    Args:
        path: a text file in UTF-8, gzipped or not; None for the novel, where
            `graphlib.datasets` finds it.
        length: characters of a window.
        predict: the character behind "each" of the window, or behind the "last" only.
        streams: see above; None for windows in the order of the text.
        characters: so many characters, from the start of the text; None for all.
        validation, test: their shares of the text.
    """

    path: str | None = None
    length: Count = 50
    predict: Literal["each", "last"] = "each"
    streams: Count | None = None
    characters: Count | None = None
    validation: Share = 0.05
    test: Share = 0.05

    def load(self, seed: int) -> DataSet:
        if self.path is not None:
            self._existing()
        found = text.load(self.path)
        indices = found.indices[: self.characters]
        present = np.unique(indices)
        indices = np.searchsorted(present, indices).astype("int32")
        n = len(indices)
        ends = [n - round(n * (self.test + self.validation)), n - round(n * self.test)]
        train, validation, test = np.split(indices, ends)
        return DataSet(
            train=self._windows(train, "training"),
            validation=self._windows(validation, "validation") if len(validation) else None,
            test=self._windows(test, "test") if len(test) else None,
            origin=found.origin,
            symbols=[found.characters[int(index)] for index in present],
        )

    def _windows(self, indices: np.ndarray, part: str) -> Examples:
        streams = self.streams or 1
        steps = (len(indices) - 1) // (self.length * streams)
        if steps < 1:
            raise DataError(
                f"the {part} text has {len(indices)} characters, too few for {streams} streams of windows of "
                f"{self.length}"
            )

        def cut(values: np.ndarray) -> np.ndarray:
            values = values[: streams * steps * self.length].reshape(streams, steps, self.length)
            return np.ascontiguousarray(values.swapaxes(0, 1).reshape(steps * streams, self.length))

        y = cut(indices[1:])
        return Examples(cut(indices), y if self.predict == "each" else np.ascontiguousarray(y[:, -1]))


@register("data")
@dataclass
class Npz(Divided):
    """Arrays of an .npz file (of numbers only; nothing in it is executed).

    The arrays x and y are divided by shares, unless there are such as x_train, x_validation (or x_valid,
    x_val) and x_test: then these are the parts, and validation, where it is missing, is divided from
    training.

    Args:
        path: the file.
        x, y: the names of the arrays, without the endings; of several inputs or targets, by the names that
            the model has for them.
    """

    path: str
    x: str | dict[str, str] = "x"
    y: str | dict[str, str] = "y"

    def load(self, seed: int) -> DataSet:
        arrays = read_npz(self._existing())
        whole = self._part(arrays, ("",))
        if whole:
            return self._divide(whole, seed, origin=self.path)
        train = self._part(arrays, ("_train",))
        if train is None:
            raise DataError(
                f"path: {self.path} has {', '.join(arrays)}, and no {self._names('')} or "
                f"{self._names('_train')}"
            )
        test = self._part(arrays, ("_test",))
        validation = self._part(arrays, ("_validation", "_valid", "_val"))
        if validation:
            return self._standardized(DataSet(train, validation, test, origin=self.path))
        divided = replace(self, test=0.0, standardize=False)._divide(train, seed)
        data = replace(divided, test=test, origin=self.path)
        return self._standardized(data)

    def _names(self, ending: str) -> str:
        both = [list(each.values()) if isinstance(each, Mapping) else [each] for each in (self.x, self.y)]
        return " and ".join(f"{name}{ending}" for name in both[0] + both[1])

    def _part(self, arrays: Mapping[str, np.ndarray], endings: Sequence[str]) -> Examples | None:
        for ending in endings:
            try:
                found = [
                    {key: arrays[f"{name}{ending}"] for key, name in each.items()}
                    if isinstance(each, Mapping)
                    else arrays[f"{each}{ending}"]
                    for each in (self.x, self.y)
                ]
            except KeyError:
                continue
            return _examples(*found, f"{self.path}: ", ending)
        return None


@register("data", "arrays")
@dataclass
class Inline(Divided):
    """Numbers in the run file itself: ``arrays: {x: [[0, 0], [0, 1]], y: [0, 1]}``.

    Args:
        x, y: lists of numbers, or of lists; of several inputs or targets, by name.
    """

    x: Any
    y: Any
    validation: Share = field(default=0.0, kw_only=True)
    test: Share = field(default=0.0, kw_only=True)

    def load(self, seed: int) -> DataSet:
        x, y = (self._array(getattr(self, name), name) for name in ("x", "y"))
        return self._divide(_examples(x, y, ""), seed, origin="the run file's arrays")

    def _array(self, values: Any, name: str) -> Arrays:
        if isinstance(values, Mapping):
            return {key: self._array(each, f"{name}.{key}") for key, each in values.items()}
        try:
            array = np.array(values)
        except ValueError:
            array = np.empty(0, object)
        if array.dtype.kind not in "iufb" or not array.ndim:
            raise DataError(f"{name}: must be a list of numbers, or of lists of equal lengths")
        return array


def _examples(x: Arrays, y: Arrays, place: str, ending: str = "") -> Examples:
    """Checked inputs and targets: as many of both, of numbers, inputs without NaN."""
    for letter, arrays in (("x", x), ("y", y)):
        for name, array in (arrays if isinstance(arrays, Mapping) else {letter: arrays}).items():
            if array.dtype.kind not in "iufb" or not array.ndim:
                raise DataError(
                    f"{place}{name}{ending} is {array.dtype} of shape {array.shape}, no list of numbers"
                )
            if letter == "x":
                finite(array, f"{place}{name}{ending}")
    x, y = (_each(each, lambda array: _float(array) if array.dtype.kind == "f" else array) for each in (x, y))
    found = Examples(x, y)
    lengths = {len(array) for array in found.arrays()}
    if len(lengths) > 1:
        raise DataError(f"{place}x and y have {' and '.join(map(str, sorted(lengths)))} examples")
    if lengths == {0}:
        raise DataError(f"{place}there are no examples")
    return found


@dataclass(kw_only=True)
class _Columns(Divided):
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
                    f"{str(columns[name][0])!r}: give the columns of numbers in features, or "
                    "write numbers for it"
                )
        x = np.stack([columns[name] for name in chosen], axis=1).astype("float64")
        finite(x, f"{origin}: x", chosen)
        y, classes = {}, {}
        for key, name in targets.items():
            y[key], known = self._labels(columns[name])
            if known:
                classes[key] = known
        examples = Examples(_float(x), y if several else y["y"])
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
                f"target: holds text, such as {str(column[0])!r}, which classes: false does not take"
            )
        if self.target_unit != 1:
            return _float(column / self.target_unit), []
        if np.isfinite(column).all() and (column == np.floor(column)).all() and (abs(column) < 2**31).all():
            return column.astype("int32"), []
        return _float(column), []


def _is_whole(value: Any) -> bool:
    return isinstance(value, np.floating | float) and float(value).is_integer()


@register("data")
@dataclass
class Csv(_Columns):
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


@dataclass
class _Sample(_Columns):
    """A small data set that comes with scikit-learn; its target is its own unless another column is given."""

    target: str | int | dict[str, str | int] = "target"

    def load(self, seed: int) -> DataSet:
        try:
            import sklearn.datasets
        except ImportError:
            name = snake_case(type(self).__name__)
            raise DataError(f"{name} comes with scikit-learn: pip install scikit-learn") from None
        found = getattr(sklearn.datasets, self._loader)()
        columns = {
            str(name).removesuffix(" (cm)"): found.data[:, n] / self._scale
            for n, name in enumerate(found.feature_names)
        }
        columns["target"] = np.asarray(found.target, "float64")
        if len(getattr(found, "target_names", ())):
            columns["target"] = np.asarray(found.target_names).astype(np.str_)[found.target]
        return self._chosen(
            columns, seed, f"scikit-learn's {snake_case(type(self).__name__)}", image_shape=self._image
        )

    _loader, _scale, _image = "", 1.0, None


@register("data")
@dataclass
class Digits(_Sample):
    """1,797 handwritten digits of 8 by 8 pixels in [0, 1] (E. Alpaydin and C. Kaynak, 1998)."""

    _loader, _scale, _image = "load_digits", 16.0, (8, 8)

    def _labels(self, column: np.ndarray) -> tuple[np.ndarray, list[str]]:
        labels, classes = super()._labels(column)
        return labels, [] if classes == [str(n) for n in range(10)] else classes


@register("data")
@dataclass
class Iris(_Sample):
    """150 flowers of three kinds, by four lengths (R. Fisher, 1936)."""

    _loader = "load_iris"


@register("data")
@dataclass
class Wine(_Sample):
    """178 wines of three makers, by 13 chemical measurements (M. Forina et al.)."""

    _loader = "load_wine"


@register("data")
@dataclass
class BreastCancer(_Sample):
    """569 tumours, malignant or benign, by 30 measurements (W. Wolberg et al., 1995)."""

    _loader = "load_breast_cancer"


@register("data")
@dataclass
class Diabetes(_Sample):
    """442 patients' progress of diabetes, by ten measurements (B. Efron et al., 2004)."""

    _loader = "load_diabetes"
