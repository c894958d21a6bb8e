"""``theano.scalar``: its types, its operations, and the base of a program's own.

A scalar is a tensor without dimensions, and a scalar operation is the elementwise one of the same name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import TensorType, Variable
from ...graph.types import DTYPES, FLOATS, INTEGERS, dtype_name, promote
from ...ops import elementwise as ew
from ...ops.op import as_variable
from . import own_scalar_ops, special_functions, tensor, tensor_functions
from .own_scalar_ops import *  # noqa: F403
from .own_scalar_ops import (  # noqa: F401
    float_out,
    int_out,
    same_out,
    same_out_nocomplex,
    specific_out,
    transfer_type,
    upcast_out,
    upcast_out_no_complex,
    upgrade_to_float,
    upgrade_to_float64,
    upgrade_to_float_no_complex,
)

__all__ = ["Scalar", "as_scalar", "constant", "get_scalar_type", "upcast", *own_scalar_ops.__all__]

_TYPES = {name: TensorType(name) for name in DTYPES}
discrete_types = tuple(_TYPES[name] for name in INTEGERS)
float_types = continuous_types = tuple(_TYPES[name] for name in FLOATS)
all_types = tuple(_TYPES.values())

#: classes of Theano's whose names are not those of their operations
_CLASSES = {"Psi": "psi", "TriGamma": "tri_gamma", "GammaLn": "gammaln", "Erfcx": "erfcx", "LT": "lt"}
_CLASSES |= {"GT": "gt", "LE": "le", "GE": "ge", "EQ": "eq", "NEQ": "neq", "TrueDiv": "true_div"}
_CLASSES |= {"IntDiv": "int_div", "Abs": "abs_", "Pow": "pow", "And": "and_", "OR": "or_", "AND": "and_"}


def upcast(dtype: str, *dtypes: str) -> str:
    """The dtype of an operation on operands of these: graphlib's rule, so int32 with float32 is float32."""
    return promote(map(dtype_name, (dtype, *dtypes)))


def get_scalar_type(dtype: str) -> TensorType:
    """``Scalar(dtype)``: the type of a number."""
    return TensorType(dtype)


Scalar = get_scalar_type


def as_scalar(x: Any, name: str | None = None) -> Variable:
    """A number as a variable without dimensions."""
    v = as_variable(x)
    if v.ndim:
        raise TypeError(f"as_scalar: {v.describe()} has dimensions")
    return v


def constant(x: Any) -> Variable:
    """A number as a constant, of the dtype NumPy gives it."""
    return as_variable(np.asarray(x))


def _operation(name: str) -> Any:
    for source in (tensor, tensor_functions, special_functions, ew):
        found = getattr(source, name, None)
        if callable(found) and (isinstance(found, ew.Elementwise) or name in _TAKEN):
            return found
    return None


def __getattr__(name: str) -> Any:
    """A type by its dtype (``theano.scalar.float32``), an elementwise operation, or what stands for its
    class: ``GammaLn(upgrade_to_float)`` is the operation ``gammaln``."""
    if name in _TYPES:
        return _TYPES[name]
    made = name[:1].isupper()
    found = None if name.startswith("_") else _operation(_CLASSES.get(name, name.lower() if made else name))
    if found is None:
        raise AttributeError(f"theano.scalar has no {name!r} in graphlib")
    return (lambda *preference, **options: found) if made else found


#: functions that are no rows of graphlib's table of elementwise operations
_TAKEN = {"cast", "int_div", "pow", "gamma", "erfinv", "erfcinv", "second", "identity", "clip"}
