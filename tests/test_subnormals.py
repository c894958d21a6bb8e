"""``config.flush_subnormals``: numbers too small to be normal are 0 where it is set, and nowhere else."""

import pickle
import platform

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.graph import toposort
from tests.ops.backends import compiled

#: elsewhere nothing is known that would have it so, and the setting does nothing
FLUSHES = platform.machine() in ("x86_64", "AMD64", "aarch64", "arm64")
#: half of which is subnormal, as are the numbers after it
SMALL = np.float32(1.5e-38)
assert 0 < SMALL * np.float32(0.5) < np.finfo("float32").tiny


def functions(flush):
    """One whose outputs have known lengths, one where they follow from the input, one that also reads them
    from values; and a state, which is updated."""
    x, y = T.fvector("x", shape=(50_000,)), T.fvector("y")
    state = graphlib.shared(np.full(3, SMALL), name="state", shape=(3,))
    with graphlib.config.change(flush_subnormals=flush, threads=2):
        known = compiled("c", [x], [x * 0.5, (x * 0.5).sum()], updates=[(state, state * 0.5)])
        return known, compiled("c", [y], y * 0.5), compiled("c", [y], y[y > 0] * 0.5), state


@pytest.mark.parametrize("flush", [True, False])
def test_subnormal_numbers(flush):
    zero = flush and FLUSHES
    wanted = 0 if zero else SMALL * np.float32(0.5)
    known, following, picked, state = functions(flush)
    values = np.full(50_000, SMALL)
    for _ in range(3):  # chunks of the team's threads, too
        halves, total = known(values)
        assert (halves == wanted).all()
        np.testing.assert_allclose(total, 50_000 * wanted, rtol=1e-3)
    halves, _ = known.map([values] * 2)
    assert (halves == wanted).all()
    assert (state.get_value() == (0 if zero else SMALL / 32)).all()
    assert (following(values) == wanted).all()
    assert (picked(values[:9]) == wanted).all()
    # an operand that is subnormal already
    assert (following(np.full(5, 1e-40, "float32")) == (0 if zero else np.float32(1e-40) / 2)).all()
    # what is not of graphlib computes as before
    assert (values * np.float32(0.5) > 0).all()


def test_numbers_that_are_normal_are_what_they_were():
    x = T.fmatrix("x")
    values = np.random.RandomState(0).normal(size=(40, 50)).astype("float32")
    values[3, 4], values[5] = np.nan, np.inf
    found = []
    for flush in (False, True):
        with graphlib.config.change(flush_subnormals=flush):
            f = compiled("c", [x], [T.nnet.softmax(x), x.sum(axis=0), T.dot(x, x.T)])
        found.append(f(values))
    for plain, flushed in zip(*found, strict=True):
        np.testing.assert_array_equal(plain, flushed)


@pytest.mark.parametrize("device", ["cpu", "cuda-emulated"])
def test_a_softmax_has_no_subnormal_exponentials(device):
    """What is smaller than any normal number beside a 1 is 0; all else is as it should be, NaN and infinity
    included."""
    x, y = T.fmatrix("x"), T.dmatrix("y")
    with graphlib.config.change(device=device):
        f = graphlib.function([x, y], [g(v) for v in (x, y) for g in (T.nnet.softmax, T.nnet.logsoftmax)])
    given = []
    for dtype, least in (("float32", -87.33654), ("float64", -708.39641)):
        far = np.concatenate([np.linspace(1.3 * least, 0, 5001), [-np.inf]])
        given.append(np.stack([np.zeros_like(far), far], 1).astype(dtype))
    for rows, p, log_p in zip(given, *(iter(f(*given)),) * 2, strict=True):
        far = rows[:, 1].astype("longdouble")
        tiny = np.finfo(rows.dtype).tiny
        e = np.where(np.exp(far) < tiny, 0, np.exp(far))
        np.testing.assert_allclose(p[:, 1], e / (1 + e), rtol=1e-6 if rows.dtype == "float32" else 1e-15)
        assert (p[np.exp(far) < tiny, 1] == 0).all() and (p[np.exp(far) > 1.01 * tiny, 1] > 0).all()
        np.testing.assert_allclose(log_p[:, 1], far - np.log1p(np.exp(far)), rtol=1e-6)
    odd = [np.array([[np.nan, 0], [np.inf, 0], [-np.inf, -np.inf]], v.dtype) for v in given]
    for p in f(*odd)[::2]:
        assert np.isnan(p).all()


def test_a_softmax_that_is_written_out_can_be_pickled():
    x = T.matrix("x")
    written_out = pickle.loads(pickle.dumps(graphlib.function([x], T.nnet.softmax(x)).optimized[0]))
    leaf = next(v for node in toposort([written_out]) for v in node.inputs if v.name == "x")
    again = graphlib.function([leaf], written_out)
    np.testing.assert_allclose(again([[0, np.log(3)]]), [[0.25, 0.75]], rtol=1e-6)
