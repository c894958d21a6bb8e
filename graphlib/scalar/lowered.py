"""What an operation's ``lower`` returns: how its outputs come from its operands, without saying where or
when.

The scheduler decides what is materialised, which loops are shared and in which order steps run; the backends
print it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Literal

from ..errors import ShapeError
from ..records import record
from .expression import Expr
from .host import HostFunction
from .integer import Poly

Element = Callable[..., Expr]


class Operand:
    """An operand as ``lower`` sees it: ``shape`` in polynomials, ``at(i, j)`` one element, ``scalar`` of a
    0-d one.

    ``contiguous()`` demands it as a contiguous array in memory; ``flat(k)`` is then its k-th element.
    """

    def __init__(
        self, variable: Any, shape: Sequence[Poly], at: Element, flat: Callable[[Poly], Expr]
    ) -> None:
        self.variable = variable
        self.shape = tuple(shape)
        self.dtype: str = variable.dtype
        self.at = at
        self.flat = flat

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def scalar(self) -> Expr:
        return self.at()


@record
class Pull:
    """One element of the output as a function of its index."""

    shape: tuple[Poly, ...]
    at: Element


@record
class Reduction:
    """A loop nest over ``domain`` whose ``axes`` are reduced by ``kind``, a name of ``REDUCERS``."""

    kind: str
    domain: tuple[Poly, ...]
    axes: tuple[int, ...]
    at: Element

    @property
    def shape(self) -> tuple[Poly, ...]:
        return tuple(n for i, n in enumerate(self.domain) if i not in self.axes)


@record
class Piece:
    """A part of a pushed output: for every index of ``domain`` the element ``at`` goes to ``position``."""

    domain: tuple[Poly, ...]
    at: Element
    position: Callable[..., Sequence[Poly]]
    mode: Literal["set", "add"] = "set"
    # whether two indices may have the same position
    collides: bool = False


@record
class Push:
    """An output that starts as a copy of operand ``base`` (or zeros, or nothing where pieces cover it) and
    takes pieces."""

    shape: tuple[Poly, ...]
    base: int | Literal["zeros", "nothing"]
    pieces: tuple[Piece, ...]


@record
class Product:
    """c = alpha * a·b + beta * c, a library's matrix product; operands by number, ``c`` None for a plain
    product.

    ``batched``: the operands have a leading axis of independent products.
    """

    a: int
    b: int
    c: int | None = None
    alpha: Expr | None = None
    beta: Expr | None = None
    batched: bool = False
    shape: tuple[Poly, ...] = ()


@record
class Call:
    """A call of a function of the backend's own library: operands contiguous, outputs of the given shapes,
    then integers."""

    function: str
    shapes: tuple[tuple[Poly, ...], ...]
    integers: tuple[Poly, ...] = ()
    operands: tuple[int, ...] = (0,)
    #: where the function is declared, and whether it runs on the team of threads
    header: str = "graphlib_library.h"
    team: bool = False
    #: C's function of what is known of the integers, which does nothing else: the end of its name
    form: str = ""
    #: what else it calls: "lapack", or "mpi" where it waits for other processes
    needs: str = ""
    #: whether its output may be computed in the memory of its first operand
    in_place: bool = False
    #: "early" for what begins something that goes on beside other steps, "late" for what waits for its end
    when: Literal["", "early", "late"] = ""
    #: of a call back into Python, what is called; the first of the integers is its number
    host: HostFunction | None = None


@record
class Loop:
    """A loop of ``n`` steps over an inner graph; the operation knows which, ``shapes`` are of its outputs."""

    n: Poly
    shapes: tuple[tuple[Poly, ...], ...]


#: what there is to say besides where two lengths of an elementwise operation differ and one of them is 1
ONE_UNKNOWN = (
    " (a length of 1 broadcasts only where it is known while the graph is built: T.addbroadcast(x, axis) "
    "says that it is one, and x[:, i, None] keeps one)"
)


@record
class Check:
    """A condition on lengths that must hold at a call: two polynomials that must be equal, and the sentence
    if not, in which ``{a}`` and ``{b}`` are the lengths, ``{0}``, ``{1}``, ... the variables and ``{one}``
    what is said of a length of 1 that would have to broadcast.

    ``error``: what it is if not.
    """

    left: Poly
    right: Poly
    sentence: str
    variables: tuple = field(default_factory=tuple)
    error: type[ShapeError] = ShapeError

    @property
    def polys(self) -> tuple[Poly, ...]:
        return self.left, self.right

    def fails(self, value: Callable[[Poly], int]) -> bool:
        """Whether it fails for the values of polynomials."""
        return value(self.left) != value(self.right)

    def failure(self, values: Sequence[int], where: str = "") -> ShapeError:
        """The error for the two lengths, which names the variables."""
        a, b = values
        names = (v.describe() for v in self.variables)
        one = ONE_UNKNOWN if 1 in (a, b) else ""
        return self.error(where + self.sentence.format(*names, a=a, b=b, one=one))
