"""A study: a search file's trials, trained, in a folder.

    searches/<name>/
        search.yaml                 the search file as given
        search.json                 what the trials depend on: a study goes on with the same
        trials/0000/ …              a run folder for each trial; of several seeds, seed_1 and so on in it
        trials.csv                  the table: a line a trial
        best.yaml                   the run file of the best trial
        test.json                   its loss and metrics on the test examples, which are looked at once
        learning_curves.png, parameters.png, parallel_coordinates.png
        optuna.log                  the trials as Optuna's journal, for its dashboard and its plots

What is known of a trial is what its own folder holds, each file written in one step; all else is made of
that. So whatever is killed, the same command goes on, and ends with the same table as if nothing had been.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

import graphlib

from .. import runs, storage
from ..model import Model
from ..progress import progress_bar, say
from ..run_folder import BEST_MODEL, LATEST_MODEL
from ..storage import UserError
from . import trials
from .methods import Step, frozen
from .section import SearchFile
from .space import is_finite

TABLE, BEST, SETTINGS, GIVEN, JOURNAL = "trials.csv", "best.yaml", "search.json", "search.yaml", "optuna.log"

#: settings that may change from one call to the next: there are more trials then, and the same ones first
_MAY_CHANGE = ("trials",)


class Engine(Protocol):
    """Where trials run: see `engines`."""

    def run(self, execute: Any, tasks: Any) -> Any: ...

    def close(self) -> None: ...


@dataclass
class Trial:
    """What became of a trial.

    Attributes:
        number: from 0.
        values: by key.
        epochs: to which it was trained; None for what the run file says.
        state: `trials.FINISHED`, ….
        value: of its metric, the mean over its seeds; None where there is none.
        each: of each seed.
        curves: of each seed, (epochs, value) after each measurement.
        message: why it failed.
    """

    number: int
    values: Mapping[str, Any]
    epochs: int | None = None
    state: str = ""
    value: float | None = None
    each: list[float | None] = field(default_factory=list)
    curves: list[list[tuple[float, float]]] = field(default_factory=list)
    message: str = ""


class Study:
    """A study in a folder, which is made, or goes on.

    Args:
        file: the search file.
        folder: of the study.
        modules: the user's own that are executed first where a trial is trained.
        threads: of a trial's compiled functions.

    Raises:
        UserError: the folder holds a study of something else.
    """

    def __init__(self, file: SearchFile, folder: Path, modules: list[Path] | None = None, threads: int = 0):
        self.file, self.folder = file, folder.absolute()
        self.modules = [str(path.absolute()) for path in modules or []]
        self.threads = threads
        self.trials: dict[int, Trial] = {}
        self.metric, self.maximized = file.metric or "", False
        storage.make_folder(self.folder)
        self._check_settings()
        runs.write_text(self.folder / GIVEN, file.text)

    def _check_settings(self) -> None:
        path, now = self.folder / SETTINGS, self.file.settings()
        if path.exists():
            try:
                before = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                raise UserError(f"{path} is damaged: give another folder with --out") from None
            place = _difference(before, now)
            if place is not None:
                raise UserError(
                    f"{self.folder} holds a study of another search file, with another {place}: go on with "
                    "that, or give another name or another folder with --out"
                )
        runs.write_json(path, now)

    def run(self, engine: Engine) -> None:
        """Trains all trials that are not trained yet, and writes what comes out.

        Raises:
            UserError: no trial came to a value, or the engine can go on no more.
            KeyboardInterrupt: Ctrl+C; the same call goes on.
        """
        rounds = self.file.method.rounds(self.file.space, self.file.seed)
        total = self.file.method.count(self.file.space) * self.file.seeds
        try:
            with progress_bar(total, 0, "training") as bar:
                steps = next(rounds, None)
                while steps is not None:
                    self._round(steps, engine, bar)
                    found = [self.trials[step.trial].value for step in steps]
                    sign = -1 if self.maximized else 1
                    try:
                        steps = rounds.send([None if v is None else sign * v for v in found])
                    except StopIteration:
                        steps = None
        finally:
            self.write_table()
        best = self.best()
        if best is None:
            first = next((t.message for t in self.trials.values() if t.message), "all have diverged")
            raise UserError(f"no trial came to a value; of the first: {first}")
        self._write_best(best)
        self.draw()

    def _round(self, steps: list[Step], engine: Engine, bar: Any) -> None:
        tasks = [self._task(step, k) for step in steps for k in range(self.file.seeds)]
        results: list[dict[str, Any] | None] = []
        for task in tasks:
            done = trials.finished(Path(task.folder), self._epochs(task))
            results.append(None if done is None else {"state": done.state, "message": done.message})
        left = [number for number, each in enumerate(results) if each is None]
        bar.update(len(tasks) - len(left))
        for position, result in engine.run(trials.execute, [tasks[number].as_dict() for number in left]):
            number = left[position]
            results[number] = result
            bar.update()
            first = number - number % self.file.seeds
            own = results[first : first + self.file.seeds]
            if all(each is not None for each in own):
                self._note(steps[number // self.file.seeds], own)
                if best := self.best():
                    bar.set_postfix_str(f"best {self.metric} {best.value:.6g} of trial {best.number}")
                self.write_table()
        for number, step in enumerate(steps):
            own = results[number * self.file.seeds : (number + 1) * self.file.seeds]
            self._note(step, own)
        self.write_table()

    def _folder(self, trial: int, repetition: int) -> Path:
        folder = self.folder / "trials" / f"{trial:04}"
        return folder if self.file.seeds == 1 else folder / f"seed_{repetition + 1}"

    def _epochs(self, task: trials.Task) -> int:
        if task.epochs is not None:
            return task.epochs
        return int(task.values.get("training.epochs", self.file.base.description.training.epochs))

    def _task(self, step: Step, repetition: int) -> trials.Task:
        return trials.Task(
            study=str(self.folder),
            path=str(self.file.path.absolute()),
            overrides=self.file.overrides,
            modules=self.modules,
            folder=str(self._folder(step.trial, repetition)),
            trial=step.trial,
            repetition=repetition,
            values=dict(step.values),
            epochs=step.epochs,
            threads=self.threads,
            device=graphlib.config.device,
        )

    def _note(self, step: Step, results: list[dict[str, Any]]) -> None:
        """Takes down what a trial came to, from its folders."""
        trial = Trial(step.trial, step.values, step.epochs, trials.FINISHED)
        for repetition, result in enumerate(results):
            value = None
            if result["state"] == trials.FINISHED:
                folder = self._folder(step.trial, repetition)
                found = trials.measured(folder, self.file.metric, step.epochs)
                self.metric, self.maximized, value = found.metric, found.maximized, found.value
                trial.curves.append(found.curve)
            elif trial.state == trials.FINISHED:
                trial.state, trial.message = result["state"], result["message"]
            trial.each.append(value)
        if all(is_finite(value) for value in trial.each):
            trial.value = float(np.mean(trial.each))
        self.trials[step.trial] = trial

    def best(self) -> Trial | None:
        """The trial with the best value among those that were trained longest; of equal ones the first."""
        valued = [trial for _, trial in sorted(self.trials.items()) if is_finite(trial.value)]
        longest = max((trial.epochs or 0 for trial in valued), default=0)
        valued = [trial for trial in valued if (trial.epochs or 0) == longest]
        sign = -1 if self.maximized else 1
        return min(valued, key=lambda trial: (sign * trial.value, trial.number), default=None)

    # what is written

    def write_table(self) -> None:
        """Writes trials.csv, and the trials for Optuna."""
        several = self.file.seeds > 1
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        each = [f"{self.metric}_seed_{k + 1}" for k in range(self.file.seeds)] if several else []
        table.writerow(
            ["trial", "state", "epochs", self.metric or "value", *each, *self.file.space, "message"]
        )
        for _, trial in sorted(self.trials.items()):
            values = [_cell(trial.value), *(map(_cell, trial.each) if several else ())]
            epochs = trial.epochs or trial.values.get(
                "training.epochs", self.file.base.description.training.epochs
            )
            tried = [_cell(value) for value in trial.values.values()]
            table.writerow([trial.number, trial.state, epochs, *values, *tried, trial.message])
        runs.write_text(self.folder / TABLE, text.getvalue())

    def _write_best(self, best: Trial) -> None:
        file = self.file.run_file(best.values, 0, best.epochs)
        content = file.resolved() | {"test": self.file.base.description.test}
        runs.write_text(self.folder / BEST, runs.as_yaml(content))
        self._write_journal()
        if self.file.base.description.test and file.description.cross_validation is None:
            self._test(best)

    def _test(self, best: Trial) -> None:
        """Looks at the test examples, once, with the best trial's models."""
        measured: list[dict[str, float]] = []
        for repetition in range(self.file.seeds):
            file = self.file.run_file(best.values, repetition, best.epochs)
            with runs.numbers(file), runs.mistakes(file):
                data = runs.load_data(file)
                if data.test is None:
                    return
                folder = self._folder(best.number, repetition)
                name = BEST_MODEL if (folder / BEST_MODEL).exists() else LATEST_MODEL
                measured.append(Model.load(folder / name).evaluate(data.test.x, data.test.y))
        means = {name: float(np.mean([each[name] for each in measured])) for name in measured[0]}
        about = {"trial": best.number, "examples": len(data.test), **means}
        if len(measured) > 1:
            about["seeds"] = measured
        runs.write_json(self.folder / "test.json", about)
        say("test: " + ", ".join(f"{name} {value:.6g}" for name, value in means.items()))

    def _write_journal(self) -> None:
        """Writes the trials as a journal of Optuna's, whole, in one step."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        part = self.folder / f"{JOURNAL}.part"
        part.unlink(missing_ok=True)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(part))),
            study_name=self.folder.name,
            direction="maximize" if self.maximized else "minimize",
        )
        for number, trial in sorted(self.trials.items()):
            about = {"state": trial.state, "folder": f"trials/{number:04}"}
            study.add_trial(frozen(self.file.space, trial.values, trial.value, user_attrs=about))
        part.replace(self.folder / JOURNAL)

    def draw(self) -> None:
        """Draws the pictures."""
        from . import plots

        plots.draw(self)

    def __str__(self) -> str:
        best = self.best()
        done = sum(is_finite(trial.value) for trial in self.trials.values())
        lines = [f"{done} of {len(self.trials)} trials came to a value"]
        if best is not None:
            lines.append(f"best {self.metric}: {best.value:.6g}, of trial {best.number}:")
            lines += [f"  {key}: {_cell(value)}" for key, value in best.values.items()]
        return "\n".join(lines)


def _difference(before: Any, now: Any, place: str = "") -> str | None:
    """Where two settings differ first; None where nowhere."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*now, *(key for key in before if key not in now)]:
            if key in _MAY_CHANGE and place.startswith("method.") and "halving" not in place:
                continue
            inner = f"{place}.{key}" if place else str(key)
            if key not in before or key not in now:
                return inner.removeprefix("file.")
            found = _difference(before[key], now[key], inner)
            if found is not None:
                return found
        return None
    return None if before == now else place.removeprefix("file.")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.9g}"
    return value if isinstance(value, str) else json.dumps(value)
