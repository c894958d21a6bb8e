"""The device, through PyCUDA: its context, memory from PyCUDA's pool, and shared variables that live there.

PyCUDA is imported when a function is first compiled for CUDA.  The context is the primary one, which other
libraries in the process share; it is current only while we use it, so that any thread may call.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import importlib
import importlib.util
import threading
import weakref
from typing import Any

import numpy as np

from ... import emulator
from ...errors import DeviceError
from ...graph import Shared
from ...graph.shared import Resident
from ...ranks import number_here

#: an event that orders streams and takes no time (CU_EVENT_DISABLE_TIMING)
NO_TIMING = 2
_CUDA_EXTRA = "pip install -e '.[cuda]'"


class Device:
    """The process's GPU (or the emulated one): ``driver`` is ``pycuda.driver``, ``arch`` such as 'sm_80'.

    The ranks of an MPI run that are on one machine take its GPUs in turn.
    """

    def __init__(self, emulated: bool) -> None:
        self.emulated = emulated
        self.driver = _driver(emulated)
        try:
            self.driver.init()
            self.device = self.driver.Device(number_here() % max(1, self.driver.Device.count()))
            self.context = self.device.retain_primary_context()
        except self.driver.Error as error:
            raise DeviceError(f"CUDA's driver does not work: {error}") from None
        major, minor = self.device.compute_capability()
        self.arch = f"sm_{major}{minor}"
        self.name: str = self.device.name()
        #: why what was to be computed has not been, where something beside the calls has found that
        self.failure: BaseException | None = None
        #: what nobody uses any more: PyCUDA can only let go of it while the context is current
        self._garbage: list[Any] = []
        self._turn = threading.RLock()
        with self:
            self.pool = importlib.import_module("pycuda.tools").DeviceMemoryPool()
        self._held: dict[int, Any] = {}
        #: the stream of the last call that did not wait, and the event at its end
        self._unfinished: tuple[Any, Any] | None = None
        atexit.register(self.close)

    def __enter__(self) -> None:
        """Make the context current in this thread; it must be so wherever the driver is called.

        Threads take turns: PyCUDA lets go of the interpreter in the middle of what must not be interrupted.
        """
        self._turn.acquire()
        try:
            self.context.push()
        except BaseException:
            self._turn.release()
            raise
        self._garbage.clear()

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        try:
            self.context.pop()
        finally:
            self._turn.release()
        if self.failure is not None and error is not self.failure:
            raise self.failure

    def take_turn(self, stream: Any) -> None:
        """Let what follows in ``stream`` come after calls of other functions that nobody has waited for.

        They may share variables with it, or have memory that has gone back to the pool.
        """
        if self._unfinished is not None and self._unfinished[0] is not stream:
            stream.wait_for_event(self._unfinished[1])

    def leave(self, stream: Any) -> None:
        """Note that a call ends without waiting for its kernels."""
        event = self._unfinished[1] if self._unfinished is not None else self.driver.Event(NO_TIMING)
        event.record(stream)
        self._unfinished = (stream, event)

    def allocate(self, size: int) -> Memory:
        return Memory(self, size)

    def pinned(self, size: int) -> np.ndarray:
        """Bytes of the host's memory that the device copies to while the host goes on."""
        return self.driver.pagelocked_empty(size, np.uint8)

    def keep(self, owner: Any, objects: Any) -> None:
        """Hold the driver's ``objects`` until ``owner`` is gone and the context is current."""
        self._held[id(objects)] = objects
        weakref.finalize(owner, self._release, id(objects)).atexit = False

    def _release(self, key: int) -> None:
        self._garbage.append(self._held.pop(key))

    def close(self) -> None:
        """Give everything back; PyCUDA demands that no context is left when the process ends."""
        try:
            with self:
                self.context.synchronize()
                for kept in [k for k in self._held.values() if isinstance(k, dict)]:
                    kept.clear()  # an executor's own, which may outlive us
                self._held.clear()
                self._garbage.clear()
                self._unfinished = None
                self.pool.stop_holding()
        finally:
            self.context.detach()


class Memory:
    """``size`` bytes of device memory at ``address``, given back to the pool when nobody refers to it."""

    def __init__(self, device: Device, size: int) -> None:
        self.size = size
        # an allocation of nothing has no address
        allocation = device.pool.allocate(max(size, 16))
        self.address = int(allocation)
        device.keep(self, allocation)


class Copy:
    """A shared variable's value on the device."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.host_is_newer = True
        self.memory: Memory | None = None
        self.shape: tuple[int, ...] = ()
        self.dtype: Any = None

    @property
    def address(self) -> int:
        return self.memory.address

    def upload(self, array: np.ndarray) -> None:
        if self.memory is None or self.memory.size != array.nbytes:
            self.memory = self.device.allocate(array.nbytes)
        self.shape, self.dtype = array.shape, array.dtype
        if array.nbytes:
            self.device.driver.memcpy_htod(self.address, array)
        self.host_is_newer = False

    def replace(self, shape: tuple[int, ...]) -> None:
        """Room for a value of another shape."""
        size = int(np.prod(shape, dtype=np.int64)) * self.dtype.itemsize
        if size != self.memory.size:
            self.memory = self.device.allocate(size)
        self.shape = shape

    def to_host(self, array: np.ndarray) -> np.ndarray:
        """The value, in ``array`` where it fits (waits until the device has computed it)."""
        if array.shape != self.shape:
            array = np.empty(self.shape, self.dtype)
        # a copy in the legacy stream waits for all blocking streams, those of the functions
        if array.nbytes:
            with self.device:
                self.device.driver.memcpy_dtoh(array, self.address)
        return array


def resident(shared: Shared, device: Device) -> Copy:
    """The device's copy of a shared variable, brought up to date."""
    copy = shared.device
    if copy is None or copy.device is not device:
        copy = Copy(device)
        data = shared.data
        shared.device = copy
        shared.__class__ = Resident
        copy.upload(data)
    elif copy.host_is_newer:
        copy.upload(shared.data)
        copy.host_is_newer = False
    return copy


@functools.lru_cache(maxsize=2)
def open_device(name: str) -> Device:
    """The device that ``config.device`` names: 'cuda' or 'cuda-emulated'.

    Errors: DeviceError, which says what is missing and how to get it.
    """
    emulated = name == "cuda-emulated"
    if not emulated:
        found = missing()
        if found:
            raise DeviceError(f"device=cuda: {'; '.join(found)}. Or set device=cpu.")
    return Device(emulated)


@functools.lru_cache(maxsize=1)
def automatic() -> str:
    """What ``device=auto`` stands for: 'cuda' where a GPU works, else 'cpu'."""
    if missing():
        return "cpu"
    try:
        open_device("cuda")
    except DeviceError:
        return "cpu"
    return "cuda"


def missing() -> list[str]:
    """What a GPU needs and this machine lacks, a sentence each."""
    from .compile import compiler_name

    result = []
    try:
        library = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int()
        if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
            result.append("CUDA's driver (libcuda.so.1) is there, but finds no GPU")
    except OSError:
        result.append("there is no CUDA driver (libcuda.so.1): install NVIDIA's driver for your GPU")
    if importlib.util.find_spec("pycuda") is None:
        result.append(f"there is no PyCUDA: {_CUDA_EXTRA}")
    if compiler_name() is None:
        result.append(
            f"there is no compiler of CUDA C, neither NVRTC ({_CUDA_EXTRA}) nor nvcc (CUDA's toolkit)"
        )
    return result


def _driver(emulated: bool) -> Any:
    if emulated:
        try:
            emulator.load()
        except (RuntimeError, OSError) as error:
            raise DeviceError(
                f"device=cuda-emulated: the emulator cannot be built or loaded: {error}"
            ) from None
    return importlib.import_module("pycuda.driver")
