"""A source says where data are; many are divided here, by shares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from ...datasets import DataError
from ..schema import Range
from ..stored.base import as_stored
from ..stored.order import block_of, split_ranges
from .dataset import DataSet, Examples, scaling

Share = Annotated[float, Range(0, 1, below=True)]


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
        if examples.stored:
            return self._divide_stored(examples, seed, counts, **more)
        order = np.random.RandomState(seed).permutation(n) if self.split == "random" else np.arange(n)[::-1]
        test, validation, train = np.split(order, np.cumsum(counts))
        parts = {
            "train": examples.take(np.sort(train)),
            "validation": examples.take(np.sort(validation)) if len(validation) else None,
            "test": examples.take(np.sort(test)) if len(test) else None,
        }
        return self._standardized(DataSet(**parts, **more))

    def _divide_stored(self, examples: Examples, seed: int, counts: list[int], **more: Any) -> DataSet:
        """As `_divide`, by runs of rows, which can be read quickly."""
        n, (test, validation) = len(examples), counts
        block = block_of([as_stored(array) for array in examples.arrays()])
        kept, taken = split_ranges(n, sum(counts) / n, self.split == "random", block, seed)
        held = examples.take_ranges(taken)
        # The test's are the last of those that are held out, or drawn from them.
        first, second = split_ranges(
            test + validation, test / max(1, sum(counts)), self.split == "random", block, seed + 1
        )
        parts = {
            "train": examples.take_ranges(kept),
            "validation": held.take_ranges(first) if validation else None,
            "test": held.take_ranges(second) if test else None,
        }
        return self._standardized(DataSet(**parts, **more))

    def _standardized(self, data: DataSet) -> DataSet:
        if not self.standardize:
            return data
        change = scaling(data.train.x)
        parts = {
            name: part and replace(part, x=change(part.x))
            for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test))
        }
        return replace(data, **parts, scaling=change)
