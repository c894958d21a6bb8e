"""The datasets: MNIST as shipped, the other forms that its loader reads, and what it says of bad files."""

import gzip
import hashlib
import pickle
import re
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphlib.datasets.mnist
from graphlib.datasets import DataError
from graphlib.datasets.location import CHECKOUT
from graphlib.datasets.mnist import TEST_FILES, TRAIN_FILES, load
from graphlib.datasets.mnist.idx import read_idx

SHIPPED = CHECKOUT / "mnist"
TRAIN_IMAGES, TRAIN_LABELS = TRAIN_FILES
TEST_IMAGES, TEST_LABELS = TEST_FILES


def idx(array: np.ndarray) -> bytes:
    """The array as an IDX file of unsigned bytes, after the specification."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small_files(train: int = 7, test: int = 3) -> dict[str, bytes]:
    """The content of the four files of a set of random images."""
    rng = np.random.default_rng(5)
    files = {}
    for (images, labels), n in ((TRAIN_FILES, train), (TEST_FILES, test)):
        files[images] = idx(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        files[labels] = idx(rng.integers(0, 10, n, dtype=np.uint8))
    return files


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def assert_same(left: graphlib.datasets.mnist.Dataset, right: graphlib.datasets.mnist.Dataset) -> None:
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a.x, b.x)
        np.testing.assert_array_equal(a.y, b.y)


# The shipped files


@pytest.fixture(scope="module")
def mnist() -> graphlib.datasets.mnist.Dataset:
    return load()


def test_shipped_mnist_is_the_tutorials_split(mnist):
    for split, n in zip(mnist, (50_000, 10_000, 10_000), strict=True):
        assert split.x.shape == (n, 784) and split.x.dtype == np.float32
        assert split.y.shape == (n,) and split.y.dtype == np.int32
        # 0.99609375 is the largest value of the tutorials' mnist.pkl.gz.
        assert split.x.min() == 0 and split.x.max() == np.float32(0.99609375)
        assert set(np.unique(split.y)) == set(range(10))


def test_shipped_files_are_the_originals_in_their_order(mnist):
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    published = dict(re.findall(r"\| `([\w-]+)` \| `(\w{32})` \|", readme))
    assert set(published) == {*TRAIN_FILES, *TEST_FILES}
    raw = {}
    for name, md5 in published.items():
        compressed = (SHIPPED / f"{name}.gz").read_bytes()
        assert compressed[3:8] == bytes(5), "gzip -n: neither the name nor the time is in the file"
        raw[name] = gzip.decompress(compressed)
        assert hashlib.md5(raw[name]).hexdigest() == md5
    images = np.frombuffer(raw[TRAIN_IMAGES][16:], np.uint8).reshape(60_000, 784)
    labels = np.frombuffer(raw[TRAIN_LABELS][8:], np.uint8)
    np.testing.assert_array_equal(np.concatenate([mnist.train.x, mnist.valid.x]) * 256, images)
    np.testing.assert_array_equal(np.concatenate([mnist.train.y, mnist.valid.y]), labels)


# Other copies in the IDX format


@pytest.mark.parametrize("compress", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_folder_of_idx_files(tmp_path, compress, separator):
    files = small_files(train=7, test=3)
    spelled = {name.replace("-idx", f"{separator}idx"): content for name, content in files.items()}
    if compress:
        spelled = {f"{name}.gz": gzip.compress(content) for name, content in spelled.items()}
    sets = load(write(tmp_path, spelled))
    assert [len(split.y) for split in sets] == [4, 3, 3]
    images = np.frombuffer(files[TRAIN_IMAGES][16:], np.uint8).reshape(7, 784)
    np.testing.assert_array_equal(sets.train.x, images[:4] / 256)
    np.testing.assert_array_equal(sets.valid.x, images[4:] / 256)
    np.testing.assert_array_equal(sets.test.y, list(files[TEST_LABELS][8:]))


def test_any_one_of_the_four_files_stands_for_the_set(tmp_path):
    whole = load(write(tmp_path, small_files()))
    for name in small_files():
        assert_same(load(str(tmp_path / name)), whole)


def test_a_home_folder_may_be_abbreviated(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert_same(load(write(tmp_path, small_files())), load("~"))


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)), st.booleans())
def test_idx_round_trip(array, compress):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(gzip.compress(idx(array)) if compress else idx(array))
        np.testing.assert_array_equal(read_idx(path, array.ndim), array, strict=True)


@settings(deadline=None)
@given(st.data(), st.booleans())
def test_an_idx_file_cut_anywhere_is_refused(draw, compress):
    content = idx(np.arange(30, dtype=np.uint8).reshape(5, 3, 2))
    content = gzip.compress(content) if compress else content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cut-file")
        path.write_bytes(content[: draw.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(DataError, match="cut-file: "):
            read_idx(path, 3)


def test_error_is_a_value_error():
    assert issubclass(DataError, ValueError)


HUGE = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 28, 28)
EIGHT_BY_EIGHT = idx(np.zeros((7, 8, 8), np.uint8))
GZIPPED = gzip.compress(bytes(1000), mtime=0)

BAD_FILES = {
    "truncated gzip": (TRAIN_IMAGES, GZIPPED[:-9], "damaged or incomplete"),
    "gzip with a wrong checksum": (TRAIN_IMAGES, GZIPPED[:-8] + bytes(8), "damaged or incomplete"),
    "gzip with damaged data": (TRAIN_IMAGES, GZIPPED[:10] + b"\xff" * 20, "damaged or incomplete"),
    "empty": (TEST_LABELS, b"", r"begins with the bytes \[\]"),
    "a web page": (TRAIN_LABELS, b"<html>404</html>", r"\[3c 68 74 6d\].*begins with \[00 00 08 01\]"),
    "labels for images": (TEST_IMAGES, small_files()[TEST_LABELS], r"\[00 00 08 01\].*\[00 00 08 03\]"),
    "cut in its header": (TEST_IMAGES, small_files()[TEST_IMAGES][:9], "ends after 9 bytes"),
    "cut in its data": (TEST_IMAGES, small_files()[TEST_IMAGES][:-1], "3 items, 2352 bytes.*but 2351 bytes"),
    "longer than announced": (TEST_LABELS, small_files()[TEST_LABELS] + b"\0", "3 bytes.*but 4 bytes follow"),
    "announcing terabytes": (TEST_IMAGES, HUGE, "4294967295 items"),
    "images of another size": (
        TEST_IMAGES,
        EIGHT_BY_EIGHT[:7] + b"\x03" + EIGHT_BY_EIGHT[8 : 16 + 192],
        r"shape \(8, 8\), expected \(28, 28\)",
    ),
    "fewer labels than images": (TRAIN_LABELS, idx(np.zeros(6, np.uint8)), r"shape \(6,\) for 7 images"),
    "a label out of range": (TEST_LABELS, idx(np.array([0, 10, 9], np.uint8)), "label 10 at position 1"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_and_described(tmp_path, name, content, message):
    write(tmp_path, small_files() | {name: content})
    with pytest.raises(DataError, match=f"^{re.escape(str(tmp_path / name))}: .*{message}"):
        load(tmp_path)


@pytest.mark.parametrize("name", small_files())
def test_a_missing_file_is_named(tmp_path, name):
    (write(tmp_path, small_files()) / name).unlink()
    with pytest.raises(
        DataError, match=f"{re.escape(str(tmp_path / name))}: missing.*must hold the four files"
    ):
        load(tmp_path)


@pytest.mark.parametrize(("train", "test"), [(3, 3), (2, 3), (3, 0), (0, 0)])
def test_too_few_training_images_to_take_a_validation_set_from(tmp_path, train, test):
    with pytest.raises(DataError, match=f"{train} training and {test} test images"):
        load(write(tmp_path, small_files(train, test)))


@pytest.mark.parametrize("name", ["nowhere", "mnist.pkl.gz"])
def test_no_such_path(tmp_path, name):
    with pytest.raises(DataError, match=f"{name}: cannot be read .*check the path"):
        load(tmp_path / name)


# The tutorials' mnist.pkl.gz


def python2_array(array: np.ndarray) -> bytes:
    """The opcodes by which Python 2's cPickle, protocol 2, wrote a numpy array."""

    def text(string: bytes) -> bytes:
        return b"U" + bytes([len(string)]) + string

    shape = b"".join(b"J" + struct.pack("<i", side) for side in array.shape)
    shape += {1: b"\x85", 2: b"\x86"}[array.ndim]
    minus_one = b"J\xff\xff\xff\xff"
    return b"".join([
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85", text(b"b"), b"\x87R",
        b"(K\x01", shape,
        b"cnumpy\ndtype\n", text(array.dtype.str[1:].encode()), b"K\x00K\x01\x87R(K\x03",
        text(array.dtype.str[:1].encode()), b"NNN", minus_one, minus_one, b"K\x00tb",
        b"\x89T", struct.pack("<I", array.nbytes), array.tobytes(), b"tb",
    ])  # fmt: skip


def python2_pickle(pairs: list[tuple[np.ndarray, np.ndarray]]) -> bytes:
    return b"\x80\x02(" + b"".join(python2_array(x) + python2_array(y) + b"\x86" for x, y in pairs) + b"t."


def pairs_of(sets: graphlib.datasets.mnist.Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """The arrays as mnist.pkl.gz has them: float32 images, int64 labels."""
    return [(split.x, split.y.astype(np.int64)) for split in sets]


@pytest.fixture
def small(tmp_path) -> graphlib.datasets.mnist.Dataset:
    folder = tmp_path / "idx"
    folder.mkdir()
    return load(write(folder, small_files()))


def test_the_historic_pickle_gives_what_the_idx_files_give(tmp_path, small):
    content = python2_pickle(pairs_of(small))
    for theirs, ours in zip(pickle.loads(content, encoding="latin-1"), small, strict=True):
        np.testing.assert_array_equal(theirs[0], ours.x)  # numpy agrees that this is a Python 2 pickle
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "mnist.pkl").write_bytes(content)
    for name in ("mnist.pkl.gz", "mnist.pkl"):
        sets = load(tmp_path / name)
        assert_same(sets, small)
        assert all(split.x.dtype == np.float32 and split.y.dtype == np.int32 for split in sets)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_a_pickle_by_todays_numpy(tmp_path, small, protocol, order, dtype):
    pairs = tuple((np.asarray(x, dtype, order=order), y) for x, y in pairs_of(small))
    (tmp_path / "again.pkl").write_bytes(pickle.dumps(pairs, protocol))
    assert_same(load(tmp_path / "again.pkl"), small)


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [Path.touch, exec, np.save, np.load], ids=lambda each: each.__qualname__)
def test_a_pickle_that_names_something_else_is_refused_and_runs_nothing(tmp_path, protocol, function):
    (tmp_path / "evil").mkdir()
    target = str(tmp_path / "evil" / "was-run.npy")
    arguments = {
        Path.touch: (Path(target),),
        exec: (f"open({target!r}, 'w')",),
        np.save: (target, 1),
        np.load: (target, None, True),
    }[function]
    (tmp_path / "mnist.pkl.gz").write_bytes(
        gzip.compress(pickle.dumps(Calls(function, *arguments), protocol))
    )
    with pytest.raises(DataError, match=r"mnist\.pkl\.gz: .*it asks for .*nothing in it was run"):
        load(tmp_path / "mnist.pkl.gz")
    assert not list((tmp_path / "evil").iterdir())


@settings(deadline=None)
@given(st.data())
def test_a_pickle_cut_anywhere_is_refused(draw):
    rng = np.random.default_rng(0)
    content = python2_pickle([(rng.random((2, 784), np.float32), np.arange(2))] * 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mnist.pkl")
        path.write_bytes(content[: draw.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(DataError, match=r"mnist\.pkl: not the historic pickle"):
            load(path)


X, Y = np.zeros((2, 784), np.float32), np.arange(2)
BAD_SETS = {
    "two sets": ([(X, Y)] * 2, "holds 2 sets"),
    "colour images": (
        [(X.reshape(2, 28, 28, 1).repeat(3, 3), Y)] * 3,
        r"train set: the images are .*\(2, 28, 28, 3\)",
    ),
    "no square": ([(X[:, 1:], Y)] * 3, "train set: 783 pixels an image, which is no square"),
    "images of another size": (
        [(X, Y), (X[:, :64], Y), (X, Y)],
        r"valid set: images of shape \(8, 8\), expected",
    ),
    "not scaled": ([(X, Y), (X, Y), (X + 255, Y)], "test set: the images have values outside"),
    "not a number": ([(X * np.nan, Y)] * 3, "train set: the images have values outside"),
    "negative": ([(X - 1, Y)] * 3, "train set: the images have values outside"),
    "labels of floats": ([(X, Y / 2)] * 3, "labels of dtype float64"),
    "labels missing": ([(X, Y[:1])] * 3, r"shape \(1,\) for 2 images"),
    "label too large": ([(X, Y), (X, Y + 9), (X, Y)], "valid set: label 10 at position 1"),
    "a gap in the labels": ([(X, 10 * Y)] * 3, "train set: label 10 at position 1"),
    "label negative": ([(X, Y - 1)] * 3, "label -1 at position 0"),
    "no arrays": ([(1, 2)] * 3, "not the historic pickle"),
    "no pairs": ([X] * 3, "not the historic pickle"),
    "one image": ([(X[0].astype(object), Y)] * 3, r"train set: the images are float64 of shape \(784,\)"),
    "text": ([("images", "labels")] * 3, "not the historic pickle.*arrays of numbers"),
    "lists of different lengths": ([([[0, 1], [0]], [0, 1])] * 3, "not the historic pickle"),
    "objects in rows": ([(X.astype(object), Y)] * 3, "array of dtype 'O8'"),
    "a number": (17, "not the historic pickle"),
}


@pytest.mark.parametrize(("sets", "message"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_pickle_of_other_things_is_described(tmp_path, sets, message):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(pickle.dumps(sets, protocol=3)))
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}"):
        load(path)
