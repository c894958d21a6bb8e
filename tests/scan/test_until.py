"""Loops that a condition ends: only the steps that are made cost time and memory, or fail.

That nothing is computed for the others shows by indices that are out of range there, and by more steps than
any memory has room for.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import until

from .modes import compiled, on_each_mode

#: steps that no memory has room for
TOO_MANY = 10**15


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    assert np.shape(got) == np.shape(wanted)


@on_each_mode
def test_there_are_as_many_rows_as_steps(mode):
    """Few, and more than there is room for at first."""
    a, n = T.dvector("a"), T.lscalar("n")
    (h, pair, m), _ = graphlib.scan(
        lambda h, p, q: ([h + a, p + q, (h * a).sum()], until((h + a)[0] >= 70)),
        outputs_info=[T.zeros_like(a), {"initial": T.ones((2,), "float64"), "taps": [-2, -1]}, None],
        n_steps=n,
    )
    f = compiled(mode, [a, n], [h, pair, m, h[-1], h[::-1], pair[2:].sum(), h.shape[0], T.stack([h, h + 1])])
    fibonacci = [1.0, 1]
    while len(fibonacci) < 80:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    for first, steps in ((100.0, 1), (4.0, 18), (1.0, 70), (35.0, 2), (2.0, 35)):
        v = np.array([first, 1, -1])
        rows = np.arange(1, steps + 1)[:, None] * v
        wanted = [rows, fibonacci[2 : 2 + steps], ((rows - v) * v).sum(axis=1), rows[-1], rows[::-1]]
        wanted += [sum(fibonacci[4 : 2 + steps]), steps, [rows, rows + 1]]
        for most in (TOO_MANY, steps):
            for got, value in zip(f(v, most), wanted, strict=True):
                close(got, value)
    close(compiled(mode, [a, n], h)([1.0, 0], 0), np.zeros((0, 2)))
    close(f([1.0, 0], 17)[0], np.arange(1, 18)[:, None] * [1, 0])


@on_each_mode
def test_rows_after_the_end_are_not_looked_at(mode):
    ids, table, w = T.lmatrix("ids"), T.dmatrix("table"), T.dmatrix("w")
    (h, m), _ = graphlib.scan(
        lambda i, h: ([T.tanh(T.dot(table[i], w) + h), T.exp(table[i[0]])], until(T.eq(i[0], 0))),
        ids,
        [T.zeros((2, 3), "float64"), None],
    )
    cost = h.sum() + m.sum()
    f = compiled(mode, [ids, table, w], [h, m, *T.grad(cost, [table, w])])
    random = np.random.RandomState(0)
    tv, wv = random.normal(size=(4, 2)), random.normal(size=(2, 3))
    # padded after the end mark with what no row of the table has
    padded = f([[3, 1], [0, 2], [9999, 1], [1, -77]], tv, wv)
    for got, wanted in zip(padded, f([[3, 1], [0, 2]], tv, wv), strict=True):
        close(got, wanted)
    one = np.tanh(tv[[3, 1]] @ wv)
    close(padded[0], [one, np.tanh(tv[[0, 2]] @ wv + one)])
    with pytest.raises(IndexError):
        f([[3, 1], [9999, 1], [0, 0]], tv, wv)


@pytest.mark.parametrize("mode", ["c", "cuda"])
def test_counting_takes_no_memory(mode):
    n, x = T.lscalar("n"), T.dvector("x")
    (y, k), _ = graphlib.scan(
        lambda i, j, acc: ([acc + T.exp(-T.cast(i, "float64") * x), i * 10 + j], until(i >= 9)),
        [T.arange(3, n, 2), T.arange(n)],
        [T.zeros_like(x), None],
    )
    f = compiled(mode, [n, x], [y[-1], k])
    v = np.linspace(0, 1, 5)
    last, counts = f(TOO_MANY, v)
    close(last, sum(np.exp(-i * v) for i in (3, 5, 7, 9)))
    assert counts.tolist() == [30, 51, 72, 93]
    assert f(6, v)[1].tolist() == [30, 51]


@on_each_mode
def test_gradients_of_every_form(mode):
    """By differences, where the number of steps stays the same; zero for rows after the end (Theano's are
    shifted by one)."""
    x, a = T.dvector("x"), T.dscalar("a")
    (h, m), _ = graphlib.scan(
        lambda v, h: ([h * 0.9 + T.sin(v), T.sqr(h) * v], until(h * 0.9 + T.sin(v) > 3)), x, [a, None]
    )
    costs = [h.sum(), h[-1], m.sum() * h[1], (h[1:] * m[:-1]).sum()]
    gradients = [g for cost in costs for g in T.grad(cost, [x, a])]
    second = T.grad(sum(g.sum() for g in gradients), x)
    f = compiled(mode, [x, a], [*costs, *gradients, second])
    point, start, e = np.linspace(0.8, 1.2, 9), 0.1, 1e-6
    got = f(point, start)
    steps = 5
    assert np.nonzero(got[4])[0].tolist() == list(range(steps))

    def along(k, i):
        step = np.eye(9)[i] * e
        return (f(point + step, start)[k] - f(point - step, start)[k]) / (2 * e)

    for k in range(4):
        np.testing.assert_allclose(got[4 + 2 * k], [along(k, i) for i in range(9)], rtol=1e-6, atol=1e-7)
        slope = (f(point, start + e)[k] - f(point, start - e)[k]) / (2 * e)
        np.testing.assert_allclose(got[5 + 2 * k], slope, rtol=1e-6)
    total = [sum(np.sum(along(k, i)) for k in range(4, 12)) for i in range(9)]
    np.testing.assert_allclose(got[-1], total, rtol=1e-5, atol=1e-6)


@on_each_mode
def test_in_the_step_of_another_loop_and_in_an_update(mode):
    x = T.dmatrix("x")

    def step(row, h):
        inner, _ = graphlib.scan(lambda u, v: (u * v, until(u * v > 50)), row, T.ones((), "float64"))
        return h * 0.5 + inner.sum() + inner[-1]

    h, _ = graphlib.scan(step, x, T.zeros((), "float64"))
    kept = graphlib.shared(np.zeros(0), "kept", shape=(None,))
    doubled, _ = graphlib.scan(lambda v: (v * 2, until(v > 100)), T.flatten(x))
    f = compiled(mode, [x], [h, T.grad(h.sum(), x)], updates={kept: doubled})

    def values(a):
        at, found = 0.0, []
        for row in a:
            products = np.cumprod(row)
            stop = np.nonzero(products > 50)[0]
            products = products[: stop[0] + 1] if len(stop) else products
            at = at * 0.5 + products.sum() + products[-1]
            found.append(at)
        return np.array(found)

    a = np.arange(12.0).reshape(3, 4) + 1.5
    got, gradient = f(a)
    close(got, values(a))
    e = 1e-6
    for i, j in np.ndindex(3, 4):
        step_ = np.zeros((3, 4))
        step_[i, j] = e
        slope = (values(a + step_).sum() - values(a - step_).sum()) / (2 * e)
        np.testing.assert_allclose(gradient[i, j], slope, rtol=1e-6, atol=1e-6)
    close(kept.get_value(), a.ravel() * 2)
    f(np.arange(150.0).reshape(1, 150))
    close(kept.get_value(), np.arange(102.0) * 2)
