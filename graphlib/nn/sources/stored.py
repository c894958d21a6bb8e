"""Sources of data larger than memory: arrays in files and columns of tables that are read piece by piece, and
images in folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from ...datasets import DataError
from ..registry import nearest, register
from ..schema import Count, Positive, Range
from ..stored.arrays import Npy as NpyArray
from ..stored.arrays import Zarr as ZarrArray
from ..stored.arrays import zarr_names
from ..stored.base import Stored
from ..stored.images import Images
from ..stored.tables import Arrow as ArrowTable
from ..stored.tables import Parquet as ParquetTable
from ..stored.tables import column_names, texts_of
from .arrays import Npz
from .base import Divided
from .dataset import DataSet, Examples, as_float


@register("data")
@dataclass
class Npy(Npz):
    """Arrays in the .npy files of a folder, such as x.npy and y.npy, which are not loaded but read piece by
    piece while the model trains.

    An array may be cut into several files, x_0.npy, x_1.npy, … in a folder x. Parts are divided as those of
    `npz`, by runs of rows.

    Args:
        path: the folder.
        x, y: the files' names, without the endings; of several inputs or targets, by the names that the model
            has for them.
    """

    def _arrays(self) -> Mapping[str, Any]:
        folder = self._existing()
        found: dict[str, Any] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix == ".npy":
                found[path.stem] = NpyArray(path)
            elif path.is_dir() and any(path.glob("*.npy")):
                found[path.name] = NpyArray(path / "*.npy")
        if not found:
            raise DataError(f"path: {folder} is no folder with .npy files")
        return found


@register("data")
@dataclass
class Zarr(Npz):
    """Arrays of a group that the package zarr has written, which are read piece by piece while the model
    trains. Parts are divided as those of `npz`, by runs of rows.

    Args:
        path: the group's folder or .zip file.
        x, y: the arrays' names, without the endings; of several inputs or targets, by the names that the
            model has for them.
    """

    def _arrays(self) -> Mapping[str, Any]:
        path = self._existing()
        return {name: ZarrArray(path, name) for name in zarr_names(path)}


@dataclass(kw_only=True)
class _Table(Divided):
    """Columns of files that are read piece by piece while the model trains.

    Args:
        path: a file, a folder of such, or a path with ``*`` in it: files of the same columns.
        target: the name of the target's column; of several targets, by the names that the model has for them.
        features: the columns to learn from; None for all others.
        target_unit: what numbers of a target are divided by.
    """

    path: str
    target: str | dict[str, str]
    features: list[str] | None = None
    target_unit: Positive = 1.0

    def load(self, seed: int) -> DataSet:
        table, path = self._table, Path(self.path).expanduser()
        try:
            names = column_names(path, table)
        except DataError as error:
            raise DataError(f"path: {error}") from None
        several = isinstance(self.target, Mapping)
        targets = self.target if several else {"y": self.target}
        for key, name in targets.items():
            if name not in names:
                raise DataError(
                    f"{f'target.{key}' if several else 'target'}: there is no column {name!r}"
                    f"{nearest(name, names)}"
                )
        for name in self.features or ():
            if name not in names:
                raise DataError(f"features: there is no column {name!r}{nearest(name, names)}")
        features = self.features or [name for name in names if name not in targets.values()]
        if not features:
            raise DataError(f"features: {path} has no columns but the target's")
        x = table(path, features).mapped(as_float)
        y, classes = {}, {}
        for key, name in targets.items():
            texts = texts_of(path, name, table)
            y[key] = table(path, name, texts)
            if texts:
                classes[key] = texts
            elif self.target_unit != 1:
                y[key] = y[key].mapped(lambda column: as_float(column / self.target_unit))
        examples = Examples(x, y if several else y["y"])
        return self._divide(examples, seed, origin=self.path, classes=classes, features=features)

    _table: ClassVar[Any] = None


@register("data")
@dataclass(kw_only=True)
class Parquet(_Table):
    """Columns of Parquet files, a row an example; texts in the target's column are classes."""

    _table = ParquetTable


@register("data")
@dataclass(kw_only=True)
class Arrow(_Table):
    """Columns of Arrow files (Feather's second version), a row an example; texts in the target's column are
    classes."""

    _table = ArrowTable


@register("data")
@dataclass
class ImageFolder(Divided):
    """Images in folders, one folder for each class, decoded by processes of their own while the model trains:
    numbers from 0 to 1, (channels, rows, columns).

    The folders train, test, and validation (or valid, val), if there are such, have the classes' folders of
    a part each; without them, images are divided by shares.

    Args:
        path: the folder.
        size: rows and columns that all images are brought to.
        channels: 1 for shades of grey, 3 for colours.
        fit: how others are brought to the size: stretched, cropped around the middle or padded with black.
        workers: processes that decode; None for as many as processors.
    """

    path: str
    size: tuple[Count, Count]
    channels: Literal[1, 3] = 3
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    workers: Annotated[int, Range(1)] | None = None

    def load(self, seed: int) -> DataSet:
        folder = self._existing()
        train = folder / "train"
        if not train.is_dir():
            examples, classes = self._part(folder, None)
            return self._divide(
                examples, seed, origin=self.path, classes={"y": classes}, images=self._images()
            )
        examples, classes = self._part(train, None)

        def part(*names: str) -> Examples | None:
            found = next((folder / name for name in names if (folder / name).is_dir()), None)
            if found is None:
                return None
            unknown = sorted(
                each.name for each in found.iterdir() if each.is_dir() and each.name not in classes
            )
            if unknown:
                raise DataError(f"path: {found} has a class {unknown[0]}, which {train} has not")
            return self._part(found, classes)[0]

        test, validation = part("test"), part("validation", "valid", "val")
        divided = DataSet(examples)
        if validation is None:
            divided = replace(self, test=0.0, standardize=False)._divide(examples, seed)
            validation = divided.validation
        data = DataSet(divided.train, validation, test, self.path, {"y": classes}, images=self._images())
        return self._standardized(data)

    def _images(self) -> dict[str, Any]:
        return {"size": list(self.size), "channels": self.channels, "fit": self.fit}

    def _part(self, folder: Path, classes: Sequence[str] | None) -> tuple[Examples, list[str]]:
        try:
            images, labels, classes = Images.of_folder(
                folder, classes=classes, workers=self.workers, **self._images()
            )
        except DataError as error:
            raise DataError(f"path: {error}") from None
        return Examples(images.mapped(shades), labels), list(classes)


def shades(pixels: np.ndarray | Stored) -> Any:
    """Bytes as numbers from 0 to 1."""
    return as_float(pixels) / np.asarray(255, "float32")
