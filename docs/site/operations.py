"""The reference of operations: a page a kind, from the registry, its examples and graphlib's gradients."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.graph import toposort
from graphlib.graph.types import mersenne_state
from graphlib.ops import REGISTRY
from graphlib.ops.elementwise.row import Elementwise
from graphlib.ops.op import Entry

from .docstrings import arguments_of, as_rest
from .examples import Example, example_of
from .formulas import FORMULAS, GRADIENTS

#: page: its title, and the modules of graphlib.ops whose operations are on it
PAGES = {
    "arithmetic": ("Arithmetic", ["elementwise.arithmetic", "elementwise.casts"]),
    "comparison": ("Comparisons and choices", ["elementwise.comparison"]),
    "exponential": ("Exponentials and logarithms", ["elementwise.exponential"]),
    "trigonometric": ("Trigonometric and hyperbolic functions", ["elementwise.trigonometric"]),
    "special": ("Special functions", ["elementwise.special"]),
    "nnet": ("Activations, losses, normalisation", ["nnet"]),
    "reductions": ("Sums, maxima and running sums", ["reduce", "along_axis"]),
    "products": ("Products", ["linalg", "matrices"]),
    "shapes": (
        "Shapes, parts and joining",
        [
            "shape.axes",
            "shape.values",
            "shape.broadcasting",
            "shape.checked",
            "shape.reshaping",
            "unbroadcast",
        ]
        + ["index", "diagonals", "repeats", "join", "write", "create"],
    ),
    "convolution": (
        "Convolution and pooling",
        ["conv_functions", "pool_functions", "patches", "neighbours", "upsampling"],
    ),
    "linear-algebra": ("Linear algebra", ["systems", "decompositions"]),
    "complex": ("Complex numbers and Fourier transforms", ["complex_numbers", "fourier"]),
    "random": ("Random numbers", ["random", "generators"]),
    "barriers": ("What steers gradients, and checks", ["barriers", "valid"]),
}
#: a longer formula is no help
_LONGEST = 240


def arity_of(entry: Entry) -> int | None:
    return entry.build.arity if isinstance(entry.build, Elementwise) else None


@cache
def _rows_of(module: str) -> frozenset[str]:
    """The names of the elementwise operations that a module of graphlib.ops makes."""
    if not module.startswith("elementwise."):
        return frozenset()
    tree = ast.parse(inspect.getsource(importlib.import_module(f"graphlib.ops.{module}")))
    calls = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    calls = [call for call in calls if isinstance(call, ast.Call) and call.args]
    return frozenset(call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant))


def page_of(entry: Entry) -> str:
    """The page that an operation is on; KeyError if it is of a module that has none."""
    module = entry.build.__module__.removeprefix("graphlib.ops.")
    for page, (_, modules) in PAGES.items():
        if module in modules or any(entry.name in _rows_of(each) for each in modules):
            return page
    raise KeyError(f"{entry.name}, of {module}, is on no page of the reference: add its module to PAGES")


@contextlib.contextmanager
def by_reference() -> Iterator[None]:
    """Functions are computed by numpy meanwhile: hundreds of small ones are not worth a compiler."""
    before, graphlib.config.mode = graphlib.config.mode, "reference"
    try:
        yield
    finally:
        graphlib.config.mode = before


def evaluated(example: Example) -> str:
    """What an example shows: what to type, and what comes of it."""
    shown, names = [], {"T": T, "np": np, "mersenne_state": mersenne_state}
    for name, value in example.operands.items():
        text = f"T.constant({value if isinstance(value, str) else repr(value)})"
        shown.append(f">>> {name} = {text}")
        names[name] = eval(text, names)  # ours, from examples.py
    result = eval(example.expression, names)
    if isinstance(result, (list, tuple)):
        shown.append(f">>> [part.eval() for part in {example.expression}]")
        value: Any = [part.eval() for part in result]
    else:
        shown.append(f">>> {example.expression}.eval()")
        value = result.eval()
    with np.printoptions(precision=6, suppress=True, linewidth=88):
        return "\n".join([*shown, repr(value)])


def gradients(example: Example) -> Iterator[tuple[str, str]]:
    """The gradients by operands of float dtypes, where g is that of the first result: names and formulas."""
    names: dict[str, Any] = {"T": T, "np": np}
    for name, value in example.operands.items():
        if isinstance(value, str):
            return
        constant = T.constant(value)
        names[name] = T.TensorType(constant.dtype, (None,) * constant.ndim)(name)
    operands = [names[name] for name in example.operands if names[name].type.is_float]
    result = eval(example.expression, names)
    first = result[0] if isinstance(result, (list, tuple)) else result
    if not operands or not first.type.is_float:
        return
    given = T.TensorType(first.dtype, (None,) * first.ndim)("g")
    for operand in operands:
        try:
            gradient = graphlib.Lop(first, operand, given, disconnected_inputs="ignore")
        except graphlib.errors.GradientError as error:
            yield operand.name, str(error).partition(". It was asked for")[0]
            continue
        formula = graphlib.pp(gradient)
        if len(formula) > _LONGEST:
            yield operand.name, f"an expression of {len(toposort([gradient]))} operations"
        else:
            yield operand.name, f"``{formula}``"


def plot(example: Example, path: Path) -> str:
    """A function of one number and its derivative, drawn; returns what is to be seen, in words."""
    from matplotlib.figure import Figure

    from ..figures._drawing import save

    x = T.vector("x")
    y = eval(example.expression, {"T": T, "x": x})
    curves = {"value": y}
    with contextlib.suppress(graphlib.errors.GradientError):
        curves["derivative"] = T.grad(T.sum(y), x)
    places = np.linspace(*example.plot, 241, dtype="float32")
    values = graphlib.function([x], list(curves.values()), mode="reference")(places)
    figure = Figure(figsize=(3.6, 2.2), layout="none")
    axes = figure.add_axes((0.11, 0.12, 0.87, 0.85))
    for label, style, curve in zip(curves, ("-", "--")[: len(curves)], values, strict=True):
        axes.plot(places, curve, style, label=label)
    everything = np.concatenate(values)
    low, high = np.percentile(everything[np.isfinite(everything)], [3, 97])
    margin = 0.15 * (high - low) + 0.05
    axes.set_ylim(max(low - margin, everything.min() - margin), min(high + margin, everything.max() + margin))
    axes.legend(fontsize=8)
    axes.tick_params(labelsize=8)
    save(figure, path)
    seen = f"{example.expression} for x from {example.plot[0]:g} to {example.plot[1]:g}"
    return f"{seen}, and dashed its derivative" if len(curves) > 1 else seen


def dtypes_of(entry: Entry) -> list[str]:
    """The dtypes that its samples are tried with, in their usual order."""
    order = ("bool", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64")
    tried = {dtype for sample in entry.samples() for dtype in sample.dtypes}
    for sample in entry.samples():
        tried |= {array.dtype.name for array in map(np.asarray, sample.inputs) if array.dtype.kind == "c"}
    return [*(d for d in order if d in tried), *sorted(tried - set(order))]


def name_in_tensor(entry: Entry) -> str:
    """The name under which users call it, in Theano's module where that has a better one."""
    expression = example_of(entry.name, arity_of(entry)).expression
    called = expression.partition("(")[0]
    short = called.removeprefix("T.")
    return short if called.startswith("T.") and short.rpartition(".")[2] == entry.name else entry.name


def signature_of(entry: Entry) -> str:
    arity = arity_of(entry)
    if arity is not None:
        named = list(example_of(entry.name, arity).operands)
        return ", ".join(named if len(named) == arity else ["condition", "x", "y"][-arity:])
    parameters = inspect.signature(entry.build).parameters.values()
    return ", ".join(
        ("*" if p.kind is p.VAR_POSITIONAL else "")
        + (p.name if p.default is p.empty else f"{p.name}={p.default!r}")
        for p in parameters
    )


def displayed(formula: str) -> list[str]:
    """A formula for Sphinx, in the lines that `formulas` describes."""
    parts = formula.replace(r"\allowbreak", r"\quad \qquad \times").split(r"\quad")
    first, *more = (part.strip() for part in parts)
    lines = r" \\ ".join(f"& {part}" for part in (first, *more)) if more else first
    return [".. math::", "", f"   {lines}", ""]


def section(entry: Entry, images: Path) -> list[str]:
    """What the reference says of an operation."""
    example = example_of(entry.name, arity_of(entry))
    lines = [entry.name, "-" * max(3, len(entry.name)), ""]
    lines += [f".. py:function:: graphlib.tensor.{name_in_tensor(entry)}({signature_of(entry)})", ""]
    body: list[str] = []
    if entry.name in FORMULAS:
        body += displayed(FORMULAS[entry.name])
    if not entry.doc.startswith("Elementwise "):
        body += as_rest(entry.doc, arguments_of(entry.build))
    if entry.aliases:
        body += [f"Also called {', '.join(f'``T.{alias}``' for alias in entry.aliases)}.", ""]
    body += [".. code-block:: pycon", "", *(f"   {line}" for line in evaluated(example).splitlines()), ""]
    found = list(gradients(example))
    if found:
        body += ["Gradient, where ``g`` is that of the result:", ""]
        body += [f"- by ``{name}``: {formula}" for name, formula in found] + [""]
        if entry.name in GRADIENTS:
            name, formula = GRADIENTS[entry.name]
            body += [f"that by ``{name}`` is", "", *displayed(formula)]
    elif "z" not in example.operands:
        body += ["It has no gradient: its result or its operands are not of a float dtype.", ""]
    body += [f"Tested with {', '.join(dtypes_of(entry))}.", ""]
    if example.plot:
        name = f"operation-{entry.name}.svg"
        words = plot(example, images / name)
        body += [f".. image:: /images/{name}", f"   :alt: {words}", "   :width: 360px", ""]
    return lines + [f"   {line}" if line else "" for line in body]


def write(folder: Path, images: Path) -> int:
    """Write the pages; returns how many operations they have."""
    by_page: dict[str, list[Entry]] = {page: [] for page in PAGES}
    for entry in REGISTRY.values():
        by_page[page_of(entry)].append(entry)
    folder.mkdir(parents=True, exist_ok=True)
    with by_reference():
        for page, (title, _) in PAGES.items():
            lines = [title, "=" * len(title), ""]
            for entry in by_page[page]:
                lines += section(entry, images)
            (folder / f"{page}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(REGISTRY)
