"""``theano.compat``: what Theano's programs took to run on both Pythons."""

from __future__ import annotations

import io
import operator
import struct
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

__all__ = ["PY3", "BytesIO", "DefaultOrderedDict", "OrderedDict", "cmp", "decode", "exc_message", "ifilter"]
__all__ += ["get_unbound_function", "imap", "izip", "operator_div"]

PY3 = True
string_types, integer_types = (str,), (int, np.integer)
pydot_imported = False
imported_scipy = imported_scipy_signal = True
BytesIO = io.BytesIO
DefaultOrderedDict = defaultdict
izip, imap, ifilter = zip, map, filter
operator_div = operator.truediv


def cmp(a: Any, b: Any) -> int:
    """-1, 0 or 1: how ``a`` compares with ``b``."""
    return (a > b) - (a < b)


def exc_message(error: BaseException) -> Any:
    """What an exception was made with."""
    return error.args[0] if error.args else ""


def get_unbound_function(unbound: Callable) -> Callable:
    """The function of a method."""
    return getattr(unbound, "__func__", unbound)


def decode(text: Any) -> str:
    """Text, of bytes in UTF-8."""
    return text.decode() if isinstance(text, bytes) else text


def decode_with(text: Any, encoding: str) -> str:
    """Text, of bytes in an encoding."""
    return text.decode(encoding) if isinstance(text, bytes) else text


def decode_iter(texts: Iterable[Any]) -> Iterable[str]:
    """Texts, of those among them that are bytes."""
    return map(decode, texts)


def python_int_bitwidth() -> int:
    """Bits of the integers that arrays of Python's have."""
    return np.dtype(int).itemsize * 8


def local_bitwidth() -> int:
    """Bits of a pointer."""
    return struct.calcsize("P") * 8
