"""The plan of a function: everything that is decided before text is written, nothing of how it is written.

A plan is frozen: it can be printed, compared and pickled.  It knows no variables of a graph, only arrays,
their memory, and lengths by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..records import record
from ..scalar.expression import Expr
from ..scalar.host import HostFunction
from ..scalar.integer import ONE, ZERO, Poly, Symbol
from .arrays import Array, Memory
from .show import shown


class Data:
    """A constant's values, compared by what they are."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Data):
            return NotImplemented
        a, b = self.array, other.array
        return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())

    def __hash__(self) -> int:
        return hash((self.array.shape, str(self.array.dtype)))

    def __repr__(self) -> str:
        return f"{self.array.dtype}{list(self.array.shape)}"


@record
class Length:
    """A length by its symbol: that of an ``axis`` of argument number ``argument``, or a ``value`` computed
    from others after the statements ``lets``.

    data_dependent: it depends on what is computed in the call, so it is known only after a step.  varies: it
    depends on values, not only on the lengths of arguments.
    """

    symbol: Symbol
    argument: int | None = None
    axis: int = 0
    lets: tuple[Any, ...] = ()
    value: Expr | None = None
    data_dependent: bool = False
    varies: bool = False


@record
class Slot:
    """A part of the arena, as large as the largest of ``sizes`` (bytes), and the memories that share it."""

    sizes: tuple[Poly, ...]
    memories: tuple[Memory, ...]


@record
class Found:
    """What is to be done when lengths that depend on data become known: the lengths themselves, by their
    symbols; checks, by their numbers; arrays that memory is taken for; outputs whose shapes are reported."""

    lengths: tuple[Symbol, ...] = ()
    checks: tuple[int, ...] = ()
    arrays: tuple[Array, ...] = ()
    outputs: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lengths or self.checks or self.arrays or self.outputs)


@record
class Place:
    """A part of an array in memory: element (i, j, …) of it is at ``offset + i * strides[0] + …``."""

    array: Array
    offset: Poly
    strides: tuple[Poly, ...]


# kernels and the other things that a step does


@record
class Partial:
    """A result of which parts are made apart: the reduction of ``kind``, whose parts hold a ``dtype``, takes
    them together."""

    array: Array
    kind: str
    dtype: str


@record
class Kernel:
    """A loop nest: a function of its own.

    turns: how often its outermost loop runs, which is cut into chunks; None: it is not.  work: about how many
    operations it takes.  checks: whether it may fail the call.  partial: results of which each chunk makes a
    part, with the kind of reduction that takes the parts together.  own: bytes of the arrays that each chunk
    has for itself.  joins: whether it is called once more when all chunks are there, to take together what
    they have in such arrays.  least: so many turns a chunk has at least, if there are as many.
    """

    name: str
    comment: tuple[str, ...]
    body: tuple[Any, ...]
    turns: Poly | None = None
    work: Poly = ZERO
    checks: bool = False
    partial: tuple[Partial, ...] = ()
    own: tuple[Poly, ...] = ()
    joins: bool = False
    least: int = 1


@record
class DeviceKernel(Kernel):
    """A kernel for a device, and what its launch is computed from.

    shape: 'rows' (a team a row), 'reduce' (``rows`` results), 'tiles' (rows by inner by batch), 'one' (one
    block), 'single' (one thread), 'transpose' (``rows`` times tiles of two inner axes), 'threads' (a thread
    a row), 'blocks' (a block a row), 'sort' (``rows`` elements in lines of ``inner``) and 'merge' (the same,
    as often as needed).
    each: of the rows, how many a thread takes at once.  scratch: bytes of its 'partial' memory, if that is
    not for a full reduction.  least: lengths that must be so large for it to be launched; with
    ``otherwise`` one of them must not be.  earlier: how many flags of wrong indices it looks at, to do
    ``nothing`` if one is up; flag: the one of its own.
    """

    shape: str = "threads"
    rows: Poly = ZERO
    inner: tuple[Poly, ...] = ()
    batch: Poly = ONE
    team: bool = False
    each: int = 1
    scratch: Poly | None = None
    least: tuple[tuple[Poly, int], ...] = ()
    otherwise: bool = False
    threads: int | None = None
    earlier: int = 0
    flag: int | None = None
    nothing: tuple[Any, ...] = ()


@record
class Launch:
    """A kernel run."""

    kernel: Kernel


@record
class Compute:
    """Registers that the following actions of the step need."""

    body: tuple[Any, ...]


@record
class CopyArray:
    """``size`` elements copied from one array to another."""

    source: Array
    target: Array
    size: Poly


@record
class Fill:
    """The ``size`` elements of an array set to one scalar."""

    target: Array
    size: Poly
    value: Expr


@record
class Factor:
    """A factor of a product: the array at ``offset``, ``leading`` elements from row to row, or from column to
    column if ``transposed``; ``batch`` elements from one of a batch to the next."""

    array: Array
    offset: Poly
    leading: Poly
    transposed: bool
    batch: Poly


@record
class Product:
    """target = alpha * a·b + beta * target, ``m`` by ``n`` with sums of ``k`` terms; ``batch``: so many
    products, None of one; ``on_device``: a kernel before it has put alpha and beta into the target's scratch
    memory."""

    target: Array
    a: Factor
    b: Factor
    m: Poly
    n: Poly
    k: Poly
    batch: Poly | None
    alpha: Expr | None
    beta: Expr | None
    on_device: bool = False


@record
class Call:
    """A function of the library on whole arrays, then integers; ``form`` is the end of the name of one that
    does the same in one way."""

    function: str
    header: str
    team: bool
    operands: tuple[Array, ...]
    outputs: tuple[Array, ...]
    integers: tuple[Poly, ...]
    #: what else it calls: "lapack" or "mpi"
    needs: str = ""
    in_place: bool = False
    #: of a call back into Python, what is called; the first of the integers is its number
    host: HostFunction | None = None
    form: str = ""

    @property
    def name(self) -> str:
        """The function's whole name, but for the dtype at its end."""
        return f"{self.function}{self.form}"


@record
class Row:
    """What a step of a loop is given or gives: argument number ``argument`` or result number ``result`` of
    the inner plan; at step t it lies at ``offset + t * by`` of ``array``."""

    array: Array
    offset: Poly
    by: Poly
    shape: tuple[Poly, ...]
    argument: int | None = None
    result: int | None = None


@record
class StateOf:
    """A state of a loop: it begins as ``depth`` rows of ``row`` elements at ``initial``; ``target`` has all
    its rows if it is ``kept``, else the last; ``taps`` are the inner arguments that read it, each so many
    rows behind; ``result``: the inner result that is its new value; ``last``: where its last row is copied
    to in the end."""

    initial: Place
    target: Array
    shape: tuple[Poly, ...]
    row: Poly
    depth: int
    kept: bool
    taps: tuple[tuple[int, int], ...]
    result: int | None
    last: Array | None


@record
class Scan:
    """A loop of ``n`` steps, each a run of the inner plan; with ``until`` a result of it may end the loop.

    grown: arrays that have as many rows as steps are made, so that memory for them is taken on the way: each
    with the elements of a row and how many rows there are before the first step.  ``done``: where the number
    of steps is written.  ``copying``: the kernel of copies that must not be made after a wrong index.
    """

    plan: Plan
    n: Poly
    lets: tuple[Any, ...]
    sequences: tuple[Row, ...]
    states: tuple[StateOf, ...]
    invariants: tuple[Row, ...]
    mapped: tuple[Row, ...]
    until: int | None
    grown: tuple[tuple[Array, Poly, int], ...]
    done: Array | None
    copying: Kernel | None = None


Action = Launch | Compute | CopyArray | Fill | Product | Call | Scan


@record
class Source:
    """An operation that a step computes: its name, the user's line, and its share of the step's time."""

    op: str
    line: str
    share: float = 1.0


@record
class Step:
    """One thing that a function does.

    guards: lengths that must not be 0 where the second of the pair, how often elements of such an axis are
    taken, is more than that.  reads, writes: the arrays.
    """

    kind: str
    comment: tuple[str, ...]
    sources: tuple[Source, ...]
    guards: tuple[tuple[Poly, Poly], ...]
    actions: tuple[Action, ...]
    reads: tuple[Array, ...]
    writes: tuple[Array, ...]
    what: str = ""


@record
class Plan:
    """A function, or the step of a loop: what is done, in order, and where everything lies.

    arguments: inputs, shared variables and constants, in the order in which a call is given them; ``inputs``
    and ``shared`` say how many are the former; ``short``: of each input the axes whose lengths are short and
    those of a call, not declared.  results:
    the memory that each is in at the end, outputs first; ``outputs`` says how many those are.  shapes: of
    each output; ``data_dependent``: numbers of those whose shape is found during the call.  first: what is
    known of lengths that depend on data before the first step; after: after each step.  ready: of a loop's
    step the products whose second factor is the same at all steps and may be laid out for them beforehand;
    together: of a loop's step the steps that are one function each, the first and the one behind the last;
    at_once: whether that is all of it, and the function makes all steps of the loop.
    """

    title: str
    target: str
    prefix: str
    arguments: tuple[Array, ...]
    inputs: int
    short: tuple[tuple[int, ...], ...]
    shared: int
    constants: tuple[Data, ...]
    results: tuple[Array, ...]
    outputs: int
    shapes: tuple[tuple[Poly, ...], ...]
    data_dependent: tuple[int, ...]
    places: tuple[Memory, ...]
    arrays: tuple[Array, ...]
    lengths: tuple[Length, ...]
    checks: tuple[Any, ...]
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]
    first: Found
    after: tuple[Found, ...]
    profiled: bool = False
    ready: tuple[Product, ...] = ()
    together: tuple[tuple[int, int], ...] = ()
    at_once: bool = False
    values: tuple[Array, ...] = ()
    table: tuple[Any, ...] = ()
    captures: bool = False
    flags: int = 0

    def __str__(self) -> str:
        return shown(self)

    def inner(self) -> tuple[Plan, ...]:
        """The plans of the loops' steps."""
        return tuple(a.plan for step in self.steps for a in step.actions if isinstance(a, Scan))

    def all(self) -> tuple[Plan, ...]:
        """This plan and those of the loops in it, however deep."""
        return (self, *(p for inner in self.inner() for p in inner.all()))

    @property
    def all_checks(self) -> tuple[Any, ...]:
        """The checks of the plan and of those in it, in the order of the numbers that a call returns."""
        return (*self.checks, *(c for inner in self.inner() for c in inner.all_checks))

    @property
    def calls_back(self) -> bool:
        """Whether a step calls back into Python."""
        actions = (a for plan in self.all() for step in plan.steps for a in step.actions)
        return any(isinstance(a, Call) and a.host is not None for a in actions)

    @property
    def chains(self) -> tuple[tuple[Array, ...], ...]:
        """The arrays that are written one over the other, each chain from its beginning."""
        by_memory: dict[Memory, list[Array]] = {}
        for array in self.arrays:
            if array.memory is not None:
                by_memory.setdefault(array.memory, []).append(array)
        return tuple(tuple(arrays) for arrays in by_memory.values() if len(arrays) > 1)
