"""Gibbs chains of a restricted Boltzmann machine."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.peers import PYTENSOR_MODES, Runner, by_variant, import_pytensor, import_torch
from tests.benchmarks.workloads.energy import CHAINS, GIBBS_STEPS, gibbs_operands

VARIANTS = {"torch": ("eager", "compile"), "jax": ("jit",), "pytensor": ("c", "numba")}


def _torch(variant: str) -> Runner:
    torch = import_torch()
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
    pytensor = import_pytensor()
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
        mode=PYTENSOR_MODES[variant],
        trust_input=True,
    )
    return lambda first, steps: [sample() for _ in range(steps)]


WORKLOADS = {"gibbs": by_variant(VARIANTS, {"torch": _torch, "jax": _jax, "pytensor": _pytensor})}
