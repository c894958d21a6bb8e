"""The gradient of a choice is 0 through the branch that was not taken, whatever that branch's derivative is.

Expected values: the derivative of the branch that was taken, 0 elsewhere, as Theano 1.0.5 gives (its values
for log, sqrt and x * log(x) are in ../shared/cases/theano/switch_nan.real: 0 0 .5, 0 0 .25, 0 1).
"""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from tests.ops.backends import MODES, compiled

X = np.array([0.0, -1.0, 2.0, 800.0])
TAKEN = np.array([False, False, True, True])
SMALL = X < 5


def chosen(condition, values):
    with np.errstate(all="ignore"):
        return np.where(condition, values(X), 0.0)


#: name: (the formula, its first and its second derivative)
CASES = {
    "log": (lambda x: T.switch(x > 0, T.log(x), 0.0), (TAKEN, lambda x: 1 / x), (TAKEN, lambda x: -1 / x**2)),
    "where sqrt": (
        lambda x: T.where(x > 0, T.sqrt(x), 0.0),
        (TAKEN, lambda x: 0.5 * x**-0.5),
        (TAKEN, lambda x: -0.25 * x**-1.5),
    ),
    "x log(x)": (
        lambda x: T.switch(x <= 0, 0.0, x * T.log(x)),
        (TAKEN, lambda x: np.log(x) + 1),
        (TAKEN, lambda x: 1 / x),
    ),
    "of a function of log": (
        lambda x: T.switch(x > 0, T.sin(T.log(x)), 0.0),
        (TAKEN, lambda x: np.cos(np.log(x)) / x),
        (TAKEN, lambda x: -(np.sin(np.log(x)) + np.cos(np.log(x))) / x**2),
    ),
    "inverse": (
        lambda x: T.switch(T.eq(x, 0), 0.0, 1 / x),
        (X != 0, lambda x: -1 / x**2),
        (X != 0, lambda x: 2 / x**3),
    ),
    "nested": (
        lambda x: T.switch(x > 0, T.switch(x < 5, T.log(x), 1.0), 0.0),
        (TAKEN & SMALL, lambda x: 1 / x),
        (TAKEN & SMALL, lambda x: -1 / x**2),
    ),
    "exp": (lambda x: T.switch(x < 5, x * T.exp(x), 0.0), (SMALL, lambda x: (1 + x) * np.exp(x)),
            (SMALL, lambda x: (2 + x) * np.exp(x))),
    "power": (lambda x: T.switch(x > 0, x**1.5, 0.0), (TAKEN, lambda x: 1.5 * x**0.5),
              (TAKEN, lambda x: 0.75 * x**-0.5)),
    "maximum of a log": (lambda x: T.maximum(T.log(x), -3.0), (TAKEN, lambda x: 1 / x),
                         (TAKEN, lambda x: -1 / x**2)),
    "behind a view": (lambda x: T.switch((x > 0)[None, :], T.log(x).reshape((1, -1)), 0.0),
                      (TAKEN, lambda x: 1 / x), (TAKEN, lambda x: -1 / x**2)),
    "behind a cast": (lambda x: T.switch(x > 0, T.cast(T.log(T.cast(x, "float64")), "float64"), 0.0),
                      (TAKEN, lambda x: 1 / x), (TAKEN, lambda x: -1 / x**2)),
    "of a sum": (lambda x: T.switch(x[0] > 5, T.log(x).sum(), 0.0), (X > 900, np.log),
                 (X > 900, np.log)),
    "broadcast": (lambda x: T.switch(x[:, None] > 0, T.log(x[:, None]) * np.ones((1, 2)), 0.0),
                  (TAKEN, lambda x: 2 / x), (TAKEN, lambda x: -2 / x**2)),
    "in a loop": (
        lambda x: graphlib.scan(lambda row: T.switch(row > 0, T.log(row), 0.0), x)[0],
        (TAKEN, lambda x: 1 / x),
        (TAKEN, lambda x: -1 / x**2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_the_branch_not_taken_gives_zero(mode):
    x, d = T.dvector("x"), T.dvector("d")
    outputs, wanted, names = [], [], []
    direction = np.array([1.0, -2.0, 0.5, 3.0])
    for name, (build, first, second) in CASES.items():
        slope = T.grad(build(x).sum(), x)
        outputs += [slope, T.grad((slope * d).sum(), x, disconnected_inputs="ignore")]
        wanted += [chosen(*first), chosen(*second) * direction]
        names += [name, f"{name}, second derivative"]
    for got, expected, name in zip(compiled(mode, [x, d], outputs)(X, direction), wanted, names, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=0, err_msg=name)


def test_other_factors_of_a_branch():
    """The branch has a NaN where it is not taken, which is in the gradients by what it is multiplied with."""
    x, y = T.dvectors("x", "y")
    cost = T.switch(x > 0, T.tanh(T.log(x) * y), 0.0).sum()
    got = graphlib.function([x, y], T.grad(cost, y))([-1.0, 0.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(got, [0, 0, np.log(2) * (1 - np.tanh(3 * np.log(2)) ** 2)], rtol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_chosen_in_place_of_nan_stays_chosen_in_gradients(mode):
    """A missing target is replaced before it is used and its loss after; the second choice sees through the
    first one, which the gradient still needs.
    """
    x, t = T.dvectors("x", "t")
    missing = T.isnan(t)
    present = T.switch(missing, 0, t)
    p = T.nnet.sigmoid(x)
    losses = [
        T.switch(missing, 0, -(present * T.log(p) + (1 - present) * T.log(1 - p))),
        T.switch(missing, 0, T.tanh(x * present)),
    ]
    known = T.constant(np.array([0, np.nan, 1]))
    losses.append(T.switch(T.isnan(known), 0, T.tanh(x * T.switch(T.isnan(known), 0, known))))
    got = compiled(mode, [x, t], [T.grad(loss.sum() / 2, x) for loss in losses])([1, 2, -3], [0, np.nan, 1])
    s = 1 / (1 + np.exp(-np.array([1.0, 2, -3])))
    np.testing.assert_allclose(got[0], [s[0] / 2, 0, (s[2] - 1) / 2], rtol=1e-12)
    for each in got[1:]:
        np.testing.assert_allclose(each, [0, 0, (1 - np.tanh(-3) ** 2) / 2], rtol=1e-12)


#: what needs elements of other places than its own, in graphlib and in NumPy
MIXING = {
    "dot": (lambda v: T.dot(v, T.dot(v.T, v)), lambda v: v @ (v.T @ v)),
    "cumsum": (lambda v: T.cumsum(v, axis=1), lambda v: np.cumsum(v, axis=1)),
    "reversed": (lambda v: v[::-1, ::-1], lambda v: v[::-1, ::-1]),
    "sum": (lambda v: T.sum(v, axis=1, keepdims=True) * 2, lambda v: np.sum(v, axis=1, keepdims=True) * 2),
    "max": (lambda v: v - T.max(v, axis=0), lambda v: v - np.max(v, axis=0)),
    "softmax": (T.nnet.softmax, lambda v: np.exp(v) / np.exp(v).sum(axis=1, keepdims=True)),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_branch_that_mixes_places_needs_both_sides_of_a_choice(mode):
    """What is elementwise in the branch sees the side that was chosen there, a product does not."""
    x, m = T.dmatrix("x"), T.TensorType("bool", (None, None))("m")
    v = T.switch(m, x, 0.0)
    results = [T.switch(m, T.cosh(v) + ours(v), -1.0) for ours, _ in MIXING.values()]
    slope = T.grad(T.sinh(v).sum() + T.dot(v, T.dot(v.T, v)).sum(), x)
    values = np.random.RandomState(0).normal(size=(3, 4))
    mask = values > -0.3
    got = compiled(mode, [x, m], results)(values, mask)
    found = compiled(mode, [x, m], slope)(values, mask)  # alone: what others read too is not seen through
    kept = np.where(mask, values, 0)
    for name, result in zip(MIXING, got, strict=True):
        wanted = np.where(mask, np.cosh(kept) + MIXING[name][1](kept), -1)
        np.testing.assert_allclose(result, wanted, rtol=1e-12, err_msg=name)
    ones = np.ones_like(kept)
    # of sum(a b c) by a, by b and by c
    product = ones @ (kept.T @ kept).T + kept @ (kept.T @ ones).T + kept @ kept.T @ ones
    np.testing.assert_allclose(found, np.where(mask, np.cosh(kept) + product, 0), rtol=1e-12)
