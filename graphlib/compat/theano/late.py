"""Errors of lengths at the call, where Theano had them: lengths that are known while a graph is built are
taken as not known where they do not fit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ...errors import GraphError, RankError, ShapeError
from ...graph import Variable
from ...ops.op import as_variable
from ...ops.unbroadcast import Unbroadcast


def at_the_call(function: Callable) -> Callable:
    """``function`` of two tensors, its first arguments, whose ShapeErrors come at the call: a graph that
    nobody runs may hold what does not fit together, as in Theano."""
    signature = inspect.signature(function)
    operands = list(signature.parameters)[:2]

    @functools.wraps(function)
    def made(*arguments: Any, **settings: Any) -> Any:
        try:
            return function(*arguments, **settings)
        except RankError:
            raise
        except ShapeError as error:
            bound = signature.bind(*arguments, **settings)
            bound.arguments.update((name, _unknown(bound.arguments[name])) for name in operands)
            try:
                return function(*bound.args, **bound.kwargs)
            except GraphError:
                raise error from None

    made.__signature__ = signature  # type: ignore[attr-defined]
    return made


def _unknown(v: Any) -> Any:
    """A tensor without what is known of its lengths; what is none as it is."""
    if not isinstance(v, Variable) and not getattr(v, "ndim", 0):
        return v
    v = as_variable(v)
    known = [axis for axis, n in enumerate(v.type.shape) if n is not None]
    return Unbroadcast(*known).make(v) if known else v
