"""Operations that compute nothing and steer gradients: constants to differentiation, clipping and scaling of
gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..graph import Apply, TensorType, Variable
from ..scalar.lowered import Operand, Pull
from .op import NoGradient, Op, Sample, as_variable, register
from .shape_rules import same_shape

if TYPE_CHECKING:
    from .batch import Batch


class GradientBarrier(Op):
    """The value itself, with a gradient of its own: 'stop' makes it zero, 'disconnect' has none go on, 'clip'
    limits it, 'scale' multiplies it, 'undefined' is an error."""

    takes_complex = "parts"
    view = True

    def __init__(self, kind: str, *settings: float) -> None:
        self.kind = kind
        self.settings = settings

    def parameters(self) -> tuple:
        return (self.kind, *self.settings)

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        from .elementwise import clip

        rules: dict[str, Callable[..., Any]] = {
            "stop": lambda g: None,
            "disconnect": lambda g: None,
            "clip": lambda g, low, high: clip(g, low, high),
            "scale": lambda g, factor: g * factor,
            "undefined": lambda g: NoGradient("it was declared undefined"),
        }
        return [rules[self.kind](grads[0], *self.settings)]

    def at_all_steps(self, b: Batch) -> Variable:
        return self.make(b.inputs[0])

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull(operands[0].shape, operands[0].at)


class OwnGradient(Op):
    """Its first input, computed of the others by operations that are not differentiated: its gradient goes to
    those, by the function that ``rule`` names in ``RULES``.

    A rule gets the output, its gradient and the inputs but the first, then the settings, and gives the
    gradient of each of these inputs.
    """

    view = True
    RULES: ClassVar[dict[str, Callable[..., Sequence[Variable | None]]]] = {}

    def __init__(self, rule: str, *settings: Any) -> None:
        self.rule = rule
        self.settings = settings

    def parameters(self) -> tuple:
        return (self.rule, *self.settings)

    def __str__(self) -> str:
        return self.rule

    shape_rule = same_shape

    def infer(self, x: Variable, *of: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        rule = self.RULES[self.rule]
        return [None, *rule(node.outputs[0], grads[0], *node.inputs[1:], *self.settings)]

    def reference(self, node: Apply, x: np.ndarray, *of: np.ndarray) -> np.ndarray:
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull(operands[0].shape, operands[0].at)


def gradient_rule(rule: Callable) -> Callable:
    """Decorates a function: the rule of ``OwnGradient`` by its name."""
    OwnGradient.RULES[rule.__name__] = rule
    return rule


def consider_constant(x: Any) -> Variable:
    """``x``, counted as a constant by differentiation."""
    return GradientBarrier("stop").make(as_variable(x))


zero_grad = consider_constant


def disconnected_grad(x: Any) -> Variable:
    """``x``, on which nothing depends as differentiation sees it: where a cost depends on it in no other way,
    its gradient is a DisconnectedInputError."""
    return GradientBarrier("disconnect").make(as_variable(x))


def grad_clip(x: Any, lower_bound: float, upper_bound: float) -> Variable:
    """``x``, its gradient brought into [lower_bound, upper_bound] elementwise."""
    return GradientBarrier("clip", float(lower_bound), float(upper_bound)).make(as_variable(x))


def grad_scale(x: Any, multiplier: float) -> Variable:
    """``x``, its gradient multiplied by a number."""
    return GradientBarrier("scale", float(multiplier)).make(as_variable(x))


def undefined_grad(x: Any) -> Variable:
    """``x``, through which there is no gradient: to ask for it is a GradientError."""
    return GradientBarrier("undefined").make(as_variable(x))


register(
    "consider_constant",
    consider_constant,
    lambda: [
        Sample(lambda x: consider_constant(x) * x, (np.array([[1.0, -2.0]]),), ("float32", "float64"), False)
    ],
)
register(
    "disconnected_grad",
    disconnected_grad,
    lambda: [
        Sample(lambda x: disconnected_grad(x) * x, (np.array([[1.0, -2.0]]),), ("float32", "float64"), False)
    ],
)
register(
    "undefined_grad",
    undefined_grad,
    lambda: [Sample(lambda x: undefined_grad(x) * 3, (np.array([[1.0, -2.0]]),), differentiable=False)],
)
register(
    "grad_clip",
    grad_clip,
    lambda: [Sample(lambda x: grad_clip(x, -100.0, 100.0) * 3, (np.array([[1.0, -2.0]]),))],
)
register(
    "grad_scale",
    grad_scale,
    lambda: [Sample(lambda x: grad_scale(x, 1.0) * 3, (np.array([[1.0, -2.0]]),))],
)
