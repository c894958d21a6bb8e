"""``theano.gof``: walking a graph, and what a program's own operations get told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from ...graph import Apply, Constant, Shared, Variable, toposort
from ...graph import ancestors as _ancestors

__all__ = [
    "Apply",
    "Constant",
    "Op",
    "SharedVariable",
    "Variable",
    "ancestors",
    "as_op",
    "inputs",
    "io_toposort",
    "list_of_nodes",
    "variables",
]

SharedVariable = Shared


def inputs(variable_list: Iterable[Variable], blockers: Iterable[Variable] = ()) -> list[Variable]:
    """The variables without owner that a graph starts from, constants and shared variables too."""
    return [v for v in _ancestors(variable_list, tuple(blockers or ())) if v.owner is None]


def ancestors(variable_list: Iterable[Variable], blockers: Iterable[Variable] = ()) -> list[Variable]:
    """All variables that a graph needs, itself included."""
    return _ancestors(variable_list, tuple(blockers or ()))


def variables(i: Sequence[Variable], o: Iterable[Variable]) -> list[Variable]:
    """All variables from ``i`` to ``o``, both included."""
    return list(dict.fromkeys([*i, *_ancestors(o, tuple(i))]))


def io_toposort(i: Sequence[Variable], o: Iterable[Variable]) -> list[Apply]:
    """The nodes from ``i`` to ``o``, each after those it needs."""
    return toposort(o, tuple(i))


list_of_nodes = io_toposort


def _no_own_operation(name: str) -> NoReturn:
    raise NotImplementedError(
        f"{name} is an operation of the program's own, whose Python or C graphlib does not call: a function "
        f"is native code as a whole. Write it with the operations of theano.tensor (gradients come along), "
        f"or add it to graphlib (docs/add-an-op.md)."
    )


class Op:
    """The base of a program's own operations: classes can be defined, but not applied."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> Any:
        _no_own_operation(cls.__name__)


def as_op(itypes: Any, otypes: Any, infer_shape: Any = None) -> Callable[[Callable], Callable]:
    """``as_op`` makes an operation of a Python function; calling it says what to do instead."""

    def decorate(function: Callable) -> Callable:
        return lambda *operands: _no_own_operation(function.__name__)

    return decorate
