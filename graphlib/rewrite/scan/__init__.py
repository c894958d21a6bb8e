"""Loops made cheaper: what nobody reads is not computed or kept, and what does not depend on the recurrence
leaves.

The passes work on a ``Body``, a loop taken apart: first those of its inner graph's nodes that do not change
from step to step, or that depend on sequences alone, are computed before it (``hoist``); then sums over
steps and products that only outputs need are computed after it, from rows that the loop keeps (``sums``).
``merge`` makes one loop of several that go through the same steps, ``shrink`` leaves out what nobody reads.
"""

from .body import Uses, each_loop, has_loops
from .hoist import hoisted
from .merge import merged
from .shrink import finished, shrunk

__all__ = ["Uses", "each_loop", "finished", "has_loops", "hoisted", "merged", "shrunk"]
