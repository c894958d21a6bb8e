"""``ifelse``: the branch that is taken, and that the other one is not computed.

That something is not computed shows by an index in it that is out of range.
"""

import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, ShapeError
from graphlib.tensor.shared_randomstreams import RandomStreams

from .modes import compiled, on_each_mode


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)
    assert np.shape(got) == np.shape(wanted)


@on_each_mode
def test_the_branch_that_the_condition_says(mode):
    c, x, y = T.scalar("c"), T.matrix("x"), T.matrix("y")
    f = compiled(mode, [c, x, y], graphlib.ifelse(c > 0, T.exp(x), y * 2))
    a, b = np.eye(2, 3, dtype="float32"), np.ones((2, 3), "float32")
    close(f(1, a, b), np.exp(a))
    close(f(0, a, b), b * 2)
    close(f(0, a[:0], b[:0]), b[:0])


@on_each_mode
def test_only_that_branch_is_computed(mode):
    c, x, i, j = T.bscalar("c"), T.vector("x"), T.iscalar("i"), T.iscalar("j")
    f = compiled(mode, [c, x, i, j], graphlib.ifelse(c, T.exp(x[i]), x[j] * 2))
    close(f(1, [1, 2], 0, 99), np.exp(1))
    close(f(0, [1, 2], 99, 1), 4)
    with pytest.raises(IndexError):
        f(1, [1, 2], 99, 0)
    with pytest.raises(IndexError):
        f(0, [1, 2], 0, 99)


@on_each_mode
def test_neither_is_it_for_the_gradient(mode):
    c, x, i, j = T.bscalar("c"), T.dvector("x"), T.iscalar("i"), T.iscalar("j")
    y = graphlib.ifelse(c, T.sqr(x)[i] * x[0], T.sin(x[j]))
    f = compiled(mode, [c, x, i, j], [T.grad(y, x), graphlib.hessian(y, x)])
    gradient, second = f(1, [3.0, 2.0], 1, 99)
    close(gradient, [4, 12])
    close(second, [[0, 4], [4, 6]])
    gradient, second = f(0, [3.0, 2.0], 99, 1)
    close(gradient, [0, np.cos(2)])
    close(second, [[0, 0], [0, -np.sin(2)]])
    with pytest.raises(IndexError):
        f(0, [3.0, 2.0], 1, 99)


@on_each_mode
def test_forward_products(mode):
    c, x, v = T.bscalar("c"), T.dvector("x"), T.dvector("v")
    f = compiled(mode, [c, x, v], graphlib.Rop(graphlib.ifelse(c, T.exp(x), x**3), x, v))
    x0, v0 = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    close(f(1, x0, v0), np.exp(x0) * v0)
    close(f(0, x0, v0), 3 * x0**2 * v0)


@on_each_mode
def test_several_results_of_other_shapes_and_dtypes(mode):
    c, x, n = T.bscalar("c"), T.matrix("x"), T.ivector("n")
    results = graphlib.ifelse(c, [x, n, x.sum()], [x.T[:1], n.astype("float64"), T.constant(np.float32(3))])
    assert isinstance(results, list)
    assert [v.dtype for v in results] == ["float32", "float64", "float32"]
    f = compiled(mode, [c, x, n], results)
    a, k = np.arange(6, dtype="float32").reshape(2, 3), np.array([4, 5], "int32")
    for got, wanted in zip(f(1, a, k), (a, k, a.sum()), strict=True):
        close(got, wanted)
    for got, wanted in zip(f(0, a, k), (a.T[:1], k, 3), strict=True):
        close(got, wanted)


@on_each_mode
def test_truth_values_and_numbers(mode):
    c, b = T.iscalar("c"), T.TensorType("bool", (None,))("b")
    f = compiled(mode, [c, b], [graphlib.ifelse(T.gt(c, 2), b, T.invert(b)), graphlib.ifelse(c, 1, 0)])
    flags = np.array([True, False])
    assert [v.tolist() for v in f(3, flags)] == [[True, False], 1]
    assert [v.tolist() for v in f(0, flags)] == [[False, True], 0]
    assert f(-1, flags)[1] == 1, "any number but zero is true"


def test_a_condition_known_beforehand():
    x, y = T.vector("x"), T.vector("y")
    assert graphlib.ifelse(True, x, y) is x
    assert graphlib.ifelse(0, [x], [y]) == [y]


@on_each_mode
def test_in_another_branch_and_in_a_loop(mode):
    a, b, x, i = T.bscalar("a"), T.bscalar("b"), T.vector("x"), T.iscalar("i")
    nested = graphlib.ifelse(a, graphlib.ifelse(b, x[i], x[0]), x.sum())
    f = compiled(mode, [a, b, x, i], nested)
    assert [f(1, 1, [1, 2], 1), f(1, 0, [1, 2], 9), f(0, 1, [1, 2], 9)] == [2, 1, 3]
    # the rows that are out of range are of steps that take the other branch
    rows = T.ivector("rows")
    out, _ = graphlib.scan(
        lambda k, h: graphlib.ifelse(k < 3, x[k] + h, h * 10), rows, T.constant(np.float32(0))
    )
    g = compiled(mode, [x, rows], [out, T.grad(out[-1], x)])
    values, gradient = g([1, 2, 4], np.array([2, 7, 0], "int32"))
    close(values, [4, 40, 41])
    close(gradient, [1, 0, 10])


@on_each_mode
def test_a_loop_in_a_branch(mode):
    c, x, n = T.bscalar("c"), T.vector("x"), T.iscalar("n")
    total, _ = graphlib.scan(lambda k, t: t + x[k], T.arange(n), T.constant(np.float32(0)))
    f = compiled(mode, [c, x, n], graphlib.ifelse(c, total[-1], x[0]))
    assert f(1, [1, 2, 3], 3) == 6
    assert f(0, [1, 2, 3], 99) == 1
    with pytest.raises(IndexError):
        f(1, [1, 2, 3], 99)


@on_each_mode
def test_random_draws_go_on_whatever_branch_is_taken(mode):
    c = T.bscalar("c")
    outcomes = []
    for choices in ((1, 1, 1), (1, 0, 1)):
        rng = RandomStreams(5)
        chain, _ = graphlib.scan(lambda h, rng=rng: h + rng.uniform(), outputs_info=0.0, n_steps=3)
        f = compiled(mode, [c], graphlib.ifelse(c, rng.uniform() + chain[-1], T.constant(np.float32(-1))))
        outcomes.append([f(k) for k in choices])
    assert outcomes[1][1] == -1
    assert outcomes[0][0] == outcomes[1][0]
    assert outcomes[0][2] == outcomes[1][2]
    assert len(set(map(float, outcomes[0]))) == 3


@on_each_mode
def test_an_update_by_a_branch(mode):
    c, w = T.bscalar("c"), graphlib.shared(np.arange(3, dtype="float32"), "w")
    f = compiled(mode, [c], [], updates={w: graphlib.ifelse(c, w * 2, w)})
    f(1)
    f(0)
    close(w.get_value(), [0, 2, 4])
    g = pickle.loads(pickle.dumps(f))
    g(1)
    close(g.get_shared()[0].get_value(), [0, 4, 8])
    close(w.get_value(), [0, 2, 4])


def test_mistakes_name_the_variables():
    x, m, s = T.vector("x"), T.matrix("m"), T.scalar("s")
    with pytest.raises(ShapeError, match=r"scalar condition, not x .*test_ifelse\.py.*T\.switch"):
        graphlib.ifelse(x, s, s)
    with pytest.raises(ShapeError, match=r"1 and 2 dimensions: x .*test_ifelse\.py.* and m "):
        graphlib.ifelse(s, x, m)
    with pytest.raises(InputError, match="have 1 and 2 results"):
        graphlib.ifelse(s, [x], [x, x])


@on_each_mode
def test_shapes_of_the_branch_that_is_not_taken(mode):
    """They are not compared, nor is an index looked at that a length is computed from."""
    c, i, v, y = T.bscalar("c"), T.lscalar("i"), T.dvector("v"), T.dvector("y")
    m, w = T.dmatrix("m"), T.dmatrix("w")
    choices = [
        graphlib.ifelse(c, v + y, v),
        graphlib.ifelse(c, T.set_subtensor(v[:3], y), v),
        graphlib.ifelse(c, T.dot(m, w), m),
        graphlib.ifelse(c, T.zeros((T.cast(v[i], "int64"),), "float64"), y),
        graphlib.ifelse(c, T.concatenate([v + y, v]), T.dot(m, v)),
    ]
    f = compiled(mode, [c, i, v, y, m, w], [*choices, *T.grad(sum(x.sum() for x in choices), [v, y, m])])
    a, b, k, ones = np.array([1.0, 2, 3]), np.array([4.0, 5]), np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    wanted = [a, a, k, b, k @ a, 2 + k.sum(axis=0), [1, 1], ones + a]
    for got, value in zip(f(0, 99, a, b, k, ones), wanted, strict=True):
        close(got, value)
    square = np.ones((3, 2))
    wanted = [a + a, a, k @ square, np.zeros(2), np.concatenate([a + a, a]), [3, 3, 3], [3, 3, 3], 2 * ones]
    for got, value in zip(f(1, 1, a, a, k, square), wanted, strict=True):
        close(got, value)
    with pytest.raises(ShapeError, match=r"test_ifelse\.py"):
        f(1, 1, a, b, k, square)
    with pytest.raises(IndexError):
        f(1, 99, a, a, k, square)


@on_each_mode
def test_lengths_in_branches_of_branches(mode):
    c, d, n = T.bscalar("c"), T.bscalar("d"), T.lscalar("n")
    x, y, m = T.dvector("x"), T.dvector("y"), T.dmatrix("m")
    r = graphlib.ifelse(
        c, graphlib.ifelse(d, x + y, x[:n]), graphlib.ifelse(d, T.dot(m, x), T.arange(n) * T.dot(x, m)[0])
    )
    f = compiled(mode, [c, d, n, x, y, m], [r, r.shape[0], T.grad((r * r).sum(), x)])
    a, b, k = np.array([1.0, 2, 3]), np.array([5.0, 6]), np.arange(6.0).reshape(2, 3)
    for call, value, gradient in (
        ((1, 0, 2, a, b, k), [1, 2], [2, 4, 0]),
        ((1, 1, 9, b, b, k), [10, 12], [20, 24]),
        ((0, 1, 9, a, b, k), k @ a, 2 * k.T @ (k @ a)),
        ((0, 0, 4, b, a, k), np.arange(4) * 18, [0, 2 * 14 * 18 * 3]),
    ):
        got = f(*call)
        close(got[0], value)
        assert got[1] == len(value)
        close(got[2], gradient)


@on_each_mode
@pytest.mark.parametrize("known", [True, False])
def test_lengths_of_branches_in_steps(mode, known):
    """Branches whose lengths are equal at the call, and not seen to be so before."""
    width = 3 if known else None
    rows = T.TensorType("float64", (None, width))("rows")
    start, w = (T.TensorType("float64", (width,))(name) for name in ("start", "w"))

    def choice(a, b, w):
        return graphlib.ifelse(a[0] > b[0], graphlib.ifelse(a[1] > b[1], a * b, T.sin(b)), w * a)

    h, _ = graphlib.scan(choice, rows, start, w)
    mapped, _ = graphlib.map(lambda row, w: choice(w, row, row)[::-1], rows, w)
    cost = T.sqr(h).sum() + (mapped**3).sum()
    first = T.grad(cost, [rows, start, w])
    second = T.grad(sum(g.sum() for g in first), w)
    f = compiled(mode, [rows, start, w], [h, mapped, *first, second])

    def plain(a, b, w):
        if a[0] <= b[0]:
            return w * a
        return a * b if a[1] > b[1] else np.sin(b)

    def values(x, s, u):
        states = [s]
        for row in x:
            states.append(plain(row, states[-1], u))
        return np.array(states[1:]), np.array([plain(u, row, row)[::-1] for row in x])

    def total(x, s, u):
        h, mapped = values(x, s, u)
        return (h**2).sum() + (mapped**3).sum()

    random = np.random.RandomState(3)
    point = [random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=3)]
    got = f(*point)
    taken = {(a[0] > b[0], a[1] > b[1]) for a, b in zip(point[0], [point[1], *got[0]], strict=False)}
    assert len(taken) > 2
    for one, other in zip(got, values(*point), strict=False):
        close(one, other)
    e = 1e-6
    for k in range(3):
        for place in np.ndindex(point[k].shape):
            up, down = ([p.copy() for p in point] for _ in range(2))
            up[k][place] += e
            down[k][place] -= e
            slope = (total(*up) - total(*down)) / (2 * e)
            np.testing.assert_allclose(got[2 + k][place], slope, rtol=1e-5, atol=1e-6)
            if k == 2:
                curve = sum((a - b).sum() for a, b in zip(f(*up)[2:5], f(*down)[2:5], strict=True)) / (2 * e)
                np.testing.assert_allclose(got[5][place], curve, rtol=1e-5, atol=1e-5)


@on_each_mode
def test_equal_branches(mode):
    c, x = T.bscalar("c"), T.dvector("x")
    e = T.exp(x)
    results = [graphlib.ifelse(c, x, x), graphlib.ifelse(c, e, e), graphlib.ifelse(c, T.exp(x), T.exp(x))]
    results += graphlib.ifelse(c, [e, x, T.constant(np.ones(2))], [x, e, T.constant(np.ones(2))])
    f = compiled(mode, [c, x], [*results, T.grad(sum(r.sum() for r in results), x)])
    a = np.array([0.5, -1, 2])
    for k in (0, 1):
        e = np.exp(a)
        pair = [e, a] if k else [a, e]
        for got, value in zip(f(k, a), [a, e, e, *pair, [1, 1], 2 + 3 * e], strict=True):
            close(got, value)


@on_each_mode
def test_a_running_value_that_is_set_at_first_and_added_to_later(mode):
    v = T.dvector("v")
    total, flag = graphlib.shared(np.zeros(0), "total", shape=(None,)), graphlib.shared(0, "flag")
    f = compiled(
        mode, [v], [], updates=[(total, graphlib.ifelse(flag, v + total, v)), (flag, T.ones_like(flag))]
    )
    f([1, 2, 3])
    close(total.get_value(), [1, 2, 3])
    f([1, 1, 1])
    close(total.get_value(), [2, 3, 4])
    with pytest.raises(ShapeError, match="total"):
        f([1, 1])
    close(total.get_value(), [2, 3, 4])


@on_each_mode
def test_what_both_branches_need_is_computed_once_before_them(mode):
    """A layer's dropout chooses between its input, scaled, and its input."""
    c, x, w = T.lscalar("c"), T.fmatrix("x"), T.fmatrix("w")
    layer = T.tanh(T.dot(x, w))
    chosen = graphlib.ifelse(c, layer * 2, layer)
    assert layer in graphlib.graph.ancestors([chosen])
    f = compiled(mode, [c, x, w], [chosen, T.grad(chosen.sum(), w)])
    a, b = np.float32([[1, -0.5]]), np.float32([[0.5], [1]])
    value = np.tanh(a @ b)
    for taken, scale in ((1, 2), (0, 1)):
        got, gradient = f(taken, a, b)
        np.testing.assert_allclose(got, scale * value, rtol=1e-5)
        np.testing.assert_allclose(gradient, scale * (1 - value**2) * a.T, rtol=1e-5)
