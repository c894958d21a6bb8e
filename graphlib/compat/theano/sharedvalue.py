"""``theano.compile.sharedvalue`` and ``theano.tensor.sharedvar``: one class is what several were."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Shared
from ...graph import shared as _of_graphlib

SharedVariable = TensorSharedVariable = ScalarSharedVariable = Shared


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
