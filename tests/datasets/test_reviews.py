"""The sentiment data: sentences shipped, the Large Movie Review Dataset, Keras's imdb.npz, and bad files."""

import gzip
import hashlib
import io
import json
import pickle
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from graphlib.datasets import DataError, reviews
from graphlib.datasets.fetching import Source
from graphlib.datasets.location import CHECKOUT, find
from graphlib.datasets.reviews import PADDING, UNKNOWN, tokenise
from tests.datasets.archives_of import targz, write_folder, zipped


def assert_sound(dataset: reviews.Dataset) -> None:
    assert list(dataset.words) == list(range(len(dataset.words)))
    assert len(set(dataset.words.values())) == len(dataset.words)
    for part in dataset[:3]:
        assert part.y.dtype == np.int32 and part.y.shape == (len(part.x),) and set(part.y) <= {0, 1}
        for review in part.x:
            assert review.dtype == np.int32 and review.ndim == 1 and len(review)
            assert review.min() > PADDING and review.max() < len(dataset.words)


def spelled(dataset: reviews.Dataset, part: reviews.Reviews) -> list[tuple[str, int]]:
    return sorted(
        (" ".join(dataset.words[i] for i in x), int(y)) for x, y in zip(part.x, part.y, strict=True)
    )


# The sentences shipped


@pytest.fixture(scope="module")
def shipped() -> reviews.Dataset:
    return reviews.load()


def test_shipped_sentences(shipped):
    assert_sound(shipped)
    assert [len(each.x) for each in shipped[:3]] == [8454, 1056, 1056]
    assert len(shipped.words) == 10_000
    assert all(0.45 < each.y.mean() < 0.55 for each in shipped[:3])


def test_shipped_file_is_the_one_described():
    readme = (CHECKOUT / "reviews" / "README.md").read_text(encoding="utf-8")
    content = gzip.decompress(find("reviews", reviews.FILE).read_bytes())
    assert hashlib.sha256(content).hexdigest() in readme
    lines = content.decode("utf-8").splitlines()
    signs = Counter(np.sign(float(line.split("\t")[0])) for line in lines)
    assert signs == {1: 5242, -1: 5326, 0: 37}


def test_no_sentence_is_in_two_sets(shipped):
    """Judged by the words, so unknown words could make two sentences equal: the dictionary has them all."""
    whole = reviews.load(n_words=100_000)
    train, valid, test = ({tuple(each) for each in part.x} for part in whole[:3])
    assert not {each for each in train & test | train & valid | valid & test if UNKNOWN not in each}


def test_dictionary_is_of_the_training_words_by_frequency(shipped):
    whole = reviews.load(n_words=100_000)
    counts = Counter(int(i) for review in whole.train.x for i in review)
    assert UNKNOWN not in counts and PADDING not in counts
    frequencies = [counts[i] for i in range(2, len(whole.words))]
    assert frequencies == sorted(frequencies, reverse=True) and frequencies[-1] == 1
    assert list(shipped.words.values()) == list(whole.words.values())[:10_000]
    for small, large in zip(shipped.test.x, whole.test.x, strict=True):
        np.testing.assert_array_equal(small, np.where(large < 10_000, large, UNKNOWN))


def test_the_split_depends_on_the_seed(shipped):
    again, other = reviews.load(), reviews.load(seed=7)
    assert spelled(again, again.test) == spelled(shipped, shipped.test) != spelled(other, other.test)


@pytest.mark.parametrize("n_words", [0, 2])
def test_a_dictionary_needs_a_word(n_words):
    with pytest.raises(ValueError, match=f"n_words {n_words}"):
        reviews.load(n_words=n_words)


@pytest.mark.parametrize(
    "line", ["", "good", "1.5 good", "x\tgood", "nan\tgood", "1.5\t ", "1.5\t"], ids=repr
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "sentences.tsv.gz"
    path.write_bytes(gzip.compress(f"1\tgood\n{line}\n-1\tbad\n".encode()))
    with pytest.raises(DataError, match=rf"sentences\.tsv\.gz, line 2: {re.escape(repr(line))}"):
        reviews.load(path)


# Words

TEXTS = {
    "Good, really GOOD!": ["good", ",", "really", "good", "!"],
    "don't o'clock' 'tis": ["don't", "o'clock", "'", "'", "tis"],
    "A<br /><br />B": ["a", "b"],
    "so-called ''art''": ["so", "-", "called", '"', "art", '"'],
    "It’s 3.5 naïve…": ["it's", "3", ".", "5", "naïve", "…"],
    " \t\n": [],
}


@pytest.mark.parametrize(("text", "tokens"), TEXTS.items())
def test_tokens(text, tokens):
    assert tokenise(text) == tokens


def test_encoding(shipped):
    encoded = reviews.encode(tokenise("The film <UNK> <PAD> xyzzyx"), shipped.words)
    assert encoded.dtype == np.int32
    spelled = [shipped.words[i] for i in encoded]
    assert spelled[:2] == ["the", "film"] and spelled[-1] == "<UNK>"
    assert PADDING not in encoded  # what a user writes is never padding


# The Large Movie Review Dataset


def large(train: int = 20, test: int = 2) -> dict[str, bytes]:
    files = {
        "aclImdb/README": b"about",
        "aclImdb/train/unsup/0_0.txt": b"no label",
        "aclImdb/imdb.vocab": b"a",
    }
    for part, n in (("train", train), ("test", test)):
        for kind, text in (("pos", "A good one<br />"), ("neg", "A bad one,")):
            for i in range(n):
                files[f"aclImdb/{part}/{kind}/{i}_7.txt"] = f"{text} {part} {i}".encode()
    return files


@pytest.mark.parametrize("form", ["folder", "its parent", "tar.gz", "zip"])
def test_large_movie_reviews(tmp_path, form):
    if form in ("folder", "its parent"):
        source = write_folder(tmp_path / "data", large())
        source = source / "aclImdb" if form == "folder" else source
    else:
        source = tmp_path / "aclImdb_v1.archive"
        source.write_bytes({"tar.gz": targz, "zip": zipped}[form](large()))
    dataset = reviews.load(source)
    assert_sound(dataset)
    assert [len(each.x) for each in dataset[:3]] == [38, 2, 4]
    assert spelled(dataset, dataset.test) == [
        ("a bad one , <UNK> 0", 0),
        ("a bad one , <UNK> 1", 0),
        ("a good one <UNK> 0", 1),
        ("a good one <UNK> 1", 1),
    ]
    learnt = spelled(dataset, dataset.train) + spelled(dataset, dataset.valid)
    assert len({text for text, _ in learnt}) == 40
    assert all(("good" in text) == label for text, label in learnt)


def test_folder_and_archive_give_the_same(tmp_path):
    (tmp_path / "a.tgz").write_bytes(targz(large()))
    folder, archive = reviews.load(write_folder(tmp_path / "f", large())), reviews.load(tmp_path / "a.tgz")
    for a, b in zip(folder[:3], archive[:3], strict=True):
        assert [each.tolist() for each in a.x] == [each.tolist() for each in b.x]
        np.testing.assert_array_equal(a.y, b.y)


BAD_SETS = {
    "no negative training reviews": ({"aclImdb/train/neg/0_7.txt": None}, "no reviews train/neg/"),
    "an empty review": ({"aclImdb/test/pos/1_7.txt": b" \n"}, "test/pos/1_7.txt has no words"),
    "another encoding": ({"aclImdb/train/pos/0_7.txt": b"caf\xe9"}, "train/pos/0_7.txt is not UTF-8"),
}


@pytest.mark.parametrize(("change", "message"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_set_is_named_and_described(tmp_path, change, message):
    files = {name: content for name, content in (large(train=1) | change).items() if content is not None}
    path = tmp_path / "aclImdb.tar.gz"
    path.write_bytes(targz(files))
    for source in (path, write_folder(tmp_path / "folder", files)):
        with pytest.raises(DataError, match=f"^{re.escape(str(source))}: .*{message}"):
            reviews.load(source)


def test_a_truncated_archive(tmp_path):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(targz(large())[:-100])
    with pytest.raises(DataError, match=r"aclImdb_v1\.tar\.gz: .*incomplete.*get it again"):
        reviews.load(path)
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_leads_out(tmp_path):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(targz(large() | {"../../evil.txt": b"x"}))
    with pytest.raises(DataError, match="leads out of the archive"):
        reviews.load(path)


# Keras's imdb.npz


def objects(lists: list) -> np.ndarray:
    array = np.empty(len(lists), object)
    array[:] = lists
    return array


def keras(**changes) -> dict:
    arrays = {
        "x_train": objects([[1, 2, 3], [1, 9], [4, 4, 1]] * 10),
        "y_train": np.array([1, 0, 1] * 10),
        "x_test": objects([[2, 1], [5, 50]]),
        "y_test": np.array([0, 1]),
    }
    return arrays | changes


def save(path: Path, arrays: dict, protocol: int = 3) -> Path:
    """As np.savez does, in a protocol of one's choice."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            file = io.BytesIO()
            array = np.asarray(array)
            if array.dtype == object:
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
                pickle.dump(array, file, protocol)
            else:
                np.save(file, array)
            archive.writestr(f"{name}.npy", file.getvalue())
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_keras_imdb(tmp_path, protocol):
    path = save(tmp_path / "imdb.npz", keras(), protocol)
    with np.load(path, allow_pickle=True) as arrays:
        assert arrays["x_train"][1] == [1, 9]  # numpy agrees that this is such a file
    dataset = reviews.load(path, n_words=8)
    assert_sound(dataset)
    assert [len(each.x) for each in dataset[:3]] == [29, 1, 2]
    # Rank 1 is index 2; ranks from 7 on are beyond the 8 words.
    assert [each.tolist() for each in dataset.test.x] == [[3, 2], [6, UNKNOWN]]
    assert dataset.test.y.tolist() == [0, 1]
    assert {tuple(each) for each in dataset.train.x} == {(2, 3, 4), (2, UNKNOWN), (5, 5, 2)}
    assert dataset.words[2] == "#1"


def test_keras_imdb_with_its_words(tmp_path):
    path = save(tmp_path / "imdb.npz", keras())
    (tmp_path / "imdb_word_index.json").write_text(json.dumps({"the": 1, "and": 2, "a": 3}))
    dataset = reviews.load(path, n_words=6)
    assert list(dataset.words.values()) == ["<PAD>", "<UNK>", "the", "and", "a", "#4"]


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": "b"}'])
def test_bad_words_for_keras_imdb(tmp_path, text):
    path = save(tmp_path / "imdb.npz", keras())
    (tmp_path / "imdb_word_index.json").write_text(text)
    with pytest.raises(DataError, match=r"imdb_word_index\.json: not Keras's dictionary"):
        reviews.load(path)


class Calls:
    def __reduce__(self):
        return Path.touch, (Path("was-run"),)


BAD_NPZ = {
    "an array missing": ({"y_test": None}, "not Keras's imdb.npz.*y_test"),
    "a call": ({"x_train": objects([[1], Calls()])}, "it asks for .*nothing in it was run"),
    "reviews of text": ({"x_test": objects([["a"], ["b"]])}, "test review 0 is no list of ranks"),
    "an empty review": ({"x_test": objects([[1], []])}, "test review 1 is no list of ranks"),
    "rank 0": ({"x_test": objects([[1], [1, 0]])}, "test review 1 is no list of ranks"),
    "labels without reviews": ({"y_train": np.zeros(31, int)}, "30 train reviews, labels of shape"),
    "labels missing": ({"y_test": np.zeros(1, int)}, "2 test reviews, labels of shape"),
    "other labels": ({"y_test": np.array([0, 2])}, "test labels other than 0 and 1"),
}


@pytest.mark.parametrize(("changes", "message"), BAD_NPZ.values(), ids=BAD_NPZ)
def test_a_bad_npz_is_described_and_runs_nothing(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    arrays = {name: array for name, array in keras(**changes).items() if array is not None}
    path = save(tmp_path / "imdb.npz", arrays)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}"):
        reviews.load(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("cut", [0, 10, 300, -1])
def test_a_truncated_npz(tmp_path, cut):
    path = save(tmp_path / "imdb.npz", keras())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"imdb\.npz: not Keras's imdb\.npz.*[Gg]et it again"):
        reviews.load(path)


# Downloading


def test_fetching_the_npz_brings_its_words(tmp_path, server, monkeypatch):
    folder, address = server
    save(folder / "imdb.npz", keras())
    (folder / "imdb_word_index.json").write_text(json.dumps({"the": 1}))
    for name in ("imdb.npz", "imdb_word_index.json"):
        checksum = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(reviews.SOURCES, name, Source(f"{address}/{name}", "sha256", checksum))
    path = reviews.fetch("imdb.npz", tmp_path / "new")
    assert path == tmp_path / "new" / "imdb.npz"
    assert reviews.load(path).words[2] == "the"


def test_a_damaged_download_is_not_kept(tmp_path, server, monkeypatch):
    folder, address = server
    (folder / "aclImdb_v1.tar.gz").write_bytes(targz(large()))
    source = reviews.SOURCES["aclImdb_v1.tar.gz"]
    monkeypatch.setitem(
        reviews.SOURCES, "aclImdb_v1.tar.gz", source._replace(url=f"{address}/aclImdb_v1.tar.gz")
    )
    with pytest.raises(DataError, match=r"SHA256 checksum is .* expected c40f74a1.*has not been kept"):
        reviews.fetch("aclImdb_v1.tar.gz", tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())
