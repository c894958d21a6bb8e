"""Notebooks of the chapters: written from the same Markdown, never by hand.

A block of Python is a cell; what the page shows as printed is its output, which the tests have compared.
Solutions stay folded, and pictures lie in a folder beside the notebooks (JupyterLab shows no SVG that is
attached to a cell).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import DOCS, OUTPUT, ROOT, Progress
from .markdown import Block, links_of, pieces_of

NOTEBOOKS = OUTPUT / "notebooks"

_DETAILS = re.compile(r"^<(?P<end>/?)details[^>]*>\n?(?:<summary>(?P<summary>.*?)</summary>)?", re.MULTILINE)

#: the first cell: a kernel runs in the notebook's folder, the chapter in the checkout's
_TO_THE_CHECKOUT = """\
# the chapters are read in the folder of the checkout, where tutorials/ and data/ are
import os
from pathlib import Path

import graphlib

os.chdir(Path(graphlib.__file__).parents[1])
"""


@dataclass(frozen=True)
class Cell:
    """A cell: words, or a block of Python; `folded` under a summary, such as "Solution"."""

    content: str | Block
    folded: str | None = None


def cells_of(text: str) -> list[Cell]:
    """The cells of a page, in order."""
    cells: list[Cell] = []
    folded: str | None = None
    for piece in pieces_of(text):
        if isinstance(piece, Block):
            cells.append(Cell(piece, folded))
            continue
        end = 0
        for mark in _DETAILS.finditer(piece):
            if before := piece[end : mark.start()].strip():
                cells.append(Cell(before, folded))
            folded = None if mark["end"] else mark["summary"] or "More"
            end = mark.end()
        if rest := piece[end:].strip():
            cells.append(Cell(rest, folded))
    return cells


def notebook(page: Path, place: Path = NOTEBOOKS) -> dict[str, Any]:
    """The notebook of a page, as the JSON of nbformat 4.5; `place`: the folder that it is read in."""
    cells = cells_of(page.read_text(encoding="utf-8"))
    cells.insert(1, Cell(Block(_TO_THE_CHECKOUT, 0, None)))
    made = [_code(c) if isinstance(c.content, Block) else _words(c, page, place) for c in cells]
    for i, cell in enumerate(made):
        cell["id"] = f"cell-{i}"
    return {
        "cells": made,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(cell: Cell) -> dict[str, Any]:
    outputs = []
    if cell.content.printed is not None:
        outputs = [{"output_type": "stream", "name": "stdout", "text": cell.content.printed}]
    hidden = {"jupyter": {"source_hidden": True, "outputs_hidden": True}} if cell.folded else {}
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": hidden,
        "outputs": outputs,
        "source": cell.content.code.rstrip("\n"),
    }


def _words(cell: Cell, page: Path, place: Path) -> dict[str, Any]:
    text, end = "", 0
    for link in links_of(cell.content):
        text += cell.content[end : link.start("target")]
        path = (page.parent / link["target"]).resolve()
        if path.parent.name == "images":
            text += f"images/{path.name}"
        elif path.parent == page.parent and path.suffix == ".md":
            text += f"{path.stem}.ipynb"
        else:
            text += os.path.relpath(path, place)  # in the checkout
        end = link.end("target")
    text += cell.content[end:]
    if cell.folded:
        text = f"<details><summary>{cell.folded}</summary>\n\n{text}\n\n</details>"
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def chapters() -> Iterator[Path]:
    yield from sorted((DOCS / "chapters").glob("*.md"))


def write_all(progress: Progress, folder: Path = NOTEBOOKS, place: Path = NOTEBOOKS) -> None:
    """Write the notebooks of all chapters, with a folder of their pictures beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS / "images", folder / "images")
    count = 0
    for page in chapters():
        text = json.dumps(notebook(page, place), ensure_ascii=False, indent=1)
        (folder / f"{page.stem}.ipynb").write_text(text + "\n", encoding="utf-8")
        count += 1
    progress(f"{count} notebooks: {folder.relative_to(ROOT)}")
