"""Layers made of layers: one after the other, and side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import InputError, ShapeError
from ...graph import Variable
from ...tensor import concatenate, index, maximum
from ..registry import register, resolve
from .activation import Activation
from .base import Layer, named, numbered


def as_layer(value: Any) -> Layer:
    """What a part of a container stands for: a layer, its name, with or without parameters, a list of layers
    that follow each other, or a function of a variable.

    Errors: InputError for anything else.
    """
    if isinstance(value, (list, tuple)):
        return Sequential(list(value))
    value = resolve("layer", value)
    if isinstance(value, Layer):
        return value
    if callable(value) and not isinstance(value, type):
        return Activation(value)
    hint = f"; did you mean {value.__name__}(...)?" if isinstance(value, type) else ""
    raise InputError(f"{value!r} is no layer{hint}")


@register("layer")
@dataclass(eq=False, repr=False)
class Sequential(Layer):
    """Layers one after the other, each given what the one before gives.

    ``model[0]``, ``model["dense_1"]`` and ``model[:2]`` are a layer, a layer by its name, and the first two
    as a Sequential that shares them. A mask goes with the values as far as they have a time axis.

    Args:
        layers: layers, names of layers with or without parameters, lists of such (a Sequential of their own),
            or functions of a variable.
    """

    layers: list[Layer]

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.layers, (Layer, str, Mapping)) or not isinstance(self.layers, Sequence):
            raise InputError(f"Sequential takes a list of layers, not {self.layers!r}")
        self._layers = self.layers = [as_layer(each) for each in self.layers]
        self._children = named(numbered(self._layers))

    @property
    def children(self) -> dict[str, Layer]:
        return self._children

    def masked_output(self, x: Any, training: bool, mask: Variable | None) -> tuple:
        for layer in self._layers:
            x, mask = layer.with_mask(x, training, mask)
        return x, mask

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, which: int | str | slice) -> Layer:
        if isinstance(which, slice):
            part = Sequential(self._layers[which])
            part._children = {n: each for n, each in self._children.items() if each in part._layers}
            return part
        if isinstance(which, str):
            if which not in self._children:
                raise KeyError(f"there is no layer {which!r}; there are {', '.join(self._children)}")
            return self._children[which]
        return self._layers[which]


#: how several outputs become one
_MERGES: dict[str, Callable[[list[Variable]], Variable]] = {
    "concatenate": lambda outputs: concatenate(outputs, axis=1 if outputs[0].ndim == 4 else -1),
    "sum": lambda outputs: functools.reduce(lambda a, b: a + b, outputs),
    "mean": lambda outputs: functools.reduce(lambda a, b: a + b, outputs) / len(outputs),
    "multiply": lambda outputs: functools.reduce(lambda a, b: a * b, outputs),
    "maximum": lambda outputs: functools.reduce(maximum, outputs),
}


@register("layer")
@dataclass(eq=False, repr=False)
class Parallel(Layer):
    """Layers side by side, on the same input, on parts of its features, or on an input each.

    Branches may share layers, or be the same layer: then the parameters are shared, and gradients add up.

    Args:
        branches: layers, or anything that `Sequential` takes for one, in a list or by names. With names, the
            input may be a mapping of these names to an input each; with a list, a list of inputs.
        split: how many features of the input each branch gets, from the left (channels of images); None for
            all of them.
        merge: "concatenate" the outputs' features (channels of images), their elementwise "sum", "mean",
            "multiply" or "maximum", or None for several outputs: a mapping by name, or a list.
    """

    branches: dict[str, Layer] | list[Layer]
    split: list[int] | None = None
    merge: Literal["concatenate", "sum", "mean", "multiply", "maximum"] | None = "concatenate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.branches, (Mapping, list, tuple)) or not self.branches:
            raise InputError(f"Parallel takes layers in a list or by names, not {self.branches!r}")
        by_name = isinstance(self.branches, Mapping)
        parts = [as_layer(each) for each in (self.branches.values() if by_name else self.branches)]
        keys = list(self.branches) if by_name else list(range(len(parts)))
        self._branches: dict[str | int, Layer] = dict(zip(keys, parts, strict=True))
        for key, part in self._branches.items():
            if by_name and part.name not in (None, key):
                raise InputError(f"the branch {key!r} is a layer with another name, {part.name!r}")
        self.branches = dict(self._branches) if by_name else parts
        self._children = named(list(zip(keys, parts, strict=True)) if by_name else numbered(parts))
        if self.split is not None and len(self.split) != len(parts):
            raise InputError(
                f"Parallel: split {list(self.split)} is of {len(self.split)} parts for {len(parts)} branches"
            )

    @property
    def children(self) -> dict[str, Layer]:
        return self._children

    def masked_output(self, x: Any, training: bool, mask: Variable | None) -> tuple:
        inputs = self._inputs(x)
        outputs, masks = {}, {}
        for key, part in self._branches.items():
            own = mask[key] if isinstance(mask, (Mapping, list)) else mask
            outputs[key], masks[key] = part.with_mask(inputs[key], training, own)
        first, *others = masks.values()
        agree = all(each is first for each in others)
        if self.merge is None:
            if isinstance(self.branches, Mapping):
                return outputs, (first if agree else masks)
            return list(outputs.values()), (first if agree else list(masks.values()))
        # where branches do not agree on a time axis there is none
        mask = first if agree else None
        for key, each in outputs.items():
            if not isinstance(each, Variable):
                raise ShapeError(
                    f"the branch {key!r} has several outputs, and merge={self.merge!r} takes one of each"
                )
        return _MERGES[self.merge](list(outputs.values())), mask

    def _inputs(self, x: Any) -> dict[str | int, Any]:
        if isinstance(x, Variable):
            return self._parts_of(x) if self.split is not None else dict.fromkeys(self._branches, x)
        if self.split is not None:
            raise ShapeError("split takes one input, not several")
        given = x if isinstance(x, Mapping) else dict(enumerate(x))
        if set(given) != set(self._branches):
            raise ShapeError(
                f"the inputs are called {', '.join(map(str, given))}, and the branches "
                f"{', '.join(map(str, self._branches))}"
            )
        return dict(given)

    def _parts_of(self, x: Variable) -> dict[str | int, Variable]:
        axis = 1 if x.ndim == 4 else x.ndim - 1
        width = self.length(x, axis)
        if sum(self.split) != width:
            raise ShapeError(
                f"split {list(self.split)} adds up to {sum(self.split)}, and {x.describe()} has {width} "
                "features"
            )
        found, first = {}, 0
        for key, n in zip(self._branches, self.split, strict=True):
            found[key] = index(x, (*[slice(None)] * axis, slice(first, first + n)))
            first += n
        return found
