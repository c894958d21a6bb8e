"""What is read of a loop: its first rows, its last value, its steps, and lengths known before a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..graph import Apply, Constant, TensorType, Variable, clone, toposort
from ..scalar import expression as ex
from ..scalar.integer import Poly, Symbol
from ..scalar.lowered import Operand, Pull
from .create import zeros_like
from .elementwise import minimum, switch
from .index import BasicIndex
from .lengths import Lengths
from .op import Op
from .shape import ShapeI
from .shape_rules import Length, Shapes, constant_int, known_shape, same_shape
from .write import BasicWrite

_OTHER = (
    "axis {axis} of {0}, computed in a step of a loop, has length {b} instead of {a}: "
    "all steps must give the same"
)


class FirstRows(Op):
    """The first n rows of an array that has as many: unlike a slice's, its length is n itself."""

    takes_complex = "parts"
    view = True

    def shape_rule(self, of: Shapes, x: Variable, n: Variable) -> Sequence[Length]:
        return [of.scalar(n), *of.shape(x)[1:]]

    def infer(self, x: Variable, n: Variable) -> list[TensorType]:
        return [TensorType(x.dtype, known_shape(self, x, n))]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        x, n = node.inputs
        entries = ((False, True, 1), *[None] * (x.ndim - 1))
        return [BasicWrite(entries, "set").make(zeros_like(x), grads[0], n), None]

    def reference(self, node: Apply, x: np.ndarray, n: np.ndarray) -> np.ndarray:
        return x[: checked_steps(node.inputs[1], n)]

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x = operands[0]
        return Pull((count_of_steps(operands[1], require), *x.shape[1:]), x.at)


class LastValue(Op):
    """The last value of a loop that must make a step: of n, or of as many as it made."""

    takes_complex = "parts"
    view = True

    shape_rule = same_shape

    def infer(self, x: Variable, n: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], None]

    def reference(self, node: Apply, x: np.ndarray, n: np.ndarray) -> np.ndarray:
        if n < 1:
            raise ShapeError(f"the loop of {node.inputs[0].describe()} makes no step: it has no last value")
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, n = operands
        message = "the loop of {0} makes {b} steps: it has no last value"
        require(Poly.of(1), ex.minimum(1, ex.poly(n.scalar)), message, (x.variable,))
        return Pull(x.shape, x.at)


class Steps(Op):
    """The values that a state has in a loop that was cut into several, of n steps altogether; with the last
    of them by itself, which is all that is kept where nobody reads another."""

    takes_complex = "parts"
    view = True

    def shape_rule(self, of: Shapes, x: Variable, last: Variable, n: Variable) -> Sequence[Length]:
        return of.shape(x)

    def infer(self, x: Variable, last: Variable, n: Variable) -> list[TensorType]:
        return [x.type]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        (g,) = grads
        writer = g.owner
        if writer is not None and type(writer.op) is BasicWrite and is_row(writer.op, writer.inputs[2:], -1):
            return [None, writer.inputs[1], None]
        return [g, None, None]

    def reference(self, node: Apply, x: np.ndarray, last: np.ndarray, n: np.ndarray) -> np.ndarray:
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        return Pull(operands[0].shape, operands[0].at)


class OfLengths(Op):
    """An array whose lengths must be those given, which are known where its own are not: before a step."""

    takes_complex = "parts"
    view = True

    def shape_rule(self, of: Shapes, x: Variable, *lengths: Variable) -> Sequence[Length]:
        return [of.scalar(n) for n in lengths]

    def infer(self, x: Variable, *lengths: Variable) -> list[TensorType]:
        given = known_shape(self, x, *lengths)
        return [
            TensorType(x.dtype, [m if n is None else n for n, m in zip(x.type.shape, given, strict=True)])
        ]

    def gradient(self, node: Apply, grads: list[Variable]) -> list[Variable | None]:
        return [grads[0], *[None] * (len(node.inputs) - 1)]

    def reference(self, node: Apply, x: np.ndarray, *lengths: np.ndarray) -> np.ndarray:
        for axis, (n, m) in enumerate(zip(x.shape, lengths, strict=True)):
            if n != m:
                raise ShapeError(_OTHER.format(node.inputs[0].describe(), a=int(m), b=n, axis=axis))
        return x

    def lower(self, node: Apply, operands: list[Operand], require: Callable) -> Pull:
        x, *lengths = operands
        wanted = tuple(ex.poly(n.scalar) for n in lengths)
        for axis, (n, m) in enumerate(zip(x.shape, wanted, strict=True)):
            require(m, n, _OTHER.replace("{axis}", str(axis)), (x.variable,))
        return Pull(wanted, x.at)


def settled(v: Variable, like: Variable, lengths: Lengths | None = None) -> Variable:
    """``v``, which must have the shape of ``like``, with its lengths where those of its own depend on the
    values of a step; ``lengths``: what is known of those of the same graph."""
    lengths = lengths or Lengths()
    if not has_computed_lengths(v, lengths):
        return v
    return OfLengths().make(v, *(lengths.length(n) for n in lengths.shape(like)))


def one_of_its_shapes(v: Variable) -> Variable:
    """A row whose lengths depend on a condition, with those of one branch: all steps must have the same."""
    if None not in v.type.shape:
        return v
    lengths = Lengths()

    def one_of(n: Any) -> Any:
        """The length with the first branch of each choice in it that is known before a step."""
        if not isinstance(n, Variable) or not is_computed(n):
            return n
        memo: dict[Variable, Variable] = {}
        for node in toposort([n]):
            if node.op == switch:
                branches = clone(node.inputs[1:], memo)
                known = (m for m in branches if not is_computed(lengths.of_scalar(m)))
                memo[node.outputs[0]] = next(known, node.outputs[0])
        return lengths.of_scalar(clone([n], memo)[0])

    own = lengths.shape(v)
    chosen = [one_of(n) for n in own]
    return v if chosen == list(own) else OfLengths().make(v, *map(lengths.length, chosen))


def has_computed_lengths(v: Variable, lengths: Lengths | None = None) -> bool:
    """Whether some length of ``v`` takes more to know than lengths of leaves."""
    return None in v.type.shape and any(map(is_computed, (lengths or Lengths()).shape(v)))


def is_computed(length: Any) -> bool:
    """Whether a length (of ``ops.lengths``) takes more to know than lengths of leaves."""
    if isinstance(length, int):
        return False
    pending = [length if isinstance(length, Variable) else length[0]]
    if not isinstance(length, Variable) and pending[0].owner is None:
        return False
    while pending:
        v = pending.pop()
        if v.owner is None:
            if not isinstance(v, Constant):
                return True
        elif not (isinstance(v.owner.op, ShapeI) and v.owner.inputs[0].owner is None):
            pending.extend(v.owner.inputs)
    return False


def is_row(op: BasicIndex | BasicWrite, bounds: Sequence[Variable], number: int) -> bool:
    """Whether an index takes one row of the first axis, whole."""
    first, *rest = op.entries
    return first == "index" and all(e is None for e in rest) and constant_int(bounds[0]) == number


def last_value(x: Variable, n: Variable) -> Variable:
    """The last value of a loop of n steps, an error where there are none."""
    steps = constant_int(n)
    return x if steps is not None and steps > 0 else LastValue().make(x, n)


TOO_SHORT = "the loop makes {a} steps and {0} has only {b} rows"


_NEGATIVE = "the number of steps of a loop, {0}, is {a}; a loop goes backwards by go_backwards=True"


def checked_steps(v: Variable, n: np.ndarray) -> int:
    """A number of steps that must not be negative."""
    if n < 0:
        raise ShapeError(_NEGATIVE.format(_asked_for(v).describe(), a=int(n)))
    return int(n)


def _asked_for(n: Variable) -> Variable:
    """The number of steps that the user gave, of which a loop makes no more than its sequences have rows."""
    if n.owner is None or n.owner.op != minimum:
        return n
    given = [v for v in n.owner.inputs if not isinstance(v, Constant) and not _made_by(v, ShapeI)]
    return _asked_for(given[0]) if given else n


def _made_by(v: Variable, cls: type) -> bool:
    return v.owner is not None and isinstance(v.owner.op, cls)


def count_of_steps(n: Operand, require: Callable) -> Poly:
    """A number of steps that must not be negative; the name of a length never is."""
    count = ex.poly(n.scalar)
    known = count.constant
    if isinstance(count.atom, Symbol) or (known is not None and known >= 0):
        return count
    require(count, ex.maximum(0, count), _NEGATIVE, (_asked_for(n.variable),))
    return ex.maximum(0, count)
