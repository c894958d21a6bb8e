"""Models: training, prediction, files, and what they say of data and files that do not fit."""

import json
import os
import pickle
import signal

import numpy as np
import pytest
import scipy.sparse

import graphlib
import graphlib.tensor as T
from graphlib.datasets import DataError
from graphlib.errors import InputError
from graphlib.nn import (
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Model,
    Parallel,
    Sequential,
    SimpleRNN,
    registry,
    saved_models,
)
from graphlib.nn.data import Batches, split_rows
from graphlib.nn.fitting import Diverged
from graphlib.nn.layers import Activation, Layer
from graphlib.nn.monitors import EarlyStopping
from graphlib.nn.optimizers import SGD, Adam
from graphlib.nn.schedules import Exponential
from graphlib.nn.storage import UserError

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
    assert sorted(kind for kind, *_ in model._functions.made) == ["predict", "train"]


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
    _, held = split_rows(240, 0.5, True, seed=0)
    assert model.evaluate(POINTS[held], noise[held])["loss"] == pytest.approx(losses[best], rel=1e-5)


# --- files ---


def checks(a: Model, b: Model) -> None:
    """Both predict the same and have the same fingerprint."""
    np.testing.assert_array_equal(a.predict_proba(POINTS), b.predict_proba(POINTS))
    assert a.fingerprint() == b.fingerprint()


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_saved_models_are_the_same(trained, tmp_path, ending):
    model, _ = trained
    path = tmp_path / f"model{ending}"
    model.save(path)
    again = Model.load(path)
    checks(model, again)
    assert again.to_json() == model.to_json()
    # and go on as the one that was saved: Adam's means and count are in the file
    losses = [
        m.fit(POINTS, LABELS, epochs=1, batch_size=40, seed=9, verbose=False)["loss"] for m in (model, again)
    ]
    assert losses[0] == losses[1]
    checks(model, again)
    fresh = classifier().load_parameters(path)
    assert fresh.fingerprint() == model.fingerprint()


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_arrays_of_every_layout_are_saved_as_they_are(tmp_path, ending):
    """safetensors 0.8.0 writes a transposed array's memory as if it were not transposed."""
    whole = np.arange(24, dtype="float32").reshape(2, 3, 4)
    arrays = {
        "c": whole,
        "transposed": whole.T,
        "fortran": np.asfortranarray(whole),
        "swapped": whole.swapaxes(0, 1),
        "strided": whole[:, ::2, 1::2],
        "reversed": whole[::-1],
        "broadcast": np.broadcast_to(np.float32(3), (2, 2)),
        "scalar": np.array(7, "int64"),
        "empty": np.zeros((0, 3), "float64"),
    }
    path = tmp_path / f"arrays{ending}"
    saved_models.write(path, arrays, json.dumps({"format": 1}))
    found, architecture = saved_models.read_model(path)
    assert architecture == {"format": 1} and set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].dtype == array.dtype


def test_models_are_pickled_and_copied_by_their_arrays(trained):
    checks(trained[0], pickle.loads(pickle.dumps(trained[0])))


def test_the_fingerprint_is_of_the_architecture():
    def model(units=4, activation="relu", shape=(None, 5)):
        return Model([Dense(units, activation), Dense(2)], "squared_error").build(shape)

    assert model().fingerprint() == model().fingerprint()
    others = {
        model(5).fingerprint(),
        model(activation="tanh").fingerprint(),
        model(shape=(None, 6)).fingerprint(),
    }
    assert len({model().fingerprint(), *others}) == 4


def test_json_of_what_has_no_name():
    def mine(p, t):
        return T.sum((p - t) ** 2, axis=1)

    model = Model(Dense(2), mine).build((None, 3))
    with pytest.raises(registry.ConfigError, match="has no name to be written under"):
        model.to_json()
    assert "nothing" not in Model.from_json(Model(Dense(2), "hinge").to_json()).to_json()


def damaged(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "object array":
        np.savez(path, architecture=np.array("{}"), W=np.array([{}, []], dtype=object))
    elif how == "no model":
        np.savez(path, W=np.zeros(3))
    elif how == "another format":
        np.savez(path, architecture=np.array('{"format": 2}'))
    elif how == "an unknown layer":
        text = json.dumps({"format": 1, "layer": {"dens": 3}})
        np.savez(path, architecture=np.array(text))
    elif how == "a wrong parameter":
        text = json.dumps({"format": 1, "layer": {"dense": {"units": "many"}}})
        np.savez(path, architecture=np.array(text))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "is damaged, or is no .npz file"),
        ("object array", "Python objects, which are not read"),
        (
            "no model",
            "holds arrays but no architecture: make the model, and give it these with load_parameters",
        ),
        ("another format", "is no model of this version: its entry architecture is no JSON of format 1"),
        ("an unknown layer", "there is no layer 'dens'; did you mean dense"),
        ("a wrong parameter", "dense.units: must be a whole number, not 'many'"),
    ],
)
def test_files_that_are_no_models(tmp_path, how, message):
    path = tmp_path / "model.npz"
    Model(Dense(2), "squared_error").build((None, 3)).save(path)
    damaged(path, how)
    with pytest.raises((UserError, registry.ConfigError), match=message) as error:
        Model.load(path)
    assert "model.npz" in str(error.value)


def test_damaged_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    Model(Dense(2), "squared_error").build((None, 3)).save(path)
    damaged(path, "truncated")
    with pytest.raises(UserError, match=r"model.safetensors is damaged, or is no .safetensors file"):
        Model.load(path)
    with pytest.raises(UserError, match=r"none.safetensors does not exist"):
        Model.load(tmp_path / "none.safetensors")
    with pytest.raises(UserError, match=r"model.pkl: a model's file is called .npz or .safetensors"):
        Model.load(tmp_path / "model.pkl")


def test_a_saved_model_of_another_shape(tmp_path):
    path = tmp_path / "model.npz"
    Model([Dense(4), Dense(2)], "squared_error").build((None, 3)).save(path)
    with pytest.raises(
        UserError,
        match=r"model.npz does not fit this model: its dense_1.W is float32 of shape \(3, 4\), the model's",
    ):
        Model([Dense(5), Dense(2)]).build((None, 3)).load_parameters(path)
    with pytest.raises(UserError, match=r"model.npz holds a dense_2.W, which this model has not"):
        Model([Dense(4)]).build((None, 3)).load_parameters(path)


# --- runs ---


def test_a_resumed_run_is_the_same_to_the_last_byte(tmp_path):
    """Dropout, gradient noise, a schedule, momentum, shuffling and early stopping's counts all go on."""

    def run(folder, epochs, resume=False):
        layers = Sequential([Dense(8, "tanh"), Dropout(0.3), Dense(3, "softmax")], seed=2)
        rule = SGD(Exponential(0.1, 0.9), momentum=0.9, gradient_noise=0.001)
        model = Model(layers, "crossentropy", rule, ["error"])
        history = model.fit(
            POINTS, LABELS, epochs=epochs, batch_size=32, validation=0.2, out=folder, resume=resume,
            monitors=[EarlyStopping(30)], verbose=False,
        )  # fmt: skip
        return model, history

    whole, expected = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    parts, history = run(tmp_path / "parts", 6, resume=True)
    assert dict(history) == dict(expected) and history.epochs == expected.epochs
    checks(whole, parts)
    for name in ("best_model.npz", "learning_curve.csv"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    a, b = (np.load(tmp_path / each / "checkpoint.npz") for each in ("whole", "parts"))
    assert {"state/order", "state/totals", "state/random.draw_0", "state/optimizer.steps"} <= set(a)
    for name in set(a) - {"progress"}:
        assert a[name].tobytes() == b[name].tobytes(), name
    kept = Model.load(tmp_path / "whole" / "best_model.npz")
    checks(whole, kept)


def test_what_is_resumed_with_other_settings_or_data(tmp_path):
    classifier().fit(POINTS, LABELS, epochs=1, out=tmp_path, verbose=False)
    again = {"epochs": 2, "out": tmp_path, "resume": True, "verbose": False}
    with pytest.raises(UserError, match="was started with batch_size 32, and not 16: resume it with what"):
        classifier().fit(POINTS, LABELS, batch_size=16, **again)
    with pytest.raises(UserError, match=r"the data are not those that the run in .* was started with"):
        classifier().fit(POINTS + 1, LABELS, **again)
    with pytest.raises(UserError, match="was started with model"):
        Model(Dense(3, "softmax"), "crossentropy").fit(POINTS, LABELS, **again)
    with pytest.raises(UserError, match="resume needs the folder"):
        classifier().fit(POINTS, LABELS, resume=True)
    with pytest.raises(UserError, match="was started with watch None, and not 'loss'"):
        classifier().fit(POINTS, LABELS, watch="loss", **again)
    with pytest.raises(UserError, match=r"was started with validation by none, and not by a share of 0.1"):
        classifier().fit(POINTS, LABELS, validation=0.1, **again)


def test_a_run_is_resumed_with_what_validated_before(tmp_path):
    """Of another share, other examples would be learnt from, and other ones validate."""
    given = {"out": tmp_path, "verbose": False}
    classifier().fit(POINTS, LABELS, epochs=1, validation=0.25, **given)
    with pytest.raises(UserError, match=r"with validation by a share of 0.25, and not by a share of 0.2:"):
        classifier().fit(POINTS, LABELS, epochs=2, validation=0.2, resume=True, **given)
    with pytest.raises(UserError, match=r"0.25, and not by examples of their own"):
        classifier().fit(POINTS, LABELS, epochs=2, validation=(POINTS, LABELS), resume=True, **given)
    classifier().fit(POINTS, LABELS, epochs=2, validation=0.25, resume=True, **given)


def test_minibatches_that_are_made_already_are_not_made_otherwise():
    batches = Batches(POINTS, LABELS, batch_size=50, seed=3)
    classifier().fit(batches, epochs=1, batch_size=50, seed=3, verbose=False)
    for told in ({"batch_size": 20}, {"batch_size": None}, {"shuffle": False}, {"seed": 4}, {"buffer": 9}):
        (name,) = told
        with pytest.raises(UserError, match=f"fit is told {name}=.*, and the minibatches that x gives have"):
            classifier().fit(batches, verbose=False, **told)
    with pytest.raises(UserError, match="seed=4, and the minibatches that x gives are made already: leave"):
        classifier().fit(Recorded(batches), seed=4)


def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(tmp_path):
    class Stop(Batches):
        def __getitem__(self, index):
            if self.order.get_value() == 2 and index == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().__getitem__(index)

    def run(kind, folder, **options):
        model = classifier()
        history = model.fit(
            kind(POINTS, LABELS, batch_size=30, seed=1), epochs=4, out=folder, verbose=False, **options
        )
        return model, history

    whole, _ = run(Batches, tmp_path / "whole")
    _, stopped = run(Stop, tmp_path / "stopped")
    assert stopped.reason == "interrupted" and stopped.epochs == [1]
    resumed, history = run(Batches, tmp_path / "stopped", resume=True)
    assert history.reason == "finished" and history.epochs == [1, 2, 3, 4]
    checks(whole, resumed)


# --- data that do not fit ---


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.where(np.arange(10)[:, None] == 7, np.nan, POINTS[:10]), LABELS[:10],
         r"x has NaN in example 7, position 0 \(counted from 0\): fill such values or leave"),
        (np.where(np.arange(10)[:, None] == 7, np.inf, POINTS[:10]), LABELS[:10],
         "x has infinity in example 7"),
        (POINTS[:10], LABELS[:9], "as many targets as examples: x has 10, y has 9"),
        (POINTS[:10], np.arange(10), "y is 3 at example 3: the layer dense_2 has 3 outputs, so labels are"),
        (POINTS[:10], np.full((10, 4), 0.25),
         r"y has shape \(10, 4\), but the layer dense_2 gives \(batch, 3\)"),
        (POINTS[:10], np.full((10, 3), np.nan), "y has NaN in example 0"),
        (POINTS[:0], LABELS[:0], "x has no examples|have no examples"),
        ([[1.0, 2.0], [3.0]], [0, 1], "x must be numbers in an array, and is lists of unequal lengths"),
        (np.array([["a"], ["b"]]), [0, 1], "x must be numbers in an array, and is texts, such as 'a'"),
        (POINTS[:10], np.array(list("ababababab"), object), "y must be .* np.unique.* numbers classes"),
        (scipy.sparse.csr_array(POINTS[:10]), LABELS[:10], "x must be .* sparse matrix: its method toarray"),
        (3.0, [1], "x is the single number 3.0: give an array, an example a row"),
        (POINTS[:10], None, "there are no targets: give y"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_learnt_from(x, y, message):
    with pytest.raises(DataError, match=message):
        classifier().fit(x, y, verbose=False)


def test_numbers_that_are_no_rows_of_an_embedding():
    model = Model([Embedding(10, 2), Flatten(), Dense(3, "softmax")], "crossentropy")
    words = np.random.RandomState(0).randint(0, 10, (20, 4))
    model.build((None, 4), "int64")
    for wrong in (-1, 10):
        bad = np.where(np.arange(80).reshape(20, 4) == 9, wrong, words)
        message = rf"x is {wrong} at example 2, position 1: the layer embedding_1 has the rows 0 to 9"
        for use in (
            model.predict,
            lambda x: model.fit(x, LABELS[:20]),
            lambda x: model.evaluate(x, LABELS[:20]),
        ):
            with pytest.raises(DataError, match=message):
                use(bad)
    with pytest.raises(DataError, match=r"validation x is -1 at example 2, position 1"):
        model.fit(words, LABELS[:20], validation=(np.where(bad == 10, -1, bad), LABELS[:20]))
    with pytest.raises(InputError, match="padding must be at least 0, not -1"):
        Embedding(10, 2, padding=-1)


def test_metrics_that_do_not_fit_the_targets():
    model = Model(Dense(1), "squared_error", metrics=["error"])
    with pytest.raises(DataError, match=r"the metric error does not fit: y is .* which is no label"):
        model.fit(POINTS, POINTS[:, 0], verbose=False)
    model = Model([Dense(3, "softmax")], {"crossentropy": {"missing": -1}}, metrics=["accuracy"])
    with pytest.raises(DataError, match=r"the metric accuracy .*; -1 is missing for the loss: give the"):
        model.evaluate(POINTS, np.where(LABELS == 2, -1, LABELS))


def test_data_of_another_shape_than_the_model_was_built_for(trained):
    model, _ = trained
    with pytest.raises(DataError, match=r"x has shape \(4, 6\), but the model was built for \(any, 5\)"):
        model.predict(np.zeros((4, 6)))
    with pytest.raises(DataError, match=r"x has shape \(4,\), but the model takes \(any, 5\)"):
        model.predict(np.zeros(4))
    with pytest.raises(DataError, match=r"sample_weight has shape \(3,\), and y has \(240,\)"):
        model.evaluate(POINTS, LABELS, sample_weight=[1, 2, 3])
    with pytest.raises(DataError, match="class_weight has no weight for class 2, which is in y"):
        model.fit(POINTS, LABELS, class_weight={0: 1.0, 1: 2.0})
    with pytest.raises(DataError, match=r"a share of 1.5 of the examples"):
        model.fit(POINTS, LABELS, validation=1.5)
    with pytest.raises(
        UserError, match="watch: nothing called 'validation_error' is measured; there are loss, error"
    ):
        model.fit(POINTS, LABELS, watch="validation_error")
    with pytest.raises(InputError, match="the model has no loss yet"):
        Model(Dense(2)).fit(POINTS, LABELS)


def test_a_loss_that_is_not_finite_any_more():
    model = Model(Dense(1), "squared_error", SGD(1e30))
    with pytest.raises(
        Diverged, match=r"not finite any more at epoch 1.*: lower the learning rate \(now 1e\+30\)"
    ):
        model.fit(POINTS, POINTS[:, 0], epochs=3, verbose=False)


# --- several outputs ---


def test_the_weight_of_a_task_scales_its_own_gradients_too():
    """Two outputs on one hidden layer: the parameters after a step are those of NumPy's gradients."""
    rng = np.random.default_rng(0)
    x, a, b = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), rng.integers(0, 2, 6)
    H, A, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    with graphlib.config.change(floatX="float64"):
        layers = [
            Dense(4, None, initializer=H, bias=None),
            Parallel(
                {
                    "value": Dense(2, None, initializer=A, bias=None),
                    "yes": Dense(1, "sigmoid", initializer=B, bias=None),
                },
                merge=None,
            ),
        ]
        model = Model(
            Sequential(layers, name="net"),
            {"value": "squared_error", "yes": "binary_crossentropy"},
            SGD(0.1),
            {"yes": ["accuracy"]},
            loss_weights={"value": 0.5, "yes": 2.0},
        )
        history = model.fit(
            x, {"yes": b, "value": a}, epochs=1, batch_size=None, validation=(x, {"value": a, "yes": b}),
            verbose=False, keep="last",
        )  # fmt: skip
        found = [parameter.variable.get_value() for parameter in model.parameters.values()]
        predicted = model.predict(x)
        # pieces of 4 and of 2 examples
        evaluated = model.evaluate(x, {"value": a, "yes": b}, batch_size=4)
    h = x @ H
    p = 1 / (1 + np.exp(-h @ B))
    d_a, d_b = 0.5 * 2 * (h @ A - a) / 12, 2 * (p - b[:, None]) / 6
    expected = [H - 0.1 * x.T @ (d_a @ A.T + d_b @ B.T), A - 0.1 * h.T @ d_a, B - 0.1 * h.T @ d_b]
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-10)
    loss_a = ((h @ A - a) ** 2).mean()
    loss_b = -np.where(b[:, None] == 1, np.log(p), np.log(1 - p)).mean()
    assert history["loss"] == pytest.approx([0.5 * loss_a + 2 * loss_b])
    assert history["value_loss"] == pytest.approx([loss_a])
    assert history["yes_loss"] == pytest.approx([loss_b])
    assert history["yes_accuracy"] == pytest.approx([((p[:, 0] > 0.5) == b).mean()])
    assert {"validation_loss", "validation_value_loss", "validation_yes_accuracy"} <= set(history)
    h = x @ expected[0]
    p = 1 / (1 + np.exp(-h @ expected[2]))
    loss_a = ((h @ expected[1] - a) ** 2).mean()
    loss_b = -np.where(b[:, None] == 1, np.log(p), np.log(1 - p)).mean()
    assert evaluated["loss"] == pytest.approx(0.5 * loss_a + 2 * loss_b)
    assert history["validation_loss"] == pytest.approx([evaluated["loss"]])
    assert set(predicted) == {"value", "yes"} and set(np.unique(predicted["yes"])) <= {0, 1}


def test_weights_of_examples_and_classes_of_several_outputs():
    """By name, in a tuple as the targets are, or alike for all; expected by numpy."""
    x, labels, values = POINTS[:40], LABELS[:40], POINTS[:40, :2]
    w = np.linspace(0, 2, 40)

    def of(branches, losses):
        return Model(Parallel(branches, merge=None), losses).build((None, 5))

    named = of({"a": Dense(3, "softmax"), "b": Dense(2)}, {"a": "crossentropy", "b": "squared_error"})
    listed = of([Dense(3, "softmax"), Dense(2)], ["crossentropy", "squared_error"])
    by_name, in_order = {"a": labels, "b": values}, (labels, values)
    for model, y, only_first in ((named, by_name, {"a": w}), (listed, in_order, (w, None))):
        with graphlib.config.change(mode="reference"):
            p, q = model.outputs(x).values() if model is named else model.outputs(x)
            found = list(model.evaluate(x, y, sample_weight=only_first).values())
            both = list(model.evaluate(x, y, sample_weight=w).values())
        errors = ((q - values) ** 2).mean(axis=1)
        a, b = np.average(-np.log(p[np.arange(40), labels]), weights=w), errors.mean()
        np.testing.assert_allclose(found, [a + b, a, b], rtol=1e-5)
        np.testing.assert_allclose(both[2], np.average(errors, weights=w), rtol=1e-5)
    by_class = np.array([1.0, 5.0, 0.5])

    def loss(**weights):
        with graphlib.config.change(mode="reference"):
            return named.fit(x, by_name, 1, None, verbose=False, **weights)["a_loss"]

    state = {path: p.variable.get_value() for path, p in named.parameters.items()}
    expected = loss(sample_weight={"a": by_class[labels]})
    for path, value in state.items():
        named.parameters[path].variable.set_value(value)
    assert loss(class_weight={"a": dict(enumerate(by_class))}) == pytest.approx(expected, rel=1e-5)
    for wrong, message in (
        ({"sample_weight": {"c": w}}, "sample_weight names 'c', and the model has the outputs a, b"),
        ({"class_weight": {"b": "balanced"}}, r"the loss of y\['b'\] is squared_error; .* without b"),
        ({"class_weight": {"a": {0: "x"}}}, "class_weight of class 0 is 'x': give a number, 0 or more"),
    ):
        with pytest.raises(DataError, match=message):
            named.fit(x, by_name, verbose=False, **wrong)


def test_several_outputs_that_do_not_fit():
    def model(loss, **more):
        return Model(Parallel({"a": Dense(2), "b": Dense(1)}, merge=None), loss, **more)

    x, y = POINTS[:6], {"a": np.zeros((6, 2)), "b": np.zeros(6)}
    with pytest.raises(InputError, match="there is no loss for the output 'b'"):
        model({"a": "squared_error"}).fit(x, y)
    with pytest.raises(InputError, match="loss names 'c', and the outputs are a, b"):
        model({"a": "squared_error", "c": "squared_error"}).fit(x, y)
    with pytest.raises(DataError, match="y has 1 targets, but the model has 2 outputs: give a mapping"):
        model("squared_error").fit(x, y["a"])
    with pytest.raises(DataError, match="y has the targets a, c, but the model has the outputs a, b"):
        model("squared_error").fit(x, {"a": y["a"], "c": y["b"]})
    with pytest.raises(DataError, match=r"y\['a'\] has shape \(6, 3\), but the layer"):
        model("squared_error").fit(x, {**y, "a": np.zeros((6, 3))})


def test_several_inputs():
    parts = Parallel({"left": Dense(2, "tanh"), "right": Dense(2, "tanh")})
    model = Model([parts, Dense(3, "softmax")], "crossentropy", Adam(0.05), ["error"])
    x = {"right": POINTS[:, 2:], "left": POINTS[:, :2]}
    model.fit(x, LABELS, epochs=30, validation=0.2, verbose=False)
    assert model.score(x, LABELS) > 0.8
    again = Model.from_json(model.to_json())
    assert again.fingerprint() == model.fingerprint()
    with pytest.raises(DataError, match="x has the inputs left, middle, but the model takes right, left"):
        model.predict({"left": x["left"], "middle": x["right"]})
    with pytest.raises(DataError, match=r"examples: .*x\['left'\] has 1"):
        model.predict({"left": x["left"][:1], "right": x["right"]})


# --- sequences ---


def test_stateful_layers_go_on_from_minibatch_to_minibatch(tmp_path):
    """Pieces of a sequence are predicted as the whole is; a validation between does not disturb training."""
    rng = np.random.RandomState(2)
    x = rng.normal(size=(4, 12, 2)).astype("float32")  # four sequences of twelve steps
    y = np.cumsum(x.sum(axis=2), axis=1)[..., None].astype("float32") / 4
    pieces = [np.ascontiguousarray(a.reshape(4, 3, 4, -1).swapaxes(0, 1).reshape(12, 4, -1)) for a in (x, y)]

    def model(stateful):
        layers = [SimpleRNN(5, return_sequences=True, stateful=stateful, truncate_gradient=4), Dense(1)]
        return Model(Sequential(layers, seed=3), "squared_error", SGD(0.05))

    learnt = []
    for validation in (None, tuple(pieces)):
        stateful = model(True)
        history = stateful.fit(
            *pieces, epochs=3, batch_size=4, shuffle=False, validation=validation, keep="last", verbose=False
        )
        learnt.append(history["loss"])
    assert learnt[0] == learnt[1]
    whole = model(False).build((None, 12, 2))
    for path, parameter in stateful.parameters.items():
        whole.parameters[path].variable.set_value(parameter.variable.get_value())
    expected = whole.predict(x)
    found = stateful.predict(pieces[0], batch_size=4).reshape(3, 4, 4, 1).swapaxes(0, 1).reshape(4, 12, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    stateful.save(tmp_path / "stateful.npz")
    again = Model.load(tmp_path / "stateful.npz").predict(pieces[0], batch_size=4)
    np.testing.assert_array_equal(again, stateful.predict(pieces[0], batch_size=4))
    measured = stateful.evaluate(*pieces, batch_size=4)["loss"]
    assert measured == pytest.approx(((expected - y) ** 2).mean(), rel=1e-4)
    assert history["validation_loss"][-1] == pytest.approx(measured, rel=1e-5)
    with pytest.raises(DataError, match="12 examples are no whole number of minibatches of 5"):
        stateful.predict(pieces[0], batch_size=5)


def test_a_stateful_run_is_resumed_and_its_model_predicts_by_as_many_rows(tmp_path):
    x = np.random.RandomState(3).normal(size=(8, 3, 2)).astype("float32")

    def run(epochs, **options):
        layers = Sequential([SimpleRNN(3, stateful=True), Dense(1)], seed=0)
        model = Model(layers, "squared_error", "sgd")
        with graphlib.config.change(mode="reference"):
            model.fit(x, x[:, 0, :1], epochs, 4, shuffle=False, keep="last", verbose=False, **options)
        return model

    whole = run(2)
    run(1, out=tmp_path)
    resumed = run(2, out=tmp_path, resume=True)
    for name, value in whole.variables().items():
        np.testing.assert_array_equal(resumed.variables()[name].get_value(), value.get_value())
    whole.save(tmp_path / "whole.npz")
    with graphlib.config.change(mode="reference"):
        again = Model.load(tmp_path / "whole.npz").predict(x)
        np.testing.assert_array_equal(again, whole.predict(x, batch_size=4))


def test_what_stateful_layers_cannot_learn_from():
    x, y = POINTS[:12].reshape(12, 5, 1), LABELS[:12]
    model = Model([SimpleRNN(2, stateful=True), Dense(3, "softmax")], "crossentropy")
    for given in ((x, y), (Batches(x, y, 4),)):
        with pytest.raises(UserError, match=r"stateful layers go on from one .*: give shuffle=False"):
            model.fit(*given, verbose=False)
    with pytest.raises(DataError, match="5 validation examples are no whole number of minibatches of 4"):
        model.fit(x, y, batch_size=4, shuffle=False, validation=(x[:5], y[:5]), verbose=False)


def test_sequences_of_other_lengths_than_in_training():
    layers = [SimpleRNN(4, return_sequences=True), Dense(3, "softmax")]
    model = Model(layers, "crossentropy", Adam(0.01), ["error"])
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=(30, 6, 2)), rng.randint(3, size=(30, 6))
    model.fit(x, y, epochs=1, verbose=False, sample_weight=rng.rand(30, 6), class_weight={0: 1, 1: 2, 2: 1})
    assert model.predict(x[:, :3]).shape == (30, 3)
    np.testing.assert_allclose(model.predict_proba(x)[:, :3], model.predict_proba(x[:, :3]), rtol=1e-5)
    for n in (1, 4, 9):
        model.predict(np.zeros((2, n, 2)))
    assert sum(kind == "predict" for kind, *_ in model._functions.made) == 2
    assert 0 <= model.score(x, y) <= 1


def test_a_model_that_could_not_be_made_again_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_entries", {kind: {**all_} for kind, all_ in registry._entries.items()})

    @registry.register("layer")
    class Changing(Layer):
        def __init__(self, activation="relu"):
            self.activation = Activation(activation)

        def output(self, x, training, mask):
            return self.activation(x)

    model = Model([Changing()], "squared_error").build((None, 3))
    message = r"cannot be written.*changing\.activation.*under its own name"
    for write in (model.to_json, lambda: model.save(tmp_path / "model.npz")):
        with pytest.raises(registry.ConfigError, match=message):
            write()
    assert not list(tmp_path.iterdir())
