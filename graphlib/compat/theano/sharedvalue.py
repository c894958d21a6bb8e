"""``theano.compile.sharedvalue`` and ``theano.tensor.sharedvar``: one class is what several were."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Shared
from ...graph import shared as _of_graphlib


class _Shared(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        return isinstance(candidate, Shared)


class SharedVariable(metaclass=_Shared):
    """``isinstance(x, SharedVariable)``, and ``SharedVariable(name, type, value, strict)`` makes one."""

    def __new__(  # type: ignore[misc]
        cls,
        name: str | None,
        type: Any,
        value: Any,
        strict: bool,
        allow_downcast: bool | None = None,
        **more: Any,
    ) -> Shared:
        array = type.convert(value, allow_downcast=allow_downcast, strict=strict)
        return _of_graphlib(array, name, shape=type.shape)


TensorSharedVariable = ScalarSharedVariable = SharedVariable


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    **settings: Any,
) -> Shared:
    """``graphlib.shared``, where Theano's rule holds: a length of 1 broadcasts only if ``broadcastable`` says
    so, and may change otherwise."""
    if not settings.keys() & {"shape", "broadcastable"}:
        settings["broadcastable"] = (False,) * np.ndim(value)
    return _of_graphlib(value, name, strict, allow_downcast, **settings)


_shared = shared

__all__ = ["ScalarSharedVariable", "SharedVariable", "TensorSharedVariable", "shared"]
