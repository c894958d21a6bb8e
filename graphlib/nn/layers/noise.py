"""Noise while training: layers that give their input as it is afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from ... import tensor as T
from ...distributed import draw
from ...graph import Variable
from ...graph.types import normalize_axes
from ...tensor import shape as shape_of
from ..registry import register
from ..schema import NotNegative, Rate
from .base import Layer, as_float


@register("layer")
@dataclass(eq=False, repr=False)
class Dropout(Layer):
    """While training each value is 0 with probability `rate`, and the others are divided by 1 − rate, so that
    nothing is left to do afterwards (N. Srivastava et al., "Dropout", 2014, section 10).

    Args:
        rate: the share that is dropped.
        shared_axes: axes along which values are dropped together, such as (2, 3) for whole maps of images, or
            1 for the same features at all times.
    """

    rate: Rate = 0.5
    shared_axes: int | list[int] | None = None

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        x = as_float(x)
        if not training or self.rate == 0:
            return x
        keep = 1 - self.rate
        axes = () if self.shared_axes is None else self.shared_axes
        together = normalize_axes(axes, x.ndim, "shared_axes")
        size = [1 if axis in together else n for axis, n in enumerate(shape_of(x))]
        kept = draw(lambda size: self.streams.binomial(size=size, n=1, p=keep, dtype=x.dtype), size)
        return T.switch(kept, x / keep, 0)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask


@register("layer")
@dataclass(eq=False, repr=False)
class GaussianNoise(Layer):
    """While training a normal number of mean 0 is added to each value.

    Args:
        std: its standard deviation.
    """

    std: NotNegative = 0.1

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        x = as_float(x)
        if not training or self.std == 0:
            return x
        noise = draw(
            lambda size: self.streams.normal(size=size, std=self.std, dtype=x.dtype), list(shape_of(x))
        )
        return x + noise

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        return mask
