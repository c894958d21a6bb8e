"""The figures of docs/chapters/perceptron.md."""

from __future__ import annotations

import csv
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

import graphlib
import graphlib.tensor as T
from docs.figures._drawing import figure, main, run_folder
from graphlib.datasets import mnist
from graphlib.nn.images import tile_raster_images

RATES = ("1", "0.1", "0.01", "0.001")


def column(run: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(epochs, values) of a column of a run's learning curve, where there are any."""
    with open(run_folder(run) / "learning_curve.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[name]]
    return np.array([float(row["epoch"]) for row in rows]), np.array([float(row[name]) for row in rows])


@figure("mlp-net.svg")
def net() -> Figure:
    fig = Figure(figsize=(6.4, 3.8))
    axes = fig.subplots()
    sizes, places = (6, 5, 3), (0.0, 2.6, 5.2)
    nodes = [[(x, (n - 1) / 2 - i) for i in range(n)] for n, x in zip(sizes, places, strict=True)]
    for left, right in pairwise(nodes):
        for a in left:
            for b in right:
                axes.plot(*zip(a, b, strict=True), color="0.75", linewidth=0.7, zorder=1)
    i, j = nodes[0][1], nodes[1][3]
    axes.plot(*zip(i, j, strict=True), color="C1", linewidth=2, zorder=1.5)
    axes.annotate(
        "$W^{(1)}_{ij}$", ((i[0] + 0.45), i[1] + 0.02), fontsize=14, color="C1", ha="left", va="bottom"
    )
    for layer, (colour, letter) in enumerate((("#cfe3f5", "x"), ("#fddcb0", "h"), ("#d3edd0", "f"))):
        for number, place in enumerate(nodes[layer]):
            axes.add_patch(Circle(place, 0.3, facecolor=colour, edgecolor="0.3", zorder=2))
            axes.text(*place, f"${letter}_{number}$", ha="center", va="center", fontsize=12, zorder=3)
    for x, words in zip(places, ("input", "hidden layer", "softmax"), strict=True):
        axes.text(x, -3.3, words, ha="center", fontsize=12)
    axes.set(xlim=(-0.8, 6), ylim=(-3.6, 3.1), aspect="equal")
    axes.axis("off")
    return fig


@figure("activations.svg")
def activations() -> Figure:
    a = np.linspace(-4, 4, 401)
    s = 1 / (1 + np.exp(-a))
    fig = Figure(figsize=(7.2, 3.2))
    left, right = fig.subplots(1, 2)
    for name, value, slope in (
        ("tanh", np.tanh(a), 1 - np.tanh(a) ** 2),
        ("sigmoid", s, s * (1 - s)),
        ("relu", np.maximum(a, 0), np.where(a > 0, 1.0, 0.0)),
    ):
        left.plot(a, value, label=name)
        right.plot(a, slope, label=name)
    left.set(ylim=(-1.2, 2), title="s(a)", xlabel="a")
    right.set(title="its derivative", xlabel="a")
    left.legend()
    return fig


@figure("mlp-curve.svg")
def curve() -> Figure:
    fig = Figure(figsize=(6.4, 4.8))
    above, below = fig.subplots(2, 1, sharex=True)
    above.plot(*column("mlp", "validation_error_percent"), label="validation, this run", linewidth=1.2)
    above.plot(*column("mlp", "test_error_percent"), ".", markersize=4, label="test, at each new best")
    above.plot(828, 1.69, "o", markersize=11, fillstyle="none", color="0.2", label="published: 1.69 %")
    above.set(ylim=(1.4, 4), ylabel="error (%)")
    above.legend()
    below.semilogy(*column("mlp", "training_cost"), color="C2")
    below.set(xlabel="epoch", ylabel="training cost with decay (nats)")
    return fig


@figure("mlp-filters.png")
def filters() -> Image.Image:
    with np.load(run_folder("mlp") / "filters.npz", allow_pickle=False) as saved:
        tiles = tile_raster_images(saved["hidden"] / 255.0, (28, 28), (4, 16), (2, 2))
    return Image.fromarray(tiles).resize((2 * tiles.shape[1], 2 * tiles.shape[0]), Image.Resampling.NEAREST)


@figure("learning-rates.svg")
def rates() -> Figure:
    fig = Figure()
    axes = fig.subplots()
    for rate in RATES:
        axes.plot(*column(f"mlp-rate-{rate}", "validation_error_percent"), ".-", label=f"rate {rate}")
    axes.set(xlabel="epoch", ylabel="validation error (%)", ylim=(0, 20), xticks=range(0, 21, 5))
    axes.legend(ncols=2)
    return fig


@figure("overfitting.svg")
def overfitting() -> Figure:
    """A perceptron of 100 tanh units on 500 images: likelihoods and errors by epoch."""
    digits, rng, epochs = mnist.load(), np.random.RandomState(0), 150
    x, y = T.matrix("x"), T.ivector("y")
    W1 = graphlib.shared(rng.uniform(-0.08, 0.08, (784, 100)).astype("float32"))
    W2 = graphlib.shared(np.zeros((100, 10), "float32"))
    b1, b2 = graphlib.shared(np.zeros(100, "float32")), graphlib.shared(np.zeros(10, "float32"))
    p = T.nnet.softmax(T.dot(T.tanh(T.dot(x, W1) + b1), W2) + b2)
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    wrong = T.mean(T.neq(T.argmax(p, axis=1), y))
    step = graphlib.function([x, y], updates=[(q, q - 0.1 * T.grad(cost, q)) for q in (W1, b1, W2, b2)])
    measure = graphlib.function([x, y], [cost, wrong])
    few = digits.train.x[:500], digits.train.y[:500]
    table = []
    for _ in range(epochs):
        for first in range(0, 500, 20):
            step(*(each[first : first + 20] for each in few))
        table.append([*measure(*few), *measure(*digits.valid)])
    train_nll, train_error, valid_nll, valid_error = np.array(table).T
    seen = np.arange(1, epochs + 1)
    fig = Figure(figsize=(7.2, 3.4))
    left, right = fig.subplots(1, 2)
    left.semilogx(seen, valid_nll, label="validation")
    left.semilogx(seen, train_nll, label="training")
    left.plot(seen[valid_nll.argmin()], valid_nll.min(), "o", color="C0")
    left.set(xlabel="epoch", ylabel="negative log-likelihood (nats)", ylim=(0, 1))
    left.legend()
    right.semilogx(seen, 100 * valid_error)
    right.semilogx(seen, 100 * train_error)
    right.set(xlabel="epoch", ylabel="error (%)", ylim=(0, 30))
    return fig


@figure("random-search.svg")
def random_search() -> Figure:
    """The trials of a search: the error by each of the numbers that were varied."""
    with open(run_folder("mlp-search") / "mnist-perceptron" / "trials.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["validation_error"]]
    errors = [100 * float(row["validation_error"]) for row in rows]
    keys = {
        "optimizer.sgd.learning_rate": "learning rate",
        "model.0.dense.units": "hidden units",
        "model.0.dense.regularizer.l2.weight": "weight of L2",
    }
    fig = Figure(figsize=(8.4, 3))
    places = fig.subplots(1, 3, sharey=True)
    for axes, (key, words) in zip(places, keys.items(), strict=True):
        axes.semilogx([float(row[key]) for row in rows], errors, "o")
        axes.set(xlabel=words)
    places[0].set(ylabel="validation error (%)", ylim=(0, 20))
    places[1].set_xticks([20, 50, 100, 200], ["20", "50", "100", "200"])
    places[1].minorticks_off()
    return fig


if __name__ == "__main__":
    main()
