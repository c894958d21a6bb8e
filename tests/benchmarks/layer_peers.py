"""Layers by themselves, and LeNet going forward, in other libraries: run by their own Python, which needs
numpy and has nothing of ours installed.

`WORKLOADS` has a function for each workload, of the variant's name. PyTensor has no convolution of images
with several channels, no pooling and no batch normalisation: its programs are the formulas, a convolution
being the product of the filters with all patches of the images. Numba takes minutes to compile that, so
PyTensor convolves with its C alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

VARIANTS = {
    "torch": ("eager", "channels-last", "compile"),
    "jax": ("jit",),
    "pytensor": ("c", "numba"),
}
EPSILON = 1e-4  # added to the variance in batch normalisation

Runner = Callable[[int, int], list]


@dataclass(frozen=True)
class Layer:
    """What is measured: result = layer(*operands), and the gradients by all operands, given the result's.

    shapes: of the operands, the layer's input first. options: of the functions below. backward: whether the
    gradients are wanted.
    """

    kind: str
    shapes: Sequence[tuple[int, ...]]
    result: tuple[int, ...]
    options: dict[str, float] = field(default_factory=dict)
    backward: bool = True

    def described(self) -> str:
        """The layer in words, without the shapes of biases and the like."""
        name = self.kind.replace("_", " ").capitalize()
        shapes = " with ".join("×".join(map(str, shape)) for shape in self.shapes if len(shape) > 1)
        options = "".join(f", {name} {value}" for name, value in self.options.items())
        return f"{name}, {shapes}{options}{', with all gradients' if self.backward else ''}"

    def arrays(self) -> list[np.ndarray]:
        """The operands and the result's gradient, float32 and seeded."""
        rng = np.random.default_rng(3)
        draw = rng.random if self.kind == "dropout" else rng.standard_normal
        return [draw(shape, dtype=np.float32) for shape in (*self.shapes, self.result)]

    def losses(self, results: Sequence[np.ndarray]) -> list[float]:
        """Two numbers that tell right results (the layer's and its gradients) from wrong ones: the result's
        first element and the sum of the gradients', or their means where elements are random."""

        def number(result: np.ndarray) -> float:
            return float(result.mean() if self.kind == "dropout" else result[(0,) * result.ndim])

        first, *gradients = map(number, results)
        return [first, sum(gradients) if gradients else first]


def _convolution(n: int, c: int, h: int, f: int, k: int, stride: int, pad: int) -> Layer:
    """Images (n, c, h, h) with filters (f, c, k, k)."""
    out = (h + 2 * pad - k) // stride + 1
    shapes = [(n, c, h, h), (f, c, k, k)]
    return Layer("convolution", shapes, (n, f, out, out), {"stride": stride, "pad": pad})


def _batch_norm(*shape: int) -> Layer:
    return Layer("batch_norm", [shape, (shape[1],), (shape[1],)], shape)


CONVOLUTIONS = {
    "conv_1_20": _convolution(500, 1, 28, 20, 5, stride=1, pad=0),
    "conv_20_50": _convolution(500, 20, 12, 50, 5, stride=1, pad=0),
    "conv_64_64": _convolution(32, 64, 32, 64, 3, stride=1, pad=1),
    "conv_64_128_strided": _convolution(32, 64, 32, 128, 3, stride=2, pad=1),
}
LAYERS = {
    **{name: replace(layer, backward=False) for name, layer in CONVOLUTIONS.items()},
    **{f"{name}_and_gradients": layer for name, layer in CONVOLUTIONS.items()},
    "batch_norm_spatial": _batch_norm(64, 64, 16, 16),
    "batch_norm_per_activation": _batch_norm(500, 1000),
    "dropout": Layer("dropout", [(500, 1000)], (500, 1000), {"p": 0.5}),
}


def _runner(layer: Layer, step: Callable[[], Sequence]) -> Runner:
    """Steps as `worker` calls them; numpy reads the results of all libraries without copying them."""

    def run(first: int, steps: int) -> list[float]:
        for _ in range(steps):
            results = step()
        return layer.losses([np.asarray(result) for result in results])

    return run


def _torch_layer(layer: Layer, variant: str) -> Runner:
    import torch
    from torch.nn import functional

    torch.set_num_threads(int(os.environ.get("PEER_THREADS", "2")))
    if (variant, layer.kind) == ("compile", "convolution") or (
        variant == "channels-last" and len(layer.result) != 4
    ):
        raise NotImplementedError  # it would be the eager program again
    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    *operands, d_result = (
        torch.from_numpy(a).contiguous(memory_format=layout if a.ndim == 4 else torch.contiguous_format)
        for a in layer.arrays()
    )
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


def _jax_layer(layer: Layer, variant: str) -> Runner:
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


def _pytensor():
    """The library, with its own settings for speed."""
    os.environ.setdefault("PYTENSOR_FLAGS", "floatX=float32,blas__ldflags=-lopenblas")
    import pytensor

    return pytensor


PYTENSOR_MODES = {"c": "CVM", "numba": "NUMBA"}


def _pytensor_correlation(x, w, shape: Sequence[int], filters: Sequence[int], stride: int = 1, pad: int = 0):
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


def _pytensor_layer(layer: Layer, variant: str) -> Runner:
    if variant == "numba" and layer.kind == "convolution":
        raise NotImplementedError
    pytensor = _pytensor()
    import pytensor.tensor as pt

    *operands, d_result = (pytensor.shared(a, shape=a.shape, borrow=True) for a in layer.arrays())
    rng = pytensor.shared(np.random.default_rng(0))
    updates = []

    def convolution(x, w, stride, pad):
        return _pytensor_correlation(x, w, *layer.shapes, stride, pad)

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


def _torch_lenet(variant: str) -> Runner:
    import torch
    from torch.nn import functional

    from tests.benchmarks.workloads import LENET_BATCH, digits, lenet_parameters

    torch.set_num_threads(int(os.environ.get("PEER_THREADS", "2")))
    layout = torch.channels_last if variant == "channels-last" else torch.contiguous_format
    images = torch.from_numpy(digits(5000)[0]).reshape(-1, 1, 28, 28).contiguous(memory_format=layout)
    parameters = [
        torch.from_numpy(a).contiguous(memory_format=layout if a.ndim == 4 else torch.contiguous_format)
        for a in lenet_parameters()
    ]

    def evaluate(layer, W0, b0, W1, b1, W2, b2, W3, b3):
        for W, b in ((W0, b0), (W1, b1)):
            layer = torch.tanh(functional.max_pool2d(functional.conv2d(layer, W), 2) + b[None, :, None, None])
        hidden = torch.tanh(torch.addmm(b2, layer.flatten(1), W2))
        return -torch.log_softmax(torch.addmm(b3, hidden, W3), 1).mean()

    if variant == "compile":
        evaluate = torch.compile(evaluate, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def step(i):
        return evaluate(images[i * LENET_BATCH : (i + 1) * LENET_BATCH], *parameters)

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


def _pytensor_lenet(variant: str) -> Runner:
    if variant == "numba":
        raise NotImplementedError
    pytensor = _pytensor()
    import pytensor.tensor as pt

    from tests.benchmarks.workloads import LENET_BATCH, digits, lenet_parameters

    images = digits(5000)[0].reshape(-1, LENET_BATCH, 784)
    X = pytensor.shared(images, shape=images.shape, borrow=True)
    parameters = [pytensor.shared(a, shape=a.shape) for a in lenet_parameters()]
    W0, b0, W1, b1, W2, b2, W3, b3 = parameters
    index = pt.lscalar()
    layer, shape = X[index].reshape((LENET_BATCH, 1, 28, 28)), (LENET_BATCH, 1, 28, 28)
    for W, b in ((W0, b0), (W1, b1)):
        (n, _, h, _), filters = shape, W.type.shape
        f, side = filters[0], (h - filters[2] + 1) // 2
        pairs = _pytensor_correlation(layer, W, shape, filters).reshape((n, f, side, 2, side, 2))
        layer = pt.tanh(pairs.max(axis=(3, 5)) + b[None, :, None, None])
        shape = (n, f, side, side)
    hidden = pt.tanh(pt.dot(layer.reshape((LENET_BATCH, 800)), W2) + b2)
    loss = -pt.special.log_softmax(pt.dot(hidden, W3) + b3, axis=-1).mean()
    predict = pytensor.function([index], loss, mode=PYTENSOR_MODES[variant], trust_input=True)
    numbers = [np.asarray(i) for i in range(len(images))]
    return lambda first, steps: [predict(numbers[i % 10]) for i in range(first, first + steps)]


LAYER_PROGRAMS = {"torch": _torch_layer, "jax": _jax_layer, "pytensor": _pytensor_layer}
LENET_PROGRAMS = {"torch": _torch_lenet, "jax": _jax_lenet, "pytensor": _pytensor_lenet}


def _of_library(programs: dict[str, Callable[[str], Runner]], variant: str) -> Runner:
    library = next(name for name, variants in VARIANTS.items() if variant in variants)
    return programs[library](variant)


WORKLOADS = {"lenet_forward": partial(_of_library, LENET_PROGRAMS)} | {
    name: partial(
        _of_library, {library: partial(program, layer) for library, program in LAYER_PROGRAMS.items()}
    )
    for name, layer in LAYERS.items()
}
