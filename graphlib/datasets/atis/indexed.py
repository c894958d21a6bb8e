"""Reads ATIS as a folder of index sequences with their dictionaries: one sentence a line, and a dictionary's
line number, from 0, is the index.
"""

import re
from pathlib import Path

from .. import DataError
from ..files import read_text

FILES = (
    "atis.dict.vocab.csv",
    "atis.dict.slots.csv",
    "atis.train.query.csv",
    "atis.train.slots.csv",
    "atis.test.query.csv",
    "atis.test.slots.csv",
)

# A label of the scheme IOB2: outside, or the first or a further word of a slot.
LABEL = re.compile(r"O|[BI]-\S+")

Sentence = tuple[list[str], list[str]]


def read_folder(folder: Path) -> tuple[list[Sentence], list[Sentence]]:
    """The sentences of the training and of the test files, each as (words, labels), without BOS and EOS.

    Raises:
        DataError: a file is missing, or a line of it is not what it should be.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError(f"{folder / name}: missing; the folder must hold {', '.join(FILES)}")
    words, labels = (_read_dictionary(folder / name) for name in FILES[:2])
    train = _read_pair(folder / FILES[2], folder / FILES[3], words, labels)
    if len(train) < 2:
        raise DataError(
            f"{folder / FILES[2]}: {len(train)} sentence; two are needed, to train and to validate on"
        )
    return train, _read_pair(folder / FILES[4], folder / FILES[5], words, labels)


def _lines(path: Path) -> list[str]:
    return read_text(path).removesuffix("\n").split("\n")


def _read_dictionary(path: Path) -> list[str]:
    entries = [line.strip() for line in _lines(path)]
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        if not entry or entry in seen:
            fault = f"{entry!r} again" if entry else "empty"
            raise DataError(f"{path}, line {number}: {fault}; a dictionary has one entry a line, each once")
        seen.add(entry)
    return entries


def _read_sequences(path: Path, dictionary: list[str]) -> list[list[str]]:
    rows = []
    for number, line in enumerate(_lines(path), 1):
        row = []
        for item in line.split():
            if not (item.isascii() and item.isdigit()):
                raise DataError(f"{path}, line {number}: {item!r} is no index; get the right file")
            if int(item) >= len(dictionary):
                raise DataError(
                    f"{path}, line {number}: index {item}, but its dictionary has {len(dictionary)} entries, "
                    "from 0; take both from the same source"
                )
            row.append(dictionary[int(item)])
        rows.append(row)
    return rows


def _read_pair(queries_path: Path, slots_path: Path, words: list[str], labels: list[str]) -> list[Sentence]:
    queries, slots = _read_sequences(queries_path, words), _read_sequences(slots_path, labels)
    if len(queries) != len(slots):
        raise DataError(
            f"{slots_path}: labels of {len(slots)} sentences, but {queries_path.name} has {len(queries)}; "
            "take both from the same source"
        )
    sentences = []
    for number, (query, row) in enumerate(zip(queries, slots, strict=True), 1):
        if len(query) != len(row):
            raise DataError(
                f"{slots_path}, line {number}: {len(row)} labels for the {len(query)} words of that line of "
                f"{queries_path.name}; take both from the same source"
            )
        wrong = [label for label in row if not LABEL.fullmatch(label)]
        if wrong:
            raise DataError(f"{slots_path}, line {number}: label {wrong[0]!r}, expected O, B-name or I-name")
        inside = slice(query[:1] == ["BOS"], len(query) - (query[-1:] == ["EOS"]))
        if not query[inside]:
            raise DataError(
                f"{queries_path}, line {number}: a sentence without words; leave it out of both files"
            )
        sentences.append((query[inside], row[inside]))
    return sentences
