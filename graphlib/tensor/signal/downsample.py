"""``T.signal.downsample``: the old name of ``T.signal.pool``."""

from __future__ import annotations

from typing import Any

from ...graph import Variable
from ...ops.pool_functions import pool_2d


def max_pool_2d(
    input: Any,
    ds: Any,
    ignore_border: bool | None = None,
    st: Any = None,
    padding: Any = None,
    mode: str = "max",
) -> Variable:
    """``T.signal.pool.pool_2d`` under its old name."""
    return pool_2d(input, ds, ignore_border, st, padding, mode)


__all__ = ["max_pool_2d"]
