"""Means over ranks by NCCL, from device to device: its library by ctypes, and a kernel that adds up.

Each rank adds up a part of an array for all, in the order of the ranks, as ``run/c/collectives.c`` does: NCCL
moves numbers, and adds nothing up, so that the bits are those of the way through the host.  All of it is put
into the stream of the step; nothing waits for it but a thread, which ends what waits for a rank that does not
come.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import threading
import time
from typing import Any

import numpy as np

from ...configuration import config
from ...errors import DistributedError
from ...ranks import Ranks, lost, ranks
from .compile import first_library, load_module, wheel_libraries
from .driver import NO_TIMING, Device, Memory

INSTALL = "pip install nvidia-nccl-cu12 (nvidia-nccl-cu13 for CUDA 13)"
#: ncclDataType_t of what is averaged on the device; other dtypes go through the host
TYPES = {"float32": 7, "float64": 8}
#: the arrays of all ranks together, up to which they go to all as a whole
_WHOLE_BYTES = 65536
#: how often the thread looks whether what was begun has come to its end
_LOOK_SECONDS = 0.05
_THREADS, _MOST_BLOCKS = 256, 4096

_SOURCE = "".join(
    f"""
extern "C" __global__ void gl_mean_{name}(const {real} *own, const {real} *others, {real} *mean, long long n,
                                          int rank, int size) {{
  const long long step = (long long)gridDim.x * blockDim.x;
  for (long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; k < n; k += step) {{
    {real} sum = rank ? others[k] : own[k];
    for (int r = 1; r < size; r++) sum += r == rank ? own[k] : others[(r - (r > rank)) * n + k];
    mean[k] = sum / ({real})size;
  }}
}}
"""
    for name, real in (("float32", "float"), ("float64", "double"))
)


class UniqueId(ctypes.Structure):
    """What the ranks of a communicator find each other by (ncclUniqueId)."""

    _fields_ = (("internal", ctypes.c_char * 128),)


def library(emulated: bool) -> ctypes.CDLL | None:
    """The loaded NCCL: the emulator's, or that of NVIDIA's wheel or the system; None without one, or where it
    is older than 2.7, which sends nothing from rank to rank."""
    found = first_library([*([] if emulated else wheel_libraries("libnccl.so.*")), "libnccl.so.2"])
    if found is None or not hasattr(found, "ncclSend"):
        return None
    pointer, size, number, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    message = [pointer, size, number, number, pointer, pointer]
    for name, result, arguments in (
        ("ncclGetVersion", number, [pointer]),
        ("ncclGetUniqueId", number, [pointer]),
        ("ncclCommInitRank", number, [pointer, number, UniqueId, number]),
        ("ncclGroupStart", number, []),
        ("ncclGroupEnd", number, []),
        ("ncclSend", number, message),
        ("ncclRecv", number, message),
        ("ncclCommGetAsyncError", number, [pointer, pointer]),
        ("ncclCommAbort", number, [pointer]),
        ("ncclCommDestroy", number, [pointer]),
        ("ncclGetErrorString", text, [number]),
    ):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def version(nccl: ctypes.CDLL) -> int:
    """Its version as NCCL counts them: 22703 is 2.27.3."""
    found = ctypes.c_int()
    nccl.ncclGetVersion(ctypes.byref(found))
    return found.value


#: what was found for a device: the communicator of all ranks, or why there is none
_opened: dict[Device, tuple[Communicator | None, str]] = {}


def communicator(device: Device, wanted: str) -> Communicator | None:
    """The communicator of all ranks, of whom each calls this with its device; None where means go through the
    host.  ``wanted``: config.nccl.

    Errors: DistributedError where it is "always" and cannot be, and where NCCL fails.
    """
    known = ranks()
    if known.size == 1:
        return None
    known.agree("config.nccl", wanted, "set it alike on each")
    if wanted == "never":
        return None
    if device not in _opened:
        nccl = library(device.emulated)
        why = _missing(nccl, known)
        _opened[device] = (None, why) if why else (Communicator(device, known, nccl), "")
    found, why = _opened[device]
    if found is None and wanted == "always":
        raise DistributedError(f"nccl=always: {why}. nccl=auto lets means go through the host then")
    return found


def _missing(nccl: ctypes.CDLL | None, known: Ranks) -> str:
    """Why there can be no communicator, on all ranks alike; nothing where there can."""
    identity = np.frombuffer(_identity(), "uint8")
    own = np.concatenate([identity, np.array([version(nccl) if nccl else 0], "int64").view("uint8")])
    seen = known.gathered(own)
    versions = seen[:, len(identity) :].copy().view("int64").ravel()
    if not versions.all():
        return f"rank {int(versions.argmin())} finds no NCCL of 2.7 or later: {INSTALL}"
    for a, b in itertools.combinations(range(known.size), 2):
        if versions[a] != versions[b]:
            return f"rank {a} has NCCL {versions[a]} and rank {b} {versions[b]}: install the same one on each"
        if (seen[a] == seen[b]).all():
            return (
                f"ranks {a} and {b} have the same GPU, and NCCL needs one for each: start no more ranks than "
                "there are GPUs"
            )
    return ""


def _identity() -> bytes:
    """The UUID of the current context's device."""
    cuda, number, found = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.create_string_buffer(16)
    # of a part of a GPU (MIG) only the second one tells it from the other parts
    function = getattr(cuda, "cuDeviceGetUuid_v2", None) or cuda.cuDeviceGetUuid
    if cuda.cuCtxGetDevice(ctypes.byref(number)) or function(found, number):
        raise DistributedError("CUDA's driver does not say which GPU this is")
    return found.raw


class Communicator:
    """All ranks, each with a device of its own."""

    def __init__(self, device: Device, known: Ranks, nccl: ctypes.CDLL) -> None:
        """The device's context is current."""
        self.device, self.known, self.nccl = device, known, nccl
        self.objects: dict[str, Any] = {}
        device.keep(self, self.objects)
        module = load_module(device.driver, _SOURCE, device.arch, device.emulated)
        for name in TYPES:
            function = module.get_function(f"gl_mean_{name}")
            function.prepare("PPPqii")
            self.objects[name] = function
        self.objects |= {"module": module, "event": device.driver.Event(NO_TIMING)}
        self.room: Memory | None = None
        identity = UniqueId()
        if known.leads:
            self._check(nccl.ncclGetUniqueId(ctypes.byref(identity)))
        dealt = known.from_first(np.frombuffer(bytes(identity), "uint8"))
        self.handle = ctypes.c_void_p()
        start = nccl.ncclCommInitRank
        self._check(
            start(ctypes.byref(self.handle), known.size, UniqueId.from_buffer_copy(dealt), known.rank)
        )
        # what the thread looks at: since when, and for how long at most, something is under way
        self.since = self.patience = 0.0
        self.inside = self.closed = False
        self.turn, self.busy = threading.Lock(), threading.Event()
        context = ctypes.c_void_p()
        ctypes.CDLL("libcuda.so.1").cuCtxGetCurrent(ctypes.byref(context))
        self.watcher = threading.Thread(target=self._watch, args=(context,), daemon=True)
        self.watcher.start()
        # before the device itself is closed, which is there already
        atexit.register(self.close)

    def average(self, given: int, mean: int, n: int, dtype: str, stream: Any) -> None:
        """Put the mean of ``n`` numbers at the address ``given`` into the stream; ``mean`` may be the same.

        Errors: DistributedError where NCCL fails, or has failed before.
        """
        if not n:
            return
        with self.turn:
            if self.device.failure is not None:
                raise self.device.failure
            self.since, self.patience, self.inside = time.monotonic(), config.rank_seconds, True
            self.busy.set()
        try:
            self._average(given, mean, n, dtype, stream)
            self.objects["event"].record(stream)
        finally:
            self.inside = False

    def _average(self, given: int, mean: int, n: int, dtype: str, stream: Any) -> None:
        size, rank, width = self.known.size, self.known.rank, np.dtype(dtype).itemsize
        if n * width * size <= _WHOLE_BYTES:
            parts = [(0, n)] * size
        else:
            parts = [(n * r // size, n * (r + 1) // size) for r in range(size)]
        first, end = parts[rank]
        own = end - first
        room = self._room((size - 1) * own * width)
        others = [r for r in range(size) if r != rank]
        kind, handle = TYPES[dtype], stream.handle
        self._exchange(
            [(given + parts[r][0] * width, parts[r][1] - parts[r][0], r) for r in others],
            [(room + k * own * width, own, r) for k, r in enumerate(others)],
            kind,
            handle,
        )
        if own:
            place = first * width
            grid = (min(-(-own // _THREADS), _MOST_BLOCKS), 1)
            block = (_THREADS, 1, 1)
            arguments = (given + place, room, mean + place, own, rank, size)
            self.objects[dtype].prepared_async_call(grid, block, stream, *arguments)
        if n * width * size > _WHOLE_BYTES:
            self._exchange(
                [(mean + first * width, own, r) for r in others],
                [(mean + parts[r][0] * width, parts[r][1] - parts[r][0], r) for r in others],
                kind,
                handle,
            )

    def _exchange(self, sent: list[tuple], received: list[tuple], kind: int, stream: int) -> None:
        """Messages that go on side by side: of each the address, how many numbers, and the other rank."""
        nccl = self.nccl
        self._check(nccl.ncclGroupStart())
        try:
            for function, messages in ((nccl.ncclSend, sent), (nccl.ncclRecv, received)):
                for address, count, other in messages:
                    if count:
                        self._check(function(address, count, kind, other, self.handle, stream))
        finally:
            status = nccl.ncclGroupEnd()
        self._check(status)

    def _room(self, size: int) -> int:
        """The address of memory for what the others send; what it had is read before, in order."""
        if self.room is None or self.room.size < size:
            self.room = self.device.allocate(size)
        return self.room.address

    def _check(self, status: int) -> None:
        if status:
            # it was the thread that ended it, where that has noted why
            raise self.device.failure or self._failure(status)

    def _failure(self, status: int) -> DistributedError:
        words = self.nccl.ncclGetErrorString(status).decode(errors="replace")
        return DistributedError(
            f"rank {self.known.rank} of {self.known.size}: NCCL failed in a mean over ranks: {words} "
            f"({status}). NCCL_DEBUG=INFO lets it say more; config.nccl=never does without it"
        )

    # what the thread does

    def _watch(self, context: ctypes.c_void_p) -> None:
        ctypes.CDLL("libcuda.so.1").cuCtxSetCurrent(context)
        while True:
            self.busy.wait()
            time.sleep(_LOOK_SECONDS)
            with self.turn:
                if self.closed:
                    return
                if not self.inside and self._is_over():
                    self.busy.clear()
                    continue
                problem = self._problem()
                if problem is None:
                    continue
                # noted first: what waits for the device comes back when it is aborted
                self.device.failure = problem
                self.closed = True
            self.nccl.ncclCommAbort(self.handle)
            return

    def _is_over(self) -> bool:
        """Whether all that was begun has come to its end, be it an error of the device's."""
        try:
            return self.objects["event"].query()
        except self.device.driver.Error:
            return True

    def _problem(self) -> DistributedError | None:
        """Why what is under way will not come to its end."""
        status = ctypes.c_int()
        status = self.nccl.ncclCommGetAsyncError(self.handle, ctypes.byref(status)) or status.value
        if status:
            return self._failure(status)
        if self.patience and time.monotonic() - self.since > self.patience:
            return lost(self.known)
        return None

    def close(self) -> None:
        """At the end of the process: give up what is under way, if anything is."""
        with self.turn:
            already, self.closed = self.closed, True
            self.busy.set()
        self.watcher.join()
        # it has been told
        self.device.failure = None
        if not already:
            with self.device:
                finish = self.nccl.ncclCommDestroy if self._is_over() else self.nccl.ncclCommAbort
                finish(self.handle)
