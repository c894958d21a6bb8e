"""Networks of dense layers: logistic regression, the multilayer perceptron, the denoising autoencoder."""

from __future__ import annotations

from functools import cache

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import digits, glorot, minibatches, nbytes, small, zeros
from tests.benchmarks.workloads.job import Job, Runner, jobs
from tests.benchmarks.workloads.training import descend, learn, negative_log_likelihood, variables


def logreg() -> Job:
    """Logistic regression, minibatches of 600: two products that are as skinny as they come."""
    size, rate = 600, 0.13
    images, labels = digits()
    x = minibatches(images, size)
    initial = {"W": zeros(784, 10), "b": zeros(10)}

    def build() -> Runner:
        import graphlib.tensor as T

        W, b = parameters = variables(initial)

        def cost(x, y):
            return negative_log_likelihood(T.dot(x, W) + b, y)

        return descend(cost, parameters, rate, size, images, labels)

    def products() -> list[bare.Product]:
        W, logits, d_logits = zeros(784, 10), zeros(size, 10), small(size, 10)
        return [
            bare.Product(logits, x, W),
            bare.Product(W, x.swapaxes(1, 2), d_logits, alpha=-rate, beta=1),
        ]

    return Job(83, (2.302585, 0.690855), build, products, nbytes(images, labels, *initial.values()))


def mlp() -> Job:
    """784-500-10 with tanh, minibatches of 20, L2: the tutorials' multilayer perceptron."""
    size, rate, decay = 20, 0.01, 1e-4
    images, labels = digits()
    x = minibatches(images, size)

    @cache
    def initial() -> dict[str, np.ndarray]:
        W1 = glorot(np.random.default_rng(1), 784, 500)
        return {"W1": W1, "b1": zeros(500), "W2": zeros(500, 10), "b2": zeros(10)}

    def build() -> Runner:
        import graphlib.tensor as T

        W1, b1, W2, b2 = parameters = variables(initial())

        def cost(x, y):
            hidden = T.tanh(T.dot(x, W1) + b1)
            weights = decay * ((W1**2).sum() + (W2**2).sum())
            return negative_log_likelihood(T.dot(hidden, W2) + b2, y) + weights

        return descend(cost, parameters, rate, size, images, labels)

    def by_layers() -> Runner:
        from graphlib.nn.layers import Dense, Sequential

        hidden = Dense(500, "tanh", initializer=initial()["W1"], regularizer={"l2": decay})
        output = Dense(10, "softmax", initializer=0.0, regularizer={"l2": decay})
        return learn(Sequential([hidden, output]), size, rate, images, labels)

    def products() -> list[bare.Product]:
        W1, _, W2, _ = initial().values()
        hidden, d_hidden = zeros(size, 500), zeros(size, 500)
        logits, d_logits = zeros(size, 10), small(size, 10)
        shrink = 1 - 2 * rate * decay
        return [
            bare.Product(hidden, x, W1),
            bare.Product(logits, hidden, W2),
            bare.Product(d_hidden, d_logits, W2.T),
            bare.Product(W2, hidden.T, d_logits, alpha=-rate, beta=shrink),
            bare.Product(W1, x.swapaxes(1, 2), d_hidden, alpha=-rate, beta=shrink),
        ]

    resident = nbytes(images, labels, *initial().values())
    return Job(500, (2.36367, 1.00902), build, products, resident, by_layers=by_layers)


def dA() -> Job:
    """A denoising autoencoder, 784-500 with tied weights, corruption 0.3, minibatches of 20."""
    size, rate, corruption = 20, 0.1, 0.3
    images, _ = digits()
    x = minibatches(images, size)

    @cache
    def initial() -> dict[str, np.ndarray]:
        W = 4 * glorot(np.random.default_rng(3), 784, 500)
        return {"W": W, "b": zeros(500), "b_prime": zeros(784)}

    def build() -> Runner:
        import graphlib.tensor as T
        from graphlib.tensor.random import RandomStreams

        W, b, b_prime = parameters = variables(initial())
        streams = RandomStreams(17)

        def cost(x):
            kept = streams.binomial(size=x.shape, n=1, p=1 - corruption, dtype="float32")
            y = T.nnet.sigmoid(T.dot(kept * x, W) + b)
            z = T.nnet.sigmoid(T.dot(y, W.T) + b_prime)
            return T.mean(-T.sum(x * T.log(z) + (1 - x) * T.log(1 - z), axis=1))

        return descend(cost, parameters, rate, size, images)

    def products() -> list[bare.Product]:
        W = initial()["W"]
        y, z, d_y, d_z = zeros(size, 500), zeros(size, 784), zeros(size, 500), small(size, 784)
        return [
            bare.Product(y, x, W),
            bare.Product(z, y, W.T),
            bare.Product(d_y, d_z, W),
            bare.Product(W, x.swapaxes(1, 2), d_y, alpha=-rate, beta=1),
            bare.Product(W, d_z.T, y, alpha=-rate, beta=1),
        ]

    # Means of eight runs in NumPy with other random numbers, whose first losses spread by a relative .0026.
    resident = nbytes(images, *initial().values())
    return Job(500, (842.2, 140.85), build, products, resident, tolerance=0.015)


JOBS = jobs(logreg, mlp, dA)
