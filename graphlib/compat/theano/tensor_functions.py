"""``theano.tensor``'s functions that are made of graphlib's operations, as Theano names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import scan
from ... import tensor as graphlib_tensor
from ...errors import DTypeError, InputError, RankError, ShapeError  # noqa: F401 (ShapeError: a name of Theano's)
from ...graph import Constant, Variable
from ...graph.types import COMPLEX, DTYPES, FLOATS, HALF, INTEGERS, normalize_axis
from ...ops import elementwise as ew
from ...ops import reduce
from ...ops.along_axis import argsort as _argsort
from ...ops.along_axis import cumsum
from ...ops.along_axis import flatnonzero as _flatnonzero
from ...ops.along_axis import nonzero as _nonzero
from ...ops.along_axis import sort as _sort
from ...ops.create import arange, ones_like, zeros, zeros_like
from ...ops.index import slice_ends
from ...ops.index import take as _take
from ...ops.join import concatenate, stack
from ...ops.matrices import trace  # noqa: F401
from ...ops.observing import Assert
from ...ops.op import as_variable
from ...ops.operators import tensor_round
from ...ops.reduce import max, min, norm
from ...ops.reduce import sum as sum_of
from ...ops.reduce import var as _variance
from ...ops.repeats import tile as _tile
from ...ops.shape import shape_i, shape_of, swapaxes
from ...ops.shape import transpose as _transpose
from ...ops.write import inc_subtensor as _inc_subtensor
from ...ops.write import set_subtensor as _set_subtensor
from .tensor import NoneConstant, get_scalar_constant_value, pow

int_dtypes = tuple(d for d in INTEGERS if d.startswith("int"))
uint_dtypes = tuple(d for d in INTEGERS if d.startswith("uint"))
integer_dtypes = int_dtypes + uint_dtypes
float_dtypes = (HALF, *FLOATS)
complex_dtypes = COMPLEX
continuous_dtypes = (*float_dtypes, *complex_dtypes)
discrete_dtypes = ("bool", *integer_dtypes)
all_dtypes = DTYPES
power = pow


class AsTensorError(InputError):
    """A value of which no variable can be made."""


class AdvancedIndexingError(InputError):
    """An index that Theano took for an advanced one."""


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """Where the elements are that are not 0: a vector for each axis, or the rows of one matrix.

    Errors: ValueError of a scalar.
    """
    a = as_variable(a)
    if not a.ndim:
        raise ValueError("T.nonzero takes one dimension or more")
    places = _nonzero(a)
    return stack(list(places)) if return_matrix else places


def flatnonzero(a: Any) -> Variable:
    """Where the elements of the flattened tensor are that are not 0. Errors: ValueError of a scalar."""
    a = as_variable(a)
    if not a.ndim:
        raise ValueError("T.flatnonzero takes one dimension or more")
    return _flatnonzero(a)


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Variable:
    """Elements, or slices along ``axis``, by their numbers; ``mode``: 'raise', 'clip' to the first and last,
    or 'wrap' around."""
    a, indices = as_variable(a), as_variable(indices)
    n = a.size if axis is None else shape_i(a, normalize_axis(axis, a.ndim, "T.take"))
    if mode == "clip":
        indices = ew.maximum(ew.minimum(indices, n - 1), 0)
    elif mode == "wrap":
        indices = ew.mod(indices, n)
    elif mode != "raise":
        raise ValueError(f"T.take has the modes raise, clip and wrap, not {mode!r}")
    return _take(a, indices, axis)


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> list[Variable]:
    """Both, as a list; ``axis`` may be ``NoneConst``, a constant, or a list that names one twice."""
    if isinstance(axis, NoneConstant):
        axis = None
    elif isinstance(axis, Constant):
        axis = axis.data.tolist()
    if isinstance(axis, (list, tuple)):
        axis = list(dict.fromkeys(axis))
    return reduce.max_and_argmax(a, axis, keepdims)


def set_subtensor(
    x: Variable, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False
) -> Variable:
    """``graphlib.tensor.set_subtensor``; operands stay as they are, whatever ``inplace`` says."""
    return _set_subtensor(x, y)


def inc_subtensor(
    x: Variable,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
) -> Variable:
    """``graphlib.tensor.inc_subtensor``; operands stay as they are, whatever ``inplace`` says."""
    return _set_subtensor(x, y) if set_instead_of_inc else _inc_subtensor(x, y)


def transpose(x: Any, axes: Any = None) -> Variable:
    """Axes permuted; reversed, and named so, where none are given."""
    x = as_variable(x)
    made = _transpose(x, axes)
    made = ew.identity(x) if made is x else made
    if x.name and (axes is None or list(axes) == list(range(x.ndim))[::-1]):
        made.name = f"{x.name}.T"
    return made


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """``graphlib.tensor.tile``. Errors: ValueError for repeats that are no integers, and where ``ndim`` is
    less than there are repeats or dimensions."""
    count = len(reps) if isinstance(reps, (list, tuple)) else 1
    if ndim is not None and ndim < sorted((count, as_variable(x).ndim))[-1]:
        raise ValueError(f"T.tile: ndim={ndim} is less than the dimensions of x or the number of repeats")
    if ndim is not None and isinstance(reps, Variable) and reps.type.shape == (None,):
        # of a vector that may be shorter the first repeats are 1
        given = Assert("T.tile: there are more repeats than ndim")(reps, ew.le(shape_i(reps, 0), ndim))
        missing = ndim - shape_i(given, 0)
        reps = [ew.switch(ew.lt(k, missing), 1, given[ew.maximum(k - missing, 0)]) for k in range(ndim)]
    try:
        return _tile(x, reps, ndim)
    except DTypeError as error:
        raise InputError(str(error)) from None


def get_canonical_form_slice(theslice: Any, length: Any) -> tuple[Any, Any]:
    """A slice as one that goes forwards, within ``length`` elements, and the direction, 1 or -1, in which
    what it takes is to be read; of an index that from 0 on, and 1."""
    n = as_variable(length)
    if not isinstance(theslice, slice):
        place = as_variable(theslice)
        return ew.switch(ew.lt(place, 0), place + n, place), 1
    start, stop, step = slice_ends(theslice, n)
    size = abs(step)
    span = ew.switch(ew.gt(step, 0), stop - start, start - stop)
    count = ew.floor_div(ew.maximum(span, 0) + size - 1, size)
    last = start + (count - 1) * step
    forwards = ew.gt(step, 0)
    some = ew.gt(count, 0)
    first = ew.switch(some, ew.switch(forwards, start, last), 0)
    end = ew.switch(some, ew.switch(forwards, last, start) + 1, 0)
    return slice(first, end, size), ew.sgn(step)


class Unique:
    """``Unique()(x)``: the different elements of ``x``, flattened, in rising order; a list with, where asked
    for, the place where each is first, of each element of ``x`` the place among them, and how often it is.

    axis: the different parts along it instead, in the order of their elements.
    """

    def __init__(
        self,
        return_index: bool = False,
        return_inverse: bool = False,
        return_counts: bool = False,
        axis: int | None = None,
    ) -> None:
        self._asked = (return_index, return_inverse, return_counts)
        self._axis = axis

    def __call__(self, x: Any, return_list: bool = False) -> Any:
        x = as_variable(x)
        if self._axis is not None:
            axis = self._axis
            if not -x.ndim <= axis < x.ndim:
                raise ValueError(f"Unique: {x.describe()} has no axis {axis}")
            rows = swapaxes(x, axis, 0)
            # by the last element first: sorts that keep equals in order
            flat = rows.reshape((shape_i(rows, 0), -1))
            orders, _ = scan(
                lambda column, order: order[argsort(column[order])],
                sequences=flat.T[::-1],
                outputs_info=arange(shape_i(flat, 0)),
            )
            order = orders[-1]
            rising = flat[order]
            changes = ew.neq(rising[1:], rising[:-1]).any(axis=1)
            found = self._places(order, changes)
            values = swapaxes(rows[order[found[0]]], axis, 0)
            return self._given(values, order[found[0]], found, return_list)
        x = x.flatten()
        order = argsort(x)
        rising = x[order]
        found = self._places(order, ew.neq(rising[1:], rising[:-1]))
        return self._given(rising[found[0]], order[found[0]], found, return_list)

    def _places(self, order: Variable, changes: Variable) -> tuple[Variable, ...]:
        """Where in rising order something else begins, of each element the number of its like, and how many
        there are of each."""
        n = shape_i(order, 0)
        first = concatenate([ones_like(order[:1], "bool"), changes])
        starts = flatnonzero(first)
        ends = concatenate([starts[1:], ew.minimum(n, 1) * n + zeros_like(starts[:1])])
        place = set_subtensor(zeros((n,), "int64")[order], cumsum(first) - 1)
        return starts, place, ends - starts

    def _given(self, values: Variable, first: Variable, found: tuple, return_list: bool) -> Any:
        parts = (first, *found[1:])
        more = [v for v, asked in zip(parts, self._asked, strict=True) if asked]
        return [values, *more] if more or return_list else values


def iround(a: Any, mode: str | None = None) -> Variable:
    """The nearest whole number, int64; ``mode`` as in ``round``."""
    return (tensor_round(a) if mode is None else tensor_round(a, mode)).astype("int64")


def bartlett(m: Any) -> Variable:
    """The triangular window of ``m`` points, 0 at both ends."""
    m = as_variable(m)
    if m.ndim:
        raise RankError(f"T.bartlett takes a scalar, not {m.describe()}")
    n = arange(m).astype("float64")
    half = (m.astype("float64") - 1) / 2
    return ew.switch(ew.le(m, 1), 1.0, 1 - abs(n - half) / ew.maximum(half, 0.5))


def sort(x: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """``x`` sorted along an axis, or with None flattened; ``kind`` has no effect."""
    return _sort(x, _sorting(axis, kind, order))


def argsort(x: Any, axis: Any = -1, kind: str = "quicksort", order: Any = None) -> Variable:
    """The places of the elements in rising order; those of equals rise."""
    return _argsort(x, _sorting(axis, kind, order))


def _sorting(axis: Any, kind: str, order: Any) -> int | None:
    if order is not None:
        raise ValueError("T.sort: there are no fields to be sorted by, order must be None")
    if kind not in ("quicksort", "mergesort", "heapsort", "stable"):
        raise ValueError(f"T.sort knows no kind {kind!r}")
    if isinstance(axis, Variable):
        axis = get_scalar_constant_value(axis)
    return None if axis is None else int(axis)


def make_vector(*scalars: Any) -> Variable:
    """A vector of scalars, in the dtype that holds all."""
    return stack([as_variable(v) for v in scalars])


def as_vector(scalars: Sequence[Any], dtype: Any) -> Variable:
    """A vector of scalars, in a dtype."""
    return stack([as_variable(v).astype(dtype) for v in scalars]) if scalars else zeros((0,), dtype)


def div_proxy(x: Any, y: Any) -> Variable:
    """``x / y`` as Python 3 has it."""
    return ew.true_div(x, y)


mod_check = ew.mod


def default(x: Any, default: Any) -> Variable:
    """``x``, or where it is None ``default``."""
    return as_variable(default if x is None else x)


def setdefault(x: Any, default: Any) -> Variable:
    """``x``, or where it is None ``default``."""
    return as_variable(default if x is None else x)


def tensor_copy(x: Any) -> Variable:
    """A copy of ``x``, of its own memory where a function returns it."""
    return ew.identity(x)


deep_copy_op = view_op = tensor_copy


def transfer(var: Any, target: Any) -> Variable:
    """``var`` itself: where values lie is decided when a function is compiled."""
    return as_variable(var)


def extract_constant(x: Any, elemwise: bool = True, only_process_constants: bool = False) -> Any:
    """The number that ``x`` is, or ``x`` itself."""
    variable = as_variable(x)
    return variable.data.copy() if isinstance(variable, Constant) and variable.data.size == 1 else variable


def vector_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Variable:
    """The norm of any order along ``axis``: infinite ones are the greatest and smallest magnitude."""
    x = abs(as_variable(x))
    if ord in (None, 1, 2):
        return norm(x, ord, axis, keepdims)
    if ord in (np.inf, "inf"):
        return max(x, axis, keepdims)
    if ord in (-np.inf, "-inf"):
        return min(x, axis, keepdims)
    if ord == 0:
        return sum_of(ew.neq(x, 0), axis, keepdims=keepdims)
    return pow(sum_of(pow(x, ord), axis, keepdims=keepdims), 1.0 / ord)


def var(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """The variance; ``corrected`` takes out what rounding of the mean leaves, by the two-pass formula."""
    x = as_variable(input)
    result = _variance(x, axis, ddof, keepdims)
    if not corrected:
        return result
    centred = x - x.mean(axis=axis, keepdims=True)
    return result - ew.sqr(centred.mean(axis=axis, keepdims=keepdims))


def std(
    input: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False
) -> Variable:
    """The root of ``var``."""
    return ew.sqrt(var(input, axis, ddof, keepdims, corrected))


def shape_of_variables(fgraph: Any, input_shapes: dict) -> dict:
    """The shape of each variable of a compiled graph for given shapes of its inputs."""
    from ...compile.function import function

    inputs = list(fgraph.inputs)
    wanted = [v for v in fgraph.variables if v.ndim]
    f = function(inputs, [n for v in wanted for n in shape_of(v)], on_unused_input="ignore")
    flat = iter(f(*(np.zeros(input_shapes[v], v.dtype) for v in inputs)))
    shapes = {v: tuple(int(next(flat)) for _ in range(v.ndim)) for v in wanted}
    return {**{v: () for v in fgraph.variables if not v.ndim}, **shapes}


def is_flat(var: Variable, ndim: int = 1) -> bool:
    """Whether ``var`` has ``ndim`` dimensions."""
    return var.ndim == ndim


def check_and_normalize_axes(x: Variable, axis: Any) -> list[int]:
    """The axes as a list of numbers; TypeError and ValueError where they are none."""
    given: Sequence = (
        [] if axis is None else [axis] if isinstance(axis, (int, np.integer, Constant)) else list(axis)
    )
    return [
        normalize_axis(
            int(a.data if isinstance(a, Constant) else a), x.ndim, "Computation needs a valid axis"
        )
        for a in given
    ]


# operations that Theano had as instances beside its functions
bartlett_, fill_diagonal_, fill_diagonal_offset_ = (
    bartlett,
    graphlib_tensor.fill_diagonal,
    graphlib_tensor.fill_diagonal_offset,
)


def join_(axis: Any, *tensors: Any) -> Variable:
    """``T.join``."""
    return concatenate(tensors, axis)
