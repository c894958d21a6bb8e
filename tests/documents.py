"""Runs the Python of a Markdown document as a reader would: ``python -m tests.documents FILE``.

Blocks of ```` ```python ```` are executed in order in one namespace.  A block of ```` ```text ```` that is
the next one after such a block is what it prints, ``...`` standing for anything, as in doctest.  Chapters
are executed as the notebooks that they are, too.
"""

import contextlib
import doctest
import io
import sys
from pathlib import Path

from docs.site.markdown import blocks_of


class DocumentError(Exception):
    """A document shows another output than its code has."""


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


def run_as_notebook(path: Path) -> None:
    """Execute a chapter as its notebook is: by IPython, which shows the values of last lines.

    Raises DocumentError as `run` does, and where a cell fails or a value fails to show itself.
    """
    from IPython.core.displayhook import CapturingDisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    failures: list[str] = []

    class Shell(InteractiveShell):
        def _showtraceback(self, etype: type, evalue: Exception, stb: list[str]) -> None:
            failures.append("\n".join(stb))

    # which leaves nothing in the user's folder of histories
    shell = Shell.instance(config=Config(HistoryManager={"enabled": False}), colors="nocolor")
    # the values of last lines are formatted, as for a page, and not printed
    shell.display_trap.hook = CapturingDisplayHook(shell=shell, outputs=[])
    for block in blocks_of(path.read_text(encoding="utf-8")):
        where = f"{path}:{block.line}"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            finished = shell.run_cell(block.code, store_history=True)
        if failures:
            what = "its value does not show itself" if finished.success else "the cell fails"
            raise DocumentError(f"{where}: {what}\n{failures[0]}")
        if block.printed is not None:
            _compare(where, block.printed, printed.getvalue())


def _compare(where: str, wanted: str, got: str) -> None:
    wanted, got = ("".join(f"{line.rstrip()}\n" for line in text.splitlines()) for text in (wanted, got))
    checker, options = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.REPORT_NDIFF
    if not checker.check_output(wanted, got, options):
        difference = checker.output_difference(doctest.Example("", wanted), got, options)
        raise DocumentError(f"{where}: the block prints something else than is shown\n{difference}")


if __name__ == "__main__":
    document = Path(sys.argv[1])
    (run_as_notebook if document.parent.name == "chapters" else run)(document)
