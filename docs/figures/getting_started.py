"""The figures of docs/chapters/getting-started.md: a sheet of digits, and how patience grows."""

from __future__ import annotations

import csv

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from docs.figures._drawing import figure, main, run_folder
from graphlib.datasets import mnist
from graphlib.nn.images import tile_raster_images


@figure("mnist-samples.png")
def samples() -> Image.Image:
    """The first ten images of each class."""
    x, y = mnist.load().train
    rows = np.concatenate([x[np.flatnonzero(y == digit)[:10]] for digit in range(10)])
    tiles = tile_raster_images(rows, (28, 28), (10, 10), (3, 3), scale_rows_to_unit_interval=False)
    return Image.fromarray(tiles).resize((2 * tiles.shape[1], 2 * tiles.shape[0]), Image.Resampling.NEAREST)


@figure("patience.svg")
def patience() -> Figure:
    """The rule of stopping of `graphlib.nn.monitors.Patience`, on the validation errors of a run."""
    with open(run_folder("mlp") / "learning_curve.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    seen = np.array([float(row["minibatches"]) for row in rows])
    errors = np.array([float(row["validation_error_percent"]) for row in rows])
    allowed, best, now = [], np.inf, 10_000
    for count, error in zip(seen, errors, strict=True):
        if error < best:
            if error < 0.995 * best:
                now = max(now, 2 * (count - 1))
            best = error
        allowed.append(now)
    fig = Figure(figsize=(6.4, 5))
    above, below = fig.subplots(2, 1, sharex=True)
    above.plot(seen / 1e6, errors, linewidth=1)
    lowest = errors.argmin()
    above.plot(seen[lowest] / 1e6, errors[lowest], "o", color="C1")
    above.annotate(
        f"{errors[lowest]:.2f} % after {lowest + 1} epochs",
        (seen[lowest] / 1e6, errors[lowest]),
        (0, 24),
        textcoords="offset points",
        ha="center",
    )
    above.set(ylabel="validation error (%)", ylim=(1.5, 3))
    below.step(seen / 1e6, np.array(allowed) / 1e6, where="post", color="C2", label="patience")
    below.plot(seen / 1e6, seen / 1e6, "--", color="0.4", label="seen so far")
    below.set(xlabel="minibatches (millions)", ylabel="minibatches (millions)")
    below.legend(loc="upper left")
    return fig


if __name__ == "__main__":
    main()
