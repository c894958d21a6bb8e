"""The figures of docs/chapters/convolution.md."""

from __future__ import annotations

import sys

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from PIL import Image

import graphlib
import graphlib.tensor as T
from docs.figures._drawing import DOCS, figure, main, run_folder
from docs.figures.perceptron import column
from graphlib.datasets import mnist
from graphlib.nn.images import read_photograph, scale_to_unit_interval, tile_raster_images


def enlarged(tiles: np.ndarray, times: int) -> Image.Image:
    size = (times * tiles.shape[1], times * tiles.shape[0])
    return Image.fromarray(tiles).resize(size, Image.Resampling.NEAREST)


@figure("receptive-fields.svg")
def receptive_fields() -> Figure:
    fig = Figure(figsize=(6.4, 3.4))
    axes = fig.subplots()
    rows = [[(x, 0) for x in range(7)], [(x + 1, 1.6) for x in range(5)], [(x + 2, 3.2) for x in range(3)]]
    seen = {(3, 3.2)}
    for below, above in ((rows[1], rows[2]), (rows[0], rows[1])):
        for number, place in enumerate(above):
            for offset in range(3):
                other = below[number + offset]
                inside = place in seen
                axes.plot(
                    *zip(place, other, strict=True),
                    color=f"C{offset}",
                    linewidth=2.4 if inside else 1.0,
                    alpha=1.0 if inside else 0.5,
                    zorder=1,
                )
        seen |= {below[n + o] for n, place in enumerate(above) if place in seen for o in range(3)}
    for row in rows:
        for place in row:
            colour = "#fddcb0" if place in seen else "white"
            axes.add_patch(Circle(place, 0.22, facecolor=colour, edgecolor="0.3", zorder=2))
    for height, words in ((0, "input"), (1.6, "a feature map"), (3.2, "a map of maps")):
        axes.text(6.6, height, words, va="center", fontsize=11)
    axes.set(xlim=(-0.5, 8.8), ylim=(-0.4, 3.6), aspect="equal")
    axes.axis("off")
    return fig


def grid(axes: Axes, values: np.ndarray, left: float, title: str) -> None:
    """A matrix as a grid of numbers whose upper left corner is at (left, 0)."""
    largest = max(1, np.abs(values).max())
    for (r, c), value in np.ndenumerate(values):
        shade = 1 - 0.45 * abs(value) / largest
        colour = (1, shade, shade) if value > 0 else (shade, shade, 1) if value < 0 else "white"
        axes.add_patch(Rectangle((left + c, -r - 1), 1, 1, facecolor=colour, edgecolor="0.6"))
        axes.text(left + c + 0.5, -r - 0.5, f"{value:g}", ha="center", va="center", fontsize=11)
    axes.text(left + values.shape[1] / 2, 0.3, title, ha="center", fontsize=11)


@figure("convolution-by-numbers.svg")
def by_numbers() -> Figure:
    image = np.zeros((5, 5), int)
    image[1:4, 1:4] = 1
    turned = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    result = np.array(
        [[(image[r : r + 3, c : c + 3] * turned).sum() for c in range(3)] for r in range(3)], int
    )
    fig = Figure(figsize=(7.2, 3.2))
    axes = fig.subplots()
    grid(axes, image, 0, "image")
    grid(axes, turned, 6.2, "filter, turned around")
    grid(axes, result, 10.6, "result")
    axes.add_patch(Rectangle((0, -4), 3, 3, fill=False, edgecolor="C1", linewidth=3))
    axes.add_patch(Rectangle((10.6, -2), 1, 1, fill=False, edgecolor="C1", linewidth=3))
    axes.text(5.6, -1.6, "∗", fontsize=20, ha="center", va="center")
    axes.text(9.9, -1.6, "=", fontsize=18, ha="center", va="center")
    products = "0·(−1) + 1·0 + 1·1\n+ 0·(−2) + 1·0 + 1·2\n+ 0·(−1) + 1·0 + 1·1 = 4"
    axes.text(6.2, -4.2, products, fontsize=11, ha="left", va="center", color="C1")
    axes.set(xlim=(-0.2, 14), ylim=(-5.1, 1), aspect="equal")
    axes.axis("off")
    return fig


@figure("random-filters.png")
def random_filters() -> Image.Image:
    """What `python tutorials/lenet.py --demonstrate` draws, in a smaller size."""
    sys.path.insert(0, str(DOCS.parent / "tutorials"))
    import lenet

    photograph = read_photograph(lenet.sample_photograph(), at_most=300)
    edges = lenet.random_edges(photograph, seed=23455)
    rows, columns = edges.shape[1:]
    greys = [np.repeat(scale_to_unit_interval(edge)[..., None], 3, axis=2) for edge in edges]
    row = np.concatenate([photograph[4 : 4 + rows, 4 : 4 + columns], *greys], axis=1)
    return Image.fromarray(np.rint(255 * row).astype("uint8")).convert("P", palette=Image.Palette.ADAPTIVE)


@figure("lenet.svg")
def drawing() -> Figure:
    fig = Figure(figsize=(9.6, 3))
    axes = fig.subplots()
    scale, x = 0.075, 0.0
    layers = [
        (1, 28, "image\n28 × 28"),
        (5, 24, "20 maps\n24 × 24"),
        (5, 12, "20 maps\n12 × 12"),
        (7, 8, "50 maps\n8 × 8"),
        (7, 4, "50 maps\n4 × 4"),
    ]
    middles, colours = [], ["#eeeeee", "#cfe3f5", "#d3edd0", "#cfe3f5", "#d3edd0"]
    for (count, side, words), colour in zip(layers, colours, strict=True):
        size, step = side * scale, 0.13
        width = size + (count - 1) * step
        for k in range(count):
            corner = (x + k * step, 0.5 * (width - size) * 0.6 - size / 2 - k * step * 0.6)
            axes.add_patch(Rectangle(corner, size, size, facecolor=colour, edgecolor="0.3", linewidth=0.8))
        axes.text(x + width / 2, -1.85, words, ha="center", va="top", fontsize=9.5)
        middles.append((x, width))
        x += width + 1.35
    for words, units, height in (("500 units", 9, 2.4), ("10 classes", 10, 1.6)):
        for k in range(units):
            axes.add_patch(
                Circle((x, height * (k / (units - 1) - 0.5)), 0.08, facecolor="#fddcb0", edgecolor="0.3")
            )
        axes.text(x, -1.85, words, ha="center", va="top", fontsize=9.5)
        middles.append((x - 0.1, 0.2))
        x += 1.3
    steps = ["5 × 5", "max of\n2 × 2", "5 × 5\n× 20", "max of\n2 × 2", "all", "all"]
    for (left, width), (right, _), words in zip(middles, middles[1:], steps, strict=False):
        start, end = left + width + 0.1, right - 0.1
        axes.annotate("", (end, 0), (start, 0), arrowprops={"arrowstyle": "->", "color": "0.35"})
        axes.text((start + end) / 2, 0.12, words, ha="center", va="bottom", fontsize=8.5, color="0.25")
    axes.set(xlim=(-0.2, x - 0.8), ylim=(-2.6, 1.6), aspect="equal")
    axes.axis("off")
    return fig


@figure("lenet-curve.svg")
def curve() -> Figure:
    fig = Figure()
    axes = fig.subplots()
    epochs, errors = column("lenet", "validation_error_percent")
    axes.plot(epochs, errors, label="validation, this run", linewidth=1.3)
    axes.plot(*column("lenet", "test_error_percent"), ".", markersize=5, label="test, at each new best")
    axes.plot(178, 0.91, "o", markersize=11, fillstyle="none", color="0.2", label="published: 0.91 %")
    axes.set(xlabel="epoch", ylabel="error (%)", ylim=(0.7, max(3, 2 * errors[-1])))
    axes.legend()
    return fig


def layers() -> dict[str, np.ndarray]:
    with np.load(run_folder("lenet") / "layers.npz", allow_pickle=False) as saved:
        return {name: saved[name].astype("float32") for name in saved.files}


@figure("lenet-filters.png")
def filters() -> Image.Image:
    W = layers()["convolution_1.W"][:, 0, ::-1, ::-1]
    return enlarged(tile_raster_images(W.reshape(20, 25), (5, 5), (2, 10), (1, 1)), 12)


@figure("lenet-maps.png")
def maps() -> Image.Image:
    """The first layer's maps of three test digits, as large as the digits."""
    parameters, test = layers(), mnist.load().test
    x = np.stack([test.x[np.flatnonzero(test.y == digit)[0]] for digit in (2, 5, 7)])
    images = T.tensor4("images")
    W, b = parameters["convolution_1.W"], parameters["convolution_1.b"]
    pooled = T.signal.pool.pool_2d(T.nnet.conv2d(images, W), (2, 2), ignore_border=True)
    found = graphlib.function([images], T.tanh(pooled + b[None, :, None, None]))(x.reshape(3, 1, 28, 28))
    tiles = np.zeros((3, 13, 28, 28))
    tiles[:, 0] = x.reshape(3, 28, 28)
    tiles[:, 1:, 2:26, 2:26] = (found[:, :12].repeat(2, axis=2).repeat(2, axis=3) + 1) / 2
    flat = tile_raster_images(
        tiles.reshape(39, 784), (28, 28), (3, 13), (2, 2), scale_rows_to_unit_interval=False
    )
    return enlarged(flat, 2)


def predictions(run: str) -> dict[str, np.ndarray]:
    with np.load(run_folder(run) / "predictions.npz", allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}


@figure("lenet-errors.png")
def errors() -> Figure:
    found, test = predictions("lenet"), mnist.load().test
    columns = 16
    shown = found["wrong"][: 6 * columns]
    fig = Figure(figsize=(9.6, 4.6))
    places = fig.subplots(6, columns)
    for axes in places.flat:
        axes.axis("off")
    for axes, index, taken in zip(places.flat, shown, found["taken_for"], strict=False):
        axes.imshow(test.x[index].reshape(28, 28), cmap="gray_r")
        axes.set_title(f"{test.y[index]} → {taken}", fontsize=8, pad=2)
    return fig


@figure("lenet-shifts.svg")
def shifts() -> Figure:
    fig = Figure()
    axes = fig.subplots()
    for run, words in (("mlp", "perceptron"), ("lenet", "LeNet")):
        axes.plot(100 * predictions(run)["error_by_shift"], "o-", label=words)
    axes.set(xlabel="pixels to the right", ylabel="test error (%)", ylim=(0, None))
    axes.legend()
    return fig


if __name__ == "__main__":
    main()
