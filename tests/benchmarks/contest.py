"""Contestants of one workload, taking turns: each sits in a process of its own, and all but one are stopped.

A round is one window of every contestant (A B C A B C ...). Stopping the others is what makes a window
honest: the threads of BLAS, OpenMP and XLA go on spinning after their work is done, at the next contestant's
expense.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tqdm import tqdm

from tests.benchmarks.contestants import Contestant, Failure, Worker, leave_out, say
from tests.benchmarks.figures import Window

LEAST_ROUNDS = 3
# glibc gives large arrays back to the system and takes them again, or does not, by the luck of the heap's
# layout; the page faults of that make the same program up to four times slower. Here everybody keeps memory.
KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}


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


def _clean_window(worker: Worker, steps: int, seconds: float, patience: float) -> tuple[Window, float]:
    """A window of at least `seconds` in which nobody else used the machine, or the last one tried; and the
    patience left."""
    window = Window(steps=steps, **worker.window(seconds))
    while not window.clean and patience > 0:
        start = time.monotonic()
        time.sleep(seconds)
        window = Window(steps=steps, **worker.window(seconds))
        patience -= time.monotonic() - start
    return window, patience


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
    three. Who takes longer than `build_limit` seconds to be imported, or to finish its first blocks, is left
    out. Ctrl+C ends the contest: the result has the rounds that were completed.
    """
    result = Result()
    end = time.monotonic() + budget + patience
    with ExitStack() as stack, _until_interrupted(result):
        workers: dict[str, Worker] = {}

        def give_up(worker: Worker, failure: Failure) -> None:
            worker.process.kill()
            leave_out(worker.name, workload, failure, result.failures)
            result.losses.pop(worker.name, None)
            for windows in result.rounds:
                windows.pop(worker.name, None)

        for contestant in contestants:
            worker = stack.enter_context(Worker(contestant, KEEP_MEMORY))
            try:
                worker.load(build_limit)
                built = worker.build(workload, steps, build_limit)
            except Failure as failure:
                give_up(worker, failure)
                continue
            workers[worker.name] = worker
            result.first_calls[worker.name] = built["first_call"]
            result.losses[worker.name] = built["losses"]
            say(f"{workload}: {worker.name} is ready, first result after {built['first_call']:.2f} s")
        for number in tqdm(range(rounds), desc=workload, unit="round", disable=not sys.stderr.isatty()):
            if number >= LEAST_ROUNDS and time.monotonic() + patience > end:
                break
            windows: dict[str, Window] = {}
            for worker in list(workers.values()):
                try:
                    windows[worker.name], patience = _clean_window(worker, steps, seconds, patience)
                except Failure as failure:
                    give_up(worker, failure)
                    del workers[worker.name]
            result.rounds.append(windows)
    return result
