"""Keys of pieces, and pieces moved to one key."""

import numpy as np
import pytest

from graphlib.datasets import music

C_MAJOR, A_MINOR = (0, 2, 4, 5, 7, 9, 11), (9, 11, 0, 2, 4, 5, 8)


def scale(notes, tonic, times):
    """A roll in which the notes of a scale, whose first is moved to `tonic`, sound one after the other, the
    first and the fifth of them `times` more."""
    keys = [60 - 21 + (note - notes[0] + tonic) % 12 for note in notes]
    keys += [keys[0]] * times + [keys[4]] * times
    roll = np.zeros((len(keys), 88), "uint8")
    roll[np.arange(len(keys)), keys] = 1
    return roll


@pytest.mark.parametrize("tonic", range(12))
def test_scales_are_in_their_keys_and_are_moved_to_the_same_notes(tonic):
    for notes, mode in ((C_MAJOR, "major"), (A_MINOR, "minor")):
        roll = scale(notes, tonic, times=3)
        assert music.key_of(roll) == (tonic, mode)
        moved = music.in_one_key(roll)
        assert music.key_of(moved) == ((0, "major") if mode == "major" else (9, "minor"))
        there = {(key + 21) % 12 for key in np.flatnonzero(moved.any(axis=0))}
        assert there == set(C_MAJOR if mode == "major" else A_MINOR)
        distance = np.flatnonzero(moved[0])[0] - np.flatnonzero(roll[0])[0]
        assert -6 < distance <= 6
        np.testing.assert_array_equal(np.roll(roll, distance, axis=1), moved)
        np.testing.assert_array_equal(music.in_one_key(moved), moved)


def test_most_chorales_end_on_a_chord_with_the_first_note_of_their_key():
    rolls = music.load().train
    keys = [music.key_of(roll) for roll in rolls[:40]]
    closing = [{int(key + 21) % 12 for key in np.flatnonzero(roll[-1])} for roll in rolls[:40]]
    assert np.mean([tonic in chord for (tonic, _), chord in zip(keys, closing, strict=True)]) > 0.8


def test_what_leaves_the_keyboard_sounds_an_octave_further_in():
    roll = np.vstack([scale(C_MAJOR, 6, times=5), np.zeros((1, 88), "uint8")])
    roll[-1, [0, 87]] = 1  # A and C: moved by six half-tones, one of them would leave the roll
    assert music.key_of(roll)[0] == 6
    moved = music.in_one_key(roll)
    assert sorted(np.flatnonzero(moved[-1])) == [6, 87 + 6 - 12]


def test_silence_is_in_c_major():
    silent = np.zeros((4, 88), "uint8")
    assert music.key_of(silent) == (0, "major")
    np.testing.assert_array_equal(music.in_one_key(silent), silent)
