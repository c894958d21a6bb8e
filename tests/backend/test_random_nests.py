"""Random graphs of reductions of reductions, softmaxes and normalisations, on every backend, in the processes
of the tests; ``python -m tests.backend.random_nests`` tries more of them in others."""

import pytest

from ..ops.backends import BACKENDS
from .random_nests import attempt


@pytest.mark.parametrize(
    "backend, seed", [(b, k) for b, n in zip(BACKENDS, (24, 9), strict=True) for k in range(n)]
)
def test_what_is_computed_row_by_row(backend, seed):
    assert not (found := attempt(seed, backend)), found
