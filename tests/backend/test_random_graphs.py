"""Graphs drawn at random: compiled function and reference agree, for all lengths that one compile serves."""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings

import graphlib

from .random_graphs import graphs

EXAMPLES = int(os.environ.get("GRAPHLIB_TEST_EXAMPLES", "30"))
SETTINGS = settings(
    max_examples=EXAMPLES, deadline=None, derandomize="GRAPHLIB_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck), print_blob=True,
)  # fmt: skip


def assert_close(got, wanted, what):
    assert got.dtype == wanted.dtype, what
    assert got.shape == wanted.shape, what
    if wanted.dtype.kind == "f":
        scale = float(np.max(np.abs(wanted), initial=1))
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * scale, err_msg=what)
    else:
        np.testing.assert_array_equal(got, wanted, err_msg=what)


@SETTINGS
@given(graphs())
def test_compiled_equals_reference(graph):
    inputs, outputs, calls = graph
    if not outputs:
        return
    fast = graphlib.function(inputs, outputs, mode="fast_run", on_unused_input="ignore")
    reference = graphlib.function(inputs, outputs, mode="reference", on_unused_input="ignore")
    for arrays in calls:
        wanted = reference(*arrays)
        for variable, a, b in zip(outputs, fast(*arrays), wanted, strict=True):
            assert_close(a, b, graphlib.pp(variable))
