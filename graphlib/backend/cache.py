"""The cache on disk of what compilers made.

A file is named by the hash of all that it was made from and ends with the hash of its own content.  It is
written under a temporary name and renamed, so processes that make the same at once do not disturb one
another, and no lock is needed; one that is damaged, or that does not load, is made anew.  Where the folder
grows beyond ``config.cache_megabytes``, what was used longest ago is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..configuration import config

Loaded = TypeVar("Loaded")
_HASH = hashlib.sha256().digest_size

#: how full the cache is after room was made
_LEFT = 0.8


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
            loaded = load(path)
            _note_use(path)
            return loaded
        except OSError:
            pass  # of another machine: made anew below, under the same name
    try:
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = make(path)
            _make_room(folder.parent, path)
            return made
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


def _note_use(path: Path) -> None:
    """Have a file's time tell when it was last used."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _make_room(cache: Path, newest: Path) -> None:
    """Remove what was used longest ago, down to a part of what the folder may hold.

    What a process has loaded stays with it when its file goes.
    """
    entries: dict[str, list[tuple[float, int, Path]]] = {}
    for path in cache.glob("??/*"):
        with contextlib.suppress(OSError):  # another process removed it
            status = path.stat()
            entries.setdefault(path.stem, []).append((status.st_mtime, status.st_size, path))
    excess = sum(size for files in entries.values() for _, size, _ in files)
    limit = config.cache_megabytes * 1_000_000
    if not limit or excess <= limit:
        return
    excess -= _LEFT * limit
    # a file of an entry that is loaded has the time of its last use
    for files in sorted(entries.values(), key=max):
        if excess <= 0 or files[0][2].stem == newest.stem:
            continue
        for _, size, path in files:
            with contextlib.suppress(OSError):
                path.unlink()
                excess -= size


def _is_whole(path: Path) -> bool:
    """Whether the file is there and ends with the hash of what comes before (loading a truncated one would
    crash)."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-_HASH]).digest() == data[-_HASH:]


__all__ = ["kept", "key_of", "sealed", "unsealed", "write"]
