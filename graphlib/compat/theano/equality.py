"""``equal_computations`` and ``is_same_graph``: whether two graphs say the same, operation by operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import InputError
from ...graph import Constant, Variable, clone, toposort
from .tensor import NoneConstant

__all__ = ["equal_computations", "is_same_graph"]


def equal_computations(
    xs: Sequence[Variable],
    ys: Sequence[Variable],
    in_xs: Sequence[Variable] | None = None,
    in_ys: Sequence[Variable] | None = None,
) -> bool:
    """Whether each of ``xs`` is computed as the one of ``ys`` at its place: by the same operations on the
    same inputs or on constants of the same value; inputs ``in_xs`` count as the same as ``in_ys``.

    Errors: InputError where there are not as many of the one as of the other.
    """
    in_xs, in_ys = in_xs or (), in_ys or ()
    nones = [[isinstance(v, NoneConstant) for v in vs] for vs in (xs, ys)]
    if len(xs) == len(ys) and nones[0] != nones[1]:
        return False
    xs, ys = ([v for v in vs if not isinstance(v, NoneConstant)] for vs in (xs, ys))
    if len(xs) != len(ys) or len(in_xs) != len(in_ys):
        raise InputError(
            f"equal_computations: {len(xs)} outputs and {len(ys)}, {len(in_xs)} inputs and {len(in_ys)}"
        )
    if any(x.type != y.type for x, y in zip((*xs, *in_xs), (*ys, *in_ys), strict=True)):
        return False
    known: dict[Any, Any] = {}
    left = _Names(known, dict(zip(in_xs, in_ys, strict=True)))
    right = _Names(known, {y: y for y in in_ys})
    return [left.of(x) for x in xs] == [right.of(y) for y in ys]


class _Names:
    """A number for each variable, the same for all that are computed in the same way."""

    def __init__(self, known: dict[Any, Any], stand_for: Mapping[Variable, Variable]) -> None:
        self.known = known
        self.names: dict[Variable, int] = {}
        for variable, other in stand_for.items():
            self.names[variable] = self._number(other)

    def of(self, variable: Variable) -> int:
        for node in toposort([variable], self.names.keys()):
            operands = tuple(self._leaf(v) for v in node.inputs)
            for v in node.outputs:
                self.names.setdefault(v, self._number((node.op, v.index, operands)))
        return self._leaf(variable)

    def _leaf(self, v: Variable) -> int:
        if v not in self.names:
            is_constant = isinstance(v, Constant)
            self.names[v] = self._number((v.type, v.data.tobytes()) if is_constant else v)
        return self.names[v]

    def _number(self, what: Any) -> int:
        return self.known.setdefault(what, len(self.known))


def is_same_graph(
    var1: Variable,
    var2: Variable,
    givens: Mapping[Variable, Any] | Iterable[tuple[Variable, Any]] | None = None,
    debug: bool = False,
) -> bool:
    """Whether both are computed by the same operations on the same inputs; ``x * y`` and ``y * x`` are not.

    givens: variables to exchange in both, before they are compared.
    """
    exchange = dict(givens or {})
    return equal_computations([clone(var1, exchange)], [clone(var2, exchange)])
