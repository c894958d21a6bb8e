"""Parameters that make no sense are errors at the call, or while the graph is built if they are known then.

What NumPy 2.4 refuses (ValueError), and a uniform distribution whose bounds are the wrong way round.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import DomainError, GraphError
from graphlib.tensor.shared_randomstreams import RandomStreams
from tests.ops.backends import MODES, assert_same, compiled

#: name -> (a draw or range of a stream and a parameter, some that are fine, impossible ones, what is said)
CASES = {
    "binomial": (
        lambda r, p: r.binomial((3,), p=p),
        [0, 0.5, 1],
        [1.5, -0.1, np.nan],
        "binomial: p must be from",
    ),
    "binomial of n": (
        lambda r, p: r.binomial((3,), n=4, p=p),
        [0.5],
        [1.0001],
        "binomial: p must be from 0 to 1",
    ),
    "binomial of each": (
        lambda r, p: r.binomial(p=T.stack([p, 0.5, p])),
        [0.25],
        [2, np.nan],
        "binomial: p must be from 0 to 1, not",
    ),
    "normal": (
        lambda r, s: r.normal((3,), std=s),
        [0, 2],
        [-1, -np.inf],
        "normal: std must be 0 or more, not -",
    ),
    "uniform": (
        lambda r, h: r.uniform((3,), low=1, high=h),
        [1, 3],
        [0.5],
        "uniform: high - low must be 0 or",
    ),
    "random_integers": (
        lambda r, h: r.random_integers((3,), 2, T.cast(h, "int64")),
        [2, 9],
        [1],
        "random_integers: high - low must be 0 or more, not -1",
    ),
    "multinomial": (
        lambda r, p: r.multinomial((2,), pvals=T.stack([p, 0.5])),
        [0.5],
        [0.25, 1, -0.5, np.nan],
        "multinomial: pvals must be",
    ),
    "multinomial of n": (
        lambda r, p: r.multinomial((2,), n=3, pvals=T.stack([p, 0.5])),
        [0.5],
        [0.75],
        "the sum of multinomial: pvals must be 1",
    ),
    "choice": (
        lambda r, p: r.choice((2,), p=T.stack([p, 0.5])),
        [0.5],
        [0.25, -0.5, np.nan],
        "choice: p must be",
    ),
    "choice of n": (
        lambda r, n: r.choice((2,), a=T.cast(n, "int64")),
        [1, 3],
        [0, -2],
        "choice: a must be 1 or",
    ),
    "arange": (
        lambda r, s: T.arange(0, 5, T.cast(s, "int64")),
        [2, -1],
        [0],
        "T.arange: the step must be other",
    ),
    "arange of floats": (
        lambda r, s: T.arange(0.0, 5.0, s),
        [0.5, -1],
        [0],
        "T.arange: the step must be other",
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CASES)
def test_at_the_call(mode, name):
    build, fine, impossible, message = CASES[name]
    p, total = T.scalar("p"), graphlib.shared(np.float32(0), "total")
    drawn = build(RandomStreams(1), p)
    updates = [(total, total + 1)]
    f = compiled(mode, [p], [drawn], updates=updates)
    for number in fine:
        f(number)
    for number in impossible:
        with pytest.raises(DomainError, match=rf"{message}.*test_impossible_parameters\.py"):
            f(number)
    assert total.get_value() == len(fine), "and no shared variable has changed"
    f(fine[0])


def test_while_the_graph_is_built():
    r = RandomStreams(1)
    builds = {
        "binomial: p must be from 0 to 1, not 1.5": lambda: r.binomial((3,), p=1.5),
        "binomial: p ": lambda: r.binomial(p=np.float32([0.5, np.nan])),
        "normal: std": lambda: r.normal((3,), std=-1),
        "uniform: high - low": lambda: r.uniform((3,), 2, 1),
        "multinomial: pvals must": lambda: r.multinomial(pvals=[1.5, -0.5]),
        "choice: a": lambda: r.choice((3,), a=0),
        "choice: p must": lambda: r.choice((3,), p=[2, -1]),
        "random_integers": lambda: r.random_integers((3,), 5, 4),
        "the step is 0": lambda: T.arange(0, 5, 0),
    }
    for message, build in builds.items():
        with pytest.raises(GraphError, match=message):
            build()
    with pytest.raises(
        DomainError, match="the sum of multinomial: pvals must be 1, within a thousandth, not 2"
    ):
        graphlib.function([], r.multinomial(pvals=np.float32([[1, 1]])), mode="reference")()


@pytest.mark.parametrize("mode", MODES)
def test_inside_loops_and_gradients(mode):
    """A parameter is looked at where it is used; what is differentiated through it is as without a check."""
    ps, r = T.vector("ps"), RandomStreams(3)
    hits, updates = graphlib.scan(lambda p: r.binomial((2,), p=p), ps)
    f = compiled(mode, [ps], hits, updates=updates)
    assert f([0, 1, 1]).tolist() == [[0, 0], [1, 1], [1, 1]] and f([]).shape == (0, 2)
    with pytest.raises(DomainError, match="binomial: p"):
        f([0, 1.25])
    std, noise = T.vector("std"), RandomStreams(4).normal((3,), std=1.0)
    other = RandomStreams(4).normal((3,), std=std)
    g = compiled(mode, [std], [T.grad(other.sum(), std), noise, other])
    by_std, z, drawn = g([0.5, 1, 2])
    assert_same(by_std, z)
    assert_same(drawn, z * np.float32([0.5, 1, 2]))
    with pytest.raises(DomainError, match="normal: std"):
        g([1, 1, -1])


def test_probabilities_of_a_softmax_and_of_a_sigmoid_pass():
    x, r = T.matrix("x"), RandomStreams(5)
    f = compiled(
        "c", [x], [r.multinomial(pvals=T.nnet.softmax(x)), r.binomial(p=T.nnet.sigmoid(x))], updates=None
    )
    big = np.random.RandomState(0).normal(0, 30, (20, 5000)).astype("float32")
    draws, bits = f(big)
    assert (draws.sum(axis=1) == 1).all() and set(np.unique(bits)) <= {0, 1}
