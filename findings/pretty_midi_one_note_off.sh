#!/usr/bin/env bash
# pretty_midi 0.2.11: one note-off ends every note of its pitch that is open, so of a key that is struck again while
# it sounds the later note is cut short, and the time of its own note-off is lost.
#
# A file may hold two note-ons of one pitch before the first note-off (two voices on one channel, or a sustained key
# repeated). The MIDI standard leaves to the receiver which of them a note-off ends, but each note-on has one of its
# own. Here notes begin at 0 and .5 s, note-offs are at 1 and 2 s: both notes end at 1 s, the second note-off is
# ignored, and so the music is a second shorter than its file.
#
# Seen: notes [(0.0, 1.0), (0.5, 1.0)]; length by mido 2.0 s, by pretty_midi 1.0 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pretty_midi==0.2.11 mido==1.3.3 numpy==2.4.6 'setuptools<81'
cd "$folder"
env/bin/python -W ignore - <<'PYTHON'
import mido
import pretty_midi

file = mido.MidiFile(ticks_per_beat=480)  # 120 beats a minute: 480 ticks are half a second
track = mido.MidiTrack()
file.tracks.append(track)
for kind, ticks in [("note_on", 0), ("note_on", 480), ("note_off", 480), ("note_off", 960)]:
    track.append(mido.Message(kind, note=60, velocity=80, time=ticks))
file.save("twice.mid")
music = pretty_midi.PrettyMIDI("twice.mid")
notes = sorted((float(note.start), float(note.end)) for note in music.instruments[0].notes)
print(f"notes {notes}; length by mido {file.length} s, by pretty_midi {music.get_end_time()} s")
assert notes == [(0.0, 1.0), (0.5, 1.0)], notes
assert file.length == 2.0
PYTHON
