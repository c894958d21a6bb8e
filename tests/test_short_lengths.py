"""Inputs whose axes are short at a call: a function is compiled for such lengths, and serves all others."""

import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import ShapeError

#: many turns of inner loops, so that short lengths are compiled for
MANY = 9000


@pytest.fixture
def random():
    return np.random.default_rng(3)


def normal(random, *shape):
    return random.standard_normal(shape).astype("float32")


def softmax(z):
    e = np.exp(z.astype("float64") - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def crossentropy(mode="fast_run"):
    """The mean, and its gradient by the logits."""
    z, y = T.matrix("z"), T.ivector("y")
    cost = -T.mean(T.log(T.softmax(z)[T.arange(y.shape[0]), y]))
    return graphlib.function([z, y], [cost, T.grad(cost, z)], mode=mode, name="crossentropy")


def assert_crossentropy(f, z, y):
    cost, gradient = f(z, y)
    p = softmax(z)
    rows = np.arange(len(y))
    assert np.isclose(cost, -np.log(p[rows, y]).mean(), rtol=1e-5)
    p[rows, y] -= 1
    assert np.allclose(gradient, p / len(y), rtol=1e-4, atol=1e-8)


def columns(f):
    """The lengths of the first argument, as the plan of the last call has them."""
    return [n.constant for n in f.plan.arguments[0].shape]


def test_one_function_serves_all_lengths(random):
    f = crossentropy()
    for rows, classes, known in (
        (MANY, 3, 3),
        (MANY, 10, 10),
        (MANY - 1, 3, 3),
        (5, 3, None),
        (MANY, 1, None),
        (600, 40, None),
        (MANY, 10, 10),
    ):
        z, y = normal(random, rows, classes), random.integers(0, classes, rows).astype("int32")
        assert_crossentropy(f, z, y)
        assert columns(f) == [None, known]
    assert f(normal(random, 0, 3), np.zeros(0, "int32"))[1].shape == (0, 3)
    with pytest.raises(IndexError):
        f(normal(random, MANY, 3), np.full(MANY, 3, "int32"))


def test_the_plan_shows_it(random):
    f = crossentropy()
    for k in (3, 2):
        f(normal(random, MANY, k), np.zeros(MANY, "int32"))
        (line,) = (line for line in str(f.plan).splitlines() if line.endswith("this length of axis 1"))
        assert f"float32[z_0, {k}]" in line and "input, of calls with" in line
    f(normal(random, 2, 3), np.zeros(2, "int32"))
    assert "of calls with" not in str(f.plan)


def test_results_depend_on_the_lengths_and_not_on_calls_before(random):
    z, y = normal(random, MANY, 7), random.integers(0, 7, MANY).astype("int32")
    first, f = crossentropy()(z, y), crossentropy()
    for rows in (3, 40):
        f(normal(random, rows, 20), np.zeros(rows, "int32"))
    for a, b in zip(first, f(z, y), strict=True):
        assert a.tobytes() == b.tobytes()


def test_against_the_reference_at_every_call(random):
    """And the plans for short lengths are proven."""
    x, v, m = T.matrix("x"), T.matrix("v"), T.vector("m")
    far = x[None] - x[:, None]
    pull = (m[None] * (T.sqr(far).sum(axis=2) + 0.1) ** -1.5)[:, :, None]
    moved = v + 0.01 * (far * pull).sum(axis=1)
    energy = T.sqr(moved).sum()
    f = graphlib.function([x, v, m], [moved, *T.grad(energy, [x, m])], mode="check")
    for n, k in ((90, 3), (90, 2), (4, 3), (90, 3), (0, 3), (90, 0), (1, 1)):
        f(normal(random, n, k), normal(random, n, k), random.random(n).astype("float32"))
        assert columns(f) == [None, k if n == 90 and k > 1 else None]


def test_a_leading_axis_and_vectors_that_are_short(random):
    x, centre, width = T.matrix("x"), T.vector("centre"), T.vector("width")
    near = T.exp(-T.sqr((x[:, :, None] - centre) / width))
    f = graphlib.function([x, centre, width], [near.sum(axis=0), near.sum(axis=(1, 2))])
    for rows, components in ((3, 4), (3, 5), (20, 4)):
        values, c = normal(random, rows, 3000), normal(random, components)
        w = 1 + random.random(components).astype("float32")
        expected = np.exp(-(((values[:, :, None] - c.astype("float64")) / w) ** 2))
        by_place, by_row = f(values, c, w)
        assert np.allclose(by_place, expected.sum(axis=0), rtol=1e-4)
        assert np.allclose(by_row, expected.sum(axis=(1, 2)), rtol=1e-4)
        assert f.plan.arguments[1].shape[0] == components


def test_shared_variables_change_beside_short_inputs(random):
    x, total = T.matrix("x"), graphlib.shared(np.zeros((1, 1), "float32"), shape=(None, None))
    count = graphlib.shared(np.float32(0))
    f = graphlib.function(
        [x], T.exp(x - x.max(axis=1, keepdims=True)).sum(), updates=[(total, x * 2), (count, count + 1)]
    )
    for n, (rows, k) in enumerate(((MANY, 3), (2, 3), (MANY, 4), (MANY, 3)), start=1):
        given = normal(random, rows, k)
        expected = np.exp(given - given.max(axis=1, keepdims=True)).sum(dtype="float64")
        assert np.isclose(f(given), expected, rtol=1e-5)
        assert np.array_equal(total.get_value(), given * 2) and count.get_value() == n


def test_loops_over_short_states(random):
    xs, h = T.tensor3("xs"), T.matrix("h")
    states, _ = graphlib.scan(
        lambda x, h: T.softmax(x + h * T.sqr(h).sum(axis=1, keepdims=True)), sequences=[xs], outputs_info=h
    )
    f = graphlib.function([xs, h], [states[-1], T.grad(states[-1][:, 0].sum(), h)])
    for rows, k in ((2000, 3), (2, 3), (2000, 5)):
        steps, begin = normal(random, 4, rows, k), softmax(normal(random, rows, k)).astype("float32")

        def last(state, steps=steps):
            for step in steps:
                state = softmax(step + state * (state**2).sum(axis=1, keepdims=True))
            return state

        got, slope = f(steps, begin)
        assert np.allclose(got, last(begin.astype("float64")), rtol=1e-4)
        shift = np.zeros((rows, k))
        shift[:, 1] = 1e-5
        difference = last(begin + shift)[:, 0] - last(begin - shift)[:, 0]
        assert np.allclose(slope[:, 1], difference / 2e-5, rtol=1e-3, atol=1e-6)
        assert columns(f) == [None, None, k if rows == 2000 else None]


def test_calls_of_several_lengths_in_one(random):
    """`map`, in the order of the calls."""
    x, seen = T.matrix("x"), graphlib.shared(np.int64(0), "seen")
    cost = T.log(T.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1)).sum()
    f = graphlib.function([x], cost * seen, updates=[(seen, seen + 1)])
    given = [normal(random, rows, k) for rows, k in ((MANY, 3), (MANY, 3), (7, 3), (MANY, 2))]
    each = [np.log(np.exp(a - a.max(axis=1, keepdims=True)).sum(axis=1)).sum() for a in given]
    assert np.allclose(f.map(given), [k * value for k, value in enumerate(each)], rtol=1e-4)


def test_lengths_that_do_not_fit_are_told_as_ever(random):
    x, y = T.matrix("x"), T.matrix("y")
    f = graphlib.function([x, y], (T.exp(x - y).sum(axis=1) * x[:, 0]).sum(), name="distance")
    f(normal(random, MANY, 3), normal(random, MANY, 3))
    with pytest.raises(ShapeError, match=r"y float32\(\?, \?\).*length 2|length 3.*y float32\(\?, \?\)"):
        f(normal(random, MANY, 3), normal(random, MANY, 2))
    with pytest.raises(ShapeError, match=r"x float32\(\?, \?\)"):
        f(normal(random, MANY, 3), normal(random, MANY - 1, 3))


def test_copies_and_pickles(random):
    f = crossentropy()
    z, y = normal(random, MANY, 3), random.integers(0, 3, MANY).astype("int32")
    first = f(z, y)
    for other in (pickle.loads(pickle.dumps(f)), f.copy()):
        assert other(z, y)[1].tobytes() == first[1].tobytes()


def test_the_cache_has_code_for_short_lengths(random, tmp_path):
    z, y = normal(random, MANY, 6), random.integers(0, 6, MANY).astype("int32")
    with graphlib.config.change(cache_dir=str(tmp_path)):
        crossentropy()(z, y)
        before = sorted(path.name for path in tmp_path.rglob("*.so"))
        f = crossentropy()
        assert_crossentropy(f, z, y)
        assert before and sorted(path.name for path in tmp_path.rglob("*.so")) == before
        assert columns(f) == [None, 6]
