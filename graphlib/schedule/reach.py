"""What the actions of a step that are no kernels of ours go over: products, copies, calls of the library and
of Python, loops.  For each, what must be at least 0 so that it stays inside its arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..records import record
from ..scalar.contracts import contract_of
from ..scalar.integer import ONE, Poly, Symbol, product, symbol
from .arrays import Array
from .inequalities import exchanged
from .plan import Call, CopyArray, Fill, Product, Scan, StateOf

#: the step of a loop that is looked at, the row and the column of a matrix, which one of a batch
_STEP, _ROW, _COLUMN, _ONE = (symbol(f"of_{k}", True, -10 - k) for k in range(4))


@record
class Goal:
    """What must be at least 0, in ``words``, where ``positive`` lengths are at least 1."""

    words: str
    least: Poly
    positive: tuple[Poly, ...] = ()


@record
class Element:
    """What an array must have: for each index below its length the element at ``offset``."""

    array: Array
    offset: Poly
    indices: tuple[tuple[Symbol, Poly], ...]


def goals(action: Any, inner: Callable[[Poly], Poly] = lambda p: p) -> Iterator[Goal | Element]:
    """Of an action that is neither a kernel nor what is computed for one.

    inner: of a loop's step, a length without those that are computed of others.
    """
    if isinstance(action, Scan):
        yield from _scan(action, inner)
    else:
        yield from _GOALS[type(action)](action)


def size(array: Array) -> Poly:
    return product(array.shape)


def _copy(a: CopyArray) -> Iterator[Goal]:
    for array in (a.source, a.target):
        yield Goal(f"{a.size} elements of {array.describe()}", size(array) - a.size)


def _fill(a: Fill) -> Iterator[Goal]:
    yield Goal(f"{a.size} elements of {a.target.describe()}", size(a.target) - a.size)


def _product(p: Product) -> Iterator[Goal | Element]:
    many = ONE if p.batch is None else p.batch
    yield Goal(f"the product {p.target.describe()}", size(p.target) - many * p.m * p.n, (many, p.m, p.n))
    for f, rows, columns in ((p.a, p.m, p.k), (p.b, p.k, p.n)):
        # stored the other way round, its rows are columns
        apart, beside = (_COLUMN, _ROW) if f.transposed else (_ROW, _COLUMN)
        offset = f.offset + f.batch * _ONE + f.leading * apart + beside
        yield Element(f.array, offset, ((_ONE, many), (_ROW, rows), (_COLUMN, columns)))


def _call(a: Call) -> Iterator[Goal]:
    arrays = (*a.operands, *a.outputs)
    if a.host is not None:
        yield from _called_back(a, arrays)
        return
    found = contract_of(a.function)
    for array, extent in zip(arrays, found.extents(*a.integers), strict=True):
        yield Goal(f"{extent} elements of {array.describe()} in {a.function}", size(array) - extent)
    for need in found.needs(*a.integers):
        yield Goal(f"what {a.function} is given", Poly.of(need), tuple(map(size, arrays)))


def _called_back(a: Call, arrays: Sequence[Array]) -> Iterator[Goal]:
    """Python is given views of the lengths behind the function's number."""
    rest = iter(a.integers[1:])
    for array, (_, ndim) in zip(arrays, (*a.host.operands, *a.host.outputs), strict=True):
        extent = product([next(rest) for _ in range(ndim)])
        yield Goal(f"{extent} elements of {array.describe()} in Python", size(array) - extent)


def _scan(scan: Scan, inner_lengths: Callable[[Poly], Poly]) -> Iterator[Goal | Element]:
    grown = {array for array, *_ in scan.grown}
    inner, lengths = scan.plan, lengths_of(scan)
    step = (_STEP, scan.n)

    def within(array: Array, room: Poly) -> Goal:
        """What a step takes for an argument or a result of its own has so many elements."""
        taken = exchanged(inner_lengths(size(array)), lengths)
        return Goal(f"{array.describe()} in a step", room - taken, (scan.n,))

    for row in (*scan.sequences, *scan.invariants, *scan.mapped):
        elements = product(row.shape)
        if row.array not in grown:
            offset = row.offset + row.by * _STEP + _COLUMN
            yield Element(row.array, offset, (step, (_COLUMN, elements)))
        taken = inner.results[row.result] if row.argument is None else inner.arguments[row.argument]
        yield within(taken, elements)
    for state in scan.states:
        yield from _state(scan, state, state.target in grown)
        for argument, _ in state.taps:
            yield within(inner.arguments[argument], state.row)
        if state.result is not None:
            yield within(inner.results[state.result], state.row)
    if scan.until is not None:
        yield within(inner.results[scan.until], ONE)
    if scan.done is not None:
        yield Goal("the number of steps", size(scan.done) - 1)


def _state(scan: Scan, state: StateOf, grown: bool) -> Iterator[Goal | Element]:
    """The rows that a state begins as, those that it comes to have, and the last of them."""
    begun = ((_ROW, Poly.of(state.depth)), (_COLUMN, state.row))
    at = state.row * _ROW + _COLUMN
    yield Element(state.initial.array, state.initial.offset + at, begun)
    if not grown:
        yield Element(state.target, at, begun)
    if state.kept and not grown:
        rows = scan.n + state.depth
        yield Element(state.target, at, ((_STEP, scan.n), (_ROW, rows), (_COLUMN, state.row)))
    if state.last is not None:
        yield Goal(f"the last of {state.target.describe()}", size(state.last) - state.row)


def lengths_of(scan: Scan) -> dict[Symbol, Poly]:
    """For the lengths of the arguments of a loop's step those of what they are outside."""
    shapes = {row.argument: row.shape for row in (*scan.sequences, *scan.invariants)}
    shapes |= {argument: state.shape for state in scan.states for argument, _ in state.taps}
    return {
        length.symbol: shapes[length.argument][length.axis]
        for length in scan.plan.lengths
        if length.argument is not None
    }


_GOALS = {CopyArray: _copy, Fill: _fill, Product: _product, Call: _call}
