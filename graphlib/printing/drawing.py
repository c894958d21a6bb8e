"""``draw``: the graph of a variable or of a compiled function as a picture, PNG or SVG.

Operands stand above what is computed from them.  A picture is made by matplotlib's own canvases, without
pyplot: no window, no global state, and the same result whatever backend and style the user has chosen.
"""

from __future__ import annotations

import io
import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import networkx as nx
from matplotlib.collections import PatchCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.path import Path as Curve
from matplotlib.textpath import text_to_path

from ..graph import Apply, Constant, Shared, Variable
from ..ops.elementwise import Elementwise
from .layout import Layout, Point, layered_layout
from .notation import label_of, leaf_text
from .subject import Subject, subject_of

# kind of box: (fill, outline), after ColorBrewer's Pastel1 and Set1, distinct also in grey
_COLOURS = {
    "input": ("#cfe3f5", "#2f6ea5"),
    "shared variable": ("#d3edd0", "#3b8a3a"),
    "constant": ("#eeeeee", "#9a9a9a"),
    "operation": ("#ffffff", "#4d4d4d"),
    "output": ("#fddcb0", "#c8700a"),
    "update": ("#ead6ee", "#84418f"),
}

_POINT = 1 / 72
_LABEL, _DETAIL, _SMALL = (FontProperties(family="DejaVu Sans", size=size) for size in (9, 7, 6))
_TITLE_FONT = FontProperties(family="DejaVu Sans", size=11, weight="bold")
_HALO = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
_LONGEST_LABEL = 40
_MARGIN, _TITLE, _LEGEND = 0.2, 0.3, 0.4

# Agg, which makes PNGs, takes no side longer than this; and a picture is held in memory, four bytes a pixel.
_LONGEST_SIDE = 2**16 - 1
_MOST_PIXELS = 60e6

_FORMATS = (".png", ".svg")


@dataclass
class _Box:
    """One box: ``lines`` of text, the first the label; ``kind`` is a key of the colours."""

    kind: str
    lines: list[str]
    size: tuple[float, float] = (0.0, 0.0)


@dataclass
class _Diagram:
    """What is drawn: boxes by key, and a graph of the keys; its edges know which operands they bring."""

    boxes: dict[Hashable, _Box] = field(default_factory=dict)
    graph: nx.DiGraph = field(default_factory=nx.DiGraph)

    def add(self, key: Hashable, kind: str, *lines: str) -> None:
        self.boxes[key] = _Box(kind, [_shortened(line) for line in lines if line])
        self.graph.add_node(key)

    def connect(
        self, start: Hashable, end: Hashable, operand: int | None = None, output: int | None = None
    ) -> None:
        if not self.graph.has_edge(start, end):
            self.graph.add_edge(start, end, operands=[], outputs=[])
        edge = self.graph.edges[start, end]
        edge["operands"] += [operand] if operand is not None else []
        edge["outputs"] += [output] if output is not None and output not in edge["outputs"] else []


class Drawing:
    """A drawn graph.  ``figure`` is matplotlib's; ``save`` writes it; a notebook shows it by itself."""

    def __init__(self, figure: Figure, boxes: int) -> None:
        self.figure = figure
        self.boxes = boxes

    def save(self, path: str | os.PathLike, dpi: float = 100) -> Path:
        """Write the picture to ``path``, a .png or .svg, whole or not at all.

        dpi: pixels an inch of a PNG; fewer are taken for a graph so large that the picture would not fit into
        memory.
        Errors: ValueError for another suffix, OSError where the file cannot be written.
        """
        path = _checked_path(path)
        _write_atomically(path, self._rendered(path.suffix.lower()[1:], dpi, "path"))
        return path

    def svg(self) -> str:
        """The picture as an SVG element to stand in a page: text in the page's fonts, no XML prologue."""
        text = self._rendered("svg", 72, "none").decode()
        return text[text.index("<svg") :]

    def _repr_svg_(self) -> str:
        return self.svg()

    def _rendered(self, format: str, dpi: float, fonttype: str) -> bytes:
        width, height = self.figure.get_size_inches()
        fits = min(dpi, _LONGEST_SIDE / max(width, height), (_MOST_PIXELS / (width * height)) ** 0.5)
        content = io.BytesIO()
        with _own_style({"svg.fonttype": fonttype, "svg.hashsalt": "graphlib"}):
            metadata = {"Date": None} if format == "svg" else None
            self.figure.savefig(
                content, format=format, dpi=fits if format == "png" else 72, metadata=metadata
            )
        return content.getvalue()


def draw(
    obj: Any,
    path: str | os.PathLike | None = None,
    print_type: bool = True,
    max_nodes: int = 500,
    dpi: float = 100,
) -> Drawing:
    """Draw the graph of a variable, of a list of variables, or of a compiled function after its rewrites.

    Inputs, shared variables, constants, operations, outputs and updates are boxes in colours of their own;
    arrows lead from operands to what is computed of them, and are numbered where operands whose order matters
    do not arrive in it from left to right.  A constant is drawn anew at each use.

    path: a .png or .svg to write; without it the drawing is only returned (a notebook shows it).
    print_type: write dtypes and shapes under the names.
    max_nodes: the most boxes to draw.
    dpi: pixels an inch of a PNG (see :meth:`Drawing.save`).

    Errors: ValueError for a suffix other than .png and .svg, and for more than ``max_nodes`` boxes.
    """
    if path is not None:
        _checked_path(path)
    subject = subject_of(obj, "draw")
    diagram = _diagram_of(subject, print_type)
    if len(diagram.boxes) > max_nodes:
        raise ValueError(
            f"draw: the graph has {len(diagram.boxes)} boxes, more than the {max_nodes} of max_nodes; pass "
            f"max_nodes={len(diagram.boxes)} to draw all of it, draw a variable further up, or use debugprint"
        )
    with _own_style():
        drawing = Drawing(_figure(diagram, subject.title), len(diagram.boxes))
    if path is not None:
        drawing.save(path, dpi)
    return drawing


def pydotprint(
    fct: Any,
    outfile: str | os.PathLike | None = None,
    format: str = "png",
    print_output_file: bool = True,
    max_nodes: int = 500,
    **ignored: Any,
) -> Drawing:
    """Theano's name for :func:`draw`: writes ``outfile`` and prints where it is; without one only draws.

    format: the suffix to add to ``outfile`` if it ends in neither .png nor .svg.
    Theano's settings of pydot's looks (compact, with_ids, high_contrast, …) are accepted and have no effect.
    """
    unknown = set(ignored) - _PYDOT_SETTINGS
    if unknown:
        raise TypeError(f"pydotprint() got an unexpected keyword {', '.join(sorted(unknown))}")
    if outfile is None:
        return draw(fct, max_nodes=max_nodes)
    path = Path(outfile)
    if path.suffix.lower() not in _FORMATS:
        path = path.with_name(f"{path.name}.{format}")
    drawing = draw(fct, path, max_nodes=max_nodes)
    if print_output_file:
        print(f"The output file is available at {path}")
    return drawing


_PYDOT_SETTINGS = {
    "compact",
    "with_ids",
    "high_contrast",
    "cond_highlight",
    "colorCodes",
    "max_label_size",
    "scan_graphs",
    "var_with_name_simple",
    "return_image",
}


def count_boxes(obj: Any) -> int:
    """How many boxes a drawing would have."""
    return len(_diagram_of(subject_of(obj, "draw"), False).boxes)


def _diagram_of(subject: Subject, print_type: bool) -> _Diagram:
    diagram = _Diagram()
    ends = set(subject.inputs)
    named_below = set(subject.outputs)

    def source(variable: Variable, user: Hashable) -> Hashable:
        """The box that ``variable`` comes from, added if it is a leaf; a constant's is its user's own."""
        if variable.owner is not None and variable not in ends:
            return variable.owner
        key = (variable, user) if isinstance(variable, Constant) else variable
        if key not in diagram.boxes:
            diagram.add(key, _kind(variable), *_leaf_lines(variable, print_type))
        return key

    def link(variable: Variable, user: Hashable, operand: int | None = None) -> None:
        start = source(variable, user)
        output = variable.index if start is variable.owner and len(variable.owner.outputs) > 1 else None
        diagram.connect(start, user, operand, output)

    for variable in subject.inputs:
        source(variable, None)
    for node in subject.nodes():
        diagram.add(node, "operation", *_node_lines(node, print_type, named_below))
        numbered = len(node.inputs) > 1 and not (isinstance(node.op, Elementwise) and node.op.commutative)
        for i, variable in enumerate(node.inputs):
            link(variable, node, i if numbered else None)
    for i, variable in enumerate(subject.outputs):
        key = ("output", i)
        name = variable.name or (f"output {i}" if len(subject.outputs) > 1 else "output")
        diagram.add(key, "output", name, str(variable.type) if print_type else "")
        link(variable, key)
    for target, variable in subject.updates:
        key = ("update", target)
        diagram.add(key, "update", f"new {leaf_text(target)}", str(variable.type) if print_type else "")
        link(variable, key)
    return diagram


def _kind(variable: Variable) -> str:
    if isinstance(variable, Constant):
        return "constant"
    return "shared variable" if isinstance(variable, Shared) else "input"


def _leaf_lines(variable: Variable, print_type: bool) -> list[str]:
    type_line = str(variable.type) if print_type else ""
    if variable.name is None and not isinstance(variable, Constant):
        return ["", str(variable.type)]
    # a number says by itself what it is
    return [leaf_text(variable), "" if isinstance(variable, Constant) and not variable.ndim else type_line]


def _node_lines(node: Apply, print_type: bool, named_below: set[Variable]) -> list[str]:
    names = [v.name for v in node.outputs if v.name is not None and v not in named_below]
    type_line = ", ".join(str(v.type) for v in node.outputs) if print_type else ""
    return [label_of(node), f"‘{', '.join(names)}’" if names else "", type_line]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


@contextmanager
def _own_style(settings: dict[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults for what is done inside, whatever the user has set, which is back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(settings or {})
        yield


def _text_width(text: str, font: FontProperties) -> float:
    """Inches."""
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] * _POINT


def _measured(box: _Box) -> tuple[float, float]:
    """Width and height, inches, of a box around its lines."""
    fonts = [_LABEL, *[_DETAIL] * (len(box.lines) - 1)]
    width = max(_text_width(line, font) for line, font in zip(box.lines, fonts, strict=True))
    return max(width + 0.18, 0.4), 0.12 + sum(1.25 * font.get_size() * _POINT for font in fonts)


def _figure(diagram: _Diagram, title: str) -> Figure:
    for box in diagram.boxes.values():
        box.size = _measured(box)
    layout = layered_layout(diagram.graph, {key: box.size for key, box in diagram.boxes.items()})
    kinds = [kind for kind in _COLOURS if any(box.kind == kind for box in diagram.boxes.values())]
    width = max(layout.width, _legend_width(kinds)) + 2 * _MARGIN
    head = (_TITLE if title else 0) + _LEGEND
    height = layout.height + head + 2 * _MARGIN
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    # data are inches from the top left corner of the layout
    axes.set_xlim(-(width - layout.width) / 2, (width + layout.width) / 2)
    axes.set_ylim(layout.height + _MARGIN, -head - _MARGIN)
    axes.set_axis_off()
    _draw_edges(axes, diagram.graph, layout)
    _draw_boxes(axes, diagram.boxes, layout)
    middle = layout.width / 2
    if title:
        axes.text(middle, -head, _shortened(title), font=_TITLE_FONT, ha="center", va="top", parse_math=False)
    _draw_legend(axes, kinds, middle, -_LEGEND + 0.08)
    return figure


def _legend_width(kinds: list[str]) -> float:
    return sum(_text_width(kind, _DETAIL) + 0.45 for kind in kinds)


def _draw_legend(axes: Any, kinds: list[str], middle: float, y: float) -> None:
    x = middle - _legend_width(kinds) / 2
    for kind in kinds:
        fill, outline = _COLOURS[kind]
        axes.add_patch(Rectangle((x, y - 0.05), 0.2, 0.1, facecolor=fill, edgecolor=outline, linewidth=1))
        axes.text(x + 0.26, y, kind, font=_DETAIL, va="center_baseline", parse_math=False)
        x += _text_width(kind, _DETAIL) + 0.45


def _draw_boxes(axes: Any, boxes: dict[Hashable, _Box], layout: Layout) -> None:
    patches = []
    for key, box in boxes.items():
        (x, y), (width, height) = layout.centres[key], box.size
        fill, outline = _COLOURS[box.kind]
        radius = 0.03 if box.kind in ("operation", "constant") else height / 3
        shape = FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height, boxstyle=f"round,pad=0,rounding_size={radius}"
        )
        shape.set(facecolor=fill, edgecolor=outline, linewidth=1)
        patches.append(shape)
        line_top = y - height / 2 + 0.06
        for i, line in enumerate(box.lines):
            font = _DETAIL if i else _LABEL
            middle = line_top + 0.6 * font.get_size() * _POINT
            colour = "#555555" if i else "black"
            axes.text(
                x, middle, line, font=font, color=colour, ha="center", va="center_baseline", parse_math=False
            )
            line_top += 1.25 * font.get_size() * _POINT
    axes.add_collection(PatchCollection(patches, match_original=True, zorder=2))


def _draw_edges(axes: Any, graph: nx.DiGraph, layout: Layout) -> None:
    curves = [_curve(points) for points in layout.trunks]
    heads = []
    disordered = _disordered(graph, layout)
    for (start, end), (begin, tip) in layout.ends.items():
        curves.append(_curve([begin, tip]))
        x, y = tip
        heads.append([(x, y), (x - 0.035, y - 0.085), (x + 0.035, y - 0.085)])
        edge = graph.edges[start, end]
        operands = edge["operands"] if end in disordered else []
        marks = [*map(str, operands), *(f"out {i}" for i in edge["outputs"])]
        if marks:
            axes.text(
                x,
                y - 0.15,
                ", ".join(marks),
                font=_SMALL,
                color="#555555",
                ha="center",
                va="center",
                bbox=_HALO,
            )
    colour = "#8c8c8c"
    axes.add_collection(
        PathCollection(curves, facecolors="none", edgecolors=colour, linewidths=0.9, zorder=1)
    )
    axes.add_collection(PolyCollection(heads, facecolors=colour, edgecolors=colour, linewidths=0.3, zorder=1))


def _disordered(graph: nx.DiGraph, layout: Layout) -> set[Hashable]:
    """The boxes at which operands do not arrive in their order from left to right, each by one line."""
    found = set()
    for box in graph:
        arriving = sorted(graph.predecessors(box), key=lambda before: layout.ends[before, box][1][0])
        numbers = [graph.edges[before, box]["operands"] for before in arriving]
        if any(len(n) > 1 for n in numbers) or numbers != sorted(numbers):
            found.add(box)
    return found


def _curve(points: Sequence[Point]) -> Curve:
    """A smooth line through points, vertical at each of them."""
    vertices, codes = [points[0]], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    return Curve(vertices, codes)


def _checked_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise ValueError(
            f"draw writes .png and .svg, as the file's name must say; {str(path)!r} ends in {path.suffix!r}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"draw: there is no folder {str(path.parent)!r} to write {path.name} into; make it first"
        )
    return path


def _write_atomically(path: Path, content: bytes) -> None:
    """A reader finds the old file or the new one, never a part of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
