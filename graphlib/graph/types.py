"""TensorType: what is known of a variable before any number is: its dtype and, a dimension each, its length
or None.

Also the dtype rules: which dtype an operation on several dtypes has, and Python numbers being weak.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..configuration import config
from ..errors import DTypeError, ShapeError

FLOATS = ("float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")
_NUMPY = {name: np.dtype(name) for name in DTYPES}


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a name, a numpy dtype or type, or ``'floatX'``; DTypeError when
    unsupported."""
    if dtype == "floatX":
        return config.floatX
    name = dtype if isinstance(dtype, str) and dtype in _NUMPY else np.dtype(dtype).name
    if name not in _NUMPY:
        raise DTypeError(
            f"graphlib has no dtype {name}; it has {', '.join(DTYPES)}. Convert the array with .astype first."
        )
    return name


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def promote(dtypes: Iterable[str]) -> str:
    """The common dtype of several: any float wins over any integer; among equals the wider one.

    int32 with float32 gives float32, not numpy's float64: nothing becomes float64 unless an operand is.
    """
    dtypes = set(dtypes)
    floats = dtypes & set(FLOATS)
    if floats:
        return "float64" if "float64" in floats else "float32"
    return np.result_type(*dtypes).name if len(dtypes) > 1 else dtypes.pop()


def weak_dtype(value: Any, strong: str | None) -> str:
    """The dtype that a Python number takes beside operands of dtype ``strong`` (None: it stands alone)."""
    if isinstance(value, bool):
        return strong or "bool"
    if isinstance(value, int):
        if strong is None:
            return "int64"
        if is_float(strong):
            return strong
        base = "int8" if strong == "bool" else strong
        limits = np.iinfo(base)
        if not limits.min <= value <= limits.max:
            if strong == "bool":
                return "int64"
            raise DTypeError(
                f"the number {value} does not fit into {strong}; cast the variable first, e.g. T.cast(x, "
                f"'int64')"
            )
        return base
    return strong if strong is not None and is_float(strong) else config.floatX


class TensorType:
    """dtype and static shape: ``TensorType('float32', (None, 10))`` is a matrix of ten columns.

    Theano's broadcast pattern is accepted for the shape, or as ``broadcastable``: True stands for a length of
    1, False for an unknown one.
    """

    __slots__ = ("dtype", "shape")

    def __init__(
        self,
        dtype: Any,
        shape: Sequence[int | bool | None] = (),
        broadcastable: Sequence[bool] | None = None,
    ) -> None:
        self.dtype = dtype_name(dtype)
        shape = shape if broadcastable is None else broadcastable
        self.shape = tuple(
            (1 if n else None) if isinstance(n, (bool, np.bool_)) else None if n is None else int(n)
            for n in shape
        )
        if any(n is not None and n < 0 for n in self.shape):
            raise ShapeError(f"a length cannot be negative: {shape}")

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def broadcastable(self) -> tuple[bool, ...]:
        """Per dimension, whether it is statically 1 and so broadcasts."""
        return tuple(n == 1 for n in self.shape)

    @property
    def numpy_dtype(self) -> np.dtype:
        return _NUMPY[self.dtype]

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS

    def row(self) -> TensorType:
        """The type of an element of the first axis."""
        return TensorType(self.dtype, self.shape[1:])

    def with_dtype(self, dtype: str) -> TensorType:
        return TensorType(dtype, self.shape)

    def accepts_shape(self, shape: Sequence[int]) -> bool:
        return len(shape) == len(self.shape) and all(
            n is None or n == m for n, m in zip(self.shape, shape, strict=True)
        )

    def accepts(self, other: TensorType) -> bool:
        """Whether a variable of type ``other`` may stand where one of this type is."""
        return (
            self.dtype == other.dtype
            and self.ndim == other.ndim
            and all(a is None or b is None or a == b for a, b in zip(self.shape, other.shape, strict=True))
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorType) and self.dtype == other.dtype and self.shape == other.shape

    def __hash__(self) -> int:
        return hash((self.dtype, self.shape))

    def __repr__(self) -> str:
        return f"{self.dtype}{shape_text(self.shape)}"

    def __reduce__(self) -> tuple:
        return TensorType, (self.dtype, self.shape)

    def __call__(self, name: str | None = None) -> Any:
        """A new variable of this type."""
        from .variable import Variable

        return Variable(self, name=name)

    def convert(self, value: Any, *, allow_downcast: bool | None = None, strict: bool = False) -> np.ndarray:
        """``value`` as an array of this type; raises DTypeError or ShapeError in words a caller can put a
        name before.

        Python numbers and lists are taken when no information is lost; arrays of a wider dtype only with
        ``allow_downcast=True`` (None: Python floats only).  ``strict`` takes nothing but an array of exactly
        this type.
        """
        target = _NUMPY[self.dtype]
        if type(value) is np.ndarray and value.dtype == target:
            array = value
        elif strict:
            got = f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
            raise DTypeError(f"takes exactly a numpy array of {self.dtype} (strict=True), not a {got}")
        else:
            try:
                array = np.asarray(value)
            except (ValueError, TypeError) as error:
                raise DTypeError(f"cannot be made an array: {error}") from None
            if array.dtype != target:
                array = self._cast(value, array, target, allow_downcast)
        if not self.accepts_shape(array.shape):
            raise ShapeError(f"has shape {array.shape}, expected {shape_text(self.shape)}")
        return array

    def _cast(
        self, value: Any, array: np.ndarray, target: np.dtype, allow_downcast: bool | None
    ) -> np.ndarray:
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"is an array of {array.dtype}, expected {self.dtype}")
        # What `promote` keeps is harmless; lists and Python numbers count by their values, not by numpy's
        # default dtype.
        harmless = array.dtype.name in DTYPES and promote([array.dtype.name, self.dtype]) == self.dtype
        if harmless or allow_downcast:
            return array.astype(target)
        python_value = not isinstance(value, (np.ndarray, np.generic)) or type(value) is np.float64
        if python_value and (target.kind == "f" or array.dtype.kind in "biu" or not array.size):
            with np.errstate(over="ignore"):
                cast = array.astype(target)
            if target.kind == "f" or np.array_equal(cast, array):
                return cast
        raise DTypeError(
            f"is of dtype {array.dtype}, expected {self.dtype}: cast it (value.astype('{self.dtype}')) or "
            f"compile with "
            f"allow_input_downcast=True"
        )


def shape_text(shape: Sequence[int | None]) -> str:
    """A static shape in print: ``(?, 10)``."""
    return (
        "(" + ", ".join("?" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
    )
