"""Rewrites of a program's own: they are taken, noted once, and not applied, as graphlib has its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...graph.variable import warn_user

__all__ = ["LocalOptimizer", "OpRemove", "OpSub", "PatternSub", "local_optimizer"]


@functools.lru_cache(maxsize=1)
def _note() -> None:
    warn_user("rewrites of a program's own are not applied: graphlib has its own, which change no result")


class LocalOptimizer:
    """A rewrite of single nodes, as a program describes it."""

    def __init__(self, *settings: Any, **more: Any) -> None:
        self.settings = settings


class OpRemove(LocalOptimizer):
    """That an operation is to be left out."""


class OpSub(LocalOptimizer):
    """That one operation is to stand in place of another."""


class PatternSub(LocalOptimizer):
    """That one expression is to stand in place of another."""


def local_optimizer(*settings: Any, **more: Any) -> Callable[[Callable], Callable]:
    """Above a function that rewrites a node: it stays what it is."""
    return lambda function: function


def _register(rewrite: Any = None, *tags: Any, **more: Any) -> Any:
    """Takes a rewrite, or as a decorator with tags a function."""
    _note()
    return (lambda function: function) if isinstance(rewrite, str) else rewrite


register_canonicalize = register_stabilize = register_specialize = _register
register_uncanonicalize = register_useless = _register
