"""Theano's public names, as a table: ``names.txt``."""

from __future__ import annotations

import functools
from pathlib import Path


@functools.lru_cache(maxsize=1)
def names() -> dict[str, dict[str, str]]:
    """For each module of Theano its names, each with what it is: a module, class, error, function or
    object."""
    found: dict[str, dict[str, str]] = {}
    module, kind = "", ""
    for line in (Path(__file__).parent / "names.txt").read_text("ascii").splitlines():
        if line.startswith("["):
            module = line.strip("[]")
            found[module] = {}
        elif module:
            first, *rest = line.split()
            if first.endswith(":"):
                kind = first[:-1]
            else:
                rest = [first, *rest]
            found[module].update(dict.fromkeys(rest, kind))
    return found
