"""Layers that only arrange values anew."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...errors import ShapeError
from ...graph import Variable
from ...tensor import dimshuffle, flatten, reshape
from ...tensor import shape as shape_of
from ..registry import register
from ..schema import Count
from .base import Layer


@register("layer")
@dataclass(eq=False, repr=False)
class Flatten(Layer):
    """All axes from one on as a single one: (batch, channels, rows, columns) as (batch, channels · rows ·
    columns).

    Args:
        ndim: dimensions of the output; its first ndim − 1 axes are those of the input.
    """

    ndim: Count = 2

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        if x.ndim < self.ndim:
            raise ShapeError(f"there are not {self.ndim} axes to keep or flatten in {x.describe()}")
        return flatten(x, self.ndim)


@register("layer")
@dataclass(eq=False, repr=False)
class Reshape(Layer):
    """The same values of each example in another shape.

    Args:
        shape: the lengths behind the batch; one may be −1, for what is left.
    """

    shape: tuple[int, ...]

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        wanted = (self.shape,) if isinstance(self.shape, int) else tuple(self.shape)
        unknown = [axis for axis, n in enumerate(wanted) if n == -1]
        if len(unknown) > 1 or any(n < -1 for n in wanted):
            raise ShapeError(f"shape {wanted} may have one −1 and no other negative length")
        lengths = x.static_shape[1:]
        if None not in lengths:
            values, given = math.prod(lengths), math.prod(n for n in wanted if n != -1)
            if (unknown and (given == 0 or values % given)) or (not unknown and values != given):
                raise ShapeError(
                    f"the {values} values of an example of {x.describe()} do not fit shape {wanted}"
                )
            wanted = tuple(values // given if n == -1 else n for n in wanted)
        return reshape(x, [shape_of(x)[0], *wanted])


@register("layer")
@dataclass(eq=False, repr=False)
class Dimshuffle(Layer):
    """The axes in another order, and new ones of length 1.

    Args:
        pattern: an axis of the input, behind the batch and counted from 1, or "x" for a new one, for each
            axis of the output behind the batch: [2, 1] exchanges time and features, ["x", 1, 2] puts a
            channel before them.
    """

    pattern: list[int | str]

    def output(self, x: Variable, training: bool, mask: Variable | None) -> Variable:
        kept = sorted(each for each in self.pattern if each != "x")
        if kept != list(range(1, x.ndim)):
            raise ShapeError(
                f"pattern {list(self.pattern)} must have each axis from 1 to {x.ndim - 1} once, those of "
                f"{x.describe()}"
            )
        return dimshuffle(x, 0, *self.pattern)
