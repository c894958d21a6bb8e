"""The tutorials as programs on a few hundred digits: they learn, write their results, and go on identically
after a kill; they predict, and say in one line what they cannot use.
"""

import csv
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageDraw

import cA
import dA
import DBN
import lenet
import logistic_sgd
import mlp
import rbm
import SdA
from graphlib.datasets.mnist import load
from graphlib.nn import command_line
from tests.tutorials import lenet_numpy
from tests.tutorials.runs import PROGRAMS, outcome_of, parameters, start, tables


@dataclass(frozen=True)
class Tutorial:
    """A tutorial's module, the options of a small model that learns in six epochs, and what it writes.

    costs: the columns of the learning curve that must come nearer to 0. classifies: whether it names digits.
    """

    module: ModuleType
    options: str
    files: str = "best_model.npz filters.png"
    costs: str = "training_cost"
    classifies: bool = True


TUTORIALS = {
    "logistic_sgd": Tutorial(logistic_sgd, "--learning-rate 0.1"),
    "mlp": Tutorial(mlp, "--learning-rate 0.1 --hidden 30"),
    "cA": Tutorial(cA, "--hidden 20", files="model.npz filters.png", classifies=False),
    "dA": Tutorial(
        dA,
        "--hidden 20",
        files="model.npz filters_corruption_00.png filters_corruption_30.png",
        costs="corruption_00 corruption_30",
        classifies=False,
    ),
    "SdA": Tutorial(
        SdA,
        "--hidden 40 30 --corruption 0.1 0.2 --pretraining-epochs 4 --pretraining-rate 0.05 "
        "--learning-rate 1",
        files="best_model.npz model.npz filters_pretrained.png filters.png",
        costs="layer_1_cost layer_2_cost training_cost",
    ),
    "lenet": Tutorial(
        lenet,
        "--learning-rate 0.1 --kernels 4 6",
        files="best_model.npz filters.png feature_maps_1.png feature_maps_2.png",
    ),
    "rbm": Tutorial(
        rbm,
        "--hidden 20 --k 3 --chains 4 --samples 3 --plot-every 5",
        files="model.npz samples.png " + " ".join(f"filters_at_epoch_{n}.png" for n in range(1, 7)),
        costs="pseudo_likelihood",
        classifies=False,
    ),
    "DBN": Tutorial(
        DBN,
        "--hidden 40 30 --pretraining-epochs 4 --pretraining-rate 0.1 --learning-rate 1",
        files="best_model.npz model.npz filters_pretrained.png filters.png",
        costs="layer_1_cost layer_2_cost training_cost",
    ),
}
CLASSIFIERS = [name for name, tutorial in TUTORIALS.items() if tutorial.classifies]


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """A function of a tutorial's name: (folder of a finished run of six epochs, its options)."""
    finished = {}

    def train(name: str) -> tuple[Path, list[str]]:
        if name not in finished:
            folder = tmp_path_factory.mktemp(name)
            options = ["--dataset", digits, "--batch-size", "20", "--epochs", "6"]
            options += TUTORIALS[name].options.split()
            assert TUTORIALS[name].module.main([*options, "--out", str(folder)]) == 0
            finished[name] = folder, options
        return finished[name]

    return train


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_learns_and_writes_its_results(trained, name):
    folder, _ = trained(name)
    with open(folder / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for column in TUTORIALS[name].costs.split():
        costs = [(row["minibatches"], float(row[column])) for row in rows if row[column]]
        assert [minibatches for minibatches, _ in costs] == [str(20 * n) for n in range(1, len(costs) + 1)]
        assert abs(costs[-1][1]) < 0.9 * abs(costs[0][1])
    if TUTORIALS[name].classifies:
        assert float(rows[-1]["validation_error_percent"]) < 30
    files = [
        "checkpoint.npz",
        "data.json",
        "learning_curve.csv",
        "learning_curve.png",
        *TUTORIALS[name].files.split(),
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()


@pytest.mark.parametrize("name", TUTORIALS)
def test_resumed_tutorial_ends_as_one_left_alone(trained, tmp_path, name):
    folder, options = trained(name)
    tutorial = TUTORIALS[name].module
    assert tutorial.main([*options, "--epochs", "2", "--out", str(tmp_path)]) == 0
    assert tutorial.main(["--resume", "--epochs", "6", "--out", str(tmp_path)]) == 0
    ours, theirs = parameters(tmp_path), parameters(folder)
    if name == "dA":
        # The first autoencoder goes on after the second one's first epochs: the curve's rows are the same,
        # in another order.
        rows = [np.nan_to_num(np.frombuffer(each.pop("curve")).reshape(-1, 4)) for each in (ours, theirs)]
        rows = [sorted(each.tolist()) for each in rows]
        assert rows[0] == rows[1]
    else:
        assert tables(tmp_path) == tables(folder)
    assert ours == theirs


def test_the_same_seed_gives_the_same_run_and_another_does_not(digits, tmp_path):
    options = ["--dataset", digits, "--epochs", "1", "--hidden", "5", "--out"]
    runs = {}
    for run, seed in (("first", "1"), ("same", "1"), ("other", "2")):
        assert mlp.main([*options, str(tmp_path / run), "--seed", seed]) == 0
        runs[run] = parameters(tmp_path / run)
    assert runs["first"] == runs["same"]
    assert runs["first"]["model/hidden.W"] != runs["other"]["model/hidden.W"]


def forward(name: str, values: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """The scores of the classes by the tutorial's model, in NumPy."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    if name == "lenet":
        return lenet_numpy.scores(values, x)
    if name == "mlp":
        x = np.tanh(x @ values["hidden.W"] + values["hidden.b"])
    if name in ("SdA", "DBN"):
        for layer in ("layer_1", "layer_2"):
            x = sigmoid(x @ values[f"{layer}.W"] + values[f"{layer}.b"])
    return x @ values["output.W"] + values["output.b"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_predictions_on_the_test_set(trained, digits, capsys, name):
    folder, _ = trained(name)
    capsys.readouterr()
    assert TUTORIALS[name].module.main(["--predict", "--dataset", digits, "--out", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    with np.load(folder / "best_model.npz", allow_pickle=False) as saved:
        values = {key: saved[key].astype("float64") for key in saved.files}
    test = load(digits).test
    predicted = forward(name, values, test.x).argmax(axis=1)
    wrong = np.flatnonzero(predicted != test.y)
    assert lines[0].endswith(str(predicted[:10]))
    assert lines[1].endswith(str(test.y[:10]))
    assert f"Wrong: {len(wrong)} of 100" in lines[2]
    first = wrong[0]
    assert lines[3].split() == f"example {first}: predicted {predicted[first]}, label {test.y[first]}".split()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_prediction_of_pictures(trained, tmp_path, capsys, name):
    folder, _ = trained(name)
    capsys.readouterr()
    one = Image.new("L", (120, 120), 255)
    ImageDraw.Draw(one).line((60, 20, 60, 100), fill=0, width=9)
    one.save(tmp_path / "one.png")
    zero = Image.new("L", (120, 120), 0)
    ImageDraw.Draw(zero).ellipse((35, 20, 85, 100), outline=255, width=9)
    zero.save(tmp_path / "zero.png")
    pictures = [str(tmp_path / "one.png"), str(tmp_path / "zero.png")]
    assert TUTORIALS[name].module.main(["--predict", *pictures, "--out", str(folder)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{pictures[0]}: 1 (probability ")
    assert second.startswith(f"{pictures[1]}: 0 (probability ")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_stopped_program_goes_on_identically(digits, tmp_path, kind):
    options = ["--dataset", digits, "--hidden", "5", "--epochs"]
    stopped, alone = str(tmp_path / "stopped"), str(tmp_path / "alone")
    with start("mlp", *options, "100000", "--out", stopped) as process:
        for line in process.stdout:
            if line.startswith("epoch 5,"):
                process.send_signal(kind)
                break
        out, err = process.communicate(timeout=120)
    if kind == signal.SIGINT:
        assert process.returncode == 130, err
        assert err == ""
        assert "Stopped at epoch" in out
        assert f"mlp.py --resume --out {stopped}" in out
        assert (tmp_path / "stopped" / "best_model.npz").exists()
    with np.load(tmp_path / "stopped" / "checkpoint.npz", allow_pickle=False) as saved:
        reached = saved["curve"].shape[0]
    epochs = str(reached + 3)
    assert mlp.main(["--resume", "--epochs", epochs, "--out", stopped]) == 0
    assert mlp.main([*options, epochs, "--out", alone]) == 0
    assert parameters(Path(stopped)) == parameters(Path(alone))


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("dA", "--hidden 5 --epochs 400", "corruption 0, epoch 3,"),
        ("dA", "--hidden 5 --epochs 400", "corruption 0.3, epoch 3,"),
        ("SdA", "--pretraining-epochs 200 --epochs 200", "pre-training layer 2, epoch 3,"),
        ("SdA", "--pretraining-epochs 3 --epochs 200 --map-dataset-once", "fine-tuning, epoch 2,"),
        ("rbm", "--hidden 5 --epochs 60 --k 2 --plot-every 5", "epoch 3,"),
        ("rbm", "--hidden 5 --epochs 60 --no-persistent --k 1 --plot-every 5", "epoch 3,"),
        ("DBN", "--hidden 6 5 --pretraining-epochs 100 --epochs 20", "pre-training layer 2, epoch 3,"),
    ],
    ids=["first autoencoder", "second autoencoder", "pre-training", "fine-tuning", "PCD", "CD", "DBN"],
)
def test_program_killed_in_any_stage_goes_on_identically(digits, tmp_path, name, options, line):
    options = ["--dataset", digits, "--batch-size", "20", *options.split()]
    options += ["--hidden", "6", "5", "--corruption", "0.1", "0.2"] if name == "SdA" else []
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    with start(name, *options, "--out", str(killed)) as process:
        next(each for each in process.stdout if each.startswith(line))
        process.kill()
        process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    tutorial = TUTORIALS[name].module
    assert tutorial.main(["--resume", "--out", str(killed)]) == 0
    assert tutorial.main([*options, "--out", str(alone)]) == 0
    assert parameters(killed) == parameters(alone)
    assert tables(killed) == tables(alone)


BAD_INPUT = [
    ("--dataset nowhere", "nowhere", TUTORIALS),
    ("--batch-size 401", "--batch-size 401 is more than the 400 examples of train_x", TUTORIALS),
    ("--batch-size 101", "--batch-size 101 is more than the 100 examples of valid_x", CLASSIFIERS),
    ("--predict", "best_model.npz does not exist: train a model first", CLASSIFIERS),
    ("--epochs none", "'none' is not a whole number", TUTORIALS),
]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [(name, options, words) for options, words, names in BAD_INPUT for name in names],
)
def test_bad_input_ends_with_one_line_and_code_2(digits, tmp_path, capsys, name, options, words):
    arguments = ["--dataset", digits, "--out", str(tmp_path / "out"), *options.split()]
    assert outcome_of(TUTORIALS[name].module, arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert words in err


def test_bad_input_of_a_program(digits, tmp_path):
    process = start("SdA", "--dataset", digits, "--out", str(tmp_path / "out"), "--batch-size", "401")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "Traceback" not in out + err
    assert err.startswith("SdA.py: error: --batch-size 401 ") and err.count("\n") == 1


@pytest.fixture(scope="module")
def letters(tmp_path_factory) -> str:
    """A .npz file of images of 20 rows and 16 columns, bars that stand, lie or lean: the classes 1 to 12."""
    rng = np.random.RandomState(0)
    labels = np.arange(180) % 12 + 1
    images = np.zeros((180, 20, 16), np.uint8)
    for image, label in zip(images, labels, strict=True):
        angle = np.pi * label / 12
        for place in np.linspace(-7, 7, 40):
            image[round(10 + place * np.sin(angle)), round(8 + place * np.cos(angle))] = rng.randint(200, 256)
    path = tmp_path_factory.mktemp("letters") / "letters.npz"
    np.savez(path, x_train=images[:140], y_train=labels[:140], x_test=images[140:], y_test=labels[140:])
    return str(path)


@pytest.mark.parametrize("name", TUTORIALS)
def test_images_of_another_size_and_other_classes(letters, tmp_path, capsys, name):
    """--predict and --sample take the run's own data; a picture is made as large as those learnt from."""
    module = TUTORIALS[name].module
    options = ["--dataset", letters, "--batch-size", "20", "--epochs", "2", *TUTORIALS[name].options.split()]
    out = ["--out", str(tmp_path)]
    assert module.main([*options, *out]) == 0
    capsys.readouterr()
    if name == "rbm":
        assert module.main(["--sample", "--chains", "4", "--samples", "2", "--plot-every", "2", *out]) == 0
    if name not in CLASSIFIERS:
        return
    assert module.main(["--predict", *out]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"Wrong: \d+ of 40 \(.* %\) of the test set of {re.escape(letters)};", said)
    assert "[9 10 11 12 1 2 3 4 5 6]" in said  # the labels of the test images, by their names
    picture = Image.new("L", (50, 90), 255)
    ImageDraw.Draw(picture).line((25, 10, 25, 80), fill=0, width=9)
    picture.save(tmp_path / "bar.png")
    assert module.main(["--predict", str(tmp_path / "bar.png"), *out]) == 0
    assert re.search(r"bar\.png: 1?\d \(probability ", capsys.readouterr().out)
    assert module.main(["--predict", "--dataset", str(tmp_path / "none"), *out]) == 2
    assert "none: cannot be read" in capsys.readouterr().err


def test_predictions_on_other_data_than_the_runs(trained, digits, letters, tmp_path, capsys):
    folder, _ = trained("logistic_sgd")
    assert logistic_sgd.main(["--predict", "--dataset", letters, "--out", str(folder)]) == 2
    assert "has images of shape (20, 16), and the model in" in capsys.readouterr().err
    own = tmp_path / "own"
    shutil.copytree(digits, own)
    out = ["--out", str(tmp_path / "run")]
    assert logistic_sgd.main(["--dataset", str(own), "--batch-size", "20", "--epochs", "1", *out]) == 0
    path = own / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1] + b"\x05"))
    for task in (["--resume", "--epochs", "2"], ["--predict"]):
        assert logistic_sgd.main([*task, *out]) == 2
        assert "and what was loaded now" in capsys.readouterr().err
    assert logistic_sgd.main(["--predict", "--dataset", digits, *out]) == 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_model_of_another_tutorial(trained, digits, capsys, name):
    folder, _ = trained(name)
    for other in set(CLASSIFIERS) - {name}:
        assert TUTORIALS[other].module.main(["--predict", "--dataset", digits, "--out", str(folder)]) == 2
        assert "best_model.npz" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dA", "--corruption 1.5", "--corruption: '1.5' is not between 0 and 1"),
        ("dA", "--corruption 0.3 0.301", "the levels must differ by one hundredth at least"),
        ("dA", "--predict", "unrecognized arguments: --predict"),
        ("cA", "--contraction -1", "--contraction: '-1' is below 0"),
        ("SdA", "--hidden 10 10", "--hidden has 2 layers and --corruption 3 levels"),
        ("SdA", "--hidden", "--hidden: expected at least one argument"),
        ("SdA", "--preset morning", "--preset: invalid choice: 'morning'"),
        ("rbm", "--k 0", "--k: '0' is not a whole number of at least 1"),
        ("rbm", "--sample", "model.npz does not exist: train a model first"),
    ],
)
def test_bad_option_of_a_model(tmp_path, capsys, name, options, words):
    assert outcome_of(TUTORIALS[name].module, [*options.split(), "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1


def test_more_chains_than_examples_to_begin_at(digits, tmp_path, capsys):
    assert rbm.main(["--dataset", digits, "--chains", "101", "--out", str(tmp_path)]) == 2
    assert "--chains 101 is more than the 100 test examples" in capsys.readouterr().err


def test_samples_of_a_trained_model_are_those_that_training_ended_with(trained, digits):
    folder, options = trained("rbm")
    picture = folder / "samples.png"
    drawn = picture.read_bytes()
    with Image.open(picture) as image:
        columns, rows = image.size
    assert columns / rows == pytest.approx((4 * 29 - 1) / (3 * 29 - 1))
    picture.unlink()
    assert rbm.main([*options, "--sample", "--out", str(folder)]) == 0
    assert picture.read_bytes() == drawn
    assert rbm.main([*options, "--sample", "--plot-every", "6", "--out", str(folder)]) == 0
    assert picture.read_bytes() != drawn
    picture.write_bytes(drawn)


def test_damaged_data_file(digits, tmp_path, capsys):
    for path in Path(digits).iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(
            content[: len(content) // 2] if "train-images" in path.name else content
        )
    assert mlp.main(["--dataset", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "train-images-idx3-ubyte.gz" in capsys.readouterr().err


def test_dataset_mapped_once_gives_the_same_run(digits, tmp_path):
    """The layers below are fixed while a layer is pre-trained, and draw no corruption of their own."""
    options = ["--dataset", digits, "--batch-size", "20", "--epochs", "3", *TUTORIALS["SdA"].options.split()]
    curves = []
    for more in ([], ["--map-dataset-once"]):
        folder = tmp_path / f"run_{len(more)}"
        assert SdA.main([*options, *more, "--out", str(folder)]) == 0
        with np.load(folder / "checkpoint.npz", allow_pickle=False) as saved:
            curves.append(saved["curve"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)


def test_preset_changes_defaults_and_gives_way_to_options():
    parser = SdA.make_parser()
    chapter = command_line.parse(parser, [])
    assert (chapter.batch_size, chapter.learning_rate, chapter.pretraining_rate) == (1, 0.1, 0.001)
    assert not chapter.map_dataset_once
    afternoon = command_line.parse(SdA.make_parser(), ["--preset", "afternoon", "--pretraining-rate", "0.05"])
    assert (afternoon.batch_size, afternoon.learning_rate, afternoon.pretraining_rate) == (20, 1.0, 0.05)
    assert afternoon.map_dataset_once


@pytest.mark.parametrize(
    "command",
    [["tutorials/mlp.py"], ["-m", "graphlib.nn", "names"], ["-m", "graphlib.export", "runs"]],
    ids=str,
)
def test_stopped_while_it_is_being_loaded(tmp_path, command):
    """Ctrl+C comes when the program asks for NumPy."""
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join([str(tmp_path), str(PROGRAMS.parent)])
    stopped = subprocess.run(
        [sys.executable, *command],
        cwd=PROGRAMS.parent,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    # which a shell tells as 130
    assert stopped.returncode == -signal.SIGINT
    assert (stopped.stdout, stopped.stderr) == ("", "\ninterrupted\n")
