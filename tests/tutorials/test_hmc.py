"""Hybrid Monte Carlo: the mechanics of its paths, its decisions, and the distributions that it samples."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import graphlib
import graphlib.tensor as T
from graphlib.tensor.random import RandomStreams
from hmc import gaussian, own_energy, sampling
from hmc.hmc import HMC_sampler, hamiltonian, hmc_updates, metropolis_hastings_accept, simulate_dynamics

FLOATX = graphlib.config.floatX
PROGRAMS = {"gaussian": gaussian, "own_energy": own_energy}


def paths(energy, n_steps: int):
    """A function of positions, velocities and step size, all float64: (positions, velocities, energies)."""
    pos, vel, stepsize = T.dmatrix("pos"), T.dmatrix("vel"), T.dscalar("stepsize")
    end = simulate_dynamics(pos, vel, stepsize, n_steps, energy)
    return graphlib.function([pos, vel, stepsize], [*end, hamiltonian(*end, energy)])


@pytest.fixture
def start() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(size=(6, 2)), rng.normal(size=(6, 2))


def energy_gradient(q: np.ndarray) -> np.ndarray:
    """Of own_energy's example, by hand."""
    x, y = q.T
    radial = 2 * (x**2 + y**2 - 4)
    return np.stack([radial * x - 0.75 * (x**2 - y**2), radial * y + 1.5 * x * y], axis=1)


@pytest.mark.parametrize("n_steps", [2, 3, 20])
def test_path_is_that_of_separate_leapfrog_steps(start, n_steps):
    pos, vel = q, v = start
    for _ in range(n_steps):
        v = v - 0.01 * energy_gradient(q)
        q = q + 0.02 * v
        v = v - 0.01 * energy_gradient(q)
    found_q, found_v, energies = paths(own_energy.energy, n_steps)(pos, vel, 0.02)
    np.testing.assert_allclose(found_q, q, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found_v, v, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(energies, own_energy.energy(q) + (v**2).sum(axis=1) / 2, rtol=1e-10)


def test_path_back_leads_to_where_it_began(start):
    pos, vel = start
    simulate = paths(own_energy.energy, 20)
    there, speed, _ = simulate(pos, vel, 0.05)
    assert np.abs(there - pos).max() > 0.5
    back, speed, _ = simulate(there, -speed, 0.05)
    np.testing.assert_allclose(back, pos, atol=1e-9)
    np.testing.assert_allclose(-speed, vel, atol=1e-9)


def test_energy_is_conserved_to_second_order(start):
    """Leapfrog's error falls with the square of the step size: to a 16th for four times as many steps."""
    pos, vel = start
    before = own_energy.energy(pos) + (vel**2).sum(axis=1) / 2
    coarse, fine = (
        np.abs(paths(own_energy.energy, n)(pos, vel, 0.2 / n)[2] - before).mean() for n in (20, 80)
    )
    assert coarse < 0.01 * np.abs(before).mean()
    assert coarse / fine == pytest.approx(16, rel=0.05)


def test_moves_are_accepted_by_the_rule_of_metropolis_and_hastings():
    """Of 100,000 each, 5 standard errors: a false alarm in 350,000 runs for each of three."""
    before, after = T.vector("before"), T.vector("after")
    accept = metropolis_hastings_accept(before, after, RandomStreams(6))
    decide = graphlib.function([before, after], accept)
    for rise, probability in ((-1.0, 1.0), (0.0, 1.0), (0.5, np.exp(-0.5)), (2.0, np.exp(-2.0))):
        accepted = decide(np.full(100_000, 3, FLOATX), np.full(100_000, 3 + rise, FLOATX))
        assert accepted.dtype == bool
        tolerance = 5 * np.sqrt(probability * (1 - probability) / 100_000)
        assert abs(accepted.mean() - probability) <= tolerance
    assert not decide(np.zeros(9, FLOATX), np.full(9, np.nan, FLOATX)).any()


@pytest.mark.parametrize(
    ("average", "stepsize", "expected"),
    [(0.95, 0.1, 0.102), (0.85, 0.1, 0.098), (0.9, 0.1, 0.098), (0.95, 0.2, 0.2), (0.5, 0.05, 0.05)],
    ids=["above", "below", "equal", "largest", "smallest"],
)
def test_step_size_follows_the_acceptance_within_its_bounds(average, stepsize, expected):
    positions = graphlib.shared(np.zeros((4, 3), FLOATX))
    size, rate = (graphlib.shared(np.array(value, FLOATX)) for value in (stepsize, average))
    accept = np.array([True, False, True, True])
    moved = np.arange(12, dtype=FLOATX).reshape(4, 3) + 1
    updates = hmc_updates(
        positions,
        size,
        rate,
        T.constant(moved),
        T.constant(accept),
        target_acceptance_rate=np.array(0.9, FLOATX),
        stepsize_inc=1.02,
        stepsize_dec=0.98,
        stepsize_min=0.05,
        stepsize_max=0.2,
        avg_acceptance_slowness=0.8,
    )
    graphlib.function([], [], updates=updates)()
    np.testing.assert_allclose(size.get_value(), expected, rtol=1e-6)
    np.testing.assert_allclose(rate.get_value(), 0.8 * average + 0.2 * 0.75, rtol=1e-6)
    np.testing.assert_array_equal(positions.get_value(), np.where(accept[:, None], moved, 0))
    assert {size.dtype, rate.dtype, positions.dtype} == {FLOATX}


def test_draw_gives_positions_of_any_shape():
    start = np.zeros((7, 2, 3), FLOATX)
    sampler = HMC_sampler.new_from_shared_positions(
        graphlib.shared(start), lambda x: (x**2).sum(axis=(1, 2)) / 2, initial_stepsize=0.2
    )
    first, second = sampler.draw(), sampler.draw()
    assert first.shape == second.shape == (7, 2, 3)
    assert first.dtype == FLOATX
    assert (first != second).reshape(7, -1).any(axis=1).sum() >= 5


def test_a_path_of_one_step_is_refused():
    with pytest.raises(ValueError, match="n_steps is 1, and a path has 2"):
        HMC_sampler.new_from_shared_positions(
            graphlib.shared(np.zeros((1, 1), FLOATX)), lambda x: x.sum(axis=1), n_steps=1
        )


def test_monte_carlo_error_of_an_autoregression():
    """x' = .8 x + noise has an error of the mean of about √((1 + .8) / (1 − .8) / n) standard deviations."""
    rng = np.random.default_rng(3)
    chain = np.zeros((10_000, 4))
    for t in range(1, len(chain)):
        chain[t] = 0.8 * chain[t - 1] + 0.6 * rng.normal(size=4)
    found = sampling.monte_carlo_error(chain)
    assert found == pytest.approx(np.sqrt(9 / chain.size), rel=0.3)


# --- the programs ---


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function of a program's name: the folder of its run with default settings."""
    finished = {}

    def run(name: str) -> Path:
        if name not in finished:
            folder = tmp_path_factory.mktemp(name)
            assert PROGRAMS[name].main(["--out", str(folder)]) == 0
            finished[name] = folder
        return finished[name]

    return run


def samples_of(folder: Path) -> np.ndarray:
    with np.load(folder / "samples.npz", allow_pickle=False) as saved:
        return saved["trace"]


def test_gaussian_has_its_mean_and_covariance(runs):
    """Five Monte-Carlo errors on 20 numbers: a false alarm in 60,000 runs, some more as the errors are
    estimates from 60 batches.
    """
    trace = samples_of(runs("gaussian"))
    assert trace.shape == (2000, 3, 5)
    mu, cov = gaussian.random_gaussian(np.random.RandomState(123), 5)
    mean, mean_error, found, cov_error = gaussian.moments(trace[1000:].astype("float64"))
    assert (np.abs(mean - mu) < 5 * mean_error).all() and (mean_error < 0.1).all()
    assert (np.abs(found - cov) < 5 * cov_error).all() and (cov_error < 0.1).all()
    np.testing.assert_allclose(found, np.cov(trace[1000:].reshape(-1, 5).T, bias=True), atol=1e-5)
    assert sampling.acceptance_rate(trace[999:]) == pytest.approx(0.9, abs=0.05)


def test_own_energy_has_its_moments(runs):
    """Means over the density on a fine grid; five Monte-Carlo errors each: a false alarm in 400,000 runs."""
    samples = samples_of(runs("own_energy"))[1000:].astype("float64")
    grid = np.linspace(-5, 5, 1001)
    points = np.stack([axis.ravel() for axis in np.meshgrid(grid, grid)], axis=1)
    density = np.exp(-own_energy.energy(points))
    density /= density.sum()
    for moment in (
        lambda x, y: x**2 + y**2,
        lambda x, y: np.sqrt(x**2 + y**2),
        lambda x, y: x * x * x - 3 * x * y * y,
    ):
        values = moment(samples[..., 0], samples[..., 1])
        error = sampling.monte_carlo_error(values)
        assert abs(values.mean() - density @ moment(*points.T)) < 5 * error
        assert error < 0.1
    assert sampling.acceptance_rate(samples) == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize(("name", "picture"), [("gaussian", "covariance.png"), ("own_energy", "samples.png")])
def test_program_writes_its_results(runs, name, picture):
    files = [
        "checkpoint.npz",
        "learning_curve.csv",
        "learning_curve.png",
        "samples.npz",
        "trace.png",
        picture,
    ]
    folder = runs(name)
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    for path in folder.glob("*.png"):
        with Image.open(path) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_stopped_program_goes_on_identically(tmp_path, kind):
    options = ["--samples", "4000", "--burn-in", "100"]
    program = [sys.executable, str(Path(gaussian.__file__)), *options, "--out", str(tmp_path / "stopped")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if line.startswith("epoch 3,"))
        process.send_signal(kind)
        out, err = process.communicate(timeout=120)
    assert process.returncode == (130 if kind == signal.SIGINT else -signal.SIGKILL), err
    if kind == signal.SIGINT:
        assert "gaussian.py --resume --out" in out and err == ""
    assert gaussian.main(["--resume", "--out", str(tmp_path / "stopped")]) == 0
    assert gaussian.main([*options, "--out", str(tmp_path / "alone")]) == 0
    for file in ("samples.npz", "learning_curve.csv", "trace.png", "covariance.png"):
        assert (tmp_path / "stopped" / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()


def test_program_prints_what_it_found(tmp_path, capsys):
    assert gaussian.main(["--samples", "100", "--burn-in", "100", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for beginning in (
        "target mean:    [6.9647 2.8614 2.2685 5.5131 7.1947]",
        "empirical mean: [",
        "final step size: 0.",
    ):
        assert any(line.startswith(beginning) for line in lines)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--dim 10", "the matrix drawn for --dim 10 is no covariance"),
        ("--samples 150", "--samples: '150' is not a multiple of 100"),
        ("--leapfrog-steps 1", "'1' is not a whole number of at least 2"),
        ("--epochs 3", "unrecognized arguments: --epochs 3"),
        ("--resume", "there is nothing to resume"),
    ],
)
def test_bad_option(tmp_path, capsys, options, words):
    try:
        code = gaussian.main([*options.split(), "--out", str(tmp_path)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
