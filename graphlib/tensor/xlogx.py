"""``T.xlogx``: x log x and x log y with the value 0 at x = 0."""

from ..ops.elementwise import xlogx, xlogy0

__all__ = ["xlogx", "xlogy0"]
