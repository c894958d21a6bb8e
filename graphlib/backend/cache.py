"""The cache on disk of what compilers made.

A file is named by the hash of all that it was made from and ends with the hash of its own content.  It is
written under a temporary name and renamed, so processes that make the same at once do not disturb one
another, and no lock is needed; one that is damaged, or that does not load, is made anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..configuration import config

Loaded = TypeVar("Loaded")
_HASH = hashlib.sha256().digest_size


def key_of(*parts: str | bytes) -> str:
    """The name of what is made from these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:32]


def kept(name: str, load: Callable[[Path], Loaded], make: Callable[[Path], Loaded]) -> Loaded:
    """What ``load`` gets out of the whole file ``name``; where there is none, what ``make`` puts there.

    ``make`` gets the path of a file in a folder that exists: in the cache, or, where nothing can be kept
    there, in a folder that is removed at once.  ``load`` may raise OSError for a file that is no good.
    """
    folder = _folder(name)
    path = folder / name if folder else None
    if path and _is_whole(path):
        try:
            return load(path)
        except OSError:
            pass  # of another machine: made anew below, under the same name
    try:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            return make(path)
    except OSError:
        pass  # nothing can be kept there: it is not ours to write to, full, or no folder
    with tempfile.TemporaryDirectory(prefix="graphlib-") as private:
        return make(Path(private) / name)


def sealed(data: bytes) -> bytes:
    """A file's content with its hash at the end."""
    return data + hashlib.sha256(data).digest()


def unsealed(path: Path) -> bytes:
    """The content of a whole file, without its hash."""
    return path.read_bytes()[:-_HASH]


def write(path: Path, data: bytes) -> None:
    """Put a sealed file in place, all of it or nothing."""
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sealed(data))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _folder(name: str) -> Path | None:
    """The folder in the cache for what has this name; None for somebody who has no home."""
    try:
        return config.cache_folder() / name[:2]
    except RuntimeError:
        return None


def _is_whole(path: Path) -> bool:
    """Whether the file is there and ends with the hash of what comes before (loading a truncated one would
    crash)."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-_HASH]).digest() == data[-_HASH:]


__all__ = ["kept", "key_of", "sealed", "unsealed", "write"]
