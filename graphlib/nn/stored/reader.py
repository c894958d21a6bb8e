"""Minibatches of stored arrays, read on threads while the step runs."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

import graphlib

from ..epochs import Epochs
from .base import Stored
from .order import BlockedEpoch, Blocks

#: The share of the time in which a group is read that its thread computes, from which on the steps leave it a
#: processor: below, it waits for a disk, or for other processes. Two on one processor have half of it each.
COMPUTES = 1 / 3

#: minibatches that are ready before they are asked for, at most
READY = 4


class ReadAhead(Iterator):
    """The items of an iterator, which a thread makes before they are asked for.

    Args:
        items: they; only the thread asks for them.
        depth: how many are made ahead, at most.

    What the iterator raises is raised where its item is asked for.
    """

    def __init__(self, items: Iterator, depth: int):
        self._made: queue.SimpleQueue = queue.SimpleQueue()
        self._room, self._stop = threading.Semaphore(depth), threading.Event()
        # The thread has no reference to this object, so that it ends with it; settings are those of now.
        work = (_work, items, self._made, self._room, self._stop)
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=work, name="graphlib-reads-ahead", daemon=True).start()

    def __next__(self) -> Any:
        if self._stop.is_set():
            raise StopIteration
        item, error = self._made.get()
        self._room.release()
        if error is not None:
            self.close()
            raise error
        return item

    def close(self) -> None:
        """Ends the thread, as soon as the item it makes is made."""
        self._stop.set()
        self._room.release()

    def __del__(self) -> None:
        self.close()


def _work(items: Iterator, made: queue.SimpleQueue, room: threading.Semaphore, stop: threading.Event) -> None:
    try:
        while True:
            room.acquire()
            if stop.is_set():
                break
            made.put((next(items), None))
    except BaseException as error:  # StopIteration, too: it is the reader's to raise
        made.put((None, error))
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


class Reader:
    """Deals the minibatches of stored arrays: ``reader[i]`` is a list of arrays, for i from 0 to
    ``len(reader) - 1``; index 0 begins the next epoch of `order`.

    Asked for one after the other, they are ready; any other is read anew.

    Args:
        arrays: of as many rows each.
        order: of `Blocks`; it is the run's to remember.
    """

    def __init__(self, arrays: Sequence[Stored], order: Epochs):
        self.arrays, self.order = list(arrays), order
        self._minibatches: Any = None
        self._next: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> list[np.ndarray]:
        n = len(self.order)
        if not 0 <= index < n:
            raise IndexError(f"minibatch {index} of {n}")
        place = (self.order.begin(index), index)
        if place != self._next:
            self.close()
            groups = ReadAhead(_groups(self.arrays, self.order, *place), 1)
            self._minibatches = self._dealt(_places(groups, self.order, *place))
        try:
            found = next(self._minibatches)
        except BaseException:
            self.close()  # asked again, it is read again
            raise
        self._next = (place[0], index + 1) if index + 1 < n else (place[0] + 1, 0)
        return found

    def _dealt(self, places: Iterator) -> Any:
        """An iterator of minibatches, of where they are."""
        blocks = self.order.of(0).blocks
        ready = max(1, min(READY, blocks.group_rows // blocks.batch_size))
        return ReadAhead(_copies(places), ready)

    def close(self) -> None:
        """Reads no further ahead."""
        if self._minibatches is not None:
            self._minibatches.close()
        self._minibatches = self._next = None


class HeldReader(Reader):
    """Deals minibatches that need not be copied: ``reader[i]`` is ``[rows]``, the rows that a minibatch has
    among those of the arrays that `hold` was given last, int64.

    Args:
        arrays, order: see `Reader`.
        hold: is called whenever others come to be in memory: with a group, about half the buffer, or with a
            minibatch alone where it is of more than one. What it was given before is overwritten then.
    """

    def __init__(self, arrays: Sequence[Stored], order: Epochs, hold: Callable[[list[np.ndarray]], Any]):
        super().__init__(arrays, order)
        self._hold = hold

    def _dealt(self, places: Iterator) -> Any:
        held = None
        try:
            for arrays, rows in places:
                if arrays is not held:
                    held = arrays
                    self._hold(arrays)
                yield [rows]
        finally:
            places.close()


def in_order(arrays: Sequence[Stored], batch_size: int) -> Iterator[list[np.ndarray]]:
    """All rows in the files' order, so many at a time, read ahead."""
    order = Epochs(Blocks.of(arrays, batch_size, shuffle=False).minibatches, 0)
    reader = Reader(arrays, order)
    try:
        for index in range(len(order)):
            yield reader[index]
    finally:
        reader.close()


def _groups(arrays: Sequence[Stored], order: Epochs, epoch: int, index: int) -> Iterator[tuple]:
    """(the epoch, a group's number, its rows as they are read, the order in which they are dealt), from that
    of a minibatch on, epoch after epoch."""
    made, computes, on_threads = 0, True, any(each.on_threads for each in arrays)
    buffers: list[list[np.ndarray]] = [[], []]
    while True:
        dealt: BlockedEpoch = order.of(epoch)
        most = dealt.blocks.group_rows
        for group in range(dealt.parts(index)[0][0], len(dealt.ends)):
            # Two take turns: when one is asked for, the one before the last is no longer used.
            buffer = buffers[made % 2]
            if not buffer:
                buffer += [np.empty((most, *each.shape[1:]), each.dtype) for each in arrays]
            ranges = dealt.ranges(group)
            began = time.perf_counter(), time.thread_time()
            with graphlib.computing_beside() if computes else nullcontext():
                read = [a.read(ranges, out) for a, out in zip(arrays, buffer, strict=True)]
            busy = time.thread_time() - began[1] > COMPUTES * (time.perf_counter() - began[0])
            computes = busy or on_threads
            yield epoch, group, read, dealt.permutation(group)
            made += 1
        epoch, index = epoch + 1, 0


def _places(groups: ReadAhead, order: Epochs, epoch: int, index: int) -> Iterator[tuple]:
    """(arrays, the rows of them) of the minibatches from one on, epoch after epoch: the same list of arrays
    as long as they are of one group, and a list of a minibatch's own where it is of more than one."""
    try:
        at: tuple[int, int] | None = None
        while True:
            dealt: BlockedEpoch = order.of(epoch)
            for number in range(index, len(dealt)):
                parts = dealt.parts(number)
                own = []
                for group, start, stop in parts:
                    while at != (epoch, group):
                        read_epoch, read_group, arrays, permutation = next(groups)
                        at = (read_epoch, read_group)
                    rows = np.arange(start, stop) if permutation is None else permutation[start:stop]
                    if len(parts) > 1:
                        # Before another group is asked for, which lets the one before be overwritten.
                        own.append([array[rows] for array in arrays])
                if len(parts) == 1:
                    yield arrays, rows
                else:
                    joined = [np.concatenate(each) for each in zip(*own, strict=True)]
                    yield joined, np.arange(len(joined[0]))
            epoch, index = epoch + 1, 0
    finally:
        groups.close()


def _copies(places: Iterator) -> Iterator[list[np.ndarray]]:
    """The arrays of minibatches, of where they are."""
    try:
        for arrays, rows in places:
            yield [array[rows] for array in arrays]
    finally:
        places.close()
