"""Theano's programs made into graphlib's: ``python -m graphlib.compat.port PROGRAM.py``.

Python 2 becomes Python 3 (``python2``), then imports and names become graphlib's (``names`` says what each
is, ``edits`` changes the text).  What the program does is not run, and what cannot be changed is said.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .edits import ported
from .python2 import as_python3, is_python3

__all__ = ["Result", "main", "port"]


@dataclass
class Result:
    """A program's text, what is worth knowing of what was changed, and what could not be changed."""

    text: str
    notes: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def port(text: str, floatX: str = "float64", path: str = "program") -> Result:
    """A program that was written for Theano as one for graphlib.

    floatX: what it is unless the program sets it; Theano's default was float64.  path: where it lies, which
    tells of Python 2 what it imports from beside it.
    Errors: SyntaxError where the text is no Python of either kind; ImportError for Python 2 without fissix.
    """
    result = Result(text)
    if not is_python3(text):
        result.text = as_python3(text, result.notes, path)
    result.text = ported(result.text, floatX, result.notes, result.left)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Shows what is changed, or writes it. Returns 0 if everything could be changed, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m graphlib.compat.port",
        description="Make a program that was written for Theano one for graphlib, and show the difference.",
    )
    parser.add_argument("program", help="the program's file")
    parser.add_argument("-o", "--output", help="write the new program there; '-' prints it")
    parser.add_argument(
        "--floatX", default="float64", help="float64, Theano's default, or float32, which is fast"
    )
    options = parser.parse_args(arguments)
    path = Path(options.program)
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        parser.error(f"{path}: {error}")
    try:
        result = port(text, options.floatX, str(path))
    except (SyntaxError, ImportError) as error:
        parser.error(f"{path}: {error}")
    if options.output == "-":
        sys.stdout.write(result.text)
    else:
        name = options.output or str(path)
        sys.stdout.writelines(
            difflib.unified_diff(text.splitlines(True), result.text.splitlines(True), str(path), name)
        )
    if options.output and options.output != "-":
        Path(options.output).write_text(result.text, "utf-8")
    for line in result.notes:
        print(f"note: {line}", file=sys.stderr)
    for line in result.left:
        print(f"left: {line}", file=sys.stderr)
    return 1 if result.left else 0
