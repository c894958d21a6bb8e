"""Sampling from a distribution of one's own: all that hybrid Monte Carlo needs is the energy.

The example's density is that of a ring in the plane that has three dense places,

    p(x, y) ∝ exp(−E(x, y)),    E(x, y) = (r² − 4)² / 2 − (x³ − 3 x y²) / 4,    r² = x² + y².

Change `energy`, and what it is the energy of is what you sample from; graphlib finds the gradient.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _checkout  # noqa: F401

import argparse
from collections.abc import Sequence

import numpy as np

from graphlib.nn import command_line, storage, training
from hmc import sampling


def energy(positions):
    """−log p of each row of `positions` (n, 2), up to a constant: (n,); of arrays or symbolic variables."""
    x, y = positions[:, 0], positions[:, 1]
    return (x**2 + y**2 - 4) ** 2 / 2 - (x**3 - 3 * x * y**2) / 4


def save_picture(path: Path, samples: np.ndarray) -> None:
    """Draws the samples (draws, particles, 2) over lines of equal density."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot(xlabel="x", ylabel="y", aspect="equal")
    points = samples.reshape(-1, 2)
    axes.scatter(*points.T, s=2, alpha=0.3, linewidths=0)
    grid = np.linspace(-3, 3, 200)
    x, y = np.meshgrid(grid, grid)
    density = np.exp(-energy(np.stack([x.ravel(), y.ravel()], axis=1))).reshape(x.shape)
    axes.contour(x, y, density, levels=6, linewidths=0.8, colors="k")
    storage.write_atomically(path, lambda file: FigureCanvasAgg(figure).print_png(file))


def sample(options: argparse.Namespace) -> training.Outcome:
    """Samples as the options of the command line say, and writes the results to the folder `options.out`."""
    start = np.random.RandomState(options.seed).randn(options.particles, 2)
    sampler = sampling.make_sampler(options, start, energy)
    return sampling.sample(options, sampler, lambda drawn: save_picture(options.out / "samples.png", drawn))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    parser = sampling.make_parser(
        __doc__,
        name="own_energy",
        particles=20,
        stepsize_max=0.25,
        files="samples.png (the samples over lines of equal density)",
    )
    return command_line.main(parser, sample, {}, arguments)


if __name__ == "__main__":
    sys.exit(main())
