"""``theano`` itself: names that only Theano's programs use."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Variable
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
from .tensor import dot as _dot
from .updates import OrderedUpdates

__version__ = "1.0.5+graphlib"


def _asarray(a: Any, dtype: Any, order: str | None = None) -> np.ndarray:
    """``numpy.asarray`` with a dtype, of which "floatX" is one."""
    return np.asarray(a, config.floatX if dtype == "floatX" else dtype, order)


def dot(x: Any, y: Any) -> Any:
    """The product of two tensors, or of what has ``__dot__`` or ``__rdot__``, as sparse variables have."""
    if not isinstance(x, Variable) and hasattr(x, "__dot__"):
        return x.__dot__(y)
    return y.__rdot__(x) if not isinstance(y, Variable) and hasattr(y, "__rdot__") else _dot(x, y)


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
