"""Operations of a program's own, in Python: a call back from native code, which waits for it."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..graph import Apply, TensorType, Variable
from ..scalar.host import HOST, HostFunction, check_shape
from ..scalar.integer import Poly
from ..scalar.lowered import Call, Operand
from .op import NoGradient, Op, as_variable, not_differentiable
from .shape_rules import Length, Lowered, Shapes


class HostOp(Op):
    """The base of operations in Python: derive from it, and call an instance with variables.

    A function runs them by a call back into Python between its native pieces, in loops and on devices too (by
    copies), so they cost some microseconds each, and what is around them is not fused across. To write:

    - ``types(*inputs)``: the ``TensorType`` of each output, None for a length that is not known;
    - ``compute(*arrays)``: the output's array, or a tuple of several. Its arguments are the inputs' values,
      which it must not change;
    - ``derivative(inputs, outputs, grads)``: for each input the gradient of the cost, symbolic, or None where
      it is zero, or ``NoGradient("why")`` where there is none;
    - ``lengths(*inputs)``: for each output its lengths, numbers or symbolic ones. Without it lengths that
      ``types`` does not know are found by ``compute``, and nothing in a loop may keep such a row for each
      step;
    - ``directional(inputs, evaluations)``: for ``Rop``, for each output its derivative along the directions
      in which the inputs change; without it that is made of ``derivative``.

    Two instances are the same operation if they are of one class and what ``parameters()`` gives is equal.
    """

    takes_complex = "whole"
    costly = True

    # what a program writes

    def types(self, *inputs: Variable) -> list[TensorType]:
        raise NotImplementedError

    def compute(self, *arrays: np.ndarray) -> Any:
        raise NotImplementedError

    def derivative(
        self, inputs: list[Variable], outputs: list[Variable], grads: list[Variable]
    ) -> list[Variable | NoGradient | None]:
        raise NotImplementedError

    def directional(
        self, inputs: list[Variable], evaluations: list[Variable]
    ) -> Sequence[Variable | None] | None:
        return None

    def lengths(self, *inputs: Variable) -> Sequence[Sequence[Any]] | None:
        return None

    def prepare(self, *inputs: Any) -> list[Variable]:
        """The inputs as variables."""
        return [as_variable(v) for v in inputs]

    # nodes: the inputs that a program gives, then the lengths of outputs that are not known

    def __call__(self, *inputs: Any) -> Any:
        given = self.prepare(*inputs)
        outputs = self.node_of(given, self.types(*given)).outputs
        return outputs[0] if len(outputs) == 1 else list(outputs)

    make = __call__

    def node_of(self, given: Sequence[Variable], types: Sequence[TensorType]) -> Apply:
        """A node of the operation on variables."""
        unknown = sum(n is None for t in types for n in t.shape)
        if not unknown:
            return Apply(self, given, types)
        lengths = self.lengths_of(given, types)
        if lengths is None:
            found = FoundLengths(self, types).make(*given)
            return Apply(self, [*given, *(found[k] for k in range(unknown))], types)
        extra, known = [], []
        for t, shape in zip(types, lengths, strict=True):
            if len(shape) != t.ndim:
                raise ShapeError(f"{self}: an output {t} has {t.ndim} dimensions and {len(shape)} lengths")
            row: list[int | None] = []
            for n, m in zip(t.shape, shape, strict=True):
                m = as_variable(m)
                if n is None:
                    extra.append(m.astype("int64"))
                row.append(n)
            known.append(TensorType(t.dtype, row))
        return Apply(self, [*given, *extra], known)

    def lengths_of(
        self, given: Sequence[Variable], types: Sequence[TensorType]
    ) -> Sequence[Sequence[Any]] | None:
        """``lengths``, of a node that is about to be made."""
        return self.lengths(*given)

    def given(self, node: Apply) -> list[Variable]:
        """The inputs of a node that a program gave."""
        unknown = sum(n is None for v in node.outputs for n in v.type.shape)
        return list(node.inputs[: len(node.inputs) - unknown])

    # what stages ask

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return self.types(*inputs)

    def infer_again(self, node: Apply, inputs: Sequence[Variable]) -> list[TensorType]:
        return [v.type for v in node.outputs]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        given = self.given(node)
        try:
            found = self.derivative(given, list(node.outputs), grads)
        except NotImplementedError as error:
            # as the base class does, and as programs say it themselves
            raise not_differentiable(
                node, str(error) or "its class says nothing of its derivative"
            ) from error
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(found) != len(given):
            raise GraphError(f"{self} has {len(given)} inputs, its derivative gives {len(found)} gradients")
        return [*found, *[None] * (len(node.inputs) - len(given))]

    def directional_rule(self, node: Apply, along: list[Variable]) -> Sequence[Variable | None] | None:
        """What ``Rop`` asks: for each output its derivative along those of the inputs; None to make it of
        ``derivative``."""
        given = self.given(node)
        return self.directional(given, along[: len(given)])

    def reference(self, node: Apply, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        count = len(self.given(node))
        made, rest = self.computed(node, arrays[:count]), iter(arrays[count:])
        for v, array in zip(node.outputs, made, strict=True):
            check_shape(v.describe(), array, tuple(int(next(rest)) if n is None else n for n in v.type.shape))
        return tuple(made)

    def computed(self, node: Apply, given: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs' arrays; those that were computed for their lengths, if they were."""
        kept = _kept.pop(self, None)
        return kept.results if kept is not None and kept.of(given) else self.arrays(node, given)

    def arrays(self, node: Apply, given: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What is computed, in the outputs' dtypes."""
        made = self.evaluate(node, given)
        if len(made) != len(node.outputs):
            raise GraphError(f"{self} has {len(node.outputs)} outputs and computes {len(made)}")
        found = []
        for v, value in zip(node.outputs, made, strict=True):
            array = np.asarray(value)
            if array.dtype != v.dtype and not np.can_cast(array.dtype, v.dtype, "same_kind"):
                raise GraphError(f"{self} computes {array.dtype} for {v.describe()}")
            if array.ndim != v.ndim:
                raise ShapeError(f"{self} computes {array.ndim} dimensions for {v.describe()}")
            found.append(array.astype(v.dtype, copy=False))
        return found

    def evaluate(self, node: Apply, given: Sequence[np.ndarray]) -> Sequence[Any]:
        """What ``compute`` gives, as a list."""
        made = self.compute(*given)
        return made if isinstance(made, (tuple, list)) else [made]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        of = Lowered(operands, require)
        count = len(self.given(node))
        rest = iter(node.inputs[count:])
        shapes = tuple(
            tuple(of.scalar(next(rest)) if n is None else Poly.of(n) for n in v.type.shape)
            for v in node.outputs
        )
        return called_back(node, operands[:count], shapes, lambda *arrays: self.computed(node, arrays))

    def shape_rule(self, of: Shapes, *inputs: Variable) -> Sequence[Length] | None:
        return None

    def __repr__(self) -> str:
        return type(self).__name__


class FoundLengths(Op):
    """The lengths of an operation's outputs that only its results tell, int64: it is computed for them, and
    what it gives is kept for the node itself."""

    takes_complex = "whole"
    costly = True

    def __init__(self, op: HostOp, types: Sequence[TensorType]) -> None:
        self.op, self.types = op, tuple(types)
        self.count = sum(n is None for t in types for n in t.shape)

    def parameters(self) -> tuple:
        return self.op, self.types

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [TensorType("int64", (self.count,))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None] * len(node.inputs)

    def reference(self, node: Apply, *arrays: np.ndarray) -> np.ndarray:
        own = Apply(self.op, node.inputs, self.types)
        results = self.op.arrays(own, arrays)
        _kept[self.op] = _Kept([a.copy() for a in arrays], results)
        pairs = [
            pair
            for t, a in zip(self.types, results, strict=True)
            for pair in zip(t.shape, a.shape, strict=True)
        ]
        return np.array([m for n, m in pairs if n is None], "int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        shapes = ((Poly.of(self.count),),)
        return called_back(node, operands, shapes, lambda *arrays: (self.reference(node, *arrays),))

    def __repr__(self) -> str:
        return f"lengths of {self.op}"


class _Kept:
    """Results and what they were computed of."""

    def __init__(self, arrays: list[np.ndarray], results: list[np.ndarray]) -> None:
        self.arrays, self.results = arrays, results

    def of(self, arrays: Sequence[np.ndarray]) -> bool:
        return all(
            a.shape == b.shape and a.tobytes() == b.tobytes()
            for a, b in zip(arrays, self.arrays, strict=True)
        )


_kept: weakref.WeakKeyDictionary[HostOp, _Kept] = weakref.WeakKeyDictionary()


def called_back(
    node: Apply, operands: Sequence[Operand], shapes: tuple[tuple[Poly, ...], ...], function: Callable
) -> Call:
    """The call back: the number of the function, then the lengths of its operands and of its outputs."""
    host = HostFunction(
        function,
        [(o.dtype, o.ndim) for o in operands],
        [(v.dtype, v.ndim) for v in node.outputs],
        [v.describe() for v in node.outputs],
    )
    lengths = [n for shape in (*(o.shape for o in operands), *shapes) for n in shape]
    integers = (Poly.of(host.number), *lengths)
    return Call(HOST, shapes, integers, tuple(range(len(operands))), "graphlib_runtime.h", host=host)
