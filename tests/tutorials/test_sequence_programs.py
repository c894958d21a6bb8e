"""The sequence tutorials as programs on little data: they learn, write their results, and go on identically
after they were stopped anywhere; they use what they have learnt, and say in one line what they cannot use.
"""

import csv
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import char_lstm
import lstm
import rnnrbm
import rnnslu
from graphlib.datasets import music
from graphlib.datasets.atis import synthetic
from graphlib.datasets.atis.indexed import FILES
from graphlib.nn import command_line
from tests.tutorials.runs import outcome_of, parameters, start, tables

GOOD = "a good film , great fun , a fine cast and a wonderful story".split()
BAD = "a bad film , awful bore , a poor cast and a terrible story".split()


def write_atis(folder: Path) -> str:
    """A folder of ATIS files with synthetic sentences: 60 to train and validate on, 20 to test."""
    train, test = synthetic.generate(60, 20)
    words = sorted({word for sentence, _ in train + test for word in sentence})
    labels = sorted({label for _, row in train + test for label in row})
    contents = ["\n".join(words), "\n".join(labels)]
    for part in (train, test):
        for position, entries in ((0, words), (1, labels)):
            index = {entry: number for number, entry in enumerate(entries)}
            contents.append("\n".join(" ".join(str(index[each]) for each in pair[position]) for pair in part))
    folder.mkdir()
    for name, content in zip(FILES, contents, strict=True):
        (folder / name).write_text(content + "\n")
    return str(folder)


def write_reviews(folder: Path) -> str:
    """A folder like aclImdb with 80 reviews to train and validate on, and 20 to test."""
    rng = np.random.default_rng(2)
    for part, count in (("train", 40), ("test", 10)):
        for kind, words in (("pos", GOOD), ("neg", BAD)):
            (folder / part / kind).mkdir(parents=True)
            for number in range(count):
                text = " ".join(rng.choice(words, size=rng.integers(4, 16)))
                (folder / part / kind / f"{number}.txt").write_text(text)
    return str(folder)


def write_music(folder: Path) -> str:
    """A folder of ten MIDI files: scales of thirds that begin anywhere."""
    folder.mkdir()
    for number in range(10):
        roll = np.zeros((40, 88), "uint8")
        for step in range(40):
            low = 20 + (number + step // 2) % 12
            roll[step, [low, low + 4, low + 24]] = 1
        music.write_midi(folder / f"piece_{number}.mid", roll)
    return str(folder)


def write_text(path: Path) -> str:
    path.write_text("the quick brown fox jumps over the lazy dog; " * 60)
    return str(path)


@dataclass(frozen=True)
class Tutorial:
    """A tutorial's module, the data and the options of a small model that learns, its epochs, its files.

    cost: the column of the learning curve that must fall, or with `rises` rise.
    """

    module: ModuleType
    write: object
    options: str
    epochs: int
    files: str
    cost: str = "training_cost"
    rises: bool = False


TUTORIALS = {
    "rnnslu": Tutorial(
        rnnslu,
        write_atis,
        "--hidden 12 --embedding 8 --window 3 --learning-rate 0.3 --patience 2",
        6,
        "best_model.npz neighbours.txt embeddings.png",
    ),
    "rnnslu of LSTM units": Tutorial(
        rnnslu,
        write_atis,
        "--model lstm --hidden 12 --embedding 8 --window 3 --learning-rate 0.5",
        6,
        "best_model.npz neighbours.txt embeddings.png",
    ),
    "lstm": Tutorial(
        lstm,
        write_reviews,
        "--units 8 --batch-size 5 --validate-every 7",
        6,
        "best_model.npz",
    ),
    "lstm by RMSprop": Tutorial(
        lstm,
        write_reviews,
        "--units 8 --batch-size 5 --validate-every 7 --optimizer rmsprop --learning-rate 0.02 --no-dropout",
        6,
        "best_model.npz",
    ),
    "lstm of the chapter": Tutorial(
        lstm,
        write_reviews,
        "--preset chapter --units 8 --batch-size 5 --validate-every 16 --patience 100",
        30,
        "best_model.npz",
    ),
    "rnnrbm": Tutorial(
        rnnrbm,
        write_music,
        "--hidden 10 --recurrent 6 --gibbs-steps 2 --batch-size 15 --learning-rate 0.02",
        4,
        "model.npz sample1.mid sample2.mid samples.png",
        cost="log_likelihood",
        rises=True,
    ),
    "rnnrbm with all improvements": Tutorial(
        rnnrbm,
        write_music,
        "--hidden 10 --recurrent 6 --gibbs-steps 2 --batch-size 15 --learning-rate 0.01 --clip 5 "
        "--learn-initial-state --nesterov 0.5 --pretraining-epochs 2 --pretraining-rate 0.05 "
        "--one-key --network-pretraining-epochs 2 --recurrent-rate 0.005 --momentum-rise 2 --patience 9",
        4,
        "model.npz sample1.mid sample2.mid samples.png",
        cost="log_likelihood",
        rises=True,
    ),
    "rnnrbm with NADE": Tutorial(
        rnnrbm,
        write_music,
        "--nade --hidden 10 --recurrent 6 --batch-size 15 --learning-rate 0.1 --steps-a-beat 4",
        3,
        "model.npz sample1.mid sample2.mid samples.png",
        cost="log_likelihood",
        rises=True,
    ),
    "char_lstm": Tutorial(
        char_lstm,
        write_text,
        "--units 12 --batch-size 5 --length 10 --report-every 15 --sample-length 30",
        6,
        "best_model.npz sample.txt",
        cost="smooth_loss",
    ),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A function of a tutorial's name: where its data are."""
    written = {}

    def find(name: str) -> str:
        write = TUTORIALS[name].write
        if write not in written:
            written[write] = write(tmp_path_factory.mktemp("data") / "source")
        return written[write]

    return find


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory):
    """A function of a tutorial's name: (folder of a finished run, its options)."""
    finished = {}

    def train(name: str) -> tuple[Path, list[str]]:
        if name not in finished:
            tutorial = TUTORIALS[name]
            folder = tmp_path_factory.mktemp("run")
            options = ["--data", source(name), "--epochs", str(tutorial.epochs), *tutorial.options.split()]
            assert tutorial.module.main([*options, "--out", str(folder)]) == 0
            finished[name] = folder, options
        return finished[name]

    return train


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_learns_and_writes_its_results(trained, name):
    tutorial = TUTORIALS[name]
    folder, _ = trained(name)
    with open(folder / "learning_curve.csv", newline="") as file:
        costs = [float(row[tutorial.cost]) for row in csv.DictReader(file) if row[tutorial.cost]]
    if tutorial.rises:
        costs = [-cost for cost in costs]
    assert costs[-1] < 0.9 * costs[0]
    files = [
        "checkpoint.npz",
        "data.json",
        "learning_curve.csv",
        "learning_curve.png",
        *tutorial.files.split(),
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
    for path in folder.glob("*.mid"):
        assert music.read_midi(path).shape[1] == 88


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorial_stopped_anywhere_goes_on_identically(trained, tmp_path, monkeypatch, name):
    """Stopped by Ctrl+C, in the middle of an epoch and then in the middle of a later one."""
    folder, options = trained(name)
    tutorial = TUTORIALS[name].module
    advance = tutorial.training.Stage.advance
    steps = []

    def advance_and_interrupt(stage, step, stop, bar, interruption):
        def interrupted(index):
            steps.append(index)
            if len(steps) in (3, 26):
                signal.raise_signal(signal.SIGINT)
            return step(index)

        advance(stage, interrupted, stop, bar, interruption)

    monkeypatch.setattr(tutorial.training.Stage, "advance", advance_and_interrupt)
    assert tutorial.main([*options, "--out", str(tmp_path)]) == 130
    assert len(steps) == 3
    assert tutorial.main(["--resume", "--out", str(tmp_path)]) == 130
    assert len(steps) == 26
    assert tutorial.main(["--resume", "--out", str(tmp_path)]) == 0
    assert tables(tmp_path) == tables(folder)
    assert parameters(tmp_path) == parameters(folder)
    for path in folder.iterdir():
        if path.suffix in (".mid", ".txt", ".csv"):
            assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_killed_program_goes_on_identically(source, tmp_path):
    options = ["--data", source("rnnslu"), *TUTORIALS["rnnslu"].options.split(), "--epochs"]
    killed, alone = tmp_path / "killed", tmp_path / "alone"
    with start("rnnslu", *options, "500", "--out", str(killed)) as process:
        next(line for line in process.stdout if line.startswith("epoch 4,"))
        process.kill()
        process.communicate(timeout=120)
    with np.load(killed / "checkpoint.npz", allow_pickle=False) as saved:
        epochs = str(saved["curve"].shape[0] + 3)
    assert rnnslu.main(["--resume", "--epochs", epochs, "--out", str(killed)]) == 0
    assert rnnslu.main([*options, epochs, "--out", str(alone)]) == 0
    assert tables(killed) == tables(alone)
    assert parameters(killed) == parameters(alone)


def test_settings_of_the_chapter_are_a_preset():
    chapter = vars(command_line.parse(lstm.make_parser(), ["--preset", "chapter"]))
    published = {
        "units": 128,
        "words": 10_000,
        "longest": 100,
        "batch_size": 16,
        "optimizer": "adadelta",
        "learning_rate": 0.0001,
        "no_dropout": False,
        "embedding_dropout": 0,
        "epochs": 100,
        "validate_every": 370,
        "patience": 10,
    }
    assert {name: chapter[name] for name in published} == published
    usual = command_line.parse(lstm.make_parser(), [])
    assert (usual.optimizer, usual.learning_rate, usual.embedding_dropout) == ("adagrad", 0.05, 0.5)


# --- what was learnt is used ---


def test_slots_of_a_sentence_and_of_the_test_set(trained, capsys):
    folder, _ = trained("rnnslu")
    capsys.readouterr()
    assert rnnslu.main(["--predict", "flights from", "Xanadu", "to", "denver", "--out", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["flights", "from", "Xanadu", "to", "denver"]
    assert ["unknown word" in line for line in lines] == [False, False, True, False, False]
    assert lines[1].split()[1] == "O"
    assert rnnslu.main(["--predict", "--out", str(folder)]) == 0
    with open(folder / "learning_curve.csv", newline="") as file:
        best = [float(row["test_f1_percent"]) for row in csv.DictReader(file) if row["test_f1_percent"]][-1]
    assert "20 test sentences: precision" in (said := capsys.readouterr().out)
    assert f"F1 {best:.2f} %" in said


def test_sentiment_of_texts_and_of_the_test_set(trained, capsys):
    folder, _ = trained("lstm")
    capsys.readouterr()
    texts = [" ".join(GOOD), " ".join(BAD)]
    assert lstm.main(["--predict", *texts, "--out", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("positive (") and lines[1].startswith("negative (")
    # What is said is what the model holds to be more probable.
    assert all(float(re.search(r"\((.*) %\)", line).group(1)) >= 50 for line in lines)
    assert "unknown" not in "".join(lines)
    assert lstm.main(["--predict", "good xyzzy film", "plugh xyzzy", "--out", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(": good xyzzy film   (unknown: xyzzy)")
    assert said[1].endswith(": plugh xyzzy   (unknown: plugh, xyzzy)")
    assert lstm.main(["--predict", "--out", str(folder)]) == 0
    with open(folder / "learning_curve.csv", newline="") as file:
        column = "test_error_percent"
        best = [float(row[column]) for row in csv.DictReader(file) if row[column]][-1]
    assert f"of 20 test reviews ({best:.2f} %)" in capsys.readouterr().out


def test_other_pieces_by_the_trained_model(trained, tmp_path, capsys):
    folder, _ = trained("rnnrbm")
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    written = {}
    for run, seed in enumerate(["7", "7", "8"]):
        assert rnnrbm.main(["--sample", seed, "--out", str(tmp_path)]) == 0
        written[run] = (tmp_path / "sample1.mid").read_bytes()
    assert written[0] == written[1] != written[2]
    assert written[0] != (tmp_path / "sample2.mid").read_bytes()


def test_trained_model_writes_on(trained, capsys):
    folder, _ = trained("char_lstm")
    said = []
    for options in ("--seed 1", "--seed 1", "--seed 2", "--sample-length 5"):
        capsys.readouterr()
        assert char_lstm.main(["--sample", "the lazy ", *options.split(), "--out", str(folder)]) == 0
        said.append(capsys.readouterr().out.removesuffix("\n"))
    assert all(each.startswith("the lazy ") for each in said)
    assert said[0] == said[1] != said[2]
    assert [len(each) for each in said] == [309, 309, 309, 14]


# --- without the data, and with other data ---


def copied(folder: Path, to: Path) -> str:
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return str(to)


USES = {
    "rnnslu": (rnnslu, write_atis, ["--predict", "flights from denver"]),
    "lstm": (lstm, write_reviews, ["--predict", "a good film"]),
    "rnnrbm": (rnnrbm, write_music, ["--sample", "3"]),
    "char_lstm": (char_lstm, write_text, ["--sample", "the lazy "]),
}


@pytest.mark.parametrize("name", USES)
def test_a_run_folder_is_enough_to_use_its_model(trained, source, tmp_path, capsys, name):
    """The data that the run names are not there any more."""
    module, _, use = USES[name]
    folder, _ = trained(name)
    out = copied(folder, tmp_path)
    capsys.readouterr()
    assert module.main([*use, "--out", out]) == 0
    here = capsys.readouterr().out
    data = Path(source(name))
    away = data.with_name("moved")
    data.rename(away)
    try:
        assert module.main([*use, "--out", out]) == 0
    finally:
        away.rename(data)
    assert capsys.readouterr().out == here


@pytest.mark.parametrize("name", USES)
def test_data_that_were_edited_are_an_error(tmp_path, capsys, name):
    module, write, _ = USES[name]
    data = Path(write(tmp_path / "data"))
    options = [*TUTORIALS[name].options.split(), "--epochs", "1"]
    out = ["--out", str(tmp_path / "run")]
    assert module.main(["--data", str(data), *options, *out]) == 0
    if name == "char_lstm":
        data.write_text(data.read_text().replace("z", "ž"))  # as many characters, in the same places
    elif name == "rnnrbm":
        music.write_midi(data / "piece_3.mid", np.eye(40, 88))
    elif name == "lstm":
        (data / "train" / "pos" / "3.txt").write_text("an awful bore")
    else:
        labels = data / "atis.train.slots.csv"
        rows = labels.read_text().splitlines()
        rows[0] = " ".join(reversed(rows[0].split()))
        labels.write_text("\n".join(rows) + "\n")
    capsys.readouterr()
    tasks = [["--resume", "--epochs", "2"]] + [["--predict"]] * (name in ("lstm", "rnnslu"))
    for task in tasks:
        assert module.main([*task, *out]) == 2
        assert "and what was loaded now" in capsys.readouterr().err


def test_characters_that_were_not_learnt_are_named(trained, capsys):
    folder, _ = trained("char_lstm")
    assert char_lstm.main(["--sample", "the café ß", "--out", str(folder)]) == 2
    assert "'ß', 'é': not among the" in capsys.readouterr().err


def test_pieces_that_cannot_be_used_are_left_out_in_a_line(tmp_path, capsys):
    data = Path(write_music(tmp_path / "data"))
    (data / "piece_3.mid").write_bytes(b"broken")
    options = [*TUTORIALS["rnnrbm"].options.split(), "--epochs", "1", "--out", str(tmp_path / "run")]
    assert rnnrbm.main(["--data", str(data), *options]) == 0
    said = capsys.readouterr()
    assert "9 MIDI files" in said.out
    assert re.search(
        r"^\S+: warning: .* 1 of 10 MIDI files left out: piece_3.mid: .*$", said.err, re.MULTILINE
    )


# --- what cannot be used ---


def broken_midi(folder: Path) -> str:
    write_music(folder)
    for path in folder.iterdir():
        path.write_bytes(b"no" + path.read_bytes()[4:])
    return str(folder)


def labels_without_words(folder: Path) -> str:
    write_atis(folder)
    path = folder / "atis.train.query.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:4], lines[4].split()[0], *lines[5:]]) + "\n")
    return str(folder)


def empty_review(folder: Path) -> str:
    write_reviews(folder)
    (folder / "train" / "pos" / "3.txt").write_text("")
    return str(folder)


def short_text(path: Path) -> str:
    path.write_text("too short a text")
    return str(path)


def nothing(path: Path) -> str:
    return str(path)


BAD_INPUT = [
    ("rnnslu", nothing, "", "source: cannot be read"),
    ("rnnslu", labels_without_words, "", "atis.train.slots.csv, line 5:"),
    ("rnnslu", write_atis, "--window 4", "'4' is even"),
    ("rnnslu", write_atis, "--predict boston", "best_model.npz does not exist: train a model first"),
    ("lstm", nothing, "", "source: cannot be read"),
    ("lstm", empty_review, "", "train/pos/3.txt has no words"),
    (
        "lstm",
        write_reviews,
        "--batch-size 77",
        "--batch-size 77 is more than the 76 reviews of at most 100 words",
    ),
    ("lstm", write_reviews, "--embedding-dropout 1", "--embedding-dropout 1 leaves nothing of any word"),
    ("lstm", write_reviews, "--fetch", "source is neither imdb.npz nor aclImdb_v1.tar.gz"),
    ("lstm", write_reviews, "--predict good", "best_model.npz does not exist: train a model first"),
    ("rnnrbm", nothing, "", "source: cannot be read"),
    ("rnnrbm", broken_midi, "", "none of its 10 MIDI files can be used: piece_0.mid: not a MIDI file"),
    ("rnnrbm", write_music, "--sample", "model.npz does not exist: train a model first"),
    ("char_lstm", nothing, "", "source: cannot be read"),
    (
        "char_lstm",
        short_text,
        "",
        "source: 16 characters, of which the last 0 are to validate on, are too few for --batch-size 50 "
        "streams of --length 50, which need 2501 there: give a longer text, or",
    ),
    ("char_lstm", write_text, "--temperature 0", "'0' is not above 0"),
    ("char_lstm", write_text, "--sample", "best_model.npz does not exist: train a model first"),
]


@pytest.mark.parametrize(("name", "write", "options", "words"), BAD_INPUT)
def test_bad_input_ends_with_one_line_and_nothing_written(tmp_path, capsys, name, write, options, words):
    data, out = write(tmp_path / "source"), tmp_path / "out"
    arguments = ["--data", data, "--out", str(out), *options.split()]
    assert outcome_of(TUTORIALS[name].module, arguments) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("name", ["rnnslu", "lstm"])
def test_download_needs_a_place(tmp_path, capsys, name):
    assert outcome_of(TUTORIALS[name].module, ["--fetch", "--out", str(tmp_path / "out")]) == 2
    assert "--fetch: say with --data" in capsys.readouterr().err


def test_text_to_go_on_from_must_have_known_characters(trained, capsys):
    folder, _ = trained("char_lstm")
    capsys.readouterr()
    assert char_lstm.main(["--sample", "ça", "--out", str(folder)]) == 2
    assert "'ç': not among" in capsys.readouterr().err


def test_model_without_its_checkpoint(trained, tmp_path, capsys):
    folder, _ = trained("lstm")
    (tmp_path / "best_model.npz").write_bytes((folder / "best_model.npz").read_bytes())
    assert lstm.main(["--predict", "--out", str(tmp_path)]) == 2
    assert "checkpoint.npz does not exist, which tells with what options" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "task", "options"),
    [
        ("rnnslu", "--predict", "--hidden 7"),
        ("lstm", "--predict", "--preset chapter"),
        ("rnnrbm", "--sample", "--data elsewhere"),
        ("char_lstm", "--sample", "--units 7"),
    ],
)
def test_model_with_other_options_than_it_was_trained_with(trained, capsys, name, task, options):
    folder, _ = trained(name)
    capsys.readouterr()
    assert TUTORIALS[name].module.main([task, *options.split(), "--out", str(folder)]) == 2
    assert "leave the option out" in capsys.readouterr().err


def test_model_of_another_tutorial(trained, capsys):
    folder, _ = trained("lstm")
    for tutorial, task in ((rnnslu, "--predict"), (char_lstm, "--sample"), (rnnrbm, "--sample")):
        assert tutorial.main([task, "--out", str(folder)]) == 2
        err = capsys.readouterr().err
        assert "model.npz" in err or "was written by another program" in err
