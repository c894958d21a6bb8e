"""Nests whose last axis has two to four elements: written out, with vectors along the axis before it."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from tests.backend.processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")


def shown(f):
    """The loop nests in the generated file."""
    nests = [part for part in f.source.split("static void ")[1:] if part.startswith("loops_")]
    return [nest.partition("\n}\n")[0] for nest in nests]


def normal(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_row_of_a_few_elements_has_no_loop(n):
    x = T.TensorType("float32", (None, n))("x")
    f = graphlib.function([x], T.softmax(x), mode="check")
    (nest,) = shown(f)
    assert nest.count("for (") == 1
    for rows in (1000, 17, 1, 0):
        given = normal(rows, n)
        e = np.exp(given.astype("float64"))
        np.testing.assert_allclose(f(given), e / e.sum(axis=1, keepdims=True), rtol=1e-5)


def test_a_row_of_five_has_one():
    x = T.TensorType("float32", (None, 5))("x")
    (nest,) = shown(graphlib.function([x], T.softmax(x)))
    assert nest.count("for (") > 1


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int8", "bool"])
def test_reductions_along_it_and_beside_it(dtype):
    """Of all kinds, into registers and memory, of one chunk and of several."""
    x = T.TensorType(dtype, (None, None, 3))("x")
    y = T.TensorType(dtype, (None, 3))("y")
    z = T.and_(x, y) if dtype == "bool" else T.maximum(x, y) * 2
    outputs = [
        z,
        z.sum(axis=2),
        z.sum(axis=1),
        z.sum(axis=0),
        z.sum(),
        z.sum(axis=(0, 1)),
        z.sum(axis=(0, 2)),
    ]
    outputs += [z.max(axis=2), z.min(axis=1), z.any(axis=2), z.all(axis=0), z.prod(axis=2), z.argmax(axis=2)]
    outputs += [T.argmin(z, axis=1), z[:, :, ::-1].sum(axis=1)]
    f = graphlib.function([x, y], outputs, mode="check")
    for shape in ((20, 30, 3), (400, 70, 3), (1, 5, 3), (3, 1, 3)):
        given = (4 * normal(*shape)).astype(dtype)
        f(given, (4 * normal(shape[1], 3, seed=1)).astype(dtype))


def test_forces_between_particles():
    """Gradients by both of two axes that are one input's, with sums into registers and into memory."""
    x, mass = T.TensorType("float32", (None, 3))("x"), T.vector("mass")
    away = x[:, None] - x[None]
    squares = T.sqr(away).sum(axis=2) + 0.1
    energy = -(mass[:, None] * mass[None] / T.sqrt(squares)).sum()
    f = graphlib.function([x, mass], [energy, *T.grad(energy, [x, mass])], mode="check")
    points, m = normal(300, 3), np.random.default_rng(1).random(300).astype("float32")
    energy, force, _ = f(points, m)
    d = points[:, None].astype("float64") - points[None]
    r = np.sqrt((d**2).sum(axis=2) + 0.1)
    pairs = m[:, None].astype("float64") * m / r
    np.testing.assert_allclose(energy, -pairs.sum(), rtol=1e-5)
    expected = 2 * (d * (pairs / r**2)[:, :, None]).sum(axis=1)
    np.testing.assert_allclose(force, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    for n in (65, 2, 1, 0):
        f(points[:n], m[:n])


def test_what_several_loops_read():
    """Rows over the long axis, in memory and not, of what was written out."""
    x = T.TensorType("float32", (None, None, 3))("x")
    e = T.exp(x - x.max(axis=1, keepdims=True))
    soft = e / e.sum(axis=1, keepdims=True)
    length = T.sqrt(T.sqr(soft).sum(axis=2))
    f = graphlib.function([x], [soft, length, T.grad(length.sum(), x)], mode="check")
    for shape in ((40, 50, 3), (2, 1, 3), (0, 4, 3), (4, 0, 3)):
        f(normal(*shape))


def test_parts_of_what_is_joined():
    """Values that are written where they are read: quaternions' products, stacked."""
    p, q = (T.TensorType("float32", (None, 4))(name) for name in "pq")
    (a, b, c, d), (e, g, h, k) = ([v[:, j] for j in range(4)] for v in (p, q))
    product = T.stack(
        [
            a * e - b * g - c * h - d * k,
            a * g + b * e + c * k - d * h,
            a * h - b * k + c * e + d * g,
            a * k + b * h - c * g + d * e,
        ],
        axis=1,
    )
    unit = product / T.sqrt(T.sqr(product).sum(axis=1, keepdims=True))
    both = T.concatenate([unit, T.tanh(p) * T.sqr(q).sum(axis=1, keepdims=True)], axis=0)
    f = graphlib.function([p, q], [both, T.grad(both[:, 1].sum(), p)], mode="check")
    for rows in (600, 1):
        f(normal(rows, 4), normal(rows, 4, seed=2))


def test_indices_and_draws_stay_in_loops():
    """What may fail the call, and what is drawn one after the other."""
    x, i = T.TensorType("float32", (None, 3))("x"), T.TensorType("int64", (None, 3))("i")
    shape = (x.shape[0], 3)
    drawn = T.shared_randomstreams.RandomStreams(4).uniform(shape)
    f = graphlib.function([x, i], [(x[i, 0] * x).sum(axis=1), (drawn * x).sum(axis=1)], mode="check")
    f(normal(100, 3), np.full((100, 3), 99))
    with pytest.raises(IndexError):
        f(normal(100, 3), np.full((100, 3), 100))


def test_a_state_of_a_loop_is_updated_in_place():
    x = graphlib.shared(normal(200, 3), "x", shape=(200, 3))
    v = graphlib.shared(normal(200, 3, seed=3), "v", shape=(200, 3))
    pull = -x / (T.sqr(x).sum(axis=1, keepdims=True) + 1) ** 1.5
    new = v + 0.1 * pull
    step = graphlib.function([], None, updates=[(v, new), (x, x + 0.1 * new)], mode="check")
    a, b = x.get_value().astype("float64"), v.get_value().astype("float64")
    for _ in range(3):
        step()
        b = b - 0.1 * a / ((a**2).sum(axis=1, keepdims=True) + 1) ** 1.5
        a = a + 0.1 * b
    np.testing.assert_allclose(x.get_value(), a, rtol=1e-5, atol=1e-6)
