"""MIDI files to piano-rolls and back, with the conventions of the Deep Learning Tutorials' midiread and
midiwrite: a step is `dt` seconds, and a key sounds from the first step that does not begin before the note
does to the last that begins before the note ends.
"""

import io
import math
import os
from collections import defaultdict
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import mido
import numpy as np

from data import DataError
from data.files import read, write_atomically

KEYS = (21, 109)  # MIDI numbers of a piano's lowest key, and of the one above its highest
DT = 0.3  # seconds a step

_DRUMS = 9  # the channel whose numbers are no pitches but instruments
_LONGEST = 200_000  # steps; 16 hours at 0.3 seconds: more is a damaged file
_DEFAULT_TEMPO = 500_000  # microseconds a beat, where a file has none
_STEPS_PER_BEAT = 2
_TICKS_PER_STEP = 240
_VELOCITY = 90


def read_midi(source: str | os.PathLike | BinaryIO, r: tuple[int, int] = KEYS, dt: float = DT) -> np.ndarray:
    """The piano-roll of a MIDI file.

    All tracks are put together; drums, and notes outside `r`, are left out. A note ends at its note-off, at
    one of velocity 0, or with the piece.

    Args:
        source: the path of the file, or a binary file open for reading.
        r: MIDI numbers of the roll's lowest key, and of the one above its highest; 60 is the middle C.
        dt: seconds a step.

    Returns:
        uint8, shape (steps to the end of the last note, r[1] - r[0]): 1 where a key sounds.

    Raises:
        DataError: no such file, no whole MIDI file, or without notes in `r`.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        return parse_midi(read(path), str(path), r, dt)
    return parse_midi(source.read(), str(getattr(source, "name", "the MIDI file")), r, dt)


def parse_midi(content: bytes, name: str, r: tuple[int, int] = KEYS, dt: float = DT) -> np.ndarray:
    """As `read_midi`, from the content of a file; `name` is what errors call it."""
    if not r[0] < r[1] or not dt > 0:
        raise ValueError(f"r {r} and dt {dt}: r must ascend and dt be positive")
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
        if file.ticks_per_beat <= 0:
            raise ValueError("its times are in frames of film, not in beats")
        notes = _notes(file)
    # On a damaged file mido can raise nearly anything.
    except Exception as error:
        reason = str(error) or ("it ends too early" if isinstance(error, EOFError) else type(error).__name__)
        raise DataError(f"{name}: not a whole MIDI file ({reason}); get it again, or leave it out") from error
    spans = [(_step(begin, dt), _step(end, dt), key - r[0]) for key, begin, end in notes if key in range(*r)]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        raise DataError(
            f"{name}: no note from {r[0]} to {r[1] - 1} that sounds at a step of {dt} s; leave it out"
        )
    length = max(end for _, end, _ in spans)
    if length > _LONGEST:
        raise DataError(
            f"{name}: {length} steps of {dt} s, more than {_LONGEST}; it is damaged, leave it out"
        )
    roll = np.zeros((length, r[1] - r[0]), np.uint8)
    for begin, end, key in spans:
        roll[begin:end, key] = 1
    return roll


def _step(seconds: float, dt: float) -> int:
    """The first step that does not begin before a time; a thousandth of a step early is in time."""
    return math.ceil(seconds / dt - 1e-3)


def _notes(file: mido.MidiFile) -> list[tuple[int, float, float]]:
    """The notes of all tracks but drums, as (MIDI number, begin, end) in seconds."""
    if file.type == 2:
        raise ValueError("its tracks are pieces of their own, not parts of one")
    events = []
    for track in file.tracks:
        ticks = np.cumsum([message.time for message in track])
        events += zip(ticks.tolist(), track, strict=True)
    events.sort(key=itemgetter(0))
    now, last, tempo = 0.0, 0, _DEFAULT_TEMPO
    notes = []
    sounding = defaultdict(list)
    for tick, message in events:
        now += mido.tick2second(tick - last, file.ticks_per_beat, tempo)
        last = tick
        if message.type == "set_tempo":
            tempo = message.tempo
        if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
            continue
        begun = sounding[message.channel, message.note]
        if message.type == "note_on" and message.velocity:
            begun.append(now)
        elif begun:
            # The one that began first: a note may begin again in the moment before it ends.
            notes.append((message.note, begun.pop(0), now))
    return notes + [(key, begin, now) for (_, key), begun in sounding.items() for begin in begun]


def write_midi(
    path: str | os.PathLike, roll: np.ndarray, r: tuple[int, int] = KEYS, dt: float = DT, program: int = 0
) -> None:
    """Writes a piano-roll as a MIDI file, in one piece; `read_midi` with the same `r` and `dt` gives it back.

    Steps of the same key one after the other become one note. A step is notated as an eighth note.

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
    tempo = round(dt * _STEPS_PER_BEAT * 1e6)
    if not 0 < tempo < 1 << 24:
        raise ValueError(f"dt {dt}: a step of a MIDI file takes between 0 and 8 seconds")
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
        ticks = int(step - last) * _TICKS_PER_STEP
        track.append(mido.Message(kind, note=int(key) + r[0], velocity=velocity, time=ticks))
        last = step
    track.append(mido.MetaMessage("end_of_track", time=int(len(roll) - last) * _TICKS_PER_STEP))
    file = mido.MidiFile(type=0, ticks_per_beat=_TICKS_PER_STEP * _STEPS_PER_BEAT, tracks=[track])
    try:
        write_atomically(Path(path), lambda target: file.save(file=target))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder"
        ) from error
