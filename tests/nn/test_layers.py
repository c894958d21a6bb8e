"""What all layers share: parameters and their names, seeds, options, errors; containers."""

import copy
import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, ShapeError
from graphlib.nn.constraints import MaxNorm
from graphlib.nn.initializers import Normal
from graphlib.nn.layers import Activation, Dense, Dropout, Layer, Maxout, Parallel, PReLU, Sequential
from graphlib.nn.registry import build, config_of
from graphlib.nn.regularizers import L1, L2

X = np.random.RandomState(0).normal(size=(5, 4)).astype("float32")


def matrix(n=4, name="x"):
    return T.matrix(name, shape=(None, n))


def values(layer):
    return {path: each.variable.get_value() for path, each in layer.parameters.items()}


def value_of(layer, *arrays, **options):
    """What a layer gives for arrays."""
    return graphlib.function([], layer(*arrays, **options), mode="reference")()


def set_by_hand(layer, random=0):
    """Parameters that are not zero anywhere, as numpy arrays of float64 by path."""
    rng = np.random.RandomState(random)
    for each in layer.parameters.values():
        each.variable.set_value(rng.normal(size=each.variable.get_value().shape).astype("float32"))
    return {path: array.astype("float64") for path, array in values(layer).items()}


class TestParameters:
    def test_the_first_call_makes_them_and_later_ones_share_them(self):
        layer = Dense(3)
        first, second = layer(matrix()), layer(matrix(name="other"))
        W, b = layer.params
        assert (W.name, b.name) == ("W", "b")
        assert W.get_value().shape == (4, 3) and W.static_shape == (4, 3)
        gradient = T.grad(T.sum(first) + T.sum(second), W)
        x, other = (
            next(v for v in graphlib.graph.graph_inputs([y]) if v.ndim == 2 and v.name != "W")
            for y in (first, second)
        )
        got = graphlib.function([x, other], gradient)(X, 2 * X)
        np.testing.assert_allclose(got, np.repeat(3 * X.sum(0)[:, None], 3, 1), rtol=1e-5)

    def test_there_are_none_before(self):
        with pytest.raises(InputError, match=r"hidden \(Dense, made at .*test_layers.py.*first call"):
            Dense(3, name="hidden").parameters  # noqa: B018

    def test_paths_name_the_layers(self):
        model = Sequential([Dense(3), Dropout(0.5), [Dense(2), Dense(2, name="code")], Dense(1, bias=None)])
        model(matrix())
        assert list(model.parameters) == [
            "dense_1.W", "dense_1.b", "sequential_1.dense_1.W", "sequential_1.dense_1.b",
            "sequential_1.code.W", "sequential_1.code.b", "dense_2.W",
        ]  # fmt: skip

    def test_options_of_parameters(self):
        inner = Sequential(
            [Dense(3, regularizer="l2", constraint="max_norm", learning_rate_multiplier={"W": 0.5})]
        )
        model = Sequential([inner, Dense(2, trainable=False)], learning_rate_multiplier=0.1)
        model(matrix())
        W, b, fixed, _ = model.parameters.values()
        assert (W.regularizer, W.constraint, b.regularizer, b.constraint) == (L2(), MaxNorm(), None, None)
        assert (W.learning_rate_multiplier, b.learning_rate_multiplier) == (pytest.approx(0.05), 0.1)
        assert (W.trainable, fixed.trainable) == (True, False)
        assert model.params == [W.variable, b.variable]
        inner.trainable = False
        assert model.params == []

    def test_penalty_is_the_sum_of_what_is_learnt(self):
        model = Sequential(
            [
                Dense(3, regularizer=L1(0.5) + L2(0.25)),
                Dense(2, regularizer=[L2(1.0)]),
                Dense(2, regularizer="l2", trainable=False),
            ]
        )
        model(matrix())
        weights = set_by_hand(model)
        W, V = weights["dense_1.W"], weights["dense_2.W"]
        expected = 0.5 * np.abs(W).sum() + 0.25 * (W**2).sum() + (V**2).sum()
        assert model.penalty.eval() == pytest.approx(expected, rel=1e-5)
        plain = Dense(2)
        plain(X)
        assert plain.penalty.eval() == 0

    def test_a_layer_used_twice_has_its_parameters_once(self):
        shared = Dense(4, "tanh")
        model = Sequential([shared, shared, Dense(2)])
        model(matrix())
        assert list(model.parameters) == ["dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b"]

    def test_given_values_variables_and_expressions(self):
        W = np.arange(12, dtype="float64").reshape(4, 3)
        encoder = Dense(3, initializer=W, bias=[1, 2, 3])
        tied = Dense(3, initializer=encoder_weights(encoder))
        decoder = Dense(4, initializer=encoder.W.T)
        code = encoder(X)
        np.testing.assert_allclose(code.eval(), X @ W + [1, 2, 3], rtol=1e-5)
        np.testing.assert_allclose(decoder(code).eval(), (X @ W + [1, 2, 3]) @ W.T, rtol=1e-5)
        tied(X)
        assert tied.W is encoder.W
        assert list(decoder.parameters) == ["b"]
        with pytest.raises(
            ShapeError, match=r"W is given as an array of shape \(4, 3\), and must have \(4, 2\)"
        ):
            Dense(2, initializer=W)(X)
        with pytest.raises(ShapeError, match=r"W is given as W float32\(4, 3\).*must have shape \(4, 2\)"):
            Dense(2, initializer=encoder.W)(X)


def encoder_weights(encoder):
    encoder(X)
    return encoder.W


class TestSeeds:
    def layers(self):
        return [Dense(3, "tanh"), Dropout(0.5), [Dense(3)], Dense(2)]

    def test_same_seed_same_numbers(self):
        one, other = (Sequential(self.layers(), seed=7) for _ in range(2))
        differing = Sequential(self.layers(), seed=8)
        results = [value_of(model, X, training=True) for model in (one, other, differing)]
        assert np.array_equal(results[0], results[1])
        assert not np.array_equal(results[0], results[2])
        weights = [array for path, array in values(one).items() if path.endswith("W")]
        assert len({array.tobytes() for array in weights}) == 3

    def test_without_a_seed_numbers_are_new(self):
        assert not np.array_equal(value_of(Dense(3), X), value_of(Dense(3), X))

    def test_a_layer_may_have_a_seed_of_its_own(self):
        alone, part = Dense(3, seed=3), Dense(3, seed=3)
        Sequential([Dense(4), part], seed=0)(X)
        alone(X)
        assert np.array_equal(alone.W.get_value(), part.W.get_value())

    def test_all_parts_draw_from_one_stream(self):
        model = Sequential([Dropout(0.5), [Dropout(0.5)]], seed=1)
        model(X, training=True)
        assert len(model.streams.states) == 2
        assert model[0].streams is model.streams is model[1][0].streams


class Scale(Layer):
    """A layer of a user's, whose constructor does not call ours."""

    def __init__(self, start):
        self.start = start

    def build(self, x):
        self.scale = self.parameter("scale", (self.length(x, -1),), self.start)

    def output(self, x, training, mask):
        return x * self.scale


class Residual(Layer):
    def __init__(self, units):
        self.inner = Dense(units, "tanh")
        self.others = [Scale(2.0), Dense(units)]

    def output(self, x, training, mask):
        y = x + self.inner(x, training)
        for other in self.others:
            y = other(y, training)
        return y


class TestLayersOfOnesOwn:
    def test_they_have_parameters_and_parts(self):
        model = Sequential([Residual(4), Scale(3.0)], seed=0)
        model(X)
        assert list(model.parameters) == [
            "residual_1.inner.W", "residual_1.inner.b", "residual_1.others_1.scale", "residual_1.others_2.W",
            "residual_1.others_2.b", "scale_1.scale",
        ]  # fmt: skip
        W, b, scale, V, c, last = set_by_hand(model).values()
        expected = ((X + np.tanh(X @ W + b)) * scale @ V + c) * last
        np.testing.assert_allclose(value_of(model, X), expected, rtol=1e-4, atol=1e-5)

    def test_their_own_lines_are_named(self):
        class Wrong(Layer):
            def output(self, x, training, mask):
                return T.dot(x, np.ones((3, 3), "float32"))

        with pytest.raises(ShapeError, match=r"layer wrong_1 \(Wrong, made at .*has length 4"):
            Sequential([Wrong()])(X)
        with pytest.raises(NotImplementedError, match="Empty has no method output"):
            type("Empty", (Layer,), {})()(X)


class TestErrors:
    def line_of(self, error):
        return str(error.value).split("line ")[1].split(")")[0]

    def test_a_wrong_width_names_the_layer_and_its_line(self):
        model = Sequential([Dense(3), Dense(2, name="top")])
        model(matrix())
        top = Dense(2, name="upper")
        with pytest.raises(ShapeError, match=r"^layer dense_1 \(Dense, made at File .*test_layers.py.* 7"):
            model(matrix(7))
        top(matrix())
        with pytest.raises(ShapeError, match=r"^layer upper \(Dense, made at"):
            top(matrix(5))

    def test_an_unknown_width_says_how_to_declare_it(self):
        with pytest.raises(ShapeError, match=r"layer dense \(.*axis -1 of x float32.*shape=\(None, 784\)"):
            Dense(3)(T.matrix("x"))

    def test_at_the_call_the_line_is_that_of_the_layer(self):
        x, y = T.matrix("x", shape=(None, 4)), T.matrix("y", shape=(None, 4))
        layer = Parallel([Dense(3), Dense(3)], merge="sum")
        f = graphlib.function([x, y], layer([x, y]))
        with pytest.raises(ShapeError, match=r"test_layers.py.*has length 5"):
            f(X, X[:3])

    @pytest.mark.parametrize(
        "make, said",
        [
            (lambda: Dense(0), "Dense: units must be at least 1, not 0"),
            (lambda: Dense(2.5), "Dense: units must be a whole number, not 2.5"),
            (lambda: Dense(2, "rleu"), "Dense: activation .*did you mean relu"),
            (lambda: Dense(2, initializer="glorot"), "Dense: initializer .*did you mean glorot_"),
            (lambda: Dropout(1.0), "Dropout: rate must be at least 0 and below 1, not 1.0"),
            (lambda: Sequential(Dense(2)), "takes a list of layers"),
            (lambda: Sequential([Dense]), "did you mean Dense"),
            (lambda: Sequential([3]), "3 is no layer"),
            (lambda: Sequential([Dense(2, name="a"), Dense(3, name="a")]), "two layers are called 'a'"),
            (lambda: Sequential([Dense(2, name="a.b")]), "dot"),
            (lambda: Parallel([]), "takes layers"),
            (lambda: Parallel([Dense(2)], split=[1, 2]), "2 parts for 1 branches"),
            (lambda: Parallel([Dense(2)], merge="add"), "merge must be"),
        ],
    )
    def test_wrong_arguments(self, make, said):
        with pytest.raises((InputError, ValueError), match=said):
            make()

    def test_numbers_of_numpy_are_numbers(self):
        assert value_of(Dense(np.int64(3)), X).shape == (5, 3)


class TestContainers:
    def test_parts_of_a_sequential(self):
        model = Sequential([Dense(3, "tanh"), Dense(3, name="middle"), Dense(2)], seed=0)
        whole = value_of(model, X)
        assert len(model) == 3 and list(model) == [model[0], model["middle"], model[-1]]
        np.testing.assert_array_equal(value_of(model[1:], model[:1](X)), whole)
        assert list(model[1:].parameters) == ["middle.W", "middle.b", "dense_2.W", "dense_2.b"]
        with pytest.raises(KeyError, match="there are dense_1, middle, dense_2"):
            model["top"]

    def test_names_mappings_and_functions_are_layers(self):
        model = Sequential(
            [{"dense": {"units": 3, "initializer": 1.0}}, lambda x: 2 * x, {"activation": "relu"}]
        )
        np.testing.assert_allclose(
            value_of(model, X), np.maximum(2 * X.sum(1, keepdims=True).repeat(3, 1), 0), rtol=1e-5
        )

    def test_split_columns_are_concatenated(self):
        model = Parallel({"left": [Dense(3), Dense(2)], "right": Dense(4)}, split=[1, 3])
        model(matrix())
        p = set_by_hand(model)
        left = (X[:, :1] @ p["left.dense_1.W"] + p["left.dense_1.b"]) @ p["left.dense_2.W"] + p[
            "left.dense_2.b"
        ]
        expected = np.concatenate([left, X[:, 1:] @ p["right.W"] + p["right.b"]], axis=1)
        np.testing.assert_allclose(value_of(model, X), expected, rtol=1e-4, atol=1e-5)
        with pytest.raises(ShapeError, match=r"split \[1, 3\] adds up to 4, and .* has 5 features"):
            model(matrix(5))

    def test_branches_may_share_weights(self):
        shared = Dense(3)
        model = Parallel([[shared, Activation("tanh")], [shared, Dense(2)]], split=[2, 2])
        x = matrix()
        cost = T.sum(model(x))
        assert len(model.params) == 4
        p = set_by_hand(model)
        names = list(p)
        W, V = p[names[0]], p[names[2]]
        gradient = graphlib.function([x], T.grad(cost, shared.W))(X)
        inner = 1 - np.tanh(X[:, :2] @ W + p[names[1]]) ** 2
        expected = X[:, :2].T @ inner + X[:, 2:].T @ np.ones((5, 2)) @ V.T
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("merge", ["sum", "mean", "multiply", "maximum"])
    def test_merges(self, merge):
        model = Parallel([Activation("linear"), Activation("tanh")], merge=merge)
        combined = {"sum": np.add, "multiply": np.multiply, "maximum": np.maximum}.get(merge)
        expected = combined(X, np.tanh(X)) if combined else (X + np.tanh(X)) / 2
        np.testing.assert_allclose(value_of(model, X), expected, rtol=1e-5, atol=1e-6)

    def test_several_outputs_and_inputs(self):
        heads = Parallel({"digit": Dense(10, "softmax"), "parity": Dense(1, "sigmoid")}, merge=None)
        outputs = Sequential([Dense(5), heads])(matrix())
        assert {name: y.static_shape for name, y in outputs.items()} == {
            "digit": (None, 10),
            "parity": (None, 1),
        }
        columns = Parallel({"a": Dense(2), "b": Dense(3)}, merge=None)
        assert columns({"b": X[:, :2], "a": X})["b"].static_shape == (5, 3)
        assert [y.static_shape for y in Parallel([Dense(2), Dense(3)], merge=None)([X, X])] == [
            (5, 2),
            (5, 3),
        ]
        with pytest.raises(ShapeError, match="the inputs are called a, c, and the branches a, b"):
            columns({"a": X, "c": X})

    def test_channels_of_images_are_joined(self):
        images = np.random.RandomState(0).normal(size=(2, 3, 4, 5)).astype("float32")
        got = value_of(Parallel(["prelu", "prelu"], split=[1, 2]), images)
        np.testing.assert_allclose(got, np.where(images > 0, images, 0.25 * images), rtol=1e-6)


class TestConfiguration:
    def test_round_trip(self):
        first = Dense(3, regularizer=L1(0.1) + L2(0.2))
        last = Dense(2, {"leaky_relu": {"alpha": 0.3}}, initializer=Normal(0.5), constraint=MaxNorm(1.0))
        model = Sequential([Parallel({"a": [first], "b": Maxout(2, pieces=3)}, split=[1, 3]), last], seed=3)
        again = build("layer", config_of(model))
        assert config_of(build("layer", config_of(again))) == config_of(again)
        np.testing.assert_array_equal(value_of(again, X), value_of(model, X))

    def test_a_built_model_is_copied_and_pickled(self):
        model = Sequential([Dense(3, "tanh"), PReLU()], seed=0)
        expected = value_of(model, X)
        for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(value_of(again, X), expected)
            assert again.params[0] is not model.params[0]

    def test_what_is_printed(self):
        printed = "Sequential(layers=[Dense(units=3, activation='tanh')], seed=1)"
        assert repr(Sequential([Dense(3, "tanh")], seed=1)) == printed


def test_a_users_own_dataclass_that_is_a_layer_inherits_what_its_base_takes(tmp_path, monkeypatch):
    # of a module that has none of the names in which the base writes its type hints
    (tmp_path / "users_layers.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from graphlib.nn import Dense\n"
        "@dataclass(eq=False, repr=False)\n"
        "class Scaled(Dense):\n"
        "    factor: float = 2.0\n"
        "    def output(self, x, training, mask):\n"
        "        return self.factor * super().output(x, training, mask)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from users_layers import Scaled

    layer = Scaled(2, factor=3.0)
    x = T.matrix("x", shape=(None, 2))
    y = layer(x)
    layer.parameters["W"].variable.set_value(np.eye(2, dtype="float32"))
    assert graphlib.function([x], y)([[1, 5]]).tolist() == [[3, 15]]
    with pytest.raises(InputError, match=r"factor"):
        Scaled(2, factor="much")
    with pytest.raises(InputError, match=r"units"):
        Scaled(0)


def test_a_layer_that_returns_nothing():
    class Forgetful(Layer):
        def output(self, x, training, mask):
            x * 2

    with pytest.raises(InputError, match=r"Forgetful\.output returns nothing: end it with return"):
        Forgetful()(T.matrix("x"))


@pytest.mark.parametrize("place", ["__init__", "build"])
def test_a_variable_that_a_layer_would_neither_learn_nor_save(place):
    class Scaled(Layer):
        def output(self, x, training, mask):
            return x * self.w

    def make(self, x=None):
        self.w = graphlib.shared(np.ones(4, "float32"))

    setattr(Scaled, place, make)
    with pytest.raises(InputError, match=r"attribute w is a shared variable .* self\.parameter\('w', shape"):
        Scaled()(matrix())


def test_a_variable_that_a_layer_was_given_is_its_own_affair():
    class Scaled(Layer):
        def __init__(self, w):
            self.w = w

        def output(self, x, training, mask):
            return x * self.w

    layer = Scaled(graphlib.shared(np.full(4, 3, "float32")))
    np.testing.assert_array_equal(value_of(layer, X), 3 * X)
