"""Networks of dense layers: with dropout, attention, a wide softmax, for one example, in float64."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tests.benchmarks.models.model import Model


def _dense(*sizes: int) -> dict[str, tuple[int, ...]]:
    """Weights W0, W1, … and biases b0, b1, … of layers of these sizes."""
    shapes = {}
    for k, (m, n) in enumerate(pairwise(sizes)):
        shapes |= {f"W{k}": (m, n), f"b{k}": (n,)}
    return shapes


def _products(n: int, *sizes: int) -> list[tuple[int, int, int]]:
    return [(n, b, a) for a, b in pairwise(sizes)]


def _labelled(n: int, width: int, classes: int):
    return lambda rng: [rng.standard_normal((n, width)), rng.integers(0, classes, n).astype(np.int32)]


def _logits(ops, p, x, drop: float = 0.0):
    layers = len(p) // 2
    for k in range(layers):
        x = ops.dot(x, p[f"W{k}"]) + p[f"b{k}"]
        if k < layers - 1:
            x = ops.relu(x)
            x = ops.dropout(x, drop) if drop else x
    return x


def _classifier(ops, p, x, y):
    return ops.cross_entropy(_logits(ops, p, x), y)


def _dropped(ops, p, x, y):
    return ops.cross_entropy(_logits(ops, p, x, 0.5), y)


def _one(ops, p, x):
    return ops.mean(ops.softmax(_logits(ops, p, x))[:, 0])


def _block(ops, p, x, t):
    batch, time, width = X
    heads = 4

    def split(u):
        return ops.transpose(ops.reshape(u, (batch, time, heads, width // heads)), (0, 2, 1, 3))

    flat = ops.reshape(x, (batch * time, width))
    normal = ops.layer_norm(flat, p["gamma1"], p["beta1"])
    q, k, v = (split(ops.dot(normal, p[name])) for name in ("Wq", "Wk", "Wv"))
    attended = ops.reshape(ops.transpose(ops.attention(q, k, v), (0, 2, 1, 3)), (batch * time, width))
    flat = flat + ops.dot(attended, p["Wo"])
    normal = ops.layer_norm(flat, p["gamma2"], p["beta2"])
    flat = flat + ops.dot(ops.gelu(ops.dot(normal, p["W1"]) + p["b1"]), p["W2"]) + p["b2"]
    difference = flat - ops.reshape(t, (batch * time, width))
    return ops.mean(difference * difference)


X = (16, 64, 256)
_BLOCK = {
    **dict.fromkeys(("Wq", "Wk", "Wv", "Wo"), (256, 256)),
    **{f"{name}{k}": (256,) for name in ("gamma", "beta") for k in (1, 2)},
    "W1": (256, 1024),
    "b1": (1024,),
    "W2": (1024, 256),
    "b2": (256,),
}
_DEEP = (784, 1024, 1024, 1024, 10)


def _dropout(n: int, losses: tuple[float, float]) -> Model:
    return Model(
        f"784-1024-1024-1024-10 with ReLU, dropout and Adam, batches of {n}",
        _dropped,
        _dense(*_DEEP),
        _labelled(n, 784, 10),
        "adam",
        losses,
        products=_products(n, *_DEEP),
        tolerance=0.05,
    )


MODELS = {
    "dropout_128": _dropout(128, (5.95, 4.85)),
    "dropout_1024": _dropout(1024, (5.92, 5.13)),
    "transformer": Model(
        "A transformer's block with Adam: 16 sequences of 64, width 256, 4 heads",
        _block,
        _BLOCK,
        lambda rng: [rng.standard_normal(X), rng.standard_normal(X)],
        "adam",
        (4.51104, 3.92453),
        products=[(1024, 256, 256)] * 4 + [(1024, 1024, 256), (1024, 256, 1024)],
    ),
    "wide_softmax": Model(
        "A softmax of 30,000 classes over 256 units, batches of 128",
        _classifier,
        _dense(256, 30_000),
        _labelled(128, 256, 30_000),
        "sgd",
        (11.4359, 11.4341),
        products=_products(128, 256, 30_000),
    ),
    "logreg_full": Model(
        "Logistic regression on 50,000 × 784 at once: cost and gradients, as L-BFGS asks for them",
        _classifier,
        _dense(784, 10),
        _labelled(50_000, 784, 10),
        "gradients",
        (3.1309, 3.22275),
        products=_products(50_000, 784, 10),
    ),
    "one_example": Model(
        "784-512-512-10: the classes of one example",
        _one,
        _dense(784, 512, 512, 10),
        lambda rng: [rng.standard_normal((1, 784))],
        "value",
        (0.0142824, 0.0142824),
        steps=500,
        products=_products(1, 784, 512, 512, 10),
    ),
    "double": Model(
        "784-512-512-10 in float64, batches of 128",
        _classifier,
        _dense(784, 512, 512, 10),
        _labelled(128, 784, 10),
        "sgd",
        (3.2154, 3.16574),
        dtype="float64",
    ),
}
