"""Models as scikit-learn's estimators: for its pipelines, searches of parameters and cross-validation.

    from graphlib.nn import Classifier
    Classifier(layers=(50,), epochs=30).fit(X, y).score(X_test, y_test)

Needs scikit-learn, which nothing else in graphlib.nn does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphlib
from graphlib.datasets import DataError
from graphlib.errors import InputError

from . import data
from .layers import Dense, Layer, Sequential
from .losses import as_measure
from .model import Model
from .registry import build, config_of, resolve

try:
    import scipy.sparse
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "graphlib.nn.Classifier and graphlib.nn.Regressor need scikit-learn, 1.6 or newer: pip install -U "
        "scikit-learn"
    ) from error


class _SparseBatches:
    """Minibatches of sparse rows, dense one at a time; see `graphlib.nn.data.Batches`."""

    def __init__(self, x: Any, y: np.ndarray, weights: np.ndarray | None, batches: data.Batches):
        self.x, self.y, self.weights, self.order = x, y, weights, batches.order
        self.batch_size, self.shuffle, self.seed = batches.batch_size, batches.shuffle, batches.seed

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> tuple:
        rows = self.order[index]
        parts = (self.x[rows].toarray(), self.y[rows])
        return parts if self.weights is None else (*parts, self.weights[rows])


@dataclass(eq=False, repr=False)
class _Estimator(BaseEstimator):
    """What both have in common."""

    layers: Sequence[Any] = (100,)
    loss: Any = None
    optimizer: Any = "adam"
    learning_rate: Any = None
    epochs: int = 100
    batch_size: int | None = 32
    shuffle: bool = True
    validation: float | None = None
    monitors: Sequence[Any] = ()
    random_state: Any = None
    verbose: bool = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _trained(
        self, X: Any, y: np.ndarray, units: int, activation: str | None, weights: Any, labels: Any = None
    ) -> Model:
        """A new model of the layers and a last one, trained."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if isinstance(self.layers, str | Mapping | Layer) or not isinstance(self.layers, Iterable):
            raise InputError(f"layers is {self.layers!r}: give a list of those below the last one, as (100,)")
        hidden = [Dense(each, "relu") if _is_size(each) else _fresh("layer", each) for each in self.layers]
        optimizer = _fresh("optimizer", self.optimizer)
        if self.learning_rate is not None:
            optimizer.learning_rate = self.learning_rate
        loss = _fresh("loss", self._loss())
        model = Model(Sequential([*hidden, Dense(units, activation)], seed=seed), loss, optimizer)
        x, y, weights, validation = self._parts(X, y, weights, labels, seed)
        size = None if self.batch_size is None else min(self.batch_size, len(y))
        if scipy.sparse.issparse(x):
            batches = data.Batches(y, batch_size=size, shuffle=self.shuffle, seed=seed)
            x, y, weights = _SparseBatches(x, y, weights, batches), None, None
        self.history_ = model.fit(
            x,
            y,
            epochs=self.epochs,
            batch_size=size,
            validation=validation,
            shuffle=self.shuffle,
            monitors=[_fresh("monitor", each) for each in self.monitors],
            sample_weight=weights,
            seed=seed,
            verbose=self.verbose,
        )
        self.n_iter_ = max(1, round(self.history_.epochs[-1]))
        return model

    def _parts(self, X: Any, y: np.ndarray, weights: Any, labels: Any, seed: int) -> tuple:
        """(x, y, weights to train with, what validates)."""
        if not self.validation:
            return X, y, weights, None
        rows, held = data.split_rows(len(y), self.validation, self.shuffle, labels, seed)
        parts = [X[held].toarray() if scipy.sparse.issparse(X) else X[held], y[held]]
        if weights is not None:
            parts.append(weights[held])
            weights = weights[rows]
        return X[rows], y[rows], weights, tuple(parts)

    def _outputs(self, X: Any) -> np.ndarray:
        """What the model gives for each row."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=graphlib.config.floatX, reset=False)
        if not scipy.sparse.issparse(X):
            return self.model_.outputs(X)
        parts = [X[first : first + 500].toarray() for first in range(0, X.shape[0], 500)]
        return np.concatenate([self.model_.outputs(part) for part in parts])


def _is_size(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _fresh(kind: str, value: Any) -> Any:
    """An object like the one that is given, or of its name, that nothing has been learnt with."""
    return build(kind, config_of(resolve(kind, value)))


_ARGUMENTS = """
    Args:
        layers: the layers below the last one, which is made by the data: numbers of relu units, layers, or
            their names with or without parameters (``{"dense": {"units": 50, "activation": "tanh"}}``).
        loss: a loss, or its name; None for LOSS.
        optimizer: an optimizer, or its name with or without parameters.
        learning_rate: in place of the optimizer's own; a number or a schedule.
        epochs: passes over the examples, at most.
        batch_size: examples of a minibatch; None for all.
        shuffle: whether each epoch has another order.
        validation: the share of the examples that is held out, and by which the best epoch is kept; None for
            none.
        monitors: see `graphlib.nn.monitors`, such as ``[EarlyStopping(5)]``.
        random_state: of the initial parameters, dropout and the order of the examples.
        verbose: whether each epoch prints a line.

    Layers, losses, optimizers and monitors are copied, so that `fit` leaves them as they are.

    Attributes:
        model_: the trained `graphlib.nn.Model`.
        history_: what its training measured.
        n_iter_: epochs done.
        n_features_in_, feature_names_in_: of the columns of X.
"""


@dataclass(eq=False, repr=False)
class Classifier(ClassifierMixin, _Estimator):
    __doc__ = (
        "A classifier for scikit-learn: layers, and a softmax of the classes.\n"
        + _ARGUMENTS.replace("LOSS", "the cross-entropy")
        + "        classes_: the classes, in the order of the probabilities.\n\n"
        '    ``class_weight`` is a mapping of classes to weights, or "balanced".\n'
    )

    class_weight: Any = None

    def _loss(self) -> Any:
        return "crossentropy" if self.loss is None else self.loss

    def _gives_probabilities(self) -> bool:
        return as_measure(resolve("loss", self._loss())).of_probabilities

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Classifier:
        """Trains a new model.

        Args:
            X: (examples, features), an array, a sparse matrix or a data frame of numbers.
            y: classes (examples,), of any type.
            sample_weight: the weight of each example, (examples,).

        Raises:
            DataError: there is only one class.
        """
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=graphlib.config.floatX)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise DataError(
                f"y holds one class, {self.classes_.tolist()[0]!r}: a Classifier needs two or more"
            )
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
        if self.class_weight is not None:
            by_class = _class_weights(self.class_weight, self.classes_, labels, weights)
            weights = by_class[labels] * (1 if weights is None else weights)
        activation = "softmax" if self._gives_probabilities() else None
        self.model_ = self._trained(X, labels, len(self.classes_), activation, weights, labels)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The classes, (examples,)."""
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of the classes, (examples, classes), in the order of ``classes_``."""
        return self._outputs(X)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self._outputs(X))


def _class_weights(given: Any, classes: np.ndarray, labels: np.ndarray, weights: Any) -> np.ndarray:
    """The weight of each class, (classes,)."""
    from sklearn.utils.class_weight import compute_class_weight

    return compute_class_weight(given, classes=classes, y=classes[labels], sample_weight=weights)


class Regressor(RegressorMixin, _Estimator):
    __doc__ = "A regressor for scikit-learn: layers, and a linear one of the targets.\n" + _ARGUMENTS.replace(
        "LOSS", "the squared error"
    )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags

    def _loss(self) -> Any:
        return "squared_error" if self.loss is None else self.loss

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Trains a new model.

        Args:
            X: (examples, features), an array, a sparse matrix or a data frame of numbers.
            y: targets (examples,), or (examples, targets).
            sample_weight: the weight of each example, (examples,).
        """
        X, y = validate_data(
            self, X, y, accept_sparse="csr", dtype=graphlib.config.floatX, multi_output=True, y_numeric=True
        )
        y = np.asarray(y, "float64")
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
        self._one_target = y.ndim == 1
        columns = y.reshape(len(y), -1)
        # The model learns targets of mean 0 and deviation 1, whatever their unit.
        self._mean = np.average(columns, axis=0, weights=weights)
        deviation = np.sqrt(np.average((columns - self._mean) ** 2, axis=0, weights=weights))
        self._deviation = np.where(deviation > 0, deviation, 1.0)
        scaled = (columns - self._mean) / self._deviation
        self.model_ = self._trained(X, scaled, columns.shape[1], None, weights)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The targets, (examples,) or (examples, targets)."""
        found = self._outputs(X) * self._deviation + self._mean
        return found[:, 0] if self._one_target else found
