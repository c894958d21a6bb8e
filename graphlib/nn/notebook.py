"""What a notebook shows of layers, models, histories and folders of runs: HTML that stands by itself and runs
nothing."""

from __future__ import annotations

import base64
import csv
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ..errors import InputError
from .run_folder import CURVE_IMAGE, CURVE_TABLE
from .storage import UserError

#: Beyond these a page gets long: the first are shown, and how many there are.
_MOST_PICTURES, _LARGEST_PICTURE, _MOST_CURVES = 12, 2**21, 8
_WIDTH, _HEIGHT = 220, 110
_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".webp": "image/webp", ".gif": "image/gif"}


class RunFolder:
    """The folder of a training run, to look at: in a notebook it shows its learning curve and its pictures.

    Args:
        path: the folder that ``--out`` named, such as ``output/mlp``.

    Attributes:
        path: the folder.
        curve: what was measured, by column of learning_curve.csv: a value a row, NaN where it has none.
        pictures: the files of its pictures, by name.

    Raises:
        UserError: there is no such folder, or its learning curve is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_dir():
            raise UserError(f"{self.path} is no folder: train a model with --out {self.path} first")
        self.curve = _read_curve(self.path / CURVE_TABLE)
        self.pictures = sorted(
            each for each in self.path.iterdir() if each.suffix in _TYPES and each.name != CURVE_IMAGE
        )

    def __repr__(self) -> str:
        rows = len(next(iter(self.curve.values()), []))
        return f"RunFolder({str(self.path)!r}: {rows} validations, {len(self.pictures)} pictures)"

    def _repr_html_(self) -> str:
        parts = [f"<b>{escape(str(self.path))}</b><br>"]
        measured = {name: v for name, v in self.curve.items() if name not in ("epoch", "minibatches")}
        parts.append(curves_html(self.curve.get("epoch", []), measured))
        for picture in self.pictures[:_MOST_PICTURES]:
            parts.append(_picture(picture))
        if (more := len(self.pictures) - _MOST_PICTURES) > 0:
            parts.append(f"<p>and {more} more pictures</p>")
        return f"<div>{''.join(parts)}</div>"


def summary_html(title: str, text: str) -> str:
    """A table of layers under its title."""
    return f"<div><b>{escape(title)}</b><pre>{escape(text)}</pre></div>"


def layer_html(layer: object) -> str | None:
    """The summary of a layer or model; None, so that its repr is shown, before it has seen a shape."""
    try:
        return summary_html(type(layer).__name__, layer.summary())
    except InputError:
        return None


def curves_html(epochs: Sequence[float], measured: Mapping[str, Sequence[float]]) -> str:
    """A small chart of each column that has values, beside each other."""
    charts = []
    for name, values in measured.items():
        points = [
            (x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(x) and math.isfinite(y)
        ]
        if points:
            charts.append(_chart(name, points))
    more = f"<p>and {len(charts) - _MOST_CURVES} more columns</p>" if len(charts) > _MOST_CURVES else ""
    return f"<div>{''.join(charts[:_MOST_CURVES])}{more}</div>"


def _chart(name: str, points: Sequence[tuple[float, float]]) -> str:
    """A line through points, with its name, its last value and its range."""
    xs, ys = zip(*points, strict=True)
    low, high, start, end = min(ys), max(ys), min(xs), max(xs)

    def place(x: float, y: float) -> str:
        across = (x - start) / (end - start) if end > start else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return f"{6 + across * (_WIDTH - 12):.1f},{_HEIGHT - 6 - up * (_HEIGHT - 12):.1f}"

    line = " ".join(place(x, y) for x, y in points)
    said = f"{escape(name.replace('_', ' '))}: {ys[-1]:.4g}"
    seen = f"{said} at epoch {end:g}, between {low:.4g} and {high:.4g}"
    dots = "".join('<circle cx="{}" cy="{}" r="2"/>'.format(*p.split(",")) for p in line.split())
    return _figure(
        said,
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" style="background:white"><title>{seen}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#ccc"/>'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="1.5"/>'
        f'<g fill="#0072b2">{dots if len(points) <= 40 else ""}</g></svg>',
    )


def _figure(caption: str, content: str) -> str:
    style = "display:inline-block;margin:4px 12px 4px 0"
    return f'<figure style="{style}"><figcaption><small>{caption}</small></figcaption>{content}</figure>'


def _picture(path: Path) -> str:
    size = path.stat().st_size
    if size > _LARGEST_PICTURE:
        return f"<p>{escape(path.name)}: {size / 2**20:.1f} MB</p>"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    name = escape(path.name)
    source = f"data:{_TYPES[path.suffix]};base64,{data}"
    return _figure(name, f'<img alt="{name}" style="max-width:360px" src="{source}"/>')


def _read_curve(path: Path) -> dict[str, list[float]]:
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        numbers = [[float(cell) if cell else math.nan for cell in row] for row in rows]
        return {name: [row[i] for row in numbers] for i, name in enumerate(names)}
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no learning curve: {error}") from None
