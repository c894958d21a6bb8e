"""Patterns: what a rule looks for, written as the expression itself with names for its parts.

``P.log(1 + x)`` matches any log of a sum with one; operands of commutative operations match in both orders, a number matches
every constant of that value however it is broadcast.  Imports the operations, and nothing of the rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ..graph import Constant, Variable
from ..ops import elementwise as ew
from ..ops.op import REGISTRY
from ..ops.shape import BroadcastTo, DimShuffle

COMMUTATIVE = frozenset(("add", "mul", "maximum", "minimum", "eq", "neq", "and_", "or_", "xor", "logaddexp"))

Matcher = Callable[[Variable, dict], bool]


def number_of(v: Variable) -> Any:
    """The Python number that every element of ``v`` is known to be; None if there is no such number."""
    while True:
        if isinstance(v, Constant):
            return v.data.item() if v.data.size == 1 else None
        owner = v.owner
        if owner is None or type(owner.op) not in (BroadcastTo, DimShuffle):
            return None
        v = owner.inputs[0]


def key_of(op: Any) -> Any:
    """What rules are found by: an elementwise operation's name, another operation's class."""
    return op.name if type(op) is ew.Elementwise else type(op)


class Pattern:
    """The base of patterns; arithmetic on patterns makes patterns."""

    def variants(self) -> list[Matcher]:
        """A matcher for each order of commutative operands."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Pattern:
        return Call("add", (self, other))

    def __radd__(self, other: Any) -> Pattern:
        return Call("add", (other, self))

    def __sub__(self, other: Any) -> Pattern:
        return Call("sub", (self, other))

    def __rsub__(self, other: Any) -> Pattern:
        return Call("sub", (other, self))

    def __mul__(self, other: Any) -> Pattern:
        return Call("mul", (self, other))

    def __rmul__(self, other: Any) -> Pattern:
        return Call("mul", (other, self))

    def __truediv__(self, other: Any) -> Pattern:
        return Call("true_div", (self, other))

    def __rtruediv__(self, other: Any) -> Pattern:
        return Call("true_div", (other, self))

    def __neg__(self) -> Pattern:
        return Call("neg", (self,))


class Capture(Pattern):
    """Any variable that passes ``test``; one name stands for one variable throughout a pattern."""

    def __init__(self, name: str, test: Callable[[Variable], bool] | None = None) -> None:
        self.name = name
        self.test = test

    def variants(self) -> list[Matcher]:
        name, test = self.name, self.test

        def match(v: Variable, found: dict) -> bool:
            before = found.get(name)
            if before is not None:
                return before is v
            if test is not None and not test(v):
                return False
            found[name] = v
            return True

        return [match]


class Number(Pattern):
    """A constant: of the given ``value``, or any, captured as a Python number under ``name``."""

    def __init__(self, value: Any = None, name: str | None = None) -> None:
        self.value = value
        self.name = name

    def variants(self) -> list[Matcher]:
        value, name = self.value, self.name

        def match(v: Variable, found: dict) -> bool:
            number = number_of(v)
            if number is None or (value is not None and number != value):
                return False
            if name is not None:
                found[name] = number
            return True

        return [match]


class Call(Pattern):
    """An operation, by the name of an elementwise one or by class, with attributes, on operands that match."""

    def __init__(self, key: Any, operands: tuple | None, name: str | None = None, **attributes: Any) -> None:
        self.key = key
        self.operands = (
            None if operands is None else tuple(p if isinstance(p, Pattern) else Number(p) for p in operands)
        )
        self.name = name
        self.attributes = tuple(attributes.items())

    def variants(self) -> list[Matcher]:
        if self.operands is None:
            return [self._matcher(None)]
        orders = [self.operands]
        if self.key in COMMUTATIVE and len(self.operands) == 2:
            orders.append(self.operands[::-1])
        return [
            self._matcher(chosen)
            for operands in orders
            for chosen in itertools.product(*(p.variants() for p in operands))
        ]

    def _matcher(self, operands: tuple[Matcher, ...] | None) -> Matcher:
        key, name, attributes = self.key, self.name, self.attributes
        elementwise = isinstance(key, str)

        def match(v: Variable, found: dict) -> bool:
            node = v.owner
            if node is None:
                return False
            op = node.op
            if elementwise:
                if type(op) is not ew.Elementwise or op.name != key:
                    return False
            elif type(op) is not key:
                return False
            for attribute, value in attributes:
                if getattr(op, attribute) != value:
                    return False
            if operands is not None:
                inputs = node.inputs
                if len(inputs) != len(operands):
                    return False
                for operand, variable in zip(operands, inputs, strict=True):
                    if not operand(variable, found):
                        return False
            if name is not None:
                found[name] = v
            return True

        return match


class _Names:
    """``P.exp(x)``: a pattern of the elementwise operation ``exp``."""

    def __getattr__(self, name: str) -> Callable[..., Pattern]:
        if name not in REGISTRY:
            raise AttributeError(f"no elementwise operation is called {name}")
        return lambda *operands, as_=None: Call(name, operands, as_)


P = _Names()


def node(cls: type, *operands: Any, as_: str | None = None, **attributes: Any) -> Pattern:
    """A pattern of any operation of a class, e.g. ``node(Reduce, x, kind="sum")``; without operands they may be any."""
    return Call(cls, operands or None, as_, **attributes)


def is_scalar(v: Variable) -> bool:
    """Whether ``v`` has no dimensions."""
    return not v.type.shape


def is_array(v: Variable) -> bool:
    """Whether ``v`` has dimensions."""
    return bool(v.type.shape)
