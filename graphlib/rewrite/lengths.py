"""Lengths of axes without computing anything: numbers, or names that are equal only where the lengths are.

The length of an axis is an int, an int64 scalar variable, or (variable, axis) of a variable that has the
length for its own.  Imports the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..graph import Apply, Constant, Variable
from ..ops import (
    along_axis,
    control,
    create,
    elementwise,
    index,
    join,
    labels,
    linalg,
    random,
    reduce,
    scan,
    shape,
    valid,
    write,
)

Length = Any


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
            rule = None
            if None in static and node is not None:
                rule = _RULES.get(type(node.op))
                missing = [i for i in node.inputs if i not in self._shapes]
                if rule is not None and missing:
                    stack.extend(missing)
                    continue
            if rule is None or node is None:
                result: Iterable[Length] = _own(v)
            else:
                found = rule(self, node)[v.index] if len(node.outputs) > 1 else rule(self, node)
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
                found = shape.ShapeI(axis).make(v)
            self._variables[length] = found
        return found

    def of_scalar(self, v: Variable) -> Length:
        """An int64 scalar as a length, so that equal ones compare equal."""
        if isinstance(v, Constant):
            return int(v.data)
        if _made_by(v, shape.ShapeI):
            return self.shape(v.owner.inputs[0])[v.owner.op.axis]
        return v

    def part(self, n: Length, entry: tuple, bounds: list[Variable]) -> Length:
        """The length of a slice of an axis of length ``n``."""
        name = ("part", n, entry, *map(self.of_scalar, bounds))
        if name not in self._by_name:
            # that of the same part of a range, which needs no computation, whatever it is that has been cut
            part = index.BasicIndex((entry,)).make(create.arange(self.length(n)), *bounds)
            self._note(name, shape.ShapeI(0).make(part))
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

    def _note(self, name: tuple, v: Variable) -> None:
        self._by_name[name] = v
        self._derived.add(v)

    def is_own(self, x: Variable, axis: int) -> bool:
        """Whether nothing simpler has the length of that axis."""
        length = self.shape(x)[axis]
        if isinstance(length, Variable):
            return _made_by(x, index.BasicIndex) and _made_by(x.owner.inputs[0], create.ARange)
        return length == (x, axis)

    def is_length(self, length: Length) -> bool:
        """Whether it is one for sure, so not negative."""
        return not isinstance(length, Variable) or length in self._derived


def _own(v: Variable) -> tuple[Length, ...]:
    return tuple((v, axis) if n is None else n for axis, n in enumerate(v.type.shape))


def _made_by(v: Variable, cls: type) -> bool:
    return v.owner is not None and type(v.owner.op) is cls


def _same(lengths: Lengths, node: Apply) -> tuple:
    return lengths.shape(node.inputs[0])


def _elementwise(lengths: Lengths, node: Apply) -> list:
    result: list[Length] = [1] * node.outputs[0].ndim
    for v in node.inputs:
        static = v.type.shape
        own = lengths.shape(v)
        for axis in range(-1, -len(static) - 1, -1):
            if static[axis] != 1 and result[axis] == 1:
                result[axis] = own[axis]
    return result


def _dimshuffle(lengths: Lengths, node: Apply) -> list:
    own = lengths.shape(node.inputs[0])
    return [1 if a == "x" else own[a] for a in node.op.order]


def _broadcast_to(lengths: Lengths, node: Apply) -> list:
    return [lengths.of_scalar(n) for n in node.inputs[1:]]


def _reshape(lengths: Lengths, node: Apply) -> list:
    result = [lengths.of_scalar(n) for n in node.inputs[1:]]
    if node.op.infer_axis is not None:
        result[node.op.infer_axis] = (node.outputs[0], node.op.infer_axis)
    return result


def _join(lengths: Lengths, node: Apply) -> list:
    shapes = [lengths.shape(v) for v in node.inputs]
    result = list(shapes[0])
    result[node.op.axis] = lengths.together([s[node.op.axis] for s in shapes])
    return result


def _arange(lengths: Lengths, node: Apply) -> list:
    start, stop, step = node.inputs
    length = lengths.of_scalar(stop)
    counts = all(isinstance(v, Constant) for v in (start, step)) and start.data == 0 and step.data == 1
    return [length if counts and lengths.is_length(length) else (node.outputs[0], 0)]


def _reduced(axes: Callable[[Any], tuple]) -> Callable[[Lengths, Apply], list]:
    return lambda lengths, node: [
        n for i, n in enumerate(lengths.shape(node.inputs[0])) if i not in axes(node.op)
    ]


def _product(lengths: Lengths, node: Apply) -> list:
    a, b = (lengths.shape(v) for v in node.inputs)
    return [*a[:-1], b[-1]]


def _gemm(lengths: Lengths, node: Apply) -> list:
    _, _, a, b, _ = node.inputs
    return [lengths.shape(a)[0], lengths.shape(b)[1]]


def _basic_index(lengths: Lengths, node: Apply) -> list:
    x, *bounds = node.inputs
    rest = iter(bounds)
    result: list[Length] = []
    for entry, n in zip(node.op.entries, lengths.shape(x), strict=True):
        if entry is None:
            result.append(n)
        elif entry == "index":
            next(rest)
        else:
            result.append(lengths.part(n, entry, [next(rest) for has in entry[:2] if has]))
    return result


def _advanced_index(lengths: Lengths, node: Apply) -> list:
    x, *arrays = node.inputs
    rank = max(v.ndim for v in arrays)
    indexed: list[Length] = [1] * rank
    for v in arrays:
        for axis in range(-1, -v.ndim - 1, -1):
            if v.type.shape[axis] != 1 and indexed[axis] == 1:
                indexed[axis] = lengths.shape(v)[axis]
    kept = [n for n, e in zip(lengths.shape(x), node.op.entries, strict=True) if not e]
    front = node.op.front
    return [*kept[:front], *indexed, *kept[front:]]


def _scan(lengths: Lengths, node: Apply) -> Any:
    op, parts = node.op, node.op.parts(node)
    n = lengths.of_scalar(node.outputs[-1] if op.until else parts.n)
    unknown = iter(parts.lengths)
    shapes: list[list[Length]] = []
    for state, initial in zip(op.states, parts.initial, strict=True):
        if state.kept:
            shapes.append([lengths.together([n, state.depth]), *lengths.shape(initial)[1:]])
    for row in op.mapped_rows:
        shapes.append([n, *(lengths.of_scalar(next(unknown)) if m is None else m for m in row.type.shape)])
    shapes += [list(lengths.shape(initial)[1:]) for initial in parts.initial]
    shapes += [[]] if op.until else []
    return shapes if len(shapes) > 1 else shapes[0]


_RULES: dict[type, Callable[[Lengths, Apply], Any]] = {
    elementwise.Elementwise: _elementwise,
    elementwise.Cast: _same,
    control.GradientBarrier: _same,
    valid.Valid: _same,
    shape.SpecifyShape: _same,
    shape.SameLengths: _same,
    shape.DimShuffle: _dimshuffle,
    shape.BroadcastTo: _broadcast_to,
    shape.Reshape: _reshape,
    join.Join: _join,
    join.Parts: _same,
    create.ARange: _arange,
    reduce.Reduce: _reduced(lambda op: op.axes),
    reduce.ArgReduce: _reduced(lambda op: (op.axis,)),
    linalg.MatrixProduct: _product,
    linalg.Gemm: _gemm,
    random.Draw: lambda lengths, node: [lengths.of_scalar(n) for n in node.inputs[1:]],
    scan.Scan: _scan,
    scan.LastValue: _same,
    scan.OfLengths: _broadcast_to,
    scan.FirstRows: lambda lengths, node: [
        lengths.of_scalar(node.inputs[1]),
        *lengths.shape(node.inputs[0])[1:],
    ],
    index.BasicIndex: _basic_index,
    write.BasicWrite: _same,
    index.AdvancedIndex: _advanced_index,
    write.AdvancedWrite: _same,
    write.LastPlaces: lambda lengths, node: [lengths.of_scalar(node.inputs[1])],
    labels.Labels: lambda lengths, node: [lengths.of_scalar(node.inputs[1])],
    along_axis.Cumulative: _same,
    along_axis.Recurrence: _same,
    along_axis.Sort: _same,
    along_axis.Nonzero: lambda lengths, node: [lengths.of_scalar(node.inputs[1])],
    along_axis.Unravel: _same,
}


def lengths_rule(cls: type, rule: Callable[[Lengths, Apply], Any]) -> None:
    """State how the output's lengths follow for an operation of the rewriter's own."""
    _RULES[cls] = rule
