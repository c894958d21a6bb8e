"""Names of objects: registering, building from values of run files and JSON, and writing them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import pytest

from graphlib.nn import registry
from graphlib.nn.registry import ConfigError, build, config_of, register, resolve, snake_case
from graphlib.nn.schema import Activation, Count, Initializer, Layer, Positive, Range, Rate


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    """A registry of its own for each test, with a few objects like those of the library."""
    monkeypatch.setattr(registry, "_entries", {kind: {} for kind in registry.KINDS})
    monkeypatch.setattr(registry, "_of_target", {})
    monkeypatch.setattr(registry, "_load", lambda kind: None)
    for kind, name, target, factory in (
        ("activation", "relu", relu, False),
        ("activation", "leaky_relu", leaky_relu, False),
        ("initializer", None, Normal, False),
        ("initializer", "he_normal", HE_NORMAL, False),
        ("layer", "dense", Dense, False),
        ("layer", None, Drop, False),
        ("layer", None, Sequential, False),
        ("layer", None, Bidirectional, False),
        ("schedule", None, Exponential, False),
        ("schedule", None, PiecewiseLinear, False),
        ("optimizer", "sgd", SGD, False),
        ("data", "table", table, True),
    ):
        register(kind, name, factory=factory)(target)


def relu(x):
    return x


def leaky_relu(x, alpha: float = 0.01):
    return alpha * x


class Normal:
    def __init__(self, std: Positive = 0.01, mean: float = 0.0):
        self.std, self.mean = std, mean


HE_NORMAL = Normal(2.0)


class Base:
    def __init__(self, name: str | None = None, seed: int | None = None):
        self.name, self.seed = name, seed


class Dense(Base):
    def __init__(
        self, units: Count, activation: Activation | None = None, init: Initializer = "he_normal", **base
    ):
        super().__init__(**base)
        self.units, self.activation, self.init = units, activation, init
        if units == 13:
            raise ValueError("units must not be 13")


class Drop:
    def __init__(
        self, rate: Rate = 0.5, shape: tuple[int, int] | None = None, where: Literal["a", "b"] = "a"
    ):
        self.rate, self.shape, self.where = rate, shape, where


class Sequential:
    def __init__(self, layers: Sequence[Layer], seed: int | None = None):
        self.layers, self.seed = layers, seed


class Bidirectional:
    def __init__(self, layer: Layer, parts: Mapping[str, Layer] | None = None):
        self.layer, self.parts = layer, parts


class Exponential:
    def __init__(self, initial: Positive, decay: Annotated[float, Range(0, 1, above=True)]):
        self.initial, self.decay = initial, decay


class PiecewiseLinear:
    def __init__(self, points: Sequence[tuple[float, float]]):
        self.points = points


class SGD:
    def __init__(self, learning_rate: Positive | Schedule = 0.01, nesterov: bool = False):  # noqa: F821
        self.learning_rate, self.nesterov = learning_rate, nesterov


def table(path: str, batch_size: int = 10):
    return {"path": path, "batch_size": batch_size}


def test_names_are_in_snake_case():
    for name, expected in {
        "Conv2D": "conv2d",
        "MaxPool2D": "max_pool2d",
        "PReLU": "prelu",
        "LSTM": "lstm",
        "SimpleRNN": "simple_rnn",
        "KLDivergence": "kl_divergence",
        "L2": "l2",
        "LayerNormalization": "layer_normalization",
        "RowColumnMixing": "row_column_mixing",
        "GlobalAveragePool": "global_average_pool",
    }.items():
        assert snake_case(name) == expected


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("activation", "relu"),
        ("activation", {"leaky_relu": {"alpha": 0.2}}),
        ("initializer", "he_normal"),
        ("initializer", "normal"),
        ("initializer", {"normal": {"mean": 1.5}}),
        ("layer", {"dense": {"units": 3, "activation": {"leaky_relu": {"alpha": 0.2}}, "name": "top"}}),
        (
            "layer",
            {"bidirectional": {"layer": {"dense": {"units": 2}}, "parts": {"a": {"drop": {"rate": 0.1}}}}},
        ),
        ("layer", {"sequential": {"layers": [{"dense": {"units": 3}}, "drop"]}}),
        ("layer", {"drop": {"shape": [2, 3], "where": "b"}}),
        ("optimizer", {"sgd": {"learning_rate": {"exponential": {"initial": 1.0, "decay": 0.5}}}}),
        ("schedule", {"piecewise_linear": {"points": [[0, 0.5], [10, 0.9]]}}),
    ],
)
def test_what_is_built_is_written_as_it_was(kind, config):
    assert config_of(build(kind, config)) == config


def test_objects_functions_and_arrays_stay_and_names_are_looked_up():
    layer, array = Dense(2), np.zeros(3)
    assert resolve("layer", layer) is layer
    assert resolve("initializer", array) is array
    assert resolve("initializer", 0.5) == 0.5
    assert resolve("activation", None) is None
    assert resolve("activation", "relu") is relu
    assert resolve("initializer", "he_normal") is HE_NORMAL
    assert resolve("activation", {"leaky_relu": {"alpha": 0.5}})(3.0) == 1.5
    assert resolve("data", {"table": "x.csv"}) == {"path": "x.csv", "batch_size": 10}


def test_a_single_value_is_the_first_parameter_and_lists_of_layers_are_a_sequence():
    assert build("layer", {"drop": 0.25}).rate == 0.25
    built = build("layer", [{"dense": 4}, {"drop": {"shape": [1, 2]}}])
    assert isinstance(built, Sequential)
    assert [type(each).__name__ for each in built.layers] == ["Dense", "Drop"]
    assert built.layers[1].shape == (1, 2)
    assert [build("optimizer", {"sgd": {"nesterov": each}}).nesterov for each in ("on", "No")] == [
        True,
        False,
    ]
    assert build("schedule", {"piecewise_linear": [[0, 0.5], [10, 1]]}).points == [(0, 0.5), (10, 1)]


@pytest.mark.parametrize(
    ("kind", "config", "message"),
    [
        ("activation", "rleu", "there is no activation 'rleu'; did you mean relu"),
        ("layer", {"Dense": 3}, "Dense: there is no layer 'Dense'; did you mean dense?"),
        ("layer", {"zzz": 3}, "there are bidirectional, dense, drop, sequential"),
        ("layer", {"dense": {"unit": 3}}, "dense.unit: dense has no parameter 'unit'; did you mean units?"),
        ("layer", "dense", "dense needs units"),
        ("layer", [{"dense": 3}, None], "1: is empty: write a layer here"),
        ("layer", {"dense": {"units": "many"}}, "dense.units: must be a whole number, not 'many'"),
        ("layer", {"dense": {"units": True}}, "dense.units: must be a whole number, not true"),
        ("layer", {"dense": {"units": 0}}, "dense.units: must be at least 1, not 0"),
        ("layer", {"dense": {"units": 2.5}}, "dense.units: must be a whole number, not 2.5"),
        ("layer", {"dense": {"units": 13}}, "dense.units: units must not be 13"),
        ("layer", {"dense": {"units": 1, "activation": "rleu"}}, "dense.activation: there is no activation"),
        (
            "layer",
            {"dense": {"units": 1, "name": 5}},
            'dense.name: must be text or null, not 5; write "5" in quotes',
        ),
        ("layer", {"drop": {"rate": 1.0}}, "drop.rate: must be at least 0 and below 1, not 1.0"),
        ("layer", {"drop": {"where": "c"}}, "drop.where: must be 'a' or 'b', not 'c'"),
        ("layer", {"drop": {"shape": [1, 2, 3]}}, "drop.shape: must be a list of 2, not of 3"),
        ("layer", {"drop": {"shape": [1, "x"]}}, "drop.shape.1: must be a whole number, not 'x'"),
        ("layer", [{"drop": 0.1}, {"dense": {"units": -1}}], "1.dense.units: must be at least 1, not -1"),
        (
            "layer",
            {"dense": 3, "drop": 0.5},
            "must be the name of one layer with its parameters, and has 2 keys",
        ),
        ("layer", {}, "must be the name of one layer with its parameters, and is empty"),
        ("layer", [], "must have at least one layer"),
        ("optimizer", {"sgd": {"learning_rate": -1}}, "sgd.learning_rate: must be above 0, not -1"),
        (
            "optimizer",
            {"sgd": {"learning_rate": {"exponential": {"initial": 1, "decay": 2}}}},
            "sgd.learning_rate.exponential.decay: must be above 0 and at most 1, not 2",
        ),
        (
            "optimizer",
            {"sgd": {"learning_rate": "expnential"}},
            "no schedule 'expnential'; did you mean expo",
        ),
        ("optimizer", {"sgd": {"nesterov": "maybe"}}, "sgd.nesterov: must be true or false, not 'maybe'"),
        ("optimizer", {"sgd": {"nesterov": 1}}, "sgd.nesterov: must be true or false, not 1"),
        ("initializer", {"he_normal": {"std": 1}}, "he_normal has no parameters"),
        ("activation", {"relu": {"alpha": 1}}, "relu.alpha: relu has no parameters"),
    ],
)
def test_mistakes_are_named_with_their_place(kind, config, message):
    with pytest.raises(ConfigError) as caught:
        build(kind, config)
    assert message in str(caught.value)


def test_a_name_is_given_once_and_of_a_known_kind():
    with pytest.raises(ValueError, match=r"the layer 'dense' is .*Dense'> already"):
        register("layer", "dense")(Normal)
    with pytest.raises(ValueError, match="there is no kind 'layers'; there are activation"):
        register("layers")
    register("layer", "dense")(Dense)


def test_what_is_not_registered_or_hides_an_argument_has_no_value():
    class Own:
        pass

    with pytest.raises(ConfigError, match="has no name to be written under: give its class or function one"):
        config_of([Own()])

    @register("layer")
    class Hiding:
        def __init__(self, units: int):
            self._units = units

    with pytest.raises(ConfigError, match="Hiding does not keep its argument units as an attribute"):
        config_of(Hiding(3))
