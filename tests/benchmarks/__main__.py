"""The command line: which benchmarks to run, next to which libraries, and where the figures go."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path

from tests.benchmarks import bare, probes, report
from tests.benchmarks.contest import (
    ROOT,
    Contestant,
    contest,
    cores,
    module_contestants,
    own_contestants,
    peer_contestants,
)
from tests.benchmarks.workloads import JOBS

PEERS_HELP = (
    "folder with an environment for each library to compare with: torch/bin/python, jax/bin/python, "
    "pytensor/bin/python, theano/bin/python (default: $GRAPHLIB_PEERS; without one, the bare products "
    "are the only yardstick)"
)
CODE_HELP = (
    "folder with those libraries' programs of the workloads, bench_torch.py and so on (default: "
    "../shared/peers beside the repository, where it exists)"
)

Outcome = tuple[str, object, bool]  # a report, its figures for --json, and whether all went well
needed_modules = cache(probes.needed_modules)


def _call(arguments: argparse.Namespace) -> Outcome:
    figures = probes.call_overhead(arguments.rounds)
    return report.call_overhead(figures), figures, True


def _compile(arguments: argparse.Namespace) -> Outcome:
    figures = probes.compile_time(needed_modules(), repeats=1 if arguments.quick else 5)
    return report.compile_time(figures), figures, True


def _import(arguments: argparse.Namespace) -> Outcome:
    seconds = probes.import_time(needed_modules(), arguments.rounds)
    return report.import_time(seconds, needed_modules()), seconds, True


def _memory(arguments: argparse.Namespace) -> Outcome:
    figures = probes.memory(needed_modules())
    return report.memory(figures), figures, True


PROBES: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "call": _call,
    "compile": _compile,
    "import": _import,
    "memory": _memory,
}


def _workload(name: str, peers: Sequence[Contestant], arguments: argparse.Namespace) -> Outcome:
    job = JOBS[name]()
    peers = list(module_contestants(arguments.peers, job.peers)) if job.peers else peers
    work = "copies" if isinstance(job.bare()[0], bare.Copy) else "products"
    ours, *yardsticks = own_contestants(work)
    result = contest([ours, *yardsticks, *peers], name, job.steps, arguments.rounds, arguments.patience)
    rivals = {
        f"fastest bare {work}": [contestant.name for contestant in yardsticks],
        "fastest other library": [contestant.name for contestant in peers],
    }
    title = f"{name}: {JOBS[name].__doc__}"
    right = ours.name in result.losses and job.agrees(result.losses[ours.name])
    return report.contest(title, result, job.agrees, rivals), asdict(result), bool(right)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures graphlib next to the bare products of a step and next to other libraries.",
    )
    names = [*JOBS, *PROBES]
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(names)} (default: all of them)"
    )
    parser.add_argument("--quick", action="store_true", help="a third of the rounds, to see that all works")
    parser.add_argument("--peers", metavar="DIR", default=os.environ.get("GRAPHLIB_PEERS"), help=PEERS_HELP)
    code = ROOT.parent / "shared" / "peers"
    parser.add_argument("--peer-code", metavar="DIR", default=code if code.is_dir() else None, help=CODE_HELP)
    parser.add_argument("--rounds", type=int, help="windows of each contestant (default: 15, with --quick 5)")
    patience = "seconds to wait, for each workload, for others to leave the machine (default: %(default)g)"
    parser.add_argument("--patience", type=float, default=60.0, help=patience)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(names)}")
    for option in ("peers", "peer_code"):
        folder = getattr(arguments, option) and Path(getattr(arguments, option)).absolute()
        if folder and not folder.is_dir():
            parser.error(f"--{option.replace('_', '-')}: there is no folder {folder}")
        setattr(arguments, option, folder)
    if arguments.peers and not arguments.peer_code:
        parser.error("--peers: where are the libraries' programs of the workloads? (--peer-code)")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds: {arguments.rounds} is not at least 1")
    arguments.rounds = arguments.rounds or (5 if arguments.quick else 15)
    arguments.names = arguments.names or names
    return arguments


def _machine() -> dict[str, object]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "scipy-openblas32": f"{metadata.version('scipy-openblas32')} with kernels for {bare.kernels()}",
    }


def _write(path: Path, figures: dict) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.absolute().parent, delete=False) as file:
        json.dump(figures, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def main() -> int:
    """Runs the benchmarks; 1 where graphlib failed one or computed wrong losses."""
    arguments = _arguments()
    peers = list(peer_contestants(arguments.peers, arguments.peer_code))
    machine = _machine()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    if not peers:
        print("no other libraries are installed (see --peers): the bare products are the only yardstick")
    figures: dict[str, object] = {"machine": machine}
    failed = []
    for name in arguments.names:
        try:
            if name in JOBS:
                text, figures[name], right = _workload(name, peers, arguments)
            else:
                text, figures[name], right = PROBES[name](arguments)
        except subprocess.CalledProcessError as error:
            text, right = f"{name}: failed, its process ended with status {error.returncode}", False
        print(f"\n{text}", flush=True)
        if not right:
            failed.append(name)
        if arguments.json:
            _write(arguments.json, figures)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
