"""The ``onnx`` package, imported when it is first needed, and the dtypes that it and graphlib share."""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np

from ..errors import OnnxError

#: the greatest number of bytes that one protobuf message holds is 2**31 - 1; what comes near goes beside it
MOST_INSIDE = 1_800_000_000


@cache
def package() -> ModuleType:
    """The ``onnx`` package.  Errors: OnnxError where it is not installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise OnnxError(
            "graphlib.onnx needs the package onnx: pip install onnx, or pip install 'graphlib-autodiff[onnx]'"
        ) from None
    return onnx


@cache
def element_type(dtype: str) -> int:
    """ONNX's number for a dtype of graphlib."""
    return package().helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def title_of(number: int) -> str:
    """ONNX's name of a dtype, of one that it does not have the number itself."""
    names = package().TensorProto.DataType
    return names.Name(number) if number in names.values() else f"type {number}"


@cache
def accepted(operator: str, opset: int) -> tuple[frozenset[str], ...]:
    """The dtypes that each input of an operator may have."""
    onnx = package()
    schema = onnx.defs.get_schema(operator, opset)
    allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    names = (allowed.get(formal.type_str, [formal.type_str]) for formal in schema.inputs)
    return tuple(frozenset(_NAMES[n] for n in each if n in _NAMES) for each in names)


_NAMES = {
    f"tensor({theirs})": ours
    for theirs, ours in {
        "bool": "bool",
        "float16": "float16",
        "float": "float32",
        "double": "float64",
        **{n: n for n in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
    }.items()
}
