"""The chapter on slot filling: Elman's network, and what a run on ATIS learnt."""

from __future__ import annotations

import csv

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from docs.figures import _networks as net
from docs.figures._drawing import figure, main, run_folder


@figure("elman.svg")
def elman() -> Figure:
    fig, axes = net.canvas(12.6, 7.2, (7.2, 4.1))
    sentence = "boston to las vegas on".split()
    for number, label in enumerate(("O", "B-toloc.city", "I-toloc.city")):
        x = 2.7 + 3.9 * number
        for k in range(3):
            inside = sentence[number + k]
            net.box(axes, (x + 1.05 * (k - 1), 1.2), (0.95, 0.55), "", net.PALE_BLUE)
            axes.text(
                x + 1.05 * (k - 1),
                0.5,
                inside,
                ha="center",
                fontsize=9,
                style="italic",
                weight="bold" if k == 1 else "normal",
            )
            net.arrow(axes, (x + 1.05 * (k - 1), 1.5), (x + 0.4 * (k - 1), 2.75), net.GREY)
        net.box(axes, (x, 3.15), (2.0, 0.7), f"$h_{number + 1}$", net.PALE_RED)
        net.box(axes, (x, 5.1), (2.0, 0.65), "softmax", net.PALE_GREEN, fontsize=10)
        net.arrow(axes, (x, 3.53), (x, 4.73))
        net.arrow(axes, (x, 5.45), (x, 6.2))
        axes.text(x, 6.5, label, ha="center", fontsize=10)
        net.arrow(axes, (x - 2.85 if number else 0.75, 3.15), (x - 1.05, 3.15), net.RED)
        axes.text(x + 0.15, 2.05, "$W_x$", color=net.GREY, fontsize=10)
        axes.text(x + 0.15, 4.0, "$W$", color=net.GREY, fontsize=10)
        axes.text(x - 1.95 if number else 1.0, 3.35, "$W_h$", ha="center", color=net.RED, fontsize=10)
    axes.text(0.6, 3.15, "$h_0$", ha="right", va="center")
    return fig


@figure("atis-f1.svg")
def curve() -> Figure:
    with open(run_folder("rnnslu") / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
    epochs = [int(row["epoch"]) for row in rows]
    for name in ("precision", "recall", "f1"):
        left.plot(epochs, [float(row[f"{name}_percent"]) for row in rows], label=name.replace("f1", "F1"))
    left.set(xlabel="epoch", ylabel="validation (%)", ylim=(60, 100))
    left.legend()
    right.plot(epochs, [float(row["training_cost"]) for row in rows], color=net.GREY)
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="epoch", ylabel="training cost (nats a word)", yscale="log")
    return fig


@figure("atis-embeddings.png")
def embeddings() -> Image.Image:
    return Image.open(run_folder("rnnslu") / "embeddings.png").convert("RGB").quantize(64)


@figure("slots-search.svg")
def search() -> Figure:
    """The trials of the random search: the error by each of the settings that were drawn."""
    with open(run_folder("slots-search") / "search-slots" / "trials.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["validation_error"]]
    errors = [100 * float(row["validation_error"]) for row in rows]
    keys = {
        "optimizer.sgd.learning_rate": "learning rate",
        "model.1.conv1d.size": "words of a window",
        "model.2.simple_rnn.units": "hidden units",
        "model.0.embedding.units": "values of an embedding",
    }
    fig = Figure(figsize=(8.4, 2.8))
    places = fig.subplots(1, 4, sharey=True)
    for axes, (key, words) in zip(places, keys.items(), strict=True):
        axes.plot([float(row[key]) for row in rows], errors, "o")
        axes.set_xlabel(words, fontsize=10)
        axes.margins(x=0.15)
    for axes, ticks in zip(places[2:], ((100, 200), (50, 100)), strict=True):
        axes.set(xticks=ticks, xlim=(ticks[0] / 2, ticks[1] + ticks[0] / 2))
    places[0].set(ylabel="wrong labels (%)", ylim=(0, None))
    return fig


if __name__ == "__main__":
    main()
