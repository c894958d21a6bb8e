"""The chapter on hybrid Monte Carlo: the leapfrog, its error, traces, and what the tutorials' runs found."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from docs.figures import _networks as net
from docs.figures._drawing import figure, main, run_folder

Step = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]


@figure("leapfrog.svg")
def leapfrog_drawn() -> Figure:
    fig, axes = net.canvas(13, 4.6, (7.4, 2.7))
    net.arrow(axes, (0.9, 2.3), (12.6, 2.3), net.GREY)
    axes.text(12.7, 2.0, "$t$", va="center", color=net.GREY)
    places = [1.6 + 3.2 * number for number in range(4)]
    for number, x in enumerate(places):
        label = ("$s(0)$", "$s(\\varepsilon)$", "$s(2\\varepsilon)$", "$s(3\\varepsilon)$")[number]
        net.unit(axes, (x, 3.5), 0.12, net.BLUE)
        axes.text(x, 4.1, label, ha="center", va="center", color=net.BLUE)
        axes.plot([x, x], [2.2, 2.4], color=net.GREY)
        if number:
            net.arrow(axes, (places[number - 1], 3.62), (x, 3.62), net.BLUE, bend=-0.25)
            half = x - 1.6
            net.unit(axes, (half, 1.1), 0.12, net.RED)
            text = f"$\\varphi(\\frac{{{2 * number - 1}}}{{2}}\\varepsilon)$"
            axes.text(half, 0.45, text, ha="center", va="center", color=net.RED)
            if number > 1:
                net.arrow(axes, (half - 3.2, 0.98), (half, 0.98), net.RED, bend=0.25)
    for x, end, label in (
        (places[0], places[0] + 1.6, "$\\varphi(0)$"),
        (places[3], places[3], "$\\varphi(3\\varepsilon)$"),
    ):
        net.unit(axes, (x, 1.1), 0.12, net.RED)
        axes.text(x, 0.45, label, ha="center", va="center", color=net.RED)
        start = x if end > x else x - 1.6
        net.arrow(axes, (start, 0.98), (start + 1.6, 0.98), net.RED, bend=0.25)
    axes.text(0.1, 3.5, "position", va="center", fontsize=9, color=net.BLUE)
    axes.text(0.1, 1.1, "velocity", va="center", fontsize=9, color=net.RED)
    return fig


def leapfrog(s, v, step):
    v = v - step / 2 * s
    s = s + step * v
    return s, v - step / 2 * s


def euler(s, v, step):
    return s + step * v, v - step * s


def paths(move: Step, step: float, count: int) -> np.ndarray:
    """(position, velocity) of a spring of stiffness 1 after each step, from (1, 0)."""
    at = [(1.0, 0.0)]
    for _ in range(count):
        at.append(move(*at[-1], step))
    return np.array(at)


@figure("leapfrog-error.svg")
def error() -> Figure:
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.7))
    sizes = np.geomspace(0.01, 1, 15)
    for move, name, marker in ((leapfrog, "leapfrog", "o-"), (euler, "Euler", "s-")):
        largest = []
        for size in sizes:
            at = paths(move, size, round(10 / size))
            largest.append(np.abs((at**2).sum(axis=1) / 2 - 0.5).max())
        left.plot(sizes, largest, marker, markersize=4, label=name)
        at = paths(move, 0.3, 40)
        right.plot(*at.T, marker, markersize=3, linewidth=1, label=name)
    left.plot(sizes, sizes**2 / 8, ":", color="black", linewidth=1, label="$\\varepsilon^2/8$")
    left.set(
        xscale="log", yscale="log", xlabel="step size $\\varepsilon$", ylabel="largest error of $H$ (time 10)"
    )
    left.set_ylim(1e-5, 100)
    left.legend()
    right.set(
        xlabel="position",
        ylabel="velocity",
        aspect="equal",
        title="40 steps of 0.3",
        xlim=(-3.5, 3.5),
        ylim=(-3.5, 3.5),
    )
    return fig


@figure("hmc-trace.svg")
def traces() -> Figure:
    """One chain of each of the chapter's samplers, in NumPy."""
    rng = np.random.RandomState(0)
    deviations = np.linspace(0.1, 1, 20)
    stiffness = deviations**-2

    def energy(s):
        return 0.5 * (stiffness * s**2).sum()

    def by_hmc(s):
        v = rng.randn(20)
        new, w = s, v
        for _ in range(20):
            w = w - 0.05 * stiffness * new
            new = new + 0.1 * w
            w = w - 0.05 * stiffness * new
        gained = energy(s) + v @ v / 2 - energy(new) - w @ w / 2
        return new if np.log(rng.rand()) < gained else s

    def by_walk(s):
        for _ in range(20):
            new = s + 0.11 * rng.randn(20)
            s = new if np.log(rng.rand()) < energy(s) - energy(new) else s
        return s

    fig, panels = plt.subplots(2, 1, sharex=True, figsize=(7, 4))
    for axes, move, name in zip(
        panels, (by_hmc, by_walk), ("hybrid Monte Carlo", "random walk"), strict=True
    ):
        s = deviations * rng.randn(20)
        trace = []
        for _ in range(400):
            s = move(s)
            trace.append(s[-1])
        axes.plot(trace, linewidth=0.9)
        axes.set(title=name, ylim=(-3.3, 3.3), ylabel="widest coordinate")
    panels[1].set(xlabel="draw")
    return fig


@figure("hmc-covariance.png")
def covariance() -> Image.Image:
    return Image.open(run_folder("hmc-gaussian") / "covariance.png").convert("RGB")


@figure("hmc-ring.png")
def ring() -> Image.Image:
    return Image.open(run_folder("hmc-own-energy") / "samples.png").convert("RGB").quantize(128)


if __name__ == "__main__":
    main()
