"""What users call of pooling: along one to three axes, with borders, averages of what is inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import BorderError, RankError, ShapeError
from ..graph import Variable
from ..graph.types import FLOATS
from ..graph.variable import warn_user
from .create import arange, full
from .elementwise import cast, ge, maximum, minimum, switch
from .op import NUMBERS, Sample, as_variable, ramp, register
from .pool import Pool, PoolPick, PoolScatter
from .shape import dimshuffle, shape_i
from .shape_rules import constant_int
from .windows import whole_numbers
from .write import set_subtensor

MODES = ("max", "sum", "average_inc_pad", "average_exc_pad")


def _one_of(what: str, names: str, *values: Any) -> Any:
    given = [v for v in values if v is not None]
    if len(given) > 1:
        raise ShapeError(f"{what}: {names} are names of the same; give one of them")
    return given[0] if given else None


def axis_lengths(value: Any, count: int, what: str, least: int) -> list[Any]:
    """Numbers, or int64 scalars, for each axis: of a number, of several or of a vector variable."""
    if isinstance(value, Variable) and value.ndim == 1:
        value = [value[i] for i in range(count)]
    symbolic = isinstance(value, (tuple, list)) and any(isinstance(v, Variable) for v in value)
    if not symbolic:
        return list(whole_numbers(value, count, what, least))
    if len(value) != count:
        raise ShapeError(f"{what} must have {count} lengths, not {value!r}")
    return [
        cast(n, "int64") if constant_int(n) is None else whole_numbers(constant_int(n), 1, what, least)[0]
        for n in value
    ]


def missing(length: Any, window: Any, stride: Any) -> Any:
    """Elements beyond an axis that its last window covers, where none may be left out."""

    def most(a: Any, b: Any) -> Any:
        return max(a, b) if isinstance(a, int) and isinstance(b, int) else maximum(a, b)

    # windows begin within the axis, and the last is the first that reaches its end
    within, over = length - 1, most(length - window, 0) + stride - 1
    if isinstance(window, int) and isinstance(stride, int):
        last = within if stride >= window else over
    else:
        last = switch(ge(stride, window), within, over)
    steps = last // stride
    known = isinstance(length, int)
    return most(steps * stride + window - length, 0) if not known or length else 0


def _length(x: Variable, axis: int) -> Any:
    n = x.type.shape[axis]
    return shape_i(x, axis) if n is None else n


def padded(x: Variable, before: Sequence[Any], after: Sequence[Any], value: Any) -> Variable:
    """``x`` with so many elements of ``value`` around its last axes."""
    if all(isinstance(n, int) and n == 0 for n in (*before, *after)):
        return x
    count = len(before)
    lengths = [_length(x, a) for a in range(-count, 0)]
    head = [_length(x, a) for a in range(x.ndim - count)]
    outer = (b + n + a for b, n, a in zip(before, lengths, after, strict=True))
    whole = full((*head, *outer), value, x.dtype)
    inside = tuple(slice(b, b + n) for b, n in zip(before, lengths, strict=True))
    return set_subtensor(whole[(..., *inside)], x)


def _covered(length: Any, places: Any, window: Any, stride: Any, low: Any, high: Any, dtype: str) -> Variable:
    """How many elements each window has between ``low`` and ``high``, along one axis."""
    start = arange(places) * stride
    return cast(minimum(start + window, high) - maximum(start, low), dtype)


class Arguments:
    """The arguments of pooling along ``count`` axes of ``x``, in order.

    Errors: ShapeError for what does not fit.
    """

    def __init__(
        self, count: int, x: Any, ws: Any, ignore_border: bool | None, stride: Any, pad: Any, mode: str
    ) -> None:
        what = self.what = f"T.signal.pool.pool_{count}d"
        self.x, self.count, self.mode = as_variable(x), count, mode
        if self.x.ndim < count:
            number = {1: "one axis", 2: "two axes", 3: "three axes"}[count]
            raise RankError(f"{what} pools over {number}, {self.x.describe()} has {self.x.ndim}")
        if ws is None:
            raise ShapeError(f"{what} needs the window's lengths: ws={(2,) * count}")
        self.window = axis_lengths(ws, count, f"{what}: ws", 1)
        self.stride = self.window if stride is None else axis_lengths(stride, count, f"{what}: stride", 1)
        self.around = axis_lengths(0 if pad is None else pad, count, f"{what}: pad", 0)
        both = [(p, n) for p, n in zip(self.around, self.window, strict=True) if isinstance(n, int)]
        if any(isinstance(p, int) and p >= n for p, n in both):
            raise BorderError(f"{what}: the padding {self.around} must be less than the window {self.window}")
        if any(not isinstance(p, int) or p for p in self.around) and not ignore_border:
            raise BorderError(f"{what}: padding (pad) goes with ignore_border=True, as in Theano")
        if mode not in MODES:
            raise ShapeError(
                f"{what}: mode must be 'max', 'sum', 'average_inc_pad' or 'average_exc_pad', not {mode!r}"
            )
        self.whole = bool(ignore_border)

    def pooled(self) -> Variable:
        """The node, with borders around it and, of an average, the counts of elements below."""
        x, mode = self.x, self.mode
        if x.dtype == "bool" or (mode.startswith("average") and not x.type.is_float):
            x = cast(x, "floatX" if mode.startswith("average") else "int64")
        lengths = [_length(x, axis) for axis in range(-self.count, 0)]
        each = list(zip(lengths, self.window, self.stride, strict=True))
        beyond = [0 if self.whole else missing(n, w, s) for n, w, s in each]
        outside: Any = 0
        if mode == "max":
            outside = -np.inf if x.type.is_float else int(np.iinfo(x.dtype).min)
        after = [p + b for p, b in zip(self.around, beyond, strict=True)]
        scalars = [cast(as_variable(n), "int64") for n in (*self.window, *self.stride)]
        whole = padded(x, self.around, after, outside)
        result = Pool("max" if mode == "max" else "sum", self.count).make(whole, *scalars)
        return result / self.counts(result, lengths, x.dtype) if mode.startswith("average") else result

    def counts(self, result: Variable, lengths: list[Any], dtype: str) -> Any:
        """How many elements each window has: a number, or what broadcasts to the result."""
        inside = self.mode == "average_exc_pad"
        if self.whole and (all(isinstance(p, int) and p == 0 for p in self.around) or not inside):
            total: Any = 1
            for n in self.window:
                total = total * n
            return total if isinstance(total, int) else cast(total, dtype)
        counts: Any = 1
        for axis, n in enumerate(lengths):
            p, places = self.around[axis], _length(result, axis - self.count)
            low, high = (p, n + p) if inside else (0, n + p * 2)
            count = _covered(n, places, self.window[axis], self.stride[axis], low, high, dtype)
            order = ["x"] * self.count
            order[axis] = 0
            counts = counts * dimshuffle(count, *order)
        return counts


def _pool(
    count: int,
    x: Any,
    ws: Any,
    ignore_border: bool | None,
    stride: Any,
    pad: Any,
    mode: str,
    ds: Any,
    st: Any,
    padding: Any,
) -> Variable:
    what = f"T.signal.pool.pool_{count}d"
    window, step = _one_of(what, "ws and ds", ws, ds), _one_of(what, "stride and st", stride, st)
    arguments = Arguments(
        count, x, window, ignore_border, step, _one_of(what, "pad and padding", pad, padding), mode
    )
    if ignore_border is None:
        warn_user(
            f"pool_{count}d: ignore_border is not given and taken to be False, as Theano did; say which it is"
        )
    return arguments.pooled()


def pool_2d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = None,
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """The maximum, sum or average of windows over the last two axes of a tensor of at least two.

    ``ws`` (once ``ds``) is the window's rows and columns, ``stride`` (``st``) the step between windows (None:
    the window), ``pad`` (``padding``) the rows and columns around the image, less than the window's,
    and only with ``ignore_border``.  Each is a number, two of them, or int64 scalars or a vector of a graph.
    With ``ignore_border`` only whole windows count; without (which None stands for, with a warning) those
    that reach over the right and lower border too.  ``mode``: 'max', 'sum', 'average_inc_pad' (the padding
    counts as zeros) or 'average_exc_pad' (only elements of the image count).  Each of several equal maxima
    gets the whole gradient.

    Errors: ShapeError for what does not fit.
    """
    return _pool(2, input, ws, ignore_border, stride, pad, mode, ds, st, padding)


def pool_3d(
    input: Any,
    ws: Any = None,
    ignore_border: bool | None = None,
    stride: Any = None,
    pad: Any = None,
    mode: str = "max",
    ds: Any = None,
    st: Any = None,
    padding: Any = None,
) -> Variable:
    """``pool_2d`` over the last three axes of a tensor of at least three.

    Errors: ShapeError for what does not fit.
    """
    return _pool(3, input, ws, ignore_border, stride, pad, mode, ds, st, padding)


def max_pool_2d_same_size(input: Any, patch_size: Any) -> Variable:
    """``input`` with all elements 0 but the greatest of each window of ``patch_size`` rows and columns, side
    by side; elements beyond the last whole window are 0, too.

    Errors: ShapeError for what does not fit.
    """
    a = Arguments(2, input, patch_size, True, None, None, "max")
    x = a.x if a.x.type.is_float else cast(a.x, "floatX")
    scalars = [cast(as_variable(n), "int64") for n in a.window * 2]
    return cast(PoolScatter(2).make(x, Pool("max", 2).make(x, *scalars), *scalars), a.x.dtype)


def _samples(function: Callable, cases: Sequence[tuple]) -> list[Sample]:
    return [
        Sample(lambda x, options=options: function(x, **options), (ramp(*shape),), dtypes)
        for shape, dtypes, options in cases
    ]


register(
    "pool_2d",
    pool_2d,
    lambda: [
        *_samples(
            pool_2d,
            [
                ((2, 2, 5, 4), FLOATS, {"ws": (2, 2), "ignore_border": True}),
                ((1, 2, 5, 7), NUMBERS, {"ws": (2, 3), "ignore_border": False}),
                ((2, 4, 5), FLOATS, {"ws": (3, 2), "ignore_border": True, "stride": (1, 2), "pad": (1, 1)}),
                ((6, 7), NUMBERS, {"ws": (2, 2), "ignore_border": True, "stride": (3, 3), "mode": "sum"}),
                ((1, 4, 5), FLOATS, {"ws": (2, 3), "ignore_border": True, "stride": 1, "mode": "sum"}),
                ((5, 5), FLOATS, {"ws": 3, "ignore_border": False, "mode": "average_inc_pad"}),
                ((5, 5), FLOATS, {"ws": 2, "ignore_border": True, "mode": "average_inc_pad"}),
                (
                    (5, 6),
                    FLOATS,
                    {"ws": 3, "ignore_border": True, "stride": 2, "pad": 1, "mode": "average_exc_pad"},
                ),
                ((2, 7, 12), FLOATS, {"ws": (6, 6), "ignore_border": True}),
                ((0, 2, 4, 4), FLOATS, {"ws": (2, 2), "ignore_border": True}),
                ((2, 2, 4), FLOATS, {"ws": (3, 3), "ignore_border": True}),
            ],
        ),
        Sample(
            lambda x: pool_2d(x, (x.shape[0] // 2, 2), False, (x.shape[0] // 4, 1), mode="average_exc_pad"),
            (ramp(5, 4),),
        ),
        Sample(lambda x: pool_2d(x, (x.shape[0] // 2, 2), True, pad=(x.shape[0] // 4, 1)), (ramp(5, 4),)),
        Sample(
            lambda x, t: PoolPick(2)(x, t, 2, 2, 2, 1),
            (ramp(2, 5, 4), ramp(2, 5, 4)),
            differentiable=(False, True),
        ),
    ],
)
register(
    "pool_3d",
    pool_3d,
    lambda: _samples(
        pool_3d,
        [
            ((2, 2, 4, 5, 4), FLOATS, {"ws": 2, "ignore_border": True}),
            ((3, 5, 4), FLOATS, {"ws": (2, 3, 2), "ignore_border": False, "stride": (1, 2, 3)}),
            ((1, 4, 4, 5), FLOATS, {"ws": 3, "ignore_border": True, "stride": 2, "pad": 1}),
            ((4, 3, 5), FLOATS, {"ws": (3, 3, 4), "ignore_border": True, "mode": "sum", "stride": 1}),
            (
                (3, 3, 4),
                FLOATS,
                {"ws": 2, "ignore_border": True, "pad": (1, 0, 1), "stride": 1, "mode": "average_exc_pad"},
            ),
            ((1, 3, 2, 3), FLOATS, {"ws": 2, "ignore_border": False, "mode": "average_inc_pad"}),
        ],
    ),
)
register(
    "max_pool_2d_same_size",
    max_pool_2d_same_size,
    lambda: [Sample(lambda x: max_pool_2d_same_size(x, (2, 3)), (ramp(1, 2, 5, 7),))],
)
