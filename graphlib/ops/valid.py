"""Parameters that make sense: a value that fails the call where it is none, as a probability of 1.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DomainError
from ..graph import Apply, Constant, TensorType, Variable
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull
from .op import Op, Sample, as_variable, register
from .shape_rules import same_shape

#: kind -> (what must be, by numpy, in the scalar language); NaN is no probability, but shows itself elsewhere
_KINDS: dict[str, tuple[str, Callable, Callable[[ex.Expr], ex.Expr]]] = {
    "probability": (
        "from 0 to 1",
        lambda a: (a >= 0) & (a <= 1),
        lambda x: ex.apply("and_", "bool", _compared("ge", x, 0), _compared("le", x, 1)),
    ),
    "not negative": (
        "0 or more",
        lambda a: ~(a < 0),
        lambda x: ex.apply("invert", "bool", _compared("lt", x, 0)),
    ),
    "positive": ("1 or more", lambda a: a >= 1, lambda x: _compared("ge", x, 1)),
    "not zero": ("other than 0", lambda a: a != 0, lambda x: _compared("neq", x, 0)),
    "one": (
        "1, within a thousandth",
        lambda a: abs(a - 1) <= 1e-3,
        lambda x: ex.apply("and_", "bool", _compared("ge", x, 0.999), _compared("le", x, 1.001)),
    ),
}


def _compared(op: str, x: ex.Expr, number: float) -> ex.Expr:
    return ex.apply(op, "bool", x, ex.const(number, x.dtype))


class Valid(Op):
    """Its operand, which fails the call (DomainError) where it is not what ``kind`` says; ``what`` it is in
    messages."""

    def __init__(self, kind: str, what: str) -> None:
        self.kind = kind
        self.what = what

    shape_rule = same_shape

    def infer(self, x: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0]]

    def reference(self, node: Apply, x: np.ndarray) -> np.ndarray:
        must, is_valid, _ = _KINDS[self.kind]
        wrong = x[~np.asarray(is_valid(x))]
        if wrong.size:
            raise DomainError(
                f"{self.what} must be {must}, not {wrong.reshape(-1)[0]}: {node.inputs[0].describe()}"
            )
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        (x,) = operands
        one = ex.const(1, x.dtype)

        def at(*index: Poly) -> ex.Expr:
            element = x.at(*index)
            fine = ex.checked("checked_truth", _KINDS[self.kind][2](element))
            return ex.apply("switch", x.dtype, fine, element, one)

        return Pull(x.shape, at)


def valid(x: Any, kind: str, what: str) -> Variable:
    """``x``, which fails the call where it is not what ``kind`` says; numbers fail at once.

    Errors: DomainError, which says ``what`` must be how.
    """
    x = as_variable(x)
    made = Valid(kind, what).make(x)
    if isinstance(x, Constant):
        Valid(kind, what).reference(made.owner, x.data)
        return x
    return made


register(
    "valid",
    valid,
    lambda: [
        Sample(lambda x: valid(x, "probability", "p") * x, (np.array([[0.125, 0.25], [0.5, 0.875]]),)),
        Sample(lambda x: valid(x, "not negative", "std") * x, (np.array([0.5, 2.0, 3.0]),)),
        Sample(lambda x: valid(x, "not zero", "a step") * x, (np.array([-1.5, 2.0]),)),
        Sample(lambda x: valid(x.sum(), "one", "a sum") * x, (np.array([0.25, 0.75]),), differentiable=False),
        Sample(lambda x: valid(x, "not negative", "std"), (np.zeros((0, 3)),)),
    ],
)
