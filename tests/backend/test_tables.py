"""Long functions, of which steps, arguments and places are tables: they do what the same does where it is
written out, bit for bit."""

import re

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.render import c
from tests.export.calling import Native

from .processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")
STEP = re.compile(r"^static int64_t (\w+step_\d+)\(", re.MULTILINE)


@pytest.fixture
def tables(monkeypatch):
    """All functions are long ones, from now on."""
    return lambda: monkeypatch.setattr(c, "_STRAIGHT", 0)


def network(layers, **settings):
    rng = np.random.default_rng(0)
    x, t = T.matrix("x"), T.matrix("t")
    weights = [graphlib.shared(rng.normal(size=(8, 8)).astype("float32") / 3) for _ in range(layers)]
    h = x
    for w in weights:
        h = T.tanh(T.dot(h, w))
    cost = T.mean((h - t) ** 2)
    updates = [(w, w - 0.1 * g) for w, g in zip(weights, T.grad(cost, weights), strict=True)]
    return graphlib.function([x, t], [cost, h], updates=updates, **settings), weights


def loop():
    """Steps with products and choices, a state that is kept, one that is not, and an end that depends on
    data."""
    x, n, w = T.matrix("x"), T.lscalar("n"), graphlib.shared(np.eye(3, dtype="float32") / 2)

    def step(row, h, total):
        h = T.tanh(T.dot(h, w) + row)
        return h, total + T.switch(h > 0, h, 0).sum(), graphlib.until(total > 40)

    (h, total), _ = graphlib.scan(step, x, [T.zeros((4, 3)), T.constant(np.float32(0))], n_steps=n)
    return graphlib.function([x, n], [h, total[-1]]), [w]


def lengths_on_the_way():
    x, seen = T.vector("x"), graphlib.shared(np.int64(0))
    positive = x[T.nonzero(x > 0)[0]]
    twice = positive[T.nonzero(positive > 1)[0]] * 2
    return graphlib.function([x], [positive, twice], updates=[(seen, seen + twice.shape[0])]), [seen]


X = np.random.default_rng(1).normal(size=(5, 8)).astype("float32")
CASES = {
    "network": (lambda: network(3), (X, X[::-1])),
    "loop": (loop, (X[:, :3], 4)),
    "lengths on the way": (lengths_on_the_way, (X[0] * 3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_as_written_out(name, tables):
    make, given = CASES[name]

    def called():
        f, shared = make()
        results = [f(*given) for _ in range(2)]
        return f.source, [*(a for each in results for a in each), *(s.get_value() for s in shared)]

    plain, expected = called()
    tables()
    source, found = called()
    assert not STEP.search(plain) and STEP.search(source)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def test_layers_that_are_alike_are_one_function():
    """What the compiler has to do does not grow with them."""
    sources = [network(layers)[0].source for layers in (40, 110)]
    few, many = (STEP.findall(source) for source in sources)
    assert few == many
    for name in ("gl_arguments", "gl_arena"):
        assert re.search(rf"^static const int32_t {name}\[\]", sources[1], re.MULTILINE)


def test_what_fails_on_the_way(tables):
    tables()
    x, i, n = T.vector("x"), T.lvector("i"), graphlib.shared(np.float32(1))
    f = graphlib.function([x, i], T.cumsum(x[i]) * n, updates=[(n, n + 1)])
    np.testing.assert_allclose(f([1, 2, 3], [2, 0]), [3, 4])
    with pytest.raises(IndexError, match="3"):
        f([1, 2, 3], [2, 3])
    assert n.get_value() == 2


def test_a_profile_has_all_steps(tables):
    tables()
    f, _ = network(2, profile=True)
    f(X, X)
    rows = f.profile.rows
    assert len(rows) == sum(bool(step.sources) for step in f.plan.steps)
    assert all(seconds > 0 for _, seconds, _ in rows)


def test_a_library_of_portable_c(tables, tmp_path):
    functions = {"net": network(3)[0], "loop": loop()[0]}
    expected = [np.array(functions["net"](X, X)[1]), functions["loop"](X[:, :3], 4)[0]]
    tables()
    functions = {"net": network(3, mode="reference")[0], "loop": loop()[0]}
    bounds = {"x": (5, 8), "t": (5, 8), "n": 5}
    native = Native(graphlib.export.c(functions, tmp_path, name="all", bounds=bounds))
    assert STEP.search((tmp_path / "all.c").read_text())
    np.testing.assert_allclose(native.call("all_net", X, X)[1], expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(native.call("all_loop", X[:, :3], 4)[0], expected[1], rtol=1e-5, atol=1e-6)
