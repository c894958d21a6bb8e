"""The figures of docs/chapters/logistic-regression.md."""

from __future__ import annotations

import csv

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from docs.figures._drawing import figure, main, run_folder
from graphlib.datasets import mnist

RUN = "logistic-regression"


def model() -> tuple[np.ndarray, np.ndarray]:
    with np.load(run_folder(RUN) / "best_model.npz", allow_pickle=False) as saved:
        return saved["output.W"], saved["output.b"]


@figure("softmax-regions.png")
def regions() -> Figure:
    """Three classes of points in a plane, and the probabilities of a logistic regression that learnt them."""
    rng = np.random.RandomState(3)
    centres = np.array([[-1.2, -0.6], [1.3, -0.4], [0.1, 1.4]])
    labels = np.repeat(np.arange(3), 40)
    x = centres[labels] + rng.normal(0, 0.65, (120, 2))
    W, b, Y = np.zeros((2, 3)), np.zeros(3), np.eye(3)[labels]

    def probabilities(x):
        p = np.exp(x @ W + b)
        return p / p.sum(axis=-1, keepdims=True)

    for _ in range(2000):
        difference = probabilities(x) - Y
        W, b = W - 0.3 * x.T @ difference / 120, b - 0.3 * difference.mean(axis=0)
    colours = np.array([to_rgb(f"C{k}") for k in range(3)])
    side = np.linspace(-3.2, 3.2, 400)
    plane = np.stack(np.meshgrid(side, side), axis=-1)
    p = probabilities(plane)
    fig = Figure(figsize=(5.2, 5))
    axes = fig.subplots()
    axes.imshow(1 - 0.55 * (1 - p @ colours), extent=(-3.2, 3.2, -3.2, 3.2), origin="lower")
    axes.contour(side, side, p.argmax(axis=-1), levels=[0.5, 1.5], colors="0.25", linewidths=1.2)
    for k in range(3):
        axes.scatter(*x[labels == k].T, s=22, color=colours[k], edgecolor="white", linewidth=0.6)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[], yticks=[])
    axes.grid(False)
    return fig


@figure("logistic-weights.png")
def weights() -> Figure:
    W, _ = model()
    largest = np.abs(W).max()
    fig = Figure(figsize=(8, 3.5))
    for digit, axes in enumerate(fig.subplots(2, 5).flat):
        axes.imshow(W[:, digit].reshape(28, 28), cmap="RdBu_r", vmin=-largest, vmax=largest)
        axes.set_title(str(digit), fontsize=11, pad=3)
        axes.axis("off")
    return fig


@figure("logistic-curve.svg")
def curve() -> Figure:
    with open(run_folder(RUN) / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    epochs = [float(row["epoch"]) for row in rows]
    fig = Figure(figsize=(6.4, 4.6))
    above, below = fig.subplots(2, 1, sharex=True)
    above.plot(epochs, [float(row["validation_error_percent"]) for row in rows], label="validation, this run")
    tested = [row for row in rows if row["test_error_percent"]]
    above.plot(
        [float(row["epoch"]) for row in tested],
        [float(row["test_error_percent"]) for row in tested],
        ".",
        markersize=4,
        label="test, at each new best",
    )
    above.plot(73, 7.5, "o", markersize=11, fillstyle="none", color="0.2", label="published: 7.50 %")
    above.set(ylabel="error (%)")
    above.legend()
    below.plot(epochs, [float(row["training_cost"]) for row in rows], color="C2")
    below.set(xlabel="epoch", ylabel="training cost (nats)")
    return fig


@figure("logistic-confusion.svg")
def confusion() -> Figure:
    W, b = model()
    test = mnist.load().test
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (test.y, (test.x @ W + b).argmax(axis=1)), 1)
    np.fill_diagonal(counts, 0)
    fig = Figure(figsize=(5.4, 5))
    axes = fig.subplots()
    axes.imshow(counts, cmap="Blues")
    for true, taken in np.ndindex(10, 10):
        if true != taken:
            dark = counts[true, taken] > 0.6 * counts.max()
            text = axes.text(taken, true, counts[true, taken], ha="center", va="center", fontsize=9)
            text.set_color("white" if dark else "0.2")
    axes.set(xlabel="taken for", ylabel="digit", xticks=range(10), yticks=range(10))
    axes.grid(False)
    axes.spines[["top", "right"]].set_visible(True)
    return fig


if __name__ == "__main__":
    main()
