"""``theano.gof``: its classes and its walks."""

from __future__ import annotations

from ...graph import Constant, Shared, Variable
from . import copies, graphs, walks
from .copies import *  # noqa: F403
from .graphs import *  # noqa: F403
from .own_ops import Apply, Op, Type, as_op
from .own_types import *  # noqa: F403
from .walks import *  # noqa: F403

__all__ = [
    "Apply",
    "Constant",
    "Op",
    "SharedVariable",
    "Type",
    "Variable",
    "as_op",
    *copies.__all__,
    *graphs.__all__,
    *walks.__all__,
]

SharedVariable = Shared
