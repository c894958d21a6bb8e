"""What `Model` and `Model.fit` are given and cannot use: the message says what, and what to give."""

import re

import numpy as np
import pytest

from graphlib.datasets import DataError
from graphlib.errors import InputError, ShapeError
from graphlib.nn import Adam, Crossentropy, Dense, Model, runfile, runs
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
            "cross_validation: {folds: 30}",
            "line 5, cross_validation.folds: 20 examples cannot be divided into 30",
        ),
    ],
)
def test_run_files_name_line_and_key(tmp_path, line, message):
    numbers = f"{{x: {X.tolist()}, y: {Y.tolist()}}}"
    path = tmp_path / "r.yaml"
    path.write_text(f"data: {{arrays: {numbers}}}\nmodel:\n  - dense: 2\nloss: crossentropy\n{line}\n")
    with pytest.raises(UserError, match=re.escape(f"r.yaml, {message}")):
        runs.run(runfile.load(path), tmp_path)
