"""The shared training loop: when it validates and stops, what it writes, and that a run which was interrupted
or killed ends as one left alone.
"""

import csv
import fcntl
import math
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from graphlib.nn import storage, training
from graphlib.nn.curves import LearningCurve
from graphlib.nn.monitors import EarlyStopping, Patience
from graphlib.nn.run_folder import read_checkpoint
from graphlib.nn.stage_monitors import EveryEpoch, Validation
from graphlib.nn.storage import UserError
from graphlib.nn.training import Stage
from tests.nn import numpy_run
from tests.nn.numpy_run import N_MINIBATCHES, Classifier, Shared, run

# --- early stopping ---


def test_patience_grows_only_with_a_marked_improvement():
    stopping = Patience(10, increase=2, threshold=0.9)
    # (minibatches seen, error, is it the best?, patience after it), worked out by hand:
    # twice the minibatches before this one, where the error is below 0.9 times the best
    for iteration, error, best, patience in [
        (4, 0.50, True, 10),  # 2 * 3 = 6 is less than 10
        (8, 0.48, True, 10),  # the best, but not below 0.45
        (12, 0.40, True, 22),  # below 0.432: 2 * 11
        (16, 0.40, False, 22),
        (20, math.nan, False, 22),
        (24, 0.10, True, 46),
    ]:
        assert stopping.observe(iteration, error) is best
        assert stopping.patience == patience
    assert (stopping.best_error, stopping.best_iteration) == (0.10, 24)


def train_on_errors(folder: Path, errors, n_minibatches: int, patience: int, epochs: int, threshold=0.9):
    """Runs the loop on given validation errors (the last repeated): (indices trained on, its stopping)."""
    indices, waiting = [], list(errors)
    stopping = Patience(patience, increase=2, threshold=threshold)
    training.train(
        lambda index: indices.append(index) or 1.0,
        n_minibatches,
        epochs=epochs,
        monitor=Validation(
            stopping, lambda: waiting.pop(0) if len(waiting) > 1 else waiting[0], test_error=lambda: 0.5
        ),
        model={"W": Shared(np.zeros(1))},
        folder=folder,
        save_seconds=math.inf,
    )
    return indices, stopping


def test_training_stops_where_patience_ends(tmp_path):
    # After 4: patience max(10, 2 * 3); after 8: 0.3 < 0.45, so 2 * 7 = 14; after 12: not marked enough.
    # Counting from 0, minibatch 14 is the last.
    indices, stopping = train_on_errors(tmp_path, [0.5, 0.3, 0.29], n_minibatches=4, patience=10, epochs=100)
    assert indices == [0, 1, 2, 3] * 3 + [0, 1, 2]
    assert (stopping.best_error, stopping.best_iteration) == (0.29, 12)


def test_counted_patience_stops_behind_so_many_failures_in_a_row(tmp_path):
    waiting = iter([0.5, 0.6, 0.5, 0.4, 0.4, 0.41, 0.42, 0.1])
    indices, stopping = [], EarlyStopping(2)
    outcome = training.train(
        lambda index: indices.append(index) or 1.0,
        5,
        epochs=100,
        monitor=Validation(stopping, lambda: next(waiting), lambda: 0.5, every=3),
        model={"W": Shared(np.zeros(1))},
        folder=tmp_path,
    )
    # Validated every 3 minibatches; the seventh is the third in a row that is no better than the fourth.
    assert outcome.reason == "finished"
    assert len(indices) == 21
    assert (stopping.best_error, stopping.best_iteration) == (0.4, 12)


def test_counted_patience_is_remembered(tmp_path):
    errors = [0.5, 0.4, 0.6, 0.7, 0.8, 0.9]

    def run(epochs, waiting, **options):
        stopping = Validation(EarlyStopping(2), lambda: waiting.pop(0), lambda: 0.5, every=4)
        shared = {"W": Shared(np.zeros(1))}
        return training.train(
            lambda index: 1.0, 4, epochs=epochs, monitor=stopping, model=shared, folder=tmp_path, **options
        )

    assert run(4, errors[:4]).epochs == 4
    assert run(9, errors[4:], resume=True).epochs == 5


def published_loop(errors, n_minibatches, patience, epochs, threshold):
    """Early stopping as the Deep Learning Tutorials' text has it: (minibatches seen, best error)."""
    frequency = min(n_minibatches, patience // 2)
    best, done, seen, waiting = math.inf, False, 0, list(errors)
    epoch = 0
    while epoch < epochs and not done:
        epoch += 1
        for minibatch in range(n_minibatches):
            number = (epoch - 1) * n_minibatches + minibatch
            seen += 1
            if (number + 1) % frequency == 0:
                error = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                if error < best:
                    if error < best * threshold:
                        patience = max(patience, number * 2)
                    best = error
            if patience <= number:
                done = True
                break
    return seen, best


@settings(max_examples=60, deadline=None)
@given(
    errors=st.lists(st.floats(0, 1), min_size=1, max_size=12),
    n_minibatches=st.integers(1, 12),
    patience=st.integers(2, 40),
    epochs=st.integers(1, 12),
    threshold=st.floats(0.5, 1),
)
def test_stops_as_the_published_programs(
    tmp_path_factory, errors, n_minibatches, patience, epochs, threshold
):
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LearningCurve, "draw", lambda self, path: None)  # takes nearly all of the time
        indices, stopping = train_on_errors(folder, errors, n_minibatches, patience, epochs, threshold)
    seen, best = published_loop(errors, n_minibatches, patience, epochs, threshold)
    assert indices == [number % n_minibatches for number in range(seen)]
    assert stopping.best_error == best


# --- what a run writes ---


def test_messages_are_the_tutorials(tmp_path, capfd):
    train_on_errors(tmp_path, [0.25, 0.5], n_minibatches=4, patience=10, epochs=2)
    out, err = capfd.readouterr()
    assert out.splitlines()[:4] == [
        "epoch 1, minibatch 4/4, validation error 25.000000 %",
        "     epoch 1, minibatch 4/4, test error of best model 50.000000 %",
        "epoch 2, minibatch 4/4, validation error 50.000000 %",
        "Optimization complete. Best validation score of 25.000000 % obtained at iteration 4, "
        "with test performance 50.000000 %",
    ]
    assert err == ""  # no progress bar where there is no terminal


def test_a_terminal_gets_a_progress_bar(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))  # rows and columns
    program = [sys.executable, numpy_run.__file__, str(tmp_path), "step=100000"]
    process = subprocess.run(program, stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    assert "epoch 1/40" in shown and " minibatch/s" in shown
    assert "Optimization complete." in process.stdout


def test_best_model_is_the_one_with_the_best_validation_error(tmp_path):
    weights = Shared(np.zeros(2))
    errors = iter([0.4, 0.2, 0.3, 0.2])

    def step(index):
        weights.value += 1
        return 1.0

    training.train(
        step,
        5,
        epochs=4,
        monitor=Validation(Patience(1000), lambda: next(errors), lambda: 0.1),
        model={"W": weights},
        folder=tmp_path,
    )
    with np.load(tmp_path / "best_model.npz", allow_pickle=False) as saved:
        assert saved.files == ["W"]
        np.testing.assert_array_equal(saved["W"], [10, 10])


def test_curve_as_table_and_picture(tmp_path):
    costs = iter([4.0, 2.0, 1.0, 3.0])
    errors = iter([0.5, 0.75])
    training.train(
        lambda index: next(costs),
        2,
        epochs=2,
        monitor=Validation(Patience(1000), lambda: next(errors), lambda: 0.25),
        model={"W": Shared(np.zeros(1))},
        folder=tmp_path,
    )
    with open(tmp_path / "learning_curve.csv", newline="") as file:
        assert list(csv.reader(file)) == [
            ["epoch", "minibatches", "training_cost", "validation_error_percent", "test_error_percent"],
            ["1", "2", "3", "50", "25"],
            ["2", "4", "2", "75", ""],
        ]
    with Image.open(tmp_path / "learning_curve.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(maxcolors=2**24)) > 10


def test_first_layer_is_drawn_from_the_best_model(tmp_path):
    drawn = []
    run(Classifier(), tmp_path, illustrate=lambda kept, folder: drawn.append(kept))
    with np.load(tmp_path / "best_model.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(drawn[-1]["output.W"], saved["output.W"])


def test_snapshots_are_of_the_epochs_ends_however_often_is_measured(tmp_path):
    classifier = Classifier()
    training.train(
        classifier.step,
        N_MINIBATCHES,
        epochs=3,
        monitor=Validation(Patience(10_000), classifier.error, classifier.error, every=7),
        model={"output.W": classifier.W},
        folder=tmp_path,
        keep_every=2,
    )
    alone = Classifier()
    for index in range(2 * N_MINIBATCHES):
        alone.step(index % N_MINIBATCHES)
    assert [path.name for path in (tmp_path / "snapshots").iterdir()] == ["epoch_0002.npz"]
    with np.load(tmp_path / "snapshots" / "epoch_0002.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["output.W"], alone.W.value)


def test_picture_of_a_curve_begins_with_the_training(tmp_path, figures):
    curve = LearningCurve({"cost": ["cost"]})
    curve.append(1, 20, cost=0.5)
    curve.draw(tmp_path / "learning_curve.png")
    (panel,) = figures[0].axes
    assert panel.get_xlim()[0] == 0 < 1 < panel.get_xlim()[1]


def test_unknown_column_of_a_curve():
    with pytest.raises(ValueError, match="no column speed"):
        LearningCurve({"cost": ["cost"]}).append(1, 2, speed=3)


# --- going on after an interruption ---


def results(folder: Path, classifier: Classifier, outcome: training.Outcome) -> dict:
    """All that two runs can be compared by, but for the time they took."""
    with np.load(folder / "best_model.npz", allow_pickle=False) as saved:
        best = saved["output.W"]
    return {
        "parameters": classifier.W.value.tobytes(),
        "momentum": classifier.momentum.value.tobytes(),
        "best model": best.tobytes(),
        "curve": (folder / "learning_curve.csv").read_bytes(),
        "outcome": replace(outcome, seconds=0),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    classifier = Classifier()
    outcome = run(classifier, folder)
    assert outcome.reason == "finished"
    assert outcome.epochs > 5
    return results(folder, classifier, outcome)


def finish(folder: Path) -> dict:
    classifier = Classifier()
    return results(folder, classifier, run(classifier, folder, resume=True))


@pytest.mark.parametrize("number", [0, 1, N_MINIBATCHES, 60, 100])
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_goes_on_identically(tmp_path, undisturbed, kind, number, capsys):
    def interrupt(seen):
        if seen == number:
            signal.raise_signal(kind)

    handler = signal.getsignal(kind)
    outcome = run(Classifier(interrupt), tmp_path)
    assert outcome.reason == "interrupted"
    assert outcome.epochs * N_MINIBATCHES == pytest.approx(number + 1)
    assert signal.getsignal(kind) is handler
    assert "Stopped at epoch" in capsys.readouterr().out
    assert (tmp_path / "best_model.npz").exists() == (number >= N_MINIBATCHES - 1)
    assert finish(tmp_path) == undisturbed


def test_interrupted_again_and_again(tmp_path, undisturbed):
    def interrupt(seen):
        if seen == 17:
            signal.raise_signal(signal.SIGINT)

    classifier = Classifier(interrupt)
    outcome = run(classifier, tmp_path)
    rounds = 1
    while outcome.reason == "interrupted":
        classifier = Classifier(interrupt)
        outcome = run(classifier, tmp_path, resume=True)
        rounds += 1
    assert rounds > 5
    assert results(tmp_path, classifier, outcome) == undisturbed


def test_second_interruption_stops_at_once(tmp_path):
    def interrupt_twice(seen):
        if seen == 5:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    # a worker of a parallel test run ignores Ctrl+C, a person's Python does not
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(Classifier(interrupt_twice), tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)


def killed(folder: Path, *arguments: str) -> None:
    program = [sys.executable, numpy_run.__file__, str(folder), *arguments]
    process = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert process.returncode == -signal.SIGKILL, process.stderr


@pytest.mark.parametrize("event", ["step=30", f"step={5 * N_MINIBATCHES}", "save=2", "save=4"])
def test_killed_run_goes_on_identically(tmp_path, undisturbed, event):
    killed(tmp_path, event)
    assert finish(tmp_path) == undisturbed


def test_killed_twice(tmp_path, undisturbed):
    killed(tmp_path, "step=50")
    killed(tmp_path, "step=50", "--resume")
    assert finish(tmp_path) == undisturbed


def test_run_of_an_older_version_goes_on(tmp_path):
    """old_run was killed at minibatch 100 when the loop was the tutorials' own (commit bc18351:
    ``python tests/tutorials/numpy_run.py old_run step=100``). To the last digits, as machines may round alike
    or not."""
    shutil.copytree(Path(__file__).with_name("old_run"), tmp_path, dirs_exist_ok=True)
    assert 0 < len((tmp_path / "learning_curve.csv").read_text().splitlines()) < 300
    finish(tmp_path)
    run(Classifier(), tmp_path / "alone")
    for name in ("checkpoint.npz", "best_model.npz"):
        with np.load(tmp_path / name) as resumed, np.load(tmp_path / "alone" / name) as alone:
            assert resumed.files == alone.files
            for each in set(alone.files) - {"progress"}:
                np.testing.assert_allclose(resumed[each], alone[each], rtol=1e-4, atol=1e-6)


def test_finished_run_can_be_prolonged(tmp_path, undisturbed):
    run(Classifier(), tmp_path, epochs=3)
    assert finish(tmp_path) == undisturbed


def test_resuming_a_finished_run_changes_nothing(tmp_path, undisturbed):
    run(Classifier(), tmp_path)
    assert finish(tmp_path) == undisturbed


def test_starting_anew_keeps_the_earlier_run(tmp_path, capsys):
    run(Classifier(), tmp_path, epochs=2)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    run(Classifier(), tmp_path, epochs=1)
    assert "previous_checkpoint.npz" in capsys.readouterr().out
    assert (tmp_path / "previous_checkpoint.npz").read_bytes() == before


def test_divergence_ends_the_run_and_keeps_the_best_model(tmp_path, capsys):
    classifier = Classifier()
    good = classifier.step
    classifier.step = lambda index: good(index) if classifier.seen < 60 else np.float32("nan")
    outcome = run(classifier, tmp_path)
    assert outcome.reason == "diverged"
    assert "lower the learning rate" in capsys.readouterr().out
    assert storage.load_arrays(tmp_path / "best_model.npz")["output.W"].shape == classifier.W.value.shape
    progress, _ = read_checkpoint(tmp_path / "checkpoint.npz")
    assert progress["stages"][0]["iteration"] == 2 * N_MINIBATCHES


# --- without labels, and in several stages ---


def test_likelihood_of_other_examples_beside_that_of_training(tmp_path, capfd, figures):
    training.train(
        lambda index: -2.0,
        3,
        epochs=2,
        monitor=EveryEpoch(
            "log_likelihood",
            "nats",
            called="log-likelihood",
            validate=lambda: -4.0,
            measures={"speed": lambda: 7},
        ),
        model={"W": Shared(np.zeros(2))},
        folder=tmp_path,
    )
    assert capfd.readouterr().out.splitlines()[0] == (
        "epoch 1, minibatch 3/3, log-likelihood -2.000000, validation log-likelihood -4.000000, "
        "speed 7.000000"
    )
    assert (
        (tmp_path / "learning_curve.csv")
        .read_text()
        .startswith("epoch,minibatches,log_likelihood,validation_log_likelihood,speed\n1,3,-2,-4,7\n")
    )
    drawn = [[line.get_label() for line in panel.lines] for panel in figures[-1].axes]
    assert drawn == [["log likelihood", "validation log likelihood"], ["speed"]]


def test_without_labels_the_cost_of_every_epoch_is_reported(tmp_path, capfd):
    weights, costs = Shared(np.zeros(2)), iter([4.0, 2.0, 1.0, 3.0, 1.0, 0.0])

    def step(index):
        weights.value += 1
        return next(costs)

    outcome = training.train(
        step,
        2,
        epochs=3,
        monitor=EveryEpoch(measures={"largest_weight": lambda: weights.value.max()}),
        model={"W": weights},
        folder=tmp_path,
    )
    assert (outcome.reason, outcome.epochs) == ("finished", 3)
    assert capfd.readouterr().out.splitlines()[:4] == [
        "epoch 1, minibatch 2/2, cost 3.000000, largest weight 2.000000",
        "epoch 2, minibatch 2/2, cost 2.000000, largest weight 4.000000",
        "epoch 3, minibatch 2/2, cost 0.500000, largest weight 6.000000",
        "Optimization complete. The last epoch's mean cost is 0.500000",
    ]
    assert (tmp_path / "learning_curve.csv").read_text() == (
        "epoch,minibatches,training_cost,largest_weight\n1,2,3,2\n2,4,2,4\n3,6,0.5,6\n"
    )
    assert not (tmp_path / "best_model.npz").exists()
    np.testing.assert_array_equal(storage.load_arrays(tmp_path / "model.npz")["W"], [6, 6])


@pytest.mark.parametrize("resumed", [False, True])
def test_without_labels_other_examples_stop_it_and_the_best_is_kept(tmp_path, capfd, resumed):
    likelihoods = [-5.0, -3.0, -4.0, -2.5, -2.6, -2.7, -2.4]
    weights = Shared(np.zeros(1))

    def step(index):
        weights.value += 1
        return -9.0

    def monitor():

        def validate():
            return likelihoods[int(weights.value[0]) - 1]

        stopping = EarlyStopping(1)
        return EveryEpoch("likelihood", validate=validate, stopping=stopping, maximized=True)

    about = {"model": {"W": weights}, "folder": tmp_path}
    if resumed:
        training.train(step, 1, epochs=5, monitor=monitor(), **about)
    outcome = training.train(step, 1, epochs=7, monitor=monitor(), resume=resumed, **about)
    assert (outcome.reason, outcome.epochs) == ("finished", 6)  # -2.6 and -2.7 are one too many
    assert "Optimization complete. Best validation cost -2.500000, at iteration 4" in capfd.readouterr().out
    np.testing.assert_array_equal(storage.load_arrays(tmp_path / "model.npz")["W"], [4])


def test_stopping_without_labels_needs_something_to_go_by():
    with pytest.raises(ValueError, match="give validate"):
        EveryEpoch(stopping=EarlyStopping(1))


class TwoStages:
    """A sum that grows in the first stage, and another one that grows in the second by what the first became.

    The first sum is to the second what a trained layer is to the next, whose data are mapped through it.
    """

    def __init__(self, interrupt_at: int | None = None):
        self.sums = {"first": Shared(np.zeros(1)), "second": Shared(np.zeros(1))}
        self.noise = Shared(np.array([1]))
        self.interrupt_at, self.seen, self.started = interrupt_at, 0, []

    def start(self, name: str):
        self.started.append(name)
        amount, total = {"first": 1, "second": self.sums["first"].value[0]}[name], self.sums[name].value

        def step(index):
            self.noise.value[...] = self.noise.value * 16807 % 2147483647  # Park and Miller 1988
            total[...] += amount + self.noise.value / 2147483647
            if self.seen == self.interrupt_at:
                signal.raise_signal(signal.SIGINT)
            self.seen += 1
            return total[0]

        return step

    def error(self) -> float:
        return 1 / (1 + self.sums["second"].value[0])

    def run(self, folder: Path, epochs: int = 3, **options) -> training.Outcome:
        monitors = {
            "first": EveryEpoch("first_cost"),
            "second": Validation(Patience(1000), self.error, lambda: 0.25),
        }
        stages = [
            Stage(partial(self.start, name), 4, n, monitors[name], name)
            for name, n in (("first", 2), ("second", epochs))
        ]
        state = {"noise": self.noise}
        return training.train_stages(
            stages, model=self.sums, state=state, folder=folder, save_seconds=0, **options
        )


def stage_results(folder: Path, model: TwoStages) -> list[bytes]:
    files = [folder / name for name in ("learning_curve.csv", "model.npz", "best_model.npz")]
    values = [model.sums["first"].value, model.sums["second"].value, model.noise.value]
    return [value.tobytes() for value in values] + [file.read_bytes() for file in files]


@pytest.fixture(scope="module")
def stages_undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    model = TwoStages()
    outcome = model.run(folder)
    assert (outcome.reason, outcome.epochs, model.started) == ("finished", 5, ["first", "second"])
    return stage_results(folder, model)


def test_stages_share_the_curve(stages_undisturbed):
    rows = list(csv.DictReader(stages_undisturbed[3].decode().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "1", "2", "3"]
    assert [bool(row["first_cost"]) for row in rows] == [True, True, False, False, False]
    assert [bool(row["validation_error_percent"]) for row in rows] == [False, False, True, True, True]


@pytest.mark.parametrize("number", [0, 3, 6, 7, 8, 11, 18])
def test_run_of_stages_goes_on_identically(tmp_path, stages_undisturbed, number, capsys):
    stopped = TwoStages(interrupt_at=number)
    assert stopped.run(tmp_path).reason == "interrupted"
    stage = (
        "first" if number < 7 else "second"
    )  # 7 is the last of the first stage: seen when the second starts
    assert f"Stopped at {'the start of ' if number == 7 else ''}{stage}" in capsys.readouterr().out
    again = TwoStages()
    assert again.run(tmp_path, resume=True).reason == "finished"
    assert again.started == (["first", "second"] if number < 7 else ["second"])
    assert stage_results(tmp_path, again) == stages_undisturbed


def test_last_stage_of_a_finished_run_can_be_prolonged(tmp_path, stages_undisturbed):
    TwoStages().run(tmp_path, epochs=1)
    again = TwoStages()
    again.run(tmp_path, resume=True)
    assert again.started == ["second"]
    assert stage_results(tmp_path, again) == stages_undisturbed


def test_run_of_stages_can_be_resumed_only_with_the_same_stages(tmp_path):
    TwoStages().run(tmp_path)
    with pytest.raises(UserError, match="no checkpoint of this program's"):
        training.train(
            lambda index: 1.0, 4, epochs=1, monitor=EveryEpoch(), model={}, folder=tmp_path, resume=True
        )


# --- files that do not fit ---


def test_nothing_to_resume(tmp_path):
    with pytest.raises(UserError, match=r"nothing to resume.*checkpoint.npz does not exist"):
        run(Classifier(), tmp_path, resume=True)


def test_checkpoint_of_another_shape(tmp_path):
    run(Classifier(), tmp_path, epochs=1)
    other = Classifier()
    other.W = Shared(np.zeros((4, 3), dtype="float32"))
    with pytest.raises(UserError, match=r"model/output.W is float32 of shape \(6, 3\), .* shape \(4, 3\)"):
        run(other, tmp_path, resume=True)


def test_checkpoint_of_other_data(tmp_path):
    train_on_errors(tmp_path, [0.5], n_minibatches=4, patience=10, epochs=2)
    with pytest.raises(UserError, match="4 minibatches an epoch, and now there are 23"):
        run(Classifier(), tmp_path, resume=True)


def test_file_that_is_no_checkpoint(tmp_path):
    np.savez(tmp_path / "checkpoint.npz", W=np.zeros(3))
    with pytest.raises(UserError, match="no checkpoint"):
        run(Classifier(), tmp_path, resume=True)


def test_no_pickle_is_opened(tmp_path):
    np.savez(tmp_path / "checkpoint.npz", progress=np.array([object()], dtype=object))
    with pytest.raises(UserError, match="damaged"):
        run(Classifier(), tmp_path, resume=True)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    run(Classifier(), folder, epochs=1)
    return (folder / "checkpoint.npz").read_bytes()


@settings(max_examples=100, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255))))
def test_truncated_checkpoint_gives_one_clear_error(tmp_path_factory, checkpoint, cut, flips):
    damaged = bytearray(checkpoint[: int(cut * len(checkpoint))])
    for position, bits in flips:
        if damaged:
            damaged[int(position * (len(damaged) - 1))] ^= bits
    path = tmp_path_factory.mktemp("damaged") / "checkpoint.npz"
    path.write_bytes(damaged)
    with pytest.raises(UserError, match="damaged"):
        storage.load_arrays(path)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"cannot make the folder.*choose another with --out"):
        run(Classifier(), tmp_path / "file" / "out")


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(file):
        file.write(b"half of the n")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        storage.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
