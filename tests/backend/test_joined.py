"""Arrays that are joined of what one loop nest computes: the nest puts its results where they are joined."""

import numpy as np

import graphlib
import graphlib.tensor as T


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def test_parts_are_computed_where_they_are_joined():
    x, y = T.matrix("x"), T.matrix("y")
    wide, other = T.TensorType("float32", (None, 40))("wide"), T.TensorType("float32", (None, 40))("other")
    kept = graphlib.shared(draw(6, 3), "kept")
    narrow = [T.exp(x), T.sin(y)]
    long = [T.exp(wide) * other, T.tanh(wide) + other]
    read_before = T.concatenate([T.exp(kept[:3]) + x[:3], T.sin(kept[3:])])
    outputs = [
        T.concatenate(long, axis=1),
        # parts of several arrays, one a result by itself, one read by another value
        T.concatenate([long[1], long[0], long[1]], axis=1),
        long[0],
        T.concatenate([T.sqr(long[1]), long[1]], axis=1).sum(axis=0),
        # rows are too short for a loop of their own; one behind the other they need none
        T.concatenate(narrow, axis=1),
        T.concatenate(narrow, axis=0),
        T.stack(narrow),
        # no nest computes all parts
        T.concatenate([long[0], other], axis=1),
        T.concatenate([T.exp(wide), T.dot(wide, T.ones((40, 35)))], axis=1),
    ]
    # what is joined of joined arrays reads them from memory
    twice = [T.cosh(wide) * other, T.cos(wide) + other]
    outputs.append(T.concatenate([T.concatenate(twice, axis=1), T.concatenate(twice[::-1], axis=1)]))
    f = graphlib.function([x, y, wide, other], outputs, updates=[(kept, read_before)])
    arrays = [draw(5, 3, seed=1), draw(5, 3, seed=2), draw(4, 40, seed=3), draw(4, 40, seed=4)]
    a, b, w, o = arrays
    old = kept.get_value()
    parts = [np.exp(w) * o, np.tanh(w) + o]
    wanted = [
        np.concatenate(parts, 1),
        np.concatenate([parts[1], parts[0], parts[1]], 1),
        parts[0],
        np.concatenate([parts[1] ** 2, parts[1]], 1).sum(0),
        np.concatenate([np.exp(a), np.sin(b)], 1),
        np.concatenate([np.exp(a), np.sin(b)]),
        np.stack([np.exp(a), np.sin(b)]),
        np.concatenate([parts[0], o], 1),
        np.concatenate([np.exp(w), w @ np.ones((40, 35), "float32")], 1),
        np.block([[np.cosh(w) * o, np.cos(w) + o], [np.cos(w) + o, np.cosh(w) * o]]),
    ]
    for got, value in zip(f(*arrays), wanted, strict=True):
        np.testing.assert_allclose(got, value, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(
        kept.get_value(), np.concatenate([np.exp(old[:3]) + a[:3], np.sin(old[3:])]), rtol=2e-5
    )
    # copies of whole parts are left where several steps make them, and in rows that are too short
    copies = {line.split("(")[0] for line in f.source.splitlines() if line.startswith("static void push_")}
    assert len({name.rsplit("_", 1)[0] for name in copies}) == 5
