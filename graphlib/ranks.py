"""The ranks of an MPI run: which of how many this process is, and what they tell each other from Python.

``mpirun -n 4 python program.py`` starts four processes of the same program, the ranks 0 to 3.  What is said
here is small: parameters at the start, measurements, decisions.  The gradients of each step go the way of
``run/c/collectives.c``.  mpi4py is imported when ranks are first asked for, and nothing of it before.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from .configuration import config
from .errors import DistributedError

#: what the starters of MPI libraries tell each process of how many there are
_STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_SIZE")
_STARTED_HERE = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")
_STARTED_HERE_AS = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK")
_STARTED_AS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
#: How long a rank other than 0 keeps an error of its own to itself: an error that all have, as of an option,
#: is told by rank 0, which ends the others.
_FIRST_WORD_SECONDS, _LAST_WORD_SECONDS = 2.0, 0.2
#: bytes of a message, at most: MPI counts in numbers of 32 bits
MESSAGE_BYTES = 2**30
_INSTALL = "pip install mpi4py, and where the system has no MPI library also mpich"


class Ranks:
    """This process among those of its run.

    Attributes:
        rank, size: its number, from 0, and how many there are.
        mpi: mpi4py's module MPI; None of a process that is alone and never asked for it.
        comm: the communicator of what Python says, apart from all others.
        muted: whether `average` gives what it is given, and waits for nobody.
    """

    def __init__(self, mpi: Any = None) -> None:
        self.mpi, self.rank, self.size, self.comm = mpi, 0, 1, None
        self.muted = False
        if mpi is not None:
            self.comm = mpi.COMM_WORLD.Dup()
            self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()

    @property
    def leads(self) -> bool:
        """Whether it is the one that prints and writes files."""
        return self.rank == 0

    # what is said

    def gathered(self, array: np.ndarray) -> np.ndarray:
        """The arrays of all ranks, (size, *shape): of the same shape and dtype on each."""
        array = np.asarray(array, order="C")
        found = np.empty((self.size, *array.shape), array.dtype)
        if self.size == 1:
            found[0] = array
            return found
        own, every = _bytes(array), found.reshape(self.size, -1).view("uint8")
        most = max(1, MESSAGE_BYTES // self.size)
        if len(own) <= most:
            if len(own):
                self._wait(self.comm.Iallgather(own, every))
            return found
        for first in range(0, len(own), most):
            piece = own[first : first + most]
            room = np.empty((self.size, len(piece)), "uint8")
            self._wait(self.comm.Iallgather(piece, room))
            every[:, first : first + most] = room
        return found

    def total(self, array: Any) -> np.ndarray:
        """The sum over all ranks, added in their order: the same bits on each."""
        found = self.gathered(np.asarray(array))
        total = found[0].copy()
        for one in found[1:]:
            total += one
        return total

    def average(self, array: Any) -> np.ndarray:
        """The mean over all ranks, in the dtype of floats that were given: the same bits on each."""
        if self.muted:
            return np.asarray(array)
        total = self.total(array)
        return np.asarray(total / self.size, total.dtype if total.dtype.kind == "f" else "float64")

    def any(self, truth: bool) -> bool:
        """Whether it is so on one of the ranks."""
        return bool(self.gathered(np.array([truth])).any())

    def from_first(self, array: Any) -> np.ndarray:
        """What rank 0 has; the others give an array of the same shape and dtype."""
        found = np.array(array, order="C", ndmin=1)
        if self.size > 1:
            flat = _bytes(found)
            for first in range(0, len(flat), MESSAGE_BYTES):
                self._wait(self.comm.Ibcast(flat[first : first + MESSAGE_BYTES], 0))
        return found.reshape(np.shape(array))

    def message(self, data: bytes | None) -> bytes:
        """The bytes that rank 0 gives; the others give None."""
        if self.size == 1:
            return data or b""
        length = int(self.from_first(np.array(len(data or b""), "int64")))
        return self.from_first(np.frombuffer((data or b"").ljust(length)[:length], "uint8")).tobytes()

    def agree(self, what: str, said: str, advice: str) -> None:
        """See that all ranks say the same.

        Errors: DistributedError, on each of them, with what two of them say.
        """
        if self.size == 1:
            return
        own = said.encode("utf-8", "replace")
        longest = int(self.gathered(np.array(len(own), "int64")).max())
        rows = self.gathered(np.frombuffer(own.ljust(longest), "uint8"))
        for rank, row in enumerate(rows):
            if row.tobytes() != rows[0].tobytes():
                first, other = (r.tobytes().decode("utf-8", "replace").rstrip() for r in (rows[0], row))
                raise DistributedError(
                    f"the ranks of this run differ in {what}: rank 0 has {first}, rank {rank} {other}; "
                    f"{advice}"
                )

    def _wait(self, request: Any) -> None:
        """Wait for others without keeping a processor from them."""
        began, pause = time.monotonic(), 0.0
        while not request.Test():
            waited = time.monotonic() - began
            if config.rank_seconds and waited > config.rank_seconds:
                raise lost(self)
            if waited > 1e-3:
                pause = min(pause + 2e-5, 2e-3)
            time.sleep(pause)

    # the end

    def abort(self, code: int) -> NoReturn:
        """End all ranks, and the run with this exit code."""
        sys.stdout.flush()
        sys.stderr.flush()
        # what starts the ranks passes on what they say, and at an abort not always to its end
        time.sleep(_LAST_WORD_SECONDS)
        self.mpi.COMM_WORLD.Abort(code)
        os._exit(code)

    def fail(self, message: str, code: int) -> NoReturn:
        """Say why on standard error and end all ranks.

        What all ranks find, as that an option is wrong, rank 0 says for all; the others wait for it.
        """
        if not self.leads:
            time.sleep(_FIRST_WORD_SECONDS)
            message = "".join(f"rank {self.rank}: {line}\n" for line in message.splitlines())
        print(message.rstrip("\n"), file=sys.stderr)
        self.abort(code)


def together() -> Ranks | None:
    """The ranks, where they were asked for and are several."""
    return ranks() if ranks.cache_info().currsize and ranks().size > 1 else None


def is_another() -> bool:
    """Whether an MPI library started this process, and not as rank 0; found without that library."""
    return any(os.environ.get(name, "0") not in ("0", "") for name in _STARTED_AS)


def started_here() -> int:
    """How many processes of the run are on this machine, as the starter of an MPI library says; 1 without
    one."""
    return _number(_STARTED_HERE, 1)


def number_here() -> int:
    """Which of them this process is, from 0, as that says."""
    return _number(_STARTED_HERE_AS, 0)


def _number(names: tuple[str, ...], otherwise: int) -> int:
    numbers = (os.environ.get(name, "") for name in names)
    return max((int(n) for n in numbers if n.isdigit()), default=otherwise)


def lost(ranks: Ranks) -> DistributedError:
    """The error of a rank that has waited long enough."""
    return DistributedError(
        f"rank {ranks.rank} of {ranks.size} has waited {config.rank_seconds} s for the others, one of which "
        "hangs, has vanished, or does something else: the run goes on from its last checkpoint with resume "
        "(GRAPHLIB_FLAGS=rank_seconds=N waits longer; 0: for ever)"
    )


def _bytes(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view("uint8")


def started() -> int:
    """How many processes the starter of an MPI library says that it started; 1 without one."""
    return _number(_STARTED, 1)


@functools.lru_cache(maxsize=1)
def ranks() -> Ranks:
    """This process among the ranks of its run: of one that no MPI library started, the only one.

    On the first call all ranks see whether they run the same graphlib; from then on an error that ends one of
    them ends all.

    Errors: DistributedError where mpi4py or an MPI library is missing, where another one than started the
    run is found, where ranks run different versions.
    """
    found = Ranks(_mpi())
    if found.size == 1 and started() > 1:
        raise _another_library(found.mpi.Get_library_version().splitlines()[0])
    if found.size > 1:
        sys.excepthook = functools.partial(_told, found)
        version = sys.modules[__package__].__version__
        found.agree(
            "the version of graphlib",
            f"{version} ({_own_text()[:12]})",
            "install the same one on each machine",
        )
        found.agree("the version of numpy", np.__version__, "install the same one on each machine")
    return found


def _mpi() -> Any:
    # A library that is not the mpirun's may end the process with a message of its own (MPICH does under Open
    # MPI's): it is asked which it is before it starts.
    asked = "OMPI_COMM_WORLD_SIZE" in os.environ and "mpi4py.MPI" not in sys.modules
    try:
        if asked:
            import mpi4py

            asked, mpi4py.rc.initialize, mpi4py.rc.finalize = mpi4py.rc.initialize, False, True
        from mpi4py import MPI
    except ImportError as problem:
        why = "is not installed" if isinstance(problem, ModuleNotFoundError) else f"fails to load: {problem}"
    except RuntimeError as problem:
        why = f"finds no MPI library: {str(problem).splitlines()[0]}"
    else:
        if asked:
            library = MPI.Get_library_version().splitlines()[0]
            if "Open MPI" not in library:
                raise _another_library(library)
            MPI.Init_thread()
        return MPI
    raise DistributedError(f"training on several processes needs mpi4py, which {why}. {_INSTALL}")


def _another_library(library: str) -> DistributedError:
    return DistributedError(
        f"{started()} processes were started, of which each finds itself alone: mpi4py has loaded "
        f"{library}, and the mpirun is another library's; start the run with the mpirun of that one, or "
        "let MPI4PY_LIBMPI name the library of the mpirun"
    )


def _told(
    found: Ranks, kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> NoReturn:
    """What Python calls with an error that ends this process: the others would wait for it."""
    found.fail("".join(traceback.format_exception(kind, error, where)), 1)


def _own_text() -> str:
    """A hash of graphlib's own text."""
    digest, folder = hashlib.sha256(), Path(__file__).resolve().parent
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".c", ".h"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


__all__ = ["Ranks", "is_another", "lost", "number_here", "ranks", "started", "started_here", "together"]
