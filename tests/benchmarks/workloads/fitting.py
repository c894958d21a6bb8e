"""`graphlib.nn.Model.fit`: whole epochs, with the shuffling and all else that is done around a step."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import digits, glorot, minibatches, nbytes, small, zeros
from tests.benchmarks.workloads.job import Job, Runner, jobs

HIDDEN = 500
RATE = 0.001
SIZES = {"fit_20": 20, "fit_128": 128}
EXAMPLES = 50_000


def initial() -> list[np.ndarray]:
    """W and b of both layers."""
    rng = np.random.default_rng(1)
    return [glorot(rng, 784, HIDDEN), zeros(HIDDEN), glorot(rng, HIDDEN, 10), zeros(10)]


def _build(size: int) -> Runner:
    from graphlib.nn import Dense, Model
    from graphlib.nn.optimizers import Adam

    images, labels = digits(EXAMPLES)
    W1, b1, W2, b2 = initial()
    layers = [
        Dense(HIDDEN, "relu", initializer=W1, bias=b1),
        Dense(10, "softmax", initializer=W2, bias=b2),
    ]
    model = Model(layers, "crossentropy", Adam(RATE))

    def run(first: int, steps: int) -> list[float]:
        if not steps:
            return []
        history = model.fit(images, labels, epochs=steps, batch_size=size, seed=first, verbose=False)
        return history["loss"]

    return run


def _products(size: int) -> list[bare.Product]:
    W1, _, W2, _ = initial()
    x = minibatches(digits(EXAMPLES)[0], size)
    hidden, d_hidden = zeros(size, HIDDEN), zeros(size, HIDDEN)
    logits, d_logits = zeros(size, 10), small(size, 10)
    d_W1, d_W2 = zeros(784, HIDDEN), zeros(HIDDEN, 10)
    step = [
        bare.Product(hidden, x, W1),
        bare.Product(logits, hidden, W2),
        bare.Product(d_hidden, d_logits, W2.T),
        bare.Product(d_W2, hidden.T, d_logits),
        bare.Product(d_W1, x.swapaxes(1, 2), d_hidden),
    ]
    return step * (EXAMPLES // size)


def _job(size: int, losses: tuple[float, float]) -> Job:
    resident = nbytes(*digits(EXAMPLES), *initial()) + 2 * nbytes(*initial())
    # Each library deals the minibatches in an order of its own.
    return Job(2, losses, partial(_build, size), partial(_products, size), resident, 0.02, "fitting")


def fit_20() -> Job:
    """An epoch of Model.fit: 784-500-10, Adam, minibatches of 20."""
    return _job(20, (0.5836, 0.5560))


def fit_128() -> Job:
    """An epoch of Model.fit: 784-500-10, Adam, minibatches of 128."""
    return _job(128, (0.5815, 0.5545))


JOBS = jobs(fit_20, fit_128)
