"""Threads of a program that compute while compiled functions run: see `computing_beside`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: how many there are at present
_count = 0
_turn = threading.Lock()


@contextmanager
def computing_beside() -> Iterator[None]:
    """A thread that computes in a ``with`` block, while another calls compiled functions, has a processor.

    Where each processor has a thread of ``config.threads``, one of those, for each such block, takes no part
    meanwhile; results do not change. Two that share a processor would hold each other up, and all that wait
    for them. Of use for what makes the next minibatch ready; not for a thread that mostly waits, as for a
    disk.
    """
    _change(1)
    try:
        yield
    finally:
        _change(-1)


def _change(by: int) -> None:
    from ..run.c.runtime import take_part

    global _count
    with _turn:
        _count += by
        take_part(_count)
