"""The perceptrons of the tutorials against NumPy."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T
from logistic_sgd import LogisticRegression
from mlp import MLP, HiddenLayer

FLOATX = graphlib.config.floatX


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def randomise(model, rng: np.random.Generator) -> list[np.ndarray]:
    """Gives a model's parameters random values, and returns them in float64."""
    values = [rng.normal(scale=0.5, size=p.get_value().shape).astype(FLOATX) for p in model.params]
    for param, value in zip(model.params, values, strict=True):
        param.set_value(value)
    return [value.astype("float64") for value in values]


# --- logistic regression ---


def test_logistic_regression_starts_undecided():
    x = T.matrix("x")
    model = LogisticRegression(x, n_in=4, n_out=10)
    p = graphlib.function([x], model.p_y_given_x)(np.ones((3, 4), FLOATX))
    np.testing.assert_allclose(p, np.full((3, 10), 0.1), rtol=1e-6)


def test_logistic_regression_against_numpy(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = LogisticRegression(x, n_in=5, n_out=3)
    W, b = randomise(model, rng)
    examples, labels = rng.normal(size=(20, 5)).astype(FLOATX), rng.integers(0, 3, 20).astype("int32")
    outputs = [model.p_y_given_x, model.y_pred, model.negative_log_likelihood(y), model.errors(y)]
    p, predicted, cost, error = graphlib.function([x, y], outputs)(examples, labels)

    expected = softmax(examples @ W + b)
    np.testing.assert_allclose(p, expected, rtol=1e-5)
    np.testing.assert_array_equal(predicted, expected.argmax(axis=1))
    np.testing.assert_allclose(cost, -np.log(expected[np.arange(20), labels]).mean(), rtol=1e-5)
    np.testing.assert_allclose(error, (expected.argmax(axis=1) != labels).mean(), rtol=1e-6)


def test_gradient_of_logistic_regression(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = LogisticRegression(x, n_in=5, n_out=3)
    W, b = randomise(model, rng)
    examples, labels = rng.normal(size=(20, 5)).astype(FLOATX), rng.integers(0, 3, 20).astype("int32")
    gradients = graphlib.function([x, y], T.grad(model.negative_log_likelihood(y), model.params))(
        examples, labels
    )
    # Bishop, "Pattern Recognition and Machine Learning", equation 4.109, over the number of examples
    difference = (softmax(examples @ W + b) - np.eye(3)[labels]) / 20
    np.testing.assert_allclose(gradients[0], examples.T @ difference, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(gradients[1], difference.sum(axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("labels", [T.imatrix("labels"), T.vector("labels")], ids=["matrix", "floats"])
def test_labels_must_be_a_vector_of_integers(labels):
    model = LogisticRegression(T.matrix("x"), n_in=5, n_out=3)
    with pytest.raises(TypeError, match=r"y must be a vector|y holds classes"):
        model.errors(labels)


# --- hidden layer and perceptron ---


@pytest.mark.parametrize(
    ("activation", "expected", "factor"),
    [
        (T.tanh, np.tanh, 1),
        (T.nnet.sigmoid, lambda z: 1 / (1 + np.exp(-z)), 4),
        (T.nnet.relu, lambda z: np.maximum(z, 0), 1),
        (None, lambda z: z, 1),
    ],
    ids=["tanh", "sigmoid", "relu", "linear"],
)
def test_hidden_layer(rng, activation, expected, factor):
    x = T.matrix("x")
    layer = HiddenLayer(np.random.RandomState(1234), x, n_in=30, n_out=20, activation=activation)
    # Glorot and Bengio 2010, equation 16, with the generator that the published results come from
    bound = factor * np.sqrt(6 / 50)
    W = np.random.RandomState(1234).uniform(low=-bound, high=bound, size=(30, 20))
    np.testing.assert_allclose(layer.W.get_value(), W, rtol=1e-6)
    np.testing.assert_array_equal(layer.b.get_value(), np.zeros(20))
    examples = rng.normal(size=(7, 30)).astype(FLOATX)
    output = graphlib.function([x], layer.output)(examples)
    np.testing.assert_allclose(output, expected(examples @ W), rtol=1e-4, atol=1e-5)


def test_hidden_layers_can_share_parameters():
    x = T.matrix("x")
    first = HiddenLayer(np.random.RandomState(1), x, n_in=4, n_out=4)
    second = HiddenLayer(np.random.RandomState(2), first.output, n_in=4, n_out=4, W=first.W, b=first.b)
    assert second.params == first.params


def test_step_of_mlp_against_backpropagation(rng):
    x, y = T.matrix("x"), T.ivector("y")
    model = MLP(np.random.RandomState(0), x, n_in=6, n_hidden=5, n_out=3)
    W1, b1, W2, b2 = randomise(model, rng)
    l1, l2, rate = 0.01, 0.02, 0.1
    examples, labels = rng.normal(size=(8, 6)).astype(FLOATX), rng.integers(0, 3, 8).astype("int32")
    cost = model.negative_log_likelihood(y) + l1 * model.L1 + l2 * model.L2_sqr
    gradients = T.grad(cost, model.params)
    step = graphlib.function(
        [x, y],
        [cost, model.errors(y)],
        updates=[(p, p - rate * gradient) for p, gradient in zip(model.params, gradients, strict=True)],
    )
    before, error = step(examples, labels)

    hidden = np.tanh(examples @ W1 + b1)
    p = softmax(hidden @ W2 + b2)
    weights = (abs(W1).sum() + abs(W2).sum(), (W1**2).sum() + (W2**2).sum())
    expected = -np.log(p[np.arange(8), labels]).mean() + l1 * weights[0] + l2 * weights[1]
    np.testing.assert_allclose(before, expected, rtol=1e-5)
    np.testing.assert_allclose(error, (p.argmax(axis=1) != labels).mean(), rtol=1e-6)
    # Rumelhart, Hinton and Williams 1986
    above = (p - np.eye(3)[labels]) / 8
    below = above @ W2.T * (1 - hidden**2)
    slopes = [
        examples.T @ below + l1 * np.sign(W1) + 2 * l2 * W1,
        below.sum(axis=0),
        hidden.T @ above + l1 * np.sign(W2) + 2 * l2 * W2,
        above.sum(axis=0),
    ]
    for param, value, slope in zip(model.params, (W1, b1, W2, b2), slopes, strict=True):
        np.testing.assert_allclose(param.get_value(), value - rate * slope, rtol=1e-4, atol=1e-6)
