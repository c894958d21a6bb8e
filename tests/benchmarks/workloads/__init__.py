"""The tutorials' training steps as benchmarks: for each the data, the initial parameters, the step written
with graphlib, and the bare work that no program can leave out. All contestants' losses are compared: who
computes something else is not faster, but wrong.

A module for each subject. A workload is a function of it that returns a `Job`; the name of the function is
what the command line calls it.
"""

from __future__ import annotations

from functools import partial

from tests.benchmarks import bare
from tests.benchmarks.workloads import (
    convolutional,
    elementwise,
    energy,
    feed_forward,
    fitting,
    layers,
    models,
    sequences,
)
from tests.benchmarks.workloads.job import Make, Runner

JOBS: dict[str, Make] = (
    feed_forward.JOBS
    | fitting.JOBS
    | convolutional.JOBS
    | energy.JOBS
    | sequences.JOBS
    | layers.JOBS
    | elementwise.JOBS
    | models.JOBS
)


def _enter(name: str, variant: str) -> Runner:
    """A contestant's run(first, steps): "graphlib", "layers", or the bare work on "<number> threads"."""
    job = JOBS[name]()
    if variant == "layers":
        return job.by_layers()
    return job.build() if variant == "graphlib" else bare.runner(job.bare(), int(variant.split()[0]))


WORKLOADS = {name: partial(_enter, name) for name in JOBS}
