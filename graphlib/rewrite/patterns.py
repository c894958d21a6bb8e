"""Patterns: what a rule looks for, written as the expression itself with names for its parts.

``P.log(1 + x)`` matches any log of a sum with one; operands of commutative operations match in both orders, a
number matches every constant of that value however it is broadcast.  Imports the operations, none of the
rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops import elementwise as ew
from ..ops.op import REGISTRY
from ..ops.shape import BroadcastTo, DimShuffle

Match = Callable[[Variable, dict], bool]

#: kinds of operands that no operation made: a constant of one element without and with axes, anything else
NUMBER, NUMBERS, LEAF = "a number", "a number with axes", "a leaf"

#: numbers that patterns ask for are kinds of their own: no rule about 0 is tried on other numbers
_KNOWN_NUMBERS = {0: ("the number", 0), 1: ("the number", 1), -1: ("the number", -1)}

#: operands that a signature describes at most; no pattern looks at more
_DESCRIBED = 4


def is_commutative(kind: Any) -> bool:
    """Whether operands of an elementwise operation, by its name, may change places."""
    return isinstance(kind, str) and REGISTRY[kind].build.commutative


def kind_of(node: Apply) -> Any:
    """What rules are found by: an elementwise operation's name, another operation's class."""
    op = node.op
    return op.name if type(op) is ew.Elementwise else type(op)


def signature_of(node: Apply) -> tuple:
    """The kind of a node, then for each operand its kind and whether it has no axes."""
    signature = [kind_of(node)]
    for v in node.inputs[:_DESCRIBED]:
        scalar = not v.type.shape
        if v.owner is not None:
            signature.append((kind_of(v.owner), scalar))
        elif isinstance(v, Constant) and v.data.size == 1:
            signature.append((_KNOWN_NUMBERS.get(v.data.item(), NUMBER) if scalar else NUMBERS, scalar))
        else:
            signature.append((LEAF, scalar))
    return tuple(signature)


def number_of(v: Variable) -> Any:
    """The Python number that every element of ``v`` is known to be; None if there is no such number."""
    while True:
        if isinstance(v, Constant):
            return v.data.item() if v.data.size == 1 else None
        owner = v.owner
        if owner is None or type(owner.op) not in (BroadcastTo, DimShuffle):
            return None
        v = owner.inputs[0]


def is_scalar(v: Variable) -> bool:
    """Whether ``v`` has no axes."""
    return not v.type.shape


def is_array(v: Variable) -> bool:
    """Whether ``v`` has axes."""
    return bool(v.type.shape)


class Pattern:
    """The base of patterns; arithmetic on patterns makes patterns."""

    def matches(self) -> list[Match]:
        """A function for each order of commutative operands inside."""
        raise NotImplementedError

    def may_match(self, kind: Any, scalar: bool) -> bool:
        """Whether operands of a kind, with or without axes, can match at all."""
        return True

    def __add__(self, other: Any) -> Call:
        return Call("add", (self, other))

    def __radd__(self, other: Any) -> Call:
        return Call("add", (other, self))

    def __sub__(self, other: Any) -> Call:
        return Call("sub", (self, other))

    def __rsub__(self, other: Any) -> Call:
        return Call("sub", (other, self))

    def __mul__(self, other: Any) -> Call:
        return Call("mul", (self, other))

    def __rmul__(self, other: Any) -> Call:
        return Call("mul", (other, self))

    def __truediv__(self, other: Any) -> Call:
        return Call("true_div", (self, other))

    def __rtruediv__(self, other: Any) -> Call:
        return Call("true_div", (other, self))

    def __neg__(self) -> Call:
        return Call("neg", (self,))


class Capture(Pattern):
    """Any variable that passes ``test``; one name stands for one variable throughout a pattern."""

    def __init__(self, name: str, test: Callable[[Variable], bool] | None = None) -> None:
        self.name = name
        self.test = test

    def may_match(self, kind: Any, scalar: bool) -> bool:
        return not (self.test is is_scalar and not scalar) and not (self.test is is_array and scalar)

    def matches(self) -> list[Match]:
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

    def may_match(self, kind: Any, scalar: bool) -> bool:
        if kind is NUMBER or kind in _KNOWN_NUMBERS.values():
            return self.value is None or kind == _KNOWN_NUMBERS.get(self.value, NUMBER)
        # the last two are what number_of sees through
        return kind in (NUMBERS, BroadcastTo, DimShuffle)

    def matches(self) -> list[Match]:
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
    """An operation, by an elementwise one's name or by class, with attributes, on operands that match.

    ``operands`` None: any; then ``reading`` may name kinds of which at least one operand must be.
    """

    def __init__(
        self,
        kind: Any,
        operands: tuple | None,
        name: str | None = None,
        reading: tuple = (),
        attributes: tuple[tuple[str, Any], ...] = (),
    ) -> None:
        self.kind = kind
        self.operands = (
            None if operands is None else tuple(p if isinstance(p, Pattern) else Number(p) for p in operands)
        )
        self.name = name
        self.reading = reading
        self.attributes = attributes

    def may_match(self, kind: Any, scalar: bool) -> bool:
        return kind == self.kind

    def matches(self) -> list[Match]:
        return [a.match for a in self.alternatives()]

    def alternatives(self) -> list[Alternative]:
        if self.operands is None:
            return [Alternative(self, None, self._match(None))]
        orders = [self.operands]
        if is_commutative(self.kind) and self.operands[0] is not self.operands[1]:
            orders.append(self.operands[::-1])
        return [
            Alternative(self, operands, self._match(chosen))
            for operands in orders
            for chosen in itertools.product(*(p.matches() for p in operands))
        ]

    def _match(self, operands: tuple[Match, ...] | None) -> Match:
        kind, name, attributes = self.kind, self.name, self.attributes
        anything = kind is ew.Elementwise

        def match(v: Variable, found: dict) -> bool:
            node = v.owner
            if node is None or not (anything or kind_of(node) == kind):
                return False
            for attribute, value in attributes:
                if getattr(node.op, attribute) != value:
                    return False
            if operands is not None:
                if len(node.inputs) != len(operands):
                    return False
                for operand, variable in zip(operands, node.inputs, strict=True):
                    if not operand(variable, found):
                        return False
            if name is not None:
                found[name] = v
            return True

        return match


class Alternative:
    """A pattern with its operands in one order: a quick test of a node's signature, then the match itself."""

    def __init__(self, pattern: Call, operands: tuple[Pattern, ...] | None, match: Match) -> None:
        self.kind = pattern.kind
        self.operands = operands
        self.reading = pattern.reading
        self.match = match

    def may_match(self, operands: Sequence[tuple[Any, bool]]) -> bool:
        if self.operands is None:
            return not self.reading or any(kind in self.reading for kind, _ in operands)
        return len(self.operands) == len(operands) and all(
            p.may_match(*operand) for p, operand in zip(self.operands, operands, strict=True)
        )


class _Names:
    """``P.exp(x)``: a pattern of the elementwise operation ``exp``; ``P.exp()`` whatever its operands are."""

    def __getattr__(self, name: str) -> Callable[..., Call]:
        if name not in REGISTRY:
            raise AttributeError(f"no elementwise operation is called {name}")
        return lambda *operands, as_=None: Call(name, operands or None, as_)


P = _Names()


def node(cls: type, *operands: Any, as_: str | None = None, reading: tuple = (), **attributes: Any) -> Call:
    """A pattern of an operation of a class, as ``node(Reduce, x, kind="sum")``.

    Without operands they may be any; ``node(Elementwise)`` is any elementwise operation.
    """
    return Call(cls, operands or None, as_, reading, tuple(attributes.items()))
