"""What steps take of one processor, beside other libraries or other checkouts, in turns, for a machine that
others use, too: `python -m tests.benchmarks.turns --peers DIR NAME …`, or `--base CHECKOUT NAME …`.

Each contestant sits in a process of its own that keeps to one processor, on which every library has one
thread, and works for a moment in each round. Printed are the least and the middle of the processor
milliseconds of a step, and in brackets the least over that of graphlib.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.benchmarks.contest import KEEP_MEMORY
from tests.benchmarks.contestants import (
    ROOT,
    Contestant,
    Failure,
    Worker,
    leave_out,
    module_contestants,
    own_contestants,
    peer_contestants,
)
from tests.benchmarks.workloads import JOBS
from tests.benchmarks.workloads.job import Job

SECONDS, LIMIT = 0.25, 150.0
#: steps of a block of workloads whose steps are so short that many are timed together
MANY, SHORT = 20, 50


def contestants(job: Job, peers: Path | None, base: Path | None) -> Iterator[Contestant]:
    yield own_contestants("")[0]
    if base is not None:
        yield Contestant(base.name, Path(sys.executable), base, "tests.benchmarks.workloads", "graphlib")
    if peers is not None and job.peers:
        yield from module_contestants(peers, job.peers)
    elif peers is not None:
        yield from peer_contestants(peers, ROOT.parent / "shared" / "peers")


def measured(name: str, who: Sequence[Contestant], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of steps, by contestant; who fails is left out."""
    steps = MANY if JOBS[name]().steps >= SHORT else 1
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for one in who:
            # another checkout is to find its own package first
            other = {} if one.peer else {"PYTHONPATH": str(one.path)}
            worker = stack.enter_context(Worker(one, KEEP_MEMORY | other, alone=True))
            try:
                worker.load(LIMIT)
                worker.build(name, steps, LIMIT)
                workers[one.name] = worker
            except Failure as failure:
                leave_out(one.name, name, failure, {})
        found: dict[str, list[float]] = {one: [] for one in workers}
        for _ in range(rounds):
            for one, worker in workers.items():
                found[one] += worker.processor(SECONDS)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="+", choices=list(JOBS), metavar="NAME", help="a workload")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="has torch/bin/python, jax/bin/python")
    parser.add_argument("--base", type=Path, metavar="DIR", help="another checkout of graphlib")
    parser.add_argument("--rounds", type=int, default=4, help="(default: %(default)s)")
    options = parser.parse_args()
    peers, base = (path and path.absolute() for path in (options.peers, options.base))
    for name in options.names:
        found = measured(name, list(contestants(JOBS[name](), peers, base)), options.rounds)
        least = min(found["graphlib"])
        words = (
            f"{one} {min(seconds) * 1e3:.3f} / {median(seconds) * 1e3:.3f} ({min(seconds) / least:.2f})"
            for one, seconds in found.items()
        )
        print(f"{name:18s} {', '.join(words)}", flush=True)


if __name__ == "__main__":
    main()
