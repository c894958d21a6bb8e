"""What run files learn from that is read piece by piece, and a run of it."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import zarr
from PIL import Image

from graphlib.datasets import DataError
from graphlib.nn import Dense, Model, cross_validate, runfile, runs
from graphlib.nn.predictions import predict
from graphlib.nn.registry import build
from graphlib.nn.stored import Npy, Sliced, Stored

RNG = np.random.default_rng(2)
X = RNG.normal(3, 2, size=(400, 3))
Y = (X[:, 0] > 3).astype("int64")


def load(kind, path, seed=0, **parameters):
    return build("data", {kind: {"path": str(path), **parameters}}).load(seed)


def test_arrays_in_files_are_divided_by_runs_of_rows(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "y").mkdir()
    for number, part in enumerate(np.array_split(np.arange(400), 12)):
        np.save(tmp_path / "y" / f"{number}.npy", part)
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    group.require_array("x", shape=X.shape, dtype="float64", chunks=(30, 3))[:] = X
    group.require_array("y", shape=(400,), dtype="int64")[:] = np.arange(400)
    for kind, path in (("npy", tmp_path), ("zarr", tmp_path / "g.zarr")):
        data = load(kind, path, validation=0.1, test=0.25, standardize=True)
        parts = [each.y.load() for each in (data.train, data.validation, data.test)]
        assert [len(each) for each in parts] == [260, 40, 100] and isinstance(data.train.x, Stored)
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(400))
        train = X[parts[0]]
        np.testing.assert_allclose(data.scaling.mean, train.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(data.scaling.deviation, train.std(axis=0), rtol=1e-6)
        wanted = (X[parts[2]] - train.mean(axis=0)) / train.std(axis=0)
        np.testing.assert_allclose(data.test.x.load(), wanted, rtol=1e-5, atol=1e-6)
        end = load(kind, path, split="end")
        assert end.validation.y.load().tolist() == [*range(320, 360)]
        assert end.test.y.load().tolist() == [*range(360, 400)]
        assert (
            load(kind, path).fingerprint()
            == load(kind, path).fingerprint()
            != load(kind, path, 1).fingerprint()
        )
        assert "x: float32, (3,) an example, read piece by piece" in data.describe()
    for name in ("train", "valid", "test"):
        np.save(tmp_path / f"x_{name}.npy", X[: len(name)])
        np.save(tmp_path / f"y_{name}.npy", Y[: len(name)])
    (tmp_path / "x.npy").unlink()
    data = load("npy", tmp_path)
    assert [len(each) for each in (data.train, data.validation, data.test)] == [5, 5, 4]
    with pytest.raises(DataError, match=r"path: .* has .*x_train.* and no x and z or x_train and z_train"):
        load("npy", tmp_path, y="z")
    with pytest.raises(DataError, match=r"is no folder with \.npy files"):
        load("npy", tmp_path / "x_train.npy")


def table(folder, **columns):
    made = pa.table({"a": X[:, 0], "b": X[:, 1], **columns})
    parquet.write_table(made, folder / "t.parquet", row_group_size=64)
    with pa.OSFile(str(folder / "t.arrow"), "w") as sink, pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made, max_chunksize=50)


def test_columns_have_names_and_texts_are_classes(tmp_path):
    table(tmp_path, kind=pa.array(np.array(["no", "yes"])[Y]).dictionary_encode(), size=X[:, 2] * 10)
    for kind in ("parquet", "arrow"):
        path = tmp_path / f"t.{kind}"
        data = load(kind, path, target={"k": "kind", "s": "size"}, features=["b"], target_unit=10, test=0)
        assert (data.classes, data.features, data.test) == ({"k": ["no", "yes"]}, ["b"], None)
        x, k, s = (a.load() for a in data.train.arrays())
        rows = np.argmin(abs(X[:, 2] - s[:, None]), axis=1)
        np.testing.assert_array_equal(k, Y[rows])
        np.testing.assert_allclose(x[:, 0], X[rows, 1], rtol=1e-6)
        for wrong, message in [
            ({"target": "kid"}, "target: there is no column 'kid'; did you mean kind"),
            ({"target": "kind", "features": ["c"]}, "features: there is no column 'c'"),
            ({"target": "a"}, "the column 'kind' holds .*, and numbers are needed"),
        ]:
            with pytest.raises(DataError, match=message):
                load(kind, path, **wrong)


def test_a_run_of_a_table_and_its_predictions(tmp_path, capsys):
    table(tmp_path, kind=np.array(["no", "yes"])[Y])
    text = """
data: {parquet: {path: t.parquet, target: kind, standardize: true}}
model: [dense: {units: 2, activation: softmax}]
loss: crossentropy
metrics: [error]
optimizer: {adam: {learning_rate: 0.1}}
training: {epochs: 4, batch_size: 20}
"""
    (tmp_path / "run.yaml").write_text(text)
    file = runfile.load(tmp_path / "run.yaml")
    folder = runs.new_folder(tmp_path / "runs", "t")
    assert runs.run(file, folder) == runs.FINISHED
    assert json.loads((folder / "test.json").read_text())["error"] < 0.1
    rows = [*csv.DictReader(io.StringIO(predict(folder, tmp_path / "t.parquet")))]
    assert np.mean([row["prediction"] == ["no", "yes"][y] for row, y in zip(rows, Y, strict=True)]) > 0.9
    assert predict(folder, tmp_path / "t.arrow") == predict(folder, tmp_path / "t.parquet")
    np.save(tmp_path / "new.npy", X[:, :2])
    assert predict(folder, tmp_path / "new.npy") == predict(folder, tmp_path / "t.parquet")
    capsys.readouterr()
    folds = runfile.load(tmp_path / "run.yaml", ["cross_validation.folds=2", "training.epochs=1"])
    folder = runs.new_folder(tmp_path / "runs", "t")
    assert runs.run(folds, folder) == runs.FINISHED
    assert len((folder / "folds.csv").read_text().splitlines()) == 5
    Path(tmp_path / "t.parquet").unlink()
    with pytest.raises(Exception, match=r"run\.yaml, line 2, data\.parquet\.path: there is no .*t\.parquet"):
        runs.run(file, runs.new_folder(tmp_path / "runs", "t"))


def test_images_in_folders(tmp_path):
    for part, count in (("train", 10), ("test", 2)):
        for kind in ("dark", "light"):
            (tmp_path / part / kind).mkdir(parents=True)
            for number in range(count):
                shade = number + (0 if kind == "dark" else 200)
                Image.new("L", (5, 4), shade).save(tmp_path / part / kind / f"{number}.png")
    data = load("image_folder", tmp_path, size=[4, 4], channels=1, validation=0.2, workers=1)
    assert [len(each) for each in (data.train, data.validation, data.test)] == [16, 4, 4]
    assert (data.train.x.shape, data.train.x.dtype) == ((16, 1, 4, 4), np.float32)
    np.testing.assert_allclose(data.test.x.load()[:, 0, 0, 0] * 255, [0, 1, 200, 201], rtol=1e-6)
    assert data.classes == {"y": ["dark", "light"]} and data.test.y.tolist() == [0, 0, 1, 1]
    assert data.images == {"size": [4, 4], "channels": 1, "fit": "stretch"}
    (tmp_path / "test" / "grey").mkdir()
    with pytest.raises(DataError, match=r"path: .*test has a class grey, which .*train has not"):
        load("image_folder", tmp_path, size=[4, 4], channels=1)
    (tmp_path / "test" / "grey").rmdir()
    (tmp_path / "train" / "dark" / "3.png").write_bytes(b"\x89PNG")
    broken = load("image_folder", tmp_path / "train", size=[4, 4], validation=0, test=0, workers=1)
    with pytest.raises(DataError, match=r"train/dark/3\.png cannot be read as an image"):
        broken.train.x.load()
    with pytest.raises(DataError, match=r"path: .*empty has no images"):
        (tmp_path / "test" / "empty").mkdir()
        load("image_folder", tmp_path / "test", size=[4, 4])


def test_cross_validation_of_stored_arrays(tmp_path):
    """Every example is tested once; the same folds of the same seed."""
    np.save(tmp_path / "x.npy", X)
    made = []

    def make():
        made.append(Model([Dense(2, "softmax")], "crossentropy", "adam"))
        return made[-1]

    found = cross_validate(make, Npy(tmp_path / "x.npy"), Sliced(Y), 2, epochs=1, verbose=False)
    assert np.bincount(found.fold).tolist() == [200, 200] and found.predictions.shape == (400, 2)
    for fold, model in enumerate(made):
        rows = found.fold == fold
        np.testing.assert_array_equal(found.predictions[rows], model.outputs(X[rows]))
