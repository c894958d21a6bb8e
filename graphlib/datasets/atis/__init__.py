"""ATIS, requests to an airline's information system with a slot label for every word (Hemphill, Godfrey and
Doddington, 1990), as the slot-filling tutorial uses them; or synthetic utterances in their manner.

The corpus itself is not shipped (README.md says why): `load` reads copies of it, `fetch` downloads one, and
`synthetic` makes up utterances from a small grammar where there is none.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import DataError
from ..fetching import Source
from ..fetching import fetch as fetch_file
from ..location import target
from . import synthetic
from .historic import read_pickle
from .indexed import FILES, Sentence, read_folder

UNKNOWN = "<UNK>"

_SEED_OF_SPLIT = 345  # of the chapter's program

_PUBLISHED_AT = "https://github.com/howl-anderson/ATIS_dataset/raw/master/data/raw_data/ms-cntk-atis"
_SHA256 = {
    "atis.dict.slots.csv": "9da4302a6a1065dd8742d87338ba842ba9c018623e36c84f431e6620c5cd1fd6",
    "atis.dict.vocab.csv": "81354b8b70610e3ee560f38ee366fc574f0b71e3f4b14c955935b8e4779c865c",
    "atis.test.query.csv": "e1dc07203dca048ba62d2f5a28fe02da56553dfc95fd0040f5ec115f1ce64440",
    "atis.test.slots.csv": "eb349ca1bb463b9080d258f5feba7ed03a9a6ce3995f333612aab7ab53e08806",
    "atis.train.query.csv": "786fe1baab85080d027d10582f99559952cb3e1a9da532a9fc6ce0ae1205372e",
    "atis.train.slots.csv": "fd118158260901ba632ca810907ce0d8431283f0bb80ee95b8c76c29a5b69b05",
}


class Utterances(NamedTuple):
    """Sentences, each as the indices of its words and of their labels: int32, shape (words in it,)."""

    words: list[np.ndarray]
    labels: list[np.ndarray]


class Dataset(NamedTuple):
    """The utterances to learn from, those to choose a model by, and those to judge it by.

    `words` and `labels` say what the indices stand for, from 0 without gaps; among the words is `UNKNOWN`.
    A label is O, or B- (the first word) or I- (a further word) and the name of a slot. `origin` tells in a
    few words where the utterances are from.
    """

    train: Utterances
    valid: Utterances
    test: Utterances
    words: dict[int, str]
    labels: dict[int, str]
    origin: str


def load(source: str | os.PathLike | None = None) -> Dataset:
    """ATIS from a copy of it, or synthetic utterances.

    The words of a folder are prepared as those of the historic pickles were (Mesnil, He, Deng and Bengio,
    "Investigation of recurrent-neural-network architectures and learning methods for spoken language
    understanding", Interspeech 2013): every digit becomes "DIGIT", and a word that the training files have
    once, or that only the test files have, becomes `UNKNOWN`. The tokens BOS and EOS around a sentence are
    left out. The validation set is a fifth of the training files, chosen at random, but always the same.

    Args:
        source: None for synthetic utterances; else a folder with the six files of `indexed.FILES`, or one
            of the historic pickles: atis.pkl, or atis.fold0.pkl to atis.fold4.pkl, which have a validation
            set of their own; gzipped or not.

    Raises:
        DataError: a file is missing, damaged, or not what it should be.
    """
    if source is None:
        train, test = synthetic.generate()
        return _index(train, test, "synthetic utterances from a small grammar, not ATIS")
    path = Path(source).expanduser()
    if path.is_dir():
        train, test = read_folder(path)
        return _index(train, test, f"ATIS, {path}")
    return _from_pickle(path)


def fetch(folder: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """Downloads the six files that `load` reads, each verified by its SHA-256; returns the folder for `load`.

    Args:
        folder: where to; None for the user's folder of data.
        mirror: the address of a folder with the same files on another server.

    Raises:
        DataError: there is no connection, or a file's checksum is another.
    """
    folder = target(folder, "atis")
    for name in FILES:
        fetch_file(Source(f"{_PUBLISHED_AT}/{name}", "sha256", _SHA256[name]).at(mirror), folder / name)
    return folder


def normalise(word: str) -> str:
    """A word as the dictionary has it: in lower case, every digit as "DIGIT"."""
    return re.sub(r"[0-9]", "DIGIT", word.lower())


def encode(sentence: Iterable[str], words: Mapping[int, str]) -> np.ndarray:
    """The indices of a sentence's words, int32, shape (words in it,); unknown words become `UNKNOWN`.

    Args:
        sentence: its words, as the user wrote them.
        words: the dictionary of a `Dataset`.
    """
    return _indices([[normalise(word) for word in sentence]], words)[0]


def _indices(sentences: Sequence[Sequence[str]], words: Mapping[int, str]) -> list[np.ndarray]:
    index = {word: position for position, word in words.items()}
    unknown = index[UNKNOWN]
    return [np.array([index.get(word, unknown) for word in each], np.int32) for each in sentences]


def _hold_out(utterances: Utterances) -> tuple[Utterances, Utterances]:
    """The sentences to train on, and a fifth of them, at least one, which validates, in their order."""
    order = np.random.RandomState(_SEED_OF_SPLIT).permutation(len(utterances.words))
    kept = len(order) - max(1, len(order) // 5)
    words, labels = utterances
    parts = (np.sort(part) for part in (order[:kept], order[kept:]))
    return tuple(Utterances([words[i] for i in part], [labels[i] for i in part]) for part in parts)


def _index(train: list[Sentence], test: list[Sentence], origin: str) -> Dataset:
    """A dataset of sentences, with dictionaries made of them."""
    normal = [
        [([normalise(word) for word in words], labels) for words, labels in each] for each in (train, test)
    ]
    counts = Counter(word for words, _ in normal[0] for word in words)
    words = dict(enumerate([UNKNOWN, *sorted(word for word, count in counts.items() if count > 1)]))
    labels = dict(enumerate(sorted({label for each in normal for _, row in each for label in row})))
    label_index = {label: position for position, label in labels.items()}
    train_set, test_set = (
        Utterances(
            _indices([sentence for sentence, _ in each], words),
            [np.array([label_index[label] for label in row], np.int32) for _, row in each],
        )
        for each in normal
    )
    return Dataset(*_hold_out(train_set), test_set, words=words, labels=labels, origin=origin)


def _from_pickle(path: Path) -> Dataset:
    sets, words, labels = read_pickle(path)
    sets = [Utterances(*each) for each in sets]
    if len(sets) == 2:
        train, test = sets
        sets = [*_hold_out(train), test]
        if not sets[0].words:
            raise DataError(f"{path}: one training sentence, none is left to validate on; get the whole file")
    if UNKNOWN not in words.values():
        words = words | {len(words): UNKNOWN}
    return Dataset(*sets, words=words, labels=labels, origin=f"ATIS, {path}")
