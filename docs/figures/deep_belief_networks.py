"""The chapter on deep belief networks: the model with its two facades, and the filters of its first layer."""

from __future__ import annotations

import csv
from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

from docs.figures import _networks as net
from docs.figures._drawing import figure, main, run_folder


@figure("dbn.svg")
def model() -> Figure:
    fig, axes = net.canvas(14, 8, (7.4, 4.3))
    heights = (0.8, 2.6, 4.4, 6.2)
    names = ("$x$", "$h^1$", "$h^2$", "$h^3$")
    fills = (net.PALE_BLUE, net.PALE_RED, net.PALE_RED, net.PALE_RED)
    for x in (2.6, 10.4):
        for y, name, fill in zip(heights, names, fills, strict=True):
            net.box(axes, (x, y), (3.2, 0.75), name, fill)
    for low, high in pairwise(heights):
        pair = high == heights[-1]
        for dx in (-1, 0, 1):
            start, end = (2.6 + dx, high - 0.4), (2.6 + dx, low + 0.42)
            if pair:
                net.line(axes, start, end, color="black", linewidth=1.4)
            else:
                net.arrow(axes, start, end)
            net.arrow(axes, (10.4 + dx, low + 0.4), (10.4 + dx, high - 0.42))
        net.line(axes, (4.3, (low + high) / 2), (8.7, (low + high) / 2), linestyle="--", linewidth=1.1)
        number = names[heights.index(high)][3]
        axes.text(
            6.5,
            (low + high) / 2 + 0.18,
            f"the same $W^{number}, c^{number}$",
            ha="center",
            color=net.GREY,
            fontsize=10,
        )
    net.box(axes, (10.4, 7.6), (3.2, 0.6), "ten classes", net.PALE_GREEN)
    net.arrow(axes, (10.4, 6.6), (10.4, 7.27))
    axes.text(
        2.6, 7.15, "a Boltzmann machine\non top, below it downward", ha="center", va="center", fontsize=10
    )
    axes.text(12.2, 7.6, "softmax", ha="left", va="center", fontsize=10)
    axes.text(2.6, 0.05, "draws images", ha="center", fontsize=10)
    axes.text(10.4, 0.05, "classifies them", ha="center", fontsize=10)
    return fig


@figure("dbn-finetuning.svg")
def finetuning() -> Figure:
    fig, axes = plt.subplots()
    for run, name in (("dbn-without", "from random weights"), ("dbn", "pre-trained")):
        with open(run_folder(run) / "learning_curve.csv", newline="") as file:
            errors = [row["validation_error_percent"] for row in csv.DictReader(file)]
        errors = [float(error) for error in errors if error]
        axes.plot(range(1, len(errors) + 1), errors, "o-", markersize=4, label=name)
    axes.set(xlabel="epoch of fine-tuning", ylabel="validation error (%)", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    return fig


@figure("dbn-filters.png")
def filters() -> Image.Image:
    before, after = (
        Image.open(run_folder("dbn") / name).convert("L")
        for name in ("filters_pretrained.png", "filters.png")
    )
    gap = 20
    sheet = Image.new("L", (before.width + gap + after.width, before.height), 255)
    sheet.paste(before, (0, 0))
    sheet.paste(after, (before.width + gap, 0))
    return sheet


if __name__ == "__main__":
    main()
