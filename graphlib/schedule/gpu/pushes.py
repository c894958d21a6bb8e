"""Pushed outputs: each piece of a scatter or a concatenation is a kernel, and so is what the output has
before them, a scalar or a copy."""

from __future__ import annotations

from collections.abc import Iterable

from ...lower.lowering import LOOP, Placed
from ...scalar.expression import Expr, integer, load
from ...scalar.integer import ONE, Poly, product
from ..arrays import Array
from ..builder import Scope, pushed
from ..nests import collapsible
from ..plan import DeviceKernel
from ..statements import Store
from .kernel import KernelPlanner
from .teams import ELEMENT, EachThread, Serial


def fill(planner: KernelPlanner, array: Array, value: Expr) -> DeviceKernel:
    """Every element of an array set to the same scalar."""
    planner.builder.count_uses([value])
    scope = Scope(None, 0)
    made = planner.builder.emit(value, scope)
    size = product(array.shape)
    count = planner.length(size, scope)
    store = Store(array, array.dtype, Poly.of(ELEMENT), made)
    return planner.kernel([*scope.body, EachThread("k", count, (store,))], "threads", size)


def copy(planner: KernelPlanner, source: Array, target: Array) -> DeviceKernel:
    """A copy that does nothing after a wrong index, for what must then keep its value."""
    scope = Scope(None, 0)
    size = product(source.shape)
    here = Poly.of(ELEMENT)
    store = Store(target, source.dtype, here, load(source, source.dtype, here))
    count = planner.length(size, scope)
    return planner.kernel([*scope.body, EachThread("k", count, (store,))], "threads", size)


def push(planner: KernelPlanner, array: Array, piece: Placed, only_checks: bool = False) -> DeviceKernel:
    """One piece of a pushed output, a thread an element; or a kernel that only looks for wrong indices.

    Where elements may go to the same place, they go in the order of the indices, so that a sum does not
    depend on timing: a thread takes all elements that differ in the leading axes only, if the others are
    apart for certain; else one thread takes all.
    """
    axes, builder = piece.axes, planner.builder
    spread = sorted(_apart(piece)) if piece.collides else list(range(len(axes)))
    serial = [k for k in range(len(axes)) if k not in spread]
    boundaries = {k + 1 for k in range(len(axes) - 1) if (k in serial) != (k + 1 in serial)}
    planner.merge(collapsible(axes, [piece.element], [piece.offset], boundaries, lambda array: array.shape))
    builder.levels = {LOOP[k]: 2 if k in serial else 1 for k in range(len(axes))}
    builder.count_uses([piece.element, integer(piece.offset)])
    scope = Scope(None, 0)
    outer = Scope(scope, 1)
    inner = Scope(outer, 2) if serial else outer
    rows = product(axes[k] for k in spread)
    count = planner.length(rows, scope)
    indices = planner.indices(axes, spread, "row", scope)
    total = planner.length(product(axes[k] for k in serial), scope)
    of_serial = planner.indices(axes, serial, "term", scope)
    pushed(builder, array, piece, inner, only_checks)
    body = [indices, *outer.body]
    if any(k not in planner.merged for k in serial):
        body.append(Serial("term", total, (of_serial, *inner.body)))
    elif serial:
        body += inner.body
    return planner.kernel([*scope.body, EachThread("row", count, tuple(body))], "threads", rows)


def _apart(piece: Placed) -> set[int]:
    """Trailing axes whose elements go to different places for certain, whatever the leading indices are.

    Those are the axes that walk the output like an array of its own: strides row-major among them, and
    everything else in the offset a multiple of that array's size.
    """
    free: set[int] = set()
    size = ONE
    for axis in reversed(range(len(piece.axes))):
        linear = piece.offset.linear_in([LOOP[axis]])
        if linear is None or linear[0][0] != size:
            break
        step = size * piece.axes[axis]
        rest = piece.offset - _row_major(piece.axes, free | {axis})
        if not _multiple(rest, step):
            break
        free.add(axis)
        size = step
    return free


def _row_major(axes: tuple[Poly, ...], which: Iterable[int]) -> Poly:
    """The offset in an array of the axes ``which`` alone."""
    offset, size = Poly.of(0), ONE
    for axis in sorted(which, reverse=True):
        offset, size = offset + LOOP[axis] * size, size * axes[axis]
    return offset


def _multiple(p: Poly, of: Poly) -> bool:
    """Whether every term of ``p`` has the one term of ``of`` as a factor."""
    if not p.terms:
        return True
    if len(of.terms) != 1:
        return False
    ((monomial, coefficient),) = of.terms.items()
    for term, c in p.terms.items():
        rest = list(term)
        for atom in monomial:
            if atom not in rest:
                return False
            rest.remove(atom)
        if c % coefficient:
            return False
    return True
