"""What is no training step: call overhead, compile time and import time, each in fresh processes.

`python -m tests.benchmarks.probes NAME` is such a process: it reads its argument as JSON from standard input
and prints its figures as JSON. `call_overhead`, `compile_time` and `import_time` start them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.contestants import ROOT, cache_flag
from tests.benchmarks.workloads import JOBS

WORKLOAD = "mlp"
CALLS = 5_000  # in one timed loop


def _fresh(name: str, argument: object = None, **environment: str) -> dict:
    """The figures of a probe in a new process. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.probes", name],
        cwd=ROOT,
        env=os.environ | environment,
        input=json.dumps(argument),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _loop(function: Callable[..., object], *arguments: object) -> float:
    """Seconds a call."""
    start = time.perf_counter()
    for _ in range(CALLS):
        function(*arguments)
    return (time.perf_counter() - start) / CALLS


def _call(rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds a call of x + 1 and of an empty C function, by kind of argument, one figure a round."""
    import ctypes

    import graphlib
    import graphlib.tensor as T

    nothing = bare.library().nothing
    nothing.argtypes, nothing.restype = [ctypes.c_void_p], None
    cases = {
        "a number": (T.lscalar("x"), 1),
        "a 0-d array": (T.scalar("x"), np.zeros((), np.float32)),
        "an array of one element": (T.vector("x"), np.zeros(1, np.float32)),
    }
    figures = {}
    for kind, (x, value) in cases.items():
        add_one = graphlib.function([x], x + 1)
        address = np.asarray(value).ctypes.data
        _loop(add_one, value)
        pairs = [(_loop(add_one, value), _loop(nothing, address)) for _ in range(rounds)]
        figures[kind] = dict(zip(("graphlib", "empty"), zip(*pairs, strict=True), strict=True))
    return figures


def _modules(_: None) -> list[str]:
    """The modules that compiling and running the workload loads, beyond numpy and the standard library."""
    before = set(sys.modules)
    JOBS[WORKLOAD]().build()(0, 1)
    packages = {"graphlib", *metadata.packages_distributions()} - {"numpy"}
    return [name for name in sys.modules if name not in before and name.split(".")[0] in packages]


def _import_all(modules: Sequence[str]) -> None:
    import importlib

    for name in modules:
        importlib.import_module(name)


def _compile(argument: dict) -> dict[str, float]:
    """Seconds from the first variable to a compiled function, and of its first call; imports done before."""
    _import_all(argument["modules"])
    job = JOBS[argument["workload"]]()
    make = job.by_layers if argument["by_layers"] else job.build
    start = time.perf_counter()
    run = make()
    built = time.perf_counter()
    run(0, 1)
    return {"build": built - start, "first_call": time.perf_counter() - built}


def call_overhead(rounds: int) -> dict[str, dict[str, list[float]]]:
    """See `_call`; all rounds in one process."""
    return _fresh("call", rounds)


def needed_modules() -> list[str]:
    """See `_modules`."""
    return _fresh("modules")


def cold_compilation(modules: Sequence[str], workload: str, by_layers: bool) -> float:
    """Seconds to compile a workload, as formulas or by layers, with an empty cache folder; see `_compile`."""
    argument = {"modules": modules, "workload": workload, "by_layers": by_layers}
    with tempfile.TemporaryDirectory() as folder:
        return _fresh("compile", argument, GRAPHLIB_FLAGS=cache_flag(Path(folder)))["build"]


def compile_time(modules: Sequence[str], repeats: int) -> dict[str, list[dict[str, float]]]:
    """`_compile` with an empty cache folder ("cold") and again with the same one ("warm")."""
    argument = {"modules": modules, "workload": WORKLOAD, "by_layers": False}
    figures: dict[str, list[dict[str, float]]] = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            for state in figures:
                figures[state].append(_fresh("compile", argument, GRAPHLIB_FLAGS=cache_flag(Path(folder))))
    return figures


def import_time(modules: Sequence[str], repeats: int) -> list[float]:
    """Seconds that a process takes longer when it imports `modules` after numpy, one for each pair."""
    numpy_alone = "import importlib, numpy"
    programs = (numpy_alone, f"{numpy_alone}\nfor name in {modules!r}: importlib.import_module(name)")

    def run(program: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
        return time.perf_counter() - start

    for program in programs:  # reads the files, writes the byte code
        run(program)
    return [-run(programs[0]) + run(programs[1]) for _ in range(repeats)]


PROBES = {"call": _call, "modules": _modules, "compile": _compile}

if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]](json.load(sys.stdin))))
