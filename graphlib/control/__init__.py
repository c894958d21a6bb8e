"""Loops and choices as users write them: ``scan`` and its kin, and ``ifelse``."""

from .ifelse import ifelse
from .scan import foldl, foldr, map, reduce, scan, until

__all__ = ["foldl", "foldr", "ifelse", "map", "reduce", "scan", "until"]
