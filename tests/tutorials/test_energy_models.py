"""Restricted Boltzmann machines against enumeration of all their states, and the network made of them."""

import itertools

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from DBN import DBN
from graphlib.tensor.random import RandomStreams
from rbm import RBM, draw_samples

FLOATX = graphlib.config.floatX
VISIBLE, HIDDEN = 5, 4


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def states(n: int) -> np.ndarray:
    """All states of n binary units, (2**n, n)."""
    return np.array(list(itertools.product([0, 1], repeat=n)), "float64")


class Enumerated:
    """A Boltzmann machine by its definition, summing over all states in float64."""

    def __init__(self, W: np.ndarray, c: np.ndarray, b: np.ndarray):
        self.W, self.c, self.b = W, c, b
        self.v, self.h = states(len(b)), states(len(c))
        weights = np.exp(-self.energies(self.v))
        self.p = weights / weights.sum()

    def energies(self, v: np.ndarray) -> np.ndarray:
        """E(v, h) of rows v with every h, (n, 2**hidden)."""
        return -(v @ self.b)[:, None] - self.h @ self.c - v @ self.W @ self.h.T

    def free_energy(self, v: np.ndarray) -> np.ndarray:
        return -np.log(np.exp(-self.energies(v)).sum(axis=1))

    def statistics(self) -> list[np.ndarray]:
        """The model's means of v h', h and v."""
        vh = np.einsum("vh,vi,hj->ij", self.p, self.v, self.h)
        return [vh, self.p.sum(axis=0) @ self.h, self.p.sum(axis=1) @ self.v]

    def log_likelihood(self, v: np.ndarray) -> float:
        z = np.log(np.exp(-self.energies(self.v)).sum())
        return (-self.free_energy(v) - z).mean()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def small_rbm(rng, **arguments) -> tuple[RBM, Enumerated]:
    """A machine with random parameters, and the same one to be enumerated."""
    rbm = RBM(None, VISIBLE, HIDDEN, streams=RandomStreams(5), **arguments)
    values = [rng.normal(scale=0.8, size=p.get_value().shape).astype(FLOATX) for p in rbm.params]
    for param, value in zip(rbm.params, values, strict=True):
        param.set_value(value)
    return rbm, Enumerated(*(value.astype("float64") for value in values))


def binary(rng, n: int) -> np.ndarray:
    return (rng.uniform(size=(n, VISIBLE)) < 0.5).astype(FLOATX)


def test_starts_as_published():
    rng = np.random.RandomState(123)
    rbm = RBM(None, 6, 4, numpy_rng=np.random.RandomState(123))
    rng.randint(2**30)
    bound = 4 * np.sqrt(6 / 10)
    np.testing.assert_allclose(rbm.W.get_value(), rng.uniform(-bound, bound, (6, 4)), rtol=1e-6)
    np.testing.assert_array_equal(rbm.hbias.get_value(), np.zeros(4))
    np.testing.assert_array_equal(rbm.vbias.get_value(), np.zeros(6))


def test_free_energy_against_enumeration(rng):
    rbm, exact = small_rbm(rng)
    found = graphlib.function([rbm.input], rbm.free_energy(rbm.input))(exact.v.astype(FLOATX))
    np.testing.assert_allclose(found, exact.free_energy(exact.v), rtol=1e-5, atol=1e-5)


def test_free_energy_of_a_large_input_is_finite():
    rbm = RBM(None, 3, 2)
    rbm.W.set_value(np.full((3, 2), 200, FLOATX))
    found = graphlib.function([rbm.input], rbm.free_energy(rbm.input))(np.ones((1, 3), FLOATX))
    np.testing.assert_allclose(found, [-1200], rtol=1e-6)


def test_conditional_probabilities_against_enumeration(rng):
    rbm, exact = small_rbm(rng)
    joint = exact.p
    given_v = joint @ exact.h / joint.sum(axis=1, keepdims=True)
    given_h = (joint.T @ exact.v) / joint.sum(axis=0)[:, None]
    up = graphlib.function([rbm.input], rbm.propup(rbm.input))(exact.v.astype(FLOATX))
    hidden = T.matrix("h")
    down = graphlib.function([hidden], rbm.propdown(hidden))(exact.h.astype(FLOATX))
    for (logits, probabilities), expected in ((up, given_v), (down, given_h)):
        np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
        np.testing.assert_allclose(sigmoid(logits.astype("float64")), expected, rtol=1e-5)


def test_pseudo_likelihood_against_its_definition(rng):
    """Each call takes the next unit i, and gives n · log p(x_i | the others), here from the joint table."""
    rbm, exact = small_rbm(rng)
    updates = {}
    cost = rbm.get_pseudo_likelihood_cost(updates)
    evaluate = graphlib.function([rbm.input], cost, updates=updates)
    x = binary(rng, 7)
    found = [float(evaluate(x)) for _ in range(VISIBLE)]
    p = exact.p.sum(axis=1)
    number = x.astype(int) @ 2 ** np.arange(VISIBLE)[::-1]
    for i in range(VISIBLE):
        flipped = number ^ (1 << (VISIBLE - 1 - i))
        expected = VISIBLE * np.log(p[number] / (p[number] + p[flipped])).mean()
        assert found[i] == pytest.approx(expected, rel=1e-4)
    assert float(evaluate(x)) == pytest.approx(found[0], rel=1e-6)  # round the units again


def test_reconstruction_cost_against_its_definition(rng):
    rbm, _ = small_rbm(rng)
    logits = T.matrix("logits")
    evaluate = graphlib.function([rbm.input, logits], rbm.get_reconstruction_cost(logits))
    x, z = rng.uniform(size=(6, VISIBLE)), rng.normal(size=(6, VISIBLE))
    p = sigmoid(z)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1).mean()
    assert evaluate(x.astype(FLOATX), z.astype(FLOATX)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("chain", ["contrastive divergence", "persistent"])
def test_expected_step_of_long_chains_is_the_likelihoods_gradient(rng, chain):
    """20,000 chains of 60 steps: each entry of the step is a mean of 20,000 independent values in [-1, 1]
    once the chains have forgotten their start. With standard errors from the enumerated variances, 5 of them
    on each of 29 entries alarm falsely once in 60,000 runs.
    """
    chains, rate = 20_000, 0.5
    rbm, exact = small_rbm(rng)
    x = np.tile(binary(rng, 20), (chains // 20, 1))
    start = None
    if chain == "persistent":
        start = graphlib.shared(np.zeros((chains, HIDDEN), FLOATX), name="chain")
    _, updates = rbm.get_cost_updates(lr=rate, persistent=start, k=60)
    before = [p.get_value().astype("float64") for p in rbm.params]
    graphlib.function([rbm.input], [], updates=updates)(x)
    steps = [(p.get_value() - value) / rate for p, value in zip(rbm.params, before, strict=True)]

    data = x.astype("float64")
    h = sigmoid(data @ exact.W + exact.c)
    positive = [data.T @ h / len(data), h.mean(axis=0), data.mean(axis=0)]
    h_of_v = sigmoid(exact.v @ exact.W + exact.c)
    p_v = exact.p.sum(axis=1)
    products = [exact.v[:, :, None] * h_of_v[:, None, :], h_of_v, exact.v]
    for step, gain, model, value in zip(steps, positive, exact.statistics(), products, strict=True):
        variance = np.tensordot(p_v, value**2, 1) - np.tensordot(p_v, value, 1) ** 2
        error = np.sqrt(variance / chains)
        assert (error > 1e-4).all()
        assert (np.abs(step - (gain - model)) < 5 * error + 1e-5).all()
    if chain == "persistent":
        state = start.get_value()
        assert set(np.unique(state)) == {0.0, 1.0}
        mean = exact.statistics()[1]
        assert (np.abs(state.mean(axis=0) - mean) < 5 * np.sqrt(mean * (1 - mean) / chains)).all()


def test_gradient_that_the_enumeration_stands_for_is_the_likelihoods(rng):
    """Positive minus negative statistics, as compared above, are the derivative of the log-likelihood."""
    _, exact = small_rbm(rng)
    x = binary(rng, 9).astype("float64")
    h = sigmoid(x @ exact.W + exact.c)
    gradient = x.T @ h / len(x) - exact.statistics()[0]
    for i, j in np.ndindex(VISIBLE, HIDDEN):
        shift = np.zeros_like(exact.W)
        shift[i, j] = 1e-5
        above, below = (Enumerated(exact.W + s * shift, exact.c, exact.b).log_likelihood(x) for s in (1, -1))
        assert gradient[i, j] == pytest.approx((above - below) / 2e-5, abs=1e-8)


def test_training_raises_the_likelihood(rng):
    """PCD on two patterns: the exact log-likelihood rises from that of 5 fair coins towards log ½."""
    patterns = np.array([[1, 1, 0, 0, 1], [0, 0, 1, 1, 0]], FLOATX)
    rbm = RBM(None, VISIBLE, HIDDEN, numpy_rng=np.random.RandomState(3))
    rbm.W.set_value(rbm.W.get_value() / 20)
    chain = graphlib.shared(np.zeros((20, HIDDEN), FLOATX))
    cost, updates = rbm.get_cost_updates(lr=0.2, persistent=chain, k=5)
    step = graphlib.function([rbm.input], cost, updates=updates)
    x = np.tile(patterns, (10, 1))
    for _ in range(300):
        step(x)
    exact = Enumerated(*(p.get_value().astype("float64") for p in rbm.params))
    assert exact.log_likelihood(patterns) > -1.2 > -5 * np.log(2)


def test_samples_have_the_models_distribution(rng):
    """The drawn rows are probabilities of the visible units, whose mean is the model's; from 4,000 chains
    after 50 steps 5 standard errors (at most .5 / √4000 each) on 5 entries alarm falsely once in 350,000
    runs.
    """
    rbm, exact = small_rbm(rng)
    samples = draw_samples(rbm, np.zeros((4000, VISIBLE)), rows=2, plot_every=50, seed=3)
    assert samples.shape == (2, 4000, VISIBLE)
    assert not (samples[0] == samples[1]).all()
    for row in samples:
        assert (np.abs(row.mean(axis=0) - exact.statistics()[2]) < 5 * 0.5 / np.sqrt(4000)).all()


# --- the deep network ---


def test_layers_and_boltzmann_machines_share_their_weights(rng):
    dbn = DBN(np.random.RandomState(2), n_ins=6, hidden_layers_sizes=[5, 4], n_outs=3)
    for layer, rbm in zip(dbn.sigmoid_layers, dbn.rbm_layers, strict=True):
        assert rbm.W is layer.W and rbm.hbias is layer.b and rbm.input is layer.input
    assert len(dbn.params) == 6


def test_pretraining_of_a_layer_is_cd_on_the_output_of_those_below(rng):
    """The chains that the step draws are drawn again, from the same random states, by a lone machine."""
    dbn = DBN(np.random.RandomState(2), RandomStreams(9), n_ins=6, hidden_layers_sizes=[5, 4], n_outs=3)
    for param in dbn.params:
        param.set_value(rng.normal(scale=0.7, size=param.get_value().shape).astype(FLOATX))
    x = rng.uniform(size=(8, 6)).astype(FLOATX)
    below = graphlib.function([dbn.x], dbn.sigmoid_layers[1].input)(x)
    second = dbn.rbm_layers[1]
    alone = RBM(
        None, 5, 4, *(graphlib.shared(p.get_value()) for p in second.params), streams=RandomStreams(9)
    )
    first_W = dbn.sigmoid_layers[0].W.get_value()
    expected_cost, updates = alone.get_cost_updates(lr=0.3, k=3)
    expected = graphlib.function([alone.input], expected_cost, updates=updates)
    costs = dbn.pretraining_costs(0.3, k=3)
    draws = len(dbn.streams.states) // 2
    for ours, theirs in zip(dbn.streams.states[draws:], alone.streams.states, strict=True):
        theirs.set_value(ours.get_value())
    cost, updates = costs[1]
    found = graphlib.function([dbn.x], cost, updates=updates)(x)
    np.testing.assert_allclose(found, expected(below), rtol=1e-5)
    for ours, theirs in zip(second.params, alone.params, strict=True):
        np.testing.assert_allclose(ours.get_value(), theirs.get_value(), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(dbn.sigmoid_layers[0].W.get_value(), first_W)


def test_network_without_hidden_layers_is_refused():
    with pytest.raises(ValueError, match="hidden_layers_sizes is empty"):
        DBN(np.random.RandomState(0), hidden_layers_sizes=[])
