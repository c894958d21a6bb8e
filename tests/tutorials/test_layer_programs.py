"""The short programs with layers, on little data: each learns, is saved with its architecture, and looks at
the test set once, at the end.
"""

import importlib
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from graphlib.nn import Model
from tests.tutorials.runs import PROGRAMS

FOLDER = PROGRAMS / "layers"

#: of each program: options that make it quick, and what the test is told of
SMALL = {
    "mnist_shallow": ("--limit 300", {"loss", "error"}),
    "mnist_perceptron": ("--limit 300 --batch-size 50", {"loss", "error"}),
    "mnist_mixing": ("--limit 300 --batch-size 50", {"loss", "error"}),
    "mnist_tanh": ("--limit 300", {"loss", "error"}),
    "regression": ("", {"loss"}),
    "multitask": ("", {"loss", "kind_loss", "width_loss", "kind_error"}),
    "digits_perceptron": ("--keep-every 2", {"loss", "error"}),
    "digits_cnn": ("--limit 300", {"loss", "error"}),
    "sentence_cnn": ("--limit 200", {"loss", "error"}),
    "sentence_lstm": ("--limit 200", {"loss", "error"}),
    "characters": ("--limit 100 --cell rnn", {"loss", "error"}),
    "characters --cell gru": ("--limit 100 --cell gru", {"loss", "error"}),
    "characters --cell lstm": ("--limit 100", {"loss", "error"}),
    "characters_stateful": ("--limit 100", {"loss", "error"}),
}


def test_every_program_is_tested():
    programs = {path.stem for path in FOLDER.glob("*.py")} - {"_checkout"}
    # The deep net's ten million weights take too long for a test; its run is in docs/layer-programs.md.
    assert programs == {name.split()[0] for name in SMALL} | {"mnist_deep"}


@pytest.mark.parametrize("name", SMALL)
def test_program_learns(name, tmp_path, capsys):
    options, measured = SMALL[name]
    program = importlib.import_module(f"layers.{name.split()[0]}")
    assert program.main(["--epochs", "3", *options.split(), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\ntest: loss") == 1 and printed.splitlines()[-1].startswith("test: loss")
    test = json.loads((tmp_path / "test.json").read_text())
    assert test.keys() == measured and all(np.isfinite(value) for value in test.values())

    curve = np.genfromtxt(tmp_path / "learning_curve.csv", delimiter=",", names=True)
    assert curve["loss"][-1] < curve["loss"][0]
    kept = tmp_path / ("best_model.npz" if (tmp_path / "best_model.npz").exists() else "model.npz")
    assert Model.load(kept).built
    snapshots = [path.name for path in tmp_path.glob("snapshots/*")]
    assert snapshots == (["epoch_0002.npz"] if "--keep-every" in options else [])


def test_deep_net_is_hebels():
    """Ten million weights, counted by hand: 784·2000 + 2·2000² + 2000·500 + 500² + 500·10, and biases."""
    from graphlib.nn.sources import DataSet, Examples
    from layers import mnist_deep

    data = DataSet(Examples(np.zeros((1, 784), "float32"), np.zeros(1, "int32")))
    options = type("Options", (), {"seed": 0})
    model = mnist_deep.make_model(data, options).build((None, 784))
    sizes = [parameter.variable.get_value(borrow=True).size for parameter in model.parameters.values()]
    weights = 784 * 2000 + 2 * 2000**2 + 2000 * 500 + 500**2 + 500 * 10
    assert sum(sizes) == weights + 3 * 2000 + 2 * 500 + 10


def test_stopped_program_goes_on_to_the_same_result(tmp_path):
    options = "--limit 300 --batch-size 50 --epochs 400".split()
    command = [sys.executable, str(FOLDER / "mnist_perceptron.py"), *options, "--out"]
    with subprocess.Popen([*command, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if line.startswith("epoch 3/"))
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
    assert process.returncode == 130 and "Continue with: python" in output and "test:" not in output
    assert not (tmp_path / "a" / "test.json").exists()

    from layers import mnist_perceptron

    options[-1] = "40"
    assert mnist_perceptron.main([*options, "--resume", "--out", str(tmp_path / "a")]) == 0
    assert mnist_perceptron.main([*options, "--out", str(tmp_path / "b")]) == 0
    for name in ("best_model.npz", "learning_curve.csv", "test.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--data nowhere.npz", "there is no"),
        ("--resume", "there is nothing to resume"),
        ("--epochs 0", "argument --epochs: '0' is not a whole number of at least 1"),
        ("--device gpu9", "--device gpu9"),
    ],
)
def test_bad_input_ends_with_one_line_and_code_2(options, words, tmp_path, capsys):
    from layers import mnist_perceptron

    arguments = [*options.split(), "--limit", "20", "--out", str(tmp_path)]
    try:
        code = mnist_perceptron.main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_digits_of_ones_own(digits, tmp_path, capsys):
    from layers import mnist_tanh

    assert mnist_tanh.main(["--data", digits, "--epochs", "1", "--out", str(tmp_path)]) == 0
    assert "train: 400 examples" in capsys.readouterr().out


def test_help_tells_the_options(capsys):
    from layers import characters

    with pytest.raises(SystemExit) as stop:
        characters.main(["--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "NumpyDL" in printed and "--cell {rnn,lstm,gru}" in printed and "(default: lstm)" in printed
