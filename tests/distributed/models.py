"""Training steps of the tutorials' models on the ranks of this run, and the data of a perceptron, for the
programs beside this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.distributed.mpi import ROOT

#: of the perceptron of devices.py: examples, units, steps, learning rate
BATCH, INPUTS, HIDDEN, STEPS, RATE = 12, 61, 401, 4, 0.01


def sentiment_step(parallel: Any, rng: np.random.RandomState, vocabulary: int, units: int) -> Callable:
    """The step of the sentiment LSTM with dropout, by AdaGrad: of this rank's words (steps, examples), mask
    and labels, and the bounds of its part."""
    sys.path.insert(0, str(ROOT / "tutorials"))
    import graphlib
    from graphlib.distributed import gradients, in_parts
    from graphlib.nn.optimizers import AdaGrad
    from lstm import SentimentLSTM

    part = parallel.symbolic_part()
    with in_parts(part):
        model = SentimentLSTM(rng, vocabulary, units, True, 0.5)
        cost, bounds = (model.cost, []) if part is None else (part.weigh(model.cost, None), part.inputs)
        updates = AdaGrad(0.01).updates(model.params, gradients(cost, model.params))
    return graphlib.function([model.words, model.mask, model.y, *bounds], cost, updates=updates)


def minibatch(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples and what is to be learnt of them; that of the third step is shorter."""
    x = np.random.RandomState(k).normal(size=(BATCH if k != 2 else BATCH // 2, INPUTS)).astype("float32")
    return x, x[:, :1] * x[:, 1:2]


def initial() -> list[np.ndarray]:
    """The values that the weights start with."""
    rng = np.random.RandomState(3)
    shapes = ((INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, 1))
    return [(rng.normal(size=shape) / 8).astype("float32") for shape in shapes]


def perceptron_losses() -> list[float]:
    """The losses of the perceptron, all examples together, in NumPy and double precision."""
    w, b, v = (values.astype("float64") for values in initial())
    losses = []
    for k in range(STEPS):
        x, y = (values.astype("float64") for values in minibatch(k))
        hidden = np.tanh(x @ w + b)
        error = hidden @ v - y
        losses.append(float(np.mean(error**2)))
        down = 2 * error / error.size
        inner = down @ v.T * (1 - hidden**2)
        for weight, gradient in ((w, x.T @ inner), (b, inner.sum(axis=0)), (v, hidden.T @ down)):
            weight -= RATE * gradient
    return losses
