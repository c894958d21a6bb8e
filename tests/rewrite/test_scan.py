"""What leaves a loop, what it keeps, and that its results stay the same: by the graph that is compiled."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.graph import toposort
from graphlib.ops.linalg import Gemm, MatrixProduct
from graphlib.ops.scan import Scan
from graphlib.tensor.random import RandomStreams

RANDOM = np.random.RandomState(0)
N, BATCH, IN, HIDDEN, OUT = 6, 3, 4, 5, 2


def draw(*shape):
    return RANDOM.uniform(-1, 1, shape).astype("float32")


def loops_of(variables):
    return [node for node in toposort(variables) if isinstance(node.op, Scan)]


def products_in(variables):
    return sum(isinstance(node.op, (MatrixProduct, Gemm)) for node in toposort(variables))


def compared(inputs, outputs, arrays, updates=None, tolerance=2e-5):
    """The compiled function, after its results were held against the reference's."""
    wanted = graphlib.function(inputs, outputs, mode="reference", no_default_updates=True)(*arrays)
    compiled = graphlib.function(inputs, outputs, mode="fast_run", no_default_updates=True)
    for a, b in zip(compiled(*arrays), wanted, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b).max(initial=0)))
    return compiled


@pytest.fixture
def network():
    """A recurrent network: input matrices, their products with weights, an output layer."""
    shapes = {"W": (IN, HIDDEN), "U": (HIDDEN, HIDDEN), "V": (HIDDEN, OUT), "b": (HIDDEN,)}
    return {name: graphlib.shared(draw(*shape), name) for name, shape in shapes.items()}


def run(network, x, h0):
    def step(row, h):
        h = T.tanh(T.dot(row, network["W"]) + T.dot(h, network["U"]) + network["b"])
        return h, T.nnet.softmax(T.dot(h, network["V"]))

    return graphlib.scan(step, x, [h0, None])[0]


def test_products_of_sequences_and_of_outputs_leave_the_loop(network):
    x, h0 = T.tensor3("x"), T.matrix("h0")
    h, y = run(network, x, h0)
    f = compared([x, h0], [h, y], [draw(N, BATCH, IN), draw(BATCH, HIDDEN)])
    (loop,) = loops_of(f.optimized)
    assert products_in(loop.op.outputs) == 1, "only the product with the state is left inside"
    assert products_in(f.optimized) == 2, "one product of all inputs before, one of all states after"
    assert loop.op.mapped == 0


def test_gradients_of_weights_are_one_product_after_the_loop(network):
    x, h0 = T.tensor3("x"), T.matrix("h0")
    h, y = run(network, x, h0)
    gradients = graphlib.grad((y[:, :, 0] * h.sum(axis=2)).sum(), [*network.values(), x, h0])
    f = compared([x, h0], gradients, [draw(N, BATCH, IN), draw(BATCH, HIDDEN)])
    forward, back = loops_of(f.optimized)
    assert products_in(forward.op.outputs) == products_in(back.op.outputs) == 1
    # before: x W; after: h V, its two gradients, the gradients by W, U and x
    assert products_in(f.optimized) == 7
    assert len(back.op.states) == 1, "no gradient of a weight is a state of the loop"


def test_gradient_of_vector_states(network):
    x, h0 = T.matrix("x"), T.vector("h0")
    h, _ = run(network, x, h0)
    gradients = graphlib.grad(T.sqr(h).sum(), [network["W"], network["U"], network["b"], x, h0])
    f = compared([x, h0], gradients, [draw(N, IN), draw(HIDDEN)])
    assert all(len(loop.op.states) == 1 for loop in loops_of(f.optimized))


def test_only_what_is_read_is_kept():
    """samples[-1] keeps one state, nothing of what else the step returns."""
    rng = RandomStreams(1)
    W, v0 = graphlib.shared(draw(IN, HIDDEN), "W"), T.matrix("v0")

    def step(v):
        h = rng.binomial(p=T.nnet.sigmoid(T.dot(v, W)), dtype="float32")
        mean = T.nnet.sigmoid(T.dot(h, W.T))
        return h, mean, rng.binomial(p=mean, dtype="float32")

    (_, mean, v), _ = graphlib.scan(step, outputs_info=[None, None, v0], n_steps=N)
    f = compared([v0], [mean[-1], v[-1]], [draw(BATCH, IN).round()])
    (loop,) = loops_of(f.optimized)
    assert not any(state.kept for state in loop.op.states) and loop.op.mapped == 0
    # the sample, its mean, and the states of the two draws
    assert len(loop.op.states) == 4


def test_invariants_are_computed_once():
    x, w = T.matrix("x"), T.vector("w")
    h, _ = graphlib.scan(lambda row, s, w: T.exp(w) * s + row, x, T.zeros((HIDDEN,)), w)
    f = compared([x, w], [h], [draw(N, HIDDEN), draw(HIDDEN)])
    (loop,) = loops_of(f.optimized)
    assert not [n for n in toposort(loop.op.outputs) if str(n.op) == "exp"]


def test_a_step_without_recurrence_is_no_loop():
    x, w = T.tensor3("x"), graphlib.shared(draw(IN, HIDDEN), "w")
    y, _ = graphlib.map(lambda m: T.tanh(T.dot(m, w)).sum(axis=0), x)
    f = compared([x], [y, graphlib.grad(T.sqr(y).sum(), w)], [draw(N, BATCH, IN)])
    assert loops_of(f.optimized) == []


def test_a_loop_and_what_its_gradient_adds_to_it_are_one(network):
    """The forward loop runs once, however many gradients keep something of it."""
    x, h0 = T.tensor3("x"), T.matrix("h0")
    h, _ = graphlib.scan(lambda row, h: T.tanh(T.dot(T.dot(h, network["U"]) * row, network["U"])), x, h0)
    costs = [h.sum(), T.sqr(h[-1]).sum()]
    gradients = [graphlib.grad(cost, network["U"]) for cost in costs]
    f = compared([x, h0], [*costs, *gradients], [draw(N, BATCH, HIDDEN), draw(BATCH, HIDDEN)])
    assert len(loops_of(f.optimized)) == 3


def test_state_lies_in_the_shared_variable_that_it_updates():
    """A persistent chain needs no copy: its memory is that of the shared variable."""
    chain = graphlib.shared(draw(BATCH, HIDDEN), "chain")
    before = chain.get_value()
    h, _ = graphlib.scan(lambda s: T.tanh(s) * 2, outputs_info=chain, n_steps=N)
    f = graphlib.function([], [], updates=[(chain, h[-1])])
    f()
    wanted = before
    for _ in range(N):
        wanted = np.tanh(wanted) * 2
    np.testing.assert_allclose(chain.get_value(), wanted, rtol=1e-5)
    assert "memcpy(s->v_chain, s->" not in f.source.replace("memcpy(s->v_chain, s->v_chain", "")


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_loops(network, n):
    x, h0 = T.tensor3("x"), T.matrix("h0")
    h, y = run(network, x, h0)
    gradients = graphlib.grad(h.sum() + T.sqr(y).sum(), [*network.values(), x, h0])
    compared([x, h0], [h, y, *gradients], [draw(n, BATCH, IN), draw(BATCH, HIDDEN)])


def test_rows_whose_shape_the_loop_computes_stay_inside():
    """What cannot be kept for all steps is still right."""
    x, s0 = T.matrix("x"), T.scalar("s0")

    def step(row, s):
        n = T.cast(T.abs(s) * 0 + 2, "int64")
        return s + row[:n].sum()

    h, _ = graphlib.scan(step, x, s0)
    compared([x, s0], [h, *graphlib.grad(h.sum(), [x, s0])], [draw(N, IN), np.float32(0.5)])


def test_truncated_and_stopped_loops(network):
    x, h0 = T.tensor3("x"), T.matrix("h0")

    def step(row, h):
        return T.tanh(T.dot(row, network["W"]) + T.dot(h, network["U"]))

    def stopped(row, h):
        return step(row, h), graphlib.until(T.sum(h) > 100)

    arrays = [draw(N, BATCH, IN), draw(BATCH, HIDDEN)]
    for h in (graphlib.scan(step, x, h0, truncate_gradient=2)[0], graphlib.scan(stopped, x, h0)[0]):
        compared([x, h0], [h, *graphlib.grad(T.sqr(h).sum(), [network["W"], network["U"], x, h0])], arrays)


def test_gates_are_computed_once_and_the_same_at_all_steps_not_for_each(network):
    """An LSTM's gates, which its gradient needs, are kept; what is the same at all steps is one row."""
    x, h0 = T.tensor3("x"), T.matrix("h0")

    def step(row, h, c):
        z = T.dot(T.concatenate([row, h], axis=1), U)
        i, f, o = (T.nnet.sigmoid(z[:, k * HIDDEN : (k + 1) * HIDDEN]) for k in range(3))
        c = f * c + i * T.tanh(z[:, 3 * HIDDEN :]) * T.nnet.sigmoid(network["b"])
        return o * T.tanh(c), c

    U = graphlib.shared(draw(IN + HIDDEN, 4 * HIDDEN), "U")
    (h, _), _ = graphlib.scan(step, x, [h0, h0])
    gradients = graphlib.grad((h**2).sum(), [U, network["b"], x, h0])
    f = compared([x, h0], gradients, [draw(N, BATCH, IN), draw(BATCH, HIDDEN)])
    inside = [node for loop in loops_of(f.optimized) for node in toposort(loop.op.outputs)]
    outside = [str(node.op) for node in toposort(f.optimized)]
    names = [str(node.op) for node in inside]
    assert (names.count("sigmoid"), names.count("tanh")) == (3, 2)
    assert (outside.count("sigmoid"), outside.count("tanh")) == (1, 0)
    rows = [row.type.shape for loop in loops_of(f.optimized) for row in loop.op.mapped_rows]
    assert (HIDDEN,) not in rows
