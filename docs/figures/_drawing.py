"""How a figure of the documentation comes about: a function that returns a picture, marked with a name.

    from docs.figures._drawing import figure, main

    @figure("sigmoid.svg")
    def sigmoid():
        fig, axes = plt.subplots()
        ...
        return fig

    if __name__ == "__main__":
        main()

``python -m docs.figures.perceptron`` draws a script's figures into docs/images, with names after it only
those, ``python -m docs.figures`` the figures of all scripts. Figures of results read stored runs,
`run_folder("mlp")`. The same input gives the same file, byte for byte, under the same versions of
matplotlib and Pillow.
"""

from __future__ import annotations

import importlib
import os
import sys
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")

from matplotlib.figure import Figure
from PIL import Image

DOCS = Path(__file__).resolve().parent.parent
IMAGES = DOCS / "images"
RUNS = DOCS / "runs"
#: where runs are read from in place of docs/runs: `python -m docs --runs` sets it
RUNS_VARIABLE = "GRAPHLIB_DOCS_RUNS"

#: the looks that all figures share: a white page, letters that can be read on a phone
matplotlib.rcParams.update(
    {
        "figure.figsize": (6.4, 3.6),
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
        "savefig.dpi": 130,
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e4e4e4",
        "axes.axisbelow": True,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
        "svg.hashsalt": "graphlib",
        "axes.prop_cycle": matplotlib.cycler(
            color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]
        ),
    }
)


class NotDrawn(Exception):
    """A figure cannot be drawn here, and says why; the one that is kept in docs/images stays."""


@dataclass(frozen=True)
class Animation:
    """Frames shown one after the other, again and again; the file is a .webp or a .gif."""

    frames: Sequence[Image.Image]
    seconds: float = 0.5  # a frame


@dataclass(frozen=True)
class Sound:
    """Samples between -1 and 1, so many a second, of one voice; the file is a .wav."""

    samples: np.ndarray
    rate: int = 11025


Picture = Figure | Image.Image | Animation | Sound
_FIGURES: dict[str, dict[str, Callable[[], Picture]]] = {}


def figure(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Marks a function without arguments that returns the picture of docs/images/`name`.

    The picture is a Figure of matplotlib (.svg or .png), an image of Pillow (.png or .webp), an `Animation`
    or, to be heard, a `Sound`. A page links to a sound, [words](../images/NAME.wav), and the site plays it.
    """

    def mark(function: Callable[[], Any]) -> Callable[[], Any]:
        _FIGURES.setdefault(function.__module__, {})[name] = function
        return function

    return mark


def run_folder(name: str) -> Path:
    """The folder of a run of docs/runs.yaml: docs/runs/`name`, or the one that has just been trained."""
    return Path(os.environ.get(RUNS_VARIABLE, RUNS)) / name


def save(picture: Picture, path: Path) -> None:
    """Write a picture, without the date and whatever else differs from run to run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, Figure):
        metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
        picture.savefig(path, metadata=metadata)
        picture.clear()
    elif isinstance(picture, Sound):
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, picture.rate, 0, "NONE", "not compressed"))
            file.writeframes((np.clip(picture.samples, -1, 1) * 32767).astype("<i2").tobytes())
    elif isinstance(picture, Animation):
        first, *others = picture.frames
        duration = round(1000 * picture.seconds)
        quality = {"lossless": True} if path.suffix == ".webp" else {"optimize": True}
        first.save(path, save_all=True, append_images=others, duration=duration, loop=0, **quality)
    else:
        picture.save(path, **({"lossless": True} if path.suffix == ".webp" else {"optimize": True}))


def scripts() -> list[str]:
    """The names of the scripts in docs/figures."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith("_"))


def draw(script: str, into: Path = IMAGES, names: Sequence[str] = ()) -> list[Path]:
    """Draw the figures of a script, or those named, into a folder; returns the files that were written."""
    importlib.import_module(f"docs.figures.{script}")
    return _draw(f"docs.figures.{script}", into, names)


def _draw(module: str, into: Path, names: Sequence[str]) -> list[Path]:
    import matplotlib.pyplot as plt

    figures = _FIGURES.get(module, {})
    if unknown := [name for name in names if name not in figures]:
        raise SystemExit(f"{module} has no figure {', '.join(unknown)}; it has {', '.join(figures)}")
    drawn = []
    for name in names or figures:
        try:
            save(figures[name](), into / name)
        except NotDrawn as reason:
            print(f"{name} stays as it is: {reason}")
        else:
            drawn.append(into / name)
        plt.close("all")
    return drawn


def main() -> None:
    """What a script does when it is called: draw its figures, or those that the command line names."""
    for path in _draw("__main__", IMAGES, sys.argv[1:]):
        print(f"{os.path.relpath(path)}  {path.stat().st_size / 1024:.0f} KB")
