"""The tutorials' command line: its options, what it says of bad ones, and resuming with the right ones."""

import argparse
import io
import json
import subprocess
import sys

import numpy as np
import pytest

import graphlib
from graphlib.datasets import DataError
from graphlib.nn import command_line, training
from graphlib.nn.command_line import at_least, make_parser, not_negative, settings_of
from graphlib.nn.progress import say
from graphlib.nn.training import Outcome
from tests.nn.numpy_run import Classifier, run


def parser(**defaults) -> command_line.Parser:
    defaults = {"name": "mlp", "epochs": 1000, "batch_size": 20, "learning_rate": 0.01} | defaults
    parser = make_parser("Learns.\n\n    f(x)\n", **defaults)
    parser.add_argument("--hidden", type=at_least(1), default=500)
    parser.add_argument("--l1", type=not_negative, default=0.0, help="weight")
    parser.add_argument("--layers", type=at_least(1), nargs="+", default=[30, 20], help="units of each layer")
    return parser


def parse(*arguments: str) -> argparse.Namespace:
    return command_line.parse(parser(), arguments)


def no_call(options: argparse.Namespace):
    raise AssertionError("must not be called")


PREDICT = {"predict": no_call}


def test_defaults_are_the_tutorials():
    options = parse()
    assert settings_of(options) == {
        "epochs": 1000,
        "batch_size": 20,
        "learning_rate": 0.01,
        "decay": 0.0,
        "keep_every": None,
        "seed": 1234,
        "dataset": None,
        "hidden": 500,
        "l1": 0.0,
        "layers": [30, 20],
    }
    assert str(options.out) == "output/mlp"
    assert options.predict is None
    assert not options.resume


def test_options_are_read():
    options = parse("--epochs", "3", "--learning-rate", "1e-3", "--l1", "0", "--seed", "0", "--out", "there")
    assert (options.epochs, options.learning_rate, options.l1, options.seed) == (3, 0.001, 0.0, 0)
    assert str(options.out) == "there"


def test_dataset_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse("--dataset", "mnist.pkl.gz").dataset == str(tmp_path / "mnist.pkl.gz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "--epochs: '0' is not a whole number of at least 1"),
        (["--epochs", "2.5"], "--epochs: '2.5' is not a whole number of at least 1"),
        (["--batch-size", "-20"], "--batch-size: '-20' is not a whole number of at least 1"),
        (["--learning-rate", "0"], "--learning-rate: '0' is not above 0"),
        (["--learning-rate", "nan"], "--learning-rate: 'nan' is not a number"),
        (["--learning-rate", "inf"], "--learning-rate: 'inf' is not a number"),
        (["--learning-rate", "fast"], "--learning-rate: 'fast' is not a number"),
        (["--l1", "-1"], "--l1: '-1' is below 0"),
        (["--seed", "-1"], "--seed: '-1' is not a whole number of at least 0"),
        (["--seed", "4294967296"], "--seed: '4294967296' is not below 2**32"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (["--resume", "--predict"], "--predict: not allowed with argument --resume"),
    ],
)
def test_bad_option_gives_one_line_and_code_2(capsys, arguments, words):
    with pytest.raises(SystemExit) as stop:
        command_line.main(parser(), no_call, PREDICT, arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert "--help" in err


def test_help_names_every_option_and_its_default(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--help")
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for option in ("--epochs", "--batch-size", "--learning-rate", "--seed", "--dataset", "--device", "--out"):
        assert f"{option} " in text
    for default in (
        "(default: 1000)",
        "(default: 20)",
        "(default: 0.01)",
        "(default: 0.0)",
        "(default: 30 20)",
    ):
        assert default in text
    assert "None" not in text and "False" not in text


def outcome(reason: str) -> Outcome:
    return Outcome(reason, 1.0, 1.0)


@pytest.mark.parametrize(("reason", "code"), [("finished", 0), ("diverged", 1), ("interrupted", 130)])
def test_exit_code_says_how_the_run_ended(reason, code):
    assert command_line.main(parser(), lambda options: outcome(reason), PREDICT, []) == code


def test_interrupted_run_says_how_to_resume(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tutorials/mlp.py"])
    command_line.main(parser(), lambda options: outcome("interrupted"), PREDICT, [])
    assert "python tutorials/mlp.py --resume\n" in capsys.readouterr().out
    command_line.main(parser(), lambda options: outcome("interrupted"), PREDICT, ["--out", "my run"])
    assert "python tutorials/mlp.py --resume --out 'my run'\n" in capsys.readouterr().out


@pytest.mark.parametrize("error", [DataError("mnist.pkl.gz: damaged"), training.UserError("no such picture")])
def test_bad_file_gives_one_line_and_code_2(capsys, error):
    def train(options):
        raise error

    assert command_line.main(parser(), train, PREDICT, []) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"error: {error}\n") and err.count("\n") == 1


def test_output_that_cannot_show_every_character(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    def train(options):
        say("the sea—the sea")
        return outcome("finished")

    assert command_line.main(parser(), train, PREDICT, []) == 0
    assert written.getvalue() == b"the sea\\u2014the sea\n"


def test_unexpected_error_keeps_its_traceback():
    def train(options):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command_line.main(parser(), train, PREDICT, [])


def test_interrupted_before_training(capsys):
    def train(options):
        raise KeyboardInterrupt

    assert command_line.main(parser(), train, PREDICT, []) == 130
    assert "interrupted" in capsys.readouterr().err


DRAWS = """
import resource
from pathlib import Path
from graphlib.nn import command_line, curves

def train(options):
    curve = curves.LearningCurve({"cost": ["training_cost"]})
    curve.append(1, 10, training_cost=0.5)
    curve.draw(Path("curve.png"))

pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 20 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
parser = command_line.make_parser("Draws.", name="tutorial", epochs=1, batch_size=10, learning_rate=0.1)
parser.prog = "tutorial"
raise SystemExit(command_line.main(parser, train, {}, []))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the addresses of a process")
def test_no_memory_for_pictures(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", DRAWS], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "tutorial: error: not enough memory: matplotlib, which draws figures, needs"
    )
    assert len(ended.stderr.splitlines()) == 1


def test_no_memory_at_all(capsys):
    def train(options):
        raise MemoryError

    assert command_line.main(parser(), train, PREDICT, []) == 2
    assert capsys.readouterr().err.endswith("error: not enough memory\n")


@pytest.mark.parametrize("pictures", [[], ["four.png"], ["four.png", "five.png"]])
def test_predicting_takes_pictures_or_none(pictures):
    seen = []
    assert command_line.main(parser(), PREDICT, {"predict": seen.append}, ["--predict", *pictures]) == 0
    assert [str(path) for path in seen[0].predict] == pictures


def test_unknown_device(capsys):
    before = graphlib.config.device
    assert command_line.main(parser(), no_call, PREDICT, ["--device", "abacus"]) == 2
    assert "--device abacus" in capsys.readouterr().err
    assert graphlib.config.device == before


# --- resuming ---


@pytest.fixture
def folder(tmp_path):
    options = parse("--epochs", "2", "--l1", "0.5", "--out", str(tmp_path))
    run(Classifier(), options.out, epochs=options.epochs, settings=settings_of(options))
    return tmp_path


def test_resumed_run_has_the_options_it_was_started_with(folder):
    options = parse("--resume", "--out", str(folder))
    assert (options.epochs, options.l1, options.hidden) == (2, 0.5, 500)


def test_epochs_of_a_resumed_run_may_grow(folder):
    options = parse("--resume", "--out", str(folder), "--epochs", "7", "--l1", "0.5")
    assert (options.epochs, options.l1) == (7, 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--l1", "0"], "started with --l1 0.5, and cannot go on with --l1 0.0"),
        (["--batch-size", "10"], "started with --batch-size 20, and cannot go on with --batch-size 10"),
        (["--layers", "7"], "started with --layers 30 20, and cannot go on with --layers 7"),
        (["--dataset", "/data"], "started with no --dataset, and cannot go on with --dataset /data"),
    ],
)
def test_other_options_of_a_resumed_run_may_not_change(folder, capsys, arguments, words):
    code = command_line.main(parser(), no_call, PREDICT, ["--resume", "--out", str(folder), *arguments])
    assert code == 2
    assert words in capsys.readouterr().err


def test_checkpoint_of_another_tutorial(folder, capsys):
    plain = make_parser("", name="logistic_sgd", epochs=1, batch_size=600, learning_rate=0.13)
    assert command_line.main(plain, no_call, PREDICT, ["--resume", "--out", str(folder)]) == 2
    assert "written by another program" in capsys.readouterr().err


def test_a_run_of_before_an_option_was_there(folder, capsys):
    path = folder / "checkpoint.npz"
    with np.load(path, allow_pickle=False) as saved:
        arrays = {name: saved[name] for name in saved.files}
    progress = json.loads(str(arrays["progress"]))
    del progress["settings"]["decay"]
    np.savez(path, **arrays | {"progress": np.array(json.dumps(progress))})
    options = parse("--resume", "--out", str(folder))
    assert (options.decay, options.l1) == (0.0, 0.5)
    arguments = ["--resume", "--out", str(folder), "--decay", "0.1"]
    assert command_line.main(parser(), no_call, PREDICT, arguments) == 2
    assert "started with --decay 0.0, and cannot go on with --decay 0.1" in capsys.readouterr().err


def test_nothing_to_resume(tmp_path, capsys):
    assert command_line.main(parser(), no_call, PREDICT, ["--resume", "--out", str(tmp_path)]) == 2
    assert "start the run without --resume" in capsys.readouterr().err


def test_damaged_checkpoint(folder, capsys):
    path = folder / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:100])
    assert command_line.main(parser(), no_call, PREDICT, ["--resume", "--out", str(folder)]) == 2
    assert "checkpoint.npz is damaged" in capsys.readouterr().err


# --- using the model of a run ---


def using(folder, *arguments: str, free: tuple[str, ...] = ()) -> argparse.Namespace:
    options = parse("--predict", "--out", str(folder), *arguments)
    return command_line.options_of_run(options, *free)


def test_model_is_used_with_the_options_of_its_run(folder):
    options = using(folder)
    assert (options.epochs, options.l1, options.hidden, options.predict) == (2, 0.5, 500, [])
    assert using(folder, "--l1", "0.5").l1 == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--l1", "0"], "trained with --l1 0.5, and cannot be used with --l1 0.0"),
        (["--dataset", "/data"], "trained with no --dataset, and cannot be used with --dataset /data"),
        (
            ["--hidden", "7", "--seed", "1234"],
            "trained with --hidden 500, and cannot be used with --hidden 7",
        ),
    ],
)
def test_other_options_of_a_trained_model_may_not_change(folder, arguments, words):
    with pytest.raises(training.UserError, match=words):
        using(folder, *arguments)


def test_other_settings_of_a_preset_may_not_change_either(folder):
    with_presets = parser()
    with_presets.add_presets({"big": {"hidden": 900}})
    options = command_line.parse(with_presets, ["--predict", "--preset", "big", "--out", str(folder)])
    with pytest.raises(training.UserError, match="cannot be used with --hidden 900"):
        command_line.options_of_run(options)


def test_options_that_are_the_users_own(folder):
    assert using(folder, "--seed", "7", free=("seed", "l1")).seed == 7
    assert using(folder, free=("seed", "l1")).l1 == 0.0
