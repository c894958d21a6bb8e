"""Exchanging variables inside a graph that the user wrote, with gradients that were derived from it.

``T.grad`` differentiates a stable form of the graph, in which a variable of the user's may have been seen
through: the gradient of log(h) with h = sigmoid(x) is computed of x.  Where h is exchanged for something
else, that would be the gradient of another graph.  So gradients have a second form, which sees through
nothing and is only made where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from . import traverse
from .variable import Variable

#: of what was computed when it was written, what it was written from
_written: WeakKeyDictionary[Variable, tuple[Variable, ...]] = WeakKeyDictionary()
#: of a gradient, what makes the form that sees through nothing
_literal: WeakKeyDictionary[Variable, Callable[[], Variable]] = WeakKeyDictionary()


def note_literal(variables: Sequence[Variable | None], make: Callable[[], Sequence[Variable | None]]) -> None:
    """Says that ``make`` gives other forms of ``variables``, in their order, that see through nothing."""
    made: list[Sequence[Variable | None]] = []

    def form(position: int) -> Variable:
        if not made:
            made.append(make())
        return made[0][position]

    for position, v in enumerate(variables):
        if v is not None and v.owner is not None:
            _literal[v] = lambda position=position: form(position)


def note_written(variables: Iterable[Variable | None], sources: Sequence[Variable]) -> None:
    """Says that ``variables`` were written as functions of ``sources``, of which nothing may be left in their
    graphs, as of x in the gradient of 2 x."""
    sources = tuple(sources)
    for v in variables:
        if v is not None:
            _written[v] = sources


def written_from(variables: Iterable[Variable]) -> set[Variable]:
    """All that the user's expressions for ``variables`` name, also where the graphs do without it."""
    pending, found = list(variables), set()
    while pending:
        new = [v for v in traverse.ancestors(pending, stop_at=found) if v not in found]
        found.update(new)
        # all gradients of a cost are written from the same
        written = {id(sources): sources for sources in map(_written.get, new) if sources}
        pending = [source for sources in written.values() for source in sources]
    return found


def literal(variables: Iterable[Variable]) -> list[Variable]:
    """``variables`` with all gradients that they are computed from in the form that sees through nothing."""
    variables = list(variables)
    found = {v: _literal[v]() for v in traverse.ancestors(variables) if v in _literal}
    return traverse.clone(variables, found) if found else variables


def clone(outputs: Any, replace: Mapping[Variable, Variable] | None = None) -> Any:
    """Copies of ``outputs`` (a list, or one variable) with the keys of ``replace`` exchanged for its values,
    as if they, and the gradients in them, had been written with these.

    All are exchanged at once.  Parts of the graph that no replacement reaches are shared, not copied.
    """
    if isinstance(outputs, Variable):
        return clone([outputs], replace)[0]
    outputs = list(outputs)
    if any(v.owner is not None for v in replace or ()):
        outputs = literal(outputs)
    return traverse.clone(outputs, replace)
