"""A data set of labelled images, and how one is made of what a file holds."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import DataError

_DIGITS = 10


class Split(NamedTuple):
    """Images x, float32 (n, pixels) in [0, 1], a row an image, and their labels y, int32 (n,), from 0 on."""

    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Dataset:
    """The images to learn from, those to choose a model by, and those to judge it by; iterates over them.

    Attributes:
        image_shape: the rows and columns of each image, whose product is its pixels.
        classes: what the labels stand for, such as ("0", "1", …, "9").
        origin: in a few words, where the images are from.
    """

    train: Split
    valid: Split
    test: Split
    image_shape: tuple[int, int] = (28, 28)
    classes: tuple[str, ...] = tuple(map(str, range(_DIGITS)))
    origin: str = "MNIST"

    def __iter__(self) -> Iterator[Split]:
        return iter((self.train, self.valid, self.test))


class Part(NamedTuple):
    """Images as a file holds them, (n, rows, columns), of any numbers, and their labels (n,); and what errors
    call either.
    """

    images: np.ndarray
    labels: np.ndarray
    images_name: str
    labels_name: str


def make_dataset(
    origin: str,
    parts: Sequence[Part],
    names: dict[int, str] | None = None,
    random_split: np.random.RandomState | None = None,
) -> Dataset:
    """The data set of a training, perhaps a validation, and a test part.

    Images of whole numbers are divided by the power of 2 above the largest training pixel: bytes by 256;
    others must be in [0, 1].

    Args:
        names: what the files' labels stand for; None for their own numbers or texts.
        random_split: draws the validation images; None to take them from the end of the training images.

    Raises:
        DataError: images or labels are not what they should be, or there are too few.
    """
    for part in parts:
        _check(part, parts[0])
    parts = _scaled(parts)
    labels, classes = _classes(parts, names or {})
    image_shape = parts[0].images.shape[1:]
    splits = [
        Split(part.images.reshape(len(part.images), math.prod(image_shape)), each)
        for part, each in zip(parts, labels, strict=True)
    ]
    if len(splits) == 2:
        train, test = splits
        held_out = len(test.y) if 2 * len(test.y) <= len(train.y) else len(train.y) // 6
        if not len(test.y) or not 0 < held_out < len(train.y):
            raise DataError(
                f"{origin}: {len(train.y)} training and {len(test.y)} test images; the validation set is "
                "taken from the training images: get whole files (MNIST: 60000 and 10000)"
            )
        if random_split is not None:
            order = random_split.permutation(len(train.y))
            train = Split(train.x[order], train.y[order])
        splits = [
            Split(train.x[:-held_out], train.y[:-held_out]),
            Split(train.x[-held_out:], train.y[-held_out:]),
            test,
        ]
    return Dataset(*splits, image_shape=image_shape, classes=classes, origin=origin)


def square(pixels: int, name: str) -> tuple[int, int]:
    """The shape of a square image of so many pixels; DataError if there is none."""
    side = math.isqrt(pixels)
    if side * side != pixels or not side:
        raise DataError(
            f"{name}: {pixels} pixels an image, which is no square; give images with their rows and columns, "
            "as IDX or .npz files have them"
        )
    return side, side


def _check(part: Part, train: Part) -> None:
    images, labels, images_name, labels_name = part
    if images.ndim != 3 or images.dtype.kind not in "uif" or 0 in images.shape[1:]:
        raise DataError(
            f"{images_name}: the images are {images.dtype} of shape {images.shape}, expected numbers (n, "
            "rows, columns): grey images, all of one size"
        )
    if images.shape[1:] != train.images.shape[1:]:
        raise DataError(
            f"{images_name}: images of shape {images.shape[1:]}, expected {train.images.shape[1:]} as in "
            f"{train.images_name}"
        )
    if labels.shape != (len(images),):
        raise DataError(
            f"{labels_name}: labels of shape {labels.shape} for {len(images)} images, expected one for each; "
            "take images and labels from the same source"
        )


def _scaled(parts: Sequence[Part]) -> list[Part]:
    """The parts with their images as float32 in [0, 1]."""
    ranges = [(part.images.min(initial=0), part.images.max(initial=0)) for part in parts]
    more = any(largest > 1 for _, largest in ranges)
    whole = more and all(part.images.dtype.kind in "ui" or _all_whole(part.images) for part in parts)
    above = 2 ** int(parts[0].images.max(initial=1)).bit_length() if whole else 1
    for part, (least, largest) in zip(parts, ranges, strict=True):
        if not (least >= 0 and largest <= above):  # nor NaN
            raise DataError(
                f"{part.images_name}: the images have values outside [0, {above}]; get the original file, or "
                "scale all images to [0, 1]"
            )
    return [
        part._replace(images=np.multiply(part.images, np.float32(1 / above), dtype=np.float32))
        for part in parts
    ]


def _all_whole(images: np.ndarray) -> bool:
    return np.array_equal(images, np.rint(images))


def _classes(parts: Sequence[Part], names: dict[int, str]) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """The labels of the parts from 0 on, int32, and what they stand for.

    Labels from 0 to 9 in the training images are digits, of ten classes. Other whole numbers must count
    without gaps from 0 or 1; of names the order is the alphabet's.
    """
    for part in parts:
        if part.labels.dtype.kind not in "uiUS":
            raise DataError(
                f"{part.labels_name}: labels of dtype {part.labels.dtype}, expected a whole number or a name "
                "for each"
            )
    present = np.unique(parts[0].labels)
    if present.dtype.kind in "ui" and not names and np.all((present >= 0) & (present < _DIGITS)):
        present = np.arange(_DIGITS)
    elif present.dtype.kind in "ui":
        first = 1 if present[0] == 1 else 0
        present = np.arange(first, first + len(present))
    labels = []
    for part in parts:
        indices = np.searchsorted(present, part.labels)
        wrong = np.flatnonzero(present[indices.clip(max=len(present) - 1)] != part.labels)
        if len(wrong):
            raise DataError(
                f"{part.labels_name}: label {part.labels[wrong[0]]} at position {wrong[0]} ({len(wrong)} "
                f"such in all), expected {present[0]} to {present[-1]}, the {len(present)} classes of the "
                "training images; this is another data set or a damaged file, get the right one"
            )
        labels.append(indices.astype(np.int32))
    return labels, tuple(names.get(label, str(label)) for label in present.tolist())
