"""The memory of processes as Linux counts it, in bytes.

A process's own memory is what it wrote itself: heap, stacks, compiled code made at run time. The rest of its
resident memory is pages of files, above all the code of libraries, which processes share and the system can
drop and read again.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
CLEAR_REFS = PROC / "self" / "clear_refs"
RESET_PEAK = "5"  # proc(5): the peak of resident memory becomes what is resident now


def _sizes(file: Path) -> dict[str, int]:
    """The lines "Name:  123 kB" of a file of /proc, in bytes."""
    lines = (line.split() for line in file.read_text().splitlines())
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[-1] == "kB"}


def status() -> dict[str, int]:
    """This process's sizes: VmRSS, VmHWM, RssAnon, RssFile, RssShmem and others."""
    return _sizes(PROC / "self" / "status")


def own() -> int:
    """What this process holds of its own."""
    sizes = status()
    return sizes["RssAnon"] + sizes["RssShmem"]


def trim() -> None:
    """Drop garbage, and give what is free on the heap back to the system."""
    gc.collect()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others give back by themselves
    if malloc_trim is not None:
        malloc_trim(0)


class Peak:
    """The most that this process has held of its own since this object was made, in `bytes`.

    The pages of files are taken to stay as many as they are now: what is to be measured must have run before.
    """

    def __init__(self) -> None:
        CLEAR_REFS.write_text(RESET_PEAK)
        self._files = status()["RssFile"]

    @property
    def bytes(self) -> int:
        return status()["VmHWM"] - self._files


def _parents() -> Iterator[tuple[int, int]]:
    """(process, its parent) of all processes."""
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue  # it has ended meanwhile
            yield int(folder.name), int(stat.rpartition(")")[2].split()[1])


def _share(process: int) -> int:
    """A process's resident memory, with its share of the pages that others have too; 0 when it has ended."""
    try:
        return _sizes(PROC / str(process) / "smaps_rollup").get("Pss", 0)
    except OSError:
        return 0


def together(process: int) -> int:
    """Resident memory of a process and those that it has started, what they share being counted once."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    family = [process]
    for member in family:
        family += children.get(member, [])
    return sum(map(_share, family))
