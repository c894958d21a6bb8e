"""Steps so small that one function carries them out, and all turns of the loop where there is nothing else to
do: they give what the same does step by step, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ScheduleError
from graphlib.schedule import planning
from graphlib.schedule.verify import verify
from tests.backend.processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")


def lorenz():
    """The equations of Lorenz by Runge and Kutta, with numbers of another dtype in the same places, and
    running sums, which the library makes."""
    x = T.TensorType("float32", (3,))("x")

    def slope(s):
        a, b, c = (s[i] for i in range(3))
        return T.stack([10 * (b - a), a * (28 - c) - b, a * b - c * (8 / 3)])

    def step(s, above):
        k = [slope(s)]
        for part in (0.005, 0.005, 0.01):
            k.append(slope(s + part * k[-1]))
        s = s + 0.01 / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])
        return s, above + T.cast(s > above, "int64").cumsum()

    (s, above), _ = graphlib.scan(step, outputs_info=[x, T.zeros((3,), "int64")], n_steps=20)
    return [x], [s[-1], above[-1], T.grad(s[-1].sum(), x)], [np.array([1, 2, 3], "float32")]


def filtered():
    """A filter with two states behind one another, backwards, and a value that is no state."""
    x, b = T.fvector("x"), T.TensorType("float32", (3,))("b")

    def step(x, before, older, y, last, b):
        y = b[0] * x + b[1] * before - b[2] * T.tanh(older) + 0.5 * y - 0.2 * last
        return y, T.exp(-T.sqr(y))

    (y, z), _ = graphlib.scan(
        step,
        {"input": x, "taps": [0, -1, -2]},
        [{"initial": T.zeros((2,)), "taps": [-1, -2]}, None],
        [b],
        go_backwards=True,
    )
    given = [np.random.default_rng(0).normal(size=n).astype("float32") for n in (50, 3)]
    return [x, b], [y, z.sum(), *T.grad((y * z).sum(), [x, b])], given


def ended():
    """A loop that a condition ends."""
    x = T.TensorType("float64", (2,))("x")

    def step(s):
        s = T.stack([s[0] + 0.1 * s[1], s[1] - 0.1 * s[0]])
        return s, graphlib.until(s[0] < 0)

    s, _ = graphlib.scan(step, outputs_info=x, n_steps=100)
    return [x], [s], [np.array([1.0, 0.0])]


@pytest.mark.parametrize(
    ("make", "at_once"), [(lorenz, [False, True]), (filtered, [True, True]), (ended, [False])]
)
def test_the_bits_of_step_by_step(make, at_once, monkeypatch):
    inputs, outputs, given = make()
    f = graphlib.function(inputs, outputs, mode="fast_run")
    loops = f.plan.all()[1:]
    assert all(p.together for p in loops) and [p.at_once for p in loops] == at_once
    monkeypatch.setattr(planning, "together", lambda plan: ())
    g = graphlib.function(inputs, outputs, mode="fast_run")
    assert not any(p.together or p.at_once for p in g.plan.all())
    reference = graphlib.function(inputs, outputs, mode="reference")
    for got, same, close in zip(f(*given), g(*given), reference(*given), strict=True):
        assert got.dtype == same.dtype and got.tobytes() == same.tobytes()
        np.testing.assert_allclose(got, close, rtol=2e-5, atol=2e-6)


def test_no_turn_and_one():
    inputs, outputs, (x, b) = filtered()
    f = graphlib.function(inputs, outputs, mode="fast_run")
    reference = graphlib.function(inputs, outputs, mode="reference")
    for n in (2, 3):
        for got, close in zip(f(x[:n], b), reference(x[:n], b), strict=True):
            np.testing.assert_allclose(got, close, rtol=2e-6)


def test_a_step_that_does_nothing():
    x, s = T.fvector("x"), T.fscalar("s")
    (same, last), _ = graphlib.scan(lambda x, s, last: (s, x), x, [s, T.zeros(())])
    f = graphlib.function([x, s], [same[-1], last[-1]], mode="fast_run")
    assert [float(value) for value in f([1, 2], 3)] == [3, 2]


def test_what_is_large_or_may_fail_is_by_itself():
    """Between two small kernels a large one, and an index that may be wrong."""
    table, x, i = T.fmatrix("table"), T.TensorType("float32", (4,))("x"), T.lvector("i")

    def step(i, x, table):
        x = x + T.tanh(T.dot(x, table))[::-1].cumsum()
        return x[T.argsort(x)] + table[i]

    s, _ = graphlib.scan(step, i, x, table)
    f = graphlib.function([table, x, i], s[-1], mode="fast_run")
    (loop,) = f.plan.all()[1:]
    assert not loop.at_once and loop.together != ((0, len(loop.steps)),)
    given = np.linspace(-1, 1, 16, dtype="float32").reshape(4, 4), np.ones(4, "float32")
    reference = graphlib.function([table, x, i], s[-1], mode="reference")
    np.testing.assert_allclose(f(*given, [1, 3, 0]), reference(*given, [1, 3, 0]), rtol=1e-5)
    with pytest.raises(IndexError):
        f(*given, [1, 4, 0])


@pytest.mark.parametrize("wrong", [((1, 3), (2, 5)), ((3, 1),), ((0, 100),), ((0, None),)])
def test_wrong_ones_are_not_proven(wrong):
    table, x = T.fmatrix("table"), T.TensorType("float32", (4,))("x")
    s, _ = graphlib.scan(lambda x, table: T.dot(T.tanh(x), table).cumsum(), None, x, table, n_steps=3)
    (loop,) = graphlib.function([table, x], s[-1], mode="fast_run").plan.all()[1:]
    verify(loop)
    wrong = tuple((a, len(loop.steps) if b is None else b) for a, b in wrong)
    with pytest.raises(ScheduleError, match="function"):
        verify(replace(loop, together=wrong))
    with pytest.raises(ScheduleError, match="function"):
        verify(replace(loop, at_once=True))
