"""Reductions over any axes: sum, product, maximum, minimum, all, any, the index of the greatest and the
smallest.

Each lowers to a loop nest over its input with the reduced axes marked; ``mean``, ``var``, ``std`` and
``logsumexp`` are composed of them.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..configuration import config
from ..errors import ShapeError
from ..graph import Apply, TensorType, Variable
from ..graph.types import dtype_name, is_complex, normalize_axes, normalize_axis, part_dtype
from ..scalar import expression as ex
from ..scalar.functions import Text
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Reduction
from ..scalar.reductions import HIGHEST, LOWEST, Reducer, define
from .elementwise import cast, eq, exp, log, mul, sqr, sqrt, switch
from .op import ALL, NUMBERS, Op, Sample, as_variable, not_differentiable, register
from .shape_rules import Length, Shapes, known_shape

if TYPE_CHECKING:
    from .batch import Batch


class Row(NamedTuple):
    """What a reduction is beside what its name says in the scalar language (``scalar.reductions``).

    ``numpy(x, axes, dtype)``; ``gradient(x, o, g, axes)``, where the reduced axes of the output and of its
    gradient are back with length 1, or None where it is zero everywhere; ``empty``: whether no elements have
    a value.
    """

    numpy: Callable[[np.ndarray, tuple[int, ...], np.dtype], Any]
    gradient: Callable[[Variable, Variable, Variable, tuple[int, ...]], Variable] | None
    empty: bool


_ROWS: dict[str, Row] = {}


def reduction(
    reducer: Reducer,
    numpy: Callable[[np.ndarray, tuple[int, ...], np.dtype], Any],
    gradient: Callable[[Variable, Variable, Variable, tuple[int, ...]], Variable] | None,
    *,
    empty: bool = True,
    dtypes: tuple[str, ...] = NUMBERS,
    doc: str = "",
    build: Callable[..., Variable] | None = None,
) -> Callable[..., Variable]:
    """A new row: a reduction of every stage, under its name in graphs and in ``T``.

    ``reducer`` says how it is computed; ``numpy``, ``gradient`` and ``empty`` are as in ``Row``. ``dtypes``:
    those that the tests try it with. ``build``: what users call, where it does more than to bring ``axis``
    and ``keepdims`` into form.

    Errors: ValueError where the name is taken.
    """
    kind = define(reducer).name
    _ROWS[kind] = Row(numpy, gradient, empty)
    if build is None:

        def build(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
            return _reduce(kind, x, axis, keepdims)

        build.__name__, build.__doc__ = kind, doc
    register(kind, build, _samples(build, dtypes, gradient is not None, empty))
    return build


class Reduce(Op):
    """``kind`` over ``axes`` (sorted), which vanish from the shape.  Sums and products keep the input's
    dtype."""

    def __init__(self, kind: str, axes: tuple[int, ...]) -> None:
        self.kind = kind
        self.axes = axes
        self.takes_complex = "parts" if kind == "sum" else None

    @property
    def row(self) -> Row:
        return _ROWS[self.kind]

    def parameters(self) -> tuple:
        return self.kind, self.axes

    def __repr__(self) -> str:
        return f"{self.kind}{{axis={', '.join(map(str, self.axes))}}}"

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        return [n for i, n in enumerate(of.shape(x)) if i not in self.axes]

    def infer(self, x: Variable) -> list[TensorType]:
        if not self.row.empty and builtins.any(x.type.shape[a] == 0 for a in self.axes):
            raise ShapeError(f"T.{self.kind} over an axis of length 0 of {x.describe()} has no value")
        return [TensorType(x.dtype, known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (x,), (g,) = node.inputs, grads
        if self.row.gradient is None:
            return [None]
        o, g = (restore_axes(v, self.axes, x.ndim) for v in (node.outputs[0], g))
        return [self.row.gradient(x, o, g, self.axes)]

    def at_all_steps(self, b: Batch) -> Variable | None:
        if type(self) is not Reduce:
            return None
        return Reduce(self.kind, tuple(a + 1 for a in self.axes)).make(b.inputs[0])

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        dtype = node.outputs[0].type.numpy_dtype
        return np.asarray(self.row.numpy(x, self.axes, dtype), dtype=dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Reduction:
        (x,) = operands
        if not self.row.empty:
            require_elements(node, x, self.axes, require)
        return Reduction(self.kind, x.shape, self.axes, x.at)


def exact_sum(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The sum in float64 over ``axes``, which numpy adds up one by one unless they come last."""
    kept = [k for k in range(x.ndim) if k not in axes]
    rows = np.ascontiguousarray(x.transpose([*kept, *axes]))
    return rows.reshape([x.shape[k] for k in kept] + [-1 if x.size else 0]).sum(axis=-1, dtype="float64")


class Top(Reduce):
    """The maximum of floats, -inf of nothing: what exponentials are taken relative to.  Made by rewrites."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__("max", axes)

    def infer(self, x: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, known_shape(self, x))]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.max(x, axis=self.axes, initial=-np.inf), dtype=x.dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Reduction:
        (x,) = operands
        return Reduction("max", x.shape, self.axes, x.at)


class ArgReduce(Op):
    """The index along one axis of the first greatest ('argmax') or smallest ('argmin') element, int64; NaN
    comes first."""

    def __init__(self, kind: str, axis: int) -> None:
        self.kind = kind
        self.axis = axis

    def __repr__(self) -> str:
        return f"{self.kind}{{axis={self.axis}}}"

    def shape_rule(self, of: Shapes, x: Variable) -> Sequence[Length]:
        return [n for i, n in enumerate(of.shape(x)) if i != self.axis]

    def infer(self, x: Variable) -> list[TensorType]:
        if x.type.shape[self.axis] == 0:
            raise ShapeError(f"T.{self.kind} over an axis of length 0 of {x.describe()} has no value")
        return [TensorType("int64", known_shape(self, x))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        raise not_differentiable(node, "an index does not change continuously with the values")

    def at_all_steps(self, b: Batch) -> Variable:
        return ArgReduce(self.kind, self.axis + 1).make(b.inputs[0])

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return np.asarray(getattr(np, self.kind)(x, axis=self.axis), dtype="int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Reduction:
        (x,) = operands
        require_elements(node, x, (self.axis,), require)
        return Reduction(self.kind, x.shape, (self.axis,), x.at)


def require_elements(node: Apply, x: Operand, axes: tuple[int, ...], require: Callable) -> None:
    for axis in axes:
        if x.shape[axis].constant is None:
            message = f"T.{node.op.kind} over axis {axis} of {{1}}, which has length {{b}}, has no value"
            require(Poly.of(1), ex.minimum(x.shape[axis], 1), message, (node.outputs[0], x.variable))


def restore_axes(x: Variable, axes: tuple[int, ...], ndim: int) -> Variable:
    """A reduced variable with its reduced axes back, of length 1."""
    from .shape import dimshuffle

    kept = iter(range(x.ndim))
    return dimshuffle(x, ["x" if i in axes else next(kept) for i in range(ndim)])


def broadcast_like(g: Variable, x: Variable) -> Variable:
    from .shape import broadcast_to, shape_of

    return broadcast_to(g, shape_of(x))


def _products_of_others(x: Variable, axes: tuple[int, ...]) -> Variable:
    """For each element the product of all others of its group."""
    from .along_axis import products_of_others
    from .shape import dimshuffle, reshape, shape_i

    kept = [i for i in range(x.ndim) if i not in axes]
    moved = dimshuffle(x, [*kept, *axes])
    flat = reshape(moved, [*(shape_i(x, i) for i in kept), count(x, axes, "int64")])
    others = reshape(products_of_others(flat, len(kept)), [shape_i(moved, i) for i in range(x.ndim)])
    return dimshuffle(others, [[*kept, *axes].index(i) for i in range(x.ndim)])


def sum_keeping(x: Variable, axes: tuple[int, ...]) -> Variable:
    """The sum over ``axes``, which stay with length 1; no change of dtype."""
    return restore_axes(Reduce("sum", axes).make(x), axes, x.ndim) if axes else x


def _reduce(kind: str, x: Any, axis: Any, keepdims: bool, dtype: str | None = None) -> Variable:
    x = as_variable(x)
    axes = normalize_axes(axis, x.ndim, f"T.{kind}", x)
    if dtype is not None:
        x = cast(x, dtype)
    result = Reduce(kind, axes).make(x) if axes else x
    return restore_axes(result, axes, x.ndim) if keepdims else result


def _sum_dtype(x: Variable, dtype: Any) -> str:
    """As numpy: bools and narrow integers are summed in int64; floats keep their dtype."""
    if dtype is not None:
        return dtype_name(dtype)
    return x.dtype if x.type.is_inexact or x.dtype == "uint64" else "int64"


def _accumulated(kind: str, x: Variable, axis: Any, dtype: Any, keepdims: bool, acc_dtype: Any) -> Variable:
    wanted = _sum_dtype(x, dtype)
    within = wanted if acc_dtype is None else dtype_name(acc_dtype)
    return cast(_reduce(kind, x, axis, keepdims, within), wanted)


def sum(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Variable:
    """The sum over ``axis`` (None: all), of ``dtype``: int64 of integers and bools, that of floats.

    ``acc_dtype``: the dtype that elements are added up in, where it is another.
    """
    return _accumulated("sum", as_variable(x), axis, dtype, keepdims, acc_dtype)


def prod(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Variable:
    """The product over ``axis`` (None: all), of ``dtype``: int64 of integers and bools, that of floats.

    ``acc_dtype``: the dtype that elements are multiplied in, where it is another.
    """
    x = as_variable(x)
    if dtype is not None and is_complex(dtype_name(dtype)):
        x = cast(x, dtype)
    if x.type.is_complex:
        from .complex_products import complex_prod

        x = x if dtype is None else cast(x, dtype)
        return complex_prod(x, normalize_axes(axis, x.ndim, "T.prod", x), keepdims)
    return _accumulated("prod", x, axis, dtype, keepdims, acc_dtype)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The greatest element; NaN if there is one.  Each of several that tie gets the whole gradient."""
    return _reduce("max", x, axis, keepdims)


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The smallest element; NaN if there is one.  Each of several that tie gets the whole gradient."""
    return _reduce("min", x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Whether every element is true (not 0)."""
    return _reduce("all", cast(as_variable(x), "bool"), axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Whether any element is true (not 0)."""
    return _reduce("any", cast(as_variable(x), "bool"), axis, keepdims)


def _arg(kind: str, x: Any, axis: Any, keepdims: bool) -> Variable:
    from .shape import flatten

    x = as_variable(x)
    if isinstance(axis, (tuple, list)):
        axes = normalize_axes(axis, x.ndim, f"T.{kind}", x)
        if len(axes) not in (1, x.ndim):
            kept = [a for a in range(x.ndim) if a not in axes]
            behind = flatten(x.dimshuffle(*kept, *axes), len(kept) + 1)
            result = ArgReduce(kind, len(kept)).make(behind)
            return restore_axes(result, axes, x.ndim) if keepdims else result
        axis = axes[0] if len(axes) == 1 else None
    if axis is None:
        return (
            restore_axes(ArgReduce(kind, 0).make(flatten(x)), tuple(range(x.ndim)), x.ndim)
            if keepdims
            else ArgReduce(kind, 0).make(flatten(x))
        )
    axis = normalize_axis(int(axis), x.ndim, f"T.{kind}", x)
    result = ArgReduce(kind, axis).make(x)
    return restore_axes(result, (axis,), x.ndim) if keepdims else result


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The index (int64) of the first greatest element along ``axis``, or in the flattened tensor."""
    return _arg("argmax", x, axis, keepdims)


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The index (int64) of the first smallest element along ``axis``, or in the flattened tensor."""
    return _arg("argmin", x, axis, keepdims)


def max_and_argmax(x: Any, axis: Any = None, keepdims: bool = False) -> list[Variable]:
    """Both, as a list."""
    return [max(x, axis, keepdims), argmax(x, axis, keepdims)]


def count(x: Variable, axes: tuple[int, ...], dtype: str) -> Variable:
    """How many elements ``axes`` hold, as a scalar of ``dtype``."""
    from .shape import shape_i

    total: Any = None
    for a in axes:
        n = shape_i(x, a)
        total = n if total is None else mul(total, n)
    return cast(1 if total is None else total, dtype)


def mean(
    x: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, acc_dtype: Any = None
) -> Variable:
    """The arithmetic mean over ``axis`` (None: all); of integers and bools in floatX.

    ``acc_dtype``: the dtype that elements are added up in, where it is another.
    """
    x = as_variable(x)
    wanted = dtype_name(dtype) if dtype is not None else x.dtype if x.type.is_inexact else config.floatX
    axes = normalize_axes(axis, x.ndim, "T.mean", x)
    return _accumulated("sum", x, axis, wanted, keepdims, acc_dtype) / count(x, axes, part_dtype(wanted))


def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable:
    """The variance over ``axis`` by two passes, divided by the count less ``ddof``."""
    x = as_variable(x)
    axes = normalize_axes(axis, x.ndim, "T.var", x)
    centred = x - mean(x, axis, keepdims=True)
    n = count(x, axes, part_dtype(centred.dtype))
    return _reduce("sum", _sizes(centred), axis, keepdims) / (n - ddof if ddof else n)


def _sizes(x: Variable) -> Variable:
    """The squares of absolute values."""
    if not x.type.is_complex:
        return sqr(x)
    from .complex_numbers import imag, real

    return sqr(real(x)) + sqr(imag(x))


def std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Variable:
    """The standard deviation over ``axis``."""
    return sqrt(var(x, axis, ddof, keepdims))


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """log(sum(exp(x))), stable: the rewrites compute it relative to the maximum."""
    return log(_reduce("sum", exp(as_variable(x)), axis, keepdims))


def norm(x: Any, ord: int | None = None, axis: Any = None, keepdims: bool = False) -> Variable:
    """The Euclidean norm (``ord`` 2 or None), or the sum of absolute values (1), over ``axis``."""
    x = as_variable(x)
    if ord in (None, 2):
        return sqrt(_reduce("sum", _sizes(x), axis, keepdims))
    if ord == 1:
        return _reduce("sum", abs(x), axis, keepdims)
    raise ValueError(f"T.norm has ord 1 and 2, not {ord}")


def ptp(x: Any, axis: Any = None) -> Variable:
    """Greatest less smallest element."""
    return max(x, axis) - min(x, axis)


def _array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).permutation(int(np.prod(shape))).reshape(shape) * 0.35 - 1.1


def _samples(build: Callable, dtypes: tuple, differentiable: bool, empty: bool) -> Callable[[], list[Sample]]:
    def samples() -> list[Sample]:
        x = _array(3, 4, 2)
        result = [
            Sample(lambda v, a=a, k=k: build(v, axis=a, keepdims=k), (x,), dtypes, differentiable)
            for a in (None, 0, 1, -1, (0, 2), (1, 2), (0, 1))
            for k in (False, True)
        ]
        result.append(Sample(build, (np.array(1.5),), dtypes, differentiable))
        result.append(Sample(lambda v: build(v, axis=1), (np.zeros((0, 3)),), dtypes, False))
        if empty:
            result.append(Sample(lambda v: build(v, axis=0), (np.zeros((0, 3)),), dtypes, False))
            result.append(Sample(build, (np.zeros((0, 3)),), dtypes, False))
        return result

    return samples


def _arg_samples(build: Callable) -> Callable[[], list[Sample]]:
    def samples() -> list[Sample]:
        x = _array(3, 4, 2, seed=1)
        ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])
        return [
            *(
                Sample(lambda v, a=a: build(v, axis=a), (x,), NUMBERS, False)
                for a in (None, 0, 1, 2, -1, (0, 2))
            ),
            Sample(lambda v: build(v, axis=1), (ties,), NUMBERS, False),
            Sample(lambda v: build(v, axis=1), (np.zeros((0, 3)),), NUMBERS, False),
        ]

    return samples


def _sum(x: np.ndarray, axes: tuple[int, ...], dtype: np.dtype) -> Any:
    return exact_sum(x, axes) if dtype.kind == "f" else np.sum(x, axis=axes, dtype=dtype)


def _extremum_gradient(x: Variable, o: Variable, g: Variable, axes: tuple[int, ...]) -> Variable:
    return switch(eq(x, o), g, 0)


# The table of those that keep the dtype, and of those that find an index.

reduction(
    Reducer("sum", "add", 0, Text("+", "+")),
    _sum,
    lambda x, o, g, axes: broadcast_like(g, x),
    dtypes=ALL,
    build=sum,
)
reduction(
    Reducer("prod", "mul", 1, Text("*", "*")),
    lambda x, axes, dtype: np.prod(x, axis=axes, dtype=dtype),
    lambda x, o, g, axes: g * _products_of_others(x, axes),
    build=prod,
)
reduction(
    Reducer("max", "maximum", LOWEST, Text(integer="max")),
    lambda x, axes, dtype: np.max(x, axis=axes),
    _extremum_gradient,
    empty=False,
    dtypes=ALL,
    build=max,
)
reduction(
    Reducer("min", "minimum", HIGHEST, Text(integer="min")),
    lambda x, axes, dtype: np.min(x, axis=axes),
    _extremum_gradient,
    empty=False,
    dtypes=ALL,
    build=min,
)
reduction(
    Reducer("all", "and_", 1, Text(integer="&"), truth=True),
    lambda x, axes, dtype: np.all(x, axis=axes),
    None,
    dtypes=ALL,
    build=all,
)
reduction(
    Reducer("any", "or_", 0, Text(integer="|"), truth=True),
    lambda x, axes, dtype: np.any(x, axis=axes),
    None,
    dtypes=ALL,
    build=any,
)
for _kind, _ahead, _build in (("argmax", "gt", argmax), ("argmin", "lt", argmin)):
    define(Reducer(_kind, _ahead, -1, finds_index=True))
    register(_kind, _build, _arg_samples(_build))
