"""A table of a model's layers: shapes, parameters, memory, multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..configuration import config
from ..errors import GraphError, InputError
from ..graph import TensorType, Variable
from ..graph.traverse import toposort
from ..graph.types import dtype_name
from .layers.base import Call, Layer, recorded

_EXAMPLES = 2  # a batch for counting; with one example, its axis would broadcast


@dataclass(frozen=True)
class Row:
    """A call of a layer.

    Attributes:
        depth: how many layers it is within.
        name, kind: what it is called there, and its class.
        output: its shape, None where a length is not known; of several outputs, each.
        parameters: numbers in its own parameters, which calls before had not.
        learnt: how many of these are trainable.
        bytes: of its own parameters and of what it keeps, such as running means.
        output_bytes: of its output, an example; None if not known.
        multiply_adds: of its matrix products and convolutions, an example; None if not known. Of unknown
            lengths, one step is counted.
    """

    depth: int
    name: str
    kind: str
    output: Any
    parameters: int
    learnt: int
    bytes: int
    output_bytes: int | None
    multiply_adds: int | None


def rows(layer: Layer, shape: Any = None, dtype: str | None = None) -> list[Row]:
    """A row for each call of a layer within `layer`, outer ones first.

    Args:
        shape: of a minibatch, such as (None, 784), with None for lengths that are not known; a mapping or
            list of shapes where there are several inputs; None for what the layer was first called with.
        dtype: of the input: None for that of the first call, or config.floatX.

    Errors: InputError if there is no shape, and what the layers themselves say of it.
    """
    given = layer.first_input if shape is None else _types(shape, dtype)
    if given is None:
        raise InputError(
            f"{layer.label} has not been called yet: give the shape of its input, as in (None, 784)"
        )
    calls = _calls(layer, given, batch=None, unknown=None)
    try:
        counted: Sequence[Call | None] = _calls(layer, given, batch=_EXAMPLES, unknown=1)
        of_more = counted
        if any(state.type.shape[0] is None for state in layer.carried):
            of_more = _calls(layer, given, batch=_EXAMPLES + 1, unknown=1)
    except GraphError:
        counted = of_more = [None] * len(calls)  # a step is less than some layer takes
    found, seen = [], set()
    for call, known, more in zip(calls, counted, of_more, strict=True):
        own = [p for p in call.layer.own_parameters.values() if p.variable not in seen]
        kept = [v for v in call.layer.own_state.values() if v not in seen]
        seen.update((p.variable for p in own), kept)
        sizes = [_size(p.variable.present_shape()) for p in own]
        found.append(
            Row(
                call.depth,
                call.label.rpartition(".")[2],
                type(call.layer).__name__,
                _map(lambda v: v.static_shape, call.y),
                sum(sizes),
                sum(n for n, p in zip(sizes, own, strict=True) if p.trainable),
                sum(
                    v.type.numpy_dtype.itemsize * _size(v.present_shape())
                    for v in [*(p.variable for p in own), *kept]
                ),
                None if known is None else _bytes_of(known.y),
                None if known is None else _of_an_example(known, more),
            )
        )
    return found


def _of_an_example(call: Call, more: Call) -> int:
    """The multiplications that an example takes, of a call with a batch, and of one with an example more
    where states go on from batch to batch: their rows are not known, and count as one."""
    count = multiply_adds(_flat(call.y), _flat(call.x))
    if more is call:
        return count // _batch(call.x)
    of_one = multiply_adds(_flat(more.y), _flat(more.x)) - count
    return of_one + count - _batch(call.x) * of_one


def summary(layer: Layer, shape: Any = None, dtype: str | None = None) -> str:
    """`rows` as a table, with their sums below: what a model has in all, and what an example costs."""
    found = rows(layer, shape, dtype)
    whole = found[0]
    inner = [row for row, after in zip(found, [*found[1:], whole], strict=True) if after.depth <= row.depth]
    lines = [("layer", "output", "parameters", "memory", "multiply-adds")]
    for row in found:
        name = "  " * row.depth + (row.name if row.kind.lower() == row.name else f"{row.name} ({row.kind})")
        within = row is not inner[0] and row not in inner
        lines.append(
            (
                name,
                _shown(row.output),
                "" if within and not row.parameters else f"{row.parameters:,}",
                "" if within and not row.bytes else memory(row.bytes),
                "" if within or row.multiply_adds is None else f"{row.multiply_adds:,}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    total, learnt = sum(row.parameters for row in found), sum(row.learnt for row in found)
    fixed = f", {total - learnt:,} of them fixed" if learnt != total else ""
    notes = [f"{total:,} parameters{fixed}; {memory(sum(row.bytes for row in found))} with what is kept"]
    if whole.multiply_adds is not None:
        outputs = memory(sum(row.output_bytes for row in inner))
        notes.append(f"an example: {whole.multiply_adds:,} multiply-adds, {outputs} of layers' outputs")
    if any(n is None for each in _inputs_of(layer, shape, dtype) for n in each[1:]):
        notes[-1] += "; of lengths that are not known, one step is counted"
    return "\n".join([table[0], "─" * len(table[0]), *table[1:], "─" * len(table[0]), *notes])


def multiply_adds(outputs: Iterable[Variable], inputs: Iterable[Variable] = ()) -> int:
    """The multiplications of the matrix products and convolutions between `inputs` and `outputs`, of whose
    lengths those not known count as 1."""
    return sum(node.op.multiply_adds(node) for node in toposort(list(outputs), stop_at=set(inputs)))


def memory(size: float) -> str:
    """Bytes as text, in binary units of three digits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            digits = 0 if unit == "B" or size >= 100 else 1 if size >= 10 else 2
            return f"{size:.{digits}f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def _size(shape: Iterable[int | None]) -> int:
    return math.prod(1 if n is None else n for n in shape)


def _calls(layer: Layer, given: Any, batch: int | None, unknown: int | None) -> list[Call]:
    """The calls within a call with variables of these types, with other lengths of the batch, where it is not
    known, and of what else is not."""

    def variable(type: TensorType) -> Variable:
        first, *rest = type.shape
        first = batch if first is None else first
        return TensorType(type.dtype, (first, *(unknown if n is None else n for n in rest)))("x")

    with recorded() as calls:
        layer(_map(variable, given))
    return calls


def _types(shape: Any, dtype: str | None) -> Any:
    if isinstance(shape, Mapping):
        return {name: _types(each, dtype) for name, each in shape.items()}
    if shape and all(isinstance(each, (list, tuple)) for each in shape):
        return [_types(each, dtype) for each in shape]
    return TensorType(dtype_name(dtype or config.floatX), shape)


def _inputs_of(layer: Layer, shape: Any, dtype: str | None) -> list[tuple]:
    given = layer.first_input if shape is None else _types(shape, dtype)
    return [each.shape for each in _flat(given)]


def _map(function: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _map(function, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map(function, each) for each in value]
    return function(value)


def _flat(value: Any) -> list:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [each for part in value for each in _flat(part)]
    return [value]


def _batch(x: Any) -> int:
    return _flat(x)[0].static_shape[0] or 1


def _bytes_of(y: Any) -> int:
    return sum(
        v.type.numpy_dtype.itemsize * _size(v.static_shape) // (v.static_shape[0] or 1)
        for v in _flat(y)
        if v.ndim
    )


def _shown(output: Any) -> str:
    if isinstance(output, Mapping):
        return ", ".join(f"{name} {_shown(each)}" for name, each in output.items())
    if isinstance(output, list):
        return ", ".join(map(_shown, output))
    first, *rest = output or ("?",)
    lengths = ["batch" if first is None else str(first), *("?" if n is None else str(n) for n in rest)]
    return f"({', '.join(lengths)})"
