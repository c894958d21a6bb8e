"""Embeddings: a learnt vector for each of many things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ...errors import DTypeError, InputError
from ...graph import Shared, Variable
from ...tensor import index, neq
from ...tensor.random import valid
from ..initializers import Given
from ..registry import register
from ..schema import Constraint, Count, Initializer, Range, Regularizer
from .base import Layer


@register("layer")
@dataclass(eq=False, repr=False)
class Embedding(Layer):
    """The rows of a table by their numbers: integers (batch, …) become (batch, …, units).

    Plain SGD and AdaGrad change the rows that were used, and no others.

    Args:
        size: rows of the table, above the greatest number; None for those of a given array.
        units: values of a row; None for those of a given array.
        initializer: of W, (size, units); an array of given vectors, which ``trainable=False`` keeps as they
            are.
        padding: the number that stands for no word: where it is, the mask is 0 that layers behind get.
        regularizer, constraint: of W; of a constraint, ``axis=1`` is a row.

    Errors at the call: IndexError for a number beyond the last row, DomainError for a negative one.
    """

    size: Count | None = None
    units: Count | None = None
    initializer: Initializer = "uniform"
    padding: Annotated[int, Range(0)] | None = None
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.size is None or self.units is None) and len(self._given) != 2:
            raise InputError("Embedding needs size and units, or the vectors themselves as initializer")

    def build(self, x: Variable) -> None:
        self.W = self.parameter(
            "W",
            (self.rows, self.units or self._given[1]),
            self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self.size or self._given[0]

    @property
    def _given(self) -> tuple[int, ...]:
        """The shape of the vectors that are given; () if none are."""
        given = self.initializer
        if isinstance(given, Shared):
            return given.present_shape()
        return tuple(given.shape) if isinstance(given, Given) else np.shape(given)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        if x.type.is_float or x.dtype == "bool":
            raise DTypeError(f"an embedding takes numbers of rows, of an integer dtype, not {x.describe()}")
        if x.dtype.startswith("int"):  # an index would count it from the end
            x = valid(x, "not negative", f"layer {self.label}: the number of a row")
        return index(self.W, x)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        if self.padding is None:
            return mask
        present = neq(x, self.padding)
        return present if mask is None else present * mask
