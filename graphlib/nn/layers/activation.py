"""Activations as layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...graph import Variable
from ...tensor import gt, switch
from ..registry import register, resolve
from ..schema import Initializer
from .base import Layer, as_float


@register("layer")
@dataclass(eq=False, repr=False)
class Activation(Layer):
    """A function of a variable as a layer, by its name or itself; "linear" leaves the input as it is.

    Args:
        function: such as "relu", {"leaky_relu": {"alpha": 0.2}}, or any function of a variable.
    """

    function: Activation  # the kind of that name, see graphlib.nn.schema

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        function: Callable[[Any], Any] = resolve("activation", self.function)
        return function(x)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask


@register("layer")
@dataclass(eq=False, repr=False)
class PReLU(Layer):
    """x, or alpha x where x is negative, with a slope alpha that is learnt (K. He et al., "Delving deep into
    rectifiers", 2015).

    Args:
        initializer: of alpha.
        shared: one slope for all; else one a channel of images, or one a feature of anything else.
    """

    initializer: Initializer = 0.25
    shared: bool = False

    def build(self, x: Variable) -> None:
        axis = 1 if x.ndim == 4 else -1
        n = 1 if self.shared else self.length(x, axis)
        self.alpha = self.parameter("alpha", (n,), self.initializer)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        x = as_float(x)
        alpha = self.alpha.dimshuffle(0, "x", "x") if x.ndim == 4 else self.alpha
        return switch(gt(x, 0), x, alpha * x)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask
