"""Theano's operations of pooling, as programs make them: ``Pool`` and its gradients, from which the engine's
gradients are taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...gradient import Lop, Rop
from ...graph import Variable
from ...ops.elementwise import cast
from ...ops.op import as_variable
from ...ops.pool_functions import MODES, Arguments, axis_lengths, missing
from ...ops.windows import Places
from ...tensor.signal import pool as engine


class _Pooling:
    """Settings of an operation, and the pooling that they are of."""

    def __init__(
        self, ignore_border: bool = False, mode: str = "max", ndim: int = 2, openmp: bool | None = None
    ) -> None:
        mode = "max" if mode == "max_deterministic" else mode
        if mode not in MODES:
            raise ShapeError(f"Pool: mode must be one of {MODES}, not {mode!r}")
        if ndim not in (1, 2, 3):
            raise ShapeError(f"Pool: ndim must be 1, 2 or 3, not {ndim!r}")
        self.ignore_border, self.mode, self.ndim = ignore_border, mode, ndim

    def pooled(self, x: Any, ws: Any, stride: Any, pad: Any) -> Variable:
        x = as_variable(x)
        y = Arguments(self.ndim, x, ws, self.ignore_border, stride, pad, self.mode).pooled()
        # an average of integers is one, without what is behind the point
        return cast(y, x.dtype) if self.mode.startswith("average") and not x.type.is_float else y


class Pool(_Pooling):
    """``Pool(ignore_border, mode, ndim)(x, ws, stride, pad)``: ``pool_2d`` and the like."""

    def __call__(self, x: Any, ws: Any, stride: Any = None, pad: Any = None) -> Variable:
        return self.pooled(x, ws, stride, pad)

    @staticmethod
    def out_shape(
        imgshape: Sequence[Any],
        ws: Any = None,
        ignore_border: bool = False,
        stride: Any = None,
        pad: Any = None,
        ndim: int = 2,
        ds: Any = None,
        st: Any = None,
        padding: Any = None,
    ) -> list[Any]:
        """The shape of what pooling an image of that shape gives: numbers or scalars of a graph."""
        window = axis_lengths(ws if ds is None else ds, ndim, "out_shape: ws", 1)
        stride = stride if st is None else st
        step = window if stride is None else axis_lengths(stride, ndim, "out_shape: stride", 1)
        pad = pad if padding is None else padding
        around = axis_lengths(0 if pad is None else pad, ndim, "out_shape: pad", 0)
        shape = list(imgshape)
        for k in range(ndim):
            n = shape[len(imgshape) - ndim + k] + 2 * around[k]
            beyond = 0 if ignore_border else missing(n, window[k], step[k])
            shape[len(imgshape) - ndim + k] = Places()(n + beyond, window[k], step[k])
        return [int(n) if isinstance(n, np.integer) else n for n in shape]


class MaxPoolGrad(_Pooling):
    """``MaxPoolGrad(ignore_border, ndim)(x, maxout, gz, ws, stride, pad)``: what comes to each window goes to
    the places of its maximum in x; ``maxout`` is the pooled x."""

    def __init__(self, ignore_border: bool, ndim: int = 2, openmp: bool | None = None) -> None:
        super().__init__(ignore_border, "max", ndim)

    def __call__(
        self, x: Any, maxout: Any, gz: Any, ws: Any, stride: Any = None, pad: Any = None
    ) -> Variable:
        x = as_variable(x)
        return Lop(self.pooled(x, ws, stride, pad), x, gz)


class AveragePoolGrad(_Pooling):
    """``AveragePoolGrad(ignore_border, mode, ndim)(x, gz, ws, stride, pad)``: the gradient of a sum or
    average."""

    def __init__(self, ignore_border: bool, mode: str = "average_inc_pad", ndim: int = 2) -> None:
        super().__init__(ignore_border, mode, ndim)

    def __call__(self, x: Any, gz: Any, ws: Any, stride: Any = None, pad: Any = None) -> Variable:
        x = as_variable(x)
        return Lop(self.pooled(x, ws, stride, pad), x, gz)


class DownsampleFactorMaxGradGrad(_Pooling):
    """``DownsampleFactorMaxGradGrad(ignore_border)(x, maxout, v, ws, stride, pad)``: of each window
    what v has where x has its maximum."""

    def __call__(self, x: Any, maxout: Any, v: Any, ws: Any, stride: Any = None, pad: Any = None) -> Variable:
        x = as_variable(x)
        return Rop(self.pooled(x, ws, stride, pad), x, v)


class MaxPoolRop(_Pooling):
    """``MaxPoolRop(ignore_border)(x, v, ws, stride, pad)``: the maximum's derivative in the direction v."""

    def __call__(self, x: Any, v: Any, ws: Any, stride: Any = None, pad: Any = None) -> Variable:
        x = as_variable(x)
        return Rop(self.pooled(x, ws, stride, pad), x, v)


def _of_integers(function: Any) -> Any:
    def pooled(input: Any, *arguments: Any, **options: Any) -> Variable:
        y, x = function(input, *arguments, **options), as_variable(input)
        return y if x.type.is_float or x.dtype == "bool" else cast(y, x.dtype)

    pooled.__name__, pooled.__doc__ = function.__name__, function.__doc__
    return pooled


pool_2d, pool_3d = _of_integers(engine.pool_2d), _of_integers(engine.pool_3d)
PoolGrad = _Pooling
DownsampleFactorMax = Pool
max_pool_2d_same_size = engine.max_pool_2d_same_size
