"""Recurrent networks: a language model and a mixture density network."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.models.model import Model

BATCH, TIME, WORDS = 32, 35, 2000


def _gru(m: int, n: int) -> dict[str, tuple[int, ...]]:
    return {"Wx": (m, 3 * n), "bx": (3 * n,), "Wh": (n, 3 * n), "bh": (3 * n,)}


def _language(ops, p, words, following):
    x = p["embedding"][words]
    h = ops.gru(x, p["Wx"], p["bx"], p["Wh"], p["bh"])
    logits = ops.dot(ops.reshape(h, (TIME * BATCH, 256)), p["V"]) + p["a"]
    return ops.cross_entropy(logits, ops.reshape(following, (TIME * BATCH,)))


def _density(ops, p, x, t):
    n, mixture = 60 * 16, 8
    h = ops.gru(x, p["Wx"], p["bx"], p["Wh"], p["bh"])
    made = ops.dot(ops.reshape(h, (n, 128)), p["V"]) + p["a"]
    weight, mean, log_scale = made[:, :mixture], made[:, mixture : 2 * mixture], made[:, 2 * mixture :]
    away = (ops.reshape(t, (n, 1)) - mean) * ops.exp(-log_scale)
    log_density = ops.log_softmax(weight) - log_scale - 0.5 * away * away
    return -ops.mean(ops.logsumexp(log_density, 1))


MODELS = {
    "gru": Model(
        "A language model with Adam: 256 GRU units, 2000 words, 32 sequences of 35",
        _language,
        {"embedding": (WORDS, 128), **_gru(128, 256), "V": (256, WORDS), "a": (WORDS,)},
        lambda rng: [rng.integers(0, WORDS, (TIME, BATCH)).astype(np.int32) for _ in range(2)],
        "adam",
        (7.60118, 7.58119),
        products=[(TIME * BATCH, 768, 128), *[(BATCH, 768, 256)] * TIME, (TIME * BATCH, WORDS, 256)],
    ),
    "mixture_density": Model(
        "A mixture density network with Adam: 128 GRU units, 16 sequences of 60, eight components",
        _density,
        {**_gru(8, 128), "V": (128, 24), "a": (24,)},
        lambda rng: [rng.standard_normal((60, 16, 8)), rng.standard_normal((60, 16))],
        "adam",
        (0.702729, 0.675131),
        products=[(960, 384, 8), *[(16, 384, 128)] * 60, (960, 24, 128)],
    ),
}
