"""What steps take of the processor, for a machine that others use, too:
`python -m tests.benchmarks.processor_time NAME …`.

Seconds by the clock say nothing there. Each step is timed by itself, in processor seconds of all threads, of
which the least and the middle are printed. Another library is to have one thread, for those of several wait
for one another in a loop, which counts as work: `PYTHONPATH=FOLDER PEER_THREADS=1 OTHER/bin/python -m
tests.benchmarks.processor_time --module tests.benchmarks.peers.models --variant eager NAME …`, where FOLDER
has a link to tests and nothing of graphlib.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from statistics import median

SECONDS, MOST = 8.0, 400


def measure(run, seconds: float = SECONDS) -> list[float]:
    """Processor seconds of each of many steps."""
    run(0, 2)
    found: list[float] = []
    start = time.perf_counter()
    while len(found) < MOST and (not found or time.perf_counter() - start < seconds):
        before = time.process_time()
        run(2 + len(found), 1)
        found.append(time.process_time() - before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="+", metavar="NAME", help="a workload")
    parser.add_argument("--module", default="tests.benchmarks.workloads", help="(default: %(default)s)")
    parser.add_argument("--variant", default="graphlib", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each (default: %(default)s)")
    options = parser.parse_args()
    workloads = import_module(options.module).WORKLOADS
    for name in options.names:
        made = workloads[name](options.variant)
        found = measure(made[0] if isinstance(made, tuple) else made, options.seconds)
        print(
            f"{name:18s} least {min(found) * 1e3:8.3f} ms, median {median(found) * 1e3:8.3f} ms", flush=True
        )


if __name__ == "__main__":
    main()
