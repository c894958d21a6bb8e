"""Layers by themselves, with and without their gradients: convolutions, batch normalisation, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.figures import TOLERANCE
from tests.benchmarks.workloads.data import nbytes, zeros
from tests.benchmarks.workloads.job import Job, Make, Runner, jobs

EPSILON = 1e-4  # added to the variance in batch normalisation


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


def _convolution_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """The first elements of the result and of the gradients, by their definition."""
    x, w, t = (a.astype(np.float64) for a in arrays)
    stride, pad, k, out = layer.options["stride"], layer.options["pad"], w.shape[2], t.shape[2]
    reach = stride * (out - 1) + 1
    padded = np.pad(x[:, 0], [(0, 0), (pad, pad), (pad, pad)])
    corner = np.pad(x[0], [(0, 0), (pad, pad), (pad, pad)])[:, :k, :k]
    d_w = (padded[:, :reach:stride, :reach:stride] * t[:, 0]).sum()
    taps = [(o, pad - o * stride) for o in range(out) if 0 <= pad - o * stride < k]
    d_x = sum(t[0, :, p, q] @ w[:, 0, i, j] for p, i in taps for q, j in taps)
    first = float((corner * w[0]).sum())
    return [first, float(d_x + d_w) if layer.backward else first]


def _batch_norm_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """Ioffe and Szegedy (2015), section 3; the gradients of its steps put together."""
    x, gamma, beta, t = (a.astype(np.float64) for a in arrays)
    over = (0, *range(2, x.ndim))
    gamma, beta = (np.expand_dims(v, over) for v in (gamma, beta))
    inverse = 1 / np.sqrt(x.var(over, keepdims=True) + EPSILON)
    normal = (x - x.mean(over, keepdims=True)) * inverse
    d_gamma, d_beta = (t * normal).sum(over, keepdims=True), t.sum(over, keepdims=True)
    count = x.size / gamma.size
    d_x = gamma * inverse * (t - (d_beta + normal * d_gamma) / count)
    return layer.losses([normal * gamma + beta, d_x, d_gamma, d_beta])


def _dropout_losses(layer: Layer, arrays: Sequence[np.ndarray]) -> list[float]:
    """The expected means: the sample's have a relative standard deviation of .0016."""
    x, t = arrays
    return layer.losses([x, t])


LOSSES = {
    "convolution": _convolution_losses,
    "batch_norm": _batch_norm_losses,
    "dropout": _dropout_losses,
}


def _expression(layer: Layer, operands: Sequence):
    import graphlib.tensor as T
    from graphlib.tensor.random import RandomStreams

    if layer.kind == "convolution":
        stride, pad = layer.options["stride"], layer.options["pad"]
        return T.nnet.conv2d(*operands, border_mode=pad, subsample=(stride, stride), filter_flip=False)
    if layer.kind == "dropout":
        return T.nnet.dropout(*operands, layer.options["p"], RandomStreams(24))
    axes = "spatial" if len(layer.result) == 4 else "per-activation"
    return T.nnet.batch_normalization_train(*operands, axes, EPSILON)[0]


def _job(layer: Layer) -> Job:
    """A layer by itself, with or without its gradients. Its 'losses' are not those of two steps, but a number
    for the result and one for the gradients."""
    arrays = layer.arrays()
    *operands, d_result = arrays

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        *inputs, t = (graphlib.shared(array, borrow=True) for array in arrays)
        result = _expression(layer, inputs)
        values = [result, *(T.grad((result * t).sum(), inputs) if layer.backward else ())]
        targets = [graphlib.shared(np.zeros_like(a)) for a in (d_result, *operands)][: len(values)]
        step = graphlib.function([], updates=list(zip(targets, values, strict=True)), name=layer.kind)

        def run(first: int, steps: int) -> list[float]:
            for _ in range(steps):
                step()
            return layer.losses([target.get_value(borrow=True) for target in targets])

        return run

    def products() -> list[bare.Product]:
        (f, c, k, _), places = layer.shapes[1], d_result.size // layer.result[1]
        patches, weights, out = zeros(c * k * k, places), zeros(f, c * k * k), zeros(f, places)
        forward = bare.Product(out, weights, patches)
        if not layer.backward:
            return [forward]
        return [forward, bare.Product(weights, out, patches.T), bare.Product(patches, weights.T, out)]

    def copies() -> list[bare.Copy]:
        x = operands[0]
        return [bare.Copy(np.empty_like(d_result), x), bare.Copy(np.empty_like(x), d_result)]

    return Job(
        10 if layer.kind == "convolution" else 50,
        tuple(LOSSES[layer.kind](layer, arrays)),
        build,
        products if layer.kind == "convolution" else copies,
        nbytes(*arrays),
        tolerance=0.01 if layer.kind == "dropout" else TOLERANCE,
        peers="layers",
    )


def _named(name: str, layer: Layer) -> Make:
    """The layer's workload under this name, described by the layer."""

    def make() -> Job:
        return _job(layer)

    make.__name__, make.__doc__ = name, f"{layer.described()}."
    return make


JOBS = jobs(*(_named(name, layer) for name, layer in LAYERS.items()))
