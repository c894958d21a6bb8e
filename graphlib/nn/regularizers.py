"""Penalties on weights: functions of a parameter, added to the cost to hold it small.

``L1(0.001) + L2(0.0001)`` is both. A layer applies its regularizer to its weights, never to biases, and its
`penalty` is the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Variable
from ..tensor import sqr
from ..tensor import sum as sum_
from .registry import register
from .schema import NotNegative

__all__ = ["L1", "L2", "Regularizer", "Sum"]


class Regularizer:
    """Base of regularizers: called with a parameter, it gives a scalar."""

    def __call__(self, parameter: Variable) -> Variable:
        raise NotImplementedError

    def __add__(self, other: Regularizer) -> Sum:
        if not isinstance(other, Regularizer):
            return NotImplemented
        return Sum([*_terms(self), *_terms(other)])


def _terms(regularizer: Regularizer) -> list:
    return list(regularizer.terms) if isinstance(regularizer, Sum) else [regularizer]


@register("regularizer")
@dataclass
class L1(Regularizer):
    """weight · Σ |w|."""

    weight: NotNegative = 0.01

    def __call__(self, parameter: Variable) -> Variable:
        return self.weight * sum_(abs(parameter))


@register("regularizer")
@dataclass
class L2(Regularizer):
    """weight · Σ w², without a half: its gradient is 2 · weight · w."""

    weight: NotNegative = 0.01

    def __call__(self, parameter: Variable) -> Variable:
        return self.weight * sum_(sqr(parameter))


@register("regularizer")
@dataclass
class Sum(Regularizer):
    """Several regularizers added."""

    terms: list[Regularizer]

    def __call__(self, parameter: Variable) -> Variable:
        total = self.terms[0](parameter)
        for term in self.terms[1:]:
            total = total + term(parameter)
        return total
