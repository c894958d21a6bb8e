"""Convolutional networks: 3×3 filters with batch normalisation, residual, and down and up again."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.models.model import Model


def _normal(ops, p, x, name: str, activated: bool = True):
    """A convolution without bias, batch normalisation, and ReLU."""
    x = ops.batch_norm(ops.conv(x, p[f"W{name}"]), p[f"gamma{name}"], p[f"beta{name}"])
    return ops.relu(x) if activated else x


def _filters(**channels: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Filters (out, in) of 3×3, or of the size that comes third, and their batch normalisations."""
    shapes = {}
    for name, (out, inside, *size) in channels.items():
        shapes[f"W{name}"] = (out, inside, *(size * 2 or (3, 3)))
        shapes |= {f"gamma{name}": (out,), f"beta{name}": (out,)}
    return shapes


def _vgg(ops, p, x, y):
    x = ops.max_pool(_normal(ops, p, _normal(ops, p, x, "1"), "2"))
    x = ops.max_pool(_normal(ops, p, _normal(ops, p, x, "3"), "4"))
    x = ops.reshape(x, (BATCH, 64 * 64))
    return ops.cross_entropy(ops.dot(x, p["Wd"]) + p["bd"], y)


def _residual(ops, p, x, y):
    x = _normal(ops, p, x, "0")
    for k in "123":
        x = ops.relu(x + _normal(ops, p, _normal(ops, p, x, f"{k}a"), f"{k}b", activated=False))
    x = ops.mean(x, (2, 3))
    return ops.cross_entropy(ops.dot(x, p["Wd"]) + p["bd"], y)


def _unet(ops, p, x, t):
    whole = ops.relu(ops.conv(x, p["W1"]))
    half = ops.relu(ops.conv(ops.max_pool(whole), p["W2"]))
    quarter = ops.relu(ops.conv(ops.max_pool(half), p["W3"]))
    half = ops.relu(ops.conv(ops.concatenate([half, ops.upsample(quarter)], 1), p["W4"]))
    whole = ops.relu(ops.conv(ops.concatenate([whole, ops.upsample(half)], 1), p["W5"]))
    logits = ops.conv(whole, p["W6"])
    return ops.mean(ops.softplus(logits) - t * logits)


BATCH = 32


def _labelled(size: int):
    def inputs(rng):
        return [rng.standard_normal((BATCH, 3, size, size)), rng.integers(0, 10, BATCH).astype(np.int32)]

    return inputs


MODELS = {
    "vgg": Model(
        "3×3 convolutions with batch normalisation and pooling: 32-32-64-64 on 32 images of 3×32×32",
        _vgg,
        _filters(**{"1": (32, 3), "2": (32, 32), "3": (64, 32), "4": (64, 64)})
        | {"Wd": (4096, 10), "bd": (10,)},
        _labelled(32),
        "sgd",
        (3.71028, 2.3945),
        steps=5,
        products=[(32, 32768, 27), (32, 32768, 288), (64, 8192, 288), (64, 8192, 576)],
        rate=1e-3,
        tolerance=1e-3,
    ),
    "residual": Model(
        "Three residual blocks of 32 channels with batch normalisation on 32 images of 3×16×16",
        _residual,
        _filters(**{"0": (32, 3)}, **{f"{k}{side}": (32, 32) for k in "123" for side in "ab"})
        | {"Wd": (32, 10), "bd": (10,)},
        _labelled(16),
        "sgd",
        (2.82368, 2.80471),
        steps=5,
        products=[(32, 8192, 27)] + [(32, 8192, 288)] * 6,
        rate=1e-3,
        tolerance=1e-3,
    ),
    "unet": Model(
        "Down to a quarter and up again, with the way around, on 8 images of 64×64, Adam",
        _unet,
        {
            "W1": (16, 1, 3, 3),
            "W2": (32, 16, 3, 3),
            "W3": (64, 32, 3, 3),
            "W4": (32, 96, 3, 3),
            "W5": (16, 48, 3, 3),
            "W6": (1, 16, 1, 1),
        },
        lambda rng: [
            rng.standard_normal((8, 1, 64, 64)),
            rng.integers(0, 2, (8, 1, 64, 64)).astype("float64"),
        ],
        "adam",
        (1.64382, 0.918938),
        steps=5,
        products=[(16, 32768, 9), (32, 8192, 144), (64, 2048, 288), (32, 8192, 864), (16, 32768, 432)],
        tolerance=1e-3,
    ),
}
