"""Losses: how far predictions are from targets, one value an example, and their mean.

A loss is called with symbolic variables and returns an expression, ``Crossentropy()(p, y)``.  Predictions are
what the model's last layer gives, so probabilities for the losses of probabilities; a logarithm of softmax or
sigmoid is computed stably all the same, because it is rewritten (see docs/how-it-works.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

import graphlib.tensor as T
from graphlib.datasets import DataError
from graphlib.errors import ShapeError
from graphlib.tensor import as_tensor_variable as as_variable

from .data import check_finite
from .registry import register, registered_name
from .targets import check_classes, check_distributions, check_range, check_shape, fail_at

Reduction = Literal["mean", "sum"]


class Measure:
    """What losses and metrics have in common: a value for each element of the targets, and means of them.

    An *element* is what has a value of its own: an example, a position of a sequence, or one of several
    outputs.

    Attributes:
        missing: the target that means that there is none (NaN, or a label): neither value nor gradient; the
            mean is over the others. None: all are there.
        greater_is_better: for a metric to be maximized.
        of_probabilities: whether predictions are probabilities.
        of_classes: whether `decide` gives classes.
    """

    missing: float | None = None
    greater_is_better = False
    of_probabilities = False
    of_classes = False

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        """(values, present): the values, (batch, …), 0 where the target is missing, and 1 where it is
        present, of the same shape; None where all are present."""
        raise NotImplementedError

    def each(self, prediction: Any, target: Any) -> Any:
        """The value of each example, (batch,): the mean over its present elements, 0 where it has none."""
        values, present = self.elements(prediction, target)
        if values.ndim <= 1:
            return values
        axes = tuple(range(1, values.ndim))
        if present is None:
            return T.mean(values, axis=axes)
        return T.sum(values, axis=axes) / T.maximum(T.sum(present, axis=axes), 1)

    def __call__(self, prediction: Any, target: Any, weights: Any = None, mask: Any = None) -> Any:
        """The mean over all present elements, a scalar; 0 where there are none.

        Args:
            prediction: (batch, …), as the model gives it.
            target: see the class.
            weights: of the examples, (batch,), or of their elements; the mean is Σ w l / Σ w.
            mask: (batch, time), 0 where a sequence has ended: elements there are not present.
        """
        return self.mean_and_count(prediction, target, weights, mask)[0]

    def heeding(self, prediction: Any, target: Any, mask: Any) -> tuple[Any, Any | None]:
        """As `elements`, of which those are not present where a mask, (batch, time), is 0; where an example
        has one value, a mask says nothing of it."""
        return _unmasked(mask, *self.elements(prediction, target))

    def mean_and_count(
        self, prediction: Any, target: Any, weights: Any = None, mask: Any = None
    ) -> tuple[Any, Any]:
        """(the mean, Σ w over the present elements): with these, batches' means give the mean over all."""
        if mask is None:
            values, present = self.elements(prediction, target)
        else:
            values, present = self.heeding(prediction, target, mask)
        if weights is None and present is None:
            return T.mean(values), _size(values)
        if weights is not None:
            weights = as_variable(weights)
            if weights.ndim > values.ndim:
                raise ShapeError(f"{name_of(self)}: {weights.describe()} as weights of {values.describe()}")
            weights = T.shape_padright(weights, values.ndim - weights.ndim)
            values = weights * values
            present = weights * (T.ones_like(values) if present is None else present)
        count = T.sum(present)
        some = count > 0
        return T.switch(some, T.sum(values) / T.switch(some, count, 1), 0), count

    def decide(self, prediction: np.ndarray) -> np.ndarray:
        """What a prediction says, as targets are written: classes, or the values themselves."""
        return prediction

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        """DataError for targets that cannot be compared with predictions of a shape.

        Args:
            target: an array of targets.
            shape: of the predictions, its first length that of the batch.
            name: what the message calls the targets.
            layer: the layer that makes the predictions.
        """

    def _missing_of(self, target: Any) -> Any | None:
        """Where the elements of a target are missing; None where none can be."""
        if self.missing is None:
            return None
        if math.isnan(self.missing):
            return T.isnan(target) if "float" in target.dtype else None
        return T.eq(target, self.missing)

    def _present_in(self, target: np.ndarray) -> np.ndarray:
        """Which values of an array are there."""
        if self.missing is None:
            return np.ones(target.shape, bool)
        return ~np.isnan(target) if math.isnan(self.missing) else target != self.missing

    def __repr__(self) -> str:
        return name_of(self)


def name_of(measure: Any) -> str:
    """The name under which a loss or metric is reported: that of the registry, or of the function."""
    return registered_name(measure)


def _size(values: Any) -> Any:
    """How many elements there are, as a number of the values' dtype."""
    size = values.shape[0]
    for axis in range(1, values.ndim):
        size = size * values.shape[axis]
    return T.cast(size, values.dtype)


class Loss(Measure):
    """A measure to be minimized; `missing` is an argument of each."""

    def __init__(self, missing: float | None = None):
        self.missing = missing


class _OfDistributions(Loss):
    """Predictions are probabilities of classes along the last axis, targets classes or distributions.

    The targets of predictions (batch, …, classes) are integers (batch, …), each in [0, classes), or
    probabilities (batch, …, classes).
    """

    of_probabilities = of_classes = True

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        prediction, target = as_variable(prediction), as_variable(target)
        if is_classes(prediction, target, name_of(self)):
            missing = self._missing_of(target)
            if missing is not None:
                target = T.switch(missing, 0, target)
            values = self._of_classes(
                prediction, T.cast(target, "int64") if "int" not in target.dtype else target
            )
        else:
            missing = self._missing_of(target)
            if missing is not None:
                missing = T.any(missing, axis=-1)
                target = T.switch(T.shape_padright(missing), 0, target)
            values = self._of_distribution(prediction, target)
        return _without(missing, values)

    def _of_classes(self, prediction: Any, target: Any) -> Any:
        return self._of_distribution(prediction, one_hot(prediction, target))

    def _of_distribution(self, prediction: Any, target: Any) -> Any:
        raise NotImplementedError

    def decide(self, prediction: np.ndarray) -> np.ndarray:
        """The most probable classes, (batch, …)."""
        return prediction.argmax(axis=-1)

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        if shape[-1] == 1:
            raise DataError(
                f"{name_of(self)} is of several classes, and the layer {layer} gives one number: give it 2 "
                "units and softmax, or take binary_crossentropy with sigmoid"
            )
        if target.ndim != len(shape):
            check_classes(target, self._present_in(target), shape, name, layer)
        else:
            check_distributions(target, self._present_in(target), shape, name, layer)


@register("loss")
class Crossentropy(_OfDistributions):
    """−log p of the true class, or −Σ t log p for a distribution t over the classes.

    The prediction is (batch, …, classes), of probabilities; the target integers (batch, …) or probabilities
    (batch, …, classes).

    Args:
        missing: the label that means that there is none, such as −1; NaN for targets of floats.
    """

    def _of_classes(self, prediction: Any, target: Any) -> Any:
        flat, labels = _rows(prediction, target)
        losses = T.nnet.categorical_crossentropy(flat, labels)
        return losses if target.ndim == 1 else losses.reshape(target.shape, ndim=target.ndim)

    def _of_distribution(self, prediction: Any, target: Any) -> Any:
        return -T.sum(T.xlogx.xlogy0(target, prediction), axis=-1)


@register("loss")
class KLDivergence(_OfDistributions):
    """Σ t (log t − log p), the divergence of the prediction p from the target t; 0 log 0 is 0.

    Its gradient is that of `Crossentropy`; the value is 0 where both agree. Shapes and `missing` as there.
    """

    def _of_classes(self, prediction: Any, target: Any) -> Any:
        return Crossentropy._of_classes(self, prediction, target)

    def _of_distribution(self, prediction: Any, target: Any) -> Any:
        return T.sum(T.xlogx.xlogx(target) - T.xlogx.xlogy0(target, prediction), axis=-1)


@register("loss")
class Hellinger(_OfDistributions):
    """½ Σ (√p − √t)², the squared Hellinger distance of two distributions, between 0 and 1.

    Shapes and `missing` as for `Crossentropy`.

    Args:
        squared: False for the distance itself, the root of that; where p = t, its slope is taken as 0.
    """

    def __init__(self, squared: bool = True, missing: float | None = None):
        super().__init__(missing)
        self.squared = squared

    def _of_distribution(self, prediction: Any, target: Any) -> Any:
        # The root by way of the logarithm, which is stable where p comes from a softmax and underflows.
        half = 0.5 * T.sum((T.exp(0.5 * T.log(prediction)) - T.sqrt(target)) ** 2, axis=-1)
        if self.squared:
            return half
        apart = half > 0
        return T.switch(apart, T.sqrt(T.switch(apart, half, 1)), 0)


class _OfValues(Loss):
    """Predictions and targets have the same shape; several outputs are put together by `reduction`."""

    def __init__(self, reduction: Reduction = "mean", missing: float | None = None):
        super().__init__(missing)
        self.reduction = reduction

    def _each(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        if self.reduction not in ("mean", "sum"):
            raise ValueError(f"{name_of(self)}: reduction is mean or sum, not {self.reduction!r}")
        prediction, target = aligned(prediction, target, name_of(self))
        missing = self._missing_of(target)
        if missing is not None:
            target = T.switch(missing, 0, target)
        return _without(missing, self._of(prediction, T.cast(target, prediction.dtype)))

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        return self._reduced(*self._each(prediction, target))

    def heeding(self, prediction: Any, target: Any, mask: Any) -> tuple[Any, Any | None]:
        return self._reduced(*_unmasked(mask, *self._each(prediction, target)))

    def _reduced(self, values: Any, present: Any | None) -> tuple[Any, Any | None]:
        if self.reduction == "mean" or values.ndim == 1:
            return values, present
        axes = tuple(range(1, values.ndim))
        there = None if present is None else T.cast(T.any(T.gt(present, 0), axis=axes), values.dtype)
        return T.sum(values, axis=axes), there

    def _of(self, prediction: Any, target: Any) -> Any:
        raise NotImplementedError

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        check_shape(target, shape, name, layer)
        if self.missing is None or not math.isnan(self.missing):
            check_finite(target, name)


@register("loss")
class SquaredError(_OfValues):
    """(p − t)², for predictions and targets of the same shape, (batch,) or (batch, …).

    Args:
        reduction: of several outputs of an example: their mean (as in Keras, PyTorch and scikit-learn), or
            their sum.
        missing: the target that means that there is none, such as NaN, for each output on its own.
    """

    def _of(self, prediction: Any, target: Any) -> Any:
        return (prediction - target) ** 2


@register("loss")
class AbsoluteError(_OfValues):
    """|p − t|; shapes and arguments as for `SquaredError`."""

    def _of(self, prediction: Any, target: Any) -> Any:
        return abs(prediction - target)


@register("loss")
class BinaryCrossentropy(_OfValues):
    """−t log p − (1 − t) log(1 − p), for probabilities p and targets t in [0, 1] of the same shape, (batch,)
    or (batch, …); predictions (batch, 1) go with targets (batch,) too.

    Args:
        reduction: of several outputs of an example: their mean (as in Keras and PyTorch), or their sum.
        missing: the target that means that there is none, such as NaN or −1, for each output on its own.
    """

    of_probabilities = of_classes = True

    def _of(self, prediction: Any, target: Any) -> Any:
        return T.nnet.binary_crossentropy(prediction, target)

    def decide(self, prediction: np.ndarray) -> np.ndarray:
        """1 where the probability is more than ½, else 0."""
        return (prediction > 0.5).astype("int64")

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        super().check(target, shape, name, layer)
        what = "a probability or one of the labels 0 and 1"
        check_range(target, self._present_in(target), 0, 1, name, what)


@register("loss")
class Hinge(Loss):
    """The margin by which scores are on the wrong side.

    Scores s of classes, (batch, …, classes), with the true classes y as integers (batch, …): the sum over the
    other classes of max(0, s_j − s_y + margin) (J. Weston and C. Watkins, "Support vector machines for
    multi-class pattern recognition", 1999).  One score, (batch,) or (batch, 1), with targets t of −1 and 1:
    max(0, margin − t s).

    Args:
        margin: the wanted distance.
        squared: the square of each of these terms.
        missing: the label that means that there is none.
    """

    of_classes = True

    def __init__(self, margin: float = 1.0, squared: bool = False, missing: float | None = None):
        super().__init__(missing)
        self.margin, self.squared = margin, squared

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        prediction, target = as_variable(prediction), as_variable(target)
        missing = self._missing_of(target)
        if missing is not None:
            target = T.switch(missing, 0, target)
        if is_classes(prediction, target, name_of(self)):
            flat, labels = _rows(prediction, target)
            true = flat[T.arange(labels.shape[0]), labels]
            terms = self._positive(flat - true[:, None] + self.margin)
            own = self.margin**2 if self.squared else self.margin
            values = T.sum(terms, axis=1) - max(0, own)
            if target.ndim != 1:
                values = values.reshape(target.shape, ndim=target.ndim)
        else:
            prediction, target = aligned(prediction, target, name_of(self))
            values = self._positive(self.margin - T.cast(target, prediction.dtype) * prediction)
        return _without(missing, values)

    def _positive(self, x: Any) -> Any:
        x = T.maximum(x, 0)
        return x**2 if self.squared else x

    def decide(self, prediction: np.ndarray) -> np.ndarray:
        """The classes with the highest scores, or the signs, −1 and 1, of single ones."""
        if prediction.ndim > 1 and prediction.shape[-1] > 1:
            return prediction.argmax(axis=-1)
        return np.where(prediction > 0, 1, -1)

    def check(self, target: np.ndarray, shape: tuple[int | None, ...], name: str, layer: str) -> None:
        present = self._present_in(target)
        if target.ndim == len(shape) - 1 and shape[-1] != 1:
            check_classes(target, present, shape, name, layer)
            return
        check_shape(target, shape, name, layer)
        why = f": for the hinge loss of one score (the layer {layer}) targets are -1 and 1"
        fail_at(target, present & (target != 1) & (target != -1), name, why)


def _without(missing: Any | None, values: Any) -> tuple[Any, Any | None]:
    """The values with 0 where they are missing, and 1 where they are present."""
    if missing is None:
        return values, None
    return T.switch(missing, 0, values), T.cast(1 - missing, values.dtype)


def _unmasked(mask: Any, values: Any, present: Any | None) -> tuple[Any, Any | None]:
    """Values and which are present, without those where a mask is 0, which may be NaN."""
    if mask.ndim > values.ndim:
        return values, present
    there = T.shape_padright(T.neq(mask, 0), values.ndim - mask.ndim)
    values = T.switch(there, values, 0)
    ones = T.ones_like(values) if present is None else present
    return values, T.switch(there, ones, 0)


def is_classes(prediction: Any, target: Any, name: str) -> bool:
    """Whether a target holds the classes of a prediction (batch, …, classes), not a value for each."""
    if target.ndim == prediction.ndim:
        return False
    if target.ndim == prediction.ndim - 1:
        return prediction.type.shape[-1] != 1
    raise ShapeError(
        f"{name}: targets {target.describe()} for predictions {prediction.describe()}; they are classes, "
        "with an axis less, or values of the same shape"
    )


def aligned(prediction: Any, target: Any, name: str) -> tuple[Any, Any]:
    """Both with the same number of axes: the last, of length 1, is dropped from predictions (batch, 1)."""
    prediction, target = as_variable(prediction), as_variable(target)
    for a, b in ((prediction, target), (target, prediction)):
        if a.ndim == b.ndim + 1 and a.type.shape[-1] == 1:
            dropped = a.reshape(tuple(a.shape[axis] for axis in range(a.ndim - 1)), ndim=a.ndim - 1)
            return (dropped, b) if a is prediction else (b, dropped)
    if prediction.ndim != target.ndim or any(
        m != n and None not in (m, n)
        for m, n in zip(prediction.type.shape[1:], target.type.shape[1:], strict=True)
    ):
        raise ShapeError(
            f"{name}: targets {target.describe()} for predictions {prediction.describe()}; they must have "
            "the same shape"
        )
    return prediction, target


def _rows(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Predictions (n, classes) and classes (n,) of all positions."""
    if target.ndim == 1:
        return prediction, target
    classes = prediction.shape[prediction.ndim - 1]
    return prediction.reshape((-1, classes), ndim=2), target.flatten()


def one_hot(prediction: Any, target: Any) -> Any:
    """Classes (batch, …) as distributions of the shape of the predictions."""
    flat, labels = _rows(prediction, target)
    hot = T.extra_ops.to_one_hot(labels, flat.shape[1], dtype=prediction.dtype)
    return hot if target.ndim == 1 else hot.reshape(prediction.shape, ndim=prediction.ndim)


class Function(Measure):
    """A plain function ``f(prediction, target)`` as a loss or metric; it returns a value for each example,
    (batch,), or for each element, (batch, …)."""

    def __init__(self, function: Callable[[Any, Any], Any]):
        self.function = function
        self.__name__ = getattr(function, "__name__", "loss")

    def elements(self, prediction: Any, target: Any) -> tuple[Any, Any | None]:
        values = as_variable(self.function(prediction, target))
        if not values.ndim:
            raise ShapeError(
                f"the loss {self.__name__} returns {values.describe()}, a single number: return one for each "
                "example, so that weights and means over several batches can be applied"
            )
        return values, None


def as_measure(value: Any) -> Measure:
    """A loss or metric, or a plain function as one."""
    if isinstance(value, Measure):
        return value
    if callable(value):
        return Function(value)
    raise TypeError(
        f"{value!r} is no loss or metric: give its name, an object, or a function of two variables"
    )
