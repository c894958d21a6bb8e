"""``OpFromGraph``, and errors by the names that programs catch them by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import GraphError, MissingInputError, UnusedInputError
from ...graph import Constant, Shared, Variable, toposort
from ...graph.substitution import clone
from ...ops.fitting import fitting

__all__ = [
    "InconsistencyError",
    "MethodNotDefined",
    "MissingInputError",
    "OpFromGraph",
    "UnusedInputError",
]


class InconsistencyError(GraphError):
    """A graph that a rewrite has left in disorder."""


class MethodNotDefined(GraphError, AttributeError):
    """A method that an operation does not have."""


class OpFromGraph:
    """A graph as a function of variables: ``OpFromGraph([x, y], [x + y])(a, b)`` is ``a + b``.

    The graph is put in place of the call, so gradients come along. ``grad_overrides``, ``lop_overrides`` and
    ``rop_overrides`` are refused: a gradient of a program's own is an operation of its own.
    """

    def __init__(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], inline: bool = False, **more: Any
    ) -> None:
        for name, value in more.items():
            if name.endswith("overrides") and value not in (None, "default"):
                raise NotImplementedError(
                    f"OpFromGraph({name}=): the graph's own gradient is taken; for another write an "
                    f"operation with a gradient (docs/add-an-op.md), or cut it by "
                    f"theano.gradient.disconnected_grad"
                )
        for v in inputs:
            if not isinstance(v, Variable) or isinstance(v, (Constant, Shared)):
                raise TypeError(f"OpFromGraph: an input is a variable, neither shared nor constant, not {v}")
        for node in toposort(outputs, tuple(inputs)):
            for v in node.inputs:
                if v.owner is None and v not in inputs and not isinstance(v, (Constant, Shared)):
                    raise MissingInputError(f"OpFromGraph: {v.describe()} is none of the inputs")
        self.inputs, self.outputs = list(inputs), list(outputs)

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if len(arguments) != len(self.inputs):
            raise ValueError(f"OpFromGraph takes {len(self.inputs)} operands, got {len(arguments)}")
        given = {
            v: fitting(a, v, f"OpFromGraph: the operand for {v}")
            for v, a in zip(self.inputs, arguments, strict=True)
        }
        made = clone(self.outputs, given)
        return made[0] if len(made) == 1 else made
