"""``theano.gof``: its classes, its walks, and what a program's own operations get told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ...graph import Apply, Constant, Shared, Variable
from . import graphs, walks
from .graphs import *  # noqa: F403
from .walks import *  # noqa: F403

__all__ = ["Apply", "Constant", "Op", "SharedVariable", "Variable", "as_op", *graphs.__all__, *walks.__all__]

SharedVariable = Shared


def _no_own_operation(name: str) -> NoReturn:
    raise NotImplementedError(
        f"{name} is an operation of the program's own, whose Python or C graphlib does not call: a function "
        f"is native code as a whole. Write it with the operations of theano.tensor (gradients come along), "
        f"or add it to graphlib (docs/add-an-op.md)."
    )


class Op:
    """The base of a program's own operations: classes can be defined, but not applied."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> Any:
        _no_own_operation(cls.__name__)


def as_op(itypes: Any, otypes: Any, infer_shape: Any = None) -> Callable[[Callable], Callable]:
    """``as_op`` makes an operation of a Python function; calling it says what to do instead."""

    def decorate(function: Callable) -> Callable:
        return lambda *operands: _no_own_operation(function.__name__)

    return decorate
