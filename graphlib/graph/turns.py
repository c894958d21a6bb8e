"""Threads take turns over shared variables: who reads or writes one while native code runs holds its lock.

Variables that one function uses have one lock together, so that a call takes a single one, whatever it uses,
and no order of locks can be wrong.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_joining = threading.Lock()


class Turn:
    """What a shared variable, or a function without any, waits for: ``lock``, which may become another one
    as long as nobody holds it."""

    __slots__ = ("__weakref__", "lock", "others")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        #: all that have the same lock
        self.others: weakref.WeakSet[Turn] = weakref.WeakSet([self])

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the lock."""
        while True:
            lock = self.lock
            with lock:
                # another one, if two groups became one while this waited
                if self.lock is lock:
                    yield
                    return


def together(turns: Iterable[Turn]) -> Turn:
    """Give all of them one lock, and return one of them (a new one if there is none)."""
    first, *rest = turns or [Turn()]
    with _joining:
        for turn in rest:
            if turn.lock is first.lock:
                continue
            # who holds a lock asks for no other one, so these come free
            with first.lock, turn.lock:
                few, many = sorted((first, turn), key=lambda one: len(one.others))
                joining = list(few.others)
                for one in joining:
                    one.lock, one.others = many.lock, many.others
                many.others.update(joining)
    return first
