"""The noun of graphlib: types, variables, the nodes between them, and how a graph is walked, copied and
pickled.

Imports only ``errors`` and ``configuration``; knows nothing of what an operation computes.
"""

from .shared import Shared, Sized, shared
from .traverse import ancestors, clone, graph_inputs, toposort
from .types import TensorType
from .variable import Apply, Constant, SizedInput, Variable

__all__ = [
    "Apply",
    "Constant",
    "Shared",
    "Sized",
    "SizedInput",
    "TensorType",
    "Variable",
    "ancestors",
    "clone",
    "graph_inputs",
    "shared",
    "toposort",
]
