"""Layers in several places, written down and made again."""

import pickle
import re

import numpy as np
import pytest

import graphlib.tensor as T
from graphlib.errors import ShapeError
from graphlib.nn import LSTM, ConfigError, Dense, Embedding, Model, Parallel, Sequential, build


def test_shared_layers_are_shared_again(tmp_path):
    """Of a net with the same tower in two branches, and in it the same layer twice; also in a run file."""
    x = np.random.RandomState(0).normal(size=(8, 6)).astype("float32")
    inner = Dense(6, "tanh")
    tower = Sequential([inner, inner, Dense(3)])
    branches = Parallel([tower, tower, [tower, {"activation": "tanh"}]], merge="multiply")
    model = Model(Sequential([branches, Dense(1)], seed=1), "squared_error").build((None, 6))
    model.save(tmp_path / "model.npz")
    again = Model.load(tmp_path / "model.npz")
    assert list(again.parameters) == list(model.parameters) and len(again.parameters) == 6
    np.testing.assert_array_equal(again.outputs(x), model.outputs(x))
    assert again.to_json() == model.to_json() and again.fingerprint() == model.fingerprint()
    tower = {"key": "tower", "layer": [{"dense": 6}, {"dense": 3}]}
    written = build("layer", [{"parallel": {"branches": [{"shared": tower}, {"shared": "tower"}]}}])
    assert len(Model(written, "squared_error").build((None, 6)).parameters) == 4
    for wrong, problem in (
        ([{"shared": "tower"}], "0.shared.key: key 'tower' is of no layer before this one"),
        ([{"shared": tower}, {"shared": tower}], "1.shared.key: key 'tower' is that of another layer"),
        (
            [{"dense": 3}, "tanh"],
            "1: there is no layer 'tanh'; as a layer the activation is {activation: tanh}",
        ),
        ([{"shared": {"key": "a", "layer": "dence"}}], "0.shared.layer: there is no layer 'dence'; did you"),
    ):
        with pytest.raises(ConfigError, match=re.escape(problem)):
            build("layer", wrong)


def test_what_cannot_be_written_says_what_to_do():
    x = T.matrix("x", shape=(None, 4))
    encoder = Dense(3)
    encoder(x)
    tied = Model([encoder, Dense(4, initializer=encoder.W.T)], "squared_error")
    with pytest.raises(ConfigError, match=r"dimshuffle.* cannot be written: make a layer of your own"):
        tied.to_json()


def test_given_arrays_are_not_written_twice(tmp_path):
    """A file has them among the parameters, and its architecture their shapes; a copy of the model has them
    before it is trained."""
    vectors, weights = (np.random.RandomState(0).normal(size=s).astype("float32") for s in ((50, 6), (6, 20)))
    recurrent = LSTM(5, initializer=weights, bias=np.arange(20))
    layers = [Embedding(initializer=vectors, trainable=False), recurrent, Dense(2, bias=[3.0, 4.0])]
    model = Model(Sequential(layers, seed=1), "squared_error").build((None, 3), "int64")
    words = np.array([[3, 1, 4], [1, 5, 9]])
    for copied in (Model.from_json(model.to_json()), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copied.outputs(words), model.outputs(words))
    model.fit(words, np.zeros((2, 2)), epochs=1, out=tmp_path, verbose=False)
    model.save(tmp_path / "saved.npz")
    for name in ("saved.npz", "model.npz"):
        with np.load(tmp_path / name) as file:
            assert len(str(file["architecture"])) < 1000
        again = Model.load(tmp_path / name)
        np.testing.assert_array_equal(again.outputs(words), model.outputs(words))
        np.testing.assert_array_equal(again.parameters["embedding_1.W"].variable.get_value(), vectors)
        assert again.fingerprint() == model.fingerprint() and not again.parameters["embedding_1.W"].trainable
    other = build("layer", {"dense": {"units": 3, "initializer": {"given": [4, 2]}}})
    with pytest.raises(ShapeError, match=r"an array of shape \(4, 2\) was given for a parameter of \(4, 3\)"):
        Model(other, "squared_error").build((None, 4))
