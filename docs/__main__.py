"""``python -m docs``: builds the documentation as a site in output/site, which needs no network to be read.

It draws the figures, writes the reference from the docstrings and the notebooks from the chapters, then the
pages. What it needs beside graphlib: ``pip install -e '.[docs]'``.
"""

from __future__ import annotations

import argparse
import os
import sys

from .site import Progress


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m docs", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--runs",
        action="store_true",
        help="first train the small runs of docs/runs.yaml, in output/runs, and draw the figures from those",
    )
    what.add_argument(
        "--check", action="store_true", help="read all pages and follow their links, but write no site"
    )
    what.add_argument(
        "--notebooks", action="store_true", help="write the notebooks only, in output/notebooks"
    )
    what.add_argument(
        "--keep",
        nargs=2,
        metavar=("NAME", "FOLDER"),
        help="keep in docs/runs/NAME what docs/runs.yaml says of the folder of a run that has ended",
    )
    parser.add_argument(
        "--serve", type=int, nargs="?", const=8000, metavar="PORT", help="then show it at a port"
    )
    options = parser.parse_args(arguments)
    progress = Progress()
    if options.keep:
        from .site.runs import keep

        keep(*options.keep)
    elif options.notebooks:
        from .site.notebooks import write_all

        write_all(progress)
    else:
        from .site.build import build, check, serve

        if options.check:
            return 0 if check(progress) else 1
        if options.runs:
            from .figures._drawing import RUNS_VARIABLE
            from .site.runs import RUNS, train_all

            train_all(progress)
            os.environ[RUNS_VARIABLE] = str(RUNS)
        if not build(progress):
            return 1
        if options.serve:
            serve(options.serve)
    return 0


if __name__ == "__main__":
    sys.exit(main())
