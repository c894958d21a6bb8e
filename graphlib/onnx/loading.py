"""``load``: an ONNX model as a graph that can be differentiated, trained, compiled and written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, OnnxError
from ..graph import Constant, Shared, TensorType, Variable
from ..graph.shared import shared
from ..graph.substitution import clone
from ..ops.op import as_variable
from . import reads  # noqa: F401  (fills the table of rules)
from .protobuf import package, title_of
from .reader import Reader, Tensors


@dataclass
class Loaded:
    """A model: variables by their names in it.

    Attributes:
        inputs: the inputs, in their order.
        outputs: the outputs by name, in their order.
        parameters: its arrays of floats as shared variables, which can be differentiated by and updated.
    """

    inputs: list[Variable]
    outputs: dict[str, Variable]
    parameters: dict[str, Shared]

    def __call__(self, *values: Any, **named: Any) -> Variable | list[Variable]:
        """The output, or a list of several, for other variables (or arrays) in place of the inputs.

        Errors: OnnxError for an input that is missing or that the model has not; ShapeError and DTypeError
        where one does not fit.
        """
        titles = [v.name for v in self.inputs]
        given = dict(zip(titles, values, strict=False)) | named
        twice = [title for title in titles[: len(values)] if title in named]
        if twice:
            raise OnnxError(f"the model's input {twice[0]} is given twice, by its place and by its name")
        if len(values) > len(titles) or set(given) != set(titles):
            got = [*(f"{len(values)} values" for _ in values[:1]), *named]
            raise OnnxError(f"the model takes {', '.join(map(str, titles))}, not {' and '.join(got)}")
        replace = {}
        for v in self.inputs:
            value = as_variable(given[v.name])
            if not v.type.accepts(value.type):
                raise DTypeError(f"the model's input {v.name} is {v.type}, unlike {value.describe()}")
            replace[v] = value
        made = clone(list(self.outputs.values()), replace)
        return made[0] if len(made) == 1 else made


def load(
    path: Any, *, dims: Mapping[str, int | None] | None = None, values: Mapping[str, Any] | None = None
) -> Loaded:
    """The graph of an ONNX model.

    Args:
        path: of the file.  Arrays in files beside it are read, those elsewhere are not.
        dims: lengths for axes that have a name in the model, such as ``{"batch": 32}``; others are not known.
            Of an input that is a sequence, by its name, how many tensors it has: each is an input then, as
            outputs that are sequences are several, ``name[0]`` and so on.
        values: arrays for inputs that are none of the graph's then, as axes and sizes that it depends on;
            None for an optional one that is left out.

    Nothing in a file is executed.  Operators that graphlib has not are read through ONNX's definition of
    them, where it has one.  Arrays of floats become parameters, numbers and whole numbers constants.

    Errors: OnnxError for a file that cannot be read, is damaged or no ONNX model, for an operator or a dtype
    that graphlib has not, naming the node, and where the package onnx is missing.
    """
    path = Path(path)
    model = _model(path)
    opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    if "" not in opsets:
        opsets[""] = 1
    functions = {(f.domain, f.name): f for f in getattr(model, "functions", ())}
    reader = Reader(str(path), opsets, functions)
    parameters: dict[str, Shared] = {}
    for tensor in model.graph.initializer:
        array = reader.numpy(tensor)
        if array.dtype.kind == "f" and array.ndim:
            parameters[tensor.name] = shared(array, name=tensor.name, shape=array.shape)
            reader.values[tensor.name] = parameters[tensor.name]
        else:
            reader.values[tensor.name] = reader.array(tensor)
    if model.graph.sparse_initializer:
        raise OnnxError(f"{path}: it has sparse arrays, which graphlib does not read")
    inputs, fixed = [], dict(values or {})
    for value in model.graph.input:
        if value.name in reader.values:
            # older models list their arrays among the inputs
            continue
        if value.name in fixed and fixed[value.name] is None and _is_optional(value):
            reader.values[value.name] = fixed.pop(value.name)
            continue
        if _inside(value).WhichOneof("value") == "sequence_type":
            count = (dims or {}).get(value.name)
            if count is None:
                example = f"dims={{{value.name!r}: 3}}"
                raise OnnxError(
                    f"{path}: the input {value.name!r} is a sequence: say of how many, as {example}"
                )
            type = _type_of(path, value, dict(dims or {}))
            several = Tensors(type(f"{value.name}[{k}]") for k in range(count))
            reader.values[value.name] = several
            inputs.extend(several)
            continue
        if value.name in fixed:
            array = _type_of(path, value, {}).convert(fixed.pop(value.name))
            reader.values[value.name] = Constant(array, value.name)
            continue
        variable = _type_of(path, value, dict(dims or {}))(value.name)
        reader.values[value.name] = variable
        inputs.append(variable)
    axes = {d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param}
    axes |= {v.name for v in model.graph.input if _inside(v).WhichOneof("value") == "sequence_type"}
    unknown = sorted(set(dims or {}) - axes)
    if unknown:
        known = f"its axes are called {', '.join(sorted(axes))}" if axes else "none of its axes has a name"
        raise OnnxError(f"{path} has no axis {unknown[0]!r} in its inputs: {known}")
    if fixed:
        raise OnnxError(f"{path} has no input {', '.join(fixed)}")
    results = reader.run(model.graph)
    names = [o.name for o in model.graph.output]
    outputs: dict[str, Variable] = {}
    for name, result in zip(names, results, strict=True):
        parts = (
            {f"{name}[{k}]": v for k, v in enumerate(result)}
            if isinstance(result, Tensors)
            else {name: result}
        )
        outputs.update(parts)
    return Loaded(inputs, outputs, parameters)


def _model(path: Path) -> Any:
    onnx = package()
    try:
        model = onnx.load(path)
    except OSError as error:
        raise OnnxError(f"{path}: cannot be read ({error.strerror or error})") from None
    # a damaged file can lead protobuf, and onnx beside it, to exceptions of many classes
    except Exception as error:
        raise OnnxError(f"{path} is damaged, or is no ONNX model ({_line(error)})") from None
    if not model.graph.node and not model.graph.output:
        raise OnnxError(f"{path} is damaged, or is no ONNX model: it has no graph")
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise OnnxError(f"{path} is no valid ONNX model: {_line(error)}") from None
    return model


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


def _is_optional(value: Any) -> bool:
    return value.type.WhichOneof("value") == "optional_type"


def _inside(value: Any) -> Any:
    """The type of an input, or that of an optional one where there is one."""
    return value.type.optional_type.elem_type if _is_optional(value) else value.type


def _type_of(path: Path, value: Any, dims: Mapping[str, int | None]) -> TensorType:
    """The type of an input, or of each tensor in a sequence."""
    onnx = package()
    found = _inside(value)
    if found.WhichOneof("value") == "sequence_type":
        found = found.sequence_type.elem_type
    kind = found.WhichOneof("value")
    if kind != "tensor_type":
        raise OnnxError(f"{path}: the input {value.name!r} is a {kind}, and graphlib has tensors alone")
    tensor = found.tensor_type
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
        if not tensor.HasField("shape"):
            raise OnnxError(f"{path}: the input {value.name!r} has no number of dimensions")
        return TensorType(dtype, [_length(d, dims) for d in tensor.shape.dim])
    except OnnxError:
        raise
    except (GraphError, KeyError, TypeError, ValueError) as error:
        name = title_of(tensor.elem_type)
        raise OnnxError(f"{path}: the input {value.name!r} is of {name}: {error}") from None


def _length(d: Any, dims: Mapping[str, int | None]) -> int | None:
    if d.HasField("dim_value"):
        return d.dim_value
    return dims.get(d.dim_param) if d.dim_param else None


__all__ = ["Loaded", "load"]
