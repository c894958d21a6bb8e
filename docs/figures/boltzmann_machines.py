"""The chapter on Boltzmann machines: the model, its chains, how they stick, and what rbm.py learnt."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from docs.figures import _networks as net
from docs.figures._drawing import Animation, figure, main, run_folder

#: what the published program printed, epochs 0 to 14
PUBLISHED = [-90.6507246003, -81.235857373, -74.9120966945, -73.0213216101, -68.4098570497, -63.2693021647,
             -65.99578971, -68.1236650015, -68.3207365087, -64.2949797113, -61.5194867893, -61.6539369402,
             -63.5465278086, -63.3787093527, -62.755739271]  # fmt: skip


@figure("rbm.svg")
def machine() -> Figure:
    fig, axes = net.canvas(8, 3.6, (5.6, 2.5))
    visible, hidden = net.layer(6, 0.6, 4.4), net.layer(4, 2.8, 4.4, 1.3)
    net.join(axes, visible, hidden)
    for number, at in enumerate(visible):
        net.unit(axes, at, fill=net.PALE_BLUE, text=f"$v_{number + 1}$")
    for number, at in enumerate(hidden):
        net.unit(axes, at, fill=net.PALE_RED, text=f"$h_{number + 1}$")
    axes.text(0.1, 2.8, "hidden,\nbiases $c$", va="center")
    axes.text(0.1, 1.7, "weights $W$", va="center", color=net.GREY)
    axes.text(0.1, 0.6, "visible,\nbiases $b$", va="center")
    return fig


def _chain(axes, left: float, names: list[tuple[str, str]], bottom: float, step: float, rise: float) -> None:
    """Visible layers below, hidden ones above, and arrows up and down between them."""
    for number, (below, above) in enumerate(names):
        x = left + step * number
        net.box(axes, (x, bottom), (1.15, 0.6), below, net.PALE_BLUE)
        if above:
            net.box(axes, (x + step / 2, bottom + rise), (1.15, 0.6), above, net.PALE_RED)
            net.arrow(axes, (x + 0.2, bottom + 0.33), (x + step / 2 - 0.3, bottom + rise - 0.33))
            if number + 1 < len(names):
                net.arrow(axes, (x + step / 2 + 0.3, bottom + rise - 0.33), (x + step - 0.2, bottom + 0.33))


@figure("gibbs-chain.svg")
def gibbs_chain() -> Figure:
    fig, axes = net.canvas(12, 7.2, (7.4, 4.4))
    names = [("$v^{(0)}$", "$h^{(0)}$"), ("$v^{(1)}$", "$h^{(1)}$"), ("$v^{(2)}$", "…"), ("$v^{(k)}$", "")]
    _chain(axes, 2.1, names, 4.9, 2.6, 1.5)
    axes.text(0.55, 5.6, "$h \\sim p(h \\mid v)$", fontsize=10)
    axes.text(10.1, 5.6, "$v \\sim p(v \\mid h)$", fontsize=10)
    rows = (("CD", 2.75, True), ("PCD", 0.75, False))
    for name, y, anew in rows:
        axes.text(0.1, y, name, va="center", weight="bold")
        for number in range(3):
            x = 1.9 + 3.5 * number
            net.box(axes, (x, y + 0.75), (1.9, 0.5), f"minibatch {number + 1}", net.PALE_GREY, fontsize=9)
            if anew or number == 0:
                start = "examples" if anew else "anywhere"
                axes.text(x - 0.85, y - 0.45, start, fontsize=9, color=net.BLUE, va="top")
            if anew:
                net.arrow(axes, (x - 0.6, y + 0.47), (x - 0.6, y + 0.1), net.BLUE)
            for k in range(3):
                net.arrow(axes, (x - 0.6 + 0.5 * k, y), (x - 0.1 + 0.5 * k, y), net.RED)
            if not anew and number < 2:
                net.arrow(axes, (x + 0.95, y), (x + 2.85, y), net.BLUE, linestyle="--")
    return fig


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _states(n: int) -> np.ndarray:
    return np.array([[number >> bit & 1 for bit in reversed(range(n))] for number in range(2**n)], float)


def _bernoulli(p, outcomes):
    return np.exp(np.log(p) @ outcomes.T + np.log1p(-p) @ (1 - outcomes).T)


def machines(steps: Sequence[int]) -> list[np.ndarray]:
    """The chapter's machine after so many steps of the exact gradient on its two patterns: for each number of
    steps, the 64 x 64 matrix of a round of Gibbs sampling."""
    rng = np.random.RandomState(3)
    W, b, c = rng.normal(0, 0.1, (6, 4)), np.zeros(6), np.zeros(4)
    v, h = _states(6), _states(4)
    data = np.zeros(64)
    data[[0b111000, 0b000111]] = 0.5
    rounds = []
    for step in range(max(steps) + 1):
        on = _sigmoid(v @ W + c)
        if step in steps:
            rounds.append(_bernoulli(on, h) @ _bernoulli(_sigmoid(h @ W.T + b), v))
        minus_F = v @ b + np.log1p(np.exp(v @ W + c)).sum(axis=1)
        p = np.exp(minus_F - minus_F.max())
        away = data - p / p.sum()
        W, b, c = W + 0.2 * (away[:, None] * v).T @ on, b + 0.2 * away @ v, c + 0.2 * away @ on
    return rounds


@figure("gibbs-mixing.svg")
def mixing() -> Figure:
    fig, axes = plt.subplots()
    steps = (0, 100, 300, 1000)
    for number, once in zip(steps, machines(steps), strict=True):
        reached, distances = np.eye(64)[0b111000], []
        stationary = np.linalg.matrix_power(once, 2**20)[0]
        for _ in range(101):
            distances.append(abs(reached - stationary).sum() / 2)
            reached = reached @ once
        axes.plot(distances, label=f"after {number} steps of learning" if number else "before learning")
    axes.set(
        xlabel="rounds of Gibbs sampling", ylabel="distance from the model", xscale="symlog", ylim=(0, 1)
    )
    axes.set_xticks([0, 1, 2, 5, 10, 20, 50, 100], labels=["0", "1", "2", "5", "10", "20", "50", "100"])
    axes.legend()
    return fig


@figure("rbm-curve.svg")
def curve() -> Figure:
    with open(run_folder("rbm") / "learning_curve.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["pseudo_likelihood"]]
    fig, axes = plt.subplots()
    epochs = np.arange(1, 16)
    axes.plot(epochs[: len(rows)], [float(row["pseudo_likelihood"]) for row in rows], "o-", label="rbm.py")
    axes.plot(epochs, PUBLISHED, "s--", label="published")
    axes.set(xlabel="epoch", ylabel="log-pseudo-likelihood (nats)", xticks=epochs)
    axes.legend()
    return fig


@figure("rbm-filters.webp")
def filters() -> Animation:
    folder = run_folder("rbm")
    numbers = sorted(int(path.stem.rsplit("_", 1)[1]) for path in folder.glob("filters_at_epoch_*.png"))
    frames = []
    for number in numbers:
        sheet = Image.open(folder / f"filters_at_epoch_{number}.png").convert("L")
        side = sheet.width * 6 // 10  # six of the ten filters of each row and column
        frames.append(sheet.crop((0, 0, side, side)))
    return Animation([*frames, *frames[-1:] * 3], seconds=0.5)


@figure("rbm-samples.png")
def samples() -> Image.Image:
    return Image.open(run_folder("rbm") / "samples.png").convert("L")


if __name__ == "__main__":
    main()
