"""Standard MIDI Files (MIDI Manufacturers Association, 1.0) as players read them: what can be understood is
taken, what cannot is clipped or skipped, and said.

Only what a piano-roll needs is kept: when keys are struck and released, and the tempo.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import NamedTuple

_DEFAULT_TEMPO = 500_000  # microseconds a beat, where a file has none
_FRAMES_A_SECOND = {24: (24, 1), 25: (25, 1), 29: (30_000, 1001), 30: (30, 1)}  # 29: "30 drop"
_MOST_BEFORE_HEADER = 4096  # bytes that another program may have put before the file, such as MacBinary's
_DATA_BYTES = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}  # of channel messages, by status / 16
_COMMON_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}  # of messages that belong on a cable, not in a file
_END_OF_TRACK, _SET_TEMPO = 0x2F, 0x51


class Key(NamedTuple):
    """A key of a channel is struck, or released, at a time in ticks."""

    tick: int
    channel: int
    number: int
    struck: bool


class Score(NamedTuple):
    """What a file holds.

    `keys` are in the order of their ticks; `seconds` tells when a tick is; `beat` has so many ticks, None
    where time is in frames and not in beats; `end` is the tick at which the last track ends; `remarks` say
    what was clipped or skipped.
    """

    keys: list[Key]
    end: int
    seconds: Callable[[int], float]
    beat: int | None
    remarks: list[str]


class NotMidi(ValueError):
    """There is nothing to be understood in the file; the message says why."""


def read_score(content: bytes) -> Score:
    """What a Standard MIDI File holds, also inside a RIFF file (.rmi).

    Raises:
        NotMidi: the content has no header of such a file, a division of time that means nothing, or tracks
            that are pieces of their own (format 2).
    """
    remarks: list[str] = []
    start = _start(content, remarks)
    length = int.from_bytes(content[start + 4 : start + 8], "big")
    if len(content) < start + 14 or length < 6:
        raise NotMidi("it ends inside its header")
    form, announced, division = struct.unpack_from(">HHH", content, start + 8)
    if form == 2:
        raise NotMidi("its tracks are pieces of their own, not parts of one")
    tracks = _tracks(content, start + 8 + length, remarks)
    if not tracks:
        raise NotMidi("it has no track")
    if len(tracks) != announced:
        remarks.append(f"it announces {announced} tracks and has {len(tracks)}")
    keys: list[Key] = []
    tempos: list[tuple[int, int]] = []
    ends = [_read_track(track, keys, tempos, remarks) for track in tracks]
    keys.sort(key=lambda each: each.tick)
    beat = None if division & 0x8000 else division
    return Score(keys, max(ends), _clock(division, tempos), beat, list(dict.fromkeys(remarks)))


def _start(content: bytes, remarks: list[str]) -> int:
    """Where the header begins."""
    if content[:4] == b"RIFF" and content[8:12] == b"RMID":
        place = 12
        while place + 8 <= len(content):
            size = int.from_bytes(content[place + 4 : place + 8], "little")
            if content[place : place + 4] == b"data":
                break
            place += 8 + size + size % 2
        start = content.find(b"MThd", place)
    else:
        start = content.find(b"MThd", 0, _MOST_BEFORE_HEADER)
        if start > 0:
            remarks.append(f"{start} bytes before its header were skipped")
    if start < 0:
        raise NotMidi("it has no header, MThd")
    return start


def _tracks(content: bytes, place: int, remarks: list[str]) -> list[bytes]:
    """The tracks' events; chunks of other kinds are skipped, as the standard says."""
    found = []
    while place + 8 <= len(content):
        kind = content[place : place + 4]
        if not kind.isascii() or not kind.decode("ascii").isprintable():
            following = content.find(b"MTrk", place)
            if following < 0:
                remarks.append("what follows its tracks was skipped")
                break
            remarks.append(f"{following - place} bytes between its tracks were skipped")
            place = following
            continue
        size = int.from_bytes(content[place + 4 : place + 8], "big")
        place += 8
        if kind == b"MTrk":
            found.append(content[place : place + size])
            if place + size > len(content):
                remarks.append("it ends inside a track")
        place += size
    return found


def _length(track: bytes, place: int) -> tuple[int, int]:
    """(value, place behind it) of a quantity of variable length; IndexError where the track ends in it."""
    value = 0
    for number in range(4):
        byte = track[place + number]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return value, place + number + 1


def _read_track(track: bytes, keys: list[Key], tempos: list[tuple[int, int]], remarks: list[str]) -> int:
    """Adds a track's keys and tempos to the lists; returns the tick at which it ends."""
    place = tick = status = 0
    try:
        while place < len(track):
            delta, place = _length(track, place)
            tick += delta
            if track[place] >= 0x80:
                event = track[place]
                place += 1
            elif status:
                event = status
            else:
                remarks.append("bytes that belong to no event were skipped")
                place += 1
                continue
            if event == 0xFF:
                kind = track[place]
                size, place = _length(track, place + 1)
                if kind == _END_OF_TRACK:
                    return tick
                tempo = int.from_bytes(track[place : place + size], "big")
                if kind == _SET_TEMPO and place + size <= len(track):
                    if size == 3 and tempo:
                        tempos.append((tick, tempo))
                    else:
                        remarks.append("a tempo that means nothing was skipped")
                place += size
            elif event in (0xF0, 0xF7):
                size, place = _length(track, place)
                place += size
            elif event > 0xF0:
                remarks.append("messages that belong on a cable were skipped")
                place += _COMMON_BYTES.get(event, 0)
            else:
                status, count = event, _DATA_BYTES[event >> 4]
                data = [track[place + number] for number in range(count)]
                place += count
                if max(data) > 0x7F:
                    remarks.append("values above 127 were clipped")
                if event >> 4 in (0x8, 0x9):
                    number, velocity = (min(value, 0x7F) for value in data)
                    keys.append(Key(tick, event & 0xF, number, event >> 4 == 0x9 and velocity > 0))
    except IndexError:
        remarks.append("a track ends inside an event")
    else:
        remarks.append("a track has no end mark")
    return tick


def _clock(division: int, tempos: list[tuple[int, int]]) -> Callable[[int], float]:
    """When a tick is, in seconds, by the header's division of time."""
    if division & 0x8000:
        frames, ticks = 256 - (division >> 8), division & 0xFF
        if frames not in _FRAMES_A_SECOND or not ticks:
            raise NotMidi(f"its time is in {ticks} ticks of {frames} frames a second")
        rate, per = _FRAMES_A_SECOND[frames]
        return lambda tick: tick * per / (rate * ticks)
    if not division:
        raise NotMidi("its beats have no ticks")
    # Whole numbers all along, so that nothing is lost in a long piece.
    changes = [(0, _DEFAULT_TEMPO), *sorted(tempos, key=lambda each: each[0])]
    ticks = [tick for tick, _ in changes]
    spans = [(later - tick) * tempo for (tick, tempo), later in zip(changes, ticks[1:], strict=False)]
    begun = list(accumulate(spans, initial=0))

    def seconds(tick: int) -> float:
        last = bisect_right(ticks, tick) - 1
        return (begun[last] + (tick - ticks[last]) * changes[last][1]) / (division * 1_000_000)

    return seconds
