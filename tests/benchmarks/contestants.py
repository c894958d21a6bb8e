"""Who takes part in a benchmark, and the process in which each works: see `worker`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
WINDOW_LIMIT = 120.0

PEERS: dict[str, tuple[str, ...]] = {  # the variants of each library's module bench_<library>.py
    "torch": ("eager", "compile"),
    "jax": ("jit", "scan"),
    "pytensor": ("c", "numba"),
    "theano": ("c",),
}


@dataclass(frozen=True)
class Contestant:
    """Who runs a workload: `python` imports `module` from the folder `path` and builds a `variant` of it."""

    name: str
    python: Path
    path: Path
    module: str
    variant: str
    peer: bool = False


class Failure(RuntimeError):
    """A contestant that cannot take part; the message says why."""


class Absent(Failure):
    """A contestant that does not have this workload."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def leave_out(name: str, workload: str, failure: Failure, failures: dict[str, str]) -> None:
    """Say why a contestant takes no part, and enter it in `failures` unless it was not to take part."""
    absent = isinstance(failure, Absent)
    say(f"{workload}: {name} {'takes no part' if absent else 'failed'}: {failure}")
    if not absent:
        failures[name] = str(failure)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def cache_flag(folder: Path) -> str:
    """$GRAPHLIB_FLAGS with the cache in `folder`."""
    return ",".join(filter(None, [os.environ.get("GRAPHLIB_FLAGS"), f"cache_dir={folder}"]))


def own_contestants(work: str) -> list[Contestant]:
    """graphlib, and the bare work (named by `work`) on one thread and on all of them."""
    variants = ["graphlib", *(f"{n} thread{'s' * (n > 1)}" for n in sorted({1, cores()}))]
    names = ["graphlib", *(f"{work}, {variant}" for variant in variants[1:])]
    module = "tests.benchmarks.workloads"
    return [
        Contestant(name, Path(sys.executable), ROOT, module, variant)
        for name, variant in zip(names, variants, strict=True)
    ]


def module_contestants(peers: Path | None, name: str) -> Iterator[Contestant]:
    """Every variant of the libraries of a module of ours that have an environment in `peers`."""
    module = f"tests.benchmarks.peers.{name}"
    for library, variants in import_module(module).VARIANTS.items():
        python = peers / library / "bin" / "python" if peers else None
        if python and python.exists():
            for variant in variants:
                yield Contestant(f"{library} {variant}", python, ROOT, module, variant, peer=True)


def peer_contestants(peers: Path | None, code: Path | None) -> Iterator[Contestant]:
    """Every variant of the libraries that have an environment in `peers` and a module in `code`."""
    if peers is None or code is None:
        return
    for library, variants in PEERS.items():
        python, module = peers / library / "bin" / "python", f"bench_{library}"
        if python.exists() and (code / f"{module}.py").exists():
            yield from (Contestant(f"{library} {v}", python, code, module, v, peer=True) for v in variants)


class Worker:
    """A contestant's process; it is stopped except while it works. What it is asked to do raises Failure
    where it cannot, or where the answer takes longer than `limit` seconds."""

    def __init__(self, contestant: Contestant, environment: Mapping[str, str], alone: bool = False) -> None:
        """alone: on one processor, for which every library has one thread."""
        self.name = contestant.name
        self._contestant = contestant
        whole = os.environ | {"PEER_THREADS": "1" if alone else str(cores())} | environment
        if contestant.peer:
            # else it might find our graphlib where it wants the standard library's
            whole.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [contestant.python, "-m", "tests.benchmarks.worker", *["alone"] * alone],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if contestant.peer else None,
            env=whole,
            start_new_session=True,  # so that a terminal's Ctrl+C reaches the benchmark alone
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.communicate()

    def _ask(self, what: str, limit: float, **arguments: object) -> dict:
        """The answer of the worker, which is stopped from then on."""
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.stdin.write(json.dumps({"do": what} | arguments).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"ended with status {self.process.wait()}") from None
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        if not ready:
            raise Failure(f"no answer within {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"ended with status {self.process.wait()}")
        self.process.send_signal(signal.SIGSTOP)
        answer = json.loads(line)
        if answer.get("absent"):
            raise Absent("it does not have this workload")
        if "error" in answer:
            raise Failure(answer["error"])
        return answer

    def load(self, limit: float) -> None:
        """Imports the contestant's module."""
        self._ask("load", limit, path=str(self._contestant.path), module=self._contestant.module)

    def import_all(self, names: Sequence[str], limit: float) -> int:
        """Imports these modules, as far as they can be imported; bytes of resident memory then."""
        return self._ask("import_all", limit, names=names)["resident"]

    def build(self, workload: str, steps: int, limit: float) -> dict:
        """Builds a workload and runs two blocks: {"first_call": seconds, "losses": [first, last]}."""
        return self._ask("build", limit, workload=workload, variant=self._contestant.variant, steps=steps)

    def window(self, seconds: float) -> dict:
        """Works for at least so many seconds: {"blocks": seconds of each, "foreign": the others' share}."""
        return self._ask("window", WINDOW_LIMIT, seconds=seconds)

    def processor(self, seconds: float) -> list[float]:
        """Works for at least so many seconds by the clock: processor seconds a step, a figure a block."""
        return self._ask("processor", WINDOW_LIMIT, seconds=seconds)["steps"]

    def modules(self) -> list[str]:
        """The names of the modules that it has loaded."""
        return self._ask("modules", WINDOW_LIMIT)["names"]

    def stepping(self, blocks: int, limit: float) -> int:
        """Bytes that it holds at most while it works, beyond those after `import_all`."""
        return self._ask("stepping", limit, blocks=blocks)["peak"]
