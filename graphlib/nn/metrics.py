"""Metrics: what is reported beside the loss, such as the fraction of wrong classes.

A metric is called like a loss, ``Error()(prediction, target)``, and gives the mean over the examples; any
loss is a metric too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphlib.tensor as T
from graphlib.datasets import DataError
from graphlib.errors import ShapeError
from graphlib.tensor import as_tensor_variable as as_variable

from .losses import Measure, aligned, is_classes, name_of
from .registry import register
from .targets import check_classes, check_distributions, check_labels, check_shape


class Metric(Measure):
    """A measure of classes; it has no useful gradient."""

    def __init__(self, missing: float | None = None):
        self.missing = missing


@register("metric")
class Error(Metric):
    """The fraction of examples whose class is predicted wrongly, in [0, 1].

    Predictions (batch, …, classes) say the class of their highest value; targets are classes (batch, …), or
    distributions, whose class is their most probable one. Predictions (batch,) or (batch, 1) say 1 where they
    are above `threshold`; targets are 0 and 1 (or −1 and 1 for scores, with threshold 0).

    Args:
        threshold: see above.
        binary: predictions (batch, …) of any shape say 0 or 1 for each value, and targets have their shape:
            labels that do not exclude each other.
        missing: the target that means that there is none (NaN, or a label); it is not counted.
    """

    def __init__(self, threshold: float = 0.5, binary: bool = False, missing: float | None = None):
        super().__init__(missing)
        self.threshold, self.binary = threshold, binary

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        wrong, missing = self._wrong(as_variable(prediction), as_variable(target))
        wrong = T.cast(wrong, as_variable(prediction).dtype)
        if missing is None:
            return wrong, None
        return T.switch(missing, 0, wrong), T.cast(1 - missing, wrong.dtype)

    def _wrong(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        missing = self._missing_of(target)
        if not self.binary and is_classes(prediction, target, name_of(self)):
            return T.neq(T.argmax(prediction, axis=-1), target), missing
        if not self.binary and prediction.ndim > 1 and prediction.type.shape[-1] != 1:
            truth = T.argmax(target, axis=-1)
            missing = missing if missing is None else T.any(missing, axis=-1)
            return T.neq(T.argmax(prediction, axis=-1), truth), missing
        prediction, target = aligned(prediction, target, name_of(self))
        missing = self._missing_of(target)
        return T.neq(prediction > self.threshold, target > self.threshold), missing

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        present = self._present_in(target)
        if self.binary or len(shape) == 1 or shape[-1] == 1:
            check_shape(target, shape, name, layer)
            check_labels(target, present, name)
        elif target.ndim == len(shape):
            check_distributions(target, present, shape, name, layer)
        else:
            check_classes(target, present, shape, name, layer)


@register("metric")
class Accuracy(Error):
    """The fraction of examples whose class is predicted rightly: 1 − `Error`, whose arguments it has."""

    greater_is_better = True

    def _wrong(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        wrong, missing = super()._wrong(prediction, target)
        return 1 - wrong, missing


@register("metric")
class TopAccuracy(Metric):
    """The fraction of examples whose class is among the `k` that are predicted with the highest values.

    Predictions are (batch, …, classes), targets classes (batch, …).  A class that ties with the k-th counts.
    """

    greater_is_better = True

    def __init__(self, k: int = 5, missing: float | None = None):
        super().__init__(missing)
        self.k = k

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        if shape[-1] is not None and shape[-1] <= self.k:
            raise DataError(
                f"every class is among the {self.k} with the highest values, where the layer {layer} has "
                f"{shape[-1]} outputs: give a smaller k"
            )
        if target.ndim == len(shape):
            raise DataError(f"{name} has shape {target.shape}: give the numbers of the classes")
        check_classes(target, self._present_in(target), shape, name, layer)

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        prediction, target = as_variable(prediction), as_variable(target)
        if target.ndim != prediction.ndim - 1:
            raise ShapeError(
                f"{name_of(self)}: {target.describe()} are no classes for {prediction.describe()}"
            )
        missing = self._missing_of(target)
        if missing is not None:
            target = T.switch(missing, 0, target)
        classes = prediction.shape[prediction.ndim - 1]
        flat, labels = prediction.reshape((-1, classes), ndim=2), target.flatten()
        own = flat[T.arange(labels.shape[0]), T.cast(labels, "int64")]
        found = T.cast(T.sum(flat > own[:, None], axis=1) < self.k, prediction.dtype)
        found = found.reshape(target.shape, ndim=target.ndim)
        if missing is None:
            return found, None
        return T.switch(missing, 0, found), T.cast(1 - missing, found.dtype)
