"""A text as a sequence of characters, as the character-level language model of the tutorials uses it.

Herman Melville's "Moby-Dick" is in data/text (README.md there says where it comes from), and `fetch` gets it;
`load` also reads any other text in UTF-8.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import DataError
from ..files import read_text
from ..location import find
from .moby_dick import FILE, fetch

__all__ = ["FILE", "Text", "decode", "encode", "fetch", "load"]


class Text(NamedTuple):
    """A text as indices, int32, shape (its characters,), and the characters that they stand for.

    The characters are in the order of their Unicode numbers. `origin` tells in a few words what it is.
    """

    indices: np.ndarray
    characters: dict[int, str]
    origin: str


def load(source: str | os.PathLike | None = None) -> Text:
    """The text in a file, with every kind of line end as "\\n" and no byte order mark.

    Args:
        source: None for the novel, see `graphlib.datasets.location`; else a text file in UTF-8, gzipped or
            not.

    Raises:
        DataError: the file cannot be read, is empty, or is no text in UTF-8.
    """
    path = find("text", FILE) if source is None else Path(source).expanduser()
    text = read_text(path)
    if "\0" in text:
        raise DataError(f"{path}: has zero bytes, so it is no text; give a text file in UTF-8")
    characters = dict(enumerate(sorted(set(text))))
    if len(characters) < 2:
        raise DataError(f"{path}: one character over and over, nothing to learn; give another text")
    origin = "Moby-Dick by Herman Melville" if source is None else str(path)
    return Text(encode(text, characters), characters, origin)


def encode(text: str, characters: Mapping[int, str]) -> np.ndarray:
    """The indices of a text's characters, int32, shape (its characters,).

    Raises:
        DataError: a character is not in `characters`.
    """
    index = {character: position for position, character in characters.items()}
    unknown = sorted(set(text) - index.keys())
    if unknown:
        raise DataError(
            f"{', '.join(map(repr, unknown[:5]))}: not among the {len(index)} characters of the text that "
            "was learnt; use only those that occur in it"
        )
    return np.fromiter((index[character] for character in text), np.int32, len(text))


def decode(indices: Iterable[int], characters: Mapping[int, str]) -> str:
    """The text that indices stand for."""
    return "".join(characters[int(index)] for index in indices)
