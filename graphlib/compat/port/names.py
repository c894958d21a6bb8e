"""What a name of Theano's is in graphlib: where it is imported from, and what to know of it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from ..theano import modules, refusals

_COMPAT = "graphlib.compat.theano."
#: names that mean something else, or lie elsewhere, than the tables of the compatibility layer say
_PLACES = {
    "theano.tensor.shared_randomstreams.RandomStreams": ("graphlib.tensor.sequential", "MersenneStreams"),
    "theano.sandbox.rng_mrg.MRG_RandomStreams": ("graphlib.tensor.sequential", "MRGStreams"),
    "theano.tensor.signal.downsample.max_pool_2d": ("graphlib.tensor.signal.downsample", "max_pool_2d"),
}
_NOTES = {
    "MersenneStreams": "draws Theano's numbers; graphlib.tensor.random.RandomStreams is faster",
    "MRGStreams": "draws Theano's numbers; graphlib.tensor.random.RandomStreams is faster",
}


@dataclass(frozen=True)
class Place:
    """A module of graphlib, a name in it ('' for the module itself), and what to know."""

    module: str
    name: str = ""
    note: str = ""
    missing: str = ""

    @property
    def dotted(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


def place_of(dotted: str) -> Place:
    """Where what a program calls ``dotted``, as ``theano.tensor.nnet.relu``, is.  Attributes of what is found
    are left out: of ``theano.config.floatX`` it is the place of ``theano.config``."""
    parts = dotted.split(".")
    end = max(k for k in range(1, len(parts) + 1) if k == 1 or ".".join(parts[:k]) in modules.sources())
    module, rest = ".".join(parts[:end]), parts[end:]
    if not rest:
        return _of_module(module)
    return _of_name(module, rest[0])


def _of_module(module: str) -> Place:
    """graphlib's module under the same path, where it has one."""
    own = "graphlib" + module.removeprefix("theano")
    for source in modules.sources().get(module, ()):
        if source == own or not source.startswith(_COMPAT):
            return Place(source)
    return Place(modules.sources().get(module, ("graphlib",))[0])


def _of_name(module: str, name: str) -> Place:
    full = f"{module}.{name}"
    if full in _PLACES:
        target, made = _PLACES[full]
        return Place(target, made, _NOTES.get(made, ""))
    listed = [*modules.sources().get(module, ()), *modules.anywhere(module)]
    # what graphlib offers everybody comes before what only Theano's programs have
    for source in sorted(listed, key=lambda s: s.startswith(_COMPAT)):
        found = getattr(importlib.import_module(source), name, None)
        if found is not None and not isinstance(found, ModuleType):
            note = f"is Theano's only, from {source}" if source.startswith(_COMPAT) else ""
            return Place(source, name, note)
    return Place("", "", missing=refusals.advice(module, name))
