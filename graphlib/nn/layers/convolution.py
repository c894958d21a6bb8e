"""Convolutions with learnt filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import ShapeError
from ...graph import Variable
from ...tensor import conv2d
from ..registry import register, resolve
from ..schema import Activation, Constraint, Count, Initializer, Regularizer
from .base import Layer, as_float


@register("layer")
@dataclass(eq=False, repr=False)
class Conv2D(Layer):
    """activation(x * W + b), images (batch, channels, rows, columns) convolved with learnt filters: (batch,
    filters, rows, columns), of as many rows and columns as the filters have places.

    Args:
        filters: how many.
        size: rows and columns of a filter, or one number for both.
        activation: a function of a variable, or its name; None for none.
        stride: rows and columns between places.
        padding: "valid" (a filter lies within the image), "same" (it is centred on each pixel, which takes
            odd filters), "full" (it overlaps the image by one pixel at least), or rows and columns of zeros
            around the image.
        dilation: rows and columns between the pixels that a filter sees.
        flip: whether filters are flipped, as in mathematics and in ``T.nnet.conv2d``; False for a
            correlation, as Keras and PyTorch have it.
        initializer: of W, (filters, channels, rows, columns), with n_in = channels · rows · columns and
            n_out = filters · rows · columns.
        bias: initializer of b, (filters,); None for no b.
        regularizer, constraint: of W.
    """

    filters: Count
    size: Count | tuple[Count, Count] = 3
    activation: Activation | None = None
    stride: Count | tuple[Count, Count] = 1
    padding: Literal["valid", "same", "full"] | int | tuple[int, int] = "valid"
    dilation: Count | tuple[Count, Count] = 1
    flip: bool = True
    initializer: Initializer = "glorot_uniform"
    bias: Initializer | None = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def build(self, x: Variable) -> None:
        self.dimensions(x, 4)
        size = pair(self.size)
        if self.padding == "same" and any(n % 2 == 0 for n in size):
            raise ShapeError(f"padding='same' takes filters with a pixel in the middle, not of {size}")
        reach = [(n - 1) * step + 1 for n, step in zip(size, pair(self.dilation), strict=True)]
        fits = all(n is None or n >= k for n, k in zip(x.type.shape[2:], reach, strict=True))
        if self.padding == "valid" and not fits:
            raise ShapeError(
                f"filters over {reach[0]} rows and {reach[1]} columns do not fit into the images "
                f"{x.describe()}, which are (batch, channels, rows, columns): padding= puts zeros around "
                f"them; where channels come last, x.transpose(0, 3, 1, 2) puts them first"
            )
        self.W = self.parameter(
            "W",
            (self.filters, self.length(x, 1), *size),
            self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.b = None if self.bias is None else self.parameter("b", (self.filters,), self.bias)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 4)
        y = conv2d(
            as_float(x),
            self.W,
            border_mode="half" if self.padding == "same" else self.padding,
            subsample=pair(self.stride),
            filter_dilation=pair(self.dilation),
            filter_flip=self.flip,
        )
        y = y if self.b is None else y + self.b.dimshuffle("x", 0, "x", "x")
        return y if self.activation is None else resolve("activation", self.activation)(y)


@register("layer")
@dataclass(eq=False, repr=False)
class Conv1D(Layer):
    """activation(x * W + b) over time: sequences (batch, time, features) convolved with learnt filters that
    see `size` steps of all features: (batch, time, filters), of as many steps as the filters have places.

    With a mask, what comes after a sequence's end counts as zeros.

    Args:
        filters: how many.
        size: steps that a filter sees.
        activation: a function of a variable, or its name; None for none.
        stride: steps between places.
        padding: "valid", "same", "full" or steps of zeros before and after, see `Conv2D`.
        dilation: steps between those that a filter sees.
        initializer: of W, (filters, features, size), with n_in = features · size and n_out = filters · size;
            W[:, :, 0] meets the earliest step.
        bias: initializer of b, (filters,); None for no b.
        regularizer, constraint: of W.
    """

    filters: Count
    size: Count = 3
    activation: Activation | None = None
    stride: Count = 1
    padding: Literal["valid", "same", "full"] | int = "valid"
    dilation: Count = 1
    initializer: Initializer = "glorot_uniform"
    bias: Initializer | None = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    def build(self, x: Variable) -> None:
        self.dimensions(x, 3)
        if self.padding == "same" and self.size % 2 == 0:
            raise ShapeError(f"padding='same' takes filters with a step in the middle, not of {self.size}")
        self.W = self.parameter(
            "W",
            (self.filters, self.length(x, 2), self.size),
            self.initializer,
            regularizer=self.regularizer,
            constraint=self.constraint,
        )
        self.b = None if self.bias is None else self.parameter("b", (self.filters,), self.bias)

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        self.dimensions(x, 3)
        x = as_float(x)
        if mask is not None:
            x = x * mask.astype(x.dtype).dimshuffle(0, 1, "x")
        border: str | tuple[int, int]
        if self.padding == "full":
            border = ((self.size - 1) * self.dilation, 0)
        elif isinstance(self.padding, int):
            border = (self.padding, 0)
        else:
            border = ((self.size - 1) * self.dilation // 2, 0) if self.padding == "same" else "valid"
        # features as channels, so that a filter has a single column
        y = conv2d(
            x.dimshuffle(0, 2, 1, "x"),
            self.W.dimshuffle(0, 1, 2, "x"),
            border_mode=border,
            subsample=(self.stride, 1),
            filter_dilation=(self.dilation, 1),
            filter_flip=False,
        )
        y = y.dimshuffle(0, 2, 1, 3)[:, :, :, 0]
        y = y if self.b is None else y + self.b
        return y if self.activation is None else resolve("activation", self.activation)(y)

    def output_mask(self, x: Variable, mask: Variable | None) -> Variable | None:
        # as many steps as before only here
        return mask if self.padding == "same" and self.stride == 1 else None


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns, of one number for both."""
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
