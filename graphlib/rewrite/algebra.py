"""Products and sums taken apart: factors of chains of mul, true_div, neg and inv, terms of add and sub.

Rules that must recognise a formula however it is bracketed compare these instead of nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.reduce import Reduce
from ..ops.shape import BroadcastTo, DimShuffle
from .engine import Sweep
from .patterns import number_of

#: how many factors a product is taken apart into at most
_MOST_FACTORS = 12


class Product:
    """coefficient * over... / under...: a number and the factors above and below the line."""

    __slots__ = ("coefficient", "over", "under")

    def __init__(
        self, coefficient: float = 1.0, over: Iterable[Variable] = (), under: Iterable[Variable] = ()
    ) -> None:
        self.coefficient = coefficient
        self.over = tuple(over)
        self.under = tuple(under)

    def __mul__(self, other: Product | Variable) -> Product:
        if isinstance(other, Variable):
            return Product(self.coefficient, (*self.over, other), self.under)
        return Product(self.coefficient * other.coefficient, self.over + other.over, self.under + other.under)

    def __truediv__(self, other: Product) -> Product:
        return Product(self.coefficient / other.coefficient, self.over + other.under, self.under + other.over)

    def __neg__(self) -> Product:
        return Product(-self.coefficient, self.over, self.under)

    def __eq__(self, other: object) -> bool:
        """Equal as formulas: factors on both sides of the line cancel."""
        return (
            isinstance(other, Product)
            and self.coefficient == other.coefficient
            and self._powers() == other._powers()
        )

    def _powers(self) -> dict[Variable, int]:
        powers = Counter(self.over)
        powers.subtract(self.under)
        return {v: n for v, n in powers.items() if n}

    def cancelled(self) -> Product:
        """The same with factors that stand on both sides of the line taken away."""
        powers = self._powers()
        over = [v for v, n in powers.items() for _ in range(n)]
        return Product(self.coefficient, over, [v for v, n in powers.items() for _ in range(-n)])

    def without(self, *factors: Variable) -> Product:
        """The same with factors less that stand above the line."""
        over = list(self.over)
        for v in factors:
            over.remove(v)
        return Product(self.coefficient, over, self.under)

    def variable(self, dtype: str) -> Variable:
        """The product as an expression."""
        over, under = multiply(self.over), multiply(self.under)
        if under is not None:
            over = ew.inv(under) if over is None else ew.true_div(over, under)
        return Constant(self.coefficient, dtype=dtype) if over is None else scaled(self.coefficient, over)


def multiply(factors: Iterable[Variable]) -> Variable | None:
    """The product of variables; None of none."""
    result = None
    for v in factors:
        result = v if result is None else ew.mul(result, v)
    return result


def scaled(number: Any, v: Variable) -> Variable:
    """number * v, without the number where it is 1, as a negation where it is -1."""
    if number == 1:
        return v
    return ew.neg(v) if number == -1 else ew.mul(number, v)


def factors(v: Variable, graph: Sweep) -> Product:
    """The factors of a product, of nested ones together, also where one was repeated or has new axes.

    What is made of factors has their shape, which may have 1 or nothing where ``v`` has a length.
    """
    found = graph.products.get(v)
    if found is None:
        found = graph.products[v] = _factors(v, graph)
    return found


def _factors(root: Variable, graph: Sweep) -> Product:
    coefficient: Any = 1.0
    over: list[Variable] = []
    under: list[Variable] = []
    pending = [(root, True)]
    while pending:
        v, above = pending.pop()
        size = len(pending) + len(over) + len(under)
        same, inverse = (over, under) if above else (under, over)
        known = graph.products.get(v)
        if known is not None:
            if size + len(known.over) + len(known.under) > _MOST_FACTORS:
                same.append(v)
                continue
            same += known.over
            inverse += known.under
            coefficient = coefficient * known.coefficient if above else coefficient / known.coefficient
            continue
        number = number_of(v)
        if number is not None and _moderate(number):
            product = coefficient * number if above else coefficient / number
            if _moderate(product):
                coefficient = product
                continue
        node, order = v.owner, None
        if node is not None and type(node.op) is BroadcastTo:
            pending.append((node.inputs[0], above))
            continue
        if node is not None and type(node.op) is DimShuffle and _only_adds_axes(node):
            node, order = node.inputs[0].owner, node.op.order
        name = node.op.name if node is not None and type(node.op) is ew.Elementwise else None
        if size >= _MOST_FACTORS or node is None or name not in ("mul", "true_div", "neg", "inv"):
            same.append(v)
            continue
        if not node.outputs[0].type.shape and name in ("inv", "true_div") and not _is_sum(node.inputs[-1]):
            # 1 / s stays a scalar to multiply by, where one was written; a sum may be a softmax's denominator
            number = 1 if name == "inv" else number_of(node.inputs[0])
            product = coefficient * (number or 0.0) if above else coefficient / (number or 1.0)
            if number is not None and _moderate(product):
                coefficient = product
                same.append(graph.make(ew.inv, node.inputs[-1]))
                continue
        inputs = [_with_axes(i, node, order, graph) for i in node.inputs]
        if name == "neg":
            coefficient = -coefficient
        pending.append((inputs[0], above != (name == "inv")))
        if len(inputs) == 2:
            pending.append((inputs[1], above == (name == "mul")))
    return Product(coefficient, over, under)


def _with_axes(v: Variable, node: Apply, order: tuple | None, graph: Sweep) -> Variable:
    """An operand of ``node`` with the axes that a dimshuffle of its output adds."""
    if order is None or not v.type.shape:
        return v
    gap = node.outputs[0].ndim - v.ndim
    return graph.make(DimShuffle(tuple("x" if a == "x" or a < gap else a - gap for a in order)), v)


def _is_sum(v: Variable) -> bool:
    return v.owner is not None and type(v.owner.op) is Reduce


def _moderate(number: float) -> bool:
    """Whether products of a few such numbers stay numbers."""
    return 1e-30 < abs(number) < 1e30


def _only_adds_axes(node: Apply) -> bool:
    return [a for a in node.op.order if a != "x"] == list(range(node.inputs[0].ndim))


def two_terms(v: Variable, graph: Sweep) -> tuple[Product, Product] | None:
    """The two terms of a sum or a difference."""
    node = v.owner
    if node is None or type(node.op) is not ew.Elementwise or node.op.name not in ("add", "sub"):
        return None
    found = graph.sums.get(v)
    if found is None:
        first, second = (factors(i, graph) for i in node.inputs)
        found = graph.sums[v] = (first, second if node.op.name == "add" else -second)
    return found
