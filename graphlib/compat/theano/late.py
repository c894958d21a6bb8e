"""Errors of lengths at the call, where Theano had them: lengths that are known while a graph is built are
taken as not known where they do not fit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ...errors import GraphError, RankError, ShapeError
from ...graph import Variable
from ...ops.op import as_variable
from ...ops.unbroadcast import Unbroadcast


def at_the_call(function: Callable) -> Callable:
    """``function`` of tensors (its first arguments), whose ShapeErrors come at the call: a graph that nobody
    runs may hold what does not fit together, as in Theano."""

    @functools.wraps(function)
    def made(*operands: Any, **settings: Any) -> Any:
        try:
            return function(*operands, **settings)
        except RankError:
            raise
        except ShapeError as error:
            forgotten = [_unknown(v) for v in operands]
            if all(a is b for a, b in zip(operands, forgotten, strict=True)):
                raise
            try:
                return function(*forgotten, **settings)
            except GraphError:
                raise error from None

    return made


def _unknown(v: Any) -> Any:
    """A tensor without what is known of its lengths; what is none as it is."""
    if not isinstance(v, Variable) and not getattr(v, "ndim", 0):
        return v
    v = as_variable(v)
    known = [axis for axis, n in enumerate(v.type.shape) if n is not None]
    return Unbroadcast(*known).make(v) if known else v
