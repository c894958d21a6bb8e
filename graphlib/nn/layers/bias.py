"""A learnt term on its own, for where it does not follow the weights at once."""

from __future__ import annotations

from dataclasses import dataclass

from ...graph import Variable
from ..registry import register, resolve
from ..schema import Activation, Initializer
from .base import Layer, as_float


@register("layer")
@dataclass(eq=False, repr=False)
class Bias(Layer):
    """activation(x + b), with one term for each feature, or each channel of images.

    Behind max-pooling, ``Conv2D(…, bias=None)``, ``MaxPool2D(…)``, ``Bias("tanh")`` is worth what a
    convolution with bias and activation is before it, and is less work.

    Args:
        activation: a function of a variable, or its name; None for none.
        initializer: of b, (features,) or (channels,).
    """

    activation: Activation | None = None
    initializer: Initializer = 0.0

    def build(self, x: Variable) -> None:
        self.b = self.parameter("b", (self.length(x, 1 if x.ndim == 4 else -1),), self.initializer)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        b = self.b.dimshuffle("x", 0, "x", "x") if x.ndim == 4 else self.b
        y = as_float(x) + b
        return y if self.activation is None else resolve("activation", self.activation)(y)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask
