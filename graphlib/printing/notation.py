"""How an operation is written: in a formula, as a template with operands, and on a box in a drawing.

A row for each class of operations that has a notation of its own; the others are written as calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..graph import Apply, Constant, Variable
from ..ops.along_axis import Cumulative, Nonzero, Recurrence, Sort, Unravel
from ..ops.barriers import GradientBarrier
from ..ops.convolution import Convolution, ConvolutionByFilters, ConvolutionByImages
from ..ops.create import ARange
from ..ops.elementwise import Cast, Elementwise
from ..ops.index import AdvancedIndex, BasicIndex
from ..ops.join import Join
from ..ops.labels import Labels
from ..ops.linalg import Gemm, MatrixProduct
from ..ops.pool import Pool, PoolPick, PoolScatter, PoolSpread
from ..ops.random import Draw
from ..ops.reduce import ArgReduce, Reduce
from ..ops.shape import BroadcastTo, DimShuffle, Reshape, SameLengths, ShapeI, SpecifyShape
from ..ops.unbroadcast import Unbroadcast
from ..ops.write import AdvancedWrite, BasicWrite

# How tightly an expression holds together: Python's order of operators (The Python Language Reference, 6.17).
ANYTHING, COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, SIGN, POWER, NUMBER, PRIMARY = range(12)

# An operand's number and the least tightness it may have there without parentheses.
Hole = tuple[int, int]


@dataclass(frozen=True)
class Template:
    """A node in a formula: text and holes for operands, and how tightly the whole holds together."""

    parts: tuple[str | Hole, ...]
    tightness: int = PRIMARY


def call(name: str, operands: int, *settings: str) -> Template:
    """``name(a, b, setting)``."""
    parts: list[str | Hole] = [name, "("]
    for i in range(operands):
        parts += [", ", (i, ANYTHING)] if i else [(i, ANYTHING)]
    parts += [f"{', ' if i + operands else ''}{setting}" for i, setting in enumerate(settings)]
    return Template((*parts, ")"))


_INFIX = {
    "add": (" + ", SUM),
    "sub": (" - ", SUM),
    "mul": (" * ", PRODUCT),
    "true_div": (" / ", PRODUCT),
    "floor_div": (" // ", PRODUCT),
    "mod": (" % ", PRODUCT),
    "left_shift": (" << ", SHIFT),
    "right_shift": (" >> ", SHIFT),
    "and_": (" & ", AND),
    "or_": (" | ", OR),
    "xor": (" ^ ", XOR),
    "lt": (" < ", COMPARISON),
    "le": (" <= ", COMPARISON),
    "gt": (" > ", COMPARISON),
    "ge": (" >= ", COMPARISON),
    "eq": (" == ", COMPARISON),
    "neq": (" != ", COMPARISON),
}
_PREFIX = {"neg": "-", "invert": "~"}


def _infix(text: str, tightness: int) -> Template:
    """Groups to the left; comparisons are never chained."""
    left = tightness + (tightness == COMPARISON)
    return Template(((0, left), text, (1, tightness + 1)), tightness)


def _elementwise(node: Apply) -> Template:
    name = node.op.name
    if name in _INFIX:
        return _infix(*_INFIX[name])
    if name in _PREFIX:
        return Template((_PREFIX[name], (0, SIGN)), SIGN)
    if name == "pow":
        return Template(((0, NUMBER), " ** ", (1, SIGN)), POWER)
    return call(name, len(node.inputs))


def _axes(axes: tuple[int, ...], ndim: int) -> tuple[str, ...]:
    if len(axes) == ndim:
        return ()
    return (f"axis={axes[0] if len(axes) == 1 else axes}",)


def _reduce(node: Apply) -> Template:
    return call(node.op.kind, 1, *_axes(node.op.axes, node.inputs[0].ndim))


def _arg_reduce(node: Apply) -> Template:
    return call(node.op.kind, 1, *_axes((node.op.axis,), node.inputs[0].ndim))


def _dimshuffle(node: Apply) -> Template:
    order, ndim = node.op.order, node.inputs[0].ndim
    if order == tuple(range(ndim))[::-1]:
        return Template(((0, PRIMARY), ".T"))
    if tuple(a for a in order if a != "x") == tuple(range(ndim)):
        return Template(((0, PRIMARY), f"[{', '.join('None' if a == 'x' else ':' for a in order)}]"))
    return Template(((0, PRIMARY), f".dimshuffle({', '.join(repr(a) for a in order)})"))


def _lengths(name: str, node: Apply, unknown: int | None = None) -> Template:
    """``name(x, (n, m))`` for an array followed by lengths; -1 for the one that follows from the others."""
    parts: list[str | Hole] = [name, "(", (0, ANYTHING), ", ("]
    for i in range(1, len(node.inputs)):
        parts += [", "] * (i > 1) + ["-1" if i - 1 == unknown else (i, ANYTHING)]
    return Template((*parts, ",))" if len(node.inputs) == 2 else "))"))


def _basic_entries(entries: tuple, first: int) -> list[str | Hole]:
    """What stands between the brackets of ``x[i, 1:n, ::2]``; ``first`` is the number of the first bound."""
    parts: list[str | Hole] = []
    operand = first
    # the whole axes at the end need not be written
    written = max((i + 1 for i, entry in enumerate(entries) if entry is not None), default=1)
    for i, entry in enumerate(entries[:written]):
        if i:
            parts.append(", ")
        if entry is None:
            parts.append(":")
        elif entry == "index":
            parts.append((operand, ANYTHING))
            operand += 1
        else:
            start, stop, step = entry
            if start:
                parts.append((operand, ANYTHING))
                operand += 1
            parts.append(":")
            if stop:
                parts.append((operand, ANYTHING))
                operand += 1
            if step != 1:
                parts.append(f":{step}")
    return parts


def _advanced_entries(entries: tuple[bool, ...], first: int) -> list[str | Hole]:
    parts: list[str | Hole] = []
    operand = first
    written = max((i + 1 for i, indexed in enumerate(entries) if indexed), default=1)
    for i, indexed in enumerate(entries[:written]):
        parts += [", "] * (i > 0) + [(operand, ANYTHING) if indexed else ":"]
        operand += indexed
    return parts


def _indexed(entries: Callable) -> Callable[[Apply], Template]:
    return lambda node: Template(((0, PRIMARY), "[", *entries(node.op.entries, 1), "]"))


def _written(entries: Callable) -> Callable[[Apply], Template]:
    def template(node: Apply) -> Template:
        name = "set_subtensor" if node.op.mode == "set" else "inc_subtensor"
        return Template(
            (f"{name}(", (0, PRIMARY), "[", *entries(node.op.entries, 2), "], ", (1, ANYTHING), ")")
        )

    return template


def _arange(node: Apply) -> Template:
    start, _, step = (v.data.item() if isinstance(v, Constant) else None for v in node.inputs)
    if step != 1:
        return call("arange", 3)
    return call("arange", 2) if start != 0 else Template(("arange(", (1, ANYTHING), ")"))


_GEMM = Template(
    ((4, PRODUCT), " * ", (0, SIGN), " + ", (1, PRODUCT), " * (", (2, PRODUCT), "·", (3, SIGN), ")"), SUM
)
_BARRIERS = {
    "stop": "consider_constant",
    "disconnect": "disconnected_grad",
    "undefined": "undefined_grad",
    "clip": "grad_clip",
    "scale": "grad_scale",
}

_TEMPLATES: dict[type, Callable[[Apply], Template]] = {
    Elementwise: _elementwise,
    Cast: lambda node: call(node.op.dtype, 1),
    Reduce: _reduce,
    ArgReduce: _arg_reduce,
    Cumulative: lambda node: call(node.op.kind, 1, *_axes((node.op.axis,), node.inputs[0].ndim)),
    Recurrence: lambda node: call("recurrence", 2, *_axes((node.op.axis,), node.inputs[0].ndim)),
    Sort: lambda node: call(node.op.kind, 1, f"axis={node.op.axis}"),
    Nonzero: lambda node: Template(("flatnonzero(", (0, ANYTHING), ")")),
    Unravel: lambda node: Template((*_lengths("unravel_index", node).parts, f"[{node.op.axis}]")),
    Pool: lambda node: call(f"{node.op.kind}_{node.op.what}", len(node.inputs)),
    PoolPick: lambda node: call(f"{node.op.what}_pick", len(node.inputs)),
    PoolScatter: lambda node: call(f"{node.op.what}_scatter", len(node.inputs)),
    PoolSpread: lambda node: call(f"{node.op.what}_spread", len(node.inputs)),
    Draw: lambda node: call(f"random_{node.op.distribution}", len(node.inputs)),
    Convolution: lambda node: call(f"{node.op.what}", len(node.inputs)),
    ConvolutionByImages: lambda node: call(f"{node.op.what}_by_images", len(node.inputs)),
    ConvolutionByFilters: lambda node: call(f"{node.op.what}_by_filters", len(node.inputs)),
    MatrixProduct: lambda node: call("batched_dot", 2) if node.op.batched else _infix("·", PRODUCT),
    Gemm: lambda node: _GEMM,
    DimShuffle: _dimshuffle,
    Reshape: lambda node: _lengths("reshape", node, node.op.infer_axis),
    BroadcastTo: lambda node: _lengths("broadcast_to", node),
    SpecifyShape: lambda node: call("specify_shape", 1, str(node.op.shape)),
    SameLengths: lambda node: call("same_lengths", 2),
    Unbroadcast: lambda node: call("unbroadcast", 1, ", ".join(map(str, node.op.axes))),
    Labels: lambda node: call("labels", 3),
    ShapeI: lambda node: Template(((0, PRIMARY), f".shape[{node.op.axis}]")),
    Join: lambda node: call("join", len(node.inputs), f"axis={node.op.axis}"),
    ARange: _arange,
    BasicIndex: _indexed(_basic_entries),
    AdvancedIndex: _indexed(_advanced_entries),
    BasicWrite: _written(_basic_entries),
    AdvancedWrite: _written(_advanced_entries),
    GradientBarrier: lambda node: call(_BARRIERS[node.op.kind], 1, *map(str, node.op.settings)),
}


def template_of(node: Apply) -> Template:
    """How the node is written in a formula: a call under the operation's name, with its settings at the end,
    unless it has a row here."""
    row = _TEMPLATES.get(type(node.op))
    if row is not None:
        return row(node)
    name, _, settings = str(node.op).partition("{")
    return call(name, len(node.inputs), *([settings.removesuffix("}")] if settings else []))


def label_of(node: Apply) -> str:
    """The text of a node's box in a drawing: ``tanh``, ``dot``, ``sum(_, axis=1)``, ``_[_:_]``."""
    template = template_of(node)
    if isinstance(node.op, Elementwise):
        return node.op.name
    if template.tightness != PRIMARY:
        return {MatrixProduct: "dot", Gemm: "gemm"}[type(node.op)]
    text = "".join(part if isinstance(part, str) else "_" for part in template.parts)
    plain = re.fullmatch(r"(.*)\((_(, _)*)?\)", text)
    return plain[1] if plain else text


_MOST_ELEMENTS = 6


def leaf_text(variable: Variable) -> str:
    """A variable without operands: its name, or a constant's value if it is short enough to be read."""
    if not isinstance(variable, Constant) or variable.name is not None:
        return str(variable)
    if variable.data.size > _MOST_ELEMENTS:
        return f"<constant {variable.type}>"
    # each float in as few digits as tell it from its neighbours in its own dtype
    text = np.array2string(
        variable.data, separator=", ", formatter={"float_kind": str, "int_kind": str, "bool": str}
    )
    return " ".join(text.split())
