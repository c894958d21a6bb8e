"""Weights in files that Keras writes: ``.keras``, ``.weights.h5``, and ``.h5`` of older versions.

They need the package ``h5py``.  Nothing in a file is executed, and no other file is read through it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import InputError
from .storage import UserError

ENDINGS = (".keras", ".h5", ".hdf5")
_INSIDE = "model.weights.h5"
#: what Keras 3 numbers of a layer, by the layer's class
_VARIABLES = {
    "dense": ("kernel", "bias"),
    "conv1d": ("kernel", "bias"),
    "conv2d": ("kernel", "bias"),
    "embedding": ("embeddings",),
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "layer_normalization": ("gamma", "beta"),
    "cell": ("kernel", "recurrent_kernel", "bias"),
}
#: of these by which settings some are left out
_WITHOUT = {"bias": "use_bias", "gamma": "scale", "beta": "center"}


def arrays_of(path: Path) -> tuple[dict[str, np.ndarray], bool]:
    """The arrays by name, as ``dense/kernel``, and whether they come in the order of the layers.

    Errors: UserError for a file that is missing or damaged; InputError for a layer whose arrays are not known
    by their numbers, and where h5py is missing.
    """
    h5py = _package(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    layers: list[dict[str, Any]] = []
    try:
        source: Any = path
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                layers = list(_layers(json.loads(archive.read("config.json"))))
                source = io.BytesIO(archive.read(_INSIDE))
        with h5py.File(source, "r") as file:
            old = file.get("model_weights", file)
            if "layer_names" in old.attrs:
                return _by_weight_names(h5py, old), True
            found = dict(_numbered(h5py, path, file, [], {each["name"]: each for each in layers}))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged, or is no file of Keras' ({error})") from None
    if not layers:
        return found, False
    places = {layer["name"]: k for k, layer in enumerate(layers)}
    order = sorted(found, key=lambda name: min(places.get(part, len(places)) for part in name.split("/")))
    return {name: found[name] for name in order}, True


def _package(path: Path) -> ModuleType:
    try:
        import h5py
    except ImportError:
        raise InputError(
            f"{path} is a file of Keras', which needs the package h5py: pip install h5py, or give the "
            "weights as a mapping, {w.path: numpy.asarray(w) for w in model.weights}"
        ) from None
    return h5py


def _layers(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The settings of a model's layers, in their order, those inside others behind these."""
    inner = config.get("config", {})
    if "name" in inner:
        yield inner
    for each in inner.get("layers", ()):
        yield from _layers(each)


def _by_weight_names(h5py: ModuleType, group: Any) -> dict[str, np.ndarray]:
    """Of older files: layers and their arrays are listed by name."""
    found = {}
    for layer in _listed(group, "layer_names"):
        for name in _listed(group[layer], "weight_names"):
            found[name.partition(":")[0]] = _array(h5py, group[layer], name)
    return found


def _listed(group: Any, title: str) -> list[str]:
    """A list of names among a group's attributes, which long ones are spread over."""
    parts = [title] if title in group.attrs else []
    while f"{title}{len(parts)}" in group.attrs:
        parts.append(f"{title}{len(parts)}")
    names = [name for part in parts for name in np.asarray(group.attrs[part]).ravel().tolist()]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _numbered(
    h5py: ModuleType, path: Path, group: Any, names: list[str], layers: Mapping[str, Any], kind: str = ""
) -> Iterator[tuple[str, np.ndarray]]:
    """Of Keras 3's files: a group a layer, in which the arrays have numbers."""
    variables = _inside(h5py, group, "vars") if "vars" in group else None
    if variables is not None and names:
        names = [*names[:-1], str(variables.attrs.get("name", names[-1]))]
    if variables is not None and len(variables):
        if kind not in _VARIABLES:
            raise InputError(f"{path}: of {'/'.join(names)} it is not known what its arrays are")
        titles = _titles(path, names, kind, len(variables), layers)
        for number, title in enumerate(titles):
            yield "/".join([*names, title]), _array(h5py, variables, str(number))
    # forward comes before backward
    for key in sorted((k for k in group if k != "vars"), reverse="forward_layer" in group):
        if key == "optimizer":
            continue
        inner = _inside(h5py, group, key)
        if isinstance(inner, h5py.Group):
            plain = re.sub(r"_\d+$", "", key)
            deeper = names if key == "layers" else [*names, key]
            yield from _numbered(h5py, path, inner, deeper, layers, plain)


def _titles(path: Path, names: list[str], kind: str, count: int, layers: Mapping[str, Any]) -> list[str]:
    """What so many arrays of a layer are."""
    titles, settings = list(_VARIABLES[kind]), layers.get(names[-1], {})
    titles = [title for title in titles if settings.get(_WITHOUT.get(title, ""), True)]
    if len(titles) != count and not settings:
        # a normalization that neither scales nor shifts, or a layer without bias
        titles = titles[-count:] if kind.endswith("normalization") and count % 2 == 0 else titles[:count]
        if kind.endswith("normalization") and count % 2:
            raise InputError(
                f"{path}: of {'/'.join(names)} it is not known which of gamma and beta it has: load the "
                ".keras file"
            )
    if len(titles) != count:
        raise InputError(f"{path}: {'/'.join(names)} has {count} arrays, not {', '.join(titles)}")
    return titles


def _inside(h5py: ModuleType, group: Any, name: str) -> Any:
    """What lies in a group, and in no other file."""
    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
        raise ValueError(f"{name} is in another file, which is not read")
    return group[name]


def _array(h5py: ModuleType, group: Any, name: str) -> np.ndarray:
    *groups, last = name.split("/")
    for each in groups:
        group = _inside(h5py, group, each)
    found = _inside(h5py, group, last)
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise ValueError(f"{name} is no array, or in another file, which is not read")
    return np.asarray(found[()])


__all__ = ["ENDINGS", "arrays_of"]
