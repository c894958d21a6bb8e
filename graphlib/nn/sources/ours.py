"""Sources of the data sets that `graphlib.datasets` finds: MNIST, reviews, labelled sentences, a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from ...datasets import DataError, atis, mnist, reviews, text
from ..registry import register
from ..schema import Count, Range
from .base import Share, Source
from .dataset import DataSet, Examples, as_float


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
        parts = [Examples(as_float(each.x), each.y).take(slice(self.limit)) for each in found]
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
class Atis(Source):
    """Sentences whose words have labels: x are rows of word numbers, from 1, and y the labels of the words;
    behind a sentence's end x is 0 and y −1: ``padding: 0`` of an embedding, ``missing: -1`` of losses.

    Args:
        path: None for synthetic utterances, else ATIS: what `graphlib.datasets.atis.load` takes.
        length: words of a row; of a longer sentence these are the first. None: as many as the longest has.
        limit: at most so many sentences of each part.
    """

    path: str | None = None
    length: Count | None = None
    limit: Count | None = None

    def load(self, seed: int) -> DataSet:
        if self.path is not None:
            self._existing()
        found = atis.load(self.path)
        parts = (found.train, found.valid, found.test)
        length = self.length or max(len(row) for part in parts for row in part.words)
        return DataSet(
            *(self._padded(part, length) for part in parts),
            origin=found.origin,
            classes={"y": [found.labels[n] for n in range(len(found.labels))]},
            symbols=["the end", *(found.words[n] for n in range(len(found.words)))],
        )

    def _padded(self, part: atis.Utterances, length: int) -> Examples:
        x = np.zeros((len(part.words), length), "int32")
        y = np.full(x.shape, -1, "int32")
        for place, (words, labels) in enumerate(zip(part.words, part.labels, strict=True)):
            words, labels = words[:length], labels[:length]
            x[place, : len(words)] = words + 1
            y[place, : len(labels)] = labels
        return Examples(x, y).take(slice(self.limit))


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
