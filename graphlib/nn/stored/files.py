"""Files that are read piece by piece: which they are, and that they stay the same meanwhile."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from graphlib.datasets import DataError


def paths_of(given: str | Path | Sequence[str | Path]) -> list[Path]:
    """The files that are meant, in order: a path, one with ``*`` in it (in the order of their names, numbers
    by value), or a list of these.

    DataError where there is no such file.
    """
    if not isinstance(given, str | Path):
        return [path for each in given for path in paths_of(each)]
    path = Path(given).expanduser()
    if path.exists():
        return [path]
    found = [Path(each) for each in glob.glob(str(path))] if glob.has_magic(str(path)) else []
    if not found:
        raise DataError(f"there is no {path}")
    return sorted(found, key=lambda each: natural_order(str(each)))


def natural_order(name: str) -> list:
    """What names are sorted by, so that part-10 comes behind part-9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


class Unchanged:
    """A file as it was when this was made."""

    def __init__(self, path: Path):
        self.path = path
        self._before = self._state()

    def _state(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self.path)
        except OSError as problem:
            raise DataError(f"cannot read {self.path}: {problem.strerror or problem}") from None
        return found.st_size, found.st_mtime_ns, found.st_ino

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._before[0]

    def check(self, place: str) -> None:
        """DataError if the file has changed since; it says what was to be read."""
        now = self._state()
        if now == self._before:
            return
        sizes = f"{self._before[0]} bytes then, {now[0]} now" if now[0] != self._before[0] else "just as long"
        raise DataError(
            f"{self.path} has changed since it was opened ({sizes}), found at {place}: start again with a "
            "file that nobody writes to"
        )
