"""Formulas written naively, on inputs where they overflow: rewritten, they and their gradients are finite and
exact.

Expected values come from scipy in float64 and from the formulas of the derivatives.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as sp

import graphlib.tensor as T
from graphlib.gradient import grad
from graphlib.graph import TensorType
from tests.rewrite import evaluate, rewritten

EXTREMES = np.array([-1000.0, -100.0, -30.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 30.0, 100.0, 1000.0])
ROWS = np.array([[1000.0, -1000.0, 0.0], [-1000.0, -1000.5, -999.0], [1e-3, 0.0, -1e-3], [5.0, 700.0, -30.0]])
LABELS = np.array([1, 2, 0, 2])
DTYPES = ("float32", "float64")


def run(build, dtype, *arrays, wrt=0):
    """The values of ``build`` and of the gradient of its sum, rewritten."""
    inputs = [TensorType(a.dtype, (None,) * a.ndim)(f"input {i}") for i, a in enumerate(arrays)]
    output = build(*inputs)
    results, _ = rewritten([output, grad(output.sum(), inputs[wrt])], inputs)
    value, gradient = evaluate(results, inputs, arrays)
    assert value.dtype == gradient.dtype == dtype
    return value, gradient


def close(got, wanted, dtype, atol=0.0):
    rtol = 2e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=max(atol, np.finfo(dtype).tiny))


def minus_sigmoid(x):
    return sp.expit(-x)


def log_erfc(x):
    return np.where(
        x < 0.5, np.log1p(-sp.erf(np.minimum(x, 0.5))), np.log(sp.erfcx(np.maximum(x, 0.5))) - x**2
    )


def minus_erfcx(x):
    """The derivative of log(erfc(x)), -2 / sqrt(pi) exp(-x²) / erfc(x)."""
    return -2 / np.sqrt(np.pi) / sp.erfcx(x)


ELEMENTWISE = {
    "log erfc": (lambda x: T.log(T.erfc(x)), log_erfc, minus_erfcx),
    "log of the normal distribution's upper tail": (
        lambda x: T.log((1 - T.erf(x)) / 2),
        lambda x: log_erfc(x) - np.log(2),
        minus_erfcx,
    ),
    "log(1 + erf)": (lambda x: T.log(1 + T.erf(-x)), log_erfc, minus_erfcx),
    "sigmoid": (lambda x: 1 / (1 + T.exp(-x)), sp.expit, lambda x: sp.expit(x) * sp.expit(-x)),
    "sigmoid of exp": (lambda x: T.exp(x) / (1 + T.exp(x)), sp.expit, None),
    "softplus": (lambda x: T.log(1 + T.exp(x)), lambda x: np.logaddexp(0, x), sp.expit),
    "log sigmoid": (lambda x: T.log(T.nnet.sigmoid(x)), sp.log_expit, minus_sigmoid),
    "log naive sigmoid": (lambda x: T.log(1 / (1 + T.exp(-x))), sp.log_expit, minus_sigmoid),
    "log(1 - sigmoid)": (
        lambda x: T.log(1 - T.nnet.sigmoid(x)),
        lambda x: sp.log_expit(-x),
        lambda x: -sp.expit(x),
    ),
    "log exp": (lambda x: T.log(T.exp(x)), lambda x: x, None),
    "sqrt sqr": (lambda x: T.sqrt(T.sqr(x * 1e30)) * 1e-30, np.abs, None),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, dtype):
    build, value, derivative = ELEMENTWISE[name]
    x = EXTREMES.astype(dtype)
    got, gradient = run(build, dtype, x)
    exact = x.astype("float64")
    close(got, value(exact), dtype)
    if derivative is not None:
        close(gradient, derivative(exact), dtype, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_minus_sigmoid_keeps_its_digits(dtype):
    x = T.TensorType(dtype, (None,))("x")
    results, _ = rewritten([1 - T.nnet.sigmoid(x)], [x])
    close(
        evaluate(results, [x], [EXTREMES.astype(dtype)])[0],
        sp.expit(-EXTREMES.astype(dtype).astype("float64")),
        dtype,
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_arguments_keep_their_digits(dtype):
    x = np.array([1e-12, -1e-12, 1e-20, 3e-8], dtype)
    close(run(lambda x: T.log(1 + x), dtype, x)[0], np.log1p(x.astype("float64")), dtype)
    close(run(lambda x: T.log(1 - x), dtype, x)[0], np.log1p(-x.astype("float64")), dtype)
    close(run(lambda x: T.exp(x) - 1, dtype, x)[0], np.expm1(x.astype("float64")), dtype)


def softmax(x):
    return T.exp(x) / T.exp(x).sum(axis=1, keepdims=True)


SOFTMAXES = {
    "T.nnet.softmax": T.nnet.softmax,
    "exp / sum": softmax,
    "exp / sum, transposed": lambda x: (T.exp(x).T / T.exp(x).sum(axis=1)).T,
    "exp / sum, dimshuffled": lambda x: T.exp(x) / T.sum(T.exp(x), axis=1).dimshuffle(0, "x"),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmax(name, dtype):
    x = ROWS.astype(dtype)
    got, gradient = run(SOFTMAXES[name], dtype, x)
    close(got, sp.softmax(x.astype("float64"), axis=1), dtype)
    close(gradient, np.zeros_like(x), dtype, atol=10 * np.finfo(dtype).eps)


LIKELIHOODS = {
    "log(p)[arange, y]": lambda p, y: T.log(p)[T.arange(y.shape[0]), y],
    "log(p[arange, y])": lambda p, y: T.log(p[T.arange(y.shape[0]), y]),
    "categorical_crossentropy": lambda p, y: -T.nnet.categorical_crossentropy(p, y),
    "log(p) * one hot": lambda p, y: (T.log(p) * T.extra_ops.to_one_hot(y, 3, p.dtype)).sum(axis=1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("softmax", SOFTMAXES)
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_negative_log_likelihood(name, softmax, dtype):
    x = ROWS.astype(dtype)
    got, gradient = run(lambda x, y: -T.mean(LIKELIHOODS[name](SOFTMAXES[softmax](x), y)), dtype, x, LABELS)
    exact = x.astype("float64")
    close(got, -sp.log_softmax(exact, axis=1)[np.arange(4), LABELS].mean(), dtype)
    close(gradient, (sp.softmax(exact, axis=1) - np.eye(3)[LABELS]) / 4, dtype, atol=np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "build",
    [
        lambda x: T.log(softmax(x)),
        T.nnet.logsoftmax,
        lambda x: x - T.log(T.exp(x).sum(axis=1, keepdims=True)),
    ],
    ids=["log(softmax)", "T.nnet.logsoftmax", "x - log(sum(exp))"],
)
def test_log_softmax(build, dtype):
    x = ROWS.astype(dtype)
    got, gradient = run(build, dtype, x)
    exact = x.astype("float64")
    close(got, sp.log_softmax(exact, axis=1), dtype)
    close(gradient, 1 - 3 * sp.softmax(exact, axis=1), dtype, atol=3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, None])
def test_log_sum_exp(axis, dtype):
    x = ROWS.astype(dtype)
    got, gradient = run(lambda x: T.log(T.exp(x).sum(axis=axis)), dtype, x)
    exact = x.astype("float64")
    close(got, sp.logsumexp(exact, axis=axis), dtype)
    close(gradient, sp.softmax(exact, axis=axis), dtype, atol=np.finfo(dtype).eps)


def test_log_sum_exp_of_infinities():
    x = np.array([[np.inf, 1.0], [-np.inf, 2.0], [-np.inf, -np.inf], [np.nan, 0.0]])
    got, _ = run(lambda x: T.log(T.exp(x).sum(axis=1)), "float64", x)
    np.testing.assert_array_equal(got, [np.inf, 2.0, -np.inf, np.nan])


CROSS_ENTROPIES = {
    "T.nnet.binary_crossentropy": lambda x, t: T.nnet.binary_crossentropy(T.nnet.sigmoid(x), t),
    "by hand": lambda x, t: -(t * T.log(T.nnet.sigmoid(x)) + (1 - t) * T.log(1 - T.nnet.sigmoid(x))),
    "the other way round": lambda x, t: (
        -(1 - t) * T.log(1 - T.nnet.sigmoid(x)) - t * T.log(T.nnet.sigmoid(x))
    ),
    "naive sigmoid": lambda x, t: T.nnet.binary_crossentropy(1 / (1 + T.exp(-x)), t),
    "T.nnet.sigmoid_binary_crossentropy": T.nnet.sigmoid_binary_crossentropy,
    "T.xlogx.xlogy0": lambda x, t: (
        -T.xlogx.xlogy0(t, T.nnet.sigmoid(x)) - T.xlogx.xlogy0(1 - t, 1 - T.nnet.sigmoid(x))
    ),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_binary_cross_entropy(name, target, dtype):
    x = EXTREMES.astype(dtype)
    t = np.full_like(x, target)
    got, gradient = run(lambda x, t: CROSS_ENTROPIES[name](x, t).mean(), dtype, x, t)
    exact = x.astype("float64")
    wanted = -(target * sp.log_expit(exact) + (1 - target) * sp.log_expit(-exact))
    close(got, wanted.mean(), dtype)
    close(gradient, (sp.expit(exact) - target) / x.size, dtype, atol=np.finfo(dtype).eps)


def test_without_a_softmax_labels_mean_what_they_mean_in_indexing():
    """Negative ones count from the end, those out of range fail, and there may be fewer than rows."""
    x, y = T.dmatrix("x"), T.lvector("y")
    gradient = grad((x * ROWS)[T.arange(y.shape[0]), y].sum(), x)
    results, _ = rewritten([gradient], [x, y])
    for labels in ([0, -1, 1, -3], [2, 1], []):
        labels = np.array(labels, "int64")
        (got,) = evaluate(results, [x, y], [ROWS, labels])
        wanted = np.zeros_like(ROWS)
        m = len(labels)
        wanted[:m] = ROWS[:m] * np.eye(3)[labels]
        np.testing.assert_allclose(got, wanted, atol=1e-15)
    with pytest.raises(IndexError):
        evaluate(results, [x, y], [ROWS, np.array([0, 3])])
    with pytest.raises((ValueError, IndexError)):
        evaluate(results, [x, y], [ROWS, np.zeros(5, "int64")])


def test_a_zero_coefficient_hides_an_infinite_gradient():
    x = np.array([0.0, 1.0])
    _, gradient = run(lambda x: 0.0 * T.log(x) + x, "float64", x)
    np.testing.assert_array_equal(gradient, [1.0, 1.0])
