"""A source of sentences with a class each, in text files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from ...datasets import DataError, files
from ...datasets.reviews import PADDING, UNKNOWN, tokenise
from ..registry import register
from ..schema import Count, Range
from .base import Divided, Source
from .dataset import DataSet, Examples, each_array


@register("data")
@dataclass
class Sentences(Divided):
    """Sentences with a class each, as rows of word numbers: 0 for padding, 1 for words that are not among the
    most frequent ones of the training sentences.

    A line is a class, a space or tab, and a sentence, as in the TREC questions: ``DESC:manner How did …``.

    Args:
        path: a text file, gzipped or not, in UTF-8 or Latin-1.
        test_path: one of sentences to test with, which `test` is of no consequence for then.
        words: size of the dictionary.
        length: words of a row; of a longer sentence these are the first.
        padding: where the zeros of a shorter one are.
        fine: whether classes with parts, DESC:manner, are taken as a whole, or by what is before the colon.
    """

    path: str
    test_path: str | None = None
    words: Annotated[int, Range(3)] = 10_000
    length: Count = 40
    padding: Literal["before", "after"] = "after"
    fine: bool = False

    def located(self, folder: Path) -> Source:
        found = super().located(folder)
        if self.test_path is None:
            return found
        return replace(found, test_path=str((folder / Path(self.test_path).expanduser()).absolute()))

    def load(self, seed: int) -> DataSet:
        numbers: dict[str, int] = {}
        path = self._existing()
        read = [self._read(path)]
        if self.test_path is not None:
            read.append(self._read(Path(self.test_path).expanduser()))
        names = sorted({name for labels, _ in read for name in labels})
        classes = {name: number for number, name in enumerate(names)}
        whole, *test = [self._examples(labels, rows, classes, numbers) for labels, rows in read]
        source = replace(self, test=0.0) if test else self
        data = source._divide(whole, seed, origin=self.path, classes={"y": names})
        if test:
            data = replace(data, test=test[0])
        return self._with_dictionary(data, numbers)

    def _read(self, path: Path) -> tuple[list[str], list[list[str]]]:
        """(the class, the words) of each line."""
        if not path.exists():
            raise DataError(f"test_path: there is no {path}")
        content = files.read(path)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        labels, rows = [], []
        for number, line in enumerate(text.splitlines(), start=1):
            name, *rest = line.split(maxsplit=1)[:2] if line.strip() else [""]
            if not line.strip():
                continue
            if not rest:
                raise DataError(
                    f"{path}, line {number}: a class, a space and a sentence, not {line.strip()!r}"
                )
            labels.append(name if self.fine else name.partition(":")[0])
            rows.append(tokenise(rest[0]))
        if not rows:
            raise DataError(f"{path} has no sentences")
        return labels, rows

    def _examples(
        self, labels: list[str], rows: list[list[str]], classes: Mapping[str, int], numbers: dict[str, int]
    ) -> Examples:
        """Sentences by numbers of all words, which `numbers` notes."""
        x = np.zeros((len(rows), self.length), "int32")
        for row, tokens in zip(x, rows, strict=True):
            found = [numbers.setdefault(token, len(numbers) + 2) for token in tokens[: self.length]]
            if self.padding == "after":
                row[: len(found)] = found
            else:
                row[self.length - len(found) :] = found
        return Examples(x, np.array([classes[name] for name in labels], "int32"))

    def _with_dictionary(self, data: DataSet, numbers: Mapping[str, int]) -> DataSet:
        """The data by numbers of the words that the dictionary has, the most frequent ones first."""
        counts = np.bincount(data.train.x.ravel(), minlength=len(numbers) + 2)
        counts[[PADDING, UNKNOWN]] = 0
        kept = np.argsort(-counts, kind="stable")[: min(self.words - 2, np.count_nonzero(counts))]
        table = np.full(len(counts), UNKNOWN, "int32")
        table[PADDING] = PADDING
        table[kept] = np.arange(2, 2 + len(kept))
        parts = {
            name: part and replace(part, x=each_array(part.x, lambda x: table[x]))
            for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test))
        }
        by_number = {number: word for word, number in numbers.items()}
        symbols = ["<PAD>", "<UNK>", *(by_number[number] for number in kept.tolist())]
        return replace(data, **parts, symbols=symbols)
