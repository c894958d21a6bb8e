"""Writes a graph of graphlib's as ONNX nodes, by a table of rules: one for each class of operations.

A rule gets the writer and a node, and gives the names of the values that are the node's outputs.  It adds
ONNX nodes (``add``), or says by what other operations of graphlib's the node is computed (``of`` of an
expression of the node's inputs): what ONNX has no operator for is written in the words that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import OnnxError
from ..graph import Apply, Constant, Shared, Variable, graph_inputs, toposort
from ..graph.types import is_float
from ..ops.op import Op, by_reference
from ..ops.shape import ShapeI
from .protobuf import accepted, element_type, package

#: what writes the nodes of a class of operations
Rule = Callable[["Writer", Apply], "str | Sequence[str]"]
RULES: dict[type[Op], Rule] = {}

#: dtypes in which numbers of those that an operator does not take are computed
_WIDER = ("int32", "int64", "uint64", "float32", "float64")


#: which inputs a node's rule reads, where it does not read all
NEEDS: dict[type[Op], Callable[[Apply], Sequence[Variable]]] = {}


def writes(
    *classes: type[Op], needs: Callable[[Apply], Sequence[Variable]] | None = None
) -> Callable[[Rule], Rule]:
    """Decorates the rule of some classes of operations; ``needs``: the inputs that it reads, if not all."""

    def note(rule: Rule) -> Rule:
        for cls in classes:
            if cls in RULES:
                raise ValueError(f"two rules write {cls.__name__}")
            RULES[cls] = rule
            if needs is not None:
                NEEDS[cls] = needs
        return rule

    return note


def _of_class(table: dict[type[Op], Any], node: Apply) -> Any:
    return next((table[c] for c in type(node.op).__mro__ if c in table), None)


def needed(node: Apply) -> Sequence[Variable]:
    """The inputs of a node that its rule reads."""
    needs = _of_class(NEEDS, node)
    return node.inputs if needs is None else needs(node)


class Names:
    """Names of values and nodes, each once in a model, and the values of all its initializers."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}
        self.initializers: dict[str, np.ndarray] = {}
        self._constants: dict[tuple, str] = {}

    def new(self, wanted: str) -> str:
        """``wanted``, or that with a number behind it."""
        name = wanted
        while name in self._taken:
            self._counts[wanted] = self._counts.get(wanted, 0) + 1
            name = f"{wanted}_{self._counts[wanted]}"
        self._taken.add(name)
        return name

    def constant(self, array: np.ndarray, name: str | None = None) -> str:
        """An initializer that holds an array; small ones of equal values are one."""
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else (id(array),)
        if key not in self._constants:
            self._constants[key] = self.initializer(array, name or "constant")
        return self._constants[key]

    def initializer(self, array: np.ndarray, wanted: str) -> str:
        name = self.new(wanted)
        self.initializers[name] = array
        return name


class Writer:
    """The nodes of one ONNX graph: of a model, or of a loop's step ``inside`` another."""

    def __init__(self, names: Names, inside: Writer | None = None) -> None:
        self.names = names
        self.outer = inside
        self.nodes: list[Any] = []
        self._values: dict[Variable, str] = {}
        self._known: dict[tuple, tuple[str, ...]] = {}
        self._origin = ""
        self._writing: Apply | None = None

    # values

    def name(self, variable: Variable, name: str) -> None:
        """Says what a variable is called in the graph."""
        self._values[variable] = name

    def _find(self, variable: Variable) -> str | None:
        at: Writer | None = self
        while at is not None:
            if variable in at._values:
                return at._values[variable]
            at = at.outer
        return None

    def of(self, variable: Variable) -> str:
        """The name of a variable's value, for which nodes are added where there is none yet."""
        pending = [variable]
        while pending:
            v = pending[-1]
            if self._find(v) is not None:
                pending.pop()
            elif v.owner is None:
                self._leaf(v)
            else:
                missing = [i for i in needed(v.owner) if self._find(i) is None]
                pending.extend(missing)
                if not missing:
                    self._write(v.owner)
        return self._find(variable) or ""

    def all_of(self, variables: Iterable[Variable]) -> list[str]:
        return [self.of(v) for v in variables]

    def _leaf(self, variable: Variable) -> None:
        root = self
        while root.outer is not None:
            root = root.outer
        if isinstance(variable, Constant):
            root._values[variable] = self.names.constant(variable.data, variable.name)
        elif isinstance(variable, Shared):
            data = np.array(variable.get_value(), order="C")
            root._values[variable] = self.names.initializer(data, variable.name or "parameter")
        else:
            raise OnnxError(f"the graph depends on {variable.describe()}, which is none of its inputs")

    def _write(self, node: Apply) -> None:
        rule = _of_class(RULES, node)
        if rule is None:
            raise refused(node, "ONNX has no operator for it")
        before = self._origin, self._writing
        self._origin, self._writing = str(node.outputs[0].origin or ""), node
        names = rule(self, node)
        self._origin, self._writing = before
        for v, name in zip(node.outputs, [names] if isinstance(names, str) else names, strict=True):
            self._values[v] = name

    def weights(self, variable: Variable, name: str) -> str:
        """The name of a value that depends on parameters alone, which is computed now; else as ``of``."""
        if any(not isinstance(v, Shared) for v in graph_inputs([variable])):
            return self.of(variable)
        values: dict[Variable, np.ndarray] = {}
        for node in toposort([variable]):
            arrays = [values[v] if v.owner is not None else v.data for v in node.inputs]
            values.update(zip(node.outputs, by_reference(node, arrays), strict=True))
        if variable.owner is None:
            return self.of(variable)
        return self.names.initializer(np.ascontiguousarray(values[variable]), name)

    # nodes

    def add(
        self, operator: str, *inputs: str, outputs: int = 1, fresh: bool = False, **attributes: Any
    ) -> Any:
        """A node of an ONNX operator; the name of its output, or a list of several.

        An equal one that is there already is taken instead, unless ``fresh``.
        """
        key: tuple = ()
        at: Writer | None = None if fresh else self
        if at is not None:
            key = (operator, inputs, outputs, *sorted((k, _hashable(v)) for k, v in attributes.items()))
        while at is not None:
            if key in at._known:
                return at._known[key][0] if outputs == 1 else list(at._known[key])
            at = at.outer
        names = tuple(self.names.new(operator.lower()) for _ in range(outputs))
        self.append(operator, inputs, names, **attributes)
        if not fresh:
            self._known[key] = names
        return names[0] if outputs == 1 else list(names)

    def append(self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """A node whose outputs have names already."""
        made = package().helper.make_node(operator, list(inputs), list(outputs), **attributes)
        made.name = self.names.new(f"node_{outputs[0]}")
        if self._origin:
            made.doc_string = self._origin
        self.nodes.append(made)

    def typed_first(self, operator: str, dtype: str, x: str, *others: str, **attrs: Any) -> str:
        """As ``typed``, of an operator of which only the first input has the dtype."""
        takes = accepted(operator, self.names.opset)[0]
        wide = self._wider(dtype, takes, operator)
        made = self.add(operator, self.cast(x, wide) if wide != dtype else x, *others, **attrs)
        return self.cast(made, dtype) if wide != dtype else made

    def typed(self, operator: str, dtype: str, *inputs: str, result: str | None = None, **attrs: Any) -> str:
        """A node whose inputs have a dtype, and whose output has it, too, unless ``result`` is its own.

        Where the operator does not take the dtype, it is computed in a wider one.
        """
        wide = self._wider(dtype, accepted(operator, self.names.opset)[0], operator)
        if wide == dtype:
            return self.add(operator, *inputs, **attrs)
        made = self.add(operator, *(self.cast(i, wide) for i in inputs), **attrs)
        return made if result else self.cast(made, dtype)

    def _wider(self, dtype: str, takes: Collection[str], operator: str) -> str:
        """A dtype, or a wider one where an operator does not take it."""
        alike = (d for d in _WIDER if is_float(d) == is_float(dtype) and np.can_cast(dtype, d))
        wide = dtype if dtype in takes else next((d for d in alike if d in takes), None)
        if wide is not None:
            return wide
        why = f"its {operator} takes no {dtype}"
        raise OnnxError(why) if self._writing is None else refused(self._writing, why)

    def cast(self, name: str, dtype: str) -> str:
        return self.add("Cast", name, to=element_type(dtype))

    # numbers

    def number(self, value: Any, dtype: str) -> str:
        """A scalar."""
        return self.names.constant(np.array(value, dtype))

    def integers(self, values: Iterable[int]) -> str:
        """An int64 vector of numbers."""
        return self.names.constant(np.array(list(values), "int64").reshape(-1))

    def lengths(self, variables: Sequence[Variable]) -> str:
        """An int64 vector of int64 scalars."""
        return self.vector([self.length(v) for v in variables])

    def length(self, v: Variable) -> str | int:
        """An int64 scalar as a number, or as a vector of one element."""
        if isinstance(v, Constant):
            return int(v.data)
        if v.owner is not None and isinstance(v.owner.op, ShapeI):
            return self.axis_length(self.of(v.owner.inputs[0]), v.owner.op.axis)
        return self.add("Reshape", self.of(v), self.integers([1]))

    def axis_length(self, x: str, axis: int) -> str:
        """The length of an axis, a vector of one element."""
        return self.add("Shape", x, start=axis, end=axis + 1)

    def vector(self, parts: Sequence[str | int]) -> str:
        """Numbers, and vectors by their names, as one int64 vector."""
        grouped: list[str] = []
        numbers: list[int] = []
        for part in [*parts, ""]:
            if isinstance(part, int):
                numbers.append(part)
                continue
            if numbers or (not part and not grouped):
                grouped.append(self.integers(numbers))
                numbers = []
            if part:
                grouped.append(part)
        return grouped[0] if len(grouped) == 1 else self.add("Concat", *grouped, axis=0)

    # shapes

    def reshape(self, x: str, parts: Sequence[str | int]) -> str:
        """``x`` with other lengths, numbers or vectors of one element; where only one is no number it follows
        from the others, which must not multiply to 0 then."""
        unknown = [i for i, n in enumerate(parts) if not isinstance(n, int)]
        rest = [n for n in parts if isinstance(n, int)]
        if len(unknown) == 1 and all(n > 0 for n in rest):
            parts = [n if isinstance(n, int) else -1 for n in parts]
            unknown = []
        plain = not unknown and 0 not in rest
        return self.add("Reshape", x, self.vector(list(parts)), **({} if plain else {"allowzero": 1}))

    def squeeze(self, x: str, *axes: int) -> str:
        return self.add("Squeeze", x, self.integers(axes)) if axes else x

    def unsqueeze(self, x: str, *axes: int) -> str:
        return self.add("Unsqueeze", x, self.integers(axes)) if axes else x

    def transpose(self, x: str, order: Sequence[int]) -> str:
        order = list(order)
        return x if order == list(range(len(order))) else self.add("Transpose", x, perm=order)

    def slice(self, x: str, starts: str, ends: str, axes: Sequence[int], steps: Sequence[int] = ()) -> str:
        more = [self.integers(steps)] if any(s != 1 for s in steps) else []
        return self.add("Slice", x, starts, ends, self.integers(axes), *more)

    # graphs inside nodes

    def within(self) -> Writer:
        """The writer of a graph inside a node of this one, whose values it may read."""
        return Writer(self.names, self)

    def graph(self, name: str, inputs: Sequence[tuple[str, str, Sequence]], outputs: Sequence[tuple]) -> Any:
        """What has been written as a graph inside a node; inputs and outputs are (name, dtype, lengths)."""
        helper = package().helper
        described = [
            [helper.make_tensor_value_info(n, element_type(d), shape) for n, d, shape in part]
            for part in (inputs, outputs)
        ]
        return helper.make_graph(self.nodes, self.names.new(name), *described)


def refused(node: Apply, why: str) -> OnnxError:
    """The error of a node that cannot be written."""
    return OnnxError(f"{node.op} has no form in ONNX: {why}. It computes {node.outputs[0].describe()}")


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
