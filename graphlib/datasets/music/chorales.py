"""Chorales by J. S. Bach from the corpus in music21's wheel, which must be installed to read it."""

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from .. import DataError
from ..fetching import check_made, digest_of, save
from ..location import target
from .midi import KEYS

FILE = "chorales.npz"
VERSION = "10.5.1"
SHA256_OF_ARRAYS = "6efdfd4cb7fd0a8daed1bc81224c7f1ea6d13402d22a5816112569329f45b603"

STEPS_PER_QUARTER = 2
VOICES = 4


def fetch(folder: str | os.PathLike | None = None, mirror: str | None = None) -> Path:
    """Makes the file of chorales of the corpus in music21, version 10.5.1, which pip gets; returns its path.

    Args:
        folder: where to; None for where `load` finds it.
        mirror: must be None: pip has mirrors of its own.

    Raises:
        DataError: this version of music21 is not installed, or what it has is something else.
    """
    if mirror is not None:
        raise DataError(f"{mirror}: the chorales are in a package, which pip gets; its option is --index-url")
    arrays = arrays_of(_scores())
    check_made(FILE, digest_of(arrays), SHA256_OF_ARRAYS)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return save(target(folder, "music") / FILE, content.getvalue())


def _scores() -> list[tuple[str, Any]]:
    """The names and scores of the corpus."""
    get = f"pip install music21=={VERSION}"
    try:
        import music21
    except ImportError:
        raise DataError(f"the chorales are made of the corpus in music21: first `{get}`") from None
    if music21.__version__ != VERSION:
        raise DataError(
            f"music21 is of version {music21.__version__}, and the corpus may be another: first `{get}`"
        )
    paths = music21.corpus.getComposer("bach", fileExtensions=("mxl",))
    return [(path.stem, music21.converter.parse(path)) for path in sorted(paths, key=lambda path: path.stem)]


def arrays_of(scores: list[tuple[str, Any]]) -> dict[str, np.ndarray]:
    """The arrays of the file: the pieces of four parts; of those that are the same but for the key, one."""
    named, seen = [], set()
    for name, score in scores:
        if len(score.parts) != VOICES:
            continue
        roll = roll_of(score)
        # The same chorale in another key would be in two sets.
        used = np.flatnonzero(roll.any(axis=0))
        shape = (len(roll), roll[:, used[0] : used[-1] + 1].tobytes())
        if shape not in seen:
            seen.add(shape)
            named.append((name, roll))
    names, rolls = zip(*named, strict=True)
    return {
        "names": np.array(names),
        "ends": np.cumsum([len(roll) for roll in rolls]),
        "keys": np.packbits(np.concatenate(rolls), axis=1),
    }


def roll_of(score: Any) -> np.ndarray:
    """The score as written, without repeats: which keys sound when a step, an eighth note, begins."""
    roll = np.zeros((math.ceil(score.highestTime * STEPS_PER_QUARTER), KEYS[1] - KEYS[0]), np.uint8)
    for note in score.flatten().notes:
        begin = math.ceil(note.offset * STEPS_PER_QUARTER)
        end = math.ceil((note.offset + note.quarterLength) * STEPS_PER_QUARTER)
        for pitch in note.pitches:
            roll[begin:end, pitch.midi - KEYS[0]] = 1
    return roll
