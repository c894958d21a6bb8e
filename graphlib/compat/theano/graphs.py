"""``OpFromGraph``, and errors by the names that programs catch them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...errors import GraphError, MissingInputError, UnusedInputError
from ...gradient import Lop
from ...graph import Constant, Shared, Variable, graph_inputs, toposort
from ...graph.substitution import clone
from ...ops.barriers import OwnGradient
from ...ops.create import zeros_like
from ...ops.fitting import fitting
from .gradients import Disconnected
from .walks import ancestors

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

    The graph is put in place of the call, so gradients come along, unless ``grad_overrides`` (of inputs and
    gradients), ``lop_overrides`` (of outputs, too) or ``rop_overrides`` (of inputs and directions) say
    otherwise: each a function, another OpFromGraph, or a list with one for each input (for each output of
    ``rop_overrides``), in which 'default' leaves a gradient as it is.
    """

    def __init__(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        inline: bool = False,
        lop_overrides: Any = "default",
        grad_overrides: Any = "default",
        rop_overrides: Any = "default",
        connection_pattern: Any = None,
        name: str | None = None,
        on_unused_input: str = "raise",
        **more: Any,
    ) -> None:
        for v in inputs:
            if not isinstance(v, Variable) or isinstance(v, (Constant, Shared)):
                raise TypeError(f"OpFromGraph: an input is a variable, neither shared nor constant, not {v}")
        for node in toposort(outputs, tuple(inputs)):
            for v in node.inputs:
                if v.owner is None and v not in inputs and not isinstance(v, (Constant, Shared)):
                    raise MissingInputError(f"OpFromGraph: {v.describe()} is none of the inputs")
        if lop_overrides not in (None, "default") and grad_overrides not in (None, "default"):
            raise ValueError("OpFromGraph: lop_overrides and grad_overrides say the same, pass one of them")
        self.inputs, self.outputs, self.name = list(inputs), list(outputs), name
        self._overrides = [_given(lop_overrides), _given(grad_overrides), _given(rop_overrides)]
        self._pattern = connection_pattern

    def connection_pattern(self, node: Any = None) -> list[list[bool]]:
        """For each input, and then for each shared variable, and each output whether the one depends on the
        other."""
        if self._pattern is not None:
            return self._pattern
        above = [set(ancestors([v])) for v in self.outputs]
        shared = [v for v in graph_inputs(self.outputs, tuple(self.inputs)) if isinstance(v, Shared)]
        return [[i in needed for needed in above] for i in (*self.inputs, *shared)]

    def __call__(self, *arguments: Any, **more: Any) -> Any:
        if len(arguments) != len(self.inputs):
            raise ValueError(f"OpFromGraph takes {len(self.inputs)} operands, got {len(arguments)}")
        given = [
            fitting(a, v, "OpFromGraph: the operand for") for v, a in zip(self.inputs, arguments, strict=True)
        ]
        made = clone(self.outputs, dict(zip(self.inputs, given, strict=True)))
        if any(o is not None for o in self._overrides):
            made = [_Overridden(self, k).make(v, *given) for k, v in enumerate(made)]
        return made[0] if len(made) == 1 else made

    def gradients(self, k: int, inputs: list, output: Any, gradient: Any) -> list:
        """The gradients by the inputs of output ``k``, from its own."""
        lop, grad, _ = self._overrides
        rule = lop if lop is not None else grad
        made = [
            output if j == k else clone(v, dict(zip(self.inputs, inputs, strict=True)))
            for j, v in enumerate(self.outputs)
        ]
        given = [gradient if j == k else zeros_like(v) for j, v in enumerate(made)]
        arguments = (inputs, made, given) if lop is not None else (inputs, given)

        def default(number: int | None = None) -> Any:
            plain = clone(self.outputs[k], dict(zip(self.inputs, inputs, strict=True)))
            by = inputs if number is None else [inputs[number]]
            found = Lop(plain, by, gradient, disconnected_inputs="ignore")
            return found if number is None else found[0]

        return _applied(rule, arguments, len(inputs), default)

    def directional(self, k: int, inputs: list, along: list) -> Any:
        """The derivative of output ``k`` along directions of the inputs; None for the graph's own."""
        rule = self._overrides[2]
        if rule is None:
            return None
        return _applied(rule, (inputs, along), len(self.outputs), lambda number=None: None)[k]


def _given(override: Any) -> Any:
    return None if isinstance(override, str) and override == "default" else override


def _applied(rule: Any, arguments: tuple, count: int, default: Callable) -> list:
    """What an override gives: one for all, or one for each."""
    if rule is None:
        return default()
    if not isinstance(rule, (list, tuple)):
        made = (
            rule(*(v for part in arguments for v in part))
            if isinstance(rule, OpFromGraph)
            else rule(*arguments)
        )
        return list(made) if isinstance(made, (list, tuple)) else [made]
    if len(rule) != count:
        raise ValueError(f"OpFromGraph: {len(rule)} overrides are given where {count} are wanted")
    found = []
    for number, one in enumerate(rule):
        if _given(one) is None:
            found.append(default(number))
        elif callable(one):
            found.append(_applied(one, arguments, 1, default)[0])
        else:
            found.append(one)
    return found


class _Overridden(OwnGradient):
    """An output of an OpFromGraph, with the derivatives that a program gives in place of the graph's."""

    def __init__(self, graph: OpFromGraph, number: int) -> None:
        super().__init__("OpFromGraph", number)
        self.graph = graph

    def parameters(self) -> tuple:
        return id(self.graph), *self.settings

    def connection_pattern(self, node: Any) -> list[list[bool]]:
        given = next((o for o in self.graph._overrides[:2] if isinstance(o, (list, tuple))), None)
        rest = (
            [True] * (len(node.inputs) - 1)
            if given is None
            else [not isinstance(o, Disconnected) for o in given]
        )
        return [[False], *([connected] for connected in rest)]

    def gradient(self, node: Any, grads: list) -> list:
        found = self.graph.gradients(self.settings[0], list(node.inputs[1:]), node.inputs[0], grads[0])
        return [None, *(None if isinstance(g, Disconnected) else g for g in found)]

    def directional_rule(self, node: Any, along: list) -> Any:
        found = self.graph.directional(self.settings[0], list(node.inputs[1:]), along[1:])
        return None if found is None else [found]
