"""``T.signal.pool``: maxima, sums and averages of windows."""

from ...ops.pool import pool_2d

__all__ = ["pool_2d"]
