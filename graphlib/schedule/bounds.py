"""Whether every load and store of a plan is inside its array.

Of nearly all that is proven for all lengths (``proof.py``).  A plan of which it is not is gone through for
some lengths of its arguments that pass its checks, with all its kernels, as each may have the check that
keeps the next one from running, and at the first two and the last two turns of each loop: what is linear in
the indices, as nearly every offset is, has its extremes there.  Where an index is data, which a check keeps
in range, it is taken to be the first one and the last one.  Nothing is computed, so what depends on data
otherwise is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ScheduleError
from ..lower.limits import Length as Limit
from ..scalar.expression import FOLDED, Expr
from ..scalar.integer import Poly, Symbol, product
from ..scalar.lowered import Check
from .arrays import Array
from .parts import of_statement
from .plan import Kernel, Launch, Plan, Step
from .proof import unproven
from .statements import Begin, Let, Loop, Store, TakeInto

#: lengths that arguments are taken to have, the first as long as the first of these, and so on
_SAMPLES = ((5, 3, 4, 7, 2), (1,), (2, 1, 6))
#: loads and stores that are looked at in one kernel
_MOST = 4000
Values = dict[Any, int | None]


def hold(plan: Plan) -> None:
    """Raise ScheduleError where a kernel of a plan for C, or of those of its loops, goes beyond an array."""
    doubtful, _ = unproven(plan)
    for one in plan.all() if doubtful else ():
        for sample in _SAMPLES:
            lengths = _lengths(one, sample)
            for step in one.steps if lengths is not None else ():
                if _fails(one, step, lengths):
                    break


def _lengths(plan: Plan, sample: tuple[int, ...]) -> Values | None:
    """Values of a plan's lengths that pass its checks; None where none are found."""
    given = [n.symbol for n in plan.lengths if n.argument is not None]
    values: Values = {symbol: sample[k % len(sample)] for k, symbol in enumerate(given)}
    for _ in range(2 + len(plan.checks)):
        for length in plan.lengths:
            if length.value is not None:
                _let(length.lets, values)
                values[length.symbol] = _value(length.value, values)
        wrong = [c for c in plan.checks if isinstance(c, Check) and _differ(c, values)]
        if not wrong:
            limits = (c for c in plan.checks if isinstance(c, Limit))
            return values if all((_poly(c.length, values) or 0) >= 0 for c in limits) else None
        check = wrong[0]
        for one, other in ((check.left, check.right), (check.right, check.left)):
            if one.atom in given and _poly(other, values) is not None:
                values[one.atom] = _poly(other, values)
                break
        else:
            return None
    return None


def _differ(check: Check, values: Values) -> bool:
    a, b = _poly(check.left, values), _poly(check.right, values)
    return a is not None and b is not None and a != b


def _fails(plan: Plan, step: Step, lengths: Values) -> bool:
    """Look at the kernels of a step; whether the call fails there for these lengths."""
    if any(_poly(n, lengths) == 0 for n, _ in step.guards):
        return True
    for action in step.actions:
        if isinstance(action, Launch):
            for last in (False, True):
                kernel = _Kernel(plan, action.kernel, lengths, last)
                kernel.body(action.kernel.body)
                if kernel.values.get("failed"):
                    return True
    return False


def _let(body: Iterable[Any], values: Values) -> None:
    for one in body:
        if isinstance(one, Let):
            values[one.name] = _value(one.value, values)


def _poly(p: Poly, values: Values) -> int | None:
    """The value of a length or an offset; None where that is not known."""
    total = 0
    for monomial, coefficient in p.terms.items():
        for atom in monomial:
            value = values.get(atom) if isinstance(atom, Symbol) else _value(atom, values)
            if value is None:
                return None
            coefficient *= value
        total += coefficient
    return total


def _value(e: Expr, values: Values) -> int | None:
    """The value of an integer expression; None where that is not known."""
    if e.op == "int":
        return _poly(e.value, values)
    if e.op == "local":
        return values.get(e.value)
    if e.op == "const":
        return e.value if isinstance(e.value, (int, bool)) else None
    if e.op in ("load", "access"):
        return None
    if e.op == "checked_index":
        index, n = (_value(a, values) for a in e.args)
        if not n:
            return None
        if index is None:
            return n - 1 if values.get("last") else 0
        if not -n <= index < n:
            values["failed"] = 1
            return 0  # as kernels do, which go on with the first element until they notice
        return index + n * (index < 0)
    if e.op == "switch":
        condition = _value(e.args[0], values)
        return None if condition is None else _value(e.args[1 if condition else 2], values)
    if e.op == "cast" and not e.dtype.startswith("float"):
        return _value(e.args[0], values)
    parts = [_value(a, values) for a in e.args]
    if None in parts or e.op not in FOLDED or any(a.dtype.startswith("float") for a in e.args):
        return None
    return FOLDED[e.op](*parts)


class _Kernel:
    """Goes through one kernel for certain lengths; ``last``: which of the indices that are data is taken."""

    def __init__(self, plan: Plan, kernel: Kernel, lengths: Values, last: bool) -> None:
        self.plan, self.kernel = plan, kernel
        self.values: Values = {**lengths, "last": last}
        self.left = _MOST

    def body(self, body: Iterable[Any]) -> None:
        for one in body:
            if self.left <= 0:
                return
            if isinstance(one, Loop):
                self.loop(one)
                continue
            for e in of_statement(one):
                self.loads(e)
            if isinstance(one, Let):
                self.values[one.name] = _value(one.value, self.values)
            elif isinstance(one, (Store, TakeInto)):
                self.inside(one.target, one.offset)
            elif isinstance(one, Begin):
                self.inside(one.target, one.offset + one.size - 1)

    def loop(self, loop: Loop) -> None:
        n = _poly(loop.length, self.values)
        if n is None:
            return
        self.body(loop.before)
        for turn in sorted({0, 1, n - 2, n - 1}):
            if 0 <= turn < n:
                self.values[loop.index] = turn
                self.body(loop.body)
        self.values.pop(loop.index, None)
        self.body(loop.after)

    def loads(self, e: Expr) -> None:
        """The loads of an expression, but for those of a branch that is not taken."""
        if e.op == "switch":
            self.loads(e.args[0])
            condition = _value(e.args[0], self.values)
            if condition is not None:
                self.loads(e.args[1 if condition else 2])
            return  # where the condition is data, either branch may never be taken
        if e.op == "load":
            self.inside(e.value[0], e.value[1][0])
        polys = [e.value] if e.op == "int" else e.value[1] if e.op == "load" else ()
        inside = (a for p in polys for m in p.terms for a in m if isinstance(a, Expr))
        for a in (*e.args, *inside):
            self.loads(a)

    def inside(self, target: Any, offset: Poly) -> None:
        if not isinstance(target, Array):
            return
        self.left -= 1
        place, size = _poly(offset, self.values), _poly(product(target.shape), self.values)
        if place is not None and size is not None and not 0 <= place < max(size, 1):
            raise ScheduleError(
                f"{self.plan.title}: the kernel {self.kernel.name} goes to element {place} of "
                f"{target.describe()}, which has {size}. This is a bug of graphlib's, found before anything "
                f"was computed; mode='reference' runs the function without a schedule"
            )
