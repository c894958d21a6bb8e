"""Streams with Theano's numbers, seed for seed.

``theano_draws.json`` is what real Theano 1.0.5 (numpy 1.23.5, Python 3.11, THEANO_FLAGS=floatX=float32,
C linker; what is in a scan by linker=py) gave for the draws of this file, in their order.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError, ShapeError
from graphlib.graph.types import mersenne_generator
from graphlib.tensor import raw_random
from graphlib.tensor.sequential import MersenneStreams, MRGStreams

PATH = Path(__file__).with_name("theano_draws.json")
TRUTH = {name: np.array(values, dtype) for name, (dtype, values) in json.loads(PATH.read_text()).items()}
DATA = np.arange(12, dtype="float32").reshape(3, 4)


def check(group, m, variables, mode=None):
    """Two calls of a function of all draws; MRG's normal numbers are those of another cosine, and
    low + width u is rounded once or twice."""
    f = graphlib.function([m], list(variables.values()), on_unused_input="ignore", mode=mode)
    for call in range(2):
        for name, found in zip(variables, f(DATA), strict=True):
            key = f"{group}.{name}.{call}"
            if key not in TRUTH:
                continue
            wanted = TRUTH[key]
            assert found.dtype == wanted.dtype, key
            if group.startswith("mrg") and (name in ("b", "uniform_low", "truncated") or "norm" in name):
                np.testing.assert_allclose(found, wanted, 2e-5, 2e-6, err_msg=key)
            else:
                np.testing.assert_array_equal(found, wanted, err_msg=key)


@pytest.mark.parametrize("device", ["cpu", "cuda-emulated"])
def test_mersenne_streams(device):
    with graphlib.config.change(device=device):
        mersenne_streams()


def mersenne_streams():
    m = T.matrix("m")
    r = MersenneStreams(1234)
    p = (m + 1) / (m + 1).sum(axis=1, keepdims=True)
    check("mt", m, {
        "uniform": r.uniform((2, 3)),
        "uniform_low": r.uniform((3,), low=-0.1, high=0.35),
        "uniform_param": r.uniform(None, low=m, high=m + 1),
        "uniform_shape": r.uniform(m.shape),
        "uniform_borrow": r.uniform((2, -1, 4), low=m),
        "normal": r.normal((5,)),
        "normal_par": r.normal((3, 4), avg=m, std=2.0),
        "normal_size": r.normal(m.shape[0:1], ndim=1),
        "binomial": r.binomial((3, 4), p=0.7),
        "binomial_m": r.binomial(m.shape, 1, 0.3, dtype="float32"),
        "binomial_p": r.binomial(p=m / 12, size=m.shape),
        "binomial_n": r.binomial((4,), n=20, p=0.2),
        "binomial_big": r.binomial((4,), n=500, p=0.6),
        "integers": r.random_integers((6,), 2, 9),
        "integers_a": r.random_integers(low=T.cast(m, "int64"), high=T.cast(m + 5, "int64")),
        "choice": r.choice((5,), a=7),
        "choice_p": r.choice((5,), a=3, p=[0.1, 0.3, 0.6]),
        "choice_wo": r.choice((3,), a=7, replace=False),
        "choice_wo_p": r.choice((2,), a=4, replace=False, p=[0.1, 0.2, 0.3, 0.4]),
        "choice_vector": r.choice((4,), a=m[0]),
        "permutation": r.permutation(n=8),
        "permutation2": r.permutation((2,), n=4),
        "poisson": r.poisson((6,), lam=3.0),
        "poisson_big": r.poisson((4,), lam=55.0),
        "multinomial": r.multinomial((5,), n=1, pvals=[0.2, 0.3, 0.5]),
        "multinomial_rows": r.multinomial(n=3, pvals=p),
        "shuffle": r.shuffle_row_elements(m),
    })  # fmt: skip
    r.seed(77)
    check("seeded", m, {"a": r.uniform((2,)), "b": r.normal((2,))})


@pytest.mark.parametrize("device", ["cpu", "cuda-emulated"])
def test_mrg_streams(device):
    with graphlib.config.change(device=device):
        mrg_streams()


def mrg_streams():
    m = T.matrix("m")
    s = MRGStreams(1234)
    p = (m + 1) / (m + 1).sum(axis=1, keepdims=True)
    check("mrg", m, {
        "uniform": s.uniform((2, 3)),
        "uniform_big": s.uniform((7, 9)),
        "uniform64": s.uniform((4,), dtype="float64"),
        "uniform32": s.uniform((4,), dtype="float32"),
        "uniform_low": s.uniform((5,), -2.0, 3.0),
        "uniform_shape": s.uniform(m.shape),
        "uniform_streams": s.uniform((10,), nstreams=3),
        "binomial": s.binomial((4, 5), p=0.3),
        "binomial_m": s.binomial(m.shape, p=m / 12),
        "normal": s.normal((3, 3)),
        "normal_n": s.normal((4,), avg=1.0, std=2.0, nstreams=2),
        "normal_shape": s.normal(m.shape),
        "truncated": s.truncated_normal((3, 5)),
        "truncate_norm": s.normal((40,), truncate=True),
        "multinomial": s.multinomial(pvals=p),
        "multinomial3": s.multinomial(n=3, pvals=p),
        "choice": s.choice(size=2, replace=False, p=p),
        "int_dims": s.uniform((np.int64(3), 2)),
    })  # fmt: skip
    s.seed(99)
    check("mrgseed", m, {"a": s.uniform((2,)), "b": s.normal((2,))})
    s = MRGStreams([1, 2, 3, 4, 5, 6])
    check("mrg6", m, {"a": s.uniform((20,))})
    np.testing.assert_array_equal(s.rstate, TRUTH["mrg6.rstate"])


def test_a_generator_is_taken_out_changed_and_put_back():
    r = MersenneStreams(5)
    u = r.uniform((2,))
    r.normal((3,))
    f = graphlib.function([], u)
    f()
    state = r.state_updates[0][0]
    r[state] = np.random.RandomState(89234)
    np.testing.assert_array_equal(f(), TRUTH["rng.set"])
    np.testing.assert_array_equal(r[state].get_state()[1][:5], TRUTH["rng.key"])
    still = graphlib.function([], u, no_default_updates=True)
    np.testing.assert_array_equal(still(), still())


def test_draws_that_a_step_closes_over_are_made_anew_at_each():
    m = T.matrix("m")
    w, s = MersenneStreams(3), MRGStreams([1, 2, 3, 4, 5, 6])
    s.uniform((20,))
    draw = w.uniform((2,))
    captured, _ = graphlib.scan(lambda x: x + draw, sequences=m)
    f = graphlib.function([m], captured)
    np.testing.assert_array_equal(f(DATA[:, :2]), TRUTH["scan.captured"])
    np.testing.assert_array_equal(f(DATA[:, :2]), TRUTH["scan.again"])
    inside, updates = graphlib.scan(lambda x: x + w.normal((2,)) + s.uniform((2,)), sequences=m)
    f = graphlib.function([m], inside, updates=updates)
    # by linker=py Theano multiplies in float64 and rounds then
    np.testing.assert_allclose(f(DATA[:, :2]), TRUTH["scan.inside"], 1e-6)
    np.testing.assert_allclose(f(DATA[:, :2]), TRUTH["scan.inside2"], 1e-6)


def test_raw_draws_give_the_state_that_follows():
    state = raw_random.random_state_type()
    after, numbers = raw_random.uniform(state, (3,))
    f = graphlib.function([state], [after, numbers])
    numpys = np.random.RandomState(8)
    after, found = f(np.random.RandomState(8))
    np.testing.assert_array_equal(found, numpys.uniform(size=3).astype("float32"))
    np.testing.assert_array_equal(mersenne_generator(after).get_state()[1], numpys.get_state()[1])


def test_what_is_no_draw_is_refused():
    r, s = MersenneStreams(1), MRGStreams()
    with pytest.raises(InputError, match="needs a size"):
        r.choice(a=3)
    with pytest.raises(ShapeError, match="a parameter 2"):
        r.uniform((3,), low=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="be all 0"):
        MRGStreams(0)
    with pytest.raises(ValueError, match="less than"):
        MRGStreams(2**31 - 1)
    with pytest.raises(ValueError, match="not positive"):
        s.uniform((0, 3))
    with pytest.raises(NotImplementedError, match="n=1"):
        s.binomial((3,), n=2)
    f = graphlib.function([], r.choice((3,), 5, False, p=[0.5, 0.5, 0.0, 0.0, 0.0]))
    with pytest.raises(graphlib.errors.DomainError, match="each p that is not 0"):
        f()
