"""What native code calls to have Python run: arrays are handed over where they lie."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from ...scalar.host import host_function

_SIGNATURE = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int64)
)


def _array(address: int | None, dtype: str, shape: tuple[int, ...], writeable: bool) -> np.ndarray:
    """The array that lies at an address."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype="int64")) * kind.itemsize
    if not size or address is None:
        return np.empty(shape, kind)
    array = np.frombuffer((ctypes.c_char * size).from_address(address), kind).reshape(shape)
    array.flags.writeable = writeable
    return array


def _call_back(number: int, arrays: Any, lengths: Any) -> int:
    host = host_function(number)
    ndim = sum(n for _, n in (*host.operands, *host.outputs))
    shapes = host.split(lengths[:ndim])
    operands = [
        _array(arrays[k], dtype, shape, False)
        for k, ((dtype, _), shape) in enumerate(zip(host.operands, shapes[0], strict=True))
    ]
    outputs = [
        _array(arrays[k], dtype, shape, True)
        for k, ((dtype, _), shape) in enumerate(zip(host.outputs, shapes[1], strict=True), len(operands))
    ]
    return 0 if host.into(operands, outputs) else 1


#: for the table of runtime functions; it must live as long as that
call_back = _SIGNATURE(_call_back)
