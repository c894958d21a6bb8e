"""What is stable outside of a loop is stable in its step, and across its border, in every mode.

Expected values are those of the same formulas outside of loops, and closed forms by scipy in float64.
"""

import numpy as np
import scipy.special as sp

import graphlib
import graphlib.tensor as T
from graphlib.graph import toposort
from graphlib.ops.scan import Scan

from .modes import compiled, on_each_mode

RANDOM = np.random.RandomState(0)
ROWS = RANDOM.normal(size=(4, 5, 3))
LABELS = RANDOM.randint(0, 4, (4, 5))
W, V = RANDOM.normal(size=(3, 3)), RANDOM.normal(size=(3, 4)) * 2000
LOGITS = np.array([[-1500.0, 0.5], [800.0, -40.0], [30.0, 2000.0]])


@on_each_mode
def test_cross_entropies(mode):
    """Softmax and loss after the loop, in it, and one in it and one after it."""
    x, y, w, v = T.dtensor3("x"), T.lmatrix("y"), T.dmatrix("w"), T.dmatrix("v")
    entropy = T.nnet.categorical_crossentropy

    def cell(row, h):
        return T.tanh(row + T.dot(h, w))

    def probabilities(h):
        return T.nnet.softmax(T.dot(h, v))

    def with_probabilities(row, h):
        new = cell(row, h)
        return [new, probabilities(new)]

    def with_loss(row, labels, h):
        new = cell(row, h)
        return [new, entropy(probabilities(new), labels)]

    start = T.zeros((5, 3), "float64")
    states, _ = graphlib.scan(cell, x, start)
    (_, p), _ = graphlib.scan(with_probabilities, x, [start, None])
    (_, losses), _ = graphlib.scan(with_loss, [x, y], [start, None])
    costs = [
        entropy(probabilities(states.reshape((-1, 3))), y.flatten()).mean(),
        losses.mean(),
        entropy(p.reshape((-1, 4)), y.flatten()).mean(),
    ]
    outputs = [[c, *T.grad(c, [v, w])] for c in costs]
    got = compiled(mode, [x, y, w, v], [v for group in outputs for v in group])(ROWS, LABELS, W, V)
    h, cost, by_v = np.zeros((5, 3)), 0.0, np.zeros_like(V)
    for row, labels in zip(ROWS, LABELS, strict=True):
        h = np.tanh(row + h @ W)
        cost -= sp.log_softmax(h @ V, axis=1)[np.arange(5), labels].sum() / 20
        by_v += h.T @ (sp.softmax(h @ V, axis=1) - np.eye(4)[labels]) / 20
    for k in range(3):
        np.testing.assert_allclose(got[3 * k], cost, rtol=1e-10)
        np.testing.assert_allclose(got[3 * k + 1], by_v, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(got[3 * k + 2], got[2], rtol=1e-7, atol=1e-9)


@on_each_mode
def test_sigmoids(mode):
    """The logarithm of a mapped output, of a state's values and its last one, and in a loop that stops."""
    x, t = T.dmatrix("x"), T.dmatrix("t")
    mapped, _ = graphlib.scan(T.nnet.sigmoid, x)
    states, _ = graphlib.scan(lambda row, s: T.nnet.sigmoid(row + 0 * s), x, T.zeros((2,), "float64"))
    stopped, _ = graphlib.scan(lambda row: (T.nnet.sigmoid(row), graphlib.until(row[1] > 100)), x)
    nested, _ = graphlib.scan(lambda row: graphlib.scan(T.nnet.sigmoid, row)[0], x)
    one = graphlib.ifelse(t[0, 0] > 0, T.nnet.sigmoid(x), x)
    costs = [T.nnet.binary_crossentropy(p, t).sum() for p in (mapped, states, stopped, nested, one)]
    costs += [T.log(states[-1]).sum(), T.log(1 - mapped[:, 0]).sum()]
    got = compiled(mode, [x, t], [v for c in costs for v in (c, T.grad(c, x))])(
        LOGITS, np.ones((3, 2)) * 0.25
    )
    cost, slope = (np.logaddexp(0, LOGITS) - 0.25 * LOGITS).sum(), sp.expit(LOGITS) - 0.25
    last, first = np.zeros((3, 2)), np.zeros((3, 2))
    last[-1] = sp.expit(-LOGITS[-1])
    first[:, 0] = -sp.expit(LOGITS[:, 0])
    wanted = [cost, slope] * 5
    wanted += [sp.log_expit(LOGITS[-1]).sum(), last, sp.log_expit(-LOGITS[:, 0]).sum(), first]
    for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15, err_msg=str(k))


@on_each_mode
def test_hidden_markov_model(mode):
    """The gradient of the forward algorithm by the emissions is the posterior: it adds up to 1."""
    emissions, transitions = T.fmatrix("emissions"), T.fmatrix("transitions")
    alpha, _ = graphlib.scan(
        lambda row, a: T.logsumexp(a.dimshuffle(0, "x") + transitions, axis=0) + row,
        emissions[1:],
        emissions[0],
    )
    cost = T.logsumexp(alpha[-1])
    run = compiled(mode, [emissions, transitions], [cost, T.grad(cost, emissions)])
    stay = np.log(np.eye(3) * 0.7 + 0.1).astype("float32")
    value, posterior = run(np.log(RANDOM.dirichlet(np.ones(3) * 0.7, 100)).astype("float32"), stay)
    assert np.isfinite(value)
    np.testing.assert_allclose(posterior.sum(axis=1), np.ones(100), atol=1e-3)


def test_costs_and_gradients_share_their_loop():
    """Also where what the loop goes over is written in another form for the gradient."""
    table, index, y = graphlib.shared(np.ones((9, 2)), "table"), T.lmatrix("index"), T.lvector("y")
    p, _ = graphlib.scan(
        lambda row, s: T.nnet.softmax(row + s)[0],
        table[index].reshape((index.shape[0], 4)),
        T.zeros(4, "float64"),
    )
    cost = -T.log(p)[T.arange(y.shape[0]), y].mean()
    f = graphlib.function([index, y], cost, updates=[(table, table - T.grad(cost, table))])
    assert sum(isinstance(node.op, Scan) for node in toposort(f.optimized)) == 2
