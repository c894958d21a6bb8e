"""The figure of docs/chapters/symbolic-expressions.md: a gradient as derived, and as compiled."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

import graphlib
import graphlib.tensor as T
from docs.figures._drawing import figure, main


@figure("gradient-graphs.png")
def gradient_graphs() -> Image.Image:
    x = T.vector("x")
    gradient = T.grad(T.exp(-(x**2)).sum(), x)
    function = graphlib.function([x], gradient)
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for number, graph in enumerate((gradient, function)):
            path = Path(folder) / f"{number}.png"
            graphlib.draw(graph, path)
            pictures.append(Image.open(path).convert("RGB"))
    gap = 40
    size = (sum(p.width for p in pictures) + gap, max(p.height for p in pictures))
    whole = Image.new("RGB", size, "white")
    whole.paste(pictures[0], (0, 0))
    whole.paste(pictures[1], (pictures[0].width + gap, 0))
    # at most as wide as a page on a screen of many pixels
    whole.thumbnail((1600, 2400))
    return whole


if __name__ == "__main__":
    main()
