"""What is in a page of Markdown: its blocks of Python with what they print, and its links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(?P<language>\w*)[ \t]*\n(?P<content>.*?)^```[ \t]*$\n?", re.MULTILINE | re.DOTALL)
#: a link or picture: its words and target, without what is behind #
_LINK = re.compile(r"\]\((?P<target>[^)\s#]+)(?P<rest>#[^)\s]*)?\)")
_CODE = re.compile(r"^```.*?^```[ \t]*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of Python: the number of its first line, and what it must print (None: anything)."""

    code: str
    line: int
    printed: str | None


def pieces_of(text: str) -> Iterator[str | Block]:
    """A page as words and blocks of Python in turns.

    A block of ```` ```text ```` that is the next one after a block of Python is what that prints, and not
    among the words.
    """
    fences = list(_FENCE.finditer(text))
    words, end = "", 0
    shown = False  # whether the fence is what the one before it prints
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        words += text[end : fence.start()] + ("" if shown or fence["language"] == "python" else fence[0])
        end = fence.end()
        shown = False
        if fence["language"] == "python":
            shown = following is not None and following["language"] == "text"
            yield words
            words = ""
            line = text.count("\n", 0, fence.start("content")) + 1
            yield Block(fence["content"], line, following["content"] if shown else None)
    yield words + text[end:]


def blocks_of(text: str) -> list[Block]:
    """The blocks of Python in a Markdown text, in order."""
    return [piece for piece in pieces_of(text) if isinstance(piece, Block)]


def links_of(text: str) -> Iterator[re.Match]:
    """The links of a page that are not in its code and not to the network."""
    code = [(found.start(), found.end()) for found in _CODE.finditer(text)]
    for link in _LINK.finditer(text):
        inside = any(start <= link.start() < end for start, end in code)
        if not inside and not link["target"].startswith(("http:", "https:", "mailto:")):
            yield link
