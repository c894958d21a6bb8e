"""The reference: pages of what users import, from signatures and docstrings, and those of the operations."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import graphlib
import graphlib.tensor as T
from graphlib import nn
from graphlib.ops import REGISTRY
from graphlib.tensor.constructors import __all__ as constructors

from . import operations
from .docstrings import as_rest

#: graphlib's names by subject; what is in none of them is reported
_GRAPHLIB = {
    "Functions": ["function", "In", "Out", "Param", "Function", "computing_beside"],
    "Variables": ["shared", "Shared", "Variable", "Constant", "clone"],
    "Derivatives": [
        *["grad", "Lop", "Rop", "jacobian", "hessian", "verify_grad"],
        *["consider_constant", "disconnected_grad"],
    ],
    "Loops and choices": ["scan", "map", "reduce", "foldl", "foldr", "until", "ifelse"],
    "Graphs made visible": ["pp", "debugprint", "draw"],
}
#: shown where they are defined, or no users'
_ELSEWHERE = {"config", "CycleError", "TopologicalSorter"}

#: modules of functions and classes that programs of one's own use: page, title, modules
MODULES = {
    "training": (
        "Training a model of one's own",
        [
            *["graphlib.nn.training", "graphlib.nn.minibatches", "graphlib.nn.command_line"],
            *["graphlib.nn.image_classifiers", "graphlib.nn.run_folder", "graphlib.nn.variables"],
            *["graphlib.nn.curves", "graphlib.nn.images", "graphlib.nn.chunking"],
        ],
    ),
    "datasets": (
        "Data sets",
        [f"graphlib.datasets.{n}" for n in ("mnist", "atis", "music", "reviews", "text")],
    ),
    "export-and-onnx": ("Exporting, and ONNX", ["graphlib.export", "graphlib.onnx"]),
    "errors": ("Errors", ["graphlib.errors"]),
}


def title(text: str, line: str = "=") -> list[str]:
    return [text, line * max(3, len(text)), ""]


def directive(path: str, obj: Any) -> list[str]:
    """How Sphinx is told to document something that has that name."""
    # what has two names is indexed under its own
    if inspect.isclass(obj):
        return [f".. autoclass:: {path}", "   :members:", ""]
    return [f".. autofunction:: {path}", ""]


def own_names(module: Any) -> list[str]:
    """The public names that a module defines, or those of its __all__, in their order."""
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if callable(getattr(module, name))]
    return [
        name
        for name, obj in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(obj) or inspect.isfunction(obj))
        and obj.__module__ == module.__name__
    ]


def graphlib_page() -> list[str]:
    lines = title("graphlib")
    lines += ["What is imported from ``graphlib`` itself.", ""]
    listed = {name for names in _GRAPHLIB.values() for name in names} | _ELSEWHERE
    listed |= set(graphlib._SUBMODULES)
    if forgotten := set(graphlib.__all__) - listed:
        raise SystemExit(
            f"docs/site/reference.py has no subject for graphlib's {', '.join(sorted(forgotten))}"
        )
    for subject, names in _GRAPHLIB.items():
        lines += title(subject, "-")
        for name in names:
            if name not in REGISTRY:
                lines += directive(f"graphlib.{name}", getattr(graphlib, name))
            else:
                lines += [f"- :py:func:`graphlib.tensor.{name}`", ""]
    lines += title("Settings", "-")
    lines += [
        "``graphlib.config`` has these settings; ``GRAPHLIB_FLAGS=name=value,name=value`` sets them, too.",
        "",
    ]
    lines += [".. code-block:: pycon", "", "   >>> print(graphlib.config)"]
    return lines + [f"   {line}" for line in str(graphlib.config).splitlines()] + [""]


def tensor_page() -> list[str]:
    """The functions of graphlib.tensor that are no operations of the registry."""
    operations_ = {name for entry in REGISTRY.values() for name in (entry.name, *entry.aliases)}
    lines = title("graphlib.tensor")
    lines += [
        "Usually imported as ``T``. The operations have pages of their own, by kind; here is the rest.",
        "",
    ]
    lines += title("Variables", "-")
    table = {"": "config.floatX"} | {
        letter: T.TensorType(getattr(T, f"{letter}scalar")().dtype, ()).dtype for letter in "bwilfdcz"
    }
    lines += ["A letter before the name says the dtype, as in ``T.lvector``:", "", ".. list-table::", ""]
    for letter, dtype in table.items():
        lines += [f"   * - {f'``{letter}``' if letter else 'no letter'}", f"     - {dtype}"]
    lines += [""]
    for name in ("scalar", "vector", "row", "col", "matrix", *(f"tensor{n}" for n in range(3, 8))):
        if hasattr(T, name):
            lines += directive(f"graphlib.tensor.{name}", getattr(T, name))
    lines += directive("graphlib.tensor.vectors", T.vectors)
    lines += directive("graphlib.tensor.TensorType", T.TensorType)
    lines += title("Functions", "-")
    shown: set[int] = set()
    for name in sorted(T.__all__, key=str.lower):
        obj = getattr(T, name)
        if name in operations_ | set(constructors) | set(graphlib.__all__) or not inspect.isfunction(obj):
            continue
        if id(obj) in shown or any(obj is entry.build for entry in REGISTRY.values()):
            continue
        shown.add(id(obj))
        lines += directive(f"graphlib.tensor.{name}", obj)
    lines += title("Random numbers", "-")
    lines += directive("graphlib.tensor.random.RandomStreams", T.random.RandomStreams)
    for name in ("nnet", "nlinalg", "slinalg", "fft", "extra_ops"):
        module = getattr(T, name)
        rest = [
            each
            for each in module.__all__
            if inspect.isfunction(getattr(module, each))
            and not any(getattr(module, each) is entry.build for entry in REGISTRY.values())
            and id(getattr(module, each)) not in shown
        ]
        if rest:
            lines += title(f"graphlib.tensor.{name}", "-")
            for each in rest:
                shown.add(id(getattr(module, each)))
                lines += directive(f"graphlib.tensor.{name}.{each}", getattr(module, each))
    return lines


def nn_page() -> list[str]:
    lines = title("graphlib.nn")
    lines += [*as_rest(nn.__doc__), ""]
    for module, names in nn._NAMES_OF.items():
        lines += title(f"graphlib.nn{module}", "-")
        lines += as_rest(importlib.import_module(module, "graphlib.nn").__doc__ or "")
        for name in names:
            lines += directive(f"graphlib.nn.{name}", getattr(nn, name))
    lines += title("graphlib.nn.activations", "-")
    for name in own_names(nn.activations):
        lines += directive(f"graphlib.nn.activations.{name}", getattr(nn.activations, name))
    return lines


def module_page(heading: str, modules: list[str]) -> list[str]:
    lines = title(heading)
    for name in modules:
        module = importlib.import_module(name)
        lines += title(name, "-")
        lines += as_rest(module.__doc__ or "")
        for each in own_names(module):
            lines += directive(f"{name}.{each}", getattr(module, each))
    return lines


def write(source: Path) -> int:
    """Write all pages into the folder that Sphinx reads; returns how many operations they have."""
    folder = source / "reference"
    count = operations.write(folder / "operations", source / "images")
    pages = {"graphlib": graphlib_page(), "tensor": tensor_page(), "nn": nn_page()}
    pages |= {page: module_page(heading, modules) for page, (heading, modules) in MODULES.items()}
    for page, lines in pages.items():
        (folder / f"{page}.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = title("Reference")
    lines += [
        "What users call, from its docstrings, and every operation with an example, which has just been run.",
        "",
    ]
    lines += [".. toctree::", "   :maxdepth: 1", "", *(f"   {page}" for page in pages), ""]
    lines += title("Operations", "-")
    lines += [
        ".. toctree::",
        "   :maxdepth: 2",
        "",
        *(f"   operations/{page}" for page in operations.PAGES),
        "",
    ]
    (folder / "index.rst").write_text("\n".join(lines), encoding="utf-8")
    return count
