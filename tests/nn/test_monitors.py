"""What watches a fit: stopping, the learning rate, snapshots, statistics, texts, pictures, TensorBoard."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from graphlib.nn import Dense, Embedding, Model, Sequential, SimpleRNN, registry
from graphlib.nn.monitors import (
    EarlyStopping,
    Filters,
    Fit,
    Monitor,
    Patience,
    ReduceOnPlateau,
    Snapshots,
    TensorBoard,
    TextSamples,
    WeightStatistics,
)
from graphlib.nn.optimizers import SGD
from graphlib.nn.schedules import Exponential
from graphlib.nn.storage import UserError

RNG = np.random.RandomState(1)
X = RNG.normal(size=(60, 9)).astype("float32")
Y = X @ RNG.normal(size=(9, 1)).astype("float32")


def regression(optimizer=None) -> Model:
    layers = Sequential([Dense(4, "tanh"), Dense(1)], seed=3)
    return Model(layers, "squared_error", optimizer or SGD(0.05))


def fit(model=None, epochs=4, monitors=(), **options):
    model = model or regression()
    options = {"batch_size": 20, "verbose": False, **options}
    return model.fit(X, Y, epochs=epochs, monitors=monitors, **options)


class Planned(Monitor):
    """Replaces what was measured by values that were thought out before."""

    def __init__(self, values):
        self.values = values

    def measured(self, fit):
        fit.values["loss"] = self.values[round(fit.epoch) - 1]


def test_the_learning_rate_falls_on_plateaus():
    """After more than 2 epochs that are no better than the best; never below the lowest factor."""
    losses = [5, 4, 4, 4, 4, 3.99, 3.99, 3.99, 3.99, 3.99, 3.99, 3.99]
    plateau = ReduceOnPlateau(0.5, rounds=2, lowest=0.2)
    history = fit(regression(SGD(0.4)), len(losses), [Planned(losses), plateau])
    # what was in force during the epoch: epochs 3, 4, 5 are the three that are no better
    assert history["learning_rate"] == pytest.approx([0.4] * 5 + [0.2] * 4 + [0.1] * 3)
    history = fit(
        regression(SGD(Exponential(0.4, 0.5))), 6, [Planned([1] * 6), ReduceOnPlateau(0.1, rounds=3)]
    )
    expected = [0.4 * 0.5**epoch * (1 if epoch < 5 else 0.1) for epoch in range(6)]
    assert history["learning_rate"] == pytest.approx(expected)


def test_a_plateau_is_remembered(tmp_path):
    def run(folder, epochs, resume=False):
        model = regression(SGD(0.3))
        history = fit(
            model, epochs, [Planned([1.0] * 9), ReduceOnPlateau(0.5, rounds=1)], out=folder, resume=resume
        )
        return history["learning_rate"], model.parameters["dense_1.W"].variable.get_value()

    whole = run(tmp_path / "whole", 8)
    run(tmp_path / "parts", 4)
    parts = run(tmp_path / "parts", 8, resume=True)
    assert parts[0] == whole[0] and len(set(whole[0])) == 4
    np.testing.assert_array_equal(parts[1], whole[1])


def test_stopping_by_another_quantity_and_again():
    """A monitor that is used for a second training begins anew."""
    stopping = EarlyStopping(1, quantity="loss")
    for _ in range(2):
        history = fit(monitors=[Planned([3, 2, 2, 2, 2, 2, 2]), stopping], epochs=7)
        assert len(history.epochs) == 4
    # 2 · (3 − 1) is less than 7 minibatches, so the eighth is the last, in the third epoch
    assert len(fit(monitors=[Planned([1] * 9), Patience(7)], epochs=9).epochs) == 2


def test_snapshots(tmp_path):
    model = regression()
    fit(model, 7, [Snapshots(every=2, keep=2)], out=tmp_path)
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == [
        "epoch_0004.npz",
        "epoch_0006.npz",
    ]
    assert Model.load(tmp_path / "snapshots" / "epoch_0006.npz").fingerprint() == model.fingerprint()
    long = SimpleNamespace(model=model, folder=tmp_path / "long")
    for epoch in (9998, 9999, 10000):
        Snapshots(keep=2).act(long, epoch)
    kept = {path.name for path in (tmp_path / "long" / "snapshots").iterdir()}
    assert kept == {"epoch_9999.npz", "epoch_10000.npz"}
    with pytest.raises(UserError, match="snapshots writes files: give fit a folder, out="):
        fit(monitors=[Snapshots()])


def test_statistics_of_weights(tmp_path):
    model = regression()
    history = fit(model, 2, ["weight_statistics"], out=tmp_path)
    size = abs(model.parameters["dense_2.W"].variable.get_value())
    assert history["dense_2.W_mean"][-1] == pytest.approx(size.mean(), rel=1e-6)
    assert history["dense_2.W_deviation"][-1] == pytest.approx(size.std(), rel=1e-6)
    assert "dense_1.W_mean" in (tmp_path / "learning_curve.csv").read_text().splitlines()[0]


def test_filters_are_drawn(tmp_path):
    fit(epochs=1, monitors=[Filters()], out=tmp_path)
    with Image.open(tmp_path / "filters.png") as picture:
        assert picture.width == picture.height  # four in a square
    with pytest.raises(
        UserError, match=r"filters: dense_1.W has columns of 9 values, and no images of \(2, 4\)"
    ):
        fit(epochs=1, monitors=[Filters(shape=(2, 4))], out=tmp_path)
    with pytest.raises(
        UserError, match=r"filters: there are no weights dense_7.W; there are dense_1.W, dense_2.W"
    ):
        fit(epochs=1, monitors=[Filters("dense_7.W")], out=tmp_path)


def test_texts_are_written_by_the_model(tmp_path):
    """A model that has learnt a cycle of four letters goes on with it, wherever it begins."""
    letters = list("abcd")
    text = np.arange(400) % 4
    x, y = text[:-1][:396].reshape(-1, 6), text[1:][:396].reshape(-1, 6)
    layers = [Embedding(4, 8), SimpleRNN(16, return_sequences=True), Dense(4, "softmax")]
    model = Model(layers, "crossentropy", "adam")
    monitor = TextSamples(letters, begin="cd", length=10, temperature=0.2, every=20)
    model.fit(x, y, epochs=40, batch_size=8, monitors=[monitor], out=tmp_path, verbose=False)
    assert (tmp_path / "samples" / "epoch_0040.txt").read_text() == "cdabcdabcdab\n"
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "epoch_0020.txt",
        "epoch_0040.txt",
    ]
    wild = TextSamples(letters, begin="c", length=60, temperature=50.0).write(model, np.random.RandomState(0))
    assert len(wild) == 61 and wild not in "abcd" * 20
    with pytest.raises(UserError, match="begin has 'z', which is none of the model's characters"):
        model.fit(x, y, monitors=[TextSamples(letters, begin="abz")], verbose=False)
    with pytest.raises(UserError, match="text_samples: give characters, which the model's numbers stand for"):
        model.fit(x, y, monitors=[TextSamples()], verbose=False)


def test_event_files_for_tensorboard(tmp_path):
    """The records, read back with the package's own definition of an event."""
    history = fit(epochs=3, validation=0.2, monitors=[TensorBoard(histograms=True)], out=tmp_path)
    (path,) = (tmp_path / "tensorboard").iterdir()
    from tensorboardX.proto.event_pb2 import Event

    content, events = path.read_bytes(), []
    while content:
        length = int.from_bytes(content[:8], "little")
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    scalars = {
        (value.tag, event.step): value.simple_value
        for event in events
        for value in event.summary.value
        if value.HasField("simple_value")
    }
    steps = sorted({step for _, step in scalars})
    assert len(steps) == 3
    found = [scalars["validation_loss", step] for step in steps]
    np.testing.assert_allclose(found, history["validation_loss"], rtol=1e-6)
    histograms = {v.tag for event in events for v in event.summary.value if v.HasField("histo")}
    assert any("dense_1.W" in tag.replace("_1_W", "_1.W") for tag in histograms)


def test_tensorboard_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UserError, match="needs the package tensorboardX: pip install tensorboardX"):
        fit(monitors=["tensor_board"], out=tmp_path)


def test_monitors_are_written_and_built_again():
    for monitor in (
        EarlyStopping(3, least=0.1),
        Patience(100, increase=3),
        ReduceOnPlateau(0.2),
        Snapshots(5, keep=1),
        TextSamples(["a"], length=3),
        Filters(shape=(3, 3)),
    ):
        config = registry.config_of(monitor)
        assert registry.config_of(registry.build("monitor", config)) == config


def test_errors_of_values_to_be_maximized_are_their_negatives():
    fit = Fit(None, None, "accuracy", 10, frozenset({"accuracy"}), print, 5, {"accuracy": 0.9, "loss": 0.3})
    assert (fit.cost_of(), fit.cost_of("loss"), fit.cost_of("other")) == (-0.9, 0.3, None)
    assert fit.epoch == 0.5 and math.isinf(Monitor().last_iteration) and Monitor().remember() == {}
    assert WeightStatistics().every == 1
