"""Puts together what the site is made from: the pages, their pictures, and the checkout's files they link to.

The pages are written for GitHub, and read there as they are. Two things are added here: the tables of
contents, which follow the sections of docs/index.md, and a page of its own for each program, data set's
description or other file of the checkout that a page links to.
"""

from __future__ import annotations

import os
import re
import shutil
from html import escape
from pathlib import Path

from . import DOCS, ROOT, SOURCE
from .markdown import links_of

_ITEM = re.compile(r"\]\((?P<target>[^)#\s]+\.md)\)")


def pages() -> list[Path]:
    """The pages in docs, the chapters among them."""
    return [*sorted(DOCS.glob("*.md")), *sorted((DOCS / "chapters").glob("*.md"))]


def stage() -> None:
    """Fill the folder that Sphinx reads, from nothing."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    shutil.copytree(DOCS / "images", SOURCE / "images")
    (SOURCE / "static").mkdir()
    for sound in (DOCS / "images").glob("*.wav"):
        shutil.copy(sound, SOURCE / "static")
    staged: set[Path] = set()
    for page in pages():
        target = SOURCE / page.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _with_files(page, page.read_text(encoding="utf-8"), staged)
        if page.parent.name == "chapters":
            text = _with_notebook(text, page.stem)
        if page == DOCS / "index.md":
            text += "\n" + contents(text)
        target.write_text(text, encoding="utf-8")


def _with_notebook(text: str, name: str) -> str:
    """The chapter with a line that leads to its notebook, below its first paragraph."""
    title, opening, rest = text.split("\n\n", 2)
    line = (
        f'This chapter as a notebook: <a href="../notebooks/{name}.ipynb" download>{name}.ipynb</a>, '
        'or <a href="../notebooks.zip" download>all of them</a> with their pictures.'
    )
    return "\n\n".join([title, opening, line, rest])


def _with_files(page: Path, text: str, staged: set[Path]) -> str:
    """The text with links to the checkout's other files leading to pages of theirs, which are written."""
    pieces, end = [], 0
    for link in links_of(text):
        target = (page.parent / link["target"]).resolve()
        if target.suffix == ".wav" and target.is_relative_to(DOCS):
            # a link where it is written, a player on the site
            start = text.rindex("[", end, link.start())
            words = escape(text[start + 1 : link.start()])
            player = f'<audio controls preload="none" title="{words}" src="/_static/{target.name}"></audio>'
            pieces += [text[end:start], f"{words} {_to_root(page, player)}"]
            end = link.end()
            continue
        if target.is_relative_to(DOCS) and page.is_relative_to(DOCS) and not target.is_dir():
            continue  # Sphinx says it if that is not there
        if not target.exists() or not target.is_relative_to(ROOT):
            raise SystemExit(f"{page.relative_to(ROOT)} links to {link['target']}, which is not there")
        if target.is_relative_to(DOCS) and target.suffix in (".md", ".svg", ".png", ".webp", ".gif"):
            place = f"/{target.relative_to(DOCS)}"
        else:
            place = f"/files/{target.relative_to(ROOT)}{'/index' if target.is_dir() else ''}"
            place += "" if target.suffix == ".md" else ".rst"
            if target not in staged:
                staged.add(target)
                _stage_file(target, SOURCE / place[1:], staged)
        pieces += [text[end : link.start("target")], place]
        end = link.end("target")
    return "".join([*pieces, text[end:]])


def _to_root(page: Path, html: str) -> str:
    """HTML of a page with addresses from the site's root as addresses from the page."""
    return html.replace('src="/', f'src="{"../" * (len(page.relative_to(DOCS).parts) - 1)}')


def _stage_file(path: Path, place: Path, staged: set[Path]) -> None:
    """A page that shows a file, or what is in a folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    name = str(path.relative_to(ROOT))
    if path.suffix == ".md":
        text = _with_files(path, path.read_text(encoding="utf-8"), staged)
        place.write_text(f"---\norphan: true\n---\n\n{text}", encoding="utf-8")
        return
    lines = [":orphan:", "", f"``{name}``", "=" * (len(name) + 4), ""]
    if path.is_dir():
        lines += [
            f"- ``{each.name}``" for each in sorted(path.iterdir()) if not each.name.startswith((".", "_"))
        ]
    else:
        lines.append(f".. literalinclude:: {os.path.relpath(path, place.parent)}")
        language = {".py": "python", ".yaml": "yaml", ".c": "c", ".h": "c"}.get(path.suffix, "text")
        lines.append(f"   :language: {language}")
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def contents(index: str) -> str:
    """Tables of contents after the sections of the front page, each with the pages that its list links to."""
    tables = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0].strip()
        listed = list(dict.fromkeys(found["target"] for found in _ITEM.finditer(section)))
        if listed:
            tables.append(_toctree(title, listed))
    tables.append(_toctree("Reference", ["reference/index"]))
    return "\n".join(tables)


def _toctree(caption: str, listed: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *listed, "```", ""])
