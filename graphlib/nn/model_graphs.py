"""A model's layer applied to variables for its inputs: the graphs that functions are compiled from."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphlib.datasets import DataError
from graphlib.distributed import Part, in_parts
from graphlib.errors import InputError, ShapeError
from graphlib.graph import Variable

from . import data
from .input_types import InputType, in_structure, shape_text, types_of, variables_of, written
from .layers.base import Layer, recorded
from .layers.embedding import Embedding
from .stored.base import each_block
from .targets import fail_at
from .tasks import outputs_of


class Graph:
    """A layer applied to input variables, as in prediction and as in training.

    Attributes:
        predicted, trained: (the output, its mask) in both.
        tables: of inputs that are numbers of an embedding's rows, by their places, the embedding's name and
            how many rows it has.
    """

    def __init__(self, layer: Layer, inputs: Any):
        self.inputs = inputs
        with recorded() as calls:
            self.predicted = layer.with_mask(inputs)
        self.carried = dict(layer.carried)
        self.makers = {name: _maker(calls, y) for name, y in outputs_of(self.output).items()}
        self.tables = {
            place: (call.label, call.layer.rows)
            for place, x in enumerate(self.input_list)
            for call in calls
            if call.x is x and isinstance(call.layer, Embedding)
        }
        self.layer, self._first_draw = layer, len(layer.streams.states)
        self.trained = layer.with_mask(inputs, training=True)
        self.random_states = layer.streams.states[self._first_draw :]
        self.updates = dict(layer.updates)

    @property
    def output(self) -> Any:
        return self.predicted[0]

    def training_of(self, part: Part | None) -> tuple[tuple[Any, Any], dict[Any, Variable]]:
        """((output, mask), updates) in training, of a rank's part of the minibatch where there is one: with
        the draws that one process makes for all of it."""
        if part is None:
            return self.trained, self.updates
        with in_parts(part), self.layer.streams.again(self._first_draw):
            trained = self.layer.with_mask(self.inputs, training=True)
        return trained, dict(self.layer.updates)

    def within(self, inputs: Sequence[Any], called: str = "") -> list[Any]:
        """Arrays of inputs, of which those that are numbers of rows are held against their tables: DataError
        for one that is no row."""

        def check(rows: np.ndarray, name: str, layer: str, count: int) -> np.ndarray:
            why = f": the layer {layer} has the rows 0 to {count - 1}; give it more, or number them from 0"
            fail_at(rows, (rows < 0) | (rows >= count), name, why)
            return rows

        found = list(inputs)
        names = list(data.by_name(self.inputs, f"{called}x"))
        for place, (layer, count) in self.tables.items():
            of = functools.partial(check, name=names[place], layer=layer, count=count)
            found[place] = each_block(of, found[place])
        return found

    @property
    def input_list(self) -> list[Variable]:
        return list(data.by_name(self.inputs, "x").values())


def _maker(calls: Sequence[Any], y: Variable) -> str:
    """The name of the innermost layer whose output is `y`."""
    made = [call for call in calls if call.y is y]
    return max(made, key=lambda call: call.depth).label if made else "of the output"


class Graphs:
    """The graphs of a layer, one for each form of inputs.

    types: what its inputs are, once that is known; streams: how many rows stateful layers had in training.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.types: Any = None
        self.streams = 0
        self._made: dict[str, Graph] = {}

    def build(self, types: Any) -> None:
        """Make the parameters and the graph for inputs of these types."""
        graph = self.of(types)
        shown = outputs_of(graph.output)
        for name, y in shown.items():
            if not isinstance(y, Variable):
                raise ShapeError(
                    f"the output {name!r} is itself several: give a model's outputs one name each"
                )
        _ = self.layer.parameters  # a rate for a parameter that there is not is an error
        self.types = types

    def of(self, types: Any = None) -> Graph:
        """The graph for inputs of these types, or of those that it was built for.

        Errors: InputError where it is not built yet.
        """
        types = self.types if types is None else types
        if types is None:
            raise InputError("the model has no parameters yet: call build with the input's shape, or fit")
        key = json.dumps(written(types))
        if key not in self._made:
            self._made[key] = Graph(self.layer, variables_of(types))
        return self._made[key]

    def fitting(self, inputs: Sequence[np.ndarray], structure: Any, called: str = "") -> Graph:
        """The graph for arrays: the one that was built, or one in which lengths that differ may change;
        ``called`` is what messages say before their names."""
        if self.types is None:
            self.build(types_of(structure, inputs))
        types = list(data.by_name(self.types, "x").values())
        names = list(data.by_name(self.types, f"{called}x"))
        relaxed = []
        for name, array, kind in zip(names, inputs, types, strict=True):
            if array.ndim != len(kind.shape):
                raise DataError(
                    f"{name} has shape {array.shape}, but the model takes {shape_text(kind.shape)}"
                )
            relaxed.append(
                InputType(
                    tuple(
                        n if n is None or n == m else None
                        for n, m in zip(kind.shape, array.shape, strict=True)
                    ),
                    str(array.dtype),
                )
            )
        wanted = in_structure(self.types, relaxed)
        if relaxed == types or json.dumps(written(wanted)) in self._made:
            return self.of(wanted)
        try:
            # First with these very lengths: what cannot change is found while the graph is built.
            self.layer(variables_of(types_of(self.types, inputs)))
            return self.of(wanted)
        except ShapeError as error:
            name, array, kind = next(
                (name, array, kind)
                for name, array, kind, other in zip(names, inputs, types, relaxed, strict=True)
                if kind != other
            )
            raise DataError(
                f"{name} has shape {array.shape}, but the model was built for "
                f"{shape_text(kind.shape)} ({error})"
            ) from None

    @property
    def stateful(self) -> bool:
        """Whether a layer has states that go on from minibatch to minibatch."""
        return any(getattr(layer, "stateful", False) for layer in _all_layers(self.layer))


def _all_layers(layer: Layer) -> list[Layer]:
    return [layer, *(inner for child in layer.children.values() for inner in _all_layers(child))]
