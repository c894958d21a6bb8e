"""Whether targets fit what a layer gives: DataErrors that name the example, the layer, and what to do.

In all of it ``present`` says which values of ``target`` are there, ``shape`` is that of the predictions, its
first length the batch, and ``name`` and ``layer`` are what messages call the targets and the layer that makes
the predictions.
"""

from __future__ import annotations

import numpy as np

from graphlib.datasets import DataError

from .places import place_of

Shape = tuple[int | None, ...]

#: how far from 1 the sum of probabilities may be, such as those that were written with few digits
_ROUNDING = 1e-3


def fail_at(target: np.ndarray, wrong: np.ndarray, name: str, why: str) -> None:
    """DataError with the first value and place that is ``wrong``, if there is one, as a reader counts."""
    if wrong.any():
        index = tuple(int(each[0]) for each in np.nonzero(wrong))
        where = place_of(index[0])
        if len(index) > 1:
            where += f", position {', '.join(map(str, index[1:]))}"
        raise DataError(f"{name} is {target[index].item()} at {where}{why}")


def check_classes(target: np.ndarray, present: np.ndarray, shape: Shape, name: str, layer: str) -> None:
    """Targets are classes of predictions (batch, …, classes)."""
    if target.ndim != len(shape) - 1:
        raise DataError(
            f"{name} has shape {target.shape}, but the layer {layer} gives {_written(shape)}: give classes, "
            f"with {len(shape) - 1} axes, or probabilities, with {len(shape)}"
        )
    check_shape(target, shape[:-1], name, layer)
    if target.dtype.kind == "f":
        fractions = present & (target != np.floor(np.where(present, target, 0)))
        fail_at(target, fractions, name, ": classes are whole numbers, from 0")
    classes = shape[-1]
    wrong = present & ((target < 0) | ((target >= classes) if classes is not None else False))
    last = "the last" if classes is None else classes - 1
    fail_at(
        target,
        wrong,
        name,
        f": the layer {layer} has {classes} outputs, so labels are 0 to {last}; give it more outputs, or "
        "number the labels from 0",
    )


def check_distributions(target: np.ndarray, present: np.ndarray, shape: Shape, name: str, layer: str) -> None:
    """Targets are probabilities of predictions' classes, (batch, …, classes), which exclude each other."""
    check_shape(target, shape, name, layer)
    check_range(target, present, 0, 1, name, "a probability")
    sums = target.sum(axis=-1)
    wrong = present.all(axis=-1) & ~(np.abs(sums - 1) <= _ROUNDING)
    why = (
        " as the sum of its probabilities, which is 1 for classes that exclude each other; for others take "
        "binary_crossentropy, and {error: {binary: true}}"
    )
    fail_at(sums, wrong, name, why)


def check_labels(target: np.ndarray, present: np.ndarray, name: str) -> None:
    """Targets are the labels 0 and 1, or −1 and 1, or probabilities of the label 1."""
    with np.errstate(invalid="ignore"):
        wrong = present & ~((target >= 0) & (target <= 1)) & (target != -1)
    why = (
        ", which is no label: these are 0 and 1, or -1 and 1; of other numbers squared_error and "
        "absolute_error say how far predictions are from them"
    )
    fail_at(target, wrong, name, why)


def check_shape(target: np.ndarray, shape: Shape, name: str, layer: str) -> None:
    """Targets have the shape of the predictions, of which a last axis of length 1 may be missing."""
    wanted = shape[:-1] if target.ndim == len(shape) - 1 and shape[-1] == 1 else shape
    if target.ndim == len(wanted) + 1 and target.shape[-1] == 1:
        wanted = (*wanted, 1)
    if target.ndim != len(wanted) or any(
        n is not None and n != m for m, n in zip(target.shape[1:], wanted[1:], strict=True)
    ):
        raise DataError(
            f"{name} has shape {target.shape}, but the layer {layer} gives {_written(shape)}: change the "
            "layer's units, or give targets that fit"
        )


def check_range(
    target: np.ndarray, present: np.ndarray, low: float, high: float, name: str, what: str
) -> None:
    """Targets are in [low, high], as ``what`` is."""
    with np.errstate(invalid="ignore"):
        wrong = present & ~((target >= low) & (target <= high))
    fail_at(target, wrong, name, f", which is not {what}: give numbers in [{low}, {high}]")


def _written(shape: Shape) -> str:
    lengths = ["batch", *("?" if n is None else str(n) for n in shape[1:])]
    return f"({', '.join(lengths)})"
