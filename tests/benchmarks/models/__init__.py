"""Workloads as users have them, each written once: a model's cost is a function of `ops`, the operations of
a library by one set of names, in which each library does what it does best (its own convolution, attention,
GRU or cross-entropy). `tests.benchmarks.workloads.models` has graphlib's, `tests.benchmarks.peers.models`
those of PyTorch and JAX. A module for each subject.
"""

from __future__ import annotations

from tests.benchmarks.models import clusters, images, networks, rows, sequences, short
from tests.benchmarks.models.model import Model

MODELS: dict[str, Model] = {}
for part in (rows, networks, images, sequences, clusters, short):
    MODELS |= part.MODELS
