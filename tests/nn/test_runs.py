"""Running run files from the command line, as users do: what is left in the folder, resuming, predictions,
cross-validation, and what is said of what cannot be used."""

import csv
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import yaml

from graphlib.nn import Model
from graphlib.nn.__main__ import main

TWO_MOONS = """\
name: moons
seed: 3
data: {npz: {path: data.npz, validation: 0.2, test: 0.2, standardize: true}}
model:
  - dense: {units: 8, activation: tanh}
  - dropout: 0.1
  - dense: {units: 2, activation: softmax}
loss: crossentropy
metrics: [error]
optimizer: {adam: {learning_rate: 0.02}}
training: {epochs: 6, batch_size: 16}
"""


def moons(n=100):
    """Two classes that a line does not part."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    angle = rng.uniform(0, np.pi, n) + np.pi * y
    x = np.stack([np.cos(angle) + y, np.sin(angle) + 0.5 * y], axis=1) * 10 + rng.normal(0, 1, (n, 2))
    return x, y


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a run file and its data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moons.yaml").write_text(TWO_MOONS)
    x, y = moons()
    np.savez(tmp_path / "data.npz", x=x, y=y)
    return tmp_path


def folder_of(place, name="moons"):
    (found,) = (place / "runs" / name).iterdir()
    return found


def test_a_run_leaves_a_folder_with_everything(place, capsys):
    assert main(["run", "moons.yaml", "--set", "training.epochs=4"]) == 0
    folder, printed = folder_of(place), capsys.readouterr().out
    assert {each.name for each in folder.iterdir()} == {
        "run.yaml",
        "resolved.yaml",
        "environment.json",
        "summary.txt",
        "log.txt",
        "learning_curve.csv",
        "learning_curve.png",
        "best_model.npz",
        "checkpoint.npz",
        "test.json",
        "result.json",
    }
    assert (folder / "run.yaml").read_text() == TWO_MOONS
    assert yaml.safe_load((folder / "resolved.yaml").read_text())["training"]["epochs"] == 4
    assert (folder / "log.txt").read_text() == printed
    assert "60 examples" in (folder / "summary.txt").read_text()
    curve = list(csv.DictReader((folder / "learning_curve.csv").open()))
    assert [float(row["epoch"]) for row in curve] == [1, 2, 3, 4]
    about = json.loads((folder / "environment.json").read_text())
    assert about["seed"] == 3 and len(about["model"]) == len(about["data"]["fingerprint"]) == 64
    # The test's figures are those of the model that was kept, on the examples that were held out.
    measured = json.loads((folder / "test.json").read_text())
    x, y = moons()
    order = np.random.RandomState(3).permutation(100)
    test, train = np.sort(order[:20]), order[40:]
    scaled = (x[test] - x[train].mean(0)) / x[train].std(0)
    output = Model.load(folder / "best_model.npz").outputs(scaled.astype("float32"))
    assert measured["examples"] == 20
    assert measured["error"] == pytest.approx(np.mean(output.argmax(1) != y[test]))
    assert measured["loss"] == pytest.approx(-np.mean(np.log(output[np.arange(20), y[test]])), rel=1e-5)


def test_the_same_file_gives_the_same_results_and_resumes_to_them(place, capsys):
    for _ in range(2):
        assert main(["run", "moons.yaml", "--out", "a"]) == 0
    first, second = sorted((place / "a" / "moons").iterdir())
    curve = (first / "learning_curve.csv").read_text()
    assert curve == (second / "learning_curve.csv").read_text()
    # A run that ended after 3 epochs, as if killed there, goes on with what it was started with.
    assert main(["run", "moons.yaml", "--set", "training.epochs=3"]) == 0
    folder = folder_of(place)
    resolved = folder / "resolved.yaml"
    resolved.write_text(resolved.read_text().replace("epochs: 3", "epochs: 6"))
    assert main(["run", "--resume", str(folder)]) == 0
    assert (folder / "learning_curve.csv").read_text() == curve
    assert (folder / "best_model.npz").read_bytes() == (first / "best_model.npz").read_bytes()
    assert (folder / "test.json").read_text() == (first / "test.json").read_text()
    assert "... resuming after epoch 3" in (folder / "log.txt").read_text()


def test_the_model_of_a_run_predicts(place, capsys):
    (place / "moons.csv").write_text(
        "\n".join(
            [
                "height,kind,width",
                *(f"{a},{'up' if c else 'low'},{b}" for (a, b), c in zip(*moons(), strict=True)),
            ]
        )
    )
    assert (
        main(["run", "moons.yaml", "--set", "data={csv: {path: moons.csv, target: kind, standardize: on}}"])
        == 0
    )
    folder = str(folder_of(place))
    # the columns by name, whatever their order
    (place / "new.csv").write_text("width,height\n0.5,-10\n10,20\n")
    capsys.readouterr()
    assert main(["predict", folder, "new.csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert list(rows[0]) == ["prediction", "probability_low", "probability_up"]
    for row in rows:
        low, up = float(row["probability_low"]), float(row["probability_up"])
        assert low + up == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == ("low" if low > up else "up")
    assert main(["predict", folder, "new.csv", "--out", "p.npz"]) == 0
    saved = np.load(place / "p.npz")
    assert saved["prediction"].tolist() == [row["prediction"] for row in rows]
    for text, message in [
        ("width,heigth\n1,2\n", "new.csv: there is no column 'height'; did you mean heigth?"),
        ("width,height\n1,\n", "new.csv: x has NaN in 1 of 1 examples, first in example 0, column 'height'"),
        ("1,2,3\n", "new.csv: x has shape (1, 3)"),
    ]:
        (place / "new.csv").write_text(text)
        assert main(["predict", folder, "new.csv"]) == 2
        assert message in capsys.readouterr().err
    for wrong, message in (
        (place, "environment.json does not exist"),
        ("p.npz", "p.npz is a file: give the"),
    ):
        assert main(["predict", str(wrong), "new.csv"]) == 2
        assert message in capsys.readouterr().err


def test_cross_validation_tests_every_example_once(place, capsys):
    assert (
        main(["run", "moons.yaml", "--set", "cross_validation={folds: 3, validation: 0.2, stratify: true}"])
        == 0
    )
    folder = folder_of(place)
    found = np.load(folder / "predictions.npz")
    assert found["prediction"].shape == (80, 2)
    np.testing.assert_allclose(found["prediction"].sum(1), 1, rtol=1e-5)
    assert sorted(np.bincount(found["fold"])[1:]) == [26, 27, 27]
    rows = list(csv.DictReader((folder / "folds.csv").open()))
    assert [row["fold"] for row in rows] == ["1", "2", "3", "mean", "deviation"]
    errors = [float(row["error"]) for row in rows]
    assert errors[3] == pytest.approx(np.mean(errors[:3])) and errors[4] == pytest.approx(
        np.std(errors[:3], ddof=1)
    )
    assert (folder / "fold_2" / "best_model.npz").exists()
    assert "... 20 test examples stay unseen" in (folder / "log.txt").read_text()
    assert main(["run", "--resume", str(folder)]) == 2
    assert "is a cross-validation, which cannot be resumed" in capsys.readouterr().err


def test_calibrated_rates_are_kept_for_resuming(place, capsys):
    options = ["--set", "calibrate_rates=2", "--set", "optimizer={sgd: {learning_rate: 0.5}}"]
    assert main(["run", "moons.yaml", "--out", "a", *options]) == 0
    (whole,) = (place / "a" / "moons").iterdir()
    assert main(["run", "moons.yaml", *options, "--set", "training.epochs=2"]) == 0
    folder = folder_of(place)
    rates = json.loads((folder / "environment.json").read_text())["learning_rates"]
    assert max(rates.values()) == 1.0 and set(rates) == {"dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b"}
    resolved = folder / "resolved.yaml"
    resolved.write_text(resolved.read_text().replace("epochs: 2", "epochs: 6"))
    assert main(["run", "--resume", str(folder)]) == 0
    assert (folder / "learning_curve.csv").read_text() == (whole / "learning_curve.csv").read_text()


def test_checking_prints_data_and_layers_and_trains_nothing(place, capsys):
    assert main(["check", "moons.yaml"]) == 0
    printed = capsys.readouterr().out
    assert "train: 60 examples" in printed and "dense_1" in printed
    assert not (place / "runs").exists()


def test_layers_of_ones_own_come_from_a_module_that_the_user_names(place, capsys):
    (place / "mine.py").write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            from graphlib.nn import register
            from graphlib.nn.layers import Layer

            @register("layer", "doubled")
            @dataclass(eq=False, repr=False)
            class Doubled(Layer):
                factor: float = 2.0

                def output(self, x, training, mask):
                    return x * self.factor
            """
        )
    )
    model = "model=[{doubled: 3}, {dense: {units: 2, activation: softmax}}]"
    assert main(["check", "moons.yaml", "--set", model]) == 2
    assert "there is no layer 'doubled'" in capsys.readouterr().err
    assert main(["run", "moons.yaml", "--with", "mine.py", "--set", model, "--set", "training.epochs=1"]) == 0
    assert main(["run", "moons.yaml", "--with", "none.py"]) == 2
    assert "--with none.py: there is no such module" in capsys.readouterr().err


def test_a_training_that_diverges_says_so(place, capsys):
    assert main(["run", "moons.yaml", "--set", "optimizer={sgd: {learning_rate: 1e38}}"]) == 1
    assert "the loss is not finite any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arrays", "options", "messages"),
    [
        (None, (), ["moons.yaml, line 3, data.npz.path: there is no ", "data.npz"]),
        (
            lambda x, y: {"x": np.where(x > 19, np.nan, x), "y": y},
            (),
            ["moons.yaml, line 3, data: ", "x has NaN in ", "of 100 examples, first in example"],
        ),
        (lambda x, y: {"x": x, "y": y + 1}, (), ["moons.yaml: ", "y", "2", "dense_2"]),
        # by the number that it has in the file, whichever part it is in
        *(
            (
                lambda x, y, n=n: {"x": x, "y": np.where(np.arange(100) == n, 7, y)},
                (),
                [f"y is 7 at example {n}: the layer dense_2 has 2"],
            )
            for n in (97, 98, 99)
        ),
        (lambda x, y: {"x": x, "y": np.where(y > 0, np.nan, y)}, (), ["moons.yaml: ", "y has NaN"]),
        (
            lambda x, y: {"x": x, "y": y},
            ("model.0=reshape: [3]",),
            ["layer reshape_1", 'moons.yaml", line 4'],
        ),
        (
            lambda x, y: {"x": x, "y": y},
            ("optimizer.adam.learning_rat=1",),
            ["--set optimizer.adam.learning_rat=1: "],
        ),
        (lambda x, y: {"x": x, "y": y}, ("training.watch=acc",), ["nothing called 'acc' is measured"]),
    ],
)
def test_what_cannot_be_used_is_named(place, capsys, arrays, options, messages):
    (place / "data.npz").unlink()
    if arrays is not None:
        np.savez(place / "data.npz", **arrays(*moons()))
    assert main(["run", "moons.yaml", *(word for each in options for word in ("--set", each))]) == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m graphlib.nn: error: ") and said.count("\n") == 1
    for each in messages:
        assert each in said


def test_states_go_on_in_the_streams_of_a_text_only(place, capsys):
    (place / "text.txt").write_text("abcdefgh" * 100)
    (place / "text.yaml").write_text(
        "data: {text: {path: text.txt, length: 5, streams: 4}}\n"
        "model:\n"
        "  - embedding: {size: 8, units: 4}\n"
        "  - simple_rnn: {units: 4, stateful: true, return_sequences: true}\n"
        "  - dense: {units: 8, activation: softmax}\n"
        "loss: crossentropy\n"
        "training: {batch_size: 4, shuffle: false}\n"
    )
    assert main(["check", "text.yaml"]) == 0
    for override, message in (
        ("training.batch_size=8", "training.batch_size=8: is 8, and the text is in 4 streams, a row of each"),
        ("training.shuffle=true", "training.shuffle=true: shuffle deals the examples in another order in"),
    ):
        assert main(["check", "text.yaml", "--set", override]) == 2
        assert message in capsys.readouterr().err


def test_nothing_to_do_is_an_error(place, capsys):
    assert main(["run"]) == 2
    assert main(["run", "--resume", "none"]) == 2
    assert "there is nothing to resume: none/resolved.yaml does not exist" in capsys.readouterr().err
    assert main(["run", "moons.yaml", "--resume", "none"]) == 2
    assert "leave the file and --set out" in capsys.readouterr().err


def test_what_is_printed_may_be_read_in_part():
    """As `head` does: no traceback about the closed pipe."""
    command = [sys.executable, "-m", "graphlib.nn", "names", "dropout"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 141)
    process.stderr.close()


def test_names_are_told_and_hebels_files_converted(place, capsys):
    assert main(["names"]) == 0 and "layer: activation," in capsys.readouterr().out
    assert main(["names", "layer"]) == 0 and "\ndense " in capsys.readouterr().out
    assert (
        main(["names", "dense"]) == 0
        and "units: a whole number, at least 1; needed" in capsys.readouterr().out
    )
    assert main(["names", "dens"]) == 2
    (place / "hebel.yml").write_text(
        "optimizer: !obj:hebel.optimizers.SGD {model: !obj:hebel.models.NeuralNet {layers: [3], n_out: 10}, "
        "parameter_updater: !import a.SimpleSGDUpdate, "
        "train_data: !obj:hebel.data_providers.MNISTDataProvider {array: train}}"
    )
    assert main(["convert", "hebel.yml", "--out", "run.yaml"]) == 0
    assert "see what it makes with: python -m graphlib.nn check run.yaml" in capsys.readouterr().out
    assert yaml.safe_load((place / "run.yaml").read_text())["data"] == "mnist"
