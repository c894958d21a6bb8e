"""Theano's programs on graphlib: ``python -m graphlib.compat.theano PROGRAM.py ARGUMENTS``.

``import theano`` and its submodules then resolve to graphlib's. ``install()`` does the same inside a program.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
import traceback
from collections.abc import Sequence

from ..port.python2 import NAMES as PYTHON2_NAMES
from . import attributes, modules, past
from .settings import config

__all__ = ["install", "main"]


def install(flags: str = "") -> None:
    """Make ``import theano`` give graphlib, with ``flags`` as in THEANO_FLAGS ("floatX=float32,device=cpu").

    Without flags floatX is float64, which was Theano's default.  Flags that graphlib has no use for are
    accepted.
    """
    modules.install()
    attributes.install()
    config.floatX = "float64"
    for item in filter(None, (part.strip() for part in flags.split(","))):
        key, _, value = item.partition("=")
        setattr(config, key.strip(), value.strip())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a program as if ``python PROGRAM.py ARGUMENTS`` had been typed where Theano was installed."""
    parser = argparse.ArgumentParser(
        prog="python -m graphlib.compat.theano",
        description="Run a program that was written for Theano on graphlib.",
        epilog="THEANO_FLAGS is read as Theano did (floatX, device, mode); floatX is float64 without it.",
    )
    parser.add_argument("program", help="the program's file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what it is given")
    options = parser.parse_args(arguments)
    if not os.path.isfile(options.program):
        parser.error(f"there is no file {options.program}")
    install(os.environ.get("THEANO_FLAGS", ""))
    past.restore()
    sys.argv = [options.program, *options.arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(options.program)))
    try:
        runpy.run_path(options.program, run_name="__main__")
    except (SyntaxError, NameError, AttributeError) as error:
        if not isinstance(error, SyntaxError) and error.name not in PYTHON2_NAMES:
            raise
        traceback.print_exc()
        where = getattr(error, "filename", None) or options.program
        sys.exit(
            f"{where} is not Python 3. If it is Python 2, the following makes it a program for Python 3 and "
            f"graphlib:\n    python -m graphlib.compat.port {where} -o NEW.py"
        )
