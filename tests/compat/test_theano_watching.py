"""Modes that look at every value: NanGuardMode and MonitorMode."""

import copy

import numpy as np
import pytest

from graphlib.errors import NanError

BIG = 1e20


@pytest.fixture
def T(theano):
    return theano.tensor


def test_nan_guard_mode_looks_at_every_value(theano, T):
    """Theano 1.0.5: AssertionError for each of them, also where the result is a plain number."""
    x = T.vector("x")
    s = theano.shared(np.zeros(2), "s")
    mode = theano.compile.nanguardmode.NanGuardMode(nan_is_error=True, inf_is_error=True)
    f = theano.function([x], 1 / (2 + T.exp(x * x)), updates=[(s, s + 1 / x)], mode=mode)
    np.testing.assert_allclose(f([1.0, 2.0]), 1 / (2 + np.exp([1.0, 4.0])))
    assert s.get_value().tolist() == [1.0, 0.5]
    for value, what in ((np.nan, "NaN in x"), (np.inf, "an infinite value in x"), (BIG, "beyond 1e.10 in x")):
        with pytest.raises(AssertionError, match=what):
            f([1.0, value])
    with pytest.raises(NanError, match=r"an infinite value comes from exp.*, line"):
        f([1.0, 30.0])
    with pytest.raises(NanError, match="an infinite value comes from"):
        f([1.0, 0.0])
    assert s.get_value().tolist() == [1.0, 0.5]


def test_nan_guard_mode_overlooks_what_it_is_told_to(theano, T):
    x = T.vector("x")
    guard = theano.compile.nanguardmode.NanGuardMode
    theano.config.NanGuardMode.big_is_error = False
    big = theano.function([x], x + 1, mode=guard())
    theano.config.NanGuardMode.big_is_error = True
    finite = theano.function([x], x + 1, mode=guard(nan_is_error=False))
    assert big([BIG])[0] == BIG and np.isnan(finite([np.nan])[0])
    for f, value in ((big, np.inf), (big, np.nan), (finite, np.inf), (copy.copy(finite), BIG)):
        with pytest.raises(NanError):
            f([value])


def test_monitor_mode_calls_before_and_after_each_node(theano, T):
    x = T.vector("x")
    y = T.log(x) * x
    seen = []

    def before(i, node, fn):
        seen.append((i, "before", node.op, [a[0].tolist() for a in fn.inputs], fn.outputs))

    def after(i, node, fn):
        seen.append((i, "after", node.op, [a[0].tolist() for a in fn.outputs]))

    mode = theano.compile.MonitorMode(pre_func=before, post_func=after).excluding("fusion")
    with np.errstate(all="ignore"):
        assert np.isnan(theano.function([x], y, mode=mode)([0.0])[0])
    log, product = y.owner.inputs[0].owner.op, y.owner.op
    assert [s[:3] for s in seen] == [
        (0, "before", log),
        (0, "after", log),
        (1, "before", product),
        (1, "after", product),
    ]
    assert seen[0][3:] == ([[0.0]], [[None]]) and seen[1][3] == [[-np.inf]] and np.isnan(seen[3][3][0][0])


def test_a_nan_is_written_by_detect_nan(theano, T, capsys):
    x = T.dscalar("x")
    mode = theano.compile.MonitorMode(post_func=theano.compile.monitormode.detect_nan)
    f = theano.function([x], [T.log(x) * x], mode=mode)
    with np.errstate(all="ignore"):
        f(0)
    assert "*** NaN detected ***" in (text := capsys.readouterr().out) and "Inputs : [array(-inf)" in text
    f(1)
    assert capsys.readouterr().out == ""
