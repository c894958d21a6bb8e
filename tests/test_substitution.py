"""Exchanging a variable in the middle of a graph whose gradients were derived before: they are those of the
graph with the other one, though ``T.grad`` sees through the sigmoid that the variable is."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

W = np.random.RandomState(0).randn(3, 3)
POINT = np.array([0.2, 0.5, 0.9])


def cost(h, w):
    """Of log h and log(1 - h), whose stable forms are of what h is the sigmoid of."""
    y = T.nnet.sigmoid(T.dot(h, w))
    return -T.sum(h * T.log(y) + (1 - h) * T.log(1 - h) + T.log(h))


def value(h, w):
    y = 1 / (1 + np.exp(-h @ w))
    return -np.sum(h * np.log(y) + (1 - h) * np.log(1 - h) + np.log(h))


def slope(f, at, step=1e-5):
    """Central differences of f, of any shape, by each element of the array ``at``."""
    found = []
    for position in np.ndindex(at.shape):
        moved = np.zeros_like(at)
        moved[position] = step
        found.append((f(at + moved) - f(at - moved)) / (2 * step))
    return np.moveaxis(
        np.array(found).reshape(at.shape + np.shape(found[0])), range(at.ndim), range(-at.ndim, 0)
    )


@pytest.fixture
def graph():
    x, w = T.dvector("x"), graphlib.shared(W, name="w")
    return x, w, T.nnet.sigmoid(x)


def derived(c, h, w):
    """By name: a derivative of the cost, and what it is at ``POINT`` by differences."""
    by_h = slope(lambda h: value(h, W), POINT)
    by_w = slope(lambda w: value(POINT, w), W)
    gradient = T.grad(c, h)
    return {
        "grad": (gradient, by_h),
        "grad by w": (T.grad(c, w), by_w),
        "several": (T.grad(c, [w, h])[1], by_h),
        "Lop": (T.Lop(c.dimshuffle("x"), h, np.ones(1)), by_h),
        "Rop": (T.Rop(c, h, np.ones(3)), by_h.sum()),
        "of a gradient": (
            T.grad((gradient**2).sum(), w),
            slope(lambda w: (slope(lambda h: value(h, w), POINT) ** 2).sum(), W, 1e-4),
        ),
        "jacobian": (T.jacobian(gradient, w), slope(lambda w: slope(lambda h: value(h, w), POINT), W, 1e-4)),
        "known": (T.grad(None, w, known_grads={c: 2.0}), 2 * by_w),
    }


NAMES = ["grad", "grad by w", "several", "Lop", "Rop", "of a gradient", "jacobian", "known"]


@pytest.mark.parametrize("mode", ["fast_run", "reference"])
def test_derivatives_where_what_they_are_made_of_is_exchanged(graph, mode):
    _, w, h = graph
    found = derived(cost(h, w), h, w)
    assert list(found) == NAMES
    other = T.dvector("other")
    exchanged = [v for v, _ in found.values()]
    for f in (
        graphlib.function([other], exchanged, givens={h: other}, mode=mode),
        graphlib.function([h], exchanged, mode=mode),
        graphlib.function([other], graphlib.clone(exchanged, {h: other}), mode=mode),
    ):
        for name, got, (_, want) in zip(NAMES, f(POINT), found.values(), strict=True):
            np.testing.assert_allclose(got, want, rtol=2e-4, atol=1e-5, err_msg=name)


def test_updates_with_givens(graph):
    """Greedy training of a layer on what the layer below gives: examples in place of its input."""
    _, w, h = graph
    examples = graphlib.shared(POINT, name="examples")
    train = graphlib.function([], updates=[(w, w - 0.1 * T.grad(cost(h, w), w))], givens={h: examples})
    train()
    np.testing.assert_allclose(w.get_value(), W - 0.1 * slope(lambda w: value(POINT, w), W), rtol=1e-6)


def test_gradients_stay_stable_where_nothing_but_inputs_is_exchanged(graph):
    x, w, h = graph
    g = T.grad(cost(h, w), x)
    other = T.dvector("other")
    far = np.array([-800.0, 0.0, 800.0])
    got = graphlib.function([other], g, givens={x: other})(far)
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got, graphlib.function([x], g)(far))


def test_a_known_gradient_that_is_a_result_itself(graph):
    """As in Stein's variational gradient: d log p / dz is known, and z is what it is differentiated by."""
    _, w, h = graph
    known = T.grad(cost(h, w), h)
    (result,) = T.grad(None, [h], known_grads={h: known})
    other = T.dvector("other")
    value_, expected = graphlib.function([other], graphlib.clone([result, known], {h: other}))(POINT)
    np.testing.assert_array_equal(value_, expected)
    np.testing.assert_allclose(value_, slope(lambda h: value(h, W), POINT), rtol=2e-4)
