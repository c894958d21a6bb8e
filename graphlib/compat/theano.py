"""Theano's programs on graphlib: ``python -m graphlib.compat.theano PROGRAM.py ARGUMENTS``.

``import theano`` and its submodules then resolve to graphlib's. ``install()`` does the same inside a program.
"""

from __future__ import annotations

import argparse
import importlib
import os
import runpy
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from graphlib.configuration import config

#: Theano's modules: where each finds what it is asked for, and what it has besides under names of its own
_MODULES: dict[str, tuple[str, dict[str, str]]] = {
    "theano": ("graphlib", {}),
    "theano.tensor": ("graphlib.tensor", {}),
    "theano.tensor.basic": ("graphlib.tensor", {}),
    "theano.tensor.var": ("graphlib.tensor", {}),
    "theano.tensor.nnet": ("graphlib.tensor.nnet", {}),
    "theano.tensor.nnet.nnet": ("graphlib.tensor.nnet", {}),
    "theano.tensor.nnet.conv": ("graphlib.tensor.nnet.conv", {}),
    "theano.tensor.nnet.bn": ("graphlib.tensor.nnet", {}),
    "theano.tensor.signal": ("graphlib.tensor.signal", {}),
    "theano.tensor.signal.pool": ("graphlib.tensor.signal.pool", {}),
    "theano.tensor.signal.downsample": ("graphlib.tensor.signal.downsample", {}),
    "theano.tensor.extra_ops": ("graphlib.tensor.extra_ops", {}),
    "theano.tensor.xlogx": ("graphlib.tensor.xlogx", {}),
    "theano.tensor.shared_randomstreams": ("graphlib.tensor.random", {}),
    "theano.sandbox": ("graphlib", {}),
    "theano.sandbox.rng_mrg": (
        "graphlib.tensor.random",
        {"MRG_RandomStreams": "graphlib.tensor.random:RandomStreams"},
    ),
    "theano.gradient": ("graphlib.gradient", {}),
    "theano.printing": ("graphlib.printing", {}),
    "theano.scan_module": ("graphlib", {}),
    "theano.ifelse": ("graphlib", {}),
    "theano.configparser": ("graphlib.configuration", {}),
    "theano.compile": ("graphlib.compile.function", {"SharedVariable": "graphlib:Shared"}),
    "theano.compile.mode": ("graphlib.compile.function", {}),
    "theano.compile.sharedvalue": ("graphlib.graph.shared", {"SharedVariable": "graphlib:Shared"}),
}

_DEVICES = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda"}


def _lookup(place: str) -> Any:
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


class _Module(ModuleType):
    """A module of Theano's that hands on what another one has."""

    def __init__(self, name: str, source: str, special: dict[str, Any]) -> None:
        super().__init__(name, f"Theano's {name}, by graphlib.")
        self.__dict__.update(special)
        self.__path__: list[str] = []
        self._source = source

    def __getattr__(self, name: str) -> Any:
        submodule = f"{self.__name__}.{name}"
        if submodule in _MODULES:
            return importlib.import_module(submodule)
        try:
            return getattr(importlib.import_module(self._source), name)
        except AttributeError:
            raise AttributeError(
                f"{self.__name__} has no {name!r} in graphlib; docs/theano.md lists what there is"
            ) from None


class Mode:
    """Theano's name for how functions are compiled; what it is called decides, not its optimizer."""

    def __init__(self, linker: Any = None, optimizer: Any = None) -> None:
        self.name = "FAST_COMPILE" if linker == "py" or optimizer == "None" else "FAST_RUN"

    def including(self, *tags: str) -> Mode:
        return self

    excluding = including


def get_default_mode() -> str:
    """The mode that functions are compiled with: graphlib.config.mode."""
    return config.mode


#: flags of Theano's that graphlib has no use for; they can be set and read
_WITHOUT_EFFECT = """allow_gc assert_no_cpu_op blas.ldflags cast_policy compute_test_value cxx
exception_verbosity gcc.cxxflags int_division lib.cnmem linker numpy.seterr_all openmp optimizer
optimizer_including optimizer_excluding print_active_device traceback.limit unpickle_function
warn_float64""".split()


class _Config:
    """``theano.config``: graphlib.config, and Theano's flags that have no effect here."""

    def __init__(self) -> None:
        self.__dict__["_ignored"] = dict.fromkeys(_WITHOUT_EFFECT)

    def __getattr__(self, name: str) -> Any:
        ignored = self.__dict__["_ignored"]
        return ignored[name] if name in ignored else getattr(config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._ignored:
            self._ignored[name] = value
        elif name == "device":
            config.device = _device(value)
        else:
            setattr(config, name, value)


def _device(name: str) -> str:
    return _DEVICES.get(name.rstrip("0123456789"), name)


_OWN: dict[str, dict[str, Any]] = {
    "theano": {"__version__": "1.0.5 (graphlib)", "Mode": Mode, "config": _Config()},
    "theano.compile": {"Mode": Mode, "get_default_mode": get_default_mode},
    "theano.compile.mode": {"Mode": Mode, "get_default_mode": get_default_mode},
}


def install(flags: str = "") -> None:
    """Make ``import theano`` give graphlib, with ``flags`` as in THEANO_FLAGS ("floatX=float32,device=cpu").

    Without flags floatX is float64, which was Theano's default.  Flags that graphlib has no use for are
    accepted.
    """
    for name, (source, special) in _MODULES.items():
        own = {**{k: _lookup(v) for k, v in special.items()}, **_OWN.get(name, {})}
        sys.modules[name] = _Module(name, source, own)
    settings = {"floatX": "float64"}
    for item in filter(None, (part.strip() for part in flags.split(","))):
        key, _, value = item.partition("=")
        settings[key.strip()] = value.strip()
    config.floatX = settings["floatX"]
    if "device" in settings:
        config.device = _device(settings["device"])
    if settings.get("mode"):
        config.mode = settings["mode"]
    if settings.get("on_unused_input"):
        config.on_unused_input = settings["on_unused_input"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a program as if ``python PROGRAM.py ARGUMENTS`` had been typed where Theano was installed."""
    parser = argparse.ArgumentParser(
        prog="python -m graphlib.compat.theano",
        description="Run a program that was written for Theano on graphlib.",
        epilog="THEANO_FLAGS is read as Theano did (floatX, device, mode); floatX is float64 without it.",
    )
    parser.add_argument("program", help="the program's file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what it is given")
    options = parser.parse_args(arguments)
    if not os.path.isfile(options.program):
        parser.error(f"there is no file {options.program}")
    install(os.environ.get("THEANO_FLAGS", ""))
    sys.argv = [options.program, *options.arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(options.program)))
    runpy.run_path(options.program, run_name="__main__")


if __name__ == "__main__":
    main()
