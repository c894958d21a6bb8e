"""Shared variables by name: those of layers and of random streams, and giving them the values of a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .storage import UserError


class SharedVariable(Protocol):
    """A value that outlives the call of a function, as graphlib's shared variables."""

    def get_value(self, borrow: bool = False) -> np.ndarray: ...

    def set_value(self, new_value: np.ndarray, borrow: bool = False) -> None: ...


def named_parameters(**layers: Any) -> dict[str, SharedVariable]:
    """The parameters of named layers (objects with a list `params`): ``{"hidden.W": W, "hidden.b": b}``."""
    return {f"{layer}.{p.name}": p for layer, parts in layers.items() for p in parts.params}


def random_states(**streams: Any) -> dict[str, SharedVariable]:
    """The state of every draw of named RandomStreams, to go into checkpoints: ``{"noise.draw_0": state}``."""
    return {
        f"{name}.draw_{number}": state
        for name, source in streams.items()
        for number, state in enumerate(source.states)
    }


def set_values(
    variables: Mapping[str, SharedVariable], arrays: Mapping[str, np.ndarray], source: Path
) -> None:
    """Gives each variable the array of its name; UserError, before any is set, where one does not fit."""
    for name, variable in variables.items():
        if name not in arrays:
            raise UserError(f"{source} holds no {name}: it belongs to another model")
        array, present = arrays[name], np.asarray(variable.get_value(borrow=True))
        if array.shape != present.shape or array.dtype != present.dtype:
            raise UserError(
                f"{source} does not fit this model: its {name} is {array.dtype} of shape {array.shape}, "
                f"the model's {present.dtype} of shape {present.shape}"
            )
    for name, variable in variables.items():
        variable.set_value(arrays[name])


def set_model(
    parameters: Mapping[str, SharedVariable], arrays: Mapping[str, np.ndarray], source: Path
) -> None:
    """Gives a model's parameters the arrays of their names; UserError where one does not fit."""
    for name in arrays:
        if name not in parameters:
            raise UserError(f"{source} holds a {name}, which this model has not: it belongs to another one")
    set_values(parameters, arrays, source)
