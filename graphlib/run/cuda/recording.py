"""What a call does on the device: noted when it is done for the first time, then only repeated.

As long as lengths and addresses stay the same, so do the grids and the arguments of all launches; what
changes from call to call, such as a minibatch's number, is written into the arguments.  A recording can
become a CUDA graph, which the driver repeats by one call.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from ...errors import DeviceError, GraphError

_POINTER = struct.Struct("@P").pack_into


class Patch(NamedTuple):
    """Where a value goes: ``write(memory, place, value + more)``; ``of``: what has the value."""

    write: Callable[..., None]
    memory: Any
    place: int
    of: Any
    more: int = 0

    @classmethod
    def of_pointer(cls, pointer: ctypes.c_void_p, of: Any, more: int) -> Patch:
        """An address: so many bytes behind the beginning of a storage."""
        return cls(_POINTER, pointer, 0, of, more)


class Given(NamedTuple):
    """What a launch gives to a kernel: the letter of its type in a format, its value, and what it is if it
    changes from call to call."""

    letter: str
    value: Any
    changing: Any = None


class Returned(NamedTuple):
    """A result of a call: its number, and where it lies in the piece of memory that is returned."""

    number: int
    place: int
    shape: tuple[int, ...]
    dtype: Any


@dataclass
class Recording:
    """The actions of a call in order, and where in their arguments values of the call go.

    What is returned is one piece of memory, which has ``return_size`` bytes.
    """

    actions: list[Callable[[], Any]] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    returns: list[Returned] = field(default_factory=list)
    return_size: int = 0
    address: dict[Any, int] = field(default_factory=dict)
    #: whether all actions are the same at every call, but for the patches
    repeats: bool = True
    graph: Graph | None = None

    def do(self, action: Callable[[], Any], patches: Iterable[Patch] = ()) -> None:
        """Do something, which uses the memory of ``patches``."""
        action()
        self.actions.append(action)
        self.patches += patches

    def launch(self, function: Any, grid: tuple, block: tuple, stream: Any, arguments: list[Given]) -> None:
        """Launch a kernel."""
        letters = "".join(a.letter for a in arguments)
        packed = bytearray(struct.pack(f"@{letters}", *(a.value for a in arguments)))
        for k, (letter, _, changing) in enumerate(arguments):
            if changing is not None:
                place = struct.calcsize(f"@{letters[: k + 1]}") - struct.calcsize(letter)
                self.patches.append(Patch(struct.Struct(f"@{letter}").pack_into, packed, place, changing))
        # what prepared_async_call of PyCUDA does once it has packed the arguments
        self.do(partial(function._launch_kernel, grid, block, packed, 0, stream))

    def repeat(self, values: Mapping[Any, Any]) -> None:
        write_in(self.patches, values)
        for action in self.actions:
            action()


def write_in(patches: Iterable[Patch], values: Mapping[Any, Any]) -> None:
    for write, memory, place, of, more in patches:
        write(memory, place, values[of] + more)


class Graph:
    """A CUDA graph of what ``actions`` put into a stream; ``device`` frees it when nobody needs it."""

    def __init__(self, device: Any, stream: Any, actions: list[Callable[[], Any]]) -> None:
        self.stream = ctypes.c_void_p(stream.handle)
        graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
        _call("cuStreamBeginCapture_v2", self.stream, _THREAD_LOCAL)
        try:
            for action in actions:
                action()
        finally:
            _call("cuStreamEndCapture", self.stream, ctypes.byref(graph))
        try:
            _call("cuGraphInstantiateWithFlags", ctypes.byref(executable), graph, ctypes.c_ulonglong(0))
        finally:
            _call("cuGraphDestroy", graph)
        self.executable = executable
        device.keep(self, _Executable(executable))

    def launch(self) -> None:
        _call("cuGraphLaunch", self.executable, self.stream)


class _Executable:
    """Frees a graph when it is itself freed."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self.handle = handle

    def __del__(self) -> None:
        _call("cuGraphExecDestroy", self.handle)


#: CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do with the driver does not matter
_THREAD_LOCAL = 1


def _call(name: str, *arguments: Any) -> None:
    try:
        function = getattr(ctypes.CDLL("libcuda.so.1"), name)
    except AttributeError:
        raise DeviceError(
            f"cuda_graph=True needs a driver of CUDA 11.4 or later, and this one has no {name}: "
            "set cuda_graph=False"
        ) from None
    status = function(*arguments)
    if status:
        raise GraphError(f"CUDA's driver: {name} failed with status {status}")
