"""Handing the MPI library of the run to native code: the functions and handles that mpi4py has, by their
addresses."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...configuration import config
from ...errors import DistributedError
from ...ranks import Ranks, lost, ranks, started_here
from .toolchain import HERE, THREADS, shared_object

#: in the order of collectives.c
_FUNCTIONS = ("MPI_Iallgather", "MPI_Ialltoallv", "MPI_Iallgatherv", "MPI_Test")
_NOBODY_CAME = 2
#: where Linux keeps shared memory, of which a container may have little; what is taken to be free elsewhere
_SHARED, _SHARED_BYTES = "/dev/shm", 2**26
#: bytes that a processor's cache takes together
_LINE = 64

#: what must live as long as the table of runtime functions: the library, handles
_kept: list[Any] = []
#: the memory of each rank that all of them see; none where they share no memory
_segments: list[np.ndarray] = []


def start_collectives(table: int) -> None:
    """Put the functions of collectives.c into the table of runtime functions, for all ranks of this run.

    Errors: DistributedError where there is no MPI library.
    """
    if _kept:
        return
    known = ranks()
    mpi, library = known.mpi, _library(known)
    spare = _spare_processors()
    # what mpi4py is linked with: the functions that it calls itself
    own = ctypes.CDLL(mpi.__file__)
    addresses = [ctypes.cast(getattr(own, name), ctypes.c_void_p).value for name in _FUNCTIONS]
    handles = [mpi.COMM_WORLD.Dup(), mpi.COMM_WORLD.Dup(), mpi.FLOAT, mpi.DOUBLE]
    library.gl_collectives(
        table,
        (ctypes.c_void_p * len(addresses))(*addresses),
        (ctypes.c_void_p * len(handles))(*map(mpi._addressof, handles)),
        known.rank,
        known.size,
        float(config.rank_seconds),
        int(spare > 0 and mpi.Query_thread() >= mpi.THREAD_SERIALIZED),
        int(spare < 0),
    )
    _kept.extend([library, own, handles])
    _segments.extend(_shared_memory(known, library.gl_collectives_segment()))
    share_memory(True)


def share_memory(shared: bool) -> bool:
    """Have means go by memory that the ranks share, or by MPI, where they are not all on one machine or not
    asked to; returns which it is. All ranks call it, and none has begun a mean."""
    known, shared = ranks(), shared and bool(_segments)
    addresses = None
    if shared:
        known.total(0)  # none looks into it any more
        _segments[known.rank][:] = 0
        known.total(0)
        addresses = (ctypes.c_void_p * known.size)(*(each.ctypes.data for each in _segments))
        _kept.append(addresses)
    _kept[0].gl_collectives_share(addresses)
    return shared


def _shared_memory(known: Ranks, size: int) -> list[np.ndarray]:
    """A segment of so many bytes of each rank, which all see; none unless all are on one machine."""
    mpi = known.mpi
    here = mpi.COMM_WORLD.Split_type(mpi.COMM_TYPE_SHARED)
    if known.size == 1 or here.Get_size() < known.size or 2 * known.size * size > _free(known):
        here.Free()
        return []
    window = mpi.Win.Allocate_shared(size + _LINE, 1, comm=here)
    _kept.append(window)
    whole = (np.frombuffer(window.Shared_query(rank)[0], "uint8") for rank in range(known.size))
    return [each[-each.ctypes.data % _LINE :][:size] for each in whole]


def _free(known: Ranks) -> int:
    """Bytes of shared memory that rank 0 sees."""
    try:
        found = os.statvfs(_SHARED)
        free = found.f_bavail * found.f_frsize
    except OSError:
        free = _SHARED_BYTES
    return int(known.from_first(np.array(free)))


def _library(known: Ranks) -> ctypes.CDLL:
    """collectives.c, for the handles of this MPI library: numbers or pointers."""
    flags = ("-O3", THREADS, f"-DGL_HANDLE={known.mpi._sizeof(known.mpi.Comm)}")
    source = (HERE / "collectives.c").read_text("utf-8")
    loaded = shared_object(source, flags, ("gl_collectives",))
    loaded.gl_collectives_settle.restype = loaded.gl_collectives_mute.restype = None
    loaded.gl_collectives_settle.argtypes, loaded.gl_collectives_mute.argtypes = [], [ctypes.c_int]
    loaded.gl_collectives_share.restype = None
    loaded.gl_collectives_share.argtypes = [ctypes.c_void_p]
    loaded.gl_collectives_segment.restype, loaded.gl_collectives_segment.argtypes = ctypes.c_int64, []
    loaded.gl_collectives.restype = None
    loaded.gl_collectives.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_double,
        ctypes.c_int,
        ctypes.c_int,
    ]
    return loaded


def _spare_processors() -> int:
    """How many processors of this machine the threads of its ranks leave to others; below 0 where there are
    not as many as threads."""
    from .runtime import thread_count

    return (os.cpu_count() or 1) - started_here() * thread_count()


@contextmanager
def alone() -> Iterator[None]:
    """After a call that has failed, where the others may go on: what it has begun comes to its end, and then
    nobody is waited for, so that the call can be looked into; means are what they are given."""
    known, library = ranks(), _kept[0]
    library.gl_collectives_settle()
    library.gl_collectives_mute(1)
    known.muted = True
    try:
        yield
    finally:
        library.gl_collectives_mute(0)
        known.muted = False


def failed_collective(title: str) -> DistributedError:
    """The error of a call that failed in a mean over ranks."""
    if _kept[0].gl_collectives_failure() == _NOBODY_CAME:
        return lost(ranks())
    return DistributedError(
        f"{title}: the MPI library could not send or receive a mean over ranks, or there was no memory for "
        "it; arrays that are averaged have the same shape on all ranks"
    )
