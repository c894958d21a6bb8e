"""Hybrid Monte Carlo on a Gaussian, whose mean and covariance the samples must have.

    E(x) = ½ (x − μ)' Σ⁻¹ (x − μ)

The mean is drawn at random, and so are the correlations. At the end the program compares the mean and the
covariance of the samples with the true ones, with their Monte-Carlo errors beside them.

After the chapter "Hybrid Monte-Carlo Sampling" of the Deep Learning Tutorials (LISA lab).
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _checkout  # noqa: F401

import argparse
from collections.abc import Sequence

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.nn import command_line, storage, training
from graphlib.nn.storage import UserError
from hmc import sampling


def random_gaussian(rng: np.random.RandomState, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """(mean (dim,), covariance (dim, dim)): means from 0 to 10, variances 1, correlations about ½."""
    mu = rng.rand(dim) * 10
    cov = rng.rand(dim, dim)
    cov = (cov + cov.T) / 2
    np.fill_diagonal(cov, 1.0)
    if np.linalg.eigvalsh(cov)[0] <= 0:
        raise UserError(
            f"the matrix drawn for --dim {dim} is no covariance, as it is not positive definite: try "
            "another --seed, or fewer dimensions"
        )
    return mu, cov


def gaussian_energy(mu: np.ndarray, cov: np.ndarray):
    """The energy of a Gaussian: from symbolic points (n, dim) to (n,)."""
    mu, precision = (a.astype(graphlib.config.floatX) for a in (mu, np.linalg.inv(cov)))
    return lambda x: 0.5 * (T.dot(x - mu, precision) * (x - mu)).sum(axis=1)


def moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and covariance of samples (draws, particles, dim), each followed by its Monte-Carlo error."""
    mean = samples.mean(axis=(0, 1))
    products = (samples - mean)[..., :, None] * (samples - mean)[..., None, :]
    errors = (sampling.monte_carlo_error(values) for values in (samples, products))
    mean_error, cov_error = errors
    return mean, mean_error, products.mean(axis=(0, 1)), cov_error


def save_covariances(path: Path, true: np.ndarray, empirical: np.ndarray) -> None:
    """Draws the two matrices side by side, with the numbers in them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    largest = max(np.abs(true).max(), np.abs(empirical).max())
    for position, (title, matrix) in enumerate(
        (("true covariance", true), ("empirical covariance", empirical)), start=1
    ):
        axes = figure.add_subplot(1, 2, position, title=title, xticks=[], yticks=[])
        shown = axes.imshow(matrix, vmin=-largest, vmax=largest, cmap="RdBu_r")
        if len(matrix) <= 10:
            for (row, column), value in np.ndenumerate(matrix):
                colour = "white" if abs(value) > 0.7 * largest else "black"
                axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
    figure.colorbar(shown, ax=figure.axes)
    storage.write_atomically(path, lambda file: FigureCanvasAgg(figure).print_png(file))


def sample(options: argparse.Namespace) -> training.Outcome:
    """Samples as the options of the command line say, and writes the results to the folder `options.out`."""
    rng = np.random.RandomState(options.seed)
    mu, cov = random_gaussian(rng, options.dim)
    start = rng.randn(options.particles, options.dim)
    sampler = sampling.make_sampler(options, start, gaussian_energy(mu, cov))

    def illustrate(samples: np.ndarray) -> None:
        *_, found, _ = moments(samples.astype("float64"))
        save_covariances(options.out / "covariance.png", cov, found)

    outcome = sampling.sample(options, sampler, illustrate)
    if outcome.reason == "finished":
        drawn = storage.load_arrays(options.out / sampling.SAMPLES)["trace"][options.burn_in :]
        mean, mean_error, found, cov_error = moments(drawn.astype("float64"))
        with np.printoptions(precision=4, suppress=True):
            print(f"target mean:    {mu}\nempirical mean: {mean}\nits error (±):  {mean_error}")
            print(f"target covariance:\n{cov}\nempirical covariance:\n{found}\nits error (±):\n{cov_error}")
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program from `arguments`, or from those of the process, and returns its exit code."""
    parser = sampling.make_parser(
        __doc__,
        name="gaussian",
        particles=3,
        stepsize_max=0.5,
        files="covariance.png (the true covariance and that of the samples)",
    )
    parser.manner.add_argument(
        "--dim", type=command_line.at_least(1), default=5, metavar="N", help="dimensions of the Gaussian"
    )
    return command_line.main(parser, sample, {}, arguments)


if __name__ == "__main__":
    sys.exit(main())
