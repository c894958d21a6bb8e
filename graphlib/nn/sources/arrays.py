"""Sources of arrays: those of an .npz file, and numbers in the run file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...datasets import DataError
from ...datasets.npz import read_npz
from ..registry import register
from ..stored.base import Stored, each_block
from .base import Divided, Share
from .dataset import Arrays, DataSet, Examples, as_float, each_array, finite


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
        arrays = self._arrays()
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

    def _arrays(self) -> Mapping[str, Any]:
        """The arrays by name."""
        return read_npz(self._existing())

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
            if letter == "x" and not isinstance(array, Stored):
                finite(array, f"{place}{name}{ending}")
    x, y = (
        each_array(each, lambda array: each_block(as_float, array) if array.dtype.kind == "f" else array)
        for each in (x, y)
    )
    found = Examples(x, y)
    lengths = {len(array): None for array in found.arrays()}  # in their order
    if len(lengths) > 1:
        raise DataError(f"{place}x and y have {' and '.join(map(str, lengths))} examples")
    if list(lengths) == [0]:
        raise DataError(f"{place}there are no examples")
    return found
