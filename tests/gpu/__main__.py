"""``python -m tests.gpu``: what run.sh runs. Its exit status is 0 only if all that was tried was right, and
nothing left.

The JSON file is written anew after each part, so that a run that is cut off has told what it found until
then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.gpu import ranks, registry, steps

ROOT = Path(__file__).resolve().parents[2]
#: the share of the time that the registry may take; the rest is the steps'
REGISTRY_SHARE = 0.55


def write(path: Path, report: dict) -> None:
    """The report as JSON, under its name in one step."""
    handle, temporary = tempfile.mkstemp(dir=path.resolve().parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w") as file:
        json.dump(report, file, indent=1)
    os.replace(temporary, path)


def machine(device: str) -> dict:
    """What it ran on."""
    import numpy as np

    import graphlib
    from graphlib.run.cuda import driver
    from graphlib.run.cuda.compile import compiler_name

    opened = driver.open_device(device)
    return {
        "device": opened.name,
        "architecture": opened.arch,
        "compiler": compiler_name(),
        "cpu": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "graphlib": graphlib.__version__,
    }


def torch_times(python: str, names: list[str], count: int, seconds: float, limit: float) -> dict:
    """{workload: {"ms" or "error"}} of PyTorch, by its own Python; {"error": why} where it cannot."""
    command = [python, "-m", "tests.gpu.torch_steps", str(seconds), str(count), *names]
    options = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT)}, "timeout": limit}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        text, error = done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        text, error = (late.stdout or b"").decode(), f"no more time after {limit:.0f} s"
    except OSError as missing:
        return {"error": str(missing)}
    answers = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    found = {answer.pop("name"): answer for answer in answers}
    return found or {"error": error.strip()[-500:]}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/gpu/run.sh", description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cuda-emulated"))
    parser.add_argument("--small", action="store_true", help="a few operations and one step: what CI runs")
    parser.add_argument("--seconds", type=float, default=480, help="what it may take (480)")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="the JSON file")
    parser.add_argument("--processes", type=int, default=0, help="for the registry (as many as processors)")
    parser.add_argument("--torch", default=sys.executable, metavar="PYTHON", help="one that has PyTorch")
    options = parser.parse_args()
    start = time.monotonic()

    def left(share: float = 1.0) -> float:
        return start + share * options.seconds - time.monotonic()

    from graphlib.ops import REGISTRY

    report: dict = {"machine": machine(options.device), "registry": {}, "steps": {}, "left": []}

    def note() -> None:
        report["seconds"] = time.monotonic() - start
        write(options.out, report)

    note()
    processes = options.processes or min(8, len(os.sched_getaffinity(0)))
    names, dtypes = (registry.SMALL, ("float32",)) if options.small else (sorted(REGISTRY), ())
    report["registry"] = registry.run(
        options.device, names, dtypes, processes, lambda: left(REGISTRY_SHARE) > 0
    )
    note()
    count, seconds = (3, 0.0) if options.small else (20, 1.0)
    chosen = steps.SMALL if options.small else steps.FULL
    for k, name in enumerate(chosen):
        if left(0.85) < 0:
            report["left"] = list(chosen[k:])
            break
        try:
            report["steps"][name] = steps.measure(name, options.device, count, seconds)
        except Exception as error:  # a step that fails is a finding of the run, not its end
            report["steps"][name] = {"right": False, "error": f"{type(error).__name__}: {error}"}
        note()
    report["ranks"] = ranks.compare(options.device, max(left(0.9), 1.0))
    note()
    report["torch"] = torch_times(options.torch, list(report["steps"]), count, seconds, max(left(0.97), 1.0))
    note()
    wrong = [*report["registry"]["wrong"], *(n for n, step in report["steps"].items() if not step["right"])]
    if not report["ranks"].get("right", True):
        wrong.append("means over ranks")
    unfinished = [*report["registry"]["left"], *report["left"]]
    tried = f"{len(report['registry']['right'])} operations and {len(report['steps'])} steps"
    print(
        f"{options.out}: {tried} in {report['seconds']:.0f} s; wrong: {', '.join(wrong) or 'none'}; "
        f"left: {', '.join(unfinished) or 'none'}"
        + (f"; means over ranks need {report['ranks']['needs']}" if "needs" in report["ranks"] else "")
    )
    return int(bool(wrong or unfinished))


if __name__ == "__main__":
    sys.exit(main())
