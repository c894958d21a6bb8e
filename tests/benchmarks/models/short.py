"""Inputs that are short along an axis, as is seen at the call alone: particles in space, a few classes."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.models.model import Model

PARTICLES, EXAMPLES, CLASSES = 1000, 100_000, 10


def _away(ops, x):
    """The squares of distances, those of particles from themselves 1, and where those are not."""
    self = ops.eye(PARTICLES)
    return ops.sum((x[:, None] - x[None]) ** 2, 2) + self, 1 - self


def _lennard_jones(ops, p, x):
    squares, others = _away(ops, x)
    sixth = 1 / squares**3
    return 2 * ops.sum(others * (sixth * sixth - sixth)) / PARTICLES


def _n_body(ops, p, x, mass):
    away = x[None] - x[:, None]
    squares = ops.sum(away**2, 2) + 0.01
    pull = ops.sum(away * (mass[None] * squares**-1.5)[:, :, None], 1)
    return ops.mean(pull**2)


def _focal(ops, p, z, y):
    log_p = ops.sum(ops.log_softmax(z) * ops.one_hot(y, CLASSES), 1)
    return -ops.mean((1 - ops.exp(log_p)) ** 2 * log_p)


def _lattice(rng):
    """Particles near the places of a cubic lattice."""
    places = np.stack(np.meshgrid(*[np.arange(10)] * 3), -1).reshape(PARTICLES, 3)
    return 1.2 * places + 0.05 * rng.standard_normal((PARTICLES, 3))


MODELS = {
    "lennard_jones": Model(
        "The energy of 1000 particles by Lennard-Jones, and the forces",
        _lennard_jones,
        {},
        lambda rng: [_lattice(rng)],
        "gradients",
        (-3.48357, 2.31927),
        tolerance=1e-3,
    ),
    "n_body": Model(
        "The accelerations of 1000 bodies that attract each other",
        _n_body,
        {},
        lambda rng: [rng.standard_normal((PARTICLES, 3)), rng.random(PARTICLES)],
        "value",
        (2712.11, 2712.11),
    ),
    "focal": Model(
        "The focal loss of 100,000 examples of ten classes, and its gradient by the logits",
        _focal,
        {},
        lambda rng: [rng.standard_normal((EXAMPLES, CLASSES)), rng.integers(0, CLASSES, EXAMPLES)],
        "gradients",
        (2.37436, 0.00212011),
    ),
}
