"""``theano`` itself: names that only Theano's programs use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.linalg import dot
from .compiling import function_dump
from .gof import Apply, Op, Type, as_op
from .gradients import grad
from .graphs import OpFromGraph
from .modes import Mode
from .printing import debugprint, pprint
from .scan_module import clone, map, scan
from .settings import change_flags, config
from .sharedvalue import SharedVariable, shared
from .sparse.calls import function
from .updates import OrderedUpdates

__version__ = "1.0.5+graphlib"


def _asarray(a: Any, dtype: Any, order: str | None = None) -> np.ndarray:
    """``numpy.asarray`` with a dtype, of which "floatX" is one."""
    return np.asarray(a, config.floatX if dtype == "floatX" else dtype, order)


def sparse_grad(var: Any) -> Any:
    """``var`` itself: that only rows which were used are updated is found when a function is compiled."""
    return var


__all__ = [
    "Apply",
    "Mode",
    "Op",
    "OpFromGraph",
    "OrderedUpdates",
    "SharedVariable",
    "Type",
    "as_op",
    "change_flags",
    "clone",
    "config",
    "debugprint",
    "dot",
    "function",
    "function_dump",
    "grad",
    "map",
    "pprint",
    "scan",
    "shared",
]
