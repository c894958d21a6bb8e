"""Workers: processes that check batches of programs, and may die or hang without taking the run with them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .compare import Finding, Tally, check
from .grow import grown
from .program import Program


def quick_compiler(folder: Path) -> Path:
    """A C compiler that does not optimise: it takes a fifth of the time, which is most of a run's."""
    path = folder.resolve() / "cc-O0"
    path.write_text('#!/bin/sh\nexec cc "$@" -O0\n')
    path.chmod(0o755)
    return path


def _serve(connection: Any, log: str) -> None:
    """Answers tasks (programs, or pairs of seed and number; modes; against) until the other end closes."""
    # what native code prints when it dies is part of the finding
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            tasks, modes, against = connection.recv()
            programs = [grown(*t) if isinstance(t, tuple) else Program.from_json(t) for t in tasks]
            os.ftruncate(descriptor, 0)
            findings, tally = check(programs, modes, against)
            connection.send(([asdict(f) for f in findings], asdict(tally)))


class Worker:
    """One process; another takes its place when it dies or takes too long."""

    def __init__(self, modes: Sequence[str], against: str, limit: float) -> None:
        self.modes, self.against, self.limit = list(modes), against, limit
        self.process: Any = None
        folder = tempfile.mkdtemp(prefix="graphlib-fuzz-")
        self.log = os.path.join(folder, "log")

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, self.log), daemon=True)
        self.process.start()
        other.close()

    def stop(self) -> None:
        if self.process is not None:
            self.connection.close()
            self.process.kill()
            self.process.join()
            self.process = None

    def check(self, tasks: list, modes: Sequence[str] | None = None) -> tuple[list[Finding], Tally]:
        """What is wrong with the programs; the cause of a death or a time-out is looked for in each alone."""
        modes = list(modes or self.modes)
        if self.process is None:
            self._start()
        self.connection.send((tasks, modes, self.against))
        # the first task of a process imports everything and may build the emulator
        patience = self.limit * (1 + len(tasks) / 2)
        try:
            if self.connection.poll(patience):
                findings, tally = self.connection.recv()
                return [Finding(**f) for f in findings], Tally(**tally)
            how = "timeout", f"not finished after {patience:.0f} s"
        except (EOFError, ConnectionError):
            self.process.join(5)
            with open(self.log, errors="replace") as log:
                how = "crash", f"exit code {self.process.exitcode}\n{log.read()[-1500:]}"
        self.stop()
        if len(tasks) == 1:
            program = tasks[0] if isinstance(tasks[0], str) else grown(*tasks[0]).to_json()
            data = asdict(Program.from_json(program))
            return [Finding(data["label"], ",".join(modes), *how, programs=[data])], Tally(programs=1)
        findings, tally = [], Tally()
        for task in tasks:
            more, counted = self.check([task], modes)
            findings += more
            tally.add(asdict(counted))
        return findings, tally
