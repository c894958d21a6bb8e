"""Starting programs on several ranks, with the mpirun of the environment that runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(__file__).resolve().parent


def mpirun() -> str:
    """The path of mpirun, the environment's own first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which("mpirun", path=path)
    assert found, "the tests need an MPI library: pip install mpich"
    return found


def environment(**settings: str) -> dict[str, str]:
    """The variables of a program's environment: this checkout's graphlib, and other settings."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **settings}


def command(n: int, program: str | Path, *arguments: str) -> list[str]:
    """Starts a program of this folder, or of another path, or a module (``-m``), on n ranks; on one without
    mpirun."""
    ours = [sys.executable, program if program == "-m" else str(PROGRAMS / program), *arguments]
    return ours if n == 1 else [mpirun(), "-n", str(n), *ours]


def run(
    n: int, program: str | Path, *arguments: str, timeout: float = 120, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program on n ranks to its end."""
    return subprocess.run(
        command(n, program, *arguments),
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
