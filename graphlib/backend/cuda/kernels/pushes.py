"""Pushed outputs: each piece of a scatter or a concatenation is a kernel, and so is what the output has
before them, a scalar or a copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ....compile.loops import collapsible
from ....compile.lowering import LOOP, Placed
from ....graph import Variable
from ....scalar.expression import Expr, integer
from ....scalar.integer import ONE, Poly, product
from ...expressions import Scope
from ..scalar import C_TYPES
from .kernel import Kernel
from .writer import KernelWriter


def fill(writer: KernelWriter, variable: Variable, element: Expr) -> Kernel:
    """Every element of a variable set to the same scalar."""
    writer.printer.count_uses([element])
    scope = Scope(None, 0)
    text = writer.printer.emit(element, scope)
    size = product(writer.low.shape(variable))
    count = writer.poly(size, scope)
    line = f"GL_EACH_THREAD(k, {count}) {writer.pointer(variable, written=True)}[k] = {text};"
    return writer.kernel([*scope.lines, line], [variable], "threads", size)


def copy(writer: KernelWriter, source: Variable, target: Any) -> Kernel:
    """A copy to a storage that does nothing after a wrong index, for what must then keep its value."""
    scope = Scope(None, 0)
    size = product(writer.low.shape(source))
    to = writer.argument("pointer", target, C_TYPES[source.dtype], written=True)
    line = f"GL_EACH_THREAD(k, {writer.poly(size, scope)}) {to}[k] = {writer.pointer(source)}[k];"
    return writer.kernel([*scope.lines, line], [source], "threads", size)


def push(writer: KernelWriter, variable: Variable, piece: Placed, only_checks: bool = False) -> Kernel:
    """One piece of a pushed output, a thread an element; or a kernel that only looks for wrong indices.

    Where elements may go to the same place, they go in the order of the indices, so that a sum does not
    depend on timing: a thread takes all elements that differ in the leading axes only, if the others are
    apart for certain; else one thread takes all.
    """
    axes = piece.axes
    spread = sorted(_apart(piece)) if piece.collides else list(range(len(axes)))
    serial = [k for k in range(len(axes)) if k not in spread]
    boundaries = {k + 1 for k in range(len(axes) - 1) if (k in serial) != (k + 1 in serial)}
    writer.collapsed = collapsible(axes, [piece.element], [piece.offset], boundaries, writer.low.shape)
    where = integer(piece.offset)
    writer.printer.levels = {LOOP[k]: 2 if k in serial else 1 for k in range(len(axes))}
    writer.printer.count_uses([piece.element, where])
    scope = Scope(None, 0)
    outer = Scope(scope, 1)
    inner = Scope(outer, 2) if serial else outer
    rows = product(axes[k] for k in spread)
    count = writer.poly(rows, scope)
    decode = writer.decode(axes, spread, "row", scope)
    total = writer.poly(product(axes[k] for k in serial), scope)
    decode_serial = writer.decode(axes, serial, "term", scope)
    element = writer.printer.emit(piece.element, inner)
    place = writer.printer.emit(where, inner)
    if only_checks:
        inner.lines += [f"(void)({element});", f"(void)({place});"]
    else:
        target, assign = writer.pointer(variable, written=True), "=" if piece.mode == "set" else "+="
        store = f"{target}[{place}] {assign} {element};"
        inner.lines.append(f"if (!bad) {store}" if writer.printer.checks else store)
    body = [*decode, *outer.lines]
    if any(k not in writer.collapsed for k in serial):
        body += [f"for (long long term = 0; term < {total}; term++) {{"]
        body += ["    " + line for line in [*decode_serial, *inner.lines]] + ["}"]
    elif serial:
        body += inner.lines
    lines = [*scope.lines, f"GL_EACH_THREAD(row, {count}) {{", *("    " + line for line in body), "}"]
    return writer.kernel(lines, [variable], "threads", rows)


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


__all__ = ["copy", "fill", "push"]
