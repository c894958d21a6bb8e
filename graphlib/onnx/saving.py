"""``save``: a compiled function, or inputs and outputs, as an ONNX model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import __version__
from ..compile.arguments import check_leaves, normalize_inputs, normalize_outputs
from ..compile.function import Function
from ..compile.present import with_lengths
from ..datasets.files import write_atomically
from ..errors import InputError, OnnxError
from ..graph import Shared, TensorType, Variable, graph_inputs
from ..graph.shared import as_parts
from ..graph.substitution import clone
from ..lower.program import Program
from ..ops.lengths import Lengths
from ..represent import in_pairs
from ..rewrite import loops_made_cheap, stabilized
from ..rewrite.scan import has_loops
from . import writes  # noqa: F401  (fills the table of rules)
from .protobuf import MOST_INSIDE, element_type, package
from .writer import Names, Writer

#: the newest version of ONNX's operators that is written, and the oldest that has all of them in this form
OPSET, OLDEST = 28, 20


def save(
    function: Any,
    path: Any,
    *,
    dims: Mapping[Any, Sequence[str | None]] | None = None,
    opset: int | None = None,
) -> None:
    """Write what a function computes as an ONNX model, for other programs to run.

    Args:
        function: a compiled function; a pair (inputs, outputs) of variables, or lists or dicts of them,
            whose keys are the outputs' names; or a model of ``graphlib.nn``.  What a function updates is an
            input under its name, whose default is the present value, and an output ``next_NAME``.
        path: of the file, in a folder that there is; what it holds is replaced.
        dims: for an input, or its name, the names of its axes; None for one that keeps its own.  Axes of one
            name have one length.  Others are called by input and number, as ``x_0``.
        opset: the version of ONNX's operators, from 20 on; the newest that the package onnx knows (and
            graphlib: 28) unless another is asked for, as by older programs that are to run the model.

    Values of shared variables are the model's initializers, under their names.  A model takes the dtypes
    that the inputs have.  What graphlib checks at a call, as indices and lengths, is as the program that
    runs the model has it.

    Errors: OnnxError for what ONNX has no form of, naming the operation and the line of the program, and
    where the package onnx is missing or the file cannot be written; InputError for other arguments.
    """
    model, outside = _model(function, dict(dims or {}), opset)
    path = Path(path)
    if outside:
        _save_beside(model, path)
        return
    package().checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    with _writing(path):
        write_atomically(path, lambda file: file.write(content))


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What the system says of a file that cannot be written, in words."""
    try:
        yield
    except OSError as error:
        raise OnnxError(f"{path}: cannot be written ({error.strerror or error})") from None


def _save_beside(model: Any, path: Path) -> None:
    """A model that is too large for one file, with its arrays in another beside it.

    Both are whole before they take the places of what was there.
    """
    arrays = path.name + ".data"
    with _writing(path), tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        package().save_model(
            model,
            Path(folder, path.name),
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=arrays,
        )
        for name in (arrays, path.name):
            os.replace(Path(folder, name), path.with_name(name))


def _model(function: Any, dims: dict[Any, Sequence[str | None]], opset: int | None) -> tuple[Any, bool]:
    """The model, and whether its arrays have to go into a file of their own."""
    onnx = package()
    helper = onnx.helper
    newest = min(OPSET, onnx.defs.onnx_opset_version())
    opset = newest if opset is None else opset
    if isinstance(opset, bool) or not isinstance(opset, int) or not OLDEST <= opset <= newest:
        raise InputError(f"graphlib.onnx.save: opset is a number from {OLDEST} to {newest}, not {opset!r}")
    given = _of_real_numbers(_given(function))
    names = Names(opset)
    writer = Writer(names)
    for number, v in enumerate(given.inputs):
        writer.name(v, names.new(v.name or f"input_{number}"))
    entering = [writer.of(v) for v in given.inputs]
    axes = _axes(given.inputs, entering, dims)
    results = stabilized(_with_present_lengths(given), given.inputs)
    if has_loops(results, given.inputs):
        results = loops_made_cheap(results, given.inputs)
    leaving = _results(writer, results, given.titles)
    lengths = Lengths(given.inputs)
    nodes = _alive(writer.nodes, set(leaving))
    read = {name for node in nodes for name in _reads(node)}
    arrays = {name: array for name, array in names.initializers.items() if name in read}
    arrays |= {name: array for name, array in zip(entering, given.defaults, strict=True) if array is not None}
    graph = helper.make_graph(
        nodes,
        given.title,
        [_entry(name, v.dtype, _lengths(v, axes)) for name, v in zip(entering, given.inputs, strict=True)],
        [
            _entry(name, v.dtype, [_named(n, axes) for n in lengths.shape(v)])
            for name, v in zip(leaving, results, strict=True)
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="graphlib",
        producer_version=__version__,
    )
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)
    return model, sum(a.nbytes for a in arrays.values()) > MOST_INSIDE


class _Given(NamedTuple):
    """What is to be written; ``defaults`` are the values that inputs have where none is given."""

    inputs: list[Variable]
    outputs: list[Variable]
    titles: list[str | None]
    defaults: list[np.ndarray | None]
    title: str


def _given(function: Any) -> _Given:
    if isinstance(function, Function):
        keys = function.output_names or [None] * len(function.outputs)
        values = [function.value[i] for i in range(len(function.inputs))]
        arrays = [
            None if v is None else i.type.convert(v) for i, v in zip(function.inputs, values, strict=True)
        ]
        inputs, outputs = list(function.inputs), list(function.outputs)
        given = _Given(inputs, outputs, list(keys), arrays, function.name or "graph")
        return _with_state(function, given)
    if hasattr(function, "input") and hasattr(function, "output"):
        function = (function.input, function.output)
    if not isinstance(function, (tuple, list)) or len(function) != 2:
        raise InputError(
            f"graphlib.onnx.save takes a compiled function, or a pair (inputs, outputs), not {function!r}"
        )
    where = "graphlib.onnx.save"
    given, wanted = function
    several = list(given.values()) if isinstance(given, Mapping) else given
    items = normalize_inputs([given] if isinstance(given, Variable) else several, where)
    outs, form = normalize_outputs(wanted, where)
    inputs, outputs = [item.variable for item in items], [out.variable for out in outs]
    check_leaves(items, outputs, "ignore", where)
    keys = form if isinstance(form, list) else [None] * len(outputs)
    return _Given(inputs, outputs, keys, [None] * len(inputs), "graph")


def _with_state(function: Function, given: _Given) -> _Given:
    """The same with what calls change: inputs with defaults, and outputs that are to be the next of them."""
    carried, updates = function.carried, function.updates
    titles = [*given.titles, *(f"next_{given.inputs[k].name or f'input_{k}'}" for k in carried)]
    outputs = [*given.outputs, *carried.values()]
    if not updates:
        return given._replace(outputs=outputs, titles=titles)
    names = [s.name or f"state_{k}" for k, s in enumerate(updates)]
    states = [_as_input(s, new, name) for (s, new), name in zip(updates.items(), names, strict=True)]
    outputs = clone([*outputs, *updates.values()], dict(zip(updates, states, strict=True)))
    return given._replace(
        inputs=[*given.inputs, *states],
        outputs=outputs,
        titles=[*titles, *(f"next_{name}" for name in names)],
        defaults=[*given.defaults, *(np.array(s.get_value(), order="C") for s in updates)],
    )


def _as_input(state: Shared, new: Variable, name: str) -> Variable:
    """An input in place of a shared variable: of its present lengths, where an update keeps them."""
    present = state.present_shape()
    keeps = all(n in (None, m) for n, m in zip(new.type.shape, present, strict=True))
    return TensorType(state.dtype, present if keeps else state.type.shape)(name)


def _program(given: _Given) -> Program:
    shared = [v for v in graph_inputs(given.outputs, stop_at=given.inputs) if isinstance(v, Shared)]
    return Program(given.title, given.inputs, given.outputs, [False] * len(given.outputs), {}, shared)


def _of_real_numbers(given: _Given) -> _Given:
    """The same with a last axis of length 2 for complex numbers, of which ONNX's operators have none."""
    program = in_pairs(_program(given))
    defaults = [as_parts(a) if a is not None and a.dtype.kind == "c" else a for a in given.defaults]
    return given._replace(inputs=program.inputs, outputs=program.outputs, defaults=defaults)


def _with_present_lengths(given: _Given) -> list[Variable]:
    """The outputs, for the lengths that shared variables have, whose values the model has."""
    program = _program(given)
    return with_lengths(program, [s.present_shape() for s in program.shareds]).outputs


def _axes(
    inputs: Sequence[Variable], names: Sequence[str], dims: dict[Any, Sequence[str | None]]
) -> dict[tuple[Variable, int], str]:
    """The name of each axis of the inputs whose length is not known."""
    wanted: dict[Variable, Sequence[str | None]] = {}
    for key, given in dims.items():
        found = [v for v, name in zip(inputs, names, strict=True) if key is v or key == name]
        if len(found) != 1:
            raise InputError(f"graphlib.onnx.save: dims names {key}; the inputs are {', '.join(names)}")
        if isinstance(given, str) or len(given) != found[0].ndim:
            raise InputError(
                f"graphlib.onnx.save: dims has {given!r} for {found[0].describe()}, which has "
                f"{found[0].ndim} axes"
            )
        wanted[found[0]] = given
    axes = {}
    for v, name in zip(inputs, names, strict=True):
        for axis, n in enumerate(v.type.shape):
            if n is None:
                own = wanted[v][axis] if v in wanted else None
                axes[v, axis] = own or f"{name}_{axis}"
    return axes


def _lengths(v: Variable, axes: dict[tuple[Variable, int], str]) -> list[int | str]:
    return [axes[v, axis] if n is None else n for axis, n in enumerate(v.type.shape)]


def _named(length: Any, axes: dict[tuple[Variable, int], str]) -> int | str | None:
    """A length of an output as ONNX has it: a number, an input's axis, or nothing."""
    if isinstance(length, int):
        return length
    return axes.get(length) if isinstance(length, tuple) else None


def _entry(name: str, dtype: str, shape: list[Any]) -> Any:
    return package().helper.make_tensor_value_info(name, element_type(dtype), shape)


def _results(writer: Writer, results: Sequence[Variable], titles: Sequence[str | None]) -> list[str]:
    """The names of the outputs, those of their variables where they may have them."""
    found = writer.all_of(results)
    made = {name for node in writer.nodes for name in node.output}
    renamed: dict[str, str] = {}
    leaving = []
    for number, (v, name, title) in enumerate(zip(results, found, titles, strict=True)):
        own = writer.names.new(title or v.name or f"output_{number}")
        if name in made and name not in renamed:
            renamed[name] = own
        else:
            writer.append("Identity", [name], [own])
        leaving.append(own)
    for node in writer.nodes:
        _rename(node, renamed)
    return leaving


def _rename(node: Any, renamed: dict[str, str]) -> None:
    for part in (node.input, node.output):
        for i, name in enumerate(part):
            if name in renamed:
                part[i] = renamed[name]
    for graph in _inside(node):
        for inner in graph.node:
            _rename(inner, renamed)


def _inside(node: Any) -> list[Any]:
    """The graphs inside a node."""
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _reads(node: Any) -> Iterator[str]:
    """The names that a node reads, and what is in the graphs inside it."""
    yield from node.input
    for graph in _inside(node):
        for inner in graph.node:
            yield from _reads(inner)
        yield from (v.name for v in graph.output)


def _alive(nodes: Sequence[Any], wanted: set[str]) -> list[Any]:
    """The nodes that are needed for what is wanted, in their order; in the graphs inside them as well."""
    kept = []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.output):
            continue
        for graph in _inside(node):
            inner = _alive(graph.node, {v.name for v in graph.output})
            del graph.node[:]
            graph.node.extend(inner)
        wanted.update(_reads(node))
        kept.append(node)
    return kept[::-1]
