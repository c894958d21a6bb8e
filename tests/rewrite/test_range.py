"""Rewritten formulas neither overflow nor vanish where they do not as they are written; NaN, infinity and -0
go through, and quotients are rounded once.  Wanted values are numpy's, of the formula as it stands."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib import grad
from tests.ops.backends import MODES, compiled

#: formulas of two scalars and of vectors, and values of which some other order of them leaves float32's range
MOVED = [
    (lambda s, t, x, y: s * (t * x), (1e30, 1e30, 1e-30, 1)),
    (lambda s, t, x, y: s * (t * x), (1e-30, 1e-30, 1e30, 1)),
    (lambda s, t, x, y: (s * x) * y, (1e30, 1, 1e-30, 1e-15)),
    (lambda s, t, x, y: (s * x) / y, (1e-30, 1, 1e30, 1e-15)),
    (lambda s, t, x, y: x / (s * y), (1e30, 1, 1e-30, 1e-30)),
    (lambda s, t, x, y: x / s, (1e-39, 1, 1e-39, 1)),
    (lambda s, t, x, y: x / s / t, (1e-30, 1e30, 1e-20, 1)),
    (lambda s, t, x, y: x / (s / y), (1e30, 1, 1e-30, 1e30)),
    (lambda s, t, x, y: s * x + s * y, (1e-30, 1, 3e38, 3e38)),
    (lambda s, t, x, y: s * x - s * y, (1e-30, 1, 3e38, -3e38)),
    (lambda s, t, x, y: (s * x).sum(), (1e-30, 1, 3e38, 1)),
    (lambda s, t, x, y: (x / s).sum(), (1e30, 1, 3e38, 1)),
    (lambda s, t, x, y: (1e-30 * x).sum(), (1, 1, 3e38, 1)),
    (lambda s, t, x, y: (x * y[0]).sum(), (1, 1, 3e38, 1e-20)),
    (lambda s, t, x, y: (x[:, None] * y[None, :1]).sum(axis=0), (1, 1, 3e38, 1e-20)),
    (lambda s, t, x, y: (x[:, None] / y[None, :1]).sum(axis=0), (1, 1, 3e38, 1e20)),
    (lambda s, t, x, y: (s * x) @ y, (1e-30, 1, 3e38, 2)),
    (lambda s, t, x, y: (s * x[None]) @ (t * y[:, None]), (1e-30, 1e30, 3e38, 3e-38)),
    (lambda s, t, x, y: y - s * (t * (x[None] @ y[:, None])[0]), (1e30, 1e30, 1e-30, 1e-30)),
    (lambda s, t, x, y: 2 * s / t, (3e38, 3e38, 1, 1)),
    (lambda s, t, x, y: s * (2 * t), (1e-30, 3e38, 1, 1)),
]


@pytest.mark.parametrize("mode", MODES)
def test_scalars_stay_where_they_are_in_range(mode):
    inputs, outputs, arguments, wanted = [], [], [], []
    for build, (s, t, x, y) in MOVED:
        variables = [T.fscalar("s"), T.fscalar("t"), T.fvector("x"), T.fvector("y")]
        values = [np.float32(s), np.float32(t), np.full(3, x, "float32"), np.full(3, y, "float32")]
        inputs += variables
        outputs.append(build(*variables))
        arguments += values
        with np.errstate(all="ignore"):
            wanted.append(np.asarray(build(*values)))
    results = compiled(mode, inputs, outputs)(*arguments)
    for k, (got, want) in enumerate(zip(results, wanted, strict=True)):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=0, err_msg=f"number {k}")


@pytest.mark.parametrize("mode", MODES)
def test_a_quotient_is_rounded_once(mode):
    """As a product with the inverse, x / x is below 1 for some numbers, and their bin is the one below."""
    x, s, i, f = T.dvector("x"), T.dscalar("s"), T.lvector("i"), T.fvector("f")
    numbers = np.arange(1.0, 400)
    divided = [x / c for c in (3.0, 41.0, 49.0, 0.1)] + [i / 41, i / 10, f / 3.0, f / f.max(), x / x.sum()]
    results = compiled(mode, [x, s, i, f], [x / s, *divided, T.floor(x / x.max() * 10)])(
        numbers, 49.0, numbers.astype("int64"), numbers.astype("float32")
    )
    whole, single = numbers.astype("int64").astype(graphlib.config.floatX), numbers.astype("float32")
    wanted = [numbers / c for c in (49.0, 3.0, 41.0, 49.0, 0.1)]
    wanted += [whole / whole.dtype.type(41), whole / whole.dtype.type(10), single / np.float32(3)]
    wanted += [single / single.max(), numbers / numbers.sum(), np.floor(numbers / numbers.max() * 10)]
    for k, (got, want) in enumerate(zip(results, wanted, strict=True)):
        np.testing.assert_array_equal(got, want, err_msg=f"number {k}")
    one = compiled(mode, [x, s], T.floor(x / s))
    assert all(one([c], c) == 1 for c in (49.0, 98.0, 103.0, 107.0, 161.0))


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_number_stays_none(mode):
    x, s, n = T.dvector("x"), T.dscalar("s"), T.lscalar("n")
    outputs = [
        x * 0,
        0 / x,
        x - x,
        x / x,
        T.exp(x) / T.exp(x),
        T.zeros_like(x) * x,
        T.dot(x, T.zeros_like(x)),
    ]
    array = np.array([np.nan, np.inf, -np.inf, 0.0, 2.0])
    nan = np.nan
    wanted = [
        [nan, nan, nan, 0, 0],
        [nan, 0, 0, nan, 0],
        [nan, nan, nan, 0, 0],
        [nan, nan, nan, nan, 1],
        [nan, nan, nan, 1, 1],
        [nan, nan, nan, 0, 0],
        nan,
    ]
    signs = [1 / (x + 0), 1 / (0 - x), 1 / (0 + T.sqr(x)), 1 / (x - 0), 1 / (x * -1)]
    sums = [T.alloc(s, n).sum(), T.alloc(s, n, 2).sum(axis=0), (T.alloc(s, 3, n) * 2).sum()]
    function = compiled(mode, [x, s, n], [*outputs, *signs, *sums])
    results = function(array, np.inf, 0)
    for k, (got, want) in enumerate(zip(results, wanted, strict=False)):
        np.testing.assert_array_equal(got, want, err_msg=f"number {k}")
    assert [r.tolist() for r in results[-3:]] == [0, [0, 0], 0]
    results = function(np.array([-0.0, 0.0]), 1.5, 2)
    inf = np.inf
    assert [r.tolist() for r in results[7:12]] == [
        [inf, inf],
        [inf, inf],
        [inf, inf],
        [-inf, inf],
        [inf, -inf],
    ]
    assert [r.tolist() for r in results[-3:]] == [3, [3, 3], 18]


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_batch_has_no_gradient(mode):
    """The mean of nothing is NaN, but its gradient by a weight is 0: 1 / 0, added up 0 times."""
    x, W, b = T.dmatrix("x"), T.dmatrix("W", shape=(3, 2)), T.dvector("b", shape=(2,))
    costs = [T.sqr(T.dot(x, W) + b).mean(), -T.log(T.nnet.softmax(T.dot(x, W) + b))[:, 0].mean()]
    gradients = [g for cost in costs for g in grad(cost, [W, b])]
    for got in compiled(mode, [x, W, b], gradients)(np.zeros((0, 3)), np.ones((3, 2)), np.ones(2)):
        assert got.shape in ((3, 2), (2,)) and not got.any()


def test_a_term_times_the_number_zero_has_no_gradient():
    """As a weight of decay that is 0: the term's own derivative, infinite at 0, does not matter."""
    x = T.dvector("x")
    cost = T.sqr(x).sum() + 0.0 * T.sqrt(x).sum()
    assert compiled("reference", [x], grad(cost, x))([0.0, 2.0]).tolist() == [0, 4]
