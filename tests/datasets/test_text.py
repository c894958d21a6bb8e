"""Texts as characters: the novel shipped, other files, and bad ones."""

import gzip
import hashlib
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlib.datasets import DataError
from graphlib.datasets.location import CHECKOUT, find
from graphlib.datasets.text import FILE, decode, encode, load


def test_shipped_novel():
    novel = load()
    assert novel.indices.dtype == np.int32 and novel.indices.shape == (1_191_295,)
    assert len(novel.characters) == 81 and "Moby-Dick" in novel.origin
    text = decode(novel.indices, novel.characters)
    assert text.startswith("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago")
    assert text.endswith("only found another orphan.\n")
    assert len(re.findall(r"^CHAPTER \d+\. ", text, flags=re.MULTILINE)) == 135


def test_shipped_file_is_the_one_described():
    content = gzip.decompress(find("text", FILE).read_bytes())
    assert hashlib.sha256(content).hexdigest() in (CHECKOUT / "text" / "README.md").read_text(
        encoding="utf-8"
    )


# Carriage returns become line feeds; zero bytes are refused, and a byte order mark is taken off.
TEXTS = st.text(min_size=2).filter(
    lambda text: len(set(text)) > 1 and text.strip() and not set("\r\0\ufeff") & {*text}
)


@given(TEXTS, st.booleans())
def test_a_text_comes_back(text, compress):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text")
        path.write_bytes(gzip.compress(text.encode()) if compress else text.encode())
        loaded = load(path)
    assert decode(loaded.indices, loaded.characters) == text
    assert list(loaded.characters) == list(range(len(set(text))))
    assert list(loaded.characters.values()) == sorted(set(text))
    np.testing.assert_array_equal(encode(text, loaded.characters), loaded.indices, strict=True)


def test_line_ends_and_byte_order_mark(tmp_path):
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    loaded = load(str(tmp_path / "text"))
    assert decode(loaded.indices, loaded.characters) == "one\ntwo\nthree\n"


BAD_FILES = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "an empty archive": (gzip.compress(b""), "empty"),
    "Latin-1": (
        "Ein Märchen".encode("latin-1"),
        r"not UTF-8 text \(byte 0xe4 at position 5\).*iconv -f latin1 -t",
    ),
    "UTF-16": ("Märchen".encode("utf-16"), r"not UTF-8 text \(byte 0xff at position 0\).*iconv -f utf-16 -t"),
    "zero bytes": (b"a\0b\0", "so it is no text"),
    "one character": (b"aaaa", "nothing to learn"),
    "truncated": (gzip.compress(b"a text" * 100)[:-6], "incomplete"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_described(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}"):
        load(path)


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt: cannot be read"):
        load(tmp_path / "nowhere.txt")


def test_unknown_characters_are_named():
    with pytest.raises(DataError, match=r"'X', 'ß': not among the 2 characters"):
        encode("abßbX", {0: "a", 1: "b"})
