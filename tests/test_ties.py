"""Gradients where a function has a kink, or several of what it chooses from are equal: those of Theano 1.0.5.

The numbers were measured of Theano (numpy 1.23.5, FAST_RUN, the C linker) or follow from its gradient rules,
which multiply by `x == max(x)`, `x >= low & x <= high` and the like; docs/gradients.md has them in a table.
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from graphlib.tensor.signal.pool import pool_2d

from .ops.backends import MODES, compiled

#: each: a cost's summand of x, where, and its gradient there
ELEMENTWISE = {
    "maximum(x, 0)": (lambda x: T.maximum(x, 0), [-1, 0, -0.0, 1], [0, 1, 1, 1]),
    "maximum(0, x)": (lambda x: T.maximum(0, x), [-1, 0, -0.0, 1], [0, 0, 0, 1]),
    "minimum(x, 0)": (lambda x: T.minimum(x, 0), [-1, 0, -0.0, 1], [1, 1, 1, 0]),
    "minimum(0, x)": (lambda x: T.minimum(0, x), [-1, 0, -0.0, 1], [1, 0, 0, 0]),
    "maximum(x, x)": (lambda x: T.maximum(x, x), [-1, 0, 2], [1, 1, 1]),
    "maximum(x, x**2)": (lambda x: T.maximum(x, x**2), [0, 1, 2], [1, 1, 4]),
    "clip": (lambda x: T.clip(x, 0, 1), [-1, 0, 0.5, 1, 2], [0, 1, 1, 1, 0]),
    "x.clip": (lambda x: x.clip(-1, 1), [-1, 0, 1, 1.5], [1, 1, 1, 0]),
    "clip to one number": (lambda x: T.clip(x, 1, 1), [0, 1, 2], [0, 1, 0]),
    "relu": (T.nnet.relu, [-2, 0, -0.0, 3], [0, 0.5, 0.5, 1]),
    "relu, alpha": (lambda x: T.nnet.relu(x, 0.1), [-2, 0, -0.0, 3], [0.1, 0.55, 0.55, 1]),
    "relu, negative alpha": (lambda x: T.nnet.relu(x, -1), [-2, 0, 3], [-1, 0, 1]),
    "elu": (T.nnet.elu, [0, -0.0, 3], [1, 1, 1]),
    "elu, alpha": (lambda x: T.nnet.elu(x, 0.3), [0, 3], [0.3, 1]),
    "selu": (T.nnet.selu, [0, 3], [1.7580993408473766, 1.0507009873554805]),
    "hard_sigmoid": (T.nnet.hard_sigmoid, [-3, -2.5, 0, 2.5, 3], [0, 0, 0.2, 0.2, 0]),
    "softplus": (T.nnet.softplus, [0, -0.0], [0.5, 0.5]),
    "softsign": (T.nnet.softsign, [0, -0.0], [1, 1]),
    "abs": (abs, [-2, 0, -0.0, 3], [-1, 0, 0, 1]),
    "sgn": (T.sgn, [-2, 0, 3], [0, 0, 0]),
    "x * (x > 0)": (lambda x: x * (x > 0), [-1, 0, 1], [0, 0, 1]),
    "x * (x >= 0)": (lambda x: x * (x >= 0), [-1, 0, 1], [0, 1, 1]),
    "switch(x < 0, 0, x)": (lambda x: T.switch(x < 0, 0, x), [-1, 0, 1], [0, 1, 1]),
    "switch(x > 0, x, 0)": (lambda x: T.switch(x > 0, x, 0), [-1, 0, 1], [0, 0, 1]),
    "(x + |x|) / 2": (lambda x: 0.5 * (x + abs(x)), [-1, 0, 1], [0, 0.5, 1]),
    "sqr(maximum(x, 0))": (lambda x: T.sqr(T.maximum(x, 0)), [-1, 0, 1], [0, 0, 2]),
    "hinge": (lambda x: T.maximum(0, 1 - x), [0, 1, 2], [-1, 0, 0]),
    "maximum of three": (lambda x: T.maximum(T.maximum(x, 2 * x), 3 * x), [-1, 0, 1], [1, 1, 3]),
}
#: each: a cost of a vector x, its value, and the gradient
CHOICES = {
    "max": (T.max, [1, 3, 3], [0, 1, 1]),
    "min": (T.min, [1, 3, 1], [1, 0, 1]),
    "max of equals": (T.max, [2, 2, 2], [1, 1, 1]),
    "max by method": (lambda x: x.max(), [0, -0.0], [1, 1]),
    "max of infinities": (T.max, [np.inf, 1, np.inf], [1, 0, 1]),
    "max_and_argmax": (lambda x: T.max_and_argmax(x, axis=0)[0], [3, 1, 3], [1, 0, 1]),
    "max over rows": (lambda x: T.max(x.reshape((2, 2)), axis=1).sum(), [1, 1, 2, 3], [1, 1, 0, 1]),
    "max over columns": (lambda x: T.max(x.reshape((2, 2)), axis=0).sum(), [1, 1, 1, 3], [1, 0, 1, 1]),
    "keepdims": (
        lambda x: (x.reshape((2, 2)) - T.min(x.reshape((2, 2)), axis=1, keepdims=True))[:, 0].sum(),
        [1, 1, 2, 3],
        [0, -1, 0, 0],
    ),
    "both axes": (lambda x: T.max(x.reshape((2, 2)), axis=(0, 1)), [3, 1, 2, 3], [1, 0, 0, 1]),
    "ptp": (lambda x: T.ptp(x), [1, 3, 1, 3], [-1, 1, -1, 1]),
    "ptp of equals": (lambda x: T.ptp(x), [2, 2], [0, 0]),
    "max pooling": (lambda x: pool_2d(x.reshape((2, 2)), (2, 2), True).sum(), [3, 1, 3, 3], [1, 0, 1, 1]),
    "sort": (lambda x: (T.sort(x) * [1.0, 2, 3]).sum(), [5, 5, 1], [2, 3, 1]),
    "max of relu": (lambda x: T.max(T.nnet.relu(x)), [0, -1], [0.5, 0]),
    "squared maximum": (lambda x: T.max(x) ** 2, [1, 3, 3], [0, 6, 6]),
}


@pytest.mark.parametrize("mode", MODES)
def test_elementwise(mode):
    inputs = [T.dvector() for _ in ELEMENTWISE]
    dxs = [T.grad(f(x).sum(), x) for x, (f, _, _) in zip(inputs, ELEMENTWISE.values(), strict=True)]
    results = compiled(mode, inputs, dxs)(*(at for _, at, _ in ELEMENTWISE.values()))
    for (name, (_, _, wanted)), got in zip(ELEMENTWISE.items(), results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("mode", MODES)
def test_elementwise_in_float32_forward_and_in_a_loop(mode):
    """The derivative along 1 is the gradient; and one step of a loop is what is computed without."""
    inputs = [T.fvector() for _ in ELEMENTWISE]
    outputs = []
    for x, (f, _, _) in zip(inputs, ELEMENTWISE.values(), strict=True):
        outputs.append(graphlib.Rop(f(x), x, T.ones_like(x), disconnected_outputs="ignore"))
        rows, _ = graphlib.scan(lambda v, f=f: T.cast(f(v), "float32"), T.stack([x, x]))
        outputs.append(T.grad(rows.sum(), x) / 2)
    results = iter(compiled(mode, inputs, outputs)(*(np.float32(at) for _, at, _ in ELEMENTWISE.values())))
    for name, (_, _, wanted) in ELEMENTWISE.items():
        np.testing.assert_allclose(next(results), wanted, rtol=1e-6, err_msg=f"{name}, forward")
        np.testing.assert_allclose(next(results), wanted, rtol=1e-6, err_msg=f"{name}, in a loop")


@pytest.mark.parametrize("mode", MODES)
def test_choices(mode):
    inputs = [T.dvector() for _ in CHOICES]
    costs = [f(x) for x, (f, _, _) in zip(inputs, CHOICES.values(), strict=True)]
    outputs = [T.grad(c, x) for c, x in zip(costs, inputs, strict=True)]
    # the derivative along 1 is the sum of the gradient
    outputs += [graphlib.Rop(c, x, T.ones_like(x)) for c, x in zip(costs, inputs, strict=True)]
    results = iter(compiled(mode, inputs, outputs)(*(at for _, at, _ in CHOICES.values())))
    for name, (_, _, wanted) in CHOICES.items():
        np.testing.assert_allclose(next(results), wanted, rtol=1e-12, err_msg=name)
    for name, (_, _, wanted) in CHOICES.items():
        np.testing.assert_allclose(next(results), np.sum(wanted), rtol=1e-12, err_msg=f"{name}, forward")


@pytest.mark.parametrize("mode", MODES)
def test_of_two_operands_the_first_gets_all(mode):
    a, b, low, high = T.dvector("a"), T.dvector("b"), T.dscalar("low"), T.dscalar("high")
    outputs = [
        *T.grad(T.maximum(a, b).sum(), [a, b]),
        *T.grad(T.minimum(a, b).sum(), [a, b]),
        *T.grad(T.clip(a, low, high).sum(), [a, low, high]),
        *T.grad(T.nnet.relu(a, b).sum(), [a, b]),
    ]
    wanted = [
        [0, 1, 1, 1],
        [1, 0, 0, 0],
        [1, 1, 1, 0],
        [0, 0, 0, 1],
        # of [-1, 0, 1, 2] between 0 and 1, beyond each bound there is one
        [0, 1, 1, 0],
        1,
        1,
        [0, 0.5, 1, 1],
        [-1, 0, 0, 0],
    ]
    f = compiled(mode, [a, b, low, high], outputs)
    for got, want in zip(f([-1, 0, 1, 2], [0, 0, 1, -3], 0, 1), wanted, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("mode", MODES)
def test_second_derivatives(mode):
    x = T.dvector("x")
    cases = [
        (T.max(x) ** 2, [3, 3], [[2, 2], [2, 2]]),
        (T.min(x) ** 3, [2, 2], [[12, 12], [12, 12]]),
        ((T.maximum(x, 0) ** 2).sum(), [0, 1], [[2, 0], [0, 2]]),
        ((T.nnet.relu(x) ** 2).sum(), [0, 1], [[0.5, 0], [0, 2]]),
        ((T.nnet.elu(x)).sum(), [0, 1], [[1, 0], [0, 0]]),
        ((T.clip(x, 0, 1) ** 2).sum(), [0, 1], [[2, 0], [0, 2]]),
        (pool_2d(x.reshape((1, 2)), (1, 2), True).sum() ** 2, [3, 3], [[2, 2], [2, 2]]),
    ]
    for cost, at, wanted in cases:
        got = compiled(mode, [x], graphlib.hessian(cost, x))(at)
        np.testing.assert_allclose(got, wanted, rtol=1e-12, err_msg=str(cost))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "activation, learns",
    [
        (T.nnet.relu, True),
        (lambda z: T.nnet.relu(z, 0.1), True),
        (lambda z: T.maximum(z, 0), True),
        (lambda z: T.maximum(0, z), False),
        (lambda z: T.clip(z, 0, 9), True),
        (T.nnet.elu, True),
        (T.nnet.selu, True),
        (lambda z: T.switch(z < 0, 0, z), True),
    ],
    ids=["relu", "leaky relu", "maximum(z, 0)", "maximum(0, z)", "clip", "elu", "selu", "switch"],
)
def test_a_unit_that_starts_at_zero_learns(mode, activation, learns):
    """All but the one that is flat at 0, as in Theano."""
    w = graphlib.shared(np.zeros(2))
    x, y = np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([1.0, 2, 3])
    cost = T.sqr(activation(T.dot(x, w)) - y).mean()
    step = compiled(mode, [], cost, updates=[(w, w - 0.1 * T.grad(cost, w))])
    first, *_, last = (float(step()) for _ in range(60))
    assert first == pytest.approx(14 / 3)
    assert last < 0.01 if learns else last == first


@pytest.mark.parametrize("mode", MODES)
def test_rectified_values(mode):
    """Also at infinities and NaN, where Theano's formula (x + |x|) / 2 has NaN for -inf."""
    x, i = T.fvector("x"), T.TensorType("uint8", (None,))("i")
    at = np.array([-np.inf, -1, -0.0, 0, 3e38, np.inf, np.nan], "float32")
    outputs = [
        T.nnet.relu(x),
        T.nnet.relu(x, 0.5),
        T.nnet.relu(i),
        T.nnet.relu(i, 3),
        T.grad(T.nnet.relu(x).sum(), x),
    ]
    got = compiled(mode, [x, i], outputs)(at, np.array([0, 200], "uint8"))
    np.testing.assert_array_equal(got[0], np.float32([0, 0, 0, 0, 3e38, np.inf, np.nan]))
    np.testing.assert_array_equal(got[1], np.float32([-np.inf, -0.5, 0, 0, 3e38, np.inf, np.nan]))
    assert got[2].tolist() == [0, 200] and got[3].tolist() == [0, 200]
    assert got[4].tolist() == [0, 0, 0.5, 0.5, 1, 1, 0]
