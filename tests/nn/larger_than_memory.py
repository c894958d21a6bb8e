"""Trains on data larger than the memory that is allowed, and compares with the same steps on data in memory.

    python -m tests.nn.larger_than_memory --gigabytes 20 --limit 2 --folder FOLDER

writes x.npy and y.npy of that size into the folder (and removes them at the end, unless ``--keep``), and
trains a perceptron for an epoch in a process of its own in a memory cgroup of Linux (as root; its first or
second version) with the limit in GB, the pages included that the system reads for it. Where no cgroup can be
made, or with ``--ulimit``, the limit is ulimit -v, of the process's address space. ``--warm`` reads the files
once before, outside of the limit, so that the system's own memory has as much of them as there is room for.
Prints how much of the files that is, before and after, the seconds of the epoch, those of as many steps on
minibatches in memory, measured before and after, their ratio, and the most memory that the process has held.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import mmap
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROWS_IN_MEMORY = 20_000
FEATURES = 784


def write(folder: Path, gigabytes: float) -> int:
    """Writes both files; returns how many rows there are."""
    n = int(gigabytes * 1e9 / (FEATURES * 4 + 8))
    rng = np.random.default_rng(0)
    tile = rng.random((ROWS_IN_MEMORY, FEATURES), dtype="float32")
    for name, shape, dtype in (("x", (n, FEATURES), "<f4"), ("y", (n,), "<i8")):
        with open(folder / f"{name}.npy", "wb") as file:
            header = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, n, ROWS_IN_MEMORY):
                rows = min(ROWS_IN_MEMORY, n - first)
                if name == "x":
                    tile[:rows, 0] = np.arange(first, first + rows, dtype="float64") % 1000 / 1000
                    file.write(tile[:rows].data)
                else:
                    file.write((np.arange(first, first + rows) % 10).astype(dtype).data)
    return n


class Limit:
    """A memory cgroup with a limit, where one can be made."""

    def __init__(self, gigabytes: float, ulimit: bool = False):
        self.bytes = int(gigabytes * 1e9)
        name = f"graphlib-{os.getpid()}"
        first, second = Path("/sys/fs/cgroup/memory") / name, Path("/sys/fs/cgroup") / name
        self.folder: Path | None = None
        for folder, file, most in (
            (first, "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            (second, "memory.max", "memory.peak"),
        ):
            if ulimit or not folder.parent.exists() or (folder is second and first.parent.exists()):
                continue
            try:
                folder.mkdir()
                (folder / file).write_text(str(self.bytes))
            except OSError:
                continue
            self.folder, self._most = folder, folder / most
            break

    def enter(self) -> None:
        """Called in the child process."""
        if self.folder is not None:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        else:
            resource.setrlimit(resource.RLIMIT_AS, (self.bytes, self.bytes))

    def close(self) -> str:
        if self.folder is None:
            return "ulimit -v"
        most = int(self._most.read_text()) if self._most.exists() else 0
        self.folder.rmdir()
        return f"cgroup; most in it, the file's cached pages included: {most / 1e9:.2f} GB"


def warm(folder: Path) -> None:
    """Reads the files once."""
    room = bytearray(2**24)
    for name in ("x.npy", "y.npy"):
        with open(folder / name, "rb", buffering=0) as file:
            while file.readinto(room):
                pass


def cached(folder: Path) -> float:
    """The share of x.npy that the system has in its memory, by mincore."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(folder / "x.npy", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as found:
        pages = np.zeros(-(-len(found) // mmap.PAGESIZE), "uint8")
        start = np.frombuffer(found, "uint8")
        place, room = ctypes.c_void_p(start.ctypes.data), ctypes.c_void_p(pages.ctypes.data)
        code = libc.mincore(place, ctypes.c_size_t(len(found)), room)
        del start
    return float((pages & 1).mean()) if code == 0 else float("nan")


def train(folder: Path, batch_size: int, units: int, buffer: float) -> dict[str, float]:
    """Measures in this process."""
    from graphlib.nn import Dense, Model
    from graphlib.nn.stored import Npy

    x, y = Npy(folder / "x.npy"), Npy(folder / "y.npy")
    model = Model([Dense(units, "tanh"), Dense(10, "softmax")], "crossentropy", {"sgd": 0.01}, ["error"])
    rows = min(len(x), ROWS_IN_MEMORY)
    some = (x[:rows], y[:rows])

    def seconds(*data, epochs: int = 1) -> tuple[float, float]:
        before, processor = time.perf_counter(), time.process_time()
        model.fit(*data, epochs=epochs, batch_size=batch_size, buffer=buffer, verbose=False)
        return time.perf_counter() - before, time.process_time() - processor

    epochs = max(1, min(len(x), 300_000) // rows)
    seconds(*some)
    scale = len(x) / (epochs * rows)
    alone = [seconds(*some, epochs=epochs)]
    epoch = seconds(x, y)
    alone.append(seconds(*some, epochs=epochs))
    return {
        "epoch": epoch[0],
        "epoch_processor": epoch[1],
        "alone": sum(each[0] for each in alone) / 2 * scale,
        "alone_processor": sum(each[1] for each in alone) / 2 * scale,
        "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "steps": -(-len(x) // batch_size),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--gigabytes", type=float, default=20)
    options.add_argument("--limit", type=float, default=2, help="GB of memory")
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--batch-size", type=int, default=500)
    options.add_argument("--units", type=int, default=500)
    options.add_argument("--buffer", type=float, default=256, help="megabytes, as in Model.fit")
    options.add_argument("--keep", action="store_true", help="do not remove the files at the end")
    options.add_argument("--ulimit", action="store_true", help="limit by ulimit -v, not by a cgroup")
    options.add_argument("--warm", action="store_true", help="read the files once before")
    options.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.measure:
        print(json.dumps(train(given.folder, given.batch_size, given.units, given.buffer)))
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    limit = Limit(given.limit, given.ulimit)
    try:
        if not (given.folder / "x.npy").exists():
            before = time.perf_counter()
            n = write(given.folder, given.gigabytes)
            print(f"{n} rows are written in {time.perf_counter() - before:.0f} s", flush=True)
        if given.warm:
            warm(given.folder)
        before = cached(given.folder)
        command = [sys.executable, "-m", "tests.nn.larger_than_memory", *sys.argv[1:], "--measure"]
        done = subprocess.run(command, preexec_fn=limit.enter, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"the training ended with {done.returncode}")
        found = json.loads(done.stdout.splitlines()[-1])
        after = cached(given.folder)
    finally:
        said = limit.close()
        if not given.keep:
            for name in ("x.npy", "y.npy"):
                (given.folder / name).unlink(missing_ok=True)
    print(f"of the files the system has {100 * before:.0f} % before and {100 * after:.0f} % after")
    print(f"limit {given.limit} GB by {said}; resident at most {found['resident'] / 1e9:.2f} GB")
    print(
        f"an epoch of {found['steps']} steps: {found['epoch']:.1f} s, the steps alone "
        f"{found['alone']:.1f} s: {found['epoch'] / found['alone']:.3f} times; "
        f"processor {found['epoch_processor']:.1f} s and {found['alone_processor']:.1f} s"
    )


if __name__ == "__main__":
    main()
