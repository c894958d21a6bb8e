"""Python's search for garbage while graphs are made.

Differentiating and compiling make many objects that live on, among which the collector would search in vain
again and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

#: Of objects that were made meanwhile, and of functions, so many may wait for a search of all memory, which
#: takes at most this part of the time that making them does: in a large process it takes long.
_MOST_OBJECTS, _MOST_FUNCTIONS = 500_000, 16
_MOST_TIME = 0.05


class _Aside:
    """What waits for the next search, how long it took to make, and how long the last search took."""

    objects = functions = 0
    seconds = search = 0.0


@contextmanager
def not_collected() -> Iterator[None]:
    """No search for garbage in a ``with`` block, or in those inside it."""
    enabled, begin = gc.isenabled(), perf_counter()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            _Aside.seconds += perf_counter() - begin
            _set_aside()
            gc.enable()


def function_made() -> None:
    """Says that a function has been compiled: when it goes, that leaves garbage."""
    _Aside.functions += 1


def _set_aside() -> None:
    """Have what was made count as old, for else it is searched at once, which takes a tenth as long as to
    make it; garbage in it waits for the next search of all memory."""
    _Aside.objects += gc.get_count()[0]
    many = _Aside.objects > _MOST_OBJECTS or _Aside.functions > _MOST_FUNCTIONS
    if many and _Aside.search <= _MOST_TIME * _Aside.seconds:
        begin = perf_counter()
        gc.collect()
        _Aside.search = perf_counter() - begin
        _Aside.objects = _Aside.functions = 0
        _Aside.seconds = 0.0
    elif hasattr(gc, "freeze") and not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


__all__ = ["function_made", "not_collected"]
