"""``T.signal.pool``: maxima, sums and averages of windows."""

from ...ops.pool_functions import max_pool_2d_same_size, pool_2d, pool_3d

__all__ = ["max_pool_2d_same_size", "pool_2d", "pool_3d"]
