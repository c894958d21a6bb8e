"""Makes chorales.npz, which is in this folder, from the corpus in music21's wheel.

pip install music21==10.5.1
python -m data.music.make_chorales
"""

import math

import numpy as np
from music21 import converter, corpus

from graphlib.datasets.files import write_atomically
from graphlib.datasets.music import KEYS, SHIPPED

STEPS_PER_QUARTER = 2
VOICES = 4


def roll_of(score) -> np.ndarray:
    """The score as written, without repeats: which keys sound when a step, an eighth note, begins."""
    roll = np.zeros((math.ceil(score.highestTime * STEPS_PER_QUARTER), KEYS[1] - KEYS[0]), np.uint8)
    for note in score.flatten().notes:
        begin = math.ceil(note.offset * STEPS_PER_QUARTER)
        end = math.ceil((note.offset + note.quarterLength) * STEPS_PER_QUARTER)
        for pitch in note.pitches:
            roll[begin:end, pitch.midi - KEYS[0]] = 1
    return roll


def main() -> None:
    named, seen = [], set()
    for path in sorted(corpus.getComposer("bach", fileExtensions=("mxl",)), key=lambda path: path.stem):
        score = converter.parse(path)
        if len(score.parts) != VOICES:
            continue
        roll = roll_of(score)
        # The same chorale in another key would be in two sets.
        used = np.flatnonzero(roll.any(axis=0))
        shape = (len(roll), roll[:, used[0] : used[-1] + 1].tobytes())
        if shape not in seen:
            seen.add(shape)
            named.append((path.stem, roll))
    names, rolls = zip(*named, strict=True)
    arrays = {
        "names": np.array(names),
        "ends": np.cumsum([len(roll) for roll in rolls]),
        "keys": np.packbits(np.concatenate(rolls), axis=1),
    }
    write_atomically(SHIPPED, lambda file: np.savez_compressed(file, **arrays))
    print(f"{len(rolls)} chorales, {arrays['ends'][-1]} steps")


if __name__ == "__main__":
    main()
