"""The ways that loops are run in the tests of this folder, and a function on one of them."""

import pytest

from ..ops.backends import compiled

#: names of ``tests.ops.backends.MODES``
LOOP_MODES = ("reference", "c", "cuda")

on_each_mode = pytest.mark.parametrize("mode", LOOP_MODES)

__all__ = ["LOOP_MODES", "compiled", "on_each_mode"]
