"""LeNet: a training step, and its way forward alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import digits, glorot, nbytes, zeros
from tests.benchmarks.workloads.job import Job, Runner, jobs
from tests.benchmarks.workloads.training import descend, learn, negative_log_likelihood, over_minibatches

BATCH = 500


def parameters() -> list[np.ndarray]:
    """Two layers of filters, a hidden layer and the output's: weights and biases in turn."""
    rng = np.random.default_rng(2)
    shapes = (20, 1, 5, 5), (50, 20, 5, 5)
    # fan in and, after pooling by two, fan out
    bounds = (np.sqrt(6.0 / (np.prod(s[1:]) + s[0] * np.prod(s[2:]) / 4)) for s in shapes)
    first, second = (rng.uniform(-b, b, s).astype(np.float32) for b, s in zip(bounds, shapes, strict=True))
    hidden = glorot(rng, 800, 500)
    return [first, zeros(20), second, zeros(50), hidden, zeros(500), zeros(500, 10), zeros(10)]


def _logits(x, variables: list):
    """The network of the tutorial on images (n, 784); as in other libraries, its filters are not flipped."""
    import graphlib.tensor as T

    W0, b0, W1, b1, W2, b2, W3, b3 = variables
    layer = x.reshape((x.shape[0], 1, 28, 28))
    for W, b in ((W0, b0), (W1, b1)):
        layer = T.signal.pool.pool_2d(T.nnet.conv2d(layer, W, filter_flip=False), (2, 2), ignore_border=True)
        layer = T.tanh(layer + b.dimshuffle("x", 0, "x", "x"))
    return T.dot(T.tanh(T.dot(layer.flatten(2), W2) + b2), W3) + b3


def _products(training: bool) -> list[bare.Product]:
    """What the layers of a step amount to, were all patches in memory."""
    layers = [(BATCH * 576, 25, 20), (BATCH * 64, 500, 50), (BATCH, 800, 500)]
    products = []
    for number, (places, inside, outside) in enumerate(layers):
        patches, weights, out = zeros(inside, places), zeros(outside, inside), zeros(outside, places)
        products.append(bare.Product(out, weights, patches))
        if training:
            products.append(bare.Product(weights, out, patches.T))
        if training and number:
            products.append(bare.Product(patches, weights.T, out))
    return products


def lenet() -> Job:
    """The tutorial's convolutional network, minibatches of 500: a training step."""
    images, labels = digits(5000)

    def build() -> Runner:
        import graphlib

        variables = [graphlib.shared(value) for value in parameters()]

        def cost(x, y):
            return negative_log_likelihood(_logits(x, variables), y)

        return descend(cost, variables, 0.1, BATCH, images, labels)

    def by_layers() -> Runner:
        from graphlib.nn.layers import Bias, Conv2D, Dense, Flatten, MaxPool2D, Reshape, Sequential

        first, _, second, _, hidden, *_ = parameters()
        convolutions = [Conv2D(len(W), 5, bias=None, flip=False, initializer=W) for W in (first, second)]
        pooled = [[each, MaxPool2D(2), Bias("tanh")] for each in convolutions]
        dense = [Dense(500, "tanh", initializer=hidden), Dense(10, "softmax", initializer=0.0)]
        model = Sequential([Reshape([1, 28, 28]), *pooled, Flatten(), *dense])
        return learn(model, BATCH, 0.1, images, labels)

    resident = nbytes(images, labels, *parameters())
    losses = (2.302585, 2.130582)
    return Job(10, losses, build, partial(_products, True), resident, by_layers=by_layers)


def lenet_forward() -> Job:
    """LeNet's class probabilities of 500 images; the 'loss' is that of a zero last layer."""
    images, _ = digits(5000)

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        X = graphlib.shared(images, borrow=True)
        variables = [graphlib.shared(value) for value in parameters()]
        index, x = T.lscalar("index"), T.matrix("x")
        p = T.nnet.softmax(_logits(x, variables))
        givens = {x: X[index * BATCH : (index + 1) * BATCH]}
        predict = graphlib.function([index], -T.log(p).mean(), givens=givens, name="predict")
        return over_minibatches(predict, len(images) // BATCH)

    resident = nbytes(images, *parameters())
    losses = (2.302585, 2.302585)
    return Job(10, losses, build, partial(_products, False), resident, peers="lenet")


JOBS = jobs(lenet, lenet_forward)
