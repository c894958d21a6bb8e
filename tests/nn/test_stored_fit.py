"""Models that learn from arrays whose rows are read when they are needed, against arrays in memory."""

import numpy as np
import pytest

from graphlib.datasets import DataError
from graphlib.errors import GraphError
from graphlib.nn import LSTM, Batches, Dense, Model, Parallel, Sequential
from graphlib.nn.epochs import Epochs
from graphlib.nn.storage import UserError
from graphlib.nn.stored import Blocks, Npy, Sliced

RNG = np.random.default_rng(1)
X = RNG.normal(size=(330, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype("int64")
BUFFER = 2 * 60 * 64e-6  # megabytes: groups of some 60 rows


def model():
    layers = Sequential([Dense(5, "tanh"), Dense(2, "softmax")], seed=4)
    return Model(layers, "crossentropy", "adam", ["error"])


class InMemory:
    """Minibatches of arrays in memory, in the order of blocks."""

    def __init__(self, blocks, seed, *arrays):
        self.order, self.arrays = Epochs(blocks.minibatches, seed), arrays

    def __len__(self):
        return len(self.order)

    def __getitem__(self, index):
        rows = self.order[index]
        return tuple(array[rows] for array in self.arrays)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    return Npy(tmp_path / "x.npy"), Npy(tmp_path / "y.npy")


def test_training_is_as_from_memory(files, tmp_path, monkeypatch):
    """With weights of examples and of classes, and with what validates; and it resumes, to the last digit."""
    monkeypatch.setattr("graphlib.nn.stored.order.BLOCK_BYTES", 360)
    x, y = files
    weights = RNG.uniform(size=330)
    by_class = {label: 330 / (2 * (label == Y).sum()) for label in (0, 1)}
    held = {"validation": (x, y), "seed": 3, "verbose": False}
    stored = model()
    found = stored.fit(
        x, y, 3, 16, sample_weight=weights, class_weight="balanced", buffer=BUFFER, out=tmp_path / "a", **held
    )
    # 36 bytes a row (float32 x and weights, int64 y), 10 rows a block, half the buffer a group
    blocks = Blocks(330, 16, 10, int(BUFFER * 1e6 / 2 // 360))
    assert 5 < blocks.group < 15
    memory = model()
    wanted = memory.fit(
        InMemory(blocks, 3, X, Y, weights),
        epochs=3,
        class_weight=by_class,
        validation=(X, Y),
        verbose=False,
    )
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)
    for path, parameter in stored.parameters.items():
        np.testing.assert_allclose(
            parameter.variable.get_value(), memory.parameters[path].variable.get_value(), rtol=1e-4, atol=1e-6
        )
    other = {**held, "sample_weight": weights, "class_weight": "balanced", "buffer": BUFFER}
    model().fit(x, y, 1, 16, out=tmp_path / "b", **other)
    again = model().fit(x, y, 3, 16, out=tmp_path / "b", resume=True, **other)
    assert dict(again) == dict(found)
    with pytest.raises(UserError, match="was started with buffer"):
        model().fit(x, y, 3, 16, out=tmp_path / "b", resume=True, **{**other, "buffer": 5.0})
    with pytest.raises(UserError, match="the data are not those"):
        model().fit(Sliced(X * 2), y, 3, 16, out=tmp_path / "b", resume=True, **other)
    batches = Batches(x, y, batch_size=16, seed=3, buffer=BUFFER)
    assert batches.blocks.group != blocks.group  # there are no weights to be read
    history = model().fit(batches, epochs=2, verbose=False)
    assert len(history["loss"]) == 2
    agreeing = {"batch_size": 16, "seed": 3, "buffer": BUFFER}
    assert dict(model().fit(batches, epochs=2, verbose=False, **agreeing)) == dict(history)
    with pytest.raises(UserError, match=r"told batch_size=20, and the minibatches .* have batch_size=16"):
        model().fit(batches, batch_size=20)


def test_predictions_and_scores_are_those_of_the_array_in_memory(files):
    x, y = files
    trained = model()
    trained.fit(x, np.asarray(Y), epochs=2, validation=0.2, buffer=BUFFER, verbose=False)
    np.testing.assert_array_equal(trained.predict(x), trained.predict(X))
    np.testing.assert_array_equal(trained.predict_proba(x, batch_size=7), trained.predict_proba(X, 7))
    for batch_size in (None, 50):
        assert trained.evaluate(x, y, batch_size=batch_size) == trained.evaluate(X, Y, batch_size=batch_size)
    assert trained.score(x, y) == trained.score(X, Y)
    weights = RNG.uniform(size=330)
    assert trained.score(x, y, Sliced(weights)) == trained.score(X, Y, weights) != trained.score(X, Y)
    truth = (Y == 1, Sliced(Y == 1))
    losses = [model().fit(x, each, 1, None, verbose=False)["loss"] for each in truth]
    assert losses[0] == pytest.approx(losses[1])


def test_weights_by_the_names_of_outputs(files):
    """Of one output, read piece by piece beside examples in memory, and the other way around."""
    x, y = files
    targets = {"class": Y, "sum": X.sum(axis=1)}
    weights = RNG.uniform(size=330)
    found = []
    weighed = (weights, Sliced(weights))
    for inputs, classes, weight in [(X, Y, each) for each in weighed] + [(x, y, each) for each in weighed]:
        branches = Parallel({"class": Dense(2, "softmax"), "sum": Dense(1)}, merge=None)
        model = Model(
            Sequential([Dense(5, "tanh"), branches], seed=4),
            {"class": "crossentropy", "sum": "squared_error"},
        )
        given = {"class": classes, "sum": targets["sum"]}
        history = model.fit(inputs, given, 2, None, sample_weight={"sum": weight}, verbose=False)
        found.append([*history["loss"], *history["sum_loss"], *history["class_loss"]])
    for each in found[1:]:
        np.testing.assert_allclose(each, found[0], rtol=1e-5)
    errors = (model.outputs(X)["sum"][:, 0] - targets["sum"]) ** 2
    measured = model.evaluate(x, given, sample_weight={"sum": Sliced(weights)})
    np.testing.assert_allclose(measured["sum_loss"], np.average(errors, weights=weights), rtol=1e-5)


def test_stateful_layers_go_on_from_piece_to_piece():
    """Streams of 4 sequences; a last minibatch with fewer is left out."""
    x, y = RNG.normal(size=(22, 5, 3)).astype("float32"), RNG.normal(size=(22, 2)).astype("float32")
    losses = []
    for given in (Sliced(x, block=3), x):
        layers = Sequential([LSTM(4, stateful=True, return_sequences=False), Dense(2)], seed=4)
        recurrent = Model(layers, "squared_error", "sgd")
        losses.append(recurrent.fit(given, y, 2, 4, shuffle=False, verbose=False)["loss"])
        outputs = recurrent.outputs(given[:20], batch_size=4)
    assert losses[0] == losses[1] and outputs.shape == (20, 2)


def test_what_is_wrong_is_named_by_file_and_row(files, tmp_path):
    x, y = files
    wrong = X.copy()
    wrong[217, 4] = np.nan
    np.save(tmp_path / "nan.npy", wrong)
    labels = Y.copy()
    labels[123] = 2
    np.save(tmp_path / "labels.npy", labels)
    for given, message in [
        ((Npy(tmp_path / "nan.npy", block=10), y), r"x has NaN in row 217 of .*nan\.npy, position 4"),
        (
            (x, Npy(tmp_path / "labels.npy")),
            r"y is 2 at row 123 of .*labels\.npy: the layer dense_2 has 2 out",
        ),
        ((x, y, np.where(Y == 1, 1.0, -1.0)), "sample_weight must be of finite numbers.* at row"),
        ((x, Y[1:]), "x has 330, y has 329"),
    ]:
        with pytest.raises(DataError, match=message):
            model().fit(*given[:2], sample_weight=given[2] if len(given) > 2 else None, verbose=False)
    with pytest.raises(DataError, match=r"x has NaN in row 217 of .*nan\.npy"):
        model().build((None, 6)).predict(Npy(tmp_path / "nan.npy"))

    steps = np.zeros((20, 5), "int64")
    steps[7, 3] = 4
    np.save(tmp_path / "steps.npy", steps)
    by_step = Model(Dense(3, "softmax"), "crossentropy")
    with pytest.raises(
        DataError, match=r"y is 4 at row 7 of .*steps\.npy, position 3: the layer dense has 3"
    ):
        by_step.fit(RNG.normal(size=(20, 5, 2)), Npy(tmp_path / "steps.npy"), verbose=False)

    class Changing:
        """Minibatches of a user's, whose form changes."""

        def __init__(self, second):
            self.second = second

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return (X[:8], Y[:8]) if index == 0 else self.second

    for second, message in [
        ((X[:8, :5], Y[:8]), r"minibatch 1 is not like the first: .* has shape \(8, 5\), expected \(\?, 6\)"),
        ((X[:8], Y[:7]), "minibatch 1: there must be as many targets as examples: x has 8, y has 7"),
        ((X[:8], Y[:8] + 5), "minibatch 1: y is 6 at example"),
        ((X[:8], np.eye(2)[Y[:8]]), "minibatch 1 is not like the first: .* y "),
        ((X[:8], Y[:8], np.ones(8)), "minibatch 1 has weights and others have none"),
        (X[:8], r"minibatch 1: examples are \(x, y\)"),
    ]:
        with pytest.raises((DataError, GraphError), match=message):
            model().fit(Changing(second), epochs=1, verbose=False)
    with pytest.raises(DataError, match='class_weight "balanced" counts the classes of all examples'):
        model().fit(Changing((X, Y)), class_weight="balanced")
    with pytest.raises(DataError, match=r"sample_weight is of arrays x and y: minibatches give their own"):
        model().fit(Batches(X, Y), sample_weight=np.ones(330))
    with pytest.raises(DataError, match="there are no targets"):
        model().fit(x)
    for share, message in [(0.001, "leaves a part empty"), (2.0, "give one between 0 and 1")]:
        for given in (x, X):
            with pytest.raises(DataError, match=message):
                model().fit(given, Y, validation=share)
    for given in (x, X):
        with pytest.raises(DataError, match="batch_size is 0: give"):
            model().fit(given, Y, batch_size=0)
