"""What `Model` and `Model.fit` are given and cannot use: the message says what, and what to give."""

import re

import numpy as np
import pytest

from graphlib.datasets import DataError
from graphlib.errors import InputError, ShapeError
from graphlib.nn import Adam, Crossentropy, Dense, Model, Sequential, runfile, runs
from graphlib.nn.__main__ import main
from graphlib.nn.storage import UserError

X = np.random.RandomState(0).normal(size=(20, 4)).astype("float32")
Y = np.zeros(20, int)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs is 0: give a whole number, 1 or more"),
        ({"epochs": 1.5}, "epochs is 1.5: give a whole number"),
        ({"epochs": True}, "epochs is True"),
        ({"validate_every": 0}, "validate_every is 0: give a whole number, 1 or more"),
        ({"seed": -1}, "seed is -1: give a whole number from 0 to 2**32 - 1"),
        ({"keep": "bests"}, 'keep is \'bests\': give "best" or "last"'),
        ({"monitors": "early_stopping"}, "monitors is 'early_stopping': give a list"),
        ({"monitors": [3]}, "monitors has 3: give monitors, or their names"),
        ({"batch_size": 2.5}, "batch_size is 2.5: give the examples of a minibatch"),
        ({"validation": 1}, "a share of 1.0 of the examples is asked for: give one between 0 and 1"),
        ({"validation": True}, "examples are (x, y) or (x, y, weights), in a tuple"),
        ({"watch": "los"}, "watch: nothing called 'los' is measured; there are loss"),
        (
            {"x": [X, X]},
            "x is a list of 2 arrays, each of which is an example, and there are not as many targets",
        ),
        (
            {"x": [X, X[:, :2]]},
            "x is a list of arrays of several shapes: several inputs are given in a tuple",
        ),
        ({"x": (X, X)}, "x has 2 inputs in a tuple, but the model takes 1 input: x"),
        ({"x": {"x": X}}, "x has 1 inputs by name, but the model takes 1 input"),
    ],
)
def test_fit(wrong, message):
    model = Model([Dense(5, "tanh"), Dense(3, "softmax")], "crossentropy").build((None, 4))
    with pytest.raises((UserError, DataError), match=re.escape(message)):
        model.fit(**{"x": X, "y": Y, "verbose": False, **wrong})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"loss": 3}, "the loss: 3 is none: give its name, an object, or a function"),
        ({"loss": Crossentropy}, "the class Crossentropy (did you mean Crossentropy()?) is none"),
        ({"optimizer": 5}, "the optimizer is 5: give an optimizer, or its name"),
        ({"optimizer": Adam}, "the optimizer is the class Adam (did you mean Adam()?)"),
        ({"metrics": [5]}, "metrics: 5 is none"),
        ({"loss_weights": {"a": "1"}}, "loss_weights has '1': give a number for each loss"),
    ],
)
def test_compile(wrong, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Model(Dense(3), **{"loss": "crossentropy", **wrong})


def test_more_than_memory_holds_names_the_layer():
    with pytest.raises(ShapeError, match=r"layer wide .*there is no memory for W of shape \(4, 99999999999"):
        Model(Dense(99_999_999_999_999, name="wide"), "squared_error").build((None, 4))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "training: {watch: nope}",
            "line 5, training.watch: nothing called 'nope' is measured; there are loss",
        ),
        (
            "training: {monitors: [early_stopping, {filters: nope}]}",
            "line 5, training.monitors.1: there are no weights nope; there are dense_1.W",
        ),
        (
            "training: {monitors: [{early_stopping: {quantity: nope}}]}",
            "line 5, training.monitors.0: nothing called 'nope' is measured; there are loss",
        ),
        (
            "training: {monitors: [patience, {reduce_on_plateau: {quantity: error}}]}",
            "line 5, training.monitors.1: nothing called 'error' is measured; there are loss",
        ),
        ("training: {monitors: [text_samples]}", "line 5, training.monitors.0: give characters"),
        ("training: {class_weight: {a: 1}}", "line 5, training.class_weight.a: a class is a whole number"),
        (
            "training: {class_weight: {0: 1, 7: 1}}",
            "line 5, training.class_weight: class_weight has the class 7, which the layer dense_1, with 2",
        ),
        ("training: {class_weight: {1: 1}}", "line 5, training.class_weight: class_weight has no weight for"),
        ("metrics: {digit: [error]}", "line 5, metrics: metrics names 'digit', and the model has one output"),
        ("metrics: [squared_error]", "line 5, metrics: the metric squared_error does not fit: y has shape"),
        (
            "cross_validation: {folds: 30}",
            "line 5, cross_validation.folds: 20 examples cannot be divided into 30",
        ),
    ],
)
def test_run_files_name_line_and_key(tmp_path, line, message):
    numbers = f"{{x: {X.tolist()}, y: {Y.tolist()}}}"
    path = tmp_path / "r.yaml"
    path.write_text(f"data: {{arrays: {numbers}}}\nmodel:\n  - dense: 2\nloss: crossentropy\n{line}\n")
    for use in (runs.check, lambda file: runs.run(file, tmp_path)):
        with pytest.raises(UserError, match=re.escape(f"r.yaml, {message}")):
            use(runfile.load(path))


def test_what_a_search_compares_by_is_checked_before_it_begins(tmp_path, capsys):
    numbers = f"{{x: {X.tolist()}, y: {Y.tolist()}}}"
    path = tmp_path / "s.yaml"
    search = "search: {metric: METRIC, parameters: {training.epochs: {choice: [1, 2]}}}\n"
    text = f"data: {{arrays: {numbers}}}\nmodel:\n  - dense: 2\nloss: crossentropy\n{search}"
    for command in ("check", "search"):
        path.write_text(text.replace("METRIC", "los"))
        assert main([command, str(path), *(["--out", str(tmp_path)] if command == "search" else [])]) == 2
        message = "line 5, search.metric: nothing called 'los' is measured; there are loss"
        assert f"s.yaml, {message}" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()
    path.write_text(text.replace("METRIC", "loss"))
    assert main(["check", str(path)]) == 0
    assert "dense_1 (Dense)" in capsys.readouterr().out


@pytest.mark.parametrize(("part", "message"), [("test", "test y is 5"), ("valid", "validation y is 5")])
def test_what_comes_after_training_is_checked_before(tmp_path, part, message):
    parts = {
        f"{kind}_{name}": array for name in ("train", "valid", "test") for kind, array in (("x", X), ("y", Y))
    }
    np.savez(tmp_path / "data.npz", **parts | {f"y_{part}": Y + 5})
    path = tmp_path / "r.yaml"
    path.write_text("data: {npz: data.npz}\nmodel: {dense: 2}\nloss: crossentropy\n")
    for use in (runs.check, lambda file: runs.run(file, tmp_path)):
        with pytest.raises(UserError, match=f"{message} at example 0: the layer dense has 2 outputs"):
            use(runfile.load(path))
    assert not (tmp_path / "learning_curve.csv").exists()


def test_rates_of_parameters_that_there_are_not():
    with pytest.raises(InputError, match=r"layer dense_1 .*has 'w', and the parameters are W, b"):
        Model([Dense(3, learning_rate_multiplier={"w": 0.1})], "squared_error").build((None, 4))
    with pytest.raises(InputError, match=r"has 'dense.W', and the parameters are dense_1.W, dense_1.b"):
        Model(Sequential([Dense(3)], learning_rate_multiplier={"dense.W": 0.1})).build((None, 4))
