"""Labels of classes: numbers from 0 on, each of which is checked, where an index may count from the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..errors import LabelError, ShapeError
from ..graph import Apply, Constant, TensorType, Variable
from ..graph.types import INTEGERS
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand, Pull
from .op import Op
from .shape_rules import Length, Shapes, constant_int

_TOO_MANY_OR_FEW = "{1} are {b} labels for {a} rows"


class Labels(Op):
    """A vector of labels as int64, required to be as many as there are ``rows`` and each in [0, classes)."""

    view = True

    def shape_rule(self, of: Shapes, y: Variable, rows: Variable, classes: Variable) -> Sequence[Length]:
        return [of.scalar(rows)]

    def infer(self, y: Variable, rows: Variable, classes: Variable) -> list[TensorType]:
        known, wanted = y.type.shape[0], constant_int(rows)
        if None not in (known, wanted) and known != wanted:
            raise ShapeError(_TOO_MANY_OR_FEW.format("", y.describe(), a=wanted, b=known))
        return [TensorType("int64", [known if wanted is None else wanted])]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [None, None, None]

    def reference(self, node: Apply, y: np.ndarray, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
        if len(y) != rows:
            raise ShapeError(_TOO_MANY_OR_FEW.format("", node.inputs[0].describe(), a=rows, b=len(y)))
        require_labels(node.inputs[0], y, int(classes))
        return y.astype("int64")

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        y, rows, classes = operands
        length, n = ex.poly(rows.scalar), ex.poly(classes.scalar)
        require(length, y.shape[0], _TOO_MANY_OR_FEW, (rows.variable, y.variable))

        def at(i: Poly) -> ex.Expr:
            label = ex.poly(ex.cast(y.at(i), "int64"))
            # a negative number is as much out of range as one that is too large
            return ex.integer(ex.checked_index(ex.select(ex.less(label, 0), n, label), n))

        return Pull((length,), at)


def require_labels(variable: Variable, y: np.ndarray, classes: int) -> None:
    """Raise LabelError if one of the labels ``y``, the value of a variable, is no class."""
    wrong = y[(y < 0) | (y >= classes)]
    if wrong.size:
        raise LabelError(
            f"{variable.describe()} has a label {wrong[0]}; those of {classes} classes are 0 to {classes - 1}"
        )


def labels(y: Variable, rows: Variable, classes: Variable, what: str) -> Variable:
    """The vector ``y`` as checked labels of so many rows and classes, for the function ``what``.

    Errors: ShapeError if ``y`` is no vector of integers, or has a known length that is not ``rows``;
    LabelError, now if ``y`` is a constant and else at the call.
    """
    if y.ndim != 1 or y.dtype not in INTEGERS:
        raise ShapeError(f"{what}: {y.describe()} are no labels: those are a vector of integers")
    if isinstance(y, Constant) and constant_int(classes) is not None:
        require_labels(y, y.data, constant_int(classes))
    return Labels().make(y, rows, classes)
