"""Labelled images in the other forms that people have them in: MNIST's relatives, .npz files, tables."""

import gzip
import io
import pickle
import re
import struct
import zipfile

import numpy as np
import pytest

from graphlib.datasets import DataError, files
from graphlib.datasets.archives import members
from graphlib.datasets.location import CHECKOUT
from graphlib.datasets.mnist import TEST_FILES, TRAIN_FILES, load
from graphlib.datasets.npz import read_npz
from tests.datasets.archives_of import targz, write_folder, zipped

RNG = np.random.RandomState(0)
#: 14 training and 6 test images of 5 rows and 3 columns, which differ from their transposes.
TRAIN, TEST = (RNG.randint(0, 256, (n, 5, 3)).astype(np.uint8) for n in (14, 6))
DIGITS = RNG.randint(0, 10, 14), RNG.randint(0, 10, 6)
LETTERS = np.r_[1:13, 1:3], np.array([12, 3, 2, 1, 1, 1])


def idx(array: np.ndarray) -> bytes:
    code, dtype = {1: (8, ">u1"), 4: (12, ">i4")}[array.dtype.itemsize]
    return (
        struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.astype(dtype).tobytes()
    )


def idx_set(prefix="", test="t10k", labels=DIGITS, form="idx1-ubyte", sides=(0, 1, 2)) -> dict[str, bytes]:
    """The four files of a set, the images with their axes in the order of `sides`."""
    found = {}
    for part, images, each in (("train", TRAIN, labels[0]), (test, TEST, labels[1])):
        found[f"{prefix}{part}-images-idx3-ubyte"] = idx(images.transpose(sides))
        found[f"{prefix}{part}-labels-{form}"] = idx(each if form == "idx2-int" else each.astype(np.uint8))
    return found


def assert_loaded(dataset, labels, classes, train=TRAIN, test=TEST):
    np.testing.assert_array_equal(
        np.concatenate([dataset.train.x, dataset.valid.x]) * 256, train.reshape(14, 15)
    )
    np.testing.assert_array_equal(dataset.test.x * 256, test.reshape(6, 15))
    np.testing.assert_array_equal(np.concatenate([dataset.train.y, dataset.valid.y]), labels[0])
    np.testing.assert_array_equal(dataset.test.y, labels[1])
    assert dataset.image_shape == (5, 3) and dataset.classes == classes
    assert all(split.x.dtype == np.float32 and split.y.dtype == np.int32 for split in dataset)


TEN = tuple("0123456789")


@pytest.mark.parametrize("form", ["folder", "zip", "tar.gz"])
def test_images_of_another_size_in_a_folder_or_an_archive(tmp_path, form):
    content = {f"sub/{name}.gz": gzip.compress(each) for name, each in idx_set().items()}
    if form == "folder":
        source = write_folder(tmp_path, content)
    else:
        source = tmp_path / f"set.{form}"
        source.write_bytes({"zip": zipped, "tar.gz": targz}[form](content))
    assert_loaded(load(source), DIGITS, TEN)


def test_qmnist_has_labels_of_eight_numbers(tmp_path):
    labels = tuple(np.c_[each, RNG.randint(0, 3000, (len(each), 7))].astype(np.int32) for each in DIGITS)
    source = write_folder(tmp_path, idx_set("qmnist-", "test", labels, "idx2-int"))
    assert_loaded(load(source), DIGITS, TEN)


def test_as_many_test_as_training_images_leave_a_sixth_to_validate(tmp_path):
    content = idx_set("qmnist-", "test")
    for what, form in (("images", "idx3-ubyte"), ("labels", "idx1-ubyte")):
        content[f"qmnist-test-{what}-{form}"] = content[f"qmnist-train-{what}-{form}"]
    assert [len(split.y) for split in load(write_folder(tmp_path, content))] == [12, 2, 14]


def test_emnist_is_turned_upright_and_its_classes_have_names(tmp_path):
    """Its letters count from 1; emnist-letters-mapping.txt has the codes of the capital and the small one."""
    content = idx_set("emnist-letters-", "test", LETTERS, sides=(0, 2, 1))
    counted = tuple(each - 1 for each in LETTERS)
    assert_loaded(load(write_folder(tmp_path, content)), counted, tuple(map(str, range(1, 13))))
    mapping = b"".join(b"%d %d %d\n" % (each, 64 + each, 96 + each) for each in range(1, 13))
    write_folder(tmp_path, {"emnist-letters-mapping.txt": mapping})
    assert_loaded(load(tmp_path), counted, tuple("Aa Bb Cc Dd Ee Ff Gg Hh Ii Jj Kk Ll".split()))
    write_folder(tmp_path, {"emnist-letters-mapping.txt": b"1 A\n"})
    with pytest.raises(DataError, match=r"mapping\.txt: no table of labels"):
        load(tmp_path)


def test_of_several_sets_in_a_folder_a_file_chooses(tmp_path):
    write_folder(tmp_path, idx_set("emnist-letters-", "test", LETTERS, sides=(0, 2, 1)))
    write_folder(tmp_path, idx_set("emnist-digits-", "test", sides=(0, 2, 1)))
    with pytest.raises(DataError, match="holds the data sets emnist-digits, emnist-letters; say which"):
        load(tmp_path)
    assert_loaded(load(tmp_path / "emnist-digits-test-labels-idx1-ubyte"), DIGITS, TEN)


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("column", [False, True])
def test_npz_files_as_keras_has_them(tmp_path, channel, column):
    x = [each[..., None] if channel else each for each in (TRAIN, TEST)]
    y = [each[:, None] if column else each for each in DIGITS]
    np.savez_compressed(tmp_path / "mnist.npz", x_train=x[0], y_train=y[0], x_test=x[1], y_test=y[1])
    assert_loaded(load(tmp_path / "mnist.npz"), DIGITS, TEN)


def test_npz_files_as_medmnist_has_them(tmp_path):
    path = tmp_path / "pathmnist.npz"
    np.savez(
        path, train_images=TRAIN[:9], train_labels=DIGITS[0][:9, None], val_images=TRAIN[9:],
        val_labels=DIGITS[0][9:, None], test_images=TEST, test_labels=DIGITS[1][:, None],
    )  # fmt: skip
    dataset = load(path)
    assert_loaded(dataset, DIGITS, TEN)
    assert len(dataset.valid.y) == 5


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def bomb(name: str = "x_train.npy") -> bytes:
    """An archive of a file of 3 GiB of zeros, by what its directory says: nothing of it is there to read."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(1000))
        archive.getinfo(name).file_size = 3 << 30
    return file.getvalue()


GOOD = {"x_train": TRAIN, "y_train": DIGITS[0], "x_test": TEST, "y_test": DIGITS[1]}
COLOUR = np.zeros((6, 5, 3, 3), np.uint8)
BAD_NPZ = {
    "other names": (
        npz(a=TRAIN, b=TEST),
        "holds the arrays a, b; expected x_train, y_train, x_test and y_test",
    ),
    "no test": (npz(x_train=TRAIN, y_train=DIGITS[0]), "holds the arrays x_train, y_train; expected"),
    "colour": (npz(**GOOD | {"x_test": COLOUR}), r"x_test: the images are uint8 of shape \(6, 5"),
    "labels of another set": (
        npz(**GOOD | {"y_train": DIGITS[1]}),
        r"y_train: .* shape \(6,\) for 14 images",
    ),
    "one-hot labels": (npz(**GOOD | {"y_test": np.eye(10)[DIGITS[1]]}), r"y_test: labels of shape \(6, 10\)"),
    "a class not trained on": (npz(**GOOD | {"y_test": DIGITS[1] + 10}), "y_test: label 1. at position 0"),
    "fractions above 1": (npz(**GOOD | {"x_train": TRAIN / 2.5}), "x_train: the images have values outside"),
    "objects": (npz(**GOOD | {"y_test": DIGITS[1].astype(object)}), "an array of Python objects"),
    "cut": (npz(**GOOD)[:-40], "not a whole tar, tar.gz or zip archive"),
    "a bomb": (bomb(), "more than 2 GiB after decompression"),
}


@pytest.mark.parametrize(("content", "message"), BAD_NPZ.values(), ids=BAD_NPZ)
def test_a_bad_npz_file_is_described_in_a_line(tmp_path, content, message):
    path = tmp_path / "mnist.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*({message})") as error:
        load(path)
    assert "\n" not in str(error.value)


# Tables


def table(images, labels, label="label", delimiter=",", place=0) -> bytes:
    rows = [[str(each) for each in image.reshape(-1)] for image in images]
    names = [f"pixel{number}" for number in range(len(rows[0]))]
    for row, cell in zip(
        [names, *rows] if label else rows, [label, *labels] if label else labels, strict=True
    ):
        row.insert(place, str(cell))
    return "\n".join(delimiter.join(row) for row in ([names] if label else []) + rows).encode() + b"\n"


SQUARES = RNG.randint(0, 256, (40, 4, 4))
SQUARES[0, 0, 0] = 255
NAMES = np.array(["cat", "dog", "an, owl"])[np.arange(40) % 3]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label": None},
        {"delimiter": ";"},
        {"delimiter": "\t", "label": "Class"},
        {"place": 16, "label": "y"},
    ],
    ids=str,
)
def test_a_table_with_or_without_a_header(tmp_path, options):
    labels = np.arange(40) % 10
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(table(SQUARES, labels, **options)))
    dataset = load(path)
    assert [len(split.y) for split in dataset] == [32, 4, 4]
    assert dataset.image_shape == (4, 4) and dataset.classes == TEN
    seen = {
        (*np.rint(x * 256).astype(int), y)
        for split in dataset for x, y in zip(split.x, split.y.tolist(), strict=True)
    }  # fmt: skip
    assert seen == {
        (*image.reshape(-1).tolist(), label) for image, label in zip(SQUARES, labels.tolist(), strict=True)
    }
    for split, again in zip(dataset, load(path), strict=True):
        np.testing.assert_array_equal(split.x, again.x)


def test_tables_of_names_for_training_and_testing(tmp_path):
    quoted = [f'"{name}"' for name in NAMES]
    write_folder(tmp_path, {
        "my_train.csv": table(SQUARES[:30], quoted[:30]), "my_test.csv": table(SQUARES[30:], quoted[30:]),
    })  # fmt: skip
    dataset = load(tmp_path)
    assert dataset.classes == ("an, owl", "cat", "dog")
    assert [len(split.y) for split in dataset] == [20, 10, 10]
    np.testing.assert_array_equal(dataset.test.x * 256, SQUARES[30:].reshape(10, 16))
    assert [dataset.classes[label] for label in dataset.test.y] == NAMES[30:].tolist()


def test_pixels_that_are_scaled_stay_as_they_are(tmp_path):
    (tmp_path / "a.csv").write_bytes(table(SQUARES / 255, np.arange(40) % 10))
    dataset = load(tmp_path / "a.csv")
    x = np.concatenate([split.x for split in dataset])
    np.testing.assert_allclose(np.sort(x, axis=None), np.sort(SQUARES / 255, axis=None), rtol=1e-6)


def test_the_tables_of_emnist_lie_on_their_side(tmp_path):
    images, letters = SQUARES.transpose(0, 2, 1), np.arange(40) % 12 + 1
    write_folder(tmp_path, {
        "emnist-letters-train.csv": table(images[:30], letters[:30], None),
        "emnist-letters-test.csv": table(images[30:], letters[30:], None),
    })  # fmt: skip
    dataset = load(tmp_path)
    np.testing.assert_array_equal(dataset.test.x * 256, SQUARES[30:].reshape(10, 16))
    assert [dataset.classes[label] for label in dataset.test.y] == [str(each) for each in letters[30:]]


TABLE = table(SQUARES, np.arange(40) % 10)
BAD_TABLES = {
    "no label": (
        table(SQUARES, NAMES, "name"),
        "0 of its columns .name, pixel0, pixel1, …. are called label",
    ),
    "two labels": (table(SQUARES, NAMES, "y").replace(b"pixel0", b"class"), "2 of its columns"),
    "no rows": (TABLE.partition(b"\n")[0], "a header and no rows"),
    "a short row": (TABLE + b"1,2\n", "not a table of a label and pixels in every row"),
    "text among pixels": (TABLE + b"1," + b"a," * 15 + b"a\n", "not a table of a label and pixels"),
    "fractions": (table(SQUARES, np.arange(40) / 10), "labels of dtype float64"),
    "no square": (table(SQUARES[:, :, :3], np.arange(40) % 10), "12 pixels an image, which is no square"),
    "no text": (b"\xff\xfe\x00", "not UTF-8"),
}


@pytest.mark.parametrize(("content", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_is_described_in_a_line(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*({message})") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_folder_of_tables_needs_one_of_each(tmp_path):
    write_folder(tmp_path, {"train.csv": table(SQUARES, NAMES), "train2.csv": b"", "other.csv": b""})
    with pytest.raises(DataError, match=r"2 of its tables .*have train in their name"):
        load(tmp_path)


# Pickles


def test_labels_may_be_lists_of_numbers(tmp_path):
    x, y = np.float32(TRAIN[:4, :3] / 255).reshape(4, 9), DIGITS[0][:4]
    for labels in (y.tolist(), list(y), tuple(y.astype(np.uint8))):
        (tmp_path / "own.pkl").write_bytes(pickle.dumps([(x, labels)] * 3, 5))
        for split in load(tmp_path / "own.pkl"):
            np.testing.assert_array_equal(split.x, x)
            np.testing.assert_array_equal(split.y, y)
    (tmp_path / "own.pkl").write_bytes(pickle.dumps([(x, list(map(float, y)))] * 3, 5))
    with pytest.raises(DataError, match="train set: labels of dtype float64"):
        load(tmp_path / "own.pkl")


# Small files that would fill the memory


def test_what_decompresses_to_too_much_is_refused(tmp_path, monkeypatch):
    (tmp_path / "b.npz").write_bytes(bomb("a.npy"))
    with pytest.raises(DataError, match=r"b\.npz: more than 2 GiB after decompression"):
        read_npz(tmp_path / "b.npz")
    (tmp_path / "b.zip").write_bytes(bomb("a.mid"))
    with pytest.raises(DataError, match=r"b\.zip: more than 2 GiB after decompression"):
        members(tmp_path / "b.zip", lambda name: True)
    monkeypatch.setattr(files, "MOST", 1000)
    (tmp_path / "b.gz").write_bytes(gzip.compress(bytes(1000)))
    assert files.read(tmp_path / "b.gz") == bytes(1000)
    (tmp_path / "b.gz").write_bytes(gzip.compress(bytes(600)) * 2)
    with pytest.raises(DataError, match=r"b\.gz: more than .* after decompression"):
        files.read(tmp_path / "b.gz")


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    mine, name = tmp_path / "model.npz", ".model.npz"
    for process in (2**22 + 1, 1):  # beyond Linux's numbers of processes; one that always runs
        (tmp_path / f"{name}.{process}.unfinished").write_bytes(b"half")
    (tmp_path / ".other.npz.4194305.unfinished").write_bytes(b"half")
    files.write_atomically(mine, lambda file: file.write(b"whole"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".model.npz.1.unfinished", ".other.npz.4194305.unfinished", "model.npz",
    ]  # fmt: skip
    assert mine.read_bytes() == b"whole"


def test_the_shipped_mnist_says_what_it_is():
    dataset = load()
    assert (dataset.image_shape, dataset.classes, dataset.origin) == ((28, 28), TEN, "MNIST")
    assert {*TRAIN_FILES, *TEST_FILES} <= {path.stem for path in (CHECKOUT / "mnist").iterdir()}
