"""Learnt mixtures of an image's rows and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import tensor as T
from ...errors import ShapeError
from ...graph import Variable
from ...tensor import arange, argmax, dot, reshape
from ...tensor import max as max_
from ...tensor import shape as shape_of
from ...tensor import sum as sum_
from ..initializers import Fans, Initializer
from ..registry import register
from ..schema import Count, NotNegative, Positive
from .base import Layer, as_float


@dataclass
class _NearIdentity(Initializer):
    deviation: float

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        return np.eye(*shape) + self.deviation * rng.standard_normal(shape)


@register("layer")
@dataclass(eq=False, repr=False)
class RowColumnMixing(Layer):
    """P X Qᵀ of each image X: every row of the output is a mixture of a few neighbouring rows, and then the
    same of columns: an adaptive blur that can also move (S. Jia's "special pooling layer").

    Which ones are mixed is learnt, P and Q being made of matrices A and B of the same shapes: of each row of
    A the `window` entries around its largest one are kept (fewer at the borders) and scaled to add up to
    `gain`; the others become 0, and so does a row where nothing positive is to be scaled. The gradient goes
    through the entries that are kept and the scaling, not through the choice of the largest.

    The input is (batch, values), those of a square image, (batch, rows, columns) or (batch, channels, rows,
    columns), and so is the output.

    Args:
        window: entries of a row that are kept, an odd number.
        gain: what they add up to.
        deviation: A and B begin as the identity plus normal numbers of this standard deviation.
    """

    window: Count = 5
    gain: Positive = 1.5
    deviation: NotNegative = 0.1

    def build(self, x: Variable) -> None:
        if self.window % 2 == 0:
            raise ShapeError(f"window must be odd, to have an entry in its middle, not {self.window}")
        rows, columns = self._sides(x)
        self.A = self.parameter("A", (rows, rows), _NearIdentity(self.deviation))
        self.B = self.parameter("B", (columns, columns), _NearIdentity(self.deviation))

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        x = as_float(x)
        images = reshape(x, [shape_of(x)[0], *self._sides(x)]) if x.ndim == 2 else x
        columns_mixed = dot(images, self.mixture(self.B).T)
        swapped = [*range(images.ndim - 2), images.ndim - 1, images.ndim - 2]
        mixed = dot(columns_mixed.dimshuffle(*swapped), self.mixture(self.A).T).dimshuffle(*swapped)
        return reshape(mixed, shape_of(x)) if x.ndim == 2 else mixed

    def mixture(self, A: Variable) -> Variable:
        """The matrix P that A stands for."""
        largest = argmax(A, axis=1)
        distance = abs(arange(A.static_shape[0]).dimshuffle("x", 0) - largest.dimshuffle(0, "x"))
        kept = T.switch(T.le(distance, self.window // 2), A, 0)
        total = sum_(kept, axis=1, keepdims=True)
        usable = T.and_(T.gt(max_(A, axis=1, keepdims=True), 0), T.gt(total, 0))
        return T.switch(usable, kept * (self.gain / T.switch(usable, total, 1)), 0)

    def _sides(self, x: Variable) -> tuple[int, int]:
        self.dimensions(x, 2, 3, 4)
        if x.ndim > 2:
            return self.length(x, -2), self.length(x, -1)
        n = self.length(x, 1)
        side = math.isqrt(n)
        if side * side != n:
            raise ShapeError(
                f"{n} values are no square image in {x.describe()}: put Reshape([rows, columns]) before"
            )
        return side, side
