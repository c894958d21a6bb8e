"""Masks for sequences that have none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ShapeError
from ...graph import Variable
from ...tensor import any as any_
from ...tensor import neq
from ..registry import register
from .base import Layer, without_masked


@register("layer")
@dataclass(eq=False, repr=False)
class Masking(Layer):
    """Makes a mask, (batch, time), for what follows: recurrent layers, pooling over time, losses and metrics
    leave out the steps where it is 0.

    Of one input, (batch, time, features), it is 0 at the steps of which all features are `value`, as those
    that shorter sequences are filled up with. Of two, a sequence and its mask, it is the second: as a mapping
    of "mask" and another name, or in this order.

    Args:
        value: see above.
    """

    value: float = 0.0

    def masked_output(self, x: Any, training: bool, mask: Variable | None) -> tuple:
        if isinstance(x, Variable):
            self.dimensions(x, 3)
            own = any_(neq(x, self.value), axis=2)
        else:
            x, own = self._two(x)
        mask = own if mask is None else own * mask
        return without_masked(x, mask), mask

    def _two(self, x: Any) -> tuple[Variable, Variable]:
        named = isinstance(x, Mapping)
        if len(x) != 2 or (named and "mask" not in x):
            given = ", ".join(map(str, x)) if named else f"{len(x)} of them"
            raise ShapeError(
                f'inputs are a sequence and its mask, by the names "mask" and another, or in this order; not '
                f"{given}"
            )
        if named:
            values, mask = next(each for name, each in x.items() if name != "mask"), x["mask"]
        else:
            values, mask = x
        if mask.ndim != 2 or values.ndim < 2:
            raise ShapeError(
                f"a mask is (batch, time), for a sequence (batch, time, ...), unlike {mask.describe()} for "
                f"{values.describe()}"
            )
        return values, mask
