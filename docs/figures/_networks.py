"""Networks of units, boxes and arrows, as the chapters draw them; everything is placed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from docs.figures import _drawing  # noqa: F401  the looks that all figures share

BLUE, RED, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#767676"
PALE_BLUE, PALE_RED, PALE_GREEN, PALE_GREY = "#d9eaf5", "#fbe3d3", "#d5efe6", "#eeeeee"
Point = tuple[float, float]


def canvas(width: float, height: float, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """A page of `width` by `height` units, drawn in inches `size`, with no axes and no grid."""
    figure, axes = plt.subplots(figsize=size)
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def unit(axes: Axes, at: Point, radius: float = 0.3, fill: str = "white", text: str = "", **how: Any) -> None:
    """A circle with a text in it."""
    axes.add_patch(Circle(at, radius, facecolor=fill, edgecolor="black", linewidth=1.2, zorder=3))
    axes.text(*at, text, ha="center", va="center", zorder=4, **how)


def box(
    axes: Axes, at: Point, size: Point, text: str = "", fill: str = "white", zorder: int = 3, **how: Any
) -> None:
    """A box with round corners around `at`, its middle; with `zorder` 0 it lies under lines and arrows."""
    (x, y), (width, height) = at, size
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.12"
    axes.add_patch(
        FancyBboxPatch(
            corner,
            width,
            height,
            boxstyle=style,
            facecolor=fill,
            edgecolor="black",
            linewidth=1.2,
            zorder=zorder,
        )
    )
    axes.text(x, y, text, ha="center", va="center", zorder=4, **how)


def line(axes: Axes, start: Point, end: Point, color: str = GREY, **how: Any) -> None:
    """A straight line, under the units."""
    how = {"linewidth": 0.9, **how}
    axes.plot(*zip(start, end, strict=True), color=color, zorder=1, **how)


def arrow(axes: Axes, start: Point, end: Point, color: str = "black", bend: float = 0.0, **how: Any) -> None:
    """An arrow; `bend` is its curvature, 0 for none."""
    how = {"linewidth": 1.4, "linestyle": "-", **how}
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=13,
            color=color,
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=0,
            shrinkB=0,
            zorder=2,
            **how,
        )
    )


def layer(count: int, y: float, middle: float, gap: float = 1.0) -> list[Point]:
    """The places of so many units side by side."""
    first = middle - gap * (count - 1) / 2
    return [(first + gap * number, y) for number in range(count)]


def join(axes: Axes, lower: Iterable[Point], upper: Sequence[Point], **how: Any) -> None:
    """A line from every unit of a layer to every one of another."""
    for start in lower:
        for end in upper:
            line(axes, start, end, **how)
