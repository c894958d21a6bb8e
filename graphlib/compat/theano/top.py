"""``theano`` itself: names that only Theano's programs use."""

from ...ops.linalg import dot
from .gof import Apply, Op, as_op
from .modes import Mode
from .printing import debugprint
from .scan_module import clone, map, scan
from .settings import config
from .sharedvalue import SharedVariable, shared
from .sparse.calls import function, grad
from .updates import OrderedUpdates

__version__ = "1.0.5 (graphlib)"

__all__ = [
    "Apply",
    "Mode",
    "Op",
    "OrderedUpdates",
    "SharedVariable",
    "as_op",
    "clone",
    "config",
    "debugprint",
    "dot",
    "function",
    "grad",
    "map",
    "scan",
    "shared",
]
