"""The names that Theano-PyMC (1.1), which PyMC3 3.11 runs on, gave to what Theano has: ``theano.graph``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ...errors import GraphError
from ...graph import Variable
from ...tensor.sequential import MersenneStreams as RandomStream
from .gof import Apply, Constant, Op
from .walks import inputs as graph_inputs
from .walks import stack_search

__all__ = [
    "Apply",
    "Constant",
    "Op",
    "RandomStream",
    "TestValueError",
    "get_test_value",
    "graph_inputs",
    "walk",
]


class TestValueError(GraphError, AttributeError):
    """A variable that has no test value."""


def get_test_value(v: Any) -> Any:
    """``v.tag.test_value``, or what is no variable itself.  Errors: TestValueError if there is none."""
    if not isinstance(v, Variable):
        return v
    try:
        return v.tag.test_value
    except AttributeError as error:
        raise TestValueError(str(error)) from None


def walk(nodes: Iterable[Any], expand: Callable[[Any], Iterable | None], bfs: bool = True) -> list[Any]:
    """What is reached from ``nodes`` by ``expand``, each once: to the breadth first, or to the depth."""
    return stack_search(deque(nodes), expand, "bfs" if bfs else "dfs")
