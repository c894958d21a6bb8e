"""Complex numbers as their real and imaginary parts, two variables each.

What a graph computes with complex numbers it computes with their parts already (``ops.complex_numbers``):
here those that are made of parts and taken apart again are left out, and the others, inputs, results, shared
variables, what goes into loops and Python and comes out of them, get a last axis of length 2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from ..graph import Apply, Constant, TensorType, Variable, toposort
from ..graph.shared import ComplexShared, as_complex, as_parts, parts_type
from ..graph.traverse import rebuild
from ..graph.variable import fixed_origin
from ..ops.complex_numbers import Pair, Part
from ..ops.host import HostOp, called_back
from ..ops.index import index
from ..ops.join import stack
from ..ops.op import Op
from ..ops.scan import Scan
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Call, Operand
from .loops import Loops

Parts = tuple[Variable, Variable]


class Pairs:
    """Graphs built again with parts for complex numbers.  ``packed`` has what complex leaves became."""

    def __init__(self) -> None:
        self.packed: dict[Variable, Variable] = {}
        self.parts: dict[Variable, Parts] = {}
        self.loops = Loops(lambda t: parts_type(t) if t.is_complex else None, self._inside)

    def leaf(self, v: Variable) -> Variable:
        """What has the parts of a variable that comes from outside."""
        if v not in self.packed:
            shared = isinstance(v, ComplexShared)
            made = v.parts if shared else Variable(parts_type(v.type), name=v.name, origin=v.origin)
            self.packed[v] = made
        return self.packed[v]

    def of(
        self, results: Sequence[Variable], memo: dict[Variable, Variable], stop_at: Collection[Variable] = ()
    ) -> list[Variable]:
        """``results``, complex ones with a last axis; ``memo``: what becomes of real variables."""
        for node in toposort(results, stop_at=[*stop_at, *memo, *self.parts, *self.packed]):
            self._node(node, memo)
        return [self._packed(v, memo) for v in results]

    def _inside(self, results: Sequence[Variable], memo: dict[Variable, Variable]) -> list[Variable]:
        """The same of a step, whose complex inputs have become what ``memo`` says."""
        self.packed.update((v, new) for v, new in memo.items() if v.type.is_complex)
        return self.of(results, memo)

    def _note(self, z: Variable, parts: Parts) -> None:
        """Has messages call the parts of a complex variable by it, where they are not the user's own."""
        self.parts[z] = parts
        for part in parts:
            if part.owner is not None and part.origin is not None and part.origin == z.origin:
                part.origin = z.origin.standing_for(z.describe())

    def _of(self, z: Variable) -> Parts:
        """The parts of a complex variable."""
        if z not in self.parts:
            if isinstance(z, Constant):
                made = [Constant(p, z.name, origin=z.origin) for p in (z.data.real, z.data.imag)]
            else:
                with fixed_origin(z.origin):
                    made = [index(self.leaf(z), (..., k)) for k in (0, 1)]
            self._note(z, (made[0], made[1]))
        return self.parts[z]

    def _packed(self, v: Variable, memo: dict[Variable, Variable]) -> Variable:
        if not v.type.is_complex:
            return memo.get(v, v)
        return self.packed[v] if v in self.packed else stack(list(self._of(v)), axis=v.ndim)

    def _node(self, node: Apply, memo: dict[Variable, Variable]) -> None:
        op = node.op
        if isinstance(op, Part):
            memo[node.outputs[0]] = self._of(node.inputs[0])[op.kind == "imag"]
        elif isinstance(op, Pair):
            x, y = (memo.get(v, v) for v in node.inputs)
            self._note(node.outputs[0], (x, y))
        elif op.takes_complex == "shape":
            # the lengths of one part
            (v,) = node.inputs
            x = self._of(v)[0] if v.type.is_complex else memo.get(v, v)
            if x is not v:
                memo[node.outputs[0]] = rebuild(node, [x], {}).outputs[0]
        elif op.takes_complex == "parts" and any(v.type.is_complex for v in node.inputs):
            given = [
                [self._of(v)[k] if v.type.is_complex else memo.get(v, v) for v in node.inputs] for k in (0, 1)
            ]
            for k, old in enumerate(node.outputs):
                made = [rebuild(node, one, {}).outputs[k] for one in given]
                self._note(old, (made[0], made[1]))
        else:
            inputs = [self._packed(v, memo) for v in node.inputs]
            for old, new in zip(node.outputs, self._rebuilt(node, inputs), strict=True):
                if new is not old:
                    new.name, new.origin = old.name, old.origin
                    (self.packed if old.type.is_complex else memo)[old] = new

    def _rebuilt(self, node: Apply, inputs: list[Variable]) -> Sequence[Variable]:
        if any(v.type.is_complex for v in (*node.inputs, *node.outputs)):
            if isinstance(node.op, Scan):
                return self.loops.rebuilt(node, inputs)
            return Apply(InParts(node), inputs, InParts(node).infer()).outputs
        if isinstance(node.op, Scan) and _has_complex(node.op.outputs):
            return self.loops.rebuilt(node, inputs)
        same = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
        return node.outputs if same else rebuild(node, inputs, {}).outputs


def _has_complex(results: Sequence[Variable]) -> bool:
    """Whether something inside a loop is complex."""
    order = toposort(results)
    return any(
        v.type.is_complex or (isinstance(n.op, Scan) and _has_complex(n.op.outputs))
        for n in order
        for v in n.outputs
    )


class InParts(Op):
    """An operation in Python on complex numbers, which are handed over as they lie in memory."""

    costly = True

    def __init__(self, node: Apply) -> None:
        self.node = node

    def parameters(self) -> tuple:
        return self.node.op, tuple(v.type for v in (*self.node.inputs, *self.node.outputs))

    def __repr__(self) -> str:
        return repr(self.node.op)

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [parts_type(v.type) if v.type.is_complex else v.type for v in self.node.outputs]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        raise NotImplementedError("gradients are taken before complex numbers are represented by their parts")

    def reference(self, node: Apply, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        given = self._given([np.ascontiguousarray(a) if a.ndim else a for a in arrays])
        made = self.node.op.reference(self.node, *given)
        return self._made(made if isinstance(made, tuple) else (made,))

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Call:
        op = self.node.op
        count = len(op.given(self.node)) if isinstance(op, HostOp) else len(operands)
        lengths = iter(operands[count:])
        shapes = tuple(
            tuple(ex.poly(next(lengths).scalar) if n is None else Poly.of(n) for n in v.type.shape)
            for v in node.outputs
        )

        def function(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
            given = self._given(arrays)
            if isinstance(op, HostOp):
                return self._made(op.computed(self.node, given))
            return self._made((op.reference(self.node, *given),))

        return called_back(node, operands[:count], shapes, function)

    def _given(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        inputs = zip(self.node.inputs, arrays, strict=False)
        return [as_complex(a) if v.type.is_complex else a for v, a in inputs]

    def _made(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(as_parts(np.array(a, order="C")) if a.dtype.kind == "c" else a for a in arrays)
