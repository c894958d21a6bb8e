"""Names that NumPy and Python had when programs were written for Theano, and have no more.

``python -m graphlib.compat.theano`` gives them to the program that it runs, which would otherwise end at
``np.cast[config.floatX](x)`` or ``np.float``; ``install`` changes neither NumPy nor Python.
"""

from __future__ import annotations

import builtins
import collections
import collections.abc
import inspect
from typing import Any

import numpy as np

__all__ = ["restore"]


class _Casts:
    """``numpy.cast``: of a dtype, what makes arrays of it."""

    def __getitem__(self, dtype: Any) -> Any:
        return lambda values: np.asarray(values).astype(dtype)


def _argument_names(function: Any) -> Any:
    """``inspect.getargspec``."""
    found = inspect.getfullargspec(function)
    kind = collections.namedtuple("ArgSpec", "args varargs keywords defaults")
    return kind(found.args, found.varargs, found.varkw, found.defaults)


#: what each name of NumPy's that is gone was
_NUMPY = {
    "cast": _Casts(),
    **{name: getattr(builtins, name) for name in ("bool", "int", "float", "complex", "object", "str")},
    "float_": np.float64,
    "complex_": np.complex128,
    "int0": np.intp,
    "uint0": np.uintp,
    "string_": np.bytes_,
    "unicode_": np.str_,
    "Inf": np.inf,
    "infty": np.inf,
    "PINF": np.inf,
    "NINF": -np.inf,
    "NaN": np.nan,
    "product": np.prod,
    "cumproduct": np.cumprod,
    "alltrue": np.all,
    "sometrue": np.any,
    "round_": np.round,
    "asscalar": lambda a: np.asarray(a).item(),
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
    "rank": np.ndim,
    "row_stack": np.vstack,
    "in1d": lambda a, b, **options: np.isin(np.ravel(a), b, **options),
    "trapz": getattr(np, "trapezoid", None),
}


def restore() -> None:
    """Give NumPy, ``collections`` and ``inspect`` their old names back, where they are gone."""
    for name, value in _NUMPY.items():
        # not hasattr, for which NumPy warns and says what to write instead
        if name not in vars(np) and value is not None:
            setattr(np, name, value)
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(inspect, "getargspec"):
        inspect.getargspec = _argument_names
