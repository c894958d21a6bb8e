"""Functions with loops: saved, copied, printed, checked, timed; what is generated for them."""

import copy
import pickle

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.printing import draw
from graphlib.tensor.shared_randomstreams import RandomStreams

from .modes import compiled, on_each_mode


def array(*shape, seed=0):
    return np.random.RandomState(seed).normal(size=shape).astype("float32")


def recurrent(steps=None):
    """(inputs, outputs): a recurrent layer with a gradient and a random draw."""
    rng = RandomStreams(3)
    x, w = T.matrix("x"), graphlib.shared(array(3, 3), "w")
    h, updates = graphlib.scan(
        lambda row, h: T.tanh(row + T.dot(h, w)) * rng.binomial(size=h.shape, p=0.8, dtype="float32"),
        x,
        T.zeros((3,)),
        name="layer",
    )
    cost = T.sqr(h[-1]).sum()
    return x, [h, T.grad(cost, w)], updates


@on_each_mode
@pytest.mark.parametrize(
    "how", [lambda f: pickle.loads(pickle.dumps(f)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_saved_and_copied(mode, how):
    x, outputs, updates = recurrent()
    f = compiled(mode, [x], outputs, updates=updates)
    a = array(4, 3, seed=1)
    f(a)
    g = how(f)
    for _ in range(2):
        for left, right in zip(f(a), g(a), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


@on_each_mode
def test_copied_with_the_same_shared_variables(mode):
    x, outputs, updates = recurrent()
    f = compiled(mode, [x], outputs, updates=updates)
    g, a = copy.copy(f), array(4, 3, seed=1)
    first, second = f(a)[0], g(a)[0]
    assert not np.array_equal(first, second), "the copy goes on with the random numbers"


def test_a_graph_with_a_loop_is_pickled():
    x, outputs, _ = recurrent()
    again, y = pickle.loads(pickle.dumps((outputs[0], x)))
    a = array(4, 3, seed=1)
    np.testing.assert_array_equal(graphlib.function([x], outputs[0])(a), graphlib.function([y], again)(a))


@on_each_mode
def test_givens(mode):
    x, y, w = T.vector("x"), T.vector("y"), T.scalar("w")
    out, _ = graphlib.scan(lambda v, h: h * w + v, x, T.constant(np.float32(1)))
    f = compiled(mode, [y, w], out, givens={x: y[1:] * 2})
    np.testing.assert_allclose(f([9, 1, 2], 3), [5, 19])
    data = graphlib.shared(array(4), "data")
    g = compiled(mode, [], out, givens={x: data[2:], w: T.constant(np.float32(0))})
    np.testing.assert_allclose(g(), data.get_value()[2:])


def test_one_loop_for_a_function_and_its_gradient():
    x, w = T.vector("x"), T.scalar("w")
    out, _ = graphlib.scan(lambda v, h: T.tanh(h * w + v), x, T.constant(np.float32(0)), name="layer")
    f = graphlib.function([x, w], [out, T.grad(out.sum(), w)], mode="fast_run")
    steps = [line for line in graphlib.debugprint(f, file="str").splitlines() if line.endswith("a step:")]
    assert [line.rsplit(" [id", 1)[0] for line in steps] == ["scan layer", "scan gradient of layer"]
    values = f([1, 2], 0.5)
    np.testing.assert_allclose(values[0], [np.tanh(1), np.tanh(np.tanh(1) / 2 + 2)], rtol=1e-5)


def test_mode_check_runs_both_and_agrees():
    x, outputs, updates = recurrent()
    f = graphlib.function([x], outputs, updates=updates, mode="check")
    first = f(array(4, 3))
    assert not np.array_equal(first[0], f(array(4, 3))[0])


def test_mode_check_nan_names_the_step_that_makes_one():
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: T.log(v), x, name="logs")
    f = graphlib.function([x], out, mode="check_nan")
    np.testing.assert_allclose(f([1]), [0])
    with pytest.raises(ArithmeticError, match=r"test_functions\.py"):
        f([1, -1])


@on_each_mode
def test_a_profile_has_a_row_for_the_loop(mode):
    x, outputs, updates = recurrent()
    f = compiled(mode, [x], outputs, updates=updates, profile=True)
    for _ in range(3):
        f(array(4, 3))
    rows = [row for row in f.profile.by_op().items() if "scan" in row[0]]
    assert rows and all(seconds > 0 for _, seconds in rows)
    assert "scan layer" in str(f.profile)
    assert any("test_functions.py" in line for line in f.profile.by_line())


# what is generated


@pytest.mark.parametrize("gradient", [False, True], ids=["forward", "gradient"])
def test_the_source_does_not_grow_with_the_steps(gradient):
    lengths = []
    for steps in (5, 500):
        h0, w = T.vector("h0"), T.matrix("w")
        h, _ = graphlib.scan(lambda h, w=w: T.tanh(T.dot(h, w)), outputs_info=h0, n_steps=steps)
        out = T.grad(h[-1].sum(), w) if gradient else h
        f = compiled("c", [h0, w], out)
        lengths.append(len(f.source.splitlines()))
        assert f(array(3), array(3, 3)).shape == ((3, 3) if gradient else (steps, 3))
    assert lengths[0] == lengths[1]


def test_one_compile_serves_every_length():
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v, h: h + v, x, T.constant(np.float32(0)))
    f = compiled("c", [x], out)
    for n in (3, 0, 7, 1, 0, 100):
        a = array(n)
        np.testing.assert_allclose(f(a), np.cumsum(a), rtol=1e-4, atol=1e-5)


# printing


def test_debugprint_shows_the_step_of_a_loop():
    x, w = T.matrix("x"), T.matrix("w")
    h, _ = graphlib.scan(lambda row, h: T.tanh(row * h.dot(w)), x, T.zeros((3,)), name="layer")
    text = graphlib.debugprint(h, file="str")
    outside, inside = text.split("\n\n")
    assert "scan layer.0 [id B]" in outside
    assert "tanh" not in outside
    heading, *lines = inside.splitlines()
    assert heading == "scan layer [id B], a step:"
    assert lines[0].startswith("   state 0[t] ← tanh [id ")
    names = {line.split("─ ")[-1].rsplit(" [id ", 1)[0] for line in lines[1:]}
    # where each leaf comes from: the id of what the loop is given
    given = {
        line.split("─ ")[-1].split(" [id ")[0]: line.split("[id ")[1][0] for line in outside.splitlines()
    }
    assert f"x[t] of [id {given['x']}]" in names
    assert f"w of [id {given['w']}]" in names
    assert any(name.startswith("state 0[t-1] of [id ") for name in names)


def test_debugprint_of_a_function_shows_types_and_the_gradient_of_a_loop():
    x, outputs, updates = recurrent()
    f = compiled("c", [x], outputs, updates=updates)
    text = graphlib.debugprint(f, print_type=True, file="str")
    sections = [line for line in text.splitlines() if line.endswith("a step:")]
    assert any(line.startswith("scan layer [") for line in sections)
    assert any(line.startswith("scan gradient of layer [") for line in sections)
    assert "x[t] of [id " in text
    assert "<float32(3,)>" in text


def test_debugprint_shows_when_a_loop_stops():
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: (v, graphlib.until(v > 3)), x)
    assert "\n   until ← gt [id " in graphlib.debugprint(out, file="str")


def test_debugprint_of_a_loop_in_a_loop():
    x = T.matrix("x")

    def outer(row):
        return graphlib.scan(lambda v: T.exp(v), row, name="inner")[0]

    out, _ = graphlib.scan(outer, x, name="outer")
    first, second, third = graphlib.debugprint(out, file="str").split("\n\n")
    assert first.startswith("scan outer [id A]")
    assert second.startswith("scan outer [id A], a step:\n   output 0[t] ← scan inner [id ")
    assert third.startswith("scan inner [id ")
    assert third.splitlines()[1].startswith("   output 0[t] ← exp [id ")


def test_debugprint_shows_a_loop_once():
    x = T.vector("x")
    (a, b), _ = graphlib.scan(lambda v: [T.exp(v), T.tanh(v)], x)
    text = graphlib.debugprint([a, b, a + b], file="str")
    assert text.count("exp") == 1
    assert text.count("tanh") == 1


def test_a_formula_names_the_loop():
    x = T.vector("x")
    out, _ = graphlib.scan(lambda v: T.exp(v), x, name="walk")
    assert "scan walk" in graphlib.pp(out.sum())


def test_drawings(tmp_path):
    x, outputs, updates = recurrent()
    f = compiled("c", [x], outputs, updates=updates)
    for k, subject in enumerate((outputs[0], f)):
        path = tmp_path / f"loop{k}.svg"
        draw(subject, path)
        assert "scan layer" in path.read_text(encoding="utf-8")


@on_each_mode
def test_what_is_the_same_at_each_step_is_not_computed_without_a_step(mode):
    """Indices out of range and divisions by zero fail where a step is made, inside it, too."""
    x, m = T.dvector("x"), T.dmatrix("m")
    n, i, k = T.lscalar("n"), T.lscalar("i"), T.lscalar("k")

    def step(row):
        inner, _ = graphlib.scan(lambda u: u * x[i], m[i])
        whole = T.cast(k // i, "float64") + x[T.stack([i, 0])].sum() + m[i][: k // i].sum()
        return row * x[i] + inner.sum() + whole * graphlib.ifelse(row > 0, x[i], x[0]), T.exp(m[i]) * row

    (y, z), _ = graphlib.scan(step, T.arange(n).astype("float64"))
    g = T.grad(T.sqr(y).sum() + z.sum(), [x, m])
    f = compiled(mode, [x, m, n, i, k], [y, z, *g])
    a, b = np.array([0.5, 2, 3]), np.arange(6.0).reshape(3, 2)
    for wrong in (7, -9, 0):
        got = f(a, b, 0, wrong, 3)
        assert [v.shape for v in got] == [(0,), (0, 2) if wrong == 0 else got[1].shape, (3,), (3, 2)]
        assert not any(v.any() for v in got)
        with pytest.raises(ZeroDivisionError if wrong == 0 else IndexError):
            f(a, b, 2, wrong, 3)

    def values(a, b, steps, i, k):
        t = np.arange(float(steps))
        whole = k // i + a[i] + a[0] + b[i][: k // i].sum()
        return t * a[i] + (b[i] * a[i]).sum() + whole * np.where(t > 0, a[i], a[0]), t[:, None] * np.exp(b[i])

    got = f(a, b, 3, 1, 3)
    for one, other in zip(got, values(a, b, 3, 1, 3), strict=False):
        np.testing.assert_allclose(one, other, rtol=1e-9)

    def cost(a, b):
        y, z = values(a, b, 3, 1, 3)
        return (y**2).sum() + z.sum()

    e = 1e-6
    for j in range(3):
        d = np.eye(3)[j] * e
        np.testing.assert_allclose(got[2][j], (cost(a + d, b) - cost(a - d, b)) / (2 * e), rtol=1e-5)
    for place in np.ndindex(3, 2):
        d = np.zeros((3, 2))
        d[place] = e
        slope = (cost(a, b + d) - cost(a, b - d)) / (2 * e)
        np.testing.assert_allclose(got[3][place], slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_are_laid_out_once_for_all_steps(dtype):
    """Products with the same matrix at all steps, plain and transposed, of all sizes, in one function: its
    copy is of the call at hand, and of these steps."""
    h, w, n = T.TensorType(dtype, (None, None))("h"), T.TensorType(dtype, (None, None))("w"), T.iscalar("n")
    steps, _ = graphlib.scan(lambda h: T.tanh(T.dot(T.dot(h, w.T), w) + h), outputs_info=h, n_steps=n)
    gradient = T.grad((steps[-1] ** 2).sum(), h)
    f = graphlib.function([h, w, n], [steps[-1], gradient])
    random = np.random.default_rng(3)

    def expected(h, w, n):
        values = [h]
        for _ in range(n):
            values.append(np.tanh(values[-1] @ w.T @ w + values[-1]))
        g = 2 * values[-1]
        for value in reversed(values[1:]):
            g = g * (1 - value**2)
            g = g @ w.T @ w + g
        return values[-1], g

    sizes = [
        (6, 33, 300),
        (50, 7, 40),
        (50, 70, 270),
        (16, 130, 20),
        (1, 40, 90),
        (5, 100, 64),
        (70, 257, 65),
    ]
    for rows, count, width in sizes:
        for many in (4, 1, 3):
            given = random.uniform(-1, 1, (rows, width)), random.standard_normal((count, width)) / (2 * width)
            given = [a.astype(dtype) for a in given]
            wanted = expected(*(a.astype("float64") for a in given), many)
            tolerance = 2e-5 if dtype == "float32" else 1e-12
            for got, value in zip(f(*given, many), wanted, strict=True):
                np.testing.assert_allclose(got, value, rtol=tolerance, atol=tolerance * abs(value).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_have_the_bits_of_products_alone(dtype):
    """A matrix that is laid out for all steps gives the sums that it gives as it lies."""
    h, w = (T.TensorType(dtype, (None, None))(name) for name in "hw")
    steps, _ = graphlib.scan(lambda h: T.dot(h, w), outputs_info=h, n_steps=3)
    random = np.random.default_rng(4)
    for threads in (1, 3):
        with graphlib.config.change(threads=threads):
            f = graphlib.function([h, w], steps, mode="fast_run")
            product = graphlib.function([h, w], T.dot(h, w), mode="fast_run")
        for rows, width in ((2, 300), (5, 230), (9, 300), (16, 261), (33, 410), (50, 256), (70, 300)):
            value = random.standard_normal((rows, width)).astype(dtype)
            weights = (random.standard_normal((width, width)) / width**0.5).astype(dtype)
            for got in f(value, weights):
                value = product(value, weights)
                np.testing.assert_array_equal(got, value)
