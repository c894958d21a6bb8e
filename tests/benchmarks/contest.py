"""Contestants of one workload, taking turns: each sits in a process of its own, and all but one are stopped.

A round is one window of every contestant (A B C A B C ...). Stopping the others is what makes a window
honest: the threads of BLAS, OpenMP and XLA go on spinning after their work is done, at the next contestant's
expense.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks.figures import Window

ROOT = Path(__file__).parents[2]
WINDOW_LIMIT = 120.0
LEAST_ROUNDS = 3
# glibc gives large arrays back to the system and takes them again, or does not, by the luck of the heap's
# layout; the page faults of that make the same program up to four times slower. Here everybody keeps memory.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}

PEERS: dict[str, tuple[str, ...]] = {  # the variants of each library's module bench_<library>.py
    "torch": ("eager", "compile"),
    "jax": ("jit", "scan"),
    "pytensor": ("c", "numba"),
    "theano": ("c",),
}


@dataclass(frozen=True)
class Contestant:
    """Who runs a workload: `python` imports `module` from the folder `path` and builds a `variant` of it."""

    name: str
    python: Path
    path: Path
    module: str
    variant: str
    peer: bool = False


class Failure(RuntimeError):
    """A contestant that cannot take part; the message says why."""


class Absent(Failure):
    """A contestant that does not have this workload."""


@dataclass
class Result:
    """What a contest of one workload gave.

    first_calls: seconds until each contestant's first result. losses: of its first step and of its first
    block's last. failures: why contestants did not take part. interrupted: whether Ctrl+C ended it.
    """

    rounds: list[dict[str, Window]] = field(default_factory=list)
    first_calls: dict[str, float] = field(default_factory=dict)
    losses: dict[str, list[float | None]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def own_contestants(work: str) -> list[Contestant]:
    """graphlib, and the bare work (named by `work`) on one thread and on all of them."""
    variants = ["graphlib", *(f"{n} thread{'s' * (n > 1)}" for n in sorted({1, cores()}))]
    names = ["graphlib", *(f"{work}, {variant}" for variant in variants[1:])]
    module = "tests.benchmarks.workloads"
    return [
        Contestant(name, Path(sys.executable), ROOT, module, variant)
        for name, variant in zip(names, variants, strict=True)
    ]


def module_contestants(peers: Path | None, name: str) -> Iterator[Contestant]:
    """Every variant of the libraries of a module of ours that have an environment in `peers`."""
    module = f"tests.benchmarks.peers.{name}"
    for library, variants in import_module(module).VARIANTS.items():
        python = peers / library / "bin" / "python" if peers else None
        if python and python.exists():
            for variant in variants:
                yield Contestant(f"{library} {variant}", python, ROOT, module, variant, peer=True)


def peer_contestants(peers: Path | None, code: Path | None) -> Iterator[Contestant]:
    """Every variant of the libraries that have an environment in `peers` and a module in `code`."""
    if peers is None or code is None:
        return
    for library, variants in PEERS.items():
        python, module = peers / library / "bin" / "python", f"bench_{library}"
        if python.exists() and (code / f"{module}.py").exists():
            yield from (Contestant(f"{library} {v}", python, code, module, v, peer=True) for v in variants)


class Worker:
    """A contestant's process; it is stopped except while it works."""

    def __init__(self, contestant: Contestant, workload: str, steps: int) -> None:
        self.name, self.steps = contestant.name, steps
        task = {"path": str(contestant.path), "module": contestant.module, "variant": contestant.variant}
        task |= {"workload": workload, "steps": steps}
        environment = os.environ | KEEP_MEMORY | {"PEER_THREADS": str(cores())}
        if contestant.peer:
            # else it might find our graphlib where it wants the standard library's
            environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [contestant.python, Path(__file__).with_name("worker.py"), json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if contestant.peer else None,
            env=environment,
            start_new_session=True,  # so that a terminal's Ctrl+C reaches the contest alone
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def _answer(self, limit: float) -> dict:
        """The next line of the worker, which is stopped from then on."""
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        if not ready:
            raise Failure(f"no answer within {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"ended with status {self.process.wait()}")
        self.process.send_signal(signal.SIGSTOP)
        answer = json.loads(line)
        if answer.get("absent"):
            raise Absent("it does not have this workload")
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def built(self, limit: float) -> dict:
        """Waits so many seconds for the first blocks: {"first_call": seconds, "losses": [first, last]}."""
        return self._answer(limit)

    def window(self, seconds: float) -> Window:
        """Works for at least so many seconds."""
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.write(f"{seconds}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"ended with status {self.process.wait()}") from None
        return Window(steps=self.steps, **self._answer(WINDOW_LIMIT))

    def clean_window(self, seconds: float, patience: float) -> tuple[Window, float]:
        """A window in which nobody else used the machine, or the last one tried; and the patience left."""
        window = self.window(seconds)
        while not window.clean and patience > 0:
            start = time.monotonic()
            time.sleep(seconds)
            window = self.window(seconds)
            patience -= time.monotonic() - start
        return window, patience


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _until_interrupted(result: Result) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        result.interrupted = True


def contest(
    contestants: Sequence[Contestant],
    workload: str,
    steps: int,
    rounds: int,
    patience: float = 60.0,
    seconds: float = 0.3,
    budget: float = 60.0,
    build_limit: float = 60.0,
) -> Result:
    """Let the contestants build the workload and run `rounds` windows of `seconds` each, in turn.

    A window in which others used the machine is repeated, for `patience` seconds in all. After `budget`
    seconds, those of the builds included and those of patience not, no round is begun, but there are at least
    three. Who has not finished its first blocks after `build_limit` seconds is left out. Ctrl+C ends the
    contest: the result has the rounds that were completed.
    """
    result = Result()
    end = time.monotonic() + budget + patience
    with ExitStack() as stack, _until_interrupted(result):
        workers: dict[str, Worker] = {}

        def give_up(worker: Worker, failure: Failure) -> None:
            worker.process.kill()
            verb = "takes no part" if isinstance(failure, Absent) else "failed"
            _say(f"{workload}: {worker.name} {verb}: {failure}")
            if not isinstance(failure, Absent):
                result.failures[worker.name] = str(failure)
            result.losses.pop(worker.name, None)
            for windows in result.rounds:
                windows.pop(worker.name, None)

        for contestant in contestants:
            worker = stack.enter_context(Worker(contestant, workload, steps))
            try:
                built = worker.built(build_limit)
            except Failure as failure:
                give_up(worker, failure)
                continue
            workers[worker.name] = worker
            result.first_calls[worker.name] = built["first_call"]
            result.losses[worker.name] = built["losses"]
            _say(f"{workload}: {worker.name} is ready, first result after {built['first_call']:.2f} s")
        for number in tqdm(range(rounds), desc=workload, unit="round", disable=not sys.stderr.isatty()):
            if number >= LEAST_ROUNDS and time.monotonic() + patience > end:
                break
            windows: dict[str, Window] = {}
            for worker in list(workers.values()):
                try:
                    windows[worker.name], patience = worker.clean_window(seconds, patience)
                except Failure as failure:
                    give_up(worker, failure)
                    del workers[worker.name]
            result.rounds.append(windows)
    return result
