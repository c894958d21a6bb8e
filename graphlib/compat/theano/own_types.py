"""Types of a program's own, ``theano.gof.Type``: variables of them hold what Python objects a program likes.

Nothing of them is compiled: a function with such a variable runs its nodes one by one, by their ``perform``.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from ...errors import InputError
from ...graph import Constant, Shared, TensorType, Variable, toposort
from ...graph.traverse import ancestors
from ...ops.op import by_reference

__all__ = ["Generic", "GenericShared", "Type", "generic"]


class _Types(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        own = type.__instancecheck__(cls, candidate)
        return own or (cls.__name__ == "Type" and isinstance(candidate, TensorType))


class Type(metaclass=_Types):
    """A type of a program's own: derive from it, with ``filter(data, strict, allow_downcast)``, which gives
    what a variable holds of what it is given, or raises TypeError.

    ``theano.Type`` has tensors' types among its instances, too.
    """

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        raise NotImplementedError(f"{type(self).__name__} needs filter(data, strict, allow_downcast)")

    def is_valid_value(self, a: Any) -> bool:
        """Whether ``filter`` takes it as it is."""
        try:
            self.filter(a, strict=True)
        except (TypeError, ValueError):
            return False
        return True

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether two values are the same."""
        return a == b

    def values_eq_approx(self, a: Any, b: Any) -> bool:
        """Whether two values are close."""
        return self.values_eq(a, b)

    def make_variable(self, name: str | None = None) -> Variable:
        """A variable of this type."""
        return Variable(self, name=name)  # type: ignore[arg-type]

    def __call__(self, name: str | None = None) -> Variable:
        return self.make_variable(name)

    def accepts(self, other: Any) -> bool:
        """Whether a variable of type ``other`` may stand where one of this is."""
        return self == other


class Generic(Type):
    """The type of any object."""

    def filter(self, data: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        return data

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __str__(self) -> str:
        return type(self).__name__.lower()


generic = Generic()


class GenericShared(Variable):
    """A Python object that is kept between calls of functions, as ``theano.shared`` makes of what is no
    array and no number."""

    def __init__(self, value: Any, name: str | None = None) -> None:
        super().__init__(generic, name=name)  # type: ignore[arg-type]
        self._value = value

    default_update = None

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Any:
        """The object, a copy of it unless ``borrow``."""
        return self._value if borrow else deepcopy(self._value)

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Another object."""
        self._value = value if borrow else deepcopy(value)

    def __reduce__(self) -> tuple:
        return GenericShared, (self._value, self.name)


def is_own(v: Any) -> bool:
    """Whether a variable is of a program's own type."""
    return isinstance(v, Variable) and not isinstance(v.type, TensorType)


def any_own(outputs: Sequence[Any]) -> bool:
    """Whether such a variable occurs in the graph of ``outputs``."""
    return any(map(is_own, ancestors([v for v in outputs if isinstance(v, Variable)])))


class PythonFunction:
    """A function on Python's objects, node by node.

    Errors: InputError for graphs that need more than the inputs.
    """

    def __init__(
        self, inputs: Sequence[Any], outputs: Any, updates: Any = None, name: str | None = None
    ) -> None:
        self.name = name
        self.updates = dict(updates or {})
        self.inputs = [getattr(item, "variable", item) for item in inputs]
        self._values = [getattr(item, "value", None) for item in inputs]
        self._single = isinstance(outputs, Variable)
        self.outputs = [outputs] if self._single else list(outputs or [])
        self._new = [v if isinstance(v, Variable) else None for v in self.updates.values()]
        results = [*self.outputs, *(v for v in self._new if v is not None)]
        self._order = toposort(results, tuple(self.inputs))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        given = [*arguments, *self._values[len(arguments) :]]
        names = [v.name for v in self.inputs]
        for name, value in named.items():
            if names.count(name) != 1:
                raise InputError(f"the function has no input, or several, called {name!r}")
            given[names.index(name) :] = [value, *given[names.index(name) + 1 :]]
        if len(given) != len(self.inputs) or any(value is None for value in given):
            raise InputError(f"{len(self.inputs)} inputs are needed, {len(arguments)} were given")
        values: dict[Variable, Any] = {}
        for v, value in zip(self.inputs, given, strict=True):
            values[v] = v.type.filter(value) if is_own(v) else v.type.convert(value)
        for node in self._order:
            operands = [self._of(v, values) for v in node.inputs]
            if hasattr(node.op, "perform"):
                storage: list[list] = [[None] for _ in node.outputs]
                node.op.perform(node, operands, storage)
                made = [cell[0] for cell in storage]
            else:
                made = list(by_reference(node, operands))
            values.update(zip(node.outputs, made, strict=True))
        found = [self._of(v, values) for v in self.outputs]
        new = [
            value if v is None else self._of(v, values)
            for v, value in zip(self._new, self.updates.values(), strict=True)
        ]
        for target, value in zip(self.updates, new, strict=True):
            target.set_value(value)
        return found[0] if self._single else found

    @staticmethod
    def _of(v: Variable, values: dict[Variable, Any]) -> Any:
        if v not in values and isinstance(v, (Constant, Shared)):
            return np.asarray(v.data)
        if v not in values and isinstance(v, GenericShared):
            return v.get_value(borrow=True)
        if v not in values:
            raise InputError(f"the outputs depend on {v}, which is no input")
        return values[v]
