"""Searches whose workers, and whose scheduler, are killed: the same table as without.

    python -m tests.nn.search_kills                       # 40 trainings, five kills of each kind
    python -m tests.nn.search_kills --trials 8 --kills 2 --only dask

A search of so many trainings runs undisturbed in one process of joblib's; then on two workers of a local
Dask cluster, on two processes of joblib's, and on a cluster with a scheduler of its own, whose processes are
each in a folder of their own as on machines of their own, while processes are killed (SIGKILL), and the
search itself as well (``itself``), after which the same command goes on. All tables must be equal, byte for
byte.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SEARCH = """
name: kills
data: digits
model: [dense: {units: 40, activation: tanh}, dense: {units: 10, activation: softmax}]
loss: crossentropy
metrics: [error]
optimizer: {sgd: {learning_rate: 0.1, momentum: 0.5}}
training: {epochs: EPOCHS, batch_size: 10}
search:
  method: {random: TRIALS}
  parameters:
    optimizer.sgd.learning_rate: {log: [1e-3, 1]}
    optimizer.sgd.momentum: {uniform: [0, 0.95]}
    training.batch_size: {choice: [10, 20, 50]}
"""


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


class Search:
    """The command, in a folder of its own."""

    def __init__(self, folder: Path, *options: str):
        self.folder = folder
        self.command = [sys.executable, "-m", "graphlib.nn", "search", "search.yaml", *options]
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> subprocess.Popen:
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    @property
    def study(self) -> Path:
        return self.folder / "searches" / "kills"

    def done(self) -> int:
        """Trainings that are done."""
        return len(list(self.study.glob("trials/*/result.json")))

    def training(self) -> bool:
        """Whether some training goes on."""
        begun = len(list(self.study.glob("trials/*/checkpoint.npz")))
        return begun > self.done()

    def table(self) -> bytes:
        return (self.study / "trials.csv").read_bytes()


def workers(process: psutil.Process) -> list[psutil.Process]:
    """The processes of a search, or of a Dask worker's nanny, that train."""
    found = []
    for each in process.children(recursive=True):
        try:
            line = " ".join(each.cmdline())
        except psutil.Error:
            continue
        if re.search(r"spawn_main|loky\.backend\.popen_loky", line) and "resource_tracker" not in line:
            found.append(each)
    return found


def killing(search: Search, kills: int, victims, rng: random.Random) -> int:
    """Kills victims while a search trains; returns how many were."""
    process, killed, since = search.process, 0, -1
    while process.poll() is None:
        time.sleep(0.1)
        found = victims()
        # Somewhere in the middle of trainings, and not all at once.
        if killed < kills and found and search.training() and search.done() > since:
            time.sleep(rng.random() * 0.5)
            try:
                rng.choice(found).kill()
            except psutil.Error:
                continue
            killed, since = killed + 1, search.done()
    return killed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--trials", type=int, default=40)
    options.add_argument("--kills", type=int, default=5)
    options.add_argument("--epochs", type=int, default=20)
    options.add_argument("--only", choices=["dask", "joblib", "itself", "scheduler"], action="append")
    given = options.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)

        def search(name: str, *more: str) -> Search:
            made = Search(root / name, *more)
            text = SEARCH.replace("TRIALS", str(given.trials)).replace("EPOCHS", str(given.epochs))
            (made.folder / "search.yaml").write_text(text)
            return made

        alone = search("alone", "--workers", "1")
        said = alone.start().communicate()[0]
        if alone.process.returncode:
            sys.exit(said)
        wanted = alone.table()
        print(f"undisturbed: {alone.done()} trainings", flush=True)
        ended = []

        def compare(name: str, made: Search, killed: int) -> None:
            same = made.table() == wanted
            ended.append(same)
            print(f"{name}: {killed} kills, {'the same table' if same else 'ANOTHER TABLE'}", flush=True)

        kinds = given.only or ["dask", "joblib", "itself", "scheduler"]
        for name, more in (("dask", ["--dask"]), ("joblib", [])):
            if name in kinds:
                made = search(name, "--workers", "2", *more)
                made.start()
                parent = psutil.Process(made.process.pid)
                killed = killing(made, given.kills, lambda parent=parent: workers(parent), rng)
                print(made.process.communicate()[0])
                compare(f"workers of {name}", made, killed)
        if "itself" in kinds:
            made, killed = search("itself", "--workers", "2"), 0
            while True:
                made.start()
                us = psutil.Process(made.process.pid)
                killed += killing(made, min(1, given.kills - killed), lambda us=us: [us], rng)
                if made.process.returncode == 0:
                    break
                print(f"killed with {made.done()} done", flush=True)
            compare("the search itself", made, killed)
        if "scheduler" in kinds:
            port = 20000 + os.getpid() % 10000
            address = f"tcp://127.0.0.1:{port}"
            dask = [
                sys.executable,
                "-m",
                "distributed.cli.dask_scheduler",
                "--port",
                str(port),
                "--no-dashboard",
            ]
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": ENVIRONMENT}

            def process(command: list[str], machine: str) -> subprocess.Popen:
                (root / machine).mkdir(exist_ok=True)
                return subprocess.Popen(command, cwd=root / machine, **quiet)

            def cluster() -> list[subprocess.Popen]:
                started = [process(dask, "machine-0")]
                time.sleep(3)
                return started + [process([*worker, "--no-dashboard"], f"machine-{k}") for k in (1, 2)]

            made, killed = search("scheduler", "--scheduler", address), 0
            while True:
                processes = cluster()
                made.start()
                scheduler = psutil.Process(processes[0].pid)

                def victims(scheduler: psutil.Process = scheduler) -> list[psutil.Process]:
                    return [scheduler] if scheduler.is_running() else []

                killed += killing(made, min(1, given.kills - killed), victims, rng)
                said = made.process.communicate()[0]
                for each in processes:
                    each.send_signal(signal.SIGTERM)
                    each.wait()
                if made.process.returncode == 0:
                    break
                print(f"{made.done()} done; it said: {said.splitlines()[-1]}", flush=True)
            compare("the scheduler", made, killed)
    sys.exit(not all(ended))


if __name__ == "__main__":
    main()
