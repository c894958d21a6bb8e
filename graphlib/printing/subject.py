"""What is to be shown: the one form that variables, lists of them and compiled functions are brought into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..graph import Apply, Shared, Variable, toposort


@runtime_checkable
class Compiled(Protocol):
    """What is shown of a compiled function: ``optimized`` has the outputs, then the values of the updates."""

    inputs: list[Variable]
    outputs: list[Variable]
    updates: list[Shared]
    optimized: list[Variable]
    name: str | None


@dataclass
class Subject:
    """Results to show: ``outputs``, then ``updates`` with their targets.

    ``inputs``: a function's inputs; the graph ends there, also where such a variable has an owner.
    """

    outputs: list[Variable]
    updates: list[tuple[Shared, Variable]] = field(default_factory=list)
    inputs: list[Variable] = field(default_factory=list)
    title: str = ""

    @property
    def results(self) -> list[Variable]:
        return [*self.outputs, *(value for _, value in self.updates)]

    def nodes(self) -> list[Apply]:
        """The nodes in an order in which they can be computed."""
        return toposort(self.results, stop_at=self.inputs)


def subject_of(obj: Any, caller: str) -> Subject:
    """``obj`` as a Subject; of a compiled function its rewritten graph.  TypeError for anything else."""
    if isinstance(obj, Variable):
        return Subject([obj], title=obj.name or "")
    if isinstance(obj, (list, tuple)):
        if not obj:
            raise TypeError(f"{caller}: the list of variables is empty")
        for item in obj:
            if not isinstance(item, Variable):
                raise TypeError(
                    f"{caller}: the list holds {type(item).__name__} {item!r}; it may hold only variables"
                )
        return Subject(list(obj))
    if isinstance(obj, Compiled):
        results = obj.optimized
        count = len(obj.outputs)
        updates = list(zip(obj.updates, results[count:], strict=True))
        return Subject(results[:count], updates, obj.inputs, obj.name or "")
    raise TypeError(
        f"{caller} takes a variable, a list of them or a compiled function, not {type(obj).__name__} {obj!r}"
    )
