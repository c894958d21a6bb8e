"""The rules of descent against NumPy, step by step, and the clipping of gradients."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
import optimizers

FLOATX = graphlib.config.floatX
STEPS = 6


def sgd(p, gradient, state, rate):
    return p - rate * gradient


def momentum(p, gradient, state, rate, nesterov=False):
    v = state["v"] = 0.9 * state.get("v", 0) - rate * gradient
    return p + 0.9 * v - rate * gradient if nesterov else p + v


def adagrad(p, gradient, state, rate):
    s = state["s"] = state.get("s", 0) + gradient**2
    return p - rate * gradient / np.sqrt(s + 1e-8)


def adadelta(p, gradient, state, rate):
    """Zeiler 2012, algorithm 1, lines 4 to 7."""
    g2 = state["g2"] = 0.95 * state.get("g2", 0) + 0.05 * gradient**2
    step = -np.sqrt(state.get("x2", 0) + 1e-6) / np.sqrt(g2 + 1e-6) * gradient
    state["x2"] = 0.95 * state.get("x2", 0) + 0.05 * step**2
    return p + step


def rmsprop(p, gradient, state, rate):
    """Graves 2013, equations 38 to 45."""
    n = state["n"] = 0.95 * state.get("n", 0) + 0.05 * gradient**2
    g = state["g"] = 0.95 * state.get("g", 0) + 0.05 * gradient
    step = state["step"] = 0.9 * state.get("step", 0) - rate * gradient / np.sqrt(n - g**2 + 1e-4)
    return p + step


RULES = {
    "sgd": (optimizers.sgd, sgd, 0.02, set()),
    "momentum": (optimizers.momentum, momentum, 0.02, {"velocity"}),
    "nesterov": (
        lambda p, g, rate: optimizers.momentum(p, g, rate, nesterov=True),
        lambda *arguments: momentum(*arguments, nesterov=True),
        0.02,
        {"velocity"},
    ),
    "adagrad": (optimizers.adagrad, adagrad, 0.1, {"squares"}),
    "adadelta": (
        lambda p, g, rate: optimizers.adadelta(p, g),
        adadelta,
        None,
        {"gradient_square", "step_square"},
    ),
    "rmsprop": (optimizers.rmsprop, rmsprop, 0.01, {"variance", "mean", "step"}),
}


@pytest.mark.parametrize("name", RULES)
def test_rule_against_numpy(name):
    """On the sum of fourth powers, whose gradient is known, with values that have a gradient of zero."""
    rule, expected, rate, quantities = RULES[name]
    rng = np.random.default_rng(3)
    values = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=5)}
    values["a"][1] = 0
    parameters = [graphlib.shared(value.astype(FLOATX), name=key) for key, value in values.items()]
    cost = sum(T.sum(p**4) for p in parameters)
    updates = rule(parameters, T.grad(cost, parameters), rate)
    step = graphlib.function([], cost, updates=updates)
    state = {key: {} for key in values}
    for _ in range(STEPS):
        step()
        values = {key: expected(p, 4 * p**3, state[key], rate) for key, p in values.items()}
        for parameter, value in zip(parameters, values.values(), strict=True):
            np.testing.assert_allclose(parameter.get_value(), value, rtol=1e-4, atol=5e-6)
    remembered = optimizers.state_of(updates, parameters)
    assert {key.split(".")[-1] for key in remembered} == quantities
    assert len(remembered) == 2 * len(quantities)
    assert not set(remembered.values()) & set(parameters)


def test_state_holds_quantities_of_parameters_of_the_same_name():
    parameters = [graphlib.shared(np.zeros(n, FLOATX), name="W") for n in (2, 3)]
    state = optimizers.state_of(optimizers.adagrad(parameters, parameters, 0.1), parameters)
    assert sorted(value.get_value().size for value in state.values()) == [2, 3]


@pytest.mark.parametrize(("limit", "length"), [(2.5, 2.5), (20.0, 13.0)])
def test_gradients_are_shortened_together(limit, length):
    gradients = [T.vector("a"), T.vector("b")]
    shorten = graphlib.function(gradients, optimizers.clip_norm(gradients, limit))
    a, b = np.array([3, 4], FLOATX), np.array([0, 12], FLOATX)  # of length 13 together
    for found, given in zip(shorten(a, b), (a, b), strict=True):
        np.testing.assert_allclose(found, given * length / 13, rtol=1e-6)


def test_gradient_of_zero_stays_zero_when_shortened():
    gradient = T.vector()
    shorten = graphlib.function([gradient], optimizers.clip_norm([gradient], 1.0))
    np.testing.assert_array_equal(shorten(np.zeros(3, FLOATX))[0], np.zeros(3))


def test_values_of_gradients_are_held_between_limits():
    gradient = T.vector()
    clip = graphlib.function([gradient], optimizers.clip_values([gradient], 2.0))
    np.testing.assert_array_equal(clip(np.array([-3, -1, 5], FLOATX))[0], [-2, -1, 2])


@pytest.mark.parametrize("rule", RULES)
def test_parameters_and_gradients_that_do_not_fit(rule):
    update, _, rate, _ = RULES[rule]
    a, b = (graphlib.shared(np.zeros((2, 3), FLOATX), name) for name in "ab")
    gradients = T.grad(T.sum(a * b), [a, b])
    with pytest.raises(ValueError, match=r"2 parameters \(a, b\) and 1 gradients"):
        update([a, b], gradients[:1], rate)
    with pytest.raises(ValueError, match="a list of shared variables and a list of their gradients"):
        update(a, gradients[0], rate)


def test_rmsprop_of_gradients_that_hardly_change():
    """Their variance is what it is, where E[g²] − E[g]² in float32 is rounding, or negative."""
    scales = np.array([1, 5, 20, 50, 100, 1000, 1e4])
    w, g = graphlib.shared(np.zeros(len(scales), FLOATX), "w"), T.vector("g")
    step = graphlib.function([g], updates=optimizers.rmsprop([w], [g], 0.001))
    p, state, random = np.zeros(len(scales)), {}, np.random.RandomState(0)
    for _ in range(600):
        gradient = (scales * (1 + 1e-4 * random.randn(len(scales)))).astype(FLOATX)
        step(gradient)
        p = rmsprop(p, gradient.astype("float64"), state, 0.001)
    np.testing.assert_allclose(w.get_value(), p, rtol=1e-2)
