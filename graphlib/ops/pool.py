"""Pooling: the maximum, sum or average of windows over the last two axes, with gradients of every order.

Of equal maxima in a window each gets the whole gradient, as with ``T.max`` and in Theano; a NaN is greater
than every number and equal to none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import FLOATS
from ..graph.variable import warn_user
from ..scalar import expression as ex
from ..scalar.integer import Poly, product
from ..scalar.lowered import Call, Operand, Pull, Reduction
from .create import arange, full
from .elementwise import cast, maximum, minimum
from .op import NUMBERS, Op, Sample, as_variable, register
from .shape import constant_int, dimshuffle, shape_i
from .windows import whole_numbers
from .write import set_subtensor

Pair = tuple[int, int]
#: windows of up to so many elements are written out, and fuse with what is around them
_WRITTEN_OUT = 25


class Windowed:
    """What pooling and its gradients have in common: windows of a size, at steps of a stride, all of them
    inside."""

    def __init__(self, window: Pair, stride: Pair) -> None:
        self.window = window
        self.stride = stride

    def parameters(self) -> tuple:
        return self.window, self.stride

    def out(self, axis: int, length: Any) -> Any:
        """How many windows fit into rows (axis 0) or columns (1)."""
        room, stride = length - self.window[axis], self.stride[axis]
        if isinstance(room, Poly):
            return ex.maximum(ex.floor_div(room, stride) + 1, 0)
        return max(room // stride + 1, 0)

    def static_out(self, x: Variable) -> list[int | None]:
        return [None if n is None else self.out(a, n) for a, n in enumerate(x.type.shape[-2:])]

    def shape(self, x: Operand) -> tuple[Poly, ...]:
        return (*x.shape[:-2], self.out(0, x.shape[-2]), self.out(1, x.shape[-1]))

    def windows(self, x: np.ndarray) -> np.ndarray:
        """The windows, flattened in row-major order along a last axis: a copy."""
        out = [self.out(axis, n) for axis, n in enumerate(x.shape[-2:])]
        flat = (*x.shape[:-2], *out, self.window[0] * self.window[1])
        if 0 in out:
            return np.zeros(flat, x.dtype)
        every = sliding_window_view(x, self.window, axis=(-2, -1))
        return every[..., :: self.stride[0], :: self.stride[1], :, :].reshape(flat)

    def each_place(self, pooled: np.ndarray) -> Iterator[tuple]:
        """For each place in a window, the index that takes that element of all windows from an image."""
        (down, right), (rows, columns) = self.stride, pooled.shape[-2:]
        for p, q in np.ndindex(*self.window):
            yield (
                ...,
                slice(p, p + (rows - 1) * down + 1, down),
                slice(q, q + (columns - 1) * right + 1, right),
            )

    def call(self, function: str, images: Sequence[Poly], windows: Sequence[Poly], out: Any, n: int) -> Call:
        integers = (product(images[:-2]), *images[-2:], *windows[-2:], *self.window, *self.stride)
        return Call(
            function,
            (tuple(out),),
            tuple(map(Poly.of, integers)),
            tuple(range(n)),
            header="graphlib_pool.h",
            team=True,
        )

    def require_windows(self, require: Callable, x: Operand, g: Operand) -> None:
        for axis in range(x.ndim):
            require(
                g.shape[axis],
                self.shape(x)[axis],
                f"pool_2d: axis {axis} of {{0}} has length {{a}}, pooling {{1}} gives {{b}}",
                (g.variable, x.variable),
            )


class Pool(Windowed, Op):
    """The maximum or sum of each window."""

    def __init__(self, kind: str, window: Pair, stride: Pair) -> None:
        super().__init__(window, stride)
        self.kind = kind

    def parameters(self) -> tuple:
        return self.kind, self.window, self.stride

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, [*x.type.shape[:-2], *self.static_out(x)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,), (g,) = node.inputs, grads
        if self.kind == "max":
            return [PoolScatter(self.window, self.stride).make(x, g)]
        return [PoolSpread(self.window, self.stride).make(g, shape_i(x, -2), shape_i(x, -1))]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        windows = self.windows(x)
        return windows.max(-1) if self.kind == "max" else windows.sum(-1, dtype=x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call | Pull | Reduction:
        (x,) = operands
        (rows, columns), (down, right) = self.window, self.stride
        shape = self.shape(x)
        if self.kind == "max" and node.outputs[0].type.is_float:
            return self.call("gl_pool_max", x.shape, shape, shape, 1)

        def element(*index: Poly) -> ex.Expr:
            *head, i, j, p, q = index
            return x.at(*head, i * down + p, j * right + q)

        if rows * columns > _WRITTEN_OUT:
            domain = (*shape, Poly.of(rows), Poly.of(columns))
            return Reduction(self.kind, domain, (len(shape), len(shape) + 1), element)
        combine = "maximum" if self.kind == "max" else "add"

        def at(*index: Poly) -> ex.Expr:
            result, *rest = (element(*index, Poly.of(p), Poly.of(q)) for p, q in np.ndindex(rows, columns))
            for other in rest:
                result = ex.apply(combine, x.dtype, result, other)
            return result

        return Pull(shape, at)


class PoolPick(Windowed, Op):
    """For each window of x, the sum of t over the places where x has its maximum."""

    def infer(self, x: Variable, t: Variable) -> list[TensorType]:
        return [TensorType(t.dtype, [*x.type.shape[:-2], *self.static_out(x)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None, PoolScatter(self.window, self.stride).make(node.inputs[0], grads[0])]

    def reference(self, node: Apply, x: np.ndarray, t: np.ndarray) -> np.ndarray:
        windows = self.windows(x)
        hit = windows == windows.max(-1, keepdims=True)
        return np.where(hit, self.windows(t), 0).sum(-1, dtype=t.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, t = operands
        for axis in range(x.ndim):
            message = f"pool_2d: axis {axis} of {{0}} has length {{a}}, of {{1}} {{b}}"
            require(x.shape[axis], t.shape[axis], message, (x.variable, t.variable))
        shape = self.shape(x)
        return self.call("gl_pool_pick", x.shape, shape, shape, 2)


class PoolScatter(Windowed, Op):
    """An image like x with each window's g added at all places of its maximum: the maximum's gradient."""

    def infer(self, x: Variable, g: Variable) -> list[TensorType]:
        return [x.type.with_dtype(g.dtype)]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None, PoolPick(self.window, self.stride).make(node.inputs[0], grads[0])]

    def reference(self, node: Apply, x: np.ndarray, g: np.ndarray) -> np.ndarray:
        result = np.zeros(x.shape, g.dtype)
        if g.size:
            top = self.windows(x).max(-1)
            for window in self.each_place(g):
                result[window] += np.where(x[window] == top, g, 0)
        return result

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        x, g = operands
        self.require_windows(require, x, g)
        return self.call("gl_pool_scatter", x.shape, g.shape, x.shape, 2)


class PoolSpread(Windowed, Op):
    """Each window's g added to all of its elements, of an image of given rows and columns: the gradient of
    the sum."""

    def infer(self, g: Variable, rows: Variable, columns: Variable) -> list[TensorType]:
        return [TensorType(g.dtype, [*g.type.shape[:-2], constant_int(rows), constant_int(columns)])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [Pool("sum", self.window, self.stride).make(grads[0]), None, None]

    def reference(self, node: Apply, g: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        result = np.zeros((*g.shape[:-2], int(rows), int(columns)), g.dtype)
        if g.size:
            for window in self.each_place(g):
                result[window] += g
        return result

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        g, rows, columns = operands
        shape = (*g.shape[:-2], ex.poly(rows.scalar), ex.poly(columns.scalar))
        return self.call("gl_pool_spread", shape, g.shape, shape, 1)


def _one_of(what: str, *values: Any) -> Any:
    given = [v for v in values if v is not None]
    if len(given) > 1:
        raise ShapeError(f"T.signal.pool.pool_2d: {what} are names of the same; give one of them")
    return given[0] if given else None


def _missing(length: Any, window: int, stride: int) -> Any:
    """Rows or columns beyond the image that its last window covers, where none may be left out."""
    known = isinstance(length, int)
    most = max if known else maximum
    # windows begin within the image, and the last is the first that reaches its end
    steps = (length - 1 if stride >= window else most(length - window, 0) + stride - 1) // stride
    return most(steps * stride + window - length, 0) if not known or length else 0


def _length(x: Variable, axis: int) -> Any:
    n = x.type.shape[axis]
    return shape_i(x, axis) if n is None else n


def _padded(x: Variable, before: Pair, after: Sequence[Any], value: Any) -> Variable:
    """``x`` with so many rows and columns of ``value`` around it."""
    if all(isinstance(n, int) and n == 0 for n in (*before, *after)):
        return x
    lengths = [_length(x, a) for a in (-2, -1)]
    head = [_length(x, a) for a in range(x.ndim - 2)]
    outer = (b + n + a for b, n, a in zip(before, lengths, after, strict=True))
    whole = full((*head, *outer), value, x.dtype)
    inside = tuple(slice(b, b + n) for b, n in zip(before, lengths, strict=True))
    return set_subtensor(whole[(..., *inside)], x)


def _covered(length: Any, places: Any, window: int, stride: int, low: int, high: Any, dtype: str) -> Variable:
    """How many elements each window has between ``low`` and ``high``, along one axis."""
    start = arange(places) * stride
    return cast(minimum(start + window, high) - maximum(start, low), dtype)


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
    and only with ``ignore_border``.  With
    ``ignore_border`` only whole windows count; without (which None stands for, with a warning) those that
    reach over the right and lower border too.  ``mode``: 'max', 'sum', 'average_inc_pad' (the padding counts
    as zeros) or 'average_exc_pad' (only elements of the image count).  Each of several equal maxima gets the
    whole gradient.

    Errors: ShapeError for what does not fit.
    """
    x = as_variable(input)
    if x.ndim < 2:
        raise ShapeError(f"T.signal.pool.pool_2d pools over two axes, {x.describe()} has {x.ndim}")
    window = _one_of("ws and ds", ws, ds)
    if window is None:
        raise ShapeError("T.signal.pool.pool_2d needs the window's rows and columns: ws=(2, 2)")
    window = whole_numbers(window, 2, "T.signal.pool.pool_2d: ws", 1)
    step = _one_of("stride and st", stride, st)
    step = window if step is None else whole_numbers(step, 2, "T.signal.pool.pool_2d: stride", 1)
    around = whole_numbers(_one_of("pad and padding", pad, padding) or 0, 2, "T.signal.pool.pool_2d: pad", 0)
    if any(p >= n for p, n in zip(around, window, strict=True)):
        raise ShapeError(f"T.signal.pool.pool_2d: the padding {around} must be less than the window {window}")
    if around != (0, 0) and not ignore_border:
        raise ShapeError("T.signal.pool.pool_2d: padding (pad) goes with ignore_border=True, as in Theano")
    if mode not in ("max", "sum", "average_inc_pad", "average_exc_pad"):
        raise ShapeError(
            "T.signal.pool.pool_2d: mode must be 'max', 'sum', 'average_inc_pad' or 'average_exc_pad', "
            f"not {mode!r}"
        )
    if ignore_border is None:
        warn_user("pool_2d: ignore_border is not given and taken to be False, as Theano did; say which it is")
    if x.dtype == "bool" or (mode.startswith("average") and not x.type.is_float):
        x = cast(x, "floatX" if mode.startswith("average") else "int64")
    lengths = [_length(x, axis) for axis in (-2, -1)]
    beyond = [
        0 if ignore_border else _missing(n, w, s) for n, w, s in zip(lengths, window, step, strict=True)
    ]
    outside: Any = 0
    if mode == "max":
        outside = -np.inf if x.type.is_float else int(np.iinfo(x.dtype).min)
    after = [p + b for p, b in zip(around, beyond, strict=True)]
    whole = _padded(x, around, after, outside)
    result = Pool("max" if mode == "max" else "sum", window, step).make(whole)
    if not mode.startswith("average"):
        return result
    inside = mode == "average_exc_pad"
    if ignore_border and (around == (0, 0) or not inside):
        return result / (window[0] * window[1])
    counts = [
        _covered(
            n,
            _length(result, axis - 2),
            window[axis],
            step[axis],
            around[axis] if inside else 0,
            n + around[axis] * (1 if inside else 2),
            x.dtype,
        )
        for axis, n in enumerate(lengths)
    ]
    return result / (dimshuffle(counts[0], 0, "x") * dimshuffle(counts[1], "x", 0))


def _distinct(*shape: int) -> np.ndarray:
    return np.random.RandomState(sum(shape)).permutation(int(np.prod(shape))).reshape(shape) * 0.25 - 1.0


def _pooling(**options: Any) -> Callable[..., Variable]:
    return lambda x: pool_2d(x, **options)


register(
    "pool_2d",
    pool_2d,
    lambda: [
        *(
            Sample(_pooling(**options), (_distinct(*shape),), dtypes)
            for shape, dtypes, options in [
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
            ]
        ),
        Sample(
            PoolPick((2, 2), (2, 1)), (_distinct(2, 5, 4), _distinct(2, 5, 4)), differentiable=(False, True)
        ),
    ],
    pool_2d.__doc__ or "",
)
