"""What ranks compute together on a device each, by NCCL and through the host:
``mpirun -n 2 python devices.py [stop]``; the losses as JSON on the standard output of rank 0.

With ``stop`` rank 1 does nothing any more at the end, and the others wait for it.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.distributed import average, broadcast, ranks
from graphlib.errors import DistributedError
from graphlib.run.cuda import nccl
from graphlib.run.cuda.driver import Device, open_device
from graphlib.tensor.shared_randomstreams import RandomStreams
from tests.distributed.models import RATE, STEPS, initial, minibatch

KNOWN = ranks()
SIZE, RANK = KNOWN.size, KNOWN.rank


def learner(way: str) -> tuple:
    """A step that trains a perceptron, long and short gradients, with means in a loop and of doubles."""
    weights = [graphlib.shared(v, name=n) for n, v in zip("WbV", initial(), strict=True)]
    x, y, wide = T.matrix("x"), T.matrix("y"), T.matrix("wide", dtype="float64")
    w, b, v = weights
    cost = T.sqr(T.dot(T.tanh(T.dot(x, w) + b), v) - y).mean()
    gradients = average(T.grad(cost, weights))
    # drawn by a kernel of its own, which changes the state before the mean is begun
    noise = RandomStreams(7).uniform((x.shape[0], 3))
    loop, _ = graphlib.scan(lambda row, state: average(state) + row, sequences=x, outputs_info=x[0])
    with graphlib.config.change(nccl=way):
        step = graphlib.function(
            [x, y, wide],
            [average(cost), loop, average(wide), average(wide[:0]), average((noise * x[:, :3]).mean(axis=0))],
            updates=[(p, p - RATE * g) for p, g in zip(weights, gradients, strict=True)],
            name="devices",
        )
    return step, weights


def trained(way: str) -> tuple[list[float], bytes]:
    """The losses, and the bits of all that was computed; minibatches of other lengths, too."""
    step, weights = learner(way)
    broadcast(weights)
    rng = np.random.RandomState(6)
    losses, bits = [], b""
    for k in range(STEPS):
        (x, y), wide = minibatch(k), rng.normal(size=(SIZE, 50, 101))
        part = slice(len(x) * RANK // SIZE, len(x) * (RANK + 1) // SIZE)
        found = step(x[part], y[part], wide[RANK])
        losses.append(float(found[0]))
        bits += b"".join(a.tobytes() for a in found)
        total = wide[0].copy()
        for row in wide[1:]:
            total += row
        np.testing.assert_array_equal(found[2], total / SIZE)
    return losses, bits + b"".join(w.get_value().tobytes() for w in weights)


def misused() -> None:
    """What the emulator's NCCL refuses, of a communicator of this rank alone, and what it does."""
    device = open_device("cuda-emulated")
    library, identity, comm = nccl.library(True), nccl.UniqueId(), ctypes.c_void_p()
    library.ncclGetLastError.restype, library.ncclGetLastError.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
    with device:
        assert library.ncclCommInitRank(ctypes.byref(comm), 1, identity, 0) == 4, "an id that is none"
        library.ncclGetUniqueId(ctypes.byref(identity))
        assert library.ncclCommInitRank(ctypes.byref(comm), 1, identity, 0) == 0
        stream, memory = device.driver.Stream(), device.allocate(800_000)
        values = np.arange(100_000, dtype="float32")
        device.driver.memcpy_htod(memory.address, values)
        there = memory.address + values.nbytes

        def message(function, address, count, kind=7, other=0, which=comm):
            return function(address, count, kind, other, which, stream.handle)

        send, receive = library.ncclSend, library.ncclRecv
        wrong = [
            ({"count": 1, "kind": 99}, b"99 is no data type"),
            ({"count": 1, "other": 1}, b"rank 1 of a communicator of 1"),
            ({"count": 1, "which": ctypes.c_void_p(8)}, b"no such communicator"),
            ({"count": 10**9}, b"reach outside device memory"),
        ]
        for settings, words in wrong:
            assert message(send, memory.address, **settings) == 4
            assert words in library.ncclGetLastError(None)
        assert library.ncclGroupEnd() == 5
        library.ncclGroupStart()
        message(send, memory.address, len(values))
        message(receive, there, len(values))
        assert library.ncclCommDestroy(comm) == 5
        assert b"a group is open" in library.ncclGetLastError(None)
        # longer than what is under way at once
        assert library.ncclGroupEnd() == 0
        copied = np.empty_like(values)
        device.driver.memcpy_dtoh(copied, there)
        np.testing.assert_array_equal(copied, values)
        library.ncclGroupStart()
        message(send, memory.address, 10)
        message(receive, there, 5, 8)
        assert library.ncclGroupEnd() == 5
        assert b"sends 40 bytes of type 7, and rank 0 receives 40 of type 8" in library.ncclGetLastError(None)
        status = ctypes.c_int()
        assert library.ncclCommGetAsyncError(comm, ctypes.byref(status)) == 0
        assert status.value == 5
        assert library.ncclCommAbort(comm) == 0
        assert library.ncclCommAbort(comm) == 4


def refused(device: Device) -> None:
    """Ranks that seem to have the same GPU go through the host, unless NCCL is asked for."""
    kept = nccl._opened, nccl._identity
    nccl._opened, nccl._identity = {}, lambda: bytes(16)
    assert nccl.communicator(device, "auto") is None
    try:
        nccl.communicator(device, "always")
    except DistributedError as error:
        assert "nccl=always: ranks 0 and 1 have the same GPU, and NCCL needs one for each" in str(error)
    else:
        raise AssertionError("one GPU was taken for two")
    nccl._opened, nccl._identity = kept


if __name__ == "__main__":
    losses, bits = trained("always")
    device = open_device(graphlib.config.device)
    with device:
        assert nccl.communicator(device, "never") is None
        assert nccl.communicator(device, "auto") is not None
        refused(device)
    assert trained("never") == (losses, bits), "the same bits as through the host"
    if device.emulated and RANK == 0:
        misused()
    if KNOWN.leads:
        print(json.dumps(losses), flush=True)
    if len(sys.argv) > 1:
        step, _ = learner("auto")
        x, y = minibatch(0)
        for _ in range(2):
            step(x, y, np.ones((2, 2)))
            if RANK == 1:
                time.sleep(60)
