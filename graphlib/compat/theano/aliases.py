"""Other variables of a shared variable's value, which a clone that shares no inputs has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...graph import Shared, Variable
from ...graph.traverse import ancestors


class Alias(Shared):
    """Another variable of the value of ``of``, as a clone that shares no inputs has: functions read and write
    ``of`` in its place."""

    __slots__ = ("of",)
    #: whether there has been one
    made = False

    def __init__(self, of: Shared) -> None:
        Variable.__init__(self, of.type, name=of.name)
        self.of = of.of if isinstance(of, Alias) else of
        self.serial, self.turn = of.serial, of.turn
        self._default_update = None
        Alias.made = True

    data = property(lambda self: self.of.data, lambda self, array: setattr(self.of, "data", array))

    def present_shape(self) -> tuple[int, ...]:
        return self.of.present_shape()

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        return self.of.get_value(borrow, return_internal_type)

    def set_value(self, value: Any, borrow: bool = False) -> None:
        self.of.set_value(value, borrow)

    def __reduce__(self) -> tuple:
        return Alias, (self.of,)


def without_aliases(
    variables: Iterable[Any], updates: Mapping[Shared, Any], skip: Any
) -> tuple[dict[Variable, Variable], dict[Shared, Any]]:
    """What a function reads in place of each alias, and its updates with those that aliases have by default.

    skip: ``no_default_updates``, whether none are wanted, or of which variables.
    """
    found: dict[Variable, Variable] = {}
    made = {s.of if isinstance(s, Alias) else s: v for s, v in updates.items()}
    pending, seen = [*variables, *made.values()], set()
    while pending:
        new = [v for v in ancestors([v for v in pending if isinstance(v, Variable)]) if v not in seen]
        seen.update(new)
        pending = []
        for v in new:
            if isinstance(v, Alias):
                found[v] = v.of
            update = v.default_update if isinstance(v, Shared) and skip is not True else None
            if update is None or v in (skip or ()):
                continue
            pending.append(update)
            if isinstance(v, Alias):
                made.setdefault(v.of, update)
    return found, made
