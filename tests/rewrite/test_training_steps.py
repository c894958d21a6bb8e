"""Training steps, written as the Deep Learning Tutorials write them, end in the form that costs least.

Weights are updated by one Gemm each, the gradient of the likelihood is softmax less one-hot, nothing is
divided by a probability, and nothing scatters.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphlib.tensor as T
from graphlib.graph import clone, toposort
from graphlib.graph.shared import shared
from graphlib.ops.elementwise import true_div
from graphlib.ops.linalg import Gemm
from tests.rewrite import assert_same_values, kinds

RANDOM = np.random.RandomState(1)
IMAGES = RANDOM.uniform(0, 1, (60, 12)).astype("float32")
LABELS = RANDOM.randint(0, 5, 60)


def weights(*shape, name):
    return shared(RANDOM.uniform(-0.4, 0.4, shape).astype("float32"), name)


def layer(x, n_in, n_out, name):
    W, b = weights(n_in, n_out, name=f"W{name}"), weights(n_out, name=f"b{name}")
    return T.dot(x, W) + b, [W, b]


def logistic_regression(x):
    z, params = layer(x, 12, 5, "")
    return T.nnet.softmax(z), params


def mlp(x):
    z, params = layer(x, 12, 8, "1")
    z, more = layer(T.tanh(z), 8, 5, "2")
    return T.nnet.softmax(z), params + more


def negative_log_likelihood(p, y):
    return -T.mean(T.log(p)[T.arange(y.shape[0]), y])


def step(model, l1=0.0, l2=0.0, rate=0.13, minibatches=True):
    """Inputs, their values, and the cost and new parameters of a step of gradient descent."""
    x, y, index = T.fmatrix("x"), T.ivector("y"), T.lscalar("index")
    p, params = model(x)
    cost = negative_log_likelihood(p, y)
    if l1:
        cost = cost + l1 * sum(abs(W).sum() for W in params[::2])
    if l2:
        cost = cost + l2 * sum((W**2).sum() for W in params[::2])
    gradients = T.grad(cost, params)
    outputs = [cost, *(param - rate * gradient for param, gradient in zip(params, gradients, strict=True))]
    if not minibatches:
        return [x, y], [IMAGES[:20], LABELS[:20].astype("int32")], outputs
    images = shared(IMAGES, "images", shape=IMAGES.shape)
    labels = T.cast(shared(LABELS, "labels", shape=LABELS.shape), "int32")
    part = slice(index * 20, (index + 1) * 20)
    return [index], [np.asarray(1)], clone(outputs, {x: images[part], y: labels[part]})


MODELS = {"logistic regression": (logistic_regression, 1), "mlp": (mlp, 2)}


@pytest.mark.parametrize("minibatches", [True, False])
@pytest.mark.parametrize("l1", [0.0, 0.002])
@pytest.mark.parametrize("l2", [0.0, 0.001])
@pytest.mark.parametrize("name", MODELS)
def test_training_step(name, l1, l2, minibatches):
    model, layers = MODELS[name]
    inputs, arrays, outputs = step(model, l1, l2, minibatches=minibatches)
    results = assert_same_values(outputs, inputs, arrays, rtol=2e-6)
    found = kinds(results, inputs)
    assert found["Gemm"] == layers
    assert found["exp_up_to_0"] == 1
    assert found["MatrixProduct"] == 2 * layers - 1  # forward, and backward through every layer but the first
    # that there are as many labels as rows is checked: no row is without one
    gone = {"AdvancedWrite", "BasicWrite", "ge", "SoftmaxGradient", "pow", "inv", "isinf"}
    assert not gone & set(found)
    assert found["Labels"] == 1
    matrices = [n for n in toposort(results, inputs) if n.op is true_div and n.outputs[0].ndim == 2]
    assert [kinds([n.inputs[0]])["exp_up_to_0"] for n in matrices] == [1], "only softmax itself divides"


@pytest.mark.parametrize("l2", [0.0, 0.001])
def test_the_coefficients_of_weight_decay_are_one_number(l2):
    inputs, _, outputs = step(logistic_regression, l2=l2)
    results = assert_same_values(outputs, inputs, [np.asarray(0)], rtol=2e-6)
    gemm = results[1].owner
    assert isinstance(gemm.op, Gemm)
    W, _, _, _, beta = gemm.inputs
    assert W.name == "W"
    assert beta.data == pytest.approx(1 - 2 * 0.13 * l2)


def test_momentum_is_one_product():
    x, y, rate, momentum = T.fmatrix("x"), T.ivector("y"), T.fscalar("rate"), T.fscalar("momentum")
    p, params = logistic_regression(x)
    W = params[0]
    velocity = weights(12, 5, name="velocity")
    moved = momentum * velocity - rate * T.grad(negative_log_likelihood(p, y), W)
    inputs = [x, y, rate, momentum]
    arrays = [IMAGES, LABELS.astype("int32"), np.float32(0.1), np.float32(0.9)]
    results = assert_same_values([moved, W + moved], inputs, arrays, rtol=2e-6)
    assert kinds(results, inputs)["Gemm"] == 1
    C, _, _, _, beta = results[0].owner.inputs
    assert (C, beta) == (velocity, momentum)


def test_an_embedding_is_updated_in_the_rows_that_were_used():
    words = T.imatrix("words")
    table = weights(50, 6, name="table")
    W = weights(18, 3, name="W")
    score = T.dot(table[words].reshape((words.shape[0], 18)), W)
    new = table - 0.1 * T.grad(T.sqr(score).mean(), table)
    results = assert_same_values([new], [words], [RANDOM.randint(0, 50, (7, 3)).astype("int32")], rtol=2e-6)
    node = results[0].owner
    assert type(node.op).__name__ == "AdvancedWrite"
    assert node.inputs[0] is table
    assert kinds(results, [words])["BroadcastTo"] == 0


def test_a_recurrent_step_accumulates_its_products():
    x, h = T.fmatrix("x"), T.fmatrix("h")
    new = T.tanh(
        T.dot(x, weights(12, 8, name="Wx")) + T.dot(h, weights(8, 8, name="Wh")) + weights(8, name="b")
    )
    arrays = [IMAGES[:4], RANDOM.uniform(-1, 1, (4, 8)).astype("float32")]
    results = assert_same_values([new], [x, h], arrays, rtol=2e-6)
    assert kinds(results) == {"MatrixProduct": 1, "Gemm": 1, "add": 1, "tanh": 1}


def test_an_autoencoder_of_the_tutorials():
    """Sigmoid units, tied weights and the binary cross-entropy written out, summed over the pixels."""
    x = T.fmatrix("x")
    W, b, b_prime = weights(12, 7, name="W"), weights(7, name="b"), weights(12, name="b'")
    y = T.nnet.sigmoid(T.dot(x, W) + b)
    z = T.nnet.sigmoid(T.dot(y, W.T) + b_prime)
    cost = T.mean(-T.sum(x * T.log(z) + (1 - x) * T.log(1 - z), axis=1))
    outputs = [
        cost,
        *(p - 0.1 * g for p, g in zip([W, b, b_prime], T.grad(cost, [W, b, b_prime]), strict=True)),
    ]
    results = assert_same_values(outputs, [x], [IMAGES], rtol=2e-6)
    found = kinds(results, [x])
    assert found["log"] == found["log1p"] == 0
    assert found["softplus"] == 1
    assert found["sigmoid"] == 2
    assert found["Gemm"] == 2
    matrices = [n for n in toposort(results, [x]) if n.op is true_div and n.outputs[0].ndim == 2]
    assert not matrices
