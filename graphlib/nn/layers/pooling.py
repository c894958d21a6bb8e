"""Pooling: maxima and means of windows, and of all places or all of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...graph import Variable
from ...tensor import max as max_
from ...tensor import mean, pool_2d, switch
from ...tensor import sum as sum_
from ..registry import register
from ..schema import Count
from .base import Layer, as_float
from .convolution import pair


@dataclass(eq=False, repr=False)
class Pool2D(Layer):
    """Windows over the last two axes: rows and columns of images, or time and features of sequences, of which
    ``size=(2, 1)`` pools over time.

    Args:
        size: rows and columns of a window, or one number for both.
        stride: rows and columns between windows; None for the window's.
        padding: rows and columns around the image, less than the window's, which never count.
        partial: whether windows that reach over the right and lower border count, with what is inside; only
            without padding.
    """

    size: Count | tuple[Count, Count] = 2
    stride: Count | tuple[Count, Count] | None = None
    padding: int | tuple[int, int] = 0
    partial: bool = False

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 3, 4)
        return pool_2d(
            as_float(x),
            ws=pair(self.size),
            stride=None if self.stride is None else pair(self.stride),
            pad=pair(self.padding),
            ignore_border=not self.partial,
            mode=self._mode,
        )


@register("layer")
class MaxPool2D(Pool2D):
    """The maximum of windows; see `Pool2D`."""

    _mode = "max"


@register("layer")
class AveragePool2D(Pool2D):
    """The mean of windows, without what is padding; see `Pool2D`."""

    _mode = "average_exc_pad"


@register("layer")
@dataclass(eq=False, repr=False)
class GlobalAveragePool(Layer):
    """The mean of each channel of images over rows and columns, or of each feature of sequences over time:
    (batch, channels) or (batch, features).

    With a mask, (batch, time), the mean over the steps where it is not 0; 0 where it is 0 everywhere.
    """

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 3, 4)
        x = as_float(x)
        if mask is None or x.ndim == 4:
            return mean(x, axis=(2, 3) if x.ndim == 4 else 1)
        weights = mask.astype(x.dtype)
        steps = sum_(weights, axis=1)
        steps = switch(steps > 0, steps, 1)
        return sum_(x * weights.dimshuffle(0, 1, "x"), axis=1) / steps.dimshuffle(0, "x")


@register("layer")
@dataclass(eq=False, repr=False)
class GlobalMaxPool(Layer):
    """The maximum of each channel of images over rows and columns, or of each feature of sequences over time:
    (batch, channels) or (batch, features).

    With a mask, (batch, time), the maximum over the steps where it is not 0; −inf where it is 0 everywhere.
    """

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 3, 4)
        x = as_float(x)
        if x.ndim == 4:
            return max_(x, axis=(2, 3))
        if mask is not None:
            x = switch(mask.dimshuffle(0, 1, "x"), x, -np.inf)
        return max_(x, axis=1)
