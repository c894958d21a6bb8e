"""graphlib: symbolic automatic differentiation, compiled to one native function.

The public names are loaded when they are first used (PEP 562): a program that only wants what the standard
library's module of the same name offers, `TopologicalSorter` and `CycleError`, gets it without loading numpy.
"""

import importlib
import os
import sys
import time
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

__version__ = "0.1.0"
#: when this was: a file that has changed since may not be what runs
_LOADED = time.time_ns()

#: submodule -> the public names that come from it
_NAMES_OF = {
    ".compile.beside": ("computing_beside",),
    ".compile.arguments": ("In", "Out", "Param"),
    ".compile.function": ("Function", "function"),
    ".configuration": ("config",),
    ".gradient": (
        "grad",
        "Lop",
        "Rop",
        "jacobian",
        "hessian",
        "consider_constant",
        "disconnected_grad",
    ),
    ".gradient_check": ("verify_grad",),
    ".graph": ("Variable", "Constant"),
    ".graph.substitution": ("clone",),
    ".graph.shared": ("shared", "Shared"),
    ".control": ("ifelse", "scan", "map", "reduce", "foldl", "foldr", "until"),
    ".printing": ("debugprint", "draw", "pp"),
}
_HOME = {name: module for module, names in _NAMES_OF.items() for name in names}
_SUBMODULES = ("datasets", "distributed", "errors", "export", "gradient", "nn", "onnx", "printing", "tensor")
#: stages that programs look into: loaded like the others, and not shown among what users need
_STAGES = ("compile", "graph", "ops")
_STANDARD = ("CycleError", "TopologicalSorter")

__all__ = sorted((*_HOME, *_SUBMODULES, *_STANDARD))


def _standard_library():
    """The standard library's graphlib, from its own file.

    It keeps its name but not its place in sys.modules: its classes pickle as graphlib's, which they are.
    """
    spec = PathFinder.find_spec("graphlib", [os.path.dirname(os.__file__)])
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def __getattr__(name: str) -> object:
    if name in _HOME:
        if name != "config":
            importlib.import_module(".tensor", __name__)  # which gives variables their operators
        globals()[name] = getattr(importlib.import_module(_HOME[name], __name__), name)
    elif name in (*_SUBMODULES, *_STAGES):
        globals()[name] = importlib.import_module(f".{name}", __name__)
    elif name in _STANDARD:
        standard = _standard_library()
        globals().update((each, getattr(standard, each)) for each in _STANDARD)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


if sys.argv[:1] == ["-m"]:  # Python is on its way to one of our programs, as python -m graphlib.nn
    importlib.import_module(".interrupted", __name__)
