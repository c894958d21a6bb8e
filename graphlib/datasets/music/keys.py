"""The key of a piece, and pieces moved to one key, which a model need not learn twelve times then.

The key is that whose profile (how well each of the twelve notes fits it, as listeners rated them) goes best
with how often each note sounds: C. Krumhansl, "Cognitive foundations of musical pitch", 1990.
"""

import numpy as np

from .midi import KEYS

MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_RELATIVE_MAJOR = 3  # half-tones from a minor key to the major one of the same notes


def key_of(roll: np.ndarray, lowest: int = KEYS[0]) -> tuple[int, str]:
    """(0 for C, 1 for C sharp and so on, "major" or "minor"): the key that a piano-roll is most likely in.

    Args:
        roll: (time, keys), 1 where a key sounds.
        lowest: the MIDI number of its first column.

    A roll that tells nothing, as a silent one does, is in C major.
    """
    notes = np.zeros(12)
    np.add.at(notes, (np.arange(roll.shape[1]) + lowest) % 12, roll.sum(axis=0, dtype="int64"))
    notes -= notes.mean()
    found, best = (0, "major"), 0.0
    for mode, profile in (("major", MAJOR), ("minor", MINOR)):
        centred = np.array(profile) - np.mean(profile)
        for tonic in range(12):
            # the correlation, but for the length of `notes`, which is the same for all
            fit = np.roll(centred, tonic) @ notes / np.linalg.norm(centred)
            if fit > best + 1e-9:
                found, best = (tonic, mode), fit
    return found


def in_one_key(roll: np.ndarray, lowest: int = KEYS[0]) -> np.ndarray:
    """The piece in C major or, if it is in a minor key, in A minor, which has the same notes: a new roll.

    It is moved by at most six half-tones; a key that would leave the roll sounds an octave further in.
    """
    tonic, mode = key_of(roll, lowest)
    up = -(tonic + (_RELATIVE_MAJOR if mode == "minor" else 0)) % 12
    up -= 12 if up > 6 else 0
    moved = np.zeros_like(roll)
    n_keys = roll.shape[1]
    for key in np.flatnonzero(roll.any(axis=0)):
        to = key + up
        to += 12 * (to < 0) - 12 * (to >= n_keys)
        if not 0 <= to < n_keys:
            raise ValueError(
                f"a piece cannot be moved in a roll of {n_keys} keys, less than an octave and a half"
            )
        moved[:, to] = np.maximum(moved[:, to], roll[:, key])
    return moved
