"""Modes that look at every value: ``Watch`` calls functions of the program's before and after each node,
``Guard`` takes NaN, infinite and big values for errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import NanError
from ..graph import Apply, Constant, Variable, toposort
from ..lower.program import Program
from ..rewrite import stabilized
from .around import Checking

#: what Theano took for a big value
BIG = 1e10


class Watch(str):
    """A mode: the graph as it was written runs node by node, in numpy, and a program looks on.

    before: called with the number of the node, the node and its inputs' arrays; after: with those of its
    outputs, too. Loops are one node each.
    """

    before: Callable[[int, Apply, Sequence[np.ndarray]], Any] | None
    after: Callable[[int, Apply, Sequence[np.ndarray], Sequence[np.ndarray]], Any] | None

    def __new__(cls, before: Any = None, after: Any = None) -> Watch:
        made = str.__new__(cls, "reference")
        made.before, made.after = before, after
        return made

    def __reduce__(self) -> tuple:
        return type(self), (self.before, self.after)

    def executor(self, program: Program, profile: bool) -> Any:
        from ..run.reference import ReferenceExecutor

        return ReferenceExecutor(program, profile, self)


class Guard(str):
    """A mode: compiled, with every value of floats an output that is looked at after the call. What is NaN,
    infinite or beyond ``BIG`` is a NanError that names its variable, and shared variables are then what they
    were."""

    nan: bool
    inf: bool
    big: bool

    def __new__(cls, nan: bool = True, inf: bool = True, big: bool = True) -> Guard:
        made = str.__new__(cls, "check_nan")
        made.nan, made.inf, made.big = nan, inf, big
        return made

    def __reduce__(self) -> tuple:
        return type(self), (self.nan, self.inf, self.big)

    def wrong(self, array: np.ndarray) -> str | None:
        """What is wrong with an array, if anything."""
        if array.dtype.kind not in "fc":
            return None
        if self.nan and np.isnan(array).any():
            return "NaN"
        if self.inf and np.isinf(array).any():
            return "an infinite value"
        if self.big:
            size = np.abs(array)
            if np.any(size[np.isfinite(size)] > BIG):
                return f"a value beyond {BIG:g}"
        return None

    def error(self, message: str) -> Exception:
        return NanError(message)

    def executor(self, program: Program, profile: bool) -> Any:
        return GuardExecutor(self, program, profile)


class GuardExecutor(Checking):
    """Runs compiled, with all values of floats as outputs besides those of the program."""

    def __init__(self, guard: Guard, program: Program, profile: bool) -> None:
        from .modes import make_executor

        self.guard = guard
        results = stabilized(program.results, stop_at=program.inputs)
        #: in the order in which they are computed, so that the first that is wrong is the cause
        self.seen = [
            v
            for node in toposort(results, stop_at=program.inputs)
            for v in node.outputs
            if v.type.is_float and not isinstance(v, Constant)
        ]
        outputs = [*results[: len(program.outputs)], *self.seen]
        borrow = [*program.borrow, *[False] * len(self.seen)]
        updates = dict(zip(program.updates, results[len(program.outputs) :], strict=True))
        whole = Program(program.title, program.inputs, outputs, borrow, updates, program.shareds)
        super().__init__(program, make_executor(whole, "fast_run", profile))

    def rewritten(self) -> list[Variable]:
        found = super().rewritten()
        own = len(self.program.outputs)
        return [*found[:own], *found[own + len(self.seen) :]]

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        title = self.program.title
        before = self.before()
        shareds = [(s, s.data) for s in self.program.shareds]
        for v, array in [*zip(self.program.inputs, inputs, strict=True), *shareds]:
            if what := self.guard.wrong(array):
                raise self.guard.error(f"{title}: {what} in {v.describe()}, before anything was computed")
        results = self.executor(inputs)
        own = len(self.program.outputs)
        for v, array in zip(self.seen, results[own:], strict=True):
            if what := self.guard.wrong(array):
                self.restore(before)
                operands = "; ".join(u.describe() for u in v.owner.inputs)
                raise self.guard.error(
                    f"{title}: {what} comes from {v.owner.op}, {v.describe()}, computed from {operands}"
                )
        return results[:own]
