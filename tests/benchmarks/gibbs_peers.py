"""Gibbs chains of a restricted Boltzmann machine in other libraries: run by their own Python, which needs
numpy and has nothing of ours installed.

`WORKLOADS` has a function of the variant's name: torch's are 'eager' and 'compile', jax's is 'jit', and
pytensor's are 'c' and 'numba'.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

CHAINS, GIBBS_STEPS = 20, 1000

VARIANTS = {"torch": ("eager", "compile"), "jax": ("jit",), "pytensor": ("c", "numba")}

Runner = Callable[[int, int], list]


def gibbs_operands() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """W (784, 500), hidden and visible bias, and the chains' visible start, float32 and seeded."""
    rng = np.random.default_rng(4)
    bound = 4 * np.sqrt(6 / (784 + 500))
    W = rng.uniform(-bound, bound, (784, 500)).astype(np.float32)
    vbias = np.full(784, -1, np.float32)
    return W, np.zeros(500, np.float32), vbias, np.zeros((CHAINS, 784), np.float32)


def _torch(variant: str) -> Runner:
    import torch

    torch.set_num_threads(int(os.environ.get("PEER_THREADS", "2")))
    W, hbias, vbias, v = map(torch.from_numpy, gibbs_operands())
    state = [v]

    def step(v):
        h = (torch.rand(CHAINS, 500) < torch.sigmoid(torch.addmm(hbias, v, W))).float()
        mean = torch.sigmoid(torch.addmm(vbias, h, W.t()))
        return (torch.rand(CHAINS, 784) < mean).float(), mean

    if variant == "compile":
        step = torch.compile(step, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def sample():
        for _ in range(GIBBS_STEPS):
            state[0], mean = step(state[0])
        return mean.mean()

    return lambda first, steps: [sample() for _ in range(steps)]


def _jax(variant: str) -> Runner:
    import jax

    W, hbias, vbias, v = map(jax.numpy.asarray, gibbs_operands())
    state = [v, jax.random.key(21)]

    @jax.jit
    def sample(v, key):
        def step(carried, key):
            v, _ = carried
            below, above = jax.random.split(key)
            h = jax.random.uniform(below, (CHAINS, 500)) < jax.nn.sigmoid(v @ W + hbias)
            mean = jax.nn.sigmoid(h.astype(W.dtype) @ W.T + vbias)
            return ((jax.random.uniform(above, (CHAINS, 784)) < mean).astype(W.dtype), mean), None

        key, now = jax.random.split(key)
        (v, mean), _ = jax.lax.scan(step, (v, v), jax.random.split(now, GIBBS_STEPS))
        return v, key, mean.mean()

    def run(first: int, steps: int) -> list:
        means = []
        for _ in range(steps):
            *state[:], mean = sample(*state)
            means.append(jax.block_until_ready(mean))
        return means

    return run


def _pytensor(variant: str) -> Runner:
    os.environ.setdefault("PYTENSOR_FLAGS", "floatX=float32,blas__ldflags=-lopenblas")
    import pytensor
    import pytensor.tensor as pt

    W, hbias, vbias, v = (pytensor.shared(a, shape=a.shape) for a in gibbs_operands())
    rng = pytensor.shared(np.random.default_rng(21))

    def draw(mean, rng):
        following, uniform = pt.random.uniform(
            np.float32(0), np.float32(1), size=mean.shape, rng=rng, dtype="float32", return_next_rng=True
        )
        return pt.cast(uniform < mean, "float32"), following

    def step(v, rng, _, W, hbias, vbias):
        h, rng = draw(pt.sigmoid(pt.dot(v, W) + hbias), rng)
        mean = pt.sigmoid(pt.dot(h, W.T) + vbias)
        v, rng = draw(mean, rng)
        return v, rng, mean

    vs, rngs, means = pytensor.scan(
        step,
        outputs_info=[v, rng, v],
        non_sequences=[W, hbias, vbias],
        n_steps=GIBBS_STEPS,
        return_updates=False,
    )
    sample = pytensor.function(
        [],
        means[-1].mean(),
        updates=[(v, vs[-1]), (rng, rngs)],
        mode={"c": "CVM", "numba": "NUMBA"}[variant],
        trust_input=True,
    )
    return lambda first, steps: [sample() for _ in range(steps)]


def _of_library(variant: str) -> Runner:
    program = {"torch": _torch, "jax": _jax, "pytensor": _pytensor}
    (library,) = (name for name, variants in VARIANTS.items() if variant in variants)
    return program[library](variant)


WORKLOADS = {"gibbs": _of_library}
