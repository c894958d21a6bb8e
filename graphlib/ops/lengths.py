"""Lengths of axes without computing anything: numbers, or names that are equal only where the lengths are.

The length of an axis is an int, an int64 scalar variable, or (variable, axis) of a variable that has the
length for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..graph import Apply, Constant, Variable
from .create import ARange, arange
from .index import BasicIndex
from .op import Op
from .shape import ShapeI
from .shape_rules import Length


class Lengths:
    """The shapes of variables, in lengths, found once each; those of ``leaves`` are their own."""

    def __init__(self, leaves: Iterable[Variable] = ()) -> None:
        self._shapes: dict[Variable, tuple[Length, ...]] = {v: _own(v) for v in leaves}
        self._variables: dict[Length, Variable] = {}
        # lengths of parts and of joins, a variable each, by what they are computed from
        self._by_name: dict[tuple, Variable] = {}
        self._derived: set[Variable] = set()

    def shape(self, v: Variable) -> tuple[Length, ...]:
        """The length of each axis of ``v``."""
        found = self._shapes.get(v)
        if found is not None:
            return found
        stack = [v]
        while stack:
            v = stack[-1]
            if v in self._shapes:
                stack.pop()
                continue
            static, node = v.type.shape, v.owner
            found = None
            if None in static and node is not None and type(node.op).shape_rule is not Op.shape_rule:
                missing = [i for i in node.inputs if i not in self._shapes]
                if missing:
                    stack.extend(missing)
                    continue
                found = node.op.shape_rule(Named(self, node), *node.inputs)
            if found is None or node is None:
                result: Iterable[Length] = _own(v)
            else:
                found = found[v.index] if len(node.outputs) > 1 else found
                result = [m if n is None else n for n, m in zip(static, found, strict=True)]
            self._shapes[v] = tuple(result)
        return self._shapes[v]

    def length(self, length: Length) -> Variable:
        """A length as an int64 scalar."""
        if isinstance(length, Variable):
            return length
        found = self._variables.get(length)
        if found is None:
            if isinstance(length, int):
                found = Constant(length, dtype="int64")
            else:
                v, axis = length
                found = ShapeI(axis).make(v)
            self._variables[length] = found
        return found

    def of_scalar(self, v: Variable) -> Length:
        """An int64 scalar as a length, so that equal ones compare equal."""
        if isinstance(v, Constant):
            return int(v.data)
        if _made_by(v, ShapeI):
            return self.shape(v.owner.inputs[0])[v.owner.op.axis]
        return v

    def part(self, n: Length, entry: tuple, bounds: list[Variable]) -> Length:
        """The length of a slice of an axis of length ``n``."""
        name = ("part", n, entry, *map(self.of_scalar, bounds))
        if name not in self._by_name:
            # that of the same part of a range, which needs no computation, whatever it is that has been cut
            part = BasicIndex((entry,)).make(arange(self.length(n)), *bounds)
            self._note(name, ShapeI(0).make(part))
        return self._by_name[name]

    def together(self, parts: list[Length]) -> Length:
        """The length of what is joined of parts."""
        name = ("together", *parts)
        if name not in self._by_name:
            total = self.length(parts[0])
            for n in parts[1:]:
                total = total + self.length(n)
            self._note(name, total)
        return self._by_name[name]

    def derived(self, rule: Callable[..., Length], *lengths: Length) -> Length:
        """A length made of others by integer arithmetic."""
        if all(isinstance(n, int) for n in lengths):
            return rule(*lengths)
        name = ("derived", rule, *lengths)
        if name not in self._by_name:
            given = [n if isinstance(n, int) else self.length(n) for n in lengths]
            made = rule(*given)
            if made in given:
                return lengths[given.index(made)]
            self._note(name, made)
        return self._by_name[name]

    def _note(self, name: tuple, v: Variable) -> None:
        self._by_name[name] = v
        self._derived.add(v)

    def is_own(self, x: Variable, axis: int) -> bool:
        """Whether nothing simpler has the length of that axis."""
        length = self.shape(x)[axis]
        if isinstance(length, Variable):
            return _made_by(x, BasicIndex) and _made_by(x.owner.inputs[0], ARange)
        return length == (x, axis)

    def is_length(self, length: Length) -> bool:
        """Whether it is one for sure, so not negative."""
        return not isinstance(length, Variable) or length in self._derived


def _own(v: Variable) -> tuple[Length, ...]:
    return tuple((v, axis) if n is None else n for axis, n in enumerate(v.type.shape))


def _made_by(v: Variable, cls: type) -> bool:
    return v.owner is not None and type(v.owner.op) is cls


class Named:
    """Lengths as a node's shape rule sees them."""

    def __init__(self, lengths: Lengths, node: Apply) -> None:
        self.lengths = lengths
        self.node = node
        self.shape = lengths.shape
        self.scalar = lengths.of_scalar
        self.total = lengths.together
        self.part = lengths.part
        self.derived = lengths.derived

    def broadcast(self, operands: Sequence[Variable]) -> list[Length]:
        result: list[Length] = [1] * max(v.ndim for v in operands)
        for v in operands:
            static = v.type.shape
            own = self.shape(v)
            for axis in range(-1, -len(static) - 1, -1):
                if static[axis] != 1 and result[axis] == 1:
                    result[axis] = own[axis]
        return result

    def count(self, v: Variable) -> Length | None:
        length = self.scalar(v)
        return length if self.lengths.is_length(length) else None

    def own(self, axis: int) -> Length:
        return self.node.outputs[0], axis

    def own_scalar(self, output: int) -> Length:
        return self.scalar(self.node.outputs[output])
