"""The data of programs that learn from images: in shared variables, and those that a run learnt from."""

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

import graphlib

from ..datasets.mnist import IMAGE_SHAPE, Dataset, load
from . import command_line, provenance
from .minibatches import SharedSet
from .provenance import Provenance
from .run_folder import CHECKPOINT
from .storage import UserError
from .whitening import Kind, Whitening


class SharedData(NamedTuple):
    """A data set of images in shared variables, and what it is; `whitening` is what its x went through."""

    train: SharedSet
    valid: SharedSet
    test: SharedSet
    provenance: Provenance
    whitening: Whitening | None = None

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image."""
        return self.provenance.image_shape

    @property
    def n_in(self) -> int:
        """Pixels of an image."""
        return math.prod(self.image_shape)

    @property
    def n_out(self) -> int:
        """How many classes there are."""
        return len(self.provenance.dictionaries["classes"])

    def in_pixels(self, weights: np.ndarray) -> np.ndarray:
        """What units with these weights of x, (n_in, units), look for in the images as they were."""
        return self.whitening.in_pixels(weights) if self.whitening else weights


def load_shared(source: str | None, whiten: Kind | None = None) -> SharedData:
    """The data set of ``graphlib.datasets.mnist.load(source)`` in shared variables.

    Args:
        source: see there.
        whiten: how the images are whitened, "pca" or "zca", by what the training images are like; None for
            not at all.
    """
    dataset = load(source)
    whitening = Whitening.fit(dataset.train.x, whiten) if whiten else None
    sets = []
    for name in ("train", "valid", "test"):
        x, y = getattr(dataset, name)
        x = whitening(x) if whitening else x
        sets.append(
            SharedSet(
                graphlib.shared(np.asarray(x, dtype=graphlib.config.floatX), name=f"{name}_x", borrow=True),
                graphlib.shared(np.asarray(y, dtype="int32"), name=f"{name}_y", borrow=True),
                len(x),
            )
        )
    return SharedData(*sets, provenance_of(dataset), whitening)


def provenance_of(dataset: Dataset) -> Provenance:
    """Which images these are."""
    return Provenance(
        dataset.origin,
        provenance.fingerprint(*(array for split in dataset for array in split)),
        {"classes": list(dataset.classes)},
        dataset.image_shape,
    )


def data_of_run(options: argparse.Namespace, pixels: int, doing: str) -> Dataset:
    """The data set that the run in `options.out` learnt from, unless --dataset names another one, of images
    of so many `pixels`.

    UserError where the data are not what they were, or are of other images; it says what was `doing`.
    """
    learnt = provenance.find(options.out)
    if "dataset" in options.given:
        dataset = load(options.dataset)
    else:
        if (options.out / CHECKPOINT).exists():
            options = command_line.options_of_run(options, *vars(options).keys() - {"dataset"})
        dataset = load(options.dataset)
        if learnt:
            learnt.check(provenance_of(dataset), doing)
    if math.prod(dataset.image_shape) != pixels:
        raise UserError(
            f"{dataset.origin} has images of shape {dataset.image_shape}, and the model in {options.out} "
            f"learnt from others, of {pixels} pixels: give the data that it learnt from with --dataset"
        )
    return dataset


def image_shape_of(model: Path) -> tuple[int, int]:
    """The rows and columns of the images that the run of a model file learnt from; MNIST's if untold."""
    learnt = provenance.find(model.parent)
    return tuple(learnt.image_shape) if learnt and learnt.image_shape else IMAGE_SHAPE
