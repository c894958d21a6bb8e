"""Polyphonic music as piano-rolls: which keys sound at which step, as the RNN-RBM tutorial uses it.

Chorales by J. S. Bach are in data/music (README.md there says where they come from), and `fetch` makes them
of a published corpus; `load` also reads folders and archives of MIDI files.
"""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from .. import DataError, DataWarning
from ..archives import members
from ..location import find
from ..npz import read_npz
from .chorales import FILE, STEPS_PER_QUARTER, fetch
from .keys import in_one_key, key_of
from .midi import DT, KEYS, parse_midi, read_midi, write_midi
from .pictures import save_rolls

__all__ = [
    "DT",
    "FILE",
    "KEYS",
    "Dataset",
    "fetch",
    "in_one_key",
    "key_of",
    "load",
    "read_midi",
    "save_rolls",
    "write_midi",
]

_LISTED = 20  # files that a warning names

PARTS = ("train", "valid", "test")


class Dataset(NamedTuple):
    """The pieces to learn from, those to choose a model by, and those to judge it by.

    Each is a piano-roll: uint8, shape (time, keys), 1 where a key sounds. `origin` tells in a few words
    where they are from.
    """

    train: list[np.ndarray]
    valid: list[np.ndarray]
    test: list[np.ndarray]
    origin: str


def load(
    source: str | os.PathLike | None = None,
    r: tuple[int, int] = KEYS,
    dt: float = DT,
    steps_a_beat: int | None = None,
) -> Dataset:
    """The training, validation and test pieces.

    Where the files of `source` lie in folders called train, valid and test, these are the parts. Otherwise,
    as of the chorales shipped here, the ninth of every ten pieces in alphabetical order validates and the
    tenth tests (of fewer than ten the last but one and the last).

    Args:
        source: None for the chorales, whose step is an eighth note, see `graphlib.datasets.location`, or
            their file; else a folder of MIDI files, or a tar (gzipped or not) or zip archive of them.
        r: the MIDI numbers of the lowest key of the roll, and of the one above its highest; not for the
            chorales, which have all 88 keys of a piano.
        dt: seconds a step, for MIDI files.
        steps_a_beat: in place of dt: so many steps are a beat, at whatever tempo a file is played; the
            chorales have 2.

    Raises:
        DataError: nothing can be read, or there are too few pieces. A file among others that is no MIDI file
            or has no notes is left out, and one that is damaged mended: a `DataWarning` says which and why.
    """
    path = find("music", FILE) if source is None else Path(source).expanduser()
    if path.suffix == ".npz":
        if tuple(r) != KEYS:
            raise ValueError(f"r {r}: the chorales are rolls of the keys {KEYS}; cut columns from them")
        if steps_a_beat not in (None, STEPS_PER_QUARTER):
            raise DataError(
                f"{path}: the chorales have {STEPS_PER_QUARTER} steps a beat, not {steps_a_beat}; only MIDI "
                "files can be read otherwise"
            )
        return _split(path, _read_rolls(path), "chorales by J. S. Bach (music21)")
    files = members(path, lambda name: name.lower().endswith((".mid", ".midi")))
    if not files:
        raise DataError(f"{path}: holds no MIDI files (.mid, .midi); give a folder or an archive of them")
    rolls, refused, mended = [], [], []
    for name, content in tqdm(files, desc="reading MIDI", unit="file", leave=False, disable=None):
        try:
            roll, remarks = parse_midi(content, name, r, dt, steps_a_beat)
        except DataError as error:
            refused.append(str(error))
            continue
        rolls.append((name, roll))
        if remarks:
            mended.append(f"{name}: {', '.join(remarks)}")
    if not rolls:
        raise DataError(f"{path}: none of its {len(files)} MIDI files can be used: {_listed(refused)}")
    for what, which in (("left out", refused), ("mended", mended)):
        if which:
            warnings.warn(
                f"{path}: {len(which)} of {len(files)} MIDI files {what}: {_listed(which)}",
                DataWarning,
                stacklevel=2,
            )
    return _split(path, rolls, f"{len(rolls)} MIDI files, {path}")


def _listed(remarks: Sequence[str]) -> str:
    more = f"; and {len(remarks) - _LISTED} more" * (len(remarks) > _LISTED)
    return "; ".join(remarks[:_LISTED]) + more


def _read_rolls(path: Path) -> list[tuple[str, np.ndarray]]:
    """The named rolls of a file by `chorales`: all rolls one below the other, and where each ends."""
    arrays = read_npz(path)
    try:
        names, ends = arrays["names"], arrays["ends"]
        steps = np.unpackbits(arrays["keys"], axis=1, count=KEYS[1] - KEYS[0])
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: holds no chorales ({error!r}); get it again") from error
    return [(str(name), roll) for name, roll in zip(names, np.split(steps, ends[:-1]), strict=True)]


def _split(source: Path, rolls: list[tuple[str, np.ndarray]], origin: str) -> Dataset:
    parts: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    folders = [_part_of(name) for name, _ in rolls]
    if any(folders):
        for (name, roll), part in zip(rolls, folders, strict=True):
            if part is None:
                raise DataError(
                    f"{source}: {name} is in none of the folders {', '.join(PARTS)}; put it in one"
                )
            parts[part].append(roll)
    else:
        every = min(10, len(rolls))
        for position, (_, roll) in enumerate(rolls):
            parts[{every - 1: "test", every - 2: "valid"}.get(position % every, "train")].append(roll)
    missing = [part for part in PARTS if not parts[part]]
    if missing:
        raise DataError(
            f"{source}: {len(rolls)} pieces, none of them for the part {missing[0]}; give three or more, or "
            f"folders {', '.join(PARTS)} with pieces in each"
        )
    return Dataset(**parts, origin=origin)


def _part_of(name: str) -> str | None:
    return next((each for each in PurePosixPath(name.lower()).parts[:-1] if each in PARTS), None)
