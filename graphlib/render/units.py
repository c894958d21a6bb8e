"""What is compiled apart: a kernel, or a function of the library."""

from __future__ import annotations

from ..records import record


@record
class Unit:
    """``text``, after the lines of ``declarations``, defines ``symbol``, whose address is wanted.

    It knows nothing of the function that it is part of, so equal kernels are one unit: those of the layers of
    a network, of the functions that train and test it, and of the next edit of a program.  The text of a
    kernel calls it KERNEL.  calls: about how many functions are inlined in it.  type: of a function of the
    library, which has no text of its own, that of a pointer to it.
    """

    declarations: tuple[str, ...]
    text: str
    symbol: str = "KERNEL"
    calls: int = 0
    type: str = ""
