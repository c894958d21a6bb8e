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
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path

from tests.benchmarks import bare, by_layers, first, memory, probes, report
from tests.benchmarks.contest import contest
from tests.benchmarks.contestants import (
    ROOT,
    Contestant,
    cores,
    module_contestants,
    own_contestants,
    peer_contestants,
)
from tests.benchmarks.workloads import JOBS
from tests.benchmarks.workloads.job import Job

PEERS_HELP = (
    "folder with an environment for each library to compare with: torch/bin/python, jax/bin/python, "
    "pytensor/bin/python, theano/bin/python (default: $GRAPHLIB_PEERS; without one, the bare products "
    "are the only yardstick)"
)
CODE_HELP = (
    "folder with those libraries' programs of the workloads, bench_torch.py and so on (default: "
    "../shared/peers beside the repository, where it exists)"
)


@dataclass(frozen=True)
class Outcome:
    """A report, its figures for --json, whether all went well, what --markdown makes a row of, and whether
    Ctrl+C ended it."""

    text: str
    figures: object = None
    right: bool = True
    row: Sequence | None = None
    interrupted: bool = False


needed_modules = cache(probes.needed_modules)


def _call(arguments: argparse.Namespace) -> Outcome:
    """The price of a call, next to an empty one of C."""
    figures = probes.call_overhead(arguments.rounds)
    return Outcome(report.call_overhead(figures), figures)


def _compile(arguments: argparse.Namespace) -> Outcome:
    """The time to compile the MLP's training step."""
    figures = probes.compile_time(needed_modules(), repeats=1 if arguments.quick else 5)
    return Outcome(report.compile_time(figures), figures)


def _first(arguments: argparse.Namespace) -> Outcome:
    """First results of the tutorials' steps and of graphs that grow, next to --base and JAX."""
    jax = arguments.peers / "jax" / "bin" / "python" if arguments.peers else None
    who = first.contestants(ROOT, arguments.base, jax, arguments.peer_code)
    cases = first.CASES[:: len(first.TUTORIALS) - 1] if arguments.quick else first.CASES
    figures = dict(first.first_results(cases, who))
    return Outcome(report.first_results(figures), figures, all(f["graphlib"] for f in figures.values()))


def _import(arguments: argparse.Namespace) -> Outcome:
    """The time to import what the MLP's step needs."""
    seconds = probes.import_time(needed_modules(), arguments.rounds)
    return Outcome(report.import_time(seconds, needed_modules()), seconds)


def _memory(arguments: argparse.Namespace) -> Outcome:
    """The memory of the MLP's training; --memory measures all workloads' and other libraries'."""
    return replace(_weighing("mlp", (), arguments), row=None)


def _title(measure: Callable) -> str:
    return " ".join(measure.__doc__.split())


def _peers(job: Job, peers: Sequence[Contestant], arguments: argparse.Namespace) -> Sequence[Contestant]:
    """Those of the other libraries that have the job, of `peers` or of a module of ours."""
    return list(module_contestants(arguments.peers, job.peers)) if job.peers and peers else peers


def _weighing(name: str, peers: Sequence[Contestant], arguments: argparse.Namespace) -> Outcome:
    """The memory of a workload."""
    job, title = JOBS[name](), _title(JOBS[name])
    ours = own_contestants("")[0]
    steps = min(job.steps, memory.STEPS)
    result = memory.weigh(
        [ours, *_peers(job, peers, arguments)], name, job.resident, steps, arguments.build_limit
    )
    return Outcome(
        report.weighing(f"{name}: {title}", result),
        asdict(result),
        ours.name in result.footprints,
        (f"`{name}`: {title.rstrip('.')}", result),
        result.interrupted,
    )


def _by_layers(arguments: argparse.Namespace) -> Outcome:
    """The MLP, LeNet and the LSTM built by layers, beside the same as formulas: steps and compilations."""
    limits = {
        "patience": arguments.patience,
        "budget": arguments.budget,
        "build_limit": arguments.build_limit,
    }
    compilations = 1 if arguments.quick else 5
    found = {
        name: by_layers.compare(name, arguments.rounds, compilations, **limits) for name in by_layers.NAMES
    }
    right = all(
        JOBS[name]().agrees(losses) for name, each in found.items() for losses in each.contest.losses.values()
    )
    return Outcome(by_layers.report(found), {name: asdict(each) for name, each in found.items()}, right)


PROBES: dict[str, Callable[[argparse.Namespace], Outcome]] = {
    "call": _call,
    "compile": _compile,
    "first": _first,
    "import": _import,
    "memory": _memory,
    "by_layers": _by_layers,
}


def _workload(name: str, peers: Sequence[Contestant], arguments: argparse.Namespace) -> Outcome:
    job = JOBS[name]()
    peers = _peers(job, peers, arguments)
    work = "copies" if isinstance(job.bare()[0], bare.Copy) else "products"
    ours, *yardsticks = own_contestants(work)
    result = contest(
        [ours, *yardsticks, *peers],
        name,
        job.steps,
        arguments.rounds,
        arguments.patience,
        budget=arguments.budget,
        build_limit=arguments.build_limit,
    )
    rivals = {
        f"fastest bare {work}": [contestant.name for contestant in yardsticks],
        "fastest other library": [contestant.name for contestant in peers],
    }
    title = _title(JOBS[name])
    return Outcome(
        report.contest(f"{name}: {title}", result, job.agrees, rivals),
        asdict(result),
        bool(ours.name in result.losses and job.agrees(result.losses[ours.name])),
        report.summary(f"`{name}`: {title.rstrip('.')}", result, job.agrees, rivals.values()),
        result.interrupted,
    )


def _attempt(name: str, peers: Sequence[Contestant], arguments: argparse.Namespace) -> Outcome:
    """A benchmark, which the failure of a process or Ctrl+C ends, but not the program."""
    try:
        if name in PROBES:
            return PROBES[name](arguments)
        return (_weighing if arguments.memory else _workload)(name, peers, arguments)
    except subprocess.CalledProcessError as error:
        text = f"{name}: failed, its process ended with status {error.returncode}"
        return Outcome(text, right=False)
    except memory.Unknown as error:
        return Outcome(f"{name}: not measured: {error}", right=False)
    except KeyboardInterrupt:
        return Outcome(f"{name}: interrupted", interrupted=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measures graphlib next to the bare products of a step and next to other libraries.",
    )
    names = [*JOBS, *PROBES]
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(names)} (default: all of them)"
    )
    parser.add_argument("--list", action="store_true", help="say what the benchmarks measure, and end")
    weigh = "measure the workloads' memory instead of their time: of steps, of imports, until the first steps"
    parser.add_argument("--memory", action="store_true", help=weigh)
    parser.add_argument("--quick", action="store_true", help="a third of the rounds, to see that all works")
    parser.add_argument("--peers", metavar="DIR", default=os.environ.get("GRAPHLIB_PEERS"), help=PEERS_HELP)
    base = "another checkout of graphlib whose first results are measured beside ours"
    parser.add_argument("--base", metavar="DIR", help=base)
    code = ROOT.parent / "shared" / "peers"
    parser.add_argument("--peer-code", metavar="DIR", default=code if code.is_dir() else None, help=CODE_HELP)
    parser.add_argument("--rounds", type=int, help="windows of each contestant (default: 15, with --quick 5)")
    patience = "seconds to wait, for each workload, for others to leave the machine (default: %(default)g)"
    parser.add_argument("--patience", type=float, default=60.0, help=patience)
    budget = (
        "seconds for each workload, with the builds and without --patience; there are at least three rounds, "
        "unless --rounds asks for fewer (default: %(default)g)"
    )
    parser.add_argument("--budget", type=float, default=60.0, help=budget)
    build_limit = (
        "seconds until a contestant must have finished its first steps, else it takes no part (default: "
        "%(default)g)"
    )
    parser.add_argument("--build-limit", type=float, default=60.0, help=build_limit)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    table = "write a table of the workloads, as README.md shows it, to FILE"
    parser.add_argument("--markdown", type=Path, metavar="FILE", help=table)
    arguments = parser.parse_args()
    names = list(JOBS) if arguments.memory else names
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        kind = "workload" if arguments.memory else "benchmark"
        parser.error(f"no {kind} is called {', '.join(unknown)}; there are {', '.join(names)}")
    for option in ("peers", "peer_code", "base"):
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


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.absolute().parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)


def main() -> int:
    """Runs the benchmarks; 1 where graphlib failed one or computed wrong losses, 130 after Ctrl+C."""
    arguments = _arguments()
    if arguments.list:
        print("\n".join(f"{name}: {_title(measure)}" for name, measure in (JOBS | PROBES).items()))
        return 0
    peers = list(peer_contestants(arguments.peers, arguments.peer_code))
    machine = _machine()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    if not peers:
        yardstick = "data and parameters are" if arguments.memory else "the bare products are"
        print(f"no other libraries are installed (see --peers): {yardstick} the only yardstick")
    figures: dict[str, object] = {"machine": machine}
    markdown = report.weighing_markdown if arguments.memory else report.markdown
    rows: list[Sequence] = []
    failed = []
    for name in arguments.names:
        outcome = _attempt(name, peers, arguments)
        print(f"\n{outcome.text}", flush=True)
        if outcome.figures is not None:
            figures[name] = outcome.figures
        if outcome.row is not None:
            rows.append(outcome.row)
        if arguments.json:
            _write(arguments.json, json.dumps(figures, indent=1))
        if arguments.markdown and rows:
            _write(arguments.markdown, markdown(machine, rows))
        if outcome.interrupted:
            return 130
        if not outcome.right:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
