"""Tensors made of lengths and numbers: filled with a value, counting up, identity matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import dtype_name, promote
from ..scalar import expression as ex
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Operand, Pull
from .elementwise import cast, eq
from .op import Op, Sample, as_variable, ramp, register, register_cases
from .shape import broadcast_to, count_of, dimshuffle, shape_argument, shape_i, shape_of
from .shape_rules import Length, Shapes, constant_int
from .valid import valid


def alloc(value: Any, *shape: Any) -> Variable:
    """A tensor of the given shape filled with ``value`` (a scalar, or what broadcasts to it)."""
    if len(shape) == 1:
        shape = tuple(shape_argument(shape[0]))
    return broadcast_to(value, shape)


def zeros(shape: Any, dtype: Any = None) -> Variable:
    """Zeros of ``shape``, of floatX unless ``dtype`` says otherwise."""
    return alloc(Constant(0, dtype=dtype_name(dtype or "floatX")), *shape_argument(shape))


def ones(shape: Any, dtype: Any = None) -> Variable:
    """Ones of ``shape``, of floatX unless ``dtype`` says otherwise."""
    return alloc(Constant(1, dtype=dtype_name(dtype or "floatX")), *shape_argument(shape))


def full(shape: Any, value: Any, dtype: Any = None) -> Variable:
    """``value`` in every place of ``shape``."""
    value = as_variable(value)
    return alloc(value if dtype is None else cast(value, dtype), *shape_argument(shape))


def zeros_like(x: Any, dtype: Any = None) -> Variable:
    """Zeros of the shape, and the dtype unless another is named, of ``x``."""
    x = as_variable(x)
    return alloc(Constant(0, dtype=dtype_name(dtype or x.dtype)), *shape_of(x))


def ones_like(x: Any, dtype: Any = None) -> Variable:
    """Ones of the shape, and the dtype unless another is named, of ``x``."""
    x = as_variable(x)
    return alloc(Constant(1, dtype=dtype_name(dtype or x.dtype)), *shape_of(x))


def full_like(x: Any, value: Any, dtype: Any = None) -> Variable:
    """``value`` everywhere, in the shape of ``x``."""
    x = as_variable(x)
    return alloc(cast(as_variable(value), dtype or x.dtype), *shape_of(x))


fill = full_like


class ARange(Op):
    """start, start + step, … up to stop (left out), of the inputs' common dtype; floats are NumPy's, whose
    step is what start + step is more than start, as it is rounded."""

    def __repr__(self) -> str:
        return "arange"

    def shape_rule(self, of: Shapes, start: Variable, stop: Variable, step: Variable) -> Sequence[Length]:
        counts = constant_int(start) == 0 and constant_int(step) == 1
        length = of.count(stop) if counts else None
        return [of.own(0) if length is None else length]

    def infer(self, start: Variable, stop: Variable, step: Variable) -> list[TensorType]:
        known = [c.data for c in (start, stop, step) if isinstance(c, Constant)]
        n = None
        if len(known) == 3:
            if known[2] == 0:
                raise ShapeError("T.arange: the step is 0")
            n = max(0, int(np.ceil((known[1] - known[0]) / known[2])))
        return [TensorType(start.dtype, [n])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        start, _, step = node.inputs
        if not start.type.is_float:
            return [None, None, None]
        from .reduce import sum as sum_

        (g,) = grads
        places = cast(arange(shape_i(node.outputs[0], 0)), g.dtype)
        return [cast(sum_(g), start.dtype), None, cast(sum_(g * places), step.dtype)]

    def reference(self, node: Apply, start: np.ndarray, stop: np.ndarray, step: np.ndarray) -> np.ndarray:
        n = max(0, int(np.ceil((stop - start) / step)))
        dtype = node.outputs[0].dtype
        return (start + np.arange(n).astype(dtype) * ((start + step) - start)).astype(dtype)

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (out,) = node.outputs
        start, stop, step = (o.scalar for o in operands)
        if out.type.shape[0] is not None:
            n = Poly.of(out.type.shape[0])
        elif out.type.is_float:
            span = ex.apply("true_div", out.dtype, ex.apply("sub", out.dtype, stop, start), step)
            n = ex.maximum(0, ex.poly(ex.cast(ex.apply("ceil", out.dtype, span), "int64")))
        else:
            a, b, s = (ex.poly(e) for e in (start, stop, step))
            up = -ex.floor_div(a - b, s) if s.constant != 1 else b - a
            n = up if a == 0 and s == 1 and _is_length(b) else ex.maximum(0, up)
        if out.type.is_float:
            rounded = ex.apply("sub", out.dtype, ex.apply("add", out.dtype, start, step), start)
            return Pull(
                (n,),
                lambda i: ex.apply(
                    "add",
                    out.dtype,
                    start,
                    ex.apply("mul", out.dtype, ex.cast(ex.integer(i), out.dtype), rounded),
                ),
            )
        return Pull((n,), lambda i: ex.cast(ex.integer(ex.poly(start) + i * ex.poly(step)), out.dtype))


def _is_length(p: Poly) -> bool:
    """Whether a polynomial is a single length, which is never negative."""
    return isinstance(p.atom, Symbol)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Variable:
    """Numbers from ``start`` to ``stop`` (left out) by ``step``; ``arange(n)`` counts n from 0.  Integers
    give int64."""
    if stop is None:
        start, stop = 0, start
    values = [as_variable(v) for v in (start, stop, step)]
    for v in values:
        if v.ndim:
            raise ShapeError(f"T.arange takes scalars, not {v.describe()}")
    if dtype is None:
        dtype = promote([v.dtype for v in values])
        dtype = dtype if dtype.startswith("float") else "int64"
    start, stop, step = (cast(v, dtype) for v in values)
    if not isinstance(step, Constant):
        step = valid(step, "not zero", "T.arange: the step")
    return ARange().make(start, stop, step)


def eye(n: Any, m: Any = None, k: int = 0, dtype: Any = None) -> Variable:
    """Ones on diagonal ``k`` of an n by m matrix, zeros elsewhere.

    Errors: ShapeError for n or m below 0, while the graph is built or at the call.
    """
    n = count_of(n, "T.eye: the number of rows")
    m = n if m is None else count_of(m, "T.eye: the number of columns")
    rows, columns = dimshuffle(arange(n), 0, "x"), dimshuffle(arange(m), "x", 0)
    return cast(eq(rows + k, columns), dtype_name(dtype or "floatX"))


def identity_like(x: Any) -> Variable:
    """The identity matrix in the shape and dtype of ``x``."""
    x = as_variable(x)
    return eye(shape_i(x, 0), shape_i(x, 1), dtype=x.dtype)


register_cases(
    "alloc",
    alloc,
    [
        (lambda x: alloc(x, 3, 0), (np.array(1.5),)),
        (lambda x: zeros_like(x) + ones_like(x), (ramp(2, 3),)),
    ],
)
register_cases(
    "arange",
    arange,
    [
        (lambda x: arange(x.shape[0]) * x, (ramp(4),)),
        (lambda x: arange(1, x.shape[0] + 3, 2) * x[:3], (ramp(4),)),
        (lambda x: arange(5, x.shape[0] - 9, -3) * x[0], (ramp(4),)),
        (lambda x: arange(0.5, 3.0, 0.4) + x, (np.array(1.0),)),
    ],
    ("float32", "float64"),
)


register(
    "eye",
    eye,
    lambda: [
        Sample(lambda x: eye(x.shape[0], 4, 1) + x, (np.ones((3, 4)),)),
        Sample(lambda n, m: eye(n, m, -1), (np.array(3), np.array(2)), ("int64",), False),
    ],
)
