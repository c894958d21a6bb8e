"""Snapshots of a model, kept while it trains (``--keep-every``), and pictures of them (``--draw-snapshots``).

The folder of a run has them as snapshots/epoch_0005.npz; where the run has several stages, as
snapshots/stage_2_epoch_0005.npz. Their pictures go into a folder of the same name without the ending.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from . import storage
from .run_folder import ABOUT, SNAPSHOTS
from .storage import UserError


def save(
    folder: Path,
    arrays: Mapping[str, np.ndarray],
    epoch: int,
    stage: int | None = None,
    keep: int | None = None,
) -> None:
    """Keeps a model's arrays after so many epochs of the stage of this number, None where it is the only; of
    more than `keep` of the stage the earliest go."""
    storage.make_folder(folder / SNAPSHOTS)
    storage.save_arrays(folder / SNAPSHOTS / f"{_beginning(stage)}{epoch:04}.npz", arrays)
    if keep is not None:
        for _, path in _kept(folder, stage)[:-keep]:
            path.unlink()


def _beginning(stage: int | None) -> str:
    return "epoch_" if stage is None else f"stage_{stage}_epoch_"


def _kept(folder: Path, stage: int | None) -> list[tuple[int, Path]]:
    """(epochs done, path) of each snapshot of a stage, in the order of the epochs."""
    pattern = re.compile(rf"{_beginning(stage)}(\d+)\.npz")
    paths = (folder / SNAPSHOTS).iterdir()
    return sorted((int(match[1]), path) for path in paths if (match := pattern.fullmatch(path.name)))


def of_stage(folder: Path, stage: int | None = None) -> Iterator[tuple[Path, int, dict[str, np.ndarray]]]:
    """(path, epochs done, parameters by name) of each snapshot of a stage, in the order of the epochs.

    UserError where the run in `folder` kept none at all.
    """
    if not any((folder / SNAPSHOTS).glob("*.npz")):
        raise UserError(
            f"{folder} has no snapshots: train with --keep-every N to keep the model of every N-th epoch"
        )
    for epoch, path in _kept(folder, stage):
        arrays = storage.load_arrays(path)
        yield path, epoch, {name: array for name, array in arrays.items() if not name.startswith(ABOUT)}


def animate(folder: Path) -> Iterator[str]:
    """Makes an animation of every picture that more than one snapshot has, snapshots/NAME.gif; says so."""
    from .images import save_animation  # with Pillow, which training itself does not need

    folder = folder / SNAPSHOTS
    frames: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*epoch_*/*.png"), key=lambda path: (_stage_and_epoch(path), path.name)):
        frames.setdefault(path.name, []).append(path)
    yield f"{folder} holds the pictures of {len(list(folder.glob('*.npz')))} snapshots"
    for name, paths in frames.items():
        if len(paths) > 1:
            target = (folder / name).with_suffix(".gif")
            save_animation(target, paths)
            yield f"{target} shows how {name} changes"


def _stage_and_epoch(path: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", path.parent.name)))
