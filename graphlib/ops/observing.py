"""Operations that look at a value and hand it on: ``Print`` writes it, ``Assert`` demands something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..graph import TensorType, Variable
from .host import HostOp


class _Observing(HostOp):
    """Its first input, after a look at it in Python."""

    def types(self, x: Variable, *others: Variable) -> list[TensorType]:
        return [x.type]

    def lengths(self, x: Variable, *others: Variable) -> Sequence[Sequence[Any]]:
        return [[x.shape[axis] for axis in range(x.ndim)]]

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | None]:
        return [grads[0], *[None] * (len(inputs) - 1)]


def write_attributes(printing: Print, x: np.ndarray) -> None:
    """Writes the message and each attribute of an array, of methods what they return, to standard output."""
    for name in printing.attrs:
        found = getattr(x, name)
        print(printing.message, name, "=", found() if callable(found) else found)


class Print(_Observing):
    """``Print(message)(x)`` is ``x``, and writes it whenever it is computed.

    attrs: names of what is written of the array. global_fn(printing, array): called in place of that.
    """

    def __init__(
        self,
        message: str = "",
        attrs: Sequence[str] = ("__str__",),
        global_fn: Callable[[Print, np.ndarray], None] = write_attributes,
    ) -> None:
        self.message, self.attrs, self.global_fn = message, tuple(attrs), global_fn

    def compute(self, x: np.ndarray) -> np.ndarray:
        self.global_fn(self, x)
        return x


class Assert(_Observing):
    """``Assert(message)(x, *conditions)`` is ``x``; a call fails with AssertionError where a condition does
    not hold."""

    def __init__(self, msg: str = "an assertion does not hold") -> None:
        self.msg = msg

    def compute(self, x: np.ndarray, *conditions: np.ndarray) -> np.ndarray:
        if not all(np.all(c) for c in conditions):
            raise AssertionError(self.msg)
        return x
