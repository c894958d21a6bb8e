"""``theano.scalar``: its types, its operations, and the base of a program's own.

A scalar is a tensor without dimensions, and a scalar operation is the elementwise one of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tensor as graphlib_tensor
from ...errors import ComplexError, DTypeError  # noqa: F401
from ...graph import Constant, TensorType, Variable
from ...graph.substitution import clone
from ...graph.types import COMPLEX, DTYPES, FLOATS, HALF, INTEGERS, dtype_name, promote
from ...ops import elementwise as ew
from ...ops.op import as_variable
from . import own_scalar_ops, tensor, tensor_functions
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


class _Scalars(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        return isinstance(candidate, TensorType) and candidate.ndim == 0


class Scalar(TensorType, metaclass=_Scalars):
    """``Scalar('float32')``: the type of a number, whose text is the dtype's name."""

    __slots__ = ()

    def __init__(self, dtype: Any, shape: Any = ()) -> None:
        super().__init__(dtype)

    def __str__(self) -> str:
        return self.dtype


_TYPES = {name: Scalar(name) for name in DTYPES}
discrete_types = tuple(_TYPES[name] for name in INTEGERS)
int_types = tuple(_TYPES[name] for name in INTEGERS if name.startswith("int"))
uint_types = tuple(_TYPES[name] for name in INTEGERS if name.startswith("uint"))
integer_types = int_types + uint_types
float_types = tuple(_TYPES[name] for name in (HALF, *FLOATS))
complex_types = tuple(_TYPES[name] for name in COMPLEX)
continuous_types = float_types + complex_types
all_types = tuple(_TYPES.values())
discrete_dtypes, float_dtypes = tuple(t.dtype for t in discrete_types), tuple(t.dtype for t in float_types)
all_dtypes = tuple(t.dtype for t in all_types)

#: classes of Theano's whose names are not those of their operations
_CLASSES = {"Psi": "psi", "TriGamma": "tri_gamma", "GammaLn": "gammaln", "Erfcx": "erfcx", "LT": "lt"}
_CLASSES |= {"ComplexFromPolar": "complex_from_polar"}
_CLASSES |= {"GT": "gt", "LE": "le", "GE": "ge", "EQ": "eq", "NEQ": "neq", "TrueDiv": "true_div"}
_CLASSES |= {"IntDiv": "int_div", "Abs": "abs_", "Pow": "pow", "And": "and_", "OR": "or_", "AND": "and_"}


def upcast(dtype: str, *dtypes: str) -> str:
    """The dtype of an operation on operands of these: graphlib's rule, so int32 with float32 is float32."""
    return promote(map(dtype_name, (dtype, *dtypes)))


get_scalar_type = Scalar


class _ScalarVariables(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        kind = Constant if cls.__name__ == "ScalarConstant" else Variable
        return isinstance(candidate, kind) and candidate.ndim == 0


class ScalarVariable(metaclass=_ScalarVariables):
    """``isinstance(x, ScalarVariable)``: whether a variable has no dimensions."""


class ScalarConstant(metaclass=_ScalarVariables):
    """The same of constants."""


class IntegerDivisionError(Exception):
    """Two integers divided by ``/``, which Theano could be told to refuse."""


def as_scalar(x: Any, name: str | None = None) -> Variable:
    """A number as a variable without dimensions."""
    v = as_variable(x)
    if v.ndim:
        raise TypeError(f"as_scalar: {v.describe()} has dimensions")
    return v


def constant(x: Any, name: str | None = None, dtype: Any = None) -> Variable:
    """A number as a constant, of the dtype NumPy gives it."""
    return as_variable(np.asarray(x, dtype), name)


convert = constant


def _several(dtype: str) -> Callable[..., list[Variable]]:
    def made(*names: Any) -> list[Variable]:
        given: Any = list(names)
        if len(given) == 1:
            given = [None] * given[0] if isinstance(given[0], int) else list(given[0])
        return [TensorType(dtype, ())(name) for name in given]

    return made


ints, floats = _several("int64"), _several("floatX")


def same_out_float_only(type: TensorType) -> tuple[TensorType]:
    """The operand's type, of floats. Errors: TypeError."""
    if not type.is_float:
        raise DTypeError(f"a float is wanted, not {type.dtype}")
    return (type,)


class unary_out_lookup(dict):
    """A dictionary from the operand's type to the output's."""

    def __init__(self, *pairs: Any) -> None:
        super().__init__(pairs)

    def __call__(self, *types: TensorType) -> list[TensorType]:
        key = types if len(types) > 1 else types[0]
        if key not in self:
            raise TypeError(f"there is no rule for {key}")
        found = self[key]
        return list(found) if isinstance(found, (list, tuple)) else [found]


class Composite:
    """``Composite([x, y], [x + y])``: a graph of scalars as an operation, which goes elementwise."""

    def __init__(self, inputs: Sequence[Variable], outputs: Sequence[Variable]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.nin, self.nout = len(self.inputs), len(self.outputs)

    def __call__(self, *operands: Any) -> Any:
        if len(operands) != self.nin:
            raise TypeError(f"Composite takes {self.nin} operands, got {len(operands)}")
        given = [as_variable(v) for v in operands]
        made = clone(self.outputs, dict(zip(self.inputs, given, strict=True)))
        return made[0] if self.nout == 1 else made

    def make_node(self, *operands: Any) -> Any:
        """The node of the first output."""
        made = self(*operands)
        return (made if self.nout == 1 else made[0]).owner


def _operation(name: str) -> Any:
    for source in (tensor, tensor_functions, ew, graphlib_tensor):
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
_TAKEN |= {"j0", "j1", "i0", "i1", "gammal", "gammau", "chi2sf"}
_TAKEN |= {"real", "imag", "conj", "angle", "complex", "complex_from_polar"}
