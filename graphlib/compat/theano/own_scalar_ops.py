"""A program's own operations on numbers, ``theano.scalar.ScalarOp``, and ``T.Elemwise``, which applies them
to each element of tensors: by calls back into Python."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...configuration import config
from ...graph import Apply, TensorType, Variable
from ...graph.types import promote
from ...ops import elementwise as ew
from ...ops.create import fill
from ...ops.host import HostOp
from ...ops.op import NoGradient, as_variable, check_broadcast
from ...ops.shape import shape_i
from ...ops.shape_rules import known_shape
from .own_ops import note_c_code

__all__ = ["BinaryScalarOp", "Elemwise", "ScalarOp", "UnaryScalarOp"]

Preference = Callable[..., Sequence[TensorType]]  # the types of outputs, from those of inputs


class ScalarOp:
    """``theano.scalar.ScalarOp``: derive from it, with ``impl`` on Python's numbers, and perhaps ``grad`` or
    ``L_op``, written with symbolic operations.

    output_types_preference: gives the outputs' types from the inputs', as ``theano.scalar.upgrade_to_float``.
    ``nfunc_spec`` may name a ufunc of NumPy's or SciPy's that does the same. C code is not used.
    """

    nin = -1
    nout = 1
    nfunc_spec: tuple[str, int, int] | None = None

    def __init__(self, output_types_preference: Preference | None = None, name: str | None = None) -> None:
        self.name = name
        if output_types_preference is not None:
            if not callable(output_types_preference):
                raise TypeError(
                    f"{self}: output_types_preference is a function of types, not {output_types_preference}"
                )
            self.output_types_preference = output_types_preference

    def output_types(self, types: Sequence[TensorType]) -> Sequence[TensorType]:
        """The outputs' types."""
        preference = getattr(self, "output_types_preference", None)
        if preference is None:
            raise NotImplementedError(f"{self} needs output_types or output_types_preference")
        return preference(*types)

    def impl(self, *numbers: Any) -> Any:
        raise NotImplementedError(f"{self} has no impl, and its C code is not used")

    def grad(self, inputs: list[Variable], output_gradients: list[Variable]) -> Sequence[Any]:
        raise NotImplementedError(f"{self} has no grad")

    def L_op(
        self, inputs: list[Variable], outputs: list[Variable], output_gradients: list[Variable]
    ) -> Sequence[Any]:
        return self.grad(inputs, output_gradients)

    def make_node(self, *inputs: Any) -> Apply:
        made = self(*inputs)
        return (made[0] if isinstance(made, list) else made).owner

    def __call__(self, *inputs: Any) -> Any:
        return OwnElementwise(self)(*inputs)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> tuple:
        own = tuple(getattr(self, name) for name in getattr(self, "__props__", ()))
        return getattr(self, "output_types_preference", None), *own

    def __str__(self) -> str:
        return getattr(self, "name", None) or type(self).__name__

    __repr__ = __str__


class UnaryScalarOp(ScalarOp):
    """A ``ScalarOp`` of one number."""

    nin = 1


class BinaryScalarOp(ScalarOp):
    """A ``ScalarOp`` of two numbers."""

    nin = 2


class OwnElementwise(HostOp):
    """A ``ScalarOp`` for each element of tensors, which broadcast."""

    def __init__(self, scalar_op: ScalarOp) -> None:
        self.scalar_op = scalar_op
        if hasattr(scalar_op, "c_code"):
            note_c_code()

    def prepare(self, *inputs: Any) -> list[Variable]:
        if self.scalar_op.nin not in (-1, len(inputs)):
            raise TypeError(f"{self} takes {self.scalar_op.nin} operands, got {len(inputs)}")
        return [as_variable(v) for v in inputs]

    def types(self, *inputs: Variable) -> list[TensorType]:
        shape = known_shape(self, *inputs)
        outputs = self.scalar_op.output_types([TensorType(v.dtype) for v in inputs])
        return [TensorType(t.dtype, shape) for t in outputs]

    def shape_rule(self, of: Any, *inputs: Variable) -> Any:
        return of.broadcast(inputs)

    def lengths(self, *inputs: Variable) -> list[list[Variable | int]]:
        rank = max((v.ndim for v in inputs), default=0)
        found: list[Variable | int] = [1] * rank
        for axis in range(1, rank + 1):
            for v in inputs:
                if v.ndim >= axis and v.type.shape[-axis] != 1:
                    found[-axis] = shape_i(v, v.ndim - axis)
                    break
        return [found] * self.scalar_op.nout

    def evaluate(self, node: Apply, given: Sequence[np.ndarray]) -> list[Any]:
        check_broadcast(self, self.given(node), given)
        made = self._function(len(given))(*given)
        made = made if isinstance(made, tuple) else (made,)
        return [np.asarray(a).astype(v.dtype) for a, v in zip(made, node.outputs, strict=True)]

    def _function(self, count: int) -> Callable:
        name = (self.scalar_op.nfunc_spec or ("",))[0]
        module, _, function = name.rpartition(".")
        if name:
            found = getattr(importlib.import_module(module or "numpy"), function, None)
            if found is not None:
                return found
        return np.frompyfunc(self.scalar_op.impl, count, self.scalar_op.nout)

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | None]:
        found = self.scalar_op.L_op(inputs, outputs, grads)
        return [None if g is None else _like(g, v, outputs[0]) for g, v in zip(found, inputs, strict=True)]

    def __repr__(self) -> str:
        return str(self.scalar_op)


def _like(gradient: Any, v: Variable, output: Variable) -> Any:
    """A gradient, perhaps a number, in the shape of an input that may have been broadcast."""
    if isinstance(gradient, NoGradient):
        return gradient
    gradient = as_variable(gradient)
    if gradient.type.shape != output.type.shape:
        gradient = fill(output.astype(gradient.dtype), gradient)
    return ew.sum_to_shape_of(gradient, v)


class _Elemwise(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        own = isinstance(candidate, OwnElementwise)
        return own or (isinstance(candidate, (ew.Elementwise, ew.Cast)) and config.device == "cpu")

    def __call__(cls, scalar_op: Any, *more: Any, name: str | None = None, **options: Any) -> Any:
        return OwnElementwise(scalar_op) if isinstance(scalar_op, ScalarOp) else scalar_op


class Elemwise(metaclass=_Elemwise):
    """``T.Elemwise(scalar_op)``: the operation that applies a scalar one to each element.

    ``isinstance(node.op, T.Elemwise)`` asks whether a node computes elementwise, and on the CPU; with it
    programs find out where they run.
    """


# Preferences: the types of outputs


def same_out(t: TensorType, *types: TensorType) -> tuple[TensorType]:
    """The type of the inputs."""
    return (t,)


def upcast_out(*types: TensorType) -> tuple[TensorType]:
    """The common type."""
    return (TensorType(promote(t.dtype for t in types)),)


def upgrade_to_float(*types: TensorType) -> tuple[TensorType]:
    """The common type; of integers a float, float64 if one is of more than 16 bits."""
    wide = any(t.numpy_dtype.itemsize > 2 for t in types if not t.is_float)
    floats = ("float64" if wide else "float32") if not any(t.is_float for t in types) else None
    return (TensorType(floats or promote(t.dtype for t in types)),)


def upgrade_to_float64(*types: TensorType) -> tuple[TensorType]:
    """float64."""
    return (TensorType("float64"),)


def float_out(*types: TensorType) -> tuple[TensorType]:
    """float32."""
    return (TensorType("float32"),)


def int_out(*types: TensorType) -> tuple[TensorType]:
    """int64."""
    return (TensorType("int64"),)


class specific_out:
    """``specific_out(t)``: these types, whatever the inputs are."""

    def __init__(self, *spec: TensorType) -> None:
        self.spec = spec

    def __call__(self, *types: TensorType) -> tuple[TensorType, ...]:
        return self.spec

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.spec == other.spec

    def __hash__(self) -> int:
        return hash((type(self), self.spec))


class transfer_type(specific_out):
    """``transfer_type(i, t)``: the type of input number i, and the type t."""

    def __call__(self, *types: TensorType) -> tuple[TensorType, ...]:
        (common,) = upcast_out(*types)
        return tuple(
            common if each is None else types[each] if isinstance(each, int) else each for each in self.spec
        )


upgrade_to_float_no_complex = upgrade_to_float
same_out_nocomplex = same_out
upcast_out_no_complex = upcast_out
