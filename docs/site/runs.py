"""The runs of docs/runs.yaml: training the small ones, and keeping what figures need of a run's folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from . import DOCS, OUTPUT, ROOT, Progress

#: the folder of the runs that `python -m docs --runs` trains
RUNS = OUTPUT / "runs"


def listed() -> dict[str, dict[str, Any]]:
    """The runs of docs/runs.yaml by name."""
    return yaml.safe_load((DOCS / "runs.yaml").read_text(encoding="utf-8")) or {}


def _environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}


def _called(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    return [sys.executable if program == "python" else program, *arguments]


def _run(command: list[str], log: Path) -> None:
    """Run a command in the checkout's folder; SystemExit with the end of its output if it fails."""
    with log.open("w", encoding="utf-8") as output:
        finished = subprocess.run(
            command, cwd=ROOT, env=_environment(), stdout=output, stderr=subprocess.STDOUT
        )
    if finished.returncode:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
        raise SystemExit(f"{shlex.join(command)} failed ({finished.returncode}); {log} ends with\n{tail}")


def train_all(progress: Progress) -> None:
    """Train the small run of each, from nothing, in output/runs; then the figures are drawn from those."""
    shutil.rmtree(RUNS, ignore_errors=True)
    RUNS.mkdir(parents=True)
    for name, run in listed().items():
        folder, start = RUNS / name, time.monotonic()
        _run([*_called(run["small"]), "--out", str(folder)], RUNS / f"{name}.log")
        if "then" in run:
            _run([*_called(run["then"]), str(folder), str(folder)], RUNS / f"{name}-then.log")
        progress(f"trained {name} in {time.monotonic() - start:.0f} s: {run['small']}")


def keep(name: str, folder: str) -> None:
    """Put into docs/runs/`name` what docs/runs.yaml says is kept of a run that has ended in `folder`."""
    runs = listed()
    if name not in runs:
        raise SystemExit(f"docs/runs.yaml has no run {name}; it has {', '.join(runs)}")
    run, source, kept = runs[name], Path(folder).resolve(), DOCS / "runs" / name
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for pattern in run.get("keep", ()):
        found = sorted(source.glob(pattern))
        if not found:
            raise SystemExit(f"{source} has no {pattern}, which docs/runs.yaml says is kept of {name}")
        for path in found:
            target = kept / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    if "then" in run:
        _run([*_called(run["then"]), str(source), str(kept)], OUTPUT / f"{name}-then.log")
