"""The cache of whole functions: native code, found by what a program is.

Between a graph and something to call lie rewriting, lowering, scheduling and rendering, which take many times
longer than to write down what the graph is (``identity.py``).  So the native code of a program is noted under
a hash of that, of the text of graphlib itself, of the versions of what it runs on, and of what the compiler
and the processor are.  An entry is data, in the folder that objects are loaded from, and trusted as they
are: whole, and the user's own.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import graphlib

from ..lower.program import Program
from ..run import cache
from ..run.c.native import Native
from ..run.c.toolchain import key_of_object
from .identity import Identity, NoIdentity
from .present import Given, Shapes

if TYPE_CHECKING:
    from ..schedule.short import InnerLoops

_PACKAGE = Path(__file__).resolve().parent.parent
#: folders of graphlib that have no part in compiling
_APART = ("nn", "datasets", "distributed", "emulator", "printing", "__pycache__")
#: a file that changed so shortly before graphlib was loaded may be newer than what runs: clocks of files tick
#: slowly
_TICK = 20_000_000


class Entry:
    """A program's place in the cache."""

    def __init__(self, name: str, constants: list[np.ndarray]) -> None:
        self.name, self.constants = name, constants

    def find(self) -> Native | None:
        """What was noted there; None where there is nothing, or nothing that can be read."""
        data = cache.noted(f"{self.name}.function")
        if data is None:
            return None
        with suppress(ValueError):
            return Native.from_bytes(data, self.constants)
        return None

    def keep(self, native: Native) -> None:
        """Note what was compiled."""
        data = native.to_bytes(self.constants)
        if data is not None:
            cache.note(f"{self.name}.function", data)

    def loops(self) -> InnerLoops | None:
        """The loops of the program that short inputs matter to, where they were noted."""
        data = cache.noted(f"{self.name}.loops")
        if data is None:
            return None
        with suppress(ValueError, TypeError):
            return tuple((_terms(length), _terms(turns)) for length, turns in json.loads(data))
        return None

    def keep_loops(self, loops: InnerLoops) -> None:
        """Note them."""
        cache.note(f"{self.name}.loops", json.dumps(loops).encode())


def _terms(written: Any) -> Any:
    return tuple((int(c), tuple((int(k), int(axis)) for k, axis in product)) for c, product in written)


def entry(program: Program, shapes: Shapes | None, given: Given | None = None) -> Entry | None:
    """The place in the cache of a program for some lengths of its shared variables and inputs, or for any;
    None of one that cannot be told from others."""
    version = engine()
    if version is None:
        return None
    try:
        identity = Identity(program, shapes)
        key = cache.key_of("function", repr(given), identity.text, version, key_of_object())
    except NoIdentity:
        return None
    return Entry(key, [v.data for v in identity.constants])


@functools.lru_cache(maxsize=1)
def engine() -> str | None:
    """What tells graphlib, numpy and Python from other versions, by their text; None where it has changed
    since it was loaded."""
    states, paths = [], []
    for item in _files(_PACKAGE):
        status = item.stat()
        if max(status.st_mtime_ns, status.st_ctime_ns) > graphlib._LOADED - _TICK:
            return None
        states.append((item.path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        paths.append(item.path)
    # to read the files takes longer than to see that they are those that were read before
    name = f"{cache.key_of('engine', repr(sorted(states)))}.engine"
    text = cache.noted(name)
    if text is None:
        digest = hashlib.sha256()
        for path in sorted(paths):
            data = Path(path).read_bytes()
            digest.update(f"{path[len(str(_PACKAGE)) :]} {len(data)} ".encode())
            digest.update(data)
        text = digest.hexdigest().encode()
        cache.note(name, text)
    return f"{text.decode()} {np.__version__} {sys.version}"


def _files(folder: Path | str) -> Iterator[os.DirEntry]:
    """The files that graphlib is compiled by and with."""
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir():
                if item.name not in _APART:
                    yield from _files(item.path)
            elif item.name.endswith((".py", ".c", ".h")):
                yield item
