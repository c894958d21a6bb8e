"""Arrays whose rows are read from files when they are needed, and the order in which they are shuffled."""

import contextlib
import gc
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zarr
from PIL import Image

import graphlib
from graphlib.datasets import DataError
from graphlib.nn import Batches
from graphlib.nn.epochs import Epochs
from graphlib.nn.stored import Arrow, Blocks, Images, Joined, Npy, Parquet, Sliced, Zarr
from graphlib.nn.stored.base import as_stored, each_block, is_stored
from graphlib.nn.stored.order import split_ranges
from graphlib.nn.stored.reader import Reader, in_order

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 2, 3)).astype("float32")


def as_npy(folder):
    np.save(folder / "x.npy", X)
    return Npy(folder / "x.npy", block=10)


def as_several_npy(folder):
    for number, part in enumerate(np.array_split(X, 11)):
        np.save(folder / f"x_{number}.npy", part)
    return Npy(folder / "x_*.npy")


def as_swapped_npy(folder):
    np.save(folder / "x.npy", X.astype(">f4"))
    return Npy(folder / "x.npy")


def as_memory_map(folder):
    np.save(folder / "x.npy", np.concatenate([X[:7], X, X[:5]]))
    return as_stored(np.load(folder / "x.npy", mmap_mode="r")[7:-5])


def as_changed_memory_map(folder):
    np.save(folder / "x.npy", X * 2)
    array = np.load(folder / "x.npy", mmap_mode="c")
    array /= 2  # in memory alone
    return as_stored(array)


def as_columns_of_a_memory_map(folder):
    np.save(folder / "x.npy", np.concatenate([X, X], axis=2))
    return as_stored(np.load(folder / "x.npy", mmap_mode="r")[:, :, 3:])


def as_zarr(folder):
    made = zarr.open(str(folder / "x.zarr"), mode="w", shape=X.shape, chunks=(8, 2, 3), dtype="float32")
    made[:] = X
    return Zarr(folder / "x.zarr")


def as_array_of_zarr(folder):
    group = zarr.open_group(str(folder / "g.zarr"), mode="w")
    group.require_array("train/x", shape=X.shape, chunks=(8, 2, 3), dtype="float32")[:] = X
    return as_stored(group["train/x"])


def as_array(folder):
    return Sliced(X)


def as_part(folder):
    whole = Sliced(np.concatenate([X[50:], X[:50]]), block=6)
    return whole.part([(53, 60), (60, 60), (60, 103), (0, 53)])


@pytest.mark.parametrize(
    "make",
    [
        as_npy,
        as_several_npy,
        as_swapped_npy,
        as_memory_map,
        as_changed_memory_map,
        as_columns_of_a_memory_map,
        as_zarr,
        as_array_of_zarr,
        as_array,
        as_part,
    ],
)
def test_rows_are_those_of_the_array(make, tmp_path):
    found = make(tmp_path)
    assert (found.shape, found.dtype, found.ndim, len(found)) == (X.shape, X.dtype, 3, 103)
    np.testing.assert_array_equal(found.load(), X)
    np.testing.assert_array_equal(found.read([(98, 103), (5, 6), (0, 31)]), np.r_[X[98:], X[5:6], X[:31]])
    rows = RNG.integers(-103, 103, size=(4, 5))
    np.testing.assert_array_equal(found[rows], X[rows])
    np.testing.assert_array_equal(found[7], X[7])
    np.testing.assert_array_equal(found[-5:], X[-5:])
    assert found[[]].shape == (0, 2, 3) and found.mapped(lambda rows: rows[:, 0, 0])[7] == X[7, 0, 0]
    np.testing.assert_array_equal(found[::-7], X[::-7])
    with pytest.raises(IndexError, match="no row 103"):
        found[103]
    doubled = each_block(lambda a, b: a.sum(axis=(1, 2)) + b, found, np.arange(103.0))
    np.testing.assert_array_equal(doubled[10:90], X[10:90].sum(axis=(1, 2)) + np.arange(10.0, 90))


def table(folder, groups):
    """A table of 40 rows, in as many groups, as Parquet and as Arrow; (its columns, both)."""
    columns = {
        "a": RNG.normal(size=40),
        "n": RNG.integers(9, size=40).astype("int16"),
        "kind": np.array(["cat", "dog"])[RNG.integers(2, size=40)],
    }
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(80, dtype="float32")), 2)
    made = pa.table({**columns, "v": vectors})
    rows = 40 // groups
    parquet.write_table(made, folder / "t.parquet", row_group_size=rows)
    with pa.OSFile(str(folder / "t.arrow"), "w") as sink, pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made, max_chunksize=rows)
    return columns, (Parquet, folder / "t.parquet"), (Arrow, folder / "t.arrow")


def test_columns_of_tables(tmp_path):
    columns, *files = table(tmp_path, 5)
    for kind, path in files:
        x = kind(path, ["a", "n", "v"])
        assert (x.shape, x.dtype, x.block) == ((40, 4), np.float64, 8)
        wanted = np.c_[columns["a"], columns["n"], np.arange(80).reshape(40, 2)]
        np.testing.assert_array_equal(x.load(), wanted)
        np.testing.assert_array_equal(x.read([(30, 40), (3, 12)]), np.r_[wanted[30:], wanted[3:12]])
        assert kind(path, ["n"]).shape == (40, 1) and kind(path, "v").shape == (40, 2)
        y = kind([path, path], "kind", classes=["dog", "cat"])
        np.testing.assert_array_equal(y.load(), np.tile(columns["kind"] == "cat", 2))
        for arguments, message in [
            ((path, "knd"), r"t\.\w+ has no column 'knd'; did you mean kind"),
            ((path,), r"the column 'kind' holds string, and numbers are needed"),
            ((path, "kind", ["dog"]), r"'kind' is 'cat' in row \d+ of .*, which is none of the classes dog"),
            ((tmp_path / "x.parquet", "a"), r"there is no .*x\.parquet"),
        ]:
            with pytest.raises(DataError, match=message):
                kind(*arguments).load()
    made = pa.table({"a": [1.0, None], "n": [1, None]})
    parquet.write_table(made, tmp_path / "n.parquet")
    np.testing.assert_array_equal(Parquet(tmp_path / "n.parquet", "a").load(), [1, np.nan])
    with pytest.raises(DataError, match=r"'n' has no value in row 1 of .*n\.parquet: fill it"):
        Parquet(tmp_path / "n.parquet", "n").load()
    lists = {kind: pa.array([[1, 2], [None, 4]], pa.list_(kind, 2)) for kind in (pa.int32(), pa.float32())}
    parquet.write_table(pa.table(dict(zip("nf", lists.values(), strict=True))), tmp_path / "l.parquet")
    np.testing.assert_array_equal(Parquet(tmp_path / "l.parquet", "f").load(), [[1, 2], [np.nan, 4]])
    with pytest.raises(DataError, match=r"'n' has no value in row 1 of .*l\.parquet: fill it"):
        Parquet(tmp_path / "l.parquet", "n").load()
    parquet.write_table(pa.table({"a": [1, 2], "n": [1, 2]}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"t\.parquet has rows of int64 .*, and .*n\.parquet.* of float64"):
        Parquet([tmp_path / "n.parquet", tmp_path / "t.parquet"], "a")


def test_what_is_no_array_of_numbers(tmp_path):
    np.save(tmp_path / "f.npy", np.asfortranarray(X[:, 0]))
    np.save(tmp_path / "o.npy", np.array([{}]))
    np.save(tmp_path / "t.npy", np.array(["a"]))
    np.save(tmp_path / "0.npy", np.zeros((0, 3)))
    np.save(tmp_path / "1.npy", np.float32(1))
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-25])
    (tmp_path / "e.npy").write_bytes(b"PK")
    for name, message in {
        "f": "lies column by column .* np.ascontiguousarray",
        "o": "holds Python objects",
        "t": "has values of <U1, and numbers are needed",
        "0": "has no rows",
        "1": "is a single number",
        "cut": "is cut off: it has 101 of its 103 rows",
        "e": "is no .npy file",
        "?": "there is no",
    }.items():
        with pytest.raises(DataError, match=message):
            Npy(tmp_path / f"{name}x.npy" if name == "?" else tmp_path / f"{name}.npy")
    np.save(tmp_path / "x_2.npy", X.astype("float64"))
    with pytest.raises(DataError, match=r"x_2\.npy has rows of float64 \(2, 3\), and .*x\.npy, wh"):
        Npy([tmp_path / "x.npy", tmp_path / "x_2.npy"])
    with pytest.raises(DataError, match="is a group of arrays: say which one by its name; there are x"):
        zarr.open_group(str(tmp_path / "g.zarr"), mode="w").require_array("x", shape=(3,), dtype="int8")
        Zarr(tmp_path / "g.zarr")
    with pytest.raises(DataError, match="has no array 'y'; there are x"):
        Zarr(tmp_path / "g.zarr", "y")


def test_a_file_that_changes_under_way(tmp_path, monkeypatch):
    """In its length, its rows or its content; zarr gives zeros for what is gone."""
    found = as_npy(tmp_path)
    found[:5]
    np.save(tmp_path / "x.npy", X[:50])
    with pytest.raises(DataError, match=r"x\.npy has changed since .* \(\d+ bytes then, \d+ now\), "):
        found[20:30]
    _, *files = table(tmp_path, 5)
    for kind, path in files:
        found = kind(path, "a")
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(DataError, match=rf"{path.name} has changed since .* found at row 8 of"):
            found[8:10]
    found = as_zarr(tmp_path)
    chunks = (path for path in (tmp_path / "x.zarr").rglob("*[0-9]") if path.is_file())
    next(chunks).unlink()
    with pytest.raises(DataError, match=r"x\.zarr has changed since .*: 1 of its 13 chunks are gone"):
        found[0:5]
    found = as_zarr(tmp_path)
    monkeypatch.setattr(time, "monotonic", lambda: -1.0)  # it is never time to look at all chunks
    found[0:5]
    # the third version of zarr's format has a folder a chunk, the second dots
    forms = [tmp_path / "x.zarr" / name for name in ("c/1/0/0", "1.0.0")]
    next(path for path in forms if path.exists()).unlink()
    assert found[0:5].any()
    with pytest.raises(DataError, match=r"1 of its 13 chunks are gone, found at row 8 of"):
        found[6:12]
    monkeypatch.undo()
    found = Zarr(tmp_path / "x.zarr")
    zarr.open(str(tmp_path / "x.zarr"), mode="r+").resize((60, 2, 3))
    with pytest.raises(DataError, match=r"it was float32 \(103, 2, 3\), and is float32 \(60, 2, 3\)"):
        found[0:5]
    grown = Sliced(np.zeros((5, 2)), "it")
    grown.array = np.zeros((3, 2))
    with pytest.raises(DataError, match="it has become shorter: row 3 of it is not there any more"):
        grown[1:5]


def test_images_are_decoded_by_processes(tmp_path):
    """Against Pillow's own decoding; the order is that of names, numbers by value."""
    pixels = {}
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in (10, 9, 2):
            pixels[kind, number] = RNG.integers(256, size=(4, 6, 3), dtype="uint8")
            Image.fromarray(pixels[kind, number]).save(tmp_path / kind / f"{number}.png")
    images, y, classes = Images.of_folder(tmp_path, (4, 6), workers=2)
    wanted = np.stack([pixels[k, n].transpose(2, 0, 1) for k in ("cat", "dog") for n in (2, 9, 10)])
    np.testing.assert_array_equal(images.load(), wanted)
    assert (y.tolist(), classes, images.block) == ([0, 0, 0, 1, 1, 1], ["cat", "dog"], 1)
    np.testing.assert_array_equal(images[[5, 0]], wanted[[5, 0]])
    grey = Images(images.paths * 20, (4, 6), channels=1, workers=2)
    one = np.asarray(Image.fromarray(pixels["cat", 9]).convert("L"))
    np.testing.assert_array_equal(grey[7], one[None])
    np.testing.assert_array_equal(grey.load()[6:12], grey.load()[:6])
    flat = Image.new("RGB", (8, 4), (250, 0, 0))
    flat.save(tmp_path / "flat.png")
    padded, cropped, stretched = (
        Images([tmp_path / "flat.png"], (4, 4), fit=fit)[0] for fit in ("pad", "crop", "stretch")
    )
    assert padded[0, :, 0].tolist() == [0, 250, 250, 0] and cropped[0].min() == stretched[0].min() == 250
    wide = np.array([[0, 257 * 3, 257 * 128, 65535]], "uint16")
    Image.fromarray(wide).save(tmp_path / "wide.png")
    for channels in (1, 3):
        of_wide = Images([tmp_path / "wide.png"], (1, 4), channels)[0]
        assert of_wide.tolist() == [[[0, 3, 128, 255]]] * channels
    (tmp_path / "dog" / "9.png").write_bytes((tmp_path / "dog" / "9.png").read_bytes()[:60])
    for _ in range(2):
        with pytest.raises(DataError, match=r"dog/9\.png cannot be read as an image: "):
            images.load()
        np.testing.assert_array_equal(images[:3], wanted[:3])
    grey.close()
    grey[0]
    grey._decoders[0]._process.kill()
    with pytest.raises(DataError, match=r"a process that decodes .* ended \(Killed\), at .*cat/2\.png"):
        grey[0]
    assert grey[0].shape == (1, 4, 6)
    with pytest.raises(DataError, match="has no folders: each class"):
        Images.of_folder(tmp_path / "cat", (4, 6))


def dealt(blocks, epoch, seed=3):
    order = Epochs(blocks.minibatches, seed).of(epoch)
    return [order[index] for index in range(len(order))]


@pytest.mark.parametrize("n", [1, 99, 100, 101, 137])
@pytest.mark.parametrize(("batch", "block", "group"), [(10, 5, 4), (7, 10, 3), (64, 1, 13), (200, 16, 1)])
def test_every_epoch_has_each_row_once(n, batch, block, group):
    blocks = Blocks(n, min(n, batch), block, group)
    first, second = dealt(blocks, 1), dealt(blocks, 2)
    assert [len(rows) for rows in first[:-1]] == [blocks.batch_size] * (len(blocks) - 1)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(n))
    again = dealt(blocks, 1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert n == 1 or (np.concatenate(first) != np.concatenate(second)).any()
    in_file = dealt(Blocks(n, min(n, batch), block, group, shuffle=False), 1)
    np.testing.assert_array_equal(np.concatenate(in_file), np.arange(n))
    whole = Blocks(n, min(n, batch), block, group, whole=True)
    assert len(dealt(whole, 1)) == n // whole.batch_size


def test_how_good_the_order_is():
    """What `graphlib.nn.stored.order` states: positions and displacements as in a full shuffle; how often
    rows of a block meet in a minibatch; the variance of a minibatch's mean, also where a block is a class."""
    n, batch, block, group = 600, 20, 6, 25
    blocks = Blocks(n, batch, block, group)
    order = Epochs(blocks.minibatches, 3)
    epochs = [np.concatenate(list(order.of(epoch))) for epoch in range(300)]
    positions = np.array([np.argsort(rows) for rows in epochs])  # of each row, in each epoch
    assert abs(positions.mean() - (n - 1) / 2) < 1e-9
    deviation = n / np.sqrt(12) / np.sqrt(len(epochs))
    assert abs(positions.mean(axis=0) - (n - 1) / 2).max() < 4.5 * deviation
    assert abs(abs(positions - np.arange(n)).mean() / (n / 3) - 1) < 0.02
    together = (positions[:, 0::block] // batch == positions[:, 1::block] // batch).mean()
    expected = (batch - 1) / (group * block - 1)  # 0.1275; of a full shuffle 0.0317
    assert abs(together / expected - 1) < 0.05
    random = np.random.default_rng(0)
    for values, share in [(np.repeat(random.normal(size=n // block), block), 1), (random.normal(size=n), 0)]:
        means = np.array([values[rows].reshape(-1, batch).mean(axis=1) for rows in epochs])
        predicted = values.var() / batch * (1 + share * batch / group)
        # of a file of just 4 groups, without replacement: 0.81 and 0.97 of that
        assert 0.7 < means.var() / predicted < 1.05


def test_runs_of_rows_are_drawn_for_a_part():
    for n, block in [(10, 64), (5000, 3), (12345, 100)]:
        first, second = split_ranges(n, 0.2, True, block, seed=1)
        rows = [np.concatenate([np.arange(*r) for r in part]) for part in (first, second)]
        assert len(rows[1]) == round(0.2 * n) and max(b - a for a, b in second) <= max(
            1, min(block, n // 1000)
        )
        np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(n))
        assert split_ranges(n, 0.2, True, block, seed=1)[1] == second
        assert split_ranges(n, 0.2, True, block, seed=2)[1] != second
    assert split_ranges(10, 0.2, False, 1, 0) == ([(0, 8)], [(8, 10)])


def test_minibatches_are_read_ahead_in_the_order_of_the_rows(tmp_path):
    x, y = as_npy(tmp_path), Sliced(np.arange(103))
    order = Epochs(Blocks(103, 8, 10, 3).minibatches, 5)
    reader = Reader([x, y], order)
    rows = [np.concatenate([order.of(e)[i] for i in range(13)]) for e in (1, 2, 3)]
    for epoch in range(2):
        found = [reader[index] for index in range(13)]
        np.testing.assert_array_equal(np.concatenate([y for _, y in found]), rows[epoch])
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), X[rows[epoch]])
    # a run that goes on within an epoch
    other = Epochs(Blocks(103, 8, 10, 3).minibatches, 5)
    other.set_value(np.array(3))
    resumed = Reader([x, y], other)
    np.testing.assert_array_equal(np.concatenate([resumed[i][1] for i in range(7, 13)]), rows[2][56:])
    np.testing.assert_array_equal(np.concatenate([reader[i][1] for i in range(13)]), rows[2])
    np.testing.assert_array_equal(reader[4][1], rows[2][32:40])
    assert [len(piece[0]) for piece in in_order([x], 50)] == [50, 50, 3]
    with pytest.raises(IndexError, match="minibatch 13 of 13"):
        reader[13]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_minibatch_of_several_groups_is_not_overwritten(shuffle):
    """Its first rows lie in memory that is read into again as soon as a later group is asked for."""

    class Slow(Sliced):
        def fill(self, out, start):
            if start % 60 < 30:
                time.sleep(0.002)
            super().fill(out, start)

    x = Slow(np.arange(200), block=10)
    order = Epochs(Blocks(200, 70, 10, 3, shuffle).minibatches, 1)
    reader = Reader([x], order)
    for epoch in (1, 2, 3):
        rows = order.of(epoch)
        for index in range(3):
            (found,) = reader[index]
            time.sleep(0.01)
            np.testing.assert_array_equal(found, rows[index])
    reader.close()


def test_read_ahead_keeps_to_its_memory_and_ends(tmp_path):
    """Two groups are held at most, an error comes up where its minibatch is asked for, threads end."""
    reading = Sliced(np.arange(1000.0))
    seen = []
    watched = reading.mapped(lambda rows: seen.append(len(rows)) or rows)
    seen.clear()
    reader = Reader([watched], Epochs(Blocks(1000, 10, 10, 10).minibatches, 0))
    reader[0]
    deadline = time.monotonic() + 5
    while sum(seen) < 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sum(seen) == 200
    np.save(tmp_path / "x.npy", X)
    found = Npy(tmp_path / "x.npy", block=10)
    broken = Reader([found], Epochs(Blocks(103, 10, 10, 2, shuffle=False).minibatches, 0))
    broken[0]
    np.save(tmp_path / "x.npy", X[:3])
    with pytest.raises(DataError, match="has changed since it was opened"):
        for index in range(1, 11):
            broken[index]
    with pytest.raises(DataError, match="has changed since it was opened"):
        broken[index]
    reader.close()
    del broken
    gc.collect()
    deadline = time.monotonic() + 5
    while any("graphlib-reads" in t.name for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [t for t in threading.enumerate() if "graphlib-reads" in t.name]


def test_what_waits_to_be_read_takes_no_processor(monkeypatch):
    """The first group is taken for one that is computed; then it is known."""
    taken = []

    @contextlib.contextmanager
    def beside():
        taken.append(len(read))
        yield

    monkeypatch.setattr(graphlib, "computing_beside", beside)
    read = []
    slow = Sliced(np.arange(30.0)).mapped(lambda rows: time.sleep(0.02) or read.append(rows) or rows)
    read.clear()
    assert len(list(in_order([slow], 30))) == 1
    reader = Reader([slow], Epochs(Blocks(30, 10, 10, 1).minibatches, 0))
    read.clear()
    taken.clear()
    assert [len(reader[index][0]) for index in range(3)] == [10, 10, 10]
    reader.close()
    assert taken == [0] and len(read) >= 3


def test_batches_of_stored_arrays(tmp_path):
    x, y = as_npy(tmp_path), np.arange(103)
    assert is_stored(x) and not is_stored(X) and not is_stored([1])
    batches = Batches({"a": x}, y, batch_size=10, seed=2, buffer=0.0015, block=10)
    assert batches.blocks == Blocks(103, 10, 10, 2) and len(batches) == 11
    assert str(batches.blocks) == (
        "11 blocks of 10 rows, shuffled 2 at a time: a minibatch is drawn from 20 of 103 rows"
    )
    for _ in range(2):
        parts = [batches[index] for index in range(11)]
        rows = np.concatenate([part[1] for part in parts])
        np.testing.assert_array_equal(np.concatenate([part[0]["a"] for part in parts]), X[rows])
    assert str(Batches(x, batch_size=10).blocks) == "all 103 rows are shuffled together"
    for wrong in ({"buffer": 0}, {"buffer": -1.5}, {"block": 0}, {"block": 2.5}, {"batch_size": 0}):
        ((name, value),) = wrong.items()
        with pytest.raises(DataError, match=f"{name} is {value}: give"):
            Batches(x, **wrong)
    with pytest.raises(DataError, match=r"x\[0\] has 103, x\[1\] has 102"):
        Batches(x, y[1:])
    assert isinstance(Joined([x, x]).part([(100, 105)]).load(), np.ndarray)
