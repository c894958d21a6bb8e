"""Sums of so many terms that adding them up one by one in float32 would show: a million times 0.1 would be
1 % off.  The values are those of float64."""

import numpy as np
import pytest

import graphlib.tensor as T

from .backends import MODES, compiled

#: what a sum may be off, in roundings: PyTorch 2.13's, on the CPU, are off by up to 15 (columns of a million
#: rows of four numbers 0.1)
EPSILON = 2.0**-24
ROUNDINGS = 15


def off(got, wanted):
    """Roundings that a result is away from the truth."""
    assert got.dtype == np.float32
    return np.max(np.abs(got - wanted) / np.abs(wanted)) / EPSILON


@pytest.mark.parametrize("mode", MODES)
def test_sums_along_every_axis(mode):
    """Rows, columns, planes, what is left of four axes, sums of sums and running sums; of 0.1, where each
    addition rounds the same way, and of noise about 10."""
    m, t, q = T.fmatrix("m"), T.ftensor3("t"), T.ftensor4("q")
    tall = [
        m.sum(axis=0),
        m.mean(axis=0),
        m.T.sum(axis=1),
        (m * 2).sum(),
        T.tanh(m).sum(axis=0),
        m.var(axis=0),
    ]
    planes = [t.sum(axis=a) for a in (0, 1, 2, (0, 1), (0, 2), (1, 2))]
    batch = [q.sum(axis=a) for a in ((0, 2, 3), (0, 1, 2), (0, 2), (1, 3), 0)]
    f = compiled(mode, [m, t, q], [*tall, *planes, *batch, t.sum(axis=0).sum(axis=0), m.cumsum(axis=0)[-1]])
    noise = np.random.RandomState(0).uniform(9, 11, (200000, 3)).astype("float32")
    for a in (np.full((200000, 3), 0.1, "float32"), noise):
        cube, four = a.reshape(300, 200, 10), a.reshape(100, 6, 50, 20)
        d, c, e = a.astype("float64"), cube.astype("float64"), four.astype("float64")
        got = f(a, cube, four)
        var = got.pop(5)
        if a is noise:
            assert off(var, d.var(axis=0)) < 200  # float32 of a mean of 10 is a variance's 1e-6 off
        wanted = [d.sum(axis=0), d.mean(axis=0), d.sum(axis=0), 2 * d.sum(), np.tanh(d).sum(axis=0)]
        wanted += [c.sum(axis=x) for x in (0, 1, 2, (0, 1), (0, 2), (1, 2))]
        wanted += [e.sum(axis=x) for x in ((0, 2, 3), (0, 1, 2), (0, 2), (1, 3), 0)]
        wanted += [c.sum(axis=(0, 1)), d.sum(axis=0)]
        worst = [off(g, w) for g, w in zip(got, wanted, strict=True)]
        assert max(worst) < ROUNDINGS, np.round(worst, 1)
