"""A program's own operations: ``theano.Op``, ``theano.Apply`` and ``as_op``, by calls back into Python."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ... import graph
from ...graph import Constant, Shared, TensorType, Variable
from ...graph.variable import warn_user
from ...ops import op as ops
from ...ops.elementwise import identity
from ...ops.host import HostOp
from ...ops.op import as_variable
from ...ops.shape import shape_i
from ...ops.shape_rules import same_shape
from ...scalar.lowered import Operand, Pull
from .gradients import Disconnected
from .own_types import Type, is_own

__all__ = ["Apply", "Op", "Raise", "Type", "ViewOp", "as_op", "deep_copy_op", "view_op"]


class _Nodes(type):
    """``Apply(op, inputs, outputs)``, as Theano had it: the variables that nothing computes yet become the
    outputs."""

    def __instancecheck__(cls, candidate: Any) -> bool:
        return isinstance(candidate, graph.Apply)

    def __call__(cls, op: Any, inputs: Sequence[Any], outputs: Sequence[Variable]) -> graph.Apply:
        given = [as_variable(v) for v in inputs]
        if any(map(is_own, (*given, *outputs))):
            node = graph.Apply(op, given, [v.type for v in outputs])
            node.outputs = tuple(map(_adopted, node.outputs, outputs))
            return node
        # of a length nothing is known but whether it broadcasts
        types = [TensorType(v.dtype, v.broadcastable) for v in outputs]
        node = op.node_of(given, types) if isinstance(op, HostOp) else graph.Apply(op, given, types)
        # the outputs may be of a class of the program's own, which then does not lose them
        node.outputs = tuple(map(_adopted, node.outputs, outputs))
        return node


def _adopted(made: Variable, wanted: Variable) -> Variable:
    """``wanted`` in place of an output, where nothing computes it, else that output with its name."""
    if wanted.owner is None and not isinstance(wanted, (Constant, Shared)):
        wanted.type, wanted.owner, wanted.index = made.type, made.owner, made.index
        return wanted
    made.name = wanted.name
    return made


class Apply(metaclass=_Nodes):
    """A node of a graph."""


class Op(HostOp):
    """``theano.Op``: derive from it, with ``make_node`` (or ``itypes`` and ``otypes``) and ``perform``, and
    perhaps ``grad`` or ``L_op``, ``infer_shape``, ``__props__``.

    C code of its own is not used.
    """

    itypes: Sequence[Any] | None = None
    otypes: Sequence[Any] | None = None
    default_output: int | None = None
    view_map: ClassVar[dict[int, list[int]]] = {}
    destroy_map: ClassVar[dict[int, list[int]]] = {}

    # what a program overrides

    def make_node(self, *inputs: Any) -> graph.Apply:
        if self.itypes is None or self.otypes is None:
            raise NotImplementedError(f"{type(self).__name__} needs make_node, or itypes and otypes")
        if len(inputs) != len(self.itypes):
            raise ValueError(f"{self} takes {len(self.itypes)} inputs, not {len(inputs)}")
        given = [as_variable(v) for v in inputs]
        for v, t in zip(given, self.itypes, strict=True):
            if v.dtype != t.dtype or v.ndim != t.ndim:
                raise TypeError(f"{self} takes {t}, not {v.describe()}")
        return Apply(self, given, [t() for t in self.otypes])

    def perform(self, node: graph.Apply, inputs: list[np.ndarray], output_storage: list[list]) -> None:
        raise NotImplementedError(f"{type(self).__name__} has no perform, and its C code is not used")

    def grad(self, inputs: list[Variable], output_grads: list[Variable]) -> list[Variable | None]:
        raise NotImplementedError

    def L_op(
        self, inputs: list[Variable], outputs: list[Variable], output_grads: list[Variable]
    ) -> list[Variable | None]:
        return self.grad(inputs, output_grads)

    # what graphlib asks

    def __call__(self, *inputs: Any, return_list: bool = False, name: str | None = None, **more: Any) -> Any:
        if hasattr(self, "c_code"):
            note_c_code()
        node = self.make_node(*inputs, **more)
        outputs = list(node.outputs)
        if name is not None and len(outputs) == 1:
            outputs[0].name = name
        if self.default_output is not None:
            return [outputs[self.default_output]] if return_list else outputs[self.default_output]
        return outputs[0] if len(outputs) == 1 and not return_list else outputs

    def make(self, *inputs: Any) -> Any:
        return self(*inputs)

    def lengths_of(
        self, given: Sequence[Variable], types: Sequence[TensorType]
    ) -> Sequence[Sequence[Any]] | None:
        infer_shape = getattr(self, "infer_shape", None)
        if infer_shape is None:
            return None
        shapes = [tuple(shape_i(v, axis) for axis in range(v.ndim)) for v in given]
        try:
            return infer_shape(graph.Apply(self, given, types), shapes)
        except NotImplementedError:
            # Theano's way of an Op to say that its shapes are found by computing it
            return None

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | None]:
        found = self.L_op(inputs, outputs, grads)
        several = list(found) if isinstance(found, (list, tuple)) else [found]
        return [None if isinstance(g, Disconnected) else g for g in several]

    def directional(
        self, inputs: list[Variable], evaluations: list[Variable]
    ) -> Sequence[Variable | None] | None:
        rule = getattr(self, "R_op", None)
        if rule is None:
            return None
        found = rule(inputs, evaluations)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    def evaluate(self, node: graph.Apply, given: Sequence[np.ndarray]) -> list[Any]:
        storage: list[list] = [[None] for _ in node.outputs]
        inputs = [a.copy() for a in given] if self.destroy_map else list(given)
        types = [v.type for v in node.outputs]
        self.perform(graph.Apply(self, self.given(node), types, node.outputs[0].origin), inputs, storage)
        return [cell[0] for cell in storage]

    def _props(self) -> tuple:
        return tuple(getattr(self, name) for name in self.__props__)

    def parameters(self) -> tuple:
        return self._props() if hasattr(self, "__props__") else (id(self),)

    def __str__(self) -> str:
        inside = ", ".join(f"{n}={getattr(self, n)!r}" for n in getattr(self, "__props__", ()))
        return f"{type(self).__name__}{{{inside}}}" if inside else type(self).__name__

    def __repr__(self) -> str:
        return str(self)


class ViewOp(ops.Op):
    """``theano.compile.ViewOp``: its input itself; derive from it to give it another gradient (``grad``)."""

    view = True
    shape_rule = same_shape

    def __call__(self, x: Any) -> Variable:
        return self.make(as_variable(x))

    def parameters(self) -> tuple:
        return tuple(getattr(self, name) for name in getattr(self, "__props__", ())) or (id(self),)

    def infer(self, x: Variable) -> list[TensorType]:
        return [x.type]

    def grad(self, inputs: list[Variable], output_grads: list[Variable]) -> list[Variable | None]:
        return output_grads

    def gradient(self, node: graph.Apply, grads: list[Variable]) -> list[Variable | None]:
        return self.grad(list(node.inputs), grads)

    def at_all_steps(self, b: Any) -> Variable:
        return self.make(b.inputs[0])

    def reference(self, node: graph.Apply, x: np.ndarray) -> np.ndarray:
        return x

    def lower(self, node: graph.Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull(operands[0].shape, operands[0].at)


view_op = deep_copy_op = identity


class Raise(Op):
    """``Raise(message, exc)(x)``: raises the exception wherever it is computed."""

    __props__ = ("msg", "exc")

    def __init__(self, message: str = "", exc: type[Exception] = NotImplementedError) -> None:
        self.msg, self.exc = message, exc

    def make_node(self, x: Any) -> graph.Apply:
        x = as_variable(x)
        return Apply(self, [x], [x.type()])

    def infer_shape(self, node: graph.Apply, shapes: list) -> list:
        return shapes

    def perform(self, node: graph.Apply, inputs: list[np.ndarray], output_storage: list[list]) -> None:
        raise self.exc(self.msg)


@functools.lru_cache(maxsize=1)
def note_c_code() -> None:
    """Says once that C code is not used."""
    warn_user("the C code of operations of a program's own (c_code) is not used: they run by perform")


class _FromFunction(Op):
    """An operation that is a Python function on arrays."""

    def __init__(self, function: Callable, itypes: Sequence[Any], otypes: Sequence[Any], shape: Any) -> None:
        self.function, self.itypes, self.otypes = function, itypes, otypes
        self._shape = shape

    def parameters(self) -> tuple:
        return (self.function,)

    def lengths_of(
        self, given: Sequence[Variable], types: Sequence[TensorType]
    ) -> Sequence[Sequence[Any]] | None:
        if self._shape is None:
            return None
        shapes = [tuple(shape_i(v, axis) for axis in range(v.ndim)) for v in given]
        return self._shape(graph.Apply(self, given, types), shapes)

    def perform(self, node: graph.Apply, inputs: list[np.ndarray], output_storage: list[list]) -> None:
        made = self.function(*inputs)
        made = made if isinstance(made, (list, tuple)) else [made]
        if len(made) != len(output_storage):
            raise ValueError(f"{self} has {len(output_storage)} outputs and returns {len(made)}")
        for cell, value in zip(output_storage, made, strict=True):
            cell[0] = value

    def __str__(self) -> str:
        return f"FromFunctionOp{{{self.function.__name__}}}"


def as_op(itypes: Any, otypes: Any, infer_shape: Any = None) -> Callable[[Callable], Op]:
    """``as_op(itypes, otypes)(function)`` makes an operation of a Python function on arrays."""
    takes, gives = (list(t) if isinstance(t, (list, tuple)) else [t] for t in (itypes, otypes))
    return lambda function: _FromFunction(function, takes, gives, infer_shape)
