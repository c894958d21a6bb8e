"""The modes that look for mistakes, and the profile: what they find has a name and a line."""

import inspect

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import BackendMismatch, NanError
from graphlib.ops.op import Op
from graphlib.scalar import expression as ex
from graphlib.scalar.lowered import Pull

from .processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")


def line():
    """The line of the caller, as messages show it."""
    return f'File "{__file__}", line {inspect.currentframe().f_back.f_lineno}'


class Crooked(Op):
    """Twice its operand by the reference, a little more by the lowering."""

    def infer(self, x):
        return [x.type]

    def reference(self, node, x):
        return x * 2

    def lower(self, node, operands, require):
        (x,) = operands
        factor = ex.const(2.5, x.dtype)
        return Pull(x.shape, lambda *i: ex.apply("mul", x.dtype, x.at(*i), factor))


def classifier():
    x, y = T.matrix("x"), T.ivector("y")
    random = np.random.RandomState(1)
    w = graphlib.shared(random.normal(size=(4, 3)).astype("float32"), name="w")
    b = graphlib.shared(np.zeros(3, "float32"), name="b")
    p = T.nnet.softmax(T.dot(x, w) + b)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    updates = [(v, v - 0.5 * g) for v, g in zip((w, b), T.grad(cost, [w, b]), strict=True)]
    inputs = [random.normal(size=(6, 4)).astype("float32"), np.array([0, 1, 2, 0, 1, 2], "int32")]
    return [x, y], cost, updates, inputs, (w, b)


def test_check_passes_what_is_right():
    variables, cost, updates, arrays, (w, _) = classifier()
    step = graphlib.function(variables, cost, updates=updates, mode="check")
    before = w.get_value()
    costs = [float(step(*arrays)) for _ in range(20)]
    assert costs == sorted(costs, reverse=True)
    assert not np.array_equal(w.get_value(), before)


def test_check_names_the_node_that_is_wrong_and_its_line():
    x = T.vector("x")
    s = graphlib.shared(np.ones(3, "float32"), name="s")
    before = T.tanh(x) + 1
    wrong, where = Crooked()(before), line()
    f = graphlib.function([x], T.exp(wrong) * s, updates=[(s, s + wrong)], mode="check", name="crooked")
    with pytest.raises(BackendMismatch) as error:
        f(np.array([0, 1, 2], "float32"))
    message = str(error.value)
    assert "function crooked" in message
    assert "first node that differs is Crooked" in message
    assert where in message
    assert "instead of" in message
    np.testing.assert_array_equal(s.get_value(), np.ones(3))


def test_check_compares_updates():
    s = graphlib.shared(np.ones(3, "float32"), name="s")
    f = graphlib.function([], [], updates=[(s, Crooked()(s))], mode="check")
    with pytest.raises(BackendMismatch, match="first node that differs is Crooked"):
        f()
    np.testing.assert_array_equal(s.get_value(), np.ones(3))


def test_check_sees_what_is_small():
    """An error is seen by what rounding can do to the number that has it: a tiny gradient's, and that of a
    small number in an array of large ones."""
    x = T.vector("x")
    for small in (
        Crooked()(x) * 5e-5,
        Crooked()(x) * 1e-30,
        T.exp(Crooked()(x) * -0.1 - 20),
        T.concatenate([x * 1e6, Crooked()(x[:1]) * 1e-6]),
        T.sum(x * 1e6) * 0 + Crooked()(x[0]) * 1e-12,
    ):
        f = graphlib.function([x], [x.sum(), small], mode="check")
        with pytest.raises(BackendMismatch, match="first node that differs is Crooked"):
            f(np.array([0.7, 1.3, 2.9], "float32"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_check_gives_no_alarm_where_it_is_rounding(dtype):
    """Differences of large numbers, sums of many terms that cancel, variances of equal numbers, the largest
    of numbers that are equal but for rounding, and a loop that makes much of little."""
    x, m = T.vector("x", dtype=dtype), T.matrix("m", dtype=dtype)
    third = x / 3
    grown, _ = graphlib.scan(lambda v: 3.9 * v * (1 - v), None, T.nnet.sigmoid(x), n_steps=12)
    outputs = [
        (x + 1e5) - 1e5,
        T.exp(x) * T.exp(-x) - 1,
        x.sum() - x[::-1].sum(),
        T.var(m, axis=0),
        m.sum(axis=0),
        T.dot(m, m.T) - T.dot(m, m.T).T,
        T.sqr(m - m.mean(axis=0)).sum(axis=0) - T.sqr(m).sum(axis=0),
        T.grad(T.var(T.dot(m, m.T), axis=1).sum(), m),
        T.argmax(T.stack([third + third + third, x, x * (1 + 1e-12)]), axis=0),
        T.ge(third + third + third, x),
        grown,
        T.cumsum(x - x.mean()),
        T.nnet.softmax(m * 30),
    ]
    f = graphlib.function([x, m], outputs, mode="check")
    random = np.random.RandomState(0)
    f(random.normal(size=5000).astype(dtype), random.normal(size=(300, 7)).astype(dtype))
    f(np.full(300, 0.1, dtype), np.full((300, 7), 0.1, dtype))


def test_check_takes_nan_and_infinity_for_equal_to_themselves():
    x = T.vector("x")
    f = graphlib.function([x], [T.log(x), 1 / x], mode="check")
    logarithms, inverses = f(np.array([-1, 0, 1], "float32"))
    np.testing.assert_array_equal(logarithms, [np.nan, -np.inf, 0])
    np.testing.assert_array_equal(inverses, [-1, np.inf, 1])


@pytest.mark.parametrize("mode", ["fast_run", "check"])
def test_an_index_out_of_range_says_so_in_either_mode(mode):
    x, i = T.vector("x"), T.lscalar("i")
    f = graphlib.function([x, i], x[i] * 2, mode=mode)
    with pytest.raises(IndexError, match="x"):
        f(np.zeros(3, "float32"), 3)


def test_check_nan_names_the_node_and_its_line():
    x = T.vector("x")
    s = graphlib.shared(np.full(3, 4, "float32"), name="s")
    root, where = T.sqrt(x), line()
    f = graphlib.function([x], T.exp(root) + 1, updates=[(s, s * root)], mode="check_nan", name="roots")
    np.testing.assert_allclose(f(np.array([0, 1, 4], "float32")), np.exp([0, 1, 2]) + 1, rtol=1e-6)
    before = s.get_value()
    with pytest.raises(NanError) as error:
        f(np.array([1, -1, 4], "float32"))
    message = str(error.value)
    assert "function roots" in message
    assert "NaN comes from sqrt" in message
    assert where in message
    np.testing.assert_array_equal(s.get_value(), before)


def test_check_nan_looks_at_updates():
    s = graphlib.shared(np.array([1, -1], "float32"), name="s")
    root, where = T.sqrt(s), line()
    f = graphlib.function([], [], updates=[(s, root * 2)], mode="check_nan")
    with pytest.raises(NanError) as error:
        f()
    assert where in str(error.value)
    np.testing.assert_array_equal(s.get_value(), [1, -1])


def test_check_nan_looks_at_what_comes_in():
    x = T.vector("features")
    s = graphlib.shared(np.ones(2, "float32"), name="weights")
    f = graphlib.function([x], x * s, mode="check_nan")
    with pytest.raises(NanError, match="NaN in the value of features"):
        f(np.array([1, np.nan], "float32"))
    s.set_value(np.array([np.nan, 1], "float32"))
    with pytest.raises(NanError, match="NaN in the value of weights"):
        f(np.ones(2, "float32"))


@pytest.mark.parametrize("mode", ["fast_run", "reference", "check", "check_nan"])
def test_a_profile_divides_the_time_among_operations_and_lines(mode):
    x = T.matrix("x")
    w = graphlib.shared(np.ones((30, 20), "float32"), name="w")
    product, where_product = T.dot(x, w), line()
    squashed, where_squashed = T.tanh(product), line()
    f = graphlib.function([x], squashed.sum(), profile=True, mode=mode, name="profiled")
    for _ in range(5):
        f(np.ones((40, 30), "float32"))
    profile = f.profile
    assert profile.seconds > 0
    for table in (profile.by_op(), profile.by_line()):
        assert sum(table.values()) == pytest.approx(profile.seconds)
        assert list(table.values()) == sorted(table.values(), reverse=True)
        assert all(seconds >= 0 for seconds in table.values())
    assert {"dot", "tanh"} <= {name.partition("{")[0] for name in profile.by_op()}
    for where in (where_product, where_squashed):
        number = where.rpartition(" ")[2]
        assert f"test_modes.py:{number}" in profile.by_line()
    text = str(profile)
    assert "function profiled" in text
    assert "5 calls" in text
    assert "by operation" in text
    assert "by source line" in text


def test_the_flag_profiles_every_function():
    x = T.vector("x")
    assert graphlib.function([x], x + 1).profile is None
    with graphlib.config.change(profile=True):
        f = graphlib.function([x], x + 1)
    f(np.zeros(3, "float32"))
    assert f.profile.seconds > 0


def test_a_large_arena_moves_into_large_pages_and_keeps_what_is_in_it():
    """At the 50th call: calls before, at and after it give the same, also where the arena then grows."""
    x, w = T.matrix("x"), graphlib.shared(np.eye(64, dtype="float32"), name="w")
    hidden = T.tanh(T.dot(x, w))
    f = graphlib.function([x], T.dot(hidden, w.T).sum(axis=1), mode="fast_run")
    for rows in (20_000, 40_000):
        values = np.random.default_rng(rows).standard_normal((rows, 64)).astype("float32")
        wanted = np.tanh(values).sum(axis=1)
        for _ in range(53):
            np.testing.assert_allclose(f(values), wanted, atol=2e-5)
