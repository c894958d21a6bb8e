"""Where an example stands, for messages about it: its number, or the row of a file it was read from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_place: ContextVar[Callable[[int], str] | None] = ContextVar("where examples stand", default=None)


def place_of(example: int) -> str:
    """``example 3``, or where the example of this number stands meanwhile: see `places`."""
    place = _place.get()
    return f"example {example}" if place is None else place(int(example))


@contextmanager
def places(place: Callable[[int], str]) -> Iterator[None]:
    """Examples that are looked at meanwhile, by their numbers from 0, stand where the function says."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)
