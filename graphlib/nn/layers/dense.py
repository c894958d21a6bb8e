"""Fully connected layers, whose weights are matrices (in, out)."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Variable
from ...tensor import dot, reshape
from ...tensor import max as max_
from ...tensor import shape as shape_of
from ..registry import register, resolve
from ..schema import Activation, Constraint, Count, Initializer, Regularizer
from .base import Layer, as_float


@register("layer")
@dataclass(eq=False, repr=False)
class Dense(Layer):
    """activation(x W + b), of the last axis: (batch, …, n_in) becomes (batch, …, units).

    Args:
        units: values of the output.
        activation: a function of a variable, or its name; None for none.
        initializer: of W, (n_in, units).
        bias: initializer of b, (units,); None for no b.
        regularizer, constraint: of W.
    """

    units: Count
    activation: Activation | None = None
    initializer: Initializer = "glorot_uniform"
    bias: Initializer | None = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def build(self, x: Variable) -> None:
        self.W = self.parameter(
            "W",
            (self.length(x, -1), self.units),
            self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.b = None if self.bias is None else self.parameter("b", (self.units,), self.bias)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        linear = dot(as_float(x), self.W)
        linear = linear if self.b is None else linear + self.b
        return linear if self.activation is None else resolve("activation", self.activation)(linear)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask


@register("layer")
@dataclass(eq=False, repr=False)
class Maxout(Layer):
    """The largest of several linear units: max over p of x W_p + b_p, (batch, …, n_in) becomes
    (batch, …, units) (I. Goodfellow et al., "Maxout networks", 2013).

    Args:
        units: values of the output.
        pieces: linear units of each.
        initializer: of W, (n_in, units · pieces), the pieces of a unit side by side.
        bias: initializer of b, (units · pieces,); None for no b.
        regularizer, constraint: of W.
    """

    units: Count
    pieces: Count = 2
    initializer: Initializer = "glorot_uniform"
    bias: Initializer | None = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def build(self, x: Variable) -> None:
        n_in, width = self.length(x, -1), self.units * self.pieces
        self.W = self.parameter(
            "W",
            (n_in, width),
            self.initializer,
            fans=(n_in, self.units),
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.b = None if self.bias is None else self.parameter("b", (width,), self.bias)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        linear = dot(as_float(x), self.W)
        linear = linear if self.b is None else linear + self.b
        *lead, _ = shape_of(linear)
        return max_(reshape(linear, [*lead, self.units, self.pieces]), axis=-1)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask
