"""``theano.tensor.signal.conv``: images and filters without channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ShapeError
from ...graph import Variable
from ...ops.op import as_variable
from ...tensor import nnet


def conv2d(
    input: Any,
    filters: Any,
    image_shape: Sequence[Any] | None = None,
    filter_shape: Sequence[Any] | None = None,
    border_mode: str = "valid",
    subsample: Sequence[int] = (1, 1),
    **unrolling: Any,
) -> Variable:
    """``T.signal.conv.conv2d``: images ([n,] rows, columns) with filters ([f,] rows, columns), all with all:
    ([n,] [f,] rows, columns)."""
    x, w = as_variable(input), as_variable(filters)
    if x.ndim not in (2, 3) or w.ndim not in (2, 3):
        raise ShapeError(
            f"T.signal.conv.conv2d takes two or three dimensions, not {x.describe()}, {w.describe()}"
        )
    images = x.dimshuffle(*(("x", "x", 0, 1) if x.ndim == 2 else (0, "x", 1, 2)))
    kernels = w.dimshuffle(*(("x", "x", 0, 1) if w.ndim == 2 else (0, "x", 1, 2)))
    shapes: list[Any] = [None, None]
    for k, (shape, v) in enumerate(((image_shape, x), (filter_shape, w))):
        if shape is not None:
            shapes[k] = (1 if v.ndim == 2 else shape[0], 1, *shape[-2:])
    y = nnet.conv2d(images, kernels, *shapes, border_mode, subsample)
    kept = [0] * (x.ndim == 3) + [1] * (w.ndim == 3)
    return y.dimshuffle(*kept, 2, 3) if len(kept) < 2 else y
