"""Shared variables whose lengths change: by ``set_value``, by updates, and those that are declared not to."""

import copy
import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError
from tests.ops.backends import MODES, assert_same, compiled


@pytest.fixture(params=MODES)
def function(request):
    """``graphlib.function`` under the reference and under every backend."""
    return lambda *args, **kwargs: compiled(request.param, *args, **kwargs)


def ramp(*shape):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) * 0.25 - 1).astype("float32")


def test_the_type_knows_lengths_of_one_and_what_is_declared():
    assert graphlib.shared(ramp(2, 1, 3)).type.shape == (None, 1, None)
    assert graphlib.shared(ramp(2, 1, 3), shape=(2, None, None)).type.shape == (2, None, None)
    assert graphlib.shared(ramp(2, 1), broadcastable=(False, False)).type.shape == (None, None)
    assert graphlib.shared(ramp(2, 1), broadcastable=(False, True)).type.shape == (None, 1)
    assert "W float32(2, 3)" in graphlib.shared(ramp(2, 3), "W").describe(), "messages show the present ones"


def test_set_value_with_other_lengths(function):
    W, x = graphlib.shared(ramp(2, 3), "W"), T.matrix("x")
    cost = T.sqr(T.tanh(T.dot(x, W)) + W.mean(axis=0)).sum()
    f = function([x], [cost, T.grad(cost, W), W.shape[0] * 10 + W.shape[1], W.reshape((-1,))])
    for rows, columns in ((2, 3), (5, 4), (5, 4), (1, 7), (2, 3)):
        W.set_value(ramp(rows, columns))
        a, w = ramp(3, rows), ramp(rows, columns)
        product = np.tanh(a @ w)
        inside = product + w.mean(axis=0)
        slope = a.T @ (2 * inside * (1 - product**2)) + (2 * inside).sum(axis=0) / rows
        got = f(a)
        assert_same(got[0], np.float32((inside**2).sum()))
        assert_same(got[1], slope.astype("float32"))
        assert got[2] == rows * 10 + columns
        assert_same(got[3], w.reshape(-1))


def test_an_update_with_other_lengths(function):
    x = T.vector("x")
    s, count = graphlib.shared(np.zeros(0, "float32"), "s"), graphlib.shared(np.float32(0), "count")
    f = function([x], s.sum(), updates=[(s, T.concatenate([s, x])), (count, count + x.shape[0])])
    assert [float(f(v)) for v in ([1], [2, 3], [], [4])] == [0, 1, 6, 6]
    assert s.get_value().tolist() == [1, 2, 3, 4] and count.get_value() == 4
    half = function([], None, updates=[(s, s[:2]), (count, s[3])])
    half()
    assert s.get_value().tolist() == [1, 2] and count.get_value() == 4
    with pytest.raises(IndexError):
        half()
    assert s.get_value().tolist() == [1, 2]


def test_a_minibatch_kept_in_a_shared_variable(function):
    """The last minibatch is shorter."""
    x = T.matrix("x")
    last = graphlib.shared(ramp(4, 2), "last")
    f = function([x], (x * 2).sum(), updates=[(last, x)])
    for n in (4, 4, 3, 4):
        f(ramp(n, 2))
        assert last.get_value().tolist() == ramp(n, 2).tolist()


def test_loops_over_variables_whose_lengths_change(function):
    xs = graphlib.shared(ramp(4, 3), "xs")
    U = graphlib.shared(ramp(3, 3), "U")
    h0 = graphlib.shared(ramp(3), "h0")
    hs, _ = graphlib.scan(lambda x, h: T.tanh(x + T.dot(h, U)), xs, h0)
    cost = T.sqr(hs[-1]).sum()
    f = function([], [hs, *T.grad(cost, [U, xs])], updates=[(h0, hs[-1]), (U, U - 0.5 * T.grad(cost, U))])

    def expected(x, u, h):
        rows = []
        for row in x:
            h = np.tanh(row + h @ u)
            rows.append(h)
        return np.array(rows)

    for n, units in ((4, 3), (2, 3), (5, 2)):
        x, u, h = (ramp(*s).astype("float64") for s in ((n, units), (units, units), (units,)))
        for variable, value in ((xs, x), (U, u), (h0, h)):
            variable.set_value(value.astype("float32"))
        got, by_u, by_x = f()
        assert_same(got, expected(x, u, h).astype("float32"))
        assert_same(h0.get_value(), got[-1])
        assert_same(U.get_value(), (u - 0.5 * by_u).astype("float32"))
        at, step = (0, 1), 1e-6
        moved = u.copy()
        moved[at] += step
        slope = ((expected(x, moved, h)[-1] ** 2).sum() - (expected(x, u, h)[-1] ** 2).sum()) / step
        assert by_u[at] == pytest.approx(slope, rel=1e-3) and by_x.shape == (n, units)


def test_filters_of_other_sizes(function):
    images = T.tensor4("images")
    filters = graphlib.shared(ramp(2, 1, 3, 3), "filters", broadcastable=(False, False, False, False))
    f = function([images], T.nnet.conv2d(images, filters, filter_flip=False).sum(axis=(2, 3)))
    for channels, side in ((1, 3), (1, 2), (2, 3)):
        image, w = ramp(1, channels, 4, 4), ramp(2, channels, side, side)
        filters.set_value(w)
        windows = np.lib.stride_tricks.sliding_window_view(image, (side, side), (2, 3))
        assert_same(f(image), np.einsum("nchwij,ocij->no", windows, w).astype("float32"))


def test_lengths_that_do_not_fit_yet(function):
    """Compiled before the variables have their values, as Theano's programs do with data to come."""
    data, weights = (
        graphlib.shared(np.zeros((0, 0), "float32"), "data"),
        graphlib.shared(ramp(3, 2), "weights"),
    )
    f = function([], T.dot(data, weights))
    with pytest.raises(ShapeError) as error:
        f()
    assert "data float32(0, 0)" in str(error.value) and "weights float32(3, 2)" in str(error.value)
    data.set_value(ramp(5, 3))
    assert_same(f(), ramp(5, 3) @ ramp(3, 2))


def test_errors_at_a_call_name_the_variables_and_change_nothing(function):
    W, b, x = graphlib.shared(ramp(3, 2), "W"), graphlib.shared(ramp(2), "b"), T.matrix("x")
    f = function([x], T.dot(x, W) + b, updates=[(b, b + 1), (W, W * 2)])
    f(ramp(4, 3))
    before = W.get_value(), b.get_value()
    with pytest.raises(ShapeError, match=r"x float32\(\?, \?\), made at .*test_shared_shapes"):
        f(ramp(4, 2))
    b.set_value(ramp(3))
    with pytest.raises(ShapeError, match=r"b float32\(3,\), made at .*test_shared_shapes"):
        f(ramp(4, 3))
    assert np.array_equal(W.get_value(), before[0]) and np.array_equal(b.get_value(), ramp(3))
    b.set_value(before[1])
    assert_same(f(ramp(4, 3)), ramp(4, 3) @ before[0] + before[1])


def test_declared_lengths_stay(function):
    x = T.vector("x")
    s, one = graphlib.shared(ramp(3), "s", shape=(3,)), graphlib.shared(ramp(1, 3), "one")
    f = function([x], s.sum(), updates=[(s, s[: x.shape[0]])])
    f(ramp(3))
    with pytest.raises(ShapeError, match=r"the update of s float32\(3,\).* has length 2 instead of 3"):
        f(ramp(2))
    assert s.get_value().tolist() == ramp(3).tolist()
    with pytest.raises(
        ShapeError, match=r"s float32\(3,\).*has shape \(2,\), expected \(3,\).*shape=\(None,\)"
    ):
        s.set_value(ramp(2))
    with pytest.raises(ShapeError, match=r"one .*shape \(2, 3\), expected \(1, \?\).*shape=\(None, None\)"):
        one.set_value(ramp(2, 3))
    one.set_value(ramp(1, 5))
    assert function([], one + ramp(2, 5))().shape == (2, 5), "and lengths of 1 broadcast"
    with pytest.raises(ShapeError, match=r"has shape \(5,\)"):
        one.set_value(ramp(5))


def test_what_has_length_one_by_chance_does_not_broadcast(function):
    """Only what is 1 whatever the lengths are broadcasts, so that a function means the same for all."""
    s, x = graphlib.shared(ramp(2), "s"), T.vector("x")
    f = function([x], s[1:] * x)
    assert f([3]).tolist() == [-0.75 * 3]
    with pytest.raises(ShapeError):
        f([3, 4])
    s.set_value(ramp(3))
    assert_same(f([3, 4]), ramp(3)[1:] * np.float32([3, 4]))


def test_other_lengths_are_compiled_once(monkeypatch):
    from graphlib.run.c import compiling

    made = []
    compile_it = compiling.linked
    monkeypatch.setattr(
        compiling, "linked", lambda *args, **more: made.append(1) or compile_it(*args, **more)
    )
    W, data = graphlib.shared(ramp(3, 2), "W"), graphlib.shared(ramp(4, 3), "data")
    f = compiled("c", [], T.dot(data, W).sum(), updates=[(W, W - T.dot(data.T, T.dot(data, W)))])
    own = W.get_value(borrow=True)
    for n in (4, 5, 6, 4, 7):
        data.set_value(ramp(n, 3))
        f()
    assert len(made) == 2
    assert W.get_value(borrow=True) is own, "and what keeps its lengths is still updated in place"


@pytest.mark.parametrize("mode", ["check", "check_nan"])
def test_the_checking_modes(mode):
    x, s = T.vector("x"), graphlib.shared(ramp(2), "s")
    f = graphlib.function([x], s * 2, updates=[(s, T.concatenate([s, T.sqrt(x)]))], mode=mode)
    assert f([4]).size == 2 and f([9]).size == 3 and s.get_value().tolist() == [-1, -0.75, 2, 3]
    if mode == "check_nan":
        with pytest.raises(graphlib.errors.NanError):
            f([-1])
        assert s.get_value().size == 4


def test_copies_and_pickles(function):
    s, other = graphlib.shared(ramp(2), "s"), graphlib.shared(ramp(4), "other")
    f = function([], s * 2, updates=[(s, T.concatenate([s, s]))])
    g, h = f.copy(swap={s: other}), pickle.loads(pickle.dumps(f))
    assert (f().size, f().size, g().size, g().size, other.get_value().size) == (2, 4, 4, 8, 16)
    assert (h().size, h().size) == (2, 4)
    s.set_value(ramp(3))
    assert copy.deepcopy(f)().size == 3
    assert graphlib.function([], [v + 0 for v in f.optimized])()[0].size == 3, "the graph that was compiled"
