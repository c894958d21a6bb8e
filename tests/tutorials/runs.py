"""What the tests of tutorials as programs use: starting one, and the results of a run to compare."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

PROGRAMS = Path(__file__).parents[2] / "tutorials"


def parameters(folder: Path) -> dict[str, bytes]:
    """All arrays of a checkpoint: parameters, random states, the curve."""
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as saved:
        return {name: saved[name].tobytes() for name in saved.files if name != "progress"}


def tables(folder: Path) -> dict[str, bytes]:
    """The results that do not depend on how long anything took."""
    names = [
        name for name in ("best_model.npz", "model.npz", "learning_curve.csv") if (folder / name).exists()
    ]
    return {name: (folder / name).read_bytes() for name in names}


def start(name: str, *options: str) -> subprocess.Popen:
    """The tutorial of this name as a program."""
    program = [sys.executable, str(PROGRAMS / f"{name}.py"), *options]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome_of(tutorial: ModuleType, arguments: list[str]) -> int:
    """The exit code, whichever way it is given."""
    try:
        return tutorial.main(arguments)
    except SystemExit as stop:
        return stop.code
