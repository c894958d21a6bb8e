"""The chapter on characters: a text read in streams, and a model's loss while it learns."""

from __future__ import annotations

import csv

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from docs.figures import _networks as net
from docs.figures._drawing import figure, main, run_folder

PAIRS = 3.47  # bits a character of the chapter's model of pairs


@figure("streams.svg")
def streams() -> Figure:
    fig, axes = net.canvas(13, 5, (7.4, 2.9))
    rows = (
        "Call me Ishmael. Some years",
        "the great American desert, t",
        "a landless gull, that at sun",
        "of the whale-fishery, and ha",
    )
    for number, row in enumerate(rows):
        y = 3.9 - number
        for k, character in enumerate(row[:24]):
            axes.text(0.9 + 0.5 * k, y, character, family="monospace", ha="center", va="center")
        axes.text(0.1, y, str(number + 1), va="center", color=net.GREY, fontsize=9)
    for k, (color, text) in enumerate(
        ((net.PALE_GREY, "minibatch 1"), (net.PALE_BLUE, "minibatch 2"), (net.PALE_GREY, "minibatch 3"))
    ):
        left = 0.65 + 4 * k
        axes.add_patch(Rectangle((left, 0.45), 3.95, 3.9, facecolor=color, edgecolor="none", zorder=0))
        axes.text(left + 1.97, 4.6, text, ha="center", va="center", fontsize=10)
        if k:
            for number in range(4):
                net.arrow(axes, (left - 0.3, 3.55 - number), (left + 0.35, 3.55 - number), net.BLUE)
            axes.plot([left - 0.02] * 2, [0.3, 4.35], color=net.RED, linewidth=1.6)
    axes.text(4.7, 0.05, "states go on", ha="left", va="center", color=net.BLUE, fontsize=9)
    axes.text(4.5, 0.05, "the gradient ends", ha="right", va="center", color=net.RED, fontsize=9)
    return fig


@figure("char-curve.svg")
def curve() -> Figure:
    with open(run_folder("char_lstm") / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    passes = [float(row["epoch"]) for row in rows]
    fig, axes = plt.subplots()
    for column, name in (
        ("training_loss", "training text, as it is read"),
        ("validation_loss", "validation text"),
    ):
        axes.plot(passes, [float(row[column]) / np.log(2) for row in rows], "o-", markersize=4, label=name)
    axes.axhline(PAIRS, linestyle=":", color="black", linewidth=1, label="counts of pairs")
    axes.set(xlabel="passes over the text", ylabel="bits a character", xlim=(0, None), ylim=(2, 3.6))
    axes.legend()
    return fig


if __name__ == "__main__":
    main()
