"""The tutorials' training steps on a device: their losses against those in C, and their times."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np

#: the workloads of ``tests.benchmarks`` that are steps of tutorials, the quickest to compile first
FULL = ("logreg", "mlp", "dA", "hmc", "slu", "rnnrbm", "rbm", "lenet", "lstm", "char_lstm", "elem")
SMALL = ("slu",)


def losses(run: Callable, first: int, steps: int) -> list[float]:
    """The losses of steps as floats; to read the last one is to wait for the device."""
    return [float(np.asarray(loss).reshape(-1)[0]) for loss in run(first, steps) or []]


def timed(run: Callable, first: int, steps: int, seconds: float) -> float:
    """Milliseconds a step: the median of blocks of ``steps`` that together take at least ``seconds``."""
    blocks: list[float] = []
    while sum(blocks) < seconds or len(blocks) < 2:
        start = time.perf_counter()
        losses(run, first, steps)
        blocks.append(time.perf_counter() - start)
        first += steps
    return 1e3 * median(blocks) / steps


def measure(name: str, device: str, steps: int, seconds: float) -> dict:
    """A workload on the device and in C: {"right": whether the first ``steps`` losses agree, "losses": of
    both, "first": seconds until the first result of both, "ms": a step of both}."""
    import graphlib
    from tests.benchmarks.workloads import JOBS

    job = JOBS[name]()
    found: dict[str, dict] = {"losses": {}, "first": {}, "ms": {}}
    for where in ("cpu", device):
        start = time.perf_counter()
        with graphlib.config.change(device=where):
            run = job.build()
            values = losses(run, 0, 1)
            found["first"][where] = time.perf_counter() - start
            values += losses(run, 1, steps - 1)
            found["losses"][where] = values
            found["ms"][where] = timed(run, steps, steps, seconds)
    wanted, got = (np.array(found["losses"][where]) for where in ("cpu", device))
    right = len(got) == len(wanted) and np.allclose(got, wanted, rtol=job.tolerance, atol=0)
    return {"right": bool(right and len(got)), **found}
