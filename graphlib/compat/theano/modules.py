"""Theano's modules: a table of where each finds its names, and what makes modules of it.

A module looks for a name in its sources, one after the other: first what only Theano's programs know (the
modules beside this one), then graphlib. Both are loaded when they are first asked.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import numpy as np

from . import catalogue, refusals

_OWN = "graphlib.compat.theano."
_TENSOR = (
    _OWN + "elementwise_names",
    _OWN + "tensor",
    _OWN + "tensor_functions",
    "graphlib.tensor",
    _OWN + "operations",
    _OWN + "sharedvalue",
    _OWN + "gof",
    _OWN + "gradients",
    _OWN + "own_objects",
    _OWN + "hashes",
)
_NNET = (_OWN + "nnet_functions", "graphlib.tensor.nnet", _OWN + "operations")
_NLINALG = (_OWN + "nlinalg", "graphlib.tensor.nlinalg")
_SLINALG = (_OWN + "slinalg", "graphlib.tensor.slinalg")
_SCALAR = (_OWN + "scalar",)
_MODES = (
    _OWN + "modes",
    _OWN + "compiling",
    _OWN + "own_ops",
    _OWN + "own_rewrites",
    "graphlib.compile.function",
    "graphlib.compile.arguments",
    _OWN + "sharedvalue",
)
#: Theano-PyMC's folder of what Theano has in ``gof``
_PYMC = ("theano.graph", *(f"theano.graph.{name}" for name in ("basic", "fg", "op", "opt", "type", "utils")))
_SCAN = (_OWN + "scan_module", "graphlib")

#: where a name is looked for that a module of Theano's had from another one, and modules with names of
#: their own
_ANYWHERE = (
    *_TENSOR,
    _OWN + "top",
    *_MODES,
    *_NNET,
    _OWN + "scalar",
    _OWN + "equality",
    "graphlib.gradient",
    _OWN + "python",
)
_ALONE = ("theano.sparse", "theano.typed_list", "theano.misc")

_SOURCES: dict[str, tuple[str, ...]] = {
    "theano": (_OWN + "top", "graphlib"),
    "theano.compile": _MODES,
    "theano.compile.debugmode": _MODES,
    "theano.compile.function": _MODES,
    "theano.compile.builders": _MODES,
    "theano.compile.function_module": _MODES,
    "theano.compile.io": _MODES,
    "theano.compile.pfunc": _MODES,
    "theano.compile.mode": _MODES,
    "theano.compile.monitormode": _MODES,
    "theano.compile.nanguardmode": _MODES,
    "theano.configdefaults": (_OWN + "python",),
    "theano.compile.ops": (_OWN + "own_ops", _OWN + "operations"),
    "theano.compile.sharedvalue": (_OWN + "sharedvalue",),
    "theano.configparser": (_OWN + "settings",),
    "theano.gof": (_OWN + "gof", _OWN + "own_rewrites"),
    "theano.gof.null_type": (_OWN + "gradients",),
    "theano.gof.fg": (_OWN + "gof", _OWN + "own_rewrites"),
    "theano.gof.graph": (_OWN + "gof", _OWN + "equality"),
    "theano.gof.utils": (_OWN + "gof",),
    "theano.gof.op": (_OWN + "gof",),
    "theano.gof.opt": (_OWN + "own_rewrites",),
    "theano.gof.optdb": (_OWN + "own_rewrites",),
    "theano.gof.toolbox": (_OWN + "own_rewrites",),
    "theano.gradient": (
        _OWN + "gradients",
        "graphlib.gradient",
        "graphlib.gradient_check",
        "graphlib.errors",
    ),
    "theano.gpuarray": (_OWN + "cuda",),
    "theano.gpuarray.dnn": (_OWN + "cuda",),
    **dict.fromkeys(_PYMC, (_OWN + "pymc_names", _OWN + "gof", _OWN + "own_rewrites")),
    "theano.ifelse": (_OWN + "own_objects", "graphlib", _OWN + "operations"),
    "theano.printing": (_OWN + "printing", "graphlib.printing"),
    "theano.raise_op": (_OWN + "own_ops", *_TENSOR),
    "theano.sandbox": ("graphlib",),
    "theano.sandbox.cuda": (_OWN + "cuda",),
    "theano.sandbox.cuda.basic_ops": (_OWN + "cuda",),
    "theano.sandbox.cuda.dnn": (_OWN + "cuda",),
    "theano.sandbox.linalg": (*_NLINALG, *_SLINALG),
    "theano.sandbox.linalg.ops": (*_NLINALG, *_SLINALG),
    "theano.sandbox.neighbours": (_OWN + "neighbours",),
    "theano.sandbox.rng_mrg": (_OWN + "rng_mrg",),
    "theano.scan": _SCAN,
    "theano.scan.op": _SCAN,
    "theano.scan.utils": (*_SCAN, _OWN + "equality"),
    "theano.sandbox.softsign": _NNET,
    "theano.scalar": _SCALAR,
    "theano.scalar.basic": _SCALAR,
    "theano.scalar.basic_scipy": _SCALAR,
    "theano.scan_module": _SCAN,
    "theano.scan_module.scan": _SCAN,
    "theano.scan_module.scan_op": _SCAN,
    "theano.scan_module.scan_utils": (*_SCAN, _OWN + "equality"),
    "theano.scan_module.scan_views": _SCAN,
    "theano.sparse": (_OWN + "sparse", _OWN + "sparse.classes"),
    "theano.sparse.basic": (_OWN + "sparse", _OWN + "sparse.classes"),
    "theano.sparse.sharedvar": (_OWN + "sparse",),
    "theano.sparse.type": (_OWN + "sparse",),
    "theano.sparse.utils": (_OWN + "hashes",),
    "theano.tensor": _TENSOR,
    "theano.tensor.basic": _TENSOR,
    "theano.tensor.elemwise": _TENSOR,
    "theano.tensor.extra_ops": ("graphlib.tensor.extra_ops", *_TENSOR),
    "theano.tensor.sort": _TENSOR,
    "theano.tensor.utils": _TENSOR,
    "theano.tensor.subtensor": _TENSOR,
    "theano.tensor.fft": ("graphlib.tensor.fft",),
    "theano.tensor.fourier": ("graphlib.tensor.fft",),
    "theano.tensor.nlinalg": _NLINALG,
    "theano.tensor.nnet": (*_NNET, _OWN + "convolution"),
    "theano.tensor.nnet.abstract_conv": (*_NNET, _OWN + "convolution"),
    "theano.tensor.nnet.blocksparse": (_OWN + "blocksparse",),
    "theano.tensor.nnet.bn": _NNET,
    "theano.tensor.nnet.conv": (_OWN + "convolution", "graphlib.tensor.nnet.conv"),
    "theano.tensor.nnet.conv3d2d": (_OWN + "conv3d2d",),
    "theano.tensor.nnet.corr": (_OWN + "convolution",),
    "theano.tensor.nnet.corr3d": (_OWN + "convolution",),
    "theano.tensor.nnet.neighbours": (_OWN + "neighbours",),
    "theano.tensor.nnet.nnet": _NNET,
    "theano.tensor.nnet.sigm": _NNET,
    "theano.tensor.opt": (_OWN + "own_rewrites", *_TENSOR),
    "theano.tensor.inplace": (_OWN + "inplace",),
    "theano.tensor.type_other": _TENSOR,
    "theano.compat": (_OWN + "python",),
    "theano.tests": (),
    "theano.tests.unittest_tools": (_OWN + "testing",),
    "theano.tensor.random": (_OWN + "pymc_names",),
    "theano.tensor.random.utils": (_OWN + "pymc_names",),
    "theano.tensor.raw_random": ("graphlib.tensor.raw_random",),
    "theano.tensor.shared_randomstreams": (_OWN + "shared_randomstreams",),
    "theano.tensor.slinalg": _SLINALG,
    "theano.tensor.sharedvar": (_OWN + "sharedvalue",),
    "theano.tensor.signal": ("graphlib.tensor.signal",),
    "theano.tensor.signal.conv": (_OWN + "signal_conv",),
    "theano.tensor.signal.downsample": ("graphlib.tensor.signal.downsample", _OWN + "pool"),
    "theano.tensor.signal.pool": (_OWN + "pool",),
    "theano.tensor.type": _TENSOR,
    "theano.tensor.var": _TENSOR,
    "theano.tensor.xlogx": ("graphlib.tensor.xlogx",),
    "theano.typed_list": (_OWN + "typed_list",),
    "theano.typed_list.basic": (_OWN + "typed_list",),
    "theano.typed_list.type": (_OWN + "typed_list",),
    "theano.updates": (_OWN + "updates",),
}
_ADVICE = "docs/theano.md lists what there is"
#: other names under which Theano's modules had imported each other
_IMPORTED_AS = {"theano": "theano", "T": "theano.tensor", "scal": "theano.scalar", "tt": "theano.tensor"}


def sources() -> dict[str, tuple[str, ...]]:
    """For each module of Theano's the modules in which its names are looked for, in this order."""
    return _SOURCES


def anywhere(module: str) -> tuple[str, ...]:
    """Where a name is looked for that a module of Theano's had from another one."""
    return () if module.startswith(_ALONE) else _ANYWHERE


class _Module(ModuleType):
    """A module of Theano's that hands on what its sources have."""

    def __init__(self, name: str) -> None:
        super().__init__(name, f"Theano's {name}, by graphlib.")
        self.__path__: list[str] = []
        self.__file__ = __file__
        self.__spec__ = ModuleSpec(name, None, is_package=True)

    def __getattr__(self, name: str) -> Any:
        sources = [importlib.import_module(source) for source in _SOURCES.get(self.__name__, ())]
        if name == "__all__":
            # as Theano's had none, all public names, those of modules that they had imported, too
            known = {public for source in sources for public in getattr(source, "__all__", ())}
            known.update(public for public in catalogue.names().get(self.__name__, {}) if public[0] != "_")
            return sorted(known | {"np", "theano"})
        if name in ("np", "theano"):
            return np if name == "np" else importlib.import_module("theano")
        submodule = f"{self.__name__}.{name}"
        for source in sources if name == "__version__" or not name.startswith("__") else ():
            found = getattr(source, name, None)
            if isinstance(found, ModuleType) and source.__name__.startswith(_OWN):
                # what it imports for itself
                continue
            if found is not None and not (submodule in _SOURCES and _stands_for_module(name, found)):
                return found
        if module := _submodule(self.__name__, name):
            return importlib.import_module(module)
        # Theano's modules showed what they had imported from each other
        if catalogue.names().get(self.__name__, {}).get(name) and not self.__name__.startswith(_ALONE):
            for source in map(importlib.import_module, _ANYWHERE):
                found = getattr(source, name, None)
                if found is not None and not isinstance(found, ModuleType):
                    return found
        # names are looked up by the interpreter, too, which asks for such as Theano had none of
        stands_for = None if name.startswith("_") else refusals.refusal(self.__name__, name)
        if stands_for is None:
            raise AttributeError(
                f"{self.__name__} has no {name!r} in graphlib, nor has Theano 1.0.5; {_ADVICE}"
            )
        return stands_for


def _stands_for_module(name: str, found: Any) -> bool:
    """Whether Theano had a module where graphlib has ``found``: ``theano.ifelse``'s function is
    ``theano.ifelse.ifelse``, while ``theano.compile.function`` is the function."""
    return isinstance(found, ModuleType) or name == "ifelse"


def _submodule(module: str, name: str) -> str | None:
    """The module that Theano had under a name in another one: a part of it, or one that it had imported."""
    for candidate in (f"{module}.{name}", _IMPORTED_AS.get(name, f"theano.{name}"), f"theano.tensor.{name}"):
        if candidate in sys.modules or candidate in _SOURCES:
            is_part = candidate == f"{module}.{name}"
            if is_part or catalogue.names().get(module, {}).get(name) == "module":
                return candidate
    if f"{module}.{name}" in catalogue.names():
        return f"{module}.{name}"
    if catalogue.names().get(module, {}).get(name) != "module":
        return None
    known = sorted({*_SOURCES, *catalogue.names()})
    return next((candidate for candidate in known if candidate.endswith(f".{name}")), None)


class _Finder(MetaPathFinder, Loader):
    """Makes Theano's modules when they are imported. Those of which graphlib has nothing have only names that
    refuse; of what Theano had not either it says so, instead of that Theano is not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("theano."):
            return None
        known = catalogue.names()
        if name not in _SOURCES and name not in known and not any(m.startswith(f"{name}.") for m in known):
            raise ModuleNotFoundError(f"graphlib has no {name}; {_ADVICE}", name=name)
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: a module looks for what it is asked for."""


def install() -> None:
    """Put the modules where ``import`` finds them."""
    sys.modules.update((name, _Module(name)) for name in _SOURCES)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
