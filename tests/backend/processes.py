"""Programs run in processes of their own: with other settings, another compiler, or several at once."""

import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def compiler():
    """The path of the compiler that tests wrap, or None."""
    return next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)


class Counter:
    """A compiler that notes each of its runs; ``flags`` makes graphlib use it."""

    def __init__(self, folder):
        self.log = folder / "compiled.log"
        self.path = script(
            folder / "counting-cc", f'echo x >> {shlex.quote(str(self.log))}\nexec {compiler()} "$@"\n'
        )

    @property
    def runs(self):
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def start(program, *, flags, root=ROOT, environment=(), obeying=False):
    """Start a Python program with settings ``flags``; ``obeying``: permissions bind the superuser, too."""
    values = {**os.environ, "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", **dict(environment)}
    values["GRAPHLIB_FLAGS"] = ",".join(f"{name}={value}" for name, value in flags.items())
    command = [sys.executable, "-c", textwrap.dedent(program)]
    if obeying and os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-all", *command]
    return subprocess.Popen(
        command,
        cwd=root,
        env={name: value for name, value in values.items() if value is not None},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def finish(process):
    """What a program printed; it must have ended well and without a warning."""
    printed, complaints = process.communicate(timeout=100)
    assert process.returncode == 0, complaints
    assert not complaints
    return printed


def run(program, **kwargs):
    return finish(start(program, **kwargs))
