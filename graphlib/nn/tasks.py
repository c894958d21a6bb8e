"""The outputs of a model, and what is asked of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphlib
import graphlib.tensor as T
from graphlib.errors import InputError
from graphlib.graph import Variable

from .losses import Measure
from .registry import config_of, names


@dataclass
class Task:
    """An output of a model and what is asked of it.

    Attributes:
        name: of the output; empty where there is only one.
        shape: of the predictions, None for lengths that are not known.
        layer: the name of the layer that makes them.
        loss: what is minimized.
        weight: of the loss in their sum.
        metrics: what is measured beside it.
    """

    name: str
    shape: tuple[int | None, ...]
    layer: str
    loss: Measure
    weight: float
    metrics: list[Measure]

    def called(self, value: str) -> str:
        """The name under which one of its values is reported: ``loss``, ``digit_loss``."""
        return f"{self.name}_{value}" if self.name else value


def outputs_of(output: Any) -> dict[str, Variable]:
    """A layer's outputs by name; the only one's name is empty."""
    if isinstance(output, Mapping):
        return {str(name): y for name, y in output.items()}
    if isinstance(output, (list, tuple)):
        return {str(number): y for number, y in enumerate(output)}
    return {"": output}


def masks_of(output: Any, mask: Any) -> dict[str, Variable | None]:
    """The masks of a layer's outputs by name: one each, or the same of all."""
    several = not isinstance(mask, Variable) and mask is not None
    return outputs_of(mask) if several else dict.fromkeys(outputs_of(output), mask)


def by_output(value: Any, outputs: Sequence[str], what: str, kind: str | None) -> dict[str, Any]:
    """What is given for each output: by name, in order, or the same for all."""
    by_names = isinstance(value, Mapping) and not (len(value) == 1 and kind and set(value) & set(names(kind)))
    if outputs == [""]:
        if by_names and value:
            raise InputError(
                f"{what} names {next(iter(value))!r}, and the model has one output, without a name"
            )
        return {"": value}
    if by_names:
        unknown = [name for name in value if name not in outputs]
        if unknown:
            raise InputError(f"{what} names {unknown[0]!r}, and the outputs are {', '.join(outputs)}")
        return {name: value.get(name) for name in outputs}
    if isinstance(value, (list, tuple)) and kind != "metric":
        if len(value) != len(outputs):
            raise InputError(f"{what} has {len(value)} parts for {len(outputs)} outputs")
        return dict(zip(outputs, value, strict=True))
    return dict.fromkeys(outputs, value)


def target_variables(
    tasks: Sequence[Task], kinds: Sequence[tuple[str, int]], weighted: Sequence[int | None]
) -> tuple[list[Variable], list[Variable | None]]:
    targets, weights = [], []
    for task, (dtype, ndim), weight in zip(tasks, kinds, weighted, strict=True):
        lengths: list[int | None] = [None] * ndim
        if ndim == len(task.shape):
            lengths[1:] = task.shape[1:]
        targets.append(T.tensor(task.called("y"), str(np.dtype(dtype)), tuple(lengths)))
        weights.append(
            None
            if weight is None
            else T.tensor(task.called("weights"), graphlib.config.floatX, (None,) * weight)
        )
    return targets, weights


def config_of_several(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: config_of_several(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [config_of_several(each) for each in value]
    return config_of(value)
