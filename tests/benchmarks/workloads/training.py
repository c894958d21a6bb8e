"""What the training steps of several workloads share, written with graphlib as the tutorials write it.

graphlib is imported where it is used: the Python of another library reads the workloads' data without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tests.benchmarks.workloads.job import Runner


def variables(values: Mapping[str, np.ndarray]) -> list:
    """Shared variables with these names and values."""
    import graphlib

    return [graphlib.shared(value, name=name) for name, value in values.items()]


def negative_log_likelihood(logits, y):
    """The mean over the minibatch; making it stable is graphlib's business."""
    import graphlib.tensor as T

    return -T.mean(T.log(T.nnet.softmax(logits))[T.arange(y.shape[0]), y])


def over_minibatches(train: Callable[[int], object], count: int) -> Runner:
    """run(first, steps) of a function of the minibatch's index."""
    return lambda first, steps: [train(i % count) for i in range(first, first + steps)]


def learn(model, size: int, rate: float, images: np.ndarray, labels: np.ndarray) -> Runner:
    """`descend` of a layer's cross-entropy and penalty."""
    import graphlib.tensor as T

    model(T.matrix(shape=(None, images.shape[1])))  # makes the parameters

    def cost(x, y):
        p = model(x, training=True)
        return -T.mean(T.log(p)[T.arange(y.shape[0]), y]) + model.penalty

    return descend(cost, model.params, rate, size, images, labels)


def descend(
    cost: Callable,
    parameters: list,
    rate: float,
    size: int,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> Runner:
    """Gradient descent on cost(x), with labels on cost(x, y), of minibatches of `size` images."""
    import graphlib
    import graphlib.tensor as T

    index, x, y = T.lscalar("index"), T.matrix("x"), T.ivector("y")
    rows = slice(index * size, (index + 1) * size)
    givens = {x: graphlib.shared(images, borrow=True)[rows]}
    if labels is not None:
        givens[y] = graphlib.shared(labels.astype(np.int32))[rows]
    loss = cost(*givens)
    gradients = T.grad(loss, parameters)
    updates = [(p, p - rate * g) for p, g in zip(parameters, gradients, strict=True)]
    train = graphlib.function([index], loss, updates=updates, givens=givens, name="train")
    return over_minibatches(train, len(images) // size)
