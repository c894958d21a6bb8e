"""Examples on their way from the user to compiled functions: inputs, targets and weights as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np

import graphlib
from graphlib.datasets import DataError

from . import data
from .losses import Measure, name_of
from .places import place_of
from .stored.base import Stored, as_stored, each_block, is_stored
from .stored.reader import in_order
from .tasks import Task

#: examples that are predicted at a time, unless the user says otherwise
AT_ONCE = 500


class Examples:
    """Inputs, targets and weights as arrays, on their way from the user to compiled functions."""

    def __init__(
        self,
        structure: Any,
        inputs: list[np.ndarray],
        y: Any,
        targets: list[np.ndarray],
        names: list[str],
        sample_weight: Any,
        class_weight: Any,
        called: str,
    ):
        self.structure, self.inputs, self.y, self.targets, self.names = structure, inputs, y, targets, names
        self.sample_weight, self.class_weight, self.called = sample_weight, class_weight, called
        self.weights: list[np.ndarray | None] = []

    @property
    def count(self) -> int:
        return len(self.inputs[0])

    def arrays(self) -> list[np.ndarray]:
        """All arrays in the order that compiled functions take them."""
        return [*self.inputs, *self.targets, *(w for w in self.weights if w is not None)]

    def with_targets(self, targets: list[np.ndarray], weights: list[np.ndarray | None]) -> Examples:
        found = Examples(self.structure, self.inputs, self.y, targets, self.names, None, None, self.called)
        found.weights = weights
        return found

    def take(self, rows: Any) -> Examples:
        """Some of the examples; of those that are read piece by piece, ranges of rows."""

        def taken(array: Any) -> Any:
            return array.part(rows) if isinstance(array, Stored) else array[rows]

        found = self.with_targets(
            [taken(a) for a in self.targets], [None if w is None else taken(w) for w in self.weights]
        )
        found.inputs = [taken(a) for a in self.inputs]
        return found

    def stored(self) -> list[Stored] | None:
        """All arrays, if they are read piece by piece; else None."""
        arrays = self.arrays()
        return arrays if isinstance(arrays[0], Stored) else None


def peek(provider: Any) -> Any:
    """A minibatch of a provider, which does not count as an epoch begun where that can be told."""
    order = getattr(provider, "order", None)
    before = None if order is None else order.get_value()
    first = provider[0]
    if order is not None:
        order.set_value(before)
    return first


def parts_of(given: Any) -> tuple:
    """(x, y) or (x, y, weights) as a user gives them."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise DataError("examples are (x, y) or (x, y, weights), in a tuple")
    return tuple(given)


def as_input(array: np.ndarray) -> np.ndarray:
    """Floats as config.floatX, truth values too; whole numbers as they are."""
    if array.dtype.kind in "fb":
        return np.ascontiguousarray(array, graphlib.config.floatX)
    return np.ascontiguousarray(array)


def _input(array: Any, called: str) -> Any:
    """Inputs in the form that compiled functions take; DataError where they are not finite."""

    def of(rows: np.ndarray) -> np.ndarray:
        data.check_finite(rows, called)
        return as_input(rows)

    return each_block(of, array)


def of_dtype(array: np.ndarray, dtype: str) -> np.ndarray:
    """An array in the dtype that a model was built for; whole numbers may become floats and wider ones."""
    if array.dtype == dtype or (array.dtype.kind == "f" and np.dtype(dtype).kind != "f"):
        return array
    return array.astype(dtype) if np.can_cast(array.dtype, dtype, "same_kind") else array


def as_target(array: np.ndarray, task: Task) -> np.ndarray:
    """Targets as compiled functions take them; a column of classes becomes a vector of them."""
    if array.ndim == len(task.shape) and array.shape[-1] == 1 and task.shape[-1] not in (None, 1):
        array = array[..., 0]
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, graphlib.config.floatX)
    return np.ascontiguousarray(array, "int64")


def inputs_of(x: Any, name: str, types: Any) -> list[np.ndarray]:
    """The arrays of inputs, checked, in the dtypes that a model takes: ``types``, None where it takes any."""
    arrays = []
    for called, values in data.by_name(x, name).items():
        array = data.as_array(values, called)
        arrays.append(_input(array, called))
    data.check_lengths({n: len(a) for n, a in zip(data.by_name(x, name), arrays, strict=True)})
    if types is not None:
        known = data.by_name(types, "x")
        if len(known) != len(arrays) or isinstance(types, Mapping) != isinstance(x, Mapping):
            raise DataError(f"{name} has {_form(x)}, but the model takes {_form(types)}: {', '.join(known)}")
        if isinstance(x, Mapping):
            if set(x) != set(types):
                raise DataError(
                    f"{name} has the inputs {', '.join(map(str, x))}, but the model takes "
                    f"{', '.join(map(str, types))}"
                )
            order = list(x)
            arrays = [arrays[order.index(key)] for key in types]
        kinds = data.by_name(types, "x").values()
        arrays = [
            array if array.dtype == kind.dtype else each_block(partial(of_dtype, dtype=kind.dtype), array)
            for array, kind in zip(arrays, kinds, strict=True)
        ]
    if any(isinstance(array, Stored) for array in arrays):
        arrays = [as_stored(array) for array in arrays]
    return arrays


def _form(several: Any) -> str:
    """How many inputs there are, and how they come."""
    if isinstance(several, Mapping):
        return f"{len(several)} inputs by name"
    return f"{len(several)} inputs in a tuple" if isinstance(several, tuple) else "1 input"


def examples_of(
    x: Any, y: Any, types: Any, sample_weight: Any = None, class_weight: Any = None, called: str = ""
) -> Examples:
    """Examples as a user gives them, for a model that takes inputs of ``types``; ``called``: which ones."""
    inputs = inputs_of(x, f"{called}x", types)
    names = f"{called}y"
    targets = {key: data.as_array(values, key) for key, values in data.by_name(y, names).items()}
    lengths = {f"{called}x": len(inputs[0]), **{key: len(a) for key, a in targets.items()}}
    if isinstance(x, list) and isinstance(x[0], np.ndarray) and len(set(lengths.values())) > 1:
        raise DataError(
            f"{called}x is a list of {len(x)} arrays, each of which is an example, and there are "
            "not as many targets: several inputs are given in a tuple, or by name"
        )
    data.check_lengths(lengths)
    arrays = list(targets.values())
    given = data.by_name(sample_weight, "sample_weight").values()
    if any(map(is_stored, given)) or any(isinstance(a, Stored) for a in (*inputs, *arrays)):
        inputs, arrays = [as_stored(a) for a in inputs], [as_stored(a) for a in arrays]
    return Examples(x, inputs, y, arrays, list(targets), sample_weight, class_weight, called)


def checked(examples: Examples, tasks: Sequence[Task]) -> Examples:
    """The examples with targets and weights for each task, held against what the model gives."""
    y = examples.y
    if isinstance(y, Mapping):
        if set(y) != {task.name for task in tasks}:
            raise DataError(
                f"{examples.called}y has the targets {', '.join(map(str, y))}, but the model has the "
                f"outputs {', '.join(task.name for task in tasks) or 'of one layer, without names'}"
            )
        order = [list(y).index(task.name) for task in tasks]
    else:
        order = list(range(len(examples.targets)))
    if len(order) != len(tasks):
        raise DataError(
            f"{examples.called}y has {len(order)} targets, but the model has {len(tasks)} outputs: "
            "give a mapping by their names, or a tuple"
        )
    targets, weights = [], []
    outputs = [task.name for task in tasks]
    if len(tasks) > 1:
        _check_names("sample_weight", examples.sample_weight, outputs)
    for task, position in zip(tasks, order, strict=True):
        name = examples.names[position]

        def target_of(rows: np.ndarray, task: Task = task, name: str = name) -> np.ndarray:
            target = as_target(rows, task)
            if task.loss.missing is None or not np.isnan(task.loss.missing):
                data.check_finite(target, name)
            task.loss.check(target, task.shape, name, task.layer)
            for metric in task.metrics:
                _check_metric(metric, target, task, name)
            return target

        target = each_block(target_of, examples.targets[position])
        targets.append(target)
        given, by_class = examples.sample_weight, examples.class_weight
        if len(tasks) > 1:
            given, by_class = (_of_one(each, task.name, outputs, position) for each in (given, by_class))
        weights.append(weights_of(given, by_class, task, target, name))
    return examples.with_targets(targets, weights)


def _check_metric(metric: Measure, target: np.ndarray, task: Task, name: str) -> None:
    """DataError, which names the metric, for targets that it cannot be measured by."""
    try:
        metric.check(target, task.shape, name, task.layer)
    except DataError as error:
        less = ""
        if task.loss.missing is not None and metric.missing is None:
            less = f"; {task.loss.missing:g} is missing for the loss: give the metric missing= as well"
        raise DataError(f"the metric {name_of(metric)} does not fit: {error}{less}") from None


def _check_names(what: str, given: Any, outputs: Sequence[str]) -> None:
    """DataError where something is given for an output that there is not."""
    unknown = [name for name in given if name not in outputs] if isinstance(given, Mapping) else []
    if unknown:
        raise DataError(f"{what} names {unknown[0]!r}, and the model has the outputs {', '.join(outputs)}")


def _of_one(given: Any, name: str, outputs: Sequence[str], position: int) -> Any:
    """What is given for one of several outputs: by their names, in a tuple as y is, or the same for all."""
    if isinstance(given, Mapping) and set(given) <= set(outputs):
        return given.get(name)
    if isinstance(given, tuple) and len(given) == len(outputs):
        return given[position]
    return given


def weights_of(given: Any, by_class: Any, task: Task, target: Any, name: str) -> Any | None:
    """The weights of a task's examples: the user's, times those of the classes; None for none.

    Args:
        given, by_class: ``sample_weight`` and ``class_weight`` of `Model.fit`, of this task.
        target: its targets, as messages call them: ``name``.
    """
    if given is None and by_class is None:
        return None
    if by_class is not None:
        by_class = _weights_by_class(by_class, task, target, name)
    arrays = [target]
    if given is not None:
        own = data.as_array(given, "sample_weight")
        if own.shape != target.shape[: own.ndim]:
            raise DataError(f"sample_weight has shape {own.shape}, and {name} has {target.shape}")
        if not isinstance(own, Stored) and not own.any():
            raise DataError("sample_weight is 0 for all examples: nothing can be learnt")
        arrays.append(own)
    dtype = graphlib.config.floatX

    def of(rows: np.ndarray, *own: np.ndarray) -> np.ndarray:
        weights = None
        if own:
            weights = own[0].astype("float64")
            wrong = ~(np.isfinite(weights) & (weights >= 0))
            if wrong.any():
                place = place_of(int(np.argwhere(wrong)[0][0]))
                raise DataError(f"sample_weight must be of finite numbers, 0 or more, and is not at {place}")
        if by_class is not None:
            labels = _labels(rows, task)
            known, index = np.unique(labels, return_inverse=True)
            unknown = [label for label in known.tolist() if label not in by_class]
            if unknown:
                raise DataError(f"class_weight has no weight for class {unknown[0]}, which is in {name}")
            factors = np.array([by_class[label] for label in known.tolist()], "float64")
            factors = factors[index.reshape(labels.shape)]
            weights = factors if weights is None else _times(weights, factors)
        return np.ascontiguousarray(weights, dtype)

    return each_block(of, *arrays)


def _weights_by_class(given: Any, task: Task, target: Any, name: str) -> Mapping[Any, float]:
    """The weights of a task's classes; DataError where it has no classes, or not these."""
    if not task.loss.of_classes:
        raise DataError(
            f"class_weight is for classes, and the loss of {name} is {name_of(task.loss)}"
            + (f"; of several outputs give it by their names, without {task.name}" if task.name else "")
        )
    if isinstance(given, str) and given == "balanced":
        return _balanced(target, task)
    if not isinstance(given, Mapping):
        raise DataError(f'class_weight is a mapping of classes or "balanced", not {given!r}')
    outputs = task.shape[-1] if len(task.shape) > 1 else 1
    classes = (-1, 0, 1) if outputs == 1 else range(outputs or 0)
    unknown = [label for label in given if outputs is not None and label not in classes]
    if unknown:
        raise DataError(
            f"class_weight has the class {unknown[0]}, which the layer {task.layer}, with {outputs} outputs, "
            "has not"
        )
    for label, weight in given.items():
        if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise DataError(f"class_weight of class {label} is {weight!r}: give a number, 0 or more")
    return given


def _labels(target: np.ndarray, task: Task) -> np.ndarray:
    """The classes of targets, whether they are written as numbers or as rows of zeros and a one."""
    if target.ndim == len(task.shape) and task.shape[-1] != 1:
        return target.argmax(axis=-1)
    return target


def _balanced(target: Any, task: Task) -> dict[Any, float]:
    """The weights of classes such that all weigh alike."""
    counts: Counter = Counter()
    blocks = (block for (block,) in in_order([target], AT_ONCE)) if isinstance(target, Stored) else [target]
    for block in blocks:
        known, count = np.unique(_labels(block, task), return_counts=True)
        counts.update(dict(zip(known.tolist(), count.tolist(), strict=True)))
    total = sum(counts.values())
    return {label: total / (len(counts) * count) for label, count in counts.items()}


def _times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of weights of examples and of weights of their positions."""
    ndim = max(a.ndim, b.ndim)
    return a.reshape(a.shape + (1,) * (ndim - a.ndim)) * b.reshape(b.shape + (1,) * (ndim - b.ndim))
