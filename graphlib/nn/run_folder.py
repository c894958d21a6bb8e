"""The folder of a training run: the names of its files, reading its checkpoint and its model."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import provenance, storage
from .progress import say
from .storage import UserError

CHECKPOINT = "checkpoint.npz"
BEST_MODEL = "best_model.npz"
LATEST_MODEL = "model.npz"
CURVE_TABLE = "learning_curve.csv"
CURVE_IMAGE = "learning_curve.png"
SNAPSHOTS = "snapshots"
#: How the names of entries of a model's file begin that are no parameters: what is to be known to use them.
ABOUT = "about."


def set_earlier_run_aside(folder: Path) -> None:
    """Renames what an earlier run left in the folder: starting anew by mistake then loses nothing."""
    kept = []
    for name in (CHECKPOINT, BEST_MODEL, LATEST_MODEL, provenance.DATA):
        path = folder / name
        if path.exists():
            path.replace(path.with_name(f"previous_{name}"))
            kept.append(f"previous_{name}")
    if (folder / SNAPSHOTS).is_dir():
        earlier = folder / f"previous_{SNAPSHOTS}"
        if earlier.is_dir():
            shutil.rmtree(earlier)
        (folder / SNAPSHOTS).replace(earlier)
        kept.append(earlier.name)
    if kept:
        say(f"... {folder} holds an earlier run; keeping its {' and '.join(kept)}")


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(progress, arrays) of a checkpoint; UserError where it is missing or damaged."""
    if not path.exists():
        raise UserError(f"there is nothing to resume: {path} does not exist; start the run without --resume")
    arrays = storage.load_arrays(path)
    try:
        progress = json.loads(str(arrays["progress"]))
        if not isinstance(progress["settings"], dict) or not isinstance(progress["stages"], list):
            raise TypeError
    except (KeyError, ValueError, TypeError, RecursionError):
        raise UserError(f"{path} is no checkpoint of this program's") from None
    return progress, arrays


def check_like(sample: Any, found: Any) -> None:
    """ValueError unless `found` has what `sample` has: numbers for its numbers, and for its whole ones whole
    ones not below 0; KeyError or TypeError where it is of another form.
    """
    if isinstance(sample, Mapping):
        for name, each in sample.items():
            check_like(each, found[name])
    elif isinstance(sample, (tuple, list)):
        for each, one in zip(sample, found, strict=True):
            check_like(each, one)
    elif isinstance(sample, int):
        if type(found) is not int or not 0 <= found < 2**63:
            raise ValueError(f"{found!r} is no count")
    elif type(found) not in (int, float) or (abs(found) >= 2**63 and not math.isinf(found)):
        raise ValueError(f"{found!r} is no number")


def load_parameters(path: Path, *needed: str) -> dict[str, np.ndarray]:
    """The parameters of a trained model by name, without what its file says about them (`load_about`);
    UserError if the file or a `needed` one is missing.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist: train a model first, or say with --out where one is")
    arrays = storage.load_arrays(path)
    for name in needed:
        if name not in arrays:
            raise UserError(f"{path} holds no {name}: it belongs to another model")
    return {name: array for name, array in arrays.items() if not name.startswith(ABOUT)}


def load_about(path: Path) -> dict[str, np.ndarray]:
    """What the file of a trained model says about its parameters, by name without ``about.``."""
    arrays = storage.load_arrays(path)
    return {name.removeprefix(ABOUT): array for name, array in arrays.items() if name.startswith(ABOUT)}


def matrix_shape(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> tuple[int, int]:
    """The shape of a matrix among the parameters in the file `path`; UserError if it is none."""
    if arrays[name].ndim != 2:
        raise UserError(f"{path} does not fit this model: its {name} has shape {arrays[name].shape}")
    return arrays[name].shape
