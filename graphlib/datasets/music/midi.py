"""MIDI files to piano-rolls and back, with the conventions of the Deep Learning Tutorials' midiread and
midiwrite: a step is `dt` seconds, and a key sounds from the first step that does not begin before the note
does to the last that begins before the note ends.
"""

import math
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import mido
import numpy as np

from .. import DataError, DataWarning
from ..files import read, write_atomically
from .smf import Key, NotMidi, read_score

KEYS = (21, 109)  # MIDI numbers of a piano's lowest key, and of the one above its highest
DT = 0.3  # seconds a step

_DRUMS = 9  # the channel whose numbers are no pitches but instruments
_LONGEST = 200_000  # steps; 16 hours at 0.3 seconds: more is a damaged file
_EARLY = 1e-3  # so much of a step before it begins is in time
_VELOCITY = 90
_STEPS_A_BEAT = 2  # a step is notated as an eighth note, where its length allows it
_SLOWEST = (1 << 24) - 1  # microseconds a beat
_MOST_TICKS = (1 << 15) - 1  # of a beat
_TICKS_A_BEAT = 480
_EXACT = 1e-12  # the share of a step that may be lost without a step going wrong in the longest piece


def read_midi(
    source: str | os.PathLike | BinaryIO,
    r: tuple[int, int] = KEYS,
    dt: float = DT,
    steps_a_beat: int | None = None,
) -> np.ndarray:
    """The piano-roll of a MIDI file, as players read it.

    All tracks are put together; drums, and notes outside `r`, are left out. A note ends at its note-off, at
    one of velocity 0, or with the piece; where a key is struck again while it sounds, its first note-off ends
    the stroke that came first. Silence at the end counts, in whole steps, as far as the tracks go on.

    Values above 127, chunks and events that are unknown or damaged, and a wrong number of tracks are no
    hindrance: what was clipped or skipped is said in a `DataWarning`.

    Args:
        source: the path of the file, or a binary file open for reading.
        r: MIDI numbers of the roll's lowest key, and of the one above its highest; 60 is the middle C.
        dt: seconds a step.
        steps_a_beat: in place of dt: so many steps are a beat (a quarter note, mostly), at whatever tempo.

    Returns:
        uint8, shape (steps, r[1] - r[0]): 1 where a key sounds.

    Raises:
        DataError: no such file, no MIDI file, or without notes in `r`.
    """
    if isinstance(source, (str, os.PathLike)):
        name = str(Path(source).expanduser())
        content = read(Path(name))
    else:
        name, content = str(getattr(source, "name", "the MIDI file")), source.read()
    roll, remarks = parse_midi(content, name, r, dt, steps_a_beat)
    if remarks:
        warnings.warn(f"{name}: {'; '.join(remarks)}", DataWarning, stacklevel=2)
    return roll


def parse_midi(
    content: bytes,
    name: str,
    r: tuple[int, int] = KEYS,
    dt: float = DT,
    steps_a_beat: int | None = None,
) -> tuple[np.ndarray, list[str]]:
    """The roll as from `read_midi`, and what was clipped or skipped; errors call the content `name`."""
    if not r[0] < r[1] or not dt > 0:
        raise ValueError(f"r {r} and dt {dt}: r must ascend and dt be positive")
    if steps_a_beat is not None and steps_a_beat < 1:
        raise ValueError(f"steps_a_beat {steps_a_beat}: there is a step a beat at least")
    try:
        score = read_score(content)
    except NotMidi as error:
        raise DataError(f"{name}: not a MIDI file ({error}); get it again, or leave it out") from None
    when, long = score.seconds, f"{dt} s"
    if steps_a_beat is not None:
        if score.beat is None:
            raise DataError(f"{name}: its time is in frames a second, not in beats; read it by seconds")
        when, long, dt = (lambda tick: tick * steps_a_beat / score.beat), f"1/{steps_a_beat} of a beat", 1
    end = when(score.end)
    spans = [
        (_step(begin, dt), _step(stop, dt), key - r[0])
        for key, begin, stop in _notes(score.keys, when, end)
        if r[0] <= key < r[1]
    ]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        raise DataError(
            f"{name}: no note from {r[0]} to {r[1] - 1} that sounds at a step of {long}; leave it out"
        )
    sounding = max(stop for _, stop, _ in spans)
    if sounding > _LONGEST:
        raise DataError(
            f"{name}: {sounding} steps of {long}, more than {_LONGEST}; it is damaged, leave it out"
        )
    remarks = score.remarks
    length = max(sounding, math.floor(end / dt + _EARLY))
    if length > _LONGEST:
        length, remarks = sounding, [*remarks, "hours of silence at its end were left out"]
    roll = np.zeros((length, r[1] - r[0]), np.uint8)
    for begin, stop, key in spans:
        roll[begin:stop, key] = 1
    return roll, remarks


def _step(time: float, dt: float) -> int:
    """The first step that does not begin before a time."""
    return math.ceil(time / dt - _EARLY)


def _notes(keys: Sequence[Key], when: Callable[[int], float], end: float) -> list[tuple[int, float, float]]:
    """The notes of all channels but drums, as (MIDI number, begin, end) in the time that `when` tells."""
    strokes: dict[tuple[int, int], list[tuple[float, bool]]] = defaultdict(list)
    for key in keys:
        if key.channel != _DRUMS:
            strokes[key.channel, key.number].append((when(key.tick), key.struck))
    return [
        (number, begin, stop) for (_, number), each in strokes.items() for begin, stop in _pair(each, end)
    ]


def _pair(strokes: Sequence[tuple[float, bool]], end: float) -> list[tuple[float, float]]:
    """When the strokes of one key begin and end.

    A release ends the stroke that came first: a key may be struck again in the moment before it is released.
    Where there are fewer releases than strokes this would leave the last ones sounding to the end of the
    piece; then the last release before the next stroke ends all of them.
    """
    for releases_all in (False, True):
        notes, sounding = [], []
        for position, (now, struck) in enumerate(strokes):
            if struck:
                sounding.append(now)
                continue
            last = position + 1 == len(strokes) or strokes[position + 1][1]
            count = len(sounding) if releases_all and last else 1
            notes += [(begin, now) for begin in sounding[:count]]
            del sounding[:count]
        if not sounding:
            break
    return notes + [(begin, end) for begin in sounding]


def write_midi(
    path: str | os.PathLike, roll: np.ndarray, r: tuple[int, int] = KEYS, dt: float = DT, program: int = 0
) -> None:
    """Writes a piano-roll as a MIDI file, in one piece; `read_midi` with the same `r` and `dt` gives it back,
    silence at its end included.

    Steps of the same key one after the other become one note. A step is notated as an eighth note if so the
    beat takes a whole number of microseconds, as the format wants it, else as a smaller part of a beat.

    Args:
        path: the file, which is replaced if it exists.
        roll: shape (time, r[1] - r[0]); what is not 0 sounds.
        r: MIDI numbers of the roll's lowest key, and of the one above its highest.
        dt: seconds a step, at most 8.
        program: the instrument by its number in General MIDI, from 0 (a grand piano).

    Raises:
        DataError: the file cannot be written.
        ValueError: the roll has another number of keys, or dt is out of range.
    """
    roll = np.asarray(roll) != 0
    if roll.ndim != 2 or roll.shape[1] != r[1] - r[0]:
        raise ValueError(
            f"a roll of shape {roll.shape}; keys {r[0]} to {r[1] - 1} need (time, {r[1] - r[0]})"
        )
    steps_a_beat, tempo = _beat(dt)
    ticks_a_step = max(1, _TICKS_A_BEAT // steps_a_beat)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=tempo))
    track.append(mido.Message("program_change", program=program))
    silence = np.zeros((1, roll.shape[1]), np.int8)
    changes = np.diff(roll.astype(np.int8), axis=0, prepend=silence, append=silence)
    last = 0
    # Where notes begin and end at the same step, those that end come first.
    for step, key in sorted(
        zip(*np.nonzero(changes), strict=True), key=lambda each: (each[0], changes[each])
    ):
        kind = "note_on" if changes[step, key] > 0 else "note_off"
        velocity = _VELOCITY if kind == "note_on" else 0
        ticks = int(step - last) * ticks_a_step
        track.append(mido.Message(kind, note=int(key) + r[0], velocity=velocity, time=ticks))
        last = step
    track.append(mido.MetaMessage("end_of_track", time=int(len(roll) - last) * ticks_a_step))
    file = mido.MidiFile(type=0, ticks_per_beat=ticks_a_step * steps_a_beat, tracks=[track])
    try:
        write_atomically(Path(path), lambda target: file.save(file=target))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def _beat(dt: float) -> tuple[int, int]:
    """(steps a beat, microseconds a beat) whose quotient is nearest to steps of `dt` seconds."""
    step = dt * 1e6
    if not 1 <= step * _STEPS_A_BEAT <= _SLOWEST:
        raise ValueError(f"dt {dt}: a step of a MIDI file takes between 0 and 8 seconds")
    counts = np.arange(1, min(_MOST_TICKS, int(_SLOWEST / step)) + 1)
    off = np.abs(np.rint(counts * step) / (counts * step) - 1)
    for count in (_STEPS_A_BEAT, int(counts[np.argmax(off < _EXACT)]), int(counts[np.argmin(off)])):
        if off[count - 1] < _EXACT:
            break
    return count, round(count * step)
