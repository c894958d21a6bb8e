"""Errors of lengths at the call, where Theano had them: lengths that are known while a graph is built are
taken as not known where they do not fit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ...errors import GraphError, RankError, ShapeError
from ...graph import Constant, Variable
from ...ops.op import as_variable
from ...ops.shape import specify_shape
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
            try:
                for name, hints in zip(operands, _HINTS, strict=True):
                    told = [bound.arguments.pop(hint, None) for hint in hints]
                    v = bound.arguments[name]
                    for shape in told:
                        v = v if shape is None else specify_shape(v, list(map(_number, shape)))
                    bound.arguments[name] = _unknown(v)
                return function(*bound.args, **bound.kwargs)
            except GraphError:
                raise error from None

    made.__signature__ = signature  # type: ignore[attr-defined]
    return made


#: arguments that say what the shapes of the operands are, which is then looked at in the call
_HINTS = (("input_shape", "image_shape"), ("filter_shape",))


def _number(n: Any) -> int | None:
    """A length that is told, where it is known."""
    if isinstance(n, Variable):
        return int(n.data) if isinstance(n, Constant) else None
    return None if n is None else int(n)


def _unknown(v: Any) -> Any:
    """A tensor without what is known of its lengths; what is none as it is."""
    if not isinstance(v, Variable) and not getattr(v, "ndim", 0):
        return v
    v = as_variable(v)
    known = [axis for axis, n in enumerate(v.type.shape) if n is not None]
    return Unbroadcast(*known).make(v) if known else v
