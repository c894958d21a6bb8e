"""Functions of a minibatch's index, of examples in shared variables."""

from types import SimpleNamespace

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.nn.minibatches import SharedSet, by_minibatch, count_minibatches, descent, mean_error
from graphlib.nn.storage import UserError

FLOATX = graphlib.config.floatX


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def linear_classifier(rng: np.random.Generator) -> SimpleNamespace:
    """What `minibatches` asks of a model: symbolic inputs, parameters, and the error of classes."""
    x = T.matrix("x")
    W = graphlib.shared(rng.normal(size=(4, 3)).astype(FLOATX), name="W")
    scores = T.dot(x, W)
    return SimpleNamespace(
        input=x, params=[W], scores=scores, errors=lambda y: T.mean(T.neq(T.argmax(scores, axis=1), y))
    )


def examples_of(rng: np.random.Generator, size: int) -> SharedSet:
    x, y = rng.normal(size=(size, 4)).astype(FLOATX), rng.integers(0, 3, size).astype("int32")
    return SharedSet(graphlib.shared(x, name="train_x"), graphlib.shared(y, name="train_y"), size)


@pytest.mark.parametrize(("size", "batch_size"), [(100, 20), (100, 7), (2100, 3), (1001, 1001), (5, 5)])
def test_error_is_that_of_the_whole_minibatches(rng, size, batch_size):
    model, examples = linear_classifier(rng), examples_of(rng, size)
    error = mean_error(model, T.ivector("y"), examples, batch_size, name="error")
    scores = examples.x.get_value() @ model.params[0].get_value()
    used = size // batch_size * batch_size
    assert error() == (scores.argmax(axis=1) != examples.y.get_value())[:used].sum() / used


def test_a_minibatch_of_each_index_is_its_rows(rng):
    values, x = rng.normal(size=(10, 4)).astype(FLOATX), T.matrix("x")
    seen = graphlib.shared(np.zeros(4, FLOATX), name="seen")
    total = x.sum(axis=0)
    function = by_minibatch(total, {x: graphlib.shared(values)}, 4, updates=[(seen, seen + total)])
    for index in (1, 0):
        np.testing.assert_allclose(function(index), values[4 * index : 4 * index + 4].sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(seen.get_value(), values[:8].sum(axis=0), rtol=1e-5)


def test_descent_is_a_step_down_the_gradient(rng):
    """Of the squares of the scores' distances from the classes: its gradient is 2 xᵀ(xW − y) / (rows · 3)."""
    model, examples = linear_classifier(rng), examples_of(rng, 20)
    W, y = model.params[0].get_value(), T.ivector("y")
    cost = T.mean((model.scores - y.dimshuffle(0, "x")) ** 2)
    step = descent(model, cost, y, examples, 5, learning_rate=0.1, name="step")
    x, classes = examples.x.get_value()[10:15], examples.y.get_value()[10:15, None]
    distance = x @ W - classes
    np.testing.assert_allclose(step(2), (distance**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        model.params[0].get_value(), W - 0.1 * 2 * x.T @ distance / 15, rtol=1e-4, atol=1e-6
    )


def test_examples_that_fill_no_minibatch(rng):
    examples = examples_of(rng, 20)
    assert [count_minibatches(examples, size) for size in (20, 7, 1)] == [1, 2, 20]
    with pytest.raises(UserError, match="--batch-size 21 is more than the 20 examples of train_x"):
        count_minibatches(examples, 21)
