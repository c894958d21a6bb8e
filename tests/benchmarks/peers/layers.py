"""Layers by themselves.

PyTensor has no convolution of images with several channels, no pooling and no batch normalisation: its
programs are the formulas, a convolution being the product of the filters with all patches of the images.
Numba takes minutes to compile that, so PyTensor convolves with its C alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tests.benchmarks.peers import PYTENSOR_MODES, Runner, by_variant, import_pytensor, import_torch
from tests.benchmarks.workloads.layers import EPSILON, LAYERS, Layer

VARIANTS = {
    "torch": ("eager", "channels-last", "compile"),
    "jax": ("jit",),
    "pytensor": ("c", "numba"),
}


def _runner(layer: Layer, step: Callable[[], Sequence]) -> Runner:
    """Steps as `worker` calls them; numpy reads the results of all libraries without copying them."""

    def run(first: int, steps: int) -> list[float]:
        for _ in range(steps):
            results = step()
        return layer.losses([np.asarray(result) for result in results])

    return run


def torch_tensors(arrays: Sequence[np.ndarray], variant: str) -> list:
    """The arrays as torch's tensors, images and filters in the layout that the variant names."""
    import torch

    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    plain = torch.contiguous_format
    return [torch.from_numpy(a).contiguous(memory_format=layout if a.ndim == 4 else plain) for a in arrays]


def _torch(layer: Layer, variant: str) -> Runner:
    torch = import_torch()
    from torch.nn import functional

    if (variant, layer.kind) == ("compile", "convolution") or (
        variant == "channels-last" and len(layer.result) != 4
    ):
        raise NotImplementedError  # it would be the eager program again
    *operands, d_result = torch_tensors(layer.arrays(), variant)
    for operand in operands:
        operand.requires_grad_(layer.backward)

    def convolution(x, w, stride, pad):
        return functional.conv2d(x, w, stride=stride, padding=pad)

    def batch_norm(x, gamma, beta):
        return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPSILON)

    def dropout(x, p):
        return functional.dropout(x, p)

    kinds = {"convolution": convolution, "batch_norm": batch_norm, "dropout": dropout}
    function = partial(kinds[layer.kind], **layer.options)
    if variant == "compile":
        function = torch.compile(function, fullgraph=True, dynamic=False)

    def step():
        result = function(*operands)
        gradients = torch.autograd.grad(result, operands, d_result) if layer.backward else ()
        return result.detach(), *gradients

    return _runner(layer, step)


def _jax(layer: Layer, variant: str) -> Runner:
    import jax
    from jax import numpy as jnp

    *operands, d_result = map(jnp.asarray, layer.arrays())
    key = jax.random.key(0)

    def convolution(key, x, w, stride, pad):
        return jax.lax.conv_general_dilated(x, w, (stride, stride), [(pad, pad)] * 2)

    def batch_norm(key, x, gamma, beta):
        over = (0, *range(2, x.ndim))
        gamma, beta = (jnp.expand_dims(v, over) for v in (gamma, beta))
        return (x - x.mean(over, keepdims=True)) * jax.lax.rsqrt(
            x.var(over, keepdims=True) + EPSILON
        ) * gamma + beta

    def dropout(key, x, p):
        return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)

    kinds = {"convolution": convolution, "batch_norm": batch_norm, "dropout": dropout}
    function = partial(kinds[layer.kind], **layer.options)

    @jax.jit
    def evaluate(key, operands, d_result):
        key, own = jax.random.split(key)
        if not layer.backward:
            return key, (function(own, *operands),)
        result, gradients = jax.vjp(partial(function, own), *operands)
        return key, (result, *gradients(d_result))

    def step():
        nonlocal key
        key, results = evaluate(key, operands, d_result)
        return jax.block_until_ready(results)

    return _runner(layer, step)


def pytensor_correlation(x, w, shape: Sequence[int], filters: Sequence[int], stride: int = 1, pad: int = 0):
    """Images of `shape` (n, c, h, h) with filters of shape (f, c, k, k), as a product with the patches."""
    import pytensor.tensor as pt

    (n, c, h, _), (f, _, k, _) = shape, filters
    out = (h + 2 * pad - k) // stride + 1
    if pad:
        x = pt.set_subtensor(
            pt.zeros((n, c, h + 2 * pad, h + 2 * pad), "float32")[:, :, pad : pad + h, pad : pad + h], x
        )
    reach = stride * (out - 1) + 1
    patches = pt.stack(
        [x[:, :, i : i + reach : stride, j : j + reach : stride] for i in range(k) for j in range(k)], axis=2
    )
    patches = patches.transpose(1, 2, 0, 3, 4).reshape((c * k * k, n * out * out))
    y = pt.dot(w.reshape((f, c * k * k)), patches)
    return y.reshape((f, n, out, out)).transpose(1, 0, 2, 3)


def _pytensor(layer: Layer, variant: str) -> Runner:
    if variant == "numba" and layer.kind == "convolution":
        raise NotImplementedError
    pytensor = import_pytensor()
    import pytensor.tensor as pt

    *operands, d_result = (pytensor.shared(a, shape=a.shape, borrow=True) for a in layer.arrays())
    rng = pytensor.shared(np.random.default_rng(0))
    updates = []

    def convolution(x, w, stride, pad):
        return pytensor_correlation(x, w, *layer.shapes, stride, pad)

    def batch_norm(x, gamma, beta):
        over = (0, *range(2, x.ndim))
        gamma, beta = (pt.expand_dims(v, over) for v in (gamma, beta))
        centred = x - x.mean(axis=over, keepdims=True)
        variance = (centred**2).mean(axis=over, keepdims=True)
        return centred / pt.sqrt(variance + np.float32(EPSILON)) * gamma + beta

    def dropout(x, p):
        bounds = np.float32(0), np.float32(1)
        following, u = pt.random.uniform(
            *bounds, size=layer.result, rng=rng, dtype="float32", return_next_rng=True
        )
        updates.append((rng, following))
        return x * (u < np.float32(1 - p)) / np.float32(1 - p)

    kinds = {"convolution": convolution, "batch_norm": batch_norm, "dropout": dropout}
    result = kinds[layer.kind](*operands, **layer.options)
    gradients = pytensor.grad(None, operands, known_grads={result: d_result}) if layer.backward else []
    outputs = [pytensor.Out(value, borrow=True) for value in (result, *gradients)]
    mode = PYTENSOR_MODES[variant]
    return _runner(layer, pytensor.function([], outputs, updates=updates, mode=mode, trust_input=True))


PROGRAMS = {"torch": _torch, "jax": _jax, "pytensor": _pytensor}


def _workload(layer: Layer) -> Callable[[str], Runner]:
    programs = {library: partial(program, layer) for library, program in PROGRAMS.items()}
    return by_variant(VARIANTS, programs)


WORKLOADS = {name: _workload(layer) for name, layer in LAYERS.items()}
