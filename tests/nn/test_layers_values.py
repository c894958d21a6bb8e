"""Layers of values of any shape: activations, initializers, penalties, constraints, noise, normalisation."""

from typing import ClassVar

import numpy as np
import pytest
from scipy.special import erf

import graphlib
import graphlib.tensor as T
from graphlib.errors import DomainError, DTypeError, InputError, ShapeError
from graphlib.nn import activations, initializers
from graphlib.nn.constraints import MaxNorm, NonNegative, UnitNorm
from graphlib.nn.layers import (
    Activation,
    BatchNormalization,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNormalization,
    Maxout,
    PReLU,
    Sequential,
)
from graphlib.nn.registry import names, resolve
from graphlib.nn.regularizers import L1, L2

X = np.random.RandomState(0).normal(size=(6, 4)).astype("float32")


def compute(*variables):
    return graphlib.function([], list(variables), mode="reference")()


def close(got, expected):
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)


class TestActivations:
    #: those that test_layers_torch.py does not have
    DEFINED: ClassVar = {
        "linear": lambda x: x,
        "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        "lecun_tanh": lambda x: 1.7159 * np.tanh(2 * x / 3),
        "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
        "exponential": np.exp,
        "elliot": lambda x: 0.5 * x / (1 + abs(x)) + 0.5,
        "symmetric_elliot": lambda x: x / (1 + abs(x)),
    }

    def test_they_are_what_their_formulas_say(self):
        x = np.linspace(-4, 4, 17).astype("float32")
        got = compute(*(resolve("activation", name)(x) for name in self.DEFINED))
        for value, (name, formula) in zip(got, self.DEFINED.items(), strict=True):
            np.testing.assert_allclose(
                value, formula(x.astype("float64")), rtol=1e-5, atol=1e-6, err_msg=name
            )
        ends = compute(activations.lecun_tanh(T.as_tensor(np.float32([-1, 1]))))[0]
        np.testing.assert_allclose(ends, [-1, 1], atol=1e-4)

    def test_parameters(self):
        x = np.linspace(-4, 4, 9).astype("float32")
        steep, sloped = {"elliot": {"steepness": 3.0}}, {"leaky_relu": {"alpha": 0.3}}
        got = compute(
            Activation(steep)(x[None]), Activation(sloped)(x[None]), Activation(lambda x: x + 1)(x[None])
        )
        close(got[0][0], 1.5 * x / (1 + abs(3 * x)) + 0.5)
        close(got[1][0], np.where(x > 0, x, 0.3 * x))
        close(got[2][0], x + 1)

    def test_a_vector_stays_one(self):
        x = np.linspace(-1, 1, 5).astype("float32")
        close(compute(activations.softmax(T.as_tensor(x)))[0], np.exp(x) / np.exp(x).sum())

    def test_every_name_can_be_built(self):
        assert set(names("activation")) >= set(activations.__all__)
        y = [resolve("activation", name)(T.matrix()) for name in names("activation")]
        assert all(each.ndim == 2 for each in y)


class TestInitializers:
    SHAPE = (300, 200)

    @pytest.mark.parametrize(
        "name, bound",
        [
            ("glorot_uniform", np.sqrt(6 / 500)),
            ("he_uniform", np.sqrt(6 / 300)),
            ("lecun_uniform", np.sqrt(3 / 300)),
            ({"glorot_uniform": {"gain": 4.0}}, 4 * np.sqrt(6 / 500)),
            ("uniform", 0.05),
            ({"uniform": 0.2}, 0.2),
            ({"variance_scaling": {"scale": 2.0, "mode": "fan_out", "distribution": "uniform"}},
             np.sqrt(6 / 200)),
        ],
    )  # fmt: skip
    def test_uniform_ones(self, name, bound):
        values = self.drawn(name)
        assert 0.999 * bound < np.abs(values).max() <= bound
        assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)
        assert abs(values.mean()) < 0.01 * bound

    @pytest.mark.parametrize(
        "name, deviation, largest",
        [
            ("glorot_normal", np.sqrt(2 / 500), np.inf),
            ("he_normal", np.sqrt(2 / 300), np.inf),
            ("lecun_normal", np.sqrt(1 / 300), np.inf),
            ({"he_normal": {"gain": 0.5}}, 0.5 * np.sqrt(2 / 300), np.inf),
            ("normal", 0.01, np.inf),
            ({"truncated_normal": 0.5}, 0.5 * 0.87962566, 1.0),
            ("variance_scaling", np.sqrt(1 / 300), 2 * np.sqrt(1 / 300) / 0.87962566),
        ],
    )
    def test_normal_ones(self, name, deviation, largest):
        values = self.drawn(name)
        assert values.std() == pytest.approx(deviation, rel=0.01)
        assert abs(values.mean()) < 0.02 * deviation
        if np.isfinite(largest):
            assert 0.99 * largest < np.abs(values).max() <= largest
        else:
            assert np.abs(values).max() > 3.5 * deviation

    @pytest.mark.parametrize("shape", [(30, 20), (20, 30), (4, 5, 2, 3)])
    def test_orthogonal_ones(self, shape):
        values = self.drawn({"orthogonal": {"gain": 2.0}}, shape).reshape(shape[0], -1)
        rows, columns = values.shape
        product = values @ values.T if rows <= columns else values.T @ values
        np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-12)

    def test_fans(self):
        assert initializers.fans_of((3, 5)) == (3, 5)
        assert initializers.fans_of((8, 4, 3, 2)) == (24, 48)
        assert initializers.fans_of((7,)) == (7, 7)

    def test_constants(self):
        assert (self.drawn("ones") == 1).all() and (self.drawn("zeros") == 0).all()
        assert (self.drawn({"constant": 3.0}) == 3).all()
        np.testing.assert_array_equal(self.drawn({"identity": 2.0}, (3, 4)), 2 * np.eye(3, 4))
        assert self.drawn({"uniform": {"low": 1.0, "high": 2.0}}).min() >= 1
        with pytest.raises(ValueError, match="low and high"):
            initializers.Uniform(low=2.0)

    def drawn(self, name, shape=SHAPE):
        return resolve("initializer", name)(np.random.default_rng(0), shape, initializers.fans_of(shape))


class TestPenaltiesAndConstraints:
    def test_penalties(self):
        got = compute(
            L1(0.5)(T.as_tensor(X)), L2(0.25)(T.as_tensor(X)), (L1(0.5) + L2(0.25) + L1(1.0))(T.as_tensor(X))
        )
        close(got[0], 0.5 * np.abs(X).sum())
        close(got[1], 0.25 * (X**2).sum())
        close(got[2], 1.5 * np.abs(X).sum() + 0.25 * (X**2).sum())
        with pytest.raises(TypeError):
            L1() + 3

    def test_constraints(self):
        filters = np.random.RandomState(1).normal(size=(5, 2, 3, 3)).astype("float32")
        empty = np.zeros((3, 2), "float32")
        x = T.as_tensor(X)
        got = compute(
            MaxNorm(1.5)(x),
            MaxNorm(3.0)(T.as_tensor(filters)),
            UnitNorm(axis=1)(x),
            NonNegative()(x),
            MaxNorm(1.0)(T.as_tensor(empty)),
            UnitNorm()(T.as_tensor(empty)),
        )
        lengths = np.linalg.norm(X, axis=0)
        assert ((lengths > 1.5).any() and (lengths < 1.5).any()) or lengths.min() > 1.5
        close(got[0], X * np.minimum(1, 1.5 / lengths))
        of_filters = np.linalg.norm(filters.reshape(5, -1), axis=1)
        assert of_filters.min() < 3 or of_filters.max() > 3
        close(got[1], filters * np.minimum(1, 3 / of_filters)[:, None, None, None])
        close(got[2], X / np.linalg.norm(X, axis=1, keepdims=True))
        close(got[3], np.maximum(X, 0))
        assert not got[4].any() and not got[5].any()


class TestNoise:
    LARGE = np.ones((200, 300), "float32")

    def test_dropout(self):
        layer = Dropout(0.2, seed=0)
        once, twice = (layer(self.LARGE, training=True) for _ in range(2))
        dropped, again, whole = compute(once, twice, layer(self.LARGE))
        assert set(np.unique(dropped)) == {np.float32(0), np.float32(1.25)}
        assert np.mean(dropped == 0) == pytest.approx(0.2, abs=0.005)
        assert not np.array_equal(dropped, again)
        np.testing.assert_array_equal(whole, self.LARGE)
        f = graphlib.function([], layer(self.LARGE, training=True))
        assert not np.array_equal(f(), f())

    def test_axes_may_be_dropped_together(self):
        images = np.ones((4, 50, 3, 3), "float32")
        maps, steps = compute(
            Dropout(0.5, shared_axes=(2, 3), seed=0)(images, training=True),
            Dropout(0.5, shared_axes=1, seed=1)(self.LARGE[None], training=True),
        )
        np.testing.assert_array_equal(maps, np.broadcast_to(maps[:, :, :1, :1], maps.shape))
        np.testing.assert_array_equal(steps, np.broadcast_to(steps[:, :1], steps.shape))
        assert 0 < np.mean(maps == 0) < 1 and 0 < np.mean(steps == 0) < 1

    def test_gaussian_noise(self):
        layer = GaussianNoise(0.5, seed=0)
        noisy, clean = compute(layer(self.LARGE, training=True), layer(self.LARGE))
        assert (noisy - 1).std() == pytest.approx(0.5, rel=0.01)
        np.testing.assert_array_equal(clean, self.LARGE)


class TestNormalization:
    def test_running_statistics_are_used_afterwards(self):
        layer = BatchNormalization(running_average_factor=0.25)
        x = T.matrix("x", shape=(None, 4))
        y, trained = layer(x), layer(x, training=True)
        assert list(layer.state) == ["running_mean", "running_variance"] and len(layer.params) == 2
        step = graphlib.function([x], trained, updates=layer.updates, mode="reference")
        mean, variance = np.zeros(4), np.ones(4)
        for scale in (1, 3):
            step(scale * X)
            mean = 0.75 * mean + 0.25 * scale * X.mean(0)
            variance = 0.75 * variance + 0.25 * scale**2 * X.var(0, ddof=1)
        close(layer.running_mean.get_value(), mean)
        close(layer.running_variance.get_value(), variance)
        close(graphlib.function([x], y, mode="reference")(X), (X - mean) / np.sqrt(variance + 1e-5))

    def test_a_mask_leaves_steps_out(self):
        layer = BatchNormalization()
        sequences, mask = X.reshape(2, 3, 4), np.array([[1, 1, 0], [1, 0, 0]], "float32")
        y = layer(sequences, training=True, mask=mask)
        got, mean, variance = compute(y, *layer.updates.values())
        there = sequences[mask > 0]
        # what is left out counts as 0, whatever it is
        kept = np.where(mask[:, :, None] > 0, sequences, 0)
        close(got, (kept - there.mean(0)) / np.sqrt(there.var(0) + 1e-5))
        close(mean, 0.1 * there.mean(0))
        close(variance, 0.9 + 0.1 * there.var(0, ddof=1))

    def test_without_parameters(self):
        plain = {"gamma_initializer": None, "beta_initializer": None}
        batch, layer = BatchNormalization(**plain), LayerNormalization(**plain)
        got = compute(batch(X, training=True), layer(X))
        assert batch.params == layer.params == []
        close(got[0], (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5))
        close(got[1], (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 1e-5))

    def test_updates_are_those_of_the_latest_training_call(self):
        model = Sequential([BatchNormalization(), [BatchNormalization()]])
        model(X)
        assert model.updates == {}
        model(X, training=True)
        assert set(model.updates) == set(model.state.values())
        assert list(model.state)[2:] == [
            "sequential_1.batch_normalization_1.running_mean",
            "sequential_1.batch_normalization_1.running_variance",
        ]


class TestEmbedding:
    WORDS = np.array([[0, 3, 3], [1, 0, 2]], "int32")

    def test_rows_and_their_gradients(self):
        layer = Embedding(4, 5, seed=0)
        words = T.imatrix("words")
        y = layer(words)
        W = layer.W.get_value()
        assert W.shape == (4, 5) and 0.04 < np.abs(W).max() <= 0.05
        got, gradient = graphlib.function([words], [y, T.grad(T.sum(y), layer.W)], mode="reference")(
            self.WORDS
        )
        np.testing.assert_array_equal(got, W[self.WORDS])
        np.testing.assert_array_equal(gradient, np.repeat([[2], [1], [1], [2]], 5, 1))

    def test_given_vectors_stay_as_they_are(self):
        vectors = np.random.RandomState(0).normal(size=(4, 2)).astype("float32")
        layer = Embedding(initializer=vectors, trainable=False)
        np.testing.assert_array_equal(compute(layer(self.WORDS))[0], vectors[self.WORDS])
        assert layer.params == [] and list(layer.parameters) == ["W"]
        again = Embedding(initializer=layer.W)
        assert again(self.WORDS).static_shape == (2, 3, 2) and again.W is layer.W

    def test_errors(self):
        with pytest.raises(InputError, match="size and units"):
            Embedding(4)
        with pytest.raises(DTypeError, match=r"layer embedding .*integer"):
            Embedding(4, 2)(X)
        words = T.imatrix("words")
        f = graphlib.function([words], Embedding(3, 2)(words), mode="reference")
        with pytest.raises(IndexError, match="3"):
            f(self.WORDS)

    @pytest.mark.parametrize("mode", ["fast_run", "reference"])
    def test_numbers_do_not_count_from_the_end(self, mode):
        words = T.imatrix("words")
        layer = Embedding(4, 2, name="words", seed=0)
        f = graphlib.function([words], layer(words), mode=mode)
        np.testing.assert_array_equal(f(self.WORDS), layer.W.get_value()[self.WORDS])
        with pytest.raises(DomainError, match="layer words: the number of a row must be 0 or more, not -1"):
            f(self.WORDS - 1)


class TestPieces:
    def test_maxout(self):
        layer = Maxout(3, pieces=2, seed=0)
        y = layer(X)
        W, b = (p.get_value() for p in layer.params)
        layer.b.set_value(np.arange(6, dtype="float32"))
        expected = (X @ W + np.arange(6)).reshape(6, 3, 2).max(2)
        close(compute(y)[0], expected)
        assert np.abs(W).max() <= np.sqrt(6 / (4 + 3)) and b.shape == (6,)

    def test_one_slope_for_all(self):
        layer = PReLU(0.5, shared=True)
        close(compute(layer(X))[0], np.where(X > 0, X, 0.5 * X))
        assert layer.alpha.get_value().shape == (1,)

    def test_wrong_shapes(self):
        for layer in (BatchNormalization(), LayerNormalization(axis=1), Dropout(shared_axes=1)):
            with pytest.raises(ShapeError, match=rf"layer {layer.label} \(\w+, made at"):
                layer(X[0], training=True)
