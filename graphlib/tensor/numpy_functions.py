"""NumPy's functions on variables: ``np.exp(x)`` is ``T.exp(x)``, or an error that names ours.

NumPy asks an operand's ``__array_ufunc__`` and ``__array_function__`` before it computes; what it would make
an array of it asks ``__array__``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..graph import Variable
from ..ops import along_axis, create, diagonals, join, linalg, reduce, shape
from ..ops import elementwise as ew
from ..ops import index as ix
from ..ops.complex_numbers import conj
from ..ops.op import as_variable
from ..ops.operators import tensor_round
from ..ops.repeats import repeat, tile
from . import arrangements, places, stacking
from . import elementwise as composed
from .einsum import einsum

#: functions of single elements that have another name here, or none; all others have the same
_UFUNCS: dict[str, Callable] = {
    "absolute": ew.abs_,
    "bitwise_and": ew.and_,
    "bitwise_or": ew.or_,
    "bitwise_xor": ew.xor,
    "conjugate": conj,
    "divide": ew.true_div,
    "divmod": lambda x, y: (ew.floor_div(x, y), ew.mod(x, y)),
    "equal": ew.eq,
    "floor_divide": ew.floor_div,
    "greater": ew.gt,
    "greater_equal": ew.ge,
    "isfinite": composed.isfinite,
    "less": ew.lt,
    "less_equal": ew.le,
    "logical_and": composed.logical_and,
    "logical_not": composed.logical_not,
    "logical_or": composed.logical_or,
    "logical_xor": composed.logical_xor,
    "multiply": ew.mul,
    "negative": ew.neg,
    "not_equal": ew.neq,
    "positive": as_variable,
    "power": ew.pow_,
    "remainder": ew.mod,
    "rint": tensor_round,
    "subtract": ew.sub,
    "true_divide": ew.true_div,
}


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Variable:
    low, high = a_min if a_min is not None else min, a_max if a_max is not None else max
    if low is not None and high is not None:
        return ew.clip(a, low, high)
    return ew.maximum(a, low) if low is not None else ew.minimum(a, high) if high is not None else a


def _round(a: Any, decimals: int = 0) -> Variable:
    return tensor_round(a * 10.0**decimals) / 10.0**decimals if decimals else tensor_round(a)


def _norm(x: Any, ord: Any = None, axis: int | None = None, keepdims: bool = False) -> Variable:
    if ord is not None and axis is None and x.ndim != 1:
        raise TypeError(
            "numpy.linalg.norm of a variable has no norms of matrices but the default, Frobenius'"
        )
    return reduce.norm(x, 2 if ord is None else ord, axis, keepdims)


#: with NumPy's names of the arguments, as far as they can be given
_FUNCTIONS: dict[str, Callable] = {
    "all": lambda a, axis=None, *, keepdims=False: reduce.all(a, axis, keepdims),
    "allclose": composed.allclose,
    "amax": lambda a, axis=None, *, keepdims=False: reduce.max(a, axis, keepdims),
    "amin": lambda a, axis=None, *, keepdims=False: reduce.min(a, axis, keepdims),
    "any": lambda a, axis=None, *, keepdims=False: reduce.any(a, axis, keepdims),
    "argmax": lambda a, axis=None, *, keepdims=False: reduce.argmax(a, axis, keepdims),
    "argmin": lambda a, axis=None, *, keepdims=False: reduce.argmin(a, axis, keepdims),
    "argsort": lambda a, axis=-1: along_axis.argsort(a, axis),
    "around": _round,
    "bincount": places.bincount,
    "broadcast_to": lambda array, shape_: shape.broadcast_to(array, shape_),
    "clip": _clip,
    "concatenate": lambda arrays, axis=0: join.concatenate(arrays, axis),
    "copy": lambda a: ew.identity(a),
    "cumprod": lambda a, axis=None: along_axis.cumprod(a, axis),
    "cumsum": lambda a, axis=None: along_axis.cumsum(a, axis),
    "diff": arrangements.diff,
    "diag": lambda v, k=0: diagonals.diag(v, k),
    "dot": lambda a, b: linalg.dot(a, b),
    "diagonal": arrangements.diagonal,
    "einsum": einsum,
    "expand_dims": lambda a, axis: shape.expand_dims(a, axis),
    "flatnonzero": lambda a: along_axis.flatnonzero(a),
    "flip": lambda m, axis=None: arrangements.flip(m, axis),
    "full_like": lambda a, fill_value, dtype=None: create.full_like(a, fill_value, dtype),
    "isclose": composed.isclose,
    "linalg.norm": _norm,
    "max": lambda a, axis=None, *, keepdims=False: reduce.max(a, axis, keepdims),
    "mean": lambda a, axis=None, dtype=None, *, keepdims=False: reduce.mean(a, axis, dtype, keepdims),
    "min": lambda a, axis=None, *, keepdims=False: reduce.min(a, axis, keepdims),
    "moveaxis": lambda a, source, destination: shape.moveaxis(a, source, destination),
    "ndim": lambda a: a.ndim,
    "nonzero": lambda a: along_axis.nonzero(a),
    "ones_like": lambda a, dtype=None: create.ones_like(a, dtype),
    "outer": lambda a, b: linalg.outer(shape.flatten(a), shape.flatten(b)),
    "pad": lambda array, pad_width, mode="constant", *, constant_values=0: arrangements.pad(
        array, pad_width, mode, constant_values
    ),
    "prod": lambda a, axis=None, dtype=None, *, keepdims=False: reduce.prod(a, axis, dtype, keepdims),
    "ptp": lambda a, axis=None: reduce.ptp(a, axis),
    "ravel": lambda a: shape.flatten(a),
    "repeat": lambda a, repeats, axis=None: repeat(a, repeats, axis),
    "reshape": lambda a, shape_: shape.reshape(a, shape_),
    "roll": lambda a, shift, axis=None: arrangements.roll(a, shift, axis),
    "round": _round,
    "shape": lambda a: a.shape,
    "searchsorted": lambda a, v, side="left", sorter=None: places.searchsorted(a, v, side, sorter),
    "size": lambda a, axis=None: a.size if axis is None else a.shape[axis],
    "sort": lambda a, axis=-1: along_axis.sort(a, axis),
    "squeeze": lambda a, axis=None: shape.squeeze(a, axis),
    "stack": lambda arrays, axis=0: join.stack(list(arrays), axis=axis),
    "std": lambda a, axis=None, *, ddof=0, keepdims=False: reduce.std(a, axis, ddof, keepdims),
    "sum": lambda a, axis=None, dtype=None, *, keepdims=False: reduce.sum(a, axis, dtype, keepdims),
    "swapaxes": lambda a, axis1, axis2: shape.swapaxes(a, axis1, axis2),
    "take": lambda a, indices, axis=None: ix.take(a, indices, axis),
    "tensordot": lambda a, b, axes=2: linalg.tensordot(a, b, axes),
    "tile": lambda A, reps: tile(A, reps),
    "transpose": lambda a, axes=None: shape.transpose(a) if axes is None else shape.transpose(a, axes),
    "tril": lambda m, k=0: diagonals.tril(m, k),
    "triu": lambda m, k=0: diagonals.triu(m, k),
    "var": lambda a, axis=None, *, ddof=0, keepdims=False: reduce.var(a, axis, ddof, keepdims),
    "hstack": stacking.hstack,
    "vstack": stacking.vstack,
    "where": lambda condition, *choices: (
        ew.switch(condition, *choices) if choices else along_axis.nonzero(condition)
    ),
    "zeros_like": lambda a, dtype=None: create.zeros_like(a, dtype),
}

#: functions of T that take NumPy's arguments as they are
_SAME = frozenset(
    (
        "append argwhere array_split atleast_1d atleast_2d atleast_3d average block column_stack convolve "
        "corrcoef correlate count_nonzero cov cross delete diagflat digitize dsplit dstack ediff1d fix "
        "fliplr flipud histogram hsplit inner insert interp intersect1d isin isneginf isposinf lexsort "
        "matrix_transpose median meshgrid nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax "
        "nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar percentile "
        "piecewise polyval quantile rollaxis rot90 select setdiff1d setxor1d sinc take_along_axis "
        "trapezoid union1d unique unstack vander vdot vsplit "
    ).split()
)


def _array_ufunc(self: Variable, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
    from .. import tensor

    name = ufunc.__name__
    if method != "__call__":
        raise _no_such(f"{name}.{method}", self)
    function = _UFUNCS.get(name) or getattr(tensor, name, None)
    if function is None:
        raise _no_such(name, self)
    settings = {k: v for k, v in settings.items() if v is not None}
    if settings:
        raise _no_setting(name, settings, self)
    return function(*inputs)


def _array_function(self: Variable, function: Any, types: Any, args: tuple, settings: dict[str, Any]) -> Any:
    from .. import tensor

    module = function.__module__.partition("numpy.")[2]
    name = f"{module}.{function.__name__}" if module == "linalg" else function.__name__
    ours = getattr(tensor, name) if name in _SAME else _FUNCTIONS.get(name)
    if ours is None:
        raise _no_such(name, self)
    settings = {("shape_" if k in ("shape", "newshape") else k): v for k, v in settings.items()}
    try:
        inspect.signature(ours).bind(*args, **settings)
    except TypeError:
        raise _no_setting(name, settings, self) from None
    return ours(*args, **settings)


def _array(self: Variable, *args: Any, **settings: Any) -> Any:
    raise TypeError(
        f"{self.describe()} is symbolic and has no value to make a NumPy array of; use .eval() or a compiled "
        f"function, and T.stack for a list of variables"
    )


def _no_such(name: str, v: Variable) -> TypeError:
    from .. import tensor

    hint = (
        f"use T.{name}"
        if hasattr(tensor, name)
        else "graphlib.tensor has no such operation; see dir(graphlib.tensor)"
    )
    return TypeError(f"numpy.{name} does not take a symbolic variable, {v.describe()}: {hint}")


def _no_setting(name: str, settings: dict[str, Any], v: Variable) -> TypeError:
    given = f", or not with {', '.join(settings)}" if settings else ""
    return TypeError(
        f"numpy.{name} of a symbolic variable, {v.describe()}, cannot be called with these arguments{given}: "
        f"see help(graphlib.tensor.{name})"
    )


def install() -> None:
    """Let NumPy ask variables."""
    Variable.__array_ufunc__ = _array_ufunc
    Variable.__array_function__ = _array_function
    Variable.__array__ = _array
