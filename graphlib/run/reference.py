"""The reference backend: numpy, one node after the other, no rewrites.  The oracle that every other backend
is tested against."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from ..errors import DomainError, LabelError, ShapeError
from ..graph import Apply, Constant, Shared, Variable, toposort
from ..ops.op import by_reference


class ReferenceExecutor:
    """Runs a program by the operations' numpy references."""

    source = "# the reference backend runs numpy and generates no source"
    plan = None

    def __init__(self, program: Any, profile: bool, looker: Any = None) -> None:
        self.program = program
        #: of mode ``Watch``: what is called before and after each node
        self.looker = looker
        self.order = toposort(program.results, stop_at=program.inputs)
        self.timings: dict[Apply, list] | None = {} if profile else None

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        values = self.values(inputs)
        outputs = [_copy(v, values) for v in self.program.outputs]
        new = [_copy(v, values) for v in self.program.updates.values()]
        for (shared, variable), value in zip(self.program.updates.items(), new, strict=True):
            for axis, (n, m) in enumerate(zip(shared.type.shape, value.shape, strict=True)):
                if n not in (None, m):
                    raise ShapeError(
                        f"{self.program.title}: the update of {shared.describe()} has length {m} instead of "
                        f"{n} in axis {axis}: {variable.describe()}"
                    )
        for shared, value in zip(self.program.updates, new, strict=True):
            shared.set_value(value)
        return outputs

    def values(
        self,
        inputs: list[np.ndarray],
        watch: Callable[[Apply, tuple], None] | None = None,
        leaves: Mapping[Variable, np.ndarray] | None = None,
    ) -> dict[Variable, np.ndarray]:
        """Every variable's value; ``watch`` is called with each node and its outputs, ``leaves`` are other
        values of shared variables than their present ones."""
        values: dict[Variable, np.ndarray] = dict(zip(self.program.inputs, inputs, strict=True))
        values |= leaves or {}
        for number, node in enumerate(self.order):
            arrays = [_value(v, values) for v in node.inputs]
            if self.looker is not None and self.looker.before is not None:
                self.looker.before(number, node, arrays)
            start = time.perf_counter()
            outputs = by_reference(node, arrays)
            if self.timings is not None:
                entry = self.timings.setdefault(node, [0.0, 0])
                entry[0] += time.perf_counter() - start
                entry[1] += 1
            if watch is not None:
                watch(node, outputs)
            if self.looker is not None and self.looker.after is not None:
                self.looker.after(number, node, arrays, outputs)
            values.update(zip(node.outputs, outputs, strict=True))
        for variable in self.program.results:
            values.setdefault(variable, _value(variable, values))
        return values

    def rewritten(self) -> list[Variable]:
        return self.program.results

    def profile(self) -> Any:
        from ..profile import Profile
        from ..schedule.plan import Source

        if self.timings is None:
            return None
        rows = [
            ([Source(str(node.op), str(node.outputs[0].origin or "?"))], seconds, calls)
            for node, (seconds, calls) in self.timings.items()
        ]
        return Profile(self.program.title, rows)


def explain_index(inputs: list[np.ndarray], stages: Any) -> NoReturn:
    """Raise the error of an index (or divisor) that a compiled function found wrong, in the reference's
    words.

    They are of the user's own program, but for labels: perhaps only the rewritten one checks those. Shared
    variables are what they were, whatever operations of the user's own do.
    """
    before = {s: s.get_value() for s in stages.program.updates}
    try:
        try:
            ReferenceExecutor(stages.rewritten, False).values(inputs)
        except LabelError:
            raise
        except (IndexError, ZeroDivisionError, DomainError):
            pass
        ReferenceExecutor(stages.sized, False).values(inputs)
    finally:
        for s, value in before.items():
            s.set_value(value)
    raise IndexError("an index is out of range, or a divisor 0")


def _copy(v: Variable, values: dict[Variable, np.ndarray]) -> np.ndarray:
    """An array of its own of a result, which may be a view of something smaller."""
    try:
        return np.array(values[v])
    except MemoryError as error:
        raise MemoryError(f"{v.describe()}: {error}") from None


def _value(variable: Variable, values: dict[Variable, np.ndarray]) -> np.ndarray:
    if isinstance(variable, (Constant, Shared)) and variable not in values:
        return variable.data
    return values[variable]
