"""``theano.tests.unittest_tools``: with which programs test operations of their own."""

from __future__ import annotations

import unittest
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...compile.function import function
from ...errors import GradientError
from ...graph import Variable
from ...ops.shape import shape_of
from ...tensor import verify_grad as _verify_grad
from .settings import config

__all__ = ["InferShapeTester", "MockRandomState", "assert_allclose", "fetch_seed", "seed_rng", "verify_grad"]


def fetch_seed(pseed: Any = None) -> int | None:
    """The seed of tests: ``pseed``, or ``config.unittests.rseed``, of which "random" is none."""
    seed = pseed or config.unittests.rseed
    return None if seed in (None, "random") else int(seed)


def seed_rng(pseed: Any = None) -> int | None:
    """Seeds NumPy's generator with ``fetch_seed``, which it returns."""
    seed = fetch_seed(pseed)
    np.random.seed(seed)
    return seed


def verify_grad(
    op: Any, pt: Sequence[Any], n_tests: int = 2, rng: Any = None, *more: Any, **named: Any
) -> None:
    """``theano.tensor.verify_grad``, with a generator that is seeded."""
    if rng is None:
        seed_rng()
        rng = np.random
    _verify_grad(op, pt, n_tests, rng, *more, **named)


verify_grad.E_grad = GradientError  # type: ignore[attr-defined]


def assert_allclose(expected: Any, value: Any, rtol: float | None = None, atol: float | None = None) -> None:
    """Demands that two arrays are close, as close as their dtypes let them be."""
    narrow = {np.asarray(a).dtype for a in (expected, value)} & {np.dtype("float32"), np.dtype("float16")}
    np.testing.assert_allclose(
        value, expected, rtol or (1e-3 if narrow else 1e-5), atol or (1e-5 if narrow else 1e-8)
    )


class MockRandomState:
    """A generator whose every number is ``val``."""

    def __init__(self, val: float) -> None:
        self.val = val

    def rand(self, *shape: int) -> np.ndarray:
        return np.full(shape, self.val, "float64")

    def randint(self, minval: int, maxval: int | None = None, size: Any = 1) -> np.ndarray:
        low, high = (0, minval) if maxval is None else (minval, maxval)
        return np.full(size, low if self.val == 0 else high - 1, "int64")


class InferShapeTester(unittest.TestCase):
    """The base of tests of ``infer_shape``: ``self._compile_and_check(inputs, outputs, values, cls)``."""

    def setUp(self) -> None:
        seed_rng()

    def _compile_and_check(
        self,
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        numeric_inputs: Sequence[Any],
        cls: Any,
        excluding: Any = None,
        warn: bool = True,
        check_topo: bool = True,
    ) -> None:
        """The shapes of ``outputs``, asked for symbolically, must be those of their values."""
        values = function(inputs, list(outputs), on_unused_input="ignore")(*numeric_inputs)
        lengths = [n for v in outputs for n in shape_of(v)]
        found = iter(function(inputs, lengths, on_unused_input="ignore")(*numeric_inputs))
        for v, value in zip(outputs, values, strict=True):
            assert tuple(int(next(found)) for _ in range(v.ndim)) == np.shape(value), v
