"""``theano.tensor``: names that only Theano's programs use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import graph
from ...errors import GraphError
from ...graph import Constant, Shared, TensorType, Variable
from ...graph.types import dtype_name
from ...ops import elementwise as ew
from ...ops import join
from ...ops.create import fill, zeros, zeros_like
from ...ops.index import BasicIndex
from ...ops.linalg import dot as linalg_dot
from ...ops.linalg import tensordot as linalg_tensordot
from ...ops.observing import Assert
from ...ops.op import as_variable, by_reference
from ...ops.shape import ShapeI
from ...tensor.constructors import PREFIXES, SHAPES
from .gradients import grad  # noqa: F401
from .late import at_the_call
from .own_ops import Apply, Op  # noqa: F401
from .own_scalar_ops import Elemwise  # noqa: F401

int_div = ew.floor_div
dot = at_the_call(linalg_dot)
tensordot = at_the_call(linalg_tensordot)


def _dot(x: Any, y: Any) -> Variable:
    """``T.dot`` of vectors and matrices.  Errors: TypeError for others."""
    x, y = as_variable(x), as_variable(y)
    if not {x.ndim, y.ndim} <= {1, 2}:
        raise TypeError(f"_dot takes vectors and matrices, not {x.describe()} and {y.describe()}")
    return dot(x, y)


second = fill
stacklists = as_variable
empty, empty_like = zeros, zeros_like
Tensor = TensorType


class _Computed(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        if cls is not TensorVariable:
            return type.__instancecheck__(cls, candidate)
        is_tensor = isinstance(candidate, Variable) and isinstance(candidate.type, TensorType)
        return is_tensor and not isinstance(candidate, (Constant, Shared))


class TensorVariable(Variable, metaclass=_Computed):
    """``isinstance(x, T.TensorVariable)``: whether x is a variable, and neither shared nor a constant.

    Programs derive classes of their own from it, whose objects become variables of a graph by
    ``theano.Apply(op, inputs, [x])``.
    """

    def __init__(
        self, type: TensorType, owner: Any = None, index: int | None = None, name: str | None = None
    ) -> None:
        super().__init__(type, owner, index or 0, name)


def hashtype(self: Any) -> int:
    """A hash of an object's class, as operations without settings had it."""
    return hash(type(self).__name__) ^ hash(type(self).__module__)


class NoneTypeT:
    """The type of ``T.NoneConst``, whose only value is None."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoneTypeT)

    def __hash__(self) -> int:
        return hash(NoneTypeT)


class NoneConstant:
    """What stands for None among operands."""

    data = value = owner = name = None
    type = NoneTypeT()

    def clone(self) -> NoneConstant:
        """Itself."""
        return self

    def equals(self, other: Any) -> bool:
        """Whether the other is a None, too."""
        return isinstance(other, NoneConstant)


NoneConst = NoneConstant()


class NotScalarConstantError(GraphError, ValueError):
    """The variable is no constant of one number."""


class EmptyConstantError(NotScalarConstantError):
    """A constant without elements where one number was expected."""


def get_scalar_constant_value(v: Any, elemwise: bool = True, *more: Any, **settings: Any) -> np.ndarray:
    """The number that all elements of a variable are, found by what is known while the graph is built:
    constants, what repeats or moves them, lengths, and scalars computed of such.

    Errors: NotScalarConstantError, and EmptyConstantError of what has no elements.
    """
    if v is None:
        raise NotScalarConstantError("None is not a constant of one number")
    variable = as_variable(v)
    found = _number(variable)
    if found is None:
        if isinstance(variable, Constant) and not variable.data.size:
            raise EmptyConstantError(f"{variable.describe()} has no elements")
        raise NotScalarConstantError(f"{variable.describe()} is not a constant of one number")
    return found


def _number(v: Variable) -> np.ndarray | None:
    if isinstance(v, Constant):
        same = v.data.size and (v.data == v.data.flat[0]).all() and (v.data.size == 1 or v.ndim)
        return np.array(v.data.flat[0]) if same else None
    node = v.owner
    if node is None:
        return None
    if isinstance(node.op, Assert):
        conditions = [_number(b) for b in node.inputs[1:]]
        return _number(node.inputs[0]) if all(b is not None and b for b in conditions) else None
    if isinstance(node.op, ShapeI):
        n = node.inputs[0].type.shape[node.op.axis]
        return None if n is None else np.asarray(n)
    if node.op.view and not isinstance(node.op, BasicIndex):
        return _number(node.inputs[0])
    if isinstance(node.op, BasicIndex) and node.inputs[0].owner is not None:
        return _element(node)
    if isinstance(node.op, BasicIndex) and isinstance(node.inputs[0], Constant):
        bounds = [_number(b) for b in node.inputs[1:]]
        if None not in [None if b is None else 0 for b in bounds]:
            return _number(Constant(by_reference(node, [node.inputs[0].data, *bounds])[0]))
        return None
    if isinstance(node.op, (ew.Elementwise, ew.Cast)):
        operands = [_number(u) for u in node.inputs]
        if all(a is not None for a in operands):
            return np.asarray(by_reference(node, operands)[0]).reshape(())
    return None


def _element(node: Any) -> np.ndarray | None:
    """One element of what is joined from parts of known lengths."""
    whole, *bounds = node.inputs
    place = _number(bounds[0]) if len(bounds) == 1 and node.op.entries == ("index",) else None
    if place is None or whole.ndim != 1 or not isinstance(whole.owner.op, join.Join):
        return None
    k = int(place)
    lengths = [v.type.shape[0] for v in whole.owner.inputs]
    if None in lengths:
        return None
    k = k + sum(lengths) if k < 0 else k
    for part, n in zip(whole.owner.inputs, lengths, strict=True):
        if 0 <= k < n:
            return _number(part) if n == 1 else _number(part[k])
        k -= n
    return None


def __getattr__(name: str) -> Any:
    """``T.dmatrix`` and the like, which were types: ``T.dmatrix('x')`` makes a variable, and
    ``x.type == T.dmatrix`` tells it."""
    for prefix, dtype in PREFIXES.items():
        if dtype is not None and name.startswith(prefix) and name[1:] in SHAPES:
            return TensorType(dtype, SHAPES[name[1:]])
    if name.startswith("_convert_to_"):
        dtype = dtype_name(name.removeprefix("_convert_to_"))
        return lambda x: ew.cast(x, dtype)
    raise AttributeError(name)


def _itself(x: Any) -> Variable:
    """``x``: scalars are tensors without dimensions."""
    return as_variable(x)


tensor_from_scalar = scalar_from_tensor = _itself


def _types_of(prefixes: str, shape: str) -> tuple[TensorType, ...]:
    return tuple(TensorType(PREFIXES[p], SHAPES[shape]) for p in prefixes)


int_scalar_types, float_scalar_types = _types_of("bwil", "scalar"), _types_of("fd", "scalar")
int_vector_types, float_vector_types = _types_of("bwil", "vector"), _types_of("fd", "vector")
int_matrix_types, float_matrix_types = _types_of("bwil", "matrix"), _types_of("fd", "matrix")
complex_scalar_types = complex_types = _types_of("cz", "scalar")
complex_vector_types, complex_matrix_types = _types_of("cz", "vector"), _types_of("cz", "matrix")
int_types = integer_types = int_scalar_types
float_types = float_scalar_types


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """``graphlib.tensor.stack``; what has no dimensions makes a vector, whatever ``axis`` says."""
    if len(tensors) == 2 and isinstance(tensors[0], (list, tuple)):
        tensors, axis = (tensors[0],), tensors[1]
    items = tensors[0] if len(tensors) == 1 else tensors
    scalars = all(isinstance(v, (int, float, np.number)) or getattr(v, "ndim", 1) == 0 for v in items)
    return join.stack(*tensors, axis=0 if scalars else axis)


def _allclose(a: Any, b: Any, rtol: float | None = None, atol: float | None = None) -> bool:
    """Whether two arrays are close, as close as their dtypes let them be: Theano's own tests ask it."""
    narrow, relative = _get_atol_rtol(a, b)
    return np.allclose(a, b, atol=narrow if atol is None else atol, rtol=relative if rtol is None else rtol)


def _get_atol_rtol(a: Any, b: Any) -> tuple[float, float]:
    dtypes = {str(np.asarray(x).dtype) for x in (a, b)}
    if "float16" in dtypes:
        return float16_atol, float16_rtol
    if dtypes & {"float32", "complex64"}:
        return float32_atol, float32_rtol
    return float64_atol, float64_rtol


float16_atol, float16_rtol = 1e-3, 1e-3
float32_atol, float32_rtol = 1e-5, 1e-5
float64_atol, float64_rtol = 1e-8, 1e-5


def pow(x: Any, y: Any) -> Variable:
    """x to the power y; of an integer to a negative one, an error in graphlib, 1, -1 or 0: the quotient
    rounded toward 0.  (0 ** -1 is 0; in Theano it is whatever C makes of an infinite integer.)"""
    result = ew.pow_(x, y)
    base, exponent = result.owner.inputs if result.owner is not None else (None, None)
    if base is None or base.type.is_float or (isinstance(exponent, Constant) and (exponent.data >= 0).all()):
        return result
    size = ew.pow_(base, ew.abs_(exponent))
    return ew.switch(ew.ge(exponent, 0), size, ew.switch(ew.eq(ew.abs_(base), 1), size, 0))


assert_op = Assert()


def as_tensor_variable(x: Any, name: str | None = None, ndim: int | None = None) -> Variable:
    """``x`` as a variable; of a node its output, which must be one. ndim: with so many dimensions, by lengths
    of 1 before the others, which are also taken away.

    Errors: ValueError where it has more; AttributeError for a node of several outputs.
    """
    if isinstance(x, graph.Apply):
        number = getattr(x.op, "default_output", None)
        if number is None and len(x.outputs) == 1:
            number = 0
        if not isinstance(number, int) or not 0 <= number < len(x.outputs):
            raise AttributeError(f"{x} has {len(x.outputs)} outputs and no default one")
        x = x.outputs[number]
    variable = as_variable(x, name)
    if ndim is None or variable.ndim == ndim:
        return variable
    while variable.ndim > ndim and variable.broadcastable[0]:
        variable = variable.dimshuffle(*range(1, variable.ndim))
    if variable.ndim > ndim:
        raise ValueError(f"{variable.describe()} has more than {ndim} dimensions")
    return variable.dimshuffle(*["x"] * (ndim - variable.ndim), *range(variable.ndim))


as_tensor = as_tensor_variable
isnan_, isinf_ = ew.isnan, ew.isinf


class TensorFromScalar:
    """``TensorFromScalar()(x)``: ``x`` itself."""

    def __call__(self, x: Any) -> Variable:
        return as_variable(x)


ScalarFromTensor = TensorFromScalar


def values_eq_approx_remove_nan(a: Any, b: Any, *settings: Any) -> bool:
    """Whether two arrays are close but for NaN: what DebugMode was told to compare with."""
    return bool(np.allclose(np.nan_to_num(a), np.nan_to_num(b)))


values_eq_approx_remove_inf = values_eq_approx_remove_inf_nan = values_eq_approx_remove_nan


def values_eq_approx_always_true(a: Any, b: Any, *settings: Any) -> bool:
    """Always true: what DebugMode was told to compare random numbers with."""
    return True
