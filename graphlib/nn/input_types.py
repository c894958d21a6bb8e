"""What the inputs of a model are: shapes and dtypes, of one or of several, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphlib.tensor as T
from graphlib.graph import Variable

from .storage import UserError


@dataclass(frozen=True)
class InputType:
    """Shape, with None for the batch and for lengths that may change, and dtype of an input."""

    shape: tuple[int | None, ...]
    dtype: str

    def variable(self, name: str) -> Variable:
        return T.tensor(name, self.dtype, self.shape)


def variables_of(types: Any) -> Any:
    """Symbolic inputs of these types."""
    if isinstance(types, Mapping):
        return {name: each.variable(name) for name, each in types.items()}
    if isinstance(types, tuple):
        return tuple(each.variable(f"x_{number}") for number, each in enumerate(types))
    return types.variable("x")


def types_of(structure: Any, inputs: Sequence[np.ndarray]) -> Any:
    """The types of arrays, in a structure like that which they came in; batches may have any size."""
    types = [InputType((None, *array.shape[1:]), str(array.dtype)) for array in inputs]
    return in_structure(structure, types)


def in_structure(structure: Any, parts: Sequence[Any]) -> Any:
    """Parts in the order of `data.by_name`, as a mapping, tuple or single one like `structure`."""
    if isinstance(structure, Mapping):
        return dict(zip(structure, parts, strict=True))
    return tuple(parts) if isinstance(structure, tuple) else parts[0]


def written(types: Any) -> Any:
    """Types of inputs as JSON can hold them."""
    if isinstance(types, InputType):
        return {"shape": list(types.shape), "dtype": types.dtype}
    if isinstance(types, Mapping):
        return {"inputs": {name: written(each) for name, each in types.items()}}
    return None if types is None else [written(each) for each in types]


def read_types(text: Any) -> Any:
    """The inverse of `written`; UserError for anything else."""
    try:
        if text is None:
            return None
        if isinstance(text, list):
            return tuple(read_types(each) for each in text)
        if "inputs" in text:
            return {name: read_types(each) for name, each in text["inputs"].items()}
        shape = tuple(None if n is None else int(n) for n in text["shape"])
        return InputType(shape, str(np.dtype(text["dtype"])))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise UserError(f"the architecture's input is {text!r}, which is no shape and dtype") from None


def shape_text(shape: Sequence[int | None]) -> str:
    """A shape as messages show it."""
    return f"({', '.join('any' if n is None else str(n) for n in shape)})"
