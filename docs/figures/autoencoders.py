"""The figures of docs/chapters/autoencoders.md."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from PIL import Image, ImageDraw, ImageFont

from docs.figures._drawing import Animation, figure, main, run_folder
from docs.figures.convolution import enlarged
from docs.figures.perceptron import column
from graphlib.nn.images import tile_raster_images


def arrays(run: str, name: str) -> dict[str, np.ndarray]:
    with np.load(run_folder(run) / name, allow_pickle=False) as saved:
        return {each: saved[each] for each in saved.files}


@figure("denoising.png")
def denoising() -> Figure:
    """Test digits, corrupted, and reconstructed by the autoencoders of both levels of corruption."""
    found = arrays("dA", "reconstructions.npz")
    rows = {
        "test images": "examples",
        "corrupted": "corrupted",
        "by the one trained\nwithout corruption": "corruption_00",
        "by the one trained\nwith 30 %": "corruption_30",
    }
    fig = Figure(figsize=(8.4, 3), layout="none")
    fig.subplots_adjust(left=0.2, right=0.99, top=0.98, bottom=0.02)
    for axes, (words, name) in zip(fig.subplots(4, 1), rows.items(), strict=True):
        line = found[name].reshape(10, 28, 28).transpose(1, 0, 2).reshape(28, 280)
        axes.imshow(line, cmap="gray", vmin=0, vmax=255)
        axes.set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9.5)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
    return fig


@figure("denoising-filters.webp")
def filters_by_epoch() -> Animation:
    frames = arrays("dA", "frames.npz")
    epochs = sorted({int(name.rpartition(".")[2]) for name in frames})
    font = ImageFont.load_default(size=18)
    pictures = []
    for epoch in epochs:
        sheets = [
            enlarged(tile_raster_images(frames[f"{name}.{epoch:02}"] / 255.0, (28, 28), (6, 6), (1, 1)), 2)
            for name in ("corruption_00", "corruption_30")
        ]
        width, height = sheets[0].size
        whole = Image.new("L", (2 * width + 20, height + 30), 255)
        draw = ImageDraw.Draw(whole)
        for number, (sheet, words) in enumerate(zip(sheets, ("no corruption", "30 %"), strict=True)):
            whole.paste(sheet, (number * (width + 20), 30))
            draw.text((number * (width + 20), 4), f"{words}, epoch {epoch}", fill=0, font=font)
        pictures.append(whole)
    # the last one stays a little longer
    return Animation([*pictures, pictures[-1], pictures[-1]], seconds=0.7)


@figure("contractive-filters.png")
def contractive() -> Image.Image:
    hidden = arrays("cA", "filters.npz")["hidden"]
    return enlarged(tile_raster_images(hidden / 255.0, (28, 28), (4, 16), (2, 2)), 2)


@figure("stacked.svg")
def stacked() -> Figure:
    fig = Figure(figsize=(6.4, 4.4))
    axes = fig.subplots()

    def box(x: float, y: float, width: float, words: str, colour: str) -> None:
        style = "round,pad=0.02,rounding_size=0.12"
        axes.add_patch(FancyBboxPatch((x, y), width, 0.55, boxstyle=style, facecolor=colour, edgecolor="0.3"))
        axes.text(x + width / 2, y + 0.275, words, ha="center", va="center", fontsize=11)

    def arrow(start: tuple, end: tuple, colour: str = "0.2", words: str = "", side: float = 0.12) -> None:
        axes.add_patch(
            FancyArrowPatch(
                start, end, arrowstyle="-|>", mutation_scale=14, color=colour, shrinkA=2, shrinkB=2
            )
        )
        middle = ((start[0] + end[0]) / 2 + side, (start[1] + end[1]) / 2)
        axes.text(*middle, words, fontsize=11, color=colour, va="center")

    heights = (0, 1.5, 3.0)
    for height, words in zip(heights, ("$x$", "layer 1", "layer 2"), strict=True):
        box(0, height, 2.6, words, "#cfe3f5" if height == 0 else "#fddcb0")
    box(0, 4.3, 2.6, "softmax of labels", "#d3edd0")
    for number, height in enumerate(heights[:2], start=1):
        arrow((1.3, height + 0.57), (1.3, height + 1.48), words=f"$W_{number}, b_{number}$")
        x = 4.1
        box(x, height, 2.6, "reconstruction of " + ("$x$" if number == 1 else "layer 1"), "#eeeeee")
        arrow(
            (2.62, height + 1.7),
            (x + 1.3, height + 0.57),
            "0.5",
            f"$W_{number}^\\top, b'_{number}$",
            side=0.25,
        )
    arrow((1.3, 3.57), (1.3, 4.28), words="fine-tuning only")
    axes.set(xlim=(-0.2, 7), ylim=(-0.2, 5))
    axes.axis("off")
    return fig


@figure("pretraining.svg")
def pretraining() -> Figure:
    fig = Figure()
    axes = fig.subplots()
    for run, words in (("SdA", "with pre-training"), ("SdA-without-pretraining", "without")):
        epochs, errors = column(run, "validation_error_percent")
        axes.plot(epochs, errors, ".-", label=words)
    axes.set(
        xlabel="epoch of fine-tuning", ylabel="validation error (%)", ylim=(0, 6), xticks=range(0, 21, 5)
    )
    axes.legend()
    return fig


if __name__ == "__main__":
    main()
