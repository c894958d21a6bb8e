"""Indices that may be out of range: where a call finds them, so that it looks at each array of them once.

A step that goes over all of an array of indices and finds none out of range has shown it for the steps after
it: those that write to a shared variable then need no look at all of it before they begin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from ..graph import Variable
from ..lower.lowering import LOOP, Lowering
from ..scalar.expression import CHECKS, Expr, integer, less, poly, replaced, select, walk
from ..scalar.integer import Poly, Symbol, flat_index, product, row_major
from .steps import LibraryCall, Loops, MatMul, Pushes, ScanStep, Step

#: an array of indices and the length of the axis that they index, or one index that no loop changes
Fact = tuple[Variable, Expr] | Expr


def checks_values(step: Step) -> bool:
    """Whether a step may find a value that fails the call, but for one inside a loop: an index, a divisor."""
    return any(e.op in CHECKS for _, root in _expressions(step) for e in walk(root))


def from_nothing(step: Step) -> list[tuple[Poly, Poly]]:
    """Lengths of axes that a step takes elements of, and how often: of an axis of length 0 there is not even
    an element 0 to be read in place of a wrong one, so the step must not begin."""
    found = {}
    for axes, root in _expressions(step):
        for check in _checks(root):
            length = poly(check.args[1])
            if length.constant is None and all(isinstance(a, Symbol) for m in length.terms for a in m):
                levels = [LOOP.index(i) for i in check.free]
                found[length, product(axes[: max(levels, default=-1) + 1])] = None
    return list(found)


def may_fail(step: Step) -> bool:
    """Whether a step may find a value that fails the call, in a loop lengths that do not fit, or call back
    into Python, which may fail."""
    if isinstance(step, LibraryCall) and step.call.host is not None:
        return True
    if isinstance(step, ScanStep):
        return bool(step.inner.checks) or any(may_fail(inner) for inner in step.inner.steps)
    return checks_values(step)


def checked_once(steps: Sequence[Step], low: Lowering) -> Iterator[tuple[Step, Step, Callable[[], None]]]:
    """Pairs of steps of which the first checks all indices in an array that the second reads, and what takes
    the check out of the second."""
    first: dict[Fact, Step] = {}
    for step in steps:
        for axes, root in _expressions(step):
            for check in _checks(root, lazily=False):
                fact = _fact(check)
                if fact is not None and _looks_at_all(check, axes, low):
                    first.setdefault(fact, step)
    for step in steps:
        checks = {check for _, root in _expressions(step) for check in _checks(root)}
        # an index that is read at another index before that one, of which it is made
        for check in sorted(checks, key=lambda check: -len(walk(check))):
            fact = _fact(check)
            if first.get(fact, step) is not step:
                yield first[fact], step, partial(_take_out, step, fact)


def _expressions(step: Step) -> list[tuple[tuple[Poly, ...], Expr]]:
    """What a loop nest, a push or a product computes by expressions, and over which axes."""
    if isinstance(step, Loops):
        return [(value.axes, value.element) for value in step.values]
    if isinstance(step, Pushes):
        base = [((), step.base)] if isinstance(step.base, Expr) else []
        return base + [(p.axes, e) for p in step.pieces for e in (p.element, integer(p.offset))]
    if isinstance(step, MatMul):
        return [((), e) for e in step.scalars()]
    return []


def _checks(root: Expr, lazily: bool = True) -> list[Expr]:
    """The checked indices in an expression; if not ``lazily``, without those that only a branch needs."""
    if not lazily and any(e.op == "switch" for e in walk(root)):
        return []
    return [e for e in walk(root) if e.op == "checked_index"]


def _access(check: Expr) -> Expr | None:
    """The element of an array that an index is; None if it is computed of more than that."""
    index = check.args[0]
    while index.op == "cast" and index.dtype == "int64":
        index = index.args[0]
    return index if index.op == "access" else None


def _fact(check: Expr) -> Fact | None:
    if not check.free:
        return check
    found = _access(check)
    return None if found is None else (found.value[0], check.args[1])


def _looks_at_all(check: Expr, axes: Sequence[Poly], low: Lowering) -> bool:
    """Whether loops over ``axes`` show all that a fact says."""
    if not check.free:
        return all(_turns(n) for n in axes)
    variable, index = _access(check).value
    return _covers(index, axes, low.shape(variable))


def _turns(n: Poly) -> bool:
    """Whether a loop makes turns at every call; one that makes none would look at nothing."""
    return n.constant is not None and n.constant > 0


def _covers(index: Sequence[Poly], axes: Sequence[Poly], shape: Sequence[Poly]) -> bool:
    """Whether loops over ``axes`` go over every element of an array of that shape."""
    linear = flat_index(index, shape).linear_in(LOOP[: len(axes)])
    if linear is None or linear[1] != 0:
        return False
    used = [(n, stride) for n, stride in zip(axes, linear[0], strict=True) if stride != 0]
    lengths = [n for n, _ in used]
    others = [n for n, stride in zip(axes, linear[0], strict=True) if stride == 0]
    return (
        [stride for _, stride in used] == row_major(lengths)
        and product(lengths) == product(shape)
        and all(map(_turns, others))
    )


def _take_out(step: Step, fact: Fact) -> None:
    """Have a step take the indices of an array to be in range."""

    def unchecked(root: Expr) -> Expr:
        checks = [check for check in _checks(root) if _fact(check) == fact]
        exchange = {}
        for check in checks:
            index, length = map(poly, check.args)
            exchange[check] = integer(select(less(index, 0), index + length, index))
        return replaced(root, exchange) if checks else root

    if isinstance(step, Loops):
        step.values = [replace(value, element=unchecked(value.element)) for value in step.values]
    elif isinstance(step, MatMul):
        for name in ("alpha", "beta", "c"):
            if isinstance(scalar := getattr(step, name), Expr):
                setattr(step, name, unchecked(scalar))
    else:
        if isinstance(step.base, Expr):
            step.base = unchecked(step.base)
        step.pieces = [
            replace(p, element=unchecked(p.element), offset=poly(unchecked(integer(p.offset))))
            for p in step.pieces
        ]
