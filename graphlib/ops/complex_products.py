"""Products of complex numbers along an axis, by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph import TensorType, Variable
from .complex_numbers import conj
from .host import HostOp
from .op import NoGradient
from .shape import dimshuffle, reshape, shape_of


class Product(HostOp):
    """The product of the last axis."""

    def parameters(self) -> tuple:
        return ()

    def __repr__(self) -> str:
        return "prod"

    def types(self, z: Variable) -> list[TensorType]:
        return [TensorType(z.dtype, z.type.shape[:-1])]

    def lengths(self, z: Variable) -> list[list[Any]]:
        return [list(shape_of(z)[:-1])]

    def compute(self, z: np.ndarray) -> Any:
        return z.prod(axis=-1)

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | NoGradient | None]:
        (g,) = grads
        return [dimshuffle(g, *range(g.ndim), "x") * conj(Others()(inputs[0]))]


class Others(HostOp):
    """Of each element along the last axis the product of the others."""

    def parameters(self) -> tuple:
        return ()

    def __repr__(self) -> str:
        return "prod of the others"

    def types(self, z: Variable) -> list[TensorType]:
        return [z.type]

    def lengths(self, z: Variable) -> list[list[Any]]:
        return [list(shape_of(z))]

    def compute(self, z: np.ndarray) -> Any:
        before, after = np.ones_like(z), np.ones_like(z)
        before[..., 1:] = z[..., :-1].cumprod(axis=-1)
        after[..., :-1] = z[..., :0:-1].cumprod(axis=-1)[..., ::-1]
        return before * after

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | NoGradient | None]:
        return [NoGradient("the second derivative of a product of complex numbers is not there")]


def complex_prod(z: Variable, axes: tuple[int, ...], keepdims: bool) -> Variable:
    """The product over some axes."""
    kept = [a for a in range(z.ndim) if a not in axes]
    behind = dimshuffle(z, *kept, *axes)
    lengths = shape_of(behind)
    count: Any = 1
    for n in lengths[len(kept) :]:
        count = count * n
    made = Product()(reshape(behind, (*lengths[: len(kept)], count)))
    places = iter(range(len(kept)))
    return (
        dimshuffle(made, *("x" if a in axes else next(places) for a in range(z.ndim))) if keepdims else made
    )
