"""The emulator's cache folder: what is built once for a user and shared by every process.

Each entry is named by what it is made from, is filled under a temporary name and takes its own name in one
step, so that two processes may build the same entry and a killed one leaves nothing half made.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """``CUDA_EMULATOR_CACHE`` where it is set, else ``graphlib/cuda-emulator`` in the user's cache folder."""
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("CUDA_EMULATOR_CACHE") or Path(user_cache) / "graphlib" / "cuda-emulator")


def fingerprint(*parts: str | Path) -> str:
    """A short name for these texts and the contents of these files."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()[:20]


def cached(name: str, fill: Callable[[Path], None]) -> Path:
    """The cache's folder ``name``; where it does not exist, ``fill`` gets an empty folder to make it from."""
    target = cache_folder() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fill(temporary)
        temporary.chmod(0o755)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # another process was first: its entry is as good
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
