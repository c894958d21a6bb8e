"""What run files learn from: how it is divided, and what is said of data that cannot be learnt from."""

import gzip

import numpy as np
import pytest
from sklearn.datasets import load_iris

from graphlib.datasets import DataError, atis
from graphlib.nn.registry import ConfigError, build


def load(kind, seed=0, **parameters):
    return build("data", {kind: parameters}).load(seed)


def numbered(n):
    """n examples whose target is their own number."""
    return {"x": np.arange(2.0 * n).reshape(n, 2), "y": np.arange(n)}


def test_parts_are_disjoint_complete_and_of_the_seed(tmp_path):
    np.savez(tmp_path / "a.npz", **numbered(40))
    first, again, other = (
        load("npz", seed, path=str(tmp_path / "a.npz"), validation=0.1, test=0.25) for seed in (1, 1, 2)
    )
    parts = [first.train.y, first.validation.y, first.test.y]
    assert [len(each) for each in parts] == [26, 4, 10]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(40))
    np.testing.assert_array_equal(first.test.x[:, 0], 2 * first.test.y)
    np.testing.assert_array_equal(first.test.y, again.test.y)
    assert not np.array_equal(first.test.y, other.test.y)
    end = load("npz", path=str(tmp_path / "a.npz"), validation=0.1, test=0.25, split="end")
    np.testing.assert_array_equal(end.validation.y, np.arange(26, 30))
    np.testing.assert_array_equal(end.test.y, np.arange(30, 40))


def test_arrays_that_are_divided_already_stay_so(tmp_path):
    whole = numbered(20)
    path = str(tmp_path / "a.npz")
    ends = {"train": slice(0, 12), "test": slice(12, 20)}
    np.savez(path, **{f"{n}_{p}": whole[n][rows] for n in "xy" for p, rows in ends.items()})
    data = load("npz", path=path, validation=0.25)
    np.testing.assert_array_equal(data.test.y, np.arange(12, 20))
    assert len(data.validation) == 3
    np.testing.assert_array_equal(np.union1d(data.train.y, data.validation.y), np.arange(12))
    ends["val"] = slice(3, 5)
    np.savez(path, **{f"{n}_{p}": whole[n][rows] for n in "xy" for p, rows in ends.items()})
    data = load("npz", path=path)
    np.testing.assert_array_equal(data.validation.y, [3, 4])
    assert len(data.train) == 12


def test_several_inputs_and_targets_have_names(tmp_path):
    path = str(tmp_path / "a.npz")
    rng = np.random.default_rng(0)
    np.savez(path, left=rng.normal(size=(8, 2)), right=np.ones((8, 3)), kind=np.arange(8), size=np.ones(8))
    data = load("npz", path=path, x={"a": "left", "b": "right"}, y={"k": "kind", "s": "size"})
    assert {name: each.shape for name, each in data.train.x.items()} == {"a": (6, 2), "b": (6, 3)}
    assert set(data.train.y) == {"k", "s"}


def test_standardizing_uses_the_training_examples_alone(tmp_path):
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(5, 3, 50), np.full(50, 7.0)])
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(50))
    data = load("npz", path=str(tmp_path / "a.npz"), standardize=True, validation=0.2, test=0.2)
    train = x[data.train.y]
    for part in (data.train, data.validation, data.test):
        expected = (x[part.y] - train.mean(0)) / [train[:, 0].std(), 1]
        np.testing.assert_allclose(part.x, expected, rtol=1e-4, atol=1e-6)
    assert data.scaling.deviation[1] == 1.0


def test_a_table_is_read_with_names_classes_and_gaps(tmp_path):
    path = tmp_path / "t.csv.gz"
    rows = [
        "size, colour,weight,kind",
        "1,red,0.5,b",
        "2,blue,1.5,a",
        "3,red,,b",
        "4,red,2e-1,a",
        "5,blue,0,c",
    ]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    options = {"path": str(path), "validation": 0, "test": 0}
    data = load("csv", **options, features=["size"])
    np.testing.assert_array_equal(data.train.x, [[1], [2], [3], [4], [5]])
    np.testing.assert_array_equal(data.train.y, [1, 0, 1, 0, 2])
    assert data.classes == {"y": ["a", "b", "c"]}
    data = load("csv", **options, features=["size"], target={"k": "kind", "w": "weight"})
    np.testing.assert_array_equal(data.train.y["w"], np.array([0.5, 1.5, np.nan, 0.2, 0], "float32"))
    assert data.train.y["k"].dtype == "int32"
    with pytest.raises(DataError, match=r"features: the column 'colour' of .* holds text, such as 'red'"):
        load("csv", **options)
    rows[3] = rows[3].replace("3", "three")
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    with pytest.raises(DataError, match=r"features: the column 'size' of .* holds text, such as 'three'"):
        load("csv", **options)
    path.write_bytes(gzip.compress("\n".join(rows).replace("three", "3").encode()))
    with pytest.raises(DataError, match=r"x has NaN in 1 of 5 examples, first in example 2, column 'weight'"):
        load("csv", **options, features=["size", "weight"])
    with pytest.raises(DataError, match="target: there is no column 'knd'; did you mean kind"):
        load("csv", **options, target="knd")


def test_a_table_without_a_header_has_numbers_for_names(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("1\t2\t30\n3\t4\t10\n5\t6\t30\n")
    data = load("csv", path=str(path), delimiter="\t", target=0, classes=True, validation=0, test=0)
    np.testing.assert_array_equal(data.train.x, [[2, 30], [4, 10], [6, 30]])
    np.testing.assert_array_equal(data.train.y, [0, 1, 2])
    assert data.classes == {"y": ["1", "3", "5"]}
    data = load("csv", path=str(path), delimiter="\t", target_unit=20, validation=0, test=0)
    np.testing.assert_array_equal(data.train.y, [1.5, 0.5, 1.5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "t.csv, line 3: 1 cells, where 2 are expected"),
        ("a,a\n1,2\n", "t.csv, line 1: two columns have the same name"),
        ("a,b\n", "t.csv has no rows of data"),
        ("a\n1\n", "has no columns but the target's"),
    ],
)
def test_damaged_tables_are_named(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        load("csv", path=str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((3, 2))}, "path: .*a.npz has x, and no x and y or x_train and y_train"),
        ({"x": np.ones((3, 2)), "y": np.ones(4)}, "x and y have 3 and 4 examples"),
        ({"x": np.array([["a"]]), "y": np.ones(1)}, "x is <U1 of shape"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "there are no examples"),
        (
            {"x": np.array([[1.0, np.inf]]), "y": np.ones(1)},
            "x has infinity in 1 of 1 examples, first in example 0",
        ),
        ({"x": np.ones((2, 2)), "y": np.ones(2)}, None),
    ],
)
def test_arrays_that_cannot_be_learnt_from_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    source = build("data", {"npz": {"path": str(tmp_path / "a.npz"), "validation": 0.1, "test": 0.1}})
    if message is None:
        assert len(source.load(0).train) == 2
    else:
        with pytest.raises(DataError, match=message):
            source.load(0)


@pytest.mark.parametrize("kind", ["npz", "csv", "mnist", "reviews", "atis", "text"])
def test_a_missing_file_is_named(tmp_path, kind):
    with pytest.raises(DataError, match=r"path: there is no .*none"):
        load(kind, path=str(tmp_path / "none"))


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_a_file_must_be_given(kind):
    with pytest.raises(ConfigError, match=f"{kind} needs path"):
        build("data", kind)


def test_a_path_is_from_the_files_folder(tmp_path):
    assert build("data", {"npz": "sub/a.npz"}).located(tmp_path).path == str(tmp_path / "sub/a.npz")
    assert build("data", "mnist").located(tmp_path).path is None


def test_arrays_stand_in_the_file_itself():
    data = load("arrays", x=[[0, 0], [0, 1.5]], y={"a": [0, 1], "b": [[1], [0]]})
    np.testing.assert_array_equal(data.train.x, [[0, 0], [0, 1.5]])
    assert data.validation is None and data.train.y["b"].shape == (2, 1)
    for wrong in ([[1], [1, 2]], ["a"], 3):
        with pytest.raises(DataError, match="x: must be a list of numbers"):
            load("arrays", x=wrong, y=[1, 2])


def test_windows_of_a_text_follow_each_other_in_every_stream(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("abcdefghijklmnopqrstuvwxy")
    data = load("text", path=str(path), length=4, streams=2, validation=0, test=0)
    # each stream has 12 characters: a…l and m…x
    words = ["".join(data.symbols[n] for n in row) for row in data.train.x]
    assert words == ["abcd", "mnop", "efgh", "qrst", "ijkl", "uvwx"]
    assert "".join(data.symbols[n] for n in data.train.y[-1]) == "vwxy"
    last = load("text", path=str(path), length=4, predict="last", validation=0, test=0.4)
    assert "".join(last.symbols[n] for n in last.train.y) == "eim"
    assert "".join(last.symbols[n] for n in last.test.x[0]) == "pqrs"
    with pytest.raises(
        DataError, match="the training text has 25 characters, too few for 9 streams of windows of 4"
    ):
        load("text", path=str(path), length=4, streams=9, validation=0, test=0)


def test_reviews_are_padded_rows_of_words():
    data = load("reviews", words=100, length=5, limit=30)
    before = load("reviews", words=100, length=5, limit=30, padding="before")
    assert data.train.x.shape == (30, 5) and data.train.x.max() < 100 and len(data.symbols) == 100
    for after, row in zip(data.train.x, before.train.x, strict=True):
        kept = after[after > 0]
        np.testing.assert_array_equal(row, np.concatenate([np.zeros(5 - len(kept), int), kept]))


def test_labelled_sentences_end_with_what_is_missing():
    data, short, found = load("atis", limit=20), load("atis", length=6), atis.load()
    assert len(data.train) == 20 and data.train.x.shape == data.train.y.shape
    assert short.train.x.shape == (len(found.train.words), 6)
    for row, labels, words, truth in zip(
        data.train.x, data.train.y, found.train.words, found.train.labels, strict=False
    ):
        np.testing.assert_array_equal(row[: len(words)] - 1, words)
        np.testing.assert_array_equal(labels[: len(words)], truth)
        assert not row[len(words) :].any() and (labels[len(words) :] == -1).all()
    assert [data.symbols[n] for n in data.train.x[0][:2]] == [
        found.words[n] for n in found.train.words[0][:2]
    ]
    assert data.classes["y"][data.train.y[0, 0]] == found.labels[found.train.labels[0][0]]


def test_scikit_learns_samples_have_columns_to_choose_from():
    iris = load_iris()
    data = load("iris", target={"kind": "target", "width": "petal width"}, validation=0, test=0)
    np.testing.assert_array_equal(data.train.x, iris.data[:, :3].astype("float32"))
    np.testing.assert_array_equal(data.train.y["width"], iris.data[:, 3].astype("float32"))
    np.testing.assert_array_equal(data.train.y["kind"], iris.target)
    assert data.classes == {"kind": ["setosa", "versicolor", "virginica"]}
    digits = load("digits")
    assert digits.train.x.max() == 1.0 and digits.image_shape == (8, 8) and digits.classes == {}


def test_mnist_is_divided_as_published():
    data = load("mnist", limit=20)
    assert data.train.x.shape == data.test.x.shape == (20, 784)
    assert data.image_shape == (28, 28)


QUESTIONS = """DESC:manner How did serfdom develop in Russia ?
ENTY:cremat What films featured Ed ?

ENTY:animal What is a What ?
"""


def test_sentences_are_numbered_by_the_training_ones(tmp_path):
    """As the TREC questions are written, in Latin-1; by hand: "what" is the most frequent word."""
    (tmp_path / "train").write_bytes(QUESTIONS.encode("latin-1"))
    (tmp_path / "test").write_bytes("DESC:def What is a café ?\n".encode("latin-1"))
    given = {
        "path": str(tmp_path / "train"),
        "test_path": str(tmp_path / "test"),
        "validation": 0,
        "length": 6,
    }
    data = load("sentences", **given)
    assert data.classes == {"y": ["DESC", "ENTY"]} and data.test.y.tolist() == [0]
    assert sorted(data.train.y.tolist()) == [0, 1, 1] and data.validation is None
    assert data.symbols[:4] == ["<PAD>", "<UNK>", "what", "?"]
    sentence = [" ".join(data.symbols[n] for n in row) for row in data.test.x]
    assert sentence == ["what is a <UNK> ? <PAD>"]  # café is in no training sentence
    assert " ".join(data.symbols[n] for n in data.train.x[0]) == "how did serfdom develop in russia"
    few = load("sentences", words=3, padding="before", **given)
    assert few.symbols == ["<PAD>", "<UNK>", "what"]
    assert few.test.x.tolist() == [[0, 2, 1, 1, 1, 1]] and few.train.x[0].tolist() == [1] * 6
    assert load("sentences", fine=True, **given).classes["y"] == sorted(
        ["DESC:manner", "ENTY:cremat", "ENTY:animal", "DESC:def"]
    )
    divided = load("sentences", path=given["path"], validation=0.34, test=0.34)
    assert [len(part) for part in (divided.train, divided.validation, divided.test)] == [1, 1, 1]
    (tmp_path / "wrong").write_text("DESC:manner How ?\n\nalone\n")
    with pytest.raises(DataError, match=r"wrong, line 3: a class, a space and a sentence, not 'alone'"):
        load("sentences", path=str(tmp_path / "wrong"))
    with pytest.raises(DataError, match="test_path: there is no"):
        load("sentences", path=given["path"], test_path=str(tmp_path / "none"))
