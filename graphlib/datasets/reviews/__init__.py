"""Movie reviews, each positive or negative, as the sentiment tutorial uses them.

Sentences from reviews with ratings are in data/reviews (README.md there says where they come from); `load`
also reads the Large Movie Review Dataset (Maas et al., 2011) and Keras's imdb.npz, and `fetch` gets them all.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import DataError
from ..archives import members
from ..fetching import Source
from ..fetching import fetch as fetch_file
from ..files import read_text
from ..location import find, target
from . import sentences
from .keras_imdb import WORD_INDEX, read_npz, read_word_index

PADDING, UNKNOWN = 0, 1
_RESERVED = {PADDING: "<PAD>", UNKNOWN: "<UNK>"}

_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
FILE = sentences.FILE
SOURCES = {
    "imdb.npz": Source(
        f"{_KERAS}/imdb.npz", "sha256", "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
    ),
    # The publisher gives no other checksum of this one.
    WORD_INDEX: Source(f"{_KERAS}/{WORD_INDEX}", "md5", "bfafd718b763782e994055a2d397834f"),
    "aclImdb_v1.tar.gz": Source(
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "sha256",
        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    ),
}

# A word with what apostrophes join to it, or one character of punctuation.
_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
_LARGE = re.compile(r"(?:.*/)?(?P<part>train|test)/(?P<class>pos|neg)/[^/]+\.txt")


class Reviews(NamedTuple):
    """Reviews x, each the indices of its words: int32, shape (words in it,); and y, int32, shape (reviews,):
    1 for a positive review, 0 for a negative one.
    """

    x: list[np.ndarray]
    y: np.ndarray


class Dataset(NamedTuple):
    """The reviews to learn from, those to choose a model by, and those to judge it by.

    `words` says what the indices stand for: 0 is padding (in no review), 1 an unknown word, then the words
    from the most frequent on. `origin` tells in a few words where the reviews are from.
    """

    train: Reviews
    valid: Reviews
    test: Reviews
    words: dict[int, str]
    origin: str


def load(source: str | os.PathLike | None = None, n_words: int = 10_000, seed: int = 123) -> Dataset:
    """The training, validation and test reviews.

    Of the rated sentences, 80 % are trained on, 10 % validate and 10 % test; the other two have a
    test set, and a twentieth of their training set validates. Which reviews these are depends on nothing
    but `seed`. Words are counted in the training reviews only.

    Args:
        source: None for the rated sentences, see `graphlib.datasets.location`, or their file; else the folder
            aclImdb of the Large Movie Review Dataset or its archive, or Keras's imdb.npz.
        n_words: the size of the dictionary, padding and the unknown word included.
        seed: of the random split.

    Raises:
        DataError: a file is missing, damaged, or not what it should be.
    """
    if n_words < 3:
        raise ValueError(
            f"n_words {n_words}: at least one word is needed beside padding and the unknown word"
        )
    rng = np.random.RandomState(seed)
    path = find("reviews", FILE) if source is None else Path(source).expanduser()
    if path.name.endswith((".tsv", ".tsv.gz")):
        reviews, positive = _read_sentences(path)
        order = rng.permutation(len(reviews))
        tenth = len(order) // 10
        parts = [order[2 * tenth :], order[tenth : 2 * tenth], order[:tenth]]
        sets = [([reviews[i] for i in part], positive[part]) for part in parts]
        return _index(sets, n_words, "sentences from movie reviews (vaderSentiment)")
    if path.suffix == ".npz":
        train, test = read_npz(path)
        sets = [*_hold_out(*train, rng), test]
        return _rank(sets, n_words, read_word_index(path.parent), f"Large Movie Review Dataset, {path}")
    train, test = _read_large(path)
    return _index([*_hold_out(*train, rng), test], n_words, f"Large Movie Review Dataset, {path}")


def fetch(name: str = FILE, folder: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """Downloads one of the files `SOURCES`, or what the rated sentences are made of, verified by the
    published checksum.

    Args:
        name: of the file. With "imdb.npz" comes its dictionary of words.
        folder: where to; None for where `load` finds the sentences.
        mirror: the address of a folder with the same file on another server.

    Returns:
        The path of the file, for `load`.

    Raises:
        DataError: there is no connection, or the checksum is another.
    """
    folder = target(folder, "reviews")
    if name == FILE:
        return sentences.fetch(folder, mirror)
    if name == "imdb.npz":
        fetch_file(SOURCES[WORD_INDEX].at(mirror), folder / WORD_INDEX)
    return fetch_file(SOURCES[name].at(mirror), folder / name)


def tokenise(text: str) -> list[str]:
    """The words of a text in lower case, each character of punctuation a word of its own.

    An apostrophe within a word does not divide it; two single quotation marks stand for a double one;
    line breaks of HTML are left out.
    """
    text = text.lower().replace("<br />", " ").replace("’", "'").replace("''", '"').replace("``", '"')
    return _TOKEN.findall(text)


def encode(tokens: Iterable[str], words: Mapping[int, str]) -> np.ndarray:
    """The indices of a text's words, int32, shape (words in it,); `UNKNOWN` for those not in `words`."""
    index = {word: position for position, word in words.items() if position not in _RESERVED}
    return np.array([index.get(token, UNKNOWN) for token in tokens], np.int32)


def _read_sentences(path: Path) -> tuple[list[list[str]], np.ndarray]:
    """The sentences whose mean rating is not 0, each once, in words, and whether it is positive."""
    ratings: dict[str, float] = {}
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        rating, tab, sentence = line.partition("\t")
        try:
            value = float(rating)
        except ValueError:
            value = math.nan
        if not tab or not math.isfinite(value) or not tokenise(sentence):
            raise DataError(f"{path}, line {number}: {line!r} is no rating and sentence; get the file again")
        if value:
            ratings.setdefault(sentence, value)
    return [tokenise(each) for each in ratings], np.array([each > 0 for each in ratings.values()], np.int32)


def _read_large(source: Path) -> list[tuple[list[list[str]], np.ndarray]]:
    """The training and test reviews of the Large Movie Review Dataset, in words."""
    groups: dict[tuple[str, str], list[list[str]]] = {
        (part, kind): [] for part in ("train", "test") for kind in ("neg", "pos")
    }
    for name, content in members(source, lambda name: _LARGE.fullmatch(name) is not None):
        try:
            tokens = tokenise(content.decode("utf-8"))
        except UnicodeDecodeError:
            raise DataError(f"{source}: {name} is not UTF-8 text; get the data set again") from None
        if not tokens:
            raise DataError(f"{source}: {name} has no words; get the data set again")
        groups[_LARGE.fullmatch(name).group("part", "class")].append(tokens)
    for (part, kind), reviews in groups.items():
        if not reviews:
            raise DataError(
                f"{source}: no reviews {part}/{kind}/*.txt; give the folder aclImdb or its archive "
                "aclImdb_v1.tar.gz"
            )
    return [
        (
            groups[part, "neg"] + groups[part, "pos"],
            np.repeat(np.array([0, 1], np.int32), [len(groups[part, "neg"]), len(groups[part, "pos"])]),
        )
        for part in ("train", "test")
    ]


def _hold_out(
    reviews: Sequence, labels: np.ndarray, rng: np.random.RandomState
) -> list[tuple[list, np.ndarray]]:
    """Training and validation reviews: a twentieth validates, at least one."""
    order = rng.permutation(len(reviews))
    held_out = max(1, len(order) // 20)
    return [([reviews[i] for i in part], labels[part]) for part in (order[held_out:], order[:held_out])]


def _index(sets: list[tuple[list[list[str]], np.ndarray]], n_words: int, origin: str) -> Dataset:
    counts = Counter(token for review in sets[0][0] for token in review)
    # Words that are equally frequent stand in alphabetical order, so that the order of reviews is no matter.
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[: n_words - len(_RESERVED)]
    words = _RESERVED | dict(enumerate(ranked, len(_RESERVED)))
    index = {word: position for position, word in enumerate(ranked, len(_RESERVED))}
    encoded = [
        Reviews(
            [np.array([index.get(each, UNKNOWN) for each in review], np.int32) for review in reviews], labels
        )
        for reviews, labels in sets
    ]
    return Dataset(*encoded, words=words, origin=origin)


def _rank(
    sets: list[tuple[list[np.ndarray], np.ndarray]], n_words: int, names: Mapping[int, str], origin: str
) -> Dataset:
    """A dataset of reviews in ranks: 1, the most frequent word, becomes the first index not reserved."""
    shift = len(_RESERVED) - 1
    encoded = []
    for reviews, labels in sets:
        shifted = [review + shift for review in reviews]
        encoded.append(
            Reviews([np.where(each < n_words, each, UNKNOWN).astype(np.int32) for each in shifted], labels)
        )
    words = _RESERVED | {i: names.get(i - shift, f"#{i - shift}") for i in range(len(_RESERVED), n_words)}
    return Dataset(*encoded, words=words, origin=origin)
