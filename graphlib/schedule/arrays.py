"""The arrays of a plan and the memory that they lie in."""

from __future__ import annotations

from ..records import record
from ..scalar.integer import Poly


@record
class Memory:
    """A piece of memory that arrays lie in, one after the other.

    kind: 'argument' (number ``index`` of what a call is given), 'result' (number ``index`` of what it gives
    back), 'arena' (part ``index`` of the arena), 'allocated' (as soon as its length is known) or 'rows' (by
    the loop that finds out how many there will be).
    """

    number: int
    kind: str
    index: int = 0

    def __hash__(self) -> int:
        return hash((self.number, self.kind))


@record
class Array:
    """What a step reads or computes: an argument, or the result of an operation.

    memory: where it lies; None for what is only in registers.  predecessor: the number
    of the array that it is written over, the one before it in an in-place chain.  label: its name or
    operation.  origin: the user's line.
    """

    number: int
    dtype: str
    shape: tuple[Poly, ...]
    label: str
    name: str | None = None
    origin: str = ""
    memory: Memory | None = None
    predecessor: int | None = None
    constant: bool = False

    def __hash__(self) -> int:
        return hash((self.number, self.dtype))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.name or self.label}#{self.number}"

    __repr__ = __str__

    def describe(self) -> str:
        """What it is and where the user's program makes it."""
        return f"{self.name or self.label}{f' ({self.origin})' if self.origin else ''}"
