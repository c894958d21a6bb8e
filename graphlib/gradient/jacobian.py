"""Matrices of derivatives: those of a vector by variables, and second ones of a scalar."""

from __future__ import annotations

from typing import Any

from ..control.scan import scan
from ..errors import ShapeError
from ..graph import Shared, Variable, toposort
from ..ops.create import arange, eye, zeros_like
from ..ops.join import stack
from ..ops.reduce import sum
from ..ops.shape import reshape, shape_of
from .backward import grad, listed, note_derivation

#: so few rows are written out: a loop would take longer for them than it saves the compiler
_FEW = 8
#: so many rows are computed at once, in products over all of them, where the operations allow it
_AT_ONCE = 256


def jacobian(
    expression: Variable, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise"
) -> Any:
    """The derivatives of each element of a vector (or scalar) by each element of ``wrt``: shape (n,
    *wrt.shape).

    The rows are computed in a loop, in which only products with the transposed Jacobian are computed. Where n
    is known while the graph is built, a few are computed one after the other, and up to 256 all at once as
    far as they are products or elementwise, which takes the memory of as many gradients.
    """
    single = isinstance(wrt, Variable)
    targets = listed(wrt)
    if expression.ndim == 0:
        found = grad(expression, wrt, consider_constant, disconnected_inputs)
        return found if single else _as(wrt, found)
    if expression.ndim != 1:
        raise ShapeError(
            f"jacobian: the expression must be a vector, not {expression.describe()}; flatten it"
        )
    n = expression.type.shape[0]
    if n is None or n > _FEW:
        at_once = n is not None and n <= _AT_ONCE
        result = _rows_in_a_loop(expression, targets, consider_constant, disconnected_inputs, at_once)
    elif n:
        rows = [grad(expression[i], targets, consider_constant, disconnected_inputs) for i in range(n)]
        result = [stack([row[k] for row in rows]) for k in range(len(targets))]
    else:
        result = [zeros_like(reshape(v, (1, *shape_of(v))))[:0] for v in targets]
    constants = listed(consider_constant) if consider_constant is not None else []
    note_derivation(
        result,
        [expression, *targets, *constants],
        lambda to: jacobian(to[expression], [to[v] for v in targets], [to[v] for v in constants], "ignore"),
    )
    return result[0] if single else _as(wrt, result)


def _as(wrt: Any, result: list[Variable]) -> Any:
    """A tuple where ``wrt`` is one, as in Theano, else a list."""
    return tuple(result) if isinstance(wrt, tuple) else result


def _rows_in_a_loop(
    expression: Variable,
    targets: list[Variable],
    consider_constant: Any,
    disconnected_inputs: str,
    at_once: bool,
) -> list[Variable]:
    # all rows are of one value, so random draws in it are passed on: what a step closes over is drawn anew
    drawn = [
        v
        for node in toposort([expression])
        if any(isinstance(i, Shared) and i.default_update is not None for i in node.inputs)
        for v in node.outputs
    ]

    def row(i: Variable, *_: Variable) -> list[Variable]:
        # what is chosen by a row of ones and zeros can leave the loop for all rows, by its number it can not
        chosen = sum(i * expression) if at_once else expression[i]
        return grad(chosen, targets, consider_constant, disconnected_inputs)

    n = expression.shape[0]
    rows = eye(n, dtype=expression.dtype) if at_once else arange(n)
    rows, _ = scan(row, rows, non_sequences=drawn, name="jacobian", return_list=True)
    return rows


def hessian(
    cost: Variable, wrt: Any, consider_constant: Any = None, disconnected_inputs: str = "raise"
) -> Any:
    """The matrix of second derivatives of a scalar cost by a vector (or each of several vectors)."""
    single = isinstance(wrt, Variable)
    results = []
    for v in listed(wrt):
        if v.ndim != 1:
            raise ShapeError(f"hessian: {v.describe()} must be a vector; flatten it")
        results.append(
            jacobian(grad(cost, v, consider_constant, disconnected_inputs), v, consider_constant, "ignore")
        )
    return results[0] if single else _as(wrt, results)
