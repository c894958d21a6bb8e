"""Convolutions, and LeNet going forward, in other libraries: run by their own Python, which needs numpy and
has nothing of ours installed.

`WORKLOADS` has a function for each workload, of the variant's name: torch's are 'eager' and 'channels-last',
jax's is 'jit'.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

#: (n, c, h, f, k), stride, padding: images (n, c, h, h) and filters (f, c, k, k)
CONVOLUTIONS = {
    "conv_1_20": ((500, 1, 28, 20, 5), 1, 0),
    "conv_20_50": ((500, 20, 12, 50, 5), 1, 0),
    "conv_64_64": ((32, 64, 32, 64, 3), 1, 1),
    "conv_64_128_strided": ((32, 64, 32, 128, 3), 2, 1),
}

VARIANTS = {"torch": ("eager", "channels-last"), "jax": ("jit",)}

Runner = Callable[[int, int], list]


def convolution_operands(shape, stride: int, pad: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, filters, and a gradient of the result, float32 and seeded."""
    n, c, h, f, k = shape
    rng = np.random.default_rng(3)
    out = (h + 2 * pad - k) // stride + 1
    shapes = (n, c, h, h), (f, c, k, k), (n, f, out, out)
    return tuple(rng.standard_normal(s, dtype=np.float32) for s in shapes)


def _torch_convolution(shape, stride: int, pad: int, backward: bool, variant: str) -> Runner:
    import torch

    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    x, w, t = (
        torch.from_numpy(a).contiguous(memory_format=layout) for a in convolution_operands(shape, stride, pad)
    )
    x.requires_grad_(backward)
    w.requires_grad_(backward)

    def step():
        y = torch.nn.functional.conv2d(x, w, stride=stride, padding=pad)
        if backward:
            torch.autograd.grad(y, [x, w], t)
        return y.detach()[0, 0, 0, 0]

    return lambda first, steps: [step() for _ in range(steps)]


def _jax_convolution(shape, stride: int, pad: int, backward: bool, variant: str) -> Runner:
    import jax

    x, w, t = map(jax.numpy.asarray, convolution_operands(shape, stride, pad))

    def convolve(x, w):
        return jax.lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2)

    @jax.jit
    def step(x, w, t):
        if not backward:
            return (convolve(x, w),)
        y, gradients = jax.vjp(convolve, x, w)
        return y, *gradients(t)

    def run(first: int, steps: int) -> list:
        results = [jax.block_until_ready(step(x, w, t))[0] for _ in range(steps)]
        return [y[0, 0, 0, 0] for y in results[:1] + results[-1:]]

    return run


def _torch_lenet(variant: str) -> Runner:
    import torch
    from torch.nn import functional

    from tests.benchmarks.workloads import LENET_BATCH, digits, lenet_parameters

    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    images = torch.from_numpy(digits(5000)[0]).reshape(-1, 1, 28, 28).contiguous(memory_format=layout)
    W0, b0, W1, b1, W2, b2, W3, b3 = map(torch.from_numpy, lenet_parameters())
    W0, W1 = (W.contiguous(memory_format=layout) for W in (W0, W1))

    @torch.no_grad()
    def step(i):
        layer = images[i * LENET_BATCH : (i + 1) * LENET_BATCH]
        for W, b in ((W0, b0), (W1, b1)):
            layer = torch.tanh(functional.max_pool2d(functional.conv2d(layer, W), 2) + b[None, :, None, None])
        hidden = torch.tanh(torch.addmm(b2, layer.flatten(1), W2))
        return -torch.log_softmax(torch.addmm(b3, hidden, W3), 1).mean()

    return lambda first, steps: [step(i % 10) for i in range(first, first + steps)]


def _jax_lenet(variant: str) -> Runner:
    import jax

    from tests.benchmarks.workloads import LENET_BATCH, digits, lenet_parameters

    images = jax.numpy.asarray(digits(5000)[0]).reshape(-1, LENET_BATCH, 1, 28, 28)
    parameters = list(map(jax.numpy.asarray, lenet_parameters()))

    @jax.jit
    def step(layer, parameters):
        W0, b0, W1, b1, W2, b2, W3, b3 = parameters
        for W, b in ((W0, b0), (W1, b1)):
            layer = jax.lax.conv_general_dilated(layer, W, (1, 1), "VALID")
            window = (1, 1, 2, 2)
            layer = jax.lax.reduce_window(layer, -np.inf, jax.lax.max, window, window, "VALID")
            layer = jax.numpy.tanh(layer + b[None, :, None, None])
        hidden = jax.numpy.tanh(layer.reshape(len(layer), -1) @ W2 + b2)
        return -jax.nn.log_softmax(hidden @ W3 + b3).mean()

    def run(first: int, steps: int) -> list:
        return [jax.block_until_ready(step(images[i % 10], parameters)) for i in range(first, first + steps)]

    return run


def _of_library(torch_program: Callable, jax_program: Callable, variant: str) -> Runner:
    return (jax_program if variant in VARIANTS["jax"] else torch_program)(variant)


WORKLOADS = {"lenet_forward": partial(_of_library, _torch_lenet, _jax_lenet)} | {
    f"{name}{'_and_gradients' if backward else ''}": partial(
        _of_library,
        partial(_torch_convolution, *arguments, backward),
        partial(_jax_convolution, *arguments, backward),
    )
    for name, arguments in CONVOLUTIONS.items()
    for backward in (False, True)
}
