"""Kills ranks of trainings at random moments: ``python -m tests.distributed.kills [N]`` (not a test of CI).

Each of N trainings on two or three ranks loses a random rank at a random moment. The run must end by itself
within seconds, and resumed it must end with the same model, to the bit, as one left alone.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from .mpi import command, environment

#: how long a run may go on without its rank
_END_SECONDS = 20.0


def start(n: int, folder: Path, *arguments: str) -> subprocess.Popen:
    """Starts the learner on n ranks."""
    return subprocess.Popen(
        command(n, "learner.py", str(folder), *arguments),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def ended(process: subprocess.Popen, seconds: float) -> bool:
    """Whether a run ends by itself within so many seconds; one that does not is ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def kill_one(n: int, folder: Path, chance: random.Random) -> tuple[bool, bool]:
    """(whether a run whose rank was killed ended, whether a rank was killed before it was done)."""
    process = start(n, folder)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint.npz").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(chance.uniform(0, 0.8))
    rank = chance.randrange(n)
    alive = process.poll() is None
    if alive:
        # by the number that the rank itself has noted
        _kill(int((folder / f"rank_{rank}").read_text()))
    return ended(process, _END_SECONDS), alive


def _kill(number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def resumed(n: int, folder: Path) -> dict[str, np.ndarray]:
    """What a run ends with that is gone on with."""
    process = start(n, folder, "--resume")
    assert ended(process, 120), "the run that was resumed does not end"
    with np.load(folder / "end.npz") as found:
        return dict(found)


def undisturbed(n: int, folder: Path) -> dict[str, np.ndarray]:
    process = start(n, folder)
    assert ended(process, 120)
    with np.load(folder / "end.npz") as found:
        return dict(found)


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    chance, hangs, killed, differ = random.Random(18), 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        expected = {n: undisturbed(n, Path(place) / f"undisturbed_{n}") for n in (2, 3)}
        for number in range(count):
            n = chance.choice((2, 3))
            folder = Path(place) / str(number)
            finished, was_alive = kill_one(n, folder, chance)
            hangs += not finished
            killed += was_alive
            found = resumed(n, folder)
            differ += found["parameters"].tobytes() != expected[n]["parameters"].tobytes()
            print(f"{number + 1}: {n} ranks, {'ended' if finished else 'HANGS'}", flush=True)
    print(f"{killed} of {count} runs lost a rank: {hangs} hang, {differ} ended with another model")
    return 1 if hangs or differ else 0


if __name__ == "__main__":
    sys.exit(main())
