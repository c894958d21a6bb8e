"""Piano-rolls: the chorales shipped, MIDI files read and written, folders and archives, and bad ones."""

import io
import os
import re
import struct
import tempfile
import warnings
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from graphlib.datasets import DataError, DataWarning, music
from graphlib.datasets.archives import members
from graphlib.datasets.location import find
from graphlib.datasets.music import KEYS, load, read_midi, save_rolls, write_midi
from tests.datasets.archives_of import targz, write_folder, zipped

# The shipped chorales


@pytest.fixture(scope="module")
def chorales() -> music.Dataset:
    return load()


def test_shipped_chorales(chorales):
    assert [len(each) for each in chorales[:3]] == [290, 36, 36]
    assert find("music", music.FILE).stat().st_size < 500_000
    for roll in (*chorales.train, *chorales.valid, *chorales.test):
        assert roll.dtype == np.uint8 and roll.ndim == 2 and roll.shape[1] == 88
        assert set(np.unique(roll)) == {0, 1}
        assert roll.sum(axis=1).max() <= 4  # four voices


def test_no_chorale_is_in_two_sets_whatever_its_key(chorales):
    def shapes(rolls):
        used = [np.flatnonzero(roll.any(axis=0)) for roll in rolls]
        return {roll[:, u[0] : u[-1] + 1].tobytes() for roll, u in zip(rolls, used, strict=True)}

    train, valid, test = map(shapes, chorales[:3])
    assert not train & valid and not train & test and not valid & test


def test_the_hymn_is_the_highest_voice(chorales):
    """Hassler's "O Haupt voll Blut und Wunden" begins mi la sol fa mi re mi; Bach set it many times."""
    openings = []
    for roll in (*chorales.train, *chorales.valid, *chorales.test):
        highest = [np.flatnonzero(step)[-1] for step in roll[:40] if step.any()]
        intervals = np.diff(highest)
        openings.append(tuple(intervals[intervals != 0][:6]))
    assert openings.count((5, -2, -2, -1, -2, 2)) >= 5


def test_the_chorales_have_all_keys():
    with pytest.raises(ValueError, match="cut columns"):
        load(r=(40, 80))


# Reading MIDI: files by hand after the standard (MIDI Manufacturers Association, Standard MIDI Files 1.0)


def chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">I", len(content)) + content


def midi(*tracks: bytes, division: int = 100, form: int = 1) -> bytes:
    end = b"\x00\xff\x2f\x00"
    header = chunk(b"MThd", struct.pack(">HHH", form, len(tracks), division))
    return header + b"".join(chunk(b"MTrk", track + end) for track in tracks)


def on(delta: int, note: int, velocity: int = 90, channel: int = 0) -> bytes:
    return bytes([delta, 0x90 | channel, note, velocity])


def off(delta: int, note: int, channel: int = 0) -> bytes:
    return bytes([delta, 0x80 | channel, note, 0])


def tempo(delta: int, microseconds: int) -> bytes:
    return bytes([delta, 0xFF, 0x51, 3]) + microseconds.to_bytes(3, "big")


def sounding(content: bytes, **options) -> list[tuple[int, ...]]:
    """The notes at each step."""
    roll = read_midi(io.BytesIO(content), **options)
    low = options.get("r", KEYS)[0]
    return [tuple(int(key) + low for key in np.flatnonzero(step)) for step in roll]


# 100 ticks a beat of half a second, unless there is a tempo: 60 ticks are 0.3 s.
READ = {
    "a note": (midi(on(0, 60) + off(60, 60)), [(60,)]),
    "a rest before": (midi(on(60, 60) + off(120, 60)), [(), (60,), (60,)]),
    "a chord": (midi(on(0, 60) + on(0, 64) + off(60, 60) + off(60, 64)), [(60, 64), (64,)]),
    "velocity 0 ends a note": (midi(on(0, 60) + on(60, 60, 0)), [(60,)]),
    "running status": (midi(on(0, 60) + bytes([60, 60, 0])), [(60,)]),
    "two tracks": (midi(on(0, 60) + off(120, 60), on(60, 64) + off(60, 64)), [(60,), (60, 64)]),
    "a slower tempo": (midi(tempo(0, 1_000_000) + on(0, 60) + off(60, 60)), [(60,), (60,)]),
    "a tempo that changes": (
        midi(tempo(0, 1_000_000) + tempo(60, 500_000) + on(60, 60) + off(60, 60)),
        [(), (), (), (60,)],
    ),
    "a note between two steps": (midi(on(10, 60) + off(100, 60)), [(), (60,)]),
    "a note too short for a step": (midi(on(10, 60) + off(10, 60) + on(40, 64) + off(60, 64)), [(), (64,)]),
    "a note that begins again": (midi(on(0, 60) + off(60, 60) + on(0, 60) + off(60, 60)), [(60,), (60,)]),
    "begins again before it ends": (midi(on(0, 60) + on(60, 60) + off(0, 60) + off(60, 60)), [(60,), (60,)]),
    "two voices on a key": (
        midi(on(0, 60) + off(60, 60), on(0, 60, channel=1) + off(120, 60, channel=1)),
        [(60,), (60,)],
    ),
    "a note without an end": (midi(on(0, 60) + on(0, 64) + off(120, 64)), [(60, 64), (60, 64)]),
    "an end without a note": (midi(off(0, 70) + on(0, 60) + off(60, 60)), [(60,)]),
    "drums": (midi(on(0, 36, channel=9) + on(0, 60) + off(60, 60)), [(60,)]),
    "beyond the keys": (
        midi(on(0, 20) + on(0, 109) + on(0, 21) + on(0, 108) + off(60, 21) + off(0, 108)),
        [(21, 108)],
    ),
    "one track": (midi(on(0, 60) + off(60, 60), form=0), [(60,)]),
    "other ticks": (midi(on(0, 60) + off(30, 60), division=50), [(60,)]),
    "silence at the end": (midi(on(0, 60) + off(60, 60) + tempo(120, 500_000)), [(60,), (), ()]),
    # A key struck twice: two notes that overlap, or one whose first release is missing.
    "struck twice, released twice": (
        midi(on(0, 60) + on(60, 60) + off(60, 60) + off(60, 60)), [(60,), (60,), (60,)],
    ),
    "struck twice, released once": (
        midi(on(0, 60) + on(60, 60) + off(60, 60) + on(60, 64) + off(60, 64)), [(60,), (60,), (), (64,)],
    ),
    "one overlap in a chain": (
        midi(on(0, 60) + on(60, 60) + off(1, 60) + on(59, 60) + off(1, 60) + off(59, 60)), [(60,)] * 3,
    ),
    # Frames of film: 24 frames a second of 10 ticks, 29.97 of 40 ("30 drop"), and no tempo.
    "24 frames a second": (
        midi(tempo(0, 1_000_000) + on(0, 60) + off(72, 60), division=0xE80A), [(60,)],
    ),
    "29.97 frames a second": (midi(on(0, 60) + off(120, 60), division=0xE30A), [(60,), (60,)]),
    "30 frames a second": (midi(on(0, 60) + off(90, 60), division=0xE20A), [(60,)]),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), READ.values(), ids=READ)
def test_reading(content, expected):
    assert sounding(content) == expected


def test_reading_with_another_range_and_step():
    content = midi(on(0, 60) + on(0, 50) + off(60, 60) + off(60, 50))
    assert sounding(content, r=(55, 70), dt=0.1) == [(60,)] * 3 + [()] * 3  # another key goes on
    assert read_midi(io.BytesIO(content), r=(50, 51), dt=0.6).shape == (1, 1)


@pytest.mark.parametrize("quick", [100_000, 1_000_000])
def test_reading_in_beats_at_whatever_tempo(quick):
    """An eighth, a quarter, a rest of an eighth, an eighth; the tempo changes in the middle."""
    content = midi(
        tempo(0, quick) + on(0, 60) + off(50, 60) + on(0, 62) + tempo(50, 300_000) + off(50, 62)
        + on(50, 64) + off(50, 64)
    )  # fmt: skip
    assert sounding(content, steps_a_beat=2) == [(60,), (62,), (62,), (), (64,)]
    assert sounding(content, steps_a_beat=4) == [(60,)] * 2 + [(62,)] * 4 + [()] * 2 + [(64,)] * 2
    assert sounding(content, steps_a_beat=1) == [(60,), (62,), (64,)]


def test_what_cannot_be_read_in_beats():
    frames = READ["24 frames a second"][0]
    with pytest.raises(DataError, match="in frames a second, not in beats"):
        read_midi(io.BytesIO(frames), steps_a_beat=2)
    with pytest.raises(DataError, match="no note from 21 to 108 that sounds at a step of 1/2 of a beat"):
        read_midi(io.BytesIO(midi(on(10, 60) + off(10, 60))), steps_a_beat=2)
    with pytest.raises(ValueError, match="steps_a_beat 0"):
        read_midi(io.BytesIO(READ["a note"][0]), steps_a_beat=0)
    with pytest.raises(DataError, match="the chorales have 2 steps a beat, not 4"):
        load(steps_a_beat=4)
    assert len(load(steps_a_beat=2).train) == len(load().train)


@pytest.mark.parametrize("options", [{"r": (60, 60)}, {"r": (70, 60)}, {"dt": 0}, {"dt": -1.0}])
def test_senseless_options(options):
    with pytest.raises(ValueError, match="must ascend and dt be positive"):
        read_midi(io.BytesIO(READ["a note"][0]), **options)


# Writing MIDI

ROLLS = hnp.arrays(
    np.uint8, st.tuples(st.integers(0, 40), st.just(88)), elements=st.integers(0, 1), fill=st.just(0)
)


@settings(deadline=None)
@given(ROLLS, st.sampled_from([0.05, 0.1, 0.2, 0.3, 1 / 3, 0.75, 8.0]))
def test_what_was_written_is_read_again(roll, dt):
    sounds = np.flatnonzero(roll.any(axis=1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "piece.mid")
        write_midi(path, roll, dt=dt)
        assert os.listdir(folder) == ["piece.mid"]
        if not len(sounds):
            with pytest.raises(DataError, match="no note from 21 to 108"):
                read_midi(path, dt=dt)
            return
        np.testing.assert_array_equal(read_midi(path, dt=dt), roll)


def test_the_chorales_survive_being_written(tmp_path, chorales):
    for roll in chorales.test:
        write_midi(tmp_path / "piece.mid", roll, dt=0.3)
        np.testing.assert_array_equal(read_midi(str(tmp_path / "piece.mid")), roll)


@pytest.mark.parametrize("dt", [0.3, 1 / 30, 1 / 12, 1 / 3, 1 / 7, 0.001, np.pi / 10, 0.125, 2.5])
def test_a_long_piece_and_the_silence_at_its_end_are_kept_at_any_step(tmp_path, dt):
    roll = (np.random.RandomState(0).rand(4000, 4) > 0.5).astype(np.uint8)
    roll[-5:] = 0
    write_midi(tmp_path / "piece.mid", roll, (60, 64), dt)
    np.testing.assert_array_equal(read_midi(tmp_path / "piece.mid", (60, 64), dt), roll)


@pytest.mark.parametrize("dt", [0.3, 1 / 30, np.pi / 10])
def test_other_software_reads_what_was_written(tmp_path, dt):
    """mido, which adds up the tempo's seconds itself."""
    write_midi(tmp_path / "piece.mid", np.ones((700, 1)), (60, 61), dt)
    assert mido.MidiFile(tmp_path / "piece.mid").length == pytest.approx(700 * dt, rel=1e-9)


def test_another_range_and_instrument(tmp_path):
    roll = np.eye(12)
    write_midi(tmp_path / "piece.mid", roll, r=(60, 72), program=19)
    np.testing.assert_array_equal(read_midi(tmp_path / "piece.mid", r=(60, 72)), roll)
    assert b"\xc0\x13" in (tmp_path / "piece.mid").read_bytes()


def test_writing_replaces_and_wrong_rolls_write_nothing(tmp_path):
    path = tmp_path / "piece.mid"
    write_midi(path, np.ones((1, 88)))
    before = path.read_bytes()
    for roll, dt in (
        (np.ones((4, 87)), 0.3),
        (np.ones(88), 0.3),
        (np.ones((4, 88)), 9),
        (np.ones((4, 88)), 0),
    ):
        with pytest.raises(ValueError, match=r"keys 21 to 108 need \(time, 88\)|between 0 and 8 seconds"):
            write_midi(path, roll, dt=dt)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["piece.mid"]


def test_where_nothing_can_be_written(tmp_path):
    for write in (write_midi, lambda path, roll: save_rolls(path, {"a": roll})):
        with pytest.raises(DataError, match=r"nowhere\Wfile: cannot be written"):
            write(tmp_path / "nowhere" / "file", np.ones((3, 88)))


# Bad MIDI

NOTE = READ["a note"][0]
BAD_MIDI = {
    "empty": (b"", "not a MIDI file .*no header"),
    "a web page": (b"<html>404</html>", "not a MIDI file .*no header"),
    "cut in its header": (NOTE[:10], "not a MIDI file .*ends inside its header"),
    "cut behind its header": (NOTE[:14], "not a MIDI file .*no track"),
    "cut in its track": (NOTE[:-9], "no note from 21 to 108"),
    "no division": (midi(on(0, 60), division=0), "beats have no ticks"),
    "frames there are not": (midi(on(0, 60) + off(60, 60), division=0xF005), "5 ticks of 16 frames"),
    "frames without ticks": (midi(on(0, 60) + off(60, 60), division=0xE800), "0 ticks of 24 frames"),
    "pieces in one file": (midi(on(0, 60) + off(60, 60), form=2), "pieces of their own"),
    "no notes": (midi(tempo(0, 500_000)), "no note from 21 to 108"),
    "no notes in the range": (midi(on(0, 10) + off(60, 10)), "no note from 21 to 108"),
    "days of silence": (midi(b"\xff\xff\xff\x7f\x90\x3c\x5a" + off(60, 60), division=1), "is damaged"),
}


@pytest.mark.parametrize(("content", "message"), BAD_MIDI.values(), ids=BAD_MIDI)
def test_a_bad_file_is_named_and_described(tmp_path, content, message):
    path = tmp_path / "broken.mid"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}.*leave it out"):
        read_midi(path)


def meta(delta: int, kind: int, *data: int) -> bytes:
    return bytes([delta, 0xFF, kind, len(data), *data])


ONE = on(0, 60) + off(60, 60)
END = b"\x00\xff\x2f\x00"
HEADER = NOTE[:14]
MENDED = {
    "velocity above 127": (midi(on(0, 60, 200) + off(60, 60)), "above 127 were clipped"),
    "velocity of a release": (midi(on(0, 60) + bytes([60, 0x80, 60, 255])), "above 127 were clipped"),
    "controller": (midi(bytes([0, 0xB0, 7, 255]) + ONE), "above 127 were clipped"),
    "instrument": (midi(bytes([0, 0xC0, 0x90]) + ONE), "above 127 were clipped"),
    "system exclusive": (midi(bytes([0, 0xF0, 3, 0x50, 0xFF, 0xF7]) + ONE), None),
    "key signatures": (midi(meta(0, 0x59, 0, 255) + meta(0, 0x59, 9, 0) + meta(0, 0x59) + ONE), None),
    "time signatures": (midi(meta(0, 0x58, 4, 2) + meta(0, 0x58, 0, 0, 0, 0) + ONE), None),
    "text of any bytes": (midi(meta(0, 1, *range(128, 256)[:100]) + meta(0, 0x7F, 1) + ONE), None),
    "a tempo of two bytes": (midi(meta(0, 0x51, 1, 2) + ONE), "a tempo that means nothing"),
    "a tempo of 0": (midi(meta(0, 0x51, 0, 0, 0) + ONE), "a tempo that means nothing"),
    "a message of the cable": (midi(bytes([0, 0xF2, 1, 2, 0, 0xF8]) + ONE), "belong on a cable"),
    "bytes of no event": (midi(bytes([0, 1]) + ONE), "belong to no event"),
    "a chunk of another kind": (HEADER + chunk(b"XFIH", b"abcd") + chunk(b"MTrk", ONE + END), None),
    "a longer header": (chunk(b"MThd", HEADER[8:] + b"ab") + chunk(b"MTrk", ONE + END), None),
    "RIFF": (
        b"RIFF" + struct.pack("<I", len(NOTE) + 24) + b"RMID"
        + b"DISP" + struct.pack("<I", 3) + b"abc\x00" + b"data" + struct.pack("<I", len(NOTE)) + NOTE,
        None,
    ),
    "bytes before the header": (bytes(128) + NOTE, "128 bytes before its header"),
    "bytes between the tracks": (
        midi(ONE, ONE)[: -len(chunk(b"MTrk", ONE + END))] + b"\x00\xff" + chunk(b"MTrk", ONE + END),
        "2 bytes between its tracks",
    ),
    "bytes after the tracks": (NOTE + bytes(20), "what follows its tracks was skipped"),
    "fewer tracks than announced": (
        chunk(b"MThd", struct.pack(">HHH", 1, 2, 100)) + chunk(b"MTrk", ONE + END),
        "announces 2 tracks and has 1",
    ),
    "cut at its end": (NOTE[:-1], "ends inside a track"),
    "no end mark": (HEADER + chunk(b"MTrk", ONE), "no end mark"),
    "days of silence at its end": (midi(ONE + b"\xff\xff\xff\x7f\xff\x01\x00"), "silence at its end"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "remark"), MENDED.values(), ids=MENDED)
def test_what_players_play_is_read_and_what_was_mended_is_said(content, remark):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert sounding(content) == [(60,)]
    assert [str(each.message) for each in said if remark is None] == []
    assert remark is None or [each.category for each in said] == [DataWarning]
    assert all(re.fullmatch(f"the MIDI file: .*{remark}.*", str(each.message)) for each in said)


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.mid: cannot be read"):
        read_midi(tmp_path / "nowhere.mid")


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, 60))
def test_damage_is_an_error_or_another_piece_but_nothing_worse(noise, where):
    content = bytearray(midi(on(0, 60) + off(60, 60), on(0, 64) + off(60, 64)))
    content[where : where + len(noise)] = noise
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            roll = read_midi(io.BytesIO(bytes(content)))
    except DataError:
        return
    assert roll.ndim == 2 and roll.shape[1] == 88 and roll.any()


# Folders and archives


def piece(note: int) -> bytes:
    return midi(on(0, note) + off(60, note))


def notes(rolls: list[np.ndarray]) -> list[int]:
    return [int(np.flatnonzero(roll[0])[0]) + KEYS[0] for roll in rolls]


def written(tmp_path: Path, form: str, files: dict[str, bytes]) -> Path:
    if form == "folder":
        return write_folder(tmp_path / "folder", files)
    path = tmp_path / f"pieces.{form}"
    path.write_bytes({"tar.gz": targz, "zip": zipped}[form](files))
    return path


FORMS = ["folder", "tar.gz", "zip"]


@pytest.mark.parametrize("form", FORMS)
def test_every_tenth_piece_tests(tmp_path, form):
    files = {f"tunes/{i:02}.MID": piece(40 + i) for i in range(21)} | {"tunes/readme.txt": b"not music"}
    dataset = load(written(tmp_path, form, files))
    assert notes(dataset.valid) == [48, 58] and notes(dataset.test) == [49, 59]
    assert notes(dataset.train) == [*range(40, 48), *range(50, 58), 60]


@pytest.mark.parametrize("form", FORMS)
def test_folders_may_tell_the_parts(tmp_path, form):
    files = {f"set/{part}/{i}.mid": piece(40 + 10 * number + i)
             for number, part in enumerate(("train", "Valid", "test")) for i in range(2)}  # fmt: skip
    dataset = load(written(tmp_path, form, files))
    assert [notes(each) for each in dataset[:3]] == [[40, 41], [50, 51], [60, 61]]


def test_three_pieces_are_enough(tmp_path):
    files = {f"{i}.midi": piece(60 + i) for i in range(3)}
    assert [notes(each) for each in load(write_folder(tmp_path, files))[:3]] == [[60], [61], [62]]


BAD_SETS = {
    "nothing": ({}, "holds no MIDI files"),
    "other files": ({"a.txt": b"x"}, "holds no MIDI files"),
    "two pieces": ({"a.mid": piece(60), "b.mid": piece(61)}, "2 pieces, none of them for the part train"),
    "no part to test": (
        {"train/a.mid": piece(60), "valid/b.mid": piece(61)},
        "none of them for the part test",
    ),
    "a piece in no part": ({"train/a.mid": piece(60), "b.mid": piece(61)}, "b.mid is in none of the folders"),
    "broken pieces only": (
        {"a.mid": b"x", "b.mid": b""},
        "none of its 2 MIDI files can be used: a.mid: not a",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_bad_pieces_are_left_out_and_named(tmp_path, form):
    files = {f"{i:02}.mid": piece(40 + i) for i in range(11)}
    files |= {
        "03.mid": b"x",
        "05.mid": midi(on(0, 36, channel=9) + off(60, 36, channel=9)),
        "99.mid": NOTE[:-1],
    }
    path = written(tmp_path, form, files)
    with pytest.warns(DataWarning) as said:
        dataset = load(path)
    assert notes([*dataset.train, *dataset.valid, *dataset.test]) == [40, 41, 42, 44, 46, 47, 48, 49, 50, 60]
    left_out, mended = (str(each.message) for each in said)
    assert re.fullmatch(
        f"{re.escape(str(path))}: 2 of 12 MIDI files left out: 03.mid: .*; 05.mid: no note .*", left_out
    )
    assert re.fullmatch(f"{re.escape(str(path))}: 1 of 12 MIDI files mended: 99.mid: .*", mended)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("files", "message"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_set_is_named_and_described(tmp_path, form, files, message):
    (tmp_path / "folder").mkdir()
    path = written(tmp_path, form, files)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}[:,] .*{message}"):
        load(path)


def test_bad_archives_write_nothing(tmp_path):
    files = {f"{i}.mid": piece(60 + i) for i in range(3)}
    for content, message in (
        (targz(files)[:-20], "incomplete"),
        (zipped(files | {"../a.mid": b""}), "leads out"),
    ):
        path = tmp_path / "archive"
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            load(path)
        assert os.listdir(tmp_path) == ["archive"]


NOTTINGHAM = Path(__file__).parents[3] / "shared" / "data" / "nottingham" / "nottingham-midi.tar.gz"


@pytest.mark.skipif(not NOTTINGHAM.exists(), reason="no copy of the Nottingham tunes beside the checkout")
def test_nottingham(tmp_path):
    tunes = members(NOTTINGHAM, lambda name: name.endswith(".mid"))
    assert len(tunes) == 1034
    dataset = load(write_folder(tmp_path, dict(tunes[:60])))
    assert [len(each) for each in dataset[:3]] == [48, 6, 6]
    steps = np.concatenate(dataset.train)
    assert 2 < steps.sum(axis=1).mean() < 6  # a melody over chords


# Pictures


def test_a_picture_shows_the_keys_that_sound(tmp_path):
    low, high = np.zeros((30, 88)), np.zeros((30, 88))
    low[:15, :20], high[15:, -20:] = 1, 1
    for name, roll in (("low", low), ("high", high), ("none", np.zeros((30, 88)))):
        save_rolls(tmp_path / f"{name}.png", {"": roll})
    grey = {
        name: np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"), float)
        for name in ("low", "high", "none")
    }
    rows, columns = {}, {}
    for name in ("low", "high"):
        ys, xs = np.nonzero(grey["none"] - grey[name] > 128)
        rows[name], columns[name] = ys.mean(), xs.mean()
    assert rows["high"] < rows["low"]  # a picture's rows are counted from its top
    assert columns["low"] < columns["high"]


def test_pictures_of_several_rolls_of_different_lengths(tmp_path, chorales):
    save_rolls(tmp_path / "all.png", {"real": chorales.test[0], "sample": np.full((10, 88), 0.5)})
    with Image.open(tmp_path / "all.png") as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("rolls", [{}, {"a": np.ones((3, 87))}, {"a": np.ones(88)}])
def test_what_cannot_be_drawn(tmp_path, rolls):
    with pytest.raises(ValueError, match=r"no rolls|need"):
        save_rolls(tmp_path / "a.png", rolls)
    assert not os.listdir(tmp_path)
