"""Constructors of symbolic inputs under Theano's names: ``matrix('x')``, ``ivector('y')``,
``lscalar('index')``.

A prefix names the dtype (b int8, w int16, i int32, l int64, f float32, d float64, c complex64, z complex128;
none: config.floatX), the rest the number of dimensions.  The plural makes several:
``x, y = matrices('x', 'y')``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..graph import Constant, TensorType, Variable
from ..graph.types import dtype_name
from ..ops.op import as_variable

PREFIXES = {
    "b": "int8",
    "w": "int16",
    "i": "int32",
    "l": "int64",
    "f": "float32",
    "d": "float64",
    "c": "complex64",
    "z": "complex128",
    "": None,
}
SHAPES: dict[str, tuple] = {
    "scalar": (),
    "vector": (None,),
    "row": (1, None),
    "col": (None, 1),
    "matrix": (None, None),
    "tensor3": (None,) * 3,
    "tensor4": (None,) * 4,
    "tensor5": (None,) * 5,
    "tensor6": (None,) * 6,
    "tensor7": (None,) * 7,
}
_PLURALS = {
    "scalar": "scalars",
    "vector": "vectors",
    "row": "rows",
    "col": "cols",
    "matrix": "matrices",
    "tensor3": "tensor3s",
    "tensor4": "tensor4s",
    "tensor5": "tensor5s",
    "tensor6": "tensor6s",
    "tensor7": "tensor7s",
}


def _constructor(prefix: str, kind: str) -> Callable[..., Variable]:
    fixed, rank = PREFIXES[prefix], SHAPES[kind]

    def make(name: str | None = None, dtype: Any = None, shape: tuple | None = None) -> Variable:
        return Variable(
            TensorType(fixed or dtype_name(dtype or "floatX"), rank if shape is None else shape), name=name
        )

    make.__name__ = make.__qualname__ = prefix + kind
    make.__doc__ = (
        f"A symbolic {kind} of {fixed or 'config.floatX, or of ``dtype``'}; ``shape`` gives lengths that "
        f"are known."
    )
    return make


def _plural(single: Callable[..., Variable], name: str) -> Callable[..., list[Variable]]:
    def make(*names: Any) -> list[Variable]:
        if len(names) == 1 and isinstance(names[0], int):
            return [single() for _ in range(names[0])]
        if len(names) == 1 and isinstance(names[0], (str, list, tuple)) and len(names[0]) > 1:
            names = tuple(names[0])
        return [single(n) for n in names]

    make.__name__ = make.__qualname__ = name
    make.__doc__ = (
        f"Several of ``{single.__name__}``: by their names, by one text of a letter for each, or a number."
    )
    return make


__all__ = ["TensorType", "constant", "tensor"]
for _prefix in PREFIXES:
    for _kind in SHAPES:
        _single = _constructor(_prefix, _kind)
        _several = _plural(_single, _prefix + _PLURALS[_kind])
        globals()[_single.__name__], globals()[_several.__name__] = _single, _several
        __all__ += [_single.__name__, _several.__name__]


def tensor(
    name: Any = None, dtype: Any = None, shape: tuple = (), broadcastable: tuple | None = None
) -> Variable:
    """A symbolic tensor of any static shape: ``tensor('x', 'float32', (None, 3))``; Theano's ``tensor(dtype,
    broadcastable)``."""
    if broadcastable is not None or isinstance(dtype, (tuple, list)):
        pattern = broadcastable if broadcastable is not None else dtype
        return Variable(TensorType(name if dtype is None or dtype is pattern else dtype, pattern))
    return Variable(TensorType(dtype or "floatX", shape), name=name)


def constant(value: Any, name: str | None = None, dtype: Any = None) -> Constant:
    """A constant of a number, an array or nested lists."""
    variable = as_variable(value, name, None if dtype is None else dtype_name(dtype))
    if not isinstance(variable, Constant):
        raise TypeError(f"T.constant needs a value, not the variable {variable.describe()}")
    if dtype is not None and variable.dtype != dtype_name(dtype):
        return Constant(variable.data, name, dtype)
    return variable
