"""``T.nnet``: activations and losses against numpy and scipy, and their stability when written naively."""

import numpy as np
import pytest
from scipy import special

import graphlib
import graphlib.tensor as T
from graphlib.errors import GraphError, ShapeError
from graphlib.tensor.random import RandomStreams
from tests.ops.backends import BACKENDS, MODES, assert_same, compiled

X = np.array([[-3.0, -0.5, 0.0, 0.7], [2.5, 1.0, -1.0, 0.2], [6.0, -8.0, 0.1, 0.1]])
Y = np.array([3, 0, 2])


@pytest.mark.parametrize("mode", MODES)
def test_activations(mode):
    x = T.dmatrix("x")
    table = {
        "sigmoid": (T.nnet.sigmoid(x), special.expit(X)),
        "ultra_fast_sigmoid": (T.nnet.ultra_fast_sigmoid(x), special.expit(X)),
        "hard_sigmoid": (T.nnet.hard_sigmoid(x), np.clip(0.2 * X + 0.5, 0, 1)),
        "tanh": (T.nnet.tanh(x), np.tanh(X)),
        "softplus": (T.nnet.softplus(x), np.log1p(np.exp(X))),
        "softsign": (T.nnet.softsign(x), X / (1 + np.abs(X))),
        "relu": (T.nnet.relu(x), np.maximum(X, 0)),
        "leaky relu": (T.nnet.relu(x, 0.1), np.where(X > 0, X, 0.1 * X)),
        "relu, a slope for each column": (T.nnet.relu(x, X[0]), np.where(X > 0, X, X[0] * X)),
        "elu": (T.nnet.elu(x), np.where(X > 0, X, np.expm1(X))),
        "elu, alpha": (T.nnet.elu(x, 2.0), np.where(X > 0, X, 2 * np.expm1(X))),
        "selu": (T.nnet.selu(x), 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
        "softmax": (T.nnet.softmax(x), special.softmax(X, axis=1)),
        "softmax over columns": (T.nnet.softmax(x, axis=0), special.softmax(X, axis=0)),
        "softmax of a tensor3": (
            T.nnet.softmax(x.reshape((3, 2, 2))),
            special.softmax(X.reshape(3, 2, 2), axis=-1),
        ),
        "softmax of a vector is a row": (T.nnet.softmax(x[0]), special.softmax(X[:1], axis=1)),
        "logsoftmax": (T.nnet.logsoftmax(x), special.log_softmax(X, axis=1)),
        "log_softmax of a vector": (T.nnet.log_softmax(x[0]), special.log_softmax(X[:1], axis=1)),
    }
    function = compiled(mode, [x], [v for v, _ in table.values()])
    for (name, (_, wanted)), got in zip(table.items(), function(X), strict=True):
        assert_same(got, wanted, name)


@pytest.mark.parametrize("mode", MODES)
def test_losses(mode):
    x, t, y, q = T.dmatrix("x"), T.dmatrix("t"), T.lvector("y"), T.dvector("q")
    p, target = special.softmax(X, axis=1), special.softmax(X[::-1], axis=1)
    bits = np.array([0.0, 0.25, 1.0])
    likelihood = -np.log(p)[np.arange(3), Y]
    table = {
        "labels": (T.nnet.categorical_crossentropy(T.nnet.softmax(x), y), likelihood),
        "distributions": (
            T.nnet.categorical_crossentropy(T.nnet.softmax(x), t),
            -(target * np.log(p)).sum(axis=1),
        ),
        "by hand": (-T.mean(T.log(T.nnet.softmax(x))[T.arange(y.shape[0]), y]), likelihood.mean()),
        "crossentropy_softmax_1hot": (T.nnet.crossentropy_softmax_1hot(x, y)[0], likelihood),
        "and its softmax": (T.nnet.crossentropy_softmax_1hot(x, y)[1], p),
        "binary": (
            T.nnet.binary_crossentropy(T.nnet.sigmoid(x), t),
            -(target * np.log(special.expit(X)) + (1 - target) * np.log(special.expit(-X))),
        ),
        "binary, of logits": (
            T.nnet.sigmoid_binary_crossentropy(x, t),
            np.logaddexp(0, X) - target * X,
        ),
        "xlogx": (T.xlogx.xlogx(q), special.xlogy(bits, bits)),
        "xlogy0": (T.xlogx.xlogy0(q, q * 0), np.array([0, -np.inf, -np.inf])),
        "slope of xlogx": (T.grad(T.xlogx.xlogx(q).sum(), q), np.array([-np.inf, np.log(0.25) + 1, 1])),
        "slope of xlogy0": (T.grad(T.xlogx.xlogy0(q, q * 0 + 0.5).sum(), q), np.full(3, np.log(0.5))),
        "slope of xlogy0 by y": (T.grad(T.xlogx.xlogy0(np.zeros(3), q).sum(), q), np.zeros(3)),
        "xlogy0 of y": (T.xlogx.xlogy0(q, q + 1), special.xlogy(bits, bits + 1)),
        "one hot": (T.extra_ops.to_one_hot(y, 4), np.eye(4, dtype="float32")[Y]),
        "one hot of int8": (T.extra_ops.to_one_hot(y, 5, dtype="int8"), np.eye(5, dtype="int8")[Y]),
    }
    function = compiled(mode, [x, t, y, q], [v for v, _ in table.values()])
    for (name, (_, wanted)), got in zip(table.items(), function(X, target, Y, bits), strict=True):
        assert_same(got, wanted, name)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_of_losses(mode):
    """Softmax with its cross-entropy has the gradient p - onehot(y), sigmoid with its own p - t."""
    x, y, t = T.dmatrix("x"), T.lvector("y"), T.dmatrix("t")
    losses = [
        -T.sum(T.log(T.nnet.softmax(x))[T.arange(y.shape[0]), y]),
        T.nnet.categorical_crossentropy(T.nnet.softmax(x), y).sum(),
        T.nnet.crossentropy_softmax_1hot(x, y)[0].sum(),
        -T.nnet.logsoftmax(x)[T.arange(y.shape[0]), y].sum(),
    ]
    binary = [
        T.nnet.binary_crossentropy(T.nnet.sigmoid(x), t).sum(),
        T.nnet.sigmoid_binary_crossentropy(x, t).sum(),
    ]
    target = special.expit(X[::-1])
    results = compiled(mode, [x, y, t], [graphlib.grad(c, x) for c in losses + binary])(X, Y, target)
    for got in results[: len(losses)]:
        assert_same(got, special.softmax(X, axis=1) - np.eye(4)[Y])
    for got in results[len(losses) :]:
        assert_same(got, special.expit(X) - target)


# what is written naively is computed as it should be, once it is compiled

LARGE = np.array([[1000.0, 0, -1000], [-1e4, 1e4, 0], [0, 0, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_softmax_of_large_numbers(mode, dtype):
    x = T.matrix("x", dtype=dtype)
    got = compiled(mode, [x], T.nnet.softmax(x))(LARGE.astype(dtype))
    np.testing.assert_allclose(got, special.softmax(LARGE, axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_naive_formulas_are_stable_once_compiled(backend, dtype):
    x, t, y = T.matrix("x", dtype=dtype), T.matrix("t", dtype=dtype), T.lvector("y")
    softmax, sigmoid = T.nnet.softmax(x), T.nnet.sigmoid(x)
    exps = T.exp(x)
    table = {
        "log softmax": (T.log(softmax), special.log_softmax(LARGE, axis=1)),
        "its label": (
            -T.log(softmax)[T.arange(3), y],
            -special.log_softmax(LARGE, axis=1)[np.arange(3), [2, 0, 1]],
        ),
        "softmax by hand": (exps / exps.sum(axis=1, keepdims=True), special.softmax(LARGE, axis=1)),
        "log sum exp": (T.log(T.sum(T.exp(x), axis=1)), special.logsumexp(LARGE, axis=1)),
        "logsumexp": (T.logsumexp(x, axis=0), special.logsumexp(LARGE, axis=0)),
        "log sigmoid": (T.log(sigmoid), -np.logaddexp(0, -LARGE)),
        "log(1 - sigmoid)": (T.log(1 - sigmoid), -np.logaddexp(0, LARGE)),
        "cross-entropy": (T.nnet.binary_crossentropy(sigmoid, t), np.logaddexp(0, LARGE) - 0.25 * LARGE),
        "softplus by hand": (T.log(1 + T.exp(x)), np.logaddexp(0, LARGE)),
        "gradient": (
            graphlib.grad(-T.sum(T.log(softmax)[T.arange(3), y]), x),
            special.softmax(LARGE, axis=1) - np.eye(3)[[2, 0, 1]],
        ),
    }
    function = compiled(backend, [x, t, y], [v for v, _ in table.values()])
    results = function(LARGE.astype(dtype), np.full_like(LARGE, 0.25, dtype=dtype), [2, 0, 1])
    for (name, (_, wanted)), got in zip(table.items(), results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6 if dtype == "float32" else 1e-13, err_msg=name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_naive_formulas_near_zero_are_exact_once_compiled(backend):
    x = T.vector("x")
    tiny = np.array([1e-10, -1e-12, 3e-9], "float32")
    log, exp = compiled(backend, [x], [T.log(1 + x), T.exp(x) - 1])(tiny)
    np.testing.assert_allclose(log, tiny, rtol=1e-6)
    np.testing.assert_allclose(exp, tiny, rtol=1e-6)


# mistakes


def test_shapes_that_are_no_losses():
    with pytest.raises(ShapeError, match="needs at least a vector, not s float32"):
        T.nnet.softmax(T.scalar("s"))
    with pytest.raises(ShapeError, match=r"y float32\(\?,\).* are no labels"):
        T.nnet.categorical_crossentropy(T.matrix("p"), T.vector("y"))
    with pytest.raises(ShapeError, match="axis 2 does not exist"):
        T.nnet.softmax(T.matrix("x"), axis=2)


SPATIAL = np.random.RandomState(3).randn(5, 3, 4, 2) * 2 + 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("axes", "over", "x"),
    [("per-activation", (0,), X), ("spatial", (0, 2, 3), SPATIAL), ((0, 3), (0, 3), SPATIAL)],
)
def test_batch_normalization(mode, axes, over, x):
    """Against numpy's mean and var (ddof 0 for the minibatch, 1 for the running variance)."""
    kept = tuple(1 if a in over else n for a, n in enumerate(x.shape))
    random = np.random.RandomState(4)
    gamma, beta, mean = (random.randn(*kept) for _ in range(3))
    var = random.rand(*kept) + 0.5
    variables = [T.TensorType("float64", [1 if n == 1 else None for n in kept])() for _ in range(4)]
    v = T.TensorType("float64", (None,) * x.ndim)("x")
    train = T.nnet.batch_normalization_train(v, *variables[:2], axes, 1e-3, 0.2, *variables[2:])
    test = T.nnet.batch_normalization_test(v, *variables, axes, 1e-3)
    got = compiled(mode, [v, *variables], [*train, test])(x, gamma, beta, mean, var)
    m, s = x.mean(over, keepdims=True), x.var(over, keepdims=True)
    wanted = [
        (x - m) / np.sqrt(s + 1e-3) * gamma + beta,
        m,
        1 / np.sqrt(s + 1e-3),
        0.8 * mean + 0.2 * m,
        0.8 * var + 0.2 * x.var(over, keepdims=True, ddof=1),
        (x - mean) / np.sqrt(var + 1e-3) * gamma + beta,
    ]
    for a, b in zip(got, wanted, strict=True):
        assert_same(a, b)


def test_batch_normalization_takes_vectors_and_names_what_does_not_fit():
    x, g = T.tensor4("x"), T.vector("g")
    y, *statistics = T.nnet.batch_normalization_train(x, g, g, "spatial", running_mean=g)
    assert y.ndim == 4 and [v.ndim for v in statistics] == [1, 1, 1]
    with pytest.raises(ShapeError, match="gamma, m "):
        T.nnet.batch_normalization_train(x, T.matrix("m"), g, "spatial")
    with pytest.raises(GraphError, match="per-activation"):
        T.nnet.batch_normalization_train(x, g, g, "everywhere")


@pytest.mark.parametrize("mode", MODES)
def test_dropout(mode):
    """Kept elements are scaled, the others zero; about p of them, at six standard errors: a false alarm in
    10**8."""
    x, training = T.matrix("x"), T.scalar("training", "bool")
    data = np.random.RandomState(5).uniform(1, 2, (200, 300)).astype("float32")
    rng = RandomStreams(8)
    f = compiled(mode, [x, training], [T.nnet.dropout(x, 0.3, rng), T.nnet.dropout(x, 0.3, rng, training)])
    dropped, switched = f(data, True)
    for got in (dropped, switched):
        zero = got == 0
        assert abs(zero.mean() - 0.3) < 6 * np.sqrt(0.3 * 0.7 / data.size)
        np.testing.assert_allclose(got[~zero], (data / np.float32(0.7))[~zero], rtol=1e-6)
    assert (dropped != switched).any()
    np.testing.assert_array_equal(f(data, False)[1], data)
    assert T.nnet.dropout(x, 0.3, rng, training=False) is x


def test_dropout_gradient_has_the_same_zeros():
    x = T.matrix("x")
    y = T.nnet.dropout(x, 0.5, RandomStreams(9))
    value, gradient = graphlib.function([x], [y, graphlib.grad(y.sum(), x)])(np.ones((20, 20), "float32"))
    np.testing.assert_array_equal(value, gradient)


def test_dropout_of_everything_is_refused():
    with pytest.raises(GraphError, match="probability"):
        T.nnet.dropout(T.matrix(), 1.0, RandomStreams(1))
