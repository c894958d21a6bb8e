"""``theano.compile.sharedvalue`` and ``theano.tensor.sharedvar``: one class is what several were."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from ...graph import Shared, Variable
from ...graph import shared as _of_graphlib
from .own_types import GenericShared
from .sparse.calls import shared as sparse_shared
from .sparse.variable import is_sparse


class _Shared(type):
    def __instancecheck__(cls, candidate: Any) -> bool:
        return isinstance(candidate, (Shared, GenericShared))


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
        return _with_rules(_of_graphlib(array, name, shape=type.shape), strict, allow_downcast)


#: under which a variable keeps how strict it is of its values
RULES = "shared.rules"


def _with_rules(made: Shared, strict: bool, allow_downcast: bool | None) -> Shared:
    if strict or allow_downcast is not None:
        made.__dict__[RULES] = (strict, allow_downcast)
    return made


TensorSharedVariable = ScalarSharedVariable = SharedVariable


def shared(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    **settings: Any,
) -> Any:
    """``graphlib.shared``, where Theano's rules hold: a length of 1 broadcasts only if ``broadcastable`` says
    so, and may change otherwise; SciPy's sparse matrices are sparse variables; of lists, texts and other
    objects functions are Python (``own_types``)."""
    if is_sparse(value):
        return sparse_shared(value, name, **settings)
    if _is_object(value):
        unknown = settings.keys() - {"borrow", "target"}
        if unknown:
            raise TypeError(f"shared() of an object got an unexpected keyword {', '.join(sorted(unknown))}")
        return GenericShared(value if settings.get("borrow") else deepcopy(value), name)
    if not settings.keys() & {"shape", "broadcastable"} and not isinstance(value, np.random.RandomState):
        settings["broadcastable"] = (False,) * np.ndim(value)
    made = _of_graphlib(
        value, name, strict and isinstance(value, (np.ndarray, np.generic)), allow_downcast, **settings
    )
    return _with_rules(made, strict, allow_downcast)


def _is_object(value: Any) -> bool:
    """Whether it is nothing that Theano makes a tensor of."""
    if isinstance(
        value, (bool, int, float, complex, np.generic, np.ndarray, np.random.RandomState, Variable)
    ):
        return False
    return not any(hasattr(value, name) for name in ("__array__", "__array_interface__", "__dlpack__"))


_shared = shared

__all__ = ["ScalarSharedVariable", "SharedVariable", "TensorSharedVariable", "shared"]
