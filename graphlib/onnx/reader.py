"""Reads ONNX graphs as graphs of graphlib's, by a table of rules: one for each of ONNX's operators.

What has no rule but is defined by others in ONNX itself, as are half of its operators, or in the model, is
read through that definition.  Parts of a graph that depend on nothing are computed while they are read: so
the shapes that programs compute for themselves are numbers here, or lengths of inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import GraphError, OnnxError
from ..graph import Constant, Shared, Variable, toposort
from ..graph.types import dtype_name
from ..ops.elementwise import Elementwise
from ..ops.host import HostOp
from ..ops.index import BasicIndex
from ..ops.join import Join
from ..ops.op import by_reference
from ..ops.random import Draw
from ..ops.scan import Scan
from ..ops.shape import DimShuffle, Reshape
from ..ops.shape_rules import constant_int, elements_of
from .protobuf import package, title_of

#: what reads a node of each operator
READS: dict[str, Callable[[Node], Any]] = {}

#: arrays of more elements are not computed while a graph is read
_MOST_FOLDED = 1 << 22


def reads(*operators: str) -> Callable[[Callable], Callable]:
    """Decorates what reads some operators: a function of the node that gives its output or outputs."""

    def note(rule: Callable) -> Callable:
        for name in operators:
            if name in READS:
                raise ValueError(f"two rules read {name}")
            READS[name] = rule
        return rule

    return note


class Tensors(tuple):
    """A sequence of tensors, as a value of a model."""

    def describe(self) -> str:
        return f"a sequence of {len(self)}"


@dataclass
class Node:
    """A node of a model, with variables for inputs; None for one that is left out."""

    operator: str
    name: str
    inputs: list[Variable | None]
    attributes: dict[str, Any]
    outputs: list[str]
    opset: int
    reader: Reader

    def __getitem__(self, k: int) -> Variable:
        """An input that must be there."""
        found = self.optional(k)
        if found is None:
            raise self.error(f"needs an input {k}")
        return found

    def optional(self, k: int) -> Variable | None:
        return self.inputs[k] if k < len(self.inputs) else None

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    def needs(self, count: int) -> bool:
        """Whether output number ``count`` is asked for."""
        return len(self.outputs) > count and bool(self.outputs[count])

    def numbers(self, k: int, name: str, default: Any = None) -> Any:
        """What older versions of ONNX have as an attribute and newer ones as an input: a list of numbers."""
        if name in self.attributes:
            value = self.attributes[name]
            return list(value) if isinstance(value, (list, tuple)) else [value]
        given = self.optional(k)
        if given is None:
            return default
        known = self.reader.known(given)
        if known is None:
            raise self.error(f"needs {name} as numbers, not {given.describe()}")
        return known.reshape(-1).tolist()

    def error(self, what: str) -> OnnxError:
        return OnnxError(f"{self.reader.path}: {self.describe()} {what}")

    def describe(self) -> str:
        return f"the node {self.name!r} ({self.operator})" if self.name else f"a node {self.operator}"


@dataclass
class Reader:
    """Reads the graphs of a model, each with what it sees of those around it."""

    path: str
    opsets: Mapping[str, int]
    functions: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    around: Reader | None = None
    #: None for what a node that calls a function leaves out
    values: dict[str, Variable | None] = field(default_factory=dict)
    #: attributes of the node that calls a function
    given: Mapping[str, Any] = field(default_factory=dict)
    #: what is known to depend on inputs or parameters
    varying: set[Variable] = field(default_factory=set)

    def find(self, name: str, node: Any) -> Variable | None:
        if not name:
            return None
        at: Reader | None = self
        while at is not None:
            if name in at.values:
                return at.values[name]
            at = at.around
        raise OnnxError(
            f"{self.path}: the node {node.name!r} ({node.op_type}) reads {name!r}, which nothing gives"
        )

    def inside(self, values: Mapping[str, Variable]) -> Reader:
        """The reader of a graph inside a node."""
        return Reader(self.path, self.opsets, self.functions, self, dict(values), varying=self.varying)

    # arrays

    def known(self, v: Variable) -> np.ndarray | None:
        """The value of what depends on nothing but the model."""
        if isinstance(v, (Constant, Shared)):
            return v.data
        return None

    def folded(self, v: Variable) -> Variable:
        """A constant in place of what depends on constants alone."""
        if isinstance(v, Tensors):
            return Tensors(map(self.folded, v))  # type: ignore[return-value]
        if v.owner is None or self._varies(v):
            return v
        order = toposort([v])
        if any(isinstance(n.op, (Draw, HostOp, Scan)) for n in order):
            return v
        if max(elements_of(o.type.shape) for n in order for o in n.outputs) > _MOST_FOLDED:
            return v
        values: dict[Variable, np.ndarray] = {}
        for node in order:
            arrays = [i.data if isinstance(i, Constant) else values[i] for i in node.inputs]
            values.update(zip(node.outputs, by_reference(node, arrays), strict=True))
        return Constant(values[v])

    def _varies(self, v: Variable) -> bool:
        """Whether a value depends on inputs or parameters; notes it, so that nobody looks that far again."""
        pending, seen = [v], set()
        while pending:
            at = pending.pop()
            if at in self.varying or (at.owner is None and not isinstance(at, Constant)):
                self.varying.add(v)
                return True
            if at.owner is not None and at not in seen:
                seen.add(at)
                pending.extend(at.owner.inputs)
        return False

    def elements(self, v: Variable) -> list[Variable]:
        """The elements of an int64 vector, as simple as they are known: numbers, lengths of inputs."""
        if isinstance(v, (Constant, Shared)):
            return [Constant(n) for n in v.data.reshape(-1)]
        op = v.owner.op if v.owner is not None else None
        inputs = v.owner.inputs if v.owner is not None else ()
        if isinstance(op, Join):
            return [e for part in inputs for e in self.elements(part)]
        if isinstance(op, DimShuffle) and op.order == ("x",):
            return [self.folded(inputs[0])]
        if isinstance(op, Reshape) and inputs[0].ndim == 0:
            return [self.folded(inputs[0])]
        if isinstance(op, Reshape) and inputs[0].ndim == 1:
            return self.elements(inputs[0])
        if isinstance(op, BasicIndex) and inputs[0].ndim == 1 and isinstance(op.entries[0], tuple):
            start, stop, step = op.entries[0]
            rest = iter(constant_int(b) for b in inputs[1:])
            bounds = [next(rest) if given else None for given in (start, stop)]
            if all(b is not None or not given for b, given in zip(bounds, (start, stop), strict=True)):
                return self.elements(inputs[0])[slice(*bounds, step)]
        n = v.type.shape[0] if v.ndim == 1 else 1
        if v.ndim == 0:
            return [v]
        if n is None:
            raise OnnxError(f"{self.path}: the number of elements of {v.describe()} is not known")
        if isinstance(op, Elementwise):
            rows = [self.elements(i) if i.ndim else [i] * n for i in inputs]
            rows = [row * n if len(row) == 1 else row for row in rows]
            return [self.folded(op.make(*each)) for each in zip(*rows, strict=True)]
        return [v[i] for i in range(n)]

    # graphs

    def run(self, graph: Any) -> list[Variable]:
        """The outputs of a graph, whose inputs have values already."""
        for array in graph.initializer:
            self.values.setdefault(array.name, self.array(array))
        self.nodes(graph)
        return [self.output(o.name) for o in graph.output]

    def nodes(self, graph: Any) -> None:
        for node in graph.node:
            self._node(node)

    def output(self, name: str) -> Variable:
        """A value that a graph gives."""
        at: Reader | None = self
        while at is not None:
            found = at.values.get(name)
            if found is not None:
                return found
            at = at.around
        raise OnnxError(f"{self.path}: no node gives the output {name!r}")

    def array(self, tensor: Any) -> Variable:
        """An array of the model as a constant."""
        return Constant(self.numpy(tensor), tensor.name or None)

    def numpy(self, tensor: Any) -> np.ndarray:
        onnx = package()
        try:
            array = onnx.numpy_helper.to_array(tensor)
            dtype_name(array.dtype)
        except (GraphError, TypeError, ValueError, AttributeError, KeyError) as error:
            kind = title_of(tensor.data_type)
            raise OnnxError(
                f"{self.path}: the array {tensor.name!r} of {kind} cannot be read: {error}"
            ) from None
        return np.ascontiguousarray(array).reshape(array.shape)

    def _node(self, node: Any) -> None:
        found = {a.name: self._attribute(a) for a in node.attribute}
        # of a function, an attribute that its node has not is none of its parts either
        attributes = {name: value for name, value in found.items() if value is not None}
        made = Node(
            node.op_type,
            node.name,
            [self.find(name, node) for name in node.input],
            attributes,
            list(node.output),
            self.opsets.get(node.domain, 1),
            self,
        )
        results = self._read(node, made)
        results = [results] if isinstance(results, (Variable, Tensors)) or results is None else list(results)
        for name, v in zip(node.output, results, strict=False):
            if name and v is not None:
                self.values[name] = self.folded(v)
            elif name and node.op_type == "Optional":
                self.values[name] = None

    def _read(self, node: Any, made: Node) -> Any:
        key = (node.domain, node.op_type)
        if key in self.functions:
            return self._function(self.functions[key], made)
        if node.domain not in ("", "ai.onnx"):
            raise made.error(f"is of the domain {node.domain}, whose operators graphlib has not")
        rule = READS.get(node.op_type)
        if rule is None:
            return self._by_definition(node, made)
        try:
            return rule(made)
        except OnnxError:
            raise
        except (GraphError, IndexError, KeyError, ValueError, TypeError, ZeroDivisionError) as error:
            raise made.error(f"cannot be read: {error}") from error

    def _by_definition(self, node: Any, made: Node) -> list[Any]:
        """What an operator is made of by ONNX's own definition."""
        onnx = package()
        try:
            schema = onnx.defs.get_schema(node.op_type, made.opset)
        except onnx.defs.SchemaError:
            raise made.error("is none of ONNX's operators") from None
        body = schema.function_body if schema.has_function else self._definition(schema, node, made)
        if body is None:
            raise made.error("has no counterpart in graphlib")
        values = {name: a.default_value for name, a in schema.attributes.items()}
        return self._function(body, made, {k: self._attribute(v) for k, v in values.items() if v.type})

    def _definition(self, schema: Any, node: Any, made: Node) -> Any:
        """A definition that depends on the node's inputs; None where there is none."""
        if not schema.has_context_dependent_function:
            return None
        onnx = package()
        types = [
            onnx.helper.make_tensor_type_proto(
                onnx.helper.np_dtype_to_tensor_dtype(np.dtype(v.dtype)), list(v.type.shape)
            ).SerializeToString()
            if v is not None
            else b""
            for v in made.inputs
        ]
        content = schema.get_context_dependent_function(node.SerializeToString(), types)
        body = onnx.FunctionProto()
        body.ParseFromString(content)
        return body if body.node else None

    def _function(self, function: Any, made: Node, defaults: Mapping[str, Any] | None = None) -> list[Any]:
        """A node by the function that it calls: of the model, or ONNX's definition of an operator."""
        opsets = {**self.opsets, **{o.domain: o.version for o in function.opset_import}}
        reader = Reader(self.path, opsets, self.functions, varying=self.varying)
        reader.values.update(zip(function.input, made.inputs, strict=False))
        # inputs that are left out are named, all the same
        reader.values.update((name, None) for name in function.input if name not in reader.values)
        own = {a.name: self._attribute(a) for a in function.attribute_proto}
        reader.given = {**(defaults or {}), **own, **made.attributes}
        reader.nodes(function)
        wanted = zip(function.output, made.outputs, strict=False)
        return [reader.output(inside) if outside else None for inside, outside in wanted]

    def _attribute(self, a: Any) -> Any:
        kinds = package().AttributeProto
        if a.ref_attr_name:
            return self.given.get(a.ref_attr_name)
        if a.type == kinds.TENSOR:
            return self.array(a.t)
        if a.type == kinds.GRAPH:
            return a.g
        if a.type == kinds.STRING:
            return a.s.decode("utf-8", "replace")
        if a.type == kinds.STRINGS:
            return [s.decode("utf-8", "replace") for s in a.strings]
        return package().helper.get_attribute_value(a)


def lengths_of(reader: Reader, v: Variable) -> Sequence[Any]:
    """An int64 vector as lengths: numbers where they are known."""
    found = [constant_int(e) for e in reader.elements(v)]
    return [e if n is None else n for e, n in zip(reader.elements(v), found, strict=True)]
