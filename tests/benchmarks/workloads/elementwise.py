"""Elementwise operations by themselves, the work of which is reading and writing."""

from __future__ import annotations

import numpy as np

from tests.benchmarks import bare
from tests.benchmarks.workloads.data import nbytes
from tests.benchmarks.workloads.job import Job, Runner, jobs


def elem() -> Job:
    """An elementwise expression of a million numbers and its four gradients: fusion, and nothing else."""
    rng = np.random.default_rng(12)
    values = [rng.standard_normal(1_000_000).astype(np.float32) for _ in range(4)]

    def build() -> Runner:
        import graphlib
        import graphlib.tensor as T

        a, b, c, d = inputs = [graphlib.shared(value, borrow=True) for value in values]
        cost = (T.nnet.sigmoid(a * b + c) * T.tanh(d) - T.exp(-a * a)).sum()
        evaluate = graphlib.function([], [cost, *T.grad(cost, inputs)], name="elementwise")
        return lambda first, steps: [evaluate()[0] for _ in range(steps)]

    a, b, c, d = (value.astype(np.float64) for value in values)
    total = float((np.tanh(d) / (1 + np.exp(-a * b - c)) - np.exp(-a * a)).sum())

    def copies() -> list[bare.Copy]:
        return [bare.Copy(np.empty_like(value), value) for value in values]

    return Job(20, (total, total), build, copies, nbytes(*values))


JOBS = jobs(elem)
