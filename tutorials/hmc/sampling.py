"""What the programs of this folder share: a run of the sampler that can be stopped and resumed, its options,
Monte-Carlo errors, and a picture of the trace.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import graphlib
from graphlib.nn import command_line, storage, training
from graphlib.nn.progress import say
from graphlib.nn.stage_monitors import EveryEpoch
from graphlib.nn.variables import random_states
from hmc.hmc import HMC_sampler

SAMPLES = "samples.npz"
BLOCK = 100  # draws from one line of the report to the next
BATCHES = 20  # parts of a chain, whose means give its Monte-Carlo error


class Trace:
    """The positions of all draws, with the `get_value` and `set_value` of a shared variable.

    `values` has shape (draws, particles, …); what is not drawn yet is NaN.
    """

    def __init__(self, draws: int, positions: np.ndarray):
        self.values = np.full((draws, *positions.shape), np.nan, dtype=positions.dtype)
        self.drawn = 0

    def append(self, positions: np.ndarray) -> None:
        self.values[self.drawn] = positions
        self.drawn += 1

    def get_value(self, borrow: bool = False) -> np.ndarray:
        return self.values if borrow else self.values.copy()

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None:
        self.values = new_value if borrow else new_value.copy()
        self.drawn = int(np.isfinite(new_value).reshape(len(new_value), -1).all(axis=1).sum())


class Draws(EveryEpoch):
    """Measures acceptance and step size after every block of draws."""

    keeps = SAMPLES

    def __init__(self, sampler: HMC_sampler):
        super().__init__(
            column="acceptance",
            panel="acceptance",
            called="acceptance",
            measures={"step_size": sampler.stepsize.get_value},
        )


def sample(
    options: argparse.Namespace,
    sampler: HMC_sampler,
    illustrate: Callable[[np.ndarray], None],
) -> training.Outcome:
    """Draws the samples that the options ask for, in the folder `options.out`.

    `illustrate` draws pictures of the samples after the burn-in, (samples, particles, …).
    """
    trace = Trace(options.burn_in + options.samples, sampler.positions.get_value(borrow=True))

    def draw(_: int) -> float:
        acceptance = sampler.simulate()
        trace.append(sampler.positions.get_value(borrow=True))
        return acceptance

    def draw_pictures(kept: Mapping[str, np.ndarray], folder: Path) -> None:
        save_trace(folder / "trace.png", kept["trace"], options.burn_in)
        samples = kept["trace"][options.burn_in :]
        samples = samples[np.isfinite(samples).reshape(len(samples), -1).all(axis=1)]
        if len(samples):
            illustrate(samples)

    say("... sampling")
    outcome = training.train_stages(
        [
            training.Stage(
                start=lambda: draw,
                n_minibatches=BLOCK,
                epochs=len(trace.values) // BLOCK,
                monitor=Draws(sampler),
                unit="draw",
                illustrate=draw_pictures,
            )
        ],
        model={"trace": trace},
        state={
            "positions": sampler.positions,
            "stepsize": sampler.stepsize,
            "avg_acceptance_rate": sampler.avg_acceptance_rate,
            **random_states(hmc=sampler.s_rng),
        },
        **command_line.run_of(options),
    )
    if outcome.reason == "finished":
        print(f"final step size: {sampler.stepsize.get_value():.4f}")
        print(f"acceptance after the burn-in: {acceptance_rate(trace.values[options.burn_in - 1 :]):.4f}")
        print(f"its moving average, at the end: {sampler.avg_acceptance_rate.get_value():.4f}")
    return outcome


def acceptance_rate(positions: np.ndarray) -> float:
    """The part of the moves that were accepted, from positions (draws, particles, …): the others stayed."""
    moved = positions[1:] != positions[:-1]
    return float(moved.reshape(*moved.shape[:2], -1).any(axis=2).mean())


def monte_carlo_error(values: np.ndarray) -> np.ndarray:
    """The standard error of the mean of `values` (draws, particles, …) over draws and particles: (…).

    By batch means, as successive draws depend on each other: each chain is cut into BATCHES parts, whose
    means are about independent (C. Geyer, "Practical Markov chain Monte Carlo", 1992, section 3.2).
    """
    length = len(values) // BATCHES
    batches = values[: BATCHES * length].reshape(BATCHES, length, *values.shape[1:]).mean(axis=1)
    count = BATCHES * values.shape[1]
    return batches.reshape(count, *values.shape[2:]).std(axis=0, ddof=1) / np.sqrt(count)


def save_trace(path: Path, trace: np.ndarray, burn_in: int) -> None:
    """Draws each coordinate of the first particle over the draws; `trace` has shape (draws, particles, n)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="draw", ylabel="coordinates of the first particle")
    axes.plot(trace[:, 0], linewidth=0.7)
    axes.axvspan(0, burn_in, color="0.9", label="burn-in")
    axes.set_xlim(0, len(trace))
    axes.legend(loc="upper right")
    storage.write_atomically(path, lambda file: FigureCanvasAgg(figure).print_png(file))


def blocks(text: str) -> int:
    """A type of option: a number of draws, in whole blocks."""
    value = command_line.at_least(BLOCK)(text)
    if value % BLOCK:
        raise argparse.ArgumentTypeError(f"{text!r} is not a multiple of {BLOCK}")
    return value


def make_parser(
    description: str, *, name: str, particles: int, stepsize_max: float, files: str
) -> command_line.Parser:
    """The parser of the program `name` of this folder; the others are defaults, and see `command_line`."""
    parser = command_line.make_parser(
        description,
        name=f"hmc/{name}",
        seed_of_chapter=123,
        data=None,
        predicts=False,
        does="sample",
        files=f"samples.npz (every draw: draws by particles by coordinates), trace.png, {files}",
    )
    at_least, above_zero = command_line.at_least, command_line.above_zero
    for option, kind, default, metavar, explanation in (
        ("--burn-in", blocks, 1000, "N", f"draws to begin with, which do not count; a multiple of {BLOCK}"),
        ("--samples", blocks, 1000, "N", f"draws of each particle that count; a multiple of {BLOCK}"),
        ("--particles", at_least(1), particles, "N", "chains, which are moved together"),
        ("--leapfrog-steps", at_least(2), 20, "N", "leapfrog steps of a move"),
        ("--stepsize", above_zero, 0.001, "X", "step size to begin with"),
        ("--stepsize-max", above_zero, stepsize_max, "X", "largest step size"),
        ("--target-acceptance", command_line.fraction, 0.9, "X", "acceptance that the step size is for"),
    ):
        parser.manner.add_argument(option, type=kind, default=default, metavar=metavar, help=explanation)
    return parser


def make_sampler(options: argparse.Namespace, positions: np.ndarray, energy_fn: Callable) -> HMC_sampler:
    """The sampler that the options ask for, of particles that begin at `positions` (particles, …)."""
    return HMC_sampler.new_from_shared_positions(
        graphlib.shared(positions.astype(graphlib.config.floatX), name="positions"),
        energy_fn,
        initial_stepsize=options.stepsize,
        target_acceptance_rate=options.target_acceptance,
        n_steps=options.leapfrog_steps,
        stepsize_max=options.stepsize_max,
        seed=options.seed,
    )
