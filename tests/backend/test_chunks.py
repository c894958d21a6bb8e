"""Loop nests that sum into memory, or whose rows are long, are cut into chunks: results are numpy's, and do
not depend on the number of threads."""

import numpy as np
import pytest

import graphlib
import graphlib.tensor as T

from .processes import compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="this machine has no C compiler")

ROWS, WIDTH = 301, 5003  # a row is more than a chunk keeps on its stack


def outputs(x, k):
    """Reductions over leading axes, over those in the middle, and several passes over a row."""
    u = x.astype("float64")
    cube = x.reshape((x.shape[0], 5, -1))[:, :, :1000]
    shifted = x - x.max(axis=1, keepdims=True)
    p = T.exp(shifted) / T.exp(shifted).sum(axis=1, keepdims=True)
    return [
        (x * 2).sum(axis=0),
        u.sum(axis=0),
        (x / 1000 + 1).prod(axis=0),
        x.max(axis=0),
        (x > 3).any(axis=0),
        k.sum(axis=0),
        cube.sum(axis=1),
        (cube + 1).sum(axis=(0, 2)),
        cube.max(axis=1),
        p.sum(axis=0),
        (p * x).sum(axis=1),
    ]


def test_what_chunks_have_is_joined():
    x, k = T.matrix("x"), T.lmatrix("k")
    random = np.random.RandomState(0)
    values = random.normal(size=(ROWS, WIDTH - 3)).astype("float32")
    integers = random.randint(-9, 9, (ROWS, WIDTH))
    found = []
    for threads in (1, 2, 3):
        with graphlib.config.change(threads=threads):
            f = graphlib.function([x, k], outputs(x, k), mode="fast_run")
            found.append([f(values, integers), f(values[:5], integers[:5])])
    kernels = [a.kernel for step in f.plan.steps for a in step.actions if hasattr(a, "kernel")]
    assert any(kernel.joins for kernel in kernels) and all(kernel.turns is not None for kernel in kernels)
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)
    g = graphlib.function([x, k], outputs(x, k), mode="reference")
    for rows, results in zip((ROWS, 5), found[0], strict=True):
        for got, wanted in zip(results, g(values[:rows], integers[:rows]), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5)
