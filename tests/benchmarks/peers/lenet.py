"""LeNet going forward.

PyTensor has no pooling and no convolution of images with several channels: see `layers`.
"""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers import PYTENSOR_MODES, Runner, by_variant, import_pytensor, import_torch
from tests.benchmarks.peers.layers import VARIANTS, pytensor_correlation, torch_tensors
from tests.benchmarks.workloads.convolutional import BATCH, parameters
from tests.benchmarks.workloads.data import digits


def _torch(variant: str) -> Runner:
    torch = import_torch()
    from torch.nn import functional

    images, *values = torch_tensors([digits(5000)[0].reshape(-1, 1, 28, 28), *parameters()], variant)

    def evaluate(layer, W0, b0, W1, b1, W2, b2, W3, b3):
        for W, b in ((W0, b0), (W1, b1)):
            layer = torch.tanh(functional.max_pool2d(functional.conv2d(layer, W), 2) + b[None, :, None, None])
        hidden = torch.tanh(torch.addmm(b2, layer.flatten(1), W2))
        return -torch.log_softmax(torch.addmm(b3, hidden, W3), 1).mean()

    if variant == "compile":
        evaluate = torch.compile(evaluate, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def step(i):
        return evaluate(images[i * BATCH : (i + 1) * BATCH], *values)

    return lambda first, steps: [step(i % 10) for i in range(first, first + steps)]


def _jax(variant: str) -> Runner:
    import jax

    images = jax.numpy.asarray(digits(5000)[0]).reshape(-1, BATCH, 1, 28, 28)
    values = list(map(jax.numpy.asarray, parameters()))

    @jax.jit
    def step(layer, values):
        W0, b0, W1, b1, W2, b2, W3, b3 = values
        for W, b in ((W0, b0), (W1, b1)):
            layer = jax.lax.conv_general_dilated(layer, W, (1, 1), "VALID")
            window = (1, 1, 2, 2)
            layer = jax.lax.reduce_window(layer, -np.inf, jax.lax.max, window, window, "VALID")
            layer = jax.numpy.tanh(layer + b[None, :, None, None])
        hidden = jax.numpy.tanh(layer.reshape(len(layer), -1) @ W2 + b2)
        return -jax.nn.log_softmax(hidden @ W3 + b3).mean()

    def run(first: int, steps: int) -> list:
        return [jax.block_until_ready(step(images[i % 10], values)) for i in range(first, first + steps)]

    return run


def _pytensor(variant: str) -> Runner:
    if variant == "numba":
        raise NotImplementedError
    pytensor = import_pytensor()
    import pytensor.tensor as pt

    images = digits(5000)[0].reshape(-1, BATCH, 784)
    X = pytensor.shared(images, shape=images.shape, borrow=True)
    W0, b0, W1, b1, W2, b2, W3, b3 = (pytensor.shared(a, shape=a.shape) for a in parameters())
    index, shape = pt.lscalar(), (BATCH, 1, 28, 28)
    layer = X[index].reshape(shape)
    for W, b in ((W0, b0), (W1, b1)):
        (n, _, h, _), filters = shape, W.type.shape
        f, side = filters[0], (h - filters[2] + 1) // 2
        pairs = pytensor_correlation(layer, W, shape, filters).reshape((n, f, side, 2, side, 2))
        layer = pt.tanh(pairs.max(axis=(3, 5)) + b[None, :, None, None])
        shape = (n, f, side, side)
    hidden = pt.tanh(pt.dot(layer.reshape((BATCH, 800)), W2) + b2)
    loss = -pt.special.log_softmax(pt.dot(hidden, W3) + b3, axis=-1).mean()
    predict = pytensor.function([index], loss, mode=PYTENSOR_MODES[variant], trust_input=True)
    numbers = [np.asarray(i) for i in range(len(images))]
    return lambda first, steps: [predict(numbers[i % 10]) for i in range(first, first + steps)]


WORKLOADS = {"lenet_forward": by_variant(VARIANTS, {"torch": _torch, "jax": _jax, "pytensor": _pytensor})}
