"""Constraints: what becomes of a parameter after each step, ``constraint(new value) -> allowed value``.

Norms are Euclidean, over the weights that come into a unit: of a matrix (in, out) its columns, of filters
(out, in, rows, columns) all axes but the first; `axis` names others, such as 1 for the rows of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import tensor as T
from ..graph import Variable
from ..tensor import sum as sum_
from .registry import register
from .schema import Positive

__all__ = ["Constraint", "MaxNorm", "NonNegative", "UnitNorm"]

_TINY = 1e-7  # below any weight that matters: a unit without weights stays one


class Constraint:
    """Base of constraints: called with the new value of a parameter, it gives an allowed one."""

    def __call__(self, value: Variable) -> Variable:
        raise NotImplementedError


def _norms(value: Variable, axis: int | Sequence[int] | None) -> Variable:
    """The length of each unit's weights, with length 1 along the axes that it is taken over."""
    if axis is None:
        axis = tuple(range(1, value.ndim)) if value.ndim > 2 else 0
    axis = (axis,) if isinstance(axis, int) else tuple(axis)
    return T.sqrt(sum_(T.sqr(value), axis=axis, keepdims=True))


@register("constraint")
@dataclass
class MaxNorm(Constraint):
    """Weights that are longer than `limit` are shortened to it (N. Srebro and A. Shraibman, 2005)."""

    limit: Positive = 2.0
    axis: int | list[int] | None = None

    def __call__(self, value: Variable) -> Variable:
        # the norm itself may be 0, whose quotient has no value
        return value * (self.limit / T.maximum(_norms(value, self.axis), self.limit))


@register("constraint")
@dataclass
class UnitNorm(Constraint):
    """Weights are made 1 long."""

    axis: int | list[int] | None = None

    def __call__(self, value: Variable) -> Variable:
        return value / T.maximum(_norms(value, self.axis), _TINY)


@register("constraint")
@dataclass
class NonNegative(Constraint):
    """Negative weights become 0."""

    def __call__(self, value: Variable) -> Variable:
        return T.maximum(value, 0)
