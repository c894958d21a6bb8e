"""Clusters of points: k-means and mixtures of Gaussians, a round of each."""

from __future__ import annotations

from tests.benchmarks.models.model import Model

POINTS, DIMS, CLUSTERS = 20_000, 16, 32


def _k_means(ops, p, x):
    centres = p["centres"]
    squares = ops.sum(x * x, 1, True) - 2 * ops.dot(x, centres.T) + ops.sum(centres * centres, 1)
    nearest = ops.one_hot(ops.argmin(squares, 1), CLUSTERS)
    count = ops.sum(nearest, 0)
    return ops.mean(ops.min(squares, 1)), {"centres": ops.dot(nearest.T, x) / (count + 1e-6)[:, None]}


def _mixture(ops, p, x):
    """A round of expectation and maximisation, with diagonal covariances."""
    mean, variance, weight = p["mean"], p["gamma_variance"], p["gamma_weight"]
    precision = 1 / variance
    away = (
        ops.dot(x * x, precision.T)
        - 2 * ops.dot(x, (mean * precision).T)
        + ops.sum(mean * mean * precision, 1)
    )
    log_joint = ops.log(weight / ops.sum(weight)) - 0.5 * (away + ops.sum(ops.log(variance), 1))
    total = ops.logsumexp(log_joint, 1)
    part = ops.exp(log_joint - total[:, None])
    count = ops.sum(part, 0) + 1e-6
    new = ops.dot(part.T, x) / count[:, None]
    spread = ops.dot(part.T, x * x) / count[:, None] - new * new + 0.1
    return ops.mean(total), {"mean": new, "gamma_variance": spread, "gamma_weight": count}


def _points(rng):
    centres = 3 * rng.standard_normal((CLUSTERS, DIMS))
    return [centres[rng.integers(0, CLUSTERS, POINTS)] + rng.standard_normal((POINTS, DIMS))]


_PRODUCTS = [(POINTS, CLUSTERS, DIMS), (CLUSTERS, DIMS, POINTS)]
MODELS = {
    "k_means": Model(
        "A round of k-means: 20,000 points of 16 dims, 32 centres",
        _k_means,
        {"centres": (CLUSTERS, DIMS)},
        _points,
        "replace",
        (151.622, 17.8631),
        products=_PRODUCTS,
        tolerance=1e-3,
    ),
    "gaussian_mixture": Model(
        "A round of EM: 20,000 points of 16 dims, 32 Gaussians",
        _mixture,
        {"mean": (CLUSTERS, DIMS), "gamma_variance": (CLUSTERS, DIMS), "gamma_weight": (CLUSTERS,)},
        _points,
        "replace",
        (-73.0825, -14.2076),
        products=2 * _PRODUCTS,
        ranges={"gamma_variance": (0.5, 1.5)},
        tolerance=1e-3,
    ),
}
