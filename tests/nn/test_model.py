"""Models: training, prediction, files, and what they say of data and files that do not fit."""

import numpy as np
import pytest

from graphlib.nn import Dense, Model, Sequential
from graphlib.nn.data import Batches
from graphlib.nn.monitors import EarlyStopping
from graphlib.nn.optimizers import SGD, Adam

RNG = np.random.RandomState(4)
CENTRES = RNG.normal(size=(3, 5)) * 2
LABELS = RNG.randint(3, size=240)
POINTS = (CENTRES[LABELS] + RNG.normal(size=(240, 5))).astype("float32")


def classifier(**options) -> Model:
    settings = {"optimizer": Adam(0.01), "metrics": ["error"], **options}
    return Model(Sequential([Dense(16, "tanh"), Dense(3, "softmax")], seed=1), "crossentropy", **settings)


@pytest.fixture(scope="module")
def trained() -> tuple[Model, dict]:
    model = classifier()
    history = model.fit(POINTS, LABELS, epochs=12, batch_size=20, validation=0.25, verbose=False)
    return model, history


def test_fit_learns_and_says_what_it_measured(trained):
    _, history = trained
    assert list(history) == ["loss", "validation_loss", "error", "validation_error"]
    assert history.epochs == list(range(1, 13))
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history.best == min(history["validation_error"])
    assert history["validation_error"][int(history.best_epoch) - 1] == history.best
    assert history.reason == "finished"
    with pytest.raises(KeyError, match="nothing was measured under the name 'val_loss'"):
        history["val_loss"]


def test_what_is_predicted_agrees_with_numpy(trained):
    model, _ = trained
    values = {name: parameter.variable.get_value() for name, parameter in model.parameters.items()}
    hidden = np.tanh(POINTS @ values["dense_1.W"] + values["dense_1.b"])
    scores = hidden @ values["dense_2.W"] + values["dense_2.b"]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(POINTS), p, rtol=2e-5, atol=1e-6)
    np.testing.assert_array_equal(model.predict(POINTS), p.argmax(axis=1))
    np.testing.assert_array_equal(model.predict_proba(POINTS, batch_size=7), model.predict_proba(POINTS))
    measured = model.evaluate(POINTS, LABELS, batch_size=100)
    assert measured["loss"] == pytest.approx(-np.log(p[np.arange(240), LABELS]).mean(), rel=1e-5)
    assert measured["error"] == pytest.approx((p.argmax(axis=1) != LABELS).mean())
    assert model.score(POINTS, LABELS) == pytest.approx(1 - measured["error"])


def test_one_compiled_function_serves_every_batch_size():
    model = classifier()
    for size in (20, 7, None):
        model.fit(POINTS, LABELS, epochs=1, batch_size=size, verbose=False)
    model.fit(POINTS[:50], LABELS[:50], epochs=1, batch_size=50, verbose=False)
    for n in (1, 10, 240):
        assert model.predict(POINTS[:n]).shape == (n,)
    assert sorted(kind for kind, *_ in model._functions) == ["predict", "train"]


def test_an_epoch_by_hand():
    """Descent on minibatches in order, the last of them smaller, is what NumPy computes."""
    model = Model(Dense(3, "softmax", initializer=0.0), "crossentropy", SGD(0.1))
    history = model.fit(POINTS[:50], LABELS[:50], epochs=2, batch_size=20, shuffle=False, verbose=False)
    W, b, losses = np.zeros((5, 3)), np.zeros(3), []
    for _ in range(2):
        total = 0
        for first in (0, 20, 40):
            x, y = POINTS[first : min(first + 20, 50)].astype("float64"), LABELS[first : min(first + 20, 50)]
            p = np.exp(x @ W + b)
            p /= p.sum(axis=1, keepdims=True)
            total -= np.log(p[np.arange(len(y)), y]).sum()
            p[np.arange(len(y)), y] -= 1
            W, b = W - 0.1 * x.T @ p / len(y), b - 0.1 * p.mean(axis=0)
        losses.append(total / 50)
    found = {name: parameter.variable.get_value() for name, parameter in model.parameters.items()}
    np.testing.assert_allclose(found["W"], W, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["b"], b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)


def test_weights_of_examples_and_classes():
    """A weight of 2 is an example twice, one of 0 an example left out; a class's weight is its examples'."""

    def learnt(x, y, **weights):
        model = Model(Dense(3, "softmax", initializer=0.0), "crossentropy", SGD(0.5))
        history = model.fit(x, y, epochs=3, batch_size=None, verbose=False, **weights)
        return model.parameters["W"].variable.get_value(), history["loss"][-1]

    x, y = POINTS[:60], LABELS[:60]
    twice = np.concatenate([np.arange(30), np.arange(30), np.arange(30, 50)])
    expected = learnt(x[twice], y[twice])
    found = learnt(x, y, sample_weight=np.repeat([2.0, 1.0, 0.0], [30, 20, 10]))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-6)
    assert found[1] == pytest.approx(expected[1], rel=1e-5)
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    expected = learnt(x, y, sample_weight=[by_class[label] for label in y])
    np.testing.assert_allclose(learnt(x, y, class_weight=by_class)[0], expected[0], rtol=1e-5, atol=1e-7)
    counts = np.bincount(y)
    expected = learnt(x, y, sample_weight=(60 / 3 / counts)[y])
    np.testing.assert_allclose(learnt(x, y, class_weight="balanced")[0], expected[0], rtol=1e-5, atol=1e-7)


class Recorded:
    """Minibatches of two epochs, given out in their order; the first is asked for once more before."""

    def __init__(self, batches):
        self.epochs = [[batches[index] for index in range(len(batches))] for _ in range(2)]
        self.asked = 0

    def __len__(self):
        return len(self.epochs[0])

    def __getitem__(self, index):
        self.asked += 1
        return self.epochs[max(0, self.asked - 2) // len(self)][index]


def test_minibatches_of_ones_own():
    """`Batches`, or another object with len and [i], give what arrays give."""
    given = [
        {"x": POINTS, "y": LABELS, "batch_size": 50, "seed": 3},
        {"x": Batches(POINTS, LABELS, batch_size=50, seed=3)},
        {"x": Recorded(Batches(POINTS, LABELS, batch_size=50, seed=3))},
    ]
    results = []
    for options in given:
        model = classifier()
        model.fit(**options, epochs=2, verbose=False)
        results.append(model.parameters["dense_1.W"].variable.get_value())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-5, atol=1e-7)


def test_early_stopping_and_the_best_model():
    """Labels are noise: validation gets worse soon, and the model that is kept is the best in validation."""
    noise = np.random.RandomState(0).randint(3, size=240)
    model = classifier(metrics=[])
    history = model.fit(
        POINTS, noise, epochs=100, batch_size=20, validation=0.5, verbose=False, monitors=[EarlyStopping(3)]
    )
    losses = history["validation_loss"]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 4 < 100
    assert (history.best, history.best_epoch) == (losses[best], best + 1)
    from graphlib.nn.data import split_rows

    _, held = split_rows(240, 0.5, True, seed=0)
    assert model.evaluate(POINTS[held], noise[held])["loss"] == pytest.approx(losses[best], rel=1e-5)
