"""Data and initial parameters, seeded like those of the other libraries' programs, so that losses can be
compared."""

from __future__ import annotations

import numpy as np


def digits(n: int = 50_000, seed: int = 1234) -> tuple[np.ndarray, np.ndarray]:
    """Noisy images of ten prototypes, (n, 784) float32 in [0, 1], and labels (n,) int64, a tenth wrong."""
    rng = np.random.default_rng(seed)
    prototypes = (rng.random((10, 784)) < 0.2).astype(np.float32)
    labels = rng.integers(0, 10, n)
    images = prototypes[labels] * rng.uniform(0.5, 1.0, (n, 1)).astype(np.float32)
    images += rng.random((n, 784), dtype=np.float32) * np.float32(0.4) - np.float32(0.3)
    np.clip(images, 0, 1, out=images)
    wrong = rng.random(n) < 0.1
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return images, labels


def glorot(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Uniform in +-sqrt(6 / (rows + columns)), float32 (Glorot and Bengio 2010)."""
    bound = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)


def orthogonal(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """`count` random orthogonal matrices side by side: (size, count size) float32."""
    blocks = [np.linalg.svd(rng.standard_normal((size, size)))[0] for _ in range(count)]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def small(*shape: int) -> np.ndarray:
    """A gradient for the bare products, so small that thousands of updates leave the parameters finite."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(1e-6)


def minibatches(data: np.ndarray, size: int) -> np.ndarray:
    """(n, …) as a view of shape (n // size, size, …)."""
    count = len(data) // size
    return data[: count * size].reshape(count, size, *data.shape[1:])


def nbytes(*arrays: np.ndarray) -> int:
    return sum(array.nbytes for array in arrays)
