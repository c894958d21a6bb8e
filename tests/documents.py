"""Runs the Python of a Markdown document as a reader would: ``python -m tests.documents FILE``.

Blocks of ```` ```python ```` are executed in order in one namespace.  A block of ```` ```text ```` that is
the next one after such a block is what it prints, ``...`` standing for anything, as in doctest.
"""

import contextlib
import doctest
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)[ \t]*\n(?P<content>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of Python: the number of its first line, and what it must print (None: anything)."""

    code: str
    line: int
    printed: str | None


class DocumentError(Exception):
    """A document shows another output than its code has."""


def blocks_of(text: str) -> list[Block]:
    """The blocks of Python in a Markdown text, in order."""
    fences = list(_FENCE.finditer(text))
    blocks = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence["language"] == "python":
            shown = following is not None and following["language"] == "text"
            line = text.count("\n", 0, fence.start("content")) + 1
            blocks.append(Block(fence["content"], line, following["content"] if shown else None))
    return blocks


def run(path: Path) -> None:
    """Execute a document; what its code raises is raised, with the document's own lines in the traceback.

    Raises DocumentError where a block prints something else than the document shows.
    """
    namespace: dict = {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        # the empty lines put the code at its place in the document
        code = compile("\n" * (block.line - 1) + block.code, str(path), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        if block.printed is not None:
            _compare(f"{path}:{block.line}", block.printed, printed.getvalue())


def _compare(where: str, wanted: str, got: str) -> None:
    wanted, got = ("".join(f"{line.rstrip()}\n" for line in text.splitlines()) for text in (wanted, got))
    checker, options = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.REPORT_NDIFF
    if not checker.check_output(wanted, got, options):
        difference = checker.output_difference(doctest.Example("", wanted), got, options)
        raise DocumentError(f"{where}: the block prints something else than is shown\n{difference}")


if __name__ == "__main__":
    run(Path(sys.argv[1]))
