"""What a kernel is: its text, its arguments, and what its launch is computed from; and what all kernels of a
function share while they are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ....compile.lowering import Lowering, Value
from ....graph import Variable
from ....scalar.integer import ONE, Poly, Symbol


@dataclass(frozen=True)
class Argument:
    """What a kernel is given: the address of a variable, its value, a length, or scratch memory."""

    #: pointer, value, length, numbers (a table of those two), partial, failed; of sorting: from, to, run
    kind: str
    of: Any


@dataclass
class Kernel:
    """A kernel's text, its arguments, and what its launch is computed from.

    shape: 'rows' (a team a row), 'reduce' (``rows`` results), 'tiles' (rows by inner by batch), 'one' (one
    block), 'single' (one thread), 'transpose' (``rows`` times tiles of two inner axes), 'threads' (a thread
    a row), 'sort' (``rows`` elements in lines of ``inner``) and 'merge' (the same, as often as needed).
    """

    name: str
    text: str
    arguments: list[Argument]
    shape: str
    rows: Poly
    inner: list[Poly] = field(default_factory=list)
    batch: Poly = ONE
    #: full reductions: a result and its kind each, summed up by the kernel ``name``_end over the blocks
    partial: list[Value] = field(default_factory=list)
    team: bool = False
    #: of the rows, how many a thread takes at once
    each: int = 1
    #: bytes of the scratch memory of its 'partial' argument, if that is not for a full reduction
    scratch: Poly | None = None
    #: lengths that must be so large for it to be launched; with ``otherwise`` one of them must not be
    least: list[tuple[Poly, int]] = field(default_factory=list)
    otherwise: bool = False


@dataclass
class Flags:
    """The flags of wrong indices: each kernel that checks has one.

    count: of the kernels written so far.  all_in_loop: of all kernels up to the end of the loop that is being
    written, as those at its beginning come after those at its end, too.
    """

    count: int = 0
    all_in_loop: int = 0

    @property
    def earlier(self) -> int:
        """How many flags kernels look at before they do anything."""
        return max(self.count, self.all_in_loop)


@dataclass
class KernelMemory:
    """What kernels must know of storage: a name for each address, 0-d inputs by value, and lengths."""

    low: Lowering
    storage: Callable[[Variable], Any]
    scalars: set[Variable]
    #: lengths that change from call to call; they and the scalars are in a table, at these places, if a
    #: call's launches are to be always the same
    changing: set[Symbol] | None = None
    flags: Flags = field(default_factory=Flags)
    table: dict[Any, int] = field(default_factory=dict)


__all__ = ["Argument", "Flags", "Kernel", "KernelMemory"]
