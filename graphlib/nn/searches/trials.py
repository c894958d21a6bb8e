"""A trial of a search: a run of its own, in a folder of its own, and what is read from there.

This is what worker processes do. A trial that was begun elsewhere goes on from its checkpoint, to the same
results; one that is done is not trained again.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import shutil
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import graphlib
from graphlib.datasets import DataError

from .. import runs
from ..run_folder import CHECKPOINT, CURVE_TABLE
from ..selection import FOLDS
from ..storage import UserError

FINISHED, DIVERGED, FAILED = "finished", "diverged", "failed"
DIVERGENCE = "diverged.json"

#: What a process prints goes to the log of the trial that it trains, so that it trains one at a time: of a
#: worker of Dask's that has several threads, the others wait.
_TRAINING = threading.Lock()


@dataclass(frozen=True)
class Task:
    """A training, as worker processes are given it: plain values only.

    Attributes:
        study: the folder of the study.
        path: the search file.
        overrides: what ``--set`` gave for it.
        modules: the user's own, which register layers and the like.
        folder: of the run.
        trial, repetition: their numbers, from 0.
        values: what is tried, by key.
        epochs: to which it is trained; None for what the run file says.
        threads: of the compiled functions; 0 for all processors.
        device: where they compute.
        version: of the graphlib that asks for it.
    """

    study: str
    path: str
    overrides: list[str]
    modules: list[str]
    folder: str
    trial: int
    repetition: int
    values: dict[str, Any] = field(hash=False)
    epochs: int | None
    threads: int
    device: str
    version: str = graphlib.__version__

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Result:
    """What a task came to.

    Attributes:
        state: `FINISHED`, `DIVERGED` or `FAILED`.
        message: why it failed, or has no value.
    """

    state: str
    message: str = ""


def execute(given: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a task; called in a worker process. Returns a `Result`'s attributes.

    What the user can mend is a result; KeyboardInterrupt where the process was told to stop.
    """
    task = Task(**given)
    if (problem := _unfit(task)) is not None:
        return asdict(Result(FAILED, f"the process on {socket.gethostname()} {problem}"))
    from ..__main__ import execute as execute_module

    silent = io.StringIO()
    with (
        _TRAINING,
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
        graphlib.config.change(threads=task.threads, device=task.device),
    ):
        for module in task.modules:
            execute_module(Path(module))
        try:
            return asdict(_train(task))
        except (UserError, DataError) as error:
            return asdict(Result(FAILED, str(error)))


def _unfit(task: Task) -> str | None:
    """Why this process cannot train a task, where that is its machine's fault; None where it can."""
    for path in (task.study, task.path):
        if not Path(path).exists():
            return (
                f"does not see {path}: search file and study must be on a file system that all machines share"
            )
    if task.version != graphlib.__version__:
        return (
            f"has graphlib {graphlib.__version__}, and the search {task.version}: install the same one there"
        )
    return None


def _train(task: Task) -> Result:
    from .section import load

    folder = Path(task.folder)
    file = load(Path(task.path), task.overrides).run_file(task.values, task.repetition, task.epochs)
    epochs = file.description.training.epochs
    crossed = file.description.cross_validation is not None
    if (done := finished(folder, epochs)) is not None:
        return done
    resume = not crossed and (folder / CHECKPOINT).exists()
    if crossed and folder.exists():
        shutil.rmtree(folder)  # what was begun of a cross-validation cannot go on
    folder.mkdir(parents=True, exist_ok=True)
    code = runs.run(file, folder, resume=resume)
    if code == runs.INTERRUPTED:
        raise KeyboardInterrupt
    if code == runs.DIVERGED:
        runs.write_json(folder / DIVERGENCE, {"epochs": epochs})
        return Result(DIVERGED)
    return Result(FINISHED)


def finished(folder: Path, epochs: int) -> Result | None:
    """What the task that is to be trained to an epoch in a folder came to; None if it is not done."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads((folder / runs.RESULT).read_text("utf-8"))["epochs"] >= epochs:
            return Result(FINISHED)  # what diverged after that is of a later round
    if (folder / DIVERGENCE).exists():
        return Result(DIVERGED)  # also on the way to more epochs
    return None


@dataclass
class Measured:
    """What is read from the folder of a run that is done.

    Attributes:
        metric: the name of what trials are compared by.
        value: the best of it; None where there is none.
        maximized: whether the higher is the better.
        curve: (epochs done, its value) after each measurement; of a cross-validation empty.
    """

    metric: str
    value: float | None
    maximized: bool
    curve: list[tuple[float, float]]


def measured(folder: Path, metric: str | None, epochs: int | None = None) -> Measured:
    """What a run has measured, to an epoch.

    UserError where nothing was measured under this name.
    """
    result = json.loads((folder / runs.RESULT).read_text("utf-8"))
    chosen = metric or result["watched"]
    maximized = chosen in result["maximized"]
    if (folder / FOLDS).exists():
        names, *rows = csv.reader(io.StringIO((folder / FOLDS).read_text("utf-8")))
        mean = next(row for row in rows if row[0] == "mean")
        return Measured(chosen, float(_column(mean, names, chosen, folder)), maximized, [])
    names, *rows = csv.reader(io.StringIO((folder / CURVE_TABLE).read_text("utf-8")))
    curve = []
    for row in rows:
        value = _column(row, names, chosen, folder)
        if value and (epochs is None or float(row[0]) <= epochs):
            curve.append((float(row[0]), float(value)))
    values = [value for _, value in curve if math.isfinite(value)]
    if result["keep"] == "last":
        values = values[-1:]
    best = (max if maximized else min)(values) if values else None
    return Measured(chosen, best, maximized, curve)


def _column(row: Sequence[str], names: Sequence[str], wanted: str, folder: Path) -> str:
    if wanted not in names:
        known = ", ".join(name for name in names if name not in ("epoch", "minibatches", "fold", "examples"))
        raise UserError(f"search.metric: {folder} has measured nothing called {wanted!r}; there are {known}")
    return row[list(names).index(wanted)]


def processors() -> int:
    """How many processors are free to us."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
