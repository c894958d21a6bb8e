"""Other variables of a shared variable's value, which a clone that shares no inputs has."""

from __future__ import annotations

from collections.abc import Iterable
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
        self.serial = of.serial
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


def originals(variables: Iterable[Any]) -> dict[Variable, Variable]:
    """What a function reads in place of each alias that ``variables`` need."""
    return {
        v: v.of for v in ancestors([v for v in variables if isinstance(v, Variable)]) if isinstance(v, Alias)
    }
