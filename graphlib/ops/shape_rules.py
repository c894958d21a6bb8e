"""The shape of what an operation gives, by one rule for each: ``Op.shape_rule``.

A rule makes lengths of lengths and does not know what those are. While the graph is built they are numbers,
or None where a length is not known (``Known``); lowering has polynomials (``Lowered``), and rewriting names
that are equal only where the lengths are (``lengths.Named``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import ShapeError
from ..graph import Apply, Constant, Variable
from ..scalar import expression as ex
from ..scalar.integer import Poly
from ..scalar.lowered import Operand

Length = Any


class Shapes(Protocol):
    """What a rule sees of the operands."""

    def shape(self, v: Variable) -> Sequence[Length]:
        """The lengths of an operand's axes."""

    def scalar(self, v: Variable) -> Length:
        """An operand that is itself a length, an int64 scalar."""

    def broadcast(self, operands: Sequence[Variable]) -> Sequence[Length]:
        """Those of operands broadcast together, aligned at the right; only a static 1 is repeated."""

    def total(self, parts: Sequence[Length]) -> Length:
        """The length of what is joined of parts."""

    def part(self, n: Length, entry: tuple, bounds: Sequence[Variable]) -> Length:
        """The length of a slice of an axis of length ``n``; ``entry`` as in ``BasicIndex``."""

    def derived(self, rule: Callable[..., Length], *lengths: Length) -> Length:
        """What ``rule`` makes of lengths by integer arithmetic; rules are told apart by ``==``."""

    def count(self, v: Variable) -> Length | None:
        """An int64 scalar that is a length, so not negative; None where that is not known."""

    def own(self, axis: int) -> Length:
        """A length that follows from values: nothing but the output itself has it."""

    def own_scalar(self, output: int) -> Length:
        """An output that is itself a length."""


def constant_int(v: Any) -> int | None:
    """The number that an integer argument is, if it is known."""
    if isinstance(v, Constant):
        return int(v.data) if v.data.size == 1 else None
    return None if isinstance(v, Variable) else int(v)


def elements_of(shape: Sequence[int | None]) -> int:
    """The number of elements of a shape, with one for each length that is not known."""
    return math.prod(1 if n is None else n for n in shape)


class Known:
    """Lengths while the graph is built: numbers, or None. ``what`` is named in errors.

    Errors: ShapeError for operands whose lengths do not fit.
    """

    def __init__(self, what: Any) -> None:
        self.what = what

    def shape(self, v: Variable) -> Sequence[int | None]:
        return v.type.shape

    def scalar(self, v: Variable) -> int | None:
        return constant_int(v)

    def broadcast(self, operands: Sequence[Variable]) -> list[int | None]:
        shapes = [v.type.shape for v in operands]
        result: list[int | None] = [1] * max(map(len, shapes), default=0)
        unknown = set()
        for shape in shapes:
            for axis in range(-1, -len(shape) - 1, -1):
                n, known = shape[axis], result[axis]
                if n is None:
                    unknown.add(axis)
                elif known == 1:
                    result[axis] = n
                elif n not in (1, known):
                    raise ShapeError(
                        f"{self.what}: lengths {known} and {n} do not fit in axis {axis} of "
                        + " and ".join(x.describe() for x in operands)
                    )
        for axis in unknown:
            if result[axis] == 1:
                result[axis] = None
        return result

    def total(self, parts: Sequence[int | None]) -> int | None:
        return None if None in parts else sum(parts)

    def part(self, n: int | None, entry: tuple, bounds: Sequence[Variable]) -> int | None:
        numbers = [constant_int(v) for v in bounds]
        if n is None or None in numbers:
            return None
        rest = iter(numbers)
        start, stop = (next(rest) if given else None for given in entry[:2])
        return len(range(n)[slice(start, stop, entry[2])])

    def derived(self, rule: Callable[..., int], *lengths: int | None) -> int | None:
        return None if None in lengths else rule(*lengths)

    def own(self, axis: int) -> None:
        return None


class Lowered:
    """Lengths at a call, as polynomials; ``require`` notes those that must be equal there."""

    def __init__(self, operands: Sequence[Operand], require: Callable) -> None:
        self.operands = {o.variable: o for o in operands}
        self.require = require

    def shape(self, v: Variable) -> Sequence[Poly]:
        return self.operands[v].shape

    def scalar(self, v: Variable) -> Poly:
        return ex.poly(self.operands[v].scalar)

    def broadcast(self, operands: Sequence[Variable]) -> list[Poly]:
        shape = []
        for axis in range(max(v.ndim for v in operands), 0, -1):
            lengths = [
                (v, self.operands[v].shape[-axis])
                for v in operands
                if v.ndim >= axis and v.type.shape[-axis] != 1
            ]
            if not lengths:
                shape.append(Poly.of(1))
                continue
            first, length = next(((v, n) for v, n in lengths if n.constant is not None), lengths[0])
            for v, n in lengths:
                if n != length:
                    message = f"axis {-axis} of {{0}} has length {{a}}, of {{1}} {{b}}{{one}}"
                    self.require(length, n, message, (first, v))
            shape.append(length)
        return shape

    def total(self, parts: Sequence[Poly]) -> Poly:
        return sum(parts, Poly.of(0))

    def derived(self, rule: Callable[..., Any], *lengths: Poly) -> Poly:
        return Poly.of(rule(*lengths))


def same_shape(_: Any, of: Shapes, x: Variable, *others: Variable) -> Sequence[Length]:
    """The rule of what keeps the shape of its first operand."""
    return of.shape(x)


def known_shape(op: Any, *inputs: Variable) -> list[int | None]:
    """The lengths of an operation's output that are known while the graph is built.

    Errors: ShapeError for operands whose lengths do not fit.
    """
    return list(op.shape_rule(Known(op), *inputs))


def lowered_shape(node: Apply, operands: Sequence[Operand], require: Callable) -> tuple[Poly, ...]:
    """The lengths of a node's output at a call; those that are known are numbers."""
    found = node.op.shape_rule(Lowered(operands, require), *node.inputs)
    static = node.outputs[0].type.shape
    return tuple(Poly.of(m if n is None else n) for n, m in zip(static, found, strict=True))
