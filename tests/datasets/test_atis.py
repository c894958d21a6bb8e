"""The slot-filling data: synthetic utterances, folders of ATIS files, the historic pickles, and bad ones."""

import gzip
import hashlib
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from graphlib.datasets import DataError, atis
from graphlib.datasets.atis.indexed import FILES
from graphlib.datasets.atis.synthetic import generate

VOCABULARY = ["1030", "BOS", "EOS", "boston", "flights", "from", "new", "to", "york", "zurich"]
SLOTS = ["B-from.city", "B-time", "B-to.city", "I-to.city", "O"]
TRAIN = [
    ("flights from boston to new york", "O O B-from.city O B-to.city I-to.city"),
    ("flights to new york", "O O B-to.city I-to.city"),
    ("to new york 1030", "O B-to.city I-to.city B-time"),
    ("from boston 1030", "O B-from.city B-time"),
    ("flights from boston", "O O B-from.city"),
    ("flights to new york", "O O B-to.city I-to.city"),
]
TEST = [("flights from zurich to boston", "O O B-from.city O B-to.city")]


def indices(sentences: list[str], dictionary: list[str]) -> str:
    return "".join(" ".join(str(dictionary.index(each)) for each in row.split()) + "\n" for row in sentences)


def files(train=TRAIN, test=TEST) -> dict[str, str]:
    """The six files of a folder, after the format's description: a dictionary's line number is the index."""
    content = ["\n".join(VOCABULARY) + "\n", "\n".join(SLOTS) + "\n"]
    for pairs in (train, test):
        content.append(indices([f"BOS {words} EOS" for words, _ in pairs], VOCABULARY))
        content.append(indices([f"O {labels} O" for _, labels in pairs], SLOTS))
    return dict(zip(FILES, content, strict=True))


def write(folder: Path, content: dict[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def spelled(dataset: atis.Dataset, utterances: atis.Utterances) -> list[tuple[str, str]]:
    return [
        (" ".join(dataset.words[i] for i in words), " ".join(dataset.labels[i] for i in labels))
        for words, labels in zip(utterances.words, utterances.labels, strict=True)
    ]


def assert_sound(dataset: atis.Dataset) -> None:
    for dictionary in (dataset.words, dataset.labels):
        assert list(dictionary) == list(range(len(dictionary)))
        assert len(set(dictionary.values())) == len(dictionary)
    assert list(dataset.words.values()).count(atis.UNKNOWN) == 1
    for utterances in dataset[:3]:
        for words, labels in zip(utterances.words, utterances.labels, strict=True):
            assert words.dtype == labels.dtype == np.int32 and words.shape == labels.shape != (0,)
            assert words.min() >= 0 and words.max() < len(dataset.words)
            assert labels.min() >= 0 and labels.max() < len(dataset.labels)


# Synthetic utterances


@pytest.fixture(scope="module")
def synthetic() -> atis.Dataset:
    return atis.load()


def test_synthetic_utterances_need_no_download_and_say_what_they_are(synthetic):
    assert_sound(synthetic)
    assert "synthetic" in synthetic.origin and "not ATIS" in synthetic.origin
    assert [len(each.words) for each in synthetic[:3]] == [3200, 800, 800]


def test_synthetic_utterances_are_the_same_every_time(synthetic):
    again = atis.load()
    assert again.words == synthetic.words and again.labels == synthetic.labels
    for ours, theirs in zip(again[:3], synthetic[:3], strict=True):
        for a, b in zip(ours.words + ours.labels, theirs.words + theirs.labels, strict=True):
            np.testing.assert_array_equal(a, b)


def test_synthetic_utterances_depend_on_the_seed():
    assert generate(20, 5, seed=1) == generate(20, 5, seed=1) != generate(20, 5, seed=2)


def test_no_synthetic_test_sentence_was_trained_on():
    train, test = ({tuple(words) for words, _ in each} for each in generate(2000, 500))
    assert len(train) == 2000 and len(test) == 500 and not train & test


def test_synthetic_labels_are_well_formed():
    for words, labels in generate(1000, 10)[0]:
        assert len(words) == len(labels)
        for before, label in zip(["O", *labels], labels, strict=False):
            assert not label.startswith("I-") or before[2:] == label[2:]


# A folder of ATIS files


def test_folder(tmp_path):
    dataset = atis.load(write(tmp_path, files()))
    assert_sound(dataset)
    prepared = [(words.replace("1030", "DIGIT" * 4), labels) for words, labels in TRAIN]
    train, valid = spelled(dataset, dataset.train), spelled(dataset, dataset.valid)
    assert len(train) == 5 and len(valid) == 1
    assert train == [each for each in prepared if each not in valid]
    assert sorted(train + valid) == sorted(prepared)
    assert spelled(dataset, dataset.test) == [(TEST[0][0].replace("zurich", atis.UNKNOWN), TEST[0][1])]


def test_a_word_that_occurs_once_is_unknown(tmp_path):
    once = [("zurich to new york", "B-from.city O B-to.city I-to.city"), *TRAIN]
    dataset = atis.load(write(tmp_path, files(train=once)))
    sentences = [words for words, _ in spelled(dataset, dataset.train) + spelled(dataset, dataset.valid)]
    assert "<UNK> to new york" in sentences
    assert len(sentences) == len(once)


def test_validation_sentences_are_from_anywhere_and_always_the_same(tmp_path):
    many = [(" ".join(["to"] * n), " ".join(["O"] * n)) for n in range(1, 101)]
    folder = write(tmp_path, files(train=many))
    places = [[len(words) for words in atis.load(folder).valid.words] for _ in range(2)]
    assert places[0] == places[1] == sorted(places[0])
    assert len(places[0]) == 20
    # all of them in one half of the files: a chance of one in five million
    assert {place > 50 for place in places[0]} == {True, False}


def test_a_home_folder_and_windows_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write(tmp_path, {name: text.replace("\n", "\r\n") for name, text in files().items()})
    assert len(atis.load("~").train.words) == 5


def test_encoding_a_sentence(tmp_path):
    words = atis.load(write(tmp_path, files())).words
    encoded = atis.encode("Flights from Timbuktu 0915".split(), words)
    assert encoded.dtype == np.int32
    assert [words[i] for i in encoded] == ["flights", "from", "<UNK>", "DIGIT" * 4]


VOCAB, LABELS, TRAIN_QUERY, TRAIN_SLOTS, TEST_QUERY, TEST_SLOTS = FILES
BAD_FILES = {
    "empty": (TRAIN_QUERY, "", ": empty"),
    "an empty dictionary": (VOCAB, "\n \n", ": empty"),
    "a word twice": (VOCAB, "a\nb\na\n", "line 3: 'a' again"),
    "a gap in the dictionary": (LABELS, "O\n\nB-a\n", "line 2: empty"),
    "no index": (TRAIN_QUERY, "1 2\n1 x 2\n", "line 2: 'x' is no index"),
    "a negative index": (TRAIN_QUERY, "1 -3 2\n", "line 1: '-3' is no index"),
    "a word beyond the dictionary": (TEST_QUERY, "1 10 2\n", "line 1: index 10, but its dictionary has 10"),
    "labels without words": (TRAIN_SLOTS, "4 4 4\n" * 7, r"labels of 7 sentences, but .*query.csv has 6"),
    "a label missing": (TEST_SLOTS, "4 4 0 4 2 4\n", "line 1: 6 labels for the 7 words"),
    "a sentence without words": (TRAIN_QUERY, "1 2\n" * 6, None),
    "an unknown scheme": (LABELS, "B-a\nE-a\nB-b\nI-b\nO\n", None),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_described(tmp_path, name, content, message):
    bad = files() | {name: content}
    if name == TRAIN_QUERY and message is None:
        bad[TRAIN_SLOTS], message = "4 4\n" * 6, "line 1: a sentence without words"
    if name == LABELS and message is None:
        name, message = TRAIN_SLOTS, "line 3: label 'E-a', expected O, B-name or I-name"
    with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path / name))}.*{message}"):
        atis.load(write(tmp_path, bad))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(tmp_path, name):
    (write(tmp_path, files()) / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(name)}: missing; the folder must hold"):
        atis.load(tmp_path)


def test_text_of_another_encoding(tmp_path):
    write(tmp_path, files())
    (tmp_path / VOCAB).write_bytes("zürich\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"vocab\.csv: not UTF-8 text \(byte 0xfc at position 1\)"):
        atis.load(tmp_path)


def test_one_training_sentence_is_too_few(tmp_path):
    with pytest.raises(DataError, match="1 sentence; two are needed"):
        atis.load(write(tmp_path, files(train=TRAIN[:1])))


# The historic pickles


WORDS = {"<UNK>": 0, "flights": 1, "to": 2, "boston": 3}
ROLES = {"B-to.city": 0, "O": 1}


def historic(sets: int = 3, words=WORDS, labels=ROLES, sentences=3) -> tuple:
    """What the pickles hold: sets of (words, tables, labels), then the dictionaries."""
    queries = [np.array([1, 2, 3], np.int32)] * sentences
    rows = [np.array([1, 1, 0], np.int32)] * sentences
    dictionaries = {"words2idx": words, "labels2idx": labels, "tables2idx": {"<NOTABLE>": 0}}
    return (*[(queries, rows, rows)] * sets, dictionaries)


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("sets", [2, 3])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_historic_pickle(tmp_path, sets, compress, protocol):
    content = pickle.dumps(historic(sets), protocol)
    path = tmp_path / "atis.fold0.pkl"
    path.write_bytes(gzip.compress(content) if compress else content)
    dataset = atis.load(path)
    assert_sound(dataset)
    assert [len(each.words) for each in dataset[:3]] == ([3, 3, 3] if sets == 3 else [2, 1, 3])
    for each in dataset[:3]:
        assert set(spelled(dataset, each)) == {("flights to boston", "O O B-to.city")}


def test_a_pickle_by_python_2(tmp_path):
    """Protocol 0 of Python 2.7 by hand: strings are bytes there, and the arrays' content is among them."""

    def array(values):
        content = "".join(f"\\x{byte:02x}" for byte in np.array(values, "<i4").tobytes())
        return (
            "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
            f"(I{len(values)}\ntcnumpy\ndtype\n(S'i4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'{content}'\ntb"
        )  # fmt: skip

    def dictionary(entries):
        return "(d" + "".join(f"S'{key}'\n{value}s" for key, value in entries.items())

    one = f"((l{array([1, 2, 3])}a(l{array([0, 0, 0])}a(l{array([1, 1, 0])}at"
    numbers = {
        name: dictionary({key: f"I{value}\n" for key, value in each.items()})
        for name, each in (("words2idx", WORDS), ("labels2idx", ROLES))
    }
    content = f"({one}{one}{one}{dictionary(numbers)}t.".encode("ascii")
    assert len(pickle.loads(content, encoding="latin-1")) == 4  # Python agrees that this is such a pickle
    (tmp_path / "atis.pkl").write_bytes(content)
    dataset = atis.load(tmp_path / "atis.pkl")
    assert_sound(dataset)
    assert spelled(dataset, dataset.test) == [("flights to boston", "O O B-to.city")]


def test_a_pickle_without_a_word_for_the_unknown_gets_one(tmp_path):
    words = {"a": 0, "flights": 1, "to": 2, "boston": 3}
    (tmp_path / "atis.pkl").write_bytes(pickle.dumps(historic(words=words)))
    assert atis.load(tmp_path / "atis.pkl").words[4] == atis.UNKNOWN


class Calls:
    def __reduce__(self):
        return Path.touch, (Path("was-run"),)


def test_a_pickle_that_names_something_else_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "atis.pkl"
    path.write_bytes(pickle.dumps((*historic()[:3], {"words2idx": Calls()})))
    with pytest.raises(DataError, match=r"atis\.pkl: .*it asks for .*nothing in it was run"):
        atis.load(path)
    assert list(tmp_path.iterdir()) == [path]


def changed(**fields) -> tuple:
    queries, tables, rows = historic()[0]
    new = {"queries": queries, "rows": rows} | fields
    return ((new["queries"], tables, new["rows"]), *historic()[1:])


BAD_PICKLES = {
    "a number": (17, "not a historic pickle"),
    "no dictionaries": (historic()[:3], "not a historic pickle"),
    "one set": (historic(1), "not a historic pickle.*1 sets"),
    "an empty set": (historic(sentences=0), "not a historic pickle.*empty"),
    "sentences of text": (changed(queries=[np.array(["a"])] * 3), "not a historic pickle"),
    "sentences of floats": (changed(rows=[np.zeros(3)] * 3), "no array of integers"),
    "a gap": (historic(words={"<UNK>": 0, "a": 5}), "indices of words2idx have gaps"),
    "no IOB label": (historic(labels={"city": 0, "O": 1}), "label 'city'"),
    "labels without words": (changed(rows=[np.array([1, 1, 0])] * 4), "3 sentences, labels of 4"),
    "a label too many": (changed(rows=[np.array([1] * 4)] * 3), "sentence 0 has 3 words and 4 labels"),
    "an index too large": (changed(queries=[np.array([1, 2, 4])] * 3), "from 1 to 4.*has 4 entries"),
    "a negative index": (changed(rows=[np.array([1, -1, 0])] * 3), "from -1 to 1"),
}


@pytest.mark.parametrize(("content", "message"), BAD_PICKLES.values(), ids=BAD_PICKLES)
def test_a_pickle_of_other_things_is_described(tmp_path, content, message):
    path = tmp_path / "atis.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*{message}"):
        atis.load(path)


def test_one_sentence_in_a_pickle_is_too_few(tmp_path):
    (tmp_path / "atis.pkl").write_bytes(pickle.dumps(historic(2, sentences=1)))
    with pytest.raises(DataError, match=r"atis\.pkl: one training sentence"):
        atis.load(tmp_path / "atis.pkl")


@pytest.mark.parametrize("length", [0, 1, 50, -1])
def test_a_truncated_pickle(tmp_path, length):
    path = tmp_path / "atis.pkl"
    path.write_bytes(pickle.dumps(historic(), protocol=2)[:length])
    with pytest.raises(DataError, match=r"atis\.pkl: not a historic pickle"):
        atis.load(path)


# Downloading


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_fetching_verifies_and_does_not_fetch_again(tmp_path, server, monkeypatch):
    folder, address = server
    write(folder, files())
    monkeypatch.setattr(atis, "_PUBLISHED_AT", address)
    monkeypatch.setattr(atis, "_SHA256", {name: sha256(text) for name, text in files().items()})
    target = atis.fetch(tmp_path / "new" / "atis")
    assert len(atis.load(target).train.words) == 5
    for name in FILES:
        (folder / name).unlink()
    assert atis.fetch(target) == target  # complete: nothing is asked of the server, which has no file now


def test_a_file_with_another_checksum_is_not_kept(tmp_path, server, monkeypatch):
    folder, address = server
    write(folder, files())
    monkeypatch.setattr(atis, "_PUBLISHED_AT", address)
    with pytest.raises(DataError, match=r"SHA256 checksum is .*has not been kept"):
        atis.fetch(tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


def test_a_server_without_the_file(tmp_path, server, monkeypatch):
    monkeypatch.setattr(atis, "_PUBLISHED_AT", server[1])
    with pytest.raises(DataError, match=r"atis\.dict\.vocab\.csv: cannot be fetched and saved as .*404"):
        atis.fetch(tmp_path / "new")
    assert not list((tmp_path / "new").iterdir())


# The real corpus, where the checkout stands beside a copy of it

REAL = Path(__file__).parents[3] / "shared" / "data" / "atis"


@pytest.mark.skipif(not REAL.is_dir(), reason="no copy of ATIS beside the checkout")
def test_the_real_corpus():
    dataset = atis.load(REAL)
    assert_sound(dataset)
    assert [len(each.words) for each in dataset[:3]] == [3983, 995, 893]
    assert len(dataset.labels) == 129
    sentence = spelled(dataset, dataset.test)[0][0]
    assert sentence.startswith("i would like to find a flight from charlotte to las vegas")
    assert atis.fetch(REAL) == REAL  # the checksums are those of this copy
