"""Searches: what is tried, the same table however it is run, and what a search file may not say."""

import csv
import io
import json
import math
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from graphlib.nn import runfile, runs
from graphlib.nn.__main__ import main
from graphlib.nn.registry import build
from graphlib.nn.searches import engines, methods, section, study, trials
from graphlib.nn.searches.space import Choice, Int, Log, Uniform
from graphlib.nn.storage import UserError

RUN = """name: small
seed: 3
data: {arrays: {x: [[0, 0], [0, 1], [1, 0], [1, 1], [2, 1], [1, 2]], y: [0, 1, 1, 0, 1, 0], validation: 0.4}}
model:
  - dense: {units: 2, activation: softmax}
loss: crossentropy
metrics: [error]
optimizer: {sgd: {learning_rate: 0.1, momentum: 0.5}}
training: {epochs: 4, batch_size: 2}
test: false
"""
SEARCH = """
search:
  method: METHOD
  parameters:
    optimizer.sgd.learning_rate: {log: [1e-3, 1]}
    training.batch_size: {choice: [1, 2]}
"""

SPACE = {"a": Log((1e-3, 10.0)), "b": Int((1, 100), log=True), "c": Choice(["x", "y"]), "d": Uniform((-1, 1))}


@pytest.fixture(autouse=True)
def _no_pictures_of_trials(monkeypatch):
    """They take longer to draw than such small models to train."""
    monkeypatch.setattr("graphlib.nn.curves.LearningCurve.draw", lambda curve, path: None)


class Here:
    """Trains in this process, in an order of its own; stops after some trainings."""

    def __init__(self, order=lambda tasks: range(len(tasks)), most=math.inf):
        self.order, self.most, self.done = order, most, []

    def run(self, execute, tasks):
        for number in self.order(tasks):
            if len(self.done) >= self.most:
                raise KeyboardInterrupt
            self.done.append(tasks[number]["trial"])
            yield number, execute(tasks[number])

    def close(self):
        pass


def write(folder, method="{random: 3}", run=RUN, more=""):
    path = folder / "search.yaml"
    path.write_text(run + SEARCH.replace("METHOD", method) + more)
    return path


def table_of(folder):
    return [*csv.DictReader(io.StringIO((folder / "trials.csv").read_text()))]


def test_trials_are_drawn_by_seed_and_number():
    """Within the bounds, and spread as the ranges say (against their mean and quartiles)."""
    rounds = methods.Random(200).rounds(SPACE, 7)
    steps = next(rounds)
    assert [step.trial for step in steps] == [*range(200)]
    assert next(methods.Random(20).rounds(SPACE, 7)) == steps[:20]
    assert next(methods.Random(20).rounds(SPACE, 8)) != steps[:20]
    a, b, c, d = (np.array([step.values[key] for step in steps]) for key in SPACE)
    assert a.min() >= 1e-3 and a.max() <= 10 and b.min() >= 1 and b.max() <= 100 and abs(d).max() <= 1
    assert abs(np.log10(a).mean() + 1) < 0.25 and 5 < np.median(b) < 20 and abs(d.mean()) < 0.13
    assert 0.4 < (c == "x").mean() < 0.6 and all(float(f"{value:.6g}") == value for value in a)


def test_grids_have_all_combinations():
    space = {
        "a": Log((0.01, 1), points=3),
        "b": Choice([True, None]),
        "c": Int((1, 5), step=2),
        "d": Uniform((0, 1), points=2),
    }
    steps = next(build("search", "grid").rounds(space, 0))
    assert len(steps) == 36 == methods.Grid().count(space)
    assert steps[0].values == {"a": 0.01, "b": True, "c": 1, "d": 0}
    assert steps[-1].values == {"a": 1.0, "b": None, "c": 5, "d": 1}
    assert sorted({step.values["a"] for step in steps}) == [0.01, 0.1, 1.0]
    assert Int((1, 1000), log=True, points=4).grid() == [1, 10, 100, 1000]
    assert Int((0, 11), step=4, points=3).grid() == Int((0, 11), step=4).grid() == [0, 4, 8]


def test_choices_that_python_takes_for_equal_are_apart():
    """1, true and 1.0, also as parameters of a name."""
    values = [True, 1, 1.0, {"sgd": {"nesterov": True}}, {"sgd": {"nesterov": 1}}, [0], [False]]
    choice = Choice(values)
    assert [choice.untaken(value) for value in values] == [0, 1, 2, 3, 4, 5, 6]
    space = {"a": choice}
    trial = methods.frozen(space, {"a": 1}, 0.5)
    assert choice.taken(trial.params["a"]) is values[1]


def test_halving_lets_the_best_go_on():
    """9 trials to 2 epochs, the best 3 to 6, the best one to 10; equal values by number, none without one."""
    method = methods.Halving(9, 3, 2)
    method.most = 10
    rounds = method.rounds(SPACE, 0)
    first = next(rounds)
    assert [step.epochs for step in first] == [2] * 9
    second = rounds.send([3, 1, None, 1, math.inf, 0.5, 1, 9, 9])
    assert [(step.trial, step.epochs, step.values) for step in second] == [
        (trial, 6, first[trial].values) for trial in (5, 1, 3)
    ]
    assert [(step.trial, step.epochs) for step in rounds.send([2, 2, 1])] == [(3, 10)]
    with pytest.raises(StopIteration):
        rounds.send([0])
    assert method.count(SPACE) == 13


def test_tpe_learns_from_rounds_that_are_done():
    """The same proposals of the same values; nearer to the best place than random ones."""

    def found(seed):
        rounds = methods.Tpe(30, round=5, startup=10).rounds({"u": Uniform((0, 1))}, seed)
        steps, all_steps = next(rounds), []
        while True:
            all_steps += steps
            try:
                steps = rounds.send([(step.values["u"] - 0.3) ** 2 for step in steps])
            except StopIteration:
                return [step.values["u"] for step in all_steps]

    first = found(1)
    assert found(1) == first and len(first) == 30
    distance = abs(np.array(first) - 0.3)
    assert np.median(distance[15:]) < 0.6 * np.median(distance[:10])


def test_a_study_is_the_same_however_it_is_run(tmp_path):
    """In another order, and stopped and gone on with; of a trial the run file alone gives the same curve."""
    path = write(tmp_path)
    file = section.load(path)
    engines_used = []
    for name, order, most in [
        ("a", lambda tasks: range(len(tasks)), math.inf),
        ("b", lambda tasks: reversed(range(len(tasks))), 2),
    ]:
        engine = Here(order, most)
        made = study.Study(file, tmp_path / name)
        try:
            made.run(engine)
        except KeyboardInterrupt:
            assert len(table_of(tmp_path / "b")) == 2
            engine = Here()
            made = study.Study(file, tmp_path / name)
            made.run(engine)
        engines_used.append(engine)
    assert engines_used[1].done == [0]
    assert (tmp_path / "a" / "trials.csv").read_bytes() == (tmp_path / "b" / "trials.csv").read_bytes()
    rows = table_of(tmp_path / "a")
    assert [*rows[0]] == [
        "trial", "state", "epochs", "validation_error", "optimizer.sgd.learning_rate", "training.batch_size",
        "message",
    ]  # fmt: skip
    best = min(rows, key=lambda row: (float(row["validation_error"]), int(row["trial"])))
    assert made.best().number == int(best["trial"]) and f"of trial {best['trial']}:" in str(made)
    again = runfile.load(tmp_path / "a" / "best.yaml")
    assert runs.run(again, runs.new_folder(tmp_path, "again")) == runs.FINISHED
    (folder,) = (tmp_path / "again").iterdir()
    curves = [
        (each / "learning_curve.csv").read_bytes()
        for each in (folder, tmp_path / "a/trials" / f"{int(best['trial']):04}")
    ]
    assert curves[0] == curves[1]
    for name in ("learning_curves", "parameters", "parallel_coordinates"):
        assert (tmp_path / "a" / f"{name}.png").stat().st_size > 5000
    import optuna

    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "a" / "optuna.log"))
    )
    loaded = optuna.load_study(study_name="a", storage=storage)
    assert [trial.value for trial in loaded.trials] == [float(row["validation_error"]) for row in rows]
    # more trials, the same ones first; and what cannot go on
    more = section.load(write(tmp_path, "{random: 4}"))
    grown, engine = study.Study(more, tmp_path / "a"), Here()
    grown.run(engine)
    assert engine.done == [3] and table_of(tmp_path / "a")[:3] == rows
    grid = SEARCH.replace("METHOD", "grid").replace("[1e-3, 1]", "{bounds: [1e-3, 1], points: 2}")
    for text, place in [
        (RUN.replace("epochs: 4", "epochs: 5") + SEARCH.replace("METHOD", "random"), r"training\.epochs"),
        (RUN + SEARCH.replace("METHOD", "random") + "  seeds: 2\n", "seeds"),
        (RUN + grid, "method"),
    ]:
        path.write_text(text)
        with pytest.raises(UserError, match=f"holds a study of another search file, with another {place}"):
            study.Study(section.load(path), tmp_path / "a")


def test_threads_of_a_worker_train_one_after_the_other(tmp_path, monkeypatch):
    """As `dask worker` has them: each trial's log is its own, and the process's output is as it was."""
    monkeypatch.setattr("graphlib.nn.searches.plots.draw", lambda study: None)

    class Threads(Here):
        def run(self, execute, tasks):
            with ThreadPoolExecutor(3) as pool:
                yield from enumerate(pool.map(execute, tasks))

    output, file = sys.stdout, section.load(write(tmp_path))
    study.Study(file, tmp_path / "t").run(Threads())
    assert sys.stdout is output and {row["state"] for row in table_of(tmp_path / "t")} == {"finished"}
    for trial in range(3):
        log = (tmp_path / "t" / "trials" / f"{trial:04}" / "log.txt").read_text()
        assert len(re.findall("epoch ./4: loss", log)) == 4 and log.endswith(f"trials/{trial:04}\n")


def test_halving_goes_on_from_checkpoints_and_each_trial_has_seeds(tmp_path, monkeypatch):
    """A trial that goes on has the curve of one trained at once; its value is the mean of its seeds'."""
    file = section.load(write(tmp_path, "{halving: {trials: 3, factor: 3, epochs: 1}}", more="  seeds: 2\n"))
    monkeypatch.setattr("graphlib.nn.searches.plots.draw", lambda study: None)
    made, engine = study.Study(file, tmp_path / "h"), Here()
    made.run(engine)
    assert engine.done[:6] == [0, 0, 1, 1, 2, 2] and len(engine.done) == 6 + 2
    rows = table_of(tmp_path / "h")
    assert sorted(int(row["epochs"]) for row in rows) == [1, 1, 4]
    for row in rows:
        each = [float(row[f"validation_error_seed_{k}"]) for k in (1, 2)]
        assert float(row["validation_error"]) == pytest.approx(np.mean(each), rel=1e-8)
    longest = next(row for row in rows if row["epochs"] == "4")
    assert made.best().number == int(longest["trial"])
    folder = tmp_path / "h" / "trials" / f"{int(longest['trial']):04}" / "seed_2"
    alone = file.run_file(made.best().values, 1)
    assert alone.description.seed == 4
    runs.run(alone, runs.new_folder(tmp_path, "alone"))
    (other,) = (tmp_path / "alone").iterdir()
    assert (other / "learning_curve.csv").read_bytes() == (folder / "learning_curve.csv").read_bytes()
    again = Here()
    study.Study(file, tmp_path / "h").run(again)
    assert again.done == [] and table_of(tmp_path / "h") == rows


def test_a_halving_whose_best_trial_diverges_later_goes_on_to_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("graphlib.nn.searches.plots.draw", lambda study: None)
    train = trials._train

    def diverging(task):
        """Every trial of the last round diverges."""
        if task.epochs < 4:
            return train(task)
        runs.write_json(Path(task.folder) / trials.DIVERGENCE, {"epochs": task.epochs})
        return trials.Result(trials.DIVERGED)

    monkeypatch.setattr(trials, "_train", diverging)
    file = section.load(write(tmp_path, "{halving: {trials: 3, factor: 3, epochs: 1}}"))
    first, again = Here(), Here()
    study.Study(file, tmp_path / "h").run(first)
    rows = table_of(tmp_path / "h")
    assert sorted(row["state"] for row in rows) == ["diverged", "finished", "finished"]
    study.Study(file, tmp_path / "h").run(again)
    assert len(first.done) == 4 and again.done == [] and table_of(tmp_path / "h") == rows


def test_trials_that_come_to_nothing_have_a_line(tmp_path, monkeypatch):
    """One that diverges, and folds that are too many for the examples."""
    monkeypatch.setattr("graphlib.nn.searches.plots.draw", lambda study: None)
    run = RUN.replace("learning_rate: 0.1", "learning_rate: 1e-3")
    text = (
        run
        + """
search:
  method: grid
  parameters: {optimizer.sgd.learning_rate: {choice: [0.1, 1e+30]}}
"""
    )
    (tmp_path / "search.yaml").write_text(
        text.replace("crossentropy", "squared_error")
        .replace("activation: softmax", "activation: linear")
        .replace("units: 2", "units: 1")
        .replace("metrics: [error]", "metrics: []")
    )
    made = study.Study(section.load(tmp_path / "search.yaml"), tmp_path / "d")
    made.run(Here())
    rows = table_of(tmp_path / "d")
    assert [(row["state"], row["validation_loss"] == "") for row in rows] == [
        ("finished", False),
        ("diverged", True),
    ]
    crossed = run + "cross_validation: {folds: 3, validation: 0}\n" + SEARCH.replace("METHOD", "{random: 1}")
    (tmp_path / "search.yaml").write_text(crossed)
    made = study.Study(section.load(tmp_path / "search.yaml"), tmp_path / "c")
    made.run(Here())
    (row,) = table_of(tmp_path / "c")
    folds = [*csv.DictReader((tmp_path / "c" / "trials" / "0000" / "folds.csv").open())]
    assert row["error"] == next(fold["error"] for fold in folds if fold["fold"] == "mean")
    (tmp_path / "search.yaml").write_text(crossed.replace("folds: 3", "folds: 30"))
    made = study.Study(section.load(tmp_path / "search.yaml"), tmp_path / "e")
    with pytest.raises(
        UserError, match=r"no trial came to a value; of the first: .*6 examples cannot be divided into 30"
    ):
        made.run(Here())
    assert table_of(tmp_path / "e")[0]["state"] == "failed"


RATE = "optimizer.sgd.learning_rate: {log: [1e-3, 1]}"
#: what is written in place of what, and what is said: the line, the key below search, and the problem
MISTAKES = [
    (
        "  parameters:",
        "  parametres:",
        "14, parametres: search has no parameter 'parametres'",
    ),
    ("[1e-3, 1]", "[1, 1e-3]", "15, parameters.optimizer.sgd.learning_rate.log.bounds: * are 1 and 0.001"),
    ("[1e-3, 1]", "[0, 1]", "15, *log.bounds: bounds of a logarithmic range are above 0, not 0"),
    (
        "{log: [1e-3, 1]}",
        "[1e-3, 1]",
        "15, *learning_rate: must be the name of a search distribution, not a list",
    ),
    (
        "{log: [1e-3, 1]}",
        "{lug: [1, 2]}",
        "15, *learning_rate.lug: there is no search distribution 'lug'",
    ),
    (
        "sgd.learning",
        "adam.learning",
        "15, *adam.learning_rate: leads to nothing: optimizer is sgd",
    ),
    ("sgd.learning", "sgd.earning", "15, *sgd has no parameter 'earning_rate'; did you mean learning_rate"),
    (
        RATE,
        "model.4.dense.units: {int: [1, 2]}",
        "15, *model is a list of 1, its parts are called",
    ),
    (RATE, "optimizer.sgd.momentum: {uniform: [0, 2]}", "15, *momentum: * not 2 (with the value 2"),
    (RATE, "seed: {int: [1, 2]}", "15, parameters.seed: cannot be searched: say with seeds"),
    ("{choice: [1, 2]}", "{choice: [1]}", "16, *choice.values: values must be two at least"),
    (
        "{choice: [1, 2]}",
        "{choice: [1, 2, 1]}",
        "16, *choice.values: values must differ, and 1 is there 2 times",
    ),
    ("{random: 3}", "grid", "15, *learning_rate: a grid needs to know how many values"),
    ("{random: 3}", "{random: 0}", "13, method.random: must be at least 1, not 0"),
    (
        "{random: 3}",
        "{halving: {epochs: 9}}",
        "13, method.halving.epochs: must be at most training.epochs",
    ),
    ("batch_size: {choice", "epochs: {int", "16, parameters.training.epochs: halving decides"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_mistakes_are_named_by_file_line_and_key(tmp_path, old, new, said):
    path = write(tmp_path, "halving" if "halving decides" in said else "{random: 3}")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    line, _, problem = said.partition(", ")
    pattern = re.escape(problem).replace(r"\*", ".*")
    with pytest.raises(UserError, match=rf"search\.yaml, line {line}, search\.{pattern}"):
        section.load(path)


def test_examples_are_search_files_whose_run_file_is_a_model_of_its_data():
    """The first trial of each takes its data, which are loaded as they are there; in place of MNIST's, which
    are not, a few of their shape."""
    images = {"arrays": {"x": [[0.5] * 784] * 20, "y": [*range(10)] * 2}}
    instead = {"mnist-perceptron": [f"data={json.dumps(images)}"]}
    files = sorted((Path(__file__).resolve().parents[2] / "tutorials" / "searches").glob("*.yaml"))
    assert [path.stem for path in files] == ["characters", "digits", "mnist-perceptron", "slots"]
    for path in files:
        file = section.load(path, instead.get(path.stem, ()))
        (step, *_) = next(file.method.rounds(file.space, file.seed))
        run = file.run_file(step.values)
        data = runs.load_data(run)
        runs.make_model(run, data).check(data.train.x[:5], data.train.y[:5])


def test_what_is_missing_is_said(tmp_path, monkeypatch, capsys):
    path = write(tmp_path)
    with pytest.raises(UserError, match=r"search\.yaml, line 12, search: this is a search file: python -m"):
        runfile.load(path)
    plain = tmp_path / "run.yaml"
    plain.write_text(RUN)
    with pytest.raises(UserError, match=r"run\.yaml: no search file: it has no section search"):
        section.load(plain)
    for package, options, extra in [
        ("optuna", [], "search"),
        ("distributed", ["--dask"], "dask"),
        ("joblib", [], "search"),
    ]:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            assert main(["search", str(path), "--out", str(tmp_path / "s"), *options]) == 2
        assert (
            f"needs the package {package}: pip install 'graphlib-autodiff[{extra}]'"
            in capsys.readouterr().err
        )
    monkeypatch.setattr(engines, "PATIENCE", 0.3)
    address = ["--scheduler", "tcp://127.0.0.1:9"]
    assert main(["search", str(path), "--out", str(tmp_path / "s"), *address]) == 2
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in capsys.readouterr().err
    assert main(["search", str(path), *address, "--workers", "2"]) == 2
    assert "--workers are of a cluster of our own" in capsys.readouterr().err
    task = trials.Task(
        str(tmp_path / "no"), str(path), [], [], str(tmp_path / "no/0"), 0, 0, {}, None, 1, "cpu"
    )
    result = trials.execute(task.as_dict())
    assert result["state"] == "failed"
    assert f"does not see {tmp_path / 'no'}: search file and study must be on a file" in result["message"]
    result = trials.execute({**task.as_dict(), "study": str(tmp_path), "version": "0.0.9"})
    assert result["state"] == "failed" and "and the search 0.0.9: install the same one" in result["message"]
    file = section.load(write(tmp_path, more="  metric: validation_eror\n"))
    with pytest.raises(UserError, match="measured nothing called 'validation_eror'; there are loss, "):
        study.Study(file, tmp_path / "m").run(Here(most=1))
    (tmp_path / "m" / "search.json").write_text("{")
    with pytest.raises(UserError, match=r"search\.json is damaged"):
        study.Study(file, tmp_path / "m")
