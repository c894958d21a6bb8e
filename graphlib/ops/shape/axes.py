"""Axes in another order, new ones of length 1, and such dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ShapeError
from ...graph import Apply, TensorType, Variable
from ...graph.types import normalize_axis
from ...scalar import expression as ex
from ...scalar.integer import Poly
from ...scalar.lowered import Operand, Pull
from ..op import Op, as_variable, ramp, register_cases
from ..shape_rules import Length, Shapes, known_shape, lowered_shape

if TYPE_CHECKING:
    from ..batch import Batch


class DimShuffle(Op):
    """Axes in another order: ``order`` has the input's axes, and 'x' for a new axis of length 1.

    Axes left out must have length 1.
    """

    takes_complex = "parts"
    view = True

    def __init__(self, order: tuple) -> None:
        self.order = order

    def parameters(self) -> tuple:
        return self.order

    def __repr__(self) -> str:
        return f"dimshuffle{{{', '.join(map(str, self.order))}}}"

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        own = of.shape(x)
        return [1 if a == "x" else own[a] for a in self.order]

    def infer(self, x: Variable) -> list[TensorType]:
        for axis in set(range(x.ndim)) - {a for a in self.order if a != "x"}:
            if x.type.shape[axis] not in (1, None):
                raise ShapeError(
                    f"dimshuffle{self.order}: axis {axis} of {x.describe()} cannot be dropped, its length "
                    f"is not 1"
                )
        return [TensorType(x.dtype, known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,) = node.inputs
        back: list = [self.order.index(a) if a in self.order else "x" for a in range(x.ndim)]
        return [dimshuffle(grads[0], back)]

    def at_all_steps(self, b: Batch) -> Variable:
        return dimshuffle(b.inputs[0], 0, *(a if a == "x" else a + 1 for a in self.order))

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        kept = [a for a in self.order if a != "x"]
        dropped = tuple(a for a in range(x.ndim) if a not in kept)
        moved = x.transpose(*kept, *dropped).reshape([x.shape[a] for a in kept])
        return moved[tuple(None if a == "x" else slice(None) for a in self.order)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        for axis in set(range(x.ndim)) - set(self.order):
            require(
                Poly.of(1),
                x.shape[axis],
                f"dimshuffle{self.order} drops axis {axis} of {{1}}, whose length is {{b}}, not 1",
                (node.outputs[0], x.variable),
            )

        def at(*index: Poly) -> ex.Expr:
            inner: list = [0] * x.ndim
            for i, a in zip(index, self.order, strict=True):
                if a != "x":
                    inner[a] = i
            return x.at(*inner)

        return Pull(lowered_shape(node, operands, require), at)


def dimshuffle(x: Any, *order: Any) -> Variable:
    """Reorder, add ('x') and drop (length 1) axes: ``dimshuffle(x, 0, 'x', 1)`` or ``dimshuffle(x, (0, 'x',
    1))``."""
    x = as_variable(x)
    if len(order) == 1 and isinstance(order[0], (tuple, list)):
        order = tuple(order[0])
    normal = tuple("x" if a == "x" else normalize_axis(int(a), x.ndim, "dimshuffle", x) for a in order)
    kept = [a for a in normal if a != "x"]
    if len(set(kept)) != len(kept):
        raise ShapeError(f"dimshuffle{normal}: an axis may not appear twice")
    if normal == tuple(range(x.ndim)):
        return x
    if x.owner is not None and isinstance(x.owner.op, DimShuffle):
        inner = x.owner.op.order
        return dimshuffle(x.owner.inputs[0], *("x" if a == "x" else inner[a] for a in normal))
    return DimShuffle(normal).make(x)


def transpose(x: Any, *axes: Any) -> Variable:
    """Axes permuted; reversed when none are named."""
    x = as_variable(x)
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        axes = tuple(axes[0]) if axes[0] is not None else ()
    return dimshuffle(x, *(axes or range(x.ndim - 1, -1, -1)))


def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """Two axes exchanged."""
    x = as_variable(x)
    order = list(range(x.ndim))
    a, b = (normalize_axis(a, x.ndim, "swapaxes") for a in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return dimshuffle(x, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Variable:
    """One axis, or each of several, moved to another place."""
    x = as_variable(x)
    sources, destinations = (_axes(a, x.ndim, "moveaxis") for a in (source, destination))
    if len(sources) != len(destinations):
        raise ShapeError(f"moveaxis: there are {len(sources)} axes and {len(destinations)} places for them")
    order = [a for a in range(x.ndim) if a not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return dimshuffle(x, order)


def expand_dims(x: Any, axis: int | Sequence[int]) -> Variable:
    """A new axis of length 1 at ``axis``, or at each of several places of the result."""
    x = as_variable(x)
    count = 1 if isinstance(axis, (int, np.integer)) else len(axis)
    order: list = list(range(x.ndim))
    for place in sorted(_axes(axis, x.ndim + count, "expand_dims")):
        order.insert(place, "x")
    return dimshuffle(x, order)


def _axes(axis: int | Sequence[int], ndim: int, what: str) -> list[int]:
    """One or several axes of ``ndim``, each counted from 0."""
    given = [axis] if isinstance(axis, (int, np.integer)) else list(axis)
    found = [normalize_axis(a, ndim, what) for a in given]
    if len({*found}) != len(found):
        raise ShapeError(f"{what}: an axis is named twice in {tuple(given)}")
    return found


def shape_padleft(x: Any, n_ones: int = 1) -> Variable:
    """``n_ones`` new axes of length 1 in front."""
    x = as_variable(x)
    return dimshuffle(x, ["x"] * n_ones + list(range(x.ndim)))


def shape_padright(x: Any, n_ones: int = 1) -> Variable:
    """``n_ones`` new axes of length 1 at the end."""
    x = as_variable(x)
    return dimshuffle(x, list(range(x.ndim)) + ["x"] * n_ones)


def squeeze(x: Any, axis: Any = None) -> Variable:
    """Axes that are statically 1 dropped (or those named)."""
    x = as_variable(x)
    drop = (
        [i for i, n in enumerate(x.type.shape) if n == 1]
        if axis is None
        else [
            normalize_axis(a, x.ndim, "squeeze")
            for a in (axis if isinstance(axis, (tuple, list)) else [axis])
        ]
    )
    return dimshuffle(x, [i for i in range(x.ndim) if i not in drop])


register_cases(
    "dimshuffle",
    dimshuffle,
    [
        (lambda x: dimshuffle(x, 1, 0), (ramp(3, 4),)),
        (lambda x: dimshuffle(x, "x", 2, 0, "x", 1), (ramp(2, 3, 4),)),
        (lambda x: dimshuffle(x, "x"), (np.array(2.0),)),
        (lambda x: dimshuffle(x, 1, 0), (ramp(0, 4),)),
        (lambda x: dimshuffle(x, 1), (ramp(1, 4),)),
    ],
)
