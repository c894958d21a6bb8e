"""The cache on disk of what compilers made.

A file is named by the hash of all that it was made from and ends with the hash of its own content.  It is
written under a temporary name and renamed, so processes that make the same at once do not disturb one
another, and no lock is needed; one that is damaged, or that does not load, is made anew.  Where the folder
grows beyond ``config.cache_megabytes``, what was used longest ago is removed.

What is in the cache runs with the user's rights.  So only folders and files count that belong to the user and
that nobody else can write to.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import stat
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..configuration import config
from ..errors import CompileError

Loaded = TypeVar("Loaded")
_HASH = hashlib.sha256().digest_size

#: how full the cache is after room was made
_LEFT = 0.8
#: To add up what is in a large cache takes seconds.  So it is done when nobody did within so many seconds, or
#: when this process has put in that part of what the cache may hold.
_SURVEY_SECONDS = 3600
_SURVEY_PART = 0.02


def key_of(*parts: str | bytes) -> str:
    """The name of what is made from these parts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:32]


def kept(name: str, load: Callable[[Path], Loaded], make: Callable[[Path], Loaded]) -> Loaded:
    """What ``load`` gets out of the whole file ``name``; where there is none, what ``make`` puts there.

    ``make`` gets the path of a file in a folder that exists: in the cache, or, where nothing can be kept
    there, in a folder of this process.  ``load`` may raise OSError for a file that is no good.

    Errors: CompileError where nothing can be written, or loaded from where it was, in that folder either.
    """
    cache = _cache(name[:2])
    path = cache / name if cache else None
    if path and _is_whole(path):
        try:
            loaded = load(path)
            _note_use(path)
            return loaded
        except OSError:
            pass  # of another machine, or without what was asked for: made anew below, under the same name
    try:
        if path and cache:
            cache.parent.parent.mkdir(parents=True, exist_ok=True)
            for folder in (cache.parent, cache):
                folder.mkdir(mode=0o700, exist_ok=True)
            made = make(path)
            _make_room(cache.parent, path)
            return made
    except OSError:
        pass  # nothing can be kept there: it is not ours to write to, full, or no folder
    path = _private() / name
    try:
        return load(path) if _is_whole(path) else make(path)
    except OSError as error:
        raise CompileError(
            f"a compiled function could neither be kept in the cache ({cache or 'there is none to use'}) nor "
            f"in {path.parent}: {error}"
        ) from error


def found(name: str) -> Path | None:
    """The whole file of that name in the cache, if there is one; it counts as used."""
    cache = _cache(name[:2])
    path = cache / name if cache else None
    if path is None or not _is_whole(path):
        return None
    _note_use(path)
    return path


def noted(name: str) -> bytes | None:
    """What ``note`` has noted under a name, if it is there."""
    path = found(name)
    return None if path is None else unsealed(path)


def note(name: str, data: bytes) -> None:
    """Keep a few bytes in the cache, where there is one: without them things are made anew."""
    cache = _cache(name[:2])
    with contextlib.suppress(OSError):
        if cache:
            for folder in (cache.parent, cache):
                folder.mkdir(mode=0o700, exist_ok=True)
            write(cache / name, data)


def sealed(data: bytes) -> bytes:
    """A file's content with its hash at the end."""
    return data + hashlib.sha256(data).digest()


def unsealed(path: Path) -> bytes:
    """The content of a whole file, without its hash."""
    return path.read_bytes()[:-_HASH]


def write(path: Path, data: bytes) -> None:
    """Put a sealed file in place, all of it or nothing."""
    import tempfile

    handle, temporary = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sealed(data))  # what a failing machine leaves of it is not whole, and made anew
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _cache(part: str) -> Path | None:
    """The folder in the cache for names that begin so; None for somebody who has no home, and where it is not
    to be trusted."""
    try:
        whole = config.cache_folder()
    except RuntimeError:
        return None
    for folder in (whole, whole / part):
        wrong = _foreign(folder)
        if wrong:
            _warn(folder, wrong)
            return None
    return whole / part


@functools.lru_cache(maxsize=8)
def _warn(folder: Path, wrong: str) -> None:
    """Say once that a folder is not used."""
    warnings.warn(
        f"graphlib does not use its cache {folder}: it {wrong}, and what lies there would run with your "
        f"rights. Functions are compiled for this process alone. Make it yours alone (chmod 700 {folder}) "
        f"or choose another folder (GRAPHLIB_FLAGS=cache_dir=...).",
        stacklevel=8,
    )


def _foreign(path: Path) -> str:
    """Why a folder or file is not to be trusted; nothing of one that is, or that is not there."""
    try:
        status = path.stat()
    except OSError:
        return ""
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        return f"belongs to another user (number {status.st_uid})"
    if os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written by others"
    return ""


@functools.lru_cache(maxsize=1)
def _private() -> Path:
    """A folder of this process, which is removed at its end."""
    import shutil
    import tempfile

    folder, process = Path(tempfile.mkdtemp(prefix="graphlib-")), os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # a fork has the same folder, and leaves it alone
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _note_use(path: Path) -> None:
    """Have a file's time tell when it was last used."""
    with contextlib.suppress(OSError):
        os.utime(path)


#: for folders how many bytes this process has put there since it last added up what is in them
_put: Counter[Path] = Counter()


def _survey_is_due(cache: Path, newest: Path) -> bool:
    """Whether it is time to add up what is in the cache."""
    stamp = cache / "surveyed"
    _put[cache] += newest.stat().st_size
    with contextlib.suppress(OSError):
        recent = time.time() - stamp.stat().st_mtime < _SURVEY_SECONDS
        if recent and _put[cache] < _SURVEY_PART * config.cache_megabytes * 1_000_000:
            return False
    _put[cache] = 0
    stamp.touch(0o600)
    return True


def _make_room(cache: Path, newest: Path) -> None:
    """Remove what was used longest ago, down to a part of what the folder may hold.

    What a process has loaded stays with it when its file goes.
    """
    if not _survey_is_due(cache, newest):
        return
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
    """Whether the file is there, is ours, and ends with the hash of what comes before (loading a truncated
    one would crash)."""
    if path.is_symlink() or _foreign(path):
        return False
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(data[:-_HASH]).digest() == data[-_HASH:]
