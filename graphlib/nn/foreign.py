"""Weights of PyTorch's and Keras' models for layers of ours, their conventions turned into each other.

Arrays come by their names there, ``0.weight`` or ``sequential/dense/kernel``, and are the layers' that names
say, or one layer's after the other.  Nothing is executed: pickles (``.pt``, ``.pth``) are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DTypeError, InputError, ShapeError
from ..graph.types import plain_array
from . import keras_files, saved_models
from .layers.base import Layer, recorded
from .layers.convolution import Conv1D, Conv2D
from .layers.dense import Dense
from .layers.embedding import Embedding
from .layers.normalization import BatchNormalization, LayerNormalization
from .layers.recurrent import GRU, LSTM, Recurrent
from .layers.shape import Flatten
from .registry import nearest

LIBRARIES = ("pytorch", "keras")


@dataclass
class Module:
    """The arrays of one layer of the other library, by their last names."""

    name: str
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    in_no_order: bool = False

    def take(self, *names: str) -> np.ndarray | None:
        """The first of some arrays that there is, which is used then."""
        for name in names:
            if name in self.arrays:
                return self.arrays.pop(name)
        return None

    def needs(self, *names: str) -> np.ndarray:
        found = self.take(*names)
        if found is None:
            raise InputError(f"{self.name} has no {' or '.join(names)}: it has {', '.join(self.arrays)}")
        return found


def load_weights(layer: Layer, x: Any, source: Any, of: str, names: Mapping[str, str] | None = None) -> None:
    """Gives a layer, and its parts, the weights of another library's; see ``Model.load_weights``.

    ``x``: the variables that it is applied to.
    """
    if of not in LIBRARIES:
        raise InputError(f"of must be {' or '.join(LIBRARIES)}, not {of!r}{nearest(str(of), LIBRARIES)}")
    arrays, in_order = _arrays(source)
    modules = _modules(arrays, of)
    if not in_order:
        modules = _numbered(modules)
    parts = dict(_with_weights(layer, ""))
    with recorded() as calls:
        layer(x)
    context = _Context(of, _flattened([(call.layer, call.x, call.y) for call in calls]))
    values: list[tuple[Any, np.ndarray, str]] = []
    for path, module in _paired(parts, modules, names or {}):
        part = parts[path]
        where = f"{path} of {module.name}"
        try:
            found = _conversion(part)(part, module, context)
        except InputError as error:
            raise InputError(f"{path} ({type(part).__name__}): {error}") from None
        if module.arrays:
            raise InputError(
                f"{where} leaves {', '.join(module.arrays)}, for which {type(part).__name__} has no place"
            )
        values += [(variable, array, where) for variable, array in found]
    for variable, array, where in values:
        if variable.get_value(borrow=True).shape != array.shape:
            raise ShapeError(
                f"{where}: {variable.name} has shape {variable.get_value(borrow=True).shape}, the array "
                f"{array.shape}, turned into our order"
            )
        try:
            variable.type.convert(array)
        except DTypeError as error:
            raise DTypeError(f"{where}: the array for {variable.name} {error}") from None
    for variable, array, _ in values:
        variable.set_value(array)


def _arrays(source: Any) -> tuple[dict[str, np.ndarray], bool]:
    """Arrays by name, of a mapping (a state dict) or a file, and whether they come in the layers' order."""
    if isinstance(source, Mapping):
        return {str(name): plain_array(value) for name, value in source.items()}, True
    path = Path(source)
    if path.suffix in (".pt", ".pth", ".pkl", ".pickle", ".bin"):
        raise InputError(
            f"{path} may be a pickle, which may run any program and is not read: save the state dict with "
            "safetensors, or give it as a mapping"
        )
    if path.suffix in keras_files.ENDINGS:
        return keras_files.arrays_of(path)
    return saved_models.read_model(path)[0], path.suffix != ".safetensors"


_RECURRENT = re.compile(r"(weight_ih|weight_hh|bias_ih|bias_hh)_l(\d+)(_reverse)?$")
#: what optimizers and counters keep beside weights
_IGNORED = ("num_batches_tracked", "seed_generator_state", "iterations", "learning_rate")


def _modules(arrays: Mapping[str, np.ndarray], of: str) -> list[Module]:
    """The arrays by the layers that they belong to, in their order."""
    found: dict[str, Module] = {}
    for name, array in arrays.items():
        head, _, last = name.rpartition("." if of == "pytorch" else "/")
        if last in _IGNORED:
            continue
        match = _RECURRENT.match(last)
        if match:
            last, number, back = match.groups()
            # layers on top of each other are one module there
            several = any(name.startswith(f"{head}.weight_ih_l1") for name in arrays)
            head += (f".{number}" if several else "") + (back or "")
        found.setdefault(head, Module(head)).arrays[last] = array
    return list(found.values())


def _numbered(modules: list[Module]) -> list[Module]:
    """Modules of a file that keeps no order, by their numbers, where these are all that tells them apart."""
    split = [re.split(r"(\d+)", module.name) for module in modules]
    if len({tuple(parts[::2]) for parts in split}) == 1:
        keys = [tuple(map(int, parts[1::2])) for parts in split]
        return [module for _, module in sorted(zip(keys, modules, strict=True), key=lambda pair: pair[0])]
    return [Module(module.name, module.arrays, len(modules) > 1) for module in modules]


def _with_weights(layer: Layer, path: str) -> Iterator[tuple[str, Layer]]:
    """The layer and its parts that have arrays of their own, by path."""
    if layer.own_parameters or isinstance(layer, BatchNormalization):
        yield path or layer.label, layer
    for name, child in layer.children.items():
        yield from _with_weights(child, f"{path}.{name}" if path else name)


def _paired(
    parts: Mapping[str, Layer], modules: list[Module], names: Mapping[str, str]
) -> list[tuple[str, Module]]:
    """The module of each of our layers: as ``names`` say, else of the same name, else in order."""
    by_name = {module.name: module for module in modules}
    for ours, theirs in names.items():
        if ours not in parts or theirs not in by_name:
            unknown, known = (ours, parts) if ours not in parts else (theirs, by_name)
            raise InputError(f"names: there is no {unknown}{nearest(unknown, list(known))}")
    said = [(ours, by_name[theirs]) for ours, theirs in names.items()]
    rest = [path for path in parts if path not in names]
    left = [module for module in modules if module.name not in names.values()]
    if len(rest) == len(left) and set(rest) == {module.name for module in left}:
        return [*said, *((path, by_name[path]) for path in rest)]
    if any(module.in_no_order for module in left) and rest:
        raise InputError(
            "the file does not say in which order layers come: say with names which of "
            f"{', '.join(sorted(by_name))} is which of {', '.join(parts)}"
        )
    if len(rest) != len(left):
        raise InputError(
            f"there are {len(parts)} layers with weights here, {', '.join(parts)}, and {len(modules)} there, "
            f"{', '.join(m.name for m in modules)}: say with names which are which"
        )
    return [*said, *zip(rest, left, strict=True)]


@dataclass
class _Context:
    """The library, and of layers that see flattened images, these images' channels, rows and columns."""

    library: str
    images: dict[int, tuple[int, ...]]

    @property
    def is_torch(self) -> bool:
        return self.library == "pytorch"


def _flattened(calls: list[tuple[Any, Any, Any]]) -> dict[int, tuple[int, ...]]:
    """By the identity of each layer that is called after images have become rows: their lengths."""
    found, present = {}, None
    for layer, x, _ in calls:
        if isinstance(layer, Flatten) and x.ndim == 4 and None not in x.static_shape[1:]:
            present = x.static_shape[1:]
        elif isinstance(layer, Dense) and present is not None:
            found[id(layer)], present = present, None
    return found


Values = list[tuple[Any, np.ndarray]]
_CONVERSIONS: dict[type[Layer], Callable[[Any, Module, _Context], Values]] = {}


def _conversion(layer: Layer) -> Callable[[Any, Module, _Context], Values]:
    for cls in type(layer).__mro__:
        if cls in _CONVERSIONS:
            return _CONVERSIONS[cls]
    known = ", ".join(sorted(cls.__name__ for cls in _CONVERSIONS))
    raise InputError(f"it has no counterpart there; {known} have")


def _of(*classes: type[Layer]) -> Callable[[Callable], Callable]:
    def note(rule: Callable) -> Callable:
        _CONVERSIONS.update(dict.fromkeys(classes, rule))
        return rule

    return note


def _bias(layer: Any, module: Module, *names: str) -> Values:
    """A vector that both have, or neither."""
    given = module.take(*names)
    if (layer.b is None) != (given is None):
        here, there = ("no b", "one") if layer.b is None else ("a b", "none")
        raise InputError(f"it has {here}, {module.name} has {there}: see its argument bias")
    return [] if given is None else [(layer.b, given)]


@_of(Dense)
def _dense(layer: Dense, module: Module, context: _Context) -> Values:
    """PyTorch's weights are (out, in); Keras' flattened images have channels last."""
    w = module.needs("weight").T if context.is_torch else module.needs("kernel")
    images = context.images.get(id(layer))
    if not context.is_torch and images is not None:
        channels, rows, columns = images
        if len(w) == channels * rows * columns:
            w = w.reshape(rows, columns, channels, -1).transpose(2, 0, 1, 3).reshape(w.shape)
    return [(layer.W, w), *_bias(layer, module, "bias")]


@_of(Conv2D)
def _conv2d(layer: Conv2D, module: Module, context: _Context) -> Values:
    """Filters are not flipped there; Keras has (rows, columns, in, out)."""
    w = module.needs("weight") if context.is_torch else module.needs("kernel").transpose(3, 2, 0, 1)
    return [(layer.W, w[:, :, ::-1, ::-1] if layer.flip else w), *_bias(layer, module, "bias")]


@_of(Conv1D)
def _conv1d(layer: Conv1D, module: Module, context: _Context) -> Values:
    """Ours meet the earliest step first, as theirs; Keras has (size, in, out)."""
    w = module.needs("weight") if context.is_torch else module.needs("kernel").transpose(2, 1, 0)
    return [(layer.W, w), *_bias(layer, module, "bias")]


@_of(Embedding)
def _embedding(layer: Embedding, module: Module, context: _Context) -> Values:
    return [(layer.W, module.needs("weight", "embeddings"))]


@_of(BatchNormalization, LayerNormalization)
def _normalization(layer: Any, module: Module, context: _Context) -> Values:
    found: Values = []
    for name, theirs in (("gamma", ("weight", "gamma")), ("beta", ("bias", "beta"))):
        given, own = module.take(*theirs), layer.own_parameters.get(name)
        if (given is None) != (own is None):
            here, there = ("no", "one") if own is None else ("a", "none")
            raise InputError(f"it has {here} {name}, {module.name} has {there}: see {name}_initializer")
        if own is not None and given is not None:
            found.append((own.variable, given))
    if isinstance(layer, BatchNormalization):
        found.append((layer.running_mean, module.needs("running_mean", "moving_mean")))
        found.append((layer.running_variance, module.needs("running_var", "moving_variance")))
    return found


#: where among the gates there each of ours stands
_GATES = {
    (LSTM, "pytorch"): (0, 1, 3, 2),
    (LSTM, "keras"): (0, 1, 3, 2),
    (GRU, "pytorch"): (0, 1, 2),
    (GRU, "keras"): (1, 0, 2),
}


def _in_our_order(layer: Recurrent, context: _Context, array: np.ndarray) -> np.ndarray:
    """The gates along the last axis."""
    order, n = _GATES.get((type(layer), context.library), (0,)), layer.units
    if array.shape[-1] != n * len(order):
        raise InputError(
            f"an array there has {array.shape[-1]} columns, and this has {len(order)} gates of {n}"
        )
    return np.concatenate([array[..., k * n : (k + 1) * n] for k in order], axis=-1)


@_of(Recurrent)
def _recurrent(layer: Recurrent, module: Module, context: _Context) -> Values:
    """PyTorch's matrices are transposed, its biases two, which are added but for a GRU's candidate."""
    if context.is_torch:
        w, u = module.needs("weight_ih").T, module.needs("weight_hh").T
        first, second = module.take("bias_ih"), module.take("bias_hh")
    else:
        w, u, both = module.needs("kernel"), module.needs("recurrent_kernel"), module.take("bias")
        first, second = (both, None) if both is None or both.ndim == 1 else (both[0], both[1])
    values: Values = [
        (variable, _in_our_order(layer, context, array)) for variable, array in ((layer.W, w), (layer.U, u))
    ]
    resets_behind = isinstance(layer, GRU) and layer.reset_after
    if isinstance(layer, GRU) and (context.is_torch or second is not None) != resets_behind:
        where = "before" if resets_behind else "behind"
        raise InputError(
            f"{module.name} multiplies by the reset gate {where} the product: make the layer with "
            f"reset_after={not resets_behind}"
        )
    if (layer.b is None) != (first is None):
        here, there = ("no b", "one") if layer.b is None else ("a b", "none")
        raise InputError(f"it has {here}, {module.name} has {there}: see its argument bias")
    b = None if first is None else _in_our_order(layer, context, first)
    inner = None if second is None else _in_our_order(layer, context, second)
    if resets_behind:
        n = 2 * layer.units
        c = np.zeros(layer.units, w.dtype)
        if inner is not None:
            c, inner = inner[n:], np.concatenate([inner[:n], c])
        values.append((layer.c, c))
    if b is not None:
        values.append((layer.b, b if inner is None else b + inner))
    return values


__all__ = ["LIBRARIES", "load_weights"]
