"""Small steps of a loop that follow one another: one function carries them out.

To call a function for each would take longer than what it does, and what one leaves for the next would go
through memory.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from ..scalar.expression import constant_value
from ..scalar.functions import is_costly
from .parts import expressions
from .plan import Action, CopyArray, Fill, Kernel, Launch, Plan, Scan, Step

#: operations of a kernel, and elements of what is filled or copied, at most
_OPERATIONS, _ELEMENTS = 512, 64
#: expressions of one function, at most
_EXPRESSIONS = 2000
#: costly functions of one kernel from which on they are called: inlined, each costs the compiler more than a
#: hundredth of a second
MANY_FUNCTIONS = 16
_NOT_CALLED = frozenset(["mod", "floor_div", "random_uniform", "random_normal"])


def costly_functions(kernel: Kernel) -> Counter[tuple[str, str]]:
    """How often a kernel has each costly function of each dtype."""
    found = Counter((e.op, e.args[-1].dtype) for e in expressions(kernel.body) if e.args)
    return Counter(
        {
            (name, dtype): count
            for (name, dtype), count in found.items()
            if is_costly(name) and name not in _NOT_CALLED and dtype.startswith("float")
        }
    )


def is_zero(fill: Fill) -> bool:
    """Whether an array is filled with what has no bits."""
    value = constant_value(fill.value)
    return value == 0 and math.copysign(1, value) > 0


def is_small(action: Action) -> bool:
    """Whether what a step does is known to be so short that a call would be much of it.

    A kernel then has one chunk, no memory of its own, and cannot fail.
    """
    if isinstance(action, (CopyArray, Fill)):
        elements = action.size.constant
        few = elements is not None and elements <= _ELEMENTS
        return few and (isinstance(action, CopyArray) or is_zero(action))
    if not isinstance(action, Launch):
        return False
    kernel, work = action.kernel, action.kernel.work.constant
    if work is None or work > _OPERATIONS or (kernel.turns is not None and kernel.turns.constant is None):
        return False
    plain = not (kernel.own or kernel.partial or kernel.joins or kernel.checks)
    return plain and costly_functions(kernel).total() < MANY_FUNCTIONS


def joins(step: Step) -> bool:
    """Whether a step can be one function with its neighbours."""
    return not step.guards and all(map(is_small, step.actions))


def together(plan: Plan) -> tuple[tuple[int, int], ...]:
    """Of a loop's step the steps that are one function each: the first, and the one behind the last.  There
    are several, or no others."""
    runs = [(a, b) for a, b in _runs(plan) if any(step.actions for step in plan.steps[a:b])]
    return tuple(run for run in runs if run[1] - run[0] > 1 or runs == [(0, len(plan.steps))])


def at_once(plan: Plan, scan: Scan) -> bool:
    """Whether one function makes all steps of a loop: nothing is to be done between them."""
    whole = plan.together == ((0, len(plan.steps)),)
    return whole and scan.until is None and not scan.grown and not any((plan.first, *plan.after))


def _runs(plan: Plan) -> Iterator[tuple[int, int]]:
    first, size, functions = 0, 0, 0
    for k, (step, found) in enumerate(zip(plan.steps, plan.after, strict=True)):
        fits = joins(step)
        more, calls = _extent(step) if fits else (0, 0)
        size, functions = size + more, functions + calls
        if not fits or size > _EXPRESSIONS or functions >= MANY_FUNCTIONS:
            yield first, k
            first, size, functions = k if fits else k + 1, more, calls
        if found:
            yield first, k + 1
            first, size, functions = k + 1, 0, 0
    yield first, len(plan.steps)


def _extent(step: Step) -> tuple[int, int]:
    """How many expressions a step has, and how many costly functions."""
    kernels = [action.kernel for action in step.actions if isinstance(action, Launch)]
    size = sum(1 for kernel in kernels for _ in expressions(kernel.body))
    return size, sum(costly_functions(kernel).total() for kernel in kernels)
