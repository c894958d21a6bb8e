"""Tests of the rewrites: rewritten graphs on the reference backend, beside the graphs as they were built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from graphlib.graph import Variable, toposort
from graphlib.lower.program import Program
from graphlib.ops.elementwise import Elementwise
from graphlib.rewrite import rewrite
from graphlib.run.reference import ReferenceExecutor


def evaluate(
    outputs: Sequence[Variable], inputs: Sequence[Variable], arrays: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The values of variables by numpy, node by node, as they are."""
    program = Program("test", list(inputs), list(outputs), [False] * len(outputs), {}, [])
    with np.errstate(all="ignore"):
        return ReferenceExecutor(program, False)(list(arrays))


def kinds(outputs: Sequence[Variable], inputs: Sequence[Variable] = ()) -> Counter[str]:
    """How many nodes of each operation there are: elementwise ones by name, others by class."""
    nodes = toposort(outputs, stop_at=inputs)
    return Counter(n.op.name if isinstance(n.op, Elementwise) else type(n.op).__name__ for n in nodes)


def rewritten(
    outputs: Sequence[Variable], inputs: Sequence[Variable] = ()
) -> tuple[list[Variable], Counter[str]]:
    """The rewritten variables, and how often each rule was applied."""
    fired: Counter[str] = Counter()
    results = rewrite(list(outputs), inputs, fired)
    for old, new in zip(outputs, results, strict=True):
        assert old.type.accepts(new.type)
    return results, fired


def assert_same_values(
    outputs: Sequence[Variable], inputs: Sequence[Variable], arrays: Sequence[np.ndarray], rtol: float = 1e-9
) -> list[Variable]:
    """Rewrites, holds every value to that of the graph as it was, and returns the rewritten variables."""
    results, _ = rewritten(outputs, inputs)
    for new, old in zip(evaluate(results, inputs, arrays), evaluate(outputs, inputs, arrays), strict=True):
        assert new.dtype == old.dtype
        assert new.shape == old.shape
        np.testing.assert_allclose(new, old, rtol=rtol, atol=rtol)
    return results
